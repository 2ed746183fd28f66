"""A processor that writes down each message that it is handed, copies too, before it says that it has it."""

from __future__ import annotations

import os
from pathlib import Path

from proactor import Message, Processor, message

from .chaos_plan import FOLDER, TOPIC


class Receiver(Processor):
    """Writes ``source id data`` to a file of its own, a line for each."""

    async def started(self) -> None:
        """Open the file: what is written to it outlives the process."""
        path = Path(os.environ[FOLDER]) / f"received.{self.guid}"
        self.file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    @message(topic=f"{TOPIC}.*", repeats=True)
    def published(self, event: Message) -> None:
        """Of the topic."""
        self.sent(event)

    @message(repeats=True)
    def sent(self, event: Message) -> None:
        """Anything else."""
        os.write(self.file, f"{event.source} {event.id} {event.text}\n".encode())


if __name__ == "__main__":
    Receiver.main()
