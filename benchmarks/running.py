"""An initiator to be measured: a real one, in a home of its own that is gone afterwards, driven over HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from attrs import define, field

ROOT = Path(__file__).parent.parent
GUID = "5f1d7a84c2b34e0c9a6d3e8f70b1c245"
#: How long anything may take that is no measurement, in seconds.
PATIENCE = 60.0

_SERVING = re.compile(r"Serving on \S+:(\d+)$", re.MULTILINE)


#: Each run begins elsewhere: a port that nobody serves at the moment is one that another initiator can have as well.
_PORTS = 20000 + os.getpid() % 100 * 100


def config(module_options: str = "", initiator_options: str = "") -> str:
    """A configuration file: everything on loopback, any free port, the default module with options."""
    return f"""\
[DEFAULT]
host_scheme = http
host_addr = 127.0.0.1
greeting = hello

[proactor.initiator]
listen_addr = 127.0.0.1
listen_port = 0
child_port_min = {_PORTS}
child_port_max = 32000
max_jobs = 20000
{initiator_options}

[proactor.processor]
listen_addr = 127.0.0.1
{module_options}

[{GUID}]
"""


def environment() -> dict[str, str]:
    """That of this process; the package is found from any folder."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


class Unexpected(Exception):
    """What was measured did not do what it was asked."""


@define(eq=False)
class Operator:
    """Requests to an initiator, one after another over one connection.

    :ivar pid: the initiator's process, where that is known; and its home.
    """

    port: int
    token: str = field(repr=False)
    pid: int = 0
    home: Path = Path()
    _connection: HTTPConnection = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None, **headers: str) -> Any:
        """Make a request; the answer's JSON, ``None`` where it has no body.

        :param headers: with ``_`` for ``-``.
        :raises Unexpected: it is refused.
        """
        sent = {"Accept": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None
        if body is not None:
            data, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        text = self._answer(method, path, data, sent)
        return json.loads(text) if text else None

    def text(self, path: str, method: str = "GET") -> str:
        """Make a request; the answer as it stands.

        :raises Unexpected: it is refused.
        """
        return self._answer(method, path, None, {}).decode()

    def _answer(self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]) -> bytes:
        self._connection.request(method, path, data, {"Authorization": f"Bearer {self.token}", **headers})
        response = self._connection.getresponse()
        text = response.read()
        if not 200 <= response.status < 400:
            raise Unexpected(f"{method} {path}: {response.status}: {text[:500]!r}")
        return text

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def wait_until(holds: Callable[[], object], what: str, patience: float = PATIENCE, pause: float = 0.02) -> None:
    """Ask until it holds.

    :raises Unexpected: it does not come to.
    """
    until = time.monotonic() + patience
    while not holds():
        if time.monotonic() > until:
            raise Unexpected(f"{what}: not within {patience:g} s")
        time.sleep(pause)


@contextmanager
def initiator(text: str) -> Iterator[Operator]:
    """``twistd -n proactor`` on a configuration; all that it started is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="proactor-benchmark-") as folder:
        home, log = Path(folder), Path(folder) / "log"
        (home / "proactor.cfg").write_text(text)
        twistd = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "-n", "--pidfile="]
        command = [*twistd, "proactor", "--home", str(home / "home"), "--config", str(home / "proactor.cfg")]
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder, env=environment())
        try:
            wait_until(lambda: process.poll() is not None or _SERVING.search(log.read_text()), "the initiator")
            serving = _SERVING.search(log.read_text())
            if serving is None:
                raise Unexpected(f"the initiator ended: {log.read_text()[-2000:]}")
            token = (home / "home" / "operator.token").read_text().strip()
            operator = Operator(int(serving[1]), token, process.pid, home / "home")
            try:
                yield operator
            finally:
                operator.close()
        finally:
            end(process)


def cpu_time(pid: int) -> float:
    """Seconds of CPU that a process has used, by the scheduler's account, which is exact (proc_pid_schedstat(5))."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def reaped_cpu_time(pid: int) -> float:
    """Seconds of CPU that its children had used which have ended; to a hundredth."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> list[int]:
    """The processes whose parent it is."""
    # Each is its thread's that started it (proc_pid_task_children(5)).
    return [int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in _children(task)]


def _children(task: Path) -> list[str]:
    try:
        return (task / "children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def is_helper(pid: int) -> bool:
    """Whether a child of the initiator is its guardian or its fork server, and no processor; one that is gone is."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True
    return b"guardian_main" in command or b"proactor.forkserver" in command


def end(process: subprocess.Popen[Any]) -> None:
    """Have a process stop, and see that it has."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
