"""One edit on its way to the processors it touches, batch by batch: a record, and what follows from what is heard."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from math import ceil
from typing import Any

from attrs import define, field, frozen

from ..errors import Refused
from ..model import timestamp

_SIZE = re.compile(r"([0-9]{1,9})(%?)")


class Progress(str, Enum):
    """How far the edit has come with one processor."""

    #: Its batch has not come yet.
    HELD = "held"
    #: It can have it, and has not answered.
    SENT = "sent"
    APPLIED = "applied"
    REJECTED = "rejected"
    #: It runs what it ran before, and said so.
    REVERTED = "reverted"
    #: It has no process that could answer, or is no more.
    ABSENT = "absent"


#: Those that have been reached, and of whom something is still to be heard.
_CAN_ANSWER = (Progress.SENT, Progress.APPLIED, Progress.REJECTED)


class Stage(str, Enum):
    """How far a rollout has come."""

    RUNNING = "running"
    REVERTING = "reverting"
    DONE = "done"
    #: Stopped, and taken back.
    REVERTED = "reverted"
    #: Stopped, and left as it is.
    FAILED = "failed"


OVER = (Stage.DONE, Stage.REVERTED, Stage.FAILED)


@frozen
class Pace:
    """How an edit goes out. Times in seconds.

    :param sizes: of the batches, ``5`` or ``10%``; the last goes for all that follow; none: all at once.
    :param first: who is the first batch: guids.
    :param watch: how long a batch must stay well before the next.
    :param timeout: how long a processor may take to answer.
    :param revert: whether trouble takes the edit back.
    """

    sizes: tuple[str, ...] = ()
    first: Collection[str] = ()
    watch: float = 0.0
    timeout: float = 30.0
    revert: bool = True


def check_sizes(sizes: Iterable[str]) -> tuple[str, ...]:
    """Sizes of batches that are such.

    :raises Refused: names the one that is not.
    """
    checked = tuple(sizes)
    for size in checked:
        found = _SIZE.fullmatch(size)
        if found is None or int(found[1]) == 0 or (found[2] and int(found[1]) > 100):
            raise Refused(f"batch: {size[:20]!r} is no size: one like 5, or like 10% is right")
    return checked


def batches(guids: Sequence[str], pace: Pace) -> list[list[str]]:
    """Who gets it when, in order; none of the batches is empty."""
    chosen = [guid for guid in guids if guid in set(pace.first)]
    rest = [guid for guid in guids if guid not in set(pace.first)]
    made = [chosen] if chosen else []
    sizes = [_count(size, len(guids)) for size in pace.sizes] or [len(guids)]
    while rest:
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        made.append(rest[:size])
        rest = rest[size:]
    return made


def _count(size: str, total: int) -> int:
    if size.endswith("%"):
        return max(1, ceil(total * int(size[:-1]) / 100))
    return int(size)


@define(eq=False)
class Rollout:
    """The record of one edit's way.

    :param id: for its URL; the revision that the edit is.
    :param problem: why it was stopped.
    """

    revision: int
    section: str
    actor: str
    created: datetime
    pace: Pace
    batches: Sequence[Sequence[str]]
    stage: Stage = Stage.RUNNING
    batch: int = 0
    problem: str | None = None
    reverted_by: int | None = None
    progress: dict[str, Progress] = field(factory=dict)
    events: list[Mapping[str, Any]] = field(factory=list)

    @property
    def id(self) -> str:
        """For its URL."""
        return str(self.revision)

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.stage in OVER

    def tell(self, time: datetime, event: str, **fields: Any) -> None:
        """Add to its timeline."""
        self.events.append({"id": len(self.events) + 1, "time": timestamp(time), "event": event, **fields})

    def send(self, guids: Iterable[str]) -> None:
        """These can have it now."""
        for guid in guids:
            if self.progress.get(guid) is Progress.HELD:
                self.progress[guid] = Progress.SENT

    def heard(self, guid: str, revision: int, rejected: str | None) -> str | None:
        """A processor's word on a revision.

        :param rejected: why it does not take it, if so.
        :return: what happened by that: ``applied``, ``rejected``, ``reverted``, or nothing.
        """
        now = self.progress.get(guid)
        if now not in _CAN_ANSWER:
            return None
        if self.reverted_by is not None and revision >= self.reverted_by:
            return self._becomes(guid, Progress.REVERTED) if rejected is None else None
        if revision < self.revision or now is not Progress.SENT:
            return None
        if rejected is None:
            return self._becomes(guid, Progress.APPLIED)
        if self.stage is Stage.RUNNING and self.problem is None:
            self.problem = f"{guid} rejected it: {rejected}"
        return self._becomes(guid, Progress.REJECTED)

    def lost(self, guid: str, why: str, on_purpose: bool) -> str | None:
        """A processor's process is no more.

        :param on_purpose: an operator wanted it so.
        :return: ``absent`` where it was one that had been reached, or nothing.
        """
        now = self.progress.get(guid)
        if now is None or now is Progress.ABSENT:
            return None
        if now in (Progress.SENT, Progress.APPLIED) and not on_purpose and self.stage is Stage.RUNNING:
            self.problem = self.problem or f"{guid} fell over after it got it: {why}"
        self.progress[guid] = Progress.ABSENT
        return Progress.ABSENT.value

    def _becomes(self, guid: str, progress: Progress) -> str:
        self.progress[guid] = progress
        return progress.value

    def answered(self, guids: Iterable[str]) -> bool:
        """Whether all of these have answered, or cannot."""
        return all(self.progress[guid] is not Progress.SENT for guid in guids)

    def silent(self, guids: Iterable[str]) -> list[str]:
        """Those of these that have not answered."""
        return [guid for guid in guids if self.progress[guid] is Progress.SENT]

    def reached(self) -> list[str]:
        """All that may run it, or something else that is not what they ran before."""
        return [guid for guid, progress in self.progress.items() if progress not in (Progress.HELD, Progress.ABSENT)]

    def held(self) -> list[str]:
        """Those that are kept from it yet."""
        return [guid for guid, progress in self.progress.items() if progress is Progress.HELD]

    def unconfirmed(self) -> list[str]:
        """Those that were reached, and did not say that they run what they ran before."""
        return [guid for guid, progress in self.progress.items() if progress in _CAN_ANSWER]

    def record(self) -> dict[str, Any]:
        """As its readers see it."""
        counts = Counter(self.progress.values())
        return {
            "id": self.id,
            "revision": self.revision,
            "section": self.section,
            "actor": self.actor,
            "created": timestamp(self.created),
            "state": self.stage.value,
            "problem": self.problem,
            "reverted_by": self.reverted_by,
            "batch": self.batch,
            "batches": [len(batch) for batch in self.batches],
            "wanted": len(self.progress),
            "applied": counts[Progress.APPLIED],
            "rejected": counts[Progress.REJECTED],
            "waiting": counts[Progress.HELD] + counts[Progress.SENT],
            "reverted": counts[Progress.REVERTED],
            "absent": counts[Progress.ABSENT],
            "processors": {guid: progress.value for guid, progress in self.progress.items()},
            "events": list(self.events),
        }
