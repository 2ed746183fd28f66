"""A client on connections in memory: every byte goes through the very site that serves the network."""

# mypy: allow-untyped-calls

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from http.client import HTTPResponse
from io import BytesIO
from typing import Any, cast
from urllib.parse import urlencode

from attrs import field, frozen
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from proactor.web.callers import Connection
from proactor.wire import Site

Pairs = Iterable[tuple[str, str]]

#: Sees that an answer is what it should be, by method and target of the request.
Check = Callable[[str, int, Mapping[str, str], bytes], None]


def _no_check(_line: str, _status: int, _headers: Mapping[str, str], _body: bytes) -> None:
    """Any answer will do."""


@frozen
class Response:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8")

    def json(self) -> Any:
        """What the body says, of one that is JSON."""
        assert self.headers["content-type"] in ("application/json", "application/problem+json"), self.headers
        return json.loads(self.body)


class _Buffer:
    """What ``http.client`` takes for a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: object) -> BytesIO:
        return BytesIO(self._data)


class Exchange:
    """One request on a connection of its own, and what has come back so far."""

    def __init__(self, site: Site, data: bytes, check: Check = _no_check, peer: str = "192.168.1.1") -> None:
        self._line, self._check = data.partition(b" HTTP/")[0].decode("latin-1"), check
        # As the network's, it takes what is done to it after its end for nothing.
        self._transport = StringTransport(
            IPv4Address("TCP", "127.0.0.1", 8080), IPv4Address("TCP", peer, 54321), lenient=True
        )
        self._channel = site.buildProtocol(None)
        assert self._channel is not None
        self._channel.makeConnection(self._transport)
        self._channel.dataReceived(data)
        self._over = False

    @property
    def answered(self) -> bool:
        """Whether the answer is whole."""
        return bool(self._transport.disconnecting)

    @property
    def received(self) -> str:
        """All that came, head and body."""
        text: str = self._transport.value().decode("utf-8")
        return text

    @property
    def aborted(self) -> bool:
        """Whether the connection was cut in an answer."""
        return bool(self._transport.disconnected)

    @property
    def response(self) -> Response:
        """The answer, which has come."""
        assert self.answered, f"no answer yet, but {self.received!r}"
        parsed = HTTPResponse(cast(Any, _Buffer(self._transport.value())))
        parsed.begin()
        headers = {name.lower(): value for name, value in parsed.getheaders()}
        assert len(headers) == len(parsed.getheaders()), "a header is there twice"
        body = parsed.read()
        self._check(self._line, parsed.status, headers, body)
        return Response(parsed.status, headers, body)

    def pause(self) -> None:
        """Read no more of it."""
        assert self._transport.producer is not None
        self._transport.producer.pauseProducing()

    def resume(self) -> None:
        """Read on."""
        assert self._transport.producer is not None
        self._transport.producer.resumeProducing()

    def hang_up(self) -> None:
        """Let the connection be gone; done again, it does nothing."""
        if not self._over:
            self._over = True
            self._channel.connectionLost(Failure(ConnectionDone()))


class Client:
    """Makes requests to a site in memory."""

    def __init__(self, check: Check = _no_check) -> None:
        self._check = check
        self.site: Site | None = None
        self._facts: object = None
        self._exchanges: list[Exchange] = []

    def learn(self, _transport: object) -> object:
        """What the site is to know of the connection being made."""
        return self._facts

    def begin(
        self,
        operation: str,
        *,
        token: str | None = None,
        facts: Connection | None = None,
        headers: Pairs = (),
        body: bytes = b"",
        host: str = "localhost:8080",
        peer: str = "192.168.1.1",
    ) -> Exchange:
        """Make a request.

        :param operation: method and target: ``GET /job``.
        :param facts: what is known of the connection.
        :param peer: the address that it comes from.
        """
        lines = [f"{operation} HTTP/1.1", f"Host: {host}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers]
        lines += [f"Authorization: Bearer {token}"] * (token is not None)
        lines += [f"Content-Length: {len(body)}"] * (body != b"")
        head = "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")
        assert self.site is not None
        self._facts = facts
        exchange = Exchange(self.site, head + body, self._check, peer)
        self._exchanges.append(exchange)
        return exchange

    def close(self) -> None:
        """Hang up everywhere."""
        for exchange in self._exchanges:
            exchange.hang_up()


def as_json(value: object) -> dict[str, Any]:
    """A request's body and headers for a JSON document."""
    return {"body": json.dumps(value).encode(), "headers": [("Content-Type", "application/json")]}


def as_form(**fields: str) -> dict[str, Any]:
    """A request's body and headers for a form, as ``curl -d`` sends it."""
    return {
        "body": urlencode(fields).encode(),
        "headers": [("Content-Type", "application/x-www-form-urlencoded")],
    }
