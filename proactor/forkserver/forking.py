"""Processes are forked for the initiator: each is its child, and goes on as what it is told to be."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from attrs import define

from .child import become, lead
from .order import Order

__all__ = ["Forked", "Pipe", "begin", "fork_one", "fork_twice"]


class Pipe:
    """A pipe; -1 where it was closed."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe()

    def close(self, *ends: str) -> None:
        """Close some of its ends; once is enough."""
        for end in ends:
            if getattr(self, end) >= 0:
                os.close(getattr(self, end))
                setattr(self, end, -1)

    def forget(self) -> None:
        """Somebody else closes it."""
        self.read = self.write = -1


@define(eq=False)
class Forked:
    """What came of it.

    :param pid: ``None``: nothing did.
    :param is_here: whether this is the new process.
    """

    pid: int | None = None
    is_here: bool = False


def fork_one(fork: Callable[[], int], order: Order, files: Mapping[str, int], go: Pipe) -> Forked:
    """Fork a process that becomes what an order says.

    :param fork: as ``os.fork``, but the process is the initiator's child; what it gives may be any number.
    :param go: read by the process.
    """
    numbers = Pipe()
    try:
        if not fork():
            reading, number = go.read, numbers.write
            # All are closed, and their numbers are others' then.
            numbers.forget()
            go.forget()
            begin(order, files, reading, lambda: os.write(number, b"%d" % os.getpid()))
            return Forked(is_here=True)
        numbers.close("write")
        found = os.read(numbers.read, 20)
        return Forked(int(found) if found else None)
    finally:
        numbers.close("read", "write")


def begin(order: Order, files: Mapping[str, int], go: int, leads: Callable[[], object] | None = None) -> None:
    """In the new process: become what it is to be, or end.

    :param leads: called when it can be sent signals; ``None``: it can already.
    """
    try:
        if leads is not None:
            lead()
            leads()
        if become(order, files, go):
            return
    except BaseException as e:  # noqa: BLE001 - whatever happens, this must not become a second server
        os.write(2, f"{order.module}: cannot be started: {e}\n".encode("utf-8", "backslashreplace"))
        os._exit(126)
    os._exit(0)


def fork_twice() -> int:
    """As ``os.fork``; the child is the initiator's, who inherits it. What is given is not its number."""
    between = os.fork()
    if between:
        os.waitpid(between, 0)
        return between
    pid = -1
    try:
        pid = os.fork()
    finally:
        # Whatever happens, this must not become a second server.
        if pid:
            os._exit(0)
    return 0
