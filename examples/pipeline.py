"""Pipeline: each does its part and hands on to the next, whom its configuration names and an edit may change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import uuid4

from klein import Klein
from twisted.web.iweb import IRequest

from proactor import Option, Processor

STEPS: Mapping[str, Callable[[str], str]] = {
    "strip": lambda text: " ".join(text.split()),
    "upper": str.upper,
    "reverse": lambda text: text[::-1],
}


class Stage(Processor):
    """``POST /work`` with a text: its step, then those of all that come after it."""

    app = Klein()
    options = (
        Option("step", str, "strip", choices=tuple(STEPS), help="What it does."),
        Option("next", str, "", help="Who goes on: a guid, a module, label:NAME=VALUE; nobody, where it is empty."),
    )

    @app.route("/work", methods=["POST"])
    async def work(self, request: IRequest) -> bytes:
        """Do it. The time that is left goes along, and so does the answer on the way back."""
        assert request.content is not None
        done = STEPS[self.config.step](request.content.read().decode()).encode()
        if not self.config.next:
            return done
        # With a key it may be tried again: a step comes to the same when it is done twice.
        reply = await self.peers.request(self.config.next, "POST", "/work", data=done, idempotency_key=uuid4().hex)
        return reply.check().body


if __name__ == "__main__":
    Stage.main()
