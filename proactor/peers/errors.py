"""What can come of a call to another processor, beside its answer."""

from __future__ import annotations

from ..errors import ProactorError

__all__ = ["DeadlineExceeded", "NoPeer", "NoToken", "PeerError", "PeerFailed", "PeerRefused"]


class PeerError(ProactorError):
    """A call that came to nothing.

    :ivar target: whom it was for, as the caller said.
    :ivar guid: of the peer that it went to last; None: it went to nobody.
    """

    def __init__(self, message: str, target: str, guid: str | None = None) -> None:
        super().__init__(message)
        self.target = target
        self.guid = guid


class NoPeer(PeerError):
    """Nobody who fits was ready in time."""


class NoToken(PeerError):
    """The initiator gives no token for that peer, or cannot be asked, and there is none left."""


class DeadlineExceeded(PeerError):
    """There was no answer in time. Whether the peer did what it was asked to is not known."""


class PeerFailed(PeerError):
    """The peer could not be reached, or broke off, or sent what is no answer.

    :ivar sent: whether it may have got the request: then it may have done what it was asked to.
    """

    def __init__(self, message: str, target: str, guid: str | None = None, *, sent: bool = True) -> None:
        super().__init__(message, target, guid)
        self.sent = sent


class PeerRefused(PeerError):
    """The peer answered, and with no success: raised by :meth:`~proactor.peers.Reply.check` alone.

    :ivar status: the HTTP status.
    """

    def __init__(self, message: str, target: str, guid: str | None, status: int) -> None:
        super().__init__(message, target, guid)
        self.status = status
