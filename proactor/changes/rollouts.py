"""Edits on their way, and the last that were: begun one beside the other, told of what is heard, remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..config.draft import Draft
from ..config.live import LiveConfiguration
from ..errors import Conflict, NotFound
from ..saved import DropRollout
from ..store.interface import IStore
from ..timeline.origin import because
from ..timeline.story import RolloutStory
from ..timeline.timeline import Event, Timeline
from .configurator import Configurator, Plan
from .driven import Driven
from .driving import Driver
from .kept import put_rollout, rollout_of
from .rollout import Pace, Progress, Rollout, Stage, batches

#: How many rollouts that are over are remembered.
KEPT = 100

log = Logger()


class _Overlap(Exception):
    """Another rollout is under way that touches the same processors."""

    def __init__(self, other: Driven) -> None:
        super().__init__()
        self.other = other


@define(eq=False)
class Rollouts:
    """All that are under way, and the last that were.

    :param speaks: whether a processor has a process that can answer.
    """

    clock: IReactorTime
    now: Callable[[], datetime]
    configurator: Configurator
    speaks: Callable[[str], bool]
    store: IStore
    timeline: Timeline
    #: Told when one is over.
    heard_end: Callable[[], None] = lambda: None
    _known: dict[str, Driven] = field(factory=dict)
    _under_way: dict[str, Driven] = field(factory=dict)
    _driver: Driver = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._driver = Driver(self.clock, self.configurator, self.store)

    async def start(
        self, make: Callable[[], Draft], section: str, actor: str, pace: Pace, wait: bool = True
    ) -> tuple[Plan, Rollout | None]:
        """Take an edit, and send it out.

        :param wait: for rollouts under way that touch the same processors; else it is refused.
        :return: when it is taken and the first batch can have it; no rollout where it touches no processor.
        :raises Conflict: another rollout is under way for some of the processors.
        """
        while True:
            try:
                return await self._start(make, section, actor, pace)
            except _Overlap as e:
                other = e.other
            if not wait:
                number = other.rollout.id
                raise Conflict(f"rollout {number} is under way for some of the same processors: see /rollout/{number}")
            while not other.rollout.over:
                await other.wait(self.clock, self.clock.seconds() + 3600)

    async def _start(
        self, make: Callable[[], Draft], section: str, actor: str, pace: Pace
    ) -> tuple[Plan, Rollout | None]:
        started: list[Driven] = []

        def hold(draft: Draft) -> list[str]:
            self._check_overlap(draft.views)
            if not draft.views:
                return []
            started.append(self._begun(draft, section, actor, pace))
            return [guid for batch in started[0].rollout.batches[1:] for guid in batch]

        try:
            plan = await self.configurator.take(
                make, actor, hold, lambda _: [put_rollout(each.rollout) for each in started]
            )
        except BaseException:
            for each in started:
                # Those who wait for it to be over try again.
                each.rollout.stage = Stage.FAILED
                self._under_way.pop(each.rollout.id, None)
                each.news()
            raise
        if not started:
            return plan, None
        driven = started[0]
        self._known[driven.rollout.id] = driven
        self._go_on(driven)
        return plan, driven.rollout

    def _go_on(self, driven: Driven, first: int = 0) -> None:
        Deferred.fromCoroutine(self._carried(driven, first)).addErrback(
            lambda failure: log.failure("Rollout {id}", failure, id=driven.rollout.id)
        )

    async def _carried(self, driven: Driven, first: int) -> None:
        try:
            stage = await self._driver.drive(driven, first)
        except BaseException:
            driven.rollout.problem = driven.rollout.problem or "an unforeseen error, see the log"
            self._finish(driven, Stage.FAILED)
            raise
        self._finish(driven, stage)

    def _check_overlap(self, guids: Iterable[str]) -> None:
        other = self._reaching(guids)
        if other is not None:
            raise _Overlap(other)

    def reaches(self, guids: Iterable[str]) -> bool:
        """Whether one is under way that touches some of these processors."""
        return self._reaching(guids) is not None

    def _reaching(self, guids: Iterable[str]) -> Driven | None:
        if not self._under_way:
            return None
        touched = set(guids)
        those = (driven for driven in self._under_way.values() if not touched.isdisjoint(driven.rollout.progress))
        return next(those, None)

    def _begun(self, draft: Draft, section: str, actor: str, pace: Pace) -> Driven:
        present = [guid for guid in draft.views if self.speaks(guid)]
        absent = [guid for guid in draft.views if not self.speaks(guid)]
        planned = batches(present, pace)
        rollout = Rollout(draft.revision, section, actor, self.now(), pace, planned)
        rollout.progress = dict.fromkeys(present, Progress.HELD) | dict.fromkeys(absent, Progress.ABSENT)
        if planned:
            # Here already: the first may answer before it is told of.
            rollout.batch = 1
            rollout.send(planned[0])
        driven = self._under_way[rollout.id] = self._driven_by(rollout)
        return driven

    def _driven_by(self, rollout: Rollout) -> Driven:
        module_of = partial(_module_of, self.configurator.live)
        return Driven(rollout, RolloutStory(self.now, self.timeline, rollout, module_of))

    def configured(self, revision: int, event: Event) -> None:
        """An edit was taken that a rollout sends out, or takes back. Those who are to have it are still to be told."""
        for driven in self._under_way.values():
            rollout = driven.rollout
            if rollout.revision == revision:
                driven.story.at = event
                count = sum(map(len, rollout.batches))
                driven.story.goes_on("started", revision=revision, section=rollout.section, processors=count)
                self._driver.send(driven, 0)
                self.store.note([put_rollout(rollout)])
            elif rollout.reverted_by == revision:
                driven.story.at = event
                driven.story.goes_on("reverting", revision=revision, processors=rollout.reached())

    def _finish(self, driven: Driven, stage: Stage) -> None:
        rollout = driven.rollout
        rollout.stage = stage
        driven.story.tell(stage.value)
        self.store.note([put_rollout(rollout)])
        self._under_way.pop(rollout.id, None)
        over = [id_ for id_, each in self._known.items() if each.rollout.over]
        for id_ in over[: max(0, len(over) - KEPT)]:
            del self._known[id_]
            self.store.note([DropRollout(id_)])
        driven.news()
        with because(driven.story.at):
            self.heard_end()

    # What an earlier initiator left.

    def restore(self, records: Mapping[str, Mapping[str, Any]], running: Mapping[str, int]) -> None:
        """Remember rollouts; those that are under way hold back again whom they have not reached.

        :param running: the revision that each processor was known to run last.
        """
        for record in sorted(records.values(), key=lambda record: record["revision"]):
            rollout = rollout_of(record)
            driven = self._known[rollout.id] = self._driven_by(rollout)
            if rollout.over:
                continue
            self._under_way[rollout.id] = driven
            for guid, progress in rollout.progress.items():
                if guid not in running:
                    rollout.progress[guid] = Progress.ABSENT
                elif progress is Progress.SENT and running[guid] >= rollout.revision and rollout.reverted_by is None:
                    rollout.progress[guid] = Progress.APPLIED
            held = {guid: running[guid] for guid in rollout.held()}
            self.configurator.live.hold_back(rollout.section, rollout.revision, held)

    def resume(self) -> None:
        """Go on with those under way, of which as much was heard as there is to hear."""
        for driven in list(self._under_way.values()):
            rollout = driven.rollout
            driven.story.goes_on("resumed", batch=rollout.batch)
            self._go_on(driven, max(0, rollout.batch - 1))

    def kept(self) -> list[str]:
        """The processors that those under way have not reached yet."""
        return [guid for driven in self._under_way.values() for guid in driven.rollout.held()]

    # What is heard.

    def answered(self, guid: str, revision: int, rejected: str | None) -> None:
        """A processor's word on a revision; ``rejected`` is why it does not take it."""
        for driven in list(self._under_way.values()):
            happened = driven.rollout.heard(guid, revision, rejected)
            if happened is not None:
                more = {} if rejected is None else {"reason": rejected}
                driven.heard(happened, guid, more)

    def lost(self, guid: str, why: str, on_purpose: bool) -> None:
        """A processor's process is no more."""
        for driven in list(self._under_way.values()):
            happened = driven.rollout.lost(guid, why, on_purpose)
            if happened is not None:
                driven.heard(happened, guid, {"reason": why})

    # What is asked.

    def rollout(self, id_: str) -> Rollout:
        """One of them.

        :raises NotFound: there is none of that id, or it was long ago.
        """
        return self._driven(id_).rollout

    def _driven(self, id_: str) -> Driven:
        try:
            return self._known[id_]
        except KeyError:
            raise NotFound(
                f"there is no rollout {id_[:20]}, or it is forgotten: each has the revision of its edit as its number",
                "rollouts",
            ) from None

    async def changed(self, id_: str, known: int, timeout: float) -> Rollout:
        """One of them, once it has more than ``known`` events or is over, ``timeout`` seconds later at most.

        :raises NotFound: there is none of that id, or it was long ago.
        """
        driven = self._driven(id_)
        until = self.clock.seconds() + timeout
        while len(driven.rollout.events) <= known and not driven.rollout.over:
            if not await driven.wait(self.clock, until):
                break
        return driven.rollout


def _module_of(live: LiveConfiguration, guid: str) -> str | None:
    return live.member(guid).module if guid in live.members() else None
