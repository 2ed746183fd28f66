"""What every launcher promises: one suite, run on those that start processes and on the one that does not."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from attrs import define, field
from twisted.internet.defer import Deferred, gatherResults
from zope.interface.verify import verifyObject

from proactor.errors import Conflict, ProactorError
from proactor.interfaces import Handle, ILauncher, LaunchSpec
from proactor.model import Exit

from ..support.launcher import Program

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase as _Base
else:
    _Base = object

GUID = "a" * 32
RUNS = Program()
ENDS = Program(code=3)
ENDS_WELL = Program(code=0)
STUBBORN = Program(stubborn=True)
MISSING = Program(missing=True)


@define(eq=False)
class Launched:
    """One launch, and what was told of its end."""

    handle: Handle
    exits: list[Exit] = field(factory=list)
    ended: Deferred[Exit] = field(factory=Deferred)

    def end(self, exit_: Exit) -> None:
        """Note it."""
        self.exits.append(exit_)
        if len(self.exits) == 1:
            self.ended.callback(exit_)


class LauncherSuite(_Base):
    """Mixed into a ``TestCase`` for each launcher, behind the class that has the first three of these."""

    launcher: ILauncher

    def spec(self, program: Program, guid: str, incarnation: int) -> LaunchSpec:
        """How a program is started."""
        raise NotImplementedError

    def up(self, launched: Launched) -> Deferred[None]:
        """Wait until a program has come to run."""
        raise NotImplementedError

    async def launch(self, program: Program, guid: str = GUID, incarnation: int = 1) -> Launched:
        """Start one that runs until it is told to end, or is."""
        launched = Launched(Handle(guid, incarnation, 0))
        launched.handle = await self.launcher.launch(self.spec(program, guid, incarnation), launched.end)
        self.addCleanup(self.launcher.stop, launched.handle, 0)
        if program.code is None:
            await self.up(launched)
        return launched

    def test_interface(self) -> None:
        """It has all that a launcher has, and a name for sections."""
        verifyObject(ILauncher, self.launcher)
        self.assertEqual(self.launcher.name, "spawn")

    async def test_handle(self) -> None:
        """The handle says what was launched, as plain values, and its process's number."""
        launched = await self.launch(RUNS, incarnation=7)
        handle = launched.handle
        self.assertEqual((handle.guid, handle.incarnation, handle.pid > 1), (GUID, 7, True))
        self.assertEqual(launched.exits, [])

    async def test_ends_by_itself(self) -> None:
        """An end is told once, with its status."""
        for program, code in ((ENDS, 3), (ENDS_WELL, 0)):
            launched = await self.launch(program)
            exit_ = await launched.ended
            self.assertEqual(exit_, Exit(code, None, f"exited with status {code}"))
            await self.launcher.stop(launched.handle, 0)
            self.assertEqual(launched.exits, [exit_])

    async def test_signal(self) -> None:
        """A signal goes to the process; if it ends by it, that is told."""
        launched = await self.launch(RUNS)
        self.launcher.signal(launched.handle, signal.SIGUSR2)
        self.assertEqual(await launched.ended, Exit(None, signal.SIGUSR2, "ended by SIGUSR2"))

    async def test_stop(self) -> None:
        """Who is stopped gets SIGTERM, and the end is told before the stop is over."""
        launched = await self.launch(RUNS)
        await self.launcher.stop(launched.handle, 60)
        self.assertEqual(launched.exits, [Exit(None, signal.SIGTERM, "ended by SIGTERM")])

    async def test_stopped_at_once(self) -> None:
        """Who is stopped before it has come to run ends as well."""
        for incarnation in range(1, 4):
            launched = Launched(Handle(GUID, incarnation, 0))
            spec = self.spec(RUNS, GUID, incarnation)
            await self.launcher.stop(await self.launcher.launch(spec, launched.end), 60)
            self.assertEqual(launched.exits, [Exit(None, signal.SIGTERM, "ended by SIGTERM")])

    async def test_stubborn(self) -> None:
        """Who does not heed that gets SIGKILL, after the time of grace."""
        launched = await self.launch(STUBBORN)
        await self.launcher.stop(launched.handle, 0.1)
        self.assertEqual(launched.exits, [Exit(None, signal.SIGKILL, "ended by SIGKILL")])

    async def test_stopped_twice(self) -> None:
        """Two who stop the same both see it end."""
        launched = await self.launch(STUBBORN)
        await gatherResults([self.launcher.stop(launched.handle, 0.1) for _ in range(2)])
        self.assertEqual(len(launched.exits), 1)

    async def test_over(self) -> None:
        """What is over can be stopped, which is nothing, and not be signalled."""
        launched = await self.launch(ENDS)
        await launched.ended
        await self.launcher.stop(launched.handle, 60)
        error = self.assertRaises(Conflict, self.launcher.signal, launched.handle, signal.SIGUSR1)
        self.assertEqual(str(error), f"the process of {GUID} has ended")

    async def test_strangers(self) -> None:
        """What was never launched is over."""
        stranger = Handle("b" * 32, 1, 1)
        await self.launcher.stop(stranger, 60)
        self.assertRaises(Conflict, self.launcher.signal, stranger, signal.SIGUSR1)

    async def test_missing(self) -> None:
        """What cannot be started fails at once, in words for people, and no end is told of what never began."""
        exits: list[Exit] = []
        launching = self.launcher.launch(self.spec(MISSING, GUID, 1), exits.append)
        error = await self.assertFailure(launching, ProactorError)
        self.assertIn(" cannot be started: there is no such executable", str(error))
        self.assertEqual(exits, [])
        self.assertRaises(Conflict, self.launcher.signal, Handle(GUID, 1, 1), signal.SIGUSR1)

    async def test_incarnations(self) -> None:
        """Each launch of a guid is one by itself: the handle of another does it no harm."""
        first = await self.launch(RUNS, incarnation=1)
        second = await self.launch(RUNS, incarnation=2)
        await self.launcher.stop(first.handle, 60)
        self.assertEqual((len(first.exits), len(second.exits)), (1, 0))
        self.assertRaises(Conflict, self.launcher.signal, first.handle, signal.SIGUSR2)
        self.launcher.signal(second.handle, signal.SIGUSR2)
        self.assertEqual((await second.ended).signal, signal.SIGUSR2)

    async def test_side_by_side(self) -> None:
        """Many run at the same time, and each ends on its own."""
        all_ = [await self.launch(RUNS, guid=f"{number:032x}") for number in range(5)]
        self.assertEqual(len({launched.handle.pid for launched in all_}), 5)
        for launched in reversed(all_):
            await self.launcher.stop(launched.handle, 60)
        self.assertEqual([len(launched.exits) for launched in all_], [1] * 5)
