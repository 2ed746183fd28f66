"""Modules that there are not, among those who may call a processor or have its scopes."""

from __future__ import annotations

from collections.abc import Iterator

from ..option_types import read_words
from ..spelling import slip_of
from ..tokens.allowed import ANY, LABEL, NONE
from .grammar import is_guid
from .layers import Layers
from .settings import declared_module, module_sections

__all__ = ["ADMISSION", "nobody"]

ADMISSION = frozenset(("allow_from", "allow_scopes"))
"""The options that say who may call."""


def nobody(layers: Layers, option: str, text: str) -> Iterator[tuple[str, str | None]]:
    """Each name in such an option that no section declares, and the one that is most likely meant."""
    for word in read_words(text):
        who = word if option == "allow_from" else word.partition("@")[2]
        is_other = who in ("", ANY, NONE) or who.startswith(LABEL) or is_guid(who)
        if not is_other and declared_module(layers, who) is None:
            yield who, slip_of(who, module_sections(layers))
