"""Tests of the client: processors."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from proactor.client import Conflict, Invalid, NotFound, Refused, Unauthenticated

from .support import Memory


class JobsTests(SynchronousTestCase):
    """What an operator does to processors."""

    def setUp(self) -> None:
        self.memory = Memory(self)
        self.jobs = self.memory.client.jobs
        self.run_ = self.memory.run

    def test_create(self) -> None:
        """Several are created at once, with what they were given; what they are comes back as values."""
        made = self.run_(self.jobs.create("my.module", 2, options={"rate": 5}, labels={"role": "canary"}))
        self.assertEqual([(job.module, job.labels) for job in made], [("my.module", {"role": "canary"})] * 2)
        self.assertEqual({job.guid for job in made}, set(self.memory.rig.fleet.jobs))
        self.assertEqual(made[0].url, "http://localhost:20000")
        self.assertEqual(made[0].record["guid"], made[0].guid)
        self.assertEqual(self.run_(self.memory.client.config.resolved(made[0].guid))["rate"], "5")

    def test_list(self) -> None:
        """All are listed, or those of a module, a state, a label."""
        one = self.memory.rig.create("my.module")
        (other,) = self.run_(self.jobs.create("other.module", labels={"role": "canary"}))
        everything = [job.guid for job in self.run_(self.jobs.list())]
        self.assertEqual(everything, [one.guid, other.guid])
        for chosen in ({"module": "other.module"}, {"labels": ["role=canary"]}, {"state": "starting"}):
            found = self.run_(self.jobs.list(**chosen))
            self.assertEqual([job.guid for job in found], [other.guid], chosen)

    def test_states(self) -> None:
        """One is stopped, started, restarted; with patience the job comes back as it is then."""
        guid = self.memory.rig.create().guid
        self.assertIsNone(self.run_(self.jobs.stop(guid)))
        self.memory.turn(20)
        stopped = self.run_(self.jobs.stop(guid, wait=5))
        assert stopped is not None
        self.assertEqual((stopped.state, stopped.settled, stopped.pid), ("stopped", True, None))
        self.assertIsNone(self.run_(self.jobs.start(guid)))
        self.assertIsNone(self.run_(self.jobs.restart(guid)))

    def test_waits(self) -> None:
        """A wait is over when what was asked for is, and a client does not give up before."""
        job = self.memory.rig.create()
        self.run_(self.jobs.stop(job.guid))
        self.memory.turn(20)
        waiting = self.memory.begin(self.jobs.start(job.guid, wait=50))
        self.memory.turn(40)
        self.assertNoResult(waiting)
        self.memory.rig.acknowledge(job)
        self.memory.turn()
        started = self.successResultOf(waiting)
        assert started is not None
        self.assertEqual((started.state, started.ready), ("running", True))

    def test_signal(self) -> None:
        """A signal reaches the process; without one it is a conflict."""
        guid = self.memory.rig.create().guid
        self.run_(self.jobs.signal(guid, "HUP"))
        self.run_(self.jobs.stop(guid))
        self.memory.turn(20)
        error = self.memory.fail(self.jobs.signal(guid, "HUP"), Conflict)
        self.assertEqual(error.status, 409)

    def test_remove(self) -> None:
        """One is forgotten, at once or when its process is gone."""
        guid = self.memory.rig.create().guid
        self.assertFalse(self.run_(self.jobs.remove(guid)))
        self.memory.turn(20)
        error = self.memory.fail(self.jobs.get(guid), NotFound)
        self.assertIn(guid, error.detail)

    def test_log(self) -> None:
        """A log is read, and followed until the job is deleted."""
        job = self.memory.rig.create()
        descriptor = self.memory.rig.home.open_log(job.guid)
        self.addCleanup(os.close, descriptor)
        os.write(descriptor, b"one\ntwo\n")
        self.memory.rig.clock.pump([1, 1])
        self.assertEqual(self.run_(self.jobs.log(job.guid, tail=1)), b"two\n")

        async def follow() -> list[bytes]:
            return [piece async for piece in self.jobs.follow_log(job.guid, tail=1)]

        following = self.memory.begin(follow())
        os.write(descriptor, b"three\n")
        self.memory.turn(1)
        self.memory.turn(1)
        self.run_(self.jobs.remove(job.guid))
        self.memory.turn(20)
        read: list[bytes] = self.successResultOf(following)
        self.assertEqual(b"".join(read), b"two\nthree\n")

    def test_log_cut(self) -> None:
        """Where an answer does not hold all that was asked for that is told."""
        job = self.memory.rig.create()
        descriptor = self.memory.rig.home.open_log(job.guid)
        self.addCleanup(os.close, descriptor)
        os.write(descriptor, b"first\n" + b"x" * ((1 << 20) + 1))
        self.memory.rig.clock.pump([1, 1])
        told: list[str] = []
        self.run_(self.jobs.log(job.guid, cut=told.append))

        async def follow() -> None:
            async for _ in self.jobs.follow_log(job.guid, cut=told.append):
                return

        self.run_(follow())
        self.assertEqual(told, ["line", "line"])

    def test_rolling_restart(self) -> None:
        """Those of a module are restarted in batches, and how that goes on can be asked."""
        self.memory.rig.create_many(3)
        restart = self.run_(self.jobs.restart_all(module="my.module", batches=["2"]))
        self.assertEqual((restart.wanted, restart.batches, restart.over), (3, (2, 1), False))
        again = self.run_(self.jobs.restarting(restart.id))
        self.assertEqual((again.id, again.batch), (restart.id, 1))
        self.memory.fail(self.jobs.restarting("nothing"), NotFound)


class RefusalTests(SynchronousTestCase):
    """What an initiator refuses."""

    def test_refused(self) -> None:
        """A refusal has title, detail and status of the problem document."""
        memory = Memory(self)
        error = memory.fail(memory.client.jobs.create("nope"), Refused)
        self.assertEqual((error.status, error.title), (422, "Unprocessable Content"))
        self.assertIn("'nope' is not declared", error.detail)
        self.assertEqual(str(error), error.detail)

    def test_malformed(self) -> None:
        """So has what cannot be read."""
        memory = Memory(self)
        error = memory.fail(memory.client.connection.ask("GET", "/job", [("x", "1")]), Invalid)
        self.assertEqual(error.status, 400)

    def test_no_token(self) -> None:
        """Without a token, and with a wrong one, nobody is let in."""
        for token in (None, "wrong"):
            memory = Memory(self, token)
            error = memory.fail(memory.client.jobs.list(), Unauthenticated)
            self.assertEqual(error.status, 401)

    def test_wrong_place(self) -> None:
        """A wrong value says of which section and option it is."""
        memory = Memory(self)
        error = memory.fail(memory.client.config.edit("my.module", {"stop_timeout": -1}), Refused)
        self.assertEqual((error.members["section"], error.members["option"]), ("my.module", "stop_timeout"))
