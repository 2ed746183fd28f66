"""The reactor takes up what is ready in lots, and looks at its timers in between."""

from __future__ import annotations

from typing import Any

#: How many connections that are ready are taken up before timers are looked at.
LOT = 192


class _Lots:
    """An ``select.epoll`` that tells of so many at a time. The kernel tells of the others next time, in turn."""

    def __init__(self, poller: Any) -> None:
        self._poller = poller

    def __getattr__(self, name: str) -> Any:
        return getattr(self._poller, name)

    def poll(self, timeout: float, most: int) -> Any:
        """Wait until some are ready; see ``select.epoll.poll``."""
        return self._poller.poll(timeout, min(most, LOT))


def take_up_in_lots(reactor: Any) -> bool:
    """Have an epoll reactor do so (epoll_wait(2), ``maxevents``); whether it does now.

    By itself it takes up all that are ready: when a fleet comes back at once, timers wait until all of it was read.
    """
    poller = getattr(reactor, "_poller", None)
    if poller is None or not hasattr(poller, "modify"):
        return False
    reactor._poller = _Lots(poller)
    return True
