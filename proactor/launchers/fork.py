"""The launcher that forks: a process in which all is loaded makes another one within milliseconds."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from zope.interface import implementer

from ..errors import Unavailable
from ..forkserver.order import FILES, Order
from ..guardian_main.protocol import Packet, Said
from ..interfaces import Handle, ILauncher, LaunchSpec
from ..model import Exit
from .fork_server import ForkServer, ForkServerReactor
from .hindrance import not_started
from .identity import identity_of
from .local import Processes
from .spawn import SpawnLauncher, SpawnReactor, filled
from .subreaper import Subreaper

__all__ = ["ForkLauncher"]

#: Seconds for which a launch waits for a server that is not ready; then a process is started afresh.
PATIENCE = 10.0
#: Environment that the interpreter heeds when it begins, or the system's libraries do.
_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "GLIBC_TUNABLES", "OPENSSL_CONF")
#: What one packet has room for.
_LONGEST = 60_000

_log = Logger(namespace="proactor.forkserver")


@frozen(eq=False)
class _Pending:
    """One launch under way."""

    spec: LaunchSpec
    order: str
    ended: Callable[[Exit], None]
    launched: Deferred[Handle]
    patience: IDelayedCall
    #: Copies of its descriptors, by name, which are closed when it is known what became of the launch.
    files: Mapping[str, int]

    def close(self) -> None:
        """It has come to something."""
        for file in self.files.values():
            os.close(file)
        if self.patience.active():
            self.patience.cancel()


class ForkReactor(SpawnReactor, ForkServerReactor):
    """What is needed of the reactor."""


@implementer(ILauncher)
@define(eq=False)
class ForkLauncher:
    """Forks what can be forked, and has the rest spawned.

    :param environment: the initiator's, as its processors get it.
    """

    reactor: ForkReactor
    environment: Mapping[str, str]
    name: str = "fork"
    processes: Processes = field(init=False)
    _spawn: SpawnLauncher = field(init=False)
    _server: ForkServer = field(init=False)
    _reaper: Subreaper = field(init=False)
    _can_fork: bool = False
    _sent: dict[tuple[str, int], _Pending] = field(factory=dict, init=False)
    _waiting: dict[tuple[str, int], _Pending] = field(factory=dict, init=False)
    _at_start: dict[str, str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.processes = Processes(self.reactor)
        self._spawn = SpawnLauncher(self.reactor, self.processes)
        environment = {"PYTHONUNBUFFERED": "1", **self.environment}
        self._at_start = _at_start(environment)
        self._server = ForkServer(self.reactor, environment, self._heard, self._lost)
        self._reaper = Subreaper(self.reactor, self.processes.knows)

    def start(self) -> None:
        """Begin: see whether this system can do it; from then on launches may fork."""
        self._can_fork = self._reaper.start()

    def preload(self, modules: Collection[str]) -> None:
        """Have these loaded ahead from now on."""
        if tuple(modules) != self._server.preloaded:
            self._server.preloaded = tuple(modules)
            if self._server.is_ready:
                self._renew("other modules are to be loaded ahead")

    def spare(self, count: int) -> None:
        """Have so many processes forked ahead from now on, while nothing is launched."""
        self._server.spare(count)

    def stop(self, handle: Handle, grace: float) -> Deferred[None]:
        """End a process; see :class:`~proactor.interfaces.ILauncher`."""
        return self.processes.stop(handle, grace)

    def signal(self, handle: Handle, number: int) -> None:
        """Send a signal; see :class:`~proactor.interfaces.ILauncher`."""
        self.processes.signal(handle, number)

    def adopt(self, handle: Handle, ended: Callable[[Exit], None]) -> bool:
        """Take over a process; see :class:`~proactor.interfaces.ILauncher`."""
        return self.processes.adopt(handle, ended)

    def close(self) -> Deferred[None]:
        """Launch nothing any more; fires when the server has ended."""
        self._can_fork = False
        self._reaper.stop()
        for place in [*self._sent, *self._waiting]:
            pending = self._taken(place)
            if pending is not None:
                self._refuse(pending, "the initiator stops")
        return self._server.stop()

    # Launching.

    def launch(self, spec: LaunchSpec, ended: Callable[[Exit], None]) -> Deferred[Handle]:
        """Start a process; see :class:`~proactor.interfaces.ILauncher`."""
        order = self._order(spec)
        if order is None or not self._server.is_expected:
            return self._spawn.launch(spec, ended)
        place = (spec.guid, spec.incarnation)
        try:
            files = _copied(spec)
        except OSError as e:
            return fail(not_started(spec.argv[0], e))
        patience = self.reactor.callLater(PATIENCE, self._give_up, place)
        pending = _Pending(spec, order, ended, Deferred(), patience, files)
        self._server.start()
        if self._server.is_ready:
            self._send(pending)
        else:
            self._waiting[place] = pending
        return pending.launched

    def _order(self, spec: LaunchSpec) -> str | None:
        """What the server is told; ``None`` for what it cannot do."""
        if not self._can_fork or spec.module is None or spec.launcher != "fork":
            return None
        if spec.argv[0] != sys.executable or _at_start(spec.environment) != self._at_start:
            return None
        limits = spec.limits
        if limits.folder is not None and _has_relative(spec.environment.get("PYTHONPATH", "")):
            return None
        order = Order(
            guid=spec.guid,
            incarnation=spec.incarnation,
            module=spec.module,
            python=spec.argv[0],
            arguments=spec.argv[3:],
            environment=dict(spec.environment),
            fd=spec.fd,
            nofile=limits.nofile,
            memory_mib=limits.memory_mib,
            nice=limits.nice,
            folder=limits.folder,
            umask=limits.umask,
            user=limits.user,
            open_files=limits.open_files,
        ).text()
        return order if len(order) < _LONGEST else None

    def _send(self, pending: _Pending) -> None:
        spec = pending.spec
        self._sent[spec.guid, spec.incarnation] = pending
        files: list[Said] = [(name, partial(int, fd)) for name, fd in pending.files.items()]
        self._server.tell_all([*files, (f"fork {pending.order}", None)])

    def _taken(self, place: tuple[str, int]) -> _Pending | None:
        return self._sent.pop(place, None) or self._waiting.pop(place, None)

    def _give_up(self, place: tuple[str, int]) -> None:
        """The server does not come to it: what it may have forked ends, for nobody lets it begin."""
        pending = self._taken(place)
        if pending is not None:
            _log.warn("The fork server does not answer within {seconds:g} s: a process is spawned", seconds=PATIENCE)
            self._spawn_it(pending)
            self._server.end_if_silent(PATIENCE)

    def _spawn_it(self, pending: _Pending) -> None:
        files = pending.files
        spec = evolve(pending.spec, log=files["log"], listening=files["listening"], lock=files.get("lock", -1))
        launching = self._spawn.launch(spec, pending.ended)
        pending.close()
        launching.chainDeferred(pending.launched)

    def _refuse(self, pending: _Pending, why: str) -> None:
        """Tell that it was not forked, which the system did not allow: nothing of the program has run yet."""
        pending.close()
        pending.launched.errback(Unavailable(f"{pending.spec.argv[0]} cannot be started: {why}"))

    # What the server says.

    def _heard(self, packet: Packet) -> None:
        stale: str | None = None
        for line, file in packet:
            word, _, rest = line.partition(" ")
            if word == "forked":
                self._forked(rest, file)
            elif word == "failed":
                guid, incarnation, reason = rest.split(" ", 2)
                pending = self._taken((guid, int(incarnation)))
                if pending is not None:
                    self._refuse(pending, reason)
            elif word == "stale":
                stale = rest
        if stale is not None:
            self._renew(f"{stale} has changed")
        elif self._server.is_ready:
            self._send_all()

    def _send_all(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for pending in waiting.values():
            self._send(pending)

    def _forked(self, rest: str, begin: int | None) -> None:
        guid, incarnation, number = rest.split(" ")
        pending = self._taken((guid, int(incarnation)))
        # One that nobody lets begin ends.
        identity = None if begin is None or pending is None else identity_of(int(number))
        if begin is None or pending is None or identity is None:
            if begin is not None:
                os.close(begin)
            if pending is not None:
                self._refuse(pending, "no descriptor is left for it" if begin is None else "it ended at once")
            return
        pending.close()
        handle = Handle(guid, int(incarnation), identity, self.name)
        self.processes.launched(handle, pending.ended)
        with suppress(OSError):
            os.write(begin, b"!")
        os.close(begin)
        pending.launched.callback(handle)

    def _renew(self, why: str) -> None:
        self._lost()
        self._server.renew(why)

    def _lost(self) -> None:
        """What was under way is sent to the next one: none of it has begun."""
        self._waiting = {**self._sent, **self._waiting}
        self._sent = {}
        if self._waiting and not self._server.is_expected:
            _log.warn("There is no fork server for now: {count} processes are spawned", count=len(self._waiting))
            waiting, self._waiting = self._waiting, {}
            for pending in waiting.values():
                self._spawn_it(pending)


def _copied(spec: LaunchSpec) -> dict[str, int]:
    """The descriptors of a launch by name: its own copies, for it may have to wait."""
    files: dict[str, int] = {}
    try:
        files["stdin"] = filled(spec.stdin)
        for name, fd in zip(FILES[1:], (spec.log, spec.listening, spec.lock), strict=True):
            if fd >= 0:
                files[name] = os.dup(fd)
    except OSError:
        for file in files.values():
            os.close(file)
        raise
    return files


def _at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_AT_START)}


def _has_relative(path: str) -> bool:
    """Whether a search path means others in another folder; an empty entry is the folder itself."""
    return path != "" and not all(map(os.path.isabs, path.split(os.pathsep)))
