"""A stage: processors in memory, that can call one another, on a clock that a test moves."""

# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from itertools import count
from random import Random
from typing import Any, Generic, TypeVar, cast

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from ..peers import Peers, Reply
from ..peers.http import Request, exchange
from ..peers.model import Peer
from ..processor import Config, Processor
from ..processor.reconfiguration import Outcome, take_up
from .fake import Asked, FakePeer
from .initiator import MemoryInitiator
from .network import REFUSES, Network

__all__ = ["Actor", "Stage"]

P = TypeVar("P", bound=Processor)
T = TypeVar("T")

_FIRST_PORT = 49152
#: How often what was written is carried over, so that who asks somebody who asks somebody is answered.
_ROUNDS = 20


@frozen
class _Credentials:
    url: str
    token: str


@define(eq=False)
class Actor(Generic[P]):
    """A processor on the stage.

    :ivar processor: the object of the class that is tested.
    """

    processor: P
    module: str
    labels: Mapping[str, str]
    url: str
    incarnation: int = 1

    @property
    def guid(self) -> str:
        """Its name."""
        return self.processor.guid

    @property
    def peer(self) -> Peer:
        """It, as another one sees it."""
        return Peer(self.guid, self.module, self.labels, self.url, self.incarnation)


@define(eq=False)
class Stage:
    """Processors, an initiator that knows them, and the time; nothing of it is outside of the test.

    :ivar clock: moves when it is told to; :meth:`advance` does that, and carries over what is on the wire.
    """

    clock: Clock = field(factory=Clock)
    network: Network = field(factory=Network)
    initiator: MemoryInitiator = field(init=False)
    actors: list[Actor[Any]] = field(factory=list)
    _numbers: Any = field(factory=lambda: count(1))
    _peers: list[Peers] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.initiator = MemoryInitiator(cast(IReactorTime, self.clock))
        self.network.listen(self.initiator.url, self.initiator.resource())

    # Who is there.

    def launch(
        self, cls: type[P], module: str = "", labels: Mapping[str, str] | None = None, **options: str
    ) -> Actor[P]:
        """Have a processor of a class: it has started when this returns, and serves.

        :param module: the name of its section; its module's, if not said.
        :param options: its configuration, as text, as it stands in a file.
        :raises Exception: ``started()`` failed.
        :raises Rejected: the configuration is wrong.
        """
        guid, url = self._place()
        module = module or cls.__module__.rpartition(".")[2]
        config = cls.configure({"guid": guid, "module": module, **options}, guid=guid, revision=1)
        processor = self._made(cls, config)
        actor = Actor(processor, module, labels or {}, url)
        self.run(maybeDeferred(processor.started))
        self.network.listen(url, processor.resource())
        self.actors.append(actor)
        self._tell(actor, True)
        return actor

    def _made(self, cls: type[P], config: Config) -> P:
        processor = cls(config, cast(IReactorTime, self.clock))
        processor.peers = self.peers(config.guid)
        processor.verifier.now = self.initiator.now
        processor.verifier.learn(self.initiator.trust())
        return processor

    def fake(
        self, module: str, answer: Callable[[Asked], Any] | None = None, labels: Mapping[str, str] | None = None
    ) -> FakePeer:
        """Have a peer that says what it is told to: see :class:`FakePeer`."""
        guid, url = self._place()
        peer = FakePeer(guid, url) if answer is None else FakePeer(guid, url, answer)
        self.network.listen(url, peer.resource())
        self.initiator.ready(guid, module, labels or {}, url, 1, True)
        self.settle()
        return peer

    def peers(self, own: str = "f" * 32) -> Peers:
        """What a processor of that guid sees of the others."""
        token = self.initiator.token_of(own)
        chance = Random(1)  # noqa: S311 - the same in each run of a test
        peers = Peers(
            self.network, cast(IReactorTime, self.clock), _Credentials(self.initiator.url, token), own, chance
        )
        self._peers.append(peers)
        return peers

    def _place(self) -> tuple[str, str]:
        number = next(self._numbers)
        return f"{number:032x}", f"http://127.0.0.1:{_FIRST_PORT + number - 1}"

    def _tell(self, actor: Actor[Any], ready: bool) -> None:
        self.initiator.ready(actor.guid, actor.module, actor.labels, actor.url, actor.incarnation, ready)
        self.settle()

    # What becomes of them.

    def reconfigure(self, actor: Actor[Any], **options: str | None) -> Outcome:
        """Change its configuration, as an edit does; ``None`` removes an option.

        :return: what came of it: ``rejected`` says why it was not taken, if so.
        """
        old = actor.processor.config
        merged = {**old, **options}
        raw = {name: text for name, text in merged.items() if text is not None}
        return self.run(take_up(actor.processor, raw, old.revision + 1))

    def kill(self, actor: Actor[Any]) -> None:
        """Have its process be gone: nobody gets a connection to it, and it is ready no longer."""
        self.network.trouble(actor.url, REFUSES)
        self._tell(actor, False)

    def restart(self, actor: Actor[P]) -> Actor[P]:
        """Have another process of it, after :meth:`kill`: the same guid and URL, and a new object."""
        cls, config = type(actor.processor), actor.processor.config
        processor = self._made(cls, cls.configure(dict(config), guid=actor.guid, revision=config.revision))
        self.run(maybeDeferred(processor.started))
        self.network.listen(actor.url, processor.resource())
        actor.processor, actor.incarnation = processor, actor.incarnation + 1
        self._tell(actor, True)
        return actor

    def stop(self, actor: Actor[Any]) -> None:
        """Have it end in good order."""
        self._tell(actor, False)
        self.run(maybeDeferred(actor.processor.stopping))
        self.network.trouble(actor.url, REFUSES)

    def close(self) -> None:
        """End all that looks who is ready; to be called at the end of a test that sees that no timer is left."""
        for peers in self._peers:
            peers.close()
        self.initiator.directory.close()
        self.settle()

    # Time, and what is asked.

    def ask(self, actor: Actor[Any] | FakePeer, method: str, path: str, *, json: Any = None, **headers: str) -> Reply:
        """Ask one of them something, as a program on the same machine does, and give the answer, which needs no time.

        :param headers: with underscores in place of hyphens.
        """
        return self.run(self.asking(actor, method, path, json=json, **headers))

    async def asking(
        self, actor: Actor[Any] | FakePeer, method: str, path: str, *, json: Any = None, **headers: str
    ) -> Reply:
        """The same, for an answer that needs time: to be begun with :meth:`begin`."""
        from ..peers.call import make_call  # noqa: PLC0415

        named = {name.replace("_", "-"): value for name, value in headers.items()}
        call = make_call(actor.guid, method, path, 0.0, json=json, headers=named)
        request = Request(call.method.encode(), f"{actor.url}{call.path}".encode(), call.headers, call.body)
        answered = await exchange(self.network, cast(IReactorTime, self.clock), request, 3600, 16 << 20)
        peer = actor.peer if isinstance(actor, Actor) else Peer(actor.guid, "", {}, actor.url)
        return Reply(peer, answered.status, answered.headers, answered.body, call.asked)

    def begin(self, work: Coroutine[Any, Any, T] | Awaitable[T]) -> Deferred[T]:
        """Begin something that needs time, which :meth:`advance` brings."""
        begun: Deferred[T] = maybeDeferred(cast(Any, lambda: work))
        self.settle()
        return begun

    def run(self, work: Coroutine[Any, Any, T] | Awaitable[T]) -> T:
        """Do something that needs no time; give what it gives, or raise what it raises.

        :raises AssertionError: it needs time, or waits for somebody.
        """
        begun, outcomes = self.begin(work), list[Any]()
        begun.addBoth(outcomes.append)
        if not outcomes:
            raise AssertionError("it is not over: for what needs time there are begin() and advance()")
        if isinstance(outcomes[0], Failure):
            outcomes[0].raiseException()
        return cast(T, outcomes[0])

    def advance(self, seconds: float, step: float = 0.1) -> None:
        """Let time pass, in steps, and what is on the wire arrive."""
        end = self.clock.seconds() + seconds
        while (left := end - self.clock.seconds()) > 1e-9:
            self.clock.advance(min(step, left))
            self.settle()

    def settle(self) -> None:
        """Let everything happen that needs no time."""
        for _ in range(_ROUNDS):
            self.clock.advance(0)
            self.network.flush()
