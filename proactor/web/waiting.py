"""Work that a caller may wait for, or leave (RFC 7240, ``wait``)."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

LONGEST = 300.0

log = Logger(namespace="proactor.web")


async def within(clock: IReactorTime, work: Deferred[Any], seconds: float | None, what: str) -> bool:
    """Whether work is done in so many seconds; if not it goes on, and a failure of it is logged.

    :param seconds: ``None`` or 0 to see only whether it is done already.
    """
    over: Deferred[bool] = Deferred()

    def done(result: object) -> None:
        if not over.called:
            over.callback(result if isinstance(result, Failure) else True)
        elif isinstance(result, Failure):
            log.failure("{what}", result, what=what)

    work.addBoth(done)
    if not over.called and not seconds:
        over.callback(False)
    timer = clock.callLater(min(seconds or 0, LONGEST), over.callback, False)
    try:
        return await over
    finally:
        if timer.active():
            timer.cancel()
