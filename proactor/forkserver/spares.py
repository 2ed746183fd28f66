"""Processes that are forked ahead, while nobody wants anything: each waits for the order that it is to carry out.

It is nobody's processor before that, and holds nothing but its end of a connection to the server, with which it ends.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress

from attrs import define, field

from ..guardian_main.protocol import LOST, connected, receive, send
from .child import lead
from .forking import begin
from .order import Order

__all__ = ["SPARES", "Spares"]

SPARES = 4
"""So many wait if nothing else is said: a launch by hand or after a failure finds one, and memory goes to no more."""


@define(eq=False)
class _Spare:
    """One, as the server has it."""

    connection: socket.socket
    pid: int | None = None

    def is_ready(self) -> bool:
        """Whether it waits.

        :raises OSError: it does not, and will not.
        """
        if self.pid is None:
            with suppress(BlockingIOError):
                packet = receive(self.connection)
                if packet is None:
                    raise ConnectionAbortedError
                self.pid = int(packet[0][0])
        return self.pid is not None


@define(eq=False)
class Spares:
    """Those that there are.

    :param most: how many are wanted.
    """

    most: int = SPARES
    _all: list[_Spare] = field(factory=list, init=False)

    @property
    def are_wanted(self) -> bool:
        """Whether there are fewer than that."""
        return len(self._all) < self.most

    def want(self, count: int) -> None:
        """Have so many from now on; those that are too many end."""
        self.most = count
        for spare in self._all[count:]:
            self._drop(spare)

    def add(self, fork: Callable[[], int], prepare: Callable[[], object]) -> Order | None:
        """Fork one more; ``None``, but in that one: there it returns when it has become what an order says.

        :param fork: as ``os.fork``, but the process is the initiator's child.
        :param prepare: called in it, before it waits.
        :raises OSError: there can be no more processes.
        """
        ours, theirs = connected()
        with theirs:
            try:
                is_there = fork() != 0
            except OSError:
                ours.close()
                raise
            if not is_there:
                ours.detach()
                self.forget()
                return _wait(theirs.detach(), prepare)
        ours.setblocking(False)
        self._all.append(_Spare(ours))
        return None

    def take(self, order: Order, files: Mapping[str, int], go: int) -> int | None:
        """Have one carry out an order; its number, ``None`` where none is ready.

        :param go: it goes on when a byte can be read of this.
        """
        for spare in list(self._all):
            try:
                if not spare.is_ready():
                    continue
                send(spare.connection, [*files.items(), ("go", go), (order.text(), None)])
            except OSError:
                # It has ended, of whatever.
                self._drop(spare)
                continue
            self._drop(spare)
            return spare.pid
        return None

    def end(self) -> None:
        """Let all end, and wait until they have: who stops the server looks then for what was left behind."""
        for spare in self._all:
            with suppress(OSError):
                spare.connection.shutdown(socket.SHUT_WR)
        for spare in list(self._all):
            spare.connection.setblocking(True)
            with suppress(OSError):
                # One that is not ready says that it is, before it sees the end.
                while receive(spare.connection) is not None:
                    pass
            self._drop(spare)

    def forget(self) -> None:
        """In a forked process: they are the server's, and their descriptors' numbers are others' soon."""
        for spare in self._all:
            spare.connection.detach()
        self._all = []

    def _drop(self, spare: _Spare) -> None:
        self._all.remove(spare)
        spare.connection.close()


def _wait(fd: int, prepare: Callable[[], object]) -> Order:
    """In a spare: wait for an order, and become what it says; or end."""
    try:
        lead()
        _close_all_but(fd)
        with suppress(Exception):
            # Without that its start takes longer, and nothing else.
            prepare()
        connection = socket.socket(fileno=fd)
        send(connection, [(str(os.getpid()), None)])
        packet = receive(connection)
        connection.detach()
        if packet is None:
            os._exit(0)
        *with_files, (text, _) = packet
        files = {name: file for name, file in with_files if file is not None and file != LOST}
        order, go = Order.read(text), files.pop("go")
    except BaseException:  # noqa: BLE001 - whatever happens, this must not become a second server
        os._exit(126)
    begin(order, files, go)
    return order


def _close_all_but(fd: int) -> None:
    for number in map(int, os.listdir("/proc/self/fd")):
        if number > 2 and number != fd:
            with suppress(OSError):
                os.close(number)
