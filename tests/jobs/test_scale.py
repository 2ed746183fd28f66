"""Tests of instances: as many of a module as its section says."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from proactor.changes.rollout import Pace
from proactor.config.document import parse
from proactor.errors import ProactorError
from proactor.jobs.fleet import Fleet, Order
from proactor.model import Job, State

from ..support.http import Response, as_json
from ..support.rig import CONFIG, Rig


def config(instances: int, more: str = "") -> str:
    return CONFIG.replace("[my.module]\n", f"[my.module]\ninstances = {instances}\n").replace(
        "[proactor.initiator]\n", f"[proactor.initiator]\n{more}"
    )


class ScaleTests(SynchronousTestCase):
    """Kept at a number."""

    def make(self, instances: int, more: str = "") -> None:
        self.rig = Rig(self, config(instances, more))
        self.rig.initiator.start()
        self.settle()

    def settle(self) -> None:
        self.rig.clock.pump([0] * 5)

    def guids(self) -> list[str]:
        return [job.guid for job in self.rig.fleet.of_module("my.module")]

    def reload(self, text: str) -> None:
        self.rig.run(self.rig.initiator.reload(parse(text, "proactor.cfg"), "test"))
        self.settle()

    def test_at_start(self) -> None:
        """They are launched when the initiator starts; modules without the option are left alone."""
        self.make(3)
        self.assertEqual((len(self.guids()), len(self.rig.fleet.jobs)), (3, 3))

    def test_more(self) -> None:
        """When the file says more, more are launched."""
        self.make(2)
        before = self.guids()
        self.reload(config(4))
        self.assertEqual((self.guids()[:2], len(self.guids())), (before, 4))

    def test_fewer(self) -> None:
        """When it says fewer, the youngest go."""
        self.make(1)
        first = self.guids()
        self.rig.clock.advance(1)
        self.reload(config(3))
        self.reload(config(1))
        self.assertEqual(self.guids(), first)

    def test_who_goes_first(self) -> None:
        """Those that do not run go first, whatever their age, then those that are not ready, then the youngest."""
        self.make(0)
        made: list[Job] = []
        for _ in range(5):
            made += self.rig.run(self.rig.fleet.create(Order("my.module", options={"restart": "never"}), "test"))
            self.rig.clock.advance(0.1)
        stopped, ready, starting, exited, young = made
        for job in (stopped, ready, exited, young):
            self.rig.acknowledge(job)
        self.rig.run(self.rig.fleet.stop(stopped.guid, "operator"))
        self.rig.launcher.finish(exited.guid, 1)
        self.settle()
        self.assertEqual((stopped.state, exited.state), (State.STOPPED, State.EXITED))
        left = {stopped.guid, ready.guid, starting.guid, exited.guid, young.guid}
        for count, gone in ((4, exited), (3, stopped), (2, starting), (1, young)):
            self.reload(config(count))
            left.remove(gone.guid)
            self.assertEqual(set(self.guids()), left)

    def test_same_number(self) -> None:
        """An edit to the number that it is already has what was created by hand over it go; a plan of it does not."""
        self.make(1)
        edit = as_json({"instances": "1"})
        self.assertEqual(self.rig.ask("PATCH /config/my.module", **edit).status, 200)
        first = self.guids()
        self.rig.acknowledge(self.rig.fleet.job(first[0]))
        self.rig.clock.advance(0.1)
        self.rig.create("my.module")
        self.rig.ask("PATCH /config/my.module?plan=1", **edit)
        self.settle()
        self.assertEqual(len(self.guids()), 2)
        self.assertEqual(self.rig.ask("PATCH /config/my.module", **edit).status, 200)
        self.settle()
        self.assertEqual(self.guids(), first)

    def test_edit(self) -> None:
        """An edit over HTTP works like the file."""
        self.make(1)
        edited = Deferred.fromCoroutine(
            self.rig.initiator.rollouts.start(
                lambda: self.rig.configurator.live.draft_edit("my.module", {"instances": "2"}),
                "my.module",
                "test",
                pace=Pace(),
            )
        )
        self.settle()
        self.successResultOf(edited)
        self.assertEqual(len(self.guids()), 2)

    def ready(self, instances: int) -> list[str]:
        """So many that are ready; their guids, the youngest last."""
        self.make(instances)
        for guid in self.guids():
            self.rig.acknowledge(self.rig.fleet.job(guid))
        self.settle()
        return self.guids()

    def edit(self, **options: Any) -> int:
        answer = self.rig.ask("PATCH /config/my.module", **as_json(options))
        self.assertEqual(answer.status, 200, answer.text)
        self.settle()
        revision: int = answer.json()["revision"]
        return revision

    def test_taken_back(self) -> None:
        """By an edit that is on its way, and may be taken back, nobody goes; when it has come through they do."""
        for rejected in ("not that", None):
            before = self.ready(3)
            revision = self.edit(instances="1", rate="7")
            self.rig.clock.advance(1)
            self.assertEqual(self.guids(), before)
            for guid in before[:2]:
                self.rig.acknowledge(self.rig.fleet.job(guid), revision)
            self.settle()
            self.assertEqual(self.guids(), before)
            self.rig.acknowledge(self.rig.fleet.job(before[2]), revision, rejected)
            self.settle()
            for guid in before[:2] if rejected else ():
                # They are told that it is taken back.
                self.rig.acknowledge(self.rig.fleet.job(guid), self.rig.configurator.live.offered(guid))
            self.settle()
            self.assertEqual(self.guids(), before if rejected else before[:1])

    def test_changed_meanwhile(self) -> None:
        """Nobody goes of whom it is not wanted any more when its turn comes."""
        delete = Fleet.delete
        for text, left in ((config(2), 2), (CONFIG, 3)):
            before = self.ready(4)

            async def deleted(fleet: Fleet, guid: str, actor: str, text: str = text) -> Deferred[None]:
                gone = await delete(fleet, guid, actor)
                await self.rig.initiator.reload(parse(text, "proactor.cfg"), "test")
                return gone

            self.patch(Fleet, "delete", deleted)
            self.reload(config(0))
            self.assertEqual(self.guids(), before[:left])

    def test_at_once(self) -> None:
        """Nobody's end is waited for, neither by others of its module nor by other modules."""
        before = self.ready(3)
        self.rig.launcher.stubborn = True
        self.reload(config(0) + "\n[fresh.module]\ninstances = 2\n")
        self.assertEqual([self.rig.fleet.job(guid).state for guid in before], [State.STOPPING] * 3)
        self.assertEqual(len(self.rig.fleet.of_module("fresh.module")), 2)
        self.reload(config(2))
        self.assertEqual(len(self.guids()), 2)
        self.assertEqual(set(before) & set(self.guids()), set())

    def test_not_forgotten(self) -> None:
        """Where the end of one cannot be written down that is said, and tried again."""
        (guid,) = self.ready(1)
        self.rig.launcher.stubborn = True
        self.reload(config(0))
        self.rig.store.fail()
        with capturedLogs() as logs:
            self.rig.launcher.release()
            self.rig.clock.pump([10, 0, 5, 0, 5])
        said = [formatEvent(event) for event in logs if event["log_namespace"] == "proactor.jobs.scale"]
        self.assertEqual(len(said), 1, said)
        self.assertIn("[my.module] instances = 0: ", said[0])
        self.assertIn(guid, self.rig.fleet.jobs)
        self.rig.store.recover()
        self.rig.clock.pump([5, 0, 0])
        self.assertNotIn(guid, self.rig.fleet.jobs)

    def test_deleted(self) -> None:
        """One that is deleted has another in its place."""
        self.make(2)
        first = self.guids()[0]
        self.rig.run(self.rig.fleet.delete(first, "operator"))
        self.settle()
        self.assertEqual((len(self.guids()), first in self.guids()), (2, False))

    def test_ending(self) -> None:
        """What the end of the initiator keeps it from is nothing to warn of, and is not tried again."""
        self.make(1)

        async def create(fleet: Fleet, *_args: object) -> None:
            fleet.close()
            raise ProactorError("closed: nothing of it was done")

        self.patch(Fleet, "create", create)
        before = len(self.rig.clock.getDelayedCalls())
        with capturedLogs() as logs:
            self.reload(config(2))
        self.assertEqual([event for event in logs if event["log_namespace"] == "proactor.jobs.scale"], [])
        self.assertEqual(len(self.rig.clock.getDelayedCalls()), before)

    def test_no_room(self) -> None:
        """Where there is no room it is tried again later, and said once."""
        with capturedLogs() as logs:
            self.make(3, "max_jobs = 2\n")
            self.assertEqual(self.guids(), [])
            self.rig.clock.pump([5, 0, 5, 0, 5])
        said = [formatEvent(event) for event in logs if event["log_namespace"] == "proactor.jobs.scale"]
        (text,) = said
        self.assertIn(
            "[my.module] instances = 3: max_jobs = 2 leaves room for 2: there are 0 jobs, and 3 more are wanted", text
        )
        self.reload(config(3, "max_jobs = 5\n"))
        self.assertEqual(len(self.guids()), 3)
        self.rig.clock.advance(5)
        self.settle()
        self.assertEqual(len(self.guids()), 3)


class RoomTests(SynchronousTestCase):
    """An edit for which there is no room is refused, before anything of it is done."""

    def setUp(self) -> None:
        text = config(1).replace("child_port_max = 32000", "child_port_max = 20005")
        self.rig = Rig(self, text.replace("[DEFAULT]\n", "[DEFAULT]\nmax_jobs = 5\n"))
        self.rig.initiator.start()
        self.settle()

    def edit(self, section: str = "my.module", query: str = "", **options: Any) -> Response:
        answer = self.rig.ask(f"PATCH /config/{section}{query}", **as_json(options))
        self.settle()
        return answer

    def settle(self) -> None:
        """Let come and go who is to, and all say that they have what was edited."""
        self.rig.clock.pump([0] * 10)
        for job in list(self.rig.fleet.jobs.values()):
            self.rig.acknowledge(job)
        self.rig.clock.pump([0] * 10)

    def refused(self, status: int, **options: Any) -> str:
        """What is said, to a plan too; nothing has changed."""
        revision = self.rig.configurator.live.revision
        for query in ("", "?plan=1"):
            answer = self.edit(query=query, **options)
            self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(self.rig.configurator.live.revision, revision)
        return str(answer.json()["detail"])

    def test_too_many(self) -> None:
        """More than there may be at all."""
        self.assertIn("instances = 6: must be <= 5, which is max_jobs = 5", self.refused(422, instances=6))

    def test_ports(self) -> None:
        """More than there are ports."""
        self.edit("DEFAULT", max_jobs=100)
        self.assertEqual(self.edit(instances=6).status, 200)
        detail = self.refused(422, instances=7)
        self.assertIn("must be <= 6, which is the number of ports from 20000 to 20005", detail)

    def test_others(self) -> None:
        """More than there is room for beside the others; what is said is what would do."""
        for _ in range(2):
            self.rig.create("other.module")
        detail = self.refused(409, instances=4)
        self.assertEqual(
            detail,
            "[my.module] instances = 4: max_jobs = 5 leaves room for 3 beside 2 others; delete some of them, or raise "
            "max_jobs",
        )
        self.assertEqual(self.edit(instances=3).status, 200)
        self.assertEqual(self.refused(409, instances=4), detail)
        self.assertEqual(self.edit("other.module", instances=1).status, 200)
        self.assertEqual(self.edit(instances=4).status, 200)

    def test_fewer(self) -> None:
        """Fewer are taken also where there are too many already; what is no number is refused for that."""
        for _ in range(4):
            self.rig.create("other.module")
        self.edit("DEFAULT", max_jobs=1)
        self.assertEqual(self.edit(instances=0).status, 200)
        self.assertIn("is not a whole number", self.refused(422, instances="many"))
