# mypy: allow-untyped-calls
"""Who calls a processor, and what it may ask for."""

from __future__ import annotations

from typing import Any

from klein import Klein
from treq.testing import StubTreq
from twisted.internet.task import Clock
from twisted.python.components import Componentized
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.iweb import IRequest

from proactor import Message, Processor, caller, message, scope
from proactor.processor.callers import lacking
from proactor.processor.peer_verifier import PeerVerifier
from proactor.tokens.issuing import Subject

from .test_peer_verifier import AUTHORITY, ISSUER, NOW, SUBJECT, TRUST, A, B

HOME = "http://127.0.0.1:49152"


class Gallery(Processor):
    """A processor whose routes ask who calls."""

    app = Klein()

    @app.route("/who", methods=["GET"])
    def who(self, request: IRequest) -> str:
        """Say who calls."""
        found = caller(request)
        return f"{found.name} {found.guid} {found.module} {dict(found.labels)} {' '.join(sorted(found.scopes))}"

    @message("order")
    def order(self, order: Message) -> None:
        """Take a message."""

    @app.route("/picture", methods=["PUT"])
    @scope("picture:write")
    async def put(self, request: IRequest) -> str:
        """Take a picture."""
        return "taken"

    @app.route("/both/<name>", methods=["GET"])
    @scope("picture:write", "read")
    def both(self, request: IRequest, name: str) -> str:
        """Take two scopes."""
        return name


class CallerTests(SynchronousTestCase):
    """Over HTTP, from this machine."""

    def ask(self, method: str, path: str, token: str | None = None, **options: str) -> tuple[int, str, str]:
        """Send a request; give status, challenge and body."""
        event = {name: options.pop(name) for name in list(options) if name.startswith("ce-")}
        processor = Gallery(Gallery.configure({"listen_addr": "0.0.0.0", **options}, guid=B), Clock())
        processor.verifier = PeerVerifier(B, lambda: NOW, TRUST)
        stub: Any = StubTreq(processor.resource())
        headers = event if token is None else {"Authorization": f"Bearer {token}", **event}
        response = self.successResultOf(stub.request(method, HOME + path, headers=headers))
        challenge = ",".join(response.headers.getRawHeaders("WWW-Authenticate", []))
        return response.code, challenge, self.successResultOf(stub.content(response)).decode()

    def token(self, *scopes: str, who: Subject = SUBJECT, audience: str = B) -> str:
        return AUTHORITY.issue_peer(who, audience, scopes, NOW, 300)

    def test_processor(self) -> None:
        """A processor is known by guid, module, labels and the scopes of its token."""
        status, _, body = self.ask("GET", "/who", self.token("read"))
        self.assertEqual((status, body), (200, f"{A} {A} my.module {{'tier': 'web'}} read"))

    def test_others(self) -> None:
        """Operators and the initiator have a name, and so has a program on this machine."""
        for who, name in [(Subject("operator (ci)"), "operator (ci)"), (Subject(ISSUER), "initiator")]:
            self.assertEqual(self.ask("GET", "/who", self.token(who=who))[2], f"{name} None None {{}} ")
        self.assertEqual(self.ask("GET", "/who")[2], "local None None {} ")

    def test_token_that_does_not_hold(self) -> None:
        """A request with a token is judged by it, from this machine as well; ``/healthz`` stays open."""
        for token in (self.token(audience=A), AUTHORITY.issue(A, ISSUER, NOW, 300, 1), "x", self.token()[:-4] + "AAAA"):
            status, challenge, _ = self.ask("GET", "/who", token)
            self.assertEqual((status, challenge), (401, 'Bearer realm="proactor", error="invalid_token"'))
            self.assertEqual(self.ask("GET", "/healthz", token)[0], 200)
        self.assertEqual(self.ask("GET", "/config", self.token(audience=A))[0], 401)
        status, challenge, _ = self.ask("GET", "/who", "")
        self.assertEqual((status, challenge), (401, 'Bearer realm="proactor", error="invalid_request"'))

    def test_scope(self) -> None:
        """A route that demands a scope answers those alone whose token has it."""
        self.assertEqual(self.ask("PUT", "/picture", self.token("picture:write"))[::2], (200, "taken"))
        self.assertEqual(self.ask("GET", "/both/x", self.token("picture:write", "read"))[::2], (200, "x"))
        status, challenge, _ = self.ask("PUT", "/picture", self.token("read"))
        expected = 'Bearer realm="proactor", error="insufficient_scope", scope="picture:write"'
        self.assertEqual((status, challenge), (403, expected))
        self.assertEqual(self.ask("GET", "/both/x", self.token("read"))[0], 403)

    def test_scope_on_this_machine(self) -> None:
        """A program on this machine without a token has no scope."""
        status, challenge, _ = self.ask("PUT", "/picture")
        self.assertEqual((status, challenge), (401, 'Bearer realm="proactor", scope="picture:write"'))

    def test_allow_from(self) -> None:
        """Who may call is looked at here as well; operators may."""
        for listed, status in [("my.module", 200), ("other", 403), ("none", 403), ("label:tier=web", 200), (A, 200)]:
            self.assertEqual(self.ask("GET", "/who", self.token(), allow_from=listed)[0], status, listed)
        for who in (Subject("operator (ci)"), Subject(ISSUER)):
            self.assertEqual(self.ask("GET", "/who", self.token(who=who), allow_from="none")[0], 200)

    def test_messages(self) -> None:
        """Messages come by the initiator: a peer could say anything of whom one is from."""
        event = {"ce-id": "1", "ce-source": f"/job/{A}", "ce-type": "order", "ce-specversion": "1.0"}
        for who, status in [(SUBJECT, 403), (Subject(ISSUER), 204)]:
            self.assertEqual(self.ask("POST", "/message", self.token(who=who), **event)[0], status)

    def test_not_known_yet(self) -> None:
        """Before the initiator has said which tokens hold, one is told to come again."""
        processor = Gallery(Gallery.configure({}, guid=B), Clock())
        stub: Any = StubTreq(processor.resource())
        headers = {"Authorization": f"Bearer {self.token()}"}
        response = self.successResultOf(stub.request("GET", HOME + "/who", headers=headers))
        self.assertEqual((response.code, response.headers.getRawHeaders("Retry-After")), (503, ["1"]))


class DecoratorTests(SynchronousTestCase):
    """The declaration of a scope."""

    def test_wrong_place(self) -> None:
        """Above the route it would keep nobody out: the module does not load."""
        other = Klein()

        def declare() -> None:
            class Open(Processor):
                app = other

                @scope("a")
                @other.route("/x")
                def x(self, request: IRequest) -> str:
                    return "x"

        self.assertIn("Open.x: @scope must stand below", str(self.assertRaises(TypeError, declare)))

    def test_wrong_scope(self) -> None:
        """What can be no scope is no scope."""
        for needed in ((), ("",), ("a b",), ("a", "*")):
            self.assertRaises(ValueError, scope, *needed)

    def test_unknown(self) -> None:
        """Of a request that did not come by the processor's own door nothing is known."""
        request: Any = Componentized()
        self.assertEqual(caller(request).name, "anyone")
        problem = lacking(caller(request), frozenset({"a"}))
        assert problem is not None
        self.assertEqual(problem.status, 401)
