"""One state of the configuration: who is over whom, and what an edit may reach."""

from __future__ import annotations

from itertools import combinations

from proactor.config.document import Setting
from proactor.config.grammar import DEFAULT, REDACTED
from proactor.config.layers import Layers, Member
from proactor.errors import ConfigError

from .samples import INITIATOR, SEED, A, B, Case, member, parsed

#: From the weakest to the strongest.
ORDER = ("DEFAULT in the file", "DEFAULT edited", "module in the file", "module edited", "own file", "own edit")


def edited(text: str, revision: int = 2) -> Setting:
    return Setting(text, f"edit {revision}", revision=revision)


def state(
    text: str, edits: dict[str, dict[str, str]] | None = None, members: tuple[Member, ...] = (member(A), member(B))
) -> Layers:
    settings = {s: {o: edited(t) for o, t in options.items()} for s, options in (edits or {}).items()}
    return Layers(parsed(text), settings, {each.guid: each for each in members})


def resolved(layers: Layers, option: str, guid: str = A) -> str | None:
    return layers.view(guid, 1).values.get(option)


class PrecedenceTests(Case):
    """Own edit over own file over the module's edit over its file over DEFAULT's edit over its file."""

    def test_every_pair(self) -> None:
        """The stronger wins, whatever else is set."""
        for weak, strong in combinations(ORDER, 2):
            layers = self.made({weak, strong})
            self.assertEqual(resolved(layers, "x"), strong)
        self.assertEqual(resolved(self.made(set(ORDER)), "x"), ORDER[-1])
        self.assertIsNone(resolved(self.made(set()), "x"))

    def made(self, told: set[str]) -> Layers:
        def line(which: str) -> str:
            return f"x = {which}\n" if which in told else ""

        def edit(which: str) -> dict[str, str]:
            return {"x": which} if which in told else {}

        text = f"[{DEFAULT}]\n{line(ORDER[0])}[m]\n{line(ORDER[2])}[{A}]\n{line(ORDER[4])}"
        return state(text, {DEFAULT: edit(ORDER[1]), "m": edit(ORDER[3]), A: edit(ORDER[5])})

    def test_steering(self) -> None:
        """What the initiator sets is over everything, to those who refer to it too, and is not among the options."""
        text = f"[{DEFAULT}]\nlisten_port = 1\nurl = h:${{listen_port}}\n[m]\nlisten_port = 2\n[{A}]\nlisten_port = 3\n"
        view = state(text).view(A, 1)
        self.assertEqual(view.values, {"url": "h:49152"})
        self.assertFalse(view.shared)

    def test_steering_is_no_text(self) -> None:
        """A ``$`` in what the initiator sets refers to nothing."""
        layers = state(f"[{DEFAULT}]\nx = ${{home}}\n[m]\n", members=(Member(A, "m", {"home": "/$${a}$"}),))
        self.assertEqual(resolved(layers, "x"), "/$${a}$")

    def test_module_reads_itself(self) -> None:
        """A module's text is read in its section, as if a guid section referred to it; DEFAULT's in the guid's."""
        text = f"[{DEFAULT}]\ny = ${{z}}\nz = 0\n[m]\nx = ${{z}}\nz = 1\n[{A}]\nz = 2\n"
        self.assertEqual(state(text).view(A, 1).values, {"y": "2", "z": "2", "x": "1"})

    def test_no_module_section(self) -> None:
        """The default processor's module needs no section."""
        layers = state(f"[{DEFAULT}]\nx = 1\n", members=(member(A, "proactor.processor"),))
        self.assertEqual(layers.view(A, 1).values, {"x": "1"})

    def test_no_value(self) -> None:
        """An option that stands alone is empty."""
        self.assertEqual(resolved(state("[m]\nx\n"), "x"), "")

    def test_seed(self) -> None:
        """The reference example's own section comes to what it says."""
        layers = Layers(parsed(SEED))
        found = layers.resolver().resolve(INITIATOR, "child_port_max")
        self.assertEqual(found and found.text, "65536")


class ViewTests(Case):
    """What a view knows of itself."""

    def test_shared(self) -> None:
        """Who has nothing of its own is like all others of its module; a section that is empty is nothing."""
        self.assertTrue(state(f"[m]\nx = 1\n[{A}]\n").view(A, 1).shared)
        self.assertFalse(state(f"[m]\nx = 1\n[{A}]\nx = 1\n").view(A, 1).shared)
        self.assertFalse(state("[m]\nx = 1\n", {A: {"x": "1"}}).view(A, 1).shared)
        self.assertTrue(state("[m]\nx = 1\n", {A: {"x": "1"}}).view(B, 1).shared)

    def test_sections(self) -> None:
        """All that it was read from, its own only where it is not shared."""
        text = f"[other]\ny = ${{z}}\nz = 1\n[m]\nx = ${{other:y}}\n[never]\ny = 1\n[{A}]\nz = 1\n"
        layers = state(text)
        self.assertEqual(layers.view(B, 1).sections, {DEFAULT, "m", "other"})
        self.assertEqual(layers.view(A, 1).sections, {DEFAULT, "m", "other", A})

    def test_secrets(self) -> None:
        """Those by name and those that came of one, over any number of references."""
        text = f"[{DEFAULT}]\ndb_password = p\ndsn = u:${{db_password}}@h\n[m]\nurl = ${{dsn}}/x\nrate = 1\n"
        self.assertEqual(state(text).view(A, 1).secrets, {"db_password", "dsn", "url"})

    def test_globs(self) -> None:
        """Secret is what the file says is; ``token`` always."""
        layers = Layers(parsed("[m]\n"), secret_globs=("pin*",))
        secret = {name: layers.is_secret(name) for name in ("pin", "pin2", "token", "password")}
        self.assertEqual(secret, {"pin": True, "pin2": True, "token": True, "password": False})


class SectionTests(Case):
    """Sections that are there, and those that are not."""

    def test_exists(self) -> None:
        """DEFAULT, the file's, the processors'."""
        layers = state("[m]\n", {"gone": {"x": "1"}})
        for name, there in [(DEFAULT, True), ("m", True), (A, True), ("gone", False), ("", False)]:
            self.assertEqual(layers.exists(name), there, name)

    def test_edits_of_a_section_that_is_gone(self) -> None:
        """Wait for the file to have it again, for nobody could take them back meanwhile."""
        layers = state("[m]\n", {"gone": {"x": "1"}}, (member(A, "gone"),))
        self.assertIsNone(resolved(layers, "x"))
        self.assertEqual(layers.written_options("gone"), {})
        layers = state("[gone]\ny = 2\n", {"gone": {"x": "1"}}, (member(A, "gone"),))
        self.assertEqual(layers.view(A, 1).values, {"y": "2", "x": "1"})

    def test_written(self) -> None:
        """A section as written: the edits over the file, no more."""
        layers = state(f"[{DEFAULT}]\nd = 1\n[m]\nx = ${{d}}\ny = 2\n", {"m": {"y": "3"}, DEFAULT: {"e": "4"}})
        texts = {name: setting.text for name, setting in layers.written_options("m").items()}
        self.assertEqual(texts, {"x": "${d}", "y": "3"})
        self.assertEqual([*layers.written_options(DEFAULT)], ["d", "e"])
        self.assertEqual(layers.written_options(A), {})

    def test_origin(self) -> None:
        """Where the text of a processor's option stands: its own section, its module's, DEFAULT."""
        layers = state(f"[{DEFAULT}]\nx = 1\ny = 1\nz = 1\n[m]\nx = 2\ny = 2\n[{A}]\nx = 3\n")
        lines = {name: (found := layers.origin(A, name)) and found.line for name in ("x", "y", "z", "none")}
        self.assertEqual(lines, {"x": 9, "y": 7, "z": 4, "none": None})


class CheckTests(Case):
    """Sections are sound before anybody runs them."""

    def check(self, text: str, section: str, edits: dict[str, dict[str, str]] | None = None) -> None:
        state(text, edits, ()).check_section(section)

    def refused(self, text: str, section: str, edits: dict[str, dict[str, str]] | None = None) -> ConfigError:
        error = self.assertRaises(ConfigError, self.check, text, section, edits)
        assert isinstance(error, ConfigError)
        return error

    def test_module(self) -> None:
        """A module's section resolves with DEFAULT's options in it."""
        self.check(f"[{DEFAULT}]\nhome = /srv/${{name}}\n[m]\nname = a\n", "m")
        error = self.refused(f"[{DEFAULT}]\nhome = /srv/${{name}}\n[m]\n", "m")
        self.assert_error(error, line=2, section="m", option="home", value="/srv/${name}", says=["refers to nothing"])

    def test_default_by_itself(self) -> None:
        """DEFAULT may refer to what its readers set, not to what nobody does."""
        self.check(f"[{DEFAULT}]\nhome = /srv/${{name}}\n[m]\nname = a\n", DEFAULT)
        self.check(f"[{DEFAULT}]\nhome = /srv/${{name}}\n", DEFAULT, {"m": {"name": "a"}, DEFAULT: {"name": "b"}})
        for text in ("${nmae}", "${m:nmae}", "$", "${home}"):
            error = self.refused(f"[{DEFAULT}]\nhome = {text}\n[m]\nname = a\n", DEFAULT)
            self.assert_error(error, line=2, section=DEFAULT, option="home", value=text)

    def test_steering_to_be(self) -> None:
        """DEFAULT may refer to what only a processor's section will have, not a module's text, which is read in it."""
        text = f"[{DEFAULT}]\nurl = h:${{listen_port}}\n[m]\n"
        self.check(text, DEFAULT)
        self.check(text, "m")
        self.assertEqual(resolved(state(text), "url"), "h:49152")
        self.refused("[m]\nurl = h:${listen_port}\n", "m")
        for section in (DEFAULT, "m"):
            self.refused(f"[{DEFAULT}]\nurl = ${{token}}\n[m]\n", section)

    def test_processors_to_come(self) -> None:
        """A guid section of the file is sound though its processor does not run yet."""
        self.check(f"[{A}]\nurl = h:${{listen_port}}\n", A)
        self.check(f"[m]\nrate = 1\n[{A}]\nurl = h:${{rate}}\n", A)
        self.refused(f"[m]\n[{A}]\nurl = h:${{rate}}\n", A)

    def test_initiators(self) -> None:
        """An initiator's own section has nothing to do with what DEFAULT says for processors."""
        self.check(f"[{DEFAULT}]\nhome = ${{name}}\n[m]\nname = 1\n[proactor.initiator]\nx = 1\n", "proactor.initiator")
        self.refused("[proactor.initiator]\nx = ${y}\n", "proactor.initiator")


class PermitTests(Case):
    """What an edit's references may reach."""

    FILE = (
        f"[{DEFAULT}]\nd = D\nd_secret = SD\ntainted = ${{d_secret}}\n"
        f"[m]\nx = M\nm_secret = SM\nm_tainted = ${{m_secret}}\n[n]\nx = N\n"
        f"[{A}]\nown = OA\nown_secret = SA\nfiled = ${{n:x}}\n[{B}]\nown = OB\nx = XB\n[{INITIATOR}]\nx = I\n"
    )

    def outcome(self, section: str, text: str, guid: str = A) -> str | None:
        layers = state(self.FILE, {section: {"e": text}})
        layers.check_section(section)
        return resolved(layers, "e", guid)

    def test_open(self) -> None:
        """DEFAULT, its own section and its module's, by name or without one."""
        for section, text, expected in [
            (A, "${d}", "D"),
            (A, f"${{{DEFAULT}:d}}", "D"),
            (A, "${own}", "OA"),
            (A, f"${{{A}:own}}", "OA"),
            (A, "${m:x}", "M"),
            (A, "${x}", "M"),
            (A, "${listen_port}", "49152"),
            (A, "${filed}", "N"),
            ("m", "${x}", "M"),
            ("m", "${m:x}", "M"),
            ("m", f"${{{DEFAULT}:d}}", "D"),
            (DEFAULT, "${d}", "D"),
            (DEFAULT, f"${{{DEFAULT}:d}}", "D"),
            (DEFAULT, "${listen_port}", "49152"),
            (A, "$${own_secret}", "${own_secret}"),
        ]:
            self.assertEqual(self.outcome(section, text), expected, (section, text))

    def test_closed(self) -> None:
        """Other sections: another module's, a sibling's, an initiator's, a processor's from above."""
        for section, text in [
            (A, "${n:x}"),
            (A, f"${{{B}:own}}"),
            (A, f"${{{INITIATOR}:x}}"),
            ("m", "${n:x}"),
            ("m", f"${{{A}:own}}"),
            (DEFAULT, "${m:x}"),
            (DEFAULT, f"${{{A}:own}}"),
            (DEFAULT, f"${{{B}:own}}"),
        ]:
            error = self.assertRaises(ConfigError, self.outcome, section, text)
            says = ["an edit cannot refer to ["]
            self.assert_error(error, source="edit 2", section=section, option="e", value=text, says=says)

    def test_secrets(self) -> None:
        """None is reached: by name, by what came of one, in any of the open sections."""
        for section, text in [
            (A, "${d_secret}"),
            (A, f"${{{DEFAULT}:tainted}}"),
            (A, "${m:m_secret}"),
            (A, "${m_tainted}"),
            (A, "1${own_secret}2"),
            ("m", "${m_secret}"),
            ("m", "${d_secret}"),
            (DEFAULT, "${tainted}"),
        ]:
            error = self.assertRaises(ConfigError, self.outcome, section, text)
            says = ["cannot refer to the secret"]
            self.assert_error(error, source="edit 2", section=section, option="e", value=text, says=says)

    def test_secret_in_one_section_alone(self) -> None:
        """DEFAULT's edit is read in each section, so that what is a secret in one refuses it."""
        text = f"[{DEFAULT}]\ny = 1\n[m]\n[{A}]\ny = ${{z_secret}}\nz_secret = S\n"
        layers = state(text, {DEFAULT: {"e": "${y}"}})
        layers.check_section(DEFAULT)
        self.assertEqual(resolved(layers, "e", B), "1")
        error = self.assertRaises(ConfigError, layers.view, A, 1)
        self.assert_error(error, source="edit 2", section=A, option="e", value="${y}", says=["the secret y"])

    def test_what_is_not_there_is_not_told(self) -> None:
        """A closed section is closed whether it has such an option or not."""
        references = [f"${{{B}:{name}}}" for name in ("x", "none", "own_secret")]
        told = {self.assertRaises(ConfigError, self.outcome, A, text).problem for text in references}
        self.assertEqual(len(told), 1)

    def test_file(self) -> None:
        """The file reaches what it likes; a secret stays one."""
        text = f"[m]\nx = ${{{B}:own}}${{{B}:own_secret}}\n[{B}]\nown = 1\nown_secret = 2\n"
        view = state(text).view(A, 1)
        self.assertEqual((view.values["x"], view.secrets), ("12", {"x"}))


class FileOnlyTests(Case):
    """What is for the file alone to say: which code runs, and as whom."""

    FILE = (
        f"[{DEFAULT}]\ny = 1\n[m]\ncommand = run ${{cmd}}\ncmd = x\nenv.x = ${{z}}\nz = ${{y}}\nuser = ${{w}}\nw = me\n"
    )

    def test_file(self) -> None:
        """It may refer to what it likes."""
        view = state(self.FILE).view(A, 1)
        self.assertEqual([view.values[name] for name in ("command", "env.x", "user")], ["run x", "1", "me"])

    def test_edits(self) -> None:
        """Do not change it by way of what it refers to, whether anybody runs it or not."""
        for edits, line, option in [
            ({"m": {"cmd": "y"}}, 4, "command"),
            ({"m": {"z": "y"}}, 6, "env.x"),
            ({DEFAULT: {"y": "y"}}, 6, "env.x"),
            ({"m": {"w": "root"}}, 8, "user"),
        ]:
            layers = state(self.FILE, edits)
            for check in (lambda: layers.view(A, 2), lambda: layers.check_section("m")):  # noqa: B023 - called at once
                error = self.assertRaises(ConfigError, check)
                said = ["in the file alone", "an edit changes what it refers to"]
                self.assert_error(error, line=line, section="m", option=option, value=error.value, says=said)

    def test_what_it_does_not_refer_to(self) -> None:
        """Is as open as ever, by the same names too."""
        layers = state(self.FILE, {A: {"cmd": "y", "z": "y"}})
        view = layers.view(A, 2)
        self.assertEqual([view.values[name] for name in ("command", "env.x", "cmd")], ["run x", "1", "y"])


class ChainTests(Case):
    """How an option came to its value."""

    def test_chain(self) -> None:
        """Setting by setting, with file and line or revision, depth first, each once."""
        layers = state(f"[{DEFAULT}]\nh = host\n[m]\nurl = ${{h}}:${{port}}${{h}}\nport = 1\n", {"m": {"port": "2"}})

        def record(section: str, option: str, text: str, source: str, line: int | None = None) -> dict[str, object]:
            return {
                "section": section,
                "option": option,
                "text": text,
                "source": source,
                "line": line,
                "revision": 2 if source == "edit 2" else None,
            }

        self.assertEqual(
            layers.chain(A, "url"),
            [
                record(A, "url", "${m:url}", "[m]"),
                record("m", "url", "${h}:${port}${h}", "proactor.cfg", 4),
                record(DEFAULT, "h", "host", "proactor.cfg", 2),
                {
                    **record("m", "port", "2", "edit 2"),
                    "overrides": {"text": "1", "source": "proactor.cfg", "line": 5},
                },
            ],
        )

    def test_default_edited(self) -> None:
        """An edit of DEFAULT hides what the file says there."""
        [record] = state(f"[{DEFAULT}]\nx = 1\n[m]\n", {DEFAULT: {"x": "2"}}).chain(A, "x")
        self.assertEqual(
            (record["section"], record["overrides"]), (DEFAULT, {"text": "1", "source": "proactor.cfg", "line": 2})
        )

    def test_secrets(self) -> None:
        """Are redacted in the chain, in what they hide too; an empty one is seen to be empty."""
        text = f"[{DEFAULT}]\na_secret = S1\nb_secret\n[m]\nx = ${{a_secret}}${{b_secret}}\n"
        chain = state(text, {DEFAULT: {"a_secret": "S2"}}).chain(A, "x")
        shown = {record["option"]: record["text"] for record in chain}
        self.assertEqual(shown, {"x": "${a_secret}${b_secret}", "a_secret": REDACTED, "b_secret": None})
        self.assertNotIn("S1", str(chain))
        self.assertNotIn("S2", str(chain))
