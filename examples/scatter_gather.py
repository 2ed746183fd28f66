"""Scatter and gather: all are asked for an offer at the same time, and the best of those that come in time counts."""

from __future__ import annotations

import json

from klein import Klein
from twisted.internet.task import deferLater
from twisted.web.iweb import IRequest

from proactor import Option, Processor


class Trader(Processor):
    """``GET /offer`` is its own; ``GET /best`` asks all the others."""

    app = Klein()
    options = (
        Option("price", float, 100.0, minimum=0, help="What it asks for."),
        Option("thinking", float, 0.0, minimum=0, help="Seconds that it takes to say so."),
    )

    @app.route("/offer", methods=["GET"])
    async def offer(self, request: IRequest) -> bytes:
        """Answer ``{"price": 100.0}``."""
        await deferLater(self.reactor, self.config.thinking)
        return json.dumps({"price": self.config.price}).encode() + b"\n"

    @app.route("/best", methods=["GET"])
    async def best(self, request: IRequest) -> bytes:
        """Answer ``{"guid": ..., "price": ..., "asked": 3, "answered": 2}``: who is slow or gone spoils nothing."""
        gathered = await self.peers.gather("scatter_gather", "GET", "/offer", timeout=1)
        offers = {reply.peer.guid: reply.json()["price"] for reply in gathered if reply.ok}
        guid = min(offers, key=lambda guid: offers[guid], default=None)
        counts = {"asked": len(gathered.replies) + len(gathered.failures), "answered": len(offers)}
        return json.dumps({"guid": guid, "price": offers.get(guid or ""), **counts}).encode() + b"\n"


if __name__ == "__main__":
    Trader.main()
