"""Tests of restarts: exact counts and delays, for every policy."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.restart import ALWAYS, NEVER, ON_FAILURE, Decision, Finished, GiveUp, RestartHistory, RestartPolicy, Retry


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

    @settings(deadline=None, max_examples=200)
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
