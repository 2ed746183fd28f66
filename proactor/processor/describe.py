"""The options of a processor as the section of a configuration file that would set them."""

from __future__ import annotations

from collections.abc import Iterator

from ..options import Option, is_secret

__all__ = ["describe"]


def describe(section: str, own: tuple[Option, ...], standard: tuple[Option, ...]) -> str:
    """Write a section with every option, its meaning, its range and its default, for ``configparser``."""
    lines = [f"[{section}]"]
    for option in own:
        lines.extend(_entry(option))
    lines += ["", "# Of every processor:"]
    for option in standard:
        lines.extend(_entry(option))
    return "\n".join(lines) + "\n"


def _entry(option: Option) -> Iterator[str]:
    when = "" if option.live else "; from the next start on"
    secret = "; secret" if option.secret or is_secret(option.name) else ""
    yield ""
    if option.help:
        yield f"# {' '.join(option.help.split())}"
    yield f"# {option.requirement()}{when}{secret}"
    if option.default is None or secret:
        yield f"# {option.name} ="
    else:
        yield f"{option.name} = {option.text(option.default).replace('$', '$$')}".rstrip()
