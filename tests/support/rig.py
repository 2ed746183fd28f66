"""An initiator in memory: the real one and its real HTTP, on a test's clock, with processes that are values."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from configparser import ConfigParser, ExtendedInterpolation
from datetime import datetime, timedelta, timezone
from functools import partial
from ipaddress import ip_address
from typing import Any, TypeVar, cast

from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.changes.rollout import Rollout
from proactor.config.document import Document, parse
from proactor.home.home import Home
from proactor.home.opening import Opened, opened
from proactor.initiator import Initiator
from proactor.jobs.fleet import Fleet, Order
from proactor.jobs.launch_plan import LaunchPlanner
from proactor.jobs.launch_queue import LaunchQueue
from proactor.jobs.launch_record import LaunchRecord
from proactor.jobs.logs import JobLogs
from proactor.jobs.readiness import Prober
from proactor.jobs.taking_up import TakingUp, go_on, take_up
from proactor.launchers.ports import Ports
from proactor.logstore import LogStore
from proactor.logstore.threads import InThread
from proactor.messaging.letters import DELIVERED, Outcome
from proactor.model import Answer, Job
from proactor.saved import AddEvent, Saved, SavedMessage
from proactor.store.memory import MemoryStore
from proactor.timeline.timeline import Timeline
from proactor.tokens.issuing import TokenAuthority
from proactor.tokens.key_rotation import RING, open_ring
from proactor.web.callers import Connection
from proactor.web.resource import make_resource
from proactor.wire import Limits, Site

from .described import check
from .http import Client, Exchange, Pairs, Response
from .launcher import MemoryLauncher, Program
from .mortal import Mortal, MortalLauncher, MortalLocks, MortalStore

T = TypeVar("T")

GUID = "8d740c16d9b8419aa7417f7da6deb039"
OPERATOR = "operator-" + "0" * 30
NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
LOCAL = Connection(8080, True, os.geteuid())

#: Where processors listen: at an address of this process alone, so that suites that run side by side take no port
#: from one another. All of 127.0.0.0/8 is loopback on Linux, and a pid has 22 bits (proc(5), pid_max).
ADDRESS = str(ip_address("127.64.0.0") + os.getpid()) if sys.platform == "linux" else "127.0.0.1"

CONFIG = f"""\
[DEFAULT]
host_addr = localhost
rate = 1

[proactor.initiator]
listen_addr = {ADDRESS}
child_port_min = 20000
child_port_max = 32000

[my.module]
rate = 2
colour = red

[other.module]
db_password = hunter2

[8d740c16d9b8419aa7417f7da6deb039]
listen_port = 8080
"""


class Endpoints(Prober):
    """Whether endpoints answer with the guid that they should; a test decides.

    :ivar asked: base URL and guid of each question; no guid where any answer will do.
    :ivar slow: whether answers wait for :meth:`answer`.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.slow = False
        self._waiting: list[Deferred[None]] = []

    async def wait(self, base_url: str, guid: str, _delays: Iterator[float], alive: Callable[[], bool]) -> bool:
        """Wait for the right answer; see :class:`~proactor.jobs.readiness.Prober`."""
        self.asked.append((base_url, guid))
        if self.slow:
            waiting: Deferred[None] = Deferred(self._waiting.remove)
            self._waiting.append(waiting)
            await waiting
        return alive()

    async def wait_any(self, base_url: str, delays: Iterator[float], alive: Callable[[], bool]) -> bool:
        """Wait for any answer; see :class:`~proactor.jobs.readiness.Prober`."""
        return await self.wait(base_url, "", delays, alive)

    @property
    def waiting(self) -> int:
        """How many are waited for."""
        return len(self._waiting)

    def answer(self) -> None:
        """Let all that are asked answer."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)


class Deliveries:
    """Messages that come to processors; a test decides what becomes of them.

    :ivar came: the guid and the message of each try.
    :ivar outcome: what becomes of one.
    :ivar slow: whether they wait for :meth:`answer`.
    """

    def __init__(self, mortal: Mortal) -> None:
        self.mortal = mortal
        self.came: list[tuple[str, SavedMessage]] = []
        self.outcome: Callable[[str, SavedMessage], Outcome] = lambda _guid, _message: DELIVERED
        self.slow = False
        self._waiting: list[tuple[Deferred[Outcome], str, SavedMessage]] = []

    def deliver(self, job: Job, message: SavedMessage, _timeout: float) -> Deferred[Outcome]:
        """Hand one over; see :class:`~proactor.messaging.webhook.WebHook`."""
        answer: Deferred[Outcome] = Deferred()
        if not self.mortal.point():
            return answer
        self.came.append((job.guid, message))
        if self.slow:
            self._waiting.append((answer, job.guid, message))
        else:
            self._answer(answer, job.guid, message)
        return answer

    def _answer(self, answer: Deferred[Outcome], guid: str, message: SavedMessage) -> None:
        if self.mortal.point() and not answer.called:
            answer.callback(self.outcome(guid, message))

    def answer(self, count: int | None = None) -> None:
        """Let so many that wait be answered, or all."""
        some, self._waiting = self._waiting[:count], self._waiting[len(self._waiting[:count]) :]
        for each in some:
            self._answer(*each)

    @property
    def waiting(self) -> int:
        """How many have no answer yet."""
        return len(self._waiting)

    def to(self, guid: str) -> list[str]:
        """The ids of what came to one processor, in order."""
        return [message.id for each, message in self.came if each == guid]


class RecordingKeeper:
    """Keeps nobody, and knows whom and what it is to.

    :ivar watched: by pid, the seconds that it may take to end.
    :ivar kept: the guids of which it has a socket.
    :ivar logs: by guid, the bytes that its log may take.
    """

    def __init__(self) -> None:
        self.watched: dict[int, float] = {}
        self.kept: set[str] = set()
        self.logs: dict[str, int] = {}

    def watch(self, pid: int, grace: float, start: int | None = None) -> None:
        """There is a process."""
        assert start is not None
        self.watched[pid] = grace

    def unwatch(self, pid: int) -> None:
        """It is no more."""
        del self.watched[pid]

    def keep(self, guid: str, fileno: Callable[[], int]) -> None:
        """There is a socket."""
        assert fileno() > 0
        self.kept.add(guid)

    def let_go(self, guid: str) -> None:
        """There is none any more."""
        self.kept.discard(guid)

    def cut(self, guid: str, most: int) -> None:
        """There is a log."""
        self.logs[guid] = most

    def leave_uncut(self, guid: str) -> None:
        """There is none any more."""
        self.logs.pop(guid, None)


class MemoryLocks:
    """Locks of which it is known what was taken.

    :param leaders: by guid the process that holds one.
    :ivar taken: by guid the launch for which it was taken last.
    :ivar refusal: with what it fails to make room for one.
    """

    def __init__(self, leaders: Callable[[], Mapping[str, int]]) -> None:
        self.taken: dict[str, LaunchRecord] = {}
        self.refusal: Exception | None = None
        self.leaders = leaders

    def take(self, guid: str, launch: LaunchRecord) -> int:
        """A descriptor, of nothing in particular."""
        self.taken[guid] = launch
        return os.open(os.devnull, os.O_RDONLY)

    def reserve(self, guid: str) -> None:
        """There is room, unless ``refusal`` says otherwise."""
        if self.refusal is not None:
            raise self.refusal
        self.taken[guid] = LaunchRecord()

    def launch(self, guid: str) -> LaunchRecord:
        """The one for which it was taken last."""
        return self.taken.get(guid, LaunchRecord())

    def remove(self, guid: str) -> None:
        """There is none any more."""
        self.taken.pop(guid, None)


class WorkingClock(Clock):
    """A clock on which every look at it takes some time, as work does: long work is cut into slices then."""

    step = 0.0

    def seconds(self) -> float:
        """Tell the time, and let some pass."""
        self.rightNow += self.step
        return float(super().seconds())

    def advance(self, amount: float) -> None:
        """Let time pass; while work takes time it is one turn, or what is done often would never let it end."""
        if self.step:
            self.rightNow += amount
            self.turn()
        else:
            super().advance(amount)

    def turn(self) -> None:
        """Do what is due, and not what that makes due: one turn of a reactor."""
        for call in [call for call in self.calls if call.getTime() <= self.rightNow]:
            if call.active():
                self.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)


class Rig:
    """All of it, put together.

    :param programs: what commands do; see :class:`MemoryLauncher`.
    """

    def __init__(
        self,
        case: SynchronousTestCase,
        config: str = CONFIG,
        programs: Mapping[tuple[str, ...], Program] | None = None,
        places: int = 1000,
        earlier: Rig | None = None,
        mortal: Mortal | None = None,
    ) -> None:
        self.case = case
        self.mortal = mortal or Mortal()
        self.successor: Rig | None = None
        self.set_by: timedelta = timedelta() if earlier is None else earlier.set_by
        self.clock: WorkingClock = WorkingClock() if earlier is None else earlier.clock
        launcher = MemoryLauncher(self.clock, programs) if earlier is None else earlier.launcher
        self.launcher: MemoryLauncher = launcher
        self.locks: MemoryLocks = MemoryLocks(self.launcher.pids) if earlier is None else earlier.locks
        self.store: MemoryStore = MemoryStore() if earlier is None else earlier.store.reopened()
        self.endpoints = Endpoints()
        self.deliveries = Deliveries(self.mortal)
        self.keeper = RecordingKeeper()
        self.home: Home = Home.open(case.mktemp() if earlier is None else earlier.home.path)
        self.console: list[tuple[str, bytes]] = []
        show = self.console.append
        at_once = cast(InThread, maybeDeferred)
        self.logs = LogStore(self.clock, self.home.path / "logs", at_once, lambda *line: show(line))
        self.logs.start()
        self.saved, self.opened, self.initiator = self._initiator(parse(config, "proactor.cfg"), places)
        self.fleet = self.initiator.fleet
        self.configurator = self.initiator.configurator
        self.client = Client(check)
        resource = make_resource(
            self.clock, self.initiator, self.logs, OPERATOR, "/home/me/operator.token", os.geteuid()
        )
        self.client.site = Site(
            resource, clock=self.clock, limits=Limits(unauthenticated=10000), on_connect=self.client.learn
        )
        self._closed = False
        case.addCleanup(self.close)

    def _initiator(self, document: Document, places: int) -> tuple[Saved, Opened, Initiator]:
        saved = self.store.load()
        begin = opened(self.clock, self.now, document, GUID, saved, 8080, lambda _: None)
        configurator = begin.configurator
        store = MortalStore(self.store, self.mortal)
        self.case.successResultOf(self.store.commit(begin.writes))
        configurator.keep = store.commit
        authority = TokenAuthority(GUID, open_ring(self.home, self.now().timestamp()))
        settings = configurator.settings
        timeline = Timeline(lambda event: store.note([AddEvent(event.saved())]), store.events)
        timeline.restore(saved.events, saved.last_event)
        fleet = Fleet(
            clock=self.clock,
            now=self.now,
            random=lambda: 0.5,
            configurator=configurator,
            planner=LaunchPlanner(configurator, authority, self.now, {"PATH": "/bin"}, "/bin/python", 8080),
            ports=Ports(settings.child_port_min, settings.child_port_max),
            launcher=MortalLauncher(self.launcher, self.mortal),
            queue=LaunchQueue(places, partial(self.clock.callLater, 0)),
            logs=JobLogs(self.home, self.logs, self.keeper),
            locks=MortalLocks(self.locks, self.mortal, self.locks.leaders, self.locks.launch),
            prober=self.endpoints,
            timeline=timeline,
            keeper=self.keeper,
            store=store,
        )
        deliver = self.deliveries.deliver
        initiator = Initiator(self.clock, self.now, configurator, authority, fleet, store, deliver)
        initiator.keys.save = partial(maybeDeferred, self.home.write_secret, RING)
        return saved, begin, initiator

    def die(self) -> None:
        """Be killed: processes live on, and nothing more is written."""
        self._closed = True
        self.mortal.is_dead = True
        self.clock.step = 0.0
        self.client.close()
        self.endpoints.answer()
        self.fleet.let_go()
        for held in list(self.fleet.ports._range_of):
            held.close()
        self.case.successResultOf(Deferred.fromCoroutine(self.configurator.waiting.let_go()))
        self.case.successResultOf(maybeDeferred(self.logs.stop))
        for call in list(self.clock.getDelayedCalls()):
            # What became of processes does not depend on it.
            if cast(DelayedCall, call).func != self.launcher.end:
                call.cancel()
        self.home.close()

    def reborn(self, config: str = CONFIG, places: int = 1000, mortal: Mortal | None = None) -> Rig:
        """Be killed, and another takes up what there is: its rig, which has adopted what lives."""
        self.die()
        after = self.successor = Rig(self.case, config, places=places, earlier=self, mortal=mortal)
        after.take_up()
        return after

    def take_up(self) -> None:
        """Take up what an earlier one left."""
        taking_up = TakingUp(self.fleet, self.configurator, self.locks, self.launcher)
        self.run(take_up(self.initiator, self.saved, taking_up, {}))
        self.run(go_on(self.initiator, self.opened.document))

    def close(self) -> None:
        """Hang up and stop; nothing may be left then. Done again, it does nothing."""
        if self._closed:
            return
        self._closed = True
        self.clock.step = 0.0
        self.client.close()
        self.launcher.release()
        self.store.recover()
        self.store.release()
        self.endpoints.answer()
        stopped = Deferred.fromCoroutine(self.initiator.stop())
        for _ in range(10):
            self.clock.advance(60)
        self.case.successResultOf(stopped)
        for guid in list(self.fleet.jobs):
            self.run(self.delete(guid))
        self.clock.advance(400)
        self.case.assertEqual((self.launcher.running, self.keeper.watched), ([], {}))
        self.run(self.logs.stop())
        self.home.close()
        self.case.assertEqual(self.clock.getDelayedCalls(), [])

    async def delete(self, guid: str) -> None:
        """Delete a job; over when it is gone."""
        await (await self.fleet.delete(guid, "test"))

    def now(self) -> datetime:
        """The time of day."""
        return NOON + self.set_by + timedelta(seconds=self.clock.rightNow)

    # Over HTTP.

    def begin(
        self,
        operation: str,
        *,
        token: str | None = OPERATOR,
        headers: Pairs = (),
        body: bytes = b"",
        accept: str | None = "application/json",
        wait: int | None = None,
        facts: Connection | None = None,
    ) -> Exchange:
        """Make a request, which may be held."""
        more = [*headers]
        more += [("Accept", accept)] if accept is not None else []
        more += [("Prefer", f"wait={wait}")] if wait is not None else []
        return self.client.begin(operation, token=token, facts=facts, headers=more, body=body)

    def ask(self, operation: str, **how: Any) -> Response:
        """Make a request that needs no time, and give its answer."""
        exchange = self.begin(operation, **how)
        self.clock.advance(0)
        self.clock.advance(0)
        return exchange.response

    # Past HTTP.

    def run(self, work: Coroutine[Deferred[Any], Any, T] | Awaitable[T]) -> T:
        """Do what needs no time."""
        deferred: Deferred[T] = Deferred.fromCoroutine(work)  # type: ignore[arg-type]
        self.clock.advance(0)
        self.clock.advance(0)
        result: T = self.case.successResultOf(deferred)
        return result

    def create(self, module: str = "my.module", **options: str) -> Job:
        """Launch a processor that runs its first configuration and says so."""
        (job,) = self.run(self.fleet.create(Order(module=module, options=options), "test"))
        self.acknowledge(job)
        return job

    def create_many(self, count: int, module: str = "my.module") -> list[Job]:
        """Launch several."""
        return [self.create(module) for _ in range(count)]

    def acknowledge(self, job: Job, revision: int | None = None, rejected: str | None = None) -> None:
        """Have a processor say that it applied the revision that it is offered, or why not.

        :param rejected: ``option: reason``.
        """
        if revision is None:
            revision = self.configurator.live.offered(job.guid)
        option, _, reason = (rejected or "").partition(": ")
        answer = Answer(revision, "applied") if rejected is None else Answer(revision, "rejected", option, reason)
        self.run(self.initiator.exchange.acknowledge(job.guid, answer, None))

    def values(self, job: Job) -> Mapping[str, str]:
        """What a processor is offered."""
        return self.configurator.configuration(job.guid)[1]

    def stdin(self, guid: str) -> Mapping[str, str]:
        """What a processor read of its standard input when it was started last."""
        spec = next(spec for spec in reversed(self.launcher.specs) if spec.guid == guid)
        parser = ConfigParser(interpolation=ExtendedInterpolation(), allow_no_value=True)
        parser.read_string(spec.stdin.decode())
        return dict(parser[guid])

    def token(self, job: Job) -> str:
        """The token that a processor was started with."""
        return self.stdin(job.guid)["token"]

    def rollout(self, number: object) -> Rollout:
        """One rollout."""
        return self.initiator.rollouts.rollout(str(number))
