"""Klein, joined to the table: who asks is known and allowed before a handler is called, and every failure is told."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest

from ..errors import NotGranted, TooManyAttempts, Unauthenticated, Unavailable
from ..metrics import Metrics
from ..timeline.origin import because
from ..tokens.failed_attempts import FailedAttempts
from ..tracing import HEADER, trace_of
from ..wire import connection_facts, vouch
from ..wire.problems import wants_json, write_problem
from . import calls
from .answers import Answer, nothing
from .callers import Anonymous, Caller, Connection, Identifier, ProcessorCaller, authorize
from .calls import Call
from .errors import problem_of, status_of
from .routing import App
from .streaming import send
from .table import ROUTES, Route, Who
from .turns import Turns

Handler = Callable[[Call], Coroutine[Any, Any, Answer]]

log = Logger(namespace="proactor.web")


@frozen
class _Around:
    """What all routes have in common."""

    identifier: Identifier
    turns: Turns | None
    metrics: Metrics | None
    attempts: FailedAttempts | None
    is_stopping: Callable[[], bool]


def make_app(
    handlers: Mapping[str, Handler],
    identifier: Identifier,
    clock: IReactorTime | None = None,
    metrics: Metrics | None = None,
    attempts: FailedAttempts | None = None,
    *,
    is_stopping: Callable[[], bool] = lambda: False,
) -> App:
    """The application: a handler for each route of the table, and none besides.

    :param clock: with it processors' requests take turns, so that a fleet of them keeps nobody else waiting.
    :param metrics: told of each request.
    :param attempts: told of each credential that does not hold.
    :param is_stopping: whether nothing new is begun any more.
    :raises ValueError: the two differ.
    """
    differing = {route.name for route in ROUTES} ^ handlers.keys()
    if differing:
        raise ValueError(f"not both in the table and handled: {', '.join(sorted(differing))}")
    turns = None if clock is None else Turns(clock)
    around = _Around(identifier, turns, metrics, attempts, is_stopping)
    app = App(_failed, turns)
    for route in ROUTES:
        _add(app, route, handlers[route.name], around)
    return app


def _failed(request: IRequest, failure: Failure) -> bytes:
    return write_problem(request, problem_of(failure))


def _add(app: App, route: Route, handler: Handler, around: _Around) -> None:
    def endpoint(request: IRequest, **path: str) -> Deferred[bytes]:
        return Deferred.fromCoroutine(_respond(request, route, handler, around, path))

    app.route(route.path, methods=[route.method], endpoint=route.name)(endpoint)


async def _respond(
    request: IRequest, route: Route, handler: Handler, around: _Around, path: Mapping[str, str]
) -> bytes:
    answer = await _measured(request, route, handler, around, path)
    if answer.stream is None:
        return _write(request, answer)
    _write_head(request, answer)
    # The head goes now: the first piece may be long in coming.
    request.write(b"")
    if request.method == b"HEAD":
        return b""
    await send(request, answer.stream)
    return b""


async def _measured(
    request: IRequest, route: Route, handler: Handler, around: _Around, path: Mapping[str, str]
) -> Answer:
    metrics = around.metrics
    if metrics is None:
        return await _answered(request, route, handler, around, path)
    began, held = metrics.seconds(), calls.wait(request.requestHeaders) is not None
    try:
        answer = await _answered(request, route, handler, around, path)
    except CancelledError:
        # Whoever asked has gone, and nothing was answered.
        raise
    except Exception as e:
        metrics.answered(route.name, status_of(e), held, metrics.seconds() - began)
        if isinstance(e, TooManyAttempts) or (isinstance(e, Unauthenticated) and e.reason == "invalid_token"):
            metrics.token_refused()
        elif isinstance(e, NotGranted):
            metrics.token_denied(e.code)
        raise
    metrics.answered(route.name, answer.status, held, metrics.seconds() - began)
    return answer


async def _answered(
    request: IRequest, route: Route, handler: Handler, around: _Around, path: Mapping[str, str]
) -> Answer:
    caller = _admitted(request, route, around, path)
    if route.waits and around.is_stopping():
        raise Unavailable("the initiator is stopping: nothing of it was done", retry_after=10)
    if around.turns is not None and isinstance(caller, ProcessorCaller):
        await _take_turn(around.turns, request)
    call = _read(request, route, caller, path)
    if not route.changes:
        answer = await handler(call)
        if answer.status != 200 or answer.is_news or "ETag" not in answer.headers:
            return answer
        known = calls.is_known(request.requestHeaders, answer.headers["ETag"])
        return nothing(304, answer.headers) if known else answer
    with because(None, trace_of(request.getHeader(HEADER))):
        return await _to_its_end(handler, call, route)


async def _take_turn(turns: Turns, request: IRequest) -> None:
    """Wait for it, where the connection is not known as a processor's yet; what comes on it later waits earlier."""
    connection = getattr(request, "channel", None)
    if connection is not None and not turns.joined(connection):
        turns.join(connection)
        await turns.wait()


def _admitted(request: IRequest, route: Route, around: _Around, path: Mapping[str, str]) -> Caller:
    if Who.ANYONE in route.who:
        return Anonymous()
    facts = connection_facts(request)
    connection = facts if isinstance(facts, Connection) else None
    try:
        caller = around.identifier.identify(request.requestHeaders, connection, route.late)
    except Unauthenticated as e:
        # Who sent nothing has tried nothing.
        if e.reason and around.attempts is not None:
            around.attempts.note(getattr(request.getClientAddress(), "host", None) or "", e)
        raise
    assert not isinstance(caller, Anonymous)
    vouch(request)
    authorize(route, caller, path)
    return caller


def _read(request: IRequest, route: Route, caller: Caller, path: Mapping[str, str]) -> Call:
    headers = request.requestHeaders
    content = request.content
    data = content.read() if content is not None else b""
    body, is_form = calls.body(route.body, headers, data)
    return Call(
        caller=caller,
        path=path,
        query=calls.query(request.uri.partition(b"?")[2]),
        body=body,
        is_form=is_form,
        sent=calls.sent(route.body, headers, data),
        wait=calls.wait(headers),
        if_none_match=calls.if_none_match(headers),
        fetched=calls.fetched(headers),
        if_match=calls.if_match(headers),
        wants_json=wants_json(headers),
        wants_events=calls.wants_events(headers),
        last_event=calls.last_event(headers),
        wants_delta=calls.wants_delta(headers),
    )


def _to_its_end(handler: Handler, call: Call, route: Route) -> Deferred[Answer]:
    """Run a change that goes on when its caller hangs up: it is done whole, or not at all."""
    work = Deferred.fromCoroutine(handler(call))
    answer: Deferred[Answer] = Deferred(lambda _: None)

    def done(result: Answer | Failure) -> None:
        if not answer.called:
            answer.callback(result)
        elif isinstance(result, Failure):
            log.failure("{name}, whose caller has gone", result, name=route.name)

    work.addBoth(done)
    return answer


def _write(request: IRequest, answer: Answer) -> bytes:
    _write_head(request, answer)
    if answer.status not in (204, 304):
        request.setHeader(b"Content-Length", b"%d" % len(answer.body))
    return answer.body


def _write_head(request: IRequest, answer: Answer) -> None:
    request.setResponseCode(answer.status)
    request.setHeader(b"Cache-Control", b"no-store")
    for name, value in answer.headers.items():
        request.setHeader(name.encode("ascii"), value.encode("utf-8"))
    if answer.content_type is not None:
        request.setHeader(b"Content-Type", answer.content_type.encode("ascii"))
