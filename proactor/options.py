"""Options: what a processor declares of its configuration, and the checks that its values go through.

Both sides use it: the processor checks what it is given, and the initiator, with the same code and the declarations
that the processor sent it, checks an edit before anybody gets it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from attrs import field, fields, frozen

from .errors import Refused, Rejected
from .option_types import BY_NAME, TYPES, OptionType, Value, is_number, read_words

__all__ = ["SECRET_GLOBS", "Option", "Options", "Value", "is_secret", "is_steering", "secret_globs"]

SECRET_GLOBS = ("token", "*password*", "*secret*", "*_key")

_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_STEERING = ("guid", "token", "module", "command", "revision")
_STEERING_PREFIXES = ("listen_", "parent_")
_LONGEST = 60
_BOUNDS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minimum": (">=", lambda value, bound: value >= bound),
    "exclusive_minimum": (">", lambda value, bound: value > bound),
    "maximum": ("<=", lambda value, bound: value <= bound),
    "exclusive_maximum": ("<", lambda value, bound: value < bound),
}


def is_steering(name: str) -> bool:
    """Whether the initiator alone sets this option of a processor."""
    return name in _STEERING or name.startswith(_STEERING_PREFIXES)


def secret_globs(raw: Mapping[str, str]) -> tuple[str, ...]:
    """Give the globs of the names that are secret: those of the option ``secret_options``, else the usual ones."""
    text = raw.get("secret_options")
    return SECRET_GLOBS if text is None else read_words(text)


def is_secret(name: str, globs: Iterable[str] = SECRET_GLOBS) -> bool:
    """Whether an option's value is never shown; ``token`` is secret whatever the globs say."""
    return name == "token" or _matches(name, tuple(globs))


@lru_cache(maxsize=4096)
def _matches(name: str, globs: tuple[str, ...]) -> bool:
    """Whether it is matched by any. The same names are asked for at each launch: those of options and of variables."""
    return any(fnmatchcase(name, glob) for glob in globs)


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _frozen_list(given: Any) -> Any:
    return tuple(given) if isinstance(given, list | set | frozenset) else given


@frozen
class Option:
    """One declared option.

    :param name: as in the configuration: ``[a-z][a-z0-9_.-]{0,63}``.
    :param type: ``str``, ``int``, ``float`` (finite), ``bool`` (``configparser``'s words), or ``tuple`` for a list of
        words, parted by white space or commas.
    :param default: the value, of that type, where the configuration has none; None: then there is none.
    :param minimum: the least value of a number, ``exclusive_minimum`` the one that it stays above; the same with
        ``maximum`` and ``exclusive_maximum``.
    :param choices: the only values; of a list, the only words.
    :param live: whether a change is for the running process; else it waits for the next start.
    :param secret: never shown, logged or sent back.
    :param help: what it is for, for people.
    :raises ValueError: the declaration contradicts itself.
    """

    name: str
    type: type = str
    default: Value = field(default=None, converter=_frozen_list)
    minimum: float | None = field(default=None, kw_only=True)
    exclusive_minimum: float | None = field(default=None, kw_only=True)
    maximum: float | None = field(default=None, kw_only=True)
    exclusive_maximum: float | None = field(default=None, kw_only=True)
    choices: tuple[Any, ...] | None = field(default=None, kw_only=True, converter=_frozen_list)
    live: bool = field(default=True, kw_only=True)
    secret: bool = field(default=False, kw_only=True)
    help: str = field(default="", kw_only=True)

    def __attrs_post_init__(self) -> None:
        reason = self._contradiction()
        if reason:
            raise ValueError(f"option {self.name!r}: {reason}")
        if self.type is float and isinstance(self.default, int):
            object.__setattr__(self, "default", float(self.default))

    def parse(self, text: str, *, hidden: bool = False) -> Value:
        """Read the text of this option; a key alone, without a value, has the empty text.

        :param hidden: the text is in no reason, as that of a secret never is.
        :raises Rejected: with a reason that says what would be right.
        """
        try:
            value: Value = self._kind.read(text)
        except ValueError:
            shown = "the value" if hidden or self.secret or is_secret(self.name) else repr(_clipped(text))
            raise Rejected(self.name, f"{shown} is not {self._kind.wanted}") from None
        reason = self._out_of_range(value)
        if reason:
            raise Rejected(self.name, reason)
        return value

    def text(self, value: Value) -> str:
        """Write a value as the configuration has it; None is the empty text."""
        return "" if value is None else self._kind.write(value)

    def requirement(self) -> str:
        """Say in a few words what is right: ``float, > 0``."""
        bounds = [f"{sign} {bound}" for sign, bound, _ in self._bounds()]
        choices = [f"one of {self._chosen()}"] if self.choices is not None else []
        return ", ".join([self._kind.name, *bounds, *choices])

    def to_json(self) -> dict[str, Any]:
        """Give the declaration as flat JSON, what is at its default left out; a secret's default stays here."""
        plain = {key: getattr(self, key) for key, default in _DEFAULTS.items() if getattr(self, key) != default}
        if self.secret:
            plain.pop("default", None)
        lists = {key: list(value) for key, value in plain.items() if isinstance(value, tuple)}
        return {"name": self.name, "type": self._kind.name, **plain, **lists}

    @classmethod
    def from_json(cls, declaration: object) -> Option:
        """Read one declaration; keys that are not known here are passed over.

        :raises Refused: it is none.
        """
        if not isinstance(declaration, dict):
            raise Refused("the declaration of an option is an object")
        kind = declaration.get("type", "str")
        known = {key: value for key, value in declaration.items() if key in _DEFAULTS}
        try:
            return cls(declaration["name"], BY_NAME[kind], **known)
        except (KeyError, TypeError):
            names = ", ".join(BY_NAME)
            raise Refused(f"the declaration of an option has a name and a type, one of {names}") from None
        except ValueError as error:
            raise Refused(str(error)) from None

    @property
    def _kind(self) -> OptionType:
        return TYPES[self.type]

    def _bounds(self) -> list[tuple[str, float, Callable[[Any, Any], bool]]]:
        return [
            (sign, getattr(self, key), holds)
            for key, (sign, holds) in _BOUNDS.items()
            if getattr(self, key) is not None
        ]

    def _chosen(self) -> str:
        return ", ".join(map(str, self.choices or ()))

    def _out_of_range(self, value: Value) -> str | None:
        for sign, bound, holds in self._bounds():
            if not holds(value, bound):
                return f"must be {sign} {bound}"
        words = value if isinstance(value, tuple) else (value,)
        if self.choices is not None and not all(word in self.choices for word in words):
            return f"must be {'among' if self.type is tuple else 'one of'} {self._chosen()}"
        return None

    def _contradiction(self) -> str | None:
        """Find what is wrong with the declaration itself, whose parts may have come from anywhere."""
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            return "a name is a lower-case letter, then up to 63 letters, digits, '_', '.' or '-'"
        if self.type not in TYPES:
            return f"a type is one of {', '.join(kind.__name__ for kind in TYPES)}"
        if not isinstance(self.live, bool) or not isinstance(self.secret, bool) or not isinstance(self.help, str):
            return "live and secret are flags, help is text"
        return self._wrong_range() or self._wrong_default()

    def _wrong_range(self) -> str | None:
        bounds = [bound for _, bound, _ in self._bounds()]
        if bounds and (self.type not in (int, float) or not all(map(is_number, bounds))):
            return "a range is of numbers"
        if self.choices is None:
            return None
        if not isinstance(self.choices, tuple) or not all(map(self._kind.holds, self.choices)):
            return f"the choices are a list of {self._kind.element.__name__}"
        return None

    def _wrong_default(self) -> str | None:
        if self.default is None:
            return None
        words = self.default if isinstance(self.default, tuple) else (self.default,)
        of_type = all(map(self._kind.holds, words))
        if isinstance(self.default, tuple) != (self.type is tuple) or not of_type:
            return f"the default is no {self._kind.name}"
        text = self.text(self.default)
        if text != text.strip() or not text.isprintable() or self._kind.read(text) != self.default:
            return "the default is one line, without white space around it"
        return self._out_of_range(self.default)


_DEFAULTS = {known.name: known.default for known in fields(Option) if known.name not in ("name", "type")}


def _unique(declared: Iterable[Option]) -> tuple[Option, ...]:
    options = tuple(declared)
    seen = set()
    for option in options:
        if option.name in seen:
            raise ValueError(f"option {option.name!r}: declared twice")
        if is_steering(option.name):
            raise ValueError(f"option {option.name!r}: the initiator sets it")
        seen.add(option.name)
    return options


@frozen
class Options:
    """The declared options of a processor, together.

    :raises ValueError: one is declared twice, or is not the processor's.
    """

    declared: tuple[Option, ...] = field(default=(), converter=_unique)

    @property
    def names(self) -> Iterator[str]:
        """Those of all."""
        return (option.name for option in self.declared)

    def check(self, raw: Mapping[str, str]) -> dict[str, Value]:
        """Read all options, or none: the declared ones typed, with their defaults, any other as the text that it is.

        :raises Rejected: one is wrong, the first in the order of declaration.
        """
        globs = secret_globs(raw)
        typed: dict[str, Value] = dict(raw)
        for option in self.declared:
            text = raw.get(option.name)
            hidden = is_secret(option.name, globs)
            typed[option.name] = option.default if text is None else option.parse(text, hidden=hidden)
        return typed

    def pending(self, old: Mapping[str, Value], new: Mapping[str, Value]) -> tuple[str, ...]:
        """Name the options that wait for the next start, of two results of ``check``."""
        late = [option.name for option in self.declared if not option.live]
        return tuple(name for name in late if old.get(name) != new.get(name))

    def secrets(self, names: Iterable[str], globs: Iterable[str] = SECRET_GLOBS) -> frozenset[str]:
        """Pick the names that are secret: declared so, or called so."""
        declared = {option.name for option in self.declared if option.secret}
        patterns = tuple(globs)
        return frozenset(name for name in names if name in declared or is_secret(name, patterns))

    def to_json(self) -> list[dict[str, Any]]:
        """Give the declarations as a list of flat objects."""
        return [option.to_json() for option in self.declared]

    @classmethod
    def from_json(cls, declarations: object) -> Options:
        """Read declarations that a processor sent.

        :raises Refused: they are none.
        """
        if not isinstance(declarations, list):
            raise Refused("the declarations of options are a list")
        try:
            return cls(tuple(Option.from_json(declaration) for declaration in declarations))
        except ValueError as error:
            raise Refused(str(error)) from None
