"""A new configuration is taken up as a whole, or not at all."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from attrs import frozen
from twisted.internet.defer import maybeDeferred
from twisted.logger import Logger

from ..errors import Rejected
from ..log.levels import TOLD
from ..options import Options, is_steering
from .configuration import Config, redacted
from .peer_verifier import PeerVerifier

__all__ = ["Outcome", "Reconfigurable", "take_up"]

_LONGEST_REASON = 500

_log = Logger(namespace="proactor.processor")
_told = Logger(namespace=TOLD)


class Reconfigurable(Protocol):
    """What has a configuration and may be given another one."""

    config: Config
    verifier: PeerVerifier

    @property
    def schema(self) -> Options:
        """What it declares."""

    def reconfigure(self, old: Config, new: Config) -> Any:
        """Take up a configuration, or raise ``Rejected``."""


@frozen
class Outcome:
    """What became of a revision.

    :param rejected: why it was not taken; None: it was.
    :param pending: options whose new values wait for the next start.
    """

    revision: int
    rejected: Rejected | None = None
    pending: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give the body of the acknowledgement."""
        if self.rejected is not None:
            reason = {"option": self.rejected.option, "reason": self.rejected.reason}
            return {"revision": self.revision, "status": "rejected", **reason}
        pending = {"pending": list(self.pending)} if self.pending else {}
        return {"revision": self.revision, "status": "applied", **pending}


async def take_up(
    processor: Reconfigurable, raw: Mapping[str, str], revision: int, trace: str | None = None
) -> Outcome:
    """Check a configuration and have the processor take it; with any objection it goes on with the one it has.

    Options that are declared for the next start keep the values they have.

    :param trace: goes into the log's records, where there is one.
    """
    traced = {} if trace is None else {"trace": trace}
    old = wanted = processor.config
    try:
        wanted = Config.from_raw(processor.schema, raw, guid=old.guid, revision=revision)
        pending = processor.schema.pending(old.values_by_name, wanted.values_by_name)
        new = wanted.holding(pending, old)
        if _own(new) != _own(old):
            await maybeDeferred(processor.reconfigure, old, new)
    except Rejected as rejected:
        return _rejection(revision, rejected, (old, wanted), traced)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the owner's code: whatever it raises, it took nothing
        _log.error("Reconfiguring to revision {revision} failed", revision=revision, **traced)
        for line in redacted(traceback.format_exc(), old, wanted).splitlines():
            _log.error("  {line}", line=line)
        return _rejection(revision, Rejected("", f"{type(error).__name__}: {error}"), (old, wanted), traced)
    processor.config = new
    for name, change in _changes(old, new):
        # What is said of the level is heard by any level.
        log = _told if name == "log_level" else _log
        log.info("Changed {change} (revision {revision})", change=change, revision=revision, **traced)
    return Outcome(revision, pending=pending)


def _rejection(revision: int, rejected: Rejected, seen: tuple[Config, ...], traced: Mapping[str, str]) -> Outcome:
    reason = redacted(str(rejected.reason), *seen)
    if len(reason) > _LONGEST_REASON:
        reason = f"{reason[:_LONGEST_REASON]}..."
    shown = Rejected(str(rejected.option), reason)
    _log.warn("Rejected revision {revision}: {reason}", revision=revision, reason=shown, **traced)
    return Outcome(revision, rejected=shown)


def _own(config: Config) -> dict[str, str]:
    # The initiator sets ``secret_options`` too, by what it heard processors declare.
    return {name: text for name, text in config.items() if not is_steering(name) and name != "secret_options"}


def _changes(old: Config, new: Config) -> Iterator[tuple[str, str]]:
    before, after = _own(old), _own(new)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield name, f"{name}: {old.shown(name)} -> {new.shown(name)}"
