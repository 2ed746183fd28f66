"""What the supervision of jobs has to do with the rest of the initiator: asks of it, and has told to it.

The supervision itself knows one job and its process, and of all this no more than :class:`~.surroundings.Owner`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from attrs import define, field

from ..backoff import Backoff
from ..changes.configurator import Configurator
from ..config.job_settings import JobSettings, job_settings
from ..model import Exit, Job, State
from ..timeline.story import JobStory
from ..urls import local_url
from .heard import Heard
from .launch_plan import LaunchPlanner
from .lifecycle import Step
from .readiness import Prober
from .resources import Meter, Usage
from .surroundings import Keeper, Launch

_PROBES = Backoff(first=0.1, cap=2.0)


@define(eq=False)
class Liaison:
    """Of all jobs.

    :param random: as ``random.random``.
    :param note: has a job kept as it is seen, by and by.
    """

    random: Callable[[], float]
    configurator: Configurator
    planner: LaunchPlanner
    prober: Prober
    keeper: Keeper
    story: JobStory
    heard: Heard
    note: Callable[[Job], None]
    _meters: dict[str, Meter] = field(factory=dict)

    def usage(self, guid: str) -> Usage | None:
        """What a job's process uses of the machine at this moment; ``None`` where there is none."""
        meter = self._meters.get(guid)
        return meter.sample() if meter is not None else None

    # What supervision asks and tells: see proactor.jobs.surroundings.Owner.

    def settings(self, job: Job) -> JobSettings:
        """How a job is run."""
        return job_settings(self.configurator.live.view(job.guid).values)

    def launch(self, job: Job) -> Launch:
        """How a job is to be started now."""
        self.heard.launch()
        return self.planner.plan(job)

    async def probe(self, job: Job, speaks: bool, alive: Callable[[], bool]) -> bool:
        """Wait until a job's endpoint answers."""
        url = local_url(job.address, job.port)
        delays = (_PROBES.delay(attempt, self.random) for attempt in itertools.count())
        if speaks:
            return await self.prober.wait(url, job.guid, delays, alive)
        return await self.prober.wait_any(url, delays, alive)

    def stepped(self, job: Job, before: State, step: Step, cause: str, actor: str) -> None:
        """A job went from one state to another."""
        self.story.stepped(job, before, step, cause, actor)
        self.heard.readiness(job)
        self.note(job)

    def launched(self, job: Job) -> None:
        """A job has a process."""
        assert job.process is not None
        self.keeper.watch(job.process.pid, self.settings(job).stop_timeout, job.process.start)
        self._meters[job.guid] = Meter(job.process.pid)
        self.note(job)

    def answers(self, job: Job) -> None:
        """The endpoint of a job whose process was adopted answers."""
        self.story.adopted(job)
        self.heard.readiness(job)

    def silent(self, job: Job) -> None:
        """The endpoint of a job whose process was adopted does not answer: nobody is sent there until it does."""
        self.heard.readiness(job)

    def ended(self, job: Job, exit_: Exit, on_purpose: bool) -> None:
        """A job's process is no more."""
        self._meters.pop(job.guid, None)
        self.heard.readiness(job)
        if job.pid is not None:
            self.keeper.unwatch(job.pid)
        self.configurator.forget_declaration(job.guid)
        self.heard.end(job, exit_, on_purpose)
