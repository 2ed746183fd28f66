"""Work queue: work is sent to the module, whoever is free does it, and what it comes to is sent to all."""

from __future__ import annotations

import json

from klein import Klein
from twisted.internet.threads import deferToThread
from twisted.web.iweb import IRequest

from proactor import Message, Processor, Refused, message

MOST = 10_000_000


def primes(below: int) -> int:
    """Count the primes below a number (the sieve of Eratosthenes)."""
    sieve = bytearray([1]) * below
    sieve[:2] = bytes(min(2, below))
    for number in range(2, int(below**0.5) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, below, number)))
    return sum(sieve)


class Worker(Processor):
    """Takes ``count`` messages, ``{"below": 1000}``; ``GET /results``: what all workers found."""

    app = Klein()
    results: dict[str, int]

    def started(self) -> None:
        """Begin with nothing."""
        self.results = {}

    @message("count")
    async def count(self, event: Message) -> None:
        """Count. Killed in the middle of it, another one does it again, and what comes of it has the same id."""
        work = event.json
        below = work.get("below") if isinstance(work, dict) else None
        if not isinstance(below, int) or not 0 <= below <= MOST:
            raise Refused(f"below: must be a whole number up to {MOST}")
        found = await deferToThread(primes, below)
        await self.send("topic:counted", {"below": below, "primes": found}, id=f"counted-{event.id}")

    @message(topic="counted")
    def counted(self, event: Message) -> None:
        """Hear what somebody found."""
        self.results[str(event.json["below"])] = event.json["primes"]

    @app.route("/results", methods=["GET"])
    def show(self, request: IRequest) -> bytes:
        """Tell what was found."""
        request.setHeader(b"Content-Type", b"application/json")
        return json.dumps(self.results).encode() + b"\n"


if __name__ == "__main__":
    Worker.main()
