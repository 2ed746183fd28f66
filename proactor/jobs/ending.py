"""Why a process is made to end, and how it ended: what its record says of that. Plain: times are passed in.

What is known of one end is here, from when somebody wants it; what follows from it is decided in ``supervised``.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

from attrs import define, evolve, frozen

from ..model import Exit

#: How many of its last lines are kept with a process's end, and where it was made to end: its stacks are among them.
LAST_LINES, DUMP_LINES = 20, 100


@frozen
class End:
    """How a process ended, or never began.

    :param exit: with all that there is to say of it as its reason.
    :param ran: for how long it ran, in seconds.
    :param hindered: there was none: what is around it did not let it begin.
    :param in_trouble: whether it was made to end, by nobody's wish.
    :param killed: what there is to say of one that had to be killed.
    """

    exit: Exit
    ran: float = 0.0
    hindered: bool = False
    in_trouble: bool = False
    killed: str | None = None

    @property
    def failed(self) -> bool:
        """Whether it is none that it should have come to: to be made to end is a failure whatever it says of it."""
        return self.exit.code != 0 or self.in_trouble


@define
class Ending:
    """What the end of a process that is awaited is about.

    :ivar trouble: why it is made to end; nothing where that is somebody's wish, or it is not.
    """

    trouble: str | None = None
    #: When it was asked to, and how long it was given, in seconds.
    _asked: tuple[float, float] | None = None

    def asked(self, now: float, grace: float) -> None:
        """It is asked to end by itself within so many seconds; who asks again does not give it more time."""
        if self._asked is None:
            self._asked = now, grace

    def came(self, exit_: Exit, now: float, last_lines: Callable[[int], tuple[str, ...]]) -> End:
        """It has ended.

        :param last_lines: gives as many of those that it wrote.
        """
        killed = self._killed(exit_, now)
        reason = "; ".join(filter(None, (self.trouble, killed, exit_.reason)))
        lines = last_lines(LAST_LINES if self.trouble is None else DUMP_LINES)
        exit_ = evolve(exit_, reason=reason, lines=lines)
        return End(exit_, in_trouble=self.trouble is not None, killed=killed)

    def _killed(self, exit_: Exit, now: float) -> str | None:
        """What there is to say of one that was asked to end, and did not until it was killed."""
        if self._asked is None or exit_.code is not None or exit_.signal not in (None, signal.SIGKILL):
            return None
        since, grace = self._asked
        return f"did not end within stop_timeout = {grace:g} s of SIGTERM" if now - since >= grace else None
