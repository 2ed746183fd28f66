"""Writes what the pages say after the program: the tables of options, the list of files, the reference of HTTP.

``python docs/make_reference.py`` brings the pages up to date; a test sees that they are.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import fill
from typing import Any, cast

import click

import proactor
from proactor.cli.main import proactor as proactor_group
from proactor.cli.verbs import COMMON
from proactor.config.job_settings import JOB_OPTIONS, YEAR
from proactor.config.settings import INITIATOR_OPTIONS
from proactor.metrics import Metrics
from proactor.options import Option
from proactor.processor.base import STANDARD
from proactor.web.description.document import SCHEMAS, described, errors, needs_body
from proactor.web.description.parts import Operation, Reply
from proactor.web.table import Route, Who

PACKAGE = Path(proactor.__file__).parent
PAGES = [
    Path(__file__).with_name(name)
    for name in ("architecture.md", "cli.md", "configuration.md", "http-api.md", "operations.md")
]

#: What stands between two marks is made here.
_BLOCK = re.compile(r"(<!-- (table: \w+|files|routes|records|metrics|verbs|common) -->\n).*?(<!-- end -->)", re.DOTALL)

_BOUNDS = (("minimum", ">="), ("exclusive_minimum", ">"), ("maximum", "<="), ("exclusive_maximum", "<"))

TABLES: Mapping[str, tuple[Option, ...]] = {
    "initiator": INITIATOR_OPTIONS,
    "job": JOB_OPTIONS,
    "processor": STANDARD,
}


def table(options: Iterable[Option]) -> str:
    """A Markdown table, an option a row."""
    lines = ["| option | type | default | range | meaning |", "| --- | --- | --- | --- | --- |"]
    lines.extend(f"| {' | '.join(_cells(option))} |" for option in options)
    return "\n".join(lines) + "\n"


def _cells(option: Option) -> tuple[str, ...]:
    kind, text = str(option.to_json()["type"]), option.text(option.default)
    if option.type is float:
        text = text.removesuffix(".0")
    return f"`{option.name}`", kind, f"`{text}`" if text else "none", _range(option), _sentence(option.help)


def _range(option: Option) -> str:
    if option.choices is not None:
        return ", ".join(f"`{choice}`" for choice in option.choices)
    bounds = ((sign, getattr(option, name)) for name, sign in _BOUNDS)
    return ", ".join(f"`{sign} {bound}`" for sign, bound in bounds if bound not in (None, YEAR))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].removesuffix(".").replace("|", r"\|")


def listing() -> str:
    """The modules of the package, folder by folder, each with what its first line says."""
    folders = sorted(path.parent for path in PACKAGE.rglob("__init__.py"))
    lines = [line for folder in folders for line in _modules(folder)]
    return "\n".join(["```", *lines, "```"]) + "\n"


def _modules(folder: Path) -> Iterable[str]:
    modules = sorted(folder.glob("*.py"))
    width = max(len(module.name) for module in modules) + 2
    indent = "" if folder == PACKAGE else "  "
    for module in [module for module in modules if module.stem == "__init__"]:
        name = folder.relative_to(PACKAGE.parent).as_posix()
        yield f"{name}/ - {_summary(module)}"
    for module in [module for module in modules if module.stem != "__init__"]:
        yield f"{indent}  {module.name:<{width}}{_summary(module)}"


def _summary(module: Path) -> str:
    documented = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or ""
    return documented.partition("\n")[0].replace("``", "").removesuffix(".")


def routes() -> str:
    """Each operation: what it does, who may, what goes in and what comes out."""
    by_tag: dict[str, list[str]] = {}
    for route, operation in described():
        by_tag.setdefault(operation.tag, []).append(_operation(route, operation))
    return "\n".join(f"## {tag}\n\n{''.join(parts)}" for tag, parts in by_tag.items())


def _operation(route: Route, operation: Operation) -> str:
    path = re.sub(r"<(\w+)>", lambda found: found[1].upper(), route.path)
    scope = f" (`{route.scope.value}`)"
    who = ", ".join(sorted(f"{who.value}{scope if who is Who.OPERATOR else ''}" for who in route.who))
    parts = [
        f"### {route.method} {path}",
        f"{operation.summary}. For: {who}.",
        fill(operation.text, 118, break_on_hyphens=False),
    ]
    asked = [(f"`?{each.name}=`", each.text, kind(each.schema), each.many) for each in operation.query]
    asked += [(f"`{each.name}:`", each.text, kind(each.schema), each.many) for each in operation.headers]
    cells = [(name, says, f"{of}, several times" if many else of) for name, says, of, many in asked]
    parts.append(_rows(("parameter", "meaning", "value"), cells))
    if operation.body is not None:
        need = "" if needs_body(operation) else ", may be missing"
        parts.append(f"Body ({route.body.value}, at most {route.limit // 1024} KiB{need}): {kind(operation.body)}.")
    replies = [(str(status), reply.text, _content(reply)) for status, reply in operation.replies.items()]
    replies += [
        (str(status), f"{when[:1].upper()}{when[1:]}.", "") for status, when in errors(route, operation).items()
    ]
    parts.append(_rows(("status", "when", "body, headers"), replies))
    if operation.example:
        parts.append(f"```console\n$ {operation.example}\n```")
    return "\n\n".join(filter(None, parts)) + "\n\n"


def _content(reply: Reply) -> str:
    types = [
        f"`{type_}`{'' if kind(schema) == 'text' else f': {kind(schema)}'}" for type_, schema in reply.content.items()
    ]
    return "; ".join([*types, *(f"`{name}`" for name in reply.headers)])


def _rows(head: tuple[str, ...], cells: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(each.replace('|', chr(92) + '|') for each in row)} |" for row in cells]
    return "\n".join([f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *lines]) if lines else ""


def kind(schema: Mapping[str, Any]) -> str:
    """What a schema lets through, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(map(kind, schema["anyOf"]))
    if "enum" in schema:
        return ", ".join("`null`" if word is None else f"`{word}`" for word in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    types = schema.get("type", "object")
    return " or ".join(_typed(type_, schema) for type_ in ([types] if isinstance(types, str) else types))


def _typed(type_: str, schema: Mapping[str, Any]) -> str:
    if type_ == "array" and "items" in schema:
        return f"list of {kind(schema['items'])}"
    if type_ == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {kind(schema['additionalProperties'])}"
    if type_ == "object" and "properties" in schema:
        return f"object of {', '.join(f'`{name}`' for name in schema['properties'])}"
    names = {"string": "time" if schema.get("format") == "date-time" else "text", "array": "list", "null": "`null`"}
    return names.get(type_, type_) + (_bounds(schema) if type_ in ("integer", "number") else "")


def _bounds(schema: Mapping[str, Any]) -> str:
    bounds = [f"`{sign} {schema[name]}`" for name, sign in _BOUNDS if name in schema]
    return f" {' '.join(bounds)}" if bounds else ""


def records() -> str:
    """The records that are sent and received, member by member."""
    return "\n".join(_record(name, schema) for name, schema in SCHEMAS.items())


def _record(name: str, schema: Mapping[str, Any]) -> str:
    needed = schema.get("required", ())
    cells = [
        (f"`{member}`", each.get("description", ""), f"{kind(each)}{'' if member in needed else ', may be missing'}")
        for member, each in schema.get("properties", {}).items()
    ]
    rest = schema["additionalProperties"]
    if rest:
        cells.append(("others", "", "any" if rest is True else kind(rest)))
    text = schema.get("description", "")
    return "\n\n".join(filter(None, [f"### {name}", text, _rows(("member", "meaning", "value"), cells)])) + "\n"


def metrics() -> str:
    """What is measured: each metric of ours, with its labels."""
    made = Metrics(lambda: 0.0, lambda _: None)
    made.answered("", 200, False, 0.0)
    cells = []
    for family in made.registry.collect():
        if family.name.startswith("proactor_"):
            labels = dict.fromkeys(name for sample in family.samples for name in sample.labels if name != "le")
            name = f"`{family.name}{'_total' if family.type == 'counter' else ''}`"
            cells.append((name, family.type, ", ".join(f"`{label}`" for label in labels), family.documentation))
    return _rows(("metric", "type", "labels", "says"), cells) + "\n"


def common() -> str:
    """The options of all verbs."""
    return _options(cast(list[click.Option], proactor_group.params), ("--version",)) + "\n"


#: The verbs whose examples cannot be run by the test of the pages.
_NOT_RUN = {"completion": "each line is for another shell; tests/e2e/test_cli.py completes words"}


def verbs() -> str:
    """Each verb: what it does, its arguments, its options, examples."""
    return "\n".join(_verb(name, command) for name, command in _commands(proactor_group))


def _commands(group: click.Group, before: str = "proactor") -> Iterable[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, f"{before} {name}")
        else:
            yield f"{before} {name}", command


def _verb(name: str, command: click.Command) -> str:
    context = click.Context(command)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    text = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    examples = "\n".join(f"$ {line}  # {meaning}" for line, meaning in getattr(command, "examples", ()))
    options = [each for each in command.params if isinstance(each, click.Option)]
    parts = [f"### {name}", f"`{usage}`", text, _options(options, (*COMMON, "--help"))]
    reason = _NOT_RUN.get(name.removeprefix("proactor "))
    note = "" if reason is None else f"<!-- not run: {reason} -->\n"
    return "\n\n".join(filter(None, [*parts, f"{note}```console\n{examples}\n```"])) + "\n"


def _options(options: Iterable[click.Option], without: tuple[str, ...]) -> str:
    cells = [
        (f"`{', '.join(option.opts)}{_value(option)}`", option.help or "")
        for option in options
        if option.opts[0] not in without and not option.hidden
    ]
    return _rows(("option", "meaning"), cells)


def _value(option: click.Option) -> str:
    if option.is_flag:
        return ""
    if isinstance(option.type, click.Choice):
        return f" {'|'.join(option.type.choices)}"
    default = f" ({option.default:g})" if isinstance(option.default, int | float) and option.show_default else ""
    return f" {option.make_metavar(click.Context(proactor_group))}{default}"


MADE = {
    "metrics": metrics,
    "files": listing,
    "routes": routes,
    "records": records,
    "verbs": verbs,
    "common": common,
}


def made(mark: str) -> str:
    """What belongs behind a mark."""
    return MADE[mark]() if mark in MADE else table(TABLES[mark.removeprefix("table: ")])


def renewed(page: str) -> str:
    """A page with all of that as it should be."""
    return _BLOCK.sub(lambda found: f"{found[1]}{made(found[2])}{found[3]}", page)


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(renewed(path.read_text("utf-8")), "utf-8")
