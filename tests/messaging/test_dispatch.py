"""Handing out, by itself."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from proactor.messaging.dispatch import Dispatcher
from proactor.messaging.letters import DELIVERED, Letter, Outcome, Place
from proactor.messaging.mailboxes import Mailbox
from proactor.saved import MessageHead

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)


class Turns(Clock):
    """A clock that does what is due, and not what that makes due."""

    def turn(self) -> None:
        for call in [call for call in self.calls if call.getTime() <= self.rightNow]:
            self.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)


class DispatchTests(SynchronousTestCase):
    """One receiver, or a module of several."""

    def setUp(self) -> None:
        self.clock = Turns()
        self.came: list[tuple[int, str]] = []
        self.told: list[tuple[str, int]] = []
        self.cancelled: list[Letter] = []
        self.answer: Deferred[Outcome] | None = None
        self.dispatcher = Dispatcher(self.clock, self.now, lambda: 0.5, self.deliver, self)
        self.addCleanup(lambda: self.assertEqual(self.clock.getDelayedCalls(), []))
        self.addCleanup(self.dispatcher.close)

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.clock.seconds())

    def deliver(self, letter: Letter, guid: str, timeout: float) -> Deferred[Outcome]:
        self.came.append((letter.head.number, guid))
        if self.answer is None:
            return succeed(DELIVERED)
        answer: Deferred[Outcome] = Deferred(lambda _: self.cancelled.append(letter))

        def tell(found: Outcome | Failure) -> Outcome | Failure | None:
            if not answer.called:
                answer.callback(found)
            return None if isinstance(found, Failure) else found

        self.answer.addBoth(tell)
        return answer

    def delivered(self, letter: Letter) -> None:
        self.told.append(("delivered", letter.head.number))

    def failed(self, letter: Letter) -> None:
        self.told.append(("failed", letter.head.number))

    def given_up(self, letter: Letter, reason: str) -> None:
        self.told.append((reason, letter.head.number))

    def put(self, name: str, *numbers: int, sender: str = "s") -> list[Letter]:
        mailbox = self.dispatcher.mailboxes.setdefault(name, Mailbox(name, name == "m", 1000))
        letters = [Letter(MessageHead(number, sender, name, str(number), "", "", name, NOON, 0)) for number in numbers]
        for letter in letters:
            self.dispatcher.put(mailbox, letter)
        return letters

    def test_turns(self) -> None:
        """So many are handed out in one turn of the reactor, the rest in the next."""
        self.put("a", *range(120))
        self.dispatcher.put_member("a", "m", 4, 30, True)
        seen = [len(self.came)]
        while self.clock.getDelayedCalls():
            self.clock.turn()
            seen.append(len(self.came))
        self.assertEqual((seen[-1], max(b - a for a, b in zip([0, *seen], seen, strict=False)) <= 50), (120, True))
        self.assertEqual([number for number, _ in self.came], list(range(120)))

    def test_fair(self) -> None:
        """Senders take turns, and of each no more than one is in a receiver's hands."""
        self.answer = Deferred()
        for sender in "abc":
            self.put("a", *(ord(sender) * 10 + at for at in range(2)), sender=sender)
        self.dispatcher.put_member("a", "m", 2, 30, True)
        self.assertEqual([number for number, _ in self.came], [970, 980])
        answer, self.answer = self.answer, None
        answer.callback(DELIVERED)
        self.assertEqual([number for number, _ in self.came][:3], [970, 980, 990])
        self.assertEqual(len(self.came), 6)

    def test_unforeseen(self) -> None:
        """A mistake of ours is a try that failed."""
        self.answer = fail(ZeroDivisionError())
        self.dispatcher.put_member("a", "m", 2, 30, True)
        (letter,) = self.put("a", 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual((letter.place, letter.problem), (Place.RESTING, "the initiator failed: ZeroDivisionError"))
        self.answer = None
        self.clock.advance(1)
        self.assertEqual(self.told, [("failed", 1), ("delivered", 1)])

    def test_let_go(self) -> None:
        """In the end nothing is waited for, and nobody is told anything of what has no answer."""
        self.answer = Deferred()
        self.dispatcher.put_member("a", "m", 2, 30, True)
        self.put("a", 1)
        self.dispatcher.let_go()
        self.assertEqual((len(self.cancelled), self.told), (1, []))
        self.put("a", 2)
        self.assertEqual(len(self.came), 1)

    def test_removed(self) -> None:
        """What is taken out of line is not handed out: the one that rests lets the next go on."""
        self.answer = succeed(Outcome("no"))
        self.dispatcher.put_member("a", "m", 2, 30, True)
        first, second, third = self.put("a", 1, 2, 3)
        self.answer = None
        self.dispatcher.remove(second)
        self.dispatcher.remove(first)
        self.assertEqual(self.told, [("failed", 1), ("delivered", 3)])
        self.assertEqual([each.place for each in (first, second, third)], [Place.GONE] * 3)

    def test_gone_member(self) -> None:
        """What waited for a processor that is no more is given back; what it has in its hands is not."""
        self.answer = Deferred()
        self.dispatcher.put_member("a", "m", 2, 30, True)
        _, second = self.put("a", 1, 2)
        self.assertEqual(self.dispatcher.drop_member("a"), [second])
        self.assertEqual(self.dispatcher.drop_member("a"), [])
        self.answer.callback(Outcome("gone"))
        self.assertEqual(self.told, [("processor a was deleted; gone", 1)])

    def test_cancelled(self) -> None:
        """Who gives up a try by itself has failed with it."""
        self.answer = fail(CancelledError())
        self.dispatcher.put_member("a", "m", 2, 30, True)
        (letter,) = self.put("a", 1)
        self.assertEqual(letter.problem, "given up")
