"""The level of the initiator's log, changed while it runs: for good, or for a while."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import define, field, frozen
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ..errors import Conflict, Refused
from ..model import timestamp
from ..spelling import nearest
from ..timeline.origin import origin
from ..timeline.timeline import Event, Timeline
from .levels import CONSOLE, LEVELS, TOLD, Levels

__all__ = ["DEFAULT", "LONGEST", "MOST", "NAMESPACE", "LogLevel", "check_level", "check_namespace"]

#: What takes a change back: as it was at the start, and of a namespace as it is in general.
DEFAULT = "default"
#: For how many seconds a level may hold that goes back by itself.
LONGEST = 366 * 24 * 3600
#: How many namespaces may have levels of their own.
MOST = 100

#: What a namespace looks like: dotted words.
NAMESPACE = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*$"
_LONGEST_NAMESPACE = 200
#: Namespaces of the log that are no modules: of what is printed, and of Twisted's older log.
_OTHERS = (CONSOLE, TOLD, "log_legacy", "stderr", "stdout")

_told = Logger(namespace=TOLD)


def _namespaces() -> Iterator[str]:
    """What is logged under here: Twisted names a logger for its module, and ours have a few other names."""
    yield from _OTHERS
    for name, module in list(sys.modules.items()):
        yield name
        if name.startswith("proactor."):
            yield from (each.namespace for each in vars(module).values() if isinstance(each, Logger))


def check_namespace(namespace: str) -> str:
    """A namespace that something is logged under.

    :raises Refused: there is none of that name; says which are like it.
    """
    if len(namespace) > _LONGEST_NAMESPACE or re.fullmatch(NAMESPACE, namespace) is None:
        raise Refused("namespace: must be a dotted name, such as proactor.supervisor: each line of the log has one")
    known = set(_namespaces())
    if namespace not in known and not any(name.startswith(f"{namespace}.") for name in known):
        near = ", ".join(nearest(namespace, known, 3)) or "proactor"
        raise Refused(f"namespace: nothing is logged as {namespace!r}; there is: {near}")
    return namespace


def check_level(level: str | None) -> str:
    """A level, or the word that takes one back.

    :raises Refused: it is none; says which there are.
    """
    if level not in LEVELS and level != DEFAULT:
        problem = "is missing: say one of" if level is None else f"{level[:64]!r} is none; there are"
        raise Refused(f"level: {problem}: {', '.join(LEVELS)}, {DEFAULT}")
    return level


@frozen
class _Passing:
    """A level that goes back by itself.

    :param event: of the timeline, by which it came to hold.
    """

    level: str
    until: datetime
    event: Event
    call: IDelayedCall


@define(eq=False)
class LogLevel:
    """What holds now, in general, which is the namespace ``""``, and below namespaces.

    :param levels: of what writes the log; ``None`` where that is not ours, and has none.
    """

    clock: IReactorTime
    now: Callable[[], datetime]
    timeline: Timeline
    levels: Levels | None
    _lasting: dict[str, str] = field(factory=dict, init=False)
    _passing: dict[str, _Passing] = field(factory=dict, init=False)

    def record(self) -> dict[str, Any]:
        """It for operators.

        :raises Conflict: the log is not ours.
        """
        start = self._own_levels().start
        names = sorted({*self._lasting, *self._passing} - {""})
        return {**self._entry(""), "default": start, "namespaces": {name: self._entry(name) for name in names}}

    def change(self, namespace: str, level: str, seconds: float | None, actor: str) -> None:
        """Have another level hold from now on.

        :param level: a level, or ``default``.
        :param seconds: after which what held before for good holds again; ``None``: it is for good itself.
        :raises Conflict: the log is not ours, or there are too many namespaces.
        """
        self._own_levels()
        if namespace not in {*self._lasting, *self._passing} and len(self._lasting) + len(self._passing) >= MOST:
            raise Conflict(f"there are {MOST} namespaces with levels: set one of them to {DEFAULT} first")
        self._drop(namespace)
        if seconds is not None:
            until = self.now() + timedelta(seconds=seconds)
            event = self._tell(namespace, f"{level} for {seconds:g} s", actor, level, until)
            call = self.clock.callLater(seconds, self._over, namespace)
            self._passing[namespace] = _Passing(level, until, event, call)
        else:
            self._tell(namespace, level, actor, level, None)
            self._last(namespace, level)
        self._apply()

    def stop(self) -> None:
        """End: nothing goes back any more."""
        for namespace in list(self._passing):
            self._drop(namespace)

    def _own_levels(self) -> Levels:
        if self.levels is None:
            raise Conflict(
                "the log is written by what twistd's own options name, such as --syslog: it has no level here"
            )
        return self.levels

    def _last(self, namespace: str, level: str) -> None:
        if level == DEFAULT:
            self._lasting.pop(namespace, None)
        else:
            self._lasting[namespace] = level

    def _drop(self, namespace: str) -> _Passing | None:
        passing = self._passing.pop(namespace, None)
        if passing is not None and passing.call.active():
            passing.call.cancel()
        return passing

    def _over(self, namespace: str) -> None:
        passing = self._drop(namespace)
        assert passing is not None
        level = self._lasting.get(namespace, DEFAULT)
        self._tell(
            namespace, f"{level} again: the time of {passing.level} is over", "the initiator", level, None, passing
        )
        self._apply()

    def _chosen(self, namespace: str) -> str:
        """What is said of a namespace."""
        passing = self._passing.get(namespace)
        return self._lasting.get(namespace, DEFAULT) if passing is None else passing.level

    def _entry(self, namespace: str) -> dict[str, Any]:
        passing, level = self._passing.get(namespace), self._chosen(namespace)
        until = None if passing is None else passing.until
        shown = self._own_levels().start if level == DEFAULT and not namespace else level
        return {"level": shown, "until": timestamp(until)}

    def _apply(self) -> None:
        levels, general = self._own_levels(), self._chosen("")
        own = {name: self._chosen(name) for name in (*self._lasting, *self._passing) if name}
        levels.set(
            levels.start if general == DEFAULT else general,
            {name: level for name, level in own.items() if level != DEFAULT},
        )

    def _tell(
        self,
        namespace: str,
        what: str,
        actor: str,
        level: str,
        until: datetime | None,
        passing: _Passing | None = None,
    ) -> Event:
        whose = f" of {namespace}" if namespace else ""
        _told.info("Log level{whose}: {what}, by {actor}", whose=whose, what=what, actor=actor)
        because = None if passing is None else passing.event
        more: Mapping[str, Any] = {"namespace": namespace or None, "level": level, "until": timestamp(until)}
        trace = origin().trace
        return self.timeline.add(
            self.now(), "log-level", None, f"log level{whose}: {what}", actor, because=because, trace=trace, more=more
        )
