"""Changes on trial."""

from __future__ import annotations

from proactor.config.draft import Difference, Draft
from proactor.config.grammar import DEFAULT, REDACTED
from proactor.config.layers import Layers, View
from proactor.config.live import LiveConfiguration
from proactor.errors import ConfigError, NotFound, Refused

from .samples import SOURCE, A, B, C, Case, accept, begun, edit, join, member, parsed, take

FILE = f"[{DEFAULT}]\nd = 1\n[m]\nrate = 2\nlimit = 3\n[n]\n"


def tried(live: LiveConfiguration, draft: Draft) -> list[Difference]:
    for _ in live.steps(draft, accept):
        pass
    return list(live.differences(draft))


class Running(Case):
    """Two processors of a module and one of another."""

    def setUp(self) -> None:
        self.live = begun(FILE)
        join(self.live, A, B)
        join(self.live, C, module="n")

    def refused(self, section: str, option: str, text: str | None, kind: type[Exception] = Refused) -> str:
        before = self.live.revision
        error = self.assertRaises(kind, self.live.draft_edit, section, {"rate": "9", option: text})
        self.assertEqual(self.live.revision, before)
        self.assertEqual(self.live.view(A).values["rate"], "2")
        return str(error)


class RefusalTests(Running):
    """Edits that are none."""

    def test_no_such_section(self) -> None:
        """Sections are declared in the file, or come with processors."""
        error = self.assertRaises(NotFound, self.live.draft_edit, "none", {"x": "1"})
        self.assertIn(f"no section [none]: sections are declared in {SOURCE}", str(error))

    def test_steering(self) -> None:
        """What the initiator steers by is its own, set or removed, in any section."""
        for name in ("guid", "token", "module", "command", "revision", "listen_addr", "listen_x", "parent_url"):
            for section in (DEFAULT, "m", A):
                for text in ("1", None):
                    self.assertIn(f"[{section}] {name}: the initiator steers", self.refused(section, name, text))

    def test_file_only(self) -> None:
        """Who may do what is decided in the file."""
        for name in (
            "operator_auth",
            "secret_options",
            "user",
            "working_folder",
            "inherit_environment",
            "pass_environment",
            "env.path",
        ):
            for text in ("x", None):
                self.assertIn(f"{name}: can be set in the file alone, {SOURCE}", self.refused(DEFAULT, name, text))

    def test_names(self) -> None:
        """A name outside of the grammar, set or removed, shown cut and on one line."""
        for name in ("", "Rate", "LISTEN_PORT", "1", "a b", "x\ny", "x = 1\n[m]\ny", "a" * 65, "é"):
            for text in ("1", None):
                said = self.refused(A, name, text)
                self.assertIn("an option's name is ", said)
                self.assertIn(f"{name[:64]!r}", said)
                self.assertNotIn("\n", said)

    def test_values(self) -> None:
        """A value is one line without control characters, however it would be parted."""
        for character in "\x00\t\n\r\x0b\x0c\x1b\x1c\x1d\x1e\x7f\x85\u2028\u2029\ud800":
            said = self.refused(A, "x", f"1{character}[m]")
            self.assertIn(f"[{A}] 'x'", said)
            self.assertIn(f"U+{ord(character):04X}", said)

    def test_references(self) -> None:
        """What does not resolve is refused with its place, and the edit's number to be."""
        for section in (DEFAULT, "m", A):
            draft = self.live.draft_edit(section, {"x": "${nothing}"})
            error = self.assertRaises(ConfigError, tried, self.live, draft)
            source = f"edit {self.live.revision + 1}"
            self.assert_error(error, source=source, section=section, option="x", value="${nothing}")

    def test_take_back_nothing(self) -> None:
        """An option that no edit set is not taken back; one of the file's is removed there."""
        self.assertIn("is not set here, there is nothing to remove", self.refused(A, "x", None))
        self.assertIn(f"stands in {SOURCE}, line 5: remove it there", self.refused("m", "limit", None))
        self.assertIn(f"stands in {SOURCE}, line 2: remove it there", self.refused(DEFAULT, "d", None))

    def test_others_are_tried_too(self) -> None:
        """A change of DEFAULT that breaks a module nobody runs, or a processor, is refused."""
        live = begun(f"[{DEFAULT}]\nx = 1\ny = 2\n[m]\n[n]\nx = ${{y}}\n")
        error = self.assertRaises(ConfigError, tried, live, live.draft_edit(DEFAULT, {"y": "${x}"}))
        self.assertIn("refers to itself", str(error))
        join(self.live, "d" * 32, options={"x": "${d}"})
        error = self.assertRaises(ConfigError, tried, self.live, self.live.draft_edit(DEFAULT, {"d": "${x}"}))
        self.assertIn("refers to nothing", str(error))

    def test_check(self) -> None:
        """A processor's word against it is the last."""

        def check(guid: str, view: View, layers: Layers) -> None:
            if guid == B:
                raise ConfigError("must be < 9", section=guid, option="rate", value=view.values["rate"])

        draft = self.live.draft_edit("m", {"rate": "9"})
        error = self.assertRaises(ConfigError, take, self.live, draft, check)
        self.assertEqual(str(error), f"[{B}] rate = 9: must be < 9")
        self.assertFalse(draft.complete)
        self.assertRaises(AssertionError, self.live.commit, draft, "operator", None)
        self.assertEqual(self.live.view(A).values["rate"], "2")


class EditTests(Running):
    """What an edit would do."""

    def test_differences(self) -> None:
        """Who would have what, option by option, and nobody else."""
        found = tried(self.live, self.live.draft_edit("m", {"rate": "5", "new": "1"}))
        expected = {"rate": ("2", "5"), "new": (None, "1")}
        self.assertEqual(found, [Difference(A, expected), Difference(B, expected)])
        self.assertEqual(tried(self.live, self.live.draft_edit(B, {"d": "5"})), [Difference(B, {"d": ("1", "5")})])
        every = tried(self.live, self.live.draft_edit(DEFAULT, {"d": "5"}))
        self.assertEqual([each.guid for each in every], [A, B, C])
        hidden = tried(self.live, self.live.draft_edit(DEFAULT, {"rate": "5"}))
        self.assertEqual(hidden, [Difference(C, {"rate": (None, "5")})])

    def test_null(self) -> None:
        """Takes an edit back, so that what was below shows again."""
        edit(self.live, A, {"rate": "5", "new": "1"})
        found = tried(self.live, self.live.draft_edit(A, {"rate": None, "new": None}))
        self.assertEqual(found, [Difference(A, {"rate": ("5", "2"), "new": ("1", None)})])

    def test_secrets_are_redacted(self) -> None:
        """Before and after, when they come and when they go."""
        steps: list[tuple[dict[str, str | None], tuple[str | None, str | None]]] = [
            ({"a_secret": "S1"}, (None, REDACTED)),
            ({"a_secret": "S2"}, (REDACTED, REDACTED)),
            ({"a_secret": None}, (REDACTED, None)),
        ]
        for patch, expected in steps:
            self.assertEqual(tried(self.live, self.live.draft_edit(A, patch)), [Difference(A, {"a_secret": expected})])
            edit(self.live, A, patch)

    def test_what_becomes_secret_was_secret(self) -> None:
        """A difference shows neither side of an option that is secret on one."""
        live = begun("[m]\nx = open\na_secret = S\n")
        join(live, A)
        for text in ("[m]\nx = ${a_secret}\na_secret = S\n", "[m]\nx = open2\na_secret = S\n"):
            draft = live.draft_reload(parsed(text))
            self.assertEqual(tried(live, draft), [Difference(A, {"x": (REDACTED, REDACTED)})])
            live.commit(draft, "operator", None)  # type: ignore[arg-type]

    def test_says_what_is_so(self) -> None:
        """An edit to what an option is edited to already is none, and keeps the old one's revision."""
        edit(self.live, A, {"rate": "5"})
        self.assertTrue(self.live.draft_edit(A, {"rate": "5"}).empty)
        self.assertTrue(self.live.draft_edit(A, {}).empty)
        draft = self.live.draft_edit(A, {"rate": "5", "x": "1"})
        edits = draft.layers.edits[A]
        self.assertEqual((edits["rate"].revision, edits["x"].revision), (5, 6))
        self.assertEqual(set(draft.edited[A]), {"x"})

    def test_pins_what_the_file_says(self) -> None:
        """An edit to what the file says is one: the file may change."""
        draft = self.live.draft_edit("m", {"rate": "2"})
        self.assertFalse(draft.empty)
        self.assertEqual(tried(self.live, draft), [])

    def test_work_is_in_slices(self) -> None:
        """Between any two processors others may have their turn."""
        join(self.live, *(f"{number:032x}" for number in range(20)))
        draft = self.live.draft_edit(DEFAULT, {"d": "2"})
        self.assertTrue(sum(1 for _ in self.live.steps(draft, accept)) >= 23)
        self.assertTrue(draft.complete)

    def test_one_view_for_those_alike(self) -> None:
        """A thousand plain processors of a module take one view."""
        edit(self.live, B, {"x": "1"})
        join(self.live, *(f"{number:032x}" for number in range(20)))
        draft = self.live.draft_edit("m", {"rate": "5"})
        tried(self.live, draft)
        self.assertEqual(len(draft.views), 22)
        self.assertEqual(len({id(view) for view in draft.views.values()}), 2)


class OtherDraftTests(Running):
    """Files read again, and processors that come and go."""

    def test_reload(self) -> None:
        """The sections whose text is another: changed, new, gone, DEFAULT; a moved line is no change."""
        for text, sections in [
            (f"# moved\n{FILE}", set()),
            (FILE.replace("rate = 2", "rate = 5"), {"m"}),
            (FILE.replace("rate = 2\n", ""), {"m"}),
            (FILE.replace("d = 1", "d"), {DEFAULT}),
            (FILE + "[o]\n", {"o"}),
            (FILE.replace("[n]\n", ""), {"n"}),
        ]:
            draft = self.live.draft_reload(parsed(text))
            self.assertEqual((draft.sections, draft.empty), (sections, not sections))
            self.assertEqual(draft.summary, f"{SOURCE} read again")

    def test_join(self) -> None:
        """Is of the revision it makes, and brings edits of its own."""
        draft = self.live.draft_join([member("d" * 32)], {"rate": "7"})
        self.assertFalse(draft.empty)
        self.assertEqual(tried(self.live, draft), [])
        self.assertEqual(([each.created for each in draft.joined], draft.revision), ([5], 5))
        self.assertEqual(draft.views["d" * 32].values, {"d": "1", "rate": "7", "limit": "3"})
        self.assertRaises(NotFound, self.live.member, "d" * 32)

    def test_join_refused(self) -> None:
        """Options that cannot be edited, or do not resolve, are none to be created with either."""
        for options in ({"listen_port": "1"}, {"operator_auth": "local"}, {"x y": "1"}, {"x": "1\n2"}):
            self.assertRaises(Refused, self.live.draft_join, [member("d" * 32)], options)
        draft = self.live.draft_join([member("d" * 32)], {"x": f"${{{A}:rate}}"})
        self.assertIn("an edit cannot refer to", str(self.assertRaises(ConfigError, tried, self.live, draft)))

    def test_leave(self) -> None:
        """Needs no trial."""
        draft = self.live.draft_leave(A)
        self.assertEqual((draft.left, draft.empty, draft.sections), (A, False, frozenset()))
        self.assertRaises(NotFound, self.live.draft_leave, "d" * 32)
