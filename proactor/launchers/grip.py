"""Hold of one process, so that a signal reaches that one and never another that has its number by now."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Protocol

from ..model import Identity
from .identity import identity_of, is_same

__all__ = ["Grip", "Numbered", "Pinned", "grip"]

_GROUP = 1 << 2
"""PIDFD_SIGNAL_PROCESS_GROUP of pidfd_send_signal(2), from Linux 6.9 on."""


class Grip(Protocol):
    """Hold of one process.

    :ivar fd: the descriptor by which it is held, which is readable when it has ended; ``None``: there is none.
    """

    fd: int | None

    def signal(self, number: int) -> None:
        """Send a signal to the process.

        :raises ProcessLookupError: it is no more.
        """

    def signal_group(self, number: int) -> None:
        """Send a signal to the process group that it leads, which may outlive it.

        :raises ProcessLookupError: there is none.
        """

    def close(self) -> None:
        """Let go of it."""


class Numbered:
    """By its number, which is looked at before each signal: exact for a child that was not reaped yet."""

    fd: int | None = None

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def signal(self, number: int) -> None:
        """Send a signal; see :class:`Grip`."""
        if not is_same(self._identity):
            raise ProcessLookupError
        os.kill(self._identity.pid, number)

    def signal_group(self, number: int) -> None:
        """Send a signal; see :class:`Grip`."""
        # While one of its group lives no process gets the group's number, so that who has it now leads another.
        if identity_of(self._identity.pid) not in (None, self._identity):
            raise ProcessLookupError
        os.killpg(self._identity.pid, number)

    def close(self) -> None:
        """Let go of nothing."""


class Pinned(Numbered):
    """By a pidfd (pidfd_open(2))."""

    def __init__(self, identity: Identity, fd: int) -> None:
        super().__init__(identity)
        self.fd = self._fd = fd

    def signal(self, number: int) -> None:
        """Send a signal; see :class:`Grip`."""
        signal.pidfd_send_signal(self._fd, number)

    def signal_group(self, number: int) -> None:
        """Send a signal; see :class:`Grip`."""
        try:
            signal.pidfd_send_signal(self._fd, number, None, _GROUP)
        except ProcessLookupError:
            raise
        except OSError:
            super().signal_group(number)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)


def grip(identity: Identity) -> Grip | None:
    """Take hold of a process; ``None`` where it is no more. Of a zombie there is some to be had."""
    if hasattr(os, "pidfd_open"):
        # Without one to be had, for lack of descriptors or in an old kernel, the number has to do.
        with suppress(OSError):
            pinned = Pinned(identity, os.pidfd_open(identity.pid))
            if is_same(identity):
                return pinned
            pinned.close()
    return Numbered(identity) if is_same(identity) else None
