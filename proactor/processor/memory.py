"""A process without memory before it serves: it would fail again and again, and nobody would know of what."""

from __future__ import annotations

import os
from collections.abc import Callable

from attrs import define
from twisted.logger import ILogObserver, LogEvent
from zope.interface import implementer

__all__ = ["NoMemory"]

_SAID = b"MemoryError: no memory is left before it serves; raise limit_memory, or give the machine more\n"


def _end() -> None:
    # Nothing that would have to be made first; in good order it cannot end.
    os.write(2, _SAID)
    os._exit(1)


@implementer(ILogObserver)
@define(eq=False)
class NoMemory:
    """Ends the process when want of memory is logged, until it serves; later one request alone may want too much.

    :param serves: whether it does.
    """

    serves: Callable[[], bool]
    end: Callable[[], None] = _end

    def __call__(self, event: LogEvent) -> None:
        """Look at what is logged."""
        failure = event.get("log_failure")
        if failure is not None and failure.check(MemoryError) and not self.serves():
            self.end()
