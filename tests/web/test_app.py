from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from treq.client import HTTPClient
from treq.testing import RequestTraversalAgent
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from proactor.errors import Conflict, Refused, Unauthenticated
from proactor.tokens.issuing import Claims
from proactor.web.answers import Answer, as_json, as_line, etag, nothing
from proactor.web.app import Handler, make_app
from proactor.web.callers import Identifier
from proactor.web.calls import Call
from proactor.web.table import ROUTES, Route
from proactor.wire import Site

from ..support.http import Client, Exchange, Response, as_form
from ..support.http import as_json as json_body
from ..support.rig import OPERATOR

GUID = "a" * 32
#: A method for each path that it has not.
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW")


def nobody(_token: str, _late: bool) -> Claims:
    raise Unauthenticated("this token is not valid", "invalid_token")


IDENTIFIER = Identifier(OPERATOR, 0, nobody, lambda: "token", "/token")


async def done(_: Call) -> Answer:
    """Answer that it is done."""
    return nothing()


def handlers(**other: Handler) -> dict[str, Handler]:
    """A handler for each route, which does nothing but for those that are given."""
    return {route.name: other.get(route.name, done) for route in ROUTES}


def operation(route: Route) -> str:
    path = route.path
    for name in ("<guid>", "<section>", "<id>", "<name>"):
        path = path.replace(name, GUID)
    return f"{route.method} {path}"


class MakingTests(SynchronousTestCase):
    """The application and its table."""

    def test_handled_and_not_in_the_table(self) -> None:
        """A handler that the table does not have is a mistake."""
        error = self.assertRaises(ValueError, make_app, {**handlers(), "reboot": done}, IDENTIFIER)
        self.assertEqual(str(error), "not both in the table and handled: reboot")

    def test_in_the_table_and_not_handled(self) -> None:
        """A route without a handler is one as well, whichever it is."""
        for route in ROUTES:
            without = {name: handler for name, handler in handlers().items() if name != route.name}
            error = self.assertRaises(ValueError, make_app, without, IDENTIFIER)
            self.assertIn(route.name, str(error))


class Case(SynchronousTestCase):
    """An application over handlers of the test's own."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.client = Client()
        self.addCleanup(self.client.close)

    def serve(self, **other: Handler) -> None:
        app = make_app(handlers(**other), IDENTIFIER)
        self.client.site = Site(app.resource(), clock=self.clock)

    def begin(self, what: str, token: str | None = OPERATOR, accept: str | None = None, **how: Any) -> Exchange:
        headers = [*how.pop("headers", []), *([("Accept", accept)] if accept else [])]
        return self.client.begin(what, token=token, headers=headers, **how)

    def ask(self, what: str, **how: Any) -> Response:
        return self.begin(what, **how).response

    def logged(self, what: str, error: type[Exception], **how: Any) -> tuple[Response, list[LogEvent]]:
        """The answer to a request that runs into an error that is logged."""
        with capturedLogs() as events:
            answer = self.ask(what, **how)
        self.assertEqual(len(self.flushLoggedErrors(error)), 1)
        return answer, list(events)


class RoutingTests(Case):
    """Paths and methods."""

    def setUp(self) -> None:
        super().setUp()
        self.serve()

    def test_unknown_path(self) -> None:
        """What is not in the table is not there, for anybody."""
        for path in ("/", "/jobs", "/job/a/b", f"/job/{GUID}/", "/CREATE", "/config/a/b/c", "/.."):
            for token in (OPERATOR, None):
                answer = self.ask(f"GET {path}", token=token)
                self.assertEqual(
                    (answer.status, answer.text),
                    (404, "404: Not Found: there is nothing at this path; see GET /openapi.json\n"),
                )

    def test_wrong_method(self) -> None:
        """A method that a path has not is 405 with those that it has, for every path and every such method."""
        paths: dict[str, set[str]] = {}
        for route in ROUTES:
            paths.setdefault(operation(route).split()[1], set()).add(route.method)
        for path, methods in paths.items():
            allowed = sorted(methods | ({"HEAD"} if "GET" in methods else set()))
            for method in set(METHODS) - methods:
                answer = self.ask(f"{method} {path}")
                self.assertEqual(
                    (answer.status, answer.headers.get("allow")), (405, ", ".join(allowed)), (method, path)
                )

    def test_head(self) -> None:
        """HEAD is GET without a body."""
        answer = self.ask("HEAD /job")
        self.assertEqual((answer.status, answer.body), (204, b""))

    def test_slashes(self) -> None:
        """A path with a slash too many is another path, at which there is nothing; so is one whose slash is %2F."""
        for path in (
            "//job",
            "///job",
            "/job/",
            "/job//",
            "/job//a",
            "/job/a//log",
            "//healthz",
            "/%2Fjob",
            "/job%2Fa",
        ):
            self.assertEqual(self.ask(f"GET {path}").status, 404, path)
            self.assertEqual(self.ask(f"GET {path}", token=None).status, 404, path)

    def test_path_that_is_no_utf8(self) -> None:
        """A path that is no UTF-8 is a mistake of the caller, told like any other, and no error of ours."""
        with capturedLogs() as events:
            for path in ("/job/%ff", "/%c3%28", "/config/%ed%a0%80"):
                answer = self.ask(f"GET {path}", accept="application/json")
                self.assertEqual(
                    (answer.status, answer.headers["content-type"]), (400, "application/problem+json"), path
                )
        self.assertEqual(list(events), [])

    def test_parameters(self) -> None:
        """What is in the path is decoded once, and given as it is."""
        seen: list[Mapping[str, str]] = []

        async def note(call: Call) -> Answer:
            seen.append(call.path)
            return nothing()

        self.serve(show_job=note)
        for raw in ("%C3%A9", "a%20b", "%2525", "..%2e"):
            self.ask(f"GET /job/{raw}")
        self.assertEqual([path["guid"] for path in seen], ["é", "a b", "%25", "..."])


class ErrorTests(Case):
    """How errors are told."""

    def answer_with(self, error: Exception) -> None:
        async def fail(_: Call) -> Answer:
            raise error

        self.serve(list_jobs=fail, healthz=fail, create=fail)

    def test_one_line(self) -> None:
        """For curl it is one line."""
        self.answer_with(Conflict("it is\nstarting \x1b[31m"))
        for accept in (None, "*/*", "text/plain", "text/html, application/json;q=0"):
            answer = self.ask("GET /job", accept=accept)
            self.assertEqual((answer.status, answer.text), (409, "409: Conflict: it is starting [31m\n"))
            self.assertEqual(answer.headers["content-type"], "text/plain; charset=utf-8")

    def test_problem(self) -> None:
        """For programs that ask for JSON it is a problem document (RFC 9457)."""
        self.answer_with(Conflict("it is starting"))
        for accept in ("application/json", "application/problem+json", "text/plain;q=0.5, application/json"):
            answer = self.ask("GET /job", accept=accept)
            self.assertEqual(answer.headers["content-type"], "application/problem+json")
            self.assertEqual(
                answer.json(),
                {"type": "about:blank", "title": "Conflict", "status": 409, "detail": "it is starting"},
            )

    def test_never_stored(self) -> None:
        """No answer is kept by a cache, an error as little as another."""
        self.answer_with(Conflict("no"))
        for what in ("GET /job", "GET /config", "GET /nowhere", "PUT /job"):
            self.assertEqual(self.ask(what).headers["cache-control"], "no-store", what)

    def test_length(self) -> None:
        """Every body has its length: a caller knows when it has all of it."""
        self.answer_with(Refused("é" * 10))
        answer = self.ask("GET /job")
        self.assertEqual(int(answer.headers["content-length"]), len(answer.body))
        self.assertNotIn("transfer-encoding", answer.headers)

    def test_unforeseen(self) -> None:
        """What nobody foresaw is 500 and an id that the log has too: no traceback, no word of it."""
        self.answer_with(ZeroDivisionError("hunter2"))
        for what in ("GET /job", "GET /healthz", "POST /create"):
            answer, events = self.logged(what, ZeroDivisionError, accept="application/json")
            self.assertEqual(answer.status, 500)
            self.assertEqual([formatEvent(event) for event in events], [f"Unforeseen error {answer.json()['id']}"])
            for word in ("Traceback", "ZeroDivision", "hunter2", ".py"):
                self.assertNotIn(word, answer.text)
            answer, events = self.logged(what, ZeroDivisionError)
            self.assertEqual(answer.text.count("\n"), 1)
            self.assertIn(str(events[0]["id"]), answer.text)

    def test_order(self) -> None:
        """Who may not is told so before what they send is read: 401 before 415, 422 and 400."""
        self.serve()
        for how in ({"body": b"x" * 1000}, json_body([]), {"headers": [("Content-Type", "image/png")], "body": b"x"}):
            self.assertEqual(self.ask("POST /create", token=None, **how).status, 401)
            self.assertIn(self.ask("POST /create", **how).status, (400, 415))


class BodyTests(Case):
    """What a handler gets of a body."""

    def setUp(self) -> None:
        super().setUp()
        self.calls: list[Call] = []

        async def note(call: Call) -> Answer:
            self.calls.append(call)
            return nothing()

        self.serve(**{route.name: note for route in ROUTES})

    def test_every_route(self) -> None:
        """A route that reads no body refuses one, and each other refuses the types that it does not read."""
        for route in ROUTES:
            if route.name in ("healthz", "readyz", "acknowledge", "send_message"):
                continue
            picture = {"body": b"x", "headers": [("Content-Type", "image/png")]}
            expected = 400 if route.body.value == "none" else 415
            self.assertEqual(self.ask(operation(route), **picture).status, expected, route.name)
        self.assertEqual(self.calls, [])

    def test_form_and_json(self) -> None:
        """A form and JSON arrive each as what it is."""
        self.ask("POST /create", **as_form(module="a"))
        self.ask("POST /create", **json_body({"module": "a"}))
        self.assertEqual(
            [(call.is_form, call.body) for call in self.calls], [(True, {"module": ["a"]}), (False, {"module": "a"})]
        )

    def test_too_large(self) -> None:
        """A body past 64 KiB is 413 before it is read."""
        answer = self.ask("POST /create", **json_body({"module": "a" * 65536}))
        self.assertEqual(answer.status, 413)
        self.assertEqual(self.calls, [])

    def test_all_of_a_call(self) -> None:
        """A handler gets the rest of the request in values."""
        headers = [("Prefer", "wait=5"), ("If-None-Match", '"3"'), ("If-Match", '"4"'), ("Last-Event-ID", "6")]
        self.ask("GET /rollout/7?a=1&a=2", headers=headers, accept="text/event-stream, application/json")
        (call,) = self.calls
        self.assertEqual((call.path, call.query, call.wait), ({"id": "7"}, {"a": ["1", "2"]}, 5.0))
        self.assertEqual((call.if_none_match, call.if_match, call.last_event), ({3}, 4, 6))
        self.assertEqual((call.wants_json, call.wants_events, call.caller.name), (True, True, "operator (token)"))

    def test_bad_condition(self) -> None:
        """A condition that cannot be read is 400, one of strangers 412, and nothing is done."""
        self.assertEqual(self.ask("PATCH /config/a", headers=[("If-Match", "17")]).status, 400)
        self.assertEqual(self.ask("PATCH /config/a", headers=[("If-Match", '"abc"')]).status, 412)
        self.assertEqual(self.ask("GET /job?a=%ff").status, 400)
        self.assertEqual(self.calls, [])


class HangUpTests(Case):
    """Callers that do not wait for their answer."""

    def setUp(self) -> None:
        super().setUp()
        self.gate: Deferred[None] = Deferred()
        self.done: list[str] = []

        async def work(call: Call) -> Answer:
            try:
                await self.gate
            except BaseException as e:
                self.done.append(type(e).__name__)
                raise
            self.done.append("done")
            return nothing()

        self.serve(**{route.name: work for route in ROUTES})

    def test_change(self) -> None:
        """A change goes on to its end when its caller hangs up: it is done whole."""
        self.begin("POST /create").hang_up()
        self.assertEqual(self.done, [])
        self.gate.callback(None)
        self.assertEqual(self.done, ["done"])

    def test_change_that_fails(self) -> None:
        """If it fails then, the log says so."""
        self.begin("POST /create").hang_up()
        with capturedLogs() as events:
            self.gate.errback(ZeroDivisionError())
        self.assertEqual([formatEvent(event) for event in events], ["create, whose caller has gone"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_question(self) -> None:
        """A question whose caller hangs up is given up, and that is no error."""
        with capturedLogs() as events:
            self.begin("GET /job").hang_up()
        self.assertEqual((self.done, list(events)), (["CancelledError"], []))

    def test_question_that_takes_it_badly(self) -> None:
        """An error in giving up is in the log; a question that will not be given up has nobody to answer."""

        async def fall(_: Call) -> Answer:
            try:
                await self.gate
            except CancelledError:
                raise ZeroDivisionError from None
            return nothing()

        async def ignore(_: Call) -> Answer:
            with contextlib.suppress(CancelledError):
                await self.gate
            return nothing()

        self.serve(list_jobs=fall, list_sections=ignore)
        self.begin("GET /job").hang_up()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        with capturedLogs() as events:
            self.begin("GET /config").hang_up()
        self.assertEqual(list(events), [])

    def test_change_that_is_waited_for(self) -> None:
        """Who stays is answered."""
        exchange = self.begin("POST /create")
        self.assertFalse(exchange.answered)
        self.gate.callback(None)
        self.assertEqual(exchange.response.status, 204)

    def test_change_that_fails_while_waited_for(self) -> None:
        """Who stays is told of a failure."""
        exchange = self.begin("POST /create")
        self.gate.errback(Conflict("no"))
        self.assertEqual(exchange.response.status, 409)


class AnswerTests(Case):
    """What handlers give back."""

    def answered(self, answer: Answer) -> Response:
        async def give(_: Call) -> Answer:
            return answer

        self.serve(list_jobs=give)
        return self.ask("GET /job")

    def test_json(self) -> None:
        """JSON is in UTF-8 and ends with a line feed, for those who read it in a terminal."""
        answer = self.answered(as_json({"a": "é"}, headers=etag(17)))
        self.assertEqual((answer.text, answer.headers["etag"]), ('{"a": "é"}\n', '"17"'))
        self.assertEqual(answer.headers["content-type"], "application/json")

    def test_line(self) -> None:
        """A line is the status in words."""
        answer = self.answered(as_line(201, {"Location": "/job/a"}))
        self.assertEqual((answer.status, answer.text), (201, "201: Created\n"))
        self.assertEqual((answer.headers["location"], answer.headers["content-length"]), ("/job/a", "13"))

    def test_nothing(self) -> None:
        """204 and 304 have no body, no length and no type."""
        for status in (204, 304):
            answer = self.answered(nothing(status, etag(1)))
            self.assertEqual((answer.status, answer.body), (status, b""))
            self.assertTrue({"content-length", "content-type", "transfer-encoding"}.isdisjoint(answer.headers))


class StreamTests(Case):
    """Answers that come piece by piece."""

    def setUp(self) -> None:
        super().setUp()
        self.gate: Deferred[None] = Deferred()
        self.ended: list[str] = []

        async def stream() -> AsyncIterator[bytes]:
            try:
                yield b"one\n"
                await self.gate
                yield b"two\n"
            except BaseException as e:
                self.ended.append(type(e).__name__)
                raise

        async def give(_: Call) -> Answer:
            return Answer(200, content_type="text/event-stream", stream=stream())

        self.serve(list_jobs=give)

    def test_pieces(self) -> None:
        """Each piece is sent when it is there, the head with the first."""
        exchange = self.begin("GET /job")
        self.assertIn("Content-Type: text/event-stream\r\n", exchange.received)
        self.assertIn("one\n", exchange.received)
        self.assertFalse(exchange.answered)
        self.gate.callback(None)
        answer = exchange.response
        self.assertEqual((answer.status, answer.text), (200, "one\ntwo\n"))
        self.assertNotIn("content-length", answer.headers)

    def test_head(self) -> None:
        """HEAD is answered without it."""
        answer = self.ask("HEAD /job")
        self.assertEqual((answer.status, answer.headers["content-type"], answer.body), (200, "text/event-stream", b""))
        self.assertEqual(self.ended, [])

    def test_hang_up(self) -> None:
        """Who hangs up ends it."""
        self.begin("GET /job").hang_up()
        self.assertEqual(self.ended, ["CancelledError"])

    def test_failure(self) -> None:
        """After a failure the connection is cut: nobody takes the half for the whole, or an error's text for a part."""
        exchange = self.begin("GET /job")
        with capturedLogs():
            self.gate.errback(ZeroDivisionError("hunter2"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertTrue(exchange.aborted)
        self.assertNotIn("error", exchange.received)


class TreqTests(SynchronousTestCase):
    """The application behind treq's own agent, which is another site than ours."""

    def test_asked(self) -> None:
        """It serves there as well: what is not known of a connection makes nobody an operator."""
        agent = RequestTraversalAgent(make_app(handlers(), IDENTIFIER).resource())
        client = HTTPClient(agent)
        refused = self.successResultOf(
            client.get("http://localhost/job", headers=Headers({"Accept": ["application/json"]}))
        )
        self.assertEqual(refused.code, 401)
        agent.flush()
        self.assertEqual(json.loads(self.successResultOf(refused.content()))["status"], 401)
        token = Headers({"Authorization": [f"Bearer {OPERATOR}"]})
        self.assertEqual(self.successResultOf(client.get("http://localhost/job", headers=token)).code, 204)
