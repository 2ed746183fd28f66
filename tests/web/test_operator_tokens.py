from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import StorageFailed
from proactor.tokens import operator_tokens
from proactor.tokens.operators import GRANTABLE, Scope
from proactor.web.table import ROUTES, Route, Who

from ..support.http import Response, as_form, as_json
from ..support.rig import LOCAL, OPERATOR, Rig


def operation(route: Route) -> str:
    path = route.path
    for name in ("<guid>", "<section>", "<id>", "<name>"):
        path = path.replace(name, "0" * 32)
    return f"{route.method} {path}"


class Case(SynchronousTestCase):
    """An initiator, and what is asked of its tokens."""

    def setUp(self) -> None:
        self.rig = Rig(self)

    def make(self, name: str = "ci", scopes: str = "read", **more: str) -> str:
        """The token of that name, new."""
        answer = self.rig.ask("POST /tokens", **as_form(name=name, scopes=scopes, **more))
        self.assertEqual(answer.status, 201, answer.text)
        token: str = answer.json()["token"]
        return token

    def status(self, token: str, what: str = "GET /job") -> int:
        return self.rig.ask(what, token=token).status

    def listed(self) -> list[dict[str, Any]]:
        tokens: list[dict[str, Any]] = self.rig.ask("GET /tokens").json()
        return tokens


class MakingTests(Case):
    """``POST /tokens``."""

    def test_made(self) -> None:
        """A token is shown once, with what it opens, until when, and who made it; it holds at once."""
        answer = self.rig.ask("POST /tokens", **as_json({"name": "ci", "scopes": ["launch", "read"], "expires_in": 60}))
        record = answer.json()
        token = record.pop("token")
        expected = {
            "name": "ci",
            "scopes": ["read", "launch"],
            "created": "2026-11-24T12:00:00.000Z",
            "expires": "2026-11-24T12:01:00.000Z",
            "actor": "operator (token)",
        }
        self.assertEqual((answer.status, record), (201, expected))
        self.assertEqual(self.status(token), 200)
        self.assertEqual(self.listed(), [expected])

    def test_form(self) -> None:
        """A form has its scopes as words, or one after the other."""
        for number, scopes in enumerate(("read launch", "read,launch", "launch, read")):
            self.make(str(number), scopes)
        body = b"name=3&scopes=read&scopes=launch"
        self.assertEqual(self.rig.ask("POST /tokens", **{**as_form(), "body": body}).status, 201)
        self.assertEqual([token["scopes"] for token in self.listed()], [["read", "launch"]] * 4)

    def test_shown_once(self) -> None:
        """Nothing but that answer holds the token: no list, no event, no file, no line of the log."""
        token = self.make()
        seen = [json.dumps(self.listed()), self.rig.ask("GET /events").text, repr(self.rig.store.load())]
        seen.extend(str(line) for line in self.rig.console)
        self.assertNotIn(token, " ".join(seen))
        self.assertNotIn(token.removeprefix("proactor_"), " ".join(seen))

    def test_taken(self) -> None:
        """A name is one token's: another is refused, and the first holds as before."""
        token = self.make()
        answer = self.rig.ask("POST /tokens", **as_form(name="ci", scopes="launch"))
        self.assertEqual(answer.status, 409)
        self.assertIn("choose another name, or revoke it first", answer.json()["detail"])
        self.assertEqual(self.status(token), 200)

    def test_taken_while_it_is_kept(self) -> None:
        """So it is while the first is being kept."""
        self.rig.store.hold()
        first = self.rig.begin("POST /tokens", **as_form(name="ci", scopes="read"))
        second = self.rig.begin("POST /tokens", **as_form(name="ci", scopes="read"))
        self.assertEqual(second.response.status, 409)
        self.rig.store.release()
        self.rig.clock.advance(0)
        self.assertEqual(first.response.status, 201)

    def test_wrong(self) -> None:
        """What is wrong is refused with what would be right, and nothing is made."""
        for wrong in (
            {},
            {"name": "ci"},
            {"name": "CI", "scopes": "read"},
            {"name": "ci", "scopes": "all"},
            {"name": "ci", "scopes": [1]},
            {"name": "ci", "scopes": 1},
            {"name": "ci", "scopes": "read", "expires_in": 0},
            {"name": "ci", "scopes": "read", "expires_in": "soon"},
            {"name": "ci", "scopes": "read", "token": "mine"},
        ):
            self.assertEqual(self.rig.ask("POST /tokens", **as_json(wrong)).status, 422, wrong)
        self.assertEqual(self.listed(), [])

    def test_not_kept(self) -> None:
        """A token that cannot be kept is not given out."""
        self.rig.store.fail(StorageFailed("the disk is broken"))
        self.assertEqual(self.rig.ask("POST /tokens", **as_form(name="ci", scopes="read")).status, 503)
        self.rig.store.recover()
        self.assertEqual(self.listed(), [])
        self.make()

    def test_too_many(self) -> None:
        """There is an end to them."""
        self.patch(operator_tokens, "MOST", 2)
        self.make("a")
        self.make("b")
        self.assertEqual(self.rig.ask("POST /tokens", **as_form(name="c", scopes="read")).status, 409)


class HoldingTests(Case):
    """Until when a token holds."""

    def refused(self, token: str) -> str:
        answer = self.rig.ask("GET /job", token=token)
        self.assertEqual(answer.status, 401, answer.text)
        self.assertEqual(answer.headers["www-authenticate"], 'Bearer realm="proactor", error="invalid_token"')
        self.assertNotIn(token, answer.text)
        detail: str = answer.json()["detail"]
        return detail

    def test_expires(self) -> None:
        """One that is given out for a time holds until then, and says so after it."""
        token = self.make(expires_in="60")
        self.rig.clock.advance(59)
        self.assertEqual(self.status(token), 200)
        self.rig.clock.advance(1)
        self.assertEqual(self.refused(token), "the token ci has expired: make another")
        self.assertEqual([each["name"] for each in self.listed()], ["ci"])

    def test_revoked(self) -> None:
        """One that is revoked holds no more, and its name is free."""
        token, other = self.make(), self.make("other")
        self.assertEqual(self.rig.ask("DELETE /tokens/ci").status, 204)
        self.assertIn("was revoked", self.refused(token))
        self.assertEqual((self.status(other), [each["name"] for each in self.listed()]), (200, ["other"]))
        self.assertNotEqual(self.make(), token)
        self.refused(token)

    def test_revoked_once(self) -> None:
        """What is not there cannot be revoked, and what is being revoked is not there any more."""
        self.assertEqual(self.rig.ask("DELETE /tokens/ci").status, 404)
        token = self.make()
        self.rig.store.hold()
        first = self.rig.begin("DELETE /tokens/ci")
        self.refused(token)
        self.assertEqual(self.rig.ask("DELETE /tokens/ci").status, 404)
        self.assertEqual(self.rig.ask("POST /tokens", **as_form(name="ci", scopes="read")).status, 409)
        self.rig.store.release()
        self.rig.clock.advance(0)
        self.assertEqual(first.response.status, 204)

    def test_not_revoked(self) -> None:
        """Where that cannot be kept whoever asked is told so, and it holds on."""
        token = self.make()
        self.rig.store.fail(StorageFailed("the disk is broken"))
        self.assertEqual(self.rig.ask("DELETE /tokens/ci").status, 503)
        self.rig.store.recover()
        self.assertEqual(self.status(token), 200)

    def test_nearly_right(self) -> None:
        """Nothing but the token itself is it."""
        token = self.make()
        for wrong in (token[:-1], token + "A", token[:-1] + ("B" if token[-1] == "A" else "A"), token.upper()):
            self.assertEqual(self.status(wrong), 401)

    def test_next_initiator(self) -> None:
        """The next initiator knows them: those that were revoked hold no more, the others as before."""
        token, gone = self.make(scopes="read configure", expires_in="600"), self.make("gone")
        self.rig.ask("DELETE /tokens/gone")
        before = self.listed()
        after = self.rig.reborn()
        self.assertEqual(after.ask("GET /tokens").json(), before)
        self.assertEqual(
            (after.ask("GET /job", token=token).status, after.ask("GET /job", token=gone).status), (200, 401)
        )


class ScopeTests(Case):
    """What a token opens."""

    def asked(self, token: str, route: Route) -> Response:
        # What would be done stops at this query at the latest; who may is looked at before.
        return self.rig.ask(f"{operation(route)}?nonsense=1", token=token)

    def test_each_alone(self) -> None:
        """A scope opens the routes that the table has for it and no other; the 403 names what is needed."""
        for scope in GRANTABLE:
            token = self.make(scope.value, scope.value)
            for route in ROUTES:
                if Who.OPERATOR not in route.who or Who.ANYONE in route.who:
                    continue
                answer = self.asked(token, route)
                self.assertEqual(answer.status == 403, route.scope is not scope, (scope, route.name, answer.text))
                if answer.status == 403:
                    # There is no scope that opens the rest.
                    named = "" if route.scope is Scope.ALL else f', scope="{route.scope.value}"'
                    challenge = f'Bearer realm="proactor", error="insufficient_scope"{named}'
                    self.assertEqual(answer.headers["www-authenticate"], challenge)
                if answer.status == 403 and route.scope is not Scope.ALL:
                    wanted = f"this needs the scope {route.scope.value}; the token {scope.value} has: {scope.value}"
                    self.assertEqual(answer.json()["detail"], wanted)

    def test_all_together(self) -> None:
        """With all scopes one still gives out no tokens and does not end the initiator."""
        token = self.make("most", "read launch configure message")
        closed = [route.name for route in ROUTES if self.asked(token, route).status == 403]
        own = [route.name for route in ROUTES if Who.OPERATOR not in route.who and Who.ANYONE not in route.who]
        self.assertEqual(set(closed) - set(own), {"list_tokens", "create_token", "revoke_token", "shut_down"})

    def test_operator(self) -> None:
        """The operator's own token opens everything, and so does being that user on this machine."""
        for how in ({"token": OPERATOR}, {"token": None, "facts": LOCAL}):
            closed = [
                route.name
                for route in ROUTES
                if Who.OPERATOR in route.who and self.rig.ask(f"{operation(route)}?nonsense=1", **how).status == 403
            ]
            self.assertEqual(closed, [])


class ActorTests(Case):
    """Who did what."""

    def test_history(self) -> None:
        """What is done with a token has its name: in the history, in the timeline, and in what it led to."""
        token = self.make(scopes="launch configure")
        self.rig.ask("PATCH /config/my.module", token=token, **as_json({"rate": 3}))
        self.assertEqual(self.rig.ask("POST /create", token=token, **as_form(module="my.module")).status, 201)
        history = self.rig.ask("GET /config/my.module/history").json()
        self.assertEqual([revision["actor"] for revision in history], ["operator (ci)"])
        actors = [(event["event"], event["actor"]) for event in self.rig.ask("GET /events").json()]
        self.assertIn(("configured", "operator (ci)"), actors)

    def test_tokens(self) -> None:
        """That a token is made and revoked is in the timeline, with who did it and what the token opens."""
        self.make(scopes="read launch")
        self.rig.ask("DELETE /tokens/ci", token=None, facts=LOCAL)
        events = self.rig.ask("GET /events").json()
        self.assertEqual(
            [(event["event"], event["token"], event["actor"], event.get("scopes")) for event in events],
            [
                ("token.created", "ci", "operator (token)", ["read", "launch"]),
                ("token.revoked", "ci", "operator (local)", None),
            ],
        )

    def test_trace(self) -> None:
        """They belong to the trace of the request."""
        trace = f"00-{'a' * 32}-{'b' * 16}-01"
        how = as_form(name="ci", scopes="read")
        self.rig.ask("POST /tokens", **{**how, "headers": [*how["headers"], ("traceparent", trace)]})
        self.assertEqual(self.rig.ask("GET /events").json()[0]["trace"], "a" * 32)


class HeldTests(Case):
    """A request that waits."""

    def test_change_is_whole(self) -> None:
        """Who hangs up while a token is kept has made one all the same."""
        self.rig.store.hold()
        self.rig.begin("POST /tokens", **as_form(name="ci", scopes="read")).hang_up()
        self.rig.store.release()
        self.rig.clock.advance(0)
        self.assertEqual([token["name"] for token in self.listed()], ["ci"])
