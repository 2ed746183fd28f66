"""The process of the fork server as the initiator has it: started, told what to load, started again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from random import random as uniform

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall, IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..backoff import Backoff, Tries
from ..forkserver.spares import SPARES
from ..forkserver.title import PADDING
from ..guardian.packets import Link, LinkReactor
from ..guardian_main.protocol import Packet, Said, connected

__all__ = ["ForkServer", "ForkServerReactor"]

_AGAIN = Backoff(first=0.1, cap=30.0)
#: Seconds after which its end is not one in a row of failures; and those that it may take to end.
_GOOD_RUN, _LAST_WORK = 60.0, 5.0
#: Seconds for which the next one is waited for.
_SOON = 1.0
_FD = 3

_log = Logger(namespace="proactor.forkserver")


class ForkServerReactor(IReactorProcess, LinkReactor):
    """What is needed of the reactor."""


class _Process(ProcessProtocol):
    """It, as a child; what it writes is logged line by line."""

    def __init__(self, ended: Callable[[str], None]) -> None:
        self._ended = ended
        self._rest = b""

    def outReceived(self, data: bytes) -> None:
        """Log what is a line."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            _log.warn("{line}", line=line.decode("utf-8", "replace"))

    errReceived = outReceived

    def kill(self) -> None:
        """End it, if it has not ended."""
        assert self.transport is not None
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")

    def processExited(self, reason: Failure) -> None:
        """Tell of its end: processes that it forked may hold its output open."""
        assert self.transport is not None
        self.transport.loseConnection()
        self._ended(reason.getErrorMessage())


@define(eq=False)
class ForkServer:
    """Keeps one, from when it is first asked for.

    :param environment: what it is started with, as those that it forks are to be.
    :param heard: called with each packet that it sends, once it is ready.
    :param lost: called when it is no more, or no good any more, with what was under way.
    :ivar preloaded: the modules that it is to load besides.
    """

    reactor: ForkServerReactor
    environment: Mapping[str, str]
    heard: Callable[[Packet], None]
    lost: Callable[[], None]
    preloaded: tuple[str, ...] = ()
    #: How many it is to fork ahead.
    _spares: int = SPARES
    random: Callable[[], float] = uniform
    is_ready: bool = False
    _tries: Tries = field(init=False)
    _link: Link | None = None
    _process: _Process | None = None
    _started_at: float = 0.0
    _later: IDelayedCall | None = None
    _stopping: Deferred[None] | None = None
    _is_stopped: bool = False
    #: How many in a row ended before they were ready, and until when the next one is waited for.
    _unready: int = 0
    _next_at: float = 0.0

    def __attrs_post_init__(self) -> None:
        self._tries = Tries(self.random)

    @property
    def is_expected(self) -> bool:
        """Whether it is there, or will be soon."""
        if self._is_stopped or self._unready:
            return False
        return self._later is None or self._next_at - self.reactor.seconds() <= _SOON

    def end_if_silent(self, seconds: float) -> None:
        """It does not answer: if it has run for so long another takes its place."""
        if self._process is not None and self.reactor.seconds() - self._started_at >= seconds:
            self._process.kill()

    def start(self) -> None:
        """Have it run; nothing where it does, or is about to."""
        if self._process is not None or self._later is not None or self._is_stopped:
            return
        self._started_at = self.reactor.seconds()
        ours, theirs = connected()
        self._link = Link(self.reactor, ours)
        self._link.heard = self._heard
        self._process = process = _Process(lambda reason: self._ended(process, reason))
        argv = [sys.executable, "-m", "proactor.forkserver", str(_FD), PADDING]
        with theirs:
            try:
                self.reactor.spawnProcess(
                    process,
                    argv[0],
                    argv,
                    env=dict(self.environment),
                    childFDs={0: "w", 1: "r", 2: "r", _FD: theirs.fileno()},
                )
            except OSError as e:
                self._ended(process, f"cannot be started: {e.strerror}")
                return
        self._link.tell_all([(f"spares {self._spares}", None), (f"preload {' '.join(self.preloaded)}".strip(), None)])

    def spare(self, count: int) -> None:
        """Have it fork so many ahead from now on."""
        if count != self._spares:
            self._spares = count
            if self._link is not None:
                self._link.tell(f"spares {count}")

    def tell_all(self, lines: Iterable[Said]) -> None:
        """Tell it some lines, when it is ready."""
        assert self._link is not None
        self._link.tell_all(lines)

    def renew(self, why: str) -> None:
        """Have another take its place: what this one has loaded is no longer what is wanted."""
        _log.debug("Another fork server is started: {why}", why=why)
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            self._forget()
        self.start()

    def stop(self) -> Deferred[None]:
        """End it; fires when it has."""
        self._is_stopped = True
        if self._later is not None:
            self._later.cancel()
            self._later = None
        stopped: Deferred[None] = Deferred()
        if self._process is None:
            stopped.callback(None)
            return stopped
        self._stopping = stopped
        self._forget()
        self._later = self.reactor.callLater(_LAST_WORK, self._process.kill)
        return stopped

    def _heard(self, packet: Packet) -> None:
        rest = []
        for line, file in packet:
            word, _, more = line.partition(" ")
            if word == "ready":
                self.is_ready, self._unready = True, 0
            elif word == "left":
                name, _, reason = more.partition(" ")
                _log.warn("Module {name} is not loaded ahead: {reason}", name=name, reason=reason)
            elif word in ("practised", "unpractised"):
                _log.debug("The start of processors is {how}{why}", how=word, why=more and f": {more}")
            elif word == "loaded":
                _log.debug("What module {name} imports is loaded ahead", name=more)
            elif word == "said":
                name, _, text = more.partition(" ")
                _log.info("{name}: {text}", name=name, text=text)
            else:
                rest.append((line, file))
        self.heard(rest)

    def _forget(self) -> None:
        link, self._link, self.is_ready = self._link, None, False
        if link is not None:
            link.close()

    def _ended(self, process: _Process, reason: str) -> None:
        if process is not self._process:
            # Another has taken its place.
            return
        if self._stopping is not None:
            stopping, self._stopping, self._process = self._stopping, None, None
            if self._later is not None:
                # It has been called where that was what ended the process.
                if self._later.active():
                    self._later.cancel()
                self._later = None
            stopping.callback(None)
            return
        self._process = None
        self._unready += not self.is_ready
        self._forget()
        if self.reactor.seconds() - self._started_at >= _GOOD_RUN:
            self._tries.reset()
        delay = self._tries.next(_AGAIN)
        _log.warn("The fork server ended, and is started again in {delay:.1f} s: {reason}", delay=delay, reason=reason)
        self._later = self.reactor.callLater(delay, self._again)
        self._next_at = self.reactor.seconds() + delay
        self.lost()

    def _again(self) -> None:
        self._later = None
        self.start()
