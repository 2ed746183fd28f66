"""The live configuration as a service."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.changes.configurator import Configurator, Plan
from proactor.config.draft import Difference, Draft, Patch
from proactor.config.grammar import DEFAULT
from proactor.config.layers import Member
from proactor.errors import ConfigError, NotFound, Overtaken, Refused
from proactor.options import Option
from proactor.reactor.slices import SLICE, in_slices

from ..config.samples import INITIATOR, NOW, SOURCE, A, B, C, member, parsed, steering

T = TypeVar("T")
FILE = f"[{DEFAULT}]\nd = 1\n[m]\nrate = 2\n[n]\n[{INITIATOR}]\nmax_jobs = 9\n"
RATE = Option("rate", float, 1.0, exclusive_minimum=0, help="per second")


class HurriedClock(Clock):
    """A clock by which everything takes its time: each look at it costs ``pace`` seconds."""

    pace = 0.0

    def seconds(self) -> float:
        """Say what time it is, and let it pass."""
        self.rightNow += self.pace
        return self.rightNow

    def turn(self) -> None:
        """Make the calls that are due by now, as one turn of a reactor does, and none that come of them."""
        for call in [call for call in self.calls if call.getTime() <= self.rightNow]:
            self.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)


class Case(SynchronousTestCase):
    """A configurator of two processors of one module and one of another."""

    def setUp(self) -> None:
        self.clock = HurriedClock()
        self.configurator = self.begun(FILE)
        self.live = self.configurator.live
        for guid, module in ((A, "m"), (B, "m"), (C, "n")):
            self.run_(self.configurator.join([member(guid, module)], {}, "operator"))

    def tearDown(self) -> None:
        self.clock.pace = 0
        self.assertEqual((self.clock.getDelayedCalls(), len(self.configurator.waiting)), ([], 0))
        self.assertFalse(self.configurator._lock.locked)

    def begun(self, text: str, check_launch: Callable[[Mapping[str, str]], None] = lambda _: None) -> Configurator:
        return Configurator.begin(self.clock, lambda: NOW, parsed(text), INITIATOR, check_launch)

    def started(self, work: Coroutine[Any, Any, T]) -> Deferred[T]:
        return Deferred.fromCoroutine(work)

    def run_(self, work: Coroutine[Any, Any, T]) -> T:
        result: T = self.successResultOf(self.started(work))
        return result

    def editing(self, section: str, patch: Patch, *hold: str, if_match: int | None = None) -> Coroutine[Any, Any, Plan]:
        live = self.live
        return self.configurator.take(lambda: live.draft_edit(section, patch, if_match), "operator", lambda _: hold)

    def edit(self, section: str, patch: Patch, *hold: str) -> Plan:
        return self.run_(self.editing(section, patch, *hold))

    def refused(self, work: Coroutine[Any, Any, object], kind: type[Exception] = ConfigError) -> Any:
        before = (self.live.revision, self.live.layers, self.configurator.settings)
        error = self.failureResultOf(self.started(work), kind).value
        self.assertEqual((self.live.revision, self.live.layers, self.configurator.settings), before)
        return error

    def rates(self) -> list[str | None]:
        return [self.configurator.configuration(guid)[1].get("rate") for guid in (A, B, C)]

    def finish(self, *works: Deferred[Any]) -> None:
        """Let the reactor have its turns until these are done."""
        for _ in range(10_000):
            if all(work.called for work in works):
                return
            self.clock.turn()
        raise AssertionError("they do not end")


class SliceTests(Case):
    """Work in slices."""

    def steps(self, count: int, done: list[int]) -> Iterator[None]:
        for number in range(count):
            done.append(number)
            yield

    def test_turns(self) -> None:
        """The reactor has its turn each time that a slice is used up, and all of the work is done in order."""
        self.clock.pace = SLICE / 4
        done: list[int] = []
        seen: list[int] = []
        work = self.started(in_slices(self.clock, self.steps(100, done)))
        while not work.called:
            seen.append(len(done))
            self.clock.turn()
        self.assertEqual(done, list(range(100)))
        self.assertTrue(len(seen) > 20, seen)
        self.assertTrue(all(later - earlier <= 5 for earlier, later in pairwise(seen)), seen)

    def test_quick(self) -> None:
        """What takes no time is done at once."""
        done: list[int] = []
        self.run_(in_slices(self.clock, self.steps(1000, done)))
        self.assertEqual(len(done), 1000)

    def test_cancelled(self) -> None:
        """Work that nobody waits for any more ends, and leaves no call behind."""
        self.clock.pace = SLICE
        done: list[int] = []
        work = self.started(in_slices(self.clock, self.steps(100, done)))
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        work.cancel()
        self.failureResultOf(work, CancelledError)
        self.assertEqual(len(done), 1)

    def test_failure(self) -> None:
        """An error in the work is the caller's to know."""

        def steps() -> Iterator[None]:
            yield
            raise Refused("no")

        self.failureResultOf(self.started(in_slices(self.clock, steps())), Refused)

    def test_a_change_of_many(self) -> None:
        """Trying it, planning it and telling of it are all in slices."""
        for number in range(50):
            self.run_(self.configurator.join([member(f"{number:032x}")], {}, "operator"))
        waiting = [
            self.started(self.configurator.waiting.changed(guid, self.live.offered(guid), 1e6))
            for guid in self.live.members()
        ]
        self.clock.pace = SLICE
        work = self.started(self.editing(DEFAULT, {"d": "2"}))
        turns = 0
        while not work.called:
            turns += 1
            self.clock.turn()
        self.assertTrue(turns > 150, turns)
        self.assertTrue(all(each.called for each in waiting))


class BeginTests(Case):
    """A file as it was read."""

    def test_first(self) -> None:
        """Is revision 1, its settings the initiator's."""
        configurator = self.begun(FILE)
        self.assertEqual((configurator.live.revision, configurator.settings.max_jobs), (1, 9))

    def test_wrong(self) -> None:
        """Is refused for what is wrong with the initiator's options, a processor's, a reference, a launch."""

        def check(values: Mapping[str, str]) -> None:
            if "umask" in values:
                raise Refused("umask = x: must be octal")

        for old, new, line, section, option in [
            ("max_jobs = 9", "max_jobs = x", 7, INITIATOR, "max_jobs"),
            ("rate = 2", "nice = x", 4, "m", "nice"),
            ("rate = 2", "rate = ${x}", 4, "m", "rate"),
            ("rate = 2", "umask = x", 4, "m", "umask"),
            ("rate = 2", "refresh = 290", 4, "m", "refresh"),
        ]:
            error = self.assertRaises(ConfigError, self.begun, FILE.replace(old, new), check)
            self.assertEqual((error.source, error.line, error.section, error.option), (SOURCE, line, section, option))


class ChangeTests(Case):
    """One change at a time, whole or not at all."""

    def test_edit(self) -> None:
        """Is taken, told of, and comes to what it says."""
        heard: list[tuple[Plan, str, str]] = []
        self.configurator.heard_change = lambda *what: heard.append(what)
        plan = self.edit("m", {"rate": "5"})
        expected = {"rate": ("2", "5")}
        self.assertEqual(plan, Plan(5, (Difference(A, expected), Difference(B, expected))))
        self.assertEqual(heard, [(plan, "edit of [m]", "operator")])
        self.assertEqual(self.rates(), ["5", "5", None])
        self.assertEqual(self.live.history("m")[0].actor, "operator")
        self.assertEqual(self.live.history("m")[0].time, NOW)

    def test_what_is_not_told(self) -> None:
        """Processors that come and go are no news of that kind, nor is an edit that changes nothing."""
        heard: list[object] = []
        self.configurator.heard_change = lambda *what: heard.append(what)
        self.edit("m", {})
        self.run_(self.configurator.join([member("d" * 32)], {"rate": "1"}, "operator"))
        self.run_(self.configurator.leave("d" * 32, "operator"))
        self.assertEqual(heard, [])

    def test_plan(self) -> None:
        """Changes nothing, and is what the change then does."""
        make = lambda: self.live.draft_edit(DEFAULT, {"d": "2", "rate": "9"})  # noqa: E731
        before = (self.live.revision, self.live.layers, self.rates())
        plan = self.run_(self.configurator.plan(make))
        self.assertEqual((self.live.revision, self.live.layers, self.rates()), before)
        self.assertEqual(self.run_(self.configurator.take(make, "operator")), plan)
        self.assertEqual(self.rates(), ["2", "2", "9"])

    def test_plan_of_nothing(self) -> None:
        """Is of the present revision."""
        self.assertEqual(self.run_(self.configurator.plan(lambda: self.live.draft_edit("m", {}))), Plan(4, ()))
        self.assertEqual(self.edit("m", {}), Plan(4, ()))

    def test_settings(self) -> None:
        """An edit of the initiator's options is its at once, a wrong one is refused."""
        self.edit(INITIATOR, {"max_jobs": "5"})
        self.assertEqual(self.configurator.settings.max_jobs, 5)
        error = self.refused(self.editing(INITIATOR, {"max_jobs": "many"}))
        self.assertEqual(
            str(error), f"edit 6 [{INITIATOR}] max_jobs = many: 'many' is not a whole number; one like 25 is right"
        )

    def test_refused(self) -> None:
        """Names option, value and reason, and changes nothing; the next is taken."""
        for section in (DEFAULT, "m", A):
            error = self.refused(self.editing(section, {"rate": "7", "nice": "40"}))
            self.assertEqual((error.source, error.option, error.value), ("edit 5", "nice", "40"))
            self.assertIn("must be <= 19", str(error))
        self.refused(self.editing("none", {"x": "1"}), NotFound)
        self.assertEqual(self.rates(), ["2", "2", None])
        self.edit("m", {"rate": "7"})

    def test_too_large(self) -> None:
        """What would not reach a processor is refused where it is said first, with its size and the most."""
        text = "x" * 60000
        for section in (DEFAULT, "m", A):
            for number in range(8):
                self.edit(section, {f"x{number}": text})
            error = self.refused(self.editing(section, {"y": "x" * 50000}))
            says = f"{SOURCE} [{section}]: its options come to 530"
            self.assertEqual((str(error)[: len(says)], error.section, error.option), (says, section, None))
            self.assertRegex(
                error.problem, r"^its options come to \d+ bytes, of which x0 has most; at most are 524288$"
            )
            draft = partial(self.live.draft_edit, section, {"y": "x" * 50000})
            self.refused(self.configurator.plan(draft))
            self.edit(section, {f"x{number}": None for number in range(8)})

    def test_in_turn(self) -> None:
        """A second change is made when the first is taken, and sees it."""
        self.clock.pace = SLICE
        order: list[str] = []

        def make(name: str, if_match: int) -> Callable[[], Draft]:
            def made() -> Draft:
                order.append(f"{name} at {self.live.revision}")
                return self.live.draft_edit("m", {"rate": name}, if_match)

            return made

        works = [
            self.started(self.configurator.take(make(name, known), "operator"))
            for name, known in (("5", 4), ("6", 4), ("7", 5))
        ]
        planned = self.started(self.configurator.plan(lambda: self.live.draft_edit("m", {"rate": "8"})))
        self.assertEqual(order, ["5 at 4"])
        self.finish(*works, planned)
        self.assertEqual(order, ["5 at 4", "6 at 5", "7 at 5"])
        self.successResultOf(works[0])
        self.failureResultOf(works[1], Overtaken)
        self.assertEqual(self.successResultOf(works[2]).revision, 6)
        self.assertEqual(self.successResultOf(planned).revision, 7)
        self.assertEqual(self.rates(), ["7", "7", None])

    def test_cancelled(self) -> None:
        """A change that is given up before it is taken is not; the next has its turn. One in line is not begun."""
        self.clock.pace = SLICE
        first, second, third = (self.started(self.editing("m", {"rate": rate})) for rate in "567")
        second.cancel()
        first.cancel()
        for work in (first, second):
            self.failureResultOf(work, CancelledError)
        self.finish(third)
        self.assertEqual((self.successResultOf(third).revision, self.rates()), (5, ["7", "7", None]))

    def test_what_holds_fails(self) -> None:
        """An error on the way leaves it as it was, and open to the next."""

        def hold(draft: Draft) -> list[str]:
            raise Refused("not now")

        self.refused(self.configurator.take(lambda: self.live.draft_edit("m", {"x": "1"}), "operator", hold), Refused)
        self.edit("m", {"rate": "5"})

    def test_one_check_for_those_alike(self) -> None:
        """What many come to alike is checked once, and each section."""
        asked: list[str] = []
        self.configurator.check_launch = lambda values: asked.append(values.get("rate", ""))
        self.edit("m", {"rate": "5"})
        self.assertEqual(asked, ["5", "", "5", ""])


class PresenceTests(Case):
    """Processors come and go."""

    def test_configuration(self) -> None:
        """Is what its section comes to, what the initiator sets, and what is secret; with its revision."""
        revision, options = self.configurator.configuration(A)
        self.assertEqual(revision, 2)
        expected = {**steering(A), "d": "1", "rate": "2", "secret_options": "token *password* *secret* *_key"}
        self.assertEqual(options, expected)
        self.assertRaises(NotFound, self.configurator.configuration, "d" * 32)

    def test_join_refused(self) -> None:
        """There is no such processor then, and it is not told of: the place is the module that was ordered."""
        large = {f"x{number}": "x" * 60000 for number in range(9)}
        refused: list[tuple[Patch, str]] = [
            ({"nice": "x"}, "[m] nice = x: 'x' is not a whole number; one like 25 is right"),
            ({"listen_port": "1"}, "[m] listen_port: the initiator steers by this option, it cannot be edited"),
            ({"guid": None}, "[m] guid: the initiator steers by this option, it cannot be edited"),
            ({"user": "root"}, f"[m] user: can be set in the file alone, {SOURCE}"),
            ({"a b": "1"}, "[m] 'a b': "),
            ({"rate": None}, "[m] rate: is not set here, there is nothing to remove"),
            ({"x": "${y}"}, "[m] x = ${y}: ${y} refers to nothing: set y in [m] or in [DEFAULT]"),
            ({"x": "${y}", "y": "${x}"}, "[m] x = ${y}: refers to itself: m:x -> m:y -> m:x"),
            ({"x": "x" * 65537}, "comes to more than 64 KiB"),
            (large, f"{SOURCE} [m]: its options come to 54"),
        ]
        for options, says in refused:
            error = self.refused(self.configurator.join([member("d" * 32)], options, "operator"))
            self.assertIn(says, str(error))
            self.assertEqual(error.section, "m")
            self.assertNotIn("d" * 32, str(error))
        self.assertEqual(list(self.live.members()), [A, B, C])

    def test_join_on_a_broken_ground(self) -> None:
        """What is wrong with an option that was not given is where that stands."""
        self.edit(DEFAULT, {"base": "1", "nice": "${base}"})
        error = self.refused(self.configurator.join([member("d" * 32)], {"base": "99"}, "operator"))
        self.assertEqual(str(error), "edit 5 [m] nice = 99: must be <= 19")

    def test_leave(self) -> None:
        """Nothing is left of it, but what the last of its module declared."""
        self.run_(self.configurator.declare(A, (RATE,)))
        self.run_(self.configurator.declare(B, (RATE, Option("depth", int))))
        for guid in (A, B, C):
            self.run_(self.configurator.leave(guid, "operator"))
        declared = self.configurator._declared
        self.assertEqual([declared.of(guid).declared for guid in (A, B, C)], [()] * 3)
        self.assertEqual(([*declared.of_module("m").names], [*declared.of_module("n").names]), (["rate", "depth"], []))
        self.failureResultOf(self.started(self.configurator.leave(A, "operator")), NotFound)


class WaitTests(Case):
    """Who waits for a change hears of it, and of nothing else."""

    def waiting(self, guid: str, timeout: float = 60, **more: Any) -> Deferred[bool]:
        return self.started(self.configurator.waiting.changed(guid, self.live.offered(guid), timeout, **more))

    def test_edits(self) -> None:
        """Whom an edit reaches, all who wait for it; others go on waiting."""
        a, again, b, c = (self.waiting(guid) for guid in (A, A, B, C))
        self.edit("n", {"x": "1"})
        self.successResultOf(c)
        self.edit(A, {"rate": "5"})
        self.successResultOf(a)
        self.successResultOf(again)
        self.assertNoResult(b)
        self.assertEqual(len(self.configurator.waiting), 1)
        self.edit("m", {"rate": "6"})
        self.successResultOf(b)

    def test_what_comes_to_the_same(self) -> None:
        """An edit that changes nothing of a processor's is none to it, nor is one that was refused or planned."""
        a = self.waiting(A)
        self.edit("m", {"rate": "2"})
        self.edit(DEFAULT, {"rate": "9"})
        self.refused(self.editing("m", {"rate": "${x}"}))
        self.run_(self.configurator.plan(lambda: self.live.draft_edit("m", {"rate": "7"})))
        self.run_(self.configurator.join([member("d" * 32)], {}, "operator"))
        self.run_(self.configurator.waiting.wake([A]))
        self.assertNoResult(a)
        self.edit(A, {"rate": "7"})
        self.successResultOf(a)

    def test_held(self) -> None:
        """Who is held back hears of it when it is released, and others at once."""
        a, b = self.waiting(A), self.waiting(B)
        self.edit("m", {"rate": "5"}, B)
        self.successResultOf(a)
        self.assertNoResult(b)
        self.assertEqual(self.rates(), ["5", "2", None])
        self.assertEqual(self.configurator.release([A, B]), [B])
        self.assertNoResult(b)
        self.run_(self.configurator.waiting.wake([B]))
        self.successResultOf(b)
        self.assertEqual(self.rates(), ["5", "5", None])

    def test_reverted(self) -> None:
        """Who was never reached hears neither of an edit nor of its end."""
        b = self.waiting(B)
        self.edit("m", {"rate": "5"}, B)
        a = self.waiting(A)
        self.run_(self.configurator.take(lambda: self.live.draft_revert("m", 5), "operator"))
        self.successResultOf(a)
        self.assertNoResult(b)
        self.edit(B, {"x": "1"})
        self.successResultOf(b)

    def test_gone(self) -> None:
        """Who is gone is answered."""
        a, b = self.waiting(A), self.waiting(B)
        self.run_(self.configurator.leave(A, "operator"))
        self.successResultOf(a)
        self.assertNoResult(b)
        self.run_(self.configurator.leave(B, "operator"))
        self.successResultOf(b)

    def test_timeout(self) -> None:
        """Is the longest that anybody waits."""
        a = self.waiting(A, 10)
        self.clock.advance(9.9)
        self.assertNoResult(a)
        self.clock.advance(0.1)
        self.successResultOf(a)
        self.assertEqual(len(self.configurator.waiting), 0)

    def test_at_once(self) -> None:
        """Who has another revision, or does not want to wait, does not; who is not there is told so."""
        for revision, timeout in ((1, 60), (99, 60), (2, 0), (2, -1)):
            self.run_(self.configurator.waiting.changed(A, revision, timeout))
        self.failureResultOf(self.started(self.configurator.waiting.changed("d" * 32, 1, 60)), NotFound)

    def test_cancelled(self) -> None:
        """Who hangs up leaves nothing behind, and the others where they are."""
        first, second = self.waiting(A), self.waiting(A)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.edit(A, {"rate": "5"})
        self.successResultOf(second)
        last = self.waiting(A)
        last.cancel()
        self.failureResultOf(last, CancelledError)
        self.assertEqual(len(self.configurator.waiting), 0)

    def test_waits_again_at_once(self) -> None:
        """Who comes back from within its answer waits for the next, and is not answered twice."""
        answers: list[int] = []

        async def follow() -> None:
            while len(answers) < 3:
                await self.configurator.waiting.changed(A, self.live.offered(A), 60)
                answers.append(self.live.offered(A))

        following = self.started(follow())
        for rate in "567":
            self.edit(A, {"rate": rate})
        self.successResultOf(following)
        self.assertEqual(answers, [5, 6, 7])

    def test_hangs_up_meanwhile(self) -> None:
        """One's answer may be what makes the next hang up."""
        first, second = self.waiting(A), self.waiting(A)
        first.addCallback(lambda _: second.cancel())
        self.edit(A, {"rate": "5"})
        self.successResultOf(first)
        self.failureResultOf(second, CancelledError)

    def test_let_go(self) -> None:
        """When all ends, all who wait are answered, and nobody waits any more."""
        waiting = [self.waiting(guid) for guid in (A, A, B)]
        self.run_(self.configurator.waiting.let_go())
        self.assertEqual([self.successResultOf(each) for each in [*waiting, self.waiting(A)]], [False] * 4)

    def test_other_news(self) -> None:
        """Who has other news is answered when that is told of; who has it already, or has none, goes on waiting."""
        news: set[str] = set()
        a, b, c = (self.waiting(guid, has_more=lambda guid=guid: guid in news) for guid in (A, B, C))
        self.run_(self.configurator.waiting.nudge(None))
        news |= {A, B}
        self.run_(self.configurator.waiting.nudge([A, C]))
        self.assertTrue(self.successResultOf(a))
        self.assertNoResult(b)
        news.remove(A)
        again = self.waiting(A, has_more=lambda: A in news)
        self.run_(self.configurator.waiting.nudge(None))
        self.assertTrue(self.successResultOf(b))
        for each in (again, c):
            self.assertNoResult(each)
            each.addErrback(lambda _: None)
            each.cancel()

    def test_other_news_in_slices(self) -> None:
        """Who comes back while the others are told waits for the next, however many they are."""
        asked: list[str] = []

        async def follow(guid: str) -> None:
            while len(asked) < 50:
                await self.configurator.waiting.changed(
                    guid, self.live.offered(guid), 60, lambda: asked.count(guid) < 1
                )
                asked.append(guid)

        following = [self.started(follow(guid)) for guid in (A, B, C)]
        self.run_(self.configurator.waiting.nudge([A, B, C, A, B, C]))
        self.assertEqual(sorted(asked), sorted([A, B, C]))
        for each in following:
            self.assertNoResult(each)
            each.addErrback(lambda _: None)
            each.cancel()


class DeclarationTests(Case):
    """What running processors take."""

    def joining(self, **options: str) -> Coroutine[Any, Any, object]:
        """Add a processor of the module m, with options of its own."""
        return self.configurator.join([Member("e" * 32, "m")], options, "test")

    def test_newcomer(self) -> None:
        """Options of a new processor's own are judged by what the last of its module declared, though that is gone; the
        error has the module as its place. What it has of its module's section is not judged.
        """
        self.run_(self.configurator.declare(A, (RATE, Option("depth", int, 1))))
        self.configurator.forget_declaration(A)
        self.assertEqual(str(self.refused(self.joining(rate="-1"))), "[m] rate = -1: must be > 0")
        self.assertIn("[m] dpeth: is not known; is depth meant?", str(self.refused(self.joining(dpeth="1"))))
        self.run_(self.configurator.join([Member("e" * 32, "m")], {"rate": "2", "other": "x"}, "test"))
        # From now on it is judged by what it declares itself.
        self.edit("e" * 32, {"rate": "-1"})

    def test_refuses_an_edit(self) -> None:
        """With processor, option, value and reason, by whichever section it comes; others have their own say."""
        self.run_(self.configurator.declare(A, (RATE,)))
        for section in ("m", A):
            error = self.refused(self.editing(section, {"rate": "-1"}))
            self.assertEqual(str(error), f"edit 5 [{A}] rate = -1: must be > 0")
        self.configurator.forget_declaration(A)
        self.run_(self.configurator.declare(B, (RATE,)))
        self.assertIn(f"[{B}] rate = -1", str(self.refused(self.editing("m", {"rate": "-1"}))))
        self.edit(B, {"rate": "0.5"})
        self.edit(A, {"rate": "-1"})
        self.edit("m", {"rate": "-3"})
        self.assertEqual(self.rates(), ["-1", "0.5", None])

    def test_refuses_a_file(self) -> None:
        """With the file's line, in the module's section or in DEFAULT."""
        self.run_(self.configurator.declare(A, (RATE, Option("d", int))))
        for old, new, line, option in [("rate = 2", "rate = 0", 4, "rate"), ("d = 1", "d = one", 2, "d")]:
            error = self.refused(self.configurator.reload(parsed(FILE.replace(old, new)), "file"))
            self.assertEqual((error.source, error.line, error.section, error.option), (SOURCE, line, A, option))

    def test_process_is_no_more(self) -> None:
        """Its word is forgotten."""
        self.run_(self.configurator.declare(A, (RATE,)))
        self.configurator.forget_declaration(A)
        self.configurator.forget_declaration(A)
        self.edit("m", {"rate": "-1"})

    def test_secrets(self) -> None:
        """What one declares secret is so in every view of all, with what it goes into; they are told what is."""
        self.edit(DEFAULT, {"pin": "S1"})
        self.edit("m", {"url": "u:${pin}"})
        self.run_(self.configurator.declare(A, (Option("pin", secret=True),)))
        for guid, secret in ((A, {"pin", "url"}), (B, {"pin", "url"}), (C, {"pin"})):
            self.assertEqual(self.live.view(guid).secrets, secret)
            self.assertNotIn("S1", str(self.live.explain(guid)))
        for section in (DEFAULT, "m"):
            self.assertNotIn("S1", str((self.live.section(section), self.live.history(section))))
        options = self.configurator.configuration(A)[1]
        self.assertEqual((options["pin"], options["url"]), ("S1", "u:S1"))
        self.assertEqual(options["secret_options"], "token *password* *secret* *_key pin url")

    def test_secrets_in_errors(self) -> None:
        """A secret that is refused is not shown, nor what it goes into."""
        self.run_(self.configurator.declare(A, (Option("pin", int, secret=True), Option("url", int))))
        error = self.refused(self.editing("m", {"pin": "S1"}))
        self.assertEqual(str(error), f"edit 5 [{A}] pin = ***: the value is not a whole number; one like 25 is right")
        text = FILE.replace("rate = 2", "url = x${pin}\npin = 1")
        error = self.refused(self.configurator.reload(parsed(text), "file"))
        self.assertEqual((error.option, error.value), ("url", "***"))
        self.assertNotIn("x1", str(error))

    def test_secrets_declared_meanwhile(self) -> None:
        """A change that is on trial at that moment does not make it public again."""
        self.clock.pace = SLICE
        edit = self.started(self.editing("m", {"pin": "S1"}))
        declare = self.started(self.configurator.declare(C, (Option("pin", secret=True),)))
        self.assertNoResult(edit)
        self.finish(edit, declare)
        self.assertTrue(self.live.layers.is_secret("pin"))
        self.assertEqual(self.live.view(A).secrets, {"pin"})

    def test_left_meanwhile(self) -> None:
        """A processor that is gone before its word is heard leaves none."""
        self.clock.pace = SLICE
        edit = self.started(self.editing("m", {"x": "1"}))
        leave = self.started(self.configurator.leave(A, "operator"))
        declare = self.started(self.configurator.declare(A, (Option("pin", secret=True),)))
        self.finish(edit, leave, declare)
        self.assertEqual(self.configurator._declared.of(A).declared, ())


class ReloadTests(Case):
    """A file that is read again."""

    def reload(self, text: str) -> Plan:
        return self.run_(self.configurator.reload(parsed(text), "file"))

    def test_taken(self) -> None:
        """What is different is, for whom it is; the initiator's own options too."""
        plan = self.reload(FILE.replace("rate = 2", "rate = 5").replace("max_jobs = 9", "max_jobs = 8"))
        self.assertEqual([each.guid for each in plan.differences], [A, B])
        self.assertEqual((self.rates(), self.configurator.settings.max_jobs), (["5", "5", None], 8))

    def test_edits_win(self) -> None:
        """Until they are taken back."""
        self.edit("m", {"rate": "5"})
        self.assertEqual(self.reload(FILE.replace("rate = 2", "rate = 6")).differences, ())
        self.edit("m", {"rate": None})
        self.assertEqual(self.rates(), ["6", "6", None])

    def test_broken(self) -> None:
        """Is refused whole, and the old one stays."""
        for old, new in [
            ("rate = 2", "rate = ${x}"),
            ("max_jobs = 9", "max_jobs = x"),
            ("d = 1", "nice = x"),
            ("[n]", "[n]\nrefresh = 300"),
        ]:
            error = self.refused(self.configurator.reload(parsed(FILE.replace(old, new)), "file"))
            self.assertEqual(error.source, SOURCE)
            self.assertIsInstance(error.line, int)

    def test_initiator_is_gone(self) -> None:
        """A file without the initiator's section is not that of this initiator."""
        self.edit(INITIATOR, {"max_jobs": "5"})
        text = FILE.replace(INITIATOR, "e" * 32).replace("d = 1", "operator_auth = local")
        error = self.refused(self.configurator.reload(parsed(text), "file"))
        self.assertIn(f"no section [{INITIATOR}]", str(error))
        self.assertIn("e" * 32, str(error))

    def test_what_is_secret(self) -> None:
        """Is what the file says from then on, and what was declared."""
        self.run_(self.configurator.declare(C, (Option("pin", secret=True),)))
        self.reload(FILE.replace("max_jobs = 9", "secret_options = r*"))
        self.assertEqual(self.live.view(A).secrets, {"rate"})
        self.assertTrue(self.live.layers.is_secret("pin"))
        self.assertEqual(self.configurator.configuration(A)[1]["secret_options"], "r* pin")

    def test_held(self) -> None:
        """Who is kept stays where it is; who is held by nobody any more gets what is new, as do all others."""
        self.edit("m", {"rate": "5"}, A, B)
        self.run_(self.configurator.reload(parsed(FILE.replace("d = 1", "d = 2")), "file", lambda: [B, C]))
        self.assertEqual([self.live.view(guid).values["d"] for guid in (A, B, C)], ["2", "1", "2"])
        self.assertEqual(self.rates(), ["5", "2", None])


class TokenLifeTests(Case):
    """A token outlives the time between two fetches."""

    def test_one_processor(self) -> None:
        """One that fetches too seldom is refused, by its own section or by its creation."""
        says = "must be less than 272.727: a token is good for token_ttl = 300 s"
        error = self.refused(self.editing(A, {"refresh": "280"}))
        self.assertEqual(str(error), f"edit 5 [{A}] refresh = 280: {says}")
        error = self.refused(self.configurator.join([member("d" * 32)], {"refresh": "280"}, "operator"))
        self.assertIn(says, str(error))
        self.edit(A, {"refresh": "270"})

    def test_shorter_tokens(self) -> None:
        """Are refused while one fetches too seldom, though nothing of its own changes."""
        self.edit(B, {"refresh": "100"})
        self.edit(INITIATOR, {"token_ttl": "150"})
        error = self.refused(self.editing(INITIATOR, {"token_ttl": "101"}))
        self.assertEqual((error.section, error.option, error.value), (B, "refresh", "100"))
        self.assertIn("token_ttl = 101 s", str(error))
        self.edit(B, {"refresh": "50"})
        self.edit(INITIATOR, {"token_ttl": "101"})

    def test_shorter_for_all(self) -> None:
        """By DEFAULT, which every processor's section has too."""
        self.edit(DEFAULT, {"token_ttl": "200"})
        self.assertEqual(self.configurator.settings.token_ttl, 200)
        self.assertIn("token_ttl = 30 s", str(self.refused(self.editing(DEFAULT, {"token_ttl": "30"}))))

    def test_shorter_than_the_default(self) -> None:
        """A section that does not say how often to fetch is named."""
        error = self.refused(self.editing(INITIATOR, {"token_ttl": "4"}))
        self.assertIn("refresh: is 30 where it is not set, and must be less than 3.63636", str(error))
        self.edit(DEFAULT, {"refresh": "1"})
        self.edit(INITIATOR, {"token_ttl": "4"})
        self.assertEqual(self.configurator.settings.token_ttl, 4)
        self.assertIn("token_ttl = 4 s", str(self.refused(self.editing(DEFAULT, {"refresh": None}))))
