"""A processor starts, serves and ends within the process that forks: what it does then is known when others do it.

Whatever is executed for the first few times is written to: CPython counts how often (PEP 659), looks up, and remembers.
In a forked process each page that is written to is copied first. Nothing of a rehearsal is left but that: it has a
reactor, a log and an initiator of its own.
"""

# mypy: allow-untyped-calls
# (what is inherited from Twisted here has no annotations)

from __future__ import annotations

import gc
import io
import json
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import connectProtocol
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import LogBeginner, globalLogBeginner, globalLogPublisher
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from ..log.writing import start_logging
from ..processor.agent import http_client
from ..processor.arguments import parse
from ..processor.base import Processor
from ..processor.configuration import read_start
from ..processor.listening import listener
from ..processor.runtime import Runtime, fetch_loop
from ..reactor.endpoints import plain
from ..reactor.monotonic import use_monotonic_clock
from .late import lent_reactor

__all__ = ["rehearse"]

_HERE = "127.0.0.1"
_GUID = "0" * 32
#: Seconds that one may take.
_PATIENCE = 5.0
#: A public key; nothing is verified by it.
_KEY = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "rehearsal", "x": "A" * 43}
_TRUST = {"issuer": _GUID, "keys": [_KEY], "revoked": {}}


class _Initiator(Resource):
    """Takes note of all, answers the first fetch, and holds the next one: then the processor has come to rest.

    :ivar held: fires then.
    """

    isLeaf = True

    def __init__(self, options: dict[str, str]) -> None:
        super().__init__()
        self.held: Deferred[None] = Deferred()
        self._options = options
        self._fetched = 0

    def render_GET(self, request: Any) -> Any:
        """Tell the configuration that it has, with a new token."""
        self._fetched += 1
        if self._fetched > 1:
            self.held.callback(None)
            return NOT_DONE_YET
        request.setHeader(b"ETag", b'"1.1"')
        news = {**self._options, "revision": 1, "token": "rehearsal.again", "trust": _TRUST}
        return json.dumps(news).encode()

    def render_POST(self, request: Any) -> bytes:
        """Hear that it serves."""
        request.content.read()
        request.setResponseCode(204)
        return b""


class _Client(Protocol):
    """Asks how it is, and hangs up."""

    def __init__(self, port: int) -> None:
        self.over: Deferred[None] = Deferred()
        self._port = port

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(f"GET /healthz HTTP/1.1\r\nHost: {_HERE}:{self._port}\r\n\r\n".encode())

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.over.callback(None)


def rehearse() -> None:
    """Have a processor start, say so, fetch, answer a request, and stop.

    :raises Exception: it cannot, as where there is no loopback.
    """
    failed: list[Failure] = []
    with _nothing_left_open(), _own_log(), socket.create_server((_HERE, 0)) as listening:
        _live(listening, failed)
    for failure in failed:
        failure.raiseException()


def _live(listening: socket.socket, failed: list[Failure]) -> None:
    """In a function of its own: when that is over, nobody has the reactor."""
    reactor: Any = EPollReactor()
    use_monotonic_clock(reactor)
    with lent_reactor(reactor):
        life = Deferred.fromCoroutine(_life(reactor, listening))
        life.addTimeout(_PATIENCE, reactor)
        life.addErrback(failed.append)
        life.addBoth(lambda _: reactor.callWhenRunning(reactor.stop))
        reactor.run(installSignalHandlers=False)


async def _life(reactor: Any, listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    fd = os.dup(listening.fileno())
    options = {"guid": _GUID, "module": "proactor.processor", "listen_addr": _HERE, "listen_port": str(port)}
    initiator = _Initiator(options)
    theirs = reactor.listenTCP(0, Site(initiator, reactor=reactor), interface=_HERE)
    steering = {"token": "rehearsal", "revision": "1", "parent_url": f"http://{_HERE}:{theirs.getHost().port}"}
    steering["parent_trust"] = json.dumps({"tag": "0", **_TRUST})
    text = "".join(f"{name} = {value}\n" for name, value in (options | steering).items())

    arguments = parse(["--guid", _GUID, "--port", str(port), "--fd", str(fd)])
    start = read_start(f"[{_GUID}]\n{text}", _GUID)
    processor = Processor(Processor.configure(start.raw, guid=_GUID, revision=start.revision), reactor)
    fetching = fetch_loop(processor, start, http_client(reactor, start), reactor, reactor.stop)
    runtime = Runtime(processor, reactor, listener(reactor, arguments, start.listen_addr), fetching)
    try:
        await runtime.start()
        await initiator.held
        client = await connectProtocol(plain(reactor, _HERE, port), _Client(port))
        await client.over
    finally:
        await runtime.stop()


@contextmanager
def _own_log() -> Iterator[None]:
    """Nothing is written, and nothing kept for the log of a process that is forked."""
    kept = getattr(globalLogBeginner, "_temporaryObserver", None)
    if kept is not None:
        globalLogPublisher.removeObserver(kept)
    null: Any = io.StringIO()
    quiet: Any = SimpleNamespace(showwarning=warnings.showwarning)
    streams = SimpleNamespace(stdout=null, stderr=null)
    cooperator = vars(task)["_theCooperator"]
    # What works by turns, such as the sending of a body, does so in this reactor's.
    vars(task)["_theCooperator"] = task.Cooperator()
    observer = start_logging(null, beginner=LogBeginner(globalLogPublisher, null, streams, quiet))
    try:
        yield
    finally:
        globalLogPublisher.removeObserver(observer)
        vars(task)["_theCooperator"] = cooperator
        if kept is not None:
            globalLogPublisher.addObserver(kept)


@contextmanager
def _nothing_left_open() -> Iterator[None]:
    """Close what a reactor leaves open when it has stopped: it is made to be the only one."""
    before = _open()
    try:
        yield
    finally:
        gc.collect()
        for fd in _open() - before:
            os.close(fd)


def _open() -> set[int]:
    found = set()
    for fd in map(int, os.listdir("/proc/self/fd")):
        # The one by which they were listed is closed already.
        with suppress(OSError):
            os.fstat(fd)
            found.add(fd)
    return found
