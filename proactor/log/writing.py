"""The log: one line an event, in the format that the initiator and its processors share.

``2026-11-24 18:04:16,425 INFO   |1034|proactor|Serving on 0.0.0.0:8080``, local time; or one JSON object a line.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Protocol

from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogBeginner,
    LogEvent,
    LogLevel,
    globalLogBeginner,
)
from zope.interface import implementer

from .formats import FORMATS
from .levels import Levels

__all__ = ["FORMATS", "Observer", "file_observer", "start_logging", "stream_observer"]


class Stream(Protocol):
    """What is asked of the place that the lines go to: a text stream, or Twisted's ``LogFile``."""

    def write(self, text: str, /) -> object:
        """Take text."""

    def flush(self) -> object:
        """Pass on what was taken."""


@implementer(ILogObserver)
class _Writer:
    """Writes each event at once and whole; one that a stream cannot take is counted, and told of when it can again."""

    def __init__(self, stream: Stream, render: Callable[[LogEvent], str]) -> None:
        self._stream = stream
        self._render = render
        self._lost = 0
        self._why = ""
        self._torn = False
        self._lock = threading.RLock()

    def __call__(self, event: LogEvent) -> None:
        text = self._render(event)
        if not text:
            return
        with self._lock:
            try:
                self._write(("\n" if self._torn else "") + (self._notice() if self._lost else "") + text)
            except (OSError, ValueError) as error:
                self._lost += 1
                self._why = getattr(error, "strerror", None) or str(error)
            else:
                self._lost = 0
                self._torn = False

    def _notice(self) -> str:
        return self._render(
            {
                "log_time": time.time(),
                "log_level": LogLevel.warn,
                "log_namespace": "proactor.log",
                "log_format": "{lost} log entries could not be written: {reason}",
                "lost": self._lost,
                "reason": self._why,
            }
        )

    def _write(self, text: str) -> None:
        if getattr(self._stream, "closed", False):
            raise ValueError("closed")
        fd = self._descriptor()
        if fd is None:
            self._stream.write(text)
            self._stream.flush()
        else:
            self._write_all(fd, text)

    def _descriptor(self) -> int | None:
        """Ask each time: the number of a stream that was closed may be a socket's by now."""
        fileno = getattr(self._stream, "fileno", None)
        try:
            return None if fileno is None else int(fileno())
        except OSError:
            return None

    def _write_all(self, fd: int, text: str) -> None:
        """Pass by the stream's buffer: it keeps what it failed to write, and brings it out, half, at another time."""
        self._stream.flush()
        data = text.encode(getattr(self._stream, "encoding", None) or "utf-8", "backslashreplace")
        sent = 0
        try:
            while sent < len(data):
                sent += os.write(fd, data[sent:])
        except OSError:
            self._torn = self._torn or sent > 0
            raise


class Observer(FilteringLogObserver):
    """An ``ILogObserver`` that writes what its level lets through.

    :param stream: where to; a stream that fails makes no call raise.
    :param levels: what it lets through; None: the usual.
    :param fmt: ``text`` or ``json``.
    """

    def __init__(self, stream: Stream, *, levels: Levels | None = None, fmt: str = "text") -> None:
        if fmt not in FORMATS:
            raise ValueError(f"log format {fmt!r}: must be one of {', '.join(FORMATS)}")
        self.stream = stream
        self.levels = Levels() if levels is None else levels
        self.levels.observed = True
        super().__init__(_Writer(stream, FORMATS[fmt]), [self.levels.filter])


def stream_observer(stream: Stream, *, levels: Levels | None = None, fmt: str = "text") -> Observer:
    """Observe to a text stream, such as the console.

    An event with the fields ``verbatim=True`` and ``line`` (str or bytes) is a line that a processor wrote: in
    text it is passed on alone as it is, but for control characters.
    """
    return Observer(stream, levels=levels, fmt=fmt)


def file_observer(
    path: str | os.PathLike[str],
    *,
    levels: Levels | None = None,
    fmt: str = "text",
    rotate_length: int | None = 10 << 20,
    keep: int = 5,
) -> Observer:
    """Observe to a file of mode 0600 that is appended to, for a daemon.

    :param rotate_length: bytes after which the file becomes ``PATH.1`` and a new one begins; None: never.
    :param keep: how many of those stay.
    :raises OSError: the file cannot be opened.
    """
    from twisted.python.logfile import LogFile  # noqa: PLC0415 - a processor has no use for it

    open_file: Callable[..., Stream] = LogFile.fromFullPath
    file = open_file(os.fspath(path), rotateLength=rotate_length, defaultMode=0o600, maxRotatedFiles=keep)
    return Observer(file, levels=levels, fmt=fmt)


def start_logging(
    stream: Stream | None = None,
    *,
    levels: Levels | None = None,
    fmt: str = "text",
    beginner: LogBeginner = globalLogBeginner,
) -> Observer:
    """Begin the log of a process, with what was logged up to now.

    What its code prints becomes log lines: of ``stdout`` at ``info``, of ``stderr`` at ``error``.

    :param stream: where to; None: the standard output of this moment.
    """
    observer = stream_observer(sys.stdout if stream is None else stream, levels=levels, fmt=fmt)
    beginner.beginLoggingTo([observer])
    return observer
