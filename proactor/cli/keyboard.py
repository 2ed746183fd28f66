"""Keys as they are pressed, without Enter."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

__all__ = ["heard"]


@implementer(IReadDescriptor)
class _Keys:
    """A terminal that is read."""

    def __init__(self, descriptor: int, pressed: Callable[[str], None], reactor: Any) -> None:
        self._descriptor, self._pressed, self._reactor = descriptor, pressed, reactor

    def fileno(self) -> int:
        """What is read."""
        return self._descriptor

    def doRead(self) -> None:
        """Take what was pressed."""
        data = os.read(self._descriptor, 64)
        if not data:
            self._reactor.removeReader(self)
        for key in data.decode("utf-8", "replace"):
            self._pressed(key)

    def connectionLost(self, reason: object) -> None:
        """There is no terminal any more."""
        self._reactor.removeReader(self)

    def logPrefix(self) -> str:
        """For Twisted's log."""
        return "keyboard"


@contextmanager
def heard(reactor: Any, pressed: Callable[[str], None]) -> Iterator[None]:
    """Hear of each key, where there is a terminal; it is as it was afterwards."""
    if not sys.stdin.isatty():
        yield
        return
    import termios  # noqa: PLC0415 - there is none of it without terminals
    import tty  # noqa: PLC0415

    descriptor = sys.stdin.fileno()
    before, keys = termios.tcgetattr(descriptor), _Keys(descriptor, pressed, reactor)
    tty.setcbreak(descriptor)
    reactor.addReader(keys)
    try:
        yield
    finally:
        reactor.removeReader(keys)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
