"""A processor's configuration: the text on standard input, and the value that its code sees."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from attrs import evolve, field, frozen

from ..errors import ConfigError, Malformed
from ..options import Options, Value, secret_globs
from ..tokens.bearer import is_token
from ..urls import is_base_url
from .peer_verifier import Trust, read_first_trust

__all__ = ["Config", "Start", "read_section", "read_start", "redacted"]

_REVISION = re.compile("[0-9]{1,18}")
_SOURCE = "standard input"
#: How long a secret is at least, in characters, for a text that holds it to be taken for one that was made of it.
_TELLING = 4
#: How many characters of a value a log has.
_LONGEST_SHOWN = 200
_HIDDEN = "***"


def _read_only(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(mapping))


@frozen(eq=False, repr=False)
class Config(Mapping[str, str]):
    """One state of a processor's configuration, read-only.

    As a mapping it has the text of each option that is set: ``config["rate"]`` is ``"2"``. As attributes it has the
    typed values, defaults included: ``config.rate`` is ``2.0``; what is set and not declared is text there too.
    The token is not in it.
    """

    _raw: Mapping[str, str] = field(converter=_read_only)
    _values: Mapping[str, Value] = field(converter=_read_only)
    _secret: frozenset[str]
    guid: str
    revision: int

    @classmethod
    def from_raw(cls, options: Options, raw: Mapping[str, str], *, guid: str, revision: int) -> Config:
        """Check and read the text of all options.

        :raises Rejected: one is wrong.
        """
        own = {name: text for name, text in raw.items() if name not in ("token", "revision")}
        secret = options.secrets(own, secret_globs(own))
        # The initiator says what secrets went into, but for those that are only declared here, until it has heard.
        texts = [own[name] for name in secret if len(own[name]) >= _TELLING]
        secret |= {name for name, text in own.items() if any(each in text for each in texts)}
        return cls(raw=own, values=options.check(own), secret=secret, guid=guid, revision=revision)

    def __getitem__(self, name: str) -> str:
        return self._raw[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"no option {name!r} is declared or set")
        return self._values[name]

    def __repr__(self) -> str:
        shown = " ".join(f"{name}={self.shown(name)}" for name in self)
        return f"<Config {self.guid} revision={self.revision} {shown}>"

    @property
    def values_by_name(self) -> Mapping[str, Value]:
        """The typed values, by the names of their options."""
        return self._values

    def public_items(self) -> dict[str, str]:
        """Give the text of all options that are no secret."""
        return {name: text for name, text in self._raw.items() if name not in self._secret}

    def shown(self, name: str) -> str:
        """Give an option's value fit for a log: its text or its start, quoted where need be; ``***`` for a secret."""
        if name in self._secret:
            return _HIDDEN
        if name not in self._raw:
            default = self._values.get(name)
            return "(not set)" if default is None else f"{default} (default)"
        text = self._raw[name]
        if len(text) > _LONGEST_SHOWN:
            return f"{text[:_LONGEST_SHOWN]!r}... ({len(text)} characters)"
        return text if text and text.isprintable() and text == text.strip() else repr(text)

    def secret_texts(self) -> set[str]:
        """Give the texts of the secrets that are set."""
        return {self._raw[name] for name in self._secret & set(self._raw)} - {""}

    def holding(self, names: Iterable[str], old: Config) -> Config:
        """Give this configuration with the named options as they are in another one."""
        held = set(names)
        raw = {name: text for name, text in self._raw.items() if name not in held}
        raw.update({name: old[name] for name in held & set(old)})
        values = {**self._values, **{name: old.values_by_name.get(name) for name in held}}
        return evolve(self, raw=raw, values=values, secret=self._secret | old._secret)


def redacted(text: str, *configs: Config) -> str:
    """Blot out the secrets of some configurations in a text."""
    secrets: set[str] = set().union(*(config.secret_texts() for config in configs))
    for secret in sorted(secrets, key=len, reverse=True):  # the longer first: one may begin with another
        text = text.replace(secret, _HIDDEN)
    return text


@frozen
class Start:
    """What standard input said.

    :param raw: all options of the processor's section.
    :param parent_url: the initiator's base URL, without a slash at its end; None: there is no initiator.
    :param parent_ca: over TLS, the file of the certificates by which it is verified; None: those of the system.
    :param parent_name: and the name that its own has to be for; None: that of the URL.
    :param parent_trust: by what the tokens of others are verified, and the word for it; None: that is to be asked for.
        It is none of the options.
    """

    raw: Mapping[str, str] = field(repr=False)
    revision: int
    token: str = field(repr=False)
    parent_url: str | None
    listen_addr: str
    parent_ca: str | None = None
    parent_name: str | None = None
    parent_trust: tuple[str, Trust] | None = None


def _line(error: configparser.Error) -> int | None:
    errors = getattr(error, "errors", None)
    return errors[0][0] if errors else getattr(error, "lineno", None)


def read_section(text: str, guid: str) -> dict[str, str]:
    """Read one section, resolved; an option without a value has the empty text.

    :raises ConfigError: which quotes nothing of the text, as that may be secret.
    """
    parser = configparser.ConfigParser(interpolation=configparser.ExtendedInterpolation(), allow_no_value=True)
    try:
        parser.read_string(text)
        return {name: value or "" for name, value in parser.items(guid)}
    except configparser.NoSectionError:
        raise ConfigError("there is no such section", source=_SOURCE, section=guid) from None
    except configparser.InterpolationError as error:
        raise ConfigError("a reference of its value leads nowhere", source=_SOURCE, option=error.option) from None
    except AttributeError:  # what configparser comes to before Python 3.13, which has an error for it
        raise ConfigError("multiline continuation error", source=_SOURCE) from None
    except configparser.Error as error:
        kind = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()
        raise ConfigError(kind, source=_SOURCE, line=_line(error)) from None


def read_start(text: str, guid: str) -> Start:
    """Read standard input.

    :raises ConfigError: it is not what an initiator writes.
    """
    raw = read_section(text, guid)
    trust = raw.pop("parent_trust", "")
    revision, token, parent_url = raw.get("revision", "0"), raw.get("token", ""), raw.get("parent_url", "")
    if not _REVISION.fullmatch(revision):
        raise ConfigError("a whole number is right", source=_SOURCE, option="revision", value=revision)
    if parent_url and not is_token(token):
        raise ConfigError("there is none, or it is no bearer token", source=_SOURCE, option="token")
    if parent_url and not is_base_url(parent_url):
        raise ConfigError("a URL like http://127.0.0.1:8080 is right", source=_SOURCE, option="parent_url")
    return Start(
        raw=raw,
        revision=int(revision),
        token=token,
        parent_url=parent_url.rstrip("/") or None,
        listen_addr=raw.get("listen_addr") or "127.0.0.1",
        parent_ca=raw.get("parent_ca") or None,
        parent_name=raw.get("parent_name") or None,
        parent_trust=_trust(trust) if trust else None,
    )


def _trust(text: str) -> tuple[str, Trust]:
    try:
        return read_first_trust(text)
    except Malformed:
        raise ConfigError("it is not what an initiator writes", source=_SOURCE, option="parent_trust") from None
