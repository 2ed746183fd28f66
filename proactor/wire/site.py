"""The factory of the connections, which keeps count of them."""

# mypy: allow-untyped-calls
# (what is inherited from Twisted here has no annotations)

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime, ITransport
from twisted.logger import Logger
from twisted.web import http, server
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource

from .channel import Channel
from .limits import DEFAULT_LIMITS, Limits
from .request import Request

_log = Logger(namespace="proactor.wire")


class Strangers:
    """The connections that nobody has vouched for: so many at most. No operation looks through them.

    :param bound: how many there may be.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._all: set[Channel] = set()
        self._waiting: OrderedDict[Channel, None] = OrderedDict()  # no answer is being made; longest so first

    def add(self, channel: Channel) -> None:
        """Count a new connection."""
        self._all.add(channel)
        self._waiting[channel] = None

    def remove(self, channel: Channel) -> None:
        """Count a connection no more, which may have been so already."""
        self._all.discard(channel)
        self._waiting.pop(channel, None)

    def busy(self, channel: Channel) -> None:
        """Spare a connection while its request is answered."""
        self._waiting.pop(channel, None)

    def idle(self, channel: Channel) -> None:
        """Spare it no longer."""
        if channel in self._all:
            self._waiting[channel] = None

    def make_room(self) -> bool:
        """Let one more in, at the cost of the one that waits longest: False if all are being answered."""
        if len(self._all) < self._bound:
            return True
        if not self._waiting:
            return False
        channel, _ = self._waiting.popitem(last=False)
        self._all.discard(channel)
        channel.abort()
        return True


class Site(server.Site):
    """Serve a resource within limits.

    :param clock: what all deadlines are measured on.
    :param on_connect: called with the transport of each connection when it is accepted; what it returns is
        :func:`connection_facts` of the connection's requests. If it raises, there are none.
    :param body_limit: bytes that the body of a request may have, by its method and path (undecoded, without its
        query); ``limits.body`` for all if not given.
    """

    noisy = False
    draining = False

    def __init__(
        self,
        resource: IResource,
        *,
        clock: IReactorTime,
        limits: Limits = DEFAULT_LIMITS,
        on_connect: Callable[[ITransport], object] | None = None,
        body_limit: Callable[[bytes, bytes], int] | None = None,
    ) -> None:
        super().__init__(resource, requestFactory=Request, timeout=None, reactor=clock)
        self.limits = limits
        self.body_limit = body_limit or (lambda _method, _path: limits.body)
        self._on_connect = on_connect
        self._channels: set[Channel] = set()
        self._strangers = Strangers(limits.unauthenticated)
        self._drained: list[Deferred[None]] = []

    def startFactory(self) -> None:
        """Start nothing: there is no access log, and so no timer for its dates."""

    def log(self, request: http.Request) -> None:
        """Write no access log."""

    def acceptableProtocols(self) -> list[bytes]:
        """Speak HTTP/1.1 alone."""
        return [b"http/1.1"]

    def buildProtocol(self, addr: IAddress | None) -> Any:  # Twisted's type for it is private and has HTTP/2 inside
        """Return the channel of a new connection, or None to close it at once."""
        if self.draining or not self._strangers.make_room():
            return None
        return Channel(self)

    def drain(self) -> Deferred[None]:
        """Finish: close what stays idle, and every other connection after its answer; take no new one.

        :return: fires when no connection is left. An answer that is held open must be ended by who holds it.
        """
        self.draining = True
        drained: Deferred[None] = Deferred()
        self._drained.append(drained)
        for channel in tuple(self._channels):
            channel.retire()
        self._check_drained()
        return drained

    def close(self) -> None:
        """Abort every connection."""
        for channel in tuple(self._channels):
            channel.abort()

    def _check_drained(self) -> None:
        if self.draining and not self._channels:
            waiting, self._drained = self._drained, []
            for drained in waiting:
                drained.callback(None)

    # What a channel tells

    def learn(self, transport: ITransport) -> object | None:
        """Return what the owner makes of a new connection."""
        if self._on_connect is None:
            return None
        try:
            return self._on_connect(transport)
        except Exception:  # noqa: BLE001 - the owner's code: nothing is known then, and the connection lives
            _log.failure("Cannot tell who connected")
            return None

    def joined(self, channel: Channel) -> None:
        """Count a connection."""
        self._channels.add(channel)
        self._strangers.add(channel)

    def left(self, channel: Channel) -> None:
        """Count it no more."""
        self._channels.discard(channel)
        self._strangers.remove(channel)
        self._check_drained()

    def busy(self, channel: Channel) -> None:
        """Note that a request of it is being answered."""
        self._strangers.busy(channel)

    def idle(self, channel: Channel) -> None:
        """Note that it was answered."""
        self._strangers.idle(channel)

    def vouched(self, channel: Channel) -> None:
        """Note that it is somebody's who is known."""
        self._strangers.remove(channel)


def connection_facts(request: IRequest) -> object | None:
    """Return what ``on_connect`` told of the request's connection; None if it was not asked, or knew nothing."""
    channel = _channel(request)
    return None if channel is None else channel.facts


def vouch(request: IRequest) -> None:
    """Mark the request's connection as one of somebody who is known: it does not count as unauthenticated again."""
    channel = _channel(request)
    if channel is not None:
        channel.site.vouched(channel)


def _channel(request: IRequest) -> Channel | None:
    channel = getattr(request, "channel", None)  # gone when the request is over
    return channel if isinstance(channel, Channel) else None
