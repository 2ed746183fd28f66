"""Proactor launches, configures, supervises and authenticates a fleet of processes, and is driven with curl.

The public names, for those who write a processor of their own::

    from proactor import Processor
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import Refused, Rejected
    from .options import Option
    from .peers import DeadlineExceeded, NoPeer, NoToken, PeerError, PeerFailed, PeerRefused
    from .processor import Caller, Processor, caller, scope
    from .processor.messages import Message, message

__version__ = "0.1.0"
__all__ = [
    "Caller",
    "DeadlineExceeded",
    "Message",
    "NoPeer",
    "NoToken",
    "Option",
    "PeerError",
    "PeerFailed",
    "PeerRefused",
    "Processor",
    "Refused",
    "Rejected",
    "__version__",
    "caller",
    "message",
    "scope",
]

_HOMES = {
    "Caller": ".processor.callers",
    "DeadlineExceeded": ".peers.errors",
    "Message": ".processor.messages",
    "NoPeer": ".peers.errors",
    "NoToken": ".peers.errors",
    "Option": ".options",
    "PeerError": ".peers.errors",
    "PeerFailed": ".peers.errors",
    "PeerRefused": ".peers.errors",
    "Processor": ".processor",
    "Refused": ".errors",
    "Rejected": ".errors",
    "caller": ".processor.callers",
    "message": ".processor.messages",
    "scope": ".processor.callers",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562): the initiator and the plugin load no processor."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(_HOMES[name], __name__), name)
