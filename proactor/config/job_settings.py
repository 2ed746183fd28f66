"""What a processor's section may say of how it is run, typed and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from attrs import frozen

from ..errors import Refused
from ..jobs.restart_policy import ALWAYS, NEVER, ON_FAILURE, RestartPolicy
from ..messaging.topics import PATTERN
from ..option_types import read_words
from ..options import Option
from ..tokens.allowed import ANY, FROM, SCOPES
from .layers import Layers

#: Far more than any time makes sense for, and what every clock and timer takes.
YEAR = 366 * 24 * 3600
#: The longest time from one fetch to the next, in ``refresh``: it is spread, so that a fleet does not come in step.
LATEST = 1.1
_MIB = 1024 * 1024


_REFRESH = 30


def seconds(name: str, default: float, help_: str, least: float = 0) -> Option:
    """An option that is a time."""
    return Option(name, float, default, minimum=least, maximum=YEAR, help=help_)


ROLLOUT_OPTIONS = (
    Option("rollout_batch", tuple, (), help="sizes of the batches in which an edit goes out, such as 1 10%"),
    seconds("rollout_watch", 0, "how long a batch must stay well before the next gets an edit"),
    seconds("rollout_timeout", 30, "how long a processor may take to answer to an edit", least=0.1),
)

#: What is read of a processor's section, or of a module's, about messages to it, by name.
MESSAGE_OPTIONS = {
    option.name: option
    for option in (
        Option("subscribe", tuple, (), help="topics whose messages it gets: orders.new, or orders.*"),
        Option("message_queue", int, 10_000, minimum=1, maximum=1_000_000, help="how many messages may wait for it"),
        Option("message_concurrency", int, 4, minimum=1, maximum=1000, help="how many it is handed at a time"),
        seconds("message_timeout", 30, "how long it may take to answer to one", least=0.1),
    )
}

JOB_OPTIONS = (
    seconds("refresh", _REFRESH, "between two fetches of the configuration", least=0.05),
    Option("restart", str, ON_FAILURE, choices=(ALWAYS, ON_FAILURE, NEVER), help="when it is started again by itself"),
    seconds("restart_delay", 0.5, "the most that the first wait before a restart takes; it doubles each time"),
    seconds("restart_delay_max", 30, "the most that any wait takes; a run as long as that is a good one"),
    Option("restart_attempts", int, 10, minimum=0, help="restarts within restart_window before it is fatal; 0: any"),
    seconds("restart_window", 300, "the time in which restarts are counted", least=1),
    seconds("ready_timeout", 60, "how long it may take to serve", least=0.1),
    seconds("stop_timeout", 10, "between SIGTERM and SIGKILL"),
    seconds("watchdog", 0, "how long it may be silent before it is started again; 0: for ever"),
    Option("limit_nofile", int, None, minimum=16, help="the most descriptors that it may have open"),
    Option(
        "limit_memory",
        int,
        None,
        minimum=16,
        maximum=1 << 24,
        help="the most address space it may have, in MiB; a processor takes some 70 before it does anything",
    ),
    Option("nice", int, None, minimum=-20, maximum=19, help="its niceness"),
    Option("working_folder", str, None, help="where it runs; else where the initiator does"),
    Option("umask", str, None, help="its file mode creation mask, in octal"),
    Option("user", str, None, help="whom it runs as, where the initiator runs as root"),
    Option("inherit_environment", bool, True, help="whether it has the initiator's environment"),
    Option("pass_environment", tuple, (), help="globs for variables that it has though they are called like a secret"),
    Option(
        "log_max_bytes", int, 10 * _MIB, minimum=64 * 1024, help="how much of the disk a file of its log takes at most"
    ),
    Option("log_backups", int, 3, minimum=0, maximum=100, help="how many such files there are besides"),
    Option("labels", tuple, (), help="labels of its processors: name=value, separated by spaces"),
    Option("instances", int, None, minimum=0, help="how many the initiator keeps running by itself"),
    Option(
        "launcher", str, "fork", choices=("fork", "spawn"), help="what starts it: a fork of what is loaded, or afresh"
    ),
    Option("preload", bool, False, help="whether its module is loaded ahead, once for all that are forked"),
    Option("allow_from", tuple, (ANY,), help="who may call it: *, none, modules, guids, label:NAME=VALUE"),
    Option("allow_scopes", tuple, (ANY,), help="scopes that who calls may have: SCOPE, or SCOPE@ one such word"),
    *ROLLOUT_OPTIONS,
    *MESSAGE_OPTIONS.values(),
)

#: Read of it as well: by processors themselves, and by what launches them.
_OTHERS = ("command", "log_level", "push", "verbose")
OF_JOBS = frozenset((*(option.name for option in JOB_OPTIONS), *_OTHERS))
"""The names of all options that every processor's section may have."""

#: What each word of a list is, and what would be right.
_WORDS = {
    "labels": (re.compile("[^=]+=.*"), "name=value"),
    "allow_from": (FROM, "*, none, a module, a guid, label:NAME or label:NAME=VALUE"),
    "allow_scopes": (SCOPES, "a scope, or SCOPE@ and who may have it: see allow_from"),
    "rollout_batch": (re.compile("[1-9][0-9]{0,8}|([1-9][0-9]?|100)%"), "a size like 5, or like 10%"),
    "subscribe": (PATTERN, "a topic like orders.new, or a pattern like orders.*"),
}


def check_words(values: Mapping[str, str]) -> None:
    """See that the words of lists are of their form.

    :raises Refused: ``OPTION: what is wrong``, with what would be right.
    """
    for name, (form, right) in _WORDS.items():
        if not all(map(form.fullmatch, read_words(values.get(name, "")))):
            raise Refused(f"{name}: each word must be {right}")


def check_watchdog(values: Mapping[str, str]) -> None:
    """See that one that is well is not taken for a silent one: between two fetches nothing is heard of it.

    :raises Refused: ``watchdog: what is wrong``, with what would be right.
    """
    limit, least = float(values.get("watchdog", 0)), 2 * refresh(values)
    if 0 < limit < least:
        raise Refused(f"watchdog: must be 0 or at least {least:g}: it is heard of every refresh = {least / 2:g} s")


def admission(values: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Who may call a processor, and which scopes they may have: ``allow_from`` and ``allow_scopes``."""
    return tuple(read_words(values.get("allow_from", ANY))), tuple(read_words(values.get("allow_scopes", ANY)))


def refresh(values: Mapping[str, str]) -> float:
    """How often a processor fetches its configuration, in seconds, of values that are of their types."""
    return float(values.get("refresh", _REFRESH))


#: What :class:`JobSettings` is read from, by name.
_READ = {
    option.name: option
    for option in JOB_OPTIONS
    if option.name != "instances" and option not in ROLLOUT_OPTIONS and option.name not in MESSAGE_OPTIONS
}


@frozen
class JobSettings:
    """How one job is run. Times in seconds."""

    refresh: float
    policy: RestartPolicy
    ready_timeout: float
    stop_timeout: float
    watchdog: float
    limit_nofile: int | None
    limit_memory: int | None
    nice: int | None
    working_folder: str | None
    umask: str | None
    user: str | None
    inherit_environment: bool
    pass_environment: tuple[str, ...]
    log_max_bytes: int
    log_backups: int
    labels: Mapping[str, str]
    launcher: str
    preload: bool
    allow_from: tuple[str, ...]
    allow_scopes: tuple[str, ...]


def instances(layers: Layers, section: str) -> int | None:
    """How many processors of a module are to be kept running; ``None`` where its section does not say."""
    if "instances" not in layers.written_options(section):
        return None
    resolved = layers.resolver().resolve(section, "instances")
    return None if resolved is None else int(resolved.text)


def job_settings(values: Mapping[str, str]) -> JobSettings:
    """Read a section's values, which were checked when they were taken."""
    return _read(*map(values.get, _READ))


@lru_cache(maxsize=1024)
def _read(*texts: str | None) -> JobSettings:
    """Settings of the texts of their options, in order. Of a fleet most have the same, which are asked for often."""
    read: dict[str, Any] = {
        option.name: option.default if text is None else option.parse(text)
        for option, text in zip(_READ.values(), texts, strict=True)
    }
    policy = RestartPolicy(
        read.pop("restart"),
        read.pop("restart_delay"),
        read.pop("restart_delay_max"),
        read.pop("restart_attempts"),
        read.pop("restart_window"),
    )
    labels = dict(label.partition("=")[::2] for label in read.pop("labels"))
    return JobSettings(policy=policy, labels=labels, **read)


def rollout_pace(layers: Layers, section: str) -> tuple[tuple[str, ...], float, float]:
    """How an edit of a section goes out: ``rollout_batch``, ``rollout_watch``, ``rollout_timeout``.

    :raises ConfigError: one of these does not resolve.
    """
    found = []
    for option in ROLLOUT_OPTIONS:
        resolved = layers.resolver().resolve(section, option.name) if layers.exists(section) else None
        found.append(option.default if resolved is None else option.parse(resolved.text))
    sizes, watch, timeout = found
    return cast(tuple[str, ...], sizes), cast(float, watch), cast(float, timeout)
