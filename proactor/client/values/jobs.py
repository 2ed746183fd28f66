"""Jobs, as an initiator's client reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import field, frozen


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
