"""The other processors, as one of them sees them: who is ready, and calls to them. Loaded when it is first used."""

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
