"""The plainest process of Twisted, Klein and treq: what a processor's cost is measured against.

``python -m benchmarks.plain FD URL``: serves one route on an inherited socket, and fetches a URL once.
"""

from __future__ import annotations

import sys
from socket import AF_INET
from typing import Any

import treq
from klein import Klein
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.web.iweb import IRequest
from twisted.web.server import Site

app = Klein()


@app.route("/healthz")
def healthz(request: IRequest) -> bytes:
    """Say that it is alive."""
    return b'{"status": "ok"}'


async def fetch(url: str) -> None:
    """Fetch something once."""
    response = await treq.get(url)
    await treq.content(response)


def main() -> None:
    """Serve until it is ended."""
    untyped: Any = reactor
    untyped.adoptStreamPort(int(sys.argv[1]), AF_INET, Site(app.resource()))
    untyped.callWhenRunning(lambda: Deferred.fromCoroutine(fetch(sys.argv[2])))
    untyped.run()


if __name__ == "__main__":
    main()
