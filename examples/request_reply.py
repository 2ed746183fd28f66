"""Request and reply: who does not know asks one who does. Launch two of them, or more."""

from __future__ import annotations

from klein import Klein
from twisted.web.iweb import IRequest

from proactor import Processor


class Speller(Processor):
    """``GET /spell/WORD`` spells it; ``GET /ask/WORD`` has another one do that, the one with the least to do."""

    app = Klein()

    @app.route("/spell/<word>", methods=["GET"])
    def spell(self, request: IRequest, word: str) -> str:
        """Spell a word."""
        return f"{'-'.join(word.upper())}\n"

    @app.route("/ask/<word>", methods=["GET"])
    async def ask(self, request: IRequest, word: str) -> str:
        """Ask one of the others."""
        reply = await self.peers.request("request_reply", "GET", f"/spell/{word}", timeout=5)
        return f"{reply.peer.guid} says: {reply.check().text}"


if __name__ == "__main__":
    Speller.main()
