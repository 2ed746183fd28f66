"""The reactor, run for as long as one piece of work takes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from .ends import Interrupted

__all__ = ["Work", "run"]

T = TypeVar("T")

_ENDING = (signal.SIGINT, signal.SIGTERM)

#: Work on a reactor.
Work = Callable[[Any], Coroutine[Any, Any, T]]


def run(work: Work[T]) -> T:
    """Run the reactor until the work is over; once in a process.

    :raises Interrupted: by Ctrl-C or SIGTERM; the work was given up, and has tidied up after itself.
    :raises Exception: what the work raised.
    """
    from twisted.internet import reactor  # noqa: PLC0415 - an import of this module installs none
    from twisted.internet.defer import Deferred  # noqa: PLC0415
    from twisted.python.failure import Failure  # noqa: PLC0415

    running: Any = reactor
    results: list[Any] = []
    interrupted: list[int] = []
    working: list[Deferred[Any]] = []

    def begin() -> None:
        deferred = Deferred.fromCoroutine(work(running))
        working.append(deferred)
        deferred.addBoth(results.append)
        deferred.addBoth(lambda _: running.stop())

    def give_up() -> None:
        for deferred in working:
            deferred.cancel()

    def interrupt(number: int, _frame: object) -> None:
        # Another one does what it does without us.
        signal.signal(number, signal.SIG_DFL)
        interrupted.append(number)
        running.callFromThread(give_up)

    # A shell that runs it in the background may have one ignored.
    heeded = (number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN)
    before = {number: signal.signal(number, interrupt) for number in heeded}
    running.callWhenRunning(begin)
    try:
        running.run(installSignalHandlers=False)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if interrupted:
        raise Interrupted(interrupted[0])
    (result,) = results
    if isinstance(result, Failure):
        result.raiseException()
    return result  # type: ignore[no-any-return]
