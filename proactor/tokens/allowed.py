"""Who may call whom: the lists of the options ``allow_from`` and ``allow_scopes``, and what they let pass.

A word of ``allow_from`` is ``*`` (any processor), ``none``, a guid, a module, ``label:NAME`` or ``label:NAME=VALUE``. A
word of ``allow_scopes`` is a glob for scopes, ``picture:*``, and behind an ``@`` such a word for who may have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

__all__ = ["ANY", "FROM", "LABEL", "NONE", "SCOPES", "allows", "is_scope", "may_have"]

ANY, NONE, LABEL = "*", "none", "label:"
_WHO = r"(\*|none|label:[^=@\s]+(=\S*)?|[A-Za-z_][A-Za-z0-9_.-]*|[0-9a-f]{32})"
#: What a word of ``allow_from`` looks like, and one of ``allow_scopes``.
FROM, SCOPES = re.compile(_WHO), re.compile(rf"[A-Za-z0-9._:/*?-]{{1,100}}(@{_WHO})?")
_SCOPE = re.compile(r"[A-Za-z0-9._:/-]{1,100}")


def is_scope(text: str) -> bool:
    """Whether a text can be a scope (RFC 6749, 3.3, without what a list or a header has a use for)."""
    return _SCOPE.fullmatch(text) is not None


def allows(words: Iterable[str], guid: str, module: str | None, labels: Mapping[str, str]) -> bool:
    """Whether a list lets a processor pass."""
    return any(_is(word, guid, module, labels) for word in words)


def may_have(words: Iterable[str], scope: str, guid: str, module: str | None, labels: Mapping[str, str]) -> bool:
    """Whether a list lets a processor have a scope."""
    pairs = (word.partition("@") for word in words)
    return any(fnmatchcase(scope, glob) and _is(who or ANY, guid, module, labels) for glob, _, who in pairs)


def _is(word: str, guid: str, module: str | None, labels: Mapping[str, str]) -> bool:
    if word.startswith(LABEL):
        name, equals, value = word.removeprefix(LABEL).partition("=")
        return name in labels and (not equals or labels[name] == value)
    return word == ANY or (word != NONE and word in (guid, module))
