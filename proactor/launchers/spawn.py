"""The launcher of this machine: a fresh process for each, by ``reactor.spawnProcess``."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from typing import cast

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ProcessTerminated
from twisted.internet.interfaces import IReactorProcess
from twisted.internet.process import Process
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from ..errors import Refused
from ..interfaces import Handle, ILauncher, LaunchSpec
from ..model import Exit, Identity
from .grip import Numbered, grip
from .hindrance import not_started
from .identity import identity_of
from .limits import for_session, wrapped
from .local import LocalLauncher, Processes
from .watched import LocalReactor, Watched, ended_by, exited

__all__ = ["SpawnLauncher", "SpawnReactor", "filled", "session_command"]


class SpawnReactor(IReactorProcess, LocalReactor):
    """What is needed of the reactor."""


class _Child(ProcessProtocol):
    """One process, from its start until the reactor has reaped it.

    :param reserve: a descriptor that is closed when there is a process: one is needed to take hold of it.
    :ivar handle: of it, as soon as there is one.
    """

    def __init__(self, processes: Processes, spec: LaunchSpec, ended: Callable[[Exit], None], reserve: int) -> None:
        self._processes = processes
        self._spec = spec
        self._ended = ended
        self._reserve = reserve
        self._watched: Watched | None = None
        self.handle: Handle | None = None

    def connectionMade(self) -> None:
        """Take hold of it: it was not reaped yet, so that its number is its own."""
        self.close()
        assert self.transport is not None
        pid = self.transport.pid or 0
        identity = identity_of(pid) or Identity(pid, 0, "")
        self.handle = Handle(self._spec.guid, self._spec.incarnation, identity)
        self._watched = self._processes.hold(self.handle, grip(identity) or Numbered(identity), self._ended)
        self._watched.watch_child(self._reap)

    def _reap(self) -> None:
        process = cast(Process, self.transport)
        if process.pid is not None:
            process.reapProcess()

    def processExited(self, reason: Failure) -> None:
        """Tell of the end. Not ``processEnded``: a grandchild that holds a pipe would delay that."""
        assert self._watched is not None
        self._watched.over(_exit(reason))

    def close(self) -> None:
        """Give up the reserve."""
        if self._reserve >= 0:
            os.close(self._reserve)
            self._reserve = -1


def _exit(reason: Failure) -> Exit:
    if isinstance(reason.value, ProcessTerminated) and reason.value.signal is not None:
        return ended_by(int(reason.value.signal))
    return exited(int(getattr(reason.value, "exitCode", None) or 0))


@implementer(ILauncher)
class SpawnLauncher(LocalLauncher):
    """Starts each process afresh, in a session of its own, with the descriptors of its spec and no others."""

    name = "spawn"

    def __init__(self, reactor: SpawnReactor, processes: Processes | None = None) -> None:
        super().__init__(reactor, processes)
        self._reactor = reactor
        self._session = session_command()

    def launch(self, spec: LaunchSpec, ended: Callable[[Exit], None]) -> Deferred[Handle]:
        """Start a process; see :class:`~proactor.interfaces.ILauncher`."""
        if not _is_there(spec):
            return fail(Refused(f"{spec.argv[0]} cannot be started: there is no such executable"))
        try:
            return succeed(self._spawn(spec, ended))
        except OSError as e:
            return fail(not_started(spec.argv[0], e))
        except Refused as e:
            return fail(e)

    def _spawn(self, spec: LaunchSpec, ended: Callable[[Exit], None]) -> Handle:
        argv = [*self._session, *for_session(spec.limits), *wrapped(spec.argv, spec.limits)]
        stdin = filled(spec.stdin)
        child: _Child | None = None
        try:
            child = _Child(self.processes, spec, ended, os.dup(stdin))
            self._reactor.spawnProcess(child, argv[0], argv, env=dict(spec.environment), childFDs=_placed(spec, stdin))
        finally:
            os.close(stdin)
            if child is not None:
                child.close()
        assert child.handle is not None
        return child.handle


def _placed(spec: LaunchSpec, stdin: int) -> dict[int, int | str]:
    placed: dict[int, int | str] = {0: stdin, 1: spec.log, 2: spec.log, spec.fd: spec.listening}
    if spec.lock >= 0:
        placed[spec.fd + 1] = spec.lock
    return placed


def _is_there(spec: LaunchSpec) -> bool:
    """Whether the program is found where execvp(3) will look for it: later only its log could tell that it is not."""
    program = spec.argv[0]
    if os.sep in program:
        program = os.path.join(spec.limits.folder or "", program)
    return shutil.which(program, path=spec.environment.get("PATH", os.defpath)) is not None


def filled(data: bytes) -> int:
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


def session_command() -> tuple[str, ...]:
    """A command that runs another one in a session of its own, in its place: ``spawnProcess`` cannot."""
    setsid = shutil.which("setsid")
    if setsid is not None:
        return (setsid,)
    code = "import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])"
    return (sys.executable, "-I", "-S", "-c", code)
