"""A processor that sends numbered messages, and goes on where it was when it is killed."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from twisted.internet.defer import Deferred

from proactor import Option, Processor

from .chaos_plan import FOLDER, channels, id_of


class Sender(Processor):
    """Sends to each channel one message after another; a file has how many are stored."""

    options = (Option("count", int, 0, minimum=0, live=False), Option("receivers", tuple, (), live=False))

    async def started(self) -> None:
        """Begin, or go on."""
        for name, target, share in channels(self.config.receivers):
            work = Deferred.fromCoroutine(self.send_all(name, target, int(self.config.count * share)))
            work.addErrback(partial(self.log.failure, "Sending"))

    async def send_all(self, name: str, target: str, count: int) -> None:
        """Send so many, each once it is known that the one before is stored."""
        path = Path(os.environ[FOLDER]) / f"sent.{self.guid}.{name}"
        done = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        # A byte for each; what was sent and is not among them is sent again, with the id that it had.
        for number in range(os.stat(done).st_size, count):
            await self.send(target, str(number), id=id_of(name, number))
            os.write(done, b".")
        os.close(done)


if __name__ == "__main__":
    Sender.main()
