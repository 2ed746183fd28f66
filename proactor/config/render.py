"""A processor's section as text for its standard input: what ``configparser`` reads back is what went in."""

from __future__ import annotations

from collections.abc import Mapping

from .interpolation import escaped

#: A helper section with one empty option: ``${_:empty}`` keeps what the parser would strip or take for a comment.
GUARD_SECTION = "_"
_GUARD = "${_:empty}"


def render(section: str, options: Mapping[str, str]) -> str:
    """One section, for ``ConfigParser(interpolation=ExtendedInterpolation(), allow_no_value=True)``.

    :param options: resolved values; a line feed in one is the end of a line, as in a value over several lines.
    """
    lines = [f"[{section}]"]
    lines.extend(f"{name} = {_value(text)}" for name, text in options.items())
    text = "\n".join(lines) + "\n"
    if _GUARD in text:
        text = f"[{GUARD_SECTION}]\nempty =\n\n{text}"
    return text


def _value(text: str) -> str:
    if not text:
        return ""
    return "\n\t".join(_guarded(escaped(line)) for line in text.split("\n"))


def _guarded(line: str) -> str:
    if line and line == line.strip() and line[0] not in "#;":
        return line
    return f"{_GUARD}{line}{_GUARD}"
