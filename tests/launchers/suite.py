"""What every launcher promises: one suite, run on those that start processes and on the one that does not."""

from __future__ import annotations

import signal
from signal import Signals
from typing import TYPE_CHECKING

from attrs import define, evolve, field
from twisted.internet.defer import Deferred, gatherResults
from zope.interface.verify import verifyObject

from proactor.errors import Conflict, ProactorError
from proactor.interfaces import Handle, ILauncher, LaunchSpec
from proactor.launchers.identity import is_forked
from proactor.model import Exit, Identity

from ..support.launcher import Program

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase as _Base
else:
    _Base = object

GUID = "a" * 32
UNKNOWN = "ended; its status cannot be known"
RUNS = Program()
ENDS = Program(code=3)
ENDS_WELL = Program(code=0)
STUBBORN = Program(stubborn=True)
MISSING = Program(missing=True)


def nobody(guid: str, incarnation: int = 1) -> Handle:
    """What stands for a process that there is not."""
    return Handle(guid, incarnation, Identity(0, 0, ""))


def told_of(number: int) -> tuple[Exit, ...]:
    """What may be told of the end of a process that was adopted: how it ended where that can be known."""
    return (Exit(None, number, f"ended by {Signals(number).name}"), Exit(None, None, UNKNOWN))


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
    #: What it is called, and what it says of who started a process.
    name = "spawn"

    def successor(self) -> ILauncher:
        """The launcher of the next initiator, on the same machine."""
        raise NotImplementedError

    def spec(self, program: Program, guid: str, incarnation: int) -> LaunchSpec:
        """How a program is started."""
        raise NotImplementedError

    def up(self, launched: Launched) -> Deferred[None]:
        """Wait until a program has come to run."""
        raise NotImplementedError

    async def launch(self, program: Program, guid: str = GUID, incarnation: int = 1) -> Launched:
        """Start one that runs until it is told to end, or is."""
        launched = Launched(nobody(guid, incarnation))
        launched.handle = await self.launcher.launch(self.spec(program, guid, incarnation), launched.end)
        self.addCleanup(self.launcher.stop, launched.handle, 0)
        if program.code is None:
            await self.up(launched)
        return launched

    def test_interface(self) -> None:
        """It has all that a launcher has, and a name for sections."""
        verifyObject(ILauncher, self.launcher)
        self.assertEqual(self.launcher.name, self.name)

    async def test_handle(self) -> None:
        """The handle says what was launched, as plain values, and its process's number."""
        launched = await self.launch(RUNS, incarnation=7)
        handle = launched.handle
        self.assertEqual((handle.guid, handle.incarnation, handle.pid > 1), (GUID, 7, True))
        self.assertEqual((handle.pid, handle.launcher), (handle.identity.pid, self.name))
        self.assertEqual(is_forked(handle.pid), self.name == "fork")
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
            launched = Launched(nobody(GUID, incarnation))
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
        stranger = nobody("b" * 32)
        await self.launcher.stop(stranger, 60)
        self.assertRaises(Conflict, self.launcher.signal, stranger, signal.SIGUSR1)

    async def test_missing(self) -> None:
        """What cannot be started fails at once, in words for people, and no end is told of what never began."""
        exits: list[Exit] = []
        launching = self.launcher.launch(self.spec(MISSING, GUID, 1), exits.append)
        error = await self.assertFailure(launching, ProactorError)
        self.assertIn(" cannot be started: there is no such executable", str(error))
        self.assertEqual(exits, [])
        self.assertRaises(Conflict, self.launcher.signal, nobody(GUID), signal.SIGUSR1)

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

    async def inherited(self, program: Program) -> tuple[ILauncher, Launched]:
        """A process of a launcher that is no more, and the one that comes after it."""
        launched = await self.launch(program)
        return self.successor(), launched

    async def test_adopted(self) -> None:
        """One that lives is adopted: its end is told once, and a status only where it can be known."""
        successor, launched = await self.inherited(RUNS)
        adopted = Launched(launched.handle)
        self.assertTrue(successor.adopt(launched.handle, adopted.end))
        self.assertEqual(adopted.exits, [])
        successor.signal(launched.handle, signal.SIGUSR2)
        self.assertIn(await adopted.ended, told_of(signal.SIGUSR2))
        await successor.stop(launched.handle, 60)
        self.assertEqual(len(adopted.exits), 1)
        self.assertRaises(Conflict, successor.signal, launched.handle, signal.SIGUSR2)

    async def test_adopted_is_stopped(self) -> None:
        """One that was adopted is stopped as any other, and its end is told before that is over."""
        for program, number in ((RUNS, signal.SIGTERM), (STUBBORN, signal.SIGKILL)):
            successor, launched = await self.inherited(program)
            adopted = Launched(launched.handle)
            self.assertTrue(successor.adopt(launched.handle, adopted.end))
            await successor.stop(launched.handle, 60 if number == signal.SIGTERM else 0.1)
            self.assertEqual(len(adopted.exits), 1)
            self.assertIn(adopted.exits[0], told_of(number))

    async def test_dead(self) -> None:
        """One that is no more is not adopted, and nothing is told of it."""
        successor, launched = await self.inherited(ENDS)
        await launched.ended
        adopted = Launched(launched.handle)
        self.assertFalse(successor.adopt(launched.handle, adopted.end))
        await successor.stop(launched.handle, 60)
        self.assertRaises(Conflict, successor.signal, launched.handle, signal.SIGUSR2)
        self.assertEqual(adopted.exits, [])

    async def test_stranger_with_its_number(self) -> None:
        """A process that only has its number is not adopted and not signalled; nor is one of another boot."""
        successor, launched = await self.inherited(RUNS)
        real = launched.handle.identity
        for identity in (evolve(real, start=real.start - 1), evolve(real, boot="another"), evolve(real, boot="")):
            handle = evolve(launched.handle, identity=identity)
            self.assertFalse(successor.adopt(handle, lambda _: self.fail("an end of a stranger")))
            await successor.stop(handle, 0)
            self.assertRaises(Conflict, successor.signal, handle, signal.SIGKILL)
        self.assertEqual(launched.exits, [])
        self.launcher.signal(launched.handle, signal.SIGUSR2)
        await launched.ended
