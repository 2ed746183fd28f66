"""Ways to launch a processor, or what stands for one: each launches, and ends what it has launched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Protocol

from attrs import define, field, frozen

from . import running
from .beside import first_answer, inheritable, spawn


@frozen
class Started:
    """One that was launched, and may not serve yet.

    :param guid: what it says that it is; ``None``: it says nothing of that.
    """

    port: int
    pid: int | None
    guid: str | None = None


class Design(Protocol):
    """A way to launch."""

    def launch(self, count: int) -> Sequence[Started]:
        """Launch so many."""

    def end(self, started: Sequence[Started]) -> None:
        """End them; returns when they have."""

    def cpu(self) -> float:
        """Seconds of CPU that all its processes have used so far, those that were ended not included."""


@define(eq=False)
class Initiator:
    """Has an initiator launch processors."""

    operator: running.Operator

    def launch(self, count: int) -> Sequence[Started]:
        """By one ``POST /create``."""
        jobs = self.operator.call("POST", "/create", {"count": count} if count > 1 else None)
        made = jobs if isinstance(jobs, list) else [jobs]
        return [Started(job["port"], job["pid"], job["guid"]) for job in made]

    def running(self, started: Sequence[Started]) -> Sequence[Started]:
        """The same when the initiator knows that all are ready, each with its process id."""
        wanted = {each.guid for each in started}

        def ready() -> dict[str, int]:
            return {job["guid"]: job["pid"] for job in self.operator.call("GET", "/job?state=running")}

        running.wait_until(lambda: wanted <= ready().keys(), "all are ready", pause=0.05)
        pids = ready()
        return [Started(each.port, pids[str(each.guid)], each.guid) for each in started]

    def end(self, started: Sequence[Started]) -> None:
        """Delete the jobs."""
        for each in started:
            self.operator.text(f"/job/{each.guid}", "DELETE")
        guids = {each.guid for each in started}
        running.wait_until(
            lambda: not guids & {job["guid"] for job in self.operator.call("GET", "/job")}, "all are gone", pause=0.05
        )
        # By the time that it is needed again it might have been idle for too long.
        self.operator.close()

    def cpu(self) -> float:
        """Of the initiator, and of all that it has started; what those have left behind included."""
        below = running.children(self.operator.pid)
        return sum(map(running.cpu_time, [self.operator.pid, *below])) + sum(map(running.reaped_cpu_time, below))


@define(eq=False)
class Fresh:
    """Starts a fresh interpreter for each plain process, the next one when that serves: the reference design.

    :param url: what each fetches once.
    """

    url: str
    _processes: dict[int, subprocess.Popen[bytes]] = field(factory=dict)

    def launch(self, count: int) -> Sequence[Started]:
        """One after another."""
        return [self._one() for _ in range(count)]

    def _one(self) -> Started:
        with inheritable() as listening, tempfile.TemporaryFile() as log:
            process = spawn(["-m", "benchmarks.plain", str(listening.fileno()), self.url], listening, log)
            self._processes[process.pid] = process
            port = listening.getsockname()[1]
            first_answer(port)
        return Started(port, process.pid)

    def end(self, started: Sequence[Started]) -> None:
        """Kill them."""
        for each in started:
            process = self._processes.pop(each.pid or 0)
            process.kill()
            process.wait()

    def cpu(self) -> float:
        """Of those that live."""
        return sum(map(running.cpu_time, self._processes))

    def close(self) -> None:
        """End all that are left."""
        for process in self._processes.values():
            process.kill()
            process.wait()


@define(eq=False)
class Floor:
    """Has a process fork that has all loaded, and does nothing besides."""

    process: subprocess.Popen[str]

    def launch(self, count: int) -> Sequence[Started]:
        """All at once."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        made: list[tuple[int, int]] = json.loads(self.process.stdout.readline())
        return [Started(port, pid) for port, pid in made]

    def end(self, started: Sequence[Started]) -> None:
        """Kill them."""
        for each in started:
            assert each.pid is not None
            with suppress(ProcessLookupError):
                os.kill(each.pid, signal.SIGKILL)
        ended = {each.pid for each in started}
        running.wait_until(lambda: not ended & {*running.children(self.process.pid)}, "they have ended", pause=0.001)

    def cpu(self) -> float:
        """Of the process, and of those that it has forked."""
        return sum(map(running.cpu_time, [self.process.pid, *running.children(self.process.pid)]))


@contextmanager
def initiator(launcher: str, **options: Any) -> Iterator[Initiator]:
    """An initiator whose processors are launched in one way.

    :param options: of the initiator.
    """
    settings = "\n".join(f"{name} = {value}" for name, value in options.items())
    with running.initiator(running.config(f"launcher = {launcher}\nrefresh = 30", settings)) as operator:
        yield Initiator(operator)


@contextmanager
def floor() -> Iterator[Floor]:
    """A process that forks."""
    command = [sys.executable, "-m", "benchmarks.floor"]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env=running.environment(), **pipes) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield Floor(process)


@contextmanager
def all_designs(url: str, concurrency: int) -> Iterator[dict[str, Design]]:
    """Each by its name.

    :param url: what the plain processes of the reference fetch once.
    :param concurrency: how many launches an initiator has under way at a time.
    """
    with ExitStack() as stack:
        reference = Fresh(url)
        stack.callback(reference.close)
        yield {
            "reference": reference,
            "spawn": stack.enter_context(initiator("spawn", launch_concurrency=concurrency)),
            "fork": stack.enter_context(initiator("fork", launch_concurrency=concurrency)),
            "floor": stack.enter_context(floor()),
        }
