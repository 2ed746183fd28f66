from __future__ import annotations

import os
import resource
import socket

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.guardian_main.protocol import LOST, MOST_LINES, Line, close_files, connected, pack, peer, receive, send

WORDS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60).filter(lambda text: text[:1] != "@")


class ProtocolTests(SynchronousTestCase):
    """Packets over a connection."""

    def setUp(self) -> None:
        self.one, self.other = connected()
        for end in (self.one, self.other):
            end.setblocking(False)
            self.addCleanup(end.close)

    def test_lines(self) -> None:
        """Lines come as they were sent, each with its own descriptor."""
        read, write = os.pipe()
        send(self.one, [("first", None), ("second", read), ("third", None), ("fourth", write)])
        packet = receive(self.other)
        assert packet is not None
        self.addCleanup(close_files, packet)
        self.assertEqual([text for text, _ in packet], ["first", "second", "third", "fourth"])
        files = [file for _, file in packet]
        self.assertEqual((files[0], files[2]), (None, None))
        for file, sent in ((files[1], read), (files[3], write)):
            assert file is not None
            self.assertTrue(os.path.sameopenfile(file, sent))
            self.assertFalse(os.get_inheritable(file))
            os.close(sent)

    @given(st.lists(WORDS, min_size=1, max_size=3 * MOST_LINES))
    def test_any_lines(self, lines: list[str]) -> None:
        """However many there are, and whatever is in them."""
        found: list[Line] = []
        for packet in pack((line, None) for line in lines):
            send(self.one, packet)
            found.extend(receive(self.other) or ())
        self.assertEqual([text for text, _ in found], lines)

    @given(st.binary(min_size=1, max_size=1000))
    def test_any_bytes(self, data: bytes) -> None:
        """What is no packet of ours is read as something all the same."""
        self.one.send(data)
        self.assertIsNotNone(receive(self.other))

    def test_end(self) -> None:
        """Nothing yet is told from the end; what was sent before it is read, whatever who went had not read."""
        self.assertRaises(BlockingIOError, receive, self.other)
        send(self.one, [("last", None)])
        send(self.other, [("unread", None)])
        self.one.close()
        self.assertEqual(receive(self.other), [("last", None)])
        self.assertIsNone(receive(self.other))

    def test_no_room(self) -> None:
        """A descriptor for which there is no room is told from none."""
        lowest = os.dup(0)
        os.close(lowest)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        send(self.one, [("hello", None), ("first", 0), ("second", 0)])
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 1, hard))
        try:
            packet = receive(self.other)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        self.assertEqual(packet, [("hello", None), ("first", lowest), ("second", LOST)])
        assert packet is not None
        close_files(packet)

    def test_unasked(self) -> None:
        """A descriptor that no line is about is closed."""
        before = os.listdir("/proc/self/fd")
        socket.send_fds(self.one, [b"keep\n"], [0])
        self.assertEqual(receive(self.other), [("keep", None)])
        self.assertEqual(os.listdir("/proc/self/fd"), before)

    def test_peer(self) -> None:
        """Who is at the other end is known."""
        self.assertEqual(peer(self.one), (os.getpid(), os.geteuid()))
