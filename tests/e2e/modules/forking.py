"""A processor that starts programs and leaves them alone: plain, deaf to SIGTERM, in a session of its own."""

from __future__ import annotations

import subprocess

from proactor import Processor

SLEEP = ["sleep", "600"]


class Forking(Processor):
    """It has four processes below it, one of which is out of its session."""

    def started(self) -> None:
        """Have them."""
        subprocess.Popen(SLEEP)
        subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 600; true"])
        subprocess.Popen(SLEEP, start_new_session=True)


if __name__ == "__main__":
    Forking.main()
