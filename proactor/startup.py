"""The command line of ``twistd proactor``, and the configuration that it names."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from .changes.configurator import Configurator
from .config.document import Document, decode, parse
from .config.grammar import importable
from .config.settings import InitiatorSettings, choose_guid, module_sections
from .errors import ProactorError
from .home.files import DEFAULT_HOME, HOME_VARIABLE
from .jobs.launch_plan import check_launch
from .log.levels import USUAL, Levels
from .log.writing import FORMATS, Observer, stream_observer

STANDARD_INPUT = "-"

log = Logger(namespace="proactor")


class StartError(SystemExit, Exception):
    """What keeps the initiator from starting.

    ``twistd`` catches an ``Exception``, tidies up and passes it on; Python ends on a ``SystemExit`` with its message
    and status 1, without a traceback.
    """


class Options(UsageOptions):
    """The command line of ``twistd proactor``. The configuration is read here, while there is a terminal."""

    synopsis = "[options]"
    longdesc = "Launches, configures, supervises and authenticates a fleet of processes, and is driven with curl."
    optParameters = [
        ["config", "c", None, "The configuration file, - for standard input [default: ./proactor.cfg, else our own]"],
        ["guid", "g", None, "The guid section to run by [default: the only one in the file]"],
        [
            "home",
            None,
            None,
            f"The folder for state: keys, tokens, logs [default: that of {HOME_VARIABLE}, else {DEFAULT_HOME}]",
        ],
        ["log-format", None, "text", f"The format of the log: {' or '.join(FORMATS)}"],
    ]
    optFlags = [["verbose", "v", "Log more"]]

    def postOptions(self) -> None:
        """Make paths absolute, for a daemon has another working folder; read the configuration.

        :raises UsageError: an option's value is not one of those there are.
        :raises StartError: the configuration cannot be read or does not hold.
        """
        if self["log-format"] not in FORMATS:
            raise UsageError(f"--log-format: must be {' or '.join(FORMATS)}")
        if self["home"] is None:
            # A variable that is empty is none, as for the command line.
            self["home"] = os.environ.get(HOME_VARIABLE) or DEFAULT_HOME
        if not self["home"]:
            raise UsageError("--home: must name a folder")
        self.levels = Levels("debug" if self["verbose"] else USUAL)
        self["home"] = str(Path(self["home"]).expanduser().absolute())
        log.info("Place defaults")
        self.source = find_config(self["config"])
        log.info("Read config...")
        try:
            self.document = self.source.read()
            found = checked(self.document, self["guid"])
        except ProactorError as e:
            raise StartError(f"proactor: {e}") from None
        self["guid"], self.settings = found.guid, found.settings
        for warning in self.settings.warnings:
            log.warn("{problem}", problem=warning)
        self._log_under_twist()

    def observer(self, stream: Any) -> Observer:
        """What writes the log to a stream, as the options say."""
        return stream_observer(stream, levels=self.levels, fmt=self["log-format"])

    def _log_under_twist(self) -> None:
        """``twist`` takes what writes its log from its own options, where the user did not choose that."""
        twist = getattr(self, "parent", None)
        if twist is not None and "logLevel" in twist and _is_usual_format(twist):
            twist["fileLogObserverFactory"] = self.observer
            twist["logFormat"] = self["log-format"]


def _is_usual_format(twist: Mapping[str, Any]) -> bool:
    """Whether ``twist`` has the format that it takes when it is not told one, before it reads its arguments."""
    is_terminal = getattr(twist["logFile"], "isatty", lambda: False)()
    return bool(twist["logFormat"] == ("text" if is_terminal else "json"))


@frozen
class ConfigSource:
    """Where the configuration comes from: a file, or standard input, once."""

    path: Path | None

    @property
    def name(self) -> str:
        """For messages."""
        return "standard input" if self.path is None else str(self.path)

    def read(self) -> Document:
        """Read it.

        :raises ProactorError: it cannot be read; says why.
        """
        try:
            data = sys.stdin.buffer.read() if self.path is None else self.path.read_bytes()
        except OSError as e:
            raise ProactorError(f"{self.name}: cannot be read: {e.strerror}") from None
        return parse(decode(data, self.name), self.name)


@frozen
class Checked:
    """A configuration that an initiator can run by.

    :param guid: the initiator's own.
    :param modules: the sections that can be launched, and the module of each; of a command there is none.
    """

    guid: str
    settings: InitiatorSettings
    modules: list[tuple[str, str | None]]


def checked(document: Document, guid: str | None) -> Checked:
    """See that all that is in a file holds.

    :param guid: the section to run by; ``None``: the only one.
    :raises ConfigError: something does not.
    """
    now, chosen = datetime.now(timezone.utc), choose_guid(document, guid)
    configurator = Configurator.begin(Clock(), lambda: now, document, chosen, check_launch)
    names = module_sections(configurator.live.layers)
    modules = [(name, None if "command" in document.sections[name] else importable(name)) for name in names]
    return Checked(chosen, configurator.settings, modules)


def find_config(named: str | None) -> ConfigSource:
    """Where the configuration is: what is named, else ./proactor.cfg, else our own."""
    if named == STANDARD_INPUT:
        return ConfigSource(None)
    if named is not None:
        return ConfigSource(Path(named).expanduser().absolute())
    here = Path("proactor.cfg").absolute()
    return ConfigSource(here if here.exists() else Path(str(files("proactor") / "proactor.cfg")))
