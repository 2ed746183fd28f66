"""One processor by its guid. Its URL stays while its processes come and go, so that it is seldom asked for."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..errors import ProactorError
from .initiator import Initiator
from .model import Peer
from .view import View
from .watch import Watch

__all__ = ["Lookup"]

#: After how many seconds it is asked again, and after how many where that came to nothing.
_FRESH, _AGAIN = 30.0, 5.0
#: Above so many, the one that was asked for first is forgotten.
_MANY = 1024

_log = Logger(namespace="proactor.processor")


@define(eq=False)
class Lookup:
    """Finds them, and remembers them.

    :param own: the guid of who looks.
    """

    initiator: Initiator
    clock: IReactorTime
    own: str
    random: Callable[[], float]
    _known: dict[str, tuple[Peer, float]] = field(factory=dict)
    _asking: dict[str, Deferred[None]] = field(factory=dict)
    #: Those that are waited for, and by how many.
    _waited: dict[str, tuple[Watch, int]] = field(factory=dict)

    def get(self, guid: str) -> Peer | None:
        """What is remembered."""
        known = self._known.get(guid)
        return None if known is None else known[0]

    def forget(self, guid: str) -> None:
        """It was not where it was said to be."""
        self._known.pop(guid, None)

    def close(self) -> None:
        """Ask no more."""
        for asking in list(self._asking.values()):
            asking.cancel()
        for watch, _ in list(self._waited.values()):
            watch.stop()

    async def find(self, guid: str, until: float) -> Peer | None:
        """One that is ready, or was; ``None`` where it has not become so until then, on the reactor's clock."""
        known = self._known.get(guid)
        if known is None:
            return await self._wait(guid, until)
        if self.clock.seconds() - known[1] > _FRESH and guid not in self._asking:
            # Where there is no answer it is asked again in a while, and not for each call.
            self._known[guid] = known[0], self.clock.seconds() - _FRESH + _AGAIN
            self._asking[guid] = Deferred.fromCoroutine(self._refresh(guid))
            self._asking[guid].addErrback(self._not_refreshed, guid).addBoth(self._asked, guid)
        return known[0]

    def _asked(self, _result: object, guid: str) -> None:
        self._asking.pop(guid, None)

    async def _refresh(self, guid: str) -> None:
        told = await self.initiator.endpoints(f"guid={guid}", None, 0)
        for peer in (told.peers if told is not None else None) or ():
            self._remember(peer)

    def _not_refreshed(self, failure: Failure, guid: str) -> None:
        if failure.check(ProactorError):
            _log.debug("Nothing is told of {guid}: {reason}", guid=guid, reason=failure.value)
        else:
            _log.failure("Asking for {guid}", failure, guid=guid)

    async def _wait(self, guid: str, until: float) -> Peer | None:
        watch = self._began(guid)
        try:
            view = watch.use()
            while not view.peers and (left := until - self.clock.seconds()) > 0:
                await watch.change(left)
            for peer in view.peers:
                self._remember(peer)
            return view.get(guid)
        finally:
            self._ended(guid)

    def _began(self, guid: str) -> Watch:
        watch, count = self._waited.get(guid) or (None, 0)
        watch = watch or Watch(self.initiator, self.clock, View(self.own), f"guid={guid}", self.random)
        self._waited[guid] = watch, count + 1
        return watch

    def _ended(self, guid: str) -> None:
        watch, count = self._waited.pop(guid)
        if count > 1:
            self._waited[guid] = watch, count - 1
        else:
            watch.stop()

    def _remember(self, peer: Peer) -> None:
        self._known[peer.guid] = peer, self.clock.seconds()
        if len(self._known) > _MANY:
            del self._known[next(iter(self._known))]
