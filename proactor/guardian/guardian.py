"""No orphans, and nothing lost: a small process of its own ends what an initiator that is killed has started.

Or it lets that live on and keeps its sockets, for the next initiator to take over. ``guardian_main`` is what runs in
it. It has the other end of a connection, which the kernel closes with the initiator.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import random

from twisted.internet import defer
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from .. import guardian_main
from ..backoff import Backoff, Tries
from ..guardian_main.processes import Process
from ..guardian_main.protocol import VERSION, Said, close_files
from ..launchers.command import MARK
from .hand_over import HandOver, connect
from .packets import Link
from .process import Child, Found, GuardianReactor, started
from .told import Told

__all__ = ["Guardian"]

_AGAIN = Backoff(first=0.1, cap=30.0)
_LAST_GRACE = 1.0
"""Seconds between SIGTERM and SIGKILL of what is left at a stop: its time is over."""
_LAST_WORK = 10.0
"""Seconds that it may take over that."""
_GOOD_RUN = 60.0
"""Seconds after which its end is not one in a row of failures."""

_log = Logger(namespace="proactor.guardian")


class Guardian:
    """Keeps the guardian's process, and tells it of ours. Needs Linux's ``/proc``; elsewhere it does nothing.

    Each process that is started must have :attr:`mark` in its environment, and lead a session. There is one limit: who
    kills the guardian first and the initiator before a new one is there (0.1 s) leaves orphans.

    :param home: where the next initiator finds the guardian; without one nothing is kept for it.
    :param adopt: whether processes and sockets are for the next initiator, where this one is killed.
    :param linger: seconds that the guardian waits for it when no process is left.
    :param python: the interpreter for it, which needs nothing but its standard library.
    :param stderr: the descriptor that it writes a line to when it had something to do; fmt: that line's format, one of
        the log's.
    :param grace: seconds between SIGTERM and SIGKILL of a process that it was not told of.
    :param random: as ``random.random``.
    """

    def __init__(  # noqa: PLR0913 - all that differ are given by name
        self,
        reactor: GuardianReactor,
        *,
        home: Path | None = None,
        adopt: bool = False,
        linger: float = 30.0,
        python: str = sys.executable,
        stderr: int = 2,
        fmt: str = "text",
        grace: float = 10.0,
        random: Callable[[], float] = random,
    ) -> None:
        script = Path(guardian_main.__file__).absolute().with_name("__main__.py")
        # Text is what it takes it for.
        words = () if fmt == "text" else (fmt,)
        folder = () if home is None else (str(home.absolute()), *words)
        self._reactor = reactor
        self._argv = (python, "-I", "-S", str(script), *folder)
        self._hello = " ".join(["hello", str(VERSION), *words])
        self._home = home
        self._stderr = stderr
        self._value = secrets.token_hex(16)
        self._told = Told(f"{MARK}={self._value}", grace, linger, adopt)
        self._tries = Tries(random)
        self._link: Link | None = None
        self._process: Child | Found | None = None
        self._started_at = 0.0
        self._later: IDelayedCall | None = None  # a start, or the kill at a stop
        self._stopped: Deferred[None] | None = None
        self._is_left = False

    @property
    def mark(self) -> Mapping[str, str]:
        """What has to be in the environment of each process."""
        return {MARK: self._value}

    @property
    def marks(self) -> Sequence[str]:
        """What the processes of this initiator and of earlier ones have in their environment, ``NAME=VALUE``."""
        return [*self._told.earlier, self._told.mark]

    @property
    def pid(self) -> int | None:
        """The number of the guardian's process, while there is one."""
        return None if self._process is None else self._process.pid

    @property
    def adopt(self) -> bool:
        """Whether processes and sockets are for the next initiator, where this is killed; can be set at any time."""
        return self._told.adopt

    @adopt.setter
    def adopt(self, adopt: bool) -> None:
        self._tell(self._told.adopting(adopt))

    # Its process.

    async def take_over(self, timeout: float = 5.0) -> Mapping[str, socket.socket]:
        """Have the guardian of an earlier initiator serve us, if it waits in our home; to be called before ``start``.

        It goes on keeping all that it kept: what is of no use any more is to be let go.

        :param timeout: seconds that it may take; it is ended then.
        :return: the sockets that it keeps, by guid. They are the caller's from now on.
        """
        found = None if self._home is None or not _is_proc_there() else connect(self._home)
        if found is None:
            return {}
        connection, process = found
        hand_over, guardian = HandOver(), Found(process)
        link = Link(self._reactor, connection)
        link.heard, link.lost = hand_over.heard, hand_over.end
        link.tell(self._hello, lambda: self._stderr)
        try:
            await hand_over.over.addTimeout(timeout, self._reactor)
        except defer.TimeoutError:
            _log.warn(
                "The guardian {pid} does not answer within {timeout:g} s: it is ended",
                pid=guardian.pid,
                timeout=timeout,
            )
            guardian.kill()
        self._take(hand_over, link, guardian)
        return hand_over.sockets

    def start(self) -> None:
        """Have a guardian's process, and tell it all; when it ends by itself, another is started."""
        if not _is_proc_there():
            _log.warn("There is no /proc here: an initiator that is killed leaves its processes behind")
            return
        self._cancel()
        self._started_at = self._reactor.seconds()
        if self._link is None:
            try:
                self._start_process()
            except OSError as error:
                self._ended(f"cannot be started: {error.strerror}")
                return
        for said in self._told.all():
            self._tell(said)

    def stop(self) -> Deferred[None]:
        """End what is left of ours, then the guardian's process; fires when that is no more.

        What is left was started by a process that has ended, and made a session of its own.
        """
        self._cancel()
        if self._link is None or self._process is None:
            return succeed(None)
        self._stopped = Deferred()
        self._link.tell(f"stop {_LAST_GRACE}")
        self._link.finish()
        self._later = self._reactor.callLater(_LAST_WORK, self._process.kill)
        return self._stopped

    def leave(self) -> Deferred[None]:
        """Leave all that there is to the next initiator, and the guardian with it; fires when it has been told."""
        self._cancel()
        if self._link is None:
            return succeed(None)
        link, self._link, self._is_left = self._link, None, True
        link.tell("leave")
        later = self._reactor.callLater(_LAST_WORK, link.close)

        def told(_: None) -> None:
            if later.active():
                later.cancel()
            link.close()

        return link.finish().addCallback(told)

    # What it is told.

    def watch(self, pid: int, grace: float, start: int | None = None) -> None:
        """Have a process ended, and all of its session, when we are gone; nothing where it has ended already.

        :param pid: of a child that was not reaped yet, so that its number is its own.
        :param grace: seconds between SIGTERM and SIGKILL; given anew, that counts.
        :param start: its start time, where that is known; then it may be any process.
        """
        if start is None:
            process = Process.look(pid)
            if process is None:
                return
            start = process.start
        self._tell(self._told.watch(pid, start, grace))

    def unwatch(self, pid: int) -> None:
        """Forget a process: there is none of its session any more."""
        self._tell(self._told.unwatch(pid))

    def keep(self, guid: str, fileno: Callable[[], int]) -> None:
        """Have a socket held open when we are gone; called again when it is another one.

        :param fileno: gives its descriptor, now or whenever another guardian has to be told.
        """
        self._tell(self._told.keep(guid, fileno))

    def let_go(self, guid: str) -> None:
        """Have a socket held no more; nothing where it is not."""
        self._tell(self._told.let_go(guid))

    def cut(self, guid: str, most: int) -> None:
        """Have the live file of a log cut where it takes more than ``most`` bytes of the disk, whatever we do."""
        self._tell(self._told.cut(guid, most))

    def leave_uncut(self, guid: str) -> None:
        """Have a log cut no more; nothing where it is not."""
        self._tell(self._told.leave_uncut(guid))

    def _tell(self, said: Said | None) -> None:
        if said is not None and self._link is not None:
            self._link.tell(*said)

    # How it begins and ends.

    def _take(self, hand_over: HandOver, link: Link, guardian: Found) -> None:
        if hand_over.is_busy:
            _log.warn("The guardian {pid} has an initiator that lives: nothing is taken over", pid=guardian.pid)
        if hand_over.missing:
            text = "No descriptor is left for {count} sockets that were kept: raise the limit (ulimit -n)"
            _log.warn(text, count=len(hand_over.missing))
        self._told.took_over(hand_over.marks, {guid: kept.fileno for guid, kept in hand_over.sockets.items()})
        if hand_over.goes_on:
            link.heard, link.lost = close_files, self._lost
            self._link, self._process = link, guardian
        else:
            link.close()
        _log.info("Took over {count} sockets from the guardian {pid}", count=len(hand_over.sockets), pid=guardian.pid)

    def _start_process(self) -> None:
        self._link, self._process = started(self._reactor, self._argv, self._stderr, self._ended)
        self._link.lost = self._lost
        self._link.tell(self._hello)

    def _lost(self) -> None:
        if isinstance(self._process, Found):
            self._ended("it has closed the connection")
        elif self._process is not None and self._stopped is None:
            # Its end is told of when it was reaped.
            self._process.kill()

    def _ended(self, reason: str) -> None:
        if self._is_left:
            return
        if self._link is not None:
            self._link.close()
        self._link = self._process = None
        if self._stopped is not None:
            self._cancel()
            stopped, self._stopped = self._stopped, None
            stopped.callback(None)
            return
        if self._reactor.seconds() - self._started_at >= _GOOD_RUN:
            self._tries.reset()
        delay = self._tries.next(_AGAIN)
        _log.warn("The guardian ended, and is started again in {delay:.1f} s: {reason}", delay=delay, reason=reason)
        self._later = self._reactor.callLater(delay, self._again)

    def _cancel(self) -> None:
        if self._later is not None and self._later.active():
            self._later.cancel()
        self._later = None

    def _again(self) -> None:
        self._later = None
        self.start()


def _is_proc_there() -> bool:
    # Not to be opened: there may be no descriptor left.
    return os.path.exists("/proc/1/stat")
