"""Which section of the configuration is meant: by its name, or by the beginning of a job's guid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .shell import find

if TYPE_CHECKING:
    from ..client import Client

__all__ = ["is_guid", "meant", "options_of"]

_HEX = frozenset("0123456789abcdef")
_GUID_LENGTH = 32


def is_guid(name: str) -> bool:
    """Whether a section is named by a guid."""
    return len(name) == _GUID_LENGTH and set(name) <= _HEX


async def meant(client: Client, name: str) -> str:
    """The section that is meant.

    :raises Failed: no section is called so, and no job begins so, or several do.
    """
    if is_guid(name) or set(name) - _HEX:
        return name
    # A module may have a name that could be the beginning of a guid.
    if name in (await client.config.sections()).sections:
        return name
    return (await find(client, [name]))[0]


async def options_of(client: Client, name: str) -> Mapping[str, str | None]:
    """The options of a section as they are written; of a processor with what they come to. Of secrets nothing."""
    if is_guid(name):
        resolved = await client.config.resolved(name)
        if "guid" in resolved:
            return {option: text for option, text in sorted(resolved.items()) if option != "token"}
    return (await client.config.section(name)).options
