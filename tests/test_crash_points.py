"""The initiator dies at the N-th commit, lock, launch or answer, for each N: it comes to the state before or after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from proactor.model import Job, State, Wanted

from .support.http import Exchange, as_json
from .support.mortal import Died, Mortal
from .support.rig import CONFIG, Rig

TIMES = "restart_delay = 1\nrestart_delay_max = 2\nstop_timeout = 5\n"
COMMAND = f"[site]\ncommand = serve --port {{port}}\nready_timeout = 3\n{TIMES}\n"
CONFIGURED = CONFIG.replace("[my.module]\n", f"{COMMAND}[my.module]\n{TIMES}")


class Scenario:
    """One life that ends at a point: a processor runs, a request is made, and somebody goes on."""

    def __init__(self, case: SynchronousTestCase, at: int, count: int = 1) -> None:
        self.case = case
        self.mortal = Mortal()
        self.rig = Rig(case, CONFIGURED, mortal=self.mortal)
        self.jobs = self.rig.create_many(count)
        self.guids = [job.guid for job in self.jobs]
        self.mortal.passed, self.mortal.at = 0, at

    def ask(self, operation: str, **how: Any) -> bool:
        """Make a request, and be patient; whether a good answer came."""
        exchange: Exchange = self.rig.begin(operation, **how)
        self.settle()
        return not self.mortal.is_dead and exchange.answered and exchange.response.status < 300

    def settle(self) -> None:
        """Let what is to happen happen."""
        for _ in range(12):
            self.rig.clock.advance(1)

    def follow(self, mortal: Mortal | None = None) -> Rig:
        """Have another go on."""
        self.rig = self.rig.reborn(CONFIGURED, mortal=mortal)
        self.settle()
        return self.rig

    def one_process_each(self) -> None:
        """Each job that is wanted has one process, and there is no other."""
        wanted = sorted(guid for guid, job in self.rig.fleet.jobs.items() if job.wanted is Wanted.RUNNING)
        self.case.assertEqual(sorted(self.rig.launcher.running), wanted)
        for guid in wanted:
            job = self.rig.fleet.job(guid)
            self.case.assertEqual(job.pid, self.rig.launcher.pids()[guid])
            self.case.assertIn(job.state, (State.STARTING, State.RUNNING))
            self.case.assertIsNotNone(job.started)
            self.case.assertEqual((job.speaks, job.launcher), (job.module != "site", "spawn"))


class CrashTests(SynchronousTestCase):
    """Operation by operation."""

    def each(self, life: Callable[[Scenario], None], count: int = 1, least: int = 2) -> None:
        """Live a life again and again, and die a point later each time, until it is lived to its end.

        :param least: how many points there are, at the least.
        """
        for at in range(1, 200):
            scenario = Scenario(self, at, count)
            life(scenario)
            scenario.one_process_each()
            is_over = not scenario.mortal.is_dead or scenario.mortal.passed < at
            scenario.rig.close()
            if is_over:
                self.assertGreater(at, least)
                return
        raise AssertionError("it comes to no end")

    def test_create(self) -> None:
        """A processor is created, or not."""

        def life(scenario: Scenario) -> None:
            answered = scenario.ask("POST /create", **as_json({"module": "my.module"}))
            jobs = scenario.follow().fleet.jobs
            self.assertIn(len(jobs), (2,) if answered else (1, 2))

        self.each(life, least=6)

    def test_create_several(self) -> None:
        """All of them are created, or none."""

        def life(scenario: Scenario) -> None:
            answered = scenario.ask("POST /create", **as_json({"module": "my.module", "count": 3}))
            jobs = scenario.follow().fleet.jobs
            self.assertIn(len(jobs), (4,) if answered else (1, 4))

        self.each(life, least=15)

    def test_create_commands(self) -> None:
        """A program that says nothing of itself is known for what it is, however little is known of its launch."""

        def life(scenario: Scenario) -> None:
            answered = scenario.ask("POST /create", **as_json({"module": "site", "count": 3}))
            rig = scenario.follow()
            jobs = [job for job in rig.fleet.jobs.values() if job.module == "site"]
            self.assertIn(len(jobs), (3,) if answered else (0, 3))
            for job in jobs:
                self.assertEqual((job.state, job.ready), (State.RUNNING, True))
                self.assertEqual(sum(spec.guid == job.guid for spec in rig.launcher.specs), 1)
                self.assertEqual(job.running_revision, rig.configurator.live.member(job.guid).created)
            asked = {guid for _, guid in rig.endpoints.asked}
            self.assertEqual(asked - {*scenario.guids}, {""} if jobs else set())

        self.each(life, least=15)

    def test_edit(self) -> None:
        """An edit is made, or not."""

        def life(scenario: Scenario) -> None:
            answered = scenario.ask("PATCH /config/my.module", **as_json({"rate": "5"}))
            rig = scenario.follow()
            values = {rig.values(rig.fleet.job(guid))["rate"] for guid in scenario.guids}
            self.assertIn(values, ({"5"},) if answered else ({"2"}, {"5"}))
            edited = len(rig.ask("GET /config/my.module/history").json())
            self.assertEqual((edited, rig.configurator.live.revision), (1, 4) if values == {"5"} else (0, 3))

        self.each(life, count=2)

    def test_rollback(self) -> None:
        """A rollback is made, or not."""

        def life(scenario: Scenario) -> None:
            at, scenario.mortal.at = scenario.mortal.at, 0
            scenario.ask("PATCH /config/my.module", **as_json({"rate": "5"}))
            scenario.rig.acknowledge(scenario.jobs[0])
            scenario.settle()
            scenario.mortal.passed, scenario.mortal.at = 0, at
            answered = scenario.ask("POST /config/my.module/rollback", **as_json({"to": 1}))
            rig = scenario.follow()
            value = rig.values(rig.fleet.job(scenario.guids[0]))["rate"]
            self.assertIn(value, "2" if answered else "25")

        self.each(life)

    def test_tokens_of_operators(self) -> None:
        """A token that was shown holds, one whose revocation was answered does not; the next initiator knows both."""

        def life(scenario: Scenario) -> None:
            at, scenario.mortal.at = scenario.mortal.at, 0
            old = scenario.rig.ask("POST /tokens", **as_json({"name": "old", "scopes": "read"})).json()["token"]
            scenario.mortal.passed, scenario.mortal.at = 0, at
            made = scenario.ask("POST /tokens", **as_json({"name": "new", "scopes": "read"}))
            gone = not scenario.mortal.is_dead and scenario.ask("DELETE /tokens/old")
            rig = scenario.follow()
            names = {token["name"] for token in rig.ask("GET /tokens").json()}
            self.assertTrue(not made or "new" in names)
            self.assertTrue(not gone or "old" not in names)
            self.assertEqual(rig.ask("GET /job", token=old).status == 200, "old" in names)

        self.each(life)

    def test_stop(self) -> None:
        """A processor is stopped, or goes on."""

        def life(scenario: Scenario) -> None:
            answered = scenario.ask(f"POST /job/{scenario.guids[0]}/stop", wait=30)
            job = scenario.follow().fleet.job(scenario.guids[0])
            self.assertIn(job.wanted, (Wanted.STOPPED,) if answered else tuple(Wanted))
            if job.wanted is Wanted.STOPPED:
                self.assertEqual((job.state, job.pid), (State.STOPPED, None))

        self.each(life)

    def test_start(self) -> None:
        """What was stopped is started, or not."""

        def life(scenario: Scenario) -> None:
            at, scenario.mortal.at = scenario.mortal.at, 0
            scenario.ask(f"POST /job/{scenario.guids[0]}/stop", wait=30)
            scenario.mortal.passed, scenario.mortal.at = 0, at
            answered = scenario.ask(f"POST /job/{scenario.guids[0]}/start")
            job = scenario.follow().fleet.job(scenario.guids[0])
            self.assertIn(job.wanted, (Wanted.RUNNING,) if answered else tuple(Wanted))

        self.each(life)

    def test_restart(self) -> None:
        """There is one process in the end, the old one or another."""

        def life(scenario: Scenario) -> None:
            scenario.ask(f"POST /job/{scenario.guids[0]}/restart")
            job: Job = scenario.follow().fleet.job(scenario.guids[0])
            self.assertIs(job.wanted, Wanted.RUNNING)

        self.each(life)

    def test_delete(self) -> None:
        """A processor is forgotten with all that was of it, or is there."""

        def life(scenario: Scenario) -> None:
            answered = scenario.ask(f"DELETE /job/{scenario.guids[0]}", wait=30)
            rig = scenario.follow()
            self.assertIn(len(rig.fleet.jobs), (0,) if answered else (0, 1))
            self.assertEqual(rig.store.load().jobs.keys(), rig.fleet.jobs.keys())

        self.each(life)

    def test_revoke(self) -> None:
        """A processor's tokens are revoked, or not; once that is answered they do not hold any more."""

        def life(scenario: Scenario) -> None:
            (guid,) = scenario.guids
            token = scenario.rig.token(scenario.jobs[0])
            answered = scenario.ask(f"POST /job/{guid}/revoke")
            rig = scenario.follow()
            job = rig.fleet.job(guid)
            self.assertIn(job.revoked_incarnation, (1,) if answered else (0, 1))
            status = rig.ask(f"GET /config/{guid}", token=token).status
            self.assertEqual(status, 410 if job.revoked_incarnation or job.incarnation > 1 else 200)

        self.each(life)

    def test_renewal(self) -> None:
        """A processor is given another token, or not: it is always left with one that brings it back."""

        def life(scenario: Scenario) -> None:
            (guid,) = scenario.guids
            token = scenario.rig.token(scenario.jobs[0])
            scenario.rig.clock.advance(200)
            exchange = scenario.rig.begin(f"GET /config/{guid}", token=token)
            scenario.settle()
            new = exchange.response.json()["token"] if exchange.answered else token
            scenario.rig.die()
            scenario.rig.clock.advance(3000)
            scenario.follow()
            self.assertEqual(scenario.rig.ask(f"GET /config/{guid}", token=new).status, 200)

        self.each(life, least=1)

    def test_fall(self) -> None:
        """A processor that falls is started again by one or the other, and never by both."""

        def life(scenario: Scenario) -> None:
            scenario.rig.launcher.kill(scenario.guids[0])
            scenario.settle()
            job = scenario.follow().fleet.job(scenario.guids[0])
            self.assertIn(job.incarnation, (2, 3))

        self.each(life)

    def test_adopt(self) -> None:
        """Who dies while it takes up what was left leaves it to the next one, as it was."""

        def life(scenario: Scenario) -> None:
            pids = scenario.rig.launcher.pids()
            at, scenario.mortal.at = scenario.mortal.at, 0
            scenario.mortal = Mortal(at)
            before = scenario.rig
            try:
                scenario.follow(scenario.mortal)
            except (self.failureException, Died):
                # It came to no end.
                self.assertTrue(scenario.mortal.is_dead)
                assert before.successor is not None
                scenario.rig = before.successor
            dead = scenario.mortal.is_dead
            scenario.follow()
            self.assertEqual(scenario.rig.launcher.pids(), pids)
            scenario.mortal.is_dead = dead

        self.each(life, count=3)
