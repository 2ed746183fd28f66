"""Tests of what an operator does to jobs over HTTP."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from proactor.model import State

from ..support.http import as_form, as_json
from ..support.rig import Rig


class Case(SynchronousTestCase):
    """One job that runs."""

    def setUp(self) -> None:
        self.rig = Rig(self)
        self.job = self.rig.create()
        self.path = f"/job/{self.job.guid}"


class StopAndStartTests(Case):
    """Stop, start, restart."""

    def test_stop(self) -> None:
        """202 at once, with the place to look."""
        response = self.rig.ask(f"POST {self.path}/stop")
        self.assertEqual((response.status, response.headers["location"]), (202, self.path))
        self.assertIs(self.job.state, State.STOPPED)

    def test_stop_and_wait(self) -> None:
        """With ``Prefer: wait`` the record of the job that has stopped."""
        response = self.rig.ask(f"POST {self.path}/stop", wait=5)
        self.assertEqual((response.status, response.json()["state"]), (200, "stopped"))

    def test_start(self) -> None:
        """A stopped job starts; the answer comes when it is ready."""
        self.rig.ask(f"POST {self.path}/stop", wait=5)
        exchange = self.rig.begin(f"POST {self.path}/start", wait=5)
        self.assertFalse(exchange.answered)
        self.rig.acknowledge(self.job)
        self.assertEqual(exchange.response.json()["state"], "running")

    def test_start_while_it_stops(self) -> None:
        """Started while its last process still ends, it is waited for until it is ready, not until that has ended."""
        self.rig.ask(f"POST {self.path}/stop")
        self.rig.ask(f"POST {self.path}/start")
        self.rig.acknowledge(self.job)
        stopping = self.rig.begin(f"POST {self.path}/stop")
        exchange = self.rig.begin(f"POST {self.path}/start", wait=5)
        self.assertEqual(stopping.response.status, 202)
        self.rig.clock.pump([0, 0])
        self.assertFalse(exchange.answered)
        self.rig.acknowledge(self.job)
        self.assertEqual(exchange.response.json()["state"], "running")

    def test_start_and_wait_in_vain(self) -> None:
        """When it is not ready in time it is 202."""
        self.rig.ask(f"POST {self.path}/stop", wait=5)
        exchange = self.rig.begin(f"POST {self.path}/start", wait=5)
        self.rig.clock.advance(5)
        self.assertEqual(exchange.response.status, 202)

    def test_restart(self) -> None:
        """A restart gives another process, and the answer comes when that is ready."""
        exchange = self.rig.begin(f"POST {self.path}/restart", wait=5)
        self.rig.clock.advance(0)
        self.rig.acknowledge(self.job)
        self.assertEqual(exchange.response.json()["incarnation"], 2)

    def test_restart_without_a_log(self) -> None:
        """Where another could not be started, as on a disk that has become read-only, the one that runs is left alone.

        One whose tokens are revoked ends all the same.
        """
        pid = self.job.pid
        path = self.rig.home.log_path(self.job.guid)
        path.unlink()
        path.mkdir()
        response = self.rig.ask(f"POST {self.path}/restart")
        self.assertEqual((response.status, response.json()["detail"]), (503, f"{path}: Is a directory"))
        self.rig.clock.advance(0)
        self.assertEqual((self.job.state, self.job.pid, self.job.incarnation), (State.RUNNING, pid, 1))
        self.assertEqual(self.rig.ask(f"POST {self.path}/revoke").status, 202)
        self.rig.clock.advance(0)
        self.assertEqual((self.job.pid, self.job.incarnation), (None, 2))

    def test_deleted_while_waiting(self) -> None:
        """Where there is no job any more there is nothing to show."""
        exchange = self.rig.begin(f"POST {self.path}/restart", wait=5)
        self.rig.ask(f"DELETE {self.path}", wait=5)
        self.assertEqual(exchange.response.status, 204)

    def test_unknown(self) -> None:
        """A job that is not there is 404, whatever is wanted of it."""
        for what in ("start", "stop", "restart"):
            self.assertEqual(self.rig.ask(f"POST /job/{'0' * 32}/{what}").status, 404)


class SignalTests(Case):
    """Signals."""

    def test_names_and_numbers(self) -> None:
        """By name, with or without SIG, or by number."""
        for sent in (as_form(signal="usr2"), as_json({"signal": "SIGUSR2"}), as_json({"signal": 12})):
            rig = Rig(self)
            job = rig.create()
            self.assertEqual(rig.ask(f"POST /job/{job.guid}/signal", **sent).status, 202)
            rig.clock.advance(0)
            assert job.exit is not None
            self.assertEqual(job.exit.signal, 12)

    def test_none_such(self) -> None:
        """Another word is refused, with what would be right."""
        for sent in (as_form(signal="nonsense"), as_json({"signal": 4000}), as_json({}), as_form(signal="SIGSIGHUP")):
            response = self.rig.ask(f"POST {self.path}/signal", **sent)
            self.assertEqual(response.status, 422)
            self.assertIn("such as HUP or 1", response.json()["detail"])

    def test_no_process(self) -> None:
        """Without a process it is a conflict."""
        self.rig.ask(f"POST {self.path}/stop", wait=5)
        self.assertEqual(self.rig.ask(f"POST {self.path}/signal", **as_form(signal="HUP")).status, 409)


class EventsTests(Case):
    """What has happened."""

    def test_of_a_job(self) -> None:
        """Each transition, in order, with its cause and its actor."""
        self.rig.ask(f"POST {self.path}/stop", wait=5)
        events = self.rig.ask(f"GET {self.path}/events").json()
        told = [(each["event"], each["cause"], each["actor"]) for each in events]
        self.assertEqual(
            told,
            [
                ("starting", "create", "test"),
                ("running", "its endpoint answers", self.job.guid),
                ("stopping", "stop", "operator (token)"),
                ("stopped", "its process ended", self.job.guid),
            ],
        )

    def test_of_all(self) -> None:
        """The last of all, as many as are asked for."""
        self.rig.create()
        events = self.rig.ask("GET /events?tail=3").json()
        self.assertEqual([each["event"] for each in events], ["running", "starting", "running"])
        self.assertEqual(self.rig.ask("GET /events?tail=0").status, 422)
        self.assertEqual(len(self.rig.ask("GET /events").json()), 4)


class RollingRestartTests(Case):
    """Restarting many."""

    def test_module(self) -> None:
        """All of a module; 202 and where to look, then how it went."""
        response = self.rig.ask("POST /restart?module=my.module&batch=50%25")
        self.assertEqual((response.status, response.json()["state"]), (202, "running"))
        self.rig.acknowledge(self.job)
        record = self.rig.ask(f"GET {response.headers['location']}").json()
        self.assertEqual((record["state"], record["ready"]), ("done", 1))

    def test_all(self) -> None:
        """All there are, of whatever module."""
        self.rig.create("other.module")
        self.assertEqual(self.rig.ask("POST /restart?all=1").json()["wanted"], 2)

    def test_being_deleted(self) -> None:
        """One that is being deleted is none of them."""
        self.rig.create("other.module")
        self.rig.launcher.stubborn = True
        self.rig.begin(f"DELETE /job/{self.job.guid}")
        self.assertEqual(self.rig.ask("POST /restart?all=1").json()["wanted"], 1)

    def test_waited_for(self) -> None:
        """With ``Prefer: wait`` the answer comes when it is over."""
        exchange = self.rig.begin("POST /restart?module=my.module", wait=5)
        self.rig.clock.advance(0)
        self.rig.acknowledge(self.job)
        self.assertEqual((exchange.response.status, exchange.response.json()["state"]), (200, "done"))

    def test_curl(self) -> None:
        """For curl it is one line."""
        response = self.rig.ask("POST /restart?module=my.module", accept=None)
        self.assertEqual(response.text, "202: Accepted\n")

    def test_which(self) -> None:
        """It must be said which, and in sizes that are such."""
        for query in ("", "?all=0", "?all=1&module=my.module", "?all=1&label=role", "?all=perhaps"):
            self.assertEqual(self.rig.ask(f"POST /restart{query}").status, 422)
        self.assertEqual(self.rig.ask("POST /restart?module=my.module&batch=0").status, 422)
        response = self.rig.ask("POST /restart?module=my.modul")
        self.assertEqual(response.status, 422)
        self.assertIn("is not declared, and no job runs it; is my.module meant?", response.json()["detail"])
        response = self.rig.ask("POST /restart?module=nobody")
        self.assertIn("is not declared, and no job runs it; declared are: ", response.json()["detail"])
        self.assertEqual(self.rig.ask("GET /restart/nothing").status, 404)
