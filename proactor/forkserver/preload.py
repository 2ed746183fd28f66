"""What is loaded ahead. What cannot be is found out by a process that tries it first.

Of a module that is to run, what it imports is loaded and not itself: it is executed when it runs, as ``__main__``, and
what it does then, such as registering itself somewhere, must not have been done already.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, NoReturn

from attrs import frozen

from ..options import is_secret

__all__ = ["ALWAYS", "Outcome", "Trial", "load", "work_out"]

ALWAYS = (
    "encodings.idna",
    "proactor.forkserver.rehearsal",
    "proactor.processor.agent",
    "proactor.processor.app",
    "proactor.processor.base",
    "proactor.processor.describe",
    "proactor.processor.fetch",
    "proactor.processor.process",
    "proactor.processor.runtime",
    "klein",
    "treq",
    "twisted.internet.default",
    "twisted.internet.epollreactor",
    "twisted.internet.tcp",
    "twisted.web.client",
    "twisted.web.server",
)
"""What every processor needs, or nearly every one."""

DEADLINE = 20.0
"""Seconds that a module may take to load."""

_PR_SET_PDEATHSIG = 1
_MOST_OUTPUT = 64 << 10


def load(names: Sequence[str], only_if_it_can: bool = False) -> None:
    """Load modules, whatever they write meanwhile: that is known from their trial.

    :param only_if_it_can: whether one that cannot be loaded is passed over.
    """
    # It has loaded once already. Should it hang now this process ends, and another one begins.
    signal.alarm(int(2 * DEADLINE))
    try:
        with _silence():
            for name in names:
                with suppress(BaseException) if only_if_it_can else nullcontext():
                    importlib.import_module(name)
    finally:
        signal.alarm(0)


def work_out() -> None:
    """Have worked out already what every processor works out at its start, and Python then remembers."""
    # The usual globs are made patterns.
    is_secret("")


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


@frozen
class Outcome:
    """What became of a trial.

    :param problem: why the module cannot be loaded ahead; ``None`` where it can.
    :param lines: what it wrote.
    :param modules: what is loaded besides when it is, in order.
    :param file: where it stands.
    """

    name: str
    problem: str | None
    lines: Sequence[str] = ()
    modules: Sequence[str] = ()
    file: str | None = None


class Trial:
    """Loads a module in a process of its own.

    :param connection: a descriptor that is not for that process.
    """

    def __init__(self, name: str, connection: int, now: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._now = now
        self._until = now() + DEADLINE
        self._told = b""
        self._output = os.memfd_create("output", os.MFD_CLOEXEC)
        self._result, theirs = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            os.close(connection)
            _try(name, self._output, theirs)
        os.close(theirs)

    def fileno(self) -> int:
        """What is readable when there is something to look at."""
        return self._result

    @property
    def left(self) -> float:
        """Seconds until it has taken too long."""
        return max(0.0, self._until - self._now())

    def look(self) -> Outcome | None:
        """Read what it tells; what came of it, as soon as that is known."""
        chunk = os.read(self._result, 1 << 16)
        self._told += chunk
        if chunk and not self._told.endswith(b"\n"):
            return None
        status = self._end()
        if not self._told.endswith(b"\n"):
            return self._failed(f"it ends the process when it is loaded (status {os.waitstatus_to_exitcode(status)})")
        found: dict[str, Any] = json.loads(self._told)
        return Outcome(name=self._name, lines=self._lines(), **found)

    def give_up(self) -> Outcome:
        """It has taken too long."""
        self._end()
        return self._failed(f"it takes more than {DEADLINE:g} s to load")

    def _failed(self, problem: str) -> Outcome:
        return Outcome(self._name, problem, self._lines())

    def _end(self) -> int:
        os.close(self._result)
        # What it has started ends with it.
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        return os.waitpid(self._pid, 0)[1]

    def _lines(self) -> list[str]:
        written = os.pread(self._output, _MOST_OUTPUT, 0)
        os.close(self._output)
        return written.decode("utf-8", "replace").splitlines()


def _try(name: str, output: int, result: int) -> NoReturn:
    """In the process of the trial, which ends here."""
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        told = _tried(name)
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(result, json.dumps(told).encode() + b"\n")
        signal.pause()
    finally:
        os._exit(1)


def _tried(name: str) -> dict[str, Any]:
    before, loaded = _traits(), set(sys.modules)
    try:
        importlib.import_module(name)
    except SystemExit as e:
        return {"problem": f"it ends the process when it is loaded (status {e.code})"}
    except BaseException as e:  # noqa: BLE001 - whatever it is, it is shown, and the module is left out
        sys.excepthook(*sys.exc_info())
        return {"problem": f"it raises {type(e).__name__} when it is loaded"}
    for (what, then), now in zip(before.items(), _traits().values(), strict=True):
        if then != now:
            return {"problem": f"it {what} when it is loaded: do that in started()"}
    modules = [each for each in sys.modules if each not in loaded and each != name]
    return {"problem": None, "modules": modules, "file": getattr(sys.modules[name], "__file__", None)}


def _traits() -> dict[str, Any]:
    """What those that are forked would not have as they should, if a module changed it; by what it does then."""
    return {
        "starts a thread": len(os.listdir("/proc/self/task")),
        "opens a descriptor": sorted(os.listdir("/proc/self/fd")),
        "sets a signal's handler": [signal.getsignal(number) for number in sorted(signal.valid_signals())],
        "changes the environment": dict(os.environ),
        "changes the folder": os.getcwd(),
        "starts a process": _children(),
    }


def _children() -> str:
    with suppress(OSError), open("/proc/thread-self/children", encoding="ascii") as file:
        return file.read()
    return ""
