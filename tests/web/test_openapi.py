from __future__ import annotations

import re
from typing import Any

from openapi_spec_validator import validate
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import StorageFailed, StorageFull
from proactor.messaging.letters import Outcome
from proactor.model import Job
from proactor.tokens.failed_attempts import ALLOWED
from proactor.web.description.document import described, document
from proactor.web.peer_tokens import EXCHANGE
from proactor.web.table import ROUTES, Body, Route, Who

from ..support.described import check, operation
from ..support.http import Exchange, Response, as_form, as_json
from ..support.rig import CONFIG, LOCAL, OPERATOR, Rig

#: They are asked by what watches over machines, which may add what it likes.
_TAKE_ANYTHING = ("healthz", "readyz")


class DocumentTests(SynchronousTestCase):
    """The document."""

    def test_valid(self) -> None:
        """It is OpenAPI 3.1."""
        validate(document())

    def test_complete(self) -> None:
        """Each route is described, and nothing that is none; what is not is named."""
        self.assertEqual([route.name for route, _ in described()], [route.name for route in ROUTES])
        more = Route("more", "GET", "/more", frozenset())
        with self.assertRaisesRegex(ValueError, "create, more"):
            described([*ROUTES[1:], more])

    def test_bodies(self) -> None:
        """What is read is described, and where nothing is read nothing is."""
        for route, found in described():
            self.assertEqual(found.body is None, route.body is Body.NONE, route.name)

    def test_who(self) -> None:
        """It says who may, in words and as what is to be sent."""
        paths = document()["paths"]
        self.assertEqual(paths["/job/{guid}"]["get"]["x-who"], ["itself", "operator"])
        self.assertEqual(paths["/job/{guid}"]["get"]["security"], [{"operator": ["read"]}, {}, {"processor": []}])
        self.assertNotIn("security", paths["/healthz"]["get"])

    def test_served(self) -> None:
        """Anyone may read it, without a token and without JSON being asked for."""
        rig = Rig(self)
        answer = rig.ask("GET /openapi.json", token=None, accept=None)
        self.assertEqual((answer.status, answer.json()), (200, document()))
        self.assertEqual(rig.ask("GET /openapi.json?x=1", token=None).status, 400)


class CheckTests(SynchronousTestCase):
    """The check that all answers in these tests go through."""

    JSON = {"content-type": "application/json"}

    def refused(self, problem: str, *answer: Any) -> None:
        with self.assertRaisesRegex(AssertionError, problem):
            check(*answer)

    def test_notices(self) -> None:
        """It notices another status, type, body or header than is documented."""
        healthy = b'{"status": "ok", "guid": "g"}'
        check("GET /healthz?x=1", 200, self.JSON, healthy)
        self.refused("status 201", "GET /healthz", 201, self.JSON, healthy)
        self.refused("type text/html", "GET /healthz", 200, {"content-type": "text/html"}, b"ok")
        self.refused("header etag", "GET /healthz", 200, {**self.JSON, "etag": '"1"'}, healthy)
        self.refused("'x' was unexpected", "GET /healthz", 200, self.JSON, b'{"status": "ok", "guid": "g", "x": 1}')
        self.refused("'guid' is a required", "GET /healthz", 200, self.JSON, b'{"status": "ok"}')

    def test_passes_over(self) -> None:
        """What comes to no route, or what any route may answer, is not looked at."""
        self.assertIsNone(operation("GET", "/nothing"))
        check("GET /nothing", 404, {}, b"")
        check("GET /healthz", 500, {}, b"")


class Case(SynchronousTestCase):
    """All routes, asked for what they can answer."""

    def setUp(self) -> None:
        self.rig = Rig(self, CONFIG.replace("rate = 1\n", "rate = 1\nmax_jobs = 6\nmessage_queue = 2\n"))
        self.job, self.other = self.rig.create_many(2)
        self.seen: set[tuple[str, int]] = set()

    def path(self, route: Route, job: Job | None = None) -> str:
        guid = (job or self.job).guid
        values = {"guid": guid, "section": guid, "target": guid, "id": "1", "name": "ci", "number": "1"}
        return re.sub(r"<(\w+)>", lambda found: values[found[1]], route.path)

    def note(self, line: str, response: Response) -> Response:
        found = operation(*line.split(" "))
        assert found is not None, line
        self.seen.add((str(found["operationId"]), response.status))
        return response

    def ask(self, line: str, **how: Any) -> Response:
        return self.note(line, self.rig.ask(line, **how))

    def expect(self, status: int, line: str, **how: Any) -> Response:
        response = self.ask(line, **how)
        self.assertEqual(response.status, status, (line, response.text))
        return response


class QueryTests(Case):
    """The parameters of a query."""

    def test_documented(self) -> None:
        """Those are documented that a route knows, and no others."""
        for route, found in described():
            if route.name in _TAKE_ANYTHING:
                continue
            token = {} if Who.OPERATOR in route.who else {"token": self.rig.token(self.job)}
            answer = self.rig.ask(f"{route.method} {self.path(route)}?nonsense=1", **token)
            self.assertEqual(answer.status, 400, route.name)
            told = re.search(r"there are: (.*)", answer.json()["detail"])
            names = set(told[1].split(", ")) if told else set()
            self.assertEqual({parameter.name for parameter in found.query}, names, route.name)


class StatusTests(Case):
    """What is documented is there to be met."""

    def test_every_status(self) -> None:
        """Each status that is documented of an operation is what it answers to something."""
        self.exchanging()
        for scenario in (self.anywhere, self.reading, self.acting, self.editing, self.giving_tokens, self.messaging):
            scenario()
        self.logging()
        self.storing()
        self.launching()
        self.ending()
        documented = {
            (found["operationId"], int(status))
            for route in ROUTES
            if (found := operation(route.method, self.path(route))) is not None
            for status in found["responses"]
        }
        self.assertEqual(sorted(documented - self.seen), [])

    def anywhere(self) -> None:
        """What has to do with the request as such, and with who sends it."""
        gone = self.rig.create()
        token = self.rig.token(gone)
        self.rig.run(self.rig.delete(gone.guid))
        for _ in range(ALLOWED + len(ROUTES)):
            self.rig.ask("GET /job", token="nonsense")
        for route in ROUTES:
            line = f"{route.method} {self.path(route)}"
            if Who.ANYONE not in route.who:
                self.expect(429, line, token="nonsense")
            self.expect(400, f"{line}?%ff", token=self.own(route))
            if Who.ANYONE not in route.who:
                self.expect(401, line, token=None)
                if Who.PROCESSOR in route.who:
                    self.expect(403, line, token=None, facts=LOCAL, headers=[("Origin", "http://evil")])
                else:
                    self.expect(403, line, token=self.rig.token(self.other))
                self.expect(410, line, token=token)
            if route.body is not Body.NONE:
                kind = "application/cloudevents-batch+json" if route.body is Body.EVENT else "text/xml"
                xml = [("Content-Type", kind)]
                self.expect(415, line, body=b"<a/>", headers=xml, token=self.own(route))
                gzip = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")]
                answer = self.expect(415, line, body=b"{}", headers=gzip, token=self.own(route))
                self.assertEqual(answer.headers["accept-encoding"], "identity")
                self.expect(413, line, body=b" " * (route.limit + 1), headers=xml, token=self.own(route))

    def own(self, route: Route) -> str | None:
        return OPERATOR if Who.OPERATOR in route.who else self.rig.token(self.job)

    def reading(self) -> None:
        """What is read."""
        guid, nobody = self.job.guid, "0" * 32
        for path in ("/job", f"/job/{guid}", f"/job/{guid}/log", f"/job/{guid}/events", "/events", "/config"):
            self.expect(200, f"GET {path}")
        for path in (
            "/healthz",
            "/readyz",
            "/metrics",
            "/openapi.json",
            "/config/my.module",
            f"/config/{guid}/explain",
        ):
            self.expect(200, f"GET {path}")
        for part in ("", "/log", "/events"):
            self.expect(404, f"GET /job/{nobody}{part}")
        for part in ("", "/history", "/explain"):
            self.expect(404, f"GET /config/{nobody}{part}")
        for path in ("/rollout/99", "/restart/99"):
            self.expect(404, f"GET {path}")
        for path in ("/job?state=x", f"/job/{guid}/log?tail=x", f"/job/{guid}/events?tail=x", "/events?tail=x"):
            self.expect(422, f"GET {path}")
        revision = self.rig.configurator.live.offered(guid)
        self.expect(304, f"GET /config/{guid}", headers=[("If-None-Match", f'"{revision}"')])
        whatever = [("If-None-Match", "*")]
        for path in ("/config", "/config/my.module", "/endpoints"):
            self.expect(304, f"GET {path}", headers=whatever)
        self.expect(422, "GET /endpoints?module=nobody")
        known = [("If-None-Match", self.expect(200, "GET /endpoints").headers["etag"])]
        self.expect(304, "GET /endpoints", headers=known)
        self.rig.run(self.rig.delete(self.rig.create().guid))
        self.expect(226, "GET /endpoints", headers=[*known, ("A-IM", "merge-patch")])

    def acting(self) -> None:
        """What is done to jobs."""
        guid, nobody = self.job.guid, "0" * 32
        for verb in ("start", "stop", "restart", "signal"):
            self.expect(404, f"POST /job/{nobody}/{verb}", **(as_form(signal="HUP") if verb == "signal" else {}))
        self.expect(404, f"DELETE /job/{nobody}")
        self.expect(422, f"POST /job/{guid}/signal", **as_form(signal="NONE"))
        self.expect(422, "POST /restart")
        third = self.rig.create("other.module")
        self.expect(202, "POST /restart?module=other.module")
        self.rig.acknowledge(third)
        self.expect(202, f"POST /job/{third.guid}/signal", **as_form(signal="HUP"))
        restart = self.finished("POST /restart?label=nobody", wait=5)
        self.expect(200, f"GET {restart.headers['location']}")
        self.rig.launcher.stubborn = True
        self.expect(202, f"POST /job/{guid}/stop")
        self.expect(202, f"POST /job/{guid}/restart")
        self.rig.launcher.stubborn = False
        self.rig.clock.advance(20)
        self.rig.clock.advance(0)
        self.expect(202, f"POST /job/{guid}/start")
        self.rig.acknowledge(self.job)
        self.assertEqual(self.finished(f"POST /job/{guid}/start", wait=5).status, 200)
        self.assertEqual(self.finished(f"POST /job/{guid}/stop", wait=5).status, 200)
        self.expect(409, f"POST /job/{guid}/signal", **as_form(signal="HUP"))
        restarting = self.rig.begin(f"POST /job/{guid}/restart", wait=5)
        self.rig.clock.advance(0)
        self.rig.acknowledge(self.job)
        self.assertEqual(self.note(f"POST /job/{guid}/restart", restarting.response).status, 200)
        self.deleting()

    def finished(self, line: str, **how: Any) -> Response:
        exchange = self.rig.begin(line, **how)
        for _ in range(3):
            self.rig.clock.advance(0)
        return self.note(line, exchange.response)

    def deleting(self) -> None:
        """What is asked of a job that is on its way out."""
        job = self.rig.create()
        self.rig.launcher.stubborn = True
        line = f"POST /job/{job.guid}/restart"
        exchange = self.rig.begin(line, wait=60)
        self.rig.clock.advance(0)
        self.expect(202, f"DELETE /job/{job.guid}")
        for verb in ("start", "stop", "restart"):
            self.expect(409, f"POST /job/{job.guid}/{verb}")
        self.expect(409, f"POST /message/{job.guid}")
        self.rig.launcher.stubborn = False
        for _ in range(3):
            self.rig.clock.advance(20)
        self.assertEqual(self.note(line, exchange.response).status, 204)
        self.assertNotIn(job.guid, self.rig.launcher.running)

    def giving_tokens(self) -> None:
        """What is done to the tokens of operators."""
        token = as_form(name="ci", scopes="read launch")
        self.expect(201, "POST /tokens", **token)
        self.expect(409, "POST /tokens", **token)
        self.expect(422, "POST /tokens", **as_form(name="ci"))
        self.expect(204, "DELETE /tokens/ci")
        self.expect(404, "DELETE /tokens/ci")
        self.expect(200, "GET /tokens")
        self.expect(200, "GET /log-level")
        self.expect(201, "POST /tokens", **token)

    def messaging(self) -> None:
        """What is done with messages."""
        stopped, delivery = self.rig.create(), self.rig.initiator.delivery
        self.rig.run(self.rig.fleet.stop(stopped.guid, "test"))
        self.rig.clock.advance(0)
        line, nobody = f"POST /message/{stopped.guid}", "POST /message/nobody"
        first, second = [self.expect(202, line, body=b"x").json()["numbers"][0] for _ in range(2)]
        self.expect(429, line, body=b"x")
        self.expect(404, nobody)
        self.expect(422, line, headers=[("ce-specversion", "2.0")])
        self.expect(200, "GET /message")
        self.expect(200, "GET /message?state=waiting")
        self.expect(422, "GET /message?state=x")
        self.expect(200, f"GET /message/kept/{first}")
        self.expect(409, f"POST /message/kept/{first}/resend")
        for operation_ in ("GET /message/kept/99", "DELETE /message/kept/99", "POST /message/kept/99/resend"):
            self.expect(404, operation_)
        self.rig.deliveries.slow = True
        (going,) = self.expect(202, f"POST /message/{self.other.guid}").json()["numbers"]
        self.expect(409, f"DELETE /message/kept/{going}")
        self.rig.deliveries.outcome = lambda _guid, _message: Outcome("no", is_final=True)
        self.rig.deliveries.answer()
        self.expect(422, f"POST /message/kept/{going}/resend?to=topic:a")
        self.expect(429, f"POST /message/kept/{going}/resend?to={stopped.guid}")
        self.expect(202, f"POST /message/kept/{going}/resend")
        self.rig.deliveries.answer()
        self.dead = self.expect(200, "GET /message?state=dead").json()[0]["number"]
        self.expect(204, f"DELETE /message/kept/{first}")
        delivery._bodies.drop(second)
        del self.rig.store._tables.messages[second]
        self.expect(503, f"GET /message/kept/{second}")
        self.expect(204, f"DELETE /message/kept/{second}")
        self.rig.run(self.rig.delete(stopped.guid))

    def exchanging(self) -> None:
        """Tokens by which processors know one another."""
        token, request = self.rig.token(self.other), {"grant_type": EXCHANGE, "audience": self.job.guid}
        granted = self.expect(200, "POST /token", token=token, **as_form(**request)).json()["access_token"]
        self.expect(200, "POST /token", **as_json({**request, "scope": "a b"}))
        self.expect(404, "POST /token", token=token, **as_form(**{**request, "audience": "0" * 32}))
        self.expect(422, "POST /token", token=token, **as_form(audience=self.job.guid))
        self.expect(200, "POST /introspect", **as_form(token=granted))
        self.expect(200, "POST /introspect", token=token, **as_form(token=granted))
        self.expect(422, "POST /introspect", token=token)
        self.expect(200, "GET /.well-known/jwks.json")
        job, doomed = self.rig.create_many(2)
        self.expect(202, f"POST /job/{job.guid}/revoke")
        self.rig.clock.advance(1)
        exchange = self.rig.begin(f"POST /job/{job.guid}/revoke", wait=10)
        self.rig.clock.advance(1)
        self.rig.acknowledge(job)
        self.rig.clock.advance(1)
        self.note(f"POST /job/{job.guid}/revoke", exchange.response)
        self.expect(404, f"POST /job/{'0' * 32}/revoke")
        doomed.doomed = True
        self.expect(409, f"POST /job/{doomed.guid}/revoke")
        for each in (job, doomed):
            self.rig.run(self.rig.delete(each.guid))

    def storing(self) -> None:
        """What cannot be kept."""
        stopped, running = self.rig.create_many(2)
        self.rig.run(self.rig.fleet.stop(stopped.guid, "test"))
        self.rig.clock.advance(0)
        lines: list[tuple[str, dict[str, Any]]] = [
            ("POST /create", {}),
            (f"POST /job/{stopped.guid}/start", {}),
            (f"POST /job/{running.guid}/stop", {}),
            (f"POST /job/{stopped.guid}/restart", {}),
            (f"POST /job/{running.guid}/revoke", {}),
            (f"DELETE /job/{running.guid}", {}),
            ("PATCH /config/other.module", as_json({"rate": 9})),
            ("POST /config/my.module/rollback", as_json({"to": self.edited})),
            ("POST /tokens", as_form(name="other", scopes="read")),
            ("DELETE /tokens/ci", {}),
            (f"POST /message/{running.guid}", {}),
            (f"DELETE /message/kept/{self.dead}", {}),
            (f"POST /message/kept/{self.dead}/resend", {}),
        ]
        self.rig.clock.advance(200)
        due = self.rig.token(running)
        for status, error in ((503, StorageFailed("the disk is broken")), (507, StorageFull("there is no room"))):
            self.rig.store.fail(error)
            for line, how in lines:
                self.expect(status, line, **how)
            self.expect(status, f"GET /config/{running.guid}", token=due)
            self.rig.store.recover()
        for job in (stopped, running):
            self.rig.run(self.rig.delete(job.guid))

    def editing(self) -> None:
        """What is done to the configuration."""
        for line in ("PATCH /config/my.module", "POST /config/my.module/rollback"):
            change = {"rate": 3} if line.startswith("PATCH") else {"to": 1}
            self.expect(404, line.replace("my.module", "nobody"), **as_json(change))
            self.expect(422, line, **as_json({"rate": [], "to": []}))
            self.expect(412, line, **self.matching(change, 0))
        self.edited = self.expect(200, "PATCH /config/my.module", **as_json({"rate": 3})).json()["revision"]
        self.expect(409, "PATCH /config/my.module?conflict=refuse", **as_json({"rate": 4}))
        self.expect(409, "POST /config/my.module/rollback?conflict=refuse", **as_json({"to": 1}))
        self.acknowledge()
        answer = self.expect(200, "POST /config/my.module/rollback", **as_json({"to": 1}))
        self.acknowledge()
        path = f"/rollout/{answer.json()['rollout']}"
        tag = self.expect(200, f"GET {path}").headers["etag"]
        self.expect(304, f"GET {path}", headers=[("If-None-Match", tag)])
        self.expect(200, "GET /config/my.module/history")
        token, line = self.rig.token(self.job), f"POST /config/{self.job.guid}/ack"
        self.expect(204, line, token=token, **as_json({"revision": 1, "status": "applied"}))
        self.expect(422, line, token=token, **as_json({"revision": 1, "status": "no"}))

    def matching(self, change: dict[str, Any], revision: int) -> dict[str, Any]:
        how = as_json(change)
        return {**how, "headers": [*how["headers"], ("If-Match", f'"{revision}"')]}

    def logging(self) -> None:
        """How much is logged."""
        self.expect(200, "PUT /log-level", **as_form(level="debug"))
        self.expect(422, "PUT /log-level", **as_form(level="loud"))
        log_level = self.rig.initiator.log_level
        levels, log_level.levels = log_level.levels, None
        self.expect(409, "GET /log-level")
        self.expect(409, "PUT /log-level", **as_form(level="debug"))
        log_level.levels = levels

    def acknowledge(self) -> None:
        for job in (self.job, self.other):
            self.rig.acknowledge(job)
        self.rig.clock.advance(0)

    def launching(self) -> None:
        """What is launched, or not."""
        self.expect(201, "POST /create", accept=None)
        self.expect(201, "POST /create")
        self.expect(422, "POST /create", **as_form(module="nope"))
        exchange = self.rig.begin("POST /create", wait=1)
        self.rig.clock.advance(0)
        self.rig.clock.advance(1)
        self.assertEqual(self.note("POST /create", exchange.response).status, 504)
        self.expect(503, "POST /create", **as_form(count="6"))

    def ending(self) -> None:
        """What is deleted, and the end of it all."""
        exchange: Exchange = self.rig.begin(f"DELETE /job/{self.other.guid}", wait=5)
        self.rig.clock.advance(0)
        self.assertEqual(self.note(f"DELETE /job/{self.other.guid}", exchange.response).status, 204)
        self.rig.launcher.stubborn = True
        self.expect(202, f"DELETE /job/{self.job.guid}")
        self.rig.launcher.stubborn = False
        self.expect(422, "POST /shutdown?keep=x")
        self.rig.initiator.heard_shutdown = lambda _: None
        self.expect(202, "POST /shutdown?keep=1")
        self.expect(503, "POST /restart?module=my.module")
        stopped = self.rig.initiator.stop()
        self.rig.clock.advance(30)
        self.rig.run(stopped)
        self.expect(503, "GET /readyz")
        self.expect(503, "POST /shutdown")
