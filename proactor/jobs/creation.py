"""New processors: all that were ordered, or none of them, in one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime

from ..changes.configurator import Configurator
from ..config.draft import Draft
from ..config.grammar import new_guid
from ..config.job_settings import JobSettings, job_settings
from ..config.layers import Member
from ..config.settings import declared_module, module_sections
from ..errors import Refused, Unavailable, UsedUp
from ..launchers.held import HeldSocket
from ..model import Job
from ..reactor.slices import in_slices
from ..saved import Write
from .belongings import Belongings
from .launch_plan import LaunchPlanner


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

    def write(self, job: Job, joined: int) -> Write:
        """What is kept of it."""

    def add(self, job: Job, held: HeldSocket) -> object:
        """It is one of the jobs now."""


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
    belongings: Belongings
    keeper: Keeper
    taken: Callable[[], int]
    #: How many are ordered and not among the jobs yet.
    _ordered: int = 0

    async def create(self, order: Order, actor: str) -> list[Job]:
        """Make what was ordered: sockets bound, jobs recorded and kept, none of them started.

        :raises Refused: the module is not declared, or the options cannot be.
        :raises Unavailable: there is no room or no port for that many. None was created then.
        :raises StorageFull, StorageFailed: they cannot be kept; nor then.
        """
        section = self._declared(order.module)
        self._check_room(order.count)
        sockets = {new_guid(): each for each in self.belongings.ports.take(self._listen_addr(section), order.count)}
        self._ordered += len(sockets)
        made: list[Job] = []
        try:
            await self._make(section, order, sockets, actor, made)
        except Exception:
            self._ordered -= len(sockets)
            for guid, held in sockets.items():
                await self.belongings.discard(guid, held)
            raise
        await in_slices(self.clock, self._hand_over(made, sockets))
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
            raise UsedUp(f"{reason}; want fewer, delete some, or raise it", most - taken)
        raise UsedUp(f"max_jobs = {most} is reached: there are {taken} jobs; delete some, or raise it", 0)

    def _listen_addr(self, section: str) -> str:
        resolved = self.configurator.live.layers.resolver().resolve(section, "listen_addr")
        return self.configurator.settings.listen_addr if resolved is None else resolved.text

    async def _make(
        self, section: str, order: Order, sockets: Mapping[str, HeldSocket], actor: str, made: list[Job]
    ) -> None:
        """Have one for each socket kept, all at once: what could fail comes before that."""
        members = [
            Member(guid, section, self.planner.steering(guid, section, held.address, held.port))
            for guid, held in sockets.items()
        ]

        def kept(draft: Draft) -> Iterator[Write]:
            for guid, held in sockets.items():
                self._check_open()
                made.append(self._make_one(guid, section, order, held, draft))
                yield self.keeper.write(made[-1], draft.revision)

        await self.configurator.join(members, order.options, actor, kept)

    def _make_one(self, guid: str, section: str, order: Order, held: HeldSocket, draft: Draft) -> Job:
        values = draft.views[guid].values
        settings = job_settings(values)
        self._prepare(guid, settings)
        url = self.configurator.settings.public_url(held.port)
        labels = {**settings.labels, **order.labels}
        speaks = "command" not in values
        launcher = settings.launcher if speaks else "spawn"
        return Job(guid, section, launcher, held.port, url, self.now(), labels, held.address, speaks=speaks)

    def _prepare(self, guid: str, settings: JobSettings) -> None:
        try:
            self.belongings.prepare(guid, settings)
        except Unavailable as error:
            raise Unavailable(f"{error}; nothing of it was done", error.retry_after) from error

    def _hand_over(self, made: Sequence[Job], sockets: Mapping[str, HeldSocket]) -> Iterator[None]:
        for job in made:
            self.keeper.add(job, sockets[job.guid])
            self._ordered -= 1
            yield
