"""What a processor is measured beside: a process of Twisted, Klein and treq, started here and not by an initiator."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from . import running


class Stub(BaseHTTPRequestHandler):
    """An initiator that has no news."""

    protocol_version = "HTTP/1.1"
    fetched = Event()

    def handle(self) -> None:
        """Serve a connection; whose process is killed goes without a word."""
        with suppress(ConnectionResetError):
            super().handle()

    def do_GET(self) -> None:
        """Answer that nothing is new."""
        self.send_response(304)
        self.end_headers()
        self.fetched.set()

    def do_POST(self) -> None:
        """Take note."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the base class
        """Log nothing."""


@contextmanager
def stub() -> Iterator[str]:
    """A server, and its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Stub) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def first_answer(port: int, guid: str | None = None) -> float:
    """Ask who listens there whether it serves: the connection waits until it does. Gives the ms that it took.

    :raises Unexpected: it is somebody else.
    """
    began = time.perf_counter()
    connection = HTTPConnection("127.0.0.1", port, timeout=running.PATIENCE)
    connection.request("GET", "/healthz")
    answer = json.loads(connection.getresponse().read())
    took = (time.perf_counter() - began) * 1000
    connection.close()
    if guid is not None and answer["guid"] != guid:
        raise running.Unexpected(f"{guid} was answered for by {answer['guid']}")
    return took


@contextmanager
def inheritable() -> Iterator[socket.socket]:
    """A socket that listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def spawn(
    arguments: list[str], listening: socket.socket, log: Any, stdin: Any = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start Python in a session of its own, with the socket."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdin=stdin,
        stdout=log,
        stderr=log,
        pass_fds=[listening.fileno()],
        start_new_session=True,
        env=running.environment(),
    )
