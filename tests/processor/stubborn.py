"""A processor that gives its operator trouble, as told by the option ``trouble``."""

from __future__ import annotations

import threading

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.web.iweb import IRequest

from proactor import Option, Processor, Rejected


class Stubborn(Processor):
    """It fails to start, hangs in a thread, or does not stop."""

    app = Klein()
    options = (Option("trouble", choices=("start", "configuration", "thread", "stop", "memory", "none")),)

    async def started(self) -> None:
        """Fail, or leave a thread behind that never ends."""
        if self.config.trouble == "start":
            raise ZeroDivisionError("cannot start")
        if self.config.trouble == "configuration":
            raise Rejected("trouble", "must be another")
        if self.config.trouble == "memory":
            self.reactor.callLater(0, self.fill)
        if self.config.trouble == "thread":
            deferToThread(threading.Event().wait)

    def stopping(self) -> Deferred[None] | None:
        """Never end."""
        return Deferred() if self.config.trouble == "stop" else None

    def fill(self) -> None:
        """Want all the memory that there is, and keep it."""
        self.kept: list[bytes] = []
        while True:
            self.kept.append(bytes(1000))

    @app.route("/held")
    def held(self, request: IRequest) -> Deferred[bytes]:
        """Never answer."""
        print("held")  # noqa: T201 - what a processor prints is in its log
        return Deferred()


if __name__ == "__main__":
    Stubborn.main()
