"""Writes what the pages say after the program: the tables of options, and the list of files.

``python docs/make_reference.py`` brings the pages up to date; a test sees that they are.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import proactor
from proactor.config.job_settings import JOB_OPTIONS, YEAR
from proactor.config.settings import INITIATOR_OPTIONS
from proactor.options import Option
from proactor.processor.base import STANDARD

PACKAGE = Path(proactor.__file__).parent
PAGES = [Path(__file__).with_name(name) for name in ("architecture.md", "configuration.md")]

#: What stands between two marks is made here.
_BLOCK = re.compile(r"(<!-- (table: \w+|files) -->\n).*?(<!-- end -->)", re.DOTALL)

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
    lines = [line for folder in [PACKAGE, *sorted(filter(_is_package, PACKAGE.iterdir()))] for line in _modules(folder)]
    return "\n".join(["```", *lines, "```"]) + "\n"


def _is_package(path: Path) -> bool:
    return (path / "__init__.py").exists()


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


def made(mark: str) -> str:
    """What belongs behind a mark."""
    return listing() if mark == "files" else table(TABLES[mark.removeprefix("table: ")])


def renewed(page: str) -> str:
    """A page with all of that as it should be."""
    return _BLOCK.sub(lambda found: f"{found[1]}{made(found[2])}{found[3]}", page)


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(renewed(path.read_text("utf-8")), "utf-8")
