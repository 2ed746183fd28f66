"""The guardian's process as the initiator has it: its own child, or one that an earlier initiator has started."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from contextlib import suppress

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from ..guardian_main.processes import Process
from ..guardian_main.protocol import connected
from .packets import Link, LinkReactor

__all__ = ["Child", "Found", "GuardianReactor", "started"]


class GuardianReactor(IReactorProcess, LinkReactor):
    """What is needed of the reactor."""


class Child(ProcessProtocol):
    """The guardian's process, where it is our child."""

    def __init__(self, ended: Callable[[str], None]) -> None:
        self._ended = ended

    @property
    def pid(self) -> int | None:
        """Its number, until it is reaped."""
        return None if self.transport is None else self.transport.pid

    def kill(self) -> None:
        """End it, if it has not ended."""
        assert self.transport is not None
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")

    def processEnded(self, reason: Failure) -> None:
        """Tell of its end."""
        self._ended(reason.getErrorMessage())


class Found:
    """The guardian's process, where an earlier initiator started it."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.pid: int | None = process.pid

    def kill(self) -> None:
        """End it, if it has not ended."""
        self._process.signal(signal.SIGKILL)


def started(
    reactor: GuardianReactor, argv: Sequence[str], stderr: int, ended: Callable[[str], None]
) -> tuple[Link, Child]:
    """Start one, with nothing of ours but its end of the connection and a place to write to.

    :param ended: called with the reason when it was reaped.
    :raises OSError: it cannot be started.
    """
    ours, theirs = connected()
    child = Child(ended)
    link = Link(reactor, ours)
    with theirs:
        files = {0: theirs.fileno(), 1: stderr, 2: stderr}
        try:
            reactor.spawnProcess(child, argv[0], argv, env={}, childFDs=files)
        except OSError:
            link.close()
            raise
    return link, child
