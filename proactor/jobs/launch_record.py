"""What is written down of a launch before there is a process: all that it cannot be asked once nobody knows of it.

::

    00000000000000000003 {"speaks": false, "revision": 17, "log_start": 2048, "started": "2026-11-24T18:04:16+00:00"}

Each is as long as any other, so that one takes the place, and the room, of the one before.
"""

from __future__ import annotations

import json
from datetime import datetime

from attrs import frozen

__all__ = ["LENGTH", "LaunchRecord"]

#: Bytes of each.
LENGTH = 256
_DIGITS = 20


@frozen
class LaunchRecord:
    """One launch.

    :param incarnation: how many times the job has been launched, this time included; 0: it has not been.
    :param speaks: whether its process acknowledges its configuration.
    :param revision: of the configuration that it is given.
    :param log_start: where in the log what it writes begins.
    :param started: when it was launched, aware.
    """

    incarnation: int = 0
    speaks: bool = True
    revision: int | None = None
    log_start: int = 0
    started: datetime | None = None

    def to_bytes(self) -> bytes:
        """It as it is written down."""
        more = {
            "speaks": self.speaks,
            "revision": self.revision,
            "log_start": self.log_start,
            "started": None if self.started is None else self.started.isoformat(),
        }
        return f"{self.incarnation:0{_DIGITS}d} {json.dumps(more)}".ljust(LENGTH - 1).encode("ascii") + b"\n"

    @classmethod
    def of(cls, data: bytes) -> LaunchRecord:
        """What was written down, as far as it can be read: an earlier version wrote the number alone."""
        number, _, text = data.partition(b"\n")[0].partition(b" ")
        if not number.isdigit():
            return cls()
        try:
            more = json.loads(text)
            started = more.pop("started")
            return cls(int(number), started=None if started is None else datetime.fromisoformat(started), **more)
        except (AttributeError, KeyError, TypeError, ValueError):
            return cls(int(number))
