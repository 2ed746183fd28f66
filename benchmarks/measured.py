"""A real initiator, started as ``twistd -n proactor``, that can be asked from outside how it is.

As a program, ``python -m benchmarks.measured REPORT twistd's arguments``: it runs twistd, and on SIGUSR1 writes a line
of JSON behind the file REPORT: what there was since the last one.
"""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, field

from .figures import Memory, percentile
from .running import PATIENCE, Operator, Unexpected, children, cpu_time, end, environment, is_helper, wait_until

#: Seconds between two looks at how late the reactor is.
TICK = 0.005

_SERVING = re.compile(r"Serving on \S+:(\d+)$", re.MULTILINE)


def _waited() -> float:
    """For how long the reactor's thread could have run and had no CPU, in seconds (proc_pid_schedstat(5))."""
    with open("/proc/self/schedstat", "rb") as file:
        return int(file.read().split()[1]) / 1e9


@define(eq=False)
class Stalls:
    """How late a timer of :data:`TICK` comes, and how much of that time the process had a CPU. In seconds.

    What is late is another process's where the reactor's thread waited for a CPU: on a machine with more to do than it
    has CPUs each waits. What is left without that is of our own making: work, and waiting for the disk or for a lock.
    """

    clock: Any
    #: Lateness, CPU time and lateness without waiting for a CPU by turns; packed: what it takes counts as the
    #: initiator's.
    _late: array[float] = field(factory=partial(array, "d"))
    _due: float = 0.0
    _cpu: float = 0.0
    _had_waited: float = 0.0

    def start(self) -> None:
        """Begin."""
        self.forget()
        self.clock.callLater(TICK, self._tick)

    def forget(self) -> None:
        """What was done just now does not count: it was for the measurement."""
        self._due, self._cpu, self._had_waited = self.clock.seconds() + TICK, time.thread_time(), _waited()

    def _tick(self) -> None:
        late = max(0.0, self.clock.seconds() - self._due)
        own = max(0.0, late - (_waited() - self._had_waited))
        self._late.extend((late, time.thread_time() - self._cpu, own))
        self.start()

    def taken(self) -> dict[str, float]:
        """Of all since the last time, in milliseconds: lateness, CPU time between two ticks, lateness of our own."""
        late, self._late = self._late or array("d", (0.0, 0.0, 0.0)), array("d")
        return {
            f"{name}_{what}": value * 1000
            for name, values in (("late", late[::3]), ("cpu", late[1::3]), ("own", late[2::3]))
            for what, value in (("p99", percentile(values, 99)), ("max", max(values)))
        }


def _report(reactor: Any, stalls: Stalls, path: Path) -> None:
    figures = stalls.taken()
    calls = len(reactor.getDelayedCalls())
    # No collection: when the initiator itself comes to one is part of what is measured.
    line = json.dumps({**figures, "delayed_calls": calls, "objects": len(gc.get_objects())})
    with path.open("a") as file:
        file.write(line + "\n")
    stalls.forget()


def main() -> None:
    """Run twistd, measured."""
    from twisted.internet import reactor  # noqa: PLC0415
    from twisted.scripts.twistd import run  # noqa: PLC0415

    path = Path(sys.argv[1])
    sys.argv = ["twistd", *sys.argv[2:]]
    untyped: Any = reactor
    stalls = Stalls(untyped)

    # Before there is a reactor that runs: who asks early waits until it does.
    signal.signal(signal.SIGUSR1, lambda *_: untyped.callFromThread(_report, untyped, stalls, path))
    untyped.callWhenRunning(stalls.start)
    run()


@define(eq=False)
class Measured:
    """The initiator from outside.

    :param operator: requests to it; ``another`` makes one more, for another thread.
    """

    process: subprocess.Popen[bytes]
    operator: Operator
    report: Path
    log: Path

    def another(self) -> Operator:
        """One more connection."""
        return Operator(self.operator.port, self.operator.token)

    def inside(self) -> dict[str, float]:
        """What it measured in itself since the last time; see :class:`Stalls`."""
        before = self.report.read_text() if self.report.exists() else ""
        self.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: self.report.exists() and self.report.read_text()[len(before) :].endswith("\n"), "a report")
        found: dict[str, float] = json.loads(self.report.read_text()[len(before) :])
        return found

    def outside(self) -> dict[str, float]:
        """What the kernel knows of it: memory in MiB, descriptors, threads, its processors, seconds of CPU."""
        folder = Path(f"/proc/{self.process.pid}")
        memory = Memory.of(self.process.pid)
        return {
            "rss_mib": memory.rss / 1024,
            "private_mib": memory.private / 1024,
            "descriptors": len(os.listdir(folder / "fd")),
            "threads": len(os.listdir(folder / "task")),
            "processes": sum(not is_helper(pid) for pid in children(self.process.pid)),
            "cpu_s": cpu_time(self.process.pid),
        }


@contextmanager
def measured(text: str, *arguments: str) -> Iterator[Measured]:
    """An initiator on a configuration; all that it started is gone at the end.

    :param arguments: of ``twistd proactor``.
    """
    with tempfile.TemporaryDirectory(prefix="proactor-benchmark-") as folder:
        home, log, report = Path(folder) / "home", Path(folder) / "log", Path(folder) / "report"
        config = Path(folder) / "proactor.cfg"
        config.write_text(text)
        command = [sys.executable, "-m", "benchmarks.measured", str(report), "-n", "--pidfile=", "proactor"]
        command += ["--home", str(home), "--config", str(config), *arguments]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder, env=environment())
        try:
            wait_until(lambda: process.poll() is not None or _SERVING.search(log.read_text()), "the initiator")
            serving = _SERVING.search(log.read_text())
            if serving is None:
                raise Unexpected(f"the initiator ended: {log.read_text()[-2000:]}")
            token = (home / "operator.token").read_text().strip()
            with closing(Operator(int(serving[1]), token)) as operator:
                yield Measured(process, operator, report, log)
        finally:
            began = time.monotonic()
            end(process)
            if time.monotonic() - began > PATIENCE:
                raise Unexpected(f"the initiator had to be killed: {log.read_text()[-2000:]}")


if __name__ == "__main__":
    main()
