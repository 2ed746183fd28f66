"""The configuration as it changes: whom a change reaches, revisions, processors that come and go."""

from __future__ import annotations

from collections.abc import Callable

from proactor.config.grammar import DEFAULT
from proactor.config.layers import Member
from proactor.config.live import Change
from proactor.errors import ConfigError, NotFound, Overtaken

from .samples import A, B, C, Case, begun, edit, join, reload, state, take, values

FILE = f"[{DEFAULT}]\nd = 1\n[m]\nrate = 2\n[n]\n"


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
        steps: list[tuple[str, dict[str, str | None], list[str]]] = [
            (DEFAULT, {"d": "5"}, [A, B, C]),
            ("m", {"rate": "5"}, [A, B]),
            ("n", {"rate": "5"}, [C]),
            (A, {"rate": "6"}, [A]),
            ("m", {"rate": "7"}, [B]),
            (DEFAULT, {"rate": "8"}, []),
            (A, {"rate": None}, [A]),
        ]
        for section, patch, reached in steps:
            change = edit(self.live, section, patch)
            self.assertEqual(sorted(change.before), reached)
        self.assertEqual(values(self.live, [A, B, C], "rate"), ["7", "7", "5"])

    def test_oldest_first(self) -> None:
        """Processors come in the order of their creation, whatever was edited of one since."""
        edit(self.live, A, {"rate": "6"})
        edit(self.live, A, {"rate": None})
        edit(self.live, B, {"mine": "1"})
        edit(self.live, DEFAULT, {"d": "5"})
        self.assertEqual([*self.live.members_of("m")], [A, B])
        self.assertEqual([*edit(self.live, "m", {"rate": "7"}).before], [A, B])

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

    def test_steering(self) -> None:
        """Those that are alike but for what the initiator sets each have their own."""
        live = begun(f"[{DEFAULT}]\nurl = h:${{listen_port}}\n[m]\n")
        for guid, port in ((A, "1"), (B, "2")):
            take(live, live.draft_join([Member(guid, "m", {"listen_port": port})], {}))
        edit(live, DEFAULT, {"url": "i:${listen_port}"})
        self.assertEqual(values(live, [A, B], "url"), ["i:1", "i:2"])

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
        """An edit against what was overtaken, or never was, is refused; what changed elsewhere is no matter."""
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
        self.assertEqual(set(live._views._readers), {DEFAULT, "m"})
        for guid in (A, B):
            take(live, live.draft_leave(guid))
        self.assertEqual(dict(live._views._readers), {})

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
