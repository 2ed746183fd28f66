"""What processors ask of the initiator."""

from __future__ import annotations

import json

from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import StorageFull
from proactor.jobs.fleet import Order
from proactor.model import Answer, Job, State
from proactor.saved import PutJob

from .support.http import Response, as_json
from .support.rig import CONFIG, Rig


class RareFetchTests(SynchronousTestCase):
    """A processor that has no fetch held comes every ``refresh`` seconds, sooner or later by a tenth of that."""

    def test_never_without_token(self) -> None:
        """It is never left with a token that expires before its next fetch."""
        rig = Rig(self, CONFIG.replace("colour = red", "colour = red\nrefresh = 140"))
        job = rig.create()
        token, tokens = rig.token(job), set()
        for number in range(20):
            # Once just before half of the token's 300 seconds are gone, then as late as it can be.
            rig.clock.advance(154 if number % 2 else 149)
            answer = rig.ask(f"GET /config/{job.guid}", token=token, headers=[("If-None-Match", '"2"')])
            self.assertIn(answer.status, (200, 304), number)
            if answer.status == 200:
                token = answer.json()["token"]
            tokens.add(token)
        self.assertGreater(len(tokens), 10)


class HeldFetchTests(SynchronousTestCase):
    """A processor whose fetches are held, one after another."""

    def fetched(self, refresh: int, seconds: int) -> list[int]:
        """The answers that it gets in so long."""
        rig = Rig(self)
        job = rig.create()
        token, tag = rig.token(job), '"0"'
        statuses: list[int] = []
        until = rig.clock.seconds() + seconds
        while rig.clock.seconds() < until:
            self.assertLess(len(statuses), 2 * seconds)
            exchange = rig.begin(f"GET /config/{job.guid}", token=token, headers=[("If-None-Match", tag)], wait=refresh)
            rig.clock.advance(0)
            while not exchange.answered:
                rig.clock.advance(0.1)
            statuses.append(exchange.response.status)
            if statuses[-1] == 200:
                token, tag = exchange.response.json()["token"], exchange.response.headers["etag"]
        return statuses

    def test_as_long_as_asked(self) -> None:
        """Each is held for nearly as long as it asked for, and no more often answered than its token takes."""
        statuses = self.fetched(30, 600)
        self.assertEqual(statuses.count(200), 1 + 4)
        self.assertIn(len(statuses), range(20, 28))

    def test_the_first(self) -> None:
        """It was started with all that there is to know, so that its first fetch is held."""
        rig = Rig(self)
        job = rig.create()
        tag = json.loads(rig.stdin(job.guid)["parent_trust"])["tag"]
        headers = [("If-None-Match", f'"{rig.configurator.live.offered(job.guid)}.{tag}"')]
        exchange = rig.begin(f"GET /config/{job.guid}", token=rig.token(job), headers=headers, wait=30)
        rig.clock.advance(10)
        self.assertFalse(exchange.answered)

    def test_longer_than_the_token(self) -> None:
        """What asks to be held for longer than its token is good for is answered when that is due, and not before."""
        self.assertEqual(self.fetched(300, 600), [200] * 6)


class RestartedTests(SynchronousTestCase):
    """A processor is restarted while what it said is still being taken in."""

    def said(self, rig: Rig, job: Job) -> Deferred[None]:
        answer = Answer(rig.configurator.live.offered(job.guid), "applied")
        return Deferred.fromCoroutine(rig.initiator.exchange.acknowledge(job.guid, answer, ()))

    def test_the_next_says_it_itself(self) -> None:
        """That it serves is not taken for a word of the process that comes after it: that becomes ready by its own."""
        for is_slow in (False, True):
            rig = Rig(self)
            (job,) = rig.run(rig.fleet.create(Order("my.module"), "test"))
            change: DeferredLock = self.successResultOf(rig.configurator._lock.acquire())
            said = self.said(rig, job)
            self.assertNoResult(said)
            rig.launcher.slow = is_slow
            restarted = self.successResultOf(Deferred.fromCoroutine(rig.fleet.restart(job.guid, "test")))
            rig.clock.advance(0)
            change.release()
            self.successResultOf(said)
            rig.launcher.release()
            rig.clock.advance(0)
            self.assertEqual((job.incarnation, job.state, rig.endpoints.asked), (2, State.STARTING, []))
            self.assertNoResult(restarted)
            self.successResultOf(self.said(rig, job))
            self.assertEqual(job.state, State.RUNNING)
            self.successResultOf(restarted)


class LateTests(SynchronousTestCase):
    """A processor whose token expired has a way back, and nobody else."""

    def setUp(self) -> None:
        self.rig = Rig(self)
        self.job, self.other = self.rig.create_many(2)
        self.first = self.rig.token(self.job)

    def asked(self, token: str, guid: str = "", etag: str = '"2"') -> Response:
        target = f"GET /config/{guid or self.job.guid}"
        return self.rig.ask(target, token=token, headers=[("If-None-Match", etag)])

    def renewed(self, token: str) -> str:
        """The token in place of one that is due, or late."""
        answer = self.asked(token)
        self.assertEqual(answer.status, 200)
        new: str = answer.json()["token"]
        self.assertNotEqual(new, token)
        return new

    def used(self, token: str) -> str:
        """A token that has been used."""
        self.assertEqual(self.asked(token).status, 304)
        return token

    def test_away(self) -> None:
        """The initiator away for ten times as long as tokens live: each is back with its next fetch, and stays."""
        rig = self.rig
        jobs = [self.job, self.other, *rig.create_many(18)]
        tokens = [rig.token(job) for job in jobs]
        rig.clock.advance(160)
        # Half of them have been given others, some of which they used.
        for number in range(10):
            answer = rig.ask(f"GET /config/{jobs[number].guid}", token=tokens[number])
            tokens[number] = answer.json()["token"]
            if number % 2:
                self.assertEqual(rig.ask(f"GET /config/{jobs[number].guid}", token=tokens[number]).status, 200)
        rig.die()
        rig.clock.advance(10 * 300)
        after = Rig(self, earlier=rig)
        after.take_up()
        self.assertEqual([job.incarnation for job in after.fleet.jobs.values()], [1] * 20)
        for job, token in zip(jobs, tokens, strict=True):
            answer = after.ask(f"GET /config/{job.guid}", token=token)
            self.assertEqual(answer.status, 200)
            new = answer.json()["token"]
            self.assertEqual(after.ask(f"GET /config/{job.guid}", token=new).status, 200)
        # Those that came before them are of no more use.
        self.assertEqual(after.ask(f"GET /config/{self.job.guid}", token=tokens[0]).status, 401)

    def test_the_last_alone(self) -> None:
        """It is the last that it was given, not one before."""
        self.rig.clock.advance(160)
        second = self.used(self.renewed(self.first))
        self.rig.clock.advance(1000)
        self.assertEqual(self.asked(self.first).status, 401)
        self.assertIn("was given another", self.asked(self.first).text)
        self.renewed(second)

    def test_lost_answer(self) -> None:
        """It stays good until the one that it brought is used: an answer may be lost, as often as it likes."""
        self.rig.clock.advance(1000)
        lost = self.renewed(self.first)
        third = self.renewed(self.first)
        self.assertNotEqual(lost, third)
        self.used(third)
        self.assertEqual(self.asked(self.first).status, 401)

    def test_lost_renewal(self) -> None:
        """So it is where the answer to a renewal in time was lost, and then it was late, over a restart as well."""
        self.rig.clock.advance(160)
        self.renewed(self.first)
        self.rig.die()
        self.rig.clock.advance(1000)
        self.rig = Rig(self, earlier=self.rig)
        self.rig.take_up()
        self.used(self.renewed(self.first))
        self.assertEqual(self.asked(self.first).status, 401)

    def test_no_longer_than_grace(self) -> None:
        """Within ``token_grace`` of its end."""
        self.rig.clock.advance(360 + 86400 - 1)
        self.assertEqual(self.asked(self.first).status, 200)
        self.rig.clock.advance(1)
        self.assertEqual(self.asked(self.first).status, 401)

    def test_stranded(self) -> None:
        """The log says once of a process that it does not come back by itself."""
        with capturedLogs() as events:
            self.rig.clock.advance(360 + 86400)
            for _ in range(3):
                self.assertEqual(self.asked(self.first).status, 401)
        told = [formatEvent(event) for event in events if "Who comes as" in formatEvent(event)]
        self.assertEqual(len(told), 1)
        self.assertIn(f"processor {self.job.guid} (my.module) has a token that has expired; restart it", told[0])
        self.assertNotIn(self.first, told[0])

    def test_own_configuration_alone(self) -> None:
        """It opens nothing but its own configuration."""
        self.rig.clock.advance(1000)
        for operation, status in [
            (f"GET /config/{self.other.guid}", 403),
            (f"GET /job/{self.job.guid}", 401),
            ("GET /endpoints", 401),
            ("GET /config", 401),
        ]:
            self.assertEqual(self.rig.ask(operation, token=self.first).status, status, operation)
        ack = as_json({"revision": 2, "status": "applied"})
        self.assertEqual(self.rig.ask(f"POST /config/{self.job.guid}/ack", token=self.first, **ack).status, 401)

    def test_stale(self) -> None:
        """That of an earlier incarnation, or of a processor that is no more, is told so: it ends itself."""
        self.rig.clock.advance(1000)
        self.rig.run(self.rig.fleet.restart(self.job.guid, "test"))
        self.rig.clock.advance(1)
        self.assertEqual(self.asked(self.first).status, 410)
        other = self.rig.token(self.other)
        self.rig.run(self.rig.delete(self.other.guid))
        self.assertEqual(self.asked(other, self.other.guid).status, 410)

    def test_being_forgotten(self) -> None:
        """One that is being forgotten is not kept again by a request with its token."""
        self.rig.clock.advance(160)
        self.rig.store.hold()
        deletion = self.rig.begin(f"DELETE /job/{self.job.guid}", wait=10)
        self.rig.store.release(1)
        self.rig.clock.advance(1)
        self.assertEqual((self.job.alive, deletion.answered), (False, False))
        self.assertEqual(self.asked(self.first).status, 410)
        self.rig.store.release()
        self.rig.clock.advance(0)
        self.assertEqual(deletion.response.status, 204)
        self.assertNotIn(self.job.guid, self.rig.store.load().jobs)

    def test_launched_and_not_kept(self) -> None:
        """One that was launched in the moment of the initiator's death comes back with what it was launched with."""
        self.rig.clock.advance(160)
        self.used(self.renewed(self.first))
        self.rig.run(self.rig.fleet.restart(self.job.guid, "test"))
        saved = self.rig.store.load().jobs[self.job.guid]
        self.rig.clock.advance(1)
        token = self.rig.token(self.job)
        self.rig.die()
        # What was noted of the launch is lost, but for the lock.
        self.rig.store.commit([PutJob(saved)])
        self.rig.clock.advance(1000)
        self.rig = Rig(self, earlier=self.rig)
        self.rig.take_up()
        self.assertEqual(self.rig.fleet.jobs[self.job.guid].incarnation, 2)
        self.used(self.renewed(token))

    def test_cannot_be_kept(self) -> None:
        """A token is kept before it is given out: where there is no room there is none, and nothing has changed."""
        self.rig.clock.advance(160)
        self.rig.store.fail(StorageFull("no room"), 1)
        self.assertEqual(self.asked(self.first).status, 507)
        self.renewed(self.first)
        saved = self.rig.store.load().jobs[self.job.guid]
        self.assertEqual(saved.serial, self.rig.fleet.jobs[self.job.guid].serial)
