"""The other processors, as one of them sees them: who is ready, and calls to them. Loaded when it is first used."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import DeadlineExceeded, NoPeer, NoToken, PeerError, PeerFailed, PeerRefused
    from .model import Gathered, Peer, Reply
    from .peers import Peers

__all__ = [
    "DeadlineExceeded",
    "Gathered",
    "NoPeer",
    "NoToken",
    "Peer",
    "PeerError",
    "PeerFailed",
    "PeerRefused",
    "Peers",
    "Reply",
]

_HOMES = {"Gathered": ".model", "Peer": ".model", "Peers": ".peers", "Reply": ".model"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562): who only catches errors loads nothing but those."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(_HOMES.get(name, ".errors"), __name__), name)
