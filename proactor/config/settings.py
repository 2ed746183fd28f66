"""What the initiator itself reads of the configuration, typed and checked; and which modules that declares."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any

from attrs import frozen

from ..errors import ConfigError, Rejected
from ..options import SECRET_GLOBS, Option
from ..urls import url
from .document import Document, Setting
from .grammar import (
    DEFAULT,
    FILE_ONLY,
    PROCESSOR,
    REDACTED,
    importable,
    is_guid,
    is_initiator,
    is_module,
    is_referable,
)
from .job_settings import seconds
from .layers import Layers

HIGHEST_PORT = 65535

INITIATOR_OPTIONS = (
    Option("host_scheme", str, "http", choices=("http", "https"), help="of the public address, which goes into URLs"),
    Option("host_addr", str, "localhost", help="of the public address: a name or an address"),
    Option("host_port", int, None, minimum=1, maximum=HIGHEST_PORT, help="of the public address; default: listen_port"),
    Option("listen_addr", str, "0.0.0.0", help="the address to listen at"),  # noqa: S104 - the format's own default
    Option("listen_port", int, 8080, minimum=0, maximum=HIGHEST_PORT, help="the port to listen at"),
    Option(
        "listen_scheme", str, "http", choices=("http", "https"), help="https: over TLS, with tls_certificate, tls_key"
    ),
    Option("tls_certificate", str, None, help="the certificate for host_addr, and its chain: the path of a PEM file"),
    Option("tls_key", str, None, help="the certificate's private key: the path of a PEM file"),
    Option(
        "tls_ca",
        str,
        None,
        help="by what processors verify the certificate: the path of a PEM file; default: by itself",
    ),
    Option("child_port_min", int, 49152, minimum=1, help="the lowest port for processors"),
    Option("child_port_max", int, HIGHEST_PORT, minimum=1, help="the highest port for processors"),
    Option("default_module", str, PROCESSOR, help="what /create launches when it is not told a module"),
    Option("launch_concurrency", int, None, minimum=1, help="launches at a time; default: twice the processors"),
    Option("fork_spares", int, 4, minimum=0, maximum=64, help="processes that are forked ahead and wait; 0: none"),
    Option("max_jobs", int, 1000, minimum=0, help="how many jobs there may be"),
    seconds("token_ttl", 300, "how long a token is good for, in seconds", least=1),
    seconds("token_grace", 86400, "for how long one that expired still brings its processor back, once"),
    seconds("peer_token_ttl", 300, "how long a token for another processor is good for", least=1),
    seconds("key_rotation", 86400, "when another key begins to sign tokens; not sooner than token_ttl", least=1),
    Option("adopt", bool, True, help="whether processors live on when the initiator is killed, for the next to adopt"),
    Option("console", bool, True, help="whether what processors write is shown on the initiator's console"),
    Option("watch_config", bool, False, help="whether a change of the configuration file is taken up by itself"),
    Option("dead_letters", int, 10_000, minimum=0, maximum=1_000_000, help="how many undelivered messages are kept"),
    Option("operator_auth", str, "local", choices=("local", "token"), help="who is an operator"),
    Option("secret_options", tuple, SECRET_GLOBS, help="globs for the names of options that are never shown"),
)


_TLS_FILES = ("tls_certificate", "tls_key", "tls_ca")


@frozen
class InitiatorSettings:
    """The initiator's own options, each of its type."""

    guid: str
    host_scheme: str
    host_addr: str
    host_port: int
    listen_addr: str
    listen_port: int
    listen_scheme: str
    tls_certificate: str | None
    tls_key: str | None
    tls_ca: str | None
    child_port_min: int
    child_port_max: int
    default_module: str
    launch_concurrency: int | None
    fork_spares: int
    max_jobs: int
    token_ttl: float
    token_grace: float
    peer_token_ttl: float
    key_rotation: float
    adopt: bool
    console: bool
    watch_config: bool
    dead_letters: int
    operator_auth: str
    secret_options: tuple[str, ...]
    #: What was put right, for the log.
    warnings: tuple[str, ...] = ()

    def public_url(self, port: int) -> str:
        """The URL of something that listens on this host, as others reach it."""
        return url(self.host_scheme, self.host_addr, port)

    @property
    def trust(self) -> tuple[str, str] | None:
        """How the initiator is verified, over TLS: the name of its certificate, and the file with those to do it by."""
        authority = self.tls_ca or self.tls_certificate
        return None if self.listen_scheme != "https" or authority is None else (self.host_addr, authority)


def choose_guid(document: Document, guid: str | None) -> str:
    """The guid section that the initiator is to run by: the one named, or the only one there is.

    :raises ConfigError: there is none, there are several, or not that one; names those there are.
    """
    guids = [name for name in document.sections if is_guid(name)]
    found = ", ".join(guids) or "none"
    if guid is not None:
        if guid not in guids:
            raise ConfigError(f"no section [{guid}] for --guid; guid sections are: {found}", source=document.source)
        return guid
    if not guids:
        problem = "no section is named by a guid (32 lower-case hex digits): add one for the initiator"
        raise ConfigError(problem, source=document.source)
    if len(guids) > 1:
        problem = f"more than one section is named by a guid: say which is the initiator's with --guid: {found}"
        raise ConfigError(problem, source=document.source)
    return guids[0]


def initiator_settings(layers: Layers, guid: str) -> InitiatorSettings:
    """Read the initiator's options: of its own section, else of its module's, else of DEFAULT.

    :raises ConfigError: names the place of the first that is wrong, and what would be right.
    """
    values = {option.name: _read(layers, guid, option) for option in INITIATOR_OPTIONS}
    warnings = []
    if values["host_port"] is None:
        values["host_port"] = values["listen_port"] or 8080
    for name in ("child_port_min", "child_port_max"):
        if values[name] > HIGHEST_PORT:
            warnings.append(
                f"{_place(layers, guid, name)}: {name} = {values[name]} is past the highest port, cut to 65535"
            )
            values[name] = HIGHEST_PORT
    _check_address(layers, guid, values["listen_addr"])
    _check_ports(layers, guid, values)
    _check_tls(layers, guid, values)
    _check_default_module(layers, guid, values["default_module"])
    return InitiatorSettings(guid=guid, warnings=tuple(warnings), **values)


def _setting(layers: Layers, guid: str, option: str) -> tuple[str, Setting] | None:
    """An option's setting, and the section it stands in."""
    modules = [name for name in layers.document.sections if is_initiator(name)]
    for section in (guid, *modules, DEFAULT):
        setting = layers.written_options(section).get(option)
        if setting is not None:
            return section, setting
    return None


def _read(layers: Layers, guid: str, option: Option) -> Any:
    if option.name in FILE_ONLY:
        # Nor can an edit of what it refers to.
        layers = Layers(layers.document)
    found = _setting(layers, guid, option.name)
    if found is None:
        return option.default
    section, setting = found
    resolved = layers.resolver().resolve(guid if section == DEFAULT else section, option.name)
    assert resolved is not None
    try:
        return option.parse(resolved.text, hidden=resolved.secret)
    except Rejected as e:
        raise setting.wrong(section, option.name, REDACTED if resolved.secret else resolved.text, e.reason) from None


def _place(layers: Layers, guid: str, option: str) -> str:
    found = _setting(layers, guid, option)
    assert found is not None
    _, setting = found
    return setting.source if setting.line is None else f"{setting.source}:{setting.line}"


def _check_address(layers: Layers, guid: str, address: str) -> None:
    """See that what has the form of an address is one; whether there is a name is seen when it is listened at."""
    try:
        if ":" in address:
            IPv6Address(address)
        elif address and not address.strip("0123456789."):
            IPv4Address(address)
    except AddressValueError:
        found = _setting(layers, guid, "listen_addr")
        assert found is not None
        problem = "is no IP address; one of this machine's is right, such as 127.0.0.1 or ::1, or 0.0.0.0 for all"
        raise found[1].wrong(found[0], "listen_addr", address, problem) from None


def _check_ports(layers: Layers, guid: str, values: Mapping[str, Any]) -> None:
    low, high = values["child_port_min"], values["child_port_max"]
    if low > high:
        name = "child_port_min" if _setting(layers, guid, "child_port_min") is not None else "child_port_max"
        found = _setting(layers, guid, name)
        assert found is not None
        problem = f"child_port_min = {low} is above child_port_max = {high}: the range for processors is empty"
        raise found[1].wrong(found[0], name, str(values[name]), problem)


def _check_tls(layers: Layers, guid: str, values: Mapping[str, Any]) -> None:
    """See that what TLS takes is named, by paths that mean the same wherever a daemon has its working folder."""
    for name in _TLS_FILES:
        found = _setting(layers, guid, name)
        if found is not None and not values[name].startswith("/"):
            raise found[1].wrong(found[0], name, values[name], "must be an absolute path")
    scheme = _setting(layers, guid, "listen_scheme")
    missing = [name for name in ("tls_certificate", "tls_key") if values[name] is None]
    if scheme is not None and values["listen_scheme"] == "https" and missing:
        raise scheme[1].wrong(scheme[0], "listen_scheme", "https", f"needs {' and '.join(missing)} as well")


def _check_default_module(layers: Layers, guid: str, name: str) -> None:
    found = _setting(layers, guid, "default_module")
    if found is not None and declared_module(layers, name) is None:
        problem = (
            f"no section [{name}] declares this module; declared are: {', '.join(module_sections(layers)) or 'none'}"
        )
        raise found[1].wrong(found[0], "default_module", name, problem)


def module_sections(layers: Layers) -> list[str]:
    """The sections that name a module which a processor can run."""
    names = layers.document.sections
    candidates = [name for name in names if not is_guid(name) and not is_initiator(name)]
    return [name for name in candidates if is_module(name) or ("command" in names[name] and is_referable(name))]


def declared_module(layers: Layers, name: str) -> str | None:
    """The section of a module that may be launched; the default processor's needs none."""
    if name in module_sections(layers):
        return name
    if name != PROCESSOR:
        return None
    former = (section for section in module_sections(layers) if importable(section) == PROCESSOR)
    return next(former, PROCESSOR)
