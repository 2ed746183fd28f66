"""``GET /endpoints``, of the initiator in memory."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proactor.jobs.fleet import Order
from proactor.model import Job

from ..support.http import Exchange, Response
from ..support.rig import Rig


class Case(SynchronousTestCase):
    """Three processors of two modules."""

    def setUp(self) -> None:
        self.rig = Rig(self)
        self.one, self.two = self.rig.create_many(2)
        self.other = self.labelled("other.module", role="db")
        self.rig.clock.advance(1)

    def labelled(self, module: str, **labels: str) -> Job:
        (job,) = self.rig.run(self.rig.fleet.create(Order(module=module, labels=labels), "test"))
        self.rig.acknowledge(job)
        return job

    def begin(self, query: str = "", known: str | None = None, **how: Any) -> Exchange:
        headers = [] if known is None else [("If-None-Match", known)]
        exchange = self.rig.begin(f"GET /endpoints{query}", headers=[*headers, *how.pop("headers", ())], **how)
        self.rig.clock.advance(0)
        return exchange

    def ask(self, query: str = "", known: str | None = None, **how: Any) -> Response:
        return self.begin(query, known, **how).response

    def guids(self, query: str = "") -> set[str]:
        return {each["guid"] for each in self.ask(query).json()}


class ListTests(Case):
    """Who is ready."""

    def test_all(self) -> None:
        """Each that is ready is told, with all that one needs to choose it and to reach it."""
        answer = self.ask("?module=other.module")
        self.assertEqual(
            answer.json(),
            [
                {
                    "guid": self.other.guid,
                    "module": "other.module",
                    "labels": {"role": "db"},
                    "url": self.other.url,
                    "local_url": f"http://{self.other.address}:{self.other.port}",
                    "incarnation": 1,
                }
            ],
        )
        self.assertEqual(self.guids(), {self.one.guid, self.two.guid, self.other.guid})

    def test_chosen(self) -> None:
        """They are chosen by module and label; there need be none."""
        self.assertEqual(self.guids("?module=my.module"), {self.one.guid, self.two.guid})
        self.assertEqual(self.guids("?label=role=db"), {self.other.guid})
        self.assertEqual(self.guids("?label=role&module=my.module"), set())
        self.assertEqual(self.guids(f"?guid={self.two.guid}"), {self.two.guid})
        self.assertEqual(self.ask("?state=running").status, 400)
        self.assertEqual(self.ask("?module=a&module=b").status, 400)

    def test_not_ready(self) -> None:
        """Who is not ready yet, or is not any more, is not among them."""
        self.rig.endpoints.slow = True
        late = self.rig.create()
        self.assertNotIn(late.guid, self.guids())
        self.rig.endpoints.answer()
        self.assertIn(late.guid, self.guids())
        self.rig.ask(f"POST /job/{late.guid}/stop", wait=30)
        self.assertNotIn(late.guid, self.guids())

    def test_for_processors(self) -> None:
        """A processor may ask."""
        answer = self.ask(token=self.rig.token(self.one))
        self.assertEqual((answer.status, len(answer.json())), (200, 3))

    def test_no_such_module(self) -> None:
        """An operator is told of a module that is not declared; for a processor nobody of it is ready yet."""
        answer = self.ask("?module=other.modul")
        self.assertEqual(
            (answer.status, answer.json()["detail"]),
            (422, "module 'other.modul' is not declared, and no job runs it; is other.module meant?"),
        )
        answer = self.ask("?module=other.modul", token=self.rig.token(self.one))
        self.assertEqual((answer.status, answer.json()), (200, []))


class HeldTests(Case):
    """Held until the answer is another."""

    def setUp(self) -> None:
        super().setUp()
        self.tag = self.ask().headers["etag"]

    def test_unchanged(self) -> None:
        """What one has is 304, with the same tag; a tag of something else gets the whole."""
        answer = self.ask(known=self.tag)
        self.assertEqual((answer.status, answer.body, answer.headers["etag"]), (304, b"", self.tag))
        answer = self.ask(known="*", wait=30)
        self.assertEqual((answer.status, answer.body, answer.headers["etag"]), (304, b"", self.tag))
        for known in ('"1"', '"x"', f'"{int(self.tag[1:-1]) + 1}"'):
            self.assertEqual(self.ask(known=known, wait=30).status, 200)

    def test_news(self) -> None:
        """Somebody who becomes ready, or ends, is told of within milliseconds."""
        held = self.begin(known=self.tag, wait=30)
        self.rig.clock.advance(10)
        self.assertFalse(held.answered)
        late = self.rig.create()
        self.rig.clock.advance(0.02)
        self.rig.clock.advance(0)
        self.assertIn(late.guid, held.response.text)
        self.assertNotEqual(held.response.headers["etag"], self.tag)

    def test_not_its_news(self) -> None:
        """What does not change the answer does not end the wait, and it is 304 when that is over."""
        held = self.begin("?module=other.module", self.tag, wait=30)
        self.rig.create()
        self.rig.clock.advance(29)
        self.assertFalse(held.answered)
        self.rig.clock.advance(1)
        self.assertEqual((held.response.status, held.response.headers["etag"]), (304, self.tag))

    def test_delta(self) -> None:
        """Who has the rest is told what changed, if that will do."""
        headers = [("A-IM", "gzip, merge-patch;q=1")]
        held = self.begin(known=self.tag, wait=30, headers=headers)
        late = self.rig.create()
        self.rig.ask(f"DELETE /job/{self.one.guid}", wait=30)
        self.rig.clock.advance(0.02)
        self.rig.clock.advance(0)
        answer = held.response
        self.assertEqual(answer.status, 226)
        self.assertEqual((answer.headers["im"], answer.headers["delta-base"]), ("merge-patch", self.tag))
        self.assertEqual(answer.headers["content-type"], "application/merge-patch+json")
        patch = self.rig.ask("GET /endpoints", headers=[*headers, ("If-None-Match", self.tag)]).body
        self.assertEqual(patch, answer.body)
        self.assertIn(f'"{self.one.guid}": null', answer.text)
        self.assertIn(f'"guid": "{late.guid}"', answer.text)
        self.assertEqual(self.ask(known='"1"', headers=headers).status, 200)

    def test_hang_up(self) -> None:
        """Who hangs up while held leaves nothing waiting."""
        timers = len(self.rig.clock.getDelayedCalls())
        self.begin(known=self.tag, wait=30).hang_up()
        self.assertEqual(len(self.rig.clock.getDelayedCalls()), timers)


class NextInitiatorTests(Case):
    """The initiator is killed, and another takes over."""

    def test_all_the_time(self) -> None:
        """Who was ready, and lives, is there from the first answer on; what the last one called by a tag is not taken
        for something of this one."""
        tag = self.ask().headers["etag"]
        self.rig.clock.advance(1)
        self.rig = self.rig.reborn()
        self.assertEqual(self.guids(), {self.one.guid, self.two.guid, self.other.guid})
        answer = self.ask(known=tag, wait=30)
        self.assertEqual(answer.status, 200)

    def test_not_asked_yet(self) -> None:
        """That holds while their endpoints are still asked, for ``ready_timeout``; who answers later is there again."""
        self.rig.die()
        after = self.rig.successor = Rig(self, earlier=self.rig)
        after.endpoints.slow = True
        after.take_up()
        self.rig = after
        self.assertFalse(after.fleet.job(self.one.guid).ready)
        self.assertEqual(len(self.guids()), 3)
        after.clock.advance(59)
        self.assertEqual(len(self.guids()), 3)
        after.clock.advance(1)
        self.assertEqual(self.guids(), set())
        self.assertTrue(after.fleet.job(self.one.guid).alive)
        after.endpoints.answer()
        self.assertEqual(len(self.guids()), 3)
