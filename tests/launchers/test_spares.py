"""Processes that are forked ahead: what becomes of them is as fresh as any other, and they are nobody's before."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import cast

from twisted.internet import reactor
from twisted.internet.task import deferLater

from proactor.forkserver.spares import SPARES
from proactor.guardian_main.processes import Process
from proactor.interfaces import Limits
from proactor.launchers.subreaper import children

from .test_fork import ForkCase


def waiting() -> set[int]:
    """Those that are ready: they have nothing but their connection to wait for."""
    found = set()
    for pid in children():
        try:
            title = Path(f"/proc/{pid}/cmdline").read_bytes()
            descriptors = os.listdir(f"/proc/{pid}/fd")
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
        except OSError:
            continue
        if b"proactor.forkserver" in title and os.getsid(pid) == pid and len(descriptors) == 4 and state == "S":
            found.add(pid)
    return found


def alive() -> set[int]:
    """Those that there are, and their server."""
    found = set()
    for pid in children():
        process = Process.look(pid)
        with contextlib.suppress(OSError):
            title = Path(f"/proc/{pid}/cmdline").read_bytes()
            if process is not None and process.alive and b"proactor.forkserver" in title:
                found.add(pid)
    return found


class SpareTests(ForkCase):
    """While nobody wants anything some are forked ahead."""

    async def until_waiting(self, count: int = SPARES) -> set[int]:
        """Begin something, and wait until there are so many."""
        await self.run_spec(self.module("up", "e" * 32))
        while len(waiting()) < count:
            await deferLater(reactor, 0.02)
        return waiting()

    async def test_as_any_other(self) -> None:
        """It is begun by one of them, which finds nothing that another does not."""
        plain = await self.seen(stdin=b"12345")
        spares = await self.until_waiting()
        launched = await self.begin(self.module("seen", "b" * 32, stdin=b"12345"))
        self.assertEqual((await launched.ended).code, 0)
        spare = json.loads(self.lines()[-1])
        self.assertIn(launched.handle.pid, spares)
        self.assertEqual((spare["parent"], spare["session"]), (os.getpid(), [launched.handle.pid] * 3))
        changing = ("random", "session")
        self.assertEqual(
            {name: value for name, value in spare.items() if name not in changing},
            {name: value for name, value in plain.items() if name not in changing},
        )

    async def test_chance(self) -> None:
        """Two of them draw different numbers."""
        spares = await self.until_waiting()
        for number in range(2):
            launched = await self.begin(self.module("seen", f"{number:032x}"))
            self.assertEqual((await launched.ended).code, 0)
            self.assertIn(launched.handle.pid, spares)
        first, second = (json.loads(line)["random"] for line in self.lines()[-2:])
        self.assertNotEqual(first, second)

    async def test_limits(self) -> None:
        """Limits are those of the launch, and so is the environment."""
        spares = await self.until_waiting()
        limits = Limits(nofile=100, nice=3, umask="027", folder="/")
        spec = self.module("seen", "b" * 32, limits=limits)
        cast(dict[str, str], spec.environment)["OF_MINE"] = "yes"
        launched = await self.begin(spec)
        self.assertEqual((await launched.ended).code, 0)
        seen = json.loads(self.lines()[-1])
        self.assertIn(launched.handle.pid, spares)
        self.assertEqual([seen[name] for name in ("nofile", "nice", "umask", "folder")], [100, 3, 0o027, "/"])
        self.assertEqual(seen["environment"]["OF_MINE"], "yes")

    async def test_end_with_server(self) -> None:
        """They end with the server, whatever ends that."""
        spares = await self.until_waiting()
        os.kill(self.server(), signal.SIGKILL)
        while spares & waiting():
            await deferLater(reactor, 0.02)

    async def test_another_number(self) -> None:
        """There are as many as is said, more or fewer, and none where none is wanted; so it is with the next server."""
        await self.until_waiting()
        for count in (6, 1, 0):
            self.forks.spare(count)
            while len(waiting()) != count or alive() != {self.server(), *waiting()}:
                await deferLater(reactor, 0.02)
        launched = await self.begin(self.module("exit3", "b" * 32))
        self.assertEqual(((await launched.ended).code, launched.handle.launcher), (3, "fork"))
        self.forks.spare(2)
        os.kill(self.server(), signal.SIGKILL)
        await self.begin(self.module("up", "d" * 32))
        while len(waiting()) < 2:
            await deferLater(reactor, 0.02)
        self.assertEqual(alive(), {self.server(), *waiting()})

    async def test_end_before_server(self) -> None:
        """When the server has been stopped none is left, of those that are not ready either."""
        await self.run_spec(self.module("up", "e" * 32))
        while not (spares := alive() - {self.server()}):
            await deferLater(reactor, 0.02)
        await self.forks.close()
        self.assertEqual(spares & alive(), set())

    async def test_killed(self) -> None:
        """Where they have ended another one is forked."""
        for pid in await self.until_waiting():
            os.kill(pid, signal.SIGKILL)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        launched = await self.begin(self.module("exit3", "b" * 32))
        self.assertEqual(((await launched.ended).code, launched.handle.launcher), (3, "fork"))

    async def test_more_than_there_are(self) -> None:
        """Who comes when none is left is forked at once; they are made up for when nobody wants anything."""
        spares = await self.until_waiting()
        begun = [await self.begin(self.module("up", f"{number:032x}")) for number in range(SPARES + 2)]
        self.assertEqual({launched.handle.pid for launched in begun} & spares, spares)
        await self.until_said("up", 1 + len(begun))
        while len(waiting() - spares) < SPARES:
            await deferLater(reactor, 0.02)
