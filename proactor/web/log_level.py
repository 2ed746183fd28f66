"""``/log-level``: how much the initiator logs."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ..log.level import LONGEST, LogLevel, check_level, check_namespace
from . import forms
from .answers import Answer, as_json
from .app import Handler
from .calls import Call


@frozen
class LogLevels:
    """Handlers over the level."""

    log_level: LogLevel

    def handlers(self) -> Mapping[str, Handler]:
        """By the names that they have in the table."""
        return {"show_log_level": self.show_log_level, "set_log_level": self.set_log_level}

    async def show_log_level(self, call: Call) -> Answer:
        """What holds now."""
        call.known()
        return as_json(self.log_level.record())

    async def set_log_level(self, call: Call) -> Answer:
        """Have another one hold, and tell what holds then."""
        call.known()
        body = forms.plain(call, ())
        forms.known(body, ("level", "for", "namespace"))
        level, seconds = check_level(forms.text(body, "level")), forms.whole(body, "for", 1, LONGEST)
        namespace = forms.text(body, "namespace")
        named = "" if namespace is None else check_namespace(namespace)
        self.log_level.change(named, level, seconds, call.caller.name)
        return as_json(self.log_level.record())
