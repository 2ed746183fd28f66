"""Initiators on one home, one after another, and who calls their processors meanwhile."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from attrs import define, field

from . import running

#: How many ports there are for processors.
PORTS = 200


def config(port: int, first: int) -> str:
    """A configuration file with fixed ports."""
    return f"""\
[DEFAULT]
host_addr = 127.0.0.1
refresh = 2
restart_delay = 0.05
restart_delay_max = 0.5
restart_attempts = 0
stop_timeout = 5

[proactor.initiator]
listen_addr = 127.0.0.1
listen_port = {port}
child_port_min = {first}
child_port_max = {first + PORTS - 1}

[benchmarks.nonce]

[{running.GUID}]
"""


def free_port() -> int:
    """A port that is free, below those that clients get, and above those of the tests."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000 - PORTS)
        with suppress(OSError), closing(socket.socket()) as sock:
            sock.bind(("127.0.0.1", port))
            return port


@define(eq=False)
class Life:
    """Initiators on one home, one after another.

    :ivar started: how many seconds each took until it served; ``cpu``: how many of its own processor time.
    """

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    started: list[float] = field(factory=list)
    cpu: list[float] = field(factory=list)
    lives: int = 0

    def begin(self) -> Path:
        """Start one; its log."""
        self.lives += 1
        log = self.folder / f"log{self.lives}"
        twistd = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile="]
        command = [*twistd, "proactor", "--home", str(self.folder / "home")]
        command += ["--config", str(self.folder / "proactor.cfg")]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, cwd=self.folder, env=running.environment()
            )
        return log

    def start(self) -> None:
        """Start one, and wait until it serves."""
        began = time.monotonic()
        log, process = self.begin(), self.process
        assert process is not None
        running.wait_until(lambda: process.poll() is not None or b"Serving on" in log.read_bytes(), "it serves")
        if process.poll() is not None:
            raise running.Unexpected(f"the initiator ended: {log.read_text()[-3000:]}")
        self.started.append(time.monotonic() - began)
        self.cpu.append(running.cpu_time(process.pid))

    def kill(self) -> None:
        """Kill it."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def operator(self) -> running.Operator:
        """A connection to it."""
        return running.Operator(self.port, (self.folder / "home" / "operator.token").read_text().strip())


@define(eq=False)
class Caller:
    """Calls the processors that nobody touches, on a new connection each time, and notes what comes.

    :ivar answered: how many calls were, by port.
    :ivar nonces: what each process has told, by its pid and its start time.
    """

    ports: list[int]
    stop: threading.Event
    came: Counter[str] = field(factory=Counter)
    answered: Counter[int] = field(factory=Counter)
    nonces: dict[tuple[int, str], set[str]] = field(factory=dict)

    def run(self) -> None:
        """Go on until it is to stop."""
        for number in self._turns():
            port = self.ports[number % len(self.ports)]
            connection = HTTPConnection("127.0.0.1", port, timeout=running.PATIENCE)
            try:
                connection.connect()
            except ConnectionRefusedError:
                self.came["refused"] += 1
                continue
            try:
                connection.request("GET", "/nonce")
                nonce, pid, start = connection.getresponse().read().decode().split()
                self.nonces.setdefault((int(pid), start), set()).add(nonce)
                self.came["answered"] += 1
                self.answered[port] += 1
            except Exception:  # noqa: BLE001 - its process was killed with the request in its hands
                self.came["cut"] += 1
            finally:
                connection.close()

    def _turns(self) -> Iterator[int]:
        number = 0
        while not self.stop.is_set():
            yield number
            number += 1
            time.sleep(0.01)


def processors(home: Path) -> dict[str, list[int]]:
    """The processes of each guid that live: those that hold the lock of it, and lead a session."""
    found: dict[str, list[int]] = {}
    locks = str((home / "locks").resolve())
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            stat = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
            if stat[0] in "ZX" or int(stat[3]) != int(name):
                continue
            for fd in os.listdir(f"/proc/{name}/fd"):
                target = os.readlink(f"/proc/{name}/fd/{fd}")
                if target.startswith(locks):
                    found.setdefault(target.rpartition("/")[2][:32], []).append(int(name))
    return found


def nonce(job: dict[str, Any]) -> str:
    """What the process of a job has in its memory."""
    with closing(HTTPConnection("127.0.0.1", job["port"], timeout=running.PATIENCE)) as connection:
        connection.request("GET", "/nonce")
        return connection.getresponse().read().decode()


def end_all(life: Life) -> None:
    """End the last initiator, and what was left of its processors."""
    if life.process is not None:
        running.end(life.process)
    for pids in processors(life.folder / "home").values():
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def born(pid: int) -> str | None:
    """When a process was started, in the kernel's own unit; ``None`` where there is none, or a zombie."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    return None
