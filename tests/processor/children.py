"""Processors as real processes, for tests."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

ROOT = Path(__file__).parent.parent.parent


class Child(ProcessProtocol):
    """A process that gets a text on standard input.

    :ivar output: all that it wrote to standard output; ``errors`` the same for standard error.
    :ivar ended: fires with its exit status, or the negative number of the signal that killed it.
    """

    transport: Any

    def __init__(self, text: str | bytes) -> None:
        self._text = text.encode() if isinstance(text, str) else text
        self._awaited: list[tuple[str, Deferred[str]]] = []
        self.output = self.errors = ""
        self.ended: Deferred[int] = Deferred()
        self.is_alive = True

    def connectionMade(self) -> None:
        """Write it all, to the end."""
        if self._text:
            self.transport.write(self._text)
        if 0 in self.transport.pipes:
            self.transport.closeStdin()

    def outReceived(self, data: bytes) -> None:
        """Tell who waits for this."""
        self.output += data.decode()
        awaited, self._awaited = self._awaited, []
        for text, seen in awaited:
            if text in self.output:
                seen.callback(self.output)
            else:
                self._awaited.append((text, seen))

    def errReceived(self, data: bytes) -> None:
        """Keep it."""
        self.errors += data.decode()

    def until(self, text: str) -> Deferred[str]:
        """Wait for a text in its output; fails if it ends before."""
        seen: Deferred[str] = Deferred()
        self._awaited.append((text, seen))
        self.outReceived(b"")
        return seen

    def processEnded(self, reason: Failure = error.ProcessDone(0)) -> None:  # type: ignore[assignment] # noqa: B008
        """Tell everybody."""
        self.is_alive = False
        for text, seen in self._awaited:
            seen.errback(AssertionError(f"no {text!r} in {self.output!r}, {self.errors!r}"))
        ended: Any = reason.value
        self.ended.callback(ended.exitCode if ended.signal is None else -ended.signal)

    def kill(self) -> Deferred[int] | None:
        """End it if it has not, however; for a test's clean-up."""
        if not self.is_alive:
            return None
        self.transport.signalProcess("KILL")
        return self.ended


def listening() -> tuple[socket.socket, int]:
    """Give a socket that listens on loopback, and its port."""
    made = socket.create_server(("127.0.0.1", 0))
    return made, made.getsockname()[1]


def spawn(
    module: str,
    arguments: list[str],
    text: str | bytes = "",
    *,
    fd: int | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
) -> Child:
    """Start ``python -m MODULE``.

    :param fd: a descriptor that it finds as its number 3.
    """
    child = Child(text)
    descriptors: dict[int, Any] = {0: "w", 1: "r", 2: "r", **({} if fd is None else {3: fd})}
    start(child, module, arguments, descriptors, env=env, cwd=cwd)
    return child


def start(
    child: Child,
    module: str,
    arguments: list[str],
    descriptors: Mapping[int, Any],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
) -> None:
    """Start ``python -m MODULE`` with those descriptors."""
    from twisted.internet import reactor  # noqa: PLC0415

    environment = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    reactor.spawnProcess(
        child, sys.executable, [sys.executable, "-m", module, *arguments], environment, cwd, childFDs=descriptors
    )
