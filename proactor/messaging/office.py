"""Durable messages: stored, then accepted; delivered until their receiver has them, or kept as dead letters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from attrs import define, evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ..errors import Conflict, NotFound, QueueFull, StorageFailed, Unavailable
from ..jobs.fleet import Fleet
from ..model import Job
from ..saved import DropMessage, MessageHead, PutMessage, SavedMessage
from ..store.interface import IStore
from ..timeline.timeline import Event
from .addresses import Addresses
from .bodies import Bodies
from .cloudevents import CloudEvent
from .dead import DeadLetters, DeadStory
from .dispatch import Dispatcher
from .expiry import Expiry
from .letters import Letter, Outcome, Place
from .recent import Receipt, Recent

__all__ = ["Deliver", "Office", "Posting"]

log = Logger(namespace="proactor.messages")

Deliver = Callable[[Job, SavedMessage, float], Deferred[Outcome]]
"""Hands a message to a processor, within so many seconds."""


class Counts(Protocol):
    """Who counts messages."""

    def message(self, outcome: str, count: int = 1) -> None:
        """Something became of one, or of several."""


@frozen
class Posting:
    """What is sent.

    :param sender: a guid, or an operator's name.
    :param target: a guid, a module or a topic.
    :param expires: when it is not to be delivered any more.
    """

    sender: str
    target: str
    event: CloudEvent
    expires: datetime | None = None

    @property
    def id(self) -> str:
        """The sender's own."""
        return str(self.event.attributes["id"])

    @property
    def source(self) -> str:
        """By which with the id repeats are told."""
        return str(self.event.attributes["source"])


@define(eq=False)
class Office:
    """Takes messages, and sees to it that they are delivered.

    :param now: the time of day, aware.
    :param random: as ``random.random``.
    :param most_dead: how many dead letters are kept.
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
    _recent: Recent = field(factory=Recent)
    _expiry: Expiry = field(init=False)
    _story: DeadStory = field(init=False)
    _letters: dict[int, Letter] = field(factory=dict)
    _last: int = 0

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

    # Accepting.

    async def accept(self, posting: Posting) -> Receipt:
        """Take a message: it is stored when this returns. To a topic it goes to all, or it is not accepted.

        :raises NotFound, Conflict: there is nobody to send it to.
        :raises Refused: the topic's name is none.
        :raises QueueFull: there is no room for it, with one of those that it is for.
        :raises StorageFull, StorageFailed: it cannot be stored.
        """
        key = (posting.source, posting.id, posting.target)
        given = self._recent.get(key)
        if given is not None:
            receipt = await given
            self.counts.message("repeated")
            return evolve(receipt, is_repeat=True)
        if self.fleet.closing:
            raise Unavailable("the initiator is stopping", retry_after=10)
        receivers = self.addresses.receivers(posting.target)
        self._check_room(receivers)
        messages = [self._message(posting, receiver) for receiver in receivers]
        receipt = Receipt(posting.id, posting.source, receivers, tuple(message.number for message in messages))
        if messages:
            await self._keep(key, receipt, messages)
        self.counts.message("accepted", len(messages))
        return receipt

    def _check_room(self, receivers: Iterable[str]) -> None:
        for receiver in receivers:
            mailbox = self.addresses.mailbox(receiver)
            if mailbox.room <= 0:
                self.counts.message("full")
                raise QueueFull(f"message_queue = {mailbox.most}: as many messages wait for {receiver} already")

    def _message(self, posting: Posting, receiver: str) -> SavedMessage:
        self._last += 1
        return SavedMessage(
            number=self._last,
            sender=posting.sender,
            receiver=receiver,
            id=posting.id,
            attributes=posting.event.attributes,
            data=posting.event.data,
            accepted=self.now(),
            expires=posting.expires,
            target=posting.target,
        )

    async def _keep(self, key: tuple[str, str, str], receipt: Receipt, messages: Sequence[SavedMessage]) -> None:
        coming = [self.addresses.mailbox(message.receiver) for message in messages]
        self._recent.begin(key)
        for mailbox in coming:
            mailbox.coming += 1
        try:
            await self.store.commit([PutMessage(message) for message in messages])
        except Exception as error:
            self._recent.fail(key, error)
            raise
        finally:
            for mailbox in coming:
                mailbox.coming -= 1
        for message in messages:
            self._bodies.put(message)
            self._begin(message.head())
        self._recent.give(key, receipt)

    def _begin(self, head: MessageHead) -> None:
        """A message is stored: it is to be delivered, or is dead already."""
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

    # Delivering: what the dispatcher asks and tells.

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
        self._forget(letter)
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

    def _forget(self, letter: Letter) -> None:
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
            self._forget(each)
        if dropped:
            self.store.note([DropMessage(each.head.number) for each in dropped])
            self.counts.message("dropped", len(dropped))
        if is_new:
            self.counts.message("dead")
            self._note(letter)
            self._story.died(letter)
        self._bodies.drop(letter.head.number)

    async def send_again(self, number: int, receiver: str | None = None) -> Receipt:
        """Have a dead letter delivered after all, behind all that waits; it is stored as such when this returns.

        :param receiver: in place of the one that it had: a guid or a module.
        :raises NotFound: there is no such message.
        :raises Conflict: it is not dead, or its receiver is being deleted.
        :raises Refused: the receiver is a topic.
        :raises QueueFull: there is no room for it.
        """
        letter = self.letter(number)
        if letter.place is not Place.DEAD:
            raise Conflict(f"message {number} is no dead letter: it is {letter.place.value}")
        to = self.addresses.receiver(receiver or letter.head.receiver)
        self._check_room([to])
        message = await self._read(number)
        if letter.place is not Place.DEAD:
            raise Conflict(f"message {number} was sent again already, or dropped")
        self._last += 1
        again = evolve(
            message, number=self._last, receiver=to, accepted=self.now(), expires=None, dead=None, tries=0,
            not_before=None, target=receiver or message.target,
        )  # fmt: skip
        self.dead.remove(letter)
        try:
            await self.store.commit([DropMessage(number), PutMessage(again)])
        except Exception:
            self.dead.add(letter)
            raise
        self._forget(letter)
        self._bodies.put(again)
        self._begin(again.head())
        self.counts.message("resent")
        return Receipt(again.id, letter.head.source, (to,), (again.number,))

    async def drop(self, number: int) -> None:
        """Have a message not delivered, and forget it; that is kept when this returns.

        :raises NotFound: there is no such message.
        :raises Conflict: its receiver has it in its hands.
        """
        letter = self.letter(number)
        if letter.place is Place.GOING:
            raise Conflict(f"message {number} is being delivered")
        if letter.place is Place.DEAD:
            self.dead.remove(letter)
        else:
            self.dispatcher.remove(letter)
        letter.place = Place.GONE
        try:
            await self.store.commit([DropMessage(number)])
        except Exception:
            self._begin(letter.head)
            raise
        self._forget(letter)
        self.counts.message("dropped")

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
        """
        self.letter(number)
        return await self._read(number)

    async def _read(self, number: int) -> SavedMessage:
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

    # Beginning and end.

    def restore(self, heads: Iterable[MessageHead], last: int) -> None:
        """Go on with what an earlier initiator left.

        :param last: the highest number that there ever was.
        """
        self._last = max(self._last, last)
        receipts: dict[tuple[str, str, str], Receipt] = {}
        for guid in self.fleet.jobs:
            self.look(guid)
        for head in heads:
            key = (head.source, head.id, head.target)
            before = receipts.get(key, Receipt(head.id, head.source, ()))
            receipts[key] = evolve(before, to=(*before.to, head.receiver), numbers=(*before.numbers, head.number))
            self._begin(head)
        for key, receipt in receipts.items():
            self._recent.give(key, receipt)

    def close(self) -> None:
        """Begin no delivery any more."""
        self.dispatcher.close()
        self._expiry.close()

    def let_go(self) -> None:
        """Wait for nothing any more."""
        self.close()
        self.dispatcher.let_go()
        self._story.close()
