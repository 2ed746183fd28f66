"""The documentation says what the program does: routes, options, states, files; and its links lead somewhere."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import unittest
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import click
from attrs import frozen
from klein import Klein
from twisted.trial.unittest import SynchronousTestCase
from werkzeug.exceptions import HTTPException

from proactor import Processor
from proactor.cli.main import proactor as command_line
from proactor.jobs.lifecycle import TRANSITIONS
from proactor.model import State
from proactor.options import is_steering
from proactor.processor.base import STANDARD
from proactor.startup import Options
from proactor.timeline.kinds import KINDS
from proactor.web.errors import STATUS
from proactor.web.table import ROUTES

from .test_examples import ticker
from .test_sequences import example

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md")))

_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
#: What the example and what ``proactor init`` writes answer besides the routes of all processors.
_OF_PROCESSORS = (("GET", "/config"), ("GET", "/healthz"), ("GET", "/work"))
_ROUTE = re.compile(r"(GET|POST|PATCH|DELETE|PUT) (/[\w/.<>-]*)")

#: The options of ``twistd proactor``.
KNOWN = {f"--{row[0]}" for row in Options.optParameters} | {f"--{row[0]}" for row in Options.optFlags}


def text(page: Path) -> str:
    return page.read_text("utf-8")


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return _BLOCK.sub("", text(page))


def blocks(page: Path, kind: str) -> list[str]:
    """The blocks of a kind, such as ``python``."""
    return [content for found, content in _BLOCK.findall(text(page)) if found == kind]


def rows(part: str) -> list[list[str]]:
    """The cells of all rows of the tables in a text."""
    lines = [line for line in part.split("\n") if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def documented(path: str) -> str:
    """A route's path as the pages have it."""
    return re.sub(r"<(\w+)>", lambda found: found[1].upper(), path)


def slug(heading: str) -> str:
    """The anchor that a heading gets where Markdown is shown."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {slug(line.lstrip("# ")) for line in prose(page).split("\n") if line.startswith("#")}


def load(path: Path, name: str) -> ModuleType:
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@frozen
class Line:
    """A command in a ``console`` block: what stands behind the dollar sign."""

    page: str
    command: str

    def curls(self) -> Iterator[list[str]]:
        """The arguments of each call of curl in it."""
        for part in re.split(r"\s\|\s", self.command):
            words = shlex.split(part, comments=True)
            if words[:1] == ["curl"]:
                yield words[1:]

    def verb(self) -> list[str]:
        """The arguments of ``proactor``, where that is what is called; what the shell puts in is a guid."""
        plain = re.sub(r"\$\([^)]*\)|\$\{[^}]*\}", "3f2a", self.command)
        words = shlex.split(re.split(r"\s(?:\||&&|<|>)", plain)[0], comments=True)
        return words[1:] if words[:1] == ["proactor"] else []


def lines() -> list[Line]:
    return [
        Line(page.name, line.strip()[2:])
        for page in PAGES
        for block in blocks(page, "console")
        for line in block.split("\n")
        if line.strip().startswith("$ ")
    ]


def request(arguments: list[str]) -> tuple[str, str]:
    """The method and the URL that curl would ask."""
    method, url, sends = "", "", False
    rest = iter(arguments)
    for word in rest:
        if word == "-X":
            method = next(rest)
        elif word in ("-d", "-H", "-o", "--cacert"):
            sends = sends or word == "-d"
            next(rest)
        elif not word.startswith("-"):
            url = word
    return method or ("POST" if sends else "GET"), url if "://" in url else f"http://{url}"


def answers(app: Klein, method: str, path: str) -> bool:
    """Whether an application has a route for that."""
    try:
        app.url_map.bind("localhost").match(path, method=method)
    except HTTPException:
        return False
    return True


EXAMPLE_APPS = (
    ticker().app,
    example("request_reply").Speller.app,
    example("scatter_gather").Trader.app,
    example("pipeline").Stage.app,
    example("mandelbrot").Painter.app,
    example("publish_subscribe").Guest.app,
    example("work_queue").Worker.app,
)


def is_verb(words: list[str]) -> bool:
    """Whether the command line takes that; nothing is run."""
    try:
        context = command_line.make_context("proactor", list(words))
        while isinstance(context.command, click.Group):
            rest = [*context._protected_args, *context.args]
            name, command, rest = context.command.resolve_command(context, rest)
            assert command is not None
            context = command.make_context(name, rest, parent=context)
    except click.exceptions.Exit:
        return True
    except click.UsageError:
        return False
    return True


class PagesTests(SynchronousTestCase):
    """All pages."""

    def test_links(self) -> None:
        """A link within the documentation leads to a file that is there, and to a heading in it."""
        broken = []
        for page in PAGES:
            for link in _LINK.findall(prose(page)):
                path, _, anchor = link.partition("#")
                target = (page.parent / path).resolve() if path else page
                if urlsplit(link).scheme:
                    continue
                if not target.exists() or (anchor and anchor not in anchors(target)):
                    broken.append(f"{page.name}: {link}")
        self.assertEqual(broken, [])

    def test_reachable(self) -> None:
        """Each page is linked from the README."""
        linked = {(ROOT / link.partition("#")[0]).resolve() for link in _LINK.findall(prose(ROOT / "README.md"))}
        self.assertEqual([page.name for page in PAGES[1:] if page.resolve() not in linked], [])

    def test_blocks(self) -> None:
        """Every block of code is closed."""
        odd = [page.name for page in PAGES if len(re.findall(r"^ *```", text(page), re.MULTILINE)) % 2]
        self.assertEqual(odd, [])

    def test_made(self) -> None:
        """The tables of options and the list of files are what the program says: run docs/make_reference.py."""
        made = load(DOCS / "make_reference.py", "make_reference")
        self.assertEqual([page.name for page in made.PAGES if made.renewed(text(page)) != text(page)], [])


class ConsoleTests(SynchronousTestCase):
    """What a reader is told to type."""

    def test_syntax(self) -> None:
        """A shell can read each command."""
        commands = "\n".join(line.command for line in lines() if "<this repository>" not in line.command)
        read = subprocess.run(["sh", "-n"], input=commands, text=True, capture_output=True, check=False)
        self.assertEqual((read.returncode, read.stderr), (0, ""))

    def test_curl(self) -> None:
        """Each curl asks for a route that the initiator has, or an example processor."""
        initiator, asked, wrong = Klein(), 0, []
        for route in ROUTES:
            initiator.route(route.path, methods=[route.method], endpoint=route.name)(lambda _: b"")
        for line in lines():
            for arguments in line.curls():
                method, url = request(arguments)
                asked += 1
                if not self._is_there(initiator, method, url):
                    wrong.append(f"{line.page}: {line.command}")
        self.assertEqual(wrong, [])
        self.assertGreater(asked, 30)

    def _is_there(self, initiator: Klein, method: str, url: str) -> bool:
        parts = urlsplit(url)
        if parts.port == 8080:
            return answers(initiator, method, parts.path)
        own = any(answers(app, method, parts.path) for app in EXAMPLE_APPS)
        return parts.port in (49152, 49153, 49154) and (own or (method, parts.path) in _OF_PROCESSORS)

    def test_verbs(self) -> None:
        """What is typed with ``proactor`` is a verb that there is, with arguments and options that it has."""
        typed = [line for line in lines() if line.verb()]
        self.assertGreater(len(typed), 60)
        wrong = [f"{line.page}: {line.command}" for line in typed if not is_verb(line.verb())]
        self.assertEqual(wrong, [])

    def test_options(self) -> None:
        """What is typed behind ``proactor`` are options of it."""
        for line in lines():
            if "twistd" in line.command and " proactor" in line.command:
                _, _, behind = line.command.partition(" proactor")
                typed = [word for word in shlex.split(behind) if word.startswith("--")]
                self.assertEqual([word for word in typed if word not in KNOWN], [], line.command)


class ReferenceTests(SynchronousTestCase):
    """What there is, and what is told of."""

    def test_routes(self) -> None:
        """``docs/http.md`` has a heading for each route, no other, and says who may use it."""
        told = re.findall(r"^### (\w+ /\S*)\n\nWho: (.*)$", text(DOCS / "http.md"), re.MULTILINE)
        there = [
            (f"{route.method} {documented(route.path)}", sorted(who.value for who in route.who)) for route in ROUTES
        ]
        self.assertEqual(sorted((route, sorted(who.split(", "))) for route, who in told), sorted(there))

    def test_routes_in_short(self) -> None:
        """The table in the README has each route, no other, and says who may use it."""
        found = [row for row in rows(text(ROOT / "README.md")) if _ROUTE.fullmatch(row[0].strip("`"))]
        there = [
            (f"{route.method} {documented(route.path)}", sorted(who.value for who in route.who)) for route in ROUTES
        ]
        self.assertEqual(sorted((row[0].strip("`"), sorted(row[1].split(", "))) for row in found), sorted(there))

    def test_statuses(self) -> None:
        """``docs/http.md`` says when each status comes."""
        told = {row[0] for row in rows(text(DOCS / "http.md"))}
        self.assertEqual({str(status) for status in STATUS.values()} - told, set())

    def test_events(self) -> None:
        """``docs/http.md`` says when each kind of event comes, and has no other."""
        _, _, table = text(DOCS / "http.md").partition("| event | when |\n")
        told = {kind for row in rows(table.partition("\n\n")[0]) for kind in re.findall("`([^`]+)`", row[0])}
        self.assertEqual(told, KINDS)

    def test_transitions(self) -> None:
        """``docs/lifecycle.md`` has each transition of a job, and no other; each state is explained."""
        table = rows(text(DOCS / "lifecycle.md"))
        states = {state.value for state in State}
        told = {tuple(row[:3]) for row in table if row[0] in states and len(row) == 4}
        there = {(state.value, step.value, to.value) for (state, step), to in TRANSITIONS.items()}
        self.assertEqual(told, there)
        self.assertEqual(
            {row[0].strip("`") for row in table if row[0].startswith("`") and len(row) == 2} & states, states
        )

    def test_steering(self) -> None:
        """The options that nobody can edit are told of, and are such."""
        part = text(DOCS / "configuration.md").partition("set by the initiator alone")[2].partition("\n\n")[0]
        names = [name for name in re.findall(r"`([a-z_]+)`", part) if not name.endswith("_")]
        self.assertEqual([name for name in names if not is_steering(name)], [])
        self.assertIn("command", names)

    def test_command_line(self) -> None:
        """The README tells of each option of ``twistd proactor``, and no other."""
        table = {
            row[0].partition(",")[0].strip("`") for row in rows(text(ROOT / "README.md")) if row[0].startswith("`--")
        }
        self.assertEqual(table, KNOWN)

    def test_processor_options(self) -> None:
        """The options of every processor are those of the page on configuration."""
        part = text(DOCS / "configuration.md").partition("<!-- table: processor -->")[2].partition("<!-- end -->")[0]
        self.assertEqual([row[0] for row in rows(part)[2:]], [f"`{option.name}`" for option in STANDARD])


class ExampleTests(SynchronousTestCase):
    """The code on the pages."""

    def test_processor(self) -> None:
        """The processors that ``docs/processors.md`` shows work, and the tests pass."""
        processor, gallery, shop, calling, tests = blocks(DOCS / "processors.md", "python")
        compile(calling, "calling", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        self.assertEqual(self._module("shop", shop).Shop.handlers.topics(), ["orders.*"])
        greeter = self._module("greeter", processor)
        self.assertTrue(issubclass(greeter.Greeter, Processor))
        self.assertTrue(issubclass(self._module("gallery", gallery).Gallery, Processor))
        cases = self._module("test_greeter", tests).GreeterTests
        result = unittest.TestResult()
        unittest.TestLoader().loadTestsFromTestCase(cases).run(result)
        self.assertEqual((result.testsRun, result.errors, result.failures), (2, [], []))

    def _module(self, name: str, code: str) -> ModuleType:
        path = Path(self.mktemp())
        path.mkdir(parents=True)
        (path / f"{name}.py").write_text(code)
        module = load(path / f"{name}.py", name)
        sys.modules[name] = module
        self.addCleanup(sys.modules.pop, name, None)
        return module

    def test_excerpt(self) -> None:
        """The lines of the example that the README shows are in it."""
        (excerpt,) = blocks(ROOT / "README.md", "python")
        source = text(ROOT / "examples" / "ticker.py").split("\n")
        self.assertEqual([line for line in excerpt.split("\n") if line not in source], [])

    def test_configuration(self) -> None:
        """The configuration file that the README shows is the one that is shipped."""
        self.assertEqual(blocks(ROOT / "README.md", "ini")[0], text(ROOT / "proactor.cfg"))
        self.assertEqual(text(ROOT / "proactor.cfg"), text(ROOT / "proactor" / "proactor.cfg"))
