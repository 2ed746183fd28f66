"""The configuration and its edits, as an initiator's client reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import field, frozen


@frozen
class Section:
    """One section of the configuration, as it is written, without secrets.

    :param file: of options that are edited, what the file says.
    """

    section: str
    revision: int
    options: Mapping[str, str | None]
    file: Mapping[str, str | None] = field(factory=dict)
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
