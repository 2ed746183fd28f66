"""The guardian in the service of one initiator after the other."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from .door import Door
from .guard import Guard
from .kept import Kept
from .logs import Logs
from .protocol import LOST, VERSION, Line, Packet, close_files, pack, receive, send
from .report import hush, report, speak_as, speak_to

__all__ = ["Serving"]

_LOOK = 1.0
"""Seconds between two looks at what is left, while nobody else looks; more where that takes its time."""
_IDLE = 50
"""How many times as long as a look took it is idle after it."""
_PATIENCE = 1.0
"""Seconds in which a guest must have said who it is, and in which the initiator may turn out to be gone."""
_MOST_GUESTS = 8
_SPARE = 4 + _MOST_GUESTS
"""Descriptors that no socket is kept in: who comes in has to have one."""
_HEARING = 5.0
"""Seconds in which the next initiator must take what it is told."""


class _Guest:
    """Who came in and has no place yet."""

    def __init__(self, connection: socket.socket, since: float) -> None:
        self.connection = connection
        self.since = since
        self.first: Packet | None = None

    def hear(self) -> bool:
        """Let it say who it is; tells whether it may stay."""
        packet = _heard(self.connection)
        if packet and packet[0][0].startswith("hello "):
            self.first = packet
            return True
        close_files(packet or ())
        return packet is not None and not packet


class Serving:
    """Keeps what initiators tell, and gives the next one what it keeps.

    :param door: where the next one comes in; None where none can.
    :param connection: to the first initiator.
    :param most_files: how many descriptors this process may have.
    :param now: as ``time.monotonic``.
    :param logs: the logs that are kept from taking too much; None: none are.
    """

    def __init__(
        self,
        guard: Guard,
        door: Door | None,
        connection: socket.socket,
        most_files: int,
        now: Callable[[], float] = time.monotonic,
        logs: Logs | None = None,
    ) -> None:
        self._guard = guard
        self._door = door
        self._initiator: socket.socket | None = connection
        self._highest = most_files - _SPARE
        self._now = now
        self._kept = Kept()
        self._logs = logs
        self._next_logs = 0.0
        self._guests: list[_Guest] = []
        self._adopt = False
        self._linger = 30.0
        self._next_look = 0.0
        self._needed_at = 0.0
        self._lost_any = False
        self._ends_all: bool | None = None

    def run(self) -> bool:
        """Serve, until nobody is to be served any more; tells whether the processes are to be ended then."""
        while self._ends_all is None:
            self.step()
        for guest in list(self._guests):
            self._send_away(guest)
        if self._door is not None:
            self._door.close()
        self._kept.close()
        if self._logs is not None:
            self._logs.close()
        return self._ends_all

    def step(self) -> None:
        """Wait until something happens, and do what it asks for."""
        ready = self._wait()
        if self._initiator is not None and self._initiator.fileno() in ready:
            self._hear(self._initiator)
        for guest in [guest for guest in self._guests if guest.connection.fileno() in ready]:
            if not guest.hear():
                self._send_away(guest)
        if self._door is not None and self._door.fileno() in ready:
            connection = self._door.accept()
            if connection is not None:
                self._guests.append(_Guest(connection, self._now()))
        self._seat()
        self._look()
        self._look_at_logs(ready)

    def _wait(self) -> set[int]:
        poll = select.poll()
        for source in (self._initiator, *(guest.connection for guest in self._guests if guest.first is None)):
            if source is not None:
                poll.register(source, select.POLLIN)
        if self._door is not None and len(self._guests) < _MOST_GUESTS:
            poll.register(self._door, select.POLLIN)
        if self._logs is not None and self._logs.fileno() >= 0 and self._now() >= self._next_logs:
            poll.register(self._logs, select.POLLIN)
        return {file for file, _ in poll.poll(self._pause())}

    def _pause(self) -> float | None:
        """How long to wait at most, in milliseconds."""
        if self._guests:
            return 50.0
        now, until = self._now(), []
        if self._looks:
            until.append(self._next_look)
        if self._logs is not None and self._logs.any and (self._logs.fileno() < 0 or now < self._next_logs):
            until.append(self._next_logs)
        return max(0.0, min(until) - now) * 1000 if until else None

    @property
    def _looks(self) -> bool:
        return self._initiator is None or self._guard.untold > 0

    # What the initiator says.

    def _hear(self, connection: socket.socket) -> None:
        packet = _heard(connection)
        if packet is None:
            self._gone()
        else:
            self._obey(packet)

    def _obey(self, packet: Packet) -> None:
        for line in packet:
            if not self._is_obeyed(line):
                report("WARNING", f"Not understood: {line[0][:100]!r}")

    def _is_obeyed(self, line: Line) -> bool:
        try:
            self._obey_line(line)
        except (IndexError, ValueError):
            return False
        return True

    def _obey_line(self, line: Line) -> None:
        text, file = line
        word, _, rest = text.partition(" ")
        words = rest.split()
        if word == "keep" and words:
            self._keep(words[0], file)
            return
        if word == "hello" and words:
            self._greet(words[0], words[1:], file)
            return
        close_files([line])
        if word == "drop":
            self._kept.drop(words[0])
        elif word == "adopt":
            self._adopt = words[0] == "yes"
        elif word == "leave":
            self._adopt = True
        elif word == "linger":
            self._linger = float(words[0])
        elif word in {"cut", "uncut"}:
            if self._logs is not None:
                self._logs.obey(word, words)
        else:
            self._guard.obey(word, words)

    def _keep(self, guid: str, file: int | None) -> None:
        if file is not None and file != LOST and file < self._highest:
            self._kept.keep(guid, file)
            return
        # There is none any more, or no room for it.
        close_files([(guid, file)])
        self._kept.drop(guid)
        if file is not None and not self._lost_any:
            self._lost_any = True
            report("WARNING", f"No descriptor is left to keep the socket of {guid}: raise the limit (ulimit -Hn)")

    def _greet(self, version: str, more: Sequence[str], file: int | None) -> None:
        """Give the next initiator what it is to have; one of another version is left with that."""
        speak_as(*more[:1] or ("text",))
        if file is not None and file != LOST:
            speak_to(file)
        connection = self._initiator
        assert connection is not None
        marks: list[Line] = [(f"mark {mark}", None) for mark in self._guard.marks]
        connection.settimeout(_HEARING)
        with suppress(OSError):  # it has gone, or will be: what it said before that is still to be heard
            for packet in pack([(f"hello {VERSION}", None), *marks, *self._kept.lines(), ("done", None)]):
                send(connection, packet)
        connection.setblocking(False)
        if version != str(VERSION):
            self._ends_all = False

    def _gone(self) -> None:
        assert self._initiator is not None
        if self._guard.is_stop or not self._adopt:
            # The connection lasts as long as this: so an initiator that stops sees when its processes have ended.
            self._ends_all = True
            return
        self._initiator.close()
        self._initiator = None
        if self._door is None:
            self._ends_all = False
        else:
            count = len(self._kept)
            sockets = f"{count} socket{'' if count == 1 else 's'}"
            report("WARNING", f"The initiator is gone: its processes live on, {sockets} kept for the next one")
            hush()
            self._guard.is_alone()
            self._next_look = self._needed_at = self._now()

    # Who comes in.

    def _seat(self) -> None:
        """Give a place to who said hello, when there is one; send away who waits for too long."""
        for guest in list(self._guests):
            if guest.first is not None and self._initiator is None and self._ends_all is None:
                self._guests.remove(guest)
                self._initiator = guest.connection
                self._obey(guest.first)
            elif self._now() - guest.since >= _PATIENCE:
                self._send_away(guest)

    def _send_away(self, guest: _Guest) -> None:
        self._guests.remove(guest)
        with suppress(OSError):  # it may have gone by itself
            if guest.first is not None:
                close_files(guest.first)
                send(guest.connection, [("busy", None)])
        guest.connection.close()

    # What takes too much of the disk.

    def _look_at_logs(self, ready: set[int]) -> None:
        if self._logs is None or not self._logs.any:
            return
        file, now = self._logs.fileno(), self._now()
        if file in ready or (file < 0 and now >= self._next_logs):
            pause = self._logs.look(alone=self._initiator is None)
            self._next_logs = self._now() + pause

    # What is left, while nobody else looks.

    def _look(self) -> None:
        began = self._now()
        if not self._looks or began < self._next_look:
            return
        self._guard.tidy()
        if self._initiator is None and self._ends_all is None:
            assert self._door is not None
            if self._guard.is_needed():
                self._needed_at = began
            if began - self._needed_at >= self._linger or self._door.is_anothers():
                self._ends_all = False
        self._next_look = began + max(_LOOK, _IDLE * (self._now() - began))


def _heard(connection: socket.socket) -> Packet | None:
    """A packet; an empty one where there is none yet, None at the end."""
    try:
        return receive(connection)
    except OSError:
        return ()
