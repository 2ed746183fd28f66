"""Publish and subscribe: what one says in a room is heard by all who are in it, which their configuration says."""

from __future__ import annotations

import json

from klein import Klein
from twisted.web.iweb import IRequest

from proactor import Message, Option, Processor, message


class Guest(Processor):
    """``POST /say`` with a text; ``GET /heard``: what was said in the rooms that it has subscribed to."""

    app = Klein()
    options = (Option("room", str, "lobby", help="Where it speaks."),)
    heard: list[str]

    def started(self) -> None:
        """Begin with nothing."""
        self.heard = []

    @app.route("/say", methods=["POST"])
    async def say(self, request: IRequest) -> str:
        """Say something; it is on the disk when this is answered."""
        assert request.content is not None
        sent = await self.send(f"topic:chat.{self.config.room}", request.content.read().decode(), type="said")
        return f"said to {len(sent.to)}\n"

    @message("said")
    def hear(self, event: Message) -> None:
        """Hear something."""
        self.heard.append(f"{event.topic}: {event.text}")

    @app.route("/heard", methods=["GET"])
    def show(self, request: IRequest) -> bytes:
        """Tell what was heard."""
        request.setHeader(b"Content-Type", b"application/json")
        return json.dumps(self.heard).encode() + b"\n"


if __name__ == "__main__":
    Guest.main()
