"""No view of an operator's shows a secret."""

from __future__ import annotations

from proactor.config.grammar import DEFAULT, REDACTED
from proactor.config.live import LiveConfiguration
from proactor.errors import ConfigError

from .samples import A, B, C, Case, begun, edit, join, reload, values


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
