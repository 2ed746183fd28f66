# mypy: allow-untyped-calls
"""The socket that a processor serves on."""

import os
import socket
from typing import Any

from twisted.internet.defer import inlineCallbacks
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase, TestCase

from proactor.errors import Unavailable
from proactor.processor.arguments import Arguments, UsageError
from proactor.processor.listening import listener

from .fakes import GUID


def bound(family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, listening: bool = True) -> socket.socket:
    """Give a socket on loopback."""
    made = socket.socket(family, kind)
    made.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
    if listening:
        made.listen()
    return made


class CheckTests(SynchronousTestCase):
    """What may be inherited."""

    def assert_refused(self, fd: int, port: int, reason: str) -> None:
        """Check that a descriptor is no good."""
        error = self.assertRaises(UsageError, listener, MemoryReactor(), Arguments(GUID, port, fd), "127.0.0.1")
        self.assertEqual(str(error), reason)

    def test_no_descriptor(self) -> None:
        """A descriptor that is not open is named."""
        closed = os.dup(0)
        os.close(closed)
        self.assert_refused(closed, 1, f"--fd {closed}: Bad file descriptor; a listening TCP socket is right")

    def test_no_socket(self) -> None:
        """A file is no socket, and stays open."""
        null = os.open(os.devnull, os.O_RDONLY)
        self.addCleanup(os.close, null)
        self.assert_refused(null, 1, f"--fd {null}: Socket operation on non-socket; a listening TCP socket is right")

    def test_not_listening(self) -> None:
        """A socket that does not listen, or not on TCP, is refused."""
        pair = socket.socketpair()
        for other in (bound(listening=False), bound(kind=socket.SOCK_DGRAM, listening=False), *pair):
            self.addCleanup(other.close)
            self.assert_refused(other.fileno(), 1, f"--fd {other.fileno()}: that is no listening TCP socket")

    def test_other_port(self) -> None:
        """A socket on another port than was said is somebody else's."""
        inherited = bound()
        self.addCleanup(inherited.close)
        fd, port = inherited.fileno(), inherited.getsockname()[1]
        self.assert_refused(fd, 1, f"--fd {fd}: that listens on port {port}, not on 1")


class ListenTests(TestCase):
    """What is served on."""

    @inlineCallbacks
    def test_inherited(self) -> Any:
        """An inherited socket is taken up, and the descriptor itself closed."""
        from twisted.internet import reactor  # noqa: PLC0415

        for family in (socket.AF_INET, socket.AF_INET6):
            inherited = bound(family)
            number, fd = inherited.getsockname()[1], os.dup(inherited.fileno())
            port = listener(reactor, Arguments(GUID, number, fd), "10.255.255.255")(Factory.forProtocol(Protocol))
            self.assertEqual(port.getHost().port, number)  # type: ignore[attr-defined]
            self.assertRaises(OSError, os.fstat, fd)
            self.assertFalse(os.get_blocking(inherited.fileno()))
            inherited.close()
            socket.create_connection(("::1" if family == socket.AF_INET6 else "127.0.0.1", number)).close()
            yield port.stopListening()

    @inlineCallbacks
    def test_bound(self) -> Any:
        """Without one it binds the address and port that it is told."""
        from twisted.internet import reactor  # noqa: PLC0415

        port = listener(reactor, Arguments(GUID, 0, None), "127.0.0.1")(Factory.forProtocol(Protocol))
        self.assertEqual(port.getHost().host, "127.0.0.1")  # type: ignore[attr-defined]
        yield port.stopListening()

    def test_taken(self) -> None:
        """A port that is taken is an error that names it."""
        from twisted.internet import reactor  # noqa: PLC0415

        taken = bound()
        self.addCleanup(taken.close)
        number = taken.getsockname()[1]
        listen = listener(reactor, Arguments(GUID, number, None), "127.0.0.1")
        error = self.assertRaises(Unavailable, listen, Factory.forProtocol(Protocol))
        self.assertEqual(str(error), f"cannot listen on 127.0.0.1:{number}: Address already in use")
