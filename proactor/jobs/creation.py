"""New processors: all that were ordered, or none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import uuid4

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from ..changes.configurator import Configurator
from ..config.draft import Draft
from ..config.grammar import new_guid
from ..config.job_settings import job_settings
from ..config.layers import Member
from ..config.settings import declared_module, module_sections
from ..errors import Refused, Unavailable
from ..launchers.held import HeldSocket
from ..launchers.ports import Ports
from ..model import Job
from ..reactor.slices import SLICE
from ..saved import DropJob, PutValue, Write
from .launch_plan import LaunchPlanner
from .surroundings import Locks

#: What a store has of an order that is not carried out to its end; the order's id follows.
UNFINISHED = "creating."


@frozen
class Order:
    """What to create.

    :param module: a module section; ``None`` for the default module.
    :param options: of the new processors' own, over their module's.
    """

    module: str | None = None
    count: int = 1
    options: Mapping[str, str] = field(factory=dict)
    labels: Mapping[str, str] = field(factory=dict)


class Keeper(Protocol):
    """Who has the jobs that are made."""

    @property
    def closing(self) -> bool:
        """Whether nothing new is taken on."""

    def writes(self, job: Job, joined: int) -> Sequence[Write]:
        """What is kept of it."""

    def add(self, job: Job, held: HeldSocket) -> object:
        """It is one of the jobs now."""

    async def withdraw(self, job: Job, actor: str) -> None:
        """It is none after all."""


@define(eq=False)
class Creation:
    """Makes jobs for their keeper.

    :param now: the time of day, aware.
    :param taken: how many jobs there are.
    """

    clock: IReactorTime
    now: Callable[[], datetime]
    configurator: Configurator
    planner: LaunchPlanner
    ports: Ports
    locks: Locks
    keeper: Keeper
    taken: Callable[[], int]
    #: How many are ordered and not among the jobs yet.
    _ordered: int = 0

    async def create(self, order: Order, actor: str) -> list[Job]:
        """Make what was ordered: sockets bound, jobs recorded and kept, none of them started.

        :raises Refused: the module is not declared, or the options cannot be.
        :raises Unavailable: there is no room or no port for that many. None was created then.
        """
        section = self._declared(order.module)
        self._check_room(order.count)
        sockets = self.ports.take(self._listen_addr(section), order.count)
        made: list[Job] = []
        self._ordered += len(sockets)
        try:
            await self._make_all(section, order, sockets, actor, made)
        except Exception:
            self._ordered -= len(sockets)
            for each in sockets:
                self.ports.give_back(each)
            for job in made:
                await self.keeper.withdraw(job, actor)
            raise
        return made

    def _declared(self, module: str | None) -> str:
        layers = self.configurator.live.layers
        name = self.configurator.settings.default_module if module is None else module
        section = declared_module(layers, name)
        if section is None:
            declared = ", ".join(module_sections(layers)) or "none"
            remedy = f"add a section of that name to {layers.document.source}; there are: {declared}"
            raise Refused(f"module {name[:100]!r} is not declared: {remedy}")
        return section

    def _check_open(self) -> None:
        if self.keeper.closing:
            raise Unavailable("the initiator is stopping", retry_after=10)

    def _check_room(self, count: int) -> None:
        self._check_open()
        taken, most = self.taken() + self._ordered, self.configurator.settings.max_jobs
        if taken + count <= most:
            return
        if taken < most:
            reason = (
                f"max_jobs = {most} leaves room for {most - taken}: there are {taken} jobs, and {count} more are wanted"
            )
            raise Unavailable(f"{reason}; want fewer, delete some, or raise it", 30)
        raise Unavailable(f"max_jobs = {most} is reached: there are {taken} jobs; delete some, or raise it", 30)

    def _listen_addr(self, section: str) -> str:
        resolved = self.configurator.live.layers.resolver().resolve(section, "listen_addr")
        return self.configurator.settings.listen_addr if resolved is None else resolved.text

    async def _make_all(
        self, section: str, order: Order, sockets: list[HeldSocket], actor: str, made: list[Job]
    ) -> None:
        """Make one for each socket, which is taken off its list; in slices.

        Of an order for several the first and the last are kept with a note: what is found with it was never answered.
        """
        guids = [new_guid() for _ in sockets]
        name = f"{UNFINISHED}{uuid4().hex}"
        until = self.clock.seconds() + SLICE
        for guid in guids:
            notes: list[Write] = []
            if len(guids) > 1 and guid == guids[0]:
                notes = [PutValue(name, guids)]
            elif len(guids) > 1 and guid == guids[-1]:
                notes = [PutValue(name, None)]
            made.append(await self._make_one(guid, section, order, sockets[0], actor, notes))
            sockets.pop(0)
            self._ordered -= 1
            if self.clock.seconds() >= until:
                await deferLater(self.clock, 0)
                until = self.clock.seconds() + SLICE
            self._check_open()

    async def _make_one(
        self, guid: str, section: str, order: Order, held: HeldSocket, actor: str, notes: list[Write]
    ) -> Job:
        member = Member(guid, section, self.planner.steering(guid, section, held.address, held.port))
        drafted: list[Job] = []

        def kept(draft: Draft) -> list[Write]:
            job = self._record(guid, section, order, held, draft)
            drafted.append(job)
            return [*self.keeper.writes(job, draft.revision), *notes]

        self.locks.reserve(guid)
        try:
            await self.configurator.join(member, order.options, actor, kept)
        except Exception:
            self.locks.remove(guid)
            raise
        try:
            self.keeper.add(drafted[0], held)
        except Exception:
            self.locks.remove(guid)
            await self.configurator.leave(guid, actor, [DropJob(guid)])
            raise
        return drafted[0]

    def _record(self, guid: str, section: str, order: Order, held: HeldSocket, draft: Draft) -> Job:
        values = draft.views[guid].values
        settings = job_settings(values)
        url = self.configurator.settings.public_url(held.port)
        labels = {**settings.labels, **order.labels}
        speaks = "command" not in values
        launcher = settings.launcher if speaks else "spawn"
        return Job(guid, section, launcher, held.port, url, self.now(), labels, held.address, speaks=speaks)
