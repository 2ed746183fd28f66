"""Jobs as their readers see them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from twisted.trial.unittest import SynchronousTestCase

from proactor.model import Answer, Exit, Identity, Job, State, Wanted, job_record, timestamp

CREATED = datetime(2026, 11, 24, 18, 4, 16, 425999, tzinfo=timezone.utc)


def job() -> Job:
    return Job("a" * 32, "my.module", "spawn", 49152, "http://localhost:49152", CREATED, state=State.STARTING)


class TimestampTests(SynchronousTestCase):
    """RFC 3339."""

    def test_utc(self) -> None:
        """To the millisecond, cut and not rounded, whatever zone the time is told in."""
        there = CREATED.astimezone(timezone(timedelta(hours=5, minutes=30)))
        self.assertEqual(timestamp(CREATED), "2026-11-24T18:04:16.425Z")
        self.assertEqual(timestamp(there), "2026-11-24T18:04:16.425Z")
        self.assertIsNone(timestamp(None))


class ExitTests(SynchronousTestCase):
    """How a process ended."""

    def test_last_words(self) -> None:
        """The last line that says anything tells why, where it failed by itself; there may be none."""
        for lines, words in ((("a", "b", "", " "), "b"), (("",), ""), ((), "")):
            self.assertEqual(Exit(1, None, "exited with status 1", lines).last_words, words)
        self.assertEqual(Exit(None, 9, "ended by SIGKILL", ("a",)).last_words, "")


class JobTests(SynchronousTestCase):
    """A record of a job."""

    def test_new(self) -> None:
        """What is not known yet is null, and nothing is left out."""
        record = job_record(job(), 17, 3)
        expected = {
            "guid": "a" * 32,
            "module": "my.module",
            "labels": {},
            "wanted": "running",
            "state": "starting",
            "ready": False,
            "queue": 3,
            "incarnation": 0,
            "pid": None,
            "port": 49152,
            "url": "http://localhost:49152",
            "launcher": "spawn",
            "created": "2026-11-24T18:04:16.425Z",
            "started": None,
            "restarts": 0,
            "next_start": None,
            "exit": None,
        }
        self.assertEqual({name: record[name] for name in expected}, expected)
        self.assertEqual((record["revision"]["wanted"], record["revision"]["running"]), (17, None))

    def test_ended(self) -> None:
        """How it ended, with the last that it wrote; it is JSON throughout."""
        ended = job()
        self.assertFalse(ended.alive)
        ended.process = Identity(1065, 1, "boot")
        self.assertEqual(ended.pid, 1065)
        self.assertTrue(ended.alive)
        ended.state, ended.wanted, ended.process = State.EXITED, Wanted.STOPPED, None
        ended.exit = Exit(None, 9, "killed", ("one", "two"))
        record = json.loads(json.dumps(job_record(ended, 1, None)))
        self.assertEqual((record["state"], record["wanted"]), ("exited", "stopped"))
        self.assertEqual(record["exit"], {"code": None, "signal": 9, "reason": "killed", "lines": ["one", "two"]})

    def test_applied(self) -> None:
        """What it runs, and what waits for its next start."""
        running = job()
        running.running_revision, running.answer = 17, Answer(17, "applied", pending=["workers"])
        revision = job_record(running, 18, None)["revision"]
        self.assertEqual(revision, {"wanted": 18, "running": 17, "pending": ["workers"]})

    def test_rejected(self) -> None:
        """What it could not take, and why, while it goes on with what it had."""
        running = job()
        running.running_revision = 16
        running.answer = Answer(17, "rejected", "rate", "must be > 0")
        revision = job_record(running, 17, None)["revision"]
        self.assertEqual(revision["running"], 16)
        self.assertEqual(revision["rejected"], {"revision": 17, "option": "rate", "reason": "must be > 0"})
