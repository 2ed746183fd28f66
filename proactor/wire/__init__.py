"""HTTP/1.1 on Twisted, with the limits that a server on the open network needs.

Every limit holds before a request is routed: sizes of header and body, absolute deadlines that no trickle
extends, strict framing (RFC 9112: one ``Host``, one length, CRLF, origin-form targets) and a bounded number of
connections that nobody has vouched for. Used by the initiator and the processors alike.
"""

from .limits import Limits
from .site import Site, connection_facts, vouch

__all__ = ["Limits", "Site", "connection_facts", "vouch"]
