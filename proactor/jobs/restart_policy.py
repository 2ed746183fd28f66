"""Whether a process that ended, or never began, is started again, and when. Plain: times and chance are passed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from attrs import define, field, frozen

from ..backoff import Backoff

#: After launches that never began: the first may be over as soon as somebody closes a file, a disk takes its time.
HINDERED = Backoff(0.5, 30.0)
ALWAYS, ON_FAILURE, NEVER = "always", "on-failure", "never"


@frozen
class RestartPolicy:
    """What a section says of restarts. Times in seconds.

    :param mode: ``always``, ``on-failure`` or ``never``.
    :param delay: the most that the first wait takes; it doubles with each failure in a row.
    :param delay_max: the most that any takes; a run as long as that is a good one, after which it begins anew.
    :param attempts: how many restarts there may be within ``window``; 0: any number.
    """

    mode: str = ON_FAILURE
    delay: float = 0.5
    delay_max: float = 30.0
    attempts: int = 10
    window: float = 300.0


@frozen
class Retry:
    """Start it again, after so many seconds."""

    delay: float


@frozen
class Finished:
    """It is done, and that is as it should be."""


@frozen
class GiveUp:
    """It is not to be started again until somebody says so."""

    reason: str


Decision = Retry | Finished | GiveUp


@define
class RestartHistory:
    """What is remembered of one job's ends."""

    _times: deque[float] = field(factory=deque)
    _failures: int = 0
    _hindered: int = 0

    def ended(
        self, policy: RestartPolicy, failed: bool, ran: float, now: float, random: Callable[[], float]
    ) -> Decision:
        """What follows from an end.

        :param failed: whether it was none that it should have come to.
        :param ran: how long it had run, in seconds.
        :param now: on a clock that only goes forward.
        :param random: as ``random.random``: uniform in [0, 1).
        """
        self._hindered = 0
        if ran >= policy.delay_max:
            self._failures = 0
        if policy.mode == NEVER or (policy.mode == ON_FAILURE and not failed):
            return Finished()
        while self._times and self._times[0] <= now - policy.window:
            self._times.popleft()
        if policy.attempts and len(self._times) >= policy.attempts:
            times = "once" if len(self._times) == 1 else f"{len(self._times)} times"
            return GiveUp(f"started again {times} within {policy.window:g} s, that is enough")
        self._times.append(now)
        delay = _backoff(policy).delay(self._failures, random)
        self._failures += 1
        return Retry(delay)

    def hindered(self, random: Callable[[], float]) -> Retry:
        """What follows from a launch that what is around it did not let begin, such as a full disk.

        It is no word of the program: its policy is not asked, nor is its budget spent.
        """
        delay = HINDERED.delay(self._hindered, random)
        self._hindered += 1
        return Retry(delay)

    def kept(self, now: float) -> tuple[tuple[float, ...], int]:
        """How long ago each restart in the window was, in seconds, and how many failures there were in a row."""
        return tuple(now - time for time in self._times), self._failures

    @classmethod
    def of(cls, ages: Iterable[float], in_a_row: int, now: float) -> RestartHistory:
        """As another initiator kept it; what a clock that was set puts in the future is taken for now."""
        return cls(deque(now - max(0.0, age) for age in ages), in_a_row)

    def forgive(self) -> None:
        """Begin anew: somebody wants it to."""
        self._times.clear()
        self._failures = self._hindered = 0


def _backoff(policy: RestartPolicy) -> Backoff:
    # A policy may say 0: at once.
    return Backoff(max(policy.delay, 1e-9), max(policy.delay_max, 1e-9))
