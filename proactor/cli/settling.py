"""Waiting until jobs are ready, or will not be: told by the timeline, shown as it goes on."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from attrs import define, field

from .jobs_shown import last_words
from .lookout import Lookout
from .shell import Shell

if TYPE_CHECKING:
    from ..client import Client, Job

__all__ = ["reached", "settled"]

#: Where a job stays by itself.
_RESTING = ("running", "stopped", "exited", "fatal")
_MOVING = ("starting", "backoff", "stopping")
#: Of so many it is told why they do not run, before the end.
_TOLD = 5


@define(eq=False)
class Troubles:
    """Tells of jobs that end and are tried again, while they are waited for: of each why, once; not of very many."""

    shell: Shell
    client: Client
    _asked: set[str] = field(factory=set)
    _told: set[str] = field(factory=set)

    async def heard(self, guid: str, event: str) -> None:
        """Something happened to a job."""
        from ..client import ClientError  # noqa: PLC0415

        if event != "backoff" or self.shell.out.json or guid in self._asked or len(self._asked) >= _TOLD:
            return
        self._asked.add(guid)
        try:
            job = await self.client.jobs.get(guid)
        except ClientError:
            # It is told besides; how all of them are in the end is looked at again.
            return
        why = last_words(job.exit)
        if job.exit is not None and why not in self._told:
            self._told.add(why)
            self.shell.out.say(f"{guid[:8]}  {why}; it is tried again")


@define(eq=False)
class States:
    """The states of jobs, as they are heard of.

    :param only: those that count; ``None``: all.
    """

    now: dict[str, str] = field(factory=dict)
    only: frozenset[str] | None = None

    def counts(self, guid: str) -> bool:
        """Whether it is one of those that are waited for."""
        return self.only is None or guid in self.only

    def heard(self, guid: str, event: str) -> None:
        """Something happened to one of them."""
        if event == "deleted":
            self.now.pop(guid, None)
        elif event in (*_RESTING, *_MOVING):
            self.now[guid] = event

    @property
    def resting(self) -> bool:
        """Whether none is on its way."""
        return all(state in _RESTING for state in self.now.values())

    @property
    def ready(self) -> int:
        """How many run."""
        return sum(state == "running" for state in self.now.values())

    @property
    def note(self) -> str:
        """What is not well."""
        counts = {state: sum(each == state for each in self.now.values()) for state in ("backoff", "exited", "fatal")}
        return ", ".join(f"{count} {state}" for state, count in counts.items() if count)


async def settled(shell: Shell, client: Client, jobs: Iterable[Job], after: int, label: str, wait: float) -> list[Job]:
    """Wait for jobs, and show how many are ready; as they are then.

    :param after: the number of the last event before they were made.
    :param wait: seconds at most; in whatever state they are then, it is over.
    """
    jobs = list(jobs)
    states = States({job.guid: job.state for job in jobs}, frozenset(job.guid for job in jobs))
    modules = tuple(sorted({job.module for job in jobs}))
    with shell.out.progress(label, len(jobs)) as bar:

        def heard() -> bool:
            bar.at(states.ready, states.note)
            return states.resting

        await _followed(shell, client, states, modules, after, heard, wait)
    now = {job.guid: job for module in modules for job in await client.jobs.list(module=module)}
    return [now[job.guid] for job in jobs if job.guid in now]


async def reached(shell: Shell, client: Client, module: str, count: int, after: int, wait: float) -> list[Job]:
    """Wait until there are so many jobs of a module, and show it; as they are then."""
    states = States({job.guid: job.state for job in await client.jobs.list(module=module)})
    with shell.out.progress("Scaling", count) as bar:

        def heard() -> bool:
            bar.at(states.ready, states.note)
            return len(states.now) == count and states.resting

        await _followed(shell, client, states, (module,), after, heard, wait)
    return await client.jobs.list(module=module)


async def _followed(
    shell: Shell,
    client: Client,
    states: States,
    modules: tuple[str, ...],
    after: int,
    heard: Callable[[], bool],
    wait: float,
) -> None:
    """Follow the timeline of modules until it is over, for so long at most.

    :param heard: called after each event; whether it is over.
    """
    from ..client.timeline import Chosen, Gap  # noqa: PLC0415

    lookout, troubles = Lookout(shell.out), Troubles(shell, client)
    following = client.events.follow(Chosen(modules=modules), after=after, lost=lookout.lost, found=lookout.found)

    async def follow() -> None:
        async with aclosing(following) as events:
            async for event in events:
                if isinstance(event, Gap):
                    await _looked(client, states, modules)
                elif event.guid is not None and states.counts(event.guid):
                    states.heard(event.guid, event.event)
                    await troubles.heard(event.guid, event.event)
                if heard():
                    return

    if not heard():
        await within(client.connection.clock, follow(), wait)


async def _looked(client: Client, states: States, modules: Iterable[str]) -> None:
    """Some events were missed: ask how it is now."""
    jobs = [job for module in modules for job in await client.jobs.list(module=module)]
    states.now.clear()
    for job in jobs:
        if states.counts(job.guid):
            states.heard(job.guid, job.state)


async def within(clock: Any, work: Coroutine[Any, Any, object], seconds: float) -> bool:
    """Do work for so long at most; whether it came to its end."""
    from twisted.internet.defer import CancelledError, Deferred  # noqa: PLC0415

    deferred = Deferred.fromCoroutine(work)
    timer = clock.callLater(seconds, deferred.cancel)
    try:
        await deferred
    except CancelledError:
        if timer.active():
            raise
        return False
    finally:
        if timer.active():
            timer.cancel()
    return True
