"""Tells the timeline what happens to jobs and to rollouts, and what led to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from attrs import define, field

from ..changes.rollout import Rollout
from ..jobs.lifecycle import Step
from ..model import Job, State
from .origin import origin
from .timeline import Event, Timeline

#: Who has a job stopped without being asked to.
_BY_ITSELF = ("ready_timeout", "watchdog")


@define(eq=False)
class JobStory:
    """What happens to jobs: each step comes from the one before, where nobody asked for it."""

    now: Callable[[], datetime]
    timeline: Timeline
    _steps: dict[str, Event] = field(factory=dict)

    def stepped(self, job: Job, before: State, step: Step, cause: str, actor: str) -> None:
        """A job went from one state to another."""
        more = {"module": job.module, "before": before.value, "step": step.value}
        led_by, trace = self._led_to(job, step, actor)
        self._steps[job.guid] = self.timeline.add(
            self.now(), job.state.value, job.guid, cause, actor, because=led_by, trace=trace, more=more
        )

    def _led_to(self, job: Job, step: Step, actor: str) -> tuple[Event | None, str | None]:
        by_itself = actor in _BY_ITSELF or (step is Step.START and actor == "the initiator")
        if step not in (Step.START, Step.STOP) or by_itself:
            return self._steps.get(job.guid), None
        return origin().event, origin().trace

    def adopted(self, job: Job) -> None:
        """A job's process, which an earlier initiator launched, goes on with this one."""
        more = {"module": job.module, "pid": job.pid}
        self._steps[job.guid] = self.timeline.add(
            self.now(), "adopted", job.guid, "its endpoint answers", "the initiator", more=more
        )

    def deleted(self, job: Job, actor: str) -> None:
        """A job is no more."""
        led_by = self._steps.pop(job.guid, None)
        more = {"module": job.module}
        self.timeline.add(self.now(), "deleted", job.guid, "delete", actor, because=led_by, more=more)


@define(eq=False)
class RolloutStory:
    """What happens to one rollout; its own record has it in its own numbers.

    :param module_of: a processor's, by its guid.
    :ivar at: the last event of those that make it go on; ``trouble``: the one that made it stop.
    """

    now: Callable[[], datetime]
    timeline: Timeline
    rollout: Rollout
    module_of: Callable[[str], str | None]
    at: Event | None = None
    trouble: Event | None = None

    def goes_on(self, kind: str, **fields: Any) -> None:
        """Something happened from which what follows comes."""
        self.at = self.tell(kind, **fields)

    def goes_wrong(self, kind: str, **fields: Any) -> None:
        """Something happened; the first of that kind is what makes it stop."""
        event = self.tell(kind, **fields)
        self.trouble = self.trouble or event

    def stops(self, problem: str | None) -> None:
        """It stops, and that comes of the trouble."""
        self.at = self.trouble or self.at
        self.goes_on("stopped", problem=problem)

    def tell(self, kind: str, **fields: Any) -> Event:
        """Something happened."""
        self.rollout.tell(self.now(), kind, **fields)
        guid = fields.get("guid")
        cause = str(fields.get("reason") or fields.get("problem") or f"rollout {self.rollout.id}")
        return self.timeline.add(
            self.now(),
            f"rollout.{kind.replace(' ', '-')}",
            guid,
            cause,
            guid or self.rollout.actor,
            because=self.at,
            more={"rollout": self.rollout.id, **self._more(guid, fields)},
        )

    def _more(self, guid: str | None, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The members of its record that are not too much for the timeline of all: of processors how many."""
        more = {name: len(value) if isinstance(value, list) else value for name, value in fields.items()}
        for name in ("guid", "reason", "problem"):
            more.pop(name, None)
        module = None if guid is None else self.module_of(guid)
        return more if module is None else {"module": module, **more}
