"""What an initiator keeps in memory of jobs that have come and gone: nothing, but for what is said to be remembered."""

from __future__ import annotations

import gc
from collections import Counter, deque
from collections.abc import Collection, Iterator

from attrs import fields, has
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.changes.rollouts import KEPT as ROLLOUTS
from proactor.jobs.directory import REMEMBERED, Directory
from proactor.jobs.supervised import Supervised
from proactor.launchers.held import HeldSocket
from proactor.messaging.recent import Recent
from proactor.model import Job
from proactor.timeline.timeline import KEPT as EVENTS
from proactor.timeline.timeline import Event, Timeline
from proactor.tokens.verified import VerifiedTokens
from proactor.web.peer_tokens import EXCHANGE

from .support.http import as_form, as_json
from .support.launcher import MemoryLauncher
from .support.rig import Deliveries, Endpoints, MemoryLocks, RecordingKeeper, Rig

#: What a test has in place of what is not the initiator's, and what tells of it.
BESIDE = (Clock, Deliveries, Endpoints, MemoryLauncher, MemoryLocks, RecordingKeeper, SynchronousTestCase, type, Rig)
#: Collections that grow, up to a size which is fixed.
REMEMBERING = ("Timeline._all", "Directory._changes", "Recent._given", "Rollouts._known")
#: What is in those.
REMEMBERED_THERE = ("Receipt.", "Rollout.", "RolloutStory.")
#: When whatever is kept for a time is kept no more, in seconds.
OVER = 7200.0


def own(value: object) -> Iterator[tuple[str, object]]:
    """The attributes of an object of ours, by class and name; what is in a collection of them, by that of this."""
    for name in (*getattr(value, "__dict__", ()), *_slots(value)):
        if hasattr(value, name):
            yield f"{type(value).__name__}.{name}", getattr(value, name)


def _slots(value: object) -> Iterator[str]:
    if has(kind := type(value)):
        yield from (field.name for field in fields(kind))
    for each in type(value).__mro__:
        slots = each.__dict__.get("__slots__", ())
        yield from (name for name in ((slots,) if isinstance(slots, str) else slots) if not name.startswith("__"))


def collections(*roots: object) -> Counter[str]:
    """How much is in the collections of some objects, and of those that are theirs, by the attributes they are in."""
    found: Counter[str] = Counter()
    seen: dict[int, object] = {}
    left: list[tuple[str, object]] = [("", root) for root in roots]
    while left:
        path, value = left.pop()
        if id(value) in seen or isinstance(value, (*BESIDE, str, bytes, int, float, Event)):
            continue
        # With what it is of, or it could be another's.
        seen[id(value)] = value
        inside = contents(value)
        if inside is not None:
            found[path] += len(inside)
            left += ((path, each) for each in inside)
        elif type(value).__module__.startswith(("proactor.", "prometheus_client.")):
            left += own(value)
        elif hasattr(value, "__closure__") or hasattr(value, "__self__") or hasattr(value, "func"):
            left += ((path, each) for each in gc.get_referents(value) if type(each).__name__ not in ("dict", "module"))
    return found


def contents(value: object) -> Collection[object] | None:
    """What is in a collection; ``None`` where it is none."""
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return list(value) if isinstance(value, list | tuple | set | frozenset | deque) else None


class Case(SynchronousTestCase):
    """Jobs that come and go, in all the ways there are, each of which leaves traces everywhere."""

    def setUp(self) -> None:
        self.rig = Rig(self)
        self.peer = self.rig.create("other.module")

    def cycle(self, number: int) -> None:
        """One comes, says this and that, ends in one of several ways, and goes."""
        rig = self.rig
        job = rig.create(rate=str(number))
        self.speak(job)
        rig.ask(f"PATCH /config/{job.guid}", **as_json({"rate": number + 1}))
        rig.acknowledge(job)
        exchange = rig.begin(f"GET /job/{job.guid}/log?follow=1", accept=None)
        if number % 3 == 0:
            rig.launcher.kill(job.guid)
        elif number % 3 == 1:
            rig.ask(f"POST /job/{job.guid}/restart")
        rig.clock.advance(2)
        self.assertEqual(rig.ask(f"DELETE /job/{job.guid}", wait=10).status, 204)
        rig.clock.advance(1)
        exchange.hang_up()
        self.assertEqual(rig.ask(f"GET /job/{job.guid}").status, 404)

    def speak(self, job: Job) -> None:
        """Fetch, wait for others, be granted a token, subscribe, send and get messages, show a token that is none."""
        rig, token = self.rig, self.rig.token(job)
        self.assertEqual(rig.ask(f"GET /config/{job.guid}", token=token).status, 200)
        waiting = rig.begin("GET /endpoints?module=my.module", token=token, wait=100)
        exchange = as_form(grant_type=EXCHANGE, audience=self.peer.guid)
        self.assertEqual(rig.ask("POST /token", token=token, **exchange).status, 200)
        for target in (self.peer.guid, job.guid, "my.module", "topic:news"):
            self.assertEqual(rig.ask(f"POST /message/{target}", token=token, body=b"x").status, 202)
        self.assertEqual(rig.ask("GET /job", token="nobody's").status, 401)
        waiting.hang_up()

    def settle(self) -> None:
        """Let all the time pass for which anything is kept; what is over then goes when there is more of its kind."""
        self.rig.client.close()
        for _ in range(10):
            self.rig.clock.advance(OVER / 10)
        self.cycle(0)
        self.rig.client.close()


class CollectionTests(Case):
    """What is in the collections of the initiator."""

    def count(self) -> Counter[str]:
        self.settle()
        rig = self.rig
        return collections(rig.initiator, rig.logs, rig.client.site)

    def test_they_do_not_grow(self) -> None:
        """After jobs have come and gone they hold as much as before, but for those that are to remember."""
        for number in range(6):
            self.cycle(number)
        before = self.count()
        for number in range(30):
            self.cycle(number)
        grown = self.count() - before
        for name in REMEMBERING:
            self.assertGreater(grown.pop(name, 0), 0, name)
        more = {name: count for name, count in grown.items() if not name.startswith(REMEMBERED_THERE)}
        self.assertEqual(more, {})

    def test_they_are_looked_at(self) -> None:
        """What there is of a job that is there is found in more than a dozen of them, or this would prove nothing."""
        before = self.count()
        self.speak(self.rig.create())
        grown = {name for name, more in (collections(self.rig.initiator) - before).items() if more > 0}
        self.assertGreater(len(grown), 12, grown)
        self.assertLessEqual({"Fleet._supervised", "JobStory._steps", "PeerTrust._grants"}, grown)
        for each in ("Recent._given", "VerifiedTokens._claims", "Metrics._states", "Ports._range_of"):
            self.assertIn(each, grown)


class BoundTests(SynchronousTestCase):
    """What is remembered is remembered up to a size."""

    def test_sizes(self) -> None:
        """These are what the documentation of the benchmark says."""
        self.assertEqual((Timeline()._all.maxlen, EVENTS), (EVENTS, 1_000))
        self.assertEqual((Directory(Clock())._changes.maxlen, REMEMBERED), (REMEMBERED, 5_000))
        self.assertEqual((ROLLOUTS, Recent().most), (100, 100_000))
        self.assertLessEqual(VerifiedTokens(lambda *_: None).most, 1 << 15)  # type: ignore[arg-type]


class GarbageTests(Case):
    """Jobs that are gone are freed at once, and do not wait until all memory is looked through."""

    def test_freed(self) -> None:
        """Nothing of them holds itself."""
        for number in range(3):
            self.cycle(number)
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        before = self.alive()
        for number in range(6):
            self.cycle(number)
        self.assertEqual(self.alive(), before)

    def alive(self) -> Counter[type]:
        """How many there are, of other tests too."""
        return Counter(type(each) for each in gc.get_objects() if type(each) in (Job, Supervised, HeldSocket))
