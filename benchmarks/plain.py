"""The plainest process of Twisted, Klein and treq: what a processor's cost is measured against.

``python -m benchmarks.plain FD URL``: serves one route on an inherited socket, and fetches a URL once.
"""

from __future__ import annotations

import sys
from socket import AF_INET
from typing import Any

import treq
from klein import Klein
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


def serve(fd: int, url: str | None = None) -> None:
    """Serve on a socket until the process is ended.

    :param url: what is fetched once; ``None``: nothing.
    """
    # Here, so that who has loaded this module can fork, and each has a reactor of its own.
    from twisted.internet import reactor  # noqa: PLC0415

    untyped: Any = reactor
    untyped.adoptStreamPort(fd, AF_INET, Site(app.resource()))
    if url is not None:
        untyped.callWhenRunning(lambda: Deferred.fromCoroutine(fetch(url)))
    untyped.run()


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2])
