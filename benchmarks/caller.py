"""A processor that calls, for ``benchmarks.peer_call``: another one by ``self.peers``, a plain server by treq alone.

As a program with a port it is that plain server: ``python -m benchmarks.caller PORT``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import treq
from klein import Klein
from twisted.internet.defer import Deferred, gatherResults
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.iweb import IRequest
from twisted.web.server import Site

from proactor import Processor

_ASKED = {"numbers": list(range(10)), "text": "x" * 100}

One = Callable[[], Awaitable[Any]]


def echo(request: IRequest) -> bytes:
    """Give back what came, as JSON."""
    assert request.content is not None
    request.setHeader(b"Content-Type", b"application/json")
    return json.dumps(json.loads(request.content.read())).encode()


class Plain:
    """The same route without a processor around it."""

    app = Klein()

    @app.route("/echo", methods=["POST"])
    def echo(self, request: IRequest) -> bytes:
        """Answer."""
        return echo(request)


class Caller(Processor):
    """``GET /measure``: as many calls of each kind, by turns."""

    app = Klein()

    @app.route("/echo", methods=["POST"])
    def echo(self, request: IRequest) -> bytes:
        """Answer."""
        return echo(request)

    @app.route("/measure/<target>/<int:port>/<int:calls>/<int:at_once>", methods=["GET"])
    async def measure(self, request: IRequest, target: str, port: int, calls: int, at_once: int) -> bytes:
        """Answer with the seconds of each call, and those of all of them when so many are under way at once."""
        kinds = {"peer": self._peer(target), "plain": self._plain(port)}
        found: dict[str, dict[str, list[float]]] = {name: {"each": [], "all": []} for name in kinds}
        for _ in range(10):
            for name, one in kinds.items():
                await one()
                found[name]["each"] += [await _timed(one) for _ in range(calls)]
                began = time.perf_counter()
                await gatherResults([Deferred.fromCoroutine(_several(one, calls)) for _ in range(at_once)])
                found[name]["all"].append((time.perf_counter() - began) / (calls * at_once))
        return json.dumps(found).encode()

    def _peer(self, target: str) -> One:
        async def one() -> Any:
            reply = await self.peers.request(target, "POST", "/echo", json=_ASKED)
            return reply.check().json()

        return one

    def _plain(self, port: int) -> One:
        pool = HTTPConnectionPool(self.reactor)
        pool.maxPersistentPerHost = 64
        client = treq.client.HTTPClient(Agent(self.reactor, pool=pool))

        async def one() -> Any:
            response = await client.post(f"http://127.0.0.1:{port}/echo", json=_ASKED, timeout=10)
            return await response.json()

        return one


async def _timed(one: One) -> float:
    began = time.perf_counter()
    await one()
    return time.perf_counter() - began


async def _several(one: One, calls: int) -> None:
    for _ in range(calls):
        await one()


def serve(port: int) -> None:
    """Serve the plain one until the process is ended."""
    from twisted.internet import reactor  # noqa: PLC0415

    untyped: Any = reactor
    listening = untyped.listenTCP(port, Site(Plain().app.resource()), interface="127.0.0.1")
    print(listening.getHost().port, flush=True)
    untyped.run()


if __name__ == "__main__":
    if sys.argv[1].isdigit():
        serve(int(sys.argv[1]))
    else:
        Caller.main()
