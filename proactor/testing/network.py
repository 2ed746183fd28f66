"""A network in memory: requests go to resources, and what can go wrong on the way does when it is told to."""

# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from attrs import define, field
from treq.testing import RequestTraversalAgent
from twisted.internet import error
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure
from twisted.web.client import ResponseNeverReceived
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from twisted.web.resource import IResource
from zope.interface import implementer

__all__ = ["Network"]

#: What can go wrong: no connection comes about; nothing ever comes back; the connection breaks before the answer,
#: when what was asked is done already.
REFUSES, SILENT, BREAKS = "refuses", "silent", "breaks"


@define(eq=False)
class _Host:
    """One that listens."""

    agent: Any
    trouble: str | None = None


@implementer(IAgent)
@define(eq=False)
class Network:
    """Where URLs lead.

    :ivar count: how many requests have been sent.
    """

    count: int = 0
    _hosts: dict[str, _Host] = field(factory=dict)
    _held: set[Deferred[IResponse]] = field(factory=set)

    def listen(self, url: str, resource: IResource) -> None:
        """Have a resource answer at a base URL."""
        self._hosts[_place(url)] = _Host(RequestTraversalAgent(resource))

    def trouble(self, url: str, trouble: str | None) -> None:
        """Have something go wrong there from now on, or nothing any more.

        :param trouble: ``refuses``, ``silent``, ``breaks``, or None.
        """
        assert trouble in (None, REFUSES, SILENT, BREAKS), trouble
        self._hosts[_place(url)].trouble = trouble

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,  # noqa: N803 - that is its name
    ) -> Deferred[IResponse]:
        """Send one; see :class:`twisted.web.iweb.IAgent`."""
        self.count += 1
        host = self._hosts.get(_place(uri.decode("ascii")))
        if host is None or host.trouble == REFUSES:
            return fail(error.ConnectionRefusedError())
        if host.trouble == SILENT:
            return Deferred()
        sent: Deferred[IResponse] = host.agent.request(method, uri, headers, bodyProducer)
        if host.trouble == BREAKS:
            broken = ResponseNeverReceived([Failure(error.ConnectionLost())])
            return sent.addBoth(lambda _: fail(broken))
        return sent

    def flush(self) -> None:
        """Carry over what was written."""
        for host in list(self._hosts.values()):
            host.agent.flush()


def _place(url: str) -> str:
    return urlsplit(url).netloc
