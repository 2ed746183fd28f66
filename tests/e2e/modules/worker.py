"""A processor whose callers have work for it: some that takes time, some that is the end of it."""

from __future__ import annotations

import os
import time

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.web.iweb import IRequest

from proactor import Processor

LONG = 0.5


class Worker(Processor):
    """It does what it is told to."""

    app = Klein()

    @app.route("/pid", methods=["GET"])
    def pid(self, request: IRequest) -> bytes:
        """Tell which process this is."""
        return b"%d" % os.getpid()

    @app.route("/work", methods=["GET"])
    def work(self, request: IRequest) -> Deferred[bytes]:
        """Take half a second; the log says that it began."""
        self.log.info("Working")
        return deferLater(self.reactor, LONG, lambda: b"%d" % os.getpid())

    @app.route("/fall", methods=["POST"])
    def fall(self, request: IRequest) -> bytes:
        """End by itself a moment later."""
        self.reactor.callLater(0, os._exit, 3)
        return b"falling"

    @app.route("/hang", methods=["POST"])
    def hang(self, request: IRequest) -> bytes:
        """Have the reactor for ever."""
        while True:
            time.sleep(60)


if __name__ == "__main__":
    Worker.main()
