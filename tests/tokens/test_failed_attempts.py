from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import TooManyAttempts, Unauthenticated
from proactor.tokens.failed_attempts import ADDRESSES, ALLOWED, LINES, LONGEST, PERIOD, FailedAttempts, source_of

from ..support.examples import examples

HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


class Case(SynchronousTestCase):
    """Attempts on a clock."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.attempts = FailedAttempts(self.clock)

    def attempt(self, address: str = HERE, times: int = 1) -> int:
        """Fail so often; for how many seconds one is put off in the end."""
        for _ in range(times - 1):
            self._attempt(address)
        return self._attempt(address)

    def _attempt(self, address: str) -> int:
        try:
            self.attempts.note(address, Unauthenticated("this token is not valid", "invalid_token"))
        except TooManyAttempts as e:
            return e.retry_after
        return 0


class PuttingOffTests(Case):
    """Who is put off, and for how long."""

    def test_some(self) -> None:
        """A few mistakes are no matter."""
        self.assertEqual(self.attempt(times=ALLOWED), 0)

    def test_more(self) -> None:
        """Who goes on is put off, longer and longer, up to a bound; who waits for as long as they are told is not."""
        waits = [self.attempt(times=ALLOWED + 1), self.attempt(), self.attempt()]
        self.assertEqual(waits, [1, 2, 3])
        self.assertEqual(self.attempt(times=10000), LONGEST)
        self.clock.advance(LONGEST + 1)
        self.assertEqual(self.attempt(), 0)

    def test_forgotten(self) -> None:
        """After a while nothing is left of it."""
        self.attempt(times=ALLOWED)
        self.clock.advance(ALLOWED)
        self.assertEqual(self.attempt(times=ALLOWED), 0)

    def test_elsewhere(self) -> None:
        """One address has nothing to do with another."""
        self.attempt(times=1000)
        self.assertEqual(self.attempt(ELSEWHERE), 0)

    def test_network(self) -> None:
        """Of IPv6 whoever has one address has 2^64 of them: they count as one."""
        self.assertEqual(source_of("2001:db8::1"), source_of("2001:db8::ffff:1"))
        self.assertNotEqual(source_of("2001:db8::1"), source_of("2001:db8:0:1::1"))
        self.assertEqual(source_of("::ffff:192.0.2.1"), HERE)
        self.assertEqual(source_of("fe80::1%eth0"), "fe80::/64")
        self.assertEqual((source_of(""), source_of("/run/a")), ("", "/run/a"))

    def test_memory(self) -> None:
        """Whoever comes from ever so many addresses, only so many are remembered."""
        for number in range(ADDRESSES + 100):
            self.attempt(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
        self.assertEqual(len(self.attempts._levels), ADDRESSES)
        self.assertLessEqual(len(self.attempts._untold), ADDRESSES + 1)

    @examples(100)
    @given(st.lists(st.tuples(st.sampled_from([HERE, ELSEWHERE]), st.floats(0, 100)), max_size=200))
    def test_any(self, steps: list[tuple[str, float]]) -> None:
        """Whatever comes when: nobody is put off for longer than the bound, nor with fewer than are allowed."""
        clock = Clock()
        self.attempts = FailedAttempts(clock)
        times: dict[str, list[float]] = {HERE: [], ELSEWHERE: []}
        for address, seconds in steps:
            clock.advance(seconds)
            times[address].append(clock.seconds())
            wait = self.attempt(address)
            self.assertLessEqual(wait, LONGEST)
            if len(times[address]) <= ALLOWED:
                self.assertEqual(wait, 0)


class TellingTests(Case):
    """What the log says."""

    def said(self, events: list[LogEvent]) -> list[str]:
        return [formatEvent(event) for event in events]

    def test_each(self) -> None:
        """The first ones are told one by one, with address and reason."""
        with capturedLogs() as events:
            self.attempt(times=2)
        line = "Refused a credential from 192.0.2.1: this token is not valid"
        self.assertEqual(self.said(list(events)), [line, line])

    def test_storm(self) -> None:
        """A storm is some lines and a count, each minute anew."""
        for _ in range(2):
            with capturedLogs() as events:
                self.attempt(times=5000)
                self.attempt(ELSEWHERE, times=20)
                self.clock.advance(PERIOD)
            lines = self.said(list(events))
            self.assertEqual(len(lines), LINES + 1)
            counted = "Refused 5010 more credentials within 60 s, from 2 addresses; most, 4990, from 192.0.2.1"
            self.assertEqual(lines[-1], counted)

    def test_quiet(self) -> None:
        """Where there is nothing more to tell nothing is told, and nothing is left to be done."""
        with capturedLogs() as events:
            self.attempt()
            self.clock.advance(PERIOD)
        self.assertEqual((len(events), self.clock.getDelayedCalls()), (1, []))

    def test_stop(self) -> None:
        """What was counted is told when it ends; done again, that does nothing."""
        self.attempt(times=LINES)
        with capturedLogs() as events:
            self.attempt()
            self.attempts.stop()
            self.attempts.stop()
        self.assertEqual((len(events), self.clock.getDelayedCalls()), (1, []))
