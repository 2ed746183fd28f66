"""What processors need to know to verify the tokens of others: the keys, and whose tokens are revoked.

Each is told of those alone whose tokens it may be shown: who was given a token for it that has not expired. After a
restart that is not known of tokens that the initiator before gave out; until those have expired all are told.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from attrs import define, field, frozen

from ..saved import PutValue, Write
from .issuing import TokenAuthority
from .keyring import KeyRing

__all__ = ["NOTHING", "PeerTrust", "Revocation"]

#: What a processor is said to know that knows nothing yet.
NOTHING = "0"
#: What a store has of a revocation; the guid follows.
_REVOKED = "revoked."
#: What a processor is told with its start, in characters at most; else it asks.
_LONGEST_TEXT = 4096
#: From how many on a processor's grants are looked through for those that have expired.
_MANY = 32


@frozen
class Revocation:
    """The tokens of a guid do not hold any more.

    :param incarnation: up to this one.
    :param until: when the last of them expires, in seconds since the epoch.
    :param audiences: for whom there are some; ``None``: that is not known.
    """

    incarnation: int
    until: float
    audiences: Sequence[str] | None = None


def _word(value: object) -> str:
    return sha256(json.dumps(value).encode()).hexdigest()[:16]


@define(eq=False)
class PeerTrust:
    """Knows who has tokens for whom, and what each is to be told.

    :param now: seconds since the epoch.
    :param longest: how long a token for a peer lives.
    :param wake: has those fetch anew who wait for news; ``None``: all.
    """

    now: Callable[[], float]
    authority: TokenAuthority
    longest: Callable[[], float]
    wake: Callable[[Iterable[str] | None], None]
    #: By guid, until when there are tokens of it for each audience.
    _grants: dict[str, dict[str, float]] = field(factory=dict)
    _revoked: dict[str, Revocation] = field(factory=dict)
    #: By audience, whose revocations it is told of; and those that all are told of.
    _told: dict[str, set[str]] = field(factory=dict)
    _told_all: set[str] = field(factory=set)
    #: For which keys, and until when, a word is good, and the word.
    _published: tuple[KeyRing | None, float, str] = (None, 0.0, "")
    #: Until when there may be tokens of which nothing is known here.
    _blind_until: float = 0.0

    def restore(self, values: Mapping[str, Any]) -> list[Write]:
        """Go on from what an earlier initiator left; what is to be forgotten of it."""
        now = self.now()
        self._blind_until = now + self.longest()
        forgotten: list[Write] = []
        for name, value in values.items():
            if name.startswith(_REVOKED):
                revocation = Revocation(value["incarnation"], value["until"], value["audiences"])
                if now < revocation.until:
                    self._add(name.removeprefix(_REVOKED), revocation)
                else:
                    forgotten.append(PutValue(name, None))
        return forgotten

    # What is given out, and taken back.

    def granted(self, guid: str, audience: str, until: float) -> None:
        """A processor was given a token for another."""
        grants = self._grants.setdefault(guid, {})
        if len(grants) >= _MANY:
            now = self.now()
            for each in [each for each, end in grants.items() if end <= now]:
                del grants[each]
        grants[audience] = max(until, grants.get(audience, 0.0))

    def revocation(self, guid: str, incarnation: int) -> Revocation | None:
        """What is to be told of a guid whose tokens shall not hold any more; ``None``: there is no such token."""
        now = self.now()
        grants = {audience: until for audience, until in self._grants.get(guid, {}).items() if now < until}
        if now < self._blind_until:
            return self._with_before(guid, Revocation(incarnation, max(now + self.longest(), self._blind_until)))
        if not grants:
            return None
        return self._with_before(guid, Revocation(incarnation, max(grants.values()), sorted(grants)))

    def _with_before(self, guid: str, revocation: Revocation) -> Revocation:
        """One that holds for whom an earlier one of the same guid was as well."""
        before = self._revoked.get(guid)
        if before is None:
            return revocation
        known = before.audiences is not None and revocation.audiences is not None
        audiences = sorted({*(before.audiences or ()), *(revocation.audiences or ())}) if known else None
        return Revocation(revocation.incarnation, max(before.until, revocation.until), audiences)

    def writes(self, guid: str, revocation: Revocation | None) -> list[Write]:
        """What is kept of it; and what is not kept any more of those that are over."""
        writes: list[Write] = [PutValue(_REVOKED + over, None) for over in self._over() if over != guid]
        if revocation is not None:
            kept = {"incarnation": revocation.incarnation, "until": revocation.until}
            writes.append(PutValue(_REVOKED + guid, {**kept, "audiences": revocation.audiences}))
        return writes

    def revoke(self, guid: str, revocation: Revocation | None) -> None:
        """Tell of it."""
        for over in list(self._over()):
            self._forget(over)
        self._grants.pop(guid, None)
        if revocation is not None:
            self._add(guid, revocation)
            self.wake(revocation.audiences)

    def revoked(self, guid: str, incarnation: int) -> bool:
        """Whether tokens of an incarnation do not hold any more."""
        revocation = self._revoked.get(guid)
        return revocation is not None and incarnation <= revocation.incarnation

    def _add(self, guid: str, revocation: Revocation) -> None:
        if guid in self._revoked:
            self._forget(guid)
        if revocation.audiences is None:
            self._told_all.add(guid)
        for audience in revocation.audiences or ():
            self._told.setdefault(audience, set()).add(guid)
        self._revoked[guid] = revocation

    def _over(self) -> Iterator[str]:
        now = self.now()
        return (guid for guid, revocation in self._revoked.items() if revocation.until <= now)

    def _forget(self, guid: str) -> None:
        for audience in self._revoked.pop(guid).audiences or ():
            told = self._told.get(audience, set())
            told.discard(guid)
            if not told:
                self._told.pop(audience, None)
        self._told_all.discard(guid)

    # What processors are told.

    def _of(self, guid: str) -> dict[str, int]:
        now = self.now()
        told = (*self._told.get(guid, ()), *self._told_all)
        found = {each: self._revoked[each] for each in told}
        return {each: found[each].incarnation for each in sorted(found) if now < found[each].until}

    def tag(self, guid: str) -> str:
        """What a processor is told now, in a word: another one whenever it is something else."""
        keys = self._keys()
        if guid not in self._told and not self._told_all:
            return keys
        told = self._of(guid)
        return _word([keys, told]) if told else keys

    def _keys(self) -> str:
        """The published keys in a word, which holds until one is published no more: asked for with each fetch."""
        ring, now = self.authority.ring, self.now()
        of, until, word = self._published
        if of is not ring or now >= until:
            old = ring.pruned(now).old
            until = min((key.until for key in old if key.until is not None), default=math.inf)
            word = _word([key.id for key in (ring.signing, ring.next, *old)])
            self._published = ring, until, word
        return word

    def document(self, guid: str) -> dict[str, Any]:
        """What a processor is told: issuer, keys (JWK), and by guid up to which incarnation tokens are revoked."""
        keys = self.authority.ring.published(self.now())
        return {"issuer": self.authority.issuer, "keys": keys, "revoked": self._of(guid)}

    def text(self, guid: str) -> str | None:
        """The same with its ``tag``, as JSON in one line, for standard input; ``None`` where that would be long."""
        text = json.dumps({"tag": self.tag(guid), **self.document(guid)}, separators=(",", ":"))
        return text if len(text) <= _LONGEST_TEXT else None
