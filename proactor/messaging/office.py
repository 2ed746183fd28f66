"""Takes messages: each is stored, and then accepted; an operator has dead letters sent again, or drops them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from attrs import define, evolve, field, frozen

from ..errors import Conflict, QueueFull, Unavailable
from ..jobs.fleet import Fleet
from ..saved import DropMessage, MessageHead, PutMessage, SavedMessage
from ..store.interface import IStore
from .addresses import Addresses
from .cloudevents import CloudEvent
from .delivery import Counts, Delivery
from .letters import Place
from .recent import Receipt, Recent

__all__ = ["Office", "Posting"]


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
    """Gives messages their numbers, knows repeats, and hands over what is stored.

    :param now: the time of day, aware.
    """

    now: Callable[[], datetime]
    fleet: Fleet
    store: IStore
    delivery: Delivery
    counts: Counts
    _addresses: Addresses = field(init=False)
    _recent: Recent = field(factory=Recent)
    _last: int = 0

    def __attrs_post_init__(self) -> None:
        self._addresses = self.delivery.addresses

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
        receivers = self._addresses.receivers(posting.target)
        self._check_room(receivers)
        messages = [self._message(posting, receiver) for receiver in receivers]
        receipt = Receipt(posting.id, posting.source, receivers, tuple(message.number for message in messages))
        if messages:
            await self._keep(key, receipt, messages)
        self.counts.message("accepted", len(messages))
        return receipt

    def _check_room(self, receivers: Iterable[str]) -> None:
        for receiver in receivers:
            mailbox = self._addresses.mailbox(receiver)
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
        coming = [self._addresses.mailbox(message.receiver) for message in messages]
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
            self.delivery.put(message)
        self._recent.give(key, receipt)

    # What an operator has done.

    async def send_again(self, number: int, receiver: str | None = None) -> Receipt:
        """Have a dead letter delivered after all, behind all that waits; it is stored as such when this returns.

        :param receiver: in place of the one that it had: a guid or a module.
        :raises NotFound: there is no such message.
        :raises Conflict: it is not dead, or its receiver is being deleted.
        :raises Refused: the receiver is a topic.
        :raises QueueFull: there is no room for it.
        """
        letter = self.delivery.letter(number)
        if letter.place is not Place.DEAD:
            raise Conflict(f"message {number} is no dead letter: it is {letter.place.value}")
        to = self._addresses.receiver(receiver or letter.head.receiver)
        self._check_room([to])
        message = await self.delivery.read(number)
        if letter.place is not Place.DEAD:
            raise Conflict(f"message {number} was sent again already, or dropped")
        self._last += 1
        again = evolve(
            message, number=self._last, receiver=to, accepted=self.now(), expires=None, dead=None, tries=0,
            not_before=None, target=receiver or message.target,
        )  # fmt: skip
        self.delivery.dead.remove(letter)
        try:
            await self.store.commit([DropMessage(number), PutMessage(again)])
        except Exception:
            self.delivery.dead.add(letter)
            raise
        self.delivery.forget(letter)
        self.delivery.put(again)
        self.counts.message("resent")
        return Receipt(again.id, letter.head.source, (to,), (again.number,))

    async def drop(self, number: int) -> None:
        """Have a message not delivered, and forget it; that is kept when this returns.

        :raises NotFound: there is no such message.
        :raises Conflict: its receiver has it in its hands.
        """
        letter = self.delivery.letter(number)
        if letter.place is Place.GOING:
            raise Conflict(f"message {number} is being delivered")
        self.delivery.take_out(letter)
        try:
            await self.store.commit([DropMessage(number)])
        except Exception:
            self.delivery.begin(letter.head)
            raise
        self.delivery.forget(letter)
        self.counts.message("dropped")

    # The beginning.

    def restore(self, heads: Iterable[MessageHead], last: int) -> None:
        """Go on with what an earlier initiator left.

        :param last: the highest number that there ever was.
        """
        self._last = max(self._last, last)
        receipts: dict[tuple[str, str, str], Receipt] = {}
        for guid in self.fleet.jobs:
            self.delivery.look(guid)
        for head in heads:
            key = (head.source, head.id, head.target)
            before = receipts.get(key, Receipt(head.id, head.source, ()))
            receipts[key] = evolve(before, to=(*before.to, head.receiver), numbers=(*before.numbers, head.number))
            self.delivery.begin(head)
        for key, receipt in receipts.items():
            self._recent.give(key, receipt)
