"""One process, from when it is launched or adopted until its end is known; a child, or not."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorFDSet, IReactorTime, IReadDescriptor
from twisted.internet.process import reapProcessHandlers
from twisted.python.failure import Failure
from zope.interface import implementer

from ..log.last_words import ENDED_BY_ITSELF
from ..model import Exit, Identity
from .grip import Grip
from .identity import alive

__all__ = ["LOOK", "UNKNOWN", "LocalReactor", "Watched", "ended_by", "exited"]

UNKNOWN = Exit(None, None, "ended; its status cannot be known")
LOOK = 0.5
"""Seconds between two looks at a process whose end no descriptor tells."""


class LocalReactor(IReactorFDSet, IReactorTime):
    """What is needed of the reactor."""


def exited(code: int) -> Exit:
    """The end of a process by itself."""
    return Exit(code, None, f"{ENDED_BY_ITSELF}{code}")


def ended_by(number: int) -> Exit:
    """The end of a process by a signal."""
    try:
        name: str = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return Exit(None, number, f"ended by {name}")


@implementer(IReadDescriptor)
class _Reader:
    """Has a call made, once, when a descriptor is readable."""

    def __init__(self, reactor: LocalReactor, fd: int, call: Callable[[], None]) -> None:
        self._reactor = reactor
        self._fd = fd
        self._call = call
        reactor.addReader(self)

    def fileno(self) -> int:
        """The descriptor."""
        return self._fd

    def logPrefix(self) -> str:
        """What the reactor calls it."""
        return "pidfd"

    def doRead(self) -> None:
        """It is readable, and will be for ever."""
        self.stop()
        self._call()

    def connectionLost(self, reason: Failure) -> None:
        """Nothing is lost with the reactor."""

    def stop(self) -> None:
        """Wait no more; nothing where it does not."""
        self._reactor.removeReader(self)


class Watched:
    """One process that leads a group, or is about to.

    :param grip: hold of it.
    :param told: called once, when it is over, with this and with how it ended.
    :ivar is_over: whether it is known to be.
    """

    def __init__(
        self, reactor: LocalReactor, identity: Identity, grip: Grip, told: Callable[[Watched, Exit], None]
    ) -> None:
        self.identity = identity
        self.is_over = False
        self._reactor = reactor
        self._grip = grip
        self._told = told
        self._reader: _Reader | None = None
        self._later: dict[str, IDelayedCall] = {}
        self._waiting: list[Deferred[None]] = []

    def watch_child(self, reap: Callable[[], None]) -> None:
        """Have a child reaped at its end; ``reap`` tells of that end, and does nothing before.

        The reactor does so on SIGCHLD, and one can get lost that comes just as signal handlers change hands.
        """
        if self._grip.fd is not None:
            self._reader = _Reader(self._reactor, self._grip.fd, reap)
        else:
            self._later["look"] = self._reactor.callLater(LOOK, self._look_at_child, reap)

    def _look_at_child(self, reap: Callable[[], None]) -> None:
        reap()
        if not self.is_over:
            self._later["look"] = self._reactor.callLater(LOOK, self._look_at_child, reap)

    def watch(self) -> None:
        """Find out of its end; to be called where nobody tells of that."""
        if self._grip.fd is not None:
            self._reader = _Reader(self._reactor, self._grip.fd, self._ended)
        else:
            self._later["look"] = self._reactor.callLater(LOOK, self._look)

    def _look(self) -> None:
        if alive(self.identity):
            self._later["look"] = self._reactor.callLater(LOOK, self._look)
        else:
            self._ended()

    def _ended(self) -> None:
        self.over(_status(self.identity.pid, self._grip.fd))

    def over(self, exit_: Exit) -> None:
        """It has ended; what is left of its group ends with it."""
        self.is_over = True
        # One that has become somebody else's is beyond us.
        with suppress(ProcessLookupError, PermissionError):
            self._grip.signal_group(signal.SIGKILL)
        self._look_no_more()
        self._grip.close()
        self._told(self, exit_)

    def _look_no_more(self) -> None:
        # What would call this is let go of: thousands that hold themselves would wait for a look through all memory.
        for each in self._later.values():
            if each.active():
                each.cancel()
        self._later.clear()
        if self._reader is not None:
            self._reader.stop()
            self._reader = None

    def settle(self) -> None:
        """Let those go on that wait for its end."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def stop(self, grace: float) -> Deferred[None]:
        """Ask the whole group to end, and make it so after ``grace`` seconds; fires when the end has been told."""
        over: Deferred[None] = Deferred()
        self._waiting.append(over)
        if "kill" not in self._later:
            self._end(signal.SIGTERM)
            self._later["kill"] = self._reactor.callLater(grace, self._end, signal.SIGKILL)
        return over

    def signal(self, number: int) -> bool:
        """Send a signal to the process alone; tell whether it was there to get it."""
        with suppress(ProcessLookupError):
            self._grip.signal(number)
            return True
        return False

    def _end(self, number: int) -> None:
        if self.is_over:
            return
        for send in (self._grip.signal_group, self._grip.signal):
            # There is no such group before it has made its session.
            with suppress(ProcessLookupError):
                send(number)
                return


def _status(pid: int, fd: int | None) -> Exit:
    """How a process ended, as far as it is ours to know; a child that Twisted does not know of is reaped."""
    kind, number = (os.P_PID, pid) if fd is None else (os.P_PIDFD, fd)
    try:
        found = os.waitid(kind, number, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is not None and pid not in reapProcessHandlers:
            os.waitid(kind, number, os.WEXITED | os.WNOHANG)
    except ChildProcessError:
        return UNKNOWN
    return UNKNOWN if found is None else _exit(found)


def _exit(found: Any) -> Exit:
    return exited(found.si_status) if found.si_code == os.CLD_EXITED else ended_by(found.si_status)
