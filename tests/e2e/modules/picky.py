"""A processor that takes a configuration, or rejects it, or fails at it, or dies of it: as its own options say."""

from __future__ import annotations

import os

from klein import Klein
from twisted.web.iweb import IRequest

from proactor import Option, Processor, Rejected
from proactor.processor import Config


class Picky(Processor):
    """It looks at ``rate``: one that is what ``refuses`` says is rejected, ``breaks`` and ``falls`` alike."""

    app = Klein()
    options = (
        Option("rate", float, 1.0, exclusive_minimum=0, maximum=1000),
        Option("workers", int, 1, minimum=1, live=False),
        Option("pin", str, secret=True),
        Option("refuses", str),
        Option("breaks", str),
        Option("falls", str),
    )

    def reconfigure(self, old: Config, new: Config) -> None:
        """Take it, or not."""
        rate = new.get("rate")
        if rate == new.get("refuses"):
            raise Rejected("rate", f"{rate} is not for this one, whose pin is {new.get('pin')}")
        if rate == new.get("breaks"):
            raise RuntimeError("it broke")
        if rate == new.get("falls"):
            self.reactor.callLater(1, os._exit, 3)

    @app.route("/rate", methods=["GET"])
    def rate(self, request: IRequest) -> bytes:
        """Tell the value that it works with."""
        return f"{self.config.rate}\n".encode()

    @app.route("/fall", methods=["POST"])
    def fall(self, request: IRequest) -> bytes:
        """Die a moment later."""
        self.reactor.callLater(0, os._exit, 3)
        return b"falling\n"


if __name__ == "__main__":
    Picky.main()
