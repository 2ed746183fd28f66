# mypy: allow-untyped-calls
"""The fetch loop against an initiator that behaves, and one that does not."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from proactor.extent import MOST_FETCHED
from proactor.processor.fetch import Pace

from ..support.examples import examples
from .fakes import FAULTS, Log, Rig


class LoopTests(SynchronousTestCase):
    """How often it asks, and what it does with the answers."""

    def setUp(self) -> None:
        self.log = Log()
        self.addCleanup(self.log.close)

    def rig(self, **options: str) -> Rig:
        """Give a rig whose loop runs."""
        rig = Rig(**options)
        rig.loop.start()
        rig.settle()
        return rig

    # When it asks

    def test_says_that_it_is_ready(self) -> None:
        """The first thing that an initiator hears is that the revision of standard input runs, and what is declared."""
        rig = self.rig()
        ack = rig.initiator.acks[0]
        self.assertEqual((ack["revision"], ack["status"]), (1, "applied"))
        self.assertIn(
            {"name": "rate", "type": "float", "default": 1.0, "exclusive_minimum": 0, "maximum": 100}, ack["options"]
        )
        self.assertNotIn("pending", ack)

    def test_pushed(self) -> None:
        """A fetch is held; what is new arrives at once, is taken up, acknowledged, and the next fetch is held."""
        rig = self.rig()
        self.assertEqual(rig.initiator.waiting, 1)
        self.assertEqual(rig.initiator.fetches[0]["prefer"], "wait=30")
        rig.initiator.edit(rate="2")
        rig.settle()
        self.assertEqual(rig.processor.config.rate, 2.0)
        self.assertEqual(rig.initiator.acks[1], {"revision": 2, "status": "applied"})
        self.assertEqual(rig.initiator.waiting, 1)
        self.assertEqual(rig.initiator.fetches[-1]["if-none-match"], '"2"')
        self.assertEqual(rig.clock.seconds(), 0)

    def test_held_to_the_end(self) -> None:
        """Where nothing came up while it was held, the next fetch follows at once."""
        rig = self.rig()
        rig.advance(29)
        rig.initiator.release()
        rig.settle()
        self.assertEqual(rig.initiator.waiting, 1)
        self.assertEqual(len(rig.initiator.fetches), 2)

    def test_answered_early(self) -> None:
        """Where an initiator that says that it holds has nothing new though it was short, the next follows at once."""
        rig = Rig()
        rig.initiator.says_so = True
        rig.loop.start()
        rig.advance(0.5)
        for number in range(2, 6):
            rig.initiator.release()
            rig.settle()
            self.assertEqual((rig.initiator.waiting, len(rig.initiator.fetches)), (1, number))

    def test_not_held(self) -> None:
        """An initiator that does not hold is asked every ``refresh`` seconds."""
        rig = Rig()
        rig.initiator.holds = False
        rig.loop.start()
        rig.advance(100)
        self.assertEqual(len(rig.initiator.fetches), 4)

    def test_poll(self) -> None:
        """Without push it asks at once, for what others' tokens are verified by, then every ``refresh`` seconds."""
        rig = self.rig(push="no", refresh="10")
        self.assertEqual(len(rig.initiator.fetches), 1)
        rig.advance(30.5)
        self.assertEqual(len(rig.initiator.fetches), 4)
        self.assertNotIn("prefer", rig.initiator.fetches[0])
        rig.initiator.edit(rate="2")
        rig.advance(10)
        self.assertEqual(rig.processor.config.rate, 2.0)
        self.assertEqual(len(rig.initiator.fetches), 5)

    def test_not_in_step(self) -> None:
        """Two processors that start together do not ask together, held or not."""
        for push in ("yes", "no"):
            asked = []
            for drawn in (0.0, 0.9):
                rig = Rig(push=push, refresh="100")
                rig.loop.random = rig.loop._periodic.random = lambda drawn=drawn: drawn  # type: ignore[misc]
                rig.loop.start()
                rig.advance(110.5)
                asked.append(rig.initiator.fetches[0].get("prefer") or rig.clock.seconds())
            if push == "yes":
                self.assertEqual(asked, ["wait=90", "wait=108"])

    def test_another_interval(self) -> None:
        """``refresh`` and ``push`` change while it runs."""
        rig = self.rig()
        rig.initiator.edit(refresh="5", push="no")
        rig.settle()
        self.assertEqual(rig.initiator.waiting, 0)
        rig.advance(5.5)
        rig.initiator.edit(push="yes")
        rig.advance(5)
        self.assertEqual(rig.initiator.fetches[-1]["prefer"], "wait=5")
        self.assertEqual(rig.initiator.waiting, 1)

    def test_no_busy_loop(self) -> None:
        """An initiator that has another revision for each fetch is asked ten times a second at most, after a burst."""
        rig = self.rig()
        rig.initiator.restless = True
        rig.initiator.release()
        rig.advance(30, step=0.01)
        self.assertTrue(200 < len(rig.initiator.fetches) <= 200 + 30 * 10 + 2, len(rig.initiator.fetches))

    def test_pace(self) -> None:
        """A burst is free, then they come at the rate; a pause earns another burst."""
        pace = Pace(burst=2, rate=10)
        self.assertEqual([round(pace.wait(0), 3) for _ in range(4)], [0, 0, 0.1, 0.2])
        self.assertEqual([round(pace.wait(100), 3) for _ in range(3)], [0, 0, 0.1])

    def test_routine_is_quiet(self) -> None:
        """Each fetch is logged for who wants to see routine, and for nobody else."""
        rig = self.rig(push="no", refresh="10")
        rig.advance(10.5)
        rig.initiator.edit(rate="2")
        rig.advance(10)
        self.assertEqual(self.log.lines(), ["Changed rate: 1 -> 2 (revision 2)"])
        fetched = [line for line in self.log.lines(level="debug") if line.startswith("Fetched")]
        self.assertEqual(fetched, ["Fetched: nothing new", "Fetched: nothing new", "Fetched: revision 2"])

    # What it takes up

    def test_new_token(self) -> None:
        """A renewed token is used from then on; it is no change, and never in a log."""
        rig = self.rig()
        rig.initiator.renew()
        rig.initiator.release()
        rig.settle()
        self.assertEqual(rig.loop.client.token, "token-2")
        rig.initiator.edit(rate="2")
        rig.settle()
        self.assertEqual(rig.initiator.fetches[-1]["authorization"], "Bearer token-2")
        self.assertEqual(rig.processor.config.rate, 2.0)
        self.assertEqual(self.log.lines(), ["Changed rate: 1 -> 2 (revision 2)"])
        self.assertIn("Renewed the token", self.log.lines(level="debug"))
        self.assertNotIn("token-", self.log.everything())

    def test_new_token_with_a_rejected_configuration(self) -> None:
        """The token of an answer is taken up, whatever becomes of the configuration in it."""
        rig = self.rig()
        rig.initiator.renew()
        rig.initiator.edit(rate="-1")
        rig.settle()
        self.assertEqual(rig.loop.client.token, "token-2")
        self.assertEqual(rig.initiator.waiting, 1)
        self.assertEqual(rig.initiator.acks[-1]["status"], "rejected")

    def test_rejected_by_declaration(self) -> None:
        """What a declared option does not allow is rejected as a whole, once, and the old configuration stays."""
        rig = self.rig()
        rig.initiator.edit(rate="-1", mood="better")
        rig.settle()
        self.assertEqual((rig.processor.config.rate, rig.processor.config.mood), (1.0, "fine"))
        self.assertEqual(rig.processor.config.revision, 1)
        self.assertEqual(
            rig.initiator.acks[1:], [{"revision": 2, "status": "rejected", "option": "rate", "reason": "must be > 0"}]
        )
        rig.advance(29)
        rig.initiator.renew()
        rig.initiator.release()
        rig.advance(300)
        self.assertEqual(self.log.lines(), ["Rejected revision 2: rate: must be > 0"])
        self.assertEqual(len(rig.initiator.acks), 2)
        self.assertEqual(rig.processor.seen, [])

    def test_back_again(self) -> None:
        """After a rejection the old values come as a new revision, which is acknowledged and changes nothing."""
        rig = self.rig()
        rig.initiator.edit(mood="picky")
        rig.settle()
        self.assertEqual(len(rig.processor.seen), 1)
        rig.initiator.edit(mood="fine")
        rig.settle()
        self.assertEqual(rig.processor.config.revision, 3)
        self.assertEqual(rig.initiator.acks[-1], {"revision": 3, "status": "applied"})

    def test_next_start(self) -> None:
        """An option for the next start keeps its value, is told as pending, and said so once."""
        rig = self.rig()
        rig.initiator.edit(workers="4", rate="2")
        rig.settle()
        self.assertEqual((rig.processor.config.workers, rig.processor.config.rate), (1, 2.0))
        self.assertEqual(rig.initiator.acks[-1], {"revision": 2, "status": "applied", "pending": ["workers"]})
        rig.initiator.edit(rate="3")
        rig.settle()
        self.assertEqual(rig.initiator.acks[-1]["pending"], ["workers"])
        waiting = [line for line in self.log.lines() if "next start" in line]
        self.assertEqual(waiting, ["Waiting for the next start: workers (revision 2)"])
        rig.initiator.edit(workers="1")
        rig.settle()
        self.assertNotIn("pending", rig.initiator.acks[-1])

    def test_owner_raises(self) -> None:
        """An exception in ``reconfigure`` is a rejection with its text, no secret in it; the loop goes on."""
        rig = self.rig(pin="hush")
        rig.initiator.edit(mood="broken", pin="hush-hush")
        rig.settle()
        self.assertEqual(
            rig.initiator.acks[-1],
            {"revision": 2, "status": "rejected", "option": "", "reason": "ZeroDivisionError: broken by ***"},
        )
        self.assertEqual(rig.initiator.waiting, 1)

    # Trouble

    def test_trouble_is_told_once(self) -> None:
        """When the initiator falls away that is logged with the reason, and when it is back; not each try."""
        rig = self.rig()
        rig.initiator.behaviour = "refused"
        rig.initiator.release()
        rig.advance(300)
        down = (
            "No configuration from the initiator at http://127.0.0.1:8080: "
            "it gave no answer: Connection was closed cleanly: Connection done.; trying on"
        )
        self.assertEqual(self.log.lines(), [down])
        rig.initiator.behaviour = ""
        rig.advance(20)
        self.assertEqual(rig.initiator.waiting, 1)
        self.assertEqual(len(self.log.lines()), 2)
        self.assertRegex(
            self.log.lines()[1], "^The initiator at http://127.0.0.1:8080 answers again, after [0-9]+ failed tries$"
        )

    def test_backs_off(self) -> None:
        """Tries come ever more seldom, down to one in ``refresh`` seconds, jitter aside."""
        rig = self.rig()
        rig.initiator.behaviour = "503"
        rig.initiator.release()
        tries = []
        for second in range(120):
            before = len(rig.initiator.fetches)
            rig.advance(1)
            tries += [second] * (len(rig.initiator.fetches) - before)
        waits = [later - sooner for sooner, later in pairwise(tries)]
        self.assertEqual(waits[-3:], [15, 15, 15])  # half of the cap, as 0.5 is what is drawn
        self.assertEqual(waits, sorted(waits))

    def test_reasons(self) -> None:
        """Each kind of trouble has its reason."""
        for behaviour, reason in [
            ("401", "it answered 401: it does not take the token"),
            ("403", "it answered 403: it does not take the token for this"),
            ("404", "it answered 404"),
            ("429", "it answered 429"),
            ("500", "it answered 500"),
            ("redirect", "it answered 302"),
            ("no_json", "its answer is not JSON"),
            ("deep_json", "its answer is not JSON"),
            ("a_list", "its answer is not a JSON object"),
            ("nothing_in_it", "its answer has no revision"),
            ("too_large", f"its answer has more than {MOST_FETCHED} bytes"),
            ("silence", "it did not answer within 40 s"),
        ]:
            log = Log()
            rig = Rig()
            rig.initiator.behaviour = behaviour
            rig.loop.start()
            rig.advance(45)
            log.close()
            self.assertEqual(
                log.lines(),
                [f"No configuration from the initiator at http://127.0.0.1:8080: {reason}; trying on"],
                behaviour,
            )
            self.assertNotIn("token-", log.everything())
            self.assertEqual(rig.initiator.elsewhere, 0)

    def test_a_bug_of_ours(self) -> None:
        """Even what nobody foresaw does not end the loop, and shows in the log with its traceback."""
        rig = self.rig()

        rig.initiator.behaviour = "a bug"
        rig.initiator.release()
        rig.advance(40)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        rig.initiator.behaviour = ""
        rig.advance(30)
        self.assertEqual(rig.initiator.waiting, 1)

    # The end

    def test_gone(self) -> None:
        """Told that it is a stale copy, it says so once and asks to be ended; it asks for nothing more."""
        rig = self.rig()
        rig.initiator.behaviour = "410"
        rig.initiator.release()
        rig.settle()
        self.assertEqual(rig.left, 1)
        self.assertEqual(
            self.log.lines(),
            ["Stopping: of the initiator at http://127.0.0.1:8080, it answered 410: this copy is stale"],
        )
        rig.loop.stop()
        rig.advance(100)
        self.assertEqual(len(rig.initiator.fetches), 1)

    def test_stop(self) -> None:
        """A held fetch is given up, and nothing is left behind."""
        rig = self.rig()
        stopped = rig.loop.stop()
        self.successResultOf(stopped)
        rig.initiator.flush()
        self.assertEqual(rig.initiator.waiting, 0)
        self.assertEqual(rig.clock.getDelayedCalls(), [])
        self.assertEqual(self.log.lines(), [])

    def test_stop_before_it_began(self) -> None:
        """It may be stopped while the first acknowledgement is on its way."""
        rig = Rig()
        rig.initiator.behaviour = "refused"
        rig.loop.start()
        self.successResultOf(rig.loop.stop())
        rig.advance(60)
        self.assertEqual(rig.initiator.fetches, [])

    def test_stop_waits_for_a_reconfiguration(self) -> None:
        """What the processor has begun to take up is not cut off."""
        rig = self.rig()
        rig.processor.gate = Deferred()
        rig.initiator.edit(rate="2")
        rig.settle()
        stopped = rig.loop.stop()
        self.assertNoResult(stopped)
        rig.processor.gate.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(rig.processor.config.rate, 2.0)
        self.assertEqual(rig.clock.getDelayedCalls(), [])


class AnythingTests(SynchronousTestCase):
    """Whatever happens, in whatever order."""

    edits = st.fixed_dictionaries(
        {},
        optional={
            "rate": st.sampled_from(["1", "2.5", "-1", "x", "", "1e999"]),
            "mood": st.sampled_from(["fine", "picky", "broken"]),
            "workers": st.sampled_from(["1", "2", "many"]),
            "refresh": st.sampled_from(["1", "30", "nan"]),
            "push": st.sampled_from(["yes", "no", "maybe"]),
            "colour": st.sampled_from(["red", ""]),
        },
    )
    steps = st.one_of(
        st.tuples(st.just("edit"), edits),
        st.tuples(st.just("behave"), st.sampled_from(["", "refused", *FAULTS])),
        st.tuples(st.just("holds"), st.booleans()),
        st.tuples(st.just("ack_status"), st.sampled_from([204, 401, 422, 500])),
        st.tuples(st.just("advance"), st.sampled_from([0, 1, 10, 60])),
        st.tuples(st.just("renew"), st.none()),
        st.tuples(st.just("release"), st.none()),
    )

    @given(st.lists(steps, max_size=25))
    @examples(150)
    def test_always_alive(self, steps: list[tuple[str, Any]]) -> None:
        """The loop goes on; the running configuration is one that was accepted; the last valid one arrives."""
        log = Log()
        rig = Rig()
        rig.loop.start()
        for what, value in steps:
            self.step(rig, what, value)
            rig.settle()
            config = rig.processor.config
            self.assertIn((dict(config), config.rate), [(dict(good), good.rate) for good in self.accepted(rig)])
            self.assertTrue(rig.clock.getDelayedCalls() or rig.initiator.waiting, "nothing will ever happen again")
        rig.initiator.behaviour, rig.initiator.ack_status = "", 204
        rig.initiator.token = rig.loop.client.token
        rig.initiator.edit(rate="7", mood="fine", workers="1", refresh="30", push="yes")
        rig.advance(120)
        log.close()
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual((rig.processor.config.rate, rig.processor.config.revision), (7.0, rig.initiator.revision))
        self.assertEqual(rig.initiator.acks[-1]["revision"], rig.initiator.revision)
        self.assertEqual(rig.initiator.acks[-1]["status"], "applied")
        self.assertNotIn("token-", log.everything())
        stopped = rig.loop.stop()
        rig.initiator.flush()
        self.successResultOf(stopped)
        self.assertEqual(rig.clock.getDelayedCalls(), [])

    def accepted(self, rig: Rig) -> list[Any]:
        """Give what the processor took up, and what came to the same as that."""
        return [*rig.processor.accepted, rig.processor.config] if self.same(rig) else rig.processor.accepted

    def same(self, rig: Rig) -> bool:
        """Tell whether the running configuration differs from the last that was accepted in nothing of its own."""
        return rig.processor.config == rig.processor.accepted[-1]

    def step(self, rig: Rig, what: str, value: Any) -> None:
        """Let one thing happen."""
        initiator = rig.initiator
        if what == "edit":
            initiator.edit(**value)
        elif what == "behave":
            initiator.behaviour = value
        elif what == "advance":
            rig.advance(value)
        elif what == "renew":
            initiator.renew()
        elif what == "release":
            initiator.release()
        else:
            setattr(initiator, what, value)
