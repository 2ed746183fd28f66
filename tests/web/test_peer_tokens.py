"""Tokens by which processors know one another, over HTTP."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.model import Job
from proactor.web.peer_tokens import EXCHANGE, JWT

from ..support.http import Exchange, Response, as_form, as_json
from ..support.rig import CONFIG, GUID, Rig

CHOOSY = CONFIG.replace(
    "colour = red", "colour = red\nallow_from = label:tier=web\nallow_scopes = read write@other.module"
)
NOBODY = {"active": False}


class Case(SynchronousTestCase):
    config = CONFIG

    def setUp(self) -> None:
        self.rig = Rig(self, self.config)
        self.a, self.b, self.c = self.rig.create_many(3)

    def ask(self, audience: str, by: Job | None = None, **more: str) -> Response:
        token = {} if by is None else {"token": self.rig.token(by)}
        return self.rig.ask("POST /token", **token, **as_form(grant_type=EXCHANGE, audience=audience, **more))

    def granted(self, audience: Job, by: Job | None = None, **more: str) -> str:
        answer = self.ask(audience.guid, by, **more)
        self.assertEqual(answer.status, 200, answer.text)
        token: str = answer.json()["access_token"]
        return token

    def introspected(self, token: str, by: str | None = None) -> dict[str, Any]:
        asker = {} if by is None else {"token": by}
        answer = self.rig.ask("POST /introspect", **asker, **as_form(token=token))
        self.assertEqual(answer.status, 200)
        record: dict[str, Any] = answer.json()
        return record

    def begin(self, job: Job, tag: str) -> Exchange:
        headers = [("If-None-Match", tag)]
        return self.rig.begin(f"GET /config/{job.guid}", token=self.rig.token(job), headers=headers, wait=100)

    def told(self, job: Job) -> tuple[str, dict[str, Any]]:
        """What a processor has of a fetch: the tag, and the trust."""
        answer = self.begin(job, '"2.0"').response
        return answer.headers["etag"], answer.json()["trust"]


class ExchangeTests(Case):
    """POST /token."""

    def test_granted(self) -> None:
        """A processor gets a token for another, minutes long."""
        answer = self.ask(self.b.guid, self.a, scope="write read")
        self.assertEqual((answer.status, answer.headers["cache-control"]), (200, "no-store"))
        record = answer.json()
        token = record.pop("access_token")
        expected = {"issued_token_type": JWT, "token_type": "Bearer", "expires_in": 300, "scope": "read write"}
        self.assertEqual(record, expected)
        claims = self.rig.initiator.authority.verify(token, self.b.guid, self.rig.now().timestamp())
        self.assertEqual((claims.guid, claims.incarnation, claims.module), (self.a.guid, 1, "my.module"))
        self.assertEqual((claims.scope, claims.expires - claims.issued), (frozenset({"read", "write"}), 300))

    def test_forms(self) -> None:
        """As a form or as JSON; with the token itself as the subject, or without."""
        own = self.rig.token(self.a)
        request = {"grant_type": EXCHANGE, "audience": self.b.guid}
        subject = {"subject_token": own, "subject_token_type": JWT, "requested_token_type": JWT}
        for how in (
            as_json(request),
            as_form(**request),
            as_form(**request, **subject),
            as_json({**request, **subject}),
        ):
            self.assertEqual(self.rig.ask("POST /token", token=own, **how).status, 200)

    def test_refused(self) -> None:
        """What is asked for is not what it must be: an error of RFC 6749 says so, and repeats no token."""
        own, other = self.rig.token(self.a), self.rig.token(self.c)
        right = {"grant_type": EXCHANGE, "audience": self.b.guid}
        changes: list[tuple[dict[str, object], int, str]] = [
            ({"grant_type": "password"}, 422, "unsupported_grant_type"),
            ({"grant_type": None}, 422, "unsupported_grant_type"),
            ({"audience": None}, 422, "invalid_target"),
            ({"audience": "0" * 32}, 404, "invalid_target"),
            ({"audience": GUID}, 404, "invalid_target"),
            ({"audience": 7}, 422, "invalid_request"),
            ({"scope": "a*"}, 422, "invalid_scope"),
            ({"scope": " ".join(map(str, range(33)))}, 422, "invalid_scope"),
            ({"resource": "http://x/"}, 422, "invalid_request"),
            ({"actor_token": other, "actor_token_type": JWT}, 422, "invalid_request"),
            ({"subject_token": other, "subject_token_type": JWT}, 422, "invalid_request"),
            ({"subject_token": own}, 422, "invalid_request"),
            ({"subject_token": "\ud800", "subject_token_type": JWT}, 422, "invalid_request"),
            ({"requested_token_type": "saml"}, 422, "invalid_request"),
            ({"username": "a"}, 422, "invalid_request"),
        ]
        for change, status, error in changes:
            body = {name: value for name, value in {**right, **change}.items() if value is not None}
            answer = self.rig.ask("POST /token", token=own, **as_json(body))
            self.assertEqual((answer.status, answer.json().get("error")), (status, error), change)
            self.assertNotIn(other, answer.text)

    def test_counted(self) -> None:
        """What was given out and what was not is counted."""
        self.granted(self.b, self.a)
        self.ask("0" * 32, self.a)
        text = self.rig.ask("GET /metrics").text
        self.assertIn('proactor_tokens_issued_total{audience="processor"} 1.0', text)
        self.assertIn('proactor_tokens_denied_total{error="invalid_target"} 1.0', text)

    def test_deleted(self) -> None:
        """For one that is being deleted there is none."""
        self.b.doomed = True
        self.assertEqual(self.ask(self.b.guid, self.a).status, 404)

    def test_operators(self) -> None:
        """An operator may have one for each processor; it says who they are."""
        token = self.granted(self.b, scope="anything:at/all")
        claims = self.rig.initiator.authority.verify(token, self.b.guid, self.rig.now().timestamp())
        self.assertEqual((claims.guid, claims.incarnation, claims.module), ("operator (token)", 0, None))
        subject = as_form(grant_type=EXCHANGE, audience=self.b.guid, subject_token="x", subject_token_type=JWT)
        self.assertEqual(self.rig.ask("POST /token", **subject).status, 422)


class AllowedTests(Case):
    """Who may have a token for whom, and with which scopes."""

    config = CHOOSY

    def setUp(self) -> None:
        super().setUp()
        self.web = self.rig.create("other.module")
        self.web.labels = {"tier": "web"}

    def test_allow_from(self) -> None:
        """Those whom the section of the other names."""
        answer = self.ask(self.b.guid, self.a)
        self.assertEqual((answer.status, answer.json()["error"]), (403, "invalid_target"))
        self.granted(self.b, self.web)
        self.granted(self.web, self.a)
        self.granted(self.b)

    def test_scopes(self) -> None:
        """And the scopes that it names for them."""
        self.granted(self.b, self.web, scope="read write")
        answer = self.ask(self.b.guid, self.web, scope="read admin")
        self.assertEqual((answer.status, answer.json()["error"]), (403, "invalid_scope"))
        self.a.labels = {"tier": "web"}
        self.granted(self.b, self.a, scope="read")
        self.assertEqual(self.ask(self.b.guid, self.a, scope="write").status, 403)

    def test_edited(self) -> None:
        """An edit changes it at once."""
        self.rig.ask("PATCH /config/my.module", **as_json({"allow_from": "my.module"}))
        self.granted(self.b, self.a)
        self.assertEqual(self.ask(self.b.guid, self.web).status, 403)
        wrong = self.rig.ask("PATCH /config/my.module", **as_json({"allow_from": "a!"}))
        self.assertEqual(wrong.status, 422)
        self.assertIn("allow_from", wrong.text)


class WrongPlaceTests(Case):
    """A token opens what it is for."""

    def test_at_the_initiator(self) -> None:
        """A token for a peer opens nothing at the initiator, not even another token."""
        token = self.granted(self.b, self.a, scope="read")
        for operation in (
            f"GET /config/{self.a.guid}",
            f"GET /config/{self.b.guid}",
            f"GET /job/{self.a.guid}",
            "GET /endpoints",
            "POST /token",
            "POST /introspect",
        ):
            self.assertEqual(self.rig.ask(operation, token=token).status, 401, operation)

    def test_as_another(self) -> None:
        """A processor's own token opens nothing of another's."""
        own = self.rig.token(self.a)
        for operation in (f"GET /config/{self.b.guid}", f"GET /job/{self.b.guid}", f"POST /config/{self.b.guid}/ack"):
            self.assertEqual(self.rig.ask(operation, token=own).status, 403, operation)


class IntrospectTests(Case):
    """POST /introspect."""

    def test_active(self) -> None:
        """Whoever a token is for is told what it says."""
        token = self.granted(self.b, self.a, scope="read")
        record = self.introspected(token, self.rig.token(self.b))
        now = int(self.rig.now().timestamp())
        self.assertEqual(
            {name: record[name] for name in ("active", "sub", "aud", "iss", "scope", "exp", "inc", "module")},
            {
                "active": True,
                "sub": self.a.guid,
                "aud": self.b.guid,
                "iss": GUID,
                "scope": "read",
                "exp": now + 300,
                "inc": 1,
                "module": "my.module",
            },
        )
        self.assertEqual(self.introspected(token), record)
        self.assertTrue(self.introspected(self.rig.token(self.a), self.rig.token(self.a))["active"])
        self.assertTrue(self.introspected(self.granted(self.b))["active"])

    def test_others(self) -> None:
        """Nobody else is told anything of it."""
        token = self.granted(self.b, self.a)
        for by in (self.a, self.c):
            self.assertEqual(self.introspected(token, self.rig.token(by)), NOBODY)
        self.assertEqual(self.introspected(self.rig.token(self.a), self.rig.token(self.b)), NOBODY)

    def test_expired(self) -> None:
        """One that has expired is not active."""
        token = self.granted(self.b, self.a)
        self.rig.clock.advance(300)
        self.assertEqual(self.introspected(token), NOBODY)

    def test_not_wanted_any_more(self) -> None:
        """Nor is one of a processor that was deleted, revoked, or launched again where it is its own."""
        own, peer = self.rig.token(self.a), self.granted(self.b, self.a)
        self.rig.run(self.rig.fleet.restart(self.a.guid, "test"))
        self.assertEqual(self.introspected(own), NOBODY)
        self.assertTrue(self.introspected(peer)["active"])
        self.rig.run(self.rig.delete(self.a.guid))
        self.assertEqual(self.introspected(peer), NOBODY)
        to_nobody = self.granted(self.b, self.c)
        self.rig.run(self.rig.delete(self.b.guid))
        self.assertEqual(self.introspected(to_nobody), NOBODY)

    @given(st.text(min_size=1))
    def test_anything(self, token: str) -> None:
        """Of whatever is no token it is said that it is not active."""
        record = self.rig.initiator.tokens.introspected(token, None)
        self.assertEqual(record, NOBODY)

    def test_hint(self) -> None:
        """A hint is not looked at, but for what it is."""
        token = self.granted(self.b, self.a)
        for hint, status in [("access_token", 200), (7, 422)]:
            answer = self.rig.ask("POST /introspect", **as_json({"token": token, "token_type_hint": hint}))
            self.assertEqual(answer.status, status)

    def test_surrogates(self) -> None:
        """JSON can hold what is no text."""
        answer = self.rig.ask("POST /introspect", **as_json({"token": "\ud800"}))
        self.assertEqual(answer.json(), NOBODY)


class KeysTests(Case):
    """GET /.well-known/jwks.json."""

    def test_keys(self) -> None:
        """Anyone is told the public keys, the next one among them."""
        ring = self.rig.initiator.authority.ring
        answer = self.rig.ask("GET /.well-known/jwks.json", token=None)
        self.assertEqual([key["kid"] for key in answer.json()["keys"]], [ring.signing.id, ring.next.id])


class RevokedTests(Case):
    """A processor whose tokens are revoked."""

    def revoke(self, job: Job) -> None:
        answer = self.rig.ask(f"POST /job/{job.guid}/revoke")
        # There is nothing to wait for where there is no process.
        self.assertEqual(answer.status, 202 if job.alive else 200)
        self.rig.clock.advance(0.1)

    def test_at_the_initiator(self) -> None:
        """Its own token is refused at once; another process, with tokens of its own, takes its place."""
        own, peer = self.rig.token(self.a), self.granted(self.b, self.a)
        self.revoke(self.a)
        self.assertEqual(self.rig.ask(f"GET /config/{self.a.guid}", token=own).status, 410)
        self.assertEqual(self.introspected(peer), NOBODY)
        self.rig.clock.advance(1)
        self.assertEqual(self.a.incarnation, 2)
        new = self.rig.token(self.a)
        self.assertEqual(self.rig.ask(f"GET /config/{self.a.guid}", token=new).status, 200)
        self.assertTrue(self.introspected(self.granted(self.b, self.a))["active"])

    def test_those_concerned(self) -> None:
        """Those that may be shown its tokens are told at once; nobody else is woken."""
        self.granted(self.b, self.a)
        tags = {job.guid: self.told(job)[0] for job in (self.b, self.c)}
        held, other = self.begin(self.b, tags[self.b.guid]), self.begin(self.c, tags[self.c.guid])
        self.rig.clock.advance(10)
        self.assertFalse(held.answered)
        self.revoke(self.a)
        self.assertEqual(held.response.json()["trust"]["revoked"], {self.a.guid: 1})
        self.assertFalse(other.answered)
        self.assertEqual(self.told(self.c)[1]["revoked"], {})

    def test_as_long_as_tokens_live(self) -> None:
        """It is told as long as there may be such tokens."""
        self.granted(self.b, self.a)
        self.revoke(self.a)
        tag = self.told(self.b)[0]
        self.rig.clock.advance(298)
        self.assertEqual(self.told(self.b), (tag, {**self.told(self.b)[1], "revoked": {self.a.guid: 1}}))
        self.rig.clock.advance(2)
        self.assertEqual(self.told(self.b)[1]["revoked"], {})
        self.revoke(self.c)
        self.assertEqual([name for name in self.rig.store.load().values if name.startswith("revoked.")], [])

    def test_deleted(self) -> None:
        """So it is with one that is deleted."""
        self.granted(self.b, self.a)
        held = self.begin(self.b, self.told(self.b)[0])
        self.rig.run(self.rig.delete(self.a.guid))
        self.rig.clock.advance(0.1)
        self.assertEqual(held.response.json()["trust"]["revoked"], {self.a.guid: 1})

    def test_over_a_restart(self) -> None:
        """The next initiator tells of it as well; and it tells all of one that it revokes, as long as tokens live."""
        self.granted(self.b, self.a)
        self.revoke(self.a)
        self.rig = self.rig.reborn()
        self.assertEqual(self.told(self.b)[1]["revoked"], {self.a.guid: 1})
        self.assertEqual(self.told(self.c)[1]["revoked"], {})
        held = self.begin(self.b, self.told(self.b)[0])
        self.revoke(self.rig.fleet.job(self.c.guid))
        self.assertEqual(held.response.json()["trust"]["revoked"], {self.a.guid: 1, self.c.guid: 1})
        self.rig = self.rig.reborn()
        self.assertEqual(self.told(self.b)[1]["revoked"], {self.a.guid: 1, self.c.guid: 1})
        self.assertEqual(self.rig.fleet.job(self.c.guid).revoked_incarnation, 1)

    def test_stopped(self) -> None:
        """Of one that is stopped it is told as well; it stays stopped."""
        self.granted(self.b, self.a)
        self.rig.run(self.rig.fleet.stop(self.a.guid, "test"))
        self.rig.clock.advance(1)
        self.revoke(self.a)
        self.assertEqual(self.told(self.b)[1]["revoked"], {self.a.guid: 1})
        self.assertEqual(self.rig.fleet.job(self.a.guid).incarnation, 1)

    def test_recorded(self) -> None:
        """The timeline tells who did it, and what came of it."""
        self.revoke(self.a)
        events = self.rig.ask(f"GET /job/{self.a.guid}/events").json()
        (event,) = [event for event in events if event["event"] == "revoked"]
        self.assertEqual(event["actor"], "operator (token)")

    def test_keys(self) -> None:
        """A fetch brings another key set as well, when the keys have changed, and keeps the old tag from holding."""
        tag = self.told(self.b)[0]
        self.rig.initiator.authority.ring = self.rig.initiator.authority.ring.rotated(self.rig.now().timestamp(), 360)
        answer = self.begin(self.b, tag).response
        self.assertEqual(len(answer.json()["trust"]["keys"]), 3)
        self.assertNotEqual(answer.headers["etag"], tag)

    def test_no_use_for_it(self) -> None:
        """Who sends the revision alone is told of revisions alone."""
        self.granted(self.b, self.a)
        held = self.begin(self.b, '"3"')
        self.rig.clock.advance(1)
        self.revoke(self.a)
        self.rig.clock.advance(1)
        self.assertFalse(held.answered)
        self.rig.clock.advance(98)
        self.assertEqual((held.response.status, held.response.headers["etag"]), (304, '"3"'))
