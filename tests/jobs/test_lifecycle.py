"""Tests of the states of a job."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.jobs.lifecycle import TRANSITIONS, ImpossibleStep, Step, after, is_restarted, is_settled
from proactor.model import Job, State, Wanted

from ..support.examples import examples

DOCS = Path(__file__).parents[2] / "docs" / "lifecycle.md"


class LifecycleTests(SynchronousTestCase):
    """The table of transitions."""

    def test_every_state_can_be_left_and_reached(self) -> None:
        """There is no state without a way in and a way out."""
        self.assertEqual({state for state, _ in TRANSITIONS}, set(State))
        self.assertEqual(set(TRANSITIONS.values()), set(State))

    def test_stop_always_works(self) -> None:
        """Whatever a job is at, it can be stopped, or is being, or is."""
        for state in State:
            if state not in (State.STOPPING, State.STOPPED):
                self.assertIn(after(state, Step.STOP), (State.STOPPING, State.STOPPED))

    def test_impossible(self) -> None:
        """What cannot be is an error that names both."""
        error = self.assertRaises(ImpossibleStep, after, State.STOPPED, Step.READY)
        self.assertEqual(str(error), "no way from stopped by ready")

    @examples(100)
    @given(st.lists(st.sampled_from(list(Step)), max_size=50))
    def test_walks(self, steps: list[Step]) -> None:
        """Ready is never reached but from starting, and stopped never but through a stop."""
        state = State.STOPPED
        for step in steps:
            try:
                new = after(state, step)
            except ImpossibleStep:
                continue
            if new is State.RUNNING:
                self.assertIs(state, State.STARTING)
            if new is State.STOPPED:
                self.assertIn(step, (Step.STOP, Step.ENDED))
            state = new

    def test_documented(self) -> None:
        """The documentation has each transition of the table."""
        text = DOCS.read_text()
        for (state, step), new in TRANSITIONS.items():
            row = rf"\|\s*`?{state.value}`?\s*\|\s*`?{step.value}`?\s*\|\s*`?{new.value}`?\s*\|"
            self.assertIsNotNone(re.search(row, text), f"{state.value} | {step.value} | {new.value}")


def job(state: State, wanted: Wanted = Wanted.RUNNING, incarnation: int = 1, doomed: bool = False) -> Job:
    created = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
    how = {"state": state, "wanted": wanted, "incarnation": incarnation, "doomed": doomed}
    return Job("0" * 32, "m", "fork", 1, "http://h:1", created, **how)  # type: ignore[arg-type]


class WaitingTests(SynchronousTestCase):
    """What those wait for who have a job started."""

    def test_settled(self) -> None:
        """A job is settled when nothing more comes of it by itself."""
        settled = {State.RUNNING, State.EXITED, State.FATAL}
        for wanted, states in ((Wanted.RUNNING, settled), (Wanted.STOPPED, {*settled, State.STOPPED})):
            self.assertEqual({state for state in State if is_settled(job(state), wanted)}, states)

    def test_restarted(self) -> None:
        """It is restarted when there is another process, and it is known what has become of that."""
        for state in set(State) - {State.STARTING, State.STOPPED}:
            self.assertFalse(is_restarted(job(state), 1), state)
            self.assertTrue(is_restarted(job(state, incarnation=2), 1), state)
        self.assertFalse(is_restarted(job(State.STARTING, incarnation=2), 1))
        self.assertFalse(is_restarted(job(State.STOPPED), 1))

    def test_not_restarted(self) -> None:
        """Nor is waited for one that was stopped meanwhile; for one that is deleted, until it is gone."""
        self.assertTrue(is_restarted(job(State.STOPPED, Wanted.STOPPED), 1))
        self.assertFalse(is_restarted(job(State.STOPPED, Wanted.STOPPED, doomed=True), 1))
