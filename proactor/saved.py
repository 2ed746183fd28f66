"""What outlives the initiator: values, and the writes that bring them about. How they are stored is the store's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from sys import intern
from typing import Any

from attrs import field, frozen

from .model import Exit, Identity, State, Wanted


@frozen
class SavedJob:
    """A job, as far as the next initiator must know it. Times are aware, in UTC.

    :param doomed: whether it is to be forgotten once its process has ended.
    :param launching: whether an incarnation is on its way of whose process nothing is known yet.
    :param process: of the present incarnation, where there is one.
    :param speaks: whether that acknowledges its configuration.
    :param log_start: where in its log what that process writes begins.
    :param joined: the revision that brought it; ``view``: that of what its section comes to.
    :param failures: when its failures were that count against its budget; ``in_a_row``: how many had no good run
        between them.
    :param serial: of the token that its process was given last, good until ``serial_expires``; ``None``: it has the one
        that it was launched with. ``serial_before``: of the one in whose place it was given, until it is used.
    :param declared: the options that its process declared, as its acknowledgement had them.
    :param topics: those that it has subscribed to.
    :param revoked: when its tokens were last revoked, and up to which incarnation.
    """

    guid: str
    module: str
    launcher: str
    address: str
    port: int
    created: datetime
    labels: Mapping[str, str] = field(factory=dict)
    wanted: Wanted = Wanted.RUNNING
    doomed: bool = False
    state: State = State.STOPPED
    incarnation: int = 0
    launching: bool = False
    process: Identity | None = None
    speaks: bool = True
    log_start: int = 0
    started: datetime | None = None
    restarts: int = 0
    next_start: datetime | None = None
    exit: Exit | None = None
    joined: int = 0
    view: int = 0
    running_revision: int | None = None
    failures: Sequence[datetime] = ()
    in_a_row: int = 0
    serial: str | None = None
    serial_expires: datetime | None = None
    serial_before: str | None = None
    declared: Sequence[Mapping[str, Any]] | None = None
    revoked: datetime | None = None
    topics: Sequence[str] = ()
    revoked_incarnation: int = 0


@frozen
class SavedEdit:
    """One option's edit in a revision: before and after, as text and the revision that had set it.

    ``None`` in place of a pair: there was none, or is none any more.
    """

    section: str
    option: str
    before: tuple[str, int] | None
    after: tuple[str, int] | None


@frozen
class SavedRevision:
    """One accepted change of the configuration: who, when, what."""

    revision: int
    time: datetime
    actor: str
    summary: str
    edits: Sequence[SavedEdit] = ()


@frozen
class SavedEvent:
    """One thing that happened; see :class:`proactor.timeline.timeline.Event`. ``more`` is JSON."""

    id: int
    time: datetime
    kind: str
    guid: str | None
    cause: str
    actor: str
    more: Mapping[str, Any] = field(factory=dict)


@frozen
class MessageHead:
    """What is known of a message without looking at it: all but its attributes and its data.

    :param size: of its data, in bytes.
    """

    number: int
    # Of many messages these are the same few texts.
    sender: str = field(converter=intern)
    receiver: str = field(converter=intern)
    id: str
    source: str = field(converter=intern)
    type: str = field(converter=intern)
    target: str = field(converter=intern)
    accepted: datetime
    size: int
    expires: datetime | None = None
    tries: int = 0
    not_before: datetime | None = None
    dead: str | None = None


@frozen
class SavedMessage:
    """A message on its way to one receiver.

    :param number: grows by one from message to message: the order of delivery.
    :param sender: a guid, or an operator's name.
    :param receiver: a guid, or a module for any one of its processors.
    :param id: the sender's own, by which repeats are told.
    :param attributes: of the CloudEvent, but for its data.
    :param tries: deliveries that failed; ``not_before``: when the next may be.
    :param dead: why it will not be delivered any more.
    :param target: to whom it was sent: a guid, a module or a topic.
    """

    number: int
    sender: str
    receiver: str
    id: str
    attributes: Mapping[str, Any]
    data: bytes
    accepted: datetime
    expires: datetime | None = None
    tries: int = 0
    not_before: datetime | None = None
    dead: str | None = None
    target: str = ""

    def head(self) -> MessageHead:
        """What is known of it without looking at it."""
        return MessageHead(
            number=self.number,
            sender=self.sender,
            receiver=self.receiver,
            id=self.id,
            source=str(self.attributes.get("source", "")),
            type=str(self.attributes.get("type", "")),
            target=self.target or self.receiver,
            accepted=self.accepted,
            size=len(self.data),
            expires=self.expires,
            tries=self.tries,
            not_before=self.not_before,
            dead=self.dead,
        )


# Writes. A commit is a sequence of them, done whole or not at all.


@frozen
class PutJob:
    """A job is new, or is as follows now."""

    job: SavedJob


@frozen
class DropJob:
    """A job is forgotten; so is what was edited in its section. Messages to it stay: they are dead letters now."""

    guid: str


@frozen
class AddRevision:
    """The configuration has changed: the edits that there are become what this one says."""

    revision: SavedRevision


@frozen
class PutDocument:
    """The configuration file as it was read, in the words it had then: what held when it was last seen to hold."""

    text: str
    digest: str


@frozen
class PutRollout:
    """A rollout is new, or is as follows now; ``record`` is JSON."""

    id: str
    record: Mapping[str, Any]


@frozen
class DropRollout:
    """A rollout is forgotten."""

    id: str


@frozen
class AddEvent:
    """Something happened."""

    event: SavedEvent


@frozen
class PutMessage:
    """A message is new, or is as follows now."""

    message: SavedMessage


@frozen
class DropMessage:
    """A message was delivered, or is given up."""

    number: int


@frozen
class PutValue:
    """One value by name, JSON: for what there is one of. ``None`` takes it away."""

    name: str
    value: Any


Write = (
    PutJob
    | DropJob
    | AddRevision
    | PutDocument
    | PutRollout
    | DropRollout
    | AddEvent
    | PutMessage
    | DropMessage
    | PutValue
)


@frozen
class Saved:
    """All that a store holds, as it is read when an initiator starts.

    :param revision: the number of the last one.
    :param edits: what is edited: section, option, text and the revision that set it.
    :param history: the revisions that edited something in a section that is still there, oldest first.
    :param last_event: the number of the last one; ``events``: the newest, oldest first.
    :param messages: those that are not delivered, in the order of their numbers, without what is in them;
        ``last_message``: the highest number there ever was.
    """

    jobs: Mapping[str, SavedJob] = field(factory=dict)
    revision: int = 0
    edits: Mapping[str, Mapping[str, tuple[str, int]]] = field(factory=dict)
    history: Sequence[SavedRevision] = ()
    document: PutDocument | None = None
    rollouts: Mapping[str, Mapping[str, Any]] = field(factory=dict)
    events: Sequence[SavedEvent] = ()
    last_event: int = 0
    messages: Sequence[MessageHead] = ()
    last_message: int = 0
    values: Mapping[str, Any] = field(factory=dict)
