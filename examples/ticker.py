"""A processor of one's own: it counts ticks, so many a second, and takes another rate without missing one."""

from __future__ import annotations

import json

from klein import Klein
from twisted.web.iweb import IRequest

from proactor import Option, Processor, Rejected
from proactor.processor import Config


class Ticker(Processor):
    """``GET /ticks`` tells the count, ``POST /reset`` sets it back."""

    app = Klein()
    options = (
        Option("rate", float, 1.0, exclusive_minimum=0, maximum=1000, help="Ticks a second."),
        Option("limit", int, 1_000_000, minimum=1, help="It stops counting there."),
        Option("first", int, 0, minimum=0, live=False, help="It begins counting there."),
    )

    counted = since = 0.0

    def started(self) -> None:
        """Begin to count."""
        self.counted, self.since = float(self.config.first), self.reactor.seconds()

    def count(self) -> float:
        """Add what the time has brought since to what was counted before."""
        passed = self.reactor.seconds() - self.since
        return float(min(self.counted + passed * self.config.rate, self.config.limit))

    def reconfigure(self, old: Config, new: Config) -> None:
        """Go on from here at another rate. Only the process itself knows whether a limit still makes sense."""
        count = self.count()
        if new.limit < count:
            raise Rejected("limit", f"must be >= {int(count)}, which is counted already")
        self.counted, self.since = count, self.reactor.seconds()

    @app.route("/ticks", methods=["GET"])
    def ticks(self, request: IRequest) -> bytes:
        """Answer ``{"ticks": 42, "rate": 1.0}``."""
        request.setHeader(b"Content-Type", b"application/json")
        return json.dumps({"ticks": int(self.count()), "rate": self.config.rate}).encode() + b"\n"

    @app.route("/reset", methods=["POST"])
    def reset(self, request: IRequest) -> bytes:
        """Count from zero again."""
        self.counted, self.since = 0.0, self.reactor.seconds()
        return self.ticks(request)


if __name__ == "__main__":
    Ticker.main()
