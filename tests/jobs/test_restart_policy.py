"""Tests of restarts: exact counts and delays, for every policy."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import asdict, frozen
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.jobs.restart_policy import (
    ALWAYS,
    NEVER,
    ON_FAILURE,
    Decision,
    Finished,
    GiveUp,
    RestartHistory,
    RestartPolicy,
    Retry,
)
from proactor.model import Job, State

from ..support.examples import examples
from ..support.rig import CONFIG, Rig


def decide(policy: RestartPolicy, ends: Sequence[tuple[float, bool, float]], random: float = 1.0) -> list[Decision]:
    """What follows from ends: each at a time, whether it failed, how long it had run."""
    history = RestartHistory()
    return [history.ended(policy, failed, ran, now, lambda: random) for now, failed, ran in ends]


class PolicyTests(SynchronousTestCase):
    """What each mode does."""

    def test_never(self) -> None:
        """With never nothing is started again."""
        self.assertEqual(decide(RestartPolicy(NEVER), [(0, True, 1), (1, False, 1)]), [Finished(), Finished()])

    def test_on_failure(self) -> None:
        """With on-failure a good end is the end, a bad one is not."""
        self.assertEqual(decide(RestartPolicy(ON_FAILURE, 2), [(0, False, 1), (1, True, 1)]), [Finished(), Retry(2)])

    def test_always(self) -> None:
        """With always a good end is started again too."""
        self.assertEqual(decide(RestartPolicy(ALWAYS, 2), [(0, False, 1)]), [Retry(2)])

    def test_delays_double_up_to_the_cap(self) -> None:
        """The most that a wait takes doubles with each failure in a row, up to restart_delay_max."""
        policy = RestartPolicy(delay=1, delay_max=5, attempts=0)
        self.assertEqual(decide(policy, [(n, True, 0) for n in range(5)]), [Retry(d) for d in (1, 2, 4, 5, 5)])

    def test_hindered(self) -> None:
        """Launches that never began have waits of their own, up to 30 s, until one begins, and spend no budget."""
        policy = RestartPolicy(NEVER, delay=0, delay_max=0, attempts=1)
        history = RestartHistory()
        expected = [Retry(d) for d in (0.5, 1, 2, 4, 8, 16, 30, 30)]
        self.assertEqual([history.hindered(lambda: 1.0) for _ in range(8)], expected)
        history.ended(policy, True, 0, 0, lambda: 1.0)
        self.assertEqual(history.hindered(lambda: 1.0), Retry(0.5))
        history.forgive()
        self.assertEqual(history.hindered(lambda: 0.5), Retry(0.25))
        self.assertEqual(history.kept(0), ((), 0))

    def test_full_jitter(self) -> None:
        """A wait is drawn from the whole range below that."""
        self.assertEqual(decide(RestartPolicy(delay=4), [(0, True, 0)], random=0.25), [Retry(1)])

    def test_good_run_begins_anew(self) -> None:
        """A run as long as restart_delay_max is a good one: the next wait is a first one."""
        policy = RestartPolicy(delay=1, delay_max=5, attempts=0)
        ends = [(0, True, 0), (1, True, 4.9), (10, True, 5)]
        self.assertEqual(decide(policy, ends), [Retry(1), Retry(2), Retry(1)])

    def test_budget(self) -> None:
        """After restart_attempts restarts within restart_window it is given up, with the count as the reason."""
        policy = RestartPolicy(delay=1, attempts=2, window=10)
        decisions = decide(policy, [(0, True, 0), (1, True, 0), (2, True, 0)])
        self.assertEqual(decisions[2], GiveUp("started again 2 times within 10 s, that is enough"))

    def test_budget_of_one(self) -> None:
        """Once is once."""
        decisions = decide(RestartPolicy(delay=1, attempts=1, window=10), [(0, True, 0), (1, True, 0)])
        self.assertEqual(decisions[1], GiveUp("started again once within 10 s, that is enough"))

    def test_budget_comes_back(self) -> None:
        """What is longer ago than the window does not count."""
        policy = RestartPolicy(delay=0, attempts=2, window=10)
        decisions = decide(policy, [(0, True, 0), (9, True, 0), (10, True, 0), (11, True, 0)])
        self.assertEqual([type(each) for each in decisions], [Retry, Retry, Retry, GiveUp])

    def test_forgive(self) -> None:
        """Who starts it by hand gives it its budget back."""
        history, policy = RestartHistory(), RestartPolicy(delay=1, attempts=1)
        history.ended(policy, True, 0, 0, lambda: 1.0)
        self.assertIsInstance(history.ended(policy, True, 0, 1, lambda: 1.0), GiveUp)
        history.forgive()
        self.assertEqual(history.ended(policy, True, 0, 2, lambda: 1.0), Retry(1))


POLICIES = st.builds(
    RestartPolicy,
    st.sampled_from([ALWAYS, ON_FAILURE, NEVER]),
    st.floats(0, 10),
    st.floats(0, 100),
    st.integers(0, 5),
    st.floats(1, 100),
)
ENDS = st.lists(st.tuples(st.floats(0, 50), st.booleans(), st.floats(0, 200)), max_size=40)


class BudgetProperties(SynchronousTestCase):
    """What holds for any ends at any times."""

    @examples(200)
    @given(POLICIES, ENDS, st.floats(0, 1, exclude_max=True))
    def test_never_more_than_the_budget(
        self, policy: RestartPolicy, ends: list[tuple[float, bool, float]], random: float
    ) -> None:
        """In no window are there more restarts than attempts, and no wait is longer than the cap."""
        now, timed = 0.0, []
        for gap, failed, ran in ends:
            now += gap
            timed.append((now, failed, ran))
        restarts = []
        for (time, failed, _), decision in zip(timed, decide(policy, timed, random), strict=True):
            if isinstance(decision, Retry):
                self.assertTrue(0 <= decision.delay <= max(policy.delay_max, 1e-9))
                restarts.append(time)
            elif isinstance(decision, Finished):
                self.assertTrue(policy.mode == NEVER or (policy.mode == ON_FAILURE and not failed))
            else:
                recent = [each for each in restarts if each > time - policy.window]
                self.assertEqual(len(recent), policy.attempts)
        for start in restarts:
            within = [each for each in restarts if start <= each < start + policy.window]
            self.assertTrue(not policy.attempts or len(within) <= policy.attempts)


#: Few, so that they meet at the edges; sums of them and of their halves are exact.
SECONDS = st.sampled_from([0.25, 0.5, 1, 2, 4, 8])
EXACT_POLICIES = st.builds(
    RestartPolicy,
    st.sampled_from([ALWAYS, ON_FAILURE, ON_FAILURE, NEVER]),
    SECONDS,
    SECONDS,
    st.integers(0, 3),
    st.sampled_from([1, 2, 4, 8, 16, 64]),
)
#: How long each process runs, and the status that it ends with.
RUNS = st.lists(st.tuples(st.just(0.0) | SECONDS, st.sampled_from([1, 1, 1, 0])), max_size=12)


WHAT = {State.BACKOFF: Retry, State.EXITED: Finished, State.FATAL: GiveUp}


@frozen
class Expected:
    """What is to become of a job, worked out from the description of the policy in docs/lifecycle.md alone."""

    state: State
    wait: float = 0.0


def expected(policy: RestartPolicy, runs: Sequence[tuple[float, int]]) -> list[Expected]:
    """What follows from each end, up to the first that nothing follows; the half of a ceiling is what is drawn."""
    found: list[Expected] = []
    now, in_a_row, restarted = 0.0, 0, list[float]()
    for ran, status in runs:
        now += ran
        in_a_row = 0 if ran >= policy.delay_max else in_a_row
        if policy.mode == NEVER or (policy.mode == ON_FAILURE and status == 0):
            return [*found, Expected(State.EXITED)]
        if policy.attempts and sum(time > now - policy.window for time in restarted) >= policy.attempts:
            return [*found, Expected(State.FATAL)]
        wait = min(policy.delay_max, policy.delay * 2**in_a_row) / 2
        restarted.append(now)
        in_a_row += 1
        found.append(Expected(State.BACKOFF, wait))
        now += wait
    return found


class ExactBudgetTests(SynchronousTestCase):
    """Each restart to the moment, for any policy and any ends."""

    @examples(400)
    @given(EXACT_POLICIES, RUNS)
    def test_decisions(self, policy: RestartPolicy, runs: list[tuple[float, int]]) -> None:
        """What is decided at each end is what the description says."""
        history, now = RestartHistory(), 0.0
        for (ran, status), then in zip(runs, expected(policy, runs), strict=False):
            now += ran
            decision = history.ended(policy, status != 0, ran, now, lambda: 0.5)
            self.assertIsInstance(decision, WHAT[then.state])
            if isinstance(decision, Retry):
                self.assertEqual(decision.delay, then.wait)
                now += then.wait

    @examples(25)
    @given(EXACT_POLICIES, RUNS)
    def test_counts_and_delays(self, policy: RestartPolicy, runs: list[tuple[float, int]]) -> None:
        """A supervised job is launched as often as that, each time exactly then, and then rests as it should."""
        rig = Rig(self, CONFIG.replace("[my.module]\n", f"[my.module]\n{written(policy)}"))
        job = rig.create()
        came = expected(policy, runs)
        for number, ((ran, status), then) in enumerate(zip(runs, came, strict=False), start=1):
            self.assertEqual((job.state, job.incarnation, job.restarts), (State.RUNNING, number, number - 1))
            rig.clock.advance(ran)
            rig.launcher.finish(job.guid, status)
            rig.clock.advance(0)
            self.assertIs(job.state, then.state)
            if then.state is State.BACKOFF:
                self.restarted_after(rig, job, then.wait)
        launched = sum(then.state is State.BACKOFF for then in came) + 1
        rig.clock.advance(10_000)
        self.assertEqual((job.incarnation, job.restarts), (launched, launched - 1))
        rig.close()

    def restarted_after(self, rig: Rig, job: Job, wait: float) -> None:
        """It is launched again then, and not a moment before."""
        assert job.next_start is not None
        self.assertEqual((job.next_start - rig.now()).total_seconds(), wait)
        rig.clock.advance(wait - 1 / 16)
        rig.clock.advance(0)
        self.assertIs(job.state, State.BACKOFF)
        rig.clock.advance(1 / 16)
        rig.clock.advance(0)
        self.assertIs(job.state, State.STARTING)
        rig.acknowledge(job)


def written(policy: RestartPolicy) -> str:
    """A policy as the options of a section."""
    values = {"": policy.mode} | {f"_{name}": value for name, value in asdict(policy).items() if name != "mode"}
    return "".join(f"restart{name} = {value}\n" for name, value in values.items())
