"""Tests of what is meant by a misspelt word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.spelling import nearest, slip_of

WORDS = ("DEFAULT", "labels", "max_jobs", "rate", "ready_timeout", "restart", "restart_delay", "restart_delay_max")


class NearestTests(SynchronousTestCase):
    """One of the words must be meant."""

    def test_likeliest(self) -> None:
        """A letter that is missing, too much, wrong or in the wrong place is seen through."""
        for word, meant in (
            ("lables", "labels"),
            ("label", "labels"),
            ("maxjobs", "max_jobs"),
            ("rtae", "rate"),
            ("RATE", "rate"),
            ("default", "DEFAULT"),
            ("Ready-Timeout", "ready_timeout"),
        ):
            self.assertEqual(nearest(word, WORDS), [meant])

    def test_none(self) -> None:
        """Of what is like no word nothing is said."""
        self.assertEqual(nearest("qqq", WORDS), [])
        self.assertEqual(nearest("", WORDS), [])
        self.assertEqual(nearest("rate", ()), [])

    def test_several(self) -> None:
        """So many as are wanted are told, the likeliest first."""
        found = ["restart_delay", "restart_delay_max", "restart"]
        self.assertEqual(nearest("restart_dellay", WORDS, 3), found)
        self.assertEqual(nearest("restart_dellay", WORDS, 2), found[:2])

    def test_same_letters(self) -> None:
        """What is the same but for its case comes before what has the same letters."""
        self.assertEqual(nearest("Tea", ["eat", "tea"], 2), ["tea", "eat"])

    def test_long(self) -> None:
        """Of a word without end no more is looked at than its beginning: what is not our own takes no time."""
        self.assertEqual(nearest("labels" + "x" * 10_000_000, WORDS), [])

    @given(st.text(), st.lists(st.text()), st.integers(1, 4))
    def test_known(self, word: str, known: list[str], count: int) -> None:
        """Whatever the words are, each that is told is one of them, once, and no more than were wanted."""
        found = nearest(word, known, count)
        self.assertLessEqual(set(found), set(known))
        self.assertEqual(len(found), len(set(found)))
        self.assertLessEqual(len(found), count)


class SlipTests(SynchronousTestCase):
    """The word may be right as it is."""

    def test_slip(self) -> None:
        """A slip of the fingers is told from another word that is somewhat like one, and from a known one."""
        for word, meant in (
            ("ready_timout", "ready_timeout"),
            ("lables", "labels"),
            ("rtae", "rate"),
            ("Default", "DEFAULT"),
            ("ratio", None),
            ("timeout", None),
            ("rate", None),
        ):
            self.assertEqual(slip_of(word, WORDS), meant, word)
