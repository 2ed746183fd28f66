"""How long to wait before the next try: exponential backoff with full jitter.

After "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): the wait is drawn from the whole range below
``first * factor ** attempt``, so that many who fail together do not come back together.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field, frozen
from attrs.validators import ge, gt

__all__ = ["Backoff", "Tries"]


@frozen
class Backoff:
    """How waits grow. All times in seconds.

    :param first: the most that the first wait takes.
    :param cap: the most that any takes.
    :param factor: by which the most grows, from one failed try to the next.
    """

    first: float = field(default=1.0, validator=gt(0))
    cap: float = field(default=30.0, validator=gt(0))
    factor: float = field(default=2.0, validator=ge(1))

    def ceiling(self, attempt: int) -> float:
        """Give the most that the wait after failed try number ``attempt``, from 0, takes."""
        try:
            return float(min(self.cap, self.first * self.factor**attempt))
        except OverflowError:
            return self.cap

    def delay(self, attempt: int, random: Callable[[], float]) -> float:
        """Draw that wait.

        :param random: as ``random.random``: uniform in [0, 1).
        """
        return self.ceiling(attempt) * random()


@define
class Tries:
    """Failed tries in a row.

    :param random: as ``random.random``: uniform in [0, 1).
    """

    random: Callable[[], float]
    failed: int = field(default=0, init=False)

    def next(self, backoff: Backoff) -> float:
        """Count a failed try; give the seconds to wait before another."""
        wait = backoff.delay(self.failed, self.random)
        self.failed += 1
        return wait

    def reset(self) -> int:
        """Begin anew after a try that went well; give how many had failed."""
        failed, self.failed = self.failed, 0
        return failed
