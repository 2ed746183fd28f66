"""The import arrow: plain logic <- services <- HTTP <- the plugin and the command line; a processor is apart."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen
from twisted.trial.unittest import SkipTest, SynchronousTestCase

import proactor

ROOT = Path(proactor.__file__).parent

SHARED_PLAIN = (
    "backoff",
    "errors",
    "extent",
    "home.files",
    "home.holder",
    "log.last_words",
    "log.levels",
    "messaging.cloudevents",
    "messaging.topics",
    "option_types",
    "options",
    "tokens.allowed",
    "tokens.bearer",
    "tokens.verification",
    "tokens.verified",
    "tracing",
    "urls",
)
PLAIN = (
    *SHARED_PLAIN,
    "changes.rollout",
    "config",
    "interfaces",
    "jobs.ending",
    "jobs.endpoint",
    "jobs.launch_queue",
    "jobs.launch_record",
    "jobs.lifecycle",
    "jobs.restart_policy",
    "jobs.waited_for",
    "model",
    "saved",
    "spelling",
    "timeline.kinds",
    "timeline.origin",
    "timeline.story",
    "timeline.timeline",
    "tokens.issuing",
    "tokens.keyring",
    "tokens.operators",
)
SHARED = (
    "log.formats",
    "log.writing",
    "reactor.endpoints",
    "reactor.monotonic",
    "reactor.periodic",
    "tls.trust",
    "wire.channel",
    "wire.grammar",
    "wire.limits",
    "wire.problems",
    "wire.request",
    "wire.site",
    "wire.small_body",
)
HTTP = ("web",)
CLIENT = ("client",)
TOP = ("assembly", "cli", "lifetime", "reloading", "service", "startup", "tap")
PROCESSOR = ("peers", "processor", "testing")
NAMED = (*PLAIN, *SHARED, *HTTP, *CLIENT, *TOP, *PROCESSOR)


def everything() -> Iterator[str]:
    """Each module, by its name below the package; a package that is in one layer as a whole counts once."""
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if path.stem != "__init__" and not any(name.startswith(f"{whole}.") for whole in NAMED):
            yield name


SERVICES = tuple(sorted({*everything()} - {*NAMED}))
"""A module that is put into no other layer here is a service."""

ALL = (*NAMED, *SERVICES)
INITIATOR = tuple(name for name in (*PLAIN, *SERVICES, *HTTP, *CLIENT, *TOP) if name not in SHARED_PLAIN)
"""What no processor loads. A name stands for a module or a package below ``proactor``."""


def ours(*names: str) -> tuple[str, ...]:
    return tuple(f"proactor.{name}" for name in names)


def all_but(*names: str) -> tuple[str, ...]:
    return tuple(name for name in ALL if name not in names)


@frozen
class Rule:
    """Modules that never import some others.

    :param save: what they may import all the same.
    """

    promise: str
    modules: tuple[str, ...]
    never: tuple[str, ...]
    save: tuple[str, ...] = ()


NETWORK = ("klein", "treq", "twisted.application", "twisted.internet", "twisted.web")

RULES = (
    Rule("plain logic knows no reactor", tuple(name for name in PLAIN if name != "interfaces"), NETWORK),
    Rule("interfaces know Deferreds and no reactor", ("interfaces",), NETWORK, ("twisted.internet.defer",)),
    Rule("plain logic uses no service", PLAIN, ours(*SHARED, *SERVICES, *HTTP, *TOP, *PROCESSOR)),
    Rule("what both sides share uses neither", (*SHARED_PLAIN, *SHARED), ours(*INITIATOR, *PROCESSOR)),
    Rule("a service knows no routes", SERVICES, ours(*HTTP, *CLIENT, *TOP)),
    Rule("a client knows HTTP alone", CLIENT, ours(*all_but(*SHARED_PLAIN, *SHARED, *CLIENT))),
    Rule("routes know no plugin", HTTP, ours(*CLIENT, *TOP)),
    Rule("a processor uses nothing of the initiator", ("peers", "processor"), (*ours(*INITIATOR), "jwt", "sqlite3")),
    Rule("only what serves uses Klein", all_but("processor", "testing", "web"), ("klein",)),
    Rule("only clients use treq", all_but("cli", "client", "processor", "testing"), ("treq",)),
)


@frozen
class Import:
    """One imported name, in full, and where."""

    name: str
    line: int
    in_function: bool


def is_below(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def is_for_types_alone(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def imported(node: ast.Import | ast.ImportFrom, package: list[str]) -> list[str]:
    """Give the full names that a statement in a package's module imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    base = package[: len(package) - node.level + 1] if node.level else []
    return [".".join([*base, *filter(None, [node.module]), alias.name]) for alias in node.names]


def imports(node: ast.AST, package: list[str], in_function: bool = False) -> Iterator[Import]:
    """Walk through the imports of a module that a run of it can reach."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from (Import(name, node.lineno, in_function) for name in imported(node, package))
    inside = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for child in node.orelse if isinstance(node, ast.If) and is_for_types_alone(node) else ast.iter_child_nodes(node):
        yield from imports(child, package, inside)


def modules(*names: str) -> Iterator[tuple[Path, list[str]]]:
    """Give the files, and their packages, of modules and packages below ours, of those that are there."""
    for name in names:
        place = ROOT.joinpath(*name.split("."))
        files = sorted(place.rglob("*.py")) or [place.with_suffix(".py")]
        for file in files:
            if file.exists():
                yield file, ["proactor", *file.relative_to(ROOT).parts[:-1]]


def found(*names: str) -> Iterator[tuple[str, Import]]:
    """Give the imports of modules, each with its place for a message."""
    for file, package in modules(*names):
        for each in imports(ast.parse(file.read_text("utf-8")), package):
            yield f"{file.relative_to(ROOT.parent)}:{each.line} imports {each.name}", each


def of(source: str, package: str = "proactor.web") -> list[Import]:
    return list(imports(ast.parse(source), package.split(".")))


class ReadingTests(SynchronousTestCase):
    """The reading of imports."""

    def test_names(self) -> None:
        """Names are told in full, relative ones too."""
        source = "import a.b, c as d; from e import f; from . import g; from .h import i; from ..j import k"
        source += "; from .. import l"
        names = ["a.b", "c", "e.f", "proactor.web.g", "proactor.web.h.i", "proactor.j.k", "proactor.l"]
        self.assertEqual([each.name for each in of(source)], names)

    def test_places(self) -> None:
        """It is told apart what a function imports, and what is for types alone is left out."""
        source = (
            "if TYPE_CHECKING:\n    import a\nelse:\n    import b\ndef f():\n    import c\nclass D:\n    import e\n"
        )
        self.assertEqual(of(source), [Import("b", 4, False), Import("c", 6, True), Import("e", 8, False)])


class LayoutTests(SynchronousTestCase):
    """Which module may import which."""

    def test_rules(self) -> None:
        """Each rule holds."""
        broken = [
            f"{rule.promise}: {place}"
            for rule in RULES
            for place, each in found(*rule.modules)
            if is_below(each.name, rule.never) and not is_below(each.name, rule.save)
        ]
        self.assertEqual(broken, [])

    def test_no_reactor(self) -> None:
        """The global reactor is imported inside functions alone: an import installs none."""
        broken = [
            place
            for place, each in found("__init__", *ALL)
            if is_below(each.name, ("twisted.internet.reactor",)) and not each.in_function
        ]
        self.assertEqual(broken, [])


PROGRAM = """
import json, pkgutil, sys
from importlib import import_module
import proactor.processor
from proactor import Processor
for each in pkgutil.iter_modules(proactor.processor.__path__, "proactor.processor."):
    if not each.name.endswith("__main__"):
        import_module(each.name)
print(json.dumps(sorted(sys.modules)))
"""


class ProcessorTests(SynchronousTestCase):
    """What a processor's process loads, for its start-up time and memory are the fleet's."""

    def test_loaded(self) -> None:
        """Nothing of the initiator is loaded, nor what it alone needs."""
        if not (ROOT / "processor" / "__init__.py").exists():
            raise SkipTest("there is no processor yet")
        environment = {**os.environ, "PYTHONPATH": str(ROOT.parent)}
        loaded = json.loads(subprocess.check_output([sys.executable, "-c", PROGRAM], env=environment))
        self.assertIn("proactor.processor", loaded)
        unwanted = (*ours(*INITIATOR), "jwt")
        self.assertEqual([name for name in loaded if is_below(name, unwanted)], [])


class StrayTests(SynchronousTestCase):
    """What a run of tests leaves behind is no part of the repository."""

    def test_strays(self) -> None:
        """No folder that ``mktemp`` of a test case makes, named for a module, is kept."""
        top = ROOT.parent
        if not (top / ".git").exists():
            raise SkipTest("not a checkout")
        listed = subprocess.run(["git", "ls-files"], cwd=top, capture_output=True, text=True, check=True).stdout
        folders = {path.partition("/")[0] for path in listed.splitlines()}
        self.assertEqual({name for name in folders if name.startswith(("__main__", "_trial_temp", "tests."))}, set())
