"""What processes left behind that ended while there was no initiator: the rest of their groups ends too.

Which processes those are is proved twice: they are of the group that is called after the one that ended, and they hold
its lock or have what an initiator of this home puts into the environment. What made a session of its own is left alone.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection, Iterator, Mapping

from attrs import define
from twisted.logger import Logger

from ..guardian_main.processes import Process, processes
from ..model import Identity
from .flock import Locks

__all__ = ["LeftBehind", "tell_of_strays"]

_log = Logger(namespace="proactor.supervisor")


@define(eq=False)
class LeftBehind:
    """Ends what was left behind. It looks through ``/proc``.

    :param marks: what processes of this home have in their environment, ``NAME=VALUE``.
    """

    locks: Locks
    marks: Callable[[], Collection[str]]

    def end(self, ended: Mapping[str, Identity | None]) -> int:
        """End what is left of processes; how many there were.

        :param ended: by guid the process that it had, where that is known: none of them lives, nor does another of
            that guid.
        """
        holders, there = self.locks.all_holders(), processes()
        found = {process.pid: process for guid in ended for process in _not_daemons(holders.get(guid, ()))}
        found |= {process.pid: process for process in self._of_groups(ended, there)}
        count = sum(process.signal(signal.SIGKILL) for process in found.values())
        if count:
            _log.warn("Ended {count} that processes had left behind which ended meanwhile", count=count)
        return count

    def _of_groups(self, ended: Mapping[str, Identity | None], there: Mapping[int, Process]) -> Iterator[Process]:
        gone = {each.pid: each.start for each in ended.values() if each is not None and _is_gone(each, there)}
        marks = {mark.encode() for mark in self.marks()}
        for process in there.values():
            start = gone.get(process.group)
            if start is None or process.session != process.group or process.pid == process.group:
                continue
            if process.alive and process.start >= start and process.is_marked(marks):
                yield process


def _is_gone(identity: Identity, there: Mapping[int, Process]) -> bool:
    """Whether no other process has its number: then a group that is called so is its own."""
    found = there.get(identity.pid)
    return found is None or found.start == identity.start


def _not_daemons(holders: Collection[Process]) -> Iterator[Process]:
    """Those that are in no session which one of them leads."""
    led = {process.pid for process in holders if process.session == process.pid}
    return (process for process in holders if process.session not in led)


def tell_of_strays(locks: Locks, known: Collection[str]) -> None:
    """Delete the locks of what is no job; where one is held, log by which process, and what to do.

    :param known: the guids of all jobs.
    :raises Unavailable: it cannot be done now.
    """
    left = locks.sweep(known)
    holders = locks.leaders() if left else {}
    for guid in sorted(left):
        pids = " ".join(str(pid) for pid in holders.get(guid, ()))
        who = f"Process {pids}" if pids else f"A process that cannot be seen from here (fuser {locks.path(guid)})"
        _log.warn(
            "{who} lives, of {guid}, which is no job, as after a snapshot was restored: nobody watches over it; "
            "end it{how}",
            who=who,
            guid=guid,
            how=f": kill {pids}" if pids else "",
        )
