"""What came with the request that is answered at this moment, and goes on with what that asks of others.

The time that is left goes as ``Request-Timeout: SECONDS``: a span and no moment, for clocks differ, as gRPC has it in
``grpc-timeout``; the trace as ``traceparent`` (W3C Trace Context).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import TypeVar

from attrs import frozen
from twisted.web.iweb import IRequest

from ..tracing import HEADER as TRACE
from ..tracing import trace_of

__all__ = ["HEADER", "Incoming", "answering", "incoming", "read_timeout", "timeout_text"]

HEADER = "Request-Timeout"

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_T = TypeVar("_T")


@frozen
class Incoming:
    """What is handed on.

    :param deadline: when who asked stops waiting, on the reactor's clock; None: it did not say.
    """

    deadline: float | None = None
    trace: str | None = None


_NONE = Incoming()
_INCOMING: ContextVar[Incoming] = ContextVar("proactor.incoming", default=_NONE)


def incoming() -> Incoming:
    """What came with the request that is answered now; nothing outside of one."""
    return _INCOMING.get()


def read_timeout(text: str | None) -> float | None:
    """Read the header, in seconds; None where it is not there or is none, which is no error."""
    return float(text) if text is not None and _SECONDS.fullmatch(text.strip()) else None


def timeout_text(seconds: float) -> str:
    """Give the header for a time that is left; never more than that."""
    return f"{max(0, int(seconds * 1000)) / 1000:.3f}"


def answering(request: IRequest, now: Callable[[], float], answer: Callable[[], _T]) -> _T:
    """Answer a request, and have what it asks of others know what came with it."""
    timeout, trace = request.getHeader(HEADER), request.getHeader(TRACE)
    if timeout is None and trace is None:
        return answer()
    left = read_timeout(timeout)
    came = Incoming(None if left is None else now() + left, trace_of(trace))

    def within() -> _T:
        _INCOMING.set(came)
        return answer()

    return copy_context().run(within)
