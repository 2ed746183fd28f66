"""Tests of the socket at which the initiator is reached."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from proactor.binding import bound
from proactor.config.document import parse
from proactor.config.settings import InitiatorSettings
from proactor.errors import ProactorError
from proactor.home.home import Home
from proactor.startup import checked

GUID = "8d740c16d9b8419aa7417f7da6deb039"


def settings(port: int = 0, address: str = "127.0.0.1") -> InitiatorSettings:
    text = f"[my.module]\nrate = 1\n\n[{GUID}]\nlisten_addr = {address}\nlisten_port = {port}\n"
    return checked(parse(text, "proactor.cfg"), None).settings


class BoundTests(SynchronousTestCase):
    """One socket."""

    def setUp(self) -> None:
        self.home = str(Path(self.mktemp()).absolute())

    def refused(self, how: InitiatorSettings) -> str:
        return str(self.assertRaises(ProactorError, bound, how, self.home))

    def test_listens(self) -> None:
        """Who connects can wait as soon as it is there; the home is not touched."""
        listening = bound(settings(), self.home)
        self.addCleanup(listening.close)
        self.assertFalse(listening.getblocking())
        socket.create_connection(listening.getsockname()).close()
        self.assertFalse(Path(self.home).exists())

    def test_in_use(self) -> None:
        """A port that another program has is told, with the remedy; nothing of ours is left open."""
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            said = self.refused(settings(port))
        remedy = "choose other listen_addr and listen_port, or stop what listens there"
        self.assertEqual(said, f"cannot listen at 127.0.0.1:{port}: Address already in use; {remedy}")

    def test_same_home(self) -> None:
        """Where another initiator has the home, that is in the way before the port is."""
        home = Home.open(self.home)
        self.addCleanup(home.close)
        with socket.create_server(("127.0.0.1", 0)) as other:
            self.assertIn("an initiator with pid", self.refused(settings(other.getsockname()[1])))

    def test_no_such_address(self) -> None:
        """An address that is none of this machine's has a remedy of its own."""
        self.assertIn("; listen_addr is an address of this machine", self.refused(settings(0, "192.0.2.1")))

    def test_no_right(self) -> None:
        """So has a port that takes rights which we do not have."""

        class Forbidden(socket.socket):
            def bind(self, _address: object) -> None:
                raise PermissionError(errno.EACCES, "Permission denied")

        self.patch(socket, "socket", Forbidden)
        remedy = "choose a listen_port above 1023, or give the right to listen at this one"
        self.assertEqual(self.refused(settings(80)), f"cannot listen at 127.0.0.1:80: Permission denied; {remedy}")
