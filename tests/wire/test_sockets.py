# mypy: allow-untyped-calls

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from proactor.wire import Limits, Site
from proactor.wire.request import Request

T = TypeVar("T")
LARGE = 8 * 1024 * 1024


class Large(Resource):
    """Answer with many bytes, or, at ``/held``, never."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.came: Deferred[Request] = Deferred()

    def render(self, request: Request) -> bytes | int:
        """Answer."""
        if request.uri == b"/held":
            self.came.callback(request)
            return NOT_DONE_YET
        return b"x" * LARGE


class SocketTests(TestCase):
    """What only a real connection shows."""

    timeout = 60

    async def serve(self, limits: Limits) -> None:
        """Serve on a free port."""
        self.resource = Large()
        self.site = Site(self.resource, clock=reactor, limits=limits)
        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(self.site)
        host = port.getHost()
        assert isinstance(host, IPv4Address)
        self.address = host.host, host.port
        self.addCleanup(port.stopListening)
        self.addCleanup(self.site.drain)
        self.addCleanup(self.site.close)

    def in_thread(self, client: Callable[[socket.socket], T]) -> Deferred[T]:
        """Run a client that blocks."""

        def run() -> T:
            with socket.create_connection(self.address, timeout=30) as connection:
                return client(connection)

        return deferToThread(run)

    def run_async(self, main: Coroutine[Deferred[Any], Any, None]) -> Deferred[None]:
        return Deferred.fromCoroutine(main)

    def test_refusal_can_be_read(self) -> Deferred[None]:
        """A client that sends its 10 MB before it looks for an answer finds the 413 all the same."""

        async def main() -> None:
            await self.serve(Limits())
            for head, chunk in [
                (b"Content-Length: 10485760", b"x" * 65536),
                (b"Transfer-Encoding: chunked", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
            ]:

                def client(connection: socket.socket, head: bytes = head, chunk: bytes = chunk) -> bytes:
                    connection.sendall(b"POST / HTTP/1.1\r\nHost: h\r\n" + head + b"\r\n\r\n")
                    for _ in range(160):
                        connection.sendall(chunk)
                    return read_all(connection)

                answer = await self.in_thread(client)
                self.assertTrue(answer.startswith(b"HTTP/1.1 413 Content Too Large\r\n"), answer)
                self.assertTrue(
                    answer.endswith(b"413: Content Too Large: a body may have at most 65536 bytes here\n"), answer
                )

        return self.run_async(main())

    def test_large_last_answer(self) -> Deferred[None]:
        """A last answer that takes its time to leave leaves in full, however short the time after it is."""

        async def main() -> None:
            await self.serve(Limits(linger_time=0))
            answer = await self.in_thread(lambda connection: ask(connection, b"GET / HTTP/1.0"))
            self.assertTrue(answer.endswith(b"\r\n\r\n" + b"x" * LARGE))

        return self.run_async(main())

    def test_leaves_at_once(self) -> Deferred[None]:
        """An answer that fits into what the kernel takes is gone when it is made, and costs the reactor no turn."""

        async def main() -> None:
            await self.serve(Limits())
            answer = self.in_thread(lambda connection: ask(connection, b"GET /held HTTP/1.1\r\nConnection: close"))
            request = await self.resource.came
            transport: Any = request.channel.transport
            request.write(b"hello")
            request.finish()
            self.assertEqual((transport.dataBuffer, transport._tempDataBuffer), (b"", []))
            self.assertTrue((await answer).endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))

        return self.run_async(main())

    def test_answer_to_who_has_left(self) -> Deferred[None]:
        """An answer that cannot leave is nobody's trouble: its connection is done with."""

        async def main() -> None:
            await self.serve(Limits())
            with socket.create_connection(self.address, timeout=30) as connection:
                connection.sendall(b"GET /held HTTP/1.1\r\nHost: h\r\n\r\n")
                request = await self.resource.came
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # It was reset by that, which the reactor has not seen yet.
            request.finish()
            await self.site.drain()

        return self.run_async(main())

    def test_peer_that_half_closes(self) -> Deferred[None]:
        """A client that says at once that it will ask no more, as ``nc`` does, is answered."""

        def client(connection: socket.socket) -> bytes:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            return read_all(connection)

        async def main() -> None:
            await self.serve(Limits())
            self.assertEqual(len((await self.in_thread(client)).partition(b"\r\n\r\n")[2]), LARGE)

        return self.run_async(main())

    def test_client_leaves(self) -> Deferred[None]:
        """A client that leaves while its request is answered is noticed, and nothing of it stays."""

        async def main() -> None:
            await self.serve(Limits())
            with socket.create_connection(self.address, timeout=30) as connection:
                connection.sendall(b"GET /held HTTP/1.1\r\nHost: h\r\n\r\n")
                lost = (await self.resource.came).notifyFinish()
            await self.assertFailure(lost, ConnectionDone, ConnectionLost)
            await self.site.drain()

        return self.run_async(main())

    def test_one_too_many(self) -> Deferred[None]:
        """A connection too many closes the one that has waited longest."""

        async def main() -> None:
            await self.serve(Limits(unauthenticated=1))
            with socket.create_connection(self.address, timeout=30) as first:
                answer = await self.in_thread(lambda connection: ask(connection, b"GET / HTTP/1.0"))
                self.assertEqual(len(answer.partition(b"\r\n\r\n")[2]), LARGE)
                self.assertEqual(await deferToThread(read_all, first), b"")

        return self.run_async(main())

    def test_drain(self) -> Deferred[None]:
        """A site that drains closes what is idle, and waits for an answer in the making to be read."""

        async def main() -> None:
            await self.serve(Limits())
            with socket.create_connection(self.address, timeout=30) as idle:
                answer = self.in_thread(lambda connection: ask(connection, b"GET /held HTTP/1.1"))
                request = await self.resource.came
                drained = self.site.drain()
                self.assertEqual(await deferToThread(read_all, idle), b"")
                self.assertFalse(drained.called)
                request.write(b"x" * LARGE)
                request.finish()
                await drained
                self.assertTrue((await answer).endswith(b"\r\n0\r\n\r\n"))

        return self.run_async(main())


def ask(connection: socket.socket, line: bytes) -> bytes:
    """Send a request without a body; return all that comes until the site closes."""
    connection.sendall(line + b"\r\nHost: h\r\n\r\n")
    return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """Return all that comes until the other end closes; a reset counts as that."""
    pieces = []
    try:
        while piece := connection.recv(65536):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)
