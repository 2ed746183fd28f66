"""``POST /message`` of a processor: what the initiator delivers comes to the method that takes it."""

# mypy: allow-untyped-calls
# (what is inherited from Twisted here has no annotations)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from ..errors import Malformed, ProactorError, Refused, Unavailable
from ..messaging.cloudevents import CloudEvent, check, from_headers, from_structured, is_structured, read_object
from ..wire.problems import Problem, write_problem
from .callers import ANYONE, INITIATOR, LOCAL, caller
from .messages import Handler, Message, Repeats

if TYPE_CHECKING:
    from .base import Processor

__all__ = ["Inbox"]

_log = Logger(namespace="proactor.processor")

_Key = tuple[str, str]


def _event(request: IRequest) -> CloudEvent:
    """What was delivered, in the binary mode or in the structured one.

    :raises Malformed, Refused: it is no event; says why.
    """
    headers = request.requestHeaders
    content: Any = request.content
    data: bytes = content.read()
    kinds = [value.decode("latin-1") for value in headers.getRawHeaders(b"Content-Type") or []]
    kind = kinds[0] if kinds else None
    if is_structured(kind):
        event = from_structured(read_object(data))
    else:
        pairs = [(name, value) for name, values in headers.getAllRawHeaders() for value in values]
        attributes = from_headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs)
        event = CloudEvent({**attributes, **({} if kind is None else {"datacontenttype": kind})}, data)
    check(event.attributes)
    return event


class Inbox(Resource):
    """Answers 204 when a message is taken, 4xx when it is refused for good, and else something after which it is sent
    again.

    A message that comes again while it is being taken is answered with what comes of that.
    """

    isLeaf = True

    def __init__(self, processor: Processor) -> None:
        super().__init__()
        self._processor = processor
        self._taken = Repeats()
        self._at_work: dict[_Key, list[Deferred[Problem | None]]] = {}

    def render(self, request: IRequest) -> Any:
        """Take what is delivered."""
        if request.method != b"POST":
            return write_problem(request, Problem(405, "messages are sent by POST", headers={"Allow": "POST"}))
        stranger = self._stranger(request)
        if stranger is not None:
            return write_problem(request, stranger)
        try:
            message = Message.of(_event(request))
            handler = self._processor.handlers.find(message)
            if handler is None:
                raise Refused(f"nothing takes messages of type {message.type[:100]}")
        except ProactorError as error:
            return write_problem(request, _problem(error))
        if not handler.repeats and message in self._taken:
            return _nothing(request)
        self._take(message, handler).addCallback(_answer, request, _ended(request))
        return NOT_DONE_YET

    def _stranger(self, request: IRequest) -> Problem | None:
        """Say what somebody lacks who is not the initiator, if anything.

        Another processor could say anything of whom a message is from; the initiator has seen to that. Where there is
        none, anybody else on this machine will do.
        """
        who = caller(request)
        if who.name == INITIATOR or (self._processor.outbox is None and who.guid is None):
            return None
        said = "messages are taken from the initiator alone, with its token: send them by its POST /message"
        if who in (LOCAL, ANYONE):
            return Problem(401, said, headers={"WWW-Authenticate": "Bearer"})
        return Problem(403, said)

    def _take(self, message: Message, handler: Handler) -> Deferred[Problem | None]:
        """What comes of a message; whoever sent it goes away meanwhile does not end the work on it."""
        key, answer = (message.source, message.id), Deferred[Problem | None]()
        waiting = self._at_work.get(key)
        if waiting is not None:
            waiting.append(answer)
            return answer
        self._at_work[key] = [answer]
        work: Deferred[Any] = maybeDeferred(getattr(self._processor, handler.name), message)
        work.addCallbacks(lambda _: None, self._trouble, errbackArgs=(message,))
        work.addCallback(self._over, message)
        return answer

    def _over(self, problem: Problem | None, message: Message) -> None:
        if problem is None:
            self._taken.add(message)
        for answer in self._at_work.pop((message.source, message.id)):
            answer.callback(problem)

    def _trouble(self, failure: Failure, message: Message) -> Problem:
        error = failure.value
        if isinstance(error, (Refused, Unavailable, Malformed)):
            return _problem(error)
        _log.failure("Taking the message {id} of type {type}", failure, id=message.id, type=message.type)
        return Problem(500, f"taking it failed: {type(error).__name__}")


def _problem(error: ProactorError) -> Problem:
    if isinstance(error, Unavailable):
        return Problem(503, str(error), headers={"Retry-After": str(error.retry_after)})
    return Problem(400 if isinstance(error, Malformed) else 422, str(error))


def _ended(request: Any) -> list[Any]:
    """What is something as soon as nobody waits for an answer any more."""
    ended: list[Any] = []
    request.notifyFinish().addBoth(ended.append)
    return ended


def _nothing(request: IRequest) -> bytes:
    request.setResponseCode(204)
    return b""


def _answer(problem: Problem | None, request: IRequest, ended: list[Any]) -> None:
    if not ended:
        request.write(_nothing(request) if problem is None else write_problem(request, problem))
        request.finish()
