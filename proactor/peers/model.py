"""Values: who there is, who is meant, what came back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from attrs import field, frozen
from twisted.web.http_headers import Headers

from ..errors import Malformed
from ..urls import is_base_url
from .errors import PeerError, PeerFailed, PeerRefused

__all__ = ["Gathered", "Peer", "Reply", "Scope", "Target", "read_peer", "read_target"]

_GUID = re.compile("[0-9a-f]{32}")
_LABEL = "label:"
_LONGEST_DETAIL = 200


@frozen
class Peer:
    """A processor that is ready.

    :param url: where it is reached, without a slash at its end.
    :param incarnation: how often it was launched.
    """

    guid: str
    module: str
    labels: Mapping[str, str] = field(hash=False)
    url: str
    incarnation: int = 1


def read_peer(record: object) -> Peer:
    """Read one of what ``GET /endpoints`` answers.

    :raises Malformed: it is not that.
    """
    if not isinstance(record, dict):
        raise Malformed("an endpoint of its answer is not an object")
    guid, module, public = (record.get(name) for name in ("guid", "module", "url"))
    # The public address may be that of a proxy, which may be no way at all from here.
    url = record.get("local_url") or public
    labels, incarnation = record.get("labels"), record.get("incarnation")
    if not isinstance(guid, str) or not _GUID.fullmatch(guid):
        raise Malformed("an endpoint of its answer has no guid")
    if not isinstance(module, str) or not isinstance(url, str) or not is_base_url(url):
        raise Malformed(f"the endpoint of {guid} has no module, or no URL")
    if not isinstance(labels, dict) or type(incarnation) is not int:
        raise Malformed(f"the endpoint of {guid} has no labels, or no incarnation")
    if not all(isinstance(value, str) for value in labels.values()):
        raise Malformed(f"the endpoint of {guid} has a label that is not text")
    return Peer(guid, module, MappingProxyType(labels), url.rstrip("/"), incarnation)


@frozen
class Scope:
    """Whom to look at: those of a module and some labels, each where it is named."""

    module: str | None = None
    labels: tuple[str, ...] = ()

    def query(self) -> str:
        """As a query of ``GET /endpoints``."""
        pairs = [("module", self.module)] if self.module is not None else []
        return urlencode([*pairs, *(("label", label) for label in self.labels)])


#: One processor, by guid or as it was found; or all that are to be chosen from.
Target = str | Peer | Scope


def read_target(target: str | Peer) -> Target:
    """Read whom a caller means: a guid, ``label:NAME``, ``label:NAME=VALUE``, or the name of a module.

    :raises ValueError: it is nothing of that.
    """
    if isinstance(target, Peer) or _GUID.fullmatch(target):
        return target
    if target.startswith(_LABEL) and len(target) > len(_LABEL):
        return Scope(labels=(target[len(_LABEL) :],))
    if not target or ":" in target or target.split() != [target]:
        raise ValueError(f"{target[:100]!r} is no target: a guid, a module, label:NAME or label:NAME=VALUE is right")
    return Scope(module=target)


def shown(target: str | Peer) -> str:
    """A target for a message."""
    return target.guid if isinstance(target, Peer) else target


@frozen
class Reply:
    """What a peer answered, whatever its status.

    :param peer: who it was.
    """

    peer: Peer
    status: int
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    #: What was asked, for messages.
    asked: str = ""

    @property
    def ok(self) -> bool:
        """Whether its status says so."""
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        """The body as text, in UTF-8."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """What the body says, of one that is JSON.

        :raises PeerFailed: it is not.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise PeerFailed(f"{self.asked}: its answer is not JSON", self.peer.guid, self.peer.guid) from None

    def check(self) -> Reply:
        """Give the reply itself, if the peer says that all is well.

        :raises PeerRefused: it does not.
        """
        if self.ok:
            return self
        detail = " ".join(self.text.split())[:_LONGEST_DETAIL]
        raise PeerRefused(
            f"{self.asked}: it answered {detail or self.status}", self.peer.guid, self.peer.guid, self.status
        )


@frozen
class Gathered:
    """What came of a call to many: the answers there were, and why there are no others.

    :param replies: by guid, whatever the status; failures: by guid.
    """

    replies: Mapping[str, Reply]
    failures: Mapping[str, PeerError]

    def __iter__(self) -> Iterator[Reply]:
        """Go through the answers."""
        return iter(self.replies.values())

    def check(self) -> Gathered:
        """Give the whole itself, if all answered, and all is well.

        :raises PeerError: the first reason why not.
        """
        for failure in self.failures.values():
            raise failure
        for reply in self.replies.values():
            reply.check()
        return self
