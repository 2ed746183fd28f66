"""The guardian's process from its start to its end."""

from __future__ import annotations

import os
import resource
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress

from .door import Door
from .guard import Guard
from .logs import Logs
from .report import report, speak_as
from .serving import Serving

__all__ = ["main"]

_NOT_MEANT_FOR_US = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)


def main(argv: Sequence[str]) -> None:
    """Serve the initiator at the other end of standard input, and those after it; end what is to be ended.

    :param argv: the home folder, and the format of the log, text if there is none; without a folder, no initiator
        comes after the first.
    """
    with suppress(OSError):  # it leads a group already, started by hand
        os.setsid()
    for number in _NOT_MEANT_FOR_US:
        signal.signal(number, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with suppress(OSError):  # only some may: what writes too fast is to be seen at once, on a busy machine too
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    speak_as(*argv[1:2] or ("text",))
    connection = _standard_input()
    door = _door(argv[0]) if argv else None
    logs = Logs(argv[0]) if argv else None
    os.chdir("/")
    guard = Guard()
    if Serving(guard, door, connection, most, logs=logs).run():
        ended = guard.end_all()
        if ended and guard.is_stop:
            report("WARNING", f"Ended {ended} process{'' if ended == 1 else 'es'} that had been left behind")
        elif ended:
            report("WARNING", f"The initiator is gone: ended {ended} of its processes")


def _standard_input() -> socket.socket:
    connection = socket.socket(fileno=os.dup(0))
    connection.setblocking(False)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return connection


def _door(path: str) -> Door | None:
    try:
        return Door(path)
    except OSError as error:
        report("WARNING", f"{path}: no initiator can take over from this one: {error.strerror}")
        return None
