"""Writes the tables of options in ``configuration.md``, from the declarations that the program itself goes by.

``python docs/make_reference.py`` brings the page up to date; a test sees that it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from proactor.config.job_settings import JOB_OPTIONS, YEAR
from proactor.config.settings import INITIATOR_OPTIONS
from proactor.options import Option
from proactor.processor.base import STANDARD

PAGE = Path(__file__).with_name("configuration.md")

#: What stands between two marks of a name is made here.
_BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

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


def renewed(page: str) -> str:
    """The page with its tables as they should be."""
    return _BLOCK.sub(lambda found: f"{found[1]}{table(TABLES[found[2]])}{found[3]}", page)


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
