"""A processor that is ready, as others are told of it, and what it can be chosen by. Values, and no more."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from attrs import field, frozen

from ..model import Job
from ..urls import local_url

#: Of how many kinds of processors what they can be chosen by is kept once for all of them.
_KINDS = 1024

Selection = frozenset[str]
"""What those that are chosen have in common: ``guid:GUID``, ``module:NAME``, ``label:NAME``, ``label:NAME=VALUE``."""


def selection(module: str | None, labels: Iterable[str], guid: str | None = None) -> Selection:
    """That of a guid, those of a module and of some labels, ``NAME`` or ``NAME=VALUE``, each where it is named."""
    named = {"guid": guid, "module": module}
    terms = [f"{name}:{value}" for name, value in named.items() if value is not None]
    return frozenset([*terms, *(f"label:{label}" for label in labels)])


@frozen
class Endpoint:
    """A processor that is ready.

    :param local_url: where it is reached on this machine, whatever the public address is; ``None``: it is not on it.
    """

    guid: str
    module: str
    labels: Mapping[str, str] = field(hash=False)
    url: str
    incarnation: int
    local_url: str | None = None
    #: All that as JSON, for it is told many times.
    text: str = field(init=False, eq=False, repr=False)
    #: What it can be chosen by, but for its guid.
    kind: frozenset[str] = field(init=False, eq=False, repr=False)

    @text.default
    def _text(self) -> str:
        record = {
            "guid": self.guid,
            "module": self.module,
            "labels": dict(self.labels),
            "url": self.url,
            "local_url": self.local_url,
            "incarnation": self.incarnation,
        }
        return json.dumps(record, ensure_ascii=False)

    @kind.default
    def _kind(self) -> frozenset[str]:
        return _kind(self.module, tuple(self.labels.items()))

    @classmethod
    def of(cls, job: Job) -> Endpoint:
        """A job's."""
        local = local_url(job.address, job.port) if job.address else None
        return cls(job.guid, job.module, dict(job.labels), job.url, job.incarnation, local)

    def terms(self) -> Iterator[str]:
        """All that it can be chosen by."""
        yield f"guid:{self.guid}"
        yield from self.kind

    def fits(self, wanted: Selection) -> bool:
        """Whether it is of a selection."""
        return not wanted or wanted <= set(self.terms())


@lru_cache(_KINDS)
def _kind(module: str, labels: tuple[tuple[str, str], ...]) -> frozenset[str]:
    terms = (each for name, value in labels for each in (f"label:{name}", f"label:{name}={value}"))
    return frozenset(map(sys.intern, (f"module:{module}", *terms)))


@lru_cache(_KINDS)
def _kinds(before: frozenset[str] | None, after: frozenset[str] | None) -> tuple[frozenset[str], ...]:
    return tuple({each for each in (before, after) if each is not None})


@frozen
class Change:
    """One that came, went, or is another than before. Many are remembered, and so no more of each than this.

    :param kinds: what it could be chosen by before, or can be now.
    """

    guid: str
    kinds: tuple[frozenset[str], ...]

    @classmethod
    def of(cls, guid: str, before: Endpoint | None, after: Endpoint | None) -> Change:
        """What it was, and is."""
        return cls(guid, _kinds(before and before.kind, after and after.kind))

    def terms(self) -> set[str]:
        """All that it could or can be chosen by."""
        return {f"guid:{self.guid}"}.union(*self.kinds)

    def touches(self, wanted: Selection) -> bool:
        """Whether who has a selection has another one by it."""
        rest = wanted - {f"guid:{self.guid}"}
        return any(rest <= kind for kind in self.kinds)
