from __future__ import annotations

import shutil
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from proactor.errors import Refused
from proactor.jobs import creation
from proactor.model import Job, State

from ..support.http import Exchange, Response, as_form, as_json
from ..support.launcher import FIRST_PID
from ..support.rig import ADDRESS, CONFIG, Rig

FORM = [("Content-Type", "application/x-www-form-urlencoded")]


class Case(SynchronousTestCase):
    """Jobs over HTTP."""

    config = CONFIG

    def setUp(self) -> None:
        self.rig = Rig(self, self.config)

    def create(self, **how: Any) -> Response:
        return self.rig.ask("POST /create", **how)

    def jobs(self, query: str = "") -> list[dict[str, Any]]:
        answer = self.rig.ask(f"GET /job{query}")
        self.assertEqual(answer.status, 200, answer.text)
        records: list[dict[str, Any]] = answer.json()
        return records

    def assert_nothing_left(self) -> None:
        """See that there is no job, no place in the configuration, no process, no socket and no log."""
        self.assertEqual(self.jobs(), [])
        self.assertEqual(list(self.rig.configurator.live.members()), [])
        self.assertEqual(self.rig.launcher.running, [])
        self.assertEqual(list((self.rig.home.path / "logs").glob("*")), [])
        settings = self.rig.configurator.settings
        (again,) = self.rig.fleet.ports.take(ADDRESS, 1)
        self.rig.fleet.ports.give_back(again)
        self.assertLessEqual(settings.child_port_min, again.port)


class CreateTests(Case):
    """``POST /create``."""

    config = CONFIG + "\n[proactor.processor]\nrefresh = 5\n"

    def test_as_in_the_walkthrough(self) -> None:
        """``curl -X POST`` with nothing in it launches the default module and says ``201: Created``."""
        answer = self.create(accept=None)
        (job,) = self.jobs()
        self.assertEqual((answer.status, answer.text), (201, "201: Created\n"))
        self.assertEqual(answer.headers["location"], f"/job/{job['guid']}")
        self.assertEqual((job["module"], job["state"], job["pid"]), ("proactor.processor", "starting", FIRST_PID))

    def test_record(self) -> None:
        """A program gets the job's record, with everything that is known by then and ``null`` for the rest."""
        answer = self.create()
        record = answer.json()
        self.assertEqual(answer.headers["location"], f"/job/{record['guid']}")
        self.assertEqual(self.rig.ask(f"GET /job/{record['guid']}").json(), {**record, "resources": None})
        port = record.pop("port")
        self.assertRegex(record.pop("guid"), "^[0-9a-f]{32}$")
        self.assertEqual(
            record,
            {
                "module": "proactor.processor",
                "labels": {},
                "wanted": "running",
                "state": "starting",
                "ready": False,
                "queue": None,
                "incarnation": 1,
                "pid": FIRST_PID,
                "url": f"http://localhost:{port}",
                "launcher": "spawn",
                "revision": {"wanted": 2, "running": None, "pending": []},
                "created": "2026-11-24T12:00:00.000Z",
                "started": "2026-11-24T12:00:00.000Z",
                "restarts": 0,
                "next_start": None,
                "exit": None,
            },
        )

    def test_socket(self) -> None:
        """When 201 is out, who connects waits and is not refused: the socket listens, and the process has it."""
        port = self.create().json()["port"]
        socket.create_connection((ADDRESS, port), timeout=5).close()
        (spec,) = self.rig.launcher.specs
        self.assertEqual(spec.argv[-4:], ("--port", str(port), "--fd", "3"))
        self.assertEqual((spec.fd, spec.argv[:3]), (3, ("/bin/python", "-m", "proactor.processor")))

    def test_form(self) -> None:
        """A form names module, count, options and labels."""
        fields = {"module": "my.module", "options.rate": "7", "options.my.own": "x", "labels.role": "canary"}
        answer = self.create(**as_form(**fields))
        (job,) = self.jobs()
        self.assertEqual((answer.status, job["module"], job["labels"]), (201, "my.module", {"role": "canary"}))
        given = self.rig.stdin(job["guid"])
        self.assertEqual((given["rate"], given["my.own"], given["colour"]), ("7", "x", "red"))

    def test_json(self) -> None:
        """So does JSON, with numbers and flags."""
        order = {"module": "my.module", "options": {"rate": 7, "fast": True}, "labels": {"a": "b", "n": 1}}
        self.assertEqual(self.create(**as_json(order)).status, 201)
        (job,) = self.jobs()
        self.assertEqual(job["labels"], {"a": "b", "n": "1"})
        given = self.rig.stdin(job["guid"])
        self.assertEqual((given["rate"], given["fast"]), ("7", "yes"))

    def test_count(self) -> None:
        """``count`` makes as many, each with a port of its own, and gives a list, of one too."""
        for count in (1, 3):
            answer = self.create(**as_form(count=str(count)))
            self.assertEqual((answer.status, answer.headers["location"], len(answer.json())), (201, "/job", count))
        self.assertEqual(self.create(accept=None, **as_form(count="2")).text, "201: Created\n")
        self.assertEqual(len({job["port"] for job in self.jobs()}), 6)
        self.assertEqual(len(self.rig.launcher.running), 6)

    def test_at_once(self) -> None:
        """Many requests at once are answered at once: no launch waits for another to be ready."""
        exchanges = [self.rig.begin("POST /create") for _ in range(20)]
        self.assertEqual({exchange.response.status for exchange in exchanges}, {201})
        self.assertEqual(len({job["port"] for job in self.jobs()}), 20)

    def test_secrets(self) -> None:
        """The token is on standard input alone: not in the command, the environment, the record or the ``repr``."""
        self.create(**as_form(**{"options.api_key": "hunter2"}))
        (spec,) = self.rig.launcher.specs
        token = self.rig.stdin(spec.guid)["token"]
        shown = repr(spec) + " ".join(spec.argv) + str(spec.environment) + self.rig.ask("GET /job").text
        for secret in (token, "hunter2"):
            self.assertIn(secret, spec.stdin.decode())
            self.assertNotIn(secret, shown)

    def test_undeclared(self) -> None:
        """A module that the file does not declare is 422, with those that it does."""
        for module in (
            "os",
            "my.modul",
            "",
            "proactor.initiator",
            "8d740c16d9b8419aa7417f7da6deb039",
            "DEFAULT",
            "../x",
        ):
            answer = self.create(**as_form(module=module))
            remedy = (
                "add a section of that name to proactor.cfg; there are: my.module, other.module, proactor.processor"
            )
            self.assertEqual(answer.status, 422)
            self.assertEqual(answer.json()["detail"], f"module {module!r} is not declared: {remedy}")
        self.assert_nothing_left()

    def test_wrong(self) -> None:
        """Whatever else is wrong is 422 or 400 with its name, and nothing is made."""
        wrong: list[tuple[Any, str]] = [
            ({"modul": "my.module"}, "'modul' is not known here; there are: module, count, options, labels"),
            ({"module": 1}, "module: must be a text"),
            ({"count": 0}, "count: must be a whole number from 1 to 1000"),
            ({"count": 1001}, "count: must be a whole number from 1 to 1000"),
            ({"count": "x"}, "count: must be a whole number from 1 to 1000"),
            ({"options": []}, "options: must be an object of texts"),
            ({"options": {"a": []}}, "options.a: must be a text, a number, true or false"),
            ({"options": {"A B": "1"}}, "an option's name is a lower-case letter"),
            ({"options": {"a": "x\ny"}}, "the character U+000A cannot be in a value"),
            ({"options": {"a": "x\u2028y"}}, "the character U+2028 cannot be in a value"),
            ({"options": {"a": "${nothing}"}}, "${nothing} refers to nothing"),
            ({"options": {"a": "${other.module:db_password}"}}, "an edit cannot refer to [other.module]"),
            ({"options": {"refresh": "often"}}, "'often' is not a number"),
            ({"options": {"token": "x"}}, "the initiator steers by this option"),
            ({"options": {"listen_port": "1"}}, "the initiator steers by this option"),
            ({"options": {"command": "rm"}}, "the initiator steers by this option"),
            ({"options": {"operator_auth": "token"}}, "can be set in the file alone"),
            (
                {"options": {"ready_timout": "5"}},
                "[proactor.processor] ready_timout: is not known; is ready_timeout meant?",
            ),
            (
                {"options": {"rtae": "5"}},
                "[proactor.processor] rtae: is not known; is rate meant? Else have it stand in [",
            ),
            (
                {"options": {"ready_timeout": "soon"}},
                "[proactor.processor] ready_timeout = soon: 'soon' is not a number",
            ),
            ({"labels": {"a b": "1"}}, "labels.a b: a label's name"),
            ({"labels": {"a": "x\ny"}}, "labels.a: a label's name"),
        ]
        for order, words in wrong:
            answer = self.create(**as_json(order))
            self.assertEqual(answer.status, 422, (order, answer.text))
            self.assertIn(words, answer.json()["detail"])
        for how in ({"body": b"module=a&module=b", "headers": FORM}, as_json([]), {"body": b"x", "headers": FORM[:0]}):
            self.assertIn(self.create(**how).status, (400, 415))
        self.assertEqual(self.rig.ask("POST /create?module=my.module").status, 400)
        self.assert_nothing_left()


class ReadyTests(Case):
    """``POST /create`` by who waits until it is ready."""

    def test_ready(self) -> None:
        """With ``Prefer: wait=N`` the answer comes when its endpoint answers."""
        exchange = self.rig.begin("POST /create", wait=10, **as_form(module="my.module"))
        self.assertFalse(exchange.answered)
        (guid,) = self.rig.launcher.running
        self.rig.acknowledge(self.rig.fleet.job(guid))
        self.assertEqual((exchange.response.status, exchange.response.json()["state"]), (201, "running"))

    def test_not_ready(self) -> None:
        """If it is not by then, that is 504: the job is there, and named."""
        exchange = self.rig.begin("POST /create", wait=10, **as_form(module="my.module"))
        self.rig.clock.advance(10)
        (job,) = self.jobs()
        answer = exchange.response
        self.assertEqual((answer.status, answer.headers["location"]), (504, f"/job/{job['guid']}"))
        self.assertEqual(answer.json()["detail"], f"{job['guid']} is created, and starting: it is not ready yet")

    def waited_for(self, count: int) -> tuple[Exchange, list[Job]]:
        """An order of so many that is waited for, and they."""
        exchange = self.rig.begin("POST /create", wait=60, **as_form(module="my.module", count=str(count)))
        self.assertFalse(exchange.answered)
        return exchange, list(self.rig.fleet.jobs.values())

    def test_deleted(self) -> None:
        """Of one that was deleted meanwhile that is said, and not how its process ended."""
        exchange = self.rig.begin("POST /create", wait=60, **as_form(module="my.module"))
        (guid,) = self.rig.fleet.jobs
        self.rig.run(self.rig.delete(guid))
        self.rig.clock.advance(0)
        answer = exchange.response
        self.assertEqual((answer.status, answer.json()["detail"]), (504, f"{guid} was created, and deleted meanwhile"))

    def test_some_deleted(self) -> None:
        """So it is where the others are ready; where another is not, that is said first."""
        exchange, jobs = self.waited_for(3)
        self.rig.run(self.rig.delete(jobs[0].guid))
        for job in jobs[1:]:
            self.rig.acknowledge(job)
        self.rig.clock.advance(0)
        self.assertEqual(exchange.response.status, 504)
        self.assertEqual(exchange.response.json()["detail"], "they are created, and 1 of 3 were deleted meanwhile")
        exchange = self.rig.begin("POST /create", wait=10, **as_form(module="my.module", count="2"))
        gone, late = [guid for guid in self.rig.fleet.jobs if guid not in {job.guid for job in jobs}]
        self.rig.run(self.rig.delete(gone))
        self.rig.clock.advance(10)
        said = f"{late} is created, and starting: it is not ready yet; 1 of 2 were deleted meanwhile"
        self.assertEqual(exchange.response.json()["detail"], said)

    def test_told_to_stop(self) -> None:
        """Of one that somebody stopped that is said."""
        exchange, (job,) = self.waited_for(1)
        self.rig.run(self.rig.fleet.stop(job.guid, "test"))
        self.rig.clock.advance(0)
        self.assertEqual(exchange.response.status, 504)
        self.assertEqual(exchange.response.json()["detail"], f"{job.guid} is created, and was told to stop meanwhile")

    def test_initiator_stops(self) -> None:
        """Where the initiator stops they are kept, and that the next one starts them is said."""
        for count, what in ((1, "{} is created, and kept: {} it"), (3, "{} and 2 more are created, and kept: {} them")):
            self.rig = Rig(self)
            exchange, jobs = self.waited_for(count)
            self.rig.run(self.rig.initiator.stop())
            self.rig.clock.advance(0)
            self.assertEqual(exchange.response.status, 504)
            said = what.format(jobs[0].guid, "the initiator is stopping, and the next one starts")
            self.assertEqual(exchange.response.json()["detail"], said)

    def test_command(self) -> None:
        """A command that does not speak to us is ready when something answers at its port."""
        self.rig = Rig(self, CONFIG + "\n[plain]\ncommand = program --port {port}\n")
        exchange = self.rig.begin("POST /create", wait=10, **as_form(module="plain"))
        self.rig.clock.advance(0)
        record = exchange.response.json()
        self.assertEqual((record["state"], record["ready"]), ("running", True))
        self.assertEqual(self.rig.endpoints.asked, [(f"http://{ADDRESS}:{record['port']}", "")])

    def test_ended(self) -> None:
        """If its process ended for good, that is told, with its last words."""
        self.config = CONFIG + "\n[once]\nrestart = never\n"
        self.rig = Rig(self, self.config)
        exchange = self.rig.begin("POST /create", wait=10, **as_form(module="once"))
        (guid,) = self.rig.launcher.running
        self.rig.home.log_path(guid).write_text("starting\nno module named x\n")
        self.rig.launcher.finish(guid, 3)
        self.rig.clock.advance(0)
        answer = exchange.response
        self.assertEqual(answer.status, 504)
        self.assertEqual(
            answer.json()["detail"], f"{guid} is created, and exited: exited with status 3: no module named x"
        )


class RoomTests(Case):
    """What there is no room for."""

    config = CONFIG.replace("[proactor.initiator]", "[proactor.initiator]\nmax_jobs = 3")

    def test_most_jobs(self) -> None:
        """At ``max_jobs`` it is 503 with the reason and when to come again; a deleted one makes room."""
        self.assertEqual(self.create(**as_form(module="my.module", count="2")).status, 201)
        answer = self.create(**as_form(module="my.module", count="2"))
        self.assertEqual((answer.status, answer.headers["retry-after"]), (503, "30"))
        detail = "max_jobs = 3 leaves room for 1: there are 2 jobs, and 2 more are wanted; want fewer, delete some, or "
        self.assertEqual((answer.json()["detail"], answer.json()["room"]), (f"{detail}raise it", 1))
        self.assertEqual(len(self.jobs()), 2)
        self.rig.ask(f"DELETE /job/{self.jobs()[0]['guid']}", wait=5)
        self.assertEqual(self.create(**as_form(module="my.module", count="2")).status, 201)
        detail = "max_jobs = 3 is reached: there are 3 jobs; delete some, or raise it"
        self.assertEqual(self.create(**as_form(module="my.module")).json()["detail"], detail)

    def test_all_that_fit(self) -> None:
        """Creations that go on at the same time are counted once each: what fits is made."""
        self.rig.clock.step = 0.01
        exchanges = [self.rig.begin("POST /create", **as_form(module="my.module")) for _ in range(4)]
        self.rig.clock.step = 0
        self.rig.clock.advance(0)
        self.assertEqual([exchange.response.status for exchange in exchanges], [201, 201, 201, 503])

    def test_counted_once(self) -> None:
        """A job counts once while the others of its order are still being made."""
        self.rig.clock.step = 0.01
        first = self.rig.begin("POST /create", **as_form(module="my.module", count="2"))
        for _ in range(200):
            if self.rig.fleet.jobs:
                break
            self.rig.clock.turn()
        self.assertEqual((len(self.rig.fleet.jobs), first.answered), (1, False))
        second = self.rig.begin("POST /create", **as_form(module="my.module"))
        self.rig.clock.step = 0
        self.rig.clock.advance(0)
        self.assertEqual([first.response.status, second.response.status], [201, 201])


class PortTests(SynchronousTestCase):
    """When ports run out."""

    def setUp(self) -> None:
        with socket.create_server((ADDRESS, 0)) as taken:
            self.port = taken.getsockname()[1]
        config = CONFIG.replace("20000", str(self.port)).replace("32000", str(self.port))
        self.rig = Rig(self, config)

    def create(self, **fields: str) -> Response:
        return self.rig.ask("POST /create", **as_form(module="my.module", **fields))

    def test_used_up(self) -> None:
        """It is 503 with the reason, nothing of it is left behind, and what was there goes on."""
        answer = self.create(count="2")
        self.assertEqual((answer.status, answer.json()["room"]), (503, 1))
        said = f"ports {self.port}-{self.port} at {ADDRESS} leave room for 1: 0 are processors', 0 other programs'"
        self.assertIn(f"{said}, and 2 more are wanted; want fewer, delete some", answer.json()["detail"])
        self.assertEqual((self.rig.ask("GET /job").json(), self.rig.launcher.specs), ([], []))
        self.assertEqual(self.create().status, 201)
        answer = self.create()
        self.assertEqual((answer.status, answer.headers["retry-after"]), (503, "30"))
        where = f"no port is left in {self.port}-{self.port} at {ADDRESS}"
        remedy = "delete some jobs, or start the initiator with child_port_min and child_port_max further apart"
        self.assertIn(f"{where}: 1 are processors', 0 other programs'; {remedy}", answer.text)
        self.assertEqual(len(self.rig.ask("GET /job").json()), 1)
        self.assertEqual(len(self.rig.configurator.live.members()), 1)

    def test_taken_by_others(self) -> None:
        """A port of another program is passed over, and had when it is free."""
        with socket.create_server((ADDRESS, self.port)):
            self.assertIn("0 are processors', 1 other programs'", self.create().text)
        self.assertEqual(self.create().status, 201)

    def test_given_back(self) -> None:
        """A port is free again with its job's deletion."""
        for _ in range(3):
            job = self.create().json()
            self.assertEqual(self.rig.ask(f"DELETE /job/{job['guid']}", wait=5).status, 204)
        socket.create_server((ADDRESS, self.port)).close()

    def test_no_such_address(self) -> None:
        """An address that this machine has not is told in words, not as an error that nobody foresaw."""
        config = CONFIG.replace("[my.module]", "[my.module]\nlisten_addr = 192.0.2.1")
        self.rig = Rig(self, config)
        answer = self.create()
        self.assertEqual(answer.status, 500)
        self.assertIn("choose an address that this machine has", answer.text)
        self.assertEqual(self.rig.ask("GET /job").json(), [])


class FailureTests(Case):
    """Creations that do not come about, and launches that fail."""

    def test_launch_refused(self) -> None:
        """A process that cannot be started is a job that says why, and is tried again like one that ended."""
        self.rig.launcher.refusal = Refused("python cannot be started: not today")
        self.assertEqual(self.create(**as_form(module="my.module")).status, 201)
        (job,) = self.jobs()
        self.assertEqual((job["state"], job["pid"], job["ready"]), ("backoff", None, False))
        reason = "could not be started: python cannot be started: not today"
        self.assertEqual(job["exit"], {"code": None, "signal": None, "reason": reason, "lines": []})
        self.rig.launcher.refusal = None
        self.rig.clock.advance(1)
        (job,) = self.jobs()
        self.assertEqual((job["state"], job["incarnation"], job["restarts"]), ("starting", 2, 1))

    def test_no_log(self) -> None:
        """Without a log there is no job, and nothing of it is left behind."""
        logs = self.rig.home.path / "logs"
        shutil.rmtree(logs)
        answer = self.create(**as_form(module="my.module", count="3"))
        self.assertEqual(answer.status, 503)
        self.assertRegex(answer.json()["detail"], "No such file or directory; nothing of it was done$")
        logs.mkdir()
        self.assert_nothing_left()
        self.assertEqual(self.create(**as_form(module="my.module")).status, 201)

    def test_hang_up(self) -> None:
        """Who hangs up in the middle leaves whole jobs, or none: here whole ones."""
        self.rig.clock.step = 0.01
        exchange = self.rig.begin("POST /create", **as_form(module="my.module", count="3"))
        self.assertFalse(exchange.answered)
        exchange.hang_up()
        self.rig.clock.step = 0
        self.rig.clock.advance(0)
        self.assertEqual([job["state"] for job in self.jobs()], ["starting"] * 3)
        self.assertEqual(len(self.rig.launcher.running), 3)

    def test_no_log_for_one(self) -> None:
        """If one of several cannot be made, none is, and nothing of the others is left behind."""
        names = [f"{number:032x}" for number in (1, 2, 3)]
        self.patch(creation, "new_guid", iter([*names, "4" * 32]).__next__)
        self.rig.home.log_path(names[1]).mkdir()
        answer = self.create(**as_form(module="my.module", count="3"))
        self.assertEqual((answer.status, names[1] in answer.text), (503, True), answer.text)
        self.rig.home.log_path(names[1]).rmdir()
        self.assert_nothing_left()
        self.assertEqual(self.create(**as_form(module="my.module")).status, 201)

    def in_the_middle(self) -> tuple[Exchange, str]:
        """A creation of three that are kept, the first of which is one of the jobs."""
        self.rig.clock.step = 0.01
        exchange = self.rig.begin("POST /create", **as_form(module="my.module", count="3"))
        for _ in range(200):
            if self.rig.fleet.jobs:
                break
            self.rig.clock.turn()
        self.assertFalse(exchange.answered)
        return exchange, next(iter(self.rig.fleet.jobs))

    def finish(self) -> None:
        self.rig.clock.step = 0
        self.rig.clock.advance(0)
        # Logs that are deleted are shown to their ends first.
        self.rig.clock.pump([0.1] * 100)

    def test_deleted_in_the_middle(self) -> None:
        """One that is deleted before the others are there takes none of them with it."""
        exchange, guid = self.in_the_middle()
        deletion = self.rig.begin(f"DELETE /job/{guid}", wait=5)
        self.finish()
        self.assertEqual((deletion.response.status, exchange.response.status), (204, 201))
        self.assertEqual([job["state"] for job in self.jobs()], ["starting"] * 2)

    def test_all_deleted_in_the_middle(self) -> None:
        """Where none of them is left it is said what became of the order."""
        exchange, guid = self.in_the_middle()
        self.rig.begin(f"DELETE /job/{guid}")
        for _ in range(200):
            for other in set(self.rig.fleet.jobs) - {guid}:
                self.rig.begin(f"DELETE /job/{other}")
            if exchange.answered:
                break
            self.rig.clock.turn()
        self.finish()
        self.assertEqual(exchange.response.status, 504)
        self.assertEqual(exchange.response.json()["detail"], "they are created, and 3 of 3 were deleted meanwhile")

    def test_edited_in_the_middle(self) -> None:
        """An edit of their module is one of all of them, of those too that are not among the jobs yet."""
        exchange, _ = self.in_the_middle()
        edit = self.rig.begin("PATCH /config/my.module", **as_json({"rate": "7"}))
        self.finish()
        self.assertEqual((edit.response.status, exchange.response.status), (200, 201), edit.response.text)
        guids = [job["guid"] for job in exchange.response.json()]
        self.assertEqual([self.rig.configurator.live.view(guid).values["rate"] for guid in guids], ["7"] * 3)

    def test_stopped_before(self) -> None:
        """An initiator that is told to stop keeps none of those that are being made."""
        self.rig.clock.step = 0.01
        exchange = self.rig.begin("POST /create", **as_form(module="my.module", count="3"))
        stopped = Deferred.fromCoroutine(self.rig.initiator.stop())
        self.finish()
        self.successResultOf(stopped)
        self.assertEqual((exchange.response.status, self.rig.launcher.specs), (503, []))
        self.assert_nothing_left()

    def test_stopped_in_the_middle(self) -> None:
        """Those that are kept by then are there, and the next initiator starts them."""
        exchange, _ = self.in_the_middle()
        stopped = Deferred.fromCoroutine(self.rig.initiator.stop())
        self.finish()
        self.successResultOf(stopped)
        self.assertEqual((exchange.response.status, self.rig.launcher.specs), (201, []))
        self.rig = self.rig.reborn(self.config)
        self.assertEqual([job["state"] for job in self.jobs()], ["starting"] * 3)
        self.assertEqual({job["guid"] for job in exchange.response.json()}, {job["guid"] for job in self.jobs()})


class ListTests(Case):
    """``GET /job``."""

    def setUp(self) -> None:
        super().setUp()
        self.first, self.second = self.rig.create(), self.rig.create("other.module")
        self.third = self.rig.create(labels="role=canary zone=")
        self.rig.run(self.rig.fleet.supervised(self.second.guid).stop("test"))

    def guids(self, query: str) -> list[str]:
        return [job["guid"] for job in self.jobs(query)]

    def test_all(self) -> None:
        """Without a filter it is a plain list of all."""
        self.assertEqual(self.guids(""), [self.first.guid, self.second.guid, self.third.guid])

    def test_filters(self) -> None:
        """Each filter leaves those that fit, several those that fit all."""
        self.assertEqual(self.guids("?module=other.module"), [self.second.guid])
        self.assertEqual(self.guids("?module=proactor.processor"), [])
        self.assertEqual(self.guids("?state=stopped"), [self.second.guid])
        self.assertEqual(self.guids("?state=running&module=my.module"), [self.first.guid, self.third.guid])
        for label in ("role", "role=canary", "zone=", "role&label=zone"):
            self.assertEqual(self.guids(f"?label={label}"), [self.third.guid], label)
        self.assertEqual(self.guids("?label=role=prod"), [])
        self.assertEqual(self.guids("?label=role&state=stopped"), [])

    def test_being_deleted(self) -> None:
        """One that is being deleted is there until it is gone, by whatever filter."""
        self.rig.launcher.stubborn = True
        self.rig.begin(f"DELETE /job/{self.third.guid}")
        for query in ("", "?module=my.module", "?label=role", "?state=stopping"):
            self.assertIn(self.third.guid, self.guids(query), query)

    def test_wrong(self) -> None:
        """A state that there is not is 422 with those that there are; an unknown filter, or one twice, is 400."""
        answer = self.rig.ask("GET /job?state=ready")
        self.assertEqual(
            (answer.status, answer.json()["detail"]),
            (422, f"state: there is no 'ready'; there are: {', '.join(state.value for state in State)}"),
        )
        answer = self.rig.ask("GET /job?module=my.modul")
        self.assertEqual(
            (answer.status, answer.json()["detail"]),
            (422, "module 'my.modul' is not declared, and no job runs it; is my.module meant?"),
        )
        for query in ("?status=running", "?state=running&state=stopped", "?module=a&module=b"):
            self.assertEqual(self.rig.ask(f"GET /job{query}").status, 400, query)

    def test_one(self) -> None:
        """One job is its record; one that is not there is 404."""
        self.assertEqual(self.rig.ask(f"GET /job/{self.first.guid}").json(), {**self.jobs()[0], "resources": None})
        answer = self.rig.ask(f"GET /job/{'0' * 32}")
        self.assertEqual(
            (answer.status, answer.json()["detail"]), (404, f"there is no job {'0' * 32}, or no more; see GET /job")
        )
        self.assertEqual(self.rig.ask(f"GET /job/{self.first.guid}?x=1").status, 400)

    def test_own(self) -> None:
        """A processor sees its own record."""
        answer = self.rig.ask(f"GET /job/{self.first.guid}", token=self.rig.token(self.first))
        self.assertEqual((answer.status, answer.json()["guid"]), (200, self.first.guid))


class DeleteTests(Case):
    """``DELETE /job/GUID``."""

    def setUp(self) -> None:
        super().setUp()
        self.job = self.rig.create()
        self.path = f"/job/{self.job.guid}"

    def test_not_waited_for(self) -> None:
        """It is 202 at once; the process is told to end, and then forgotten."""
        self.rig.launcher.stubborn = True
        answer = self.rig.begin(f"DELETE {self.path}", accept=None)
        self.assertEqual(self.rig.ask(f"GET {self.path}").json()["state"], "stopping")
        self.assertEqual((answer.response.status, answer.response.text), (202, "202: Accepted\n"))
        self.assertEqual(answer.response.headers["location"], self.path)
        self.rig.clock.advance(10)
        self.assertEqual(self.rig.ask(f"GET {self.path}").status, 404)
        self.assert_nothing_left()

    def test_waited_for(self) -> None:
        """With ``Prefer: wait=N`` it is 204 when it is gone."""
        answer = self.rig.begin(f"DELETE {self.path}", wait=30)
        self.assertFalse(answer.answered)
        self.rig.clock.advance(0)
        self.assertEqual((answer.response.status, answer.response.body), (204, b""))
        self.assert_nothing_left()

    def test_twice(self) -> None:
        """Two who delete the same at the same time both succeed; who comes later finds nothing."""
        answers = [self.rig.begin(f"DELETE {self.path}", wait=30) for _ in range(2)]
        self.rig.clock.advance(0)
        self.assertEqual([answer.response.status for answer in answers], [204, 204])
        self.assertEqual(self.rig.ask(f"DELETE {self.path}", wait=30).status, 404)
        self.assert_nothing_left()

    def test_not_there(self) -> None:
        """What is not there cannot be deleted."""
        self.assertEqual(self.rig.ask("DELETE /job/nobody").status, 404)
        self.assertEqual(self.rig.ask(f"DELETE {self.path}?force=1").status, 400)
        self.assertEqual(len(self.jobs()), 1)

    def test_dead_already(self) -> None:
        """A job without a process is deleted as well."""
        self.rig.run(self.rig.fleet.supervised(self.job.guid).stop("test"))
        self.assertEqual(self.rig.ask(f"DELETE {self.path}", wait=30).status, 204)
        self.assert_nothing_left()

    def test_hang_up(self) -> None:
        """It goes on when its caller hangs up."""
        self.rig.begin(f"DELETE {self.path}", wait=30).hang_up()
        self.rig.clock.advance(0)
        self.assert_nothing_left()

    def test_while_being_launched(self) -> None:
        """A job whose launch takes its time is deleted when that is over, and its process with it."""
        self.rig.launcher.slow = True
        creating = self.rig.begin("POST /create", **as_form(module="my.module"))
        self.rig.clock.advance(2)
        guid = creating.response.json()["guid"]
        answer = self.rig.begin(f"DELETE /job/{guid}", wait=30)
        self.rig.clock.advance(1)
        self.assertFalse(answer.answered)
        self.rig.launcher.release()
        self.rig.clock.advance(0)
        self.assertEqual(answer.response.status, 204)
        self.assertEqual(self.rig.launcher.running, [self.job.guid])

    def test_last_words(self) -> None:
        """What the process wrote last is shown before its log is removed."""
        self.rig.home.log_path(self.job.guid).write_bytes(b"good bye\n")
        self.rig.ask(f"DELETE {self.path}", wait=30)
        self.rig.clock.advance(0)
        self.assertEqual(self.rig.console, [(self.job.guid, b"good bye")])
        self.assert_nothing_left()
