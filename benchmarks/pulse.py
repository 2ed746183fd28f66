"""Asks ``GET /healthz`` again and again, from a process of its own, and measures how long each answer took.

As a program, ``python -S -m benchmarks.pulse PORT PAUSE``: it runs until standard input ends, and then writes two JSON
lists of milliseconds: how long each answer took, and how much longer each pause took than it should have.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field

from .figures import percentile
from .running import ROOT, Unexpected


@define
class Pulse:
    """What was measured, once it is over; in milliseconds."""

    figures: dict[str, float] = field(factory=dict)


@contextmanager
def pulse(port: int, pause: float) -> Iterator[Pulse]:
    """Measure for as long as this is entered."""
    command = [sys.executable, "-m", "benchmarks.pulse", str(port), str(pause)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = Pulse()
        try:
            yield found
        finally:
            output, _ = process.communicate()
        answers, late = map(json.loads, output.splitlines())
        found.figures |= {"asked": len(answers)}
        for name, values in (("healthz", answers), ("client_late", late)):
            found.figures |= {f"{name}_p{percent}_ms": percentile(values, percent) for percent in (50, 99, 100)}


def ask(connection: socket.socket, request: bytes) -> None:
    """Make one request, and read its answer.

    :raises Unexpected: it is not what it should be.
    """
    connection.sendall(request)
    answer = connection.recv(4096)
    # It is small, and written at once.
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise Unexpected(f"GET /healthz: {answer[:200]!r}")


def main() -> None:
    """Ask until standard input ends."""
    port, pause = int(sys.argv[1]), float(sys.argv[2])
    request = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    answers, late = [], []
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print("asking", flush=True)
        while True:
            began = time.perf_counter()
            ask(connection, request)
            answered = time.perf_counter()
            over = select.select([sys.stdin], [], [], pause)[0]
            if over:
                break
            answers.append((answered - began) * 1000)
            late.append((time.perf_counter() - answered - pause) * 1000)
    print(json.dumps(answers))
    print(json.dumps(late))


if __name__ == "__main__":
    main()
