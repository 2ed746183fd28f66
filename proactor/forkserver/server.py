"""The loop: packets are read, processes are forked."""

from __future__ import annotations

import gc
import os
import socket
from collections.abc import Mapping

from ..guardian_main.protocol import receive, send
from . import preload
from .child import become, lead
from .late import put_off_reactor
from .order import FILES, Order
from .sources import Sources

__all__ = ["Server"]


class Server:
    """One connection, and who forks on its behalf.

    :param connection: to the initiator; its end is the server's.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._files: dict[str, int] = {}
        self._sources: Sources | None = None

    def serve(self) -> Order | None:
        """Do what is told until there is no more; in each process that it forks it returns what that is to run."""
        while (packet := receive(self._connection)) is not None:
            for line, file in packet:
                word, _, rest = line.partition(" ")
                if file is not None:
                    self._files[word.removeprefix("@")] = file
                elif word == "preload":
                    self._preload(rest.split())
                elif word == "fork":
                    order = Order.read(rest)
                    if self._fork(order):
                        return order
        return None

    def _tell(self, text: str, file: int | None = None) -> None:
        send(self._connection, [(text.replace("\n", " "), file)])

    def _preload(self, names: list[str]) -> None:
        put_off_reactor()
        preload.load(preload.ALWAYS)
        for name in names:
            trial = preload.tried(name)
            for line in trial.lines:
                self._tell(f"said {name} {line[:1000]}")
            if trial.problem is None:
                preload.load((name,))
            else:
                self._tell(f"left {name} {trial.problem}")
        self._sources = Sources()
        gc.collect()
        # What there is now is never looked at again, so that its pages stay shared.
        gc.freeze()
        self._tell("ready")

    def _fork(self, order: Order) -> bool:
        """Fork a process; true in that one, if it is to go on."""
        files, self._files = self._files, {}
        try:
            told = self._unfit(order, files)
            if told is None and self._forked(order, files):
                # In the new process its number is another's by now.
                self._connection.detach()
                return True
        except OSError as e:
            told = f"failed {order.guid} {order.incarnation} {e.strerror}"
        if told is not None:
            self._tell(told)
        for file in files.values():
            os.close(file)
        return False

    def _unfit(self, order: Order, files: Mapping[str, int]) -> str | None:
        """What to answer where nothing can be forked."""
        changed = self._sources.changed() if self._sources is not None else None
        if changed is not None:
            return f"stale {changed}"
        if any(name not in files for name in FILES[:3]):
            return f"failed {order.guid} {order.incarnation} no descriptor is left for it"
        return None

    def _forked(self, order: Order, files: Mapping[str, int]) -> bool:
        numbers, number = os.pipe()
        go, begin = os.pipe()
        between = os.fork()
        if not between:
            # Who is in between ends at once: the initiator inherits what it has forked.
            if os.fork():
                os._exit(0)
            return _begun(order, files, go, number)
        os.close(number)
        os.close(go)
        try:
            found = os.read(numbers, 20)
            os.waitpid(between, 0)
            if found:
                self._tell(f"forked {order.guid} {order.incarnation} {int(found)}", begin)
            else:
                self._tell(f"failed {order.guid} {order.incarnation} it cannot be forked")
        finally:
            os.close(numbers)
            os.close(begin)
        return False


def _begun(order: Order, files: Mapping[str, int], go: int, number: int) -> bool:
    """In the new process: become what it is to be, or end.

    :param number: takes the process's own, when it can be sent signals.
    """
    try:
        lead()
        os.write(number, b"%d" % os.getpid())
        if become(order, files, go):
            return True
    except (OSError, ValueError, KeyError) as e:
        os.write(2, f"{order.module}: cannot be started: {e}\n".encode())
        os._exit(126)
    os._exit(0)
