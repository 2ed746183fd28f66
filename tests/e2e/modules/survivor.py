"""A processor that knows for how long it has lived: what it holds in memory is lost with its process."""

from __future__ import annotations

import sys
from uuid import uuid4

from klein import Klein
from twisted.web.iweb import IRequest

from proactor import Processor

NONCE = uuid4().hex


class Survivor(Processor):
    """Tells its nonce, and writes a line for each time that it does."""

    app = Klein()
    told = 0

    @app.route("/nonce")
    def nonce(self, _: IRequest) -> bytes:
        """The one that it has kept since it began."""
        self.told += 1
        sys.stdout.write(f"told {self.told}\n")
        sys.stdout.flush()
        return NONCE.encode()


if __name__ == "__main__":
    Survivor.main()
