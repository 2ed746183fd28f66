# mypy: allow-untyped-calls

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from treq.client import HTTPClient
from treq.testing import RequestTraversalAgent
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource

from proactor.wire.problems import Problem, phrase, render, wants_json, write_problem

from ..support.examples import examples

TEXT = b"text/plain; charset=utf-8"


class AcceptTests(SynchronousTestCase):
    """Who gets JSON."""

    def wants(self, *values: str) -> bool:
        return wants_json(Headers({b"Accept": [value.encode("latin-1") for value in values]}))

    def test_asked_for(self) -> None:
        """Whoever lists a JSON type gets it."""
        for value in [
            "application/json",
            "Application/JSON ; charset=utf-8",
            "application/problem+json",
            "application/vnd.api+json",
            "text/html, application/json;q=0.1, */*",
            "text/plain, application/json",
            "text/plain;q=0.5, application/json;q=0.5",
            "text/plain;q=0.5, application/json;q=0.2, application/problem+json;q=0.9",
            "application/json;q=0.001",
            "nonsense;;q=, application/json",
        ]:
            self.assertTrue(self.wants(value), value)
        self.assertTrue(self.wants("text/html", "application/json"))

    def test_not_asked_for(self) -> None:
        """Whoever does not, or prefers text, gets text."""
        for value in [
            "",
            "*/*",
            "application/*",
            "text/html",
            "application/json;q=0",
            "application/json; q=0.000",
            "text/plain, application/json;q=0.9",
            "application/json;q=2",
            "application/json;q=x",
            "application/jsonx",
            "application/json-seq",
            "xapplication/json",
            "a b/c+json",
            "+json",
        ]:
            self.assertFalse(self.wants(value), value)
        self.assertFalse(wants_json(Headers()))

    @given(st.lists(st.binary(max_size=30) | st.sampled_from([b"application/json", b";q=", b",", b"0.5"]), max_size=8))
    @examples(200)
    def test_anything(self, pieces: list[bytes]) -> None:
        """No header raises."""
        value = b"".join(pieces).translate(None, b"\0\r\n")
        self.assertIn(wants_json(Headers({b"Accept": [value]})), (True, False))


class RenderTests(SynchronousTestCase):
    """What is answered."""

    def test_one_line(self) -> None:
        """Text is status, phrase and detail on one line."""
        self.assertEqual(render(Problem(403), json=False), (TEXT, b"403: Forbidden\n"))
        self.assertEqual(render(Problem(403, "not yours"), json=False), (TEXT, b"403: Forbidden: not yours\n"))

    def test_document(self) -> None:
        """JSON is the problem document; what is extra comes behind, and overrides nothing."""
        extra = {"guid": "ab", "status": 200, "title": "", "type": 1}
        kind, body = render(Problem(409, "is\nrunning", extra), json=True)
        self.assertEqual(kind, b"application/problem+json")
        expected = {"type": "about:blank", "title": "Conflict", "status": 409, "detail": "is\nrunning", "guid": "ab"}
        self.assertEqual(json.loads(body), expected)
        self.assertEqual(list(json.loads(body)), list(expected))
        self.assertNotIn("detail", json.loads(render(Problem(404), json=True)[1]))

    def test_phrases(self) -> None:
        """The phrases are RFC 9110's on every Python."""
        for status, expected in [
            (404, "Not Found"),
            (413, "Content Too Large"),
            (414, "URI Too Long"),
            (416, "Range Not Satisfiable"),
            (422, "Unprocessable Content"),
            (431, "Request Header Fields Too Large"),
            (599, "Unknown Status"),
        ]:
            self.assertEqual(phrase(status), expected)

    @given(st.text())
    @examples(200)
    def test_any_detail(self, detail: str) -> None:
        """Whatever the detail holds, text stays one line of printable characters, and JSON gives it back."""
        text = render(Problem(400, detail), json=False)[1].decode("utf-8")
        self.assertTrue(text.endswith("\n"))
        self.assertTrue(text[:-1].isprintable())
        self.assertEqual(json.loads(render(Problem(400, detail), json=True)[1]).get("detail", ""), detail)


class Refusing(Resource):
    """Refuses every request."""

    isLeaf = True

    def render(self, request: IRequest) -> bytes:
        """Answer, having thought of something else before."""
        request.setHeader(b"Content-Type", b"text/html")
        return write_problem(request, Problem(422, "rate: must be > 0", headers={"Retry-After": "5"}))


class WriteTests(SynchronousTestCase):
    """How a request is answered with one."""

    def assert_answered(self, accept: str, content_type: str, body: bytes) -> None:
        client = HTTPClient(RequestTraversalAgent(Refusing()))
        response = self.successResultOf(client.get("http://h/", headers=Headers({"Accept": [accept]})))
        self.assertEqual((response.code, response.phrase), (422, b"Unprocessable Content"))
        self.assertEqual(response.length, len(body))
        for name, value in [("Content-Type", content_type), ("Retry-After", "5")]:
            self.assertEqual(response.headers.getRawHeaders(name), [value])
        self.assertEqual(self.successResultOf(response.content()), body)

    def test_text(self) -> None:
        """Status, headers and length are set, and the body is the caller's to write."""
        self.assert_answered("*/*", "text/plain; charset=utf-8", b"422: Unprocessable Content: rate: must be > 0\n")

    def test_negotiated(self) -> None:
        """Its form is the one that the request asks for."""
        body = (
            b'{"type": "about:blank", "title": "Unprocessable Content", "status": 422, "detail": "rate: must be > 0"}'
        )
        self.assert_answered("application/json", "application/problem+json", body)
