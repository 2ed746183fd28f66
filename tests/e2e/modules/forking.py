"""A processor that starts programs and leaves them alone: a plain one, one deaf to SIGTERM, one in its own session."""

from __future__ import annotations

import subprocess

from proactor import Processor

SLEEP = ["sleep", "600"]


class Forking(Processor):
    """It has five processes below it."""

    def started(self) -> None:
        """Have them."""
        subprocess.Popen(SLEEP)
        subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 600; true"])
        subprocess.Popen(["sh", "-c", "sleep 600; true"], start_new_session=True)


if __name__ == "__main__":
    Forking.main()
