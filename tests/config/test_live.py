"""The configuration as it changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from configparser import ConfigParser, ExtendedInterpolation, InterpolationError
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run

from proactor.config.document import Document
from proactor.config.grammar import DEFAULT, REDACTED
from proactor.config.interpolation import escaped
from proactor.config.layers import Layers, View
from proactor.config.live import Change, LiveConfiguration
from proactor.config.render import render
from proactor.errors import ConfigError, NotFound, Overtaken, ProactorError

from .samples import NOW, A, B, C, Case, accept, begun, edit, join, member, parsed, reload, steering, take, values

FILE = f"[{DEFAULT}]\nd = 1\n[m]\nrate = 2\n[n]\n"
TABLES = ("_members", "_edits", "_views", "_held", "_readers", "_section_revisions", "_hidden")


def texts(live: LiveConfiguration, section: str) -> dict[str, str | None]:
    return {name: setting.text for name, setting in live.layers.edits.get(section, {}).items()}


def state(live: LiveConfiguration) -> tuple[Any, ...]:
    """All that there is of it, to see that nothing has changed."""
    tables = {name: dict(getattr(live, name)) for name in TABLES}
    tables["_readers"] = {section: list(readers) for section, readers in tables["_readers"].items()}
    sections = live.section_names()
    return live.revision, live.layers, tables, {name: live.history(name) for name in sections}


class BeginTests(Case):
    """A file as it was read."""

    def test_first_revision(self) -> None:
        """Is 1, for all sections."""
        live = begun(FILE)
        self.assertEqual([live.revision, *map(live.section_revision, [DEFAULT, "m", "n"])], [1, 1, 1, 1])
        self.assertEqual((live.section_names(), list(live.members())), ([DEFAULT, "m", "n"], []))

    def test_unsound(self) -> None:
        """A section that does not resolve, used or not, refuses the file, with its place; DEFAULT too."""
        for text, line, section in [
            ("[m]\nx = ${y}\n", 2, "m"),
            (f"[m]\n[{A}]\nx = ${{m:y}}\n", 3, A),
            (f"[{DEFAULT}]\nx = ${{y}}\n", 2, DEFAULT),
        ]:
            error = self.assertRaises(ConfigError, begun, text)
            self.assertEqual((error.line, error.section, error.option), (line, section, "x"))

    def test_default_for_some(self) -> None:
        """A file that DEFAULT makes sense of in each module is taken, and taken again."""
        text = f"[{DEFAULT}]\nhome = /srv/${{name}}\n[m]\nname = a\n[n]\nname = b\n"
        live = begun(text)
        join(live, A)
        reload(live, text.replace("/srv", "/var"))
        self.assertEqual(values(live, [A], "home"), ["/var/a"])


class ReachTests(Case):
    """A change reaches whom it should, and nobody else."""

    def setUp(self) -> None:
        self.live = begun(FILE)
        join(self.live, A, B)
        join(self.live, C, module="n")

    def test_edits(self) -> None:
        """Of DEFAULT all, of a module its processors, of a processor itself; who overrides it is not touched."""
        for section, patch, reached in [
            (DEFAULT, {"d": "5"}, [A, B, C]),
            ("m", {"rate": "5"}, [A, B]),
            ("n", {"rate": "5"}, [C]),
            (A, {"rate": "6"}, [A]),
            ("m", {"rate": "7"}, [B]),
            (DEFAULT, {"rate": "8"}, []),
            (A, {"rate": None}, [A]),
        ]:
            change = edit(self.live, section, patch)
            self.assertEqual(sorted(change.before), reached)
        self.assertEqual(values(self.live, [A, B, C], "rate"), ["7", "7", "5"])

    def test_other_sections(self) -> None:
        """A section that is only referred to reaches those who do, over any number of references."""
        text = "[o]\ny = ${z}\nz = 1\n[m]\nx = ${o:y}\n[n]\n"
        live = begun(text)
        join(live, A, B)
        join(live, C, module="n")
        self.assertEqual(sorted(edit(live, "o", {"z": "2"}).before), [A, B])
        self.assertEqual(values(live, [A, B, C], "x"), ["2", "2", None])

    def test_processors_that_others_refer_to(self) -> None:
        """The file may have a processor's section refer to another's: an edit of that reaches both."""
        live = begun(f"[m]\n[{A}]\nx = 1\n[{B}]\ny = ${{{A}:x}}\n")
        join(live, A, B)
        self.assertEqual(list(live.members_of(A)), [A, B])
        self.assertEqual(sorted(edit(live, A, {"x": "2"}).before), [A, B])
        self.assertEqual(values(live, [B], "y"), ["2"])

    def test_a_processor_that_was_waited_for(self) -> None:
        """What the initiator sets of a new processor reaches who refers to its section already."""
        live = begun(f"[m]\n[{A}]\nlisten_port = 0\n[{B}]\ny = ${{{A}:listen_port}}\n")
        join(live, B)
        self.assertEqual(values(live, [B], "y"), ["0"])
        join(live, A)
        self.assertEqual((values(live, [B], "y"), live.wanted(B)), (["49152"], 3))

    def test_new_ways(self) -> None:
        """An option that comes to the same by another way hears of what that leads over, no more of what it did."""
        live = begun("[o]\ny = 1\n[m]\nx = 1\n[n]\n")
        join(live, A, B)
        self.assertEqual(reload(live, "[o]\ny = 1\n[m]\nx = ${o:y}\n[n]\n").before, {})
        self.assertEqual((live.wanted(A), live.offered(A)), (2, 2))
        self.assertEqual(sorted(edit(live, "o", {"y": "2"}).before), [A, B])
        reload(live, "[o]\ny = 1\n[m]\nx = 2\n[n]\n")
        self.assertEqual(list(live.members_of("o")), [])
        self.assertEqual(edit(live, "o", {"y": "3"}).before, {})

    def test_modules(self) -> None:
        """The processors of a module, whoever else refers to it."""
        live = begun("[m]\nx = 1\n[n]\ny = ${m:x}\n")
        join(live, A)
        join(live, B, module="n")
        self.assertEqual((live.members_of_module("m"), list(live.members_of("m"))), ([A], [A, B]))
        self.assertEqual(live.members_of_module("none"), [])

    def test_edits_sleep(self) -> None:
        """Edits of a section that the file drops have no effect until it is there again."""
        edit(self.live, "m", {"rate": "5"})
        reload(self.live, f"[{DEFAULT}]\nd = 1\n[n]\n")
        self.assertEqual(values(self.live, [A], "rate"), [None])
        self.assertRaises(NotFound, self.live.section, "m")
        self.assertRaises(NotFound, self.live.history, "m")
        reload(self.live, FILE)
        self.assertEqual(values(self.live, [A], "rate"), ["5"])


class RevisionTests(Case):
    """One number for all that changes, and each processor's own."""

    def setUp(self) -> None:
        self.live = begun(FILE)
        join(self.live, A, B)

    def revisions(self) -> tuple[int, ...]:
        return (self.live.revision, *map(self.live.wanted, [A, B]), *map(self.live.section_revision, [DEFAULT, "m"]))

    def test_grows_by_one(self) -> None:
        """At each change; a processor's is the last that changed what its section comes to, or its creation."""
        self.assertEqual(self.revisions(), (3, 2, 3, 1, 1))
        edit(self.live, "m", {"rate": "5"})
        self.assertEqual(self.revisions(), (4, 4, 4, 1, 4))
        edit(self.live, A, {"rate": "6"})
        self.assertEqual(self.revisions(), (5, 5, 4, 1, 4))
        edit(self.live, DEFAULT, {"rate": "9"})
        self.assertEqual(self.revisions(), (6, 5, 4, 6, 4))
        take(self.live, self.live.draft_leave(B))
        self.assertEqual((self.live.revision, self.live.wanted(A)), (7, 5))
        reload(self.live, FILE.replace("d = 1", "d = 2"))
        self.assertEqual((self.live.revision, self.live.wanted(A)), (8, 8))

    def test_nothing_new(self) -> None:
        """An edit to what is so, a file that says the same: no revision."""
        edit(self.live, A, {"rate": "6"})
        before = state(self.live)
        for draft in (self.live.draft_edit(A, {"rate": "6"}), self.live.draft_edit("m", {})):
            self.assertEqual(take(self.live, draft), Change(4, draft.summary, {}))
        self.assertEqual(reload(self.live, FILE), Change(4, "proactor.cfg read again", {}))
        self.assertEqual(state(self.live)[0], before[0])

    def test_moved_lines(self) -> None:
        """A file whose lines moved is no new revision, and its lines are the new ones."""
        reload(self.live, "# a comment\n" + FILE)
        self.assertEqual(self.live.revision, 3)
        self.assertEqual(self.live.explain(A)["rate"]["chain"][-1]["line"], 5)

    def test_secrecy_counts(self) -> None:
        """A processor whose options are secret now has something new, for it is told so."""
        live = begun("[m]\npin = 1\nx = ${pin}\n")
        join(live, A)
        change = reload(live, "[m]\npin = 1\nx = ${pin}\n", ("pin",))
        self.assertEqual((list(change.before), live.view(A).secrets), ([A], {"pin", "x"}))
        self.assertEqual((live.revision, live.offered(A)), (3, 3))

    def test_if_match(self) -> None:
        """An edit against what was overtaken, or against what never was, is refused; what others changed is no matter."""
        edit(self.live, "m", {"rate": "5"})
        edit(self.live, DEFAULT, {"d": "2"})
        self.assertEqual(self.live.revision, 5)
        for section, fine, wrong in [("m", [4, 5], [3, 6]), (DEFAULT, [5], [4, 6]), (A, [5], [4, 6])]:
            for number in fine:
                self.live.draft_edit(section, {"x": "1"}, number)
            for number in wrong:
                self.assertRaises(Overtaken, self.live.draft_edit, section, {"x": "1"}, number)

    def test_one_draft_at_a_time(self) -> None:
        """A draft of a state that is no more cannot be taken."""
        draft = self.live.draft_edit(A, {"rate": "5"})
        edit(self.live, B, {"rate": "5"})
        self.assertRaises(AssertionError, take, self.live, draft)


class PresenceTests(Case):
    """Processors come and go."""

    def test_leave_nothing_behind(self) -> None:
        """Once all are gone it is as it was, but for the number."""
        live = begun(FILE)
        empty = state(live)[2]
        for round_ in range(2):
            join(live, A, options={"rate": "1", "a_secret": "S"})
            join(live, B)
            edit(live, "m", {"rate": "5"}, hold=[A, B])
            edit(live, B, {"x": "1"})
            edit(live, "m", {"rate": None})
            for guid in (A, B):
                take(live, live.draft_leave(guid))
            self.assertEqual(live.revision, 1 + 7 * (round_ + 1))
            tables = state(live)[2]
            self.assertEqual(tables.pop("_section_revisions").keys(), {"m"})
            self.assertEqual(tables.pop("_edits"), {"m": {}})
            self.assertEqual(tables, {name: {} for name in empty if name not in ("_section_revisions", "_edits")})
        self.assertEqual(live.section_names(), [DEFAULT, "m", "n"])

    def test_sections_referred_to(self) -> None:
        """Nor is it remembered that a section was read."""
        live = begun(f"[o]\ny = 1\n[m]\nx = ${{o:y}}\n[{A}]\nz = ${{x}}\n")
        join(live, A, B)
        reload(live, "[o]\ny = 1\n[m]\nx = 1\n")
        self.assertEqual(set(live._readers), {DEFAULT, "m"})
        for guid in (A, B):
            take(live, live.draft_leave(guid))
        self.assertEqual(dict(live._readers), {})

    def test_come_back(self) -> None:
        """A processor that is created again has nothing of the former."""
        live = begun(FILE)
        join(live, A, options={"rate": "9"})
        take(live, live.draft_leave(A))
        join(live, A)
        self.assertEqual((values(live, [A], "rate"), live.history(A), live.wanted(A)), (["2"], [], 4))

    def test_unknown(self) -> None:
        """Who is not there is told so."""
        live = begun(FILE)
        asked: list[Callable[[str], object]] = [
            live.member,
            live.view,
            live.offered,
            live.wanted,
            live.section,
            live.history,
            live.explain,
            live.draft_leave,
        ]
        for ask in asked:
            self.assertRaises(NotFound, ask, A)


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
        draft = self.live.draft_join(member(C), {})
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


class SecretTests(Case):
    """No view of an operator's shows a secret."""

    def hide(self, live: LiveConfiguration, *names: str) -> None:
        for _ in live.hide(names):
            pass

    def shown(self, live: LiveConfiguration, *guids: str) -> str:
        """All that an operator can ask for."""
        return repr(
            [
                [live.section(name) for name in live.section_names()],
                [live.history(name) for name in live.section_names()],
                [live.explain(guid) for guid in guids],
            ]
        )

    def test_views(self) -> None:
        """By name, by what they went into, in file and edit, now and before."""
        live = begun(f"[{DEFAULT}]\ndb_password = S1\ndsn = u:${{db_password}}\n[m]\nurl = x${{dsn}}\n")
        join(live, A, options={"own_secret": "S2"})
        edit(live, A, {"own_secret": "S3"})
        edit(live, DEFAULT, {"db_password": "S4"})
        self.assertEqual(live.view(A).values["url"], "xu:S4")
        for secret in ("S1", "S2", "S3", "S4"):
            self.assertNotIn(secret, self.shown(live, A))
        explained = live.explain(A)
        self.assertEqual({name for name in explained if explained[name]["value"] == REDACTED}, live.view(A).secrets)

    def test_declared(self) -> None:
        """What a processor says is secret is so from then on, everywhere, with what came of it."""
        live = begun("[m]\npin = S1\nurl = x${pin}\n[n]\npin = S2\n")
        join(live, A, B, options={"x": "${url}"})
        join(live, C, module="n")
        edit(live, "m", {"pin": "S3"})
        self.assertIn("S3", self.shown(live, A))
        self.hide(live, "pin")
        self.assertEqual(live.view(A).secrets, {"pin", "url", "x"})
        self.assertEqual(live.view(C).secrets, {"pin"})
        for secret in ("S1", "S2", "S3"):
            self.assertNotIn(secret, self.shown(live, A, B, C))

    def test_declared_stays(self) -> None:
        """Whatever file is read again."""
        live = begun("[m]\npin = S1\n")
        join(live, A)
        self.hide(live, "pin")
        reload(live, "[m]\npin = S2\n", ("other",))
        self.assertEqual(live.view(A).secrets, {"pin"})
        self.assertFalse(live.layers.is_secret("a_secret"))

    def test_declared_twice(self) -> None:
        """What is secret already costs nothing, and what is shared stays shared."""
        live = begun("[m]\npin = S1\n")
        join(live, A, B)
        edit(live, "m", {"pin": "S2"})
        self.hide(live, "pin")
        self.assertIs(live.view(A), live.view(B))
        self.assertEqual(list(live.hide(["pin", "token"])), [])

    def test_an_edit_that_refers_to_it_already(self) -> None:
        """Was taken when it was none: it is secret with it, and has to be taken back before the next."""
        live = begun("[m]\npin = S1\n")
        join(live, A, B, options={"x": "${pin}"})
        self.hide(live, "pin")
        for guid in (A, B):
            self.assertEqual(live.view(guid).secrets, {"pin", "x"})
        error = self.assertRaises(ConfigError, edit, live, "m", {"pin": "S2"})
        self.assertEqual((error.option, error.problem), ("x", "an edit cannot refer to the secret pin"))
        for guid in (A, B):
            edit(live, guid, {"x": None})
        edit(live, "m", {"pin": "S2"})
        self.assertEqual(values(live, [A, B], "pin"), ["S2", "S2"])

    def test_globs(self) -> None:
        """A file that says anew what is secret, in a section that no processor reads, changes it for all."""
        live = begun("[proactor.initiator]\nsecret_options = a\n[m]\npin = S1\nurl = ${pin}\n")
        join(live, A)
        reload(live, "[proactor.initiator]\nsecret_options = pin\n[m]\npin = S1\nurl = ${pin}\n", ("pin",))
        self.assertEqual(live.view(A).secrets, {"pin", "url"})

    def test_a_way_round(self) -> None:
        """Taking an edit back does not let another reach the secret that it hid."""
        live = begun("[m]\ny = ${a_secret}\na_secret = S\n")
        join(live, A)
        edit(live, A, {"y": "plain"})
        edit(live, A, {"x": "${y}"})
        error = self.assertRaises(ConfigError, edit, live, A, {"y": None})
        self.assertIn("an edit cannot refer to the secret y", str(error))
        self.assertEqual(live.view(A).values["x"], "plain")


class HistoryTests(Case):
    """Who, when, what; and the way back."""

    def test_entries(self) -> None:
        """Each edit of a section, oldest first, with what was and what is, secrets redacted."""
        live = begun(FILE)
        join(live, A, options={"rate": "1"})
        take(live, live.draft_edit(A, {"rate": "2", "a_secret": "S"}), actor="anna")
        take(live, live.draft_edit("m", {"rate": "3"}), actor="bert")
        take(live, live.draft_edit(A, {"rate": None}), actor="anna")
        found = [
            (e.revision, e.actor, e.time, e.section, {o: (a and a.text, b and b.text) for o, (a, b) in e.edited.items()})
            for e in live.history(A)
        ]
        expected: list[tuple[int, str, dict[str, tuple[str | None, str | None]]]] = [
            (2, "operator", {"rate": (None, "1")}),
            (3, "anna", {"rate": ("1", "2"), "a_secret": (None, REDACTED)}),
            (5, "anna", {"rate": ("2", None)}),
        ]
        self.assertEqual(found, [(revision, actor, NOW, A, edited) for revision, actor, edited in expected])
        self.assertEqual(live.history(DEFAULT), [])

    def test_rollback(self) -> None:
        """The edits as they were, as a new revision, that can be rolled back itself."""
        live = begun(FILE)
        join(live, A)
        edit(live, A, {"rate": "5", "x": "1"})
        edit(live, A, {"rate": None, "y": "1"})
        for to, expected in [(3, {"rate": "5", "x": "1"}), (4, {"x": "1", "y": "1"}), (2, {}), (5, {"rate": "5", "x": "1"})]:
            change = take(live, live.draft_rollback(A, to))
            self.assertEqual((texts(live, A), change.summary), (expected, f"[{A}] back to revision {to}"))
        self.assertEqual(live.revision, 8)
        self.assertTrue(live.draft_rollback(A, 8).empty)

    def test_secrets_come_back(self) -> None:
        """The real ones."""
        live = begun(FILE)
        join(live, A, options={"a_secret": "S1"})
        edit(live, A, {"a_secret": "S2"})
        take(live, live.draft_rollback(A, 2))
        self.assertEqual(live.view(A).values["a_secret"], "S1")

    def test_no_such_revision(self) -> None:
        """Of the future, of before the first, of a section that is not there."""
        live = begun(FILE)
        for section, to in [("m", 0), ("m", -1), ("m", 2), ("none", 1)]:
            self.assertRaises(NotFound, live.draft_rollback, section, to)


# Random changes against a plain model.

GUIDS = (A, B, C, "d" * 32)
MODULES = ("m", "n")
OPTIONS = ("x", "y", "z", "a_secret")
FILE_TEXTS = st.sampled_from(["1", "2", "3", "${z}", f"${{{DEFAULT}:z}}", "${m:x}", "${a_secret}", "$$"])
EDIT_TEXTS = st.one_of(
    st.sampled_from(["1", "2", "3", " #5", "$$", "[m]"]),
    st.sampled_from(["x", "y", "z", "a_secret", "m:x", f"{DEFAULT}:x", *(f"{g}:{o}" for g in GUIDS for o in OPTIONS)]).map(
        lambda target: f"${{{target}}}"
    ),
    st.sampled_from(["a\nb", "\x00", "1\u2028[m]"]),
)
PATCHES = st.dictionaries(
    st.sampled_from([*OPTIONS, *OPTIONS, *OPTIONS, "listen_port", "secret_options", "X", "x\n[m]\ny"]),
    st.one_of(st.none(), EDIT_TEXTS),
    min_size=1,
    max_size=3,
)
_OPTIONS = st.dictionaries(st.sampled_from(OPTIONS), FILE_TEXTS, max_size=3)
FILES = st.fixed_dictionaries(
    {DEFAULT: _OPTIONS, **{module: _OPTIONS for module in MODULES}},
    optional={guid: st.dictionaries(st.just("x"), st.sampled_from(["7", "${y}"]), max_size=1) for guid in GUIDS[:2]},
)

File = dict[str, dict[str, str]]


def as_text(file: File) -> str:
    lines = [line for name, options in file.items() for line in (f"[{name}]", *(f"{o} = {t}" for o, t in options.items()))]
    return "\n".join(lines) + "\n"


class Model:
    """The same in the plainest way: dictionaries, and the standard library to resolve them."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.edits: dict[str, dict[str, str]] = {}
        self.modules: dict[str, str] = {}

    def copy(self) -> Model:
        new = Model(self.file)
        new.edits = {section: dict(options) for section, options in self.edits.items()}
        new.modules = dict(self.modules)
        return new

    def patched(self, section: str, patch: Mapping[str, str | None]) -> Model:
        new = self.copy()
        options = {**new.edits.get(section, {}), **patch}
        new.edits[section] = {name: text for name, text in options.items() if text is not None}
        return new

    def written(self, section: str) -> dict[str, str]:
        return {**self.file.get(section, {}), **self.edits.get(section, {})}

    def resolved(self) -> dict[str, dict[str, str]]:
        """What each processor's section comes to, by references that are written out.

        :raises InterpolationError: where one does not.
        """
        parser = ConfigParser(interpolation=ExtendedInterpolation())
        sections = {name: self.written(name) for name in (DEFAULT, *MODULES)}
        for guid, module in self.modules.items():
            module_refs = {name: f"${{{module}:{name}}}" for name in self.written(module)}
            set_ = {name: escaped(text) for name, text in steering(guid).items()}
            sections[guid] = {**module_refs, **self.written(guid), **set_}
        for guid in self.file.keys() - sections.keys():
            sections[guid] = self.written(guid)
        # Sections are set one by one, for text could not hold every value.
        parser.read_dict({name: options for name, options in sections.items()})
        return {
            guid: {name: text for name, text in parser[guid].items() if name not in steering(guid)}
            for guid in self.modules
        }


class Machine(RuleBasedStateMachine):
    """Random edits, files, processors that come and go, holds, releases, rollbacks."""

    present = Bundle("present")

    @initialize(file=FILES)
    def begin(self, file: File) -> None:
        self.live: LiveConfiguration | None = None
        self.model = Model({DEFAULT: {}, "m": {}, "n": {}})
        try:
            self.live = begun(as_text(file))
            self.model = Model(file)
        except ConfigError:
            self.live = begun(as_text(self.model.file))
        self.values: dict[str, dict[str, str]] = {}
        self.secrets: dict[str, frozenset[str]] = {}
        self.revisions: dict[str, int] = {}
        self.held: dict[str, tuple[dict[str, str], frozenset[str], int]] = {}
        self.snapshots: dict[int, dict[str, dict[str, str]]] = {}
        self.born: dict[str, int] = {}
        self.count = 0
        self.remember()

    def remember(self) -> None:
        assert self.live is not None
        self.snapshots[self.live.revision] = self.model.copy().edits

    def change(self, model: Model, make: Callable[[LiveConfiguration], Any], hold: tuple[str, ...] = ()) -> None:
        """Make a change; taken, it comes to what the model says; refused, nothing is another."""
        live = self.live
        assert live is not None
        before = state(live)
        try:
            draft = make(live)
            change = take(live, draft, hold=hold)
        except ProactorError:
            assert state(live) == before
            return
        self.model = model
        resolved = model.resolved()  # what the standard library refuses must not get here
        if draft.empty:
            assert (live.revision, resolved) == (before[0], self.values)
            return
        assert live.revision == before[0] + 1
        self.told(resolved, change, hold)
        self.remember()

    def told(self, resolved: dict[str, dict[str, str]], change: Change, hold: tuple[str, ...]) -> None:
        """Follow what each processor is to have."""
        assert self.live is not None
        reached = set()
        for guid, options in resolved.items():
            secrets = self.live._views[guid].secrets
            if (self.values.get(guid), self.secrets.get(guid)) == (options, secrets):
                continue
            old = (self.values.get(guid, {}), self.secrets.get(guid, frozenset()), self.revisions.get(guid, 0))
            kept = self.held.pop(guid, None)
            self.values[guid], self.secrets[guid] = options, secrets
            if kept is not None and kept[:2] == (options, secrets):
                self.revisions[guid] = kept[2]
                continue
            if guid in self.revisions:
                reached.add(guid)
                if guid in hold:
                    self.held[guid] = kept or old
            self.revisions[guid] = self.live.revision
        for guid in self.values.keys() - resolved.keys():
            for table in (self.values, self.secrets, self.revisions, self.held):
                table.pop(guid, None)
        assert set(change.before) == reached

    @rule(section=st.sampled_from([DEFAULT, *MODULES, *GUIDS]), patch=PATCHES, hold=st.sets(st.sampled_from(GUIDS)))
    def edit(self, section: str, patch: dict[str, str | None], hold: set[str]) -> None:
        patch = {name: f"secret of {section}" if text and name == "a_secret" else text for name, text in patch.items()}
        self.change(self.model.patched(section, patch), lambda live: live.draft_edit(section, patch), tuple(hold))

    @rule(file=FILES)
    def read_again(self, file: File) -> None:
        model = self.model.copy()
        model.file = file
        self.change(model, lambda live: live.draft_reload(parsed(as_text(file))))

    @rule(target=present, guid=st.sampled_from(GUIDS), module=st.sampled_from(MODULES), patch=PATCHES)
    def come(self, guid: str, module: str, patch: dict[str, str | None]) -> str:
        if guid not in self.model.modules:
            self.count += 1
            options = {name: text for name, text in patch.items() if text is not None}
            if "a_secret" in options:
                options["a_secret"] = f"secret of {guid}"
            model = self.model.patched(guid, options)
            model.modules[guid] = module
            self.change(model, lambda live: live.draft_join(member(guid, module), options))
            if guid in self.model.modules and self.live is not None:
                self.born[guid] = self.live.revision
        return guid

    @rule(guid=consumes(present))
    def go(self, guid: str) -> None:
        if guid in self.model.modules:
            model = self.model.copy()
            model.edits.pop(guid, None)
            del model.modules[guid]
            self.change(model, lambda live: live.draft_leave(guid))

    @rule(section=st.sampled_from([DEFAULT, *MODULES, *GUIDS]), back=st.integers(0, 30))
    def roll_back(self, section: str, back: int) -> None:
        assert self.live is not None
        to = max(1, self.live.revision - back)
        if section in GUIDS and to < self.born.get(section, 0):
            return
        model = self.model.copy()
        model.edits[section] = dict(self.snapshots[to].get(section, {}))
        self.change(model, lambda live: live.draft_rollback(section, to))

    @rule(guids=st.sets(st.sampled_from(GUIDS)))
    def release(self, guids: set[str]) -> None:
        assert self.live is not None
        assert set(self.live.release(guids)) == guids & self.held.keys()
        for guid in guids:
            self.held.pop(guid, None)

    @invariant()
    def comes_to_the_same(self) -> None:
        """What each has, and is to have; as text too."""
        live = self.live
        assert live is not None
        assert set(live.members()) == self.values.keys()
        for guid, options in self.values.items():
            has, secrets, revision = self.held.get(guid, (options, self.secrets[guid], self.revisions[guid]))
            view = live.view(guid)
            assert (view.values, view.secrets) == (has, secrets)
            assert (live.offered(guid), live.wanted(guid)) == (revision, self.revisions[guid])
            parser = ConfigParser(interpolation=ExtendedInterpolation(), allow_no_value=True)
            parser.read_string(render(guid, view.values))
            assert dict(parser[guid]) == has
        for section in (DEFAULT, *MODULES, *self.values):
            assert texts(live, section) == self.model.edits.get(section, {})

    @invariant()
    def tables_are_of_those_there_are(self) -> None:
        assert self.live is not None
        there = {*self.values}
        assert self.live._views.keys() == there
        assert self.live._held.keys() == self.held.keys() <= there
        assert {guid for readers in self.live._readers.values() for guid in readers} <= there
        assert all(self.live._readers.values())
        for table in (self.live._edits, self.live._section_revisions):
            assert {name for name in table if name in GUIDS[2:]} <= there

    @invariant()
    def secrets_stay(self) -> None:
        """Where they are: in no other's view, in no view of an operator's."""
        assert self.live is not None
        for guid in self.values:
            for other in GUIDS:
                if other != guid:
                    assert f"secret of {other}" not in str(self.live.view(guid).values)
            assert "secret of" not in str(self.live.explain(guid))
        for section in (DEFAULT, *MODULES, *self.values):
            assert "secret of" not in repr((self.live.section(section), self.live.history(section)))


class MachineTests(Case):
    """Whatever is done, in whatever order."""

    def test_against_a_plain_model(self) -> None:
        """Any earlier state of a section's edits comes back exactly, and what is refused changes nothing."""
        run(Machine, settings=settings(deadline=None, max_examples=60, stateful_step_count=60))
