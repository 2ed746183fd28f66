"""A request as its resource sees it."""

# mypy: allow-untyped-calls
# (what is inherited from Twisted here has no annotations)

from __future__ import annotations

from io import BytesIO

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import server

from .grammar import Refused
from .problems import Problem, write_problem

_log = Logger(namespace="proactor.wire")


class Request(server.Request):
    """A request whose body stays in memory, below its limit, and is not parsed.

    :ivar body_limit: the most bytes its body may have.
    """

    content: BytesIO
    body_limit = 0

    def gotLength(self, length: int | None) -> None:
        """Hold the body in memory: it is known to be small."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        """Take some of the body, up to the byte that passes the limit."""
        if self.content.tell() + len(data) > self.body_limit:
            raise too_large(self.body_limit)
        self.content.write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Route the request. Twisted parses a form only where the body's end is not its start, so it sees that."""
        self.content.seek(0)
        super().requestReceived(command, path, version)

    def processingFailed(self, reason: Failure) -> Failure:
        """Answer 500 without a word on why; where an answer has begun, cut it off."""
        method, path = self.method.decode("ascii"), self.path.decode("ascii")
        _log.failure("Cannot answer {method} {path}", reason, method=method, path=path)
        channel = getattr(self, "channel", None)  # deleted when the request was finished, None when it was lost
        if channel is not None and self.startedWriting:
            channel.abort()
        elif channel is not None:
            self.write(write_problem(self, Problem(500)))
            self.finish()
        return reason


def too_large(limit: int) -> Refused:
    """Return the refusal of a body of more than that many bytes."""
    return Refused(413, f"a body may have at most {limit} bytes here")
