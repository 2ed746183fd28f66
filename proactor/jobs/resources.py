"""What one process uses of the machine, looked at when it is asked for: nothing is sampled by itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic

import psutil
from attrs import asdict, frozen

__all__ = ["SHORTEST", "Meter", "Usage"]

SHORTEST = 0.1
"""Seconds over which a share of the processor's time means something: the kernel counts in hundredths."""


@frozen
class Usage:
    """What a process uses at one moment; what cannot be learned is ``None``.

    :param cpu_percent: of one processor, since the sample before.
    :param rss: resident memory, in bytes, what it shares with others included.
    :param descriptors: how many it has open.
    :param children: processes that it started itself, and that are there.
    """

    cpu_percent: float
    rss: int
    descriptors: int | None
    threads: int
    children: int | None

    def record(self) -> dict[str, float | int | None]:
        """It as plain values, for JSON."""
        return asdict(self)


class Meter:
    """Looks at one process; a later one that has its number is another. Nothing in it takes long or raises.

    :param pid: of a process that is there. What it did before counts for nothing, so a meter is made at its start.
    :param now: a clock, in seconds.
    """

    def __init__(self, pid: int, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._since = now()
        self._cpu = self._percent = 0.0
        self._process: psutil.Process | None = None
        try:
            self._process = psutil.Process(pid)
            self._cpu = _cpu(self._process)
        except (psutil.Error, OSError, ValueError):
            self._process = None

    def sample(self) -> Usage | None:
        """Look now; ``None`` where it has ended."""
        if self._process is None:
            return None
        try:
            with self._process.oneshot():
                return self._look(self._process)
        except (psutil.Error, OSError):
            return None

    def _look(self, process: psutil.Process) -> Usage | None:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return None
        return Usage(
            cpu_percent=self._share(_cpu(process)),
            rss=process.memory_info().rss,
            descriptors=_descriptors(process),
            threads=process.num_threads(),
            children=_children(process.pid),
        )

    def _share(self, cpu: float) -> float:
        """The share of the time since the last sample; asked again at once, that of the last."""
        elapsed = self._now() - self._since
        if elapsed >= SHORTEST:
            self._percent = round(100 * max(0.0, cpu - self._cpu) / elapsed, 1)
            self._since, self._cpu = self._since + elapsed, cpu
        return self._percent


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _descriptors(process: psutil.Process) -> int | None:
    try:
        return process.num_fds()
    except psutil.AccessDenied:  # somebody else's, and we are not root
        return None


def _children(pid: int) -> int | None:
    """Count them by what the kernel lists (proc(5)): psutil would look at every process that there is."""
    tasks = f"/proc/{pid}/task"
    try:
        return sum(len(_read(f"{tasks}/{thread}/children").split()) for thread in os.listdir(tasks))
    except OSError:  # no Linux, a kernel without CONFIG_PROC_CHILDREN, or a thread that has just ended
        return None


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
