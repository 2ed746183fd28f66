"""Processors that a rollout has not reached yet."""

from __future__ import annotations

from proactor.config.grammar import DEFAULT
from proactor.errors import NotFound

from .samples import A, B, C, Case, begun, edit, join, member, parsed, reload, take, texts, values

FILE = f"[{DEFAULT}]\nd = 1\n[m]\nrate = 2\n"


class HoldTests(Case):
    """A rollout keeps processors at what they have until it reaches them."""

    def setUp(self) -> None:
        self.live = begun(FILE)
        join(self.live, A, B)

    def seen(self) -> list[tuple[str | None, int, int]]:
        """For each: its value, the revision it is offered, the one that is wanted."""
        return [(values(self.live, [g], "rate")[0], self.live.offered(g), self.live.wanted(g)) for g in (A, B)]

    def test_release(self) -> None:
        """Brings what was held, to those who were."""
        change = edit(self.live, "m", {"rate": "5"}, hold=[B, C])
        self.assertEqual(sorted(change.before), [A, B])
        self.assertEqual(self.seen(), [("5", 4, 4), ("2", 3, 4)])
        self.assertEqual(list(self.live.held()), [B])
        self.assertEqual(self.live.release([A, B, C]), [B])
        self.assertEqual(self.seen(), [("5", 4, 4), ("5", 4, 4)])
        self.assertEqual(self.live.release([B]), [])

    def test_revert(self) -> None:
        """Those who had it go back by a new revision, those who had not never hear of either."""
        edit(self.live, "m", {"rate": "5"}, hold=[B])
        change = take(self.live, self.live.draft_revert("m", 4))
        self.assertEqual(list(change.before), [A])
        self.assertEqual(self.seen(), [("2", 5, 5), ("2", 3, 3)])
        self.assertEqual(list(self.live.held()), [])

    def test_revert_leaves_what_came_after(self) -> None:
        """Options that were edited again since keep that, and one that was taken back is set again."""
        edit(self.live, "m", {"a": "1", "b": "1"})
        edit(self.live, "m", {"a": "2", "b": None, "c": "2"})
        edit(self.live, "m", {"c": "3"})
        take(self.live, self.live.draft_revert("m", 5))
        self.assertEqual(texts(self.live, "m"), {"a": "1", "b": "1", "c": "3"})
        self.assertTrue(self.live.draft_revert("m", 5).empty)
        for section, revision in [("m", 1), ("m", 99), (A, 4), ("none", 4)]:
            self.assertRaises(NotFound, self.live.draft_revert, section, revision)

    def test_held_again(self) -> None:
        """Two rollouts after one another hold at what it really has."""
        edit(self.live, "m", {"rate": "5"}, hold=[B])
        edit(self.live, "m", {"rate": "6"}, hold=[B])
        self.assertEqual(self.seen()[1], ("2", 3, 5))
        edit(self.live, "m", {"rate": "2"}, hold=[B])
        self.assertEqual((self.seen()[1], list(self.live.held())), (("2", 3, 3), []))

    def test_reached_by_another(self) -> None:
        """An edit that holds nobody brings the newest to all it touches."""
        edit(self.live, "m", {"rate": "5"}, hold=[B])
        edit(self.live, DEFAULT, {"d": "2"})
        self.assertEqual(self.seen(), [("5", 5, 5), ("5", 5, 5)])
        self.assertEqual(list(self.live.held()), [])

    def test_never_held(self) -> None:
        """Who is created meanwhile has the newest."""
        edit(self.live, "m", {"rate": "5"}, hold=[A, B])
        draft = self.live.draft_join([member(C)], {})
        take(self.live, draft, hold=[A, B, C])
        self.assertEqual(values(self.live, [C], "rate"), ["5"])

    def test_back_by_another_way(self) -> None:
        """Who never left what is wanted again hears of what that comes from now."""
        live = begun("[o]\ny = 2\n[m]\nrate = 2\n")
        join(live, A)
        edit(live, "m", {"rate": "5"}, hold=[A])
        edit(live, "m", {"rate": None})
        reload(live, "[o]\ny = 2\n[m]\nrate = ${o:y}\n")
        self.assertEqual((live.offered(A), list(edit(live, "o", {"y": "3"}).before)), (2, [A]))
        self.assertEqual(values(live, [A], "rate"), ["3"])

    def test_secret_while_held(self) -> None:
        """What is secret by now is so in what a processor is kept at too."""
        live = begun("[m]\npin = 1\nrate = 1\n")
        join(live, A)
        edit(live, "m", {"rate": "2"}, hold=[A])
        for _ in live.hide(["pin"]):
            pass
        self.assertEqual((live.view(A).secrets, live.view(A).values["rate"]), ({"pin"}, "1"))
        live.release([A])
        self.assertEqual((live.view(A).secrets, live.view(A).values["rate"]), ({"pin"}, "2"))

    def test_back_and_secret(self) -> None:
        """Who is wanted to have what it has, but to keep it secret, is told so."""
        live = begun("[m]\nrate = 2\npin = 1\n")
        join(live, A)
        take(live, live.draft_reload(parsed("[m]\nrate = 5\npin = 1\n")), hold=[A])
        change = reload(live, "[m]\nrate = 2\npin = 1\n", ("pin",))
        self.assertEqual((list(change.before), live.offered(A), live.view(A).secrets), ([A], 4, {"pin"}))

    def test_what_was_secret(self) -> None:
        """Is so in what a processor is kept at, though in what is wanted it is no more."""
        live = begun("[m]\nx = ${a_secret}\na_secret = S\npin = 1\n")
        join(live, A)
        take(live, live.draft_reload(parsed("[m]\nx = open\na_secret = S\npin = 1\n")), hold=[A])
        for _ in live.hide(["pin"]):
            pass
        self.assertEqual(live.view(A).secrets, {"x", "a_secret", "pin"})
        live.release([A])
        self.assertEqual(live.view(A).secrets, {"a_secret", "pin"})

    def test_released_while_hiding(self) -> None:
        """Work in slices finds a processor gone on, and does not take it back."""
        live = begun("[m]\npin = 1\nrate = 1\n")
        join(live, A, B)
        edit(live, "m", {"rate": "2"}, hold=[A, B])
        for number, _ in enumerate(live.hide(["pin"])):
            if number == 2:
                self.assertEqual(live.release([B]), [B])
        self.assertEqual(list(live.held()), [A])
        self.assertEqual(values(live, [A, B], "rate"), ["1", "2"])
        self.assertEqual([live.view(guid).secrets for guid in (A, B)], [{"pin"}, {"pin"}])
