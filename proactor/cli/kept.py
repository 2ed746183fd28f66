"""How many of a module are kept running: said by verbs that make more of them, or fewer.

What they were asked for is done by then: they do not fail for what is said besides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .shell import Shell
from .words import one_line

if TYPE_CHECKING:
    from ..client import Client

__all__ = ["warn_of_others", "warn_of_too_many"]


async def warn_of_others(shell: Shell, client: Client, module: str) -> None:
    """Others come for those of a module that are removed, where a number is kept: say so."""
    kept, _ = await _kept(client, module)
    if kept and kept != "0":
        told = f"[{module}] instances = {one_line(kept)}: others are launched in their place"
        shell.out.say(f"{told}. To have none: proactor scale {module} 0")


async def warn_of_too_many(shell: Shell, client: Client, module: str) -> None:
    """There are more of a module now than the number that is kept, so some will go: say so."""
    kept, there = await _kept(client, module, counted=True)
    if kept.isdecimal() and there > int(kept):
        told = f"[{module}] instances = {kept}, and there are {there}: {there - int(kept)} go at the next edit or start"
        shell.out.say(f"{told}. To keep all: proactor scale {module} {there}")


async def _kept(client: Client, module: str, counted: bool = False) -> tuple[str, int]:
    """The number as its section has it, and how many there are; nothing where that is not said, or cannot be seen.

    :param counted: whether to count them, where a number is kept.
    """
    from ..client import ClientError  # noqa: PLC0415

    try:
        kept = (await client.config.section(module)).options.get("instances") or ""
        return kept, len(await client.jobs.list(module=module)) if kept and counted else 0
    except ClientError:
        # A token may open the rest and not this; a section may have been taken out of the file.
        return "", 0
