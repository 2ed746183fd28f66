"""What an initiator answers, as values. Each keeps the record that it was read of, as ``record``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import field, frozen

__all__ = [
    "Endpoint",
    "Event",
    "Exit",
    "Explanation",
    "HistoryEntry",
    "Job",
    "LevelOfNamespace",
    "LogLevel",
    "Mailbox",
    "Mailboxes",
    "Message",
    "NewToken",
    "Plan",
    "Receipt",
    "Resources",
    "Restart",
    "Revisions",
    "Rollout",
    "RolloutEvent",
    "Section",
    "Sections",
    "Setting",
    "Token",
]


@frozen
class Exit:
    """How a process ended.

    :param code: its exit status; ``None`` where a signal ended it.
    :param reason: in words; ``lines``: the last it wrote.
    """

    code: int | None
    signal: int | None
    reason: str
    lines: Sequence[str]


@frozen
class Resources:
    """What a process uses at this moment.

    :param cpu_percent: of one CPU, since it was last asked for.
    :param rss: resident memory, in bytes.
    """

    cpu_percent: float
    rss: int
    descriptors: int | None
    threads: int
    children: int | None


@frozen
class Rejection:
    """A processor's no to a revision."""

    revision: int
    option: str | None
    reason: str | None


@frozen
class Revisions:
    """The revisions of a processor's configuration.

    :param pending: options whose new values wait for its next start.
    """

    wanted: int | None
    running: int | None
    pending: Sequence[str]
    rejected: Rejection | None = None


@frozen
class Job:
    """One processor: what is wanted, and what is seen of it. Times are aware.

    :param queue: its place in the line of those that wait to be launched.
    :param resources: known where one job is asked for.
    """

    guid: str
    module: str
    labels: Mapping[str, str]
    wanted: str
    state: str
    ready: bool
    queue: int | None
    incarnation: int
    pid: int | None
    port: int
    url: str
    launcher: str
    revision: Revisions
    created: datetime
    started: datetime | None
    restarts: int
    next_start: datetime | None
    exit: Exit | None
    resources: Resources | None = None
    record: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)

    @property
    def settled(self) -> bool:
        """Whether it is ready, or will not be by itself."""
        return self.ready or self.state in ("stopped", "exited", "fatal")


@frozen
class Event:
    """One thing that happened.

    :param guid: to which processor; ``None``: to none in particular.
    :param because: the number of the event that led to it.
    """

    id: int
    time: datetime
    event: str
    guid: str | None
    cause: str
    because: int | None
    actor: str
    module: str | None = None
    trace: str | None = None
    record: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)


@frozen
class RolloutEvent:
    """One thing that happened to a rollout; ``event`` is its kind."""

    event: str
    time: datetime
    guid: str | None = None
    reason: str | None = None
    record: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)


@frozen
class Rollout:
    """An edit on its way to the processors that it touches.

    :param state: ``running``, ``reverting``, ``done``, ``reverted`` or ``failed``.
    :param processors: by guid: ``held``, ``sent``, ``applied``, ``rejected``, ``reverted``, ``absent``.
    """

    id: str
    revision: int
    section: str
    actor: str
    created: datetime
    state: str
    problem: str | None
    reverted_by: int | None
    batch: int
    batches: Sequence[int]
    wanted: int
    applied: int
    rejected: int
    waiting: int
    reverted: int
    absent: int
    processors: Mapping[str, str]
    events: Sequence[Mapping[str, Any]]
    record: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)

    @property
    def over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state in ("done", "reverted", "failed")


@frozen
class Restart:
    """A rolling restart.

    :param state: ``running``, ``done``, or ``stopped`` with the ``problem``.
    """

    id: str
    actor: str
    created: datetime
    state: str
    problem: str | None
    batch: int
    batches: Sequence[int]
    wanted: int
    ready: int
    record: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)

    @property
    def over(self) -> bool:
        """Whether nothing more comes of it."""
        return self.state != "running"


@frozen
class Section:
    """One section of the configuration, as it is written, without secrets."""

    section: str
    revision: int
    options: Mapping[str, str | None]
    record: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)


@frozen
class Sections:
    """All sections, as they are written, without secrets."""

    revision: int
    sections: Mapping[str, Mapping[str, str | None]]
    record: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)


@frozen
class Change:
    """What an option was and is; ``None``: it was, or is, not there."""

    from_: str | None
    to: str | None


@frozen
class Overridden:
    """What the file says of an option that an edit gives another value."""

    text: str | None
    source: str
    line: int | None


@frozen
class Plan:
    """What an edit changes, or would.

    :param changes: by guid and option.
    :param rollout: the id of its way to the processors; ``None``: it touches none.
    :param outcome: how that went, where it was waited for.
    """

    section: str
    revision: int
    changes: Mapping[str, Mapping[str, Change]]
    overrides: Mapping[str, Overridden]
    rollout: str | None
    outcome: Rollout | None = None
    record: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)


@frozen
class HistoryEntry:
    """One edit of a section. In ``changes`` ``None`` means that there was, or is, no edit of that option."""

    revision: int
    time: datetime
    actor: str
    summary: str
    changes: Mapping[str, Change]
    record: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)


@frozen
class Setting:
    """Where an option is written.

    :param text: with references.
    :param line: in the file; ``revision``: of the edit.
    """

    section: str
    option: str
    text: str | None
    source: str
    line: int | None
    revision: int | None
    overrides: Overridden | None = None


@frozen
class Explained:
    """An option's value, and the chain by which it came."""

    value: str
    chain: Sequence[Setting]


@frozen
class Explanation:
    """How a processor's options came to their values.

    :param held_at: the revision that a rollout still keeps it at.
    """

    guid: str
    revision: int
    held_at: int | None
    options: Mapping[str, Explained]
    record: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)


@frozen
class Endpoint:
    """A processor that is ready."""

    guid: str
    module: str
    labels: Mapping[str, str]
    url: str
    incarnation: int
    record: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)


@frozen
class Token:
    """A token of operators that has a name; ``expires`` is ``None`` for never."""

    name: str
    scopes: Sequence[str]
    created: datetime
    expires: datetime | None
    actor: str
    record: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)


@frozen
class NewToken(Token):
    """The same, with the token itself: it is told once."""

    token: str = field(default="", repr=False)


@frozen
class Receipt:
    """A message was stored.

    :param to: where it goes; ``numbers``: its own with each of them.
    :param repeated: whether it had been stored before, and was not again.
    """

    id: str
    source: str
    to: Sequence[str]
    numbers: Sequence[int]
    repeated: bool
    record: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)


@frozen
class Mailbox:
    """The messages that wait for one receiver, a guid or a module."""

    receiver: str
    waiting: int
    limit: int
    oldest: datetime
    age: float
    problem: str | None


@frozen
class Mailboxes:
    """How many messages wait, and how many are not to be delivered any more."""

    waiting: int
    dead: int
    receivers: Sequence[Mailbox]
    record: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)


@frozen
class Message:
    """A message that is not delivered.

    :param state: ``waiting``, ``resting``, ``in flight`` or ``dead``.
    :param problem: why it is dead, or what became of the last try.
    """

    number: int
    id: str
    source: str
    type: str
    sender: str
    target: str
    receiver: str
    state: str
    accepted: datetime
    expires: datetime | None
    size: int
    tries: int
    next_try: datetime | None
    problem: str | None
    record: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)


@frozen
class LevelOfNamespace:
    """How much is logged below a namespace; ``until`` then it goes back by itself."""

    level: str
    until: datetime | None


@frozen
class LogLevel:
    """How much an initiator logs in general, and below the namespaces that have levels of their own.

    :param default: the general one by its start.
    """

    level: str
    until: datetime | None
    default: str
    namespaces: Mapping[str, LevelOfNamespace]
    record: Mapping[str, Any] = field(repr=False)
