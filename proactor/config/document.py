"""A configuration file, parsed: ``configparser``'s format, and the line of every value.

What stands between ``${`` and ``}`` is left as it is here; ``interpolation`` has that.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from configparser import (
    DuplicateOptionError,
    DuplicateSectionError,
    MissingSectionHeaderError,
    ParsingError,
    RawConfigParser,
)
from configparser import Error as ParserError
from functools import partial
from typing import Any

from attrs import define, field, frozen

from ..errors import ConfigError
from .grammar import DEFAULT, option_problem, section_problem, value_problem


@frozen
class Setting:
    """One option's text where it was set: in a file's line, or by an edit.

    :param text: as written, ``${...}`` and all; ``None`` for an option that stands alone in its line.
    :param source: the file's name, or what else the setting came by.
    :param line: in that file.
    :param revision: of the edit that set it.
    """

    text: str | None
    source: str
    line: int | None = None
    revision: int | None = None

    def wrong(self, section: str, option: str, value: str | None, problem: str) -> ConfigError:
        """What to raise where what it comes to does not do.

        :param value: that, as it may be shown.
        """
        return ConfigError(problem, source=self.source, line=self.line, section=section, option=option, value=value)


Settings = Mapping[str, Setting]


@frozen
class Document:
    """One file: its DEFAULT section and the others, by name, each a mapping of option to :class:`Setting`."""

    source: str
    defaults: Settings = field(factory=dict)
    sections: Mapping[str, Settings] = field(factory=dict)
    #: The line of each section's header.
    lines: Mapping[str, int] = field(factory=dict)
    #: All of it, as it was read.
    text: str = field(default="", repr=False, eq=False)

    def option(self, section: str, option: str) -> Setting | None:
        """What the file says in that very section, or in DEFAULT where that is meant."""
        options = self.defaults if section == DEFAULT else self.sections.get(section, {})
        return options.get(option)


@define
class _Tracker:
    """Knows which line the parser is at, and the dictionary it made for each section."""

    line: int = 0
    sections: dict[str, _LineDict] = field(factory=dict)
    headers: dict[str, int] = field(factory=dict)

    def feed(self, text: str) -> Iterator[str]:
        for number, line in enumerate(io.StringIO(text), start=1):
            self.line = number
            yield line


class _LineDict(dict[str, Any]):
    """Remembers the line at which each key was first set: configparser takes the type of its dictionaries."""

    def __init__(self, tracker: _Tracker) -> None:
        super().__init__()
        self._tracker = tracker
        self.lines: dict[str, int] = {}

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        self.lines.setdefault(key, self._tracker.line)
        if isinstance(value, _LineDict):
            self._tracker.sections[key] = value
            self._tracker.headers[key] = self._tracker.line


def decode(data: bytes, source: str) -> str:
    """A file's text (UTF-8, with or without a byte order mark).

    :raises ConfigError: names the line that is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        # Of what was decoded: a byte order mark does not count.
        line = e.object.count(b"\n", 0, e.start) + 1
        problem = f"byte 0x{e.object[e.start]:02x} is not UTF-8: save the file in that encoding"
        raise ConfigError(problem, source=source, line=line) from None


def parse(text: str, source: str) -> Document:
    """A file's sections.

    :raises ConfigError: names the file, the line and what is wrong with it.
    """
    tracker = _Tracker()
    # The types know dict_type as a class; any callable does.
    parser = RawConfigParser(dict_type=partial(_LineDict, tracker), allow_no_value=True)  # type: ignore[call-overload]
    try:
        parser.read_file(tracker.feed(text), source)
    except (ParserError, AttributeError) as e:
        raise _translated(e, source, tracker.line) from None
    for name, line in tracker.headers.items():
        problem = section_problem(name)
        if problem is not None:
            raise ConfigError(problem, source=source, line=line, section=repr(name)[1:-1])
    defaults = parser.defaults()
    assert isinstance(defaults, _LineDict)
    return Document(
        source,
        _settings(DEFAULT, defaults, source),
        {name: _settings(name, options, source) for name, options in tracker.sections.items()},
        tracker.headers,
        text,
    )


def _settings(section: str, options: _LineDict, source: str) -> dict[str, Setting]:
    settings = {}
    for name, text in options.items():
        line = options.lines[name]
        if name.startswith("["):
            raise ConfigError(_header_problem(name), source=source, line=line)
        problem = option_problem(name) or value_problem(text or "", lines=True)
        if problem is not None:
            raise ConfigError(problem, source=source, line=line, section=section, option=repr(name)[1:-1])
        settings[name] = Setting(text, source, line)
    return settings


def _header_problem(text: str) -> str:
    """What is wrong with what begins as a header, and was not read as one."""
    if "]" in text:
        return "a section's header without a name: write [NAME]"
    return "a section's header that is not closed: a ] is missing behind its name"


def _translated(error: ParserError | AttributeError, source: str, line: int) -> ConfigError:
    """The parser's complaint as one of ours, with file, line, place and remedy.

    :param line: how far it came.
    """
    if isinstance(error, DuplicateSectionError):
        problem = "this section stands in the file already: put its options together"
        return ConfigError(problem, source=source, line=error.lineno, section=error.section)
    if isinstance(error, DuplicateOptionError):
        problem = "this option stands in the section already: remove one of the two"
        return ConfigError(problem, source=source, line=error.lineno, section=error.section, option=error.option)
    if isinstance(error, MissingSectionHeaderError):
        text = error.line.strip()
        problem = "a line before the first section: begin with [DEFAULT] or another section's header"
        problem = _header_problem(text) if text.startswith("[") else problem
        return ConfigError(problem, source=source, line=error.lineno)
    if isinstance(error, ParsingError) and getattr(error, "errors", None):
        line, _ = error.errors[0]
        return ConfigError("a value without an option: write option = value", source=source, line=line)
    # The parser has an error of its own for this since Python 3.13, and before it breaks.
    problem = "an indented line goes on with the value above, and there is none: write option = value, or do not indent"
    return ConfigError(problem, source=source, line=line)
