"""An initiator and a processor for tests, both in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from klein import Klein
from treq.testing import StubTreq
from twisted.internet import error
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from zope.interface import implementer

from proactor import Option, Processor, Rejected
from proactor.extent import MOST_FETCHED
from proactor.processor import Config
from proactor.processor.configuration import Start
from proactor.processor.fetch import FetchLoop
from proactor.processor.runtime import fetch_loop

GUID = "0123456789abcdef" * 2
URL = "http://127.0.0.1:8080"

#: How an initiator can answer a fetch, beside as it should.
FAULTS: dict[str, Callable[[IRequest], Any]] = {}


def fault(function: Callable[[IRequest], Any]) -> Callable[[IRequest], Any]:
    """Add a way to answer, by the function's name."""
    FAULTS[function.__name__] = function
    return function


def _status(code: int) -> Callable[[IRequest], bytes]:
    def answer(request: IRequest) -> bytes:
        request.setResponseCode(code)
        return b"" if code == 304 else b"no"

    return answer


FAULTS.update({str(code): _status(code) for code in (304, 401, 403, 404, 410, 429, 500, 503)})


@fault
def redirect(request: IRequest) -> bytes:
    """Point elsewhere."""
    request.setResponseCode(302)
    request.setHeader(b"Location", b"http://127.0.0.1:8080/elsewhere")
    return b""


@fault
def no_json(request: IRequest) -> bytes:
    """Answer with something else."""
    return b"<html>"


@fault
def deep_json(request: IRequest) -> bytes:
    """Answer with what no parser gets through."""
    return b"[" * 100_000


@fault
def a_list(request: IRequest) -> bytes:
    """Answer with other JSON."""
    return b"[1]"


@fault
def nothing_in_it(request: IRequest) -> bytes:
    """Answer with an empty object."""
    return b"{}"


@fault
def too_large(request: IRequest) -> bytes:
    """Answer with more than anybody reads."""
    return b'{"a": "' + b"x" * MOST_FETCHED + b'"}'


@fault
def refused(request: Any) -> Deferred[bytes]:
    """Break the connection: no other is taken."""
    request.transport.abortConnection()
    return Deferred()


@fault
def silence(request: IRequest) -> Deferred[bytes]:
    """Never answer."""
    return Deferred()


class FakeInitiator:
    """Holds a configuration as an initiator does, checks tokens, records what it hears, and fails as told.

    :ivar behaviour: the name of a fault, ``refused`` for no connection, or empty: it answers as it should.
    :ivar restless: makes another revision for each fetch.
    :ivar holds: whether it heeds ``Prefer: wait``; ``says_so``: and says that.
    """

    app = Klein()

    def __init__(self) -> None:
        self.clock = Clock()
        self.options = {"rate": "1", "guid": GUID, "parent_url": URL}
        self.revision = 1
        self.token = "token-1"
        self.renewals = 1
        self.holds = True
        self.says_so = False
        self.behaviour = ""
        self.restless = False
        self.ack_status = 204
        self.fetches: list[dict[str, str]] = []
        self.acks: list[dict[str, Any]] = []
        self.elsewhere = 0
        self._held: list[Deferred[None]] = []
        self._stub: Any = StubTreq(self.app.resource())

    def request(self, method: str, url: str, **kwargs: Any) -> Deferred[Any]:
        """Be the HTTP client of the processor: connect it, or refuse to."""
        if self.behaviour == "refused":
            return fail(error.ConnectionRefusedError())
        if self.behaviour == "a bug":
            raise ZeroDivisionError
        answer: Deferred[Any] = self._stub.request(method, url, **kwargs)
        return answer

    def flush(self) -> None:
        """Carry over what was written on the connections."""
        self._stub.flush()

    def edit(self, **options: str) -> None:
        """Make a new revision, and answer who waits for it."""
        self.options.update(options)
        self.revision += 1
        self.release()

    def release(self) -> None:
        """Answer who waits."""
        held, self._held = self._held, []
        for waiting in held:
            waiting.callback(None)
        self.flush()

    def renew(self) -> None:
        """Give out another token from the next answer on."""
        self.renewals += 1

    @property
    def waiting(self) -> int:
        """How many requests are held."""
        return len(self._held)

    @app.route("/elsewhere")
    def _elsewhere(self, request: IRequest) -> bytes:
        self.elsewhere += 1
        return b""

    @app.route("/config/<guid>", methods=["GET"])
    async def _config(self, request: IRequest, guid: str) -> Any:
        headers = {
            name.decode().lower(): values[0].decode() for name, values in request.requestHeaders.getAllRawHeaders()
        }
        # It has nothing to say of what the tokens of others are verified by.
        headers["if-none-match"] = headers["if-none-match"].replace(".0", "")
        self.fetches.append(headers)
        self.revision += self.restless
        if self.behaviour in FAULTS:
            return FAULTS[self.behaviour](request)
        if headers["authorization"] != f"Bearer {self.token}":
            return FAULTS["401"](request)
        if headers["if-none-match"] == self.etag and self.holds and "prefer" in headers and not self._is_due:
            await self._hold(int(headers["prefer"].removeprefix("wait=")))
        if self.behaviour in FAULTS:
            return FAULTS[self.behaviour](request)
        if self.says_so:
            request.setHeader(b"Preference-Applied", b"wait")
        if headers["if-none-match"] == self.etag and not self._is_due:
            return FAULTS["304"](request)
        self.token = f"token-{self.renewals}"
        request.setHeader(b"ETag", self.etag.encode())
        return json.dumps({**self.options, "token": self.token, "revision": self.revision}).encode()

    @app.route("/config/<guid>/ack", methods=["POST"])
    def _ack(self, request: IRequest, guid: str) -> bytes:
        self.acks.append(json.loads(request.content.read()))
        request.setResponseCode(self.ack_status)
        return b""

    @property
    def etag(self) -> str:
        """Of the configuration of the moment."""
        return f'"{self.revision}"'

    @property
    def _is_due(self) -> bool:
        return self.token != f"token-{self.renewals}"

    def _hold(self, seconds: int) -> Deferred[None]:
        waiting: Deferred[None] = Deferred(self._held.remove)
        self._held.append(waiting)
        self.clock.callLater(seconds, self._end, waiting)
        return waiting

    def _end(self, waiting: Deferred[None]) -> None:
        if waiting in self._held:
            self._held.remove(waiting)
            waiting.callback(None)


class Dial(Processor):
    """A processor that records what it is told, and refuses what it is told to refuse."""

    options = (
        Option("rate", float, 1.0, exclusive_minimum=0, maximum=100),
        Option("mood", str, "fine"),
        Option("workers", int, 1, live=False),
        Option("pin", str, secret=True),
    )

    def __init__(self, config: Config, reactor: Any) -> None:
        super().__init__(config, reactor)
        self.seen: list[tuple[Config, Config]] = []
        self.accepted = [config]
        self.gate: Deferred[None] = succeed(None)

    async def reconfigure(self, old: Config, new: Config) -> None:
        """Take it up, as late as the gate opens."""
        self.seen.append((old, new))
        await self.gate
        if new.mood == "picky":
            raise Rejected("mood", "not in this mood")
        if new.mood == "broken":
            raise ZeroDivisionError(f"broken by {new.pin}")
        self.accepted.append(new)


class Rig:
    """A processor with its fetch loop, against a fake initiator, on a clock."""

    def __init__(self, **options: str) -> None:
        self.clock = Clock()
        self.initiator = FakeInitiator()
        self.initiator.options.update(options)
        self.left = 0
        config = Dial.configure(self.initiator.options, guid=GUID, revision=1)
        self.processor = Dial(config, self.clock)
        start = Start(self.initiator.options, 1, self.initiator.token, URL, "127.0.0.1")
        loop = fetch_loop(self.processor, start, self.initiator, self.clock, self.leave, random=lambda: 0.5)
        assert loop is not None
        self.loop: FetchLoop = loop

    def leave(self) -> None:
        """Count how often the process was told to end."""
        self.left += 1

    def advance(self, seconds: float, step: float = 0.5) -> None:
        """Let time pass, and what is on the wire arrive."""
        for _ in range(max(1, round(seconds / step))):
            self.initiator.clock.advance(step)
            self.clock.advance(step)
            self.initiator.flush()

    def settle(self) -> None:
        """Let everything happen that needs no time."""
        for _ in range(5):
            self.clock.advance(0)
            self.initiator.flush()


@implementer(ILogObserver)
class Log:
    """What is logged while it listens, as text."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self)

    def __call__(self, event: LogEvent) -> None:
        self.events.append(event)

    def close(self) -> None:
        """Stop listening."""
        globalLogPublisher.removeObserver(self)

    def lines(self, namespace: str = "proactor.processor", level: str = "info") -> list[str]:
        """Give the texts that somebody logged, from a level on."""
        levels = ["debug", "info", "warn", "error", "critical"]
        wanted = levels[levels.index(level) :]
        return [
            formatEvent(event)
            for event in self.events
            if event["log_namespace"] == namespace and event["log_level"].name in wanted
        ]

    def everything(self) -> str:
        """Give all that was said, tracebacks included."""
        failures = [event["log_failure"] for event in self.events if isinstance(event.get("log_failure"), Failure)]
        return "\n".join([*map(formatEvent, self.events), *(failure.getTraceback() for failure in failures)])
