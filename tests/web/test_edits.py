from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.config.document import parse
from proactor.errors import Malformed, Refused
from proactor.web.callers import Anonymous
from proactor.web.calls import Call, flag
from proactor.web.edits import merge_patch

from ..support.examples import examples
from ..support.http import Exchange, Response, as_form, as_json
from ..support.rig import CONFIG, GUID, Rig

MERGE_PATCH = [("Content-Type", "application/merge-patch+json")]


class Case(SynchronousTestCase):
    """An initiator whose processors answer at once when :meth:`settle` is called."""

    config = CONFIG

    def setUp(self) -> None:
        self.rig = Rig(self, self.config)

    def change(self, section: str = "my.module", query: str = "", **options: Any) -> Response:
        return self.rig.ask(f"PATCH /config/{section}{query}", **as_json(options))

    def begin(self, section: str = "my.module", query: str = "", **options: Any) -> Exchange:
        return self.rig.begin(f"PATCH /config/{section}{query}", **as_json(options))

    def edited(self, section: str = "my.module", query: str = "", **options: Any) -> dict[str, Any]:
        answer = self.change(section, query, **options)
        self.assertEqual(answer.status, 200, answer.text)
        self.settle()
        record: dict[str, Any] = answer.json()
        return record

    def settle(self) -> None:
        """Have every processor apply what it is offered."""
        for job in list(self.rig.fleet.jobs.values()):
            self.rig.acknowledge(job)
        self.rig.clock.advance(0)

    def shown(self, section: str = "my.module") -> dict[str, Any]:
        options: dict[str, Any] = self.rig.ask(f"GET /config/{section}").json()["options"]
        return options

    def refused(self, answer: Response, status: int, *words: str) -> None:
        """See that it is refused so, and that nothing has changed."""
        self.assertEqual(answer.status, status, answer.text)
        for word in words:
            self.assertIn(word, answer.json()["detail"])
        self.assertEqual(self.rig.configurator.live.revision, 1 + len(self.rig.fleet.jobs))
        self.assertEqual(self.shown(), {"rate": "2", "colour": "red"})


class EditTests(Case):
    """``PATCH /config/SECTION``."""

    def test_who_may_call(self) -> None:
        """A module that there is not, and is nearly called like one there is, is refused; another may come later."""
        for section in ("my.module", "DEFAULT"):
            self.refused(
                self.change(section, allow_from="other.modul label:x=y"),
                422,
                f"[{section}] allow_from: no section declares the module other.modul; is other.module meant?",
            )
        self.refused(self.change(allow_scopes="a@my.modul"), 422, "is my.module meant?")
        self.edited(allow_from="other.module elsewhere label:x", allow_scopes="a@my.module b")

    def test_reaches_its_processors(self) -> None:
        """An edit of a module's section changes what its processors get and others do not; the answer says whom."""
        job, other = self.rig.create(), self.rig.create("other.module")
        answer = self.change(rate=3)
        self.assertEqual((answer.status, answer.headers["etag"]), (200, '"4"'))
        self.assertEqual(
            answer.json(),
            {
                "section": "my.module",
                "revision": 4,
                "changes": {job.guid: {"rate": {"from": "2", "to": "3"}}},
                "overrides": {"rate": {"text": "2", "source": "proactor.cfg", "line": 11}},
                "rollout": "4",
            },
        )
        self.assertEqual((self.rig.values(job)["rate"], self.rig.values(other)["rate"]), ("3", "1"))
        self.settle()

    def test_default(self) -> None:
        """An edit of DEFAULT reaches all that do not say it themselves."""
        job, other = self.rig.create(), self.rig.create("other.module")
        record = self.edited("DEFAULT", rate=5, zone="eu")
        self.assertEqual(
            record["changes"],
            {
                job.guid: {"zone": {"from": None, "to": "eu"}},
                other.guid: {"rate": {"from": "1", "to": "5"}, "zone": {"from": None, "to": "eu"}},
            },
        )

    def test_own(self) -> None:
        """An edit of a processor's own section is for that one alone."""
        job, other = self.rig.create(), self.rig.create()
        self.assertEqual(list(self.edited(job.guid, rate=7)["changes"]), [job.guid])
        self.assertEqual((self.rig.values(job)["rate"], self.rig.values(other)["rate"]), ("7", "2"))

    def test_removed(self) -> None:
        """``null`` takes an edit back: the file's word holds again."""
        job = self.rig.create()
        self.edited(rate=3)
        record = self.edited(rate=None)
        self.assertEqual(record["changes"], {job.guid: {"rate": {"from": "3", "to": "2"}}})
        self.assertEqual((record["overrides"], self.shown()["rate"]), ({}, "2"))

    def test_as_merge_patch_and_form(self) -> None:
        """A merge patch (RFC 7396) by its own type, and a form, do the same as JSON."""
        answer = self.rig.ask("PATCH /config/my.module", body=b'{"a": "x", "b": true}', headers=MERGE_PATCH)
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.rig.ask("PATCH /config/my.module", **as_form(rate="3", **{"c.d": ""})).status, 200)
        self.assertEqual(self.shown(), {"rate": "3", "colour": "red", "a": "x", "b": "yes", "c.d": ""})

    def test_nothing_new(self) -> None:
        """An edit that says what is so already makes no revision and touches nobody."""
        self.rig.create()
        self.edited(extra="x")
        revision = self.rig.configurator.live.revision
        record = self.edited(extra="x")
        self.assertEqual((record["revision"], record["changes"], record["rollout"]), (revision, {}, None))
        self.assertEqual(self.rig.configurator.live.revision, revision)

    def test_nobody_reads_it(self) -> None:
        """An edit of a section that no processor reads is taken, and rolls out to nobody."""
        record = self.edited(rate=3)
        self.assertEqual((record["revision"], record["changes"], record["rollout"]), (2, {}, None))
        self.assertEqual(self.shown()["rate"], "3")
        self.assertEqual(self.rig.ask("GET /rollout/2").status, 404)

    def test_secret(self) -> None:
        """A secret is redacted in the answer, the section, the history and what was overridden."""
        job = self.rig.create("other.module")
        for value in ("first", "second"):
            answer = self.change("other.module", db_password=value)
            self.settle()
            shown = answer.json()["changes"][job.guid]["db_password"]
            self.assertEqual(shown, {"from": "***", "to": "***"})
            pages = [answer.text] + [
                self.rig.ask(f"GET /config/{page}").text
                for page in ("other.module", "other.module/history", f"{job.guid}/explain", job.guid)
            ]
            for word in ("hunter2", "first", "second"):
                self.assertNotIn(word, "".join(pages))
        self.assertEqual(self.rig.values(job)["db_password"], "second")

    def test_refused(self) -> None:
        """What is not to be, or would not resolve, is 422 with the reason, and nothing has changed."""
        self.rig.create()
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"rate": "${nothing}"}, "${nothing} refers to nothing"),
            ({"rate": "${rate}"}, "refers to itself"),
            ({"rate": "$"}, "a '$' begins"),
            ({"rate": "${other.module:db_password}"}, "an edit cannot refer to [other.module]"),
            ({"rate": "x\r\n[evil]"}, "the character U+000D cannot be in a value"),
            ({"rate": "\ud800"}, "the character U+D800 cannot be in a value"),
            ({"A": "x"}, "an option's name is in lower-case letters: 'a' is right"),
            ({"a]\n[b": "x"}, "an option's name is a lower-case letter"),
            ({"guid": "x"}, "the initiator steers by this option"),
            ({"command": "rm"}, "the initiator steers by this option"),
            ({"parent_url": "http://evil.example"}, "the initiator steers by this option"),
            ({"operator_auth": "local"}, "can be set in the file alone"),
            ({"secret_options": ""}, "can be set in the file alone"),
            ({"rate": None}, "stands in proactor.cfg, line 11: remove it there"),
            ({"extra": None}, "is not set here"),
            ({"refresh": "often"}, "'often' is not a number"),
            ({"rate": {"a": 1}}, "rate: must be a text"),
            ({"rate": [1]}, "rate: must be a text"),
        ]
        for options, words in wrong:
            self.refused(self.change(**options), 422, words)

    def test_place(self) -> None:
        """A program gets the place of what is wrong in members of their own."""
        job = self.rig.create()
        answer = self.change(job.guid, refresh="often").json()
        self.assertEqual((answer["section"], answer["option"], answer["value"]), (job.guid, "refresh", "often"))

    def test_malformed(self) -> None:
        """No change, an unknown parameter or a list is 400; another section is 404."""
        self.refused(self.change(), 400, "nothing to change")
        self.refused(self.rig.ask("PATCH /config/my.module"), 400, "nothing to change")
        self.refused(self.change(query="?dry=1", rate=3), 400, "unknown query parameter 'dry'")
        self.refused(self.rig.ask("PATCH /config/my.module", **as_json([1])), 400)
        self.refused(self.change("nobody", rate=3), 404, "there is no section [nobody]: sections are declared in")
        self.refused(self.change("0" * 32, rate=3), 404)

    def test_initiators_own(self) -> None:
        """The initiator's own options can be edited as well, and are checked."""
        self.refused(self.change(GUID, max_jobs="many"), 422, "'many' is not a whole number")
        self.edited(GUID, max_jobs=1)
        self.rig.create()
        self.assertEqual(self.rig.ask("POST /create", **as_form(module="my.module")).status, 503)


class IfMatchTests(Case):
    """Edits against a revision."""

    def edit(self, revision: object, section: str = "my.module", **how: Any) -> int:
        body = as_json({"rate": 9})
        body["headers"] = [*body["headers"], ("If-Match", f'"{revision}"')]
        return self.rig.ask(f"PATCH /config/{section}", **body).status

    def test_current(self) -> None:
        """The revision that was read is the one that is changed."""
        self.assertEqual(self.edit(1), 200)

    def test_overtaken(self) -> None:
        """If somebody was faster it is 412, and nothing has changed."""
        self.edited(colour="blue")
        self.assertEqual(self.edit(1), 412)
        self.assertEqual(self.shown()["rate"], "2")
        self.assertEqual(self.edit(2), 200)

    def test_of_another_section(self) -> None:
        """An edit of another section is no reason."""
        self.edited("other.module", x=1)
        self.assertEqual(self.edit(1), 200)

    def test_of_the_future(self) -> None:
        """A revision that there is not yet is none that was read."""
        self.assertEqual(self.edit(99), 412)

    def test_rollback(self) -> None:
        """The way back takes the same condition."""
        self.edited(colour="blue")
        self.edited(colour="green")
        body = as_json({"to": 2})
        for revision, status in ((2, 412), (3, 200)):
            how = {**body, "headers": [*body["headers"], ("If-Match", f'"{revision}"')]}
            self.assertEqual(self.rig.ask("POST /config/my.module/rollback", **how).status, status)
        self.assertEqual(self.shown()["colour"], "blue")


class PlanTests(Case):
    """``?plan=1``."""

    def test_changes_nothing(self) -> None:
        """It shows every processor and option that would change, and changes nothing."""
        first, second = self.rig.create_many(2)
        plan = self.change(query="?plan=1", rate=3)
        changes = {job.guid: {"rate": {"from": "2", "to": "3"}} for job in (first, second)}
        self.assertEqual((plan.status, plan.json()["changes"], plan.json()["revision"]), (200, changes, 4))
        self.assertEqual(self.rig.configurator.live.revision, 3)
        self.assertEqual(self.shown()["rate"], "2")
        self.assertEqual(self.rig.ask("GET /rollout/4").status, 404)

    @examples(30)
    @given(
        edits=st.lists(
            st.tuples(
                st.sampled_from(["DEFAULT", "my.module", "other.module", "own"]),
                st.dictionaries(
                    st.sampled_from(["rate", "colour", "zone", "db_password"]),
                    st.none() | st.integers(0, 3) | st.sampled_from(["${rate}", "${colour}", "${zone}", "$$", ""]),
                    min_size=1,
                ),
            ),
            max_size=6,
        )
    )
    def test_keeps_its_word(self, edits: list[tuple[str, dict[str, Any]]]) -> None:
        """The answer to the same edit then is the plan, word by word, a refusal too."""
        self.rig = Rig(self)
        own = self.rig.create().guid
        self.rig.create("other.module")
        for name, options in edits:
            section = own if name == "own" else name
            revision = self.rig.configurator.live.revision
            plan = self.change(section, "?plan=1", **options)
            self.assertEqual(self.rig.configurator.live.revision, revision)
            answer = self.change(section, **options)
            self.assertEqual((plan.status, plan.json()), (answer.status, answer.json()))
            self.settle()

    def test_overrides(self) -> None:
        """Where an edit disagrees with the file, the plan says what that says and where; a secret of it not."""
        record = self.change(query="?plan=1", rate=3, colour="red", extra="x").json()
        self.assertEqual(record["overrides"], {"rate": {"text": "2", "source": "proactor.cfg", "line": 11}})
        record = self.change("other.module", query="?plan=1", db_password="x").json()
        self.assertEqual(record["overrides"]["db_password"]["text"], "***")

    def test_flag(self) -> None:
        """A flag is a yes or a no."""
        for word in ("0", "no", "false", "No"):
            self.assertEqual(self.change(query=f"?plan={word}", extra=word).status, 200)
            self.assertEqual(self.shown()["extra"], word)
        for word in ("1", "yes", "TRUE"):
            self.change(query=f"?plan={word}", extra="never")
        self.assertEqual(self.shown()["extra"], "No")
        self.assertEqual(self.change(query="?plan=maybe", extra="x").status, 422)
        self.assertEqual(self.change(query="?plan=1&plan=1", extra="x").status, 400)


class HistoryTests(Case):
    """Who changed what, and the way back."""

    def history(self, section: str = "my.module") -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.rig.ask(f"GET /config/{section}/history").json()
        return entries

    def test_entries(self) -> None:
        """Each revision that edited the section: when, who, what."""
        self.assertEqual(self.history(), [])
        self.edited(rate=3, extra="x")
        self.edited("other.module", y=1)
        self.rig.clock.advance(90)
        self.edited(rate=None)
        first, second = self.history()
        self.assertEqual(
            first,
            {
                "revision": 2,
                "time": "2026-11-24T12:00:00.000Z",
                "actor": "operator (token)",
                "summary": "edit of [my.module]",
                "changes": {"rate": {"from": None, "to": "3"}, "extra": {"from": None, "to": "x"}},
            },
        )
        self.assertEqual((second["revision"], second["time"]), (4, "2026-11-24T12:01:30.000Z"))
        self.assertEqual(second["changes"], {"rate": {"from": "3", "to": None}})

    def test_back(self) -> None:
        """A rollback brings the edits of a revision back, as a new one."""
        job = self.rig.create()
        self.edited(rate=3, extra="x")
        self.edited(rate=4, extra=None)
        answer = self.rig.ask("POST /config/my.module/rollback", **as_json({"to": 3}))
        self.assertEqual((answer.status, answer.json()["revision"]), (200, 5))
        self.assertEqual(
            answer.json()["changes"],
            {job.guid: {"rate": {"from": "4", "to": "3"}, "extra": {"from": None, "to": "x"}}},
        )
        self.assertEqual(self.shown(), {"rate": "3", "colour": "red", "extra": "x"})
        self.assertEqual(self.history()[-1]["summary"], "[my.module] back to revision 3")
        self.settle()
        self.assertEqual(self.rig.ask("POST /config/my.module/rollback", **as_form(to="1")).status, 200)
        self.assertEqual(self.shown(), {"rate": "2", "colour": "red"})

    def test_plan(self) -> None:
        """A rollback can be planned as well."""
        self.rig.create()
        self.edited(rate=3)
        plan = self.rig.ask("POST /config/my.module/rollback?plan=1", **as_json({"to": 1}))
        self.assertEqual(self.shown()["rate"], "3")
        answer = self.rig.ask("POST /config/my.module/rollback", **as_json({"to": 1}))
        self.assertEqual(plan.json(), answer.json())

    def test_wrong(self) -> None:
        """A rollback to nowhere is refused."""
        for body, status in (
            ({}, 422),
            ({"to": 0}, 422),
            ({"to": "x"}, 422),
            ({"to": 99}, 404),
            ({"to": 1, "x": 1}, 422),
        ):
            answer = self.rig.ask("POST /config/my.module/rollback", **as_json(body))
            self.assertEqual(answer.status, status, body)
        self.assertEqual(self.rig.ask("POST /config/nobody/rollback", **as_json({"to": 1})).status, 404)
        self.assertEqual(self.rig.ask("GET /config/nobody/history").status, 404)
        self.assertEqual(self.rig.ask("GET /config/my.module/history?x=1").status, 400)


class ExplainTests(Case):
    """``GET /config/GUID/explain``."""

    def test_chain(self) -> None:
        """For each option its value and the way by which it came, file and line or revision."""
        job = self.rig.create()
        self.edited(rate="${colour}-1")
        record = self.rig.ask(f"GET /config/{job.guid}/explain").json()
        self.assertEqual((record["guid"], record["revision"], record["held_at"]), (job.guid, 3, None))
        rate = record["options"]["rate"]
        self.assertEqual(rate["value"], "red-1")
        self.assertEqual(
            [(link["section"], link["option"], link["source"], link["line"]) for link in rate["chain"]],
            [
                (job.guid, "rate", "[my.module]", None),
                ("my.module", "rate", "edit 3", None),
                ("my.module", "colour", "proactor.cfg", 12),
            ],
        )
        self.assertEqual(rate["chain"][1]["overrides"], {"text": "2", "source": "proactor.cfg", "line": 11})

    def test_held(self) -> None:
        """Who is kept from an edit by a rollout is seen to be, and at what."""
        self.rig.create()
        second = self.rig.create()
        self.assertEqual(self.change(query="?batch=1", rate=3).status, 200)
        record = self.rig.ask(f"GET /config/{second.guid}/explain").json()
        self.assertEqual((record["revision"], record["held_at"], record["options"]["rate"]["value"]), (4, 3, "3"))
        self.settle()
        self.settle()
        self.assertIsNone(self.rig.ask(f"GET /config/{second.guid}/explain").json()["held_at"])

    def test_not_there(self) -> None:
        """What is no processor is 404."""
        for name in ("my.module", "nobody"):
            self.assertEqual(self.rig.ask(f"GET /config/{name}/explain").status, 404)


class PaceTests(Case):
    """How an edit goes out, by parameters of its request."""

    def setUp(self) -> None:
        super().setUp()
        self.jobs = self.rig.create_many(4)
        self.jobs[2].labels = {"role": "canary"}

    def batches(self, query: str, section: str = "my.module") -> list[int]:
        """The sizes of the batches of an edit, which is brought to its end."""
        answer = self.change(section, query, rate=self.rig.configurator.live.revision * 10)
        self.assertEqual(answer.status, 200, answer.text)
        record = self.rig.rollout(answer.json()["rollout"]).record()
        for _ in record["batches"]:
            self.settle()
            self.rig.clock.advance(60)
        sizes: list[int] = record["batches"]
        return sizes

    def test_sizes(self) -> None:
        """By numbers and by percent, the last for all that follow; as curl users write it, too."""
        self.assertEqual(self.batches(""), [4])
        self.assertEqual(self.batches("?batch=1"), [1, 1, 1, 1])
        self.assertEqual(self.batches("?batch=1&batch=50%"), [1, 2, 1])
        self.assertEqual(self.batches("?batch=1&batch=50%25"), [1, 2, 1])

    def test_first(self) -> None:
        """A canary goes first, by guid or by label."""
        for selector in ("label:role=canary", self.jobs[2].guid):
            self.assertEqual(self.batches(f"?first={selector}"), [1, 3])
        self.assertEqual(self.batches(f"?first=label:role&first={self.jobs[0].guid}&batch=1"), [2, 1, 1])

    def test_of_the_section(self) -> None:
        """A section can say so itself, for all its edits; the request's word is over it."""
        self.edited(rollout_batch="1 3", rollout_watch=5)
        self.rig.clock.advance(5)
        self.assertEqual(self.batches(""), [1, 3])
        self.assertEqual(self.batches("?batch=2"), [2, 2])

    def test_watch(self) -> None:
        """The next batch waits for ``watch`` seconds after the last has answered."""
        number = self.change(query="?batch=2&watch=7", rate=3).json()["rollout"]
        self.settle()
        self.rig.clock.advance(6.9)
        self.assertEqual(self.rig.rollout(number).batch, 1)
        self.rig.clock.advance(0.1)
        self.assertEqual(self.rig.rollout(number).batch, 2)
        self.settle()
        self.rig.clock.advance(7)
        self.assertEqual(self.rig.rollout(number).record()["state"], "done")

    def test_outcome(self) -> None:
        """With ``Prefer: wait=N`` the answer comes when all is over, and tells how."""
        exchange = self.rig.begin("PATCH /config/my.module", wait=30, **as_json({"rate": 3}))
        self.rig.clock.advance(1)
        self.assertFalse(exchange.answered)
        self.settle()
        outcome = exchange.response.json()["outcome"]
        self.assertEqual((outcome["state"], outcome["applied"], outcome["wanted"]), ("done", 4, 4))

    def test_outcome_so_far(self) -> None:
        """If it is not over by then, the answer tells how far it is; it goes on."""
        exchange = self.rig.begin("PATCH /config/my.module", wait=5, **as_json({"rate": 3}))
        self.rig.acknowledge(self.jobs[0])
        self.rig.clock.advance(5)
        outcome = exchange.response.json()["outcome"]
        self.assertEqual((outcome["state"], outcome["applied"], outcome["waiting"]), ("running", 1, 3))
        self.settle()
        self.assertTrue(self.rig.rollout(outcome["id"]).over)

    def test_conflict(self) -> None:
        """A second edit of the same processors waits, or is 409 where that is asked."""
        first = self.change(rate=3).json()["rollout"]
        answer = self.change(query="?conflict=refuse", rate=4)
        self.assertEqual(answer.status, 409)
        self.assertIn(
            f"rollout {first} is under way for some of the same processors: see /rollout/{first}", answer.text
        )
        waiting = self.begin(query="?conflict=wait", rate=4)
        also = self.begin(rate=5)
        self.rig.clock.advance(1)
        self.assertFalse(waiting.answered or also.answered)
        self.assertEqual(self.shown()["rate"], "3")
        self.settle()
        self.assertTrue(waiting.answered)
        self.assertFalse(also.answered)
        self.settle()
        self.settle()
        self.assertEqual((waiting.response.status, also.response.status, self.shown()["rate"]), (200, 200, "5"))

    def test_no_conflict(self) -> None:
        """An edit of other processors goes its own way."""
        self.change(rate=3)
        self.rig.create("other.module")
        self.assertEqual(self.change("other.module", query="?conflict=refuse", x=1).status, 200)

    def test_wrong(self) -> None:
        """A pace that is none is 422 by its parameter, and nothing has changed."""
        for query, words in {
            "batch=0": "batch: '0' is no size",
            "batch=101%": "batch: '101%' is no size",
            "batch=": "batch: '' is no size",
            "batch=-1": "batch: '-1' is no size",
            "batch=1&batch=x": "batch: 'x' is no size",
            "watch=x": "watch: must be a number of seconds",
            "watch=-1": "watch: must be a number of seconds",
            "watch=nan": "watch: must be a number of seconds",
            "timeout=inf": "timeout: must be a number of seconds",
            "timeout=86401": "timeout: must be a number of seconds",
            "revert=maybe": "revert: must be yes or no",
            "conflict=maybe": "conflict: must be wait or refuse",
            "first=nobody": "first: 'nobody' means no processor",
            "first=": "first: '' means no processor",
        }.items():
            self.refused(self.change(query=f"?{query}", rate=3), 422, words)
        self.refused(self.change(query="?watch=1&watch=2", rate=3), 400)


class FileTests(Case):
    """Edits and the file."""

    def test_edit_wins(self) -> None:
        """Where an edit and the file disagree the edit wins until it is unset."""
        job = self.rig.create()
        self.edited(rate=3)
        document = parse(CONFIG.replace("rate = 2", "rate = 8"), "proactor.cfg")
        self.rig.run(self.rig.initiator.reload(document, "test"))
        self.assertEqual(self.rig.values(job)["rate"], "3")
        self.settle()
        record = self.edited(rate=None)
        self.assertEqual(record["changes"], {job.guid: {"rate": {"from": "3", "to": "8"}}})


class BodyTests(SynchronousTestCase):
    """The body of an edit."""

    def read(self, body: dict[str, Any], is_form: bool = False) -> dict[str, str | None]:
        return merge_patch(Call(Anonymous(), {}, body=body, is_form=is_form))

    def test_values(self) -> None:
        """Scalars are texts, ``null`` is a removal."""
        self.assertEqual(
            self.read({"a": "x", "b": 1, "c": 0.5, "d": False, "e": None}),
            {"a": "x", "b": "1", "c": "0.5", "d": "no", "e": None},
        )
        self.assertEqual(self.read({"a": ["null"], "b.c": [""]}, is_form=True), {"a": "null", "b.c": ""})

    def test_wrong(self) -> None:
        """Nothing is malformed, what has parts is refused."""
        self.assertRaises(Malformed, self.read, {})
        self.assertRaises(Malformed, self.read, {"a": ["1", "2"]}, True)
        values: tuple[Any, ...] = ([], {}, [1])
        for value in values:
            self.assertRaises(Refused, self.read, {"a": value})

    def test_flag_default(self) -> None:
        """Without a word the default holds."""
        call = Call(Anonymous(), {}, query={})
        self.assertEqual((flag(call, "a", True), flag(call, "a", False)), (True, False))
