"""Modules are loaded ahead. One that cannot be is found out by a process that tries it first."""

from __future__ import annotations

import importlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ALWAYS", "Trial", "load", "tried"]

ALWAYS = (
    "proactor.processor.agent",
    "proactor.processor.app",
    "proactor.processor.base",
    "proactor.processor.describe",
    "proactor.processor.fetch",
    "proactor.processor.process",
    "proactor.processor.runtime",
    "klein",
    "treq",
    "twisted.internet.epollreactor",
    "twisted.internet.tcp",
    "twisted.web.client",
    "twisted.web.server",
)
"""What every processor needs, or nearly every one."""

DEADLINE = 20.0
"""Seconds that a module may take to load."""


class Trial:
    """What became of a trial.

    :ivar problem: why the module cannot be loaded ahead; ``None`` where it can.
    :ivar lines: what it wrote.
    """

    def __init__(self, problem: str | None, lines: list[str]) -> None:
        self.problem = problem
        self.lines = lines


def load(names: tuple[str, ...]) -> None:
    """Load modules, whatever they write meanwhile: that is known from their trial."""
    with _silence():
        for name in names:
            importlib.import_module(name)


@contextmanager
def _silence() -> Iterator[None]:
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 1)
        os.dup2(null, 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for fd, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, fd)
            os.close(copy)
        os.close(null)


def tried(name: str) -> Trial:
    """Load a module in a process of its own, and see what comes of it."""
    output, theirs = os.pipe()
    pid = os.fork()
    if not pid:
        _try(name, theirs)
    os.close(theirs)
    written, in_time = _read(output)
    os.close(output)
    if not in_time:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    lines = written.decode("utf-8", "replace").splitlines()
    if not in_time:
        return Trial(f"it takes more than {DEADLINE:g} s to load", lines)
    code = os.waitstatus_to_exitcode(status)
    return Trial(_PROBLEMS.get(code, f"loading it ended the process (status {code})") if code else None, lines)


_RAISED, _HAS_THREADS = 70, 71
_PROBLEMS = {
    _RAISED: "it raises an exception when it is loaded",
    _HAS_THREADS: "it starts a thread when it is loaded: do that in started()",
}


def _try(name: str, output: int) -> None:
    """In the process of the trial, which ends here."""
    code = _RAISED
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        importlib.import_module(name)
        code = _HAS_THREADS if threading.active_count() > 1 else 0
    except SystemExit as e:
        code = e.code if isinstance(e.code, int) and e.code else 1
    except BaseException:  # noqa: BLE001 - whatever it is, it is shown, and the module is left out
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _read(fd: int) -> tuple[bytes, bool]:
    """All that comes until the end; whether that came in time."""
    found, until = b"", time.monotonic() + DEADLINE
    while (left := until - time.monotonic()) > 0:
        if select.select([fd], [], [], left)[0]:
            chunk = os.read(fd, 1 << 16)
            if not chunk:
                return found, True
            found += chunk
    return found, False
