from __future__ import annotations

import errno
import os
from unittest.mock import patch

from twisted.internet.error import ConnectionLost
from twisted.internet.main import CONNECTION_LOST
from twisted.python.failure import Failure

from proactor.guardian import packets
from proactor.guardian.packets import Link
from proactor.guardian_main.protocol import Packet, close_files, connected, receive, send

from .test_guardian import GuardianCase


class LinkTests(GuardianCase):
    """The initiator's end of a connection."""

    def setUp(self) -> None:
        super().setUp()
        ours, self.other = connected()
        self.other.setblocking(False)
        self.addCleanup(self.other.close)
        self.link = Link(self.reactor, ours)  # type: ignore[arg-type]
        self.came: list[Packet] = []
        self.losses = 0
        self.link.heard, self.link.lost = self.came.append, self.lost

    def lost(self) -> None:
        self.losses += 1

    def test_at_once(self) -> None:
        """A line is under way when the call returns: who is killed then has told it."""
        self.link.tell("one")
        self.assertEqual(self.heard(self.other), ["one"])
        self.assertEqual(self.reactor.writers, set())

    def test_together(self) -> None:
        """Lines that are told together come in one packet, each with its own descriptor."""
        self.link.tell_all([("one", lambda: 0), ("two", None), ("three", lambda: 1)])
        packet = receive(self.other)
        assert packet is not None
        self.assertEqual(
            [(text, file is not None) for text, file in packet], [("one", True), ("two", False), ("three", True)]
        )
        close_files(packet)
        self.assertRaises(BlockingIOError, receive, self.other)

    def test_by_and_by(self) -> None:
        """What cannot be sent at once is sent when there is room, in order, and with the descriptors of then."""
        file = os.dup(0)
        for number in range(5000):
            self.link.tell(str(number), lambda: file)
        self.assertEqual(self.reactor.writers, {self.link})
        finished = self.link.finish()
        lines = self.lines(self.other)
        first = len(lines)
        self.assertLess(first, 5000)
        os.close(file)
        while self.reactor.writers:
            self.assertNoResult(finished)
            self.reactor.turn()
            lines += self.lines(self.other)
        self.successResultOf(finished)
        self.assertEqual([text for text, _ in lines], [str(number) for number in range(5000)])
        self.assertEqual([file is None for _, file in lines], [number >= first for number in range(5000)])

    def test_shortage(self) -> None:
        """What the system has no room for now is sent a moment later."""
        with patch.object(packets, "send", side_effect=OSError(errno.ETOOMANYREFS, "Too many references")):
            self.link.tell("one")
            self.link.tell("two")
            self.reactor.advance(1)
        self.assertEqual(self.heard(self.other), [])
        self.reactor.advance(1)
        self.assertEqual(self.heard(self.other), ["one", "two"])
        self.link.tell("three")
        self.assertEqual(self.heard(self.other), ["three"])

    def test_closed_in_a_shortage(self) -> None:
        """Nothing is tried any more once it is closed."""
        with patch.object(packets, "send", side_effect=OSError(errno.ENOBUFS, "No buffer space available")):
            self.link.tell("one")
        self.link.close()
        self.link.close()
        self.assertEqual((self.reactor.getDelayedCalls(), self.reactor.readers), ([], set()))
        self.link.tell("two")
        self.assertEqual(self.losses, 0)

    def test_heard(self) -> None:
        """All that has come is heard, and its end last."""
        send(self.other, [("one", None)])
        send(self.other, [("two", None)])
        self.reactor.turn()
        self.assertEqual(self.came, [[("one", None)], [("two", None)]])
        send(self.other, [("three", None)])
        self.other.close()
        self.reactor.turn()
        self.assertEqual((len(self.came), self.losses, self.reactor.readers), (3, 1, set()))
        self.link.connectionLost(Failure(ConnectionLost()))
        self.assertEqual(self.losses, 1)

    def test_gone(self) -> None:
        """What is told to who has gone is told to nobody; that it has gone is heard of."""
        self.other.close()
        self.link.tell("one")
        self.assertEqual((self.reactor.writers, self.losses), (set(), 0))
        self.successResultOf(self.link.finish())
        self.reactor.turn()
        self.assertEqual(self.losses, 1)

    def test_lost(self) -> None:
        """So is what the reactor has seen of it."""
        self.link.connectionLost(Failure(CONNECTION_LOST))
        self.assertEqual((self.losses, self.reactor.readers), (1, set()))

    def test_closed_while_it_is_heard(self) -> None:
        """Who closes it when it hears something hears no more."""

        def close(packet: Packet) -> None:
            self.came.append(packet)
            self.link.close()

        self.link.heard = close
        send(self.other, [("one", None)])
        send(self.other, [("two", None)])
        self.reactor.turn()
        self.assertEqual((len(self.came), self.losses), (1, 0))

    def test_unheard(self) -> None:
        """What nobody hears leaves nothing open."""
        ours, other = connected()
        link = Link(self.reactor, ours)  # type: ignore[arg-type]
        before = os.listdir("/proc/self/fd")
        send(other, [("one", 0)])
        link.doRead()
        self.assertEqual(os.listdir("/proc/self/fd"), before)
        other.close()
        link.doRead()
        self.assertEqual(link.logPrefix(), "guardian")
