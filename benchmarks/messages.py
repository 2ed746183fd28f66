"""Durable messages a second: from POST to 202, and until they are delivered; beside Redis streams on the same disk.

    python -m benchmarks.messages [--messages 5000] [--connections 64]

Redis appends to its file and has each command on the disk before it answers (``appendfsync always``), as the initiator
has each message. Without ``redis-server`` only the initiator is measured.
"""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from . import figures, running
from .exchanges import Connection, exchange_all, http_size, redis_command, redis_size

SINK = "benchmarks.sink"
DATA = b"x" * 100
RECEIVERS, SENDERS = 4, 16


def request(target: str, port: int, token: str) -> bytes:
    """One message."""
    head = (
        f"POST /message/{target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: text/plain\r\nContent-Length: {len(DATA)}\r\n\r\n"
    )
    return head.encode() + DATA


def tokens(operator: running.Operator) -> list[str]:
    """Of several operators: messages of one come one after the other, those of several at once."""
    body = [{"name": f"sender-{number}", "scopes": ["message"]} for number in range(SENDERS)]
    return [operator.call("POST", "/tokens", each)["token"] for each in body]


def measured(took: float, each: Sequence[float]) -> dict[str, float]:
    """What is told of many requests."""
    return {
        "per_second": round(len(each) / took, 1),
        "ms_p50": round(1000 * figures.median(each), 2),
        "ms_p99": round(1000 * figures.percentile(each, 99), 2),
    }


def ours(count: int, connections: int) -> dict[str, Any]:
    """The initiator: stored alone, for a module without processors; and stored and delivered meanwhile."""
    options = f"[{SINK}]\nmessage_queue = 1000000\nmessage_concurrency = 16\n"
    with running.initiator(running.config() + options) as operator:
        senders = tokens(operator)

        def send(targets: Sequence[str], connections: int, count: int) -> tuple[float, list[float]]:
            made = [
                Connection(
                    ("127.0.0.1", operator.port),
                    request(targets[number % len(targets)], operator.port, senders[number % SENDERS]),
                    http_size(b" 202 "),
                )
                for number in range(connections)
            ]
            try:
                return exchange_all(made, count)
            finally:
                for each in made:
                    each.sock.close()

        send([SINK], connections, count // 10)
        found: dict[str, Any] = {"accepted": measured(*send([SINK], connections, count))}
        found["one_sender"] = measured(*send([SINK], 1, max(count // 20, 10)))
        order = {"module": SINK, "count": RECEIVERS}
        receivers = [job["guid"] for job in operator.call("POST", "/create", order, Prefer="wait=60")]
        running.wait_until(lambda: not operator.call("GET", "/message")["waiting"], "those are delivered", patience=300)
        began = time.monotonic()
        send(receivers, connections, count)
        running.wait_until(lambda: not operator.call("GET", "/message")["waiting"], "all are delivered", patience=300)
        found["delivered"] = {"per_second": round(count / (time.monotonic() - began), 1)}
        return found


@contextmanager
def redis() -> Iterator[int]:
    """A Redis server that syncs each command; its port."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="proactor-redis-") as folder:
        options = {"port": port, "bind": "127.0.0.1", "dir": folder, "appendonly": "yes", "appendfsync": "always"}
        command = ["redis-server", *(word for name, value in options.items() for word in (f"--{name}", str(value)))]
        with subprocess.Popen([*command, "--save", ""], stdout=subprocess.DEVNULL) as process:
            try:
                running.wait_until(lambda: _answers(port), "Redis serves")
                yield port
            finally:
                process.terminate()


def _answers(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False


def theirs(count: int, connections: int) -> dict[str, Any]:
    """Redis: messages added to streams, as many as there are receivers."""
    with redis() as port:

        def send(connections: int, count: int) -> tuple[float, list[float]]:
            made = [
                Connection(
                    ("127.0.0.1", port),
                    redis_command(b"XADD", b"stream%d" % (number % RECEIVERS), b"*", b"data", DATA),
                    redis_size,
                )
                for number in range(connections)
            ]
            try:
                return exchange_all(made, count)
            finally:
                for each in made:
                    each.sock.close()

        send(connections, count // 10)
        return {
            "accepted": measured(*send(connections, count)),
            "one_sender": measured(*send(1, max(count // 20, 10))),
        }


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser("python -m benchmarks.messages", description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=5000, help="how many are sent for each figure")
    parser.add_argument("--connections", type=int, default=64, help="over how many connections at once")
    options = parser.parse_args()
    found = {"initiator": ours(options.messages, options.connections)}
    if shutil.which("redis-server"):
        found["redis"] = theirs(options.messages, options.connections)
    for who, parts in found.items():
        for what, numbers in parts.items():
            print(f"{who:10} {what:10} " + "  ".join(f"{name} {number}" for name, number in numbers.items()))
    ratios = {}
    if "redis" in found:
        base = found["redis"]["accepted"]["per_second"]
        ratios = {what: round(found["initiator"][what]["per_second"] / base, 3) for what in ("accepted", "delivered")}
        one = found["initiator"]["one_sender"]["ms_p50"] / found["redis"]["one_sender"]["ms_p50"]
        ratios["one_sender_ms"] = round(one, 2)
        print(f"beside Redis: accepted {ratios['accepted']} x, delivered {ratios['delivered']} x; "
              f"one sender waits {ratios['one_sender_ms']} x as long")  # fmt: skip
    figures.print_json("messages", {"messages": options.messages, "connections": options.connections,
                                    **found, "ratio": ratios})  # fmt: skip


if __name__ == "__main__":
    main()
