from __future__ import annotations

import subprocess
from shutil import which

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from proactor.model import State

from ..support.http import as_form, as_json
from ..support.rig import Rig


class Case(SynchronousTestCase):
    """An initiator that is scraped."""

    def setUp(self) -> None:
        self.rig = Rig(self)

    def text(self) -> str:
        answer = self.rig.ask("GET /metrics", accept=None)
        self.assertEqual(
            (answer.status, answer.headers["content-type"]), (200, "text/plain; version=0.0.4; charset=utf-8")
        )
        return answer.text

    def values(self) -> dict[str, float]:
        """By name and labels, as they are written."""
        found = {}
        for family in text_string_to_metric_families(self.text()):
            for sample in family.samples:
                labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
                found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
        return found

    def jobs(self) -> dict[str, int]:
        values = self.values()
        counts = {state.value: int(values[f"proactor_jobs{{state={state.value}}}"]) for state in State}
        return {state: count for state, count in counts.items() if count}


class MetricsTests(Case):
    """``GET /metrics``."""

    def test_jobs(self) -> None:
        """Jobs are counted by state, through all that happens to them."""
        one, other = self.rig.create_many(2)
        self.assertEqual(self.jobs(), {"running": 2})
        self.rig.run(self.rig.fleet.supervised(one.guid).stop("test"))
        self.rig.launcher.kill(other.guid)
        self.rig.clock.advance(0)
        self.assertEqual(self.jobs(), {"stopped": 1, "backoff": 1})
        self.rig.run(self.rig.delete(one.guid))
        self.assertEqual(self.jobs(), {"backoff": 1})

    def test_launches(self) -> None:
        """Launches, restarts by what led to them, and the time until a process is ready."""
        one, other = self.rig.create_many(2)
        restarted = Deferred.fromCoroutine(self.rig.fleet.supervised(one.guid).restart("test"))
        self.rig.launcher.kill(other.guid)
        for _ in range(3):
            self.rig.clock.advance(1)
        for job in (one, other):
            self.rig.acknowledge(job)
        self.successResultOf(restarted)
        values = self.values()
        self.assertEqual(values["proactor_launches_total"], 4)
        self.assertEqual(values["proactor_restarts_total{reason=operator}"], 1)
        self.assertEqual(values["proactor_restarts_total{reason=signal}"], 1)
        self.assertEqual(values["proactor_ready_seconds_count"], 4)
        self.assertGreater(values["proactor_ready_seconds_sum"], 1)

    def test_configuration(self) -> None:
        """Fetches, pushes, acknowledgements, rollouts, the revision, tokens."""
        job = self.rig.create()
        path, token = f"/config/{job.guid}", self.rig.token(job)
        revision = self.rig.configurator.live.offered(job.guid)
        known = [("If-None-Match", f'"{revision}"')]
        self.rig.ask(f"GET {path}", token=token)
        self.rig.ask(f"GET {path}", token=token, headers=known)
        held = self.rig.begin(f"GET {path}", token=token, headers=known, wait=30)
        self.rig.ask("PATCH /config/my.module", **as_json({"rate": 3}))
        self.assertEqual(held.response.status, 200)
        self.rig.clock.advance(0.5)
        self.rig.acknowledge(job)
        self.rig.clock.advance(0)
        values = self.values()
        self.assertEqual(
            (values["proactor_fetches_total{answer=new}"], values["proactor_fetches_total{answer=unchanged}"]), (2, 1)
        )
        self.assertEqual((values["proactor_pushes_total"], values["proactor_revision"]), (1, 3))
        self.assertEqual(values["proactor_acknowledgement_seconds_sum"], 0.5)
        self.assertEqual(values["proactor_acknowledgements_total{status=applied}"], 2)
        self.assertEqual(values["proactor_rollouts_total{outcome=done}"], 1)
        self.assertEqual(values["proactor_tokens_issued_total{audience=initiator}"], 1)

    def test_requests(self) -> None:
        """Requests are counted by route and status, and timed; those that wait apart from the others."""
        self.rig.ask("GET /job")
        self.rig.ask("GET /job?state=x")
        self.rig.ask("GET /job", token="x" * 40)
        self.rig.ask("GET /nothing")
        self.rig.ask("POST /create", **as_form(module="nope"))
        exchange = self.rig.begin("POST /create", wait=5)
        self.rig.clock.advance(0)
        self.rig.clock.advance(5)
        self.assertEqual(exchange.response.status, 504)
        values = self.values()
        for status in (200, 422, 401):
            self.assertEqual(values[f"proactor_requests_total{{route=list_jobs,status={status}}}"], 1)
        self.assertEqual(values["proactor_request_seconds_count{held=no,route=list_jobs}"], 3)
        self.assertEqual(values["proactor_request_seconds_sum{held=yes,route=create}"], 5)
        self.assertEqual(values["proactor_tokens_refused_total"], 1)
        self.assertEqual([name for name in values if "nothing" in name], [])

    def test_given_up(self) -> None:
        """A request whose caller has gone is counted nowhere."""
        self.rig.begin("GET /events", accept="text/event-stream").hang_up()
        job = self.rig.create()
        revision = self.rig.configurator.live.offered(job.guid)
        known = [("If-None-Match", f'"{revision}"')]
        self.rig.begin(f"GET /config/{job.guid}", headers=known, wait=30).hang_up()
        values = self.values()
        self.assertEqual([name for name in values if "route=show_config" in name], [])
        self.assertEqual(values["proactor_requests_total{route=list_events,status=200}"], 1)

    def test_itself(self) -> None:
        """The reactor's lag from the start on; the process's own memory and descriptors."""
        self.rig.initiator.start()
        self.rig.clock.advance(3)
        values = self.values()
        self.assertGreater(values["proactor_reactor_lag_seconds_count"], 0)
        self.assertGreater(values["process_resident_memory_bytes"], 0)

    def test_names(self) -> None:
        """No guid is in it: what there is to be kept does not grow with the fleet."""
        before = len(self.values())
        jobs = self.rig.create_many(5)
        text = self.text()
        self.assertEqual([job.guid for job in jobs if job.guid in text], [])
        self.assertLess(len(self.values()), before + 30)

    def test_promtool(self) -> None:
        """Prometheus's own check finds nothing wrong."""
        if which("promtool") is None:
            raise SkipTest("promtool is not installed")
        self.rig.create()
        checked = subprocess.run(
            ["promtool", "check", "metrics"], input=self.text(), text=True, capture_output=True, check=False
        )
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, "", ""))
