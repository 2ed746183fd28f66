"""A processor that calls others when it is asked to."""

from __future__ import annotations

from klein import Klein
from twisted.web.iweb import IRequest

from proactor import Processor, caller, scope


class Calling(Processor):
    """Calls, and says who called."""

    app = Klein()

    @app.route("/call/<guid>", methods=["POST"])
    async def call(self, request: IRequest, guid: str) -> bytes:
        """Have another say who calls it."""
        reply = await self.peers.request(guid, "GET", "/who", scope="who")
        return reply.body

    @app.route("/who", methods=["GET"])
    @scope("who")
    def who(self, request: IRequest) -> str:
        """Say who calls."""
        return caller(request).name


if __name__ == "__main__":
    Calling.main()
