"""Messages, as an initiator's client reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import field, frozen


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
