"""What was stored, until its receiver has it: handed out, tried again, expired, or kept as a dead letter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..errors import NotFound, StorageFailed
from ..jobs.fleet import Fleet
from ..model import Job
from ..saved import DropMessage, MessageHead, PutMessage, SavedMessage
from ..store.interface import IStore
from ..timeline.timeline import Event
from .addresses import Addresses
from .bodies import Bodies
from .dead import DeadLetters, DeadStory
from .dispatch import Dispatcher
from .expiry import Expiry
from .letters import Letter, Outcome, Place

__all__ = ["Counts", "Deliver", "Delivery"]

log = Logger(namespace="proactor.messages")

Deliver = Callable[[Job, SavedMessage, float], Deferred[Outcome]]
"""Hands a message to a processor, within so many seconds."""


class Counts(Protocol):
    """Who counts messages."""

    def message(self, outcome: str, count: int = 1) -> None:
        """Something became of one, or of several."""


@define(eq=False)
class Delivery:
    """Has the letters, all that are not delivered, and sees to it that they are. It accepts nothing.

    :param now: the time of day, aware.
    :param random: as ``random.random``.
    :param most_dead: how many dead letters are kept.
    :ivar letters: all that are not delivered, by number.
    """

    clock: IReactorTime
    now: Callable[[], datetime]
    random: Callable[[], float]
    fleet: Fleet
    store: IStore
    deliver: Deliver
    counts: Counts
    most_dead: Callable[[], int]
    addresses: Addresses = field(init=False)
    dispatcher: Dispatcher = field(init=False)
    dead: DeadLetters = field(init=False)
    _bodies: Bodies = field(init=False)
    _expiry: Expiry = field(init=False)
    _story: DeadStory = field(init=False)
    _letters: dict[int, Letter] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.dispatcher = Dispatcher(self.clock, self.now, self.random, self._deliver, self)
        self.addresses = Addresses(self.fleet, self.fleet.configurator, self.dispatcher)
        self.dead = DeadLetters(self.most_dead)
        self._bodies = Bodies(self.store.messages)
        self._expiry = Expiry(self.clock, self.now, self._expired)
        self._story = DeadStory(self.clock, self.now, self.fleet.timeline, self._module_of)
        self.fleet.timeline.listen(self, self._heard)

    def _module_of(self, guid: str) -> str | None:
        job = self.fleet.jobs.get(guid)
        return None if job is None else job.module

    # What there is to deliver.

    def put(self, message: SavedMessage) -> None:
        """A message is stored: it is to be delivered."""
        self._bodies.put(message)
        self.begin(message.head())

    def begin(self, head: MessageHead) -> None:
        """The same of one of which it is not known what is in it; it may be dead already."""
        letter = self._letters[head.number] = Letter(head)
        reason = head.dead
        if reason is None and not self.addresses.is_there(head.receiver):
            reason = f"processor {head.receiver} was deleted"
        if reason is None and head.expires is not None and head.expires <= self.now():
            reason = "expired"
        if reason is not None:
            self._bury(letter, reason)
            return
        self._expiry.add(letter)
        self.dispatcher.put(self.addresses.mailbox(head.receiver), letter)

    def take_out(self, letter: Letter) -> None:
        """Have one not delivered that nobody has in his hands, be it dead or not; :meth:`begin` undoes that."""
        if letter.place is Place.DEAD:
            self.dead.remove(letter)
        else:
            self.dispatcher.remove(letter)
        letter.place = Place.GONE

    # What the dispatcher asks and tells.

    def _deliver(self, letter: Letter, guid: str, timeout: float) -> Deferred[Outcome]:
        return self._bodies.get(letter.head.number).addCallback(self._hand_over, letter, guid, timeout)

    def _hand_over(
        self, message: SavedMessage | None, letter: Letter, guid: str, timeout: float
    ) -> Deferred[Outcome] | Outcome:
        if message is None:
            return Outcome("it is not in the store any more", is_final=True)
        job = self.fleet.jobs.get(guid)
        if job is None:
            return Outcome(f"processor {guid} was deleted")
        return self.deliver(job, message, timeout)

    def delivered(self, letter: Letter) -> None:
        """Its receiver has it."""
        self.forget(letter)
        self.store.note([DropMessage(letter.head.number)])
        self.counts.message("delivered")

    def failed(self, letter: Letter) -> None:
        """A try failed: that is kept, by and by."""
        self.counts.message("failed")
        self._note(letter)

    def given_up(self, letter: Letter, reason: str) -> None:
        """It will not be delivered."""
        self._bury(letter, reason)

    def _note(self, letter: Letter) -> None:
        """Keep what is known of a letter, with what is in it."""
        read = self._bodies.get(letter.head.number)
        read.addCallback(self._noted, letter)
        read.addErrback(lambda failure: log.warn("A message cannot be read: {why}", why=failure.getErrorMessage()))

    def _noted(self, message: SavedMessage | None, letter: Letter) -> None:
        head = letter.head
        if message is not None and letter.place is not Place.GONE:
            changed = evolve(message, tries=head.tries, not_before=head.not_before, dead=head.dead)
            self.store.note([PutMessage(changed)])

    def forget(self, letter: Letter) -> None:
        """It is not to be delivered any more, nor kept."""
        letter.place = Place.GONE
        self._letters.pop(letter.head.number, None)
        self._bodies.drop(letter.head.number)

    # Dead letters.

    def _expired(self, letter: Letter) -> None:
        self.dispatcher.remove(letter)
        self._bury(letter, "expired" + (f"; {letter.problem}" if letter.problem else ""))

    def _bury(self, letter: Letter, reason: str) -> None:
        is_new = letter.head.dead is None
        letter.place, letter.head = Place.DEAD, evolve(letter.head, dead=reason, not_before=None)
        dropped = self.dead.add(letter)
        for each in dropped:
            self.forget(each)
        if dropped:
            self.store.note([DropMessage(each.head.number) for each in dropped])
            self.counts.message("dropped", len(dropped))
        if is_new:
            self.counts.message("dead")
            self._note(letter)
            self._story.died(letter)
        self._bodies.drop(letter.head.number)

    # Looking.

    def waiting(self) -> int:
        """How many are on their way."""
        return len(self._letters) - len(self.dead)

    def oldest_age(self) -> float:
        """How many seconds ago the oldest that is on its way was accepted; 0 where there is none."""
        oldest = [each for mailbox in self.dispatcher.mailboxes.values() if (each := mailbox.oldest()) is not None]
        return max(((self.now() - each.head.accepted).total_seconds() for each in oldest), default=0.0)

    def letter(self, number: int) -> Letter:
        """One message that is not delivered.

        :raises NotFound: there is none of that number.
        """
        try:
            return self._letters[number]
        except KeyError:
            raise NotFound(
                f"there is no message {number}: it was delivered or dropped, or there was none", "messages"
            ) from None

    async def read(self, number: int) -> SavedMessage:
        """One message with what is in it.

        :raises NotFound: there is none of that number.
        :raises StorageFailed: it cannot be read.
        """
        self.letter(number)
        message = await self._bodies.get(number)
        if message is None:
            raise StorageFailed(f"message {number} cannot be read")
        return message

    @property
    def letters(self) -> Mapping[int, Letter]:
        """All that are not delivered, by number."""
        return self._letters

    # The jobs there are.

    def _heard(self, event: Event) -> None:
        if event.guid is not None and event.kind != "dead-letter":
            self.look(event.guid)

    def look(self, guid: str) -> None:
        """Something of a processor is other than before."""
        self.addresses.look(guid)
        if guid not in self.fleet.jobs:
            for letter in self.dispatcher.drop_member(guid):
                self._bury(letter, f"processor {guid} was deleted")

    # The end.

    def close(self) -> None:
        """Begin no delivery any more."""
        self.dispatcher.close()
        self._expiry.close()

    def let_go(self) -> None:
        """Wait for nothing any more."""
        self.close()
        self.dispatcher.let_go()
        self._story.close()
