"""The loop: packets are read, modules are tried, processes are forked."""

from __future__ import annotations

import gc
import os
import select
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress

from ..guardian_main.protocol import receive, send
from . import preload
from .compaction import Heap
from .forking import Forked, Pipe, fork_one, fork_twice
from .late import put_off_reactor
from .order import FILES, Order
from .practice import practice
from .sibling import Siblings
from .sources import Sources
from .spares import Spares

__all__ = ["Server"]

_LONGEST_LINE = 1000
#: Seconds in which nobody wants anything, before one is forked ahead: amid a burst that would be in its way.
_IDLE = 0.1
#: And before what processors do is practised: who launches one or two, looks at them and ends, does not pay for that.
_QUIET = 1.0
#: With so many forked it is worth it at once.
_SOME = 8


class Server:
    """One connection, and who forks on its behalf.

    :param connection: to the initiator; its end is the server's.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._files: dict[str, int] = {}
        self._sources = Sources()
        self._began = time.time_ns()
        self._names: list[str] = []
        self._trial: preload.Trial | None = None
        self._siblings: Siblings | None = None
        self._fork_process = fork_twice
        self._heap = Heap()
        self._practice: Iterator[None] | None = None
        self._spares = Spares()
        self._is_ready = False
        self._forks = 0

    def serve(self) -> Order | None:
        """Do what is told until there is no more; in each process that it forks it returns what that is to run."""
        while True:
            self._try_next()
            if not self._is_told():
                order = self._spare()
                if order is not None:
                    return order
                continue
            packet = receive(self._connection)
            if packet is None:
                self._spares.end()
                return None
            for line, file in packet:
                word, _, rest = line.partition(" ")
                if file is not None:
                    self._files[word] = file
                elif word == "fork":
                    order = Order.read(rest)
                    if self._fork(order):
                        return order
                else:
                    self._prepare(word, rest)

    def _prepare(self, word: str, rest: str) -> None:
        if word == "preload":
            self._preload(rest.split())
        elif word == "spares":
            self._spares.want(int(rest))

    def _is_told(self) -> bool:
        """Wait, where something is under way, and see to that; whether there is something to be read."""
        if self._practice is not None:
            # What is to be loaded besides waits for that to be over.
            quiet = _QUIET if self._forks < _SOME and not self._names else 0.0
            return bool(select.select([self._connection.fileno()], [], [], quiet)[0]) or self._practise()
        if self._trial is None:
            patience = _IDLE if self._wants_spare() else None
            return bool(select.select([self._connection.fileno()], [], [], patience)[0])
        trial = self._trial
        found = select.select([self._connection.fileno(), trial.fileno()], [], [], trial.left)[0]
        if trial.fileno() in found:
            self._tried(trial.look())
        elif not trial.left:
            self._tried(trial.give_up())
        return self._connection.fileno() in found

    def _tell(self, text: str, file: int | None = None) -> None:
        # As words of one line, which are ASCII: it may have been anything.
        line = "".join(each if each.isprintable() else " " for each in text)
        # An initiator that is gone is seen when it is listened to next.
        with suppress(BrokenPipeError, ConnectionResetError):
            send(self._connection, [(line.encode("ascii", "backslashreplace").decode("ascii"), file)])

    # Loading.

    def _preload(self, names: list[str]) -> None:
        put_off_reactor()
        preload.load(preload.ALWAYS)
        preload.work_out()
        self._siblings = Siblings() if Siblings.are_known() else None
        self._names = names
        self._keep(self._began)
        self._tell("ready")
        self._is_ready = True
        self._began = time.time_ns()
        self._practice = practice(self._heap)

    def _practise(self) -> bool:
        """Go on with it while nobody wants anything; false."""
        assert self._practice is not None
        # What has begun is gone on with.
        self._forks = max(self._forks, _SOME)
        try:
            next(self._practice)
        except StopIteration:
            self._practice = None
            self._tell("practised")
        except Exception as e:  # noqa: BLE001 - whatever it is, it is told, and without practice it works as well
            self._practice = None
            self._tell(f"unpractised {type(e).__name__}: {e}")
        if self._practice is None:
            self._keep(self._began)
        return False

    def _keep(self, since: int, *more: str) -> None:
        self._sources.note(since, more)
        if self._siblings is not None:
            self._fork_process = self._siblings.fork if self._siblings.can() else fork_twice
        gc.collect()
        self._heap.fill()
        # What there is now is never looked at again, so that its pages stay shared.
        gc.freeze()

    def _try_next(self) -> None:
        if self._trial is None and self._practice is None and self._names:
            self._began = time.time_ns()
            self._trial = preload.Trial(self._names.pop(0), self._connection.fileno())

    def _tried(self, outcome: preload.Outcome | None) -> None:
        if outcome is None:
            return
        self._trial = None
        for line in outcome.lines:
            self._tell(f"said {outcome.name} {line[:_LONGEST_LINE]}")
        if outcome.problem is not None:
            self._tell(f"left {outcome.name} {outcome.problem}")
            return
        preload.load(outcome.modules, only_if_it_can=True)
        self._keep(self._began, *filter(None, [outcome.file]))
        self._tell(f"loaded {outcome.name}")

    # Forking.

    def _fork(self, order: Order) -> bool:
        """Fork a process; true in that one, if it is to go on."""
        files, self._files = self._files, {}
        try:
            told = self._unfit(order, files)
            if told is None and self._forked(order, files):
                # In the new process its number is another's by now.
                self._connection.detach()
                self._spares.forget()
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
        changed = self._sources.changed()
        if changed is not None:
            return f"stale {changed}"
        if any(name not in files for name in FILES[:3]):
            return f"failed {order.guid} {order.incarnation} no descriptor is left for it"
        return None

    def _forked(self, order: Order, files: Mapping[str, int]) -> bool:
        go = Pipe()
        self._forks += 1
        try:
            pid = self._spares.take(order, files, go.read)
            forked = Forked(pid) if pid is not None else fork_one(self._fork_process, order, files, go)
            if forked.is_here:
                return True
            if forked.pid is not None:
                self._tell(f"forked {order.guid} {order.incarnation} {forked.pid}", go.write)
            else:
                self._tell(f"failed {order.guid} {order.incarnation} it cannot be forked")
        finally:
            go.close("read", "write")
        return False

    def _wants_spare(self) -> bool:
        is_busy = self._practice is not None or self._trial is not None or self._names
        return self._is_ready and not is_busy and self._spares.are_wanted

    def _spare(self) -> Order | None:
        """Fork one ahead, if there is nothing else to do; in that one, what it is to run."""
        if not self._wants_spare():
            return None
        from .rehearsal import rehearse  # noqa: PLC0415 - it is loaded when a reactor is put off

        order = None
        # There can be no more processes now: later there may.
        with suppress(OSError):
            order = self._spares.add(self._fork_process, rehearse)
        if order is not None:
            self._connection.detach()
        return order
