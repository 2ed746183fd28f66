"""Processes of jobs: started, watched, ended. One job's trouble is its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from .errors import ProactorError
from .home import Home
from .interfaces import Handle, ILauncher, LaunchSpec
from .model import Exit, Job, State, Wanted

#: How much of what a dead process wrote last is kept with its job.
LAST_LINES = 20
_LAST_BYTES = 16 * 1024

log = Logger(namespace="proactor.supervisor")


@define(eq=False)
class _Process:
    """One job's process, and the socket that is kept for it."""

    job: Job
    listening: socket.socket
    handle: Handle | None = None


class Console(Protocol):
    """Where the processes' output is shown as it comes."""

    def add(self, key: str, path: Path) -> None:
        """Follow a log."""

    def remove(self, key: str) -> Deferred[None]:
        """Follow it no more; fires when what it held has been shown."""


@define(eq=False)
class Supervisor:
    """Runs the processes of jobs.

    :param environment: what every process gets.
    :param console: follows the logs of the processes.
    """

    clock: IReactorTime
    now: Callable[[], datetime]
    launchers: Mapping[str, ILauncher]
    home: Home
    environment: Mapping[str, str]
    console: Console
    #: Told of the end of each process.
    ended: Callable[[Job, Exit], None] = lambda _job, _exit: None
    _processes: dict[str, _Process] = field(factory=dict)

    async def start(self, job: Job, listening: socket.socket, command: tuple[str, ...], stdin: bytes) -> None:
        """Launch a job's process, its socket handed over and kept.

        :raises ProactorError: it could not be started; nothing of it is left.
        """
        process = self._processes[job.guid] = _Process(job, listening)
        job.state = State.STARTING
        descriptor = self.home.open_log(job.guid)
        spec = LaunchSpec(job.guid, job.incarnation, command, self.environment, stdin, listening.fileno(), descriptor)
        try:
            process.handle = await self.launchers[job.launcher].launch(spec, lambda exit_: self._ended(process, exit_))
        except ProactorError:
            del self._processes[job.guid]
            raise
        finally:
            os.close(descriptor)
        self.console.add(job.guid, self.home.log_path(job.guid))
        job.pid, job.started = process.handle.pid, self.now()

    def _ended(self, process: _Process, exit_: Exit) -> None:
        job = process.job
        expected = job.state is State.STOPPING
        job.pid, job.ready, job.next_start = None, False, None
        job.exit = evolve(exit_, lines=self._last_lines(job.guid))
        job.state = State.STOPPED if expected else State.EXITED
        self.console.remove(job.guid)
        # Nobody takes connections any more: they are to be refused, not to wait for ever.
        with suppress(OSError):
            process.listening.shutdown(socket.SHUT_RDWR)
        self.ended(job, job.exit)
        if not expected:
            log.warn("Processor {guid} ({module}) {reason}", guid=job.guid, module=job.module, reason=exit_.reason)

    def _last_lines(self, guid: str) -> tuple[str, ...]:
        with suppress(OSError), self.home.log_path(guid).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LAST_BYTES))
            return tuple(file.read().decode("utf-8", "backslashreplace").splitlines()[-LAST_LINES:])
        return ()

    async def stop(self, job: Job, grace: float) -> None:
        """End a job's process, the hard way after ``grace`` seconds; fires when it is no more."""
        process = self._processes[job.guid]
        job.wanted = Wanted.STOPPED
        if not job.alive:
            return
        job.state, job.ready = State.STOPPING, False
        assert process.handle is not None
        await self.launchers[job.launcher].stop(process.handle, grace)

    def forget(self, job: Job) -> None:
        """Close what is kept for a job that has no process any more, and remove its log."""
        process = self._processes.pop(job.guid)
        process.listening.close()
        self.home.remove_log(job.guid)
