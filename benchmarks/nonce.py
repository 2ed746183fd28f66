"""A processor that tells a number that it has made when it began: what lives on tells the same.

It writes a line for each time that it does, so that a gap in its log is seen.
"""

from __future__ import annotations

import sys
from uuid import uuid4

from klein import Klein
from twisted.web.iweb import IRequest

from proactor import Processor

NONCE = uuid4().hex


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
