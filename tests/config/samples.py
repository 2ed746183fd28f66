"""Configurations to test with, and changes taken in one step."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proactor.config.document import Document, parse
from proactor.config.draft import Check, Draft
from proactor.config.grammar import DEFAULT
from proactor.config.layers import Layers, Member, View
from proactor.config.live import Change, LiveConfiguration
from proactor.errors import ConfigError

#: The file of the reference example, as it was printed.
SEED = """\
[DEFAULT]
host_scheme = http
host_addr = localhost
host_port = 8080
hash = #

[turberfield.ipc.demo.initiator]
listen_addr = 0.0.0.0
child_port_min = 49152
child_port_max = 65536

[turberfield.ipc.demo.processor]

[8d740c16d9b8419aa7417f7da6deb039]
listen_addr = ${turberfield.ipc.demo.initiator:listen_addr}
child_port_min = ${turberfield.ipc.demo.initiator:child_port_min}
child_port_max = ${turberfield.ipc.demo.initiator:child_port_max}
listen_port = 8080
"""

SOURCE = "proactor.cfg"
INITIATOR = "8d740c16d9b8419aa7417f7da6deb039"
A, B, C = ("a" * 32, "b" * 32, "c" * 32)
#: The least in which every option has a place.
FILE = f"[{DEFAULT}]\n[proactor.initiator]\n[m]\n[n]\n[{INITIATOR}]\n"
NOW = datetime(2026, 11, 24, 18, 4, 16, tzinfo=timezone.utc)


def parsed(text: str) -> Document:
    return parse(text, SOURCE)


def placed(section: str, setting: str) -> tuple[str, int]:
    """A file with a setting in a section, and its line."""
    text = FILE.replace(f"[{section}]\n", f"[{section}]\n{setting}\n")
    return text, text.split("\n").index(setting) + 1


def begun(text: str) -> LiveConfiguration:
    return LiveConfiguration.begin(parsed(text))


def steering(guid: str) -> dict[str, str]:
    return {"guid": guid, "module": "m", "listen_addr": "127.0.0.1", "listen_port": "49152"}


def member(guid: str, module: str = "m") -> Member:
    return Member(guid, module, steering(guid))


def accept(guid: str, view: View, layers: Layers) -> None:
    """Find everything right."""


def take(
    live: LiveConfiguration,
    draft: Draft,
    check: Check = accept,
    hold: Collection[str] = (),
    actor: str = "operator",
) -> Change:
    """Try a draft, and take it."""
    for _ in live.steps(draft, check):
        pass
    return live.commit(draft, actor, NOW, hold)


def edit(live: LiveConfiguration, section: str, patch: Mapping[str, str | None], hold: Collection[str] = ()) -> Change:
    return take(live, live.draft_edit(section, patch), hold=hold)


def join(live: LiveConfiguration, *guids: str, module: str = "m", options: Mapping[str, str] | None = None) -> None:
    for guid in guids:
        take(live, live.draft_join([member(guid, module)], options or {}))


def reload(live: LiveConfiguration, text: str, globs: tuple[str, ...] | None = None) -> Change:
    return take(live, live.draft_reload(parsed(text), globs))


def values(live: LiveConfiguration, guids: Iterable[str], option: str) -> list[str | None]:
    return [live.view(guid).values.get(option) for guid in guids]


_TABLES = ("_members", "_edits", "_section_revisions", "_hidden")
_OF_VIEWS = ("_wanted", "_held", "_readers")


def texts(live: LiveConfiguration, section: str) -> dict[str, str | None]:
    return {name: setting.text for name, setting in live.layers.edits.get(section, {}).items()}


def state(live: LiveConfiguration) -> tuple[Any, ...]:
    """All that there is of it, to see that nothing has changed."""
    tables = {name: dict(getattr(live, name)) for name in _TABLES}
    tables |= {name: dict(getattr(live._views, name)) for name in _OF_VIEWS}
    tables["_readers"] = {section: list(readers) for section, readers in tables["_readers"].items()}
    sections = live.section_names()
    return live.revision, live.layers, tables, {name: live.history(name) for name in sections}


class Case(SynchronousTestCase):
    """Sees that errors tell where they are."""

    def assert_error(
        self,
        error: ConfigError,
        *,
        line: int | None = None,
        section: str | None = None,
        option: str | None = None,
        value: str | None = None,
        source: str = SOURCE,
        says: Iterable[str] = (),
    ) -> None:
        """See that an error names its place, as values and in its text, and what would be right."""
        self.assertEqual(
            (error.source, error.line, error.section, error.option, error.value),
            (source, line, section, option, value),
        )
        text = str(error)
        where = source if line is None else f"{source}:{line}"
        for part in (where, f"[{section}]" if section else "", option or "", value or "", *says):
            self.assertIn(part, text)
        self.assertNotIn("\n", text)
