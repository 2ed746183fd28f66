"""Hands out messages: one at a time from each sender to each receiver, again after a while where that failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from attrs import define, evolve, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..backoff import Backoff
from ..reactor.timers import Timers
from .letters import Letter, Outcome, Place
from .mailboxes import Lane, Mailbox, Member, Pool

__all__ = ["Dispatcher", "Listener"]

_BACKOFF = Backoff(first=0.5, cap=30.0)
#: The longest that a receiver may ask for, in seconds.
_LONGEST = 3600.0
#: How many are handed over in one turn of the reactor.
_AT_ONCE = 50
_EXPIRY, _ON = "expiry", "on"

log = Logger(namespace="proactor.messages")


class Listener(Protocol):
    """Who is told what becomes of messages."""

    def delivered(self, letter: Letter) -> None:
        """Its receiver has it."""

    def failed(self, letter: Letter) -> None:
        """A try failed, and another will be made: its head says when."""

    def given_up(self, letter: Letter, reason: str) -> None:
        """It will not be delivered."""


@define(eq=False)
class Dispatcher:
    """Owner of the mailboxes.

    :param now: the time of day, aware.
    :param random: as ``random.random``.
    :param deliver: hands a message to a processor, within so many seconds.
    """

    clock: IReactorTime
    now: Callable[[], datetime]
    random: Callable[[], float]
    deliver: Callable[[Letter, str, float], Deferred[Outcome]]
    listener: Listener
    mailboxes: dict[str, Mailbox] = field(factory=dict)
    _members: dict[str, Member] = field(factory=dict)
    _pools: dict[str, Pool] = field(factory=dict)
    _timers: Timers = field(init=False)
    _going: dict[int, Deferred[None]] = field(factory=dict)
    _due: dict[str, None] = field(factory=dict)
    _is_turning: bool = False
    _is_closed: bool = False

    def __attrs_post_init__(self) -> None:
        self._timers = Timers(self.clock)

    # Who there is.

    def put_member(self, guid: str, module: str, most: int, timeout: float, is_ready: bool) -> None:
        """A processor is there, and can be handed messages or not."""
        member = self._members.setdefault(guid, Member(guid, module, most, timeout))
        member.most, member.timeout, member.is_ready = most, timeout, is_ready
        self._free(member)

    def drop_member(self, guid: str) -> list[Letter]:
        """A processor is no more: what waited for it alone, and is its no more.

        What it has in its hands may still come to be delivered.
        """
        member = self._members.pop(guid, None)
        if member is not None:
            member.is_ready = False
            self._pools.setdefault(member.module, Pool()).look(member)
        mailbox = self.mailboxes.pop(guid, None)
        left = [] if mailbox is None else [each for each in mailbox.letters.values() if each.place is not Place.GOING]
        for letter in left:
            self._timers.cancel(str(letter.head.number))
            letter.place = Place.GONE
        return left

    def _free(self, member: Member) -> None:
        self._pools.setdefault(member.module, Pool()).look(member)
        if member.is_free:
            self._look(member.guid, member.module)

    # What there is to hand out.

    def put(self, mailbox: Mailbox, letter: Letter) -> None:
        """There is a message for somebody."""
        mailbox.put(letter)
        self._look(mailbox.name)

    def remove(self, letter: Letter) -> None:
        """A message that nobody has in his hands is not to be delivered any more."""
        was_resting, letter.place = letter.place is Place.RESTING, Place.GONE
        self._timers.cancel(str(letter.head.number))
        mailbox = self.mailboxes.get(letter.head.receiver)
        if mailbox is not None:
            mailbox.remove(letter)
            if was_resting and not mailbox.is_shared:
                mailbox.release(letter.head.sender)
            self._look(mailbox.name)

    def close(self) -> None:
        """Hand out nothing more."""
        self._is_closed = True
        self._timers.cancel_all()

    def let_go(self) -> None:
        """Wait for no answer any more: what has none is delivered again by the next initiator."""
        self.close()
        for going in list(self._going.values()):
            going.cancel()

    # In turns.

    def _look(self, *names: str) -> None:
        """Something may be handed out of these mailboxes."""
        self._due.update(dict.fromkeys(name for name in names if name in self.mailboxes))
        if not self._is_turning:
            self._turn()

    def _turn(self) -> None:
        self._is_turning = True
        try:
            left = _AT_ONCE
            while self._due and not self._is_closed:
                name = next(iter(self._due))
                mailbox = self.mailboxes.get(name)
                started = 0
                if mailbox is not None:
                    for lane, letter, member in self._ready(mailbox):
                        self._hand_over(mailbox, lane, letter, member)
                        started += 1
                        if started == left:
                            break
                left -= started
                if not left:
                    self._timers.set(_ON, 0, self._turn)
                    return
                if not started:
                    self._due.pop(name, None)
        finally:
            self._is_turning = False

    def _ready(self, mailbox: Mailbox) -> Iterator[tuple[Lane, Letter, Member]]:
        """What can be handed over, one of each lane, and to whom."""
        for lane, letter in mailbox.turns():
            if not self._somebody(mailbox):
                return
            before = letter.head.not_before
            if before is not None and before > self.now():
                mailbox.take(lane)
                self._rest(mailbox, letter, (before - self.now()).total_seconds())
                continue
            member = self._receiver(mailbox, letter.head.sender)
            if member is not None:
                yield lane, letter, member

    def _somebody(self, mailbox: Mailbox) -> bool:
        if mailbox.is_shared:
            return bool(self._pools.get(mailbox.name))
        member = self._members.get(mailbox.name)
        return member is not None and member.is_free

    def _receiver(self, mailbox: Mailbox, sender: str) -> Member | None:
        if mailbox.is_shared:
            return self._pools[mailbox.name].choose(sender)
        member = self._members[mailbox.name]
        return None if sender in member.busy else member

    def _hand_over(self, mailbox: Mailbox, lane: Lane, letter: Letter, member: Member) -> None:
        mailbox.take(lane)
        letter.place = Place.GOING
        member.busy[letter.head.sender] = letter
        self._pools[member.module].look(member)
        number = letter.head.number
        outcome = self.deliver(letter, member.guid, member.timeout)
        outcome.addErrback(_unforeseen)
        answered = outcome.addCallback(partial(self._answered, mailbox, letter, member))
        if not answered.called:
            self._going[number] = answered
            answered.addCallback(partial(self._over, number))

    def _over(self, number: int, _: None) -> None:
        del self._going[number]

    def _answered(self, mailbox: Mailbox, letter: Letter, member: Member, outcome: Outcome) -> None:
        del member.busy[letter.head.sender]
        if outcome.problem is not None and self._is_closed:
            # It is the next initiator's to deliver.
            return
        if outcome.problem is None:
            letter.place = Place.GONE
            mailbox.remove(letter)
            self.listener.delivered(letter)
        else:
            letter.problem = outcome.problem
            letter.head = evolve(letter.head, tries=letter.head.tries + 1)
            self._not_delivered(mailbox, letter, outcome)
        if not mailbox.is_shared and letter.place is not Place.RESTING:
            mailbox.release(letter.head.sender)
        self._free(member)
        self._look(mailbox.name)

    def _not_delivered(self, mailbox: Mailbox, letter: Letter, outcome: Outcome) -> None:
        final = f"refused: {outcome.problem}" if outcome.is_final else None
        if final is None and self._is_expired(letter):
            final = f"expired; {outcome.problem}"
        if final is None and self.mailboxes.get(mailbox.name) is not mailbox:
            final = f"processor {mailbox.name} was deleted; {outcome.problem}"
        if final is not None:
            self._give_up(mailbox, letter, final)
            return
        wait = _BACKOFF.delay(letter.head.tries - 1, self.random)
        if outcome.after is not None:
            wait = max(wait, min(outcome.after, _LONGEST))
        letter.head = evolve(letter.head, not_before=self.now() + timedelta(seconds=wait))
        self._rest(mailbox, letter, wait)
        self.listener.failed(letter)

    def _rest(self, mailbox: Mailbox, letter: Letter, wait: float) -> None:
        letter.place = Place.RESTING
        if not self._is_closed:
            self._timers.set(str(letter.head.number), max(wait, 0.0), partial(self._rested, mailbox, letter))

    def _rested(self, mailbox: Mailbox, letter: Letter) -> None:
        letter.head = evolve(letter.head, not_before=None)
        mailbox.put_back(letter)
        if not mailbox.is_shared:
            mailbox.release(letter.head.sender)
        self._look(mailbox.name)

    def _give_up(self, mailbox: Mailbox, letter: Letter, reason: str) -> None:
        letter.place = Place.GONE
        mailbox.remove(letter)
        self.listener.given_up(letter, reason)

    def _is_expired(self, letter: Letter) -> bool:
        return letter.head.expires is not None and letter.head.expires <= self.now()


def _unforeseen(failure: Failure) -> Outcome:
    if failure.check(CancelledError):
        return Outcome("given up")
    log.failure("Delivering a message failed", failure)
    return Outcome(f"the initiator failed: {type(failure.value).__name__}")
