"""Durable messages through anything that can happen to them: none is lost, order holds, queues are bounded."""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import StorageFull
from proactor.messaging.letters import DELIVERED, Outcome

from ..support.examples import examples
from ..support.rig import CONFIG, OPERATOR, Rig

MOST = 5
CONFIGURED = CONFIG.replace("rate = 1\n", f"rate = 1\nmessage_queue = {MOST}\nmessage_concurrency = 2\n", 1)
PLACES = st.integers(0, 1)
SENDERS = st.integers(0, 2)
OUTCOMES = st.sampled_from((DELIVERED, DELIVERED, Outcome("500: no"), Outcome("422: no", is_final=True)))


class Machine(RuleBasedStateMachine):
    """Two receivers, their module, three senders, and whoever kills the initiator."""

    case: ClassVar[SynchronousTestCase]

    @initialize()
    def begin(self) -> None:
        self.rig = Rig(self.case, CONFIGURED)
        self.receivers = [self.rig.create().guid for _ in range(2)]
        self.sender = self.rig.create("other.module").guid
        self.numbers = 0
        #: What was accepted, by sender and target, in order; and what came, by sender and receiver.
        self.accepted: dict[tuple[int, str], list[str]] = {}
        self.came: dict[str, list[tuple[str, bool]]] = {guid: [] for guid in self.receivers}
        self.attend()

    def attend(self) -> None:
        """Have deliveries wait for their outcomes."""
        self.rig.deliveries.slow = True
        self.outcome = DELIVERED
        self.rig.deliveries.outcome = self.decided

    def decided(self, guid: str, message: Any) -> Outcome:
        self.came[guid].append((message.id, self.outcome.problem is None))
        return self.outcome

    def send(self, sender: int, target: str, id_: str) -> int:
        source = f"/operator/{sender}"
        headers = [("ce-source", source)]
        token = OPERATOR
        if sender == 2:
            headers, token = [], self.rig.token(self.rig.fleet.job(self.sender))
        status = self.rig.ask(f"POST /message/{target}?id={id_}", headers=headers, token=token, body=b"x").status
        if status == 202 and id_ not in self.accepted.setdefault((sender, target), []):
            self.accepted[sender, target].append(id_)
        return status

    @rule(sender=SENDERS, place=PLACES)
    def sends(self, sender: int, place: int) -> None:
        self.numbers += 1
        assert self.send(sender, self.receivers[place], f"{sender}-{self.numbers}") in (202, 429)

    @rule(sender=SENDERS)
    def sends_to_module(self, sender: int) -> None:
        self.numbers += 1
        assert self.send(sender, "my.module", f"{sender}-m{self.numbers}") in (202, 429)

    @rule(sender=SENDERS, place=PLACES)
    def repeats(self, sender: int, place: int) -> None:
        """What was accepted is sent again: it is accepted again, whatever became of it, or the queue is full."""
        ids = self.accepted.get((sender, self.receivers[place]), [])
        if ids:
            assert self.send(sender, self.receivers[place], ids[-1]) in (202, 429)

    @rule(sender=SENDERS, place=PLACES)
    def cannot_be_stored(self, sender: int, place: int) -> None:
        self.rig.store.fail(StorageFull("no room"), 1)
        self.numbers += 1
        assert self.send(sender, self.receivers[place], f"{sender}-{self.numbers}") in (507, 429)
        self.rig.store.recover()

    @rule(outcome=OUTCOMES, count=st.integers(1, 3))
    def answers(self, outcome: Outcome, count: int) -> None:
        self.outcome = outcome
        self.rig.deliveries.answer(count)

    @rule(seconds=st.floats(0.1, 40))
    def waits(self, seconds: float) -> None:
        self.rig.clock.advance(seconds)

    @rule(place=PLACES)
    def falls(self, place: int) -> None:
        """A receiver falls, and is started again; what it had in its hands has no answer."""
        guid = self.receivers[place]
        if guid in self.rig.launcher.running:
            self.rig.launcher.kill(guid)
            self.rig.clock.advance(1)
            self.rig.clock.advance(0)
        if guid in self.rig.launcher.running:
            self.rig.acknowledge(self.rig.fleet.job(guid))

    @rule(is_flushed=st.booleans())
    def initiator_is_killed(self, is_flushed: bool) -> None:
        if is_flushed:
            self.rig.store.flush()
        self.rig = self.rig.reborn(CONFIGURED)
        # What the next one delivered at once was taken.
        for guid, message in self.rig.deliveries.came:
            self.came[guid].append((message.id, True))
        self.attend()
        self.rig.clock.advance(0)

    @invariant()
    def in_order(self) -> None:
        """Nothing is begun from a sender to a receiver before all that was accepted before it is over."""
        for (sender, target), ids in getattr(self, "accepted", {}).items():
            if target == "my.module":
                continue
            came = [id_ for id_, _ in self.came[target] if id_ in set(ids)]
            first = list(dict.fromkeys(came))
            assert first == ids[: len(first)], (sender, target, first, ids)

    @invariant()
    def bounded(self) -> None:
        if hasattr(self, "rig"):
            for each in self.rig.ask("GET /message").json()["receivers"]:
                assert each["waiting"] <= MOST, each

    def teardown(self) -> None:
        """In the end all that was accepted was taken, or is a dead letter."""
        if not hasattr(self, "rig"):
            return
        self.outcome = DELIVERED
        for _ in range(20):
            self.falls_up()
            self.rig.clock.advance(31)
            self.rig.deliveries.answer()
        dead = {each["id"] for each in self.rig.ask("GET /message?state=dead&count=1000").json()}
        taken = {id_ for came in self.came.values() for id_, is_taken in came if is_taken}
        wanted = {id_ for ids in self.accepted.values() for id_ in ids}
        assert wanted <= taken | dead, wanted - taken - dead
        assert self.rig.initiator.delivery.waiting() == 0
        self.rig.close()

    def falls_up(self) -> None:
        """Have each receiver run."""
        for guid in self.receivers:
            job = self.rig.fleet.job(guid)
            if not job.alive:
                self.rig.run(self.rig.fleet.start(guid, "test"))
            self.rig.clock.advance(0)
            if guid in self.rig.launcher.running and not job.ready:
                self.rig.acknowledge(job)


class MachineTests(SynchronousTestCase):
    """The promises, whatever happens."""

    def test_anything(self) -> None:
        """None is lost, none is passed by another of its sender's, no queue has more than it may."""
        bound: Any = type("Bound", (Machine,), {"case": self})
        run_state_machine_as_test(bound, settings=examples(20, stateful_step_count=25))
