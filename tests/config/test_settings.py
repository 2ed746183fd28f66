"""What the initiator reads of the configuration."""

from __future__ import annotations

from collections.abc import Mapping

from proactor.config.document import Setting
from proactor.config.grammar import DEFAULT
from proactor.config.layers import Layers
from proactor.config.settings import (
    INITIATOR_OPTIONS,
    InitiatorSettings,
    choose_guid,
    declared_module,
    initiator_settings,
    module_sections,
)
from proactor.errors import ConfigError

from .samples import FILE, INITIATOR, SEED, SOURCE, A, B, Case, parsed, placed

#: For each option of the initiator: what is wrong, and a part of what is said of it. ``None``: any text is right.
WRONG: Mapping[str, list[tuple[str, str]] | None] = {
    "host_scheme": [("ftp", "must be one of http, https"), ("", "must be one of")],
    "host_addr": None,
    "host_port": [("0", "must be >= 1"), ("65536", "must be <= 65535"), ("x", "is not a whole number"), ("", "is not")],
    "listen_addr": None,
    "listen_port": [("-1", "must be >= 0"), ("65536", "must be <= 65535"), ("80a", "is not a whole number")],
    "listen_scheme": [("ftp", "must be one of http, https"), ("https", "needs tls_certificate and tls_key as well")],
    "tls_certificate": [("server.pem", "must be an absolute path"), ("", "must be an absolute path")],
    "tls_key": [("~/server.key", "must be an absolute path")],
    "tls_ca": [("./ca.pem", "must be an absolute path")],
    "child_port_min": [("0", "must be >= 1"), ("1.5", "is not a whole number")],
    "child_port_max": [("0", "must be >= 1"), ("many", "is not a whole number")],
    "default_module": [("no.such", "declared are: m, n"), ("proactor.initiator", "declared are: m, n")],
    "launch_concurrency": [("0", "must be >= 1"), ("x", "is not a whole number")],
    "fork_spares": [("-1", "must be >= 0"), ("65", "must be <= 64"), ("few", "is not a whole number")],
    "max_jobs": [("-1", "must be >= 0"), ("1e3", "is not a whole number")],
    "token_ttl": [
        ("0.5", "must be >= 1"),
        ("nan", "is not a number"),
        ("inf", "is not a number"),
        ("1e9", "must be <="),
    ],
    "token_grace": [("-1", "must be >= 0"), ("soon", "is not a number")],
    "peer_token_ttl": [("0.5", "must be >= 1"), ("1e9", "must be <=")],
    "key_rotation": [("0", "must be >= 1"), ("daily", "is not a number")],
    "adopt": [("perhaps", "is not one of yes")],
    "console": [("maybe", "is not one of yes"), ("2", "is not one of yes")],
    "watch_config": [("maybe", "is not one of yes")],
    "dead_letters": [("-1", "must be >= 0"), ("1.5", "is not a whole number")],
    "operator_auth": [("none", "must be one of local, token"), ("Local", "must be one of")],
    "secret_options": None,
}


def settings(text: str, guid: str = INITIATOR) -> InitiatorSettings:
    return initiator_settings(Layers(parsed(text)), guid)


class GuidTests(Case):
    """Which section is the initiator's."""

    def test_only_one(self) -> None:
        """It is that."""
        self.assertEqual(choose_guid(parsed(SEED), None), INITIATOR)
        self.assertEqual(choose_guid(parsed(SEED), INITIATOR), INITIATOR)

    def test_several(self) -> None:
        """One must be named; the error names them."""
        document = parsed(f"[{A}]\n[m]\n[{B}]\n")
        self.assertEqual(choose_guid(document, B), B)
        error = self.assertRaises(ConfigError, choose_guid, document, None)
        self.assert_error(error, says=["more than one", "--guid", A, B])

    def test_none(self) -> None:
        """One must be added."""
        error = self.assertRaises(ConfigError, choose_guid, parsed(f"[m]\n[{A.upper()}]\n"), None)
        self.assert_error(error, says=["no section is named by a guid", "32 lower-case hex digits"])

    def test_unknown(self) -> None:
        """The error names those there are."""
        error = self.assertRaises(ConfigError, choose_guid, parsed(f"[{A}]\n[m]\n"), "m")
        self.assert_error(error, says=["no section [m] for --guid", A])
        error = self.assertRaises(ConfigError, choose_guid, parsed("[m]\n"), A)
        self.assert_error(error, says=["guid sections are: none"])


class ReadingTests(Case):
    """Where the initiator's options come from."""

    def test_seed(self) -> None:
        """The reference example's file, and the one thing in it that was put right."""
        found = settings(SEED)
        self.assertEqual(
            (found.guid, found.listen_addr, found.listen_port, found.child_port_min, found.child_port_max),
            (INITIATOR, "0.0.0.0", 8080, 49152, 65535),
        )
        warning = f"{SOURCE}:17: child_port_max = 65536 is past the highest port, cut to 65535"
        self.assertEqual(found.warnings, (warning,))
        self.assertEqual(found.public_url(49152), "http://localhost:49152")

    def test_nothing_said(self) -> None:
        """Each option has its default, and nothing is warned of."""
        found = settings(f"[{INITIATOR}]\n")
        expected = {**{option.name: option.default for option in INITIATOR_OPTIONS}, "host_port": 8080}
        self.assertEqual({name: getattr(found, name) for name in expected}, expected)
        self.assertEqual((found.guid, found.warnings), (INITIATOR, ()))
        documented = {
            "listen_addr": "0.0.0.0",
            "listen_port": 8080,
            "default_module": "proactor.processor",
            "token_ttl": 300.0,
            "operator_auth": "local",
            "secret_options": ("token", "*password*", "*secret*", "*_key"),
        }
        self.assertEqual({name: expected[name] for name in documented}, documented)

    def test_order(self) -> None:
        """Its own section, else its module's, by either name, else DEFAULT."""
        for module in ("proactor.initiator", "turberfield.ipc.demo.initiator"):
            text = f"[{DEFAULT}]\nmax_jobs = 1\n[{module}]\nmax_jobs = 2\n[{INITIATOR}]\nmax_jobs = 3\n[{A}]\n"
            self.assertEqual(settings(text).max_jobs, 3)
            self.assertEqual(settings(text, A).max_jobs, 2)
            self.assertEqual(settings(text.replace(module, "m"), A).max_jobs, 1)

    def test_default_is_read_in_the_own_section(self) -> None:
        """What DEFAULT refers to may be said there."""
        text = f"[{DEFAULT}]\nmax_jobs = ${{most}}\nmost = 1\n[{INITIATOR}]\nmost = 2\n"
        self.assertEqual(settings(text).max_jobs, 2)

    def test_host_port(self) -> None:
        """Is the port that is listened at, where nothing else is said."""
        self.assertEqual(settings(f"[{INITIATOR}]\nlisten_port = 81\n").host_port, 81)
        self.assertEqual(settings(f"[{INITIATOR}]\nlisten_port = 81\nhost_port = 82\n").host_port, 82)

    def test_ipv6(self) -> None:
        """An address of colons is in brackets in a URL."""
        self.assertEqual(settings(f"[{INITIATOR}]\nhost_addr = ::1\n").public_url(80), "http://[::1]:80")

    def test_file_only(self) -> None:
        """What is for the file alone to say is not changed by an edit of what it refers to."""
        refers = "operator_auth = ${auth}\nauth = token\nsecret_options = ${hide}\nhide = pin\n"
        text = f"[{DEFAULT}]\n{refers}[{INITIATOR}]\n"
        edits = {name: Setting(value, "edit 2", revision=2) for name, value in (("auth", "local"), ("hide", "none"))}
        found = initiator_settings(Layers(parsed(text), {DEFAULT: edits, INITIATOR: edits}), INITIATOR)
        self.assertEqual((found.operator_auth, found.secret_options), ("token", ("pin",)))

    def test_edits(self) -> None:
        """Other options follow an edit."""
        edits = {INITIATOR: {"max_jobs": Setting("7", "edit 2", revision=2)}}
        self.assertEqual(initiator_settings(Layers(parsed(FILE), edits), INITIATOR).max_jobs, 7)


class WrongTests(Case):
    """Every wrong value is told with its place and what would be right."""

    def test_every_option_is_tried(self) -> None:
        """Or a new one would not be."""
        self.assertEqual({option.name for option in INITIATOR_OPTIONS}, WRONG.keys())

    def test_initiator(self) -> None:
        """In each section that its options are read of."""
        for name, trials in WRONG.items():
            for value, says in trials or ():
                for section in (DEFAULT, "proactor.initiator", INITIATOR):
                    text, line = placed(section, f"{name} = {value}".strip())
                    error = self.assertRaises(ConfigError, settings, text)
                    self.assert_error(error, line=line, section=section, option=name, value=value, says=[says])

    def test_any_text(self) -> None:
        """Where any text is right, any is taken."""
        for name, trials in WRONG.items():
            if trials is None:
                text, _ = placed(INITIATOR, f"{name} = any thing")
                self.assertIn(getattr(settings(text), name), ("any thing", ("any", "thing")))

    def test_by_reference(self) -> None:
        """The place is where the option stands, the value what it comes to."""
        text = f"[m]\nport = x1\n[{INITIATOR}]\nhost_port = ${{m:port}}\n"
        error = self.assertRaises(ConfigError, settings, text)
        self.assert_error(error, line=4, section=INITIATOR, option="host_port", value="x1")

    def test_missing_reference(self) -> None:
        """Is told with its line as well."""
        error = self.assertRaises(ConfigError, settings, f"[{INITIATOR}]\nmax_jobs = ${{nothing}}\n")
        self.assert_error(error, line=2, section=INITIATOR, option="max_jobs", value="${nothing}")

    def test_secrets(self) -> None:
        """A value that a secret went into is not shown."""
        text = f"[{INITIATOR}]\na_secret = S1\nmax_jobs = ${{a_secret}}\n"
        error = self.assertRaises(ConfigError, settings, text)
        self.assert_error(
            error, line=3, section=INITIATOR, option="max_jobs", value="***", says=["is not a whole number"]
        )
        self.assertNotIn("S1", str(error))


class PortTests(Case):
    """The range of ports for processors."""

    def test_cut(self) -> None:
        """Each end that is past the highest port is cut to it, with one warning that names its place."""
        text = f"[{DEFAULT}]\nchild_port_max = 70000\n[{INITIATOR}]\nchild_port_min = 65536\n"
        found = settings(text)
        self.assertEqual((found.child_port_min, found.child_port_max), (65535, 65535))
        self.assertEqual(
            [warning.split(" is past")[0] for warning in found.warnings],
            [
                f"{SOURCE}:4: child_port_min = 65536",
                f"{SOURCE}:2: child_port_max = 70000",
            ],
        )
        self.assertEqual(settings(f"[{INITIATOR}]\nchild_port_max = 65535\n").warnings, ())

    def test_cut_by_an_edit(self) -> None:
        """Its place is the edit."""
        edits = {INITIATOR: {"child_port_max": Setting("65536", "edit 2", revision=2)}}
        [warning] = initiator_settings(Layers(parsed(FILE), edits), INITIATOR).warnings
        self.assertEqual(warning, "edit 2: child_port_max = 65536 is past the highest port, cut to 65535")

    def test_empty(self) -> None:
        """A range that ends before it begins, whichever end was said."""
        for setting in ("child_port_max = 49151", "child_port_min = 3\nchild_port_max = 2"):
            text, name = f"[{INITIATOR}]\n{setting}\n", setting.split(" ")[0]
            error = self.assertRaises(ConfigError, settings, text)
            value = setting.split("\n")[0].split(" = ")[1]
            self.assert_error(
                error, line=2, section=INITIATOR, option=name, value=value, says=["the range", "is empty"]
            )
        self.assertEqual(settings(f"[{INITIATOR}]\nchild_port_min = 3\nchild_port_max = 3\n").child_port_min, 3)


class ModuleTests(Case):
    """What can be launched."""

    def test_sections(self) -> None:
        """Those of importable names, and those with a command; no processor's, no initiator's."""
        text = (
            f"[m]\n[my.module]\n[{INITIATOR}]\n[proactor.initiator]\n[turberfield.ipc.demo.initiator]\n"
            "[not a module]\n[web server]\ncommand = x\n[a:b]\ncommand = x\n[a}]\ncommand = x\n"
        )
        self.assertEqual(module_sections(Layers(parsed(text))), ["m", "my.module", "web server"])

    def test_default_processor(self) -> None:
        """Needs no section; where one of its former name is there, that is its."""
        former = "turberfield.ipc.demo.processor"
        for text, name, expected in [
            (SEED, "proactor.processor", former),
            (SEED, former, former),
            ("[proactor.processor]\n", "proactor.processor", "proactor.processor"),
            ("[m]\n", "proactor.processor", "proactor.processor"),
            ("[m]\n", former, None),
            ("[m]\n", "m", "m"),
            ("[m]\n", "n", None),
        ]:
            self.assertEqual(declared_module(Layers(parsed(text)), name), expected)

    def test_default_module(self) -> None:
        """May be any that is declared, one with a command too."""
        for name in ("m", "web server", "proactor.processor"):
            text = f"[m]\n[web server]\ncommand = x\n[{INITIATOR}]\ndefault_module = {name}\n"
            self.assertEqual(settings(text).default_module, name)
