"""The initiator dies at the N-th commit, delivery or answer of a message's life, for each N: it is not lost by that."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from proactor.messaging.letters import DELIVERED, Outcome

from ..support.mortal import Mortal
from ..support.rig import CONFIG, Rig

TOPICS = CONFIG.replace("[my.module]\n", "[my.module]\nsubscribe = news\n")


class Life:
    """One that ends at a point: a message is sent to processors that run, and another initiator goes on."""

    def __init__(self, case: SynchronousTestCase, at: int) -> None:
        self.case = case
        self.mortal = Mortal()
        self.rig = Rig(case, TOPICS, mortal=self.mortal)
        self.guids = [job.guid for job in self.rig.create_many(2)]
        self.rig.clock.advance(1)
        self.mortal.passed, self.mortal.at = 0, at
        self.came: dict[str, list[str]] = {guid: [] for guid in self.guids}

    def send(self, target: str, id_: str) -> bool:
        """Send a message; whether it was accepted."""
        exchange = self.rig.begin(f"POST /message/{target}?id={id_}", body=b"x")
        self.settle()
        return exchange.answered and exchange.response.status == 202 and not self.rig.mortal.is_dead

    def settle(self) -> None:
        """Let what is to happen happen."""
        for _ in range(10):
            self.rig.clock.advance(1)

    def follow(self) -> None:
        """Have another go on, with what is kept."""
        self.note()
        self.rig = self.rig.reborn(TOPICS)
        self.settle()

    def note(self) -> None:
        """Remember what came."""
        for guid, message in self.rig.deliveries.came:
            self.came[guid].append(message.id)
        self.rig.deliveries.came.clear()


class CrashTests(SynchronousTestCase):
    """A message's life, point by point."""

    def each(self, live: Callable[[Life], None], least: int) -> None:
        """Live a life again and again, and die a point later each time, until it is lived to its end."""
        for at in range(1, 100):
            life = Life(self, at)
            live(life)
            is_over = not life.mortal.is_dead or life.mortal.passed < at
            life.rig.close()
            if is_over:
                self.assertGreater(at, least)
                return
        raise AssertionError("it comes to no end")

    def test_accepted(self) -> None:
        """What was accepted comes, and in order; what was not, and is sent again, comes as well."""

        def live(life: Life) -> None:
            (guid, _), ids = life.guids, ("a", "b")
            accepted = [id_ for id_ in ids if life.send(guid, id_)]
            life.follow()
            life.note()
            came = life.came[guid]
            self.assertLessEqual(set(accepted), set(came))
            for id_ in ids:
                if id_ not in accepted:
                    self.assertTrue(life.send(guid, id_))
            life.note()
            self.assertEqual(list(dict.fromkeys(life.came[guid])), list(ids))

        self.each(live, 8)

    def test_topic(self) -> None:
        """What is for several comes to all of them, or to none."""

        def live(life: Life) -> None:
            accepted = life.send("topic:news", "a")
            life.follow()
            life.note()
            came = [set(life.came[guid]) for guid in life.guids]
            self.assertIn(came, ([{"a"}, {"a"}],) if accepted else ([{"a"}, {"a"}], [set(), set()]))

        self.each(live, 5)

    def test_dead(self) -> None:
        """What is refused for good is a dead letter, or is delivered again to whoever takes it then."""

        def live(life: Life) -> None:
            guid = life.guids[0]
            life.rig.deliveries.outcome = lambda _guid, _message: Outcome("422: no", is_final=True)
            accepted = life.send(guid, "a")
            life.follow()
            dead = [each["id"] for each in life.rig.ask("GET /message?state=dead").json()]
            again = [message.id for _, message in life.rig.deliveries.came]
            if accepted:
                self.assertEqual([*dead, *again], ["a"])

        self.each(live, 5)

    def test_sent_again(self) -> None:
        """A dead letter that is sent again is delivered, or still dead."""

        def live(life: Life) -> None:
            guid, at = life.guids[0], life.mortal.at
            life.mortal.at = 0
            life.rig.deliveries.outcome = lambda _guid, _message: Outcome("422: no", is_final=True)
            life.send(guid, "a")
            life.rig.store.flush()
            life.rig.deliveries.outcome = lambda _guid, _message: DELIVERED
            life.note()
            life.came[guid].clear()
            life.mortal.passed, life.mortal.at = 0, at
            life.rig.begin("POST /message/kept/1/resend")
            life.settle()
            life.follow()
            life.note()
            dead = [each["id"] for each in life.rig.ask("GET /message?state=dead").json()]
            self.assertEqual(set(dead) | set(life.came[guid]), {"a"})
            self.assertEqual(bool(dead), not life.came[guid])

        self.each(live, 3)
