from __future__ import annotations

import os
from collections.abc import Iterator

from attrs import frozen
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Forbidden
from proactor.tokens.operators import Scope
from proactor.web.answers import Answer, nothing
from proactor.web.app import make_app
from proactor.web.callers import Connection, Identifier, Operator, ProcessorCaller, authorize
from proactor.web.calls import Call
from proactor.web.table import ROUTES, Body, Route, Who
from proactor.wire import Site

from ..support.http import Client
from ..support.rig import GUID, LOCAL, OPERATOR, Rig

#: Who may, spelled out a second time: o an operator, p any processor, i the processor itself, a anyone.
EXPECTED = {
    "POST /create": "o",
    "GET /job": "o",
    "GET /job/<guid>": "oi",
    "DELETE /job/<guid>": "o",
    "POST /job/<guid>/start": "o",
    "POST /job/<guid>/stop": "o",
    "POST /job/<guid>/restart": "o",
    "POST /job/<guid>/signal": "o",
    "GET /job/<guid>/log": "o",
    "GET /job/<guid>/events": "o",
    "GET /events": "o",
    "POST /restart": "o",
    "GET /restart/<id>": "o",
    "GET /config/<section>": "oi",
    "POST /config/<section>/ack": "i",
    "GET /config": "o",
    "PATCH /config/<section>": "o",
    "GET /config/<section>/history": "o",
    "POST /config/<section>/rollback": "o",
    "GET /config/<section>/explain": "o",
    "GET /rollout/<id>": "o",
    "GET /tokens": "o",
    "POST /tokens": "o",
    "DELETE /tokens/<name>": "o",
    "GET /log-level": "o",
    "PUT /log-level": "o",
    "GET /endpoints": "op",
    "GET /message": "o",
    "POST /message/<target>": "op",
    "GET /message/kept/<number>": "o",
    "DELETE /message/kept/<number>": "o",
    "POST /message/kept/<number>/resend": "o",
    "POST /shutdown": "o",
    "POST /job/<guid>/revoke": "o",
    "POST /token": "op",
    "POST /introspect": "op",
    "GET /.well-known/jwks.json": "a",
    "GET /healthz": "a",
    "GET /readyz": "a",
    "GET /metrics": "o",
    "GET /openapi.json": "a",
}
#: What an operator must be allowed to, of all but what is open to who may read.
SCOPES = {
    "POST /create": "launch",
    "DELETE /job/<guid>": "launch",
    "POST /job/<guid>/start": "launch",
    "POST /job/<guid>/stop": "launch",
    "POST /job/<guid>/restart": "launch",
    "POST /job/<guid>/signal": "launch",
    "POST /restart": "launch",
    "POST /job/<guid>/revoke": "launch",
    "POST /token": "message",
    "PATCH /config/<section>": "configure",
    "PUT /log-level": "configure",
    "POST /config/<section>/rollback": "configure",
    "GET /tokens": "all",
    "POST /tokens": "all",
    "DELETE /tokens/<name>": "all",
    "POST /message/<target>": "message",
    "GET /message/kept/<number>": "message",
    "DELETE /message/kept/<number>": "message",
    "POST /message/kept/<number>/resend": "message",
    "POST /shutdown": "all",
}
LETTERS = {"o": Who.OPERATOR, "p": Who.PROCESSOR, "i": Who.ITSELF, "a": Who.ANYONE}


@frozen
class Kind:
    """A kind of caller: what it sends, and what it gets where the table lets it in or not."""

    name: str
    token: str | None
    facts: Connection | None
    welcome: frozenset[Who]
    refused: int


class Recorder:
    """A handler for every route, which only notes that it was called."""

    def __init__(self) -> None:
        self.called: list[tuple[str, str]] = []

    def handler(self, name: str) -> object:
        async def note(call: Call) -> Answer:
            self.called.append((name, call.caller.name))
            return nothing()

        return note


class TableTests(SynchronousTestCase):
    """Every route, asked by every kind of caller."""

    def setUp(self) -> None:
        self.rig = rig = Rig(self)
        self.own, self.other, gone = rig.create_many(3)
        self.identifier = Identifier(OPERATOR, os.geteuid(), rig.initiator.exchange.identify, lambda: "local", "/token")
        self.recorder = Recorder()
        handlers = {route.name: self.recorder.handler(route.name) for route in ROUTES}
        app = make_app(handlers, self.identifier)  # type: ignore[arg-type]
        self.client = Client()
        self.client.site = Site(app.resource(), clock=Clock(), on_connect=self.client.learn)
        self.addCleanup(self.client.close)
        tokens = {job.guid: rig.token(job) for job in (self.own, self.other, gone)}
        rig.run(rig.fleet.delete(gone.guid, "test"))
        self.rig.clock.advance(0)
        elsewhere = Connection(8080, False, None)
        operator = frozenset({Who.OPERATOR})
        self.kinds = [
            Kind("operator by token", OPERATOR, elsewhere, operator, 403),
            Kind("operator on this machine", None, LOCAL, operator, 403),
            Kind("the processor itself", tokens[self.own.guid], elsewhere, frozenset({Who.ITSELF, Who.PROCESSOR}), 403),
            Kind(
                "the processor itself, here", tokens[self.own.guid], LOCAL, frozenset({Who.ITSELF, Who.PROCESSOR}), 403
            ),
            Kind("another processor", tokens[self.other.guid], LOCAL, frozenset({Who.PROCESSOR}), 403),
            Kind("nobody, from elsewhere", None, elsewhere, frozenset(), 401),
            Kind("nobody, on a connection of which nothing is known", None, None, frozenset(), 401),
            Kind("another user", None, Connection(8080, True, os.geteuid() + 1), frozenset(), 401),
            Kind("a token that is none", "x" * 40, LOCAL, frozenset(), 401),
            Kind("a token with another signature", tokens[self.own.guid][:-4] + "AAAA", LOCAL, frozenset(), 401),
            Kind("a token that expired long ago", self.issued(lifetime=-2 * 86400), LOCAL, frozenset(), 401),
            Kind("a token for another audience", self.issued(audience=self.other.guid), LOCAL, frozenset(), 401),
            Kind("another incarnation", self.issued(incarnation=2), LOCAL, frozenset(), 410),
            Kind("a deleted processor", tokens[gone.guid], LOCAL, frozenset(), 410),
        ]

    def issued(self, audience: str = GUID, lifetime: float = 300, incarnation: int = 1) -> str:
        return self.rig.initiator.authority.issue(
            self.own.guid, audience, self.rig.now().timestamp(), lifetime, incarnation
        )

    def operation(self, route: Route) -> str:
        path = route.path.replace("<guid>", self.own.guid).replace("<section>", self.own.guid).replace("<id>", "1")
        path = path.replace("<name>", "ci").replace("<target>", self.own.guid).replace("<number>", "1")
        self.assertNotIn("<", path)
        return f"{route.method} {path}"

    def asked(self, route: Route, kind: Kind) -> tuple[int, bool]:
        """The status, and whether the handler was called."""
        self.recorder.called.clear()
        answer = self.client.begin(self.operation(route), token=kind.token, facts=kind.facts).response
        self.assertIn([name for name, _ in self.recorder.called], ([], [route.name]))
        return answer.status, bool(self.recorder.called)

    def combinations(self) -> Iterator[tuple[Route, Kind]]:
        for route in ROUTES:
            for kind in self.kinds:
                yield route, kind

    def test_everyone_everywhere(self) -> None:
        """Who the table lets in reaches the handler; nobody else does, on any route."""
        seen = {}
        expected = {}
        for route, kind in self.combinations():
            welcome = Who.ANYONE in route.who or bool(route.who & kind.welcome)
            expected[route.name, kind.name] = (204, True) if welcome else (kind.refused, False)
            seen[route.name, kind.name] = self.asked(route, kind)
        self.assertEqual(seen, expected)
        self.assertEqual(len(seen), len(ROUTES) * len(self.kinds))

    def test_who_is_who(self) -> None:
        """The table holds what it held: whoever opens a route to more callers says so here as well."""
        table = {f"{route.method} {route.path}": route.who for route in ROUTES}
        self.assertEqual(table, {name: frozenset(map(LETTERS.__getitem__, who)) for name, who in EXPECTED.items()})

    def test_scopes(self) -> None:
        """So it is with scopes: whoever opens a route to a scope says so here as well."""
        table = {
            f"{route.method} {route.path}": route.scope.value
            for route in ROUTES
            if Who.OPERATOR in route.who and route.scope is not Scope.READ
        }
        self.assertEqual(table, SCOPES)

    def test_what_changes_something(self) -> None:
        """All but GET runs to its end whatever becomes of its caller, and only what changes something reads a body."""
        for route in ROUTES:
            self.assertEqual(route.changes, route.method != "GET", route.name)
            self.assertTrue(route.changes or route.body is Body.NONE, route.name)

    def test_while_it_stops(self) -> None:
        """What would begin something waits for the next initiator; what helps this one to its end is taken."""
        taken = {route.name for route in ROUTES if route.changes and not route.waits}
        helps = {"acknowledge", "exchange_token", "introspect", "set_log_level", "shut_down", "signal_job"}
        self.assertEqual(taken, helps)
        self.assertEqual([route.name for route in ROUTES if route.waits and route.method == "GET"], [])

    def test_unique(self) -> None:
        """No route hides another."""
        self.assertEqual(len({route.name for route in ROUTES}), len(ROUTES))
        self.assertEqual(len({(route.method, route.path) for route in ROUTES}), len(ROUTES))

    def test_recorded_names(self) -> None:
        """A handler is told who asked, in words for the history."""
        names = {}
        for kind in self.kinds[:3]:
            self.asked(next(route for route in ROUTES if route.name == "show_job"), kind)
            names[kind.name] = self.recorder.called[0][1]
        self.assertEqual(
            names,
            {
                "operator by token": "operator (token)",
                "operator on this machine": "operator (local)",
                "the processor itself": f"processor {self.own.guid}",
            },
        )

    def test_nobody_by_default(self) -> None:
        """A route that names nobody is nobody's."""
        route = Route("closed", "GET", "/closed", frozenset())
        claims = self.rig.initiator.exchange.identify(self.rig.token(self.own))
        for caller in (Operator("token"), Operator("local"), ProcessorCaller(claims, "token")):
            self.assertRaises(Forbidden, authorize, route, caller, {"guid": self.own.guid})
        any_of_them = Route("for processors", "GET", "/closed", frozenset({Who.PROCESSOR}))
        authorize(any_of_them, ProcessorCaller(claims, "token"), {"guid": self.other.guid})
        self.assertRaises(Forbidden, authorize, any_of_them, Operator("token"), {})
        route = Route("for itself", "GET", "/closed", frozenset({Who.ITSELF}))
        self.assertRaises(Forbidden, authorize, route, ProcessorCaller(claims, "token"), {})

    def test_parameters_are_parameters(self) -> None:
        """A processor does not come by a guid in the query or the body to another's section."""
        token = self.rig.token(self.own)
        for operation in (
            f"GET /config/{self.other.guid}?guid={self.own.guid}&section={self.own.guid}",
            f"GET /config/{self.other.guid}?{self.own.guid}",
            f"GET /config/{self.own.guid.upper()}",
            f"GET /config/{self.own.guid}%00",
            f"GET /config/%20{self.own.guid}",
        ):
            self.assertEqual(self.client.begin(operation, token=token).response.status, 403, operation)
        self.assertEqual(self.recorder.called, [])
