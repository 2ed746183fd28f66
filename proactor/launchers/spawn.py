"""The launcher of this machine: a fresh process for each, by ``reactor.spawnProcess``."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ProcessTerminated
from twisted.internet.interfaces import IDelayedCall, IReactorProcess, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from ..errors import Conflict, Refused
from ..interfaces import Handle, ILauncher, LaunchSpec
from ..model import Exit
from .limits import for_session, wrapped
from .turns import InTurn


class SpawnReactor(IReactorProcess, IReactorTime):
    """What is needed of the reactor."""


class _Child(ProcessProtocol):
    """One process, from its start until it is reaped.

    :ivar pid: its number; 0 when it is reaped, and that may be another's.
    :ivar number: the same, and kept.
    """

    def __init__(self, clock: IReactorTime, ended: Callable[[Exit], None]) -> None:
        self._clock = clock
        self._ended = ended
        self.number = 0
        self._kill: IDelayedCall | None = None
        self._waiting: list[Deferred[None]] = []
        self.pid = 0

    def connectionMade(self) -> None:
        """Keep the number: the transport forgets it when the process is reaped."""
        assert self.transport is not None
        self.number = self.pid = self.transport.pid or 0

    def processExited(self, reason: Failure) -> None:
        """Tell of the end. Not ``processEnded``: a grandchild that holds a pipe would delay that."""
        # While one of its group lives, the group's number goes to nobody else; the process's own may be taken by now.
        # One that has become somebody else's is beyond us.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.pid = 0
        if self._kill is not None and self._kill.active():
            self._kill.cancel()
        waiting, self._waiting = self._waiting, []
        self._ended(_exit(reason))
        for deferred in waiting:
            deferred.callback(None)

    def stop(self, grace: float) -> Deferred[None]:
        """Ask the whole group to end, and make it so after ``grace`` seconds."""
        over: Deferred[None] = Deferred()
        self._waiting.append(over)
        if self._kill is None:
            self._signal_group(signal.SIGTERM)
            self._kill = self._clock.callLater(grace, self._signal_group, signal.SIGKILL)
        return over

    def signal(self, number: int) -> None:
        """Send a signal to the process alone."""
        os.kill(self.pid, number)

    def _signal_group(self, number: int) -> None:
        if not self.pid:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)
            return
        # There is no such group before it has made its session.
        os.kill(self.pid, number)


def _exit(reason: Failure) -> Exit:
    if isinstance(reason.value, ProcessTerminated) and reason.value.signal is not None:
        number = int(reason.value.signal)
        return Exit(None, number, f"ended by {_signal_name(number)}")
    code = int(getattr(reason.value, "exitCode", None) or 0)
    return Exit(code, None, f"exited with status {code}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


@implementer(ILauncher)
class SpawnLauncher:
    """Starts each process afresh, in a session of its own, with the descriptors of its spec and no others."""

    name = "spawn"

    def __init__(self, reactor: SpawnReactor) -> None:
        self._reactor = reactor
        self._children: dict[tuple[str, int], _Child] = {}
        self._session = _session_command()
        self._turns = InTurn(reactor)

    def launch(self, spec: LaunchSpec, ended: Callable[[Exit], None]) -> Deferred[Handle]:
        """Start a process; see :class:`~proactor.interfaces.ILauncher`."""
        place = (spec.guid, spec.incarnation)

        def forget(exit_: Exit) -> None:
            self._children.pop(place, None)
            self._turns.call(partial(ended, exit_))

        child = _Child(self._reactor, forget)
        if not _is_there(spec):
            return fail(Refused(f"{spec.argv[0]} cannot be started: there is no such executable"))
        try:
            self._spawn(child, spec)
        except OSError as e:
            return fail(Refused(f"{spec.argv[0]} cannot be started: {e.strerror}"))
        except Refused as e:
            return fail(e)
        if child.pid:
            self._children[place] = child
        return succeed(Handle(spec.guid, spec.incarnation, child.number))

    def _spawn(self, child: _Child, spec: LaunchSpec) -> None:
        argv = [*self._session, *for_session(spec.limits), *wrapped(spec.argv, spec.limits)]
        stdin = _filled(spec.stdin)
        try:
            self._reactor.spawnProcess(
                child,
                argv[0],
                argv,
                env=dict(spec.environment),
                childFDs={0: stdin, 1: spec.log, 2: spec.log, spec.fd: spec.listening},
            )
        finally:
            os.close(stdin)

    def stop(self, handle: Handle, grace: float) -> Deferred[None]:
        """End a process; see :class:`~proactor.interfaces.ILauncher`."""
        child = self._children.get((handle.guid, handle.incarnation))
        return succeed(None) if child is None else child.stop(grace)

    def signal(self, handle: Handle, number: int) -> None:
        """Send a signal; see :class:`~proactor.interfaces.ILauncher`."""
        child = self._children.get((handle.guid, handle.incarnation))
        if child is None:
            raise Conflict(f"the process of {handle.guid} has ended")
        child.signal(number)


def _is_there(spec: LaunchSpec) -> bool:
    """Whether the program is found where execvp(3) will look for it: later only its log could tell that it is not."""
    program = spec.argv[0]
    if os.sep in program:
        program = os.path.join(spec.limits.folder or "", program)
    return shutil.which(program, path=spec.environment.get("PATH", os.defpath)) is not None


def _filled(data: bytes) -> int:
    """A descriptor to read ``data`` from, to its end: no pipe, which a parent would have to live on to fill.

    It is a file without a name, in memory where there is memfd_create(2).
    """
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("configuration", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _session_command() -> tuple[str, ...]:
    """A command that runs another one in a session of its own, in its place: ``spawnProcess`` cannot."""
    setsid = shutil.which("setsid")
    if setsid is not None:
        return (setsid,)
    code = "import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])"
    return (sys.executable, "-I", "-S", "-c", code)
