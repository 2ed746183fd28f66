"""Asks ``GET /healthz`` again and again, from a process of its own, and measures how long each answer took.

As a program, ``python -m benchmarks.pulse PAUSE PORT...``: it asks one port after the other until standard input ends,
and then writes two JSON lists of milliseconds: how long each answer took, and how much longer each pause took than it
should have, which nothing but this machine's own load can be the reason for.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle

from attrs import define, field

from .figures import percentile
from .running import ROOT, Unexpected


@define
class Pulse:
    """What was measured, once it is over; in milliseconds."""

    figures: dict[str, float] = field(factory=dict)


@contextmanager
def pulse(ports: Sequence[int], pause: float) -> Iterator[Pulse]:
    """Measure for as long as this is entered.

    :param pause: seconds between two questions.
    """
    command = [sys.executable, "-m", "benchmarks.pulse", str(pause), *map(str, ports)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = Pulse()
        try:
            yield found
        finally:
            output, _ = process.communicate()
        answers, late = map(json.loads, output.splitlines())
        found.figures = {"asked": len(answers)}
        for name, values in (("healthz", answers), ("client_late", late)):
            found.figures |= {f"{name}_p{percent}_ms": percentile(values, percent) for percent in (50, 99, 100)}


def ask(connection: socket.socket) -> None:
    """Make one request, and read its answer.

    :raises Unexpected: it is not what it should be.
    """
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % connection.getpeername()[1])
    # It is small, and written at once.
    answer = connection.recv(4096)
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise Unexpected(f"GET /healthz: {answer[:200]!r}")


def measure(connections: Sequence[socket.socket], pause: float) -> tuple[list[float], list[float]]:
    """Ask until standard input ends: how long answers took, and how late each next question was; in milliseconds."""
    answers, late = [], []
    for connection in cycle(connections):
        began = time.perf_counter()
        ask(connection)
        answered = time.perf_counter()
        if select.select([sys.stdin], [], [], pause)[0]:
            break
        answers.append((answered - began) * 1000)
        late.append((time.perf_counter() - answered - pause) * 1000)
    return answers, late


def main() -> None:
    """Ask, and write."""
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.create_connection(("127.0.0.1", int(port)), timeout=60)) for port in sys.argv[2:]
        ]
        print("asking", flush=True)
        for values in measure(connections, float(sys.argv[1])):
            print(json.dumps(values))


if __name__ == "__main__":
    main()
