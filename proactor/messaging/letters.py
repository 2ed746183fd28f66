"""A message on its way, as it is in memory: without what is in it."""

from __future__ import annotations

from enum import Enum

from attrs import define

from ..saved import MessageHead


class Place(str, Enum):
    """Where a message is."""

    #: In line.
    WAITING = "waiting"
    #: It failed, and is tried again after a while.
    RESTING = "resting"
    #: In the hands of its receiver, who has not answered yet.
    GOING = "in flight"
    #: It will not be delivered, and is kept.
    DEAD = "dead"
    #: It was delivered, or dropped.
    GONE = "gone"


@define(eq=False)
class Letter:
    """One message.

    :ivar problem: what became of the last try, where that failed.
    """

    head: MessageHead
    place: Place = Place.WAITING
    problem: str | None = None

    def __lt__(self, other: Letter) -> bool:
        return self.head.number < other.head.number


@define(eq=False)
class Outcome:
    """What became of one try to deliver: it is delivered, where there is no problem.

    :param is_final: whether the receiver said that another try makes no sense.
    :param after: seconds after which it said that one does.
    """

    problem: str | None = None
    is_final: bool = False
    after: float | None = None


DELIVERED = Outcome()
