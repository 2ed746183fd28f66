"""The other processors, and the way to call them: ``self.peers`` of a processor."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, DeferredList, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.iweb import IAgent

from ..processor.incoming import incoming
from .balance import Balancer
from .call import Call, Caller, make_call
from .errors import DeadlineExceeded, NoPeer, PeerError
from .http import Trusted, make_pool, pooled_agent
from .initiator import Credentials, Initiator
from .lookup import Lookup
from .model import Gathered, Peer, Reply, Scope, read_target, shown
from .tokens import PeerTokens
from .view import View
from .watch import Watch

__all__ = ["Peers"]

#: How long a call may take, where its caller does not say; and how many of those to many are under way at once.
TIMEOUT, AT_ONCE = 10.0, 64


@define(eq=False)
class Peers:
    """The other processors of the same initiator.

    Whom a call is for, its ``target``, is a guid, the name of a module, ``label:NAME`` or ``label:NAME=VALUE``, or a
    ``Peer`` as it was found here. Nothing is asked of anybody before the first use.

    :param own: the processor's own guid: it is no peer of itself.
    """

    agent: IAgent
    clock: IReactorTime
    credentials: Credentials | None
    own: str
    chance: Random = field(factory=Random)
    #: Ends the connections that are kept.
    close_connections: Any = None
    _initiator: Initiator | None = field(init=False)
    _caller: Caller = field(init=False)
    _lookup: Lookup | None = field(init=False)
    _watches: dict[Scope, Watch] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        found = self.credentials
        self._initiator = None if found is None else Initiator(self.agent, self.clock, found)
        random = self.chance.random
        self._lookup = None if self._initiator is None else Lookup(self._initiator, self.clock, self.own, random)
        tokens = PeerTokens(self.clock, self._grant, random)
        balancer = Balancer(self.clock.seconds, self.chance)
        self._caller = Caller(self.agent, self.clock, tokens, balancer, random)

    @classmethod
    def on(cls, reactor: Any, credentials: Credentials | None, own: str, trusted: Trusted | None = None) -> Peers:
        """Those that are reached over the network.

        :param credentials: where the initiator is, and what it is shown; None: there is none, and no peer.
        :param trusted: by host and port, how who is called over TLS is verified.
        """
        pool = make_pool(reactor)
        agent = pooled_agent(reactor, pool, trusted or {})
        return cls(agent, reactor, credentials, own, close_connections=pool.closeCachedConnections)

    # Who there is.

    def all(self) -> Sequence[Peer]:
        """All that are ready, as far as is known: none before the first answer to the first use."""
        return self.select()

    def select(self, *, module: str | None = None, label: str | Sequence[str] = ()) -> Sequence[Peer]:
        """Those of a module and some labels, ``NAME`` or ``NAME=VALUE``; as :meth:`all`."""
        scope = Scope(module, (label,) if isinstance(label, str) else tuple(label))
        return () if self._initiator is None else self._watch(scope).use().peers

    def get(self, guid: str) -> Peer | None:
        """One of those that are known already."""
        return self._seen(guid) or (self._lookup.get(guid) if self._lookup is not None else None)

    def _seen(self, guid: str) -> Peer | None:
        views = (watch.view for watch in self._watches.values())
        return next((peer for view in views if (peer := view.get(guid)) is not None), None)

    async def find(self, target: str | Peer, timeout: float = TIMEOUT) -> Sequence[Peer]:
        """Those who are meant, as soon as one is ready.

        :raises NoPeer: none is within ``timeout`` seconds.
        """
        return await self._found(self._call(target, "GET", "/", timeout), target)

    async def _found(self, call: Call, target: str | Peer) -> Sequence[Peer]:
        meant = read_target(target)
        if isinstance(meant, Peer):
            return (meant,)
        if self._initiator is None or self._lookup is None:
            raise call.error(NoPeer, "this processor has no initiator, and so no peers")
        if isinstance(meant, str):
            peer = self._seen(meant) or await self._lookup.find(meant, call.until)
            found: Sequence[Peer] = () if peer is None else (peer,)
        else:
            found = await self._ready(self._watch(meant), call.until)
        if not found:
            raise call.error(NoPeer, "nobody of them was ready in time")
        return found

    async def _ready(self, watch: Watch, until: float) -> Sequence[Peer]:
        view = watch.use()
        while not view.peers and (left := until - self.clock.seconds()) > 0:
            await watch.change(left)
        return view.peers

    def _watch(self, scope: Scope) -> Watch:
        assert self._initiator is not None
        if scope not in self._watches:
            view = View(self.own)
            self._watches[scope] = Watch(self._initiator, self.clock, view, scope.query(), self.chance.random)
        return self._watches[scope]

    # Calls.

    async def request(
        self, target: str | Peer, method: str, path: str, *, timeout: float = TIMEOUT, **how: Any
    ) -> Reply:
        """Call one of those who are meant: of those that are ready, the one with the fewest calls under way.

        :param timeout: how long all of it may take, in seconds. Within a request that has a deadline of its own, no
            longer than until then.
        :param how: ``json``, or ``data``, which is bytes or a form's fields; ``params`` of the query; ``headers``;
            ``idempotency_key``, with which a POST may be tried again too; ``scope`` that the token is to have;
            ``attempts``, how often it may be tried, 3 if not said; ``try_timeout``, how long one try may take.
        :return: what was answered, whatever the status.
        :raises PeerError: there was no answer: ``NoPeer``, ``NoToken``, ``DeadlineExceeded``, ``PeerFailed``.
        :raises ValueError: it cannot be sent.
        """
        call = self._call(target, method, path, timeout, **how)
        try:
            return await self._caller.make(call, partial(self._pick, call, target))
        except PeerError as error:
            if self._lookup is not None and error.guid is not None:
                # The next call sees whether it is elsewhere by now.
                self._lookup.forget(error.guid)
            raise

    def _call(self, target: str | Peer, method: str, path: str, timeout: float, **how: Any) -> Call:
        now, came = self.clock.seconds(), incoming()
        until = now + timeout if came.deadline is None else min(now + timeout, came.deadline)
        call = make_call(shown(target), method, path, until, trace=came.trace, **how)
        if until <= now:
            raise call.error(DeadlineExceeded, "no time is left")
        return call

    async def _pick(self, call: Call, target: str | Peer, tried: frozenset[str], _until: float) -> Peer:
        found = await self._found(call, target)
        if len(found) == 1:
            return found[0]
        tokens = self._caller.tokens
        if tokens.away:
            found = [each for each in found if tokens.holds(each.guid, call.scope)] or found
        return self._caller.balancer.choose(found, tried)

    async def gather(
        self,
        target: str | Peer | Sequence[Peer],
        method: str,
        path: str,
        *,
        timeout: float = TIMEOUT,
        at_once: int = AT_ONCE,
        **how: Any,
    ) -> Gathered:
        """Call all who are meant, and are ready now, or those of a list; as :meth:`request`.

        :param at_once: how many calls are under way at the same time.
        :return: the answers that there were in time, and why there are no others.
        :raises NoPeer: nobody is ready within ``timeout`` seconds.
        """
        one, many = (target, ()) if isinstance(target, str | Peer) else (None, target)
        call = self._call(f"{len(many)} peers" if one is None else one, method, path, timeout, **how)
        peers = many if one is None else await self._found(call, one)
        left = max(0.0, call.until - self.clock.seconds())
        turns = DeferredSemaphore(at_once)
        calls = [turns.run(self._gathered, peer, method, path, timeout=left, **how) for peer in peers]
        outcomes = [outcome for _, outcome in await DeferredList(calls, consumeErrors=True)]
        for outcome in outcomes:
            if isinstance(outcome, Failure):
                outcome.raiseException()
        pairs = list(zip(peers, outcomes, strict=True))
        return Gathered(
            {peer.guid: outcome for peer, outcome in pairs if isinstance(outcome, Reply)},
            {peer.guid: outcome for peer, outcome in pairs if isinstance(outcome, PeerError)},
        )

    async def _gathered(self, peer: Peer, method: str, path: str, **how: Any) -> Reply | PeerError:
        try:
            return await self.request(peer, method, path, **how)
        except PeerError as error:
            return error

    async def _grant(self, guid: str, scope: str | None) -> Any:
        assert self._initiator is not None
        return await self._initiator.grant(guid, scope)

    def close(self) -> Deferred[Any]:
        """Look no more and end what is kept open; fires when that is done."""
        if self._lookup is not None:
            self._lookup.close()
        ended = [watch.stop() for watch in self._watches.values()]
        if self.close_connections is not None:
            ended.append(self.close_connections())
        return DeferredList(ended, consumeErrors=True)
