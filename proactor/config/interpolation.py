"""``${option}`` and ``${section:option}``, as ``configparser.ExtendedInterpolation`` has them, bounded.

The difference from the standard library's: every result knows the way by which it came (for ``explain``), whether a
secret went into it, and a runaway of references costs no more than its distinct options.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import lru_cache

from attrs import frozen

from ..errors import ConfigError
from .document import Setting
from .grammar import is_file_only

MAX_DEPTH = 10
MAX_LENGTH = 64 * 1024

_REFERENCE = re.compile(r"\$\{([^}]+)\}")


@frozen
class Reference:
    """``${section:option}``; a ``section`` of ``None`` is the one that the text is read in."""

    section: str | None
    option: str


@frozen
class Resolved:
    """What an option comes to.

    :param depth: how many references deep it went.
    :param secret: whether it is a secret option, or a value of one went into it.
    :param edited: whether an edit set it, or something that went into it.
    """

    text: str
    depth: int
    secret: bool
    edited: bool = False


class Malformed(ValueError):
    """A text in which a ``$`` stands for nothing; ``str()`` says what would be right."""


@lru_cache(maxsize=4096)
def template(text: str) -> tuple[str | Reference, ...]:
    """The pieces of a text: what stands for itself, and what refers.

    :raises Malformed: for a lone ``$``, an unclosed ``${`` or more than one ``:`` in a reference.
    """
    pieces: list[str | Reference] = []
    rest = text
    while rest:
        plain, dollar, after = rest.partition("$")
        if plain:
            pieces.append(plain)
        if not dollar:
            break
        if after.startswith("$"):
            pieces.append("$")
            rest = after[1:]
            continue
        found = _REFERENCE.match(rest, len(plain))
        if found is None:
            raise Malformed("a '$' begins ${option} or ${section:option}; for the character itself write '$$'")
        pieces.append(_reference(found[1]))
        rest = rest[found.end() :]
    return tuple(pieces)


def _reference(inner: str) -> Reference:
    section, colon, option = inner.rpartition(":")
    if ":" in section:
        raise Malformed(f"${{{inner}}} has more than one ':': write ${{section:option}}")
    return Reference(section if colon else None, option.lower())


def escaped(text: str) -> str:
    """A text that stands for itself where references are read."""
    return text.replace("$", "$$")


class Resolver:
    """Resolves the options of one state of the configuration, each once.

    :param lookup: the setting of an option in a section, DEFAULT included; ``None`` where there is none.
    :param exists: whether there is a section of that name: one that is not is nothing to refer to.
    :param is_secret: whether an option of that name is secret.
    :param open_to: the sections that an edit may refer to, by the one that it is read in; no secret is open to any.
        Without this, edits are held to nothing.
    """

    def __init__(
        self,
        lookup: Callable[[str, str], Setting | None],
        exists: Callable[[str], bool],
        is_secret: Callable[[str], bool],
        open_to: Callable[[str], Collection[str]] | None = None,
    ) -> None:
        self._lookup = lookup
        self._exists = exists
        self._is_secret = is_secret
        self._open_to = open_to
        self._known: dict[tuple[str, str], Resolved] = {}
        self._way: list[tuple[str, str]] = []

    def resolve(self, section: str, option: str) -> Resolved | None:
        """What the option comes to in that section; ``None`` where it is not set.

        :raises ConfigError: a reference to nothing, in a circle, too deep, too long, or not allowed.
        """
        setting = self._lookup(section, option)
        return None if setting is None else self._resolved(section, option, setting)

    def _resolved(self, section: str, option: str, setting: Setting) -> Resolved:
        place = (section, option)
        if place not in self._known:
            if place in self._way:
                way = " -> ".join(f"{s}:{o}" for s, o in [*self._way[self._way.index(place) :], place])
                raise self._error(place, setting, f"refers to itself: {way}")
            if len(self._way) > MAX_DEPTH:
                raise self._error(place, setting, f"is reached over more than {MAX_DEPTH} references")
            self._way.append(place)
            try:
                self._known[place] = self._expanded(section, option, setting)
            finally:
                self._way.pop()
        return self._known[place]

    def _expanded(self, section: str, option: str, setting: Setting) -> Resolved:
        place = (section, option)
        try:
            pieces = template(setting.text or "")
        except Malformed as e:
            raise self._error(place, setting, str(e)) from None
        texts: list[str] = []
        length, depth = 0, 0
        secret, edited = self._is_secret(option), setting.revision is not None
        for piece in pieces:
            text = piece
            if isinstance(piece, Reference):
                reached = self._reached(place, setting, piece)
                text, depth = reached.text, max(depth, reached.depth + 1)
                secret, edited = secret or reached.secret, edited or reached.edited
            assert isinstance(text, str)
            texts.append(text)
            length += len(text.encode("utf-8", "surrogatepass"))
            if length > MAX_LENGTH:
                raise self._error(place, setting, f"comes to more than {MAX_LENGTH // 1024} KiB")
        if depth > MAX_DEPTH:
            raise self._error(place, setting, f"goes over more than {MAX_DEPTH} references")
        if edited and is_file_only(option):
            raise self._error(place, setting, "can be set in the file alone, and an edit changes what it refers to")
        return Resolved("".join(texts), depth, secret, edited)

    def _reached(self, place: tuple[str, str], setting: Setting, reference: Reference) -> Resolved:
        section = place[0] if reference.section is None else reference.section
        open_to = None if self._open_to is None or setting.revision is None else self._open_to(place[0])
        if open_to is not None and section not in open_to:
            problem = f"an edit cannot refer to [{section}]: DEFAULT, its own section and its module's are open to it"
            raise self._error(place, setting, problem)
        if reference.section is not None and not self._exists(section):
            problem = f"${{{section}:{reference.option}}} refers to nothing: there is no section [{section}]"
            raise self._error(place, setting, problem)
        target = self._lookup(section, reference.option)
        if target is None:
            written = reference.option if reference.section is None else f"{reference.section}:{reference.option}"
            problem = f"${{{written}}} refers to nothing: set {reference.option} in [{section}] or in [DEFAULT]"
            raise self._error(place, setting, problem)
        resolved = self._resolved(section, reference.option, target)
        if open_to is not None and resolved.secret:
            raise self._error(place, setting, f"an edit cannot refer to the secret {reference.option}")
        return resolved

    def _error(self, place: tuple[str, str], setting: Setting, problem: str) -> ConfigError:
        section, option = place
        value = None if self._is_secret(option) else setting.text
        return ConfigError(
            problem, source=setting.source, line=setting.line, section=section, option=option, value=value
        )
