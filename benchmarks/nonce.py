"""A processor that tells a number that it has made when it began: what lives on tells the same.

Behind it stand its pid and its start time, in clock ticks since the boot (proc_pid_stat(5)). It writes a line for each
time that it does, so that a gap in its log is seen.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from uuid import uuid4

from klein import Klein
from twisted.web.iweb import IRequest

from proactor import Processor

STARTED = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
NONCE = f"{uuid4().hex} {os.getpid()} {STARTED}"


class Nonce(Processor):
    """``GET /nonce``."""

    app = Klein()
    told = 0

    @app.route("/nonce")
    def nonce(self, _: IRequest) -> bytes:
        """The number."""
        self.told += 1
        sys.stdout.write(f"told {self.told}\n")
        return NONCE.encode()


if __name__ == "__main__":
    Nonce.main()
