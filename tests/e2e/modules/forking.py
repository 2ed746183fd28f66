"""A processor that starts programs and leaves them alone: a plain one, and one deaf to SIGTERM."""

from __future__ import annotations

import subprocess

from proactor import Processor

SLEEP = ["sleep", "600"]


class Forking(Processor):
    """It has three processes below it."""

    def started(self) -> None:
        """Have them."""
        subprocess.Popen(SLEEP)
        subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 600; true"])


if __name__ == "__main__":
    Forking.main()
