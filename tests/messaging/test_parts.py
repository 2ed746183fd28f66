"""The parts that durable messages are made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import StorageFailed
from proactor.messaging.bodies import Bodies
from proactor.messaging.expiry import Expiry
from proactor.messaging.letters import Letter, Place
from proactor.messaging.mailboxes import Member, Pool
from proactor.messaging.recent import Receipt, Recent
from proactor.messaging.subscriptions import Subscriptions
from proactor.messaging.topics import matches
from proactor.saved import MessageHead, SavedMessage

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
WORDS = st.sampled_from("ab")
TOPICS = st.lists(WORDS, min_size=1, max_size=4).map(".".join)
PATTERNS = st.lists(WORDS | st.just("*"), min_size=1, max_size=4).map(".".join)


def saved(number: int, data: bytes = b"") -> SavedMessage:
    return SavedMessage(number, "s", "r", str(number), {}, data, NOON)


def letter(number: int, expires: float | None = None) -> Letter:
    until = None if expires is None else NOON + timedelta(seconds=expires)
    return Letter(MessageHead(number, "s", "r", str(number), "", "", "r", NOON, 0, until))


class SubscriptionTests(SynchronousTestCase):
    """Who has subscribed to what."""

    @given(st.lists(st.tuples(st.sampled_from("xyz"), st.lists(PATTERNS, max_size=3)), max_size=8), TOPICS)
    def test_found(self, steps: list[tuple[str, list[str]]], topic: str) -> None:
        """Whatever came and went: those are found one of whose patterns means the topic; in the end nothing is left."""
        subscriptions, known = Subscriptions(), dict[str, list[str]]()
        for subscriber, patterns in steps:
            subscriptions.put(subscriber, patterns)
            known[subscriber] = patterns
        expected = [who for who, patterns in known.items() if any(matches(each, topic) for each in patterns)]
        self.assertEqual(subscriptions.of(topic), sorted(expected))
        for subscriber in known:
            self.assertEqual(subscriptions.patterns(subscriber), frozenset(known[subscriber]))
            subscriptions.put(subscriber, ())
        self.assertTrue(subscriptions._root.is_empty)

    def test_patterns(self) -> None:
        """A star is one word, and at the end one or more."""
        for pattern, yes, no in (
            ("a.b", ["a.b"], ["a", "a.b.c", "a.c"]),
            ("a.*", ["a.b", "a.b.c"], ["a", "b.a"]),
            ("*.b", ["a.b", "c.b"], ["b", "a.b.c", "a.c.b"]),
            ("*", ["a", "a.b"], []),
            ("a.*.c.*", ["a.b.c.d", "a.b.c.d.e"], ["a.c.d", "a.b.c"]),
        ):
            self.assertEqual([each for each in (*yes, *no) if matches(pattern, each)], yes, pattern)


class BodiesTests(SynchronousTestCase):
    """What is in messages."""

    def setUp(self) -> None:
        self.asked: list[tuple[Sequence[int], Deferred[list[SavedMessage]]]] = []
        self.bodies = Bodies(self.read, most=3000)

    def read(self, numbers: Sequence[int]) -> Deferred[list[SavedMessage]]:
        self.asked.append((tuple(numbers), Deferred()))
        return self.asked[-1][1]

    def test_in_memory(self) -> None:
        """As many as fit are in memory, the first ones; the rest is read, and what is dropped makes room."""
        for number in (1, 2, 3):
            self.bodies.put(saved(number, b"x" * 100))
        self.assertEqual(self.successResultOf(self.bodies.get(1)), saved(1, b"x" * 100))
        self.assertNoResult(self.bodies.get(3))
        self.bodies.drop(1)
        self.bodies.put(saved(4))
        self.assertEqual(self.successResultOf(self.bodies.get(4)), saved(4))

    def test_read_together(self) -> None:
        """What is wanted while something is read is read at once after that, a bounded number at a time."""
        found = [self.bodies.get(number) for number in (*range(1, 103), 5)]
        ((first, reading),) = self.asked
        self.assertEqual(first, (1,))
        reading.callback([saved(1)])
        self.assertEqual(self.asked[1][0], tuple(range(2, 102)))
        self.asked[1][1].callback([saved(number) for number in range(2, 100)])
        self.assertEqual(self.asked[2][0], (102,))
        self.asked[2][1].errback(StorageFailed("no"))
        self.assertEqual([self.successResultOf(found[at]) for at in (0, 4, 102, 99)], [saved(1), *[saved(5)] * 2, None])
        self.failureResultOf(found[101], StorageFailed)

    def test_given_up(self) -> None:
        """Who does not want it any more is not told."""
        wanted = self.bodies.get(1)
        wanted.addErrback(lambda _: None)
        wanted.cancel()
        self.asked[0][1].callback([saved(1)])
        self.assertIsNone(self.successResultOf(wanted))


class RecentTests(SynchronousTestCase):
    """What was accepted lately."""

    def test_bounded(self) -> None:
        """The last are known, and those that are being accepted."""
        recent = Recent(2)
        keys = [("s", str(number), "t") for number in range(4)]
        recent.begin(keys[0])
        for key in keys[1:]:
            recent.give(key, Receipt(key[1], "s", ()))
        waiting = recent.get(keys[0])
        assert waiting is not None
        self.assertNoResult(waiting)
        recent.give(keys[0], Receipt("0", "s", ()))
        self.assertEqual(self.successResultOf(waiting).id, "0")
        self.assertEqual([recent.get(key) is not None for key in keys], [True, False, False, True])


class ExpiryTests(SynchronousTestCase):
    """When messages expire."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.over: list[int] = []
        self.expiry = Expiry(self.clock, lambda: NOON + timedelta(seconds=self.clock.seconds()), self.expired)

    def expired(self, each: Letter) -> None:
        self.over.append(each.head.number)

    def test_in_time(self) -> None:
        """Each in its time, but those that somebody has, or that are gone."""
        letters = [letter(1, 100), letter(2, 5), letter(3), letter(4, 7), letter(5, 8)]
        for each in letters:
            self.expiry.add(each)
        letters[3].place, letters[4].place = Place.GOING, Place.GONE
        self.clock.advance(10)
        self.assertEqual(self.over, [2])
        self.clock.pump([30] * 4)
        self.assertEqual(self.over, [2, 1])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_more_than_there_are(self) -> None:
        """Those that are gone long before they would expire are not kept until then."""
        for number in range(5000):
            each = letter(number, 1e6)
            self.expiry.add(each)
            each.place = Place.GONE
        self.assertLess(len(self.expiry._heap), 2000)
        self.expiry.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class PoolTests(SynchronousTestCase):
    """Who of a module's processors is next."""

    def test_least_first(self) -> None:
        """The one with the least in its hands, of those who are free and have nothing of that sender."""
        pool = Pool()
        one, two = (Member(name, "m", 2, 30, is_ready=True) for name in ("1", "2"))
        for member in (one, two):
            pool.look(member)
        self.assertIs(pool.choose("a"), one)
        one.busy["a"] = letter(1)
        pool.look(one)
        self.assertIs(pool.choose("b"), two)
        two.busy.update(a=letter(2), b=letter(3))
        pool.look(two)
        self.assertIsNone(pool.choose("a"))
        self.assertIs(pool.choose("c"), one)
        one.is_ready = False
        pool.look(one)
        self.assertFalse(pool)
