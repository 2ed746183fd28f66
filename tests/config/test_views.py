"""What each processor has, who is kept at what it had, and who reads what."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from proactor.config.layers import View
from proactor.config.views import Views

from .samples import A, B, C


def view(revision: int, rate: str, *sections: str) -> View:
    return View({"rate": rate}, frozenset(), revision, frozenset(sections), False)


class ViewsTests(SynchronousTestCase):
    """One processor, or a few."""

    def setUp(self) -> None:
        self.views = Views()
        self.first = view(1, "1", "m")
        self.views.put(A, self.first)

    def test_taken(self) -> None:
        """What is taken is what it has, and by that it is known who reads a section, the oldest first."""
        self.views.put(B, self.first)
        second = view(2, "2", "m", "o")
        self.assertTrue(self.views.take(A, second, hold=False))
        self.assertEqual((self.views.of(A), self.views.get(C)), (second, None))
        self.assertEqual((list(self.views.readers("m")), list(self.views.readers("o"))), ([A, B], [A]))
        self.views.take(A, view(3, "2"), hold=False)
        self.assertEqual((list(self.views.readers("m")), list(self.views.readers("o"))), ([B], []))

    def test_held(self) -> None:
        """Who is held has what it had, over any number of changes, until it is released."""
        for revision in (2, 3):
            self.assertTrue(self.views.take(A, view(revision, str(revision), "m"), hold=True))
            self.assertEqual((self.views.of(A), self.views.wanted(A).revision), (self.first, revision))
        self.assertEqual(list(self.views.held()), [A])
        self.assertEqual((self.views.release([A, B]), self.views.release([A])), ([A], []))
        self.assertEqual(self.views.of(A).revision, 3)

    def test_never_moved(self) -> None:
        """Back to what it is held at is no change for it: not even its revision is another one."""
        self.views.take(A, view(2, "2", "m"), hold=True)
        self.assertFalse(self.views.take(A, view(3, "1", "m"), hold=False))
        self.assertEqual((self.views.of(A).revision, list(self.views.held())), (1, []))

    def test_forgotten(self) -> None:
        """Nothing is left of one that is no more."""
        self.views.take(A, view(2, "2", "m"), hold=True)
        self.views.forget(A)
        self.assertEqual((list(self.views.items()), list(self.views.held())), ([], []))
        self.assertEqual(list(self.views.readers("m")), [])
        self.assertRaises(KeyError, self.views.of, A)

    def test_redone(self) -> None:
        """Each view is made anew once, those that are held too; who shared one shares the new one; who has gone or has
        another one meanwhile is left alone.
        """
        for guid in (B, C):
            self.views.put(guid, self.first)
        self.views.take(B, view(2, "2", "m"), hold=True)
        asked: list[str] = []

        def remade(guid: str, old: View) -> View:
            asked.append(guid)
            return evolve(old, secrets=frozenset({"rate"}))

        steps = self.views.redo(remade)
        next(steps)
        newer = view(3, "3", "m")
        self.views.put(C, newer)
        for _ in steps:
            pass
        self.assertEqual(asked, [A, B])
        self.assertIs(self.views.of(B), self.views.of(A))
        self.assertEqual((self.views.wanted(B).secrets, self.views.of(C)), (frozenset({"rate"}), newer))
