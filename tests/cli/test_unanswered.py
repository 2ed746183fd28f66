"""What is said where a change was asked for, and no answer came."""

from __future__ import annotations

import signal
import subprocess
import sys
from subprocess import PIPE, Popen
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from ..e2e.support import interruptible
from .support import run


class Silent(Resource):
    """An initiator that says what there is, and never that it has changed something.

    :ivar asked: fires when that is asked for.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.asked: Deferred[None] = Deferred()

    def render_GET(self, _request: Request) -> bytes:
        """There is nothing."""
        return b"[]"

    def render_POST(self, _request: Request) -> int:
        """Do not answer."""
        if not self.asked.called:
            self.asked.callback(None)
        return NOT_DONE_YET


class UnansweredTests(TestCase):
    """Nobody knows whether it was done, and that is said."""

    def setUp(self) -> None:
        """There is somebody."""
        self.silent = Silent()
        running: Any = reactor
        port = running.listenTCP(0, Site(self.silent), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.url = f"http://127.0.0.1:{port.getHost().port}"

    async def test_timed_out(self) -> None:
        """Where no answer comes in time it is said that it may have been done, and how to look."""
        result = await run("create", "--url", self.url, "--timeout", "0.3")
        self.assertEqual(result.code, 4)
        self.assertRegex(result.err, "within 0.3 s; it may have been done\n  look: proactor ps\n$")
        result = await run("create", "--url", self.url, "--timeout", "0.3", "--json")
        self.assertRegex(result.error["detail"], "; it may have been done$")

    async def test_not_sent(self) -> None:
        """It is not said of what cannot have been."""
        result = await run("create", "--url", "http://127.0.0.1:1")
        self.assertEqual(result.code, 4)
        self.assertNotIn("may have been", result.err)

    async def ended(self, number: int, ignored: int | None = None) -> tuple[int, str]:
        """Have it asked for, and no longer wanted; the exit code, and what was told.

        :param ignored: a signal that is sent before, and was ignored when the program began.
        """
        program = [sys.executable, "-m", "proactor.cli", "create", "--url", self.url]
        with interruptible():
            before = None if ignored is None else signal.signal(ignored, signal.SIG_IGN)
            process = Popen(program, stdin=subprocess.DEVNULL, stdout=PIPE, stderr=PIPE, text=True)
            if ignored is not None:
                signal.signal(ignored, before)
        try:
            await self.silent.asked
            if ignored is not None:
                process.send_signal(ignored)
            process.send_signal(number)
            _, told = await deferToThread(process.communicate)
        finally:
            process.kill()
        return process.returncode, told

    async def test_interrupted(self) -> None:
        """Nor does one who does not wait for the answer go without a word."""
        self.assertEqual(await self.ended(signal.SIGINT), (130, "\nIt may have been done. Look: proactor ps\n"))

    async def test_terminated(self) -> None:
        """By SIGTERM it ends as by Ctrl-C, with the exit code of that signal."""
        self.assertEqual(await self.ended(signal.SIGTERM), (143, "\nIt may have been done. Look: proactor ps\n"))

    async def test_ignored(self) -> None:
        """A signal that it was told to ignore, as Ctrl-C is in the background of a script, does not end it."""
        code, _ = await self.ended(signal.SIGTERM, ignored=signal.SIGINT)
        self.assertEqual(code, 143)
