"""A processor that tells a number that it has made when it began: what lives on tells the same."""

from __future__ import annotations

from uuid import uuid4

from klein import Klein
from twisted.web.iweb import IRequest

from proactor import Processor

NONCE = uuid4().hex


class Nonce(Processor):
    """``GET /nonce``."""

    app = Klein()

    @app.route("/nonce")
    def nonce(self, _: IRequest) -> bytes:
        """The number."""
        return NONCE.encode()


if __name__ == "__main__":
    Nonce.main()
