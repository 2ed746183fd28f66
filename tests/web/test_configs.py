from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Malformed, Refused
from proactor.model import Answer
from proactor.options import Option
from proactor.web.configs import acknowledgement

from ..support.examples import examples
from ..support.http import Exchange, Response, as_json
from ..support.rig import ADDRESS, CONFIG, GUID, Rig

DECLARED = [
    {"name": "rate", "type": "float", "exclusive_minimum": 0},
    {"name": "pin", "secret": True},
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
members = st.sampled_from(["revision", "status", "option", "reason", "pending", "options"])


class Case(SynchronousTestCase):
    """A processor of ``my.module``."""

    def setUp(self) -> None:
        self.rig = Rig(self, CONFIG.replace("colour = red", "colour = red\napi_key = hunter2"))
        self.job = self.rig.create()
        self.token = self.rig.token(self.job)
        self.path = f"/config/{self.job.guid}"

    def begin(self, known: int | None = None, wait: int | None = None, token: str | None = None) -> Exchange:
        """The processor's own fetch."""
        headers = [] if known is None else [("If-None-Match", f'"{known}"')]
        exchange = self.rig.begin(f"GET {self.path}", token=token or self.token, headers=headers, wait=wait)
        self.rig.clock.advance(0)
        return exchange

    def edit(self, section: str = "my.module", **options: Any) -> dict[str, Any]:
        answer = self.rig.ask(f"PATCH /config/{section}", **as_json(options))
        self.assertEqual(answer.status, 200, answer.text)
        record: dict[str, Any] = answer.json()
        return record


class FetchTests(Case):
    """A processor fetches its configuration."""

    def test_all(self) -> None:
        """It is flat JSON of texts, the same as on standard input, but for the revision, which is a number."""
        answer = self.begin().response
        given = dict(self.rig.stdin(self.job.guid))
        self.assertEqual(given.pop("revision"), "2")
        self.assertEqual(answer.status, 200)
        self.assertRegex(answer.headers["etag"], '^"2[.][0-9a-f]{16}"$')
        record, trust = answer.json(), json.loads(given.pop("parent_trust"))
        self.assertEqual(answer.headers["etag"], f'"2.{trust.pop("tag")}"')
        self.assertEqual((record.pop("trust"), set(trust)), (trust, {"issuer", "keys", "revoked"}))
        self.assertEqual(record, {**given, "revision": 2})
        self.assertEqual(
            {name: given[name] for name in ("guid", "module", "rate", "parent_url")},
            {
                "guid": self.job.guid,
                "module": "my.module",
                "rate": "2",
                "parent_url": f"http://{ADDRESS}:8080",
            },
        )
        self.assertEqual(given["listen_port"], str(self.job.port))

    def test_own_secrets(self) -> None:
        """It gets its secrets as they are, and those of other modules not at all."""
        answer = self.begin().response
        self.assertEqual(answer.json()["api_key"], "hunter2")
        self.assertNotIn("db_password", answer.json())

    def test_unchanged(self) -> None:
        """When nothing has changed it is 304, with the same tag."""
        answer = self.begin(known=2).response
        self.assertEqual((answer.status, answer.body, answer.headers["etag"]), (304, b"", '"2"'))

    def test_any_tag(self) -> None:
        """A tag that is none of ours, or an older one, gets the whole."""
        for tag in ('"1"', '"abc"', '"*"', "2"):
            answer = self.rig.ask(f"GET {self.path}", token=self.token, headers=[("If-None-Match", tag)])
            self.assertEqual(answer.status, 200, tag)

    def test_whatever_there_is(self) -> None:
        """``*`` is whatever there is."""
        answer = self.rig.ask(f"GET {self.path}", token=self.token, headers=[("If-None-Match", "*")])
        self.assertEqual((answer.status, answer.body), (304, b""))

    def test_held(self) -> None:
        """With ``Prefer: wait=N`` an edit wakes it at once."""
        exchange = self.begin(known=2, wait=30)
        self.rig.clock.advance(29)
        self.assertFalse(exchange.answered)
        self.edit(rate=3)
        answer = exchange.response
        self.assertEqual((answer.status, answer.json()["rate"], answer.headers["etag"][:3]), (200, "3", '"3.'))
        self.assertEqual(answer.headers["preference-applied"], "wait")
        self.assertNotIn("preference-applied", self.begin(known=2, wait=30).response.headers)

    def test_held_to_the_end(self) -> None:
        """That it was held is said, but by an initiator that stops: it holds nobody any more."""
        for stops in (False, True):
            exchange = self.begin(known=2, wait=30)
            self.rig.clock.advance(1)
            self.assertFalse(exchange.answered)
            if stops:
                self.rig.run(self.rig.configurator.waiting.let_go())
            self.rig.clock.advance(29)
            answer = exchange.response
            self.assertEqual(
                (answer.status, answer.headers.get("preference-applied")), (304, None if stops else "wait")
            )

    def test_held_in_vain(self) -> None:
        """Without a change it is 304 when the time is over, and so it is after a change that is not its own."""
        exchange = self.begin(known=2, wait=30)
        self.edit("other.module", x=1)
        self.rig.clock.advance(29.9)
        self.assertFalse(exchange.answered)
        self.rig.clock.advance(0.1)
        self.assertEqual((exchange.response.status, exchange.response.headers["etag"]), (304, '"2"'))

    def test_not_held(self) -> None:
        """What is new is answered at once, however long it would wait."""
        self.edit(rate=3)
        self.assertEqual(self.begin(known=2, wait=30).response.json()["rate"], "3")

    def test_hang_up(self) -> None:
        """Who hangs up while held leaves nothing waiting."""
        timers = len(self.rig.clock.getDelayedCalls())
        self.begin(known=2, wait=30).hang_up()
        self.assertEqual(len(self.rig.clock.getDelayedCalls()), timers)
        self.edit(rate=3)

    def test_deleted_meanwhile(self) -> None:
        """One that is deleted while held is told that it is gone."""
        exchange = self.begin(known=2, wait=30)
        self.assertEqual(self.rig.ask(f"DELETE /job/{self.job.guid}", wait=30).status, 204)
        self.assertEqual(exchange.response.status, 410)
        self.assertEqual(self.begin().response.status, 410)

    def test_removed_option(self) -> None:
        """An option that an edit brought is gone when the edit is taken back."""
        self.edit(extra="x")
        self.assertEqual(self.begin().response.json()["extra"], "x")
        self.rig.acknowledge(self.job)
        self.edit(extra=None)
        self.assertNotIn("extra", self.begin().response.json())

    def test_unknown_parameter(self) -> None:
        """A parameter that there is not is a mistake."""
        self.assertEqual(self.rig.ask(f"GET {self.path}?wait=3", token=self.token).status, 400)


class RenewalTests(Case):
    """A processor's token comes with its configuration."""

    def renewed(self, exchange: Exchange) -> str | None:
        """The token that came, if it is another."""
        if exchange.response.status == 304:
            return None
        token: str = exchange.response.json()["token"]
        return None if token == self.token else token

    def test_young(self) -> None:
        """Before half its life is gone it stays the same."""
        self.rig.clock.advance(149)
        self.assertIsNone(self.renewed(self.begin()))
        self.assertEqual(self.begin(known=2).response.status, 304)

    def test_due(self) -> None:
        """After that another one comes, though nothing else has changed; it lives as long from then on."""
        self.rig.clock.advance(150)
        token = self.renewed(self.begin(known=2))
        assert token is not None
        claims = self.rig.initiator.exchange.identify(token)
        self.assertEqual((claims.guid, claims.incarnation), (self.job.guid, 1))
        self.assertEqual(claims.expires - self.rig.now().timestamp(), 300)
        self.assertEqual(self.begin(known=2, token=token).response.status, 304)

    def test_due_to_whom_nothing_is_new(self) -> None:
        """It comes also to who has all that the ``ETag`` is of, of its own trust too, or says that it has anything."""
        tag = self.begin().response.headers["etag"]
        self.rig.clock.advance(150)
        for known in (tag, "*"):
            answer = self.rig.ask(f"GET {self.path}", token=self.token, headers=[("If-None-Match", known)])
            self.assertEqual((answer.status, answer.headers["etag"]), (200, tag))
            self.assertNotEqual(answer.json()["token"], self.token)

    def test_held_until_due(self) -> None:
        """A request is held no longer than until its token is due."""
        self.rig.clock.advance(100)
        exchange = self.begin(known=2, wait=300)
        self.rig.clock.advance(49)
        self.assertFalse(exchange.answered)
        self.rig.clock.advance(1)
        self.assertIsNotNone(self.renewed(exchange))

    def test_over_many_lives(self) -> None:
        """A processor that fetches now and then is never without a token that holds."""
        tokens = {self.token}
        for _ in range(50):
            self.rig.clock.advance(100)
            answer = self.begin(known=2, wait=30)
            self.rig.clock.advance(30)
            self.assertIn(answer.response.status, (200, 304))
            if answer.response.status == 200:
                self.token = answer.response.json()["token"]
                tokens.add(self.token)
        self.assertGreater(len(tokens), 20)

    def test_short(self) -> None:
        """A shorter ``token_ttl`` holds for tokens that are out already."""
        self.rig.run(
            self.rig.configurator.take(lambda: self.rig.configurator.live.draft_edit(GUID, {"token_ttl": "60"}), "test")
        )
        self.rig.clock.advance(30)
        self.assertIsNotNone(self.renewed(self.begin(known=2)))


class ShownTests(Case):
    """What operators see of it."""

    def ask(self, path: str, known: int | None = None, wait: int | None = None) -> Response:
        return self.begin_shown(path, known, wait).response

    def begin_shown(self, path: str, known: int | None = None, wait: int | None = None) -> Exchange:
        headers = [] if known is None else [("If-None-Match", f'"{known}"')]
        return self.rig.begin(f"GET {path}", headers=headers, wait=wait)

    def test_redacted(self) -> None:
        """An operator sees a processor's configuration without its secrets: not even the token is there."""
        answer = self.ask(self.path)
        shown = answer.json()
        self.assertEqual((shown["api_key"], shown["token"], shown["rate"], shown["revision"]), ("***", "***", "2", 2))
        self.assertEqual({*shown, "trust"}, set(self.begin().response.json()))
        for secret in ("hunter2", self.token):
            self.assertNotIn(secret, answer.text)

    def test_declared_secret(self) -> None:
        """What a processor declares a secret is one from then on, wherever it is shown."""
        self.edit(pin="1234")
        self.assertEqual(self.ask(self.path).json()["pin"], "1234")
        answer = self.rig.ask(
            f"POST {self.path}/ack",
            token=self.token,
            **as_json({"revision": 3, "status": "applied", "options": DECLARED}),
        )
        self.assertEqual(answer.status, 204)
        for path in (self.path, "/config/my.module", "/config", "/config/my.module/history", f"{self.path}/explain"):
            self.assertNotIn("1234", self.ask(path).text, path)

    def test_unchanged(self) -> None:
        """An operator can ask for what is new as well, and wait for it."""
        self.assertEqual(self.ask(self.path, known=2).status, 304)
        exchange = self.begin_shown(self.path, known=2, wait=30)
        self.assertFalse(exchange.answered)
        self.edit(rate=3)
        self.assertEqual((exchange.response.status, exchange.response.json()["rate"]), (200, "3"))

    def test_held_in_a_rollout(self) -> None:
        """While a rollout keeps an edit from a processor, who waits for its configuration waits on."""
        other = self.rig.create()
        self.rig.ask("PATCH /config/my.module?batch=1", **as_json({"rate": 3}))
        self.assertEqual(self.ask(f"/config/{other.guid}").json()["rate"], "2")
        revision = self.rig.configurator.live.offered(other.guid)
        exchange = self.begin_shown(f"/config/{other.guid}", known=revision, wait=60)
        self.rig.clock.advance(1)
        self.assertFalse(exchange.answered)
        self.rig.acknowledge(self.job)
        self.rig.clock.advance(0)
        self.assertEqual((exchange.response.status, exchange.response.json()["rate"]), (200, "3"))

    def test_waiting_is_bounded(self) -> None:
        """Nobody is held for ever."""
        exchange = self.begin_shown(self.path, known=2, wait=999_999_999)
        self.rig.clock.advance(300)
        self.assertEqual(exchange.response.status, 304)

    def test_deleted_meanwhile(self) -> None:
        """Who waits for one that is deleted is told that it is not there."""
        exchange = self.begin_shown(self.path, known=2, wait=30)
        self.rig.ask(f"DELETE /job/{self.job.guid}", wait=30)
        self.assertEqual(exchange.response.status, 404)

    def test_section(self) -> None:
        """A section is shown as it is written, references and all, edits over the file."""
        self.edit(rate="${colour}x")
        answer = self.ask("/config/my.module")
        self.assertEqual(
            answer.json(),
            {
                "section": "my.module",
                "revision": 3,
                "options": {"rate": "${colour}x", "colour": "red", "api_key": "***"},
                "file": {"rate": "2"},
            },
        )
        self.assertEqual(answer.headers["etag"], '"3"')
        default = self.ask("/config/DEFAULT").json()
        self.assertEqual((default["revision"], default["options"]), (1, {"host_addr": "localhost", "rate": "1"}))

    def test_sections_unchanged(self) -> None:
        """What one has of sections is 304, and so is whatever there is, ``*``; of what there is not, that is 404."""
        for path in ("/config", "/config/my.module", "/config/DEFAULT", f"/config/{self.job.guid}"):
            tag = self.ask(path).headers["etag"]
            for known in (tag, f"W/{tag}", f'"0", {tag}', "*", " * "):
                answer = self.rig.ask(f"GET {path}", headers=[("If-None-Match", known)])
                self.assertEqual((answer.status, answer.body, answer.headers["etag"]), (304, b"", tag), (path, known))
            answer = self.rig.ask(f"GET {path}", headers=[("If-None-Match", '"0", "*"')])
            self.assertEqual((answer.status, answer.headers["etag"]), (200, tag))
        self.assertEqual(self.rig.ask("GET /config/nobody", headers=[("If-None-Match", "*")]).status, 404)

    def test_no_section(self) -> None:
        """What is not there is 404."""
        for name, more in (
            ("nobody", "sections are declared in proactor.cfg; see GET /config"),
            ("0" * 32, "no processor has that guid; see GET /job"),
            ("mi.module", "is [my.module] meant?; see GET /config"),
        ):
            answer = self.ask(f"/config/{name}")
            detail = f"there is no section [{name}]: {more}"
            self.assertEqual((answer.status, answer.json()["detail"]), (404, detail))

    def test_all(self) -> None:
        """All sections: DEFAULT, the file's, then those of processors; no secret in any of them."""
        answer = self.ask("/config")
        record = answer.json()
        self.assertEqual(
            list(record["sections"]),
            ["DEFAULT", "proactor.initiator", "my.module", "other.module", GUID, self.job.guid],
        )
        self.assertEqual((record["revision"], answer.headers["etag"]), (2, '"2"'))
        self.assertEqual(record["sections"]["other.module"], {"db_password": "***"})
        self.assertNotIn("hunter2", answer.text)


class AcknowledgeTests(Case):
    """A processor's word on a revision."""

    def ack(self, **body: Any) -> Response:
        return self.rig.ask(f"POST {self.path}/ack", token=self.token, **as_json(body))

    def revision(self) -> dict[str, Any]:
        record: dict[str, Any] = self.rig.ask(f"GET /job/{self.job.guid}").json()["revision"]
        return record

    def test_applied(self) -> None:
        """What it applied is what it runs; until then the difference is seen."""
        self.edit(rate=3)
        self.assertEqual(self.revision(), {"wanted": 3, "running": 2, "pending": []})
        answer = self.ack(revision=3, status="applied")
        self.assertEqual((answer.status, answer.body), (204, b""))
        self.assertEqual(self.revision(), {"wanted": 3, "running": 3, "pending": []})

    def test_pending(self) -> None:
        """Options that wait for its next start are told."""
        self.edit(rate=3)
        self.ack(revision=3, status="applied", pending=["workers"])
        self.assertEqual(self.revision(), {"wanted": 3, "running": 3, "pending": ["workers"]})

    def test_rejected(self) -> None:
        """What it rejected it does not run, and why is told."""
        self.edit(rate=3)
        self.assertEqual(self.ack(revision=3, status="rejected", option="rate", reason="too fast").status, 204)
        self.rig.clock.advance(0)
        why = {"revision": 3, "option": "rate", "reason": "too fast"}
        self.assertEqual((self.revision()["running"], self.revision()["rejected"]), (2, why))

    def test_declarations(self) -> None:
        """What it declares is what edits are checked against, before anybody gets them."""
        self.ack(revision=2, status="applied", options=DECLARED)
        answer = self.rig.ask("PATCH /config/my.module", **as_json({"rate": 0}))
        self.assertEqual((answer.status, answer.json()["option"]), (422, "rate"))
        self.assertIn("must be > 0", answer.json()["detail"])
        self.assertEqual(self.begin(known=2).response.status, 304)

    def test_of_the_future(self) -> None:
        """A revision that there has never been is refused: nobody can have applied it."""
        answer = self.ack(revision=99, status="applied")
        self.assertEqual(
            (answer.status, answer.json()["detail"]), (422, "revision 99 has never been given: the present one is 2")
        )
        self.assertEqual(self.revision()["running"], 2)

    def test_wrong(self) -> None:
        """What cannot be an acknowledgement is refused by the member at fault."""
        wrong: list[tuple[dict[str, Any], str]] = [
            ({}, "an acknowledgement has a revision"),
            ({"revision": 2}, "an acknowledgement has a revision"),
            ({"revision": 2, "status": "maybe"}, "an acknowledgement has a revision"),
            ({"revision": 0, "status": "applied"}, "revision: must be a whole number"),
            ({"revision": 2, "status": ["applied"]}, "status: must be a text"),
            ({"revision": 2, "status": "rejected", "option": 1}, "option: must be a text"),
            ({"revision": 2, "status": "rejected", "reason": {}}, "reason: must be a text"),
            ({"revision": 2, "status": "applied", "pending": "a"}, "pending: must be a list of texts"),
            ({"revision": 2, "status": "applied", "pending": [1]}, "pending: must be a list of texts"),
            ({"revision": 2, "status": "applied", "options": {}}, "options: must be a list"),
            ({"revision": 2, "status": "applied", "x": 1}, "'x' is not known here"),
        ]
        for body, words in wrong:
            answer = self.ack(**body)
            self.assertEqual(answer.status, 422, body)
            self.assertIn(words, answer.json()["detail"])
        self.assertEqual(self.ack(revision=2, status="applied", options=[{"name": "a", "type": "no"}]).status, 422)
        self.assertEqual(self.ack(revision=2, status="applied", options=[{"name": "a"}] * 2).status, 422)
        self.assertEqual(self.rig.ask(f"POST {self.path}/ack?x=1", token=self.token).status, 400)
        self.assertEqual(self.revision(), {"wanted": 2, "running": 2, "pending": []})


class AcknowledgementTests(SynchronousTestCase):
    """The body of an acknowledgement."""

    def test_read(self) -> None:
        """Each member goes to its place; declarations are there only where they were sent."""
        body = {"revision": 7, "status": "rejected", "option": "a", "reason": "b", "pending": ["c"]}
        self.assertEqual(acknowledgement(body), (Answer(7, "rejected", "a", "b", ("c",)), None))
        answer, declared = acknowledgement({"revision": 7, "status": "applied", "options": DECLARED})
        self.assertEqual(answer, Answer(7, "applied"))
        self.assertEqual(declared, (Option("rate", float, exclusive_minimum=0), Option("pin", secret=True)))

    def test_many_declarations(self) -> None:
        """There are bounds."""
        self.assertRaises(Refused, acknowledgement, {"revision": 1, "status": "applied", "options": [{}] * 1001})

    @examples(300)
    @given(body=st.dictionaries(members, json_values), good=st.booleans())
    @example(body={"options": [{"name": "a", "type": "float", "minimum": 10**400}]}, good=True)
    @example(body={"options": [{"name": "a", "choices": [[]]}]}, good=True)
    def test_any(self, body: dict[str, Any], good: bool) -> None:
        """Whatever is sent is an acknowledgement, or refused in words of ours."""
        try:
            answer, _ = acknowledgement({**body, **({"revision": 1, "status": "applied"} if good else {})})
        except (Malformed, Refused) as e:
            self.assertTrue(str(e))
        else:
            self.assertIn(answer.status, ("applied", "rejected"))
