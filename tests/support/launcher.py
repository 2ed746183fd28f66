"""A launcher whose processes are values."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from itertools import count

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from proactor.errors import Conflict, ProactorError, Refused
from proactor.interfaces import Handle, ILauncher, LaunchSpec
from proactor.model import Exit, Identity

Place = tuple[str, int]

#: The first process's number: past all that Linux gives to processes, so that it is nobody's.
FIRST_PID = 5_000_000
BOOT = "3a7c0f52-0000-4000-8000-000000000000"
#: What is known of the end of one that was adopted.
UNKNOWN = Exit(None, None, "ended; its status cannot be known")


@frozen
class Program:
    """What a process does.

    :param code: the status with which it ends by itself; ``None``: it runs until it is told to end.
    :param at_once: it ends before it is even said to be started.
    :param stubborn: it heeds no SIGTERM.
    :param missing: there is no such executable.
    """

    code: int | None = None
    at_once: bool = False
    stubborn: bool = False
    missing: bool = False


@define(eq=False)
class _Process:
    """One process of the machine: it lives on when its launcher is forgotten.

    :ivar mine: whether it is a child of its launcher's.
    """

    program: Program
    identity: Identity
    ended: Callable[[Exit], None]
    mine: bool = True
    stopping: list[Deferred[None]] = field(factory=list)


@define(eq=False)
class Machine:
    """What outlives a launcher."""

    processes: dict[Place, _Process] = field(factory=dict)
    pids: Iterator[int] = field(factory=lambda: count(FIRST_PID))


@implementer(ILauncher)
class MemoryLauncher:
    """Starts nothing: its processes end when they are told to, or when a test has them end.

    :param programs: by command; any other command is a program that runs until it is told to end.
    :param machine: an earlier launcher's, whose processes may be adopted.
    :ivar specs: of all that were launched, in order.
    :ivar refusal: with this every launch fails, if it is set.
    :ivar slow: whether launches wait for :meth:`release`.
    :ivar stubborn: whether no process heeds SIGTERM.
    :ivar rest_ended: of whose processes the rest was to be ended.
    """

    name = "spawn"

    def __init__(
        self,
        clock: IReactorTime,
        programs: Mapping[tuple[str, ...], Program] | None = None,
        machine: Machine | None = None,
    ) -> None:
        self._clock = clock
        self._programs = programs or {}
        self.machine = Machine() if machine is None else machine
        self._waiting: list[Deferred[None]] = []
        self._running: dict[Place, _Process] = {}
        self.specs: list[LaunchSpec] = []
        self.refusal: Exception | None = None
        self.slow = False
        self.stubborn = False
        self.rest_ended: list[dict[str, Identity | None]] = []

    @property
    def running(self) -> list[str]:
        """The guids of the processes that there are."""
        return [guid for guid, _ in self._running]

    def launch(self, spec: LaunchSpec, ended: Callable[[Exit], None]) -> Deferred[Handle]:
        """Start a process; see :class:`~proactor.interfaces.ILauncher`."""
        if not self.slow:
            return self._launch(spec, ended)
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting.addCallback(lambda _: self._launch(spec, ended))

    def release(self) -> None:
        """Let those go on that wait to be launched."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def _launch(self, spec: LaunchSpec, ended: Callable[[Exit], None]) -> Deferred[Handle]:
        program = self._programs.get(spec.argv, Program())
        if self.refusal is not None or program.missing:
            return fail(self.refusal or Refused(f"{spec.argv[0]} cannot be started: there is no such executable"))
        place = (spec.guid, spec.incarnation)
        self.specs.append(spec)
        identity = Identity(next(self.machine.pids), len(self.specs), BOOT)
        self.machine.processes[place] = self._running[place] = _Process(program, identity, ended)
        if program.at_once:
            self.end(place, Exit(program.code, None, f"exited with status {program.code}"))
        elif program.code is not None:
            self.finish(spec.guid, program.code)
        return succeed(Handle(spec.guid, spec.incarnation, identity))

    def adopt(self, handle: Handle, ended: Callable[[Exit], None]) -> bool:
        """Take over a process of the machine; see :class:`~proactor.interfaces.ILauncher`."""
        place = (handle.guid, handle.incarnation)
        process = self.machine.processes.get(place)
        if process is None or process.identity != handle.identity:
            return False
        process.ended, process.mine, process.stopping = ended, False, []
        self._running[place] = process
        return True

    def finish(self, guid: str, code: int) -> None:
        """Have a process end by itself, in the next turn of the reactor."""
        self._end_soon(guid, Exit(code, None, f"exited with status {code}"))

    def kill(self, guid: str, number: int = signal.SIGKILL) -> None:
        """Have a process end by a signal of somebody else, in the next turn of the reactor."""
        self._end_soon(guid, _by_signal(number))

    def pids(self) -> dict[str, int]:
        """The process of each guid."""
        return {guid: process.identity.pid for (guid, _), process in self.machine.processes.items()}

    def identity(self, pid: int) -> Identity | None:
        """The process that has a number; see :class:`~proactor.jobs.taking_up.Processes`."""
        found = (each.identity for each in self.machine.processes.values())
        return next((identity for identity in found if identity.pid == pid), None)

    def alive(self, process: Identity) -> bool:
        """Whether it lives; see :class:`~proactor.jobs.taking_up.Processes`."""
        return self.identity(process.pid) == process

    def boot(self) -> str:
        """The present boot."""
        return BOOT

    def launcher(self, process: Identity) -> str:
        """The name of what launched it; see :class:`~proactor.jobs.taking_up.Processes`."""
        return self.name if self.alive(process) else ""

    def end_rest(self, ended: Mapping[str, Identity | None]) -> None:
        """End what processes left behind; see :class:`~proactor.jobs.taking_up.Processes`."""
        self.rest_ended.append(dict(ended))

    def stop(self, handle: Handle, grace: float) -> Deferred[None]:
        """End a process; see :class:`~proactor.interfaces.ILauncher`."""
        place = (handle.guid, handle.incarnation)
        process = self._running.get(place)
        if process is None or place not in self.machine.processes:
            return succeed(None)
        over: Deferred[None] = Deferred()
        process.stopping.append(over)
        if len(process.stopping) == 1:
            stubborn = self.stubborn or process.program.stubborn
            number = signal.SIGKILL if stubborn else signal.SIGTERM
            self._clock.callLater(grace if stubborn else 0, self.end, place, _by_signal(number))
        return over

    def signal(self, handle: Handle, number: int) -> None:
        """Send a signal, of which every program ends; see :class:`~proactor.interfaces.ILauncher`."""
        if (handle.guid, handle.incarnation) not in self._running:
            raise Conflict(f"the process of {handle.guid} has ended")
        self.kill(handle.guid, number)

    def _end_soon(self, guid: str, exit_: Exit) -> None:
        place = next(place for place in self._running if place[0] == guid)
        self._clock.callLater(0, self.end, place, exit_)

    def end(self, place: Place, exit_: Exit) -> None:
        """A process is no more."""
        process = self._running.pop(place, None)
        if process is None or self.machine.processes.pop(place, None) is None:
            return
        process.ended(exit_ if process.mine else UNKNOWN)
        for over in process.stopping:
            over.callback(None)


def _by_signal(number: int) -> Exit:
    return Exit(None, number, f"ended by {signal.Signals(number).name}")


#: What a launch fails with.
REFUSAL: ProactorError = Refused("python cannot be started: not today")
