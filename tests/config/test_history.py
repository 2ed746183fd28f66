"""Who changed what, when; and the way back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from configparser import ConfigParser, ExtendedInterpolation
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run

from proactor.config.grammar import DEFAULT, REDACTED
from proactor.config.interpolation import escaped
from proactor.config.live import Change, LiveConfiguration
from proactor.config.render import render
from proactor.errors import ConfigError, NotFound, Overtaken, ProactorError

from ..support.examples import examples
from .samples import NOW, A, B, C, Case, begun, edit, join, member, parsed, state, steering, take, texts

FILE = f"[{DEFAULT}]\nd = 1\n[m]\nrate = 2\n"


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
            (
                e.revision,
                e.actor,
                e.time,
                e.section,
                {o: (a and a.text, b and b.text) for o, (a, b) in e.edited.items()},
            )
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
        for to, expected in [
            (3, {"rate": "5", "x": "1"}),
            (4, {"x": "1", "y": "1"}),
            (2, {}),
            (5, {"rate": "5", "x": "1"}),
        ]:
            change = take(live, live.draft_rollback(A, to))
            self.assertEqual((texts(live, A), change.summary), (expected, f"[{A}] back to revision {to}"))
        self.assertEqual(live.revision, 8)
        self.assertTrue(live.draft_rollback(A, 8).empty)

    def test_if_match(self) -> None:
        """A way back from what was overtaken is refused, as an edit is."""
        live = begun(FILE)
        edit(live, "m", {"rate": "5"})
        edit(live, "m", {"rate": "6"})
        self.assertRaises(Overtaken, live.draft_rollback, "m", 2, 2)
        take(live, live.draft_rollback("m", 2, 3))
        self.assertEqual(texts(live, "m"), {"rate": "5"})

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
_REFERENCES = ["x", "y", "z", "a_secret", "m:x", f"{DEFAULT}:z", *(f"{g}:{o}" for g in GUIDS for o in OPTIONS)]
#: What an edit may say, and what is now and then refused, or always.
PLAIN = ("1", "2", "3", " #5", "$$", "[m]")
TAME = st.sampled_from([*PLAIN, "${z}", "${m:x}", f"${{{DEFAULT}:z}}"])
WILD = st.one_of(
    st.sampled_from(_REFERENCES).map(lambda target: f"${{{target}}}"),
    st.sampled_from(["a\nb", "\x00", "1\u2028[m]", "$", "${x"]),
)
_NAMES = st.sampled_from(OPTIONS)
TAME_PATCHES = st.dictionaries(_NAMES, st.one_of(TAME, TAME, st.none()), min_size=1, max_size=3)
WILD_PATCHES = st.dictionaries(
    st.one_of(_NAMES, st.sampled_from(["listen_port", "secret_options", "X", "x\n[m]\ny"])),
    st.one_of(TAME, WILD, st.none()),
    min_size=1,
    max_size=3,
)
PATCHES = st.one_of(TAME_PATCHES, TAME_PATCHES, TAME_PATCHES, WILD_PATCHES)

#: The same of files, whose references may reach anything.
_FILE_TEXTS = st.sampled_from(["1", "2", "3", "$$", "${z}", f"${{{DEFAULT}:z}}", "${m:x}", "${n:y}", "${a_secret}"])


def _section(**always: str) -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(_NAMES, _FILE_TEXTS, max_size=2).map(lambda options: {**options, **always})


FILES = st.fixed_dictionaries(
    {DEFAULT: _section(z="9", a_secret="secret of all"), "m": _section(x="8"), "n": _section(y="7")},
    optional={guid: _section(a_secret=f"secret of {guid}") for guid in GUIDS[:2]},
)

File = dict[str, dict[str, str]]


def as_text(file: File) -> str:
    lines = [
        line for name, options in file.items() for line in (f"[{name}]", *(f"{o} = {t}" for o, t in options.items()))
    ]
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
        # Not by way of text, which could not hold every value.
        parser.read_dict(sections)
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

    def change(
        self,
        model: Model,
        make: Callable[[LiveConfiguration], Any],
        hold: tuple[str, ...] = (),
        sound: bool = False,
    ) -> None:
        """Make a change; taken, it comes to what the model says; refused, nothing is another."""
        live = self.live
        assert live is not None
        before = state(live)
        try:
            draft = make(live)
            change = take(live, draft, hold=hold)
        except ProactorError:
            assert not sound
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
            secrets = self.live._views.wanted(guid).secrets
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

    def sections(self) -> list[str]:
        return [DEFAULT, *MODULES, *self.model.modules]

    @rule(which=st.integers(0, 6), patch=PATCHES, hold=st.sets(st.sampled_from(GUIDS)))
    def edit(self, which: int, patch: dict[str, str | None], hold: set[str]) -> None:
        section = (self.sections() * 3)[which]
        patch = {
            name: f"secret of {section}" if text and name == "a_secret" else text
            for name, text in patch.items()
            # Now and then, to take back what is not there.
            if text is not None or name in self.model.edits.get(section, {}) or which == 0
        }
        # Plain values go anywhere.
        sound = all(name in OPTIONS and text in PLAIN for name, text in patch.items())
        model = self.model.patched(section, patch)
        self.change(model, lambda live: live.draft_edit(section, patch), tuple(hold), sound)

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
            self.change(model, lambda live: live.draft_join([member(guid, module)], options))
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

    @rule(which=st.integers(0, 6), back=st.integers(0, 30))
    def roll_back(self, which: int, back: int) -> None:
        assert self.live is not None
        section = (self.sections() * 3)[which]
        to = max(self.born.get(section, 1), self.live.revision - back)
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
        for section in self.sections():
            assert texts(live, section) == self.model.edits.get(section, {})

    @invariant()
    def tables_are_of_those_there_are(self) -> None:
        assert self.live is not None
        there = {*self.values}
        assert dict(self.live._views.items()).keys() == there
        assert self.live.held() == self.held.keys() <= there
        assert {guid for readers in self.live._views._readers.values() for guid in readers} <= there
        assert all(self.live._views._readers.values())
        for table in (self.live._edits, self.live._section_revisions):
            assert {name for name in table if name in GUIDS[2:]} <= there

    @invariant()
    def secrets_stay(self) -> None:
        """Where they are: in no other's view, in no view of an operator's."""
        assert self.live is not None
        for guid in self.values:
            for other in {*GUIDS} - {guid}:
                assert f"secret of {other}" not in str(self.live.view(guid).values)
            assert "secret of" not in str(self.live.explain(guid))
        for section in self.sections():
            assert "secret of" not in repr((self.live.section(section), self.live.history(section)))


class MachineTests(Case):
    """Whatever is done, in whatever order."""

    def test_against_a_plain_model(self) -> None:
        """Any earlier state of a section's edits comes back exactly, and what is refused changes nothing."""
        run(Machine, settings=examples(60, stateful_step_count=60))
