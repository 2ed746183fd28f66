"""No orphans: when the initiator is killed, or stops, a small process of its own ends what that started and is left.

It holds the other end of a pipe, which the kernel closes with the initiator. ``guardian_main`` is what runs in it.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from random import random

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from . import guardian_main
from .backoff import Backoff, Tries
from .guardian_main import Process
from .launchers.command import MARK
from .launchers.spawn import SpawnReactor

__all__ = ["Guardian"]

_AGAIN = Backoff(first=0.1, cap=30.0)
_LAST_GRACE = 1.0
"""Seconds between SIGTERM and SIGKILL of what is left at a stop: its time is over."""
_LAST_WORK = 10.0
"""Seconds that it may take over that."""
_GOOD_RUN = 60.0
"""Seconds after which its end is not one in a row of failures."""

_log = Logger()


class _Line(ProcessProtocol):
    """The pipe to the guardian's process."""

    def __init__(self, hello: bytes, ended: Callable[[str], None]) -> None:
        self._hello = hello
        self._ended = ended

    def connectionMade(self) -> None:
        """Tell it all that there is to know."""
        self.tell(self._hello)

    def tell(self, lines: bytes) -> None:
        """Write to it, by and by; nothing where it has gone."""
        assert self.transport is not None
        self.transport.write(lines)

    def close(self) -> None:
        """Close it, when all was written."""
        assert self.transport is not None
        self.transport.closeStdin()

    def kill(self) -> None:
        """End it, if it has not ended."""
        assert self.transport is not None
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")

    def processEnded(self, reason: Failure) -> None:
        """Tell of its end, with the pipe closed."""
        self._ended(reason.getErrorMessage())


class Guardian:
    """Keeps the guardian's process, and tells it of ours. Needs Linux's ``/proc``; elsewhere it does nothing.

    Each process that is started must have :attr:`mark` in its environment, and lead a session. There is one limit: who
    kills the guardian first and the initiator before a new one is there (0.1 s) leaves orphans.

    :param python: the interpreter for it, which needs nothing but its standard library.
    :param stderr: the descriptor that it writes a line to when it had something to do.
    :param grace: seconds between SIGTERM and SIGKILL of a process that it was not told of.
    :param random: as ``random.random``.
    """

    def __init__(
        self,
        reactor: SpawnReactor,
        *,
        python: str = sys.executable,
        stderr: int = 2,
        grace: float = 10.0,
        random: Callable[[], float] = random,
    ) -> None:
        self._reactor = reactor
        self._argv = (python, "-I", "-S", str(Path(guardian_main.__file__).absolute()))
        self._stderr = stderr
        self._grace = grace
        self._value = secrets.token_hex(16)
        self._watched: dict[int, str] = {}
        self._tries = Tries(random)
        self._line: _Line | None = None
        self._started_at = 0.0
        self._later: IDelayedCall | None = None  # a start, or the kill at a stop
        self._stopped: Deferred[None] | None = None

    @property
    def mark(self) -> Mapping[str, str]:
        """What has to be in the environment of each process."""
        return {MARK: self._value}

    @property
    def pid(self) -> int | None:
        """The number of the guardian's process, while there is one."""
        return None if self._line is None or self._line.transport is None else self._line.transport.pid

    def start(self) -> None:
        """Start the guardian's process; when it ends by itself, it is started again."""
        if Process.look(1) is None:
            _log.warn("There is no /proc here: an initiator that is killed leaves its processes behind")
            return
        hello = f"= {MARK}={self._value} {self._grace}\n" + "".join(self._watched.values())
        line = _Line(hello.encode(), self._ended)
        self._started_at = self._reactor.seconds()
        try:
            self._reactor.spawnProcess(
                line, self._argv[0], self._argv, env={}, childFDs={0: "w", 1: self._stderr, 2: self._stderr}
            )
        except OSError as error:
            self._ended(f"cannot be started: {error.strerror}")
        else:
            self._line = line

    def watch(self, pid: int, grace: float) -> None:
        """Have a process ended, and all of its session, when we are gone; nothing where it has ended already.

        :param pid: of a child that was not reaped yet, so that its number is its own.
        :param grace: seconds between SIGTERM and SIGKILL; given anew, that counts.
        """
        process = Process.look(pid)
        if process is not None:
            self._watched[pid] = f"+ {pid} {process.start} {grace}\n"
            self._tell(self._watched[pid])

    def unwatch(self, pid: int) -> None:
        """Forget a process: there is none of its session any more."""
        if self._watched.pop(pid, None) is not None:
            self._tell(f"- {pid}\n")

    def stop(self) -> Deferred[None]:
        """End what is left of ours, then the guardian's process; fires when that is no more.

        What is left was started by a process that has ended, and made a session of its own.
        """
        self._cancel()
        if self._line is None:
            return succeed(None)
        self._stopped = Deferred()
        self._line.tell(f"! {_LAST_GRACE}\n".encode())
        self._line.close()
        self._later = self._reactor.callLater(_LAST_WORK, self._line.kill)
        return self._stopped

    def _tell(self, text: str) -> None:
        if self._line is not None:
            self._line.tell(text.encode())

    def _ended(self, reason: str) -> None:
        self._line = None
        if self._stopped is not None:
            self._cancel()
            stopped, self._stopped = self._stopped, None
            stopped.callback(None)
            return
        if self._reactor.seconds() - self._started_at >= _GOOD_RUN:
            self._tries.reset()
        delay = self._tries.next(_AGAIN)
        _log.warn("The guardian ended, and is started again in {delay:.1f} s: {reason}", delay=delay, reason=reason)
        self._later = self._reactor.callLater(delay, self._again)

    def _cancel(self) -> None:
        if self._later is not None and self._later.active():
            self._later.cancel()
        self._later = None

    def _again(self) -> None:
        self._later = None
        self.start()
