"""A processor that takes its time: it serves once the file that its option ``gate`` names is there."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import deferLater

from proactor import Processor


class Gated(Processor):
    """Nothing of its own."""

    async def started(self) -> None:
        """Wait for the file."""
        while not Path(self.config["gate"]).exists():
            await deferLater(self.reactor, 0.02)


if __name__ == "__main__":
    Gated.main()
