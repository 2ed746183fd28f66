"""How much is logged: the levels, and which of them holds for what is logged under a name."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.logger import LogLevel, LogLevelFilterPredicate

__all__ = ["CONSOLE", "LEVELS", "TOLD", "USUAL", "Levels"]

#: By the names that Python's own logging has for them, from the one that says most.
LEVELS = {
    "debug": LogLevel.debug,
    "info": LogLevel.info,
    "warning": LogLevel.warn,
    "error": LogLevel.error,
    "critical": LogLevel.critical,
}
#: What holds where nobody says anything.
USUAL = "info"

#: The namespace of what processors write, as it is shown on the initiator's console.
CONSOLE = "proactor.console"
#: The namespace of what tells of another level.
TOLD = "proactor.log_level"

_CHATTER = ("klein", "log_legacy", "treq", "twisted", "txlog")
"""Namespaces that say much at ``info`` of which an operator needs nothing."""

_ALWAYS = (CONSOLE, TOLD)
"""Namespaces that are heard at ``info`` whatever level is the general one."""


class Levels:
    """The level that is the general one, and those that hold below some namespaces instead.

    :ivar filter: lets events through by them.
    :ivar start: the general one that it began with.
    :ivar observed: whether something writes a log by them.
    """

    def __init__(self, general: str = USUAL) -> None:
        self.filter = LogLevelFilterPredicate()
        self.start = general
        self.observed = False
        self.set(general)

    def set(self, general: str, own: Mapping[str, str] | None = None) -> None:
        """Have other ones hold, from the next event on.

        With ``debug`` in general everything is heard; else of Twisted and other libraries ``warning`` and up at most.

        :param own: the levels of namespaces, each for what is below it as well; they win over what is general.
        """
        level = LEVELS[general]
        chatter = level if level == LogLevel.debug else max(level, LogLevel.warn)
        self.filter.clearLogLevels()
        usual = {"": level, **dict.fromkeys(_CHATTER, chatter), **dict.fromkeys(_ALWAYS, min(level, LogLevel.info))}
        for namespace, its in {**usual, **{name: LEVELS[text] for name, text in (own or {}).items()}}.items():
            self.filter.setLogLevelForNamespace(namespace, its)
