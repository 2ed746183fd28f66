"""What callers notice of the end of a processor, and of the next one in its place: a wait, and nothing else."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from signal import SIGKILL

from twisted.internet.defer import Deferred, gatherResults

from .callers import ANSWERED, CUT, REFUSED, Callers, call
from .case import Record, SharedCase
from .support import configuration, until

#: Set, the tests take as long as they have to, to show what they show at full size.
LONG = bool(os.environ.get("PROACTOR_TEST_LONG"))
RESTARTS = 51 if LONG else 9
AT_ONCE = 4
MANY = 500

FLEET = """\
[worker]
restart_delay = 0.05
restart_delay_max = 0.2
restart_attempts = 0
"""


class RestartTests(SharedCase):
    """A processor is called all the while that one process after another takes its place."""

    timeout = 600

    @classmethod
    def configuration(cls) -> str:
        """With a module that falls when it is told to."""
        return configuration(FLEET)

    async def worker(self) -> Record:
        """A processor that is ready."""
        return (await self.create(self.it, module="worker"))[0]

    def callers(self, job: Record, count: int = AT_ONCE) -> Callers:
        """Some who call it, until the end of the test at most."""
        callers = Callers(job["port"], "/pid", count)
        self.addCleanup(callers.cancel)
        return callers

    async def restart(self, job: Record) -> Record:
        """Restart it, and wait until the next one is ready; the record then."""
        answer = await self.http("POST", f"{self.it.url}/job/{job['guid']}/restart", {"Prefer": "wait=60"})
        self.assertEqual(answer.status, 200, answer.text)
        record: Record = answer.json
        self.assertEqual((record["state"], record["ready"]), ("running", True))
        return record

    async def fell(self, job: Record) -> Record:
        """Wait until another process has taken the place of one that is gone; the record then."""
        return await self.becomes(self.it, job["guid"], incarnation=job["incarnation"] + 1, ready=True)

    async def end(self, job: Record, how: int) -> Record:
        """Have its process end in one of three ways, and another take its place."""
        if how == 0:
            return await self.restart(job)
        if how == 1:
            os.kill(job["pid"], SIGKILL)
        else:
            # Who tells it to fall may be answered, or not.
            await call(job["port"], "/fall", "POST")
        await until(lambda: not Path(f"/proc/{job['pid']}").exists(), "its process has ended")
        waited = call(job["port"], "/pid")
        after = await self.fell(job)
        # Who connects while there is no process waits for the next.
        self.assertEqual(await waited, (ANSWERED, str(after["pid"])))
        return after

    async def test_nobody_is_refused(self) -> None:
        """However often and however its process ends, not one who calls is refused; only who is in is cut off."""
        job = await self.worker()
        callers = self.callers(job)
        pids = {job["pid"]}
        for number in range(RESTARTS):
            job = await self.end(job, number % 3)
            pids.add(job["pid"])
        await callers.stop()
        self.assertEqual(job["incarnation"], 1 + RESTARTS)
        self.assertEqual(callers.came[REFUSED], 0, callers.came)
        # At the end of a process, no more can have been with it than there are callers.
        self.assertLessEqual(callers.came[CUT], AT_ONCE * (RESTARTS - RESTARTS // 3), callers.came)
        self.assertLessEqual(set(callers.bodies), set(map(str, pids)))
        self.assertGreater(callers.came[ANSWERED], RESTARTS)

    async def test_nobody_is_cut_off(self) -> None:
        """Where it is restarted in good order, each call is answered, by the one process or the next."""
        job = await self.worker()
        callers = self.callers(job, 32)
        for _ in range(RESTARTS):
            job = await self.restart(job)
        await callers.stop()
        self.assertEqual(set(callers.came), {ANSWERED}, callers.came)
        self.assertIn(str(job["pid"]), callers.bodies)

    async def test_many_at_once(self) -> None:
        """Hundreds who call at the same time, and who wait while it is restarted, are all answered."""
        job = await self.worker()
        works = [Deferred.fromCoroutine(call(job["port"], "/work")) for _ in range(MANY)]
        await self.it.console.line(rf"\|{job['pid']}\|worker\|Working$")
        after = await self.restart(job)
        answers = await gatherResults(works)
        self.assertEqual({came for came, _ in answers}, {ANSWERED}, Counter(answers))
        self.assertLessEqual({pid for _, pid in answers}, {str(job["pid"]), str(after["pid"])})

    async def test_in_progress(self) -> None:
        """What a processor has begun it finishes, before the next one takes its place."""
        job = await self.worker()
        for number in range(1, 1 + RESTARTS // 3):
            works = [Deferred.fromCoroutine(call(job["port"], "/work")) for _ in range(AT_ONCE)]
            await self.it.console.line(rf"\|{job['pid']}\|worker\|Working$", AT_ONCE)
            after = await self.restart(job)
            self.assertEqual([work.result for work in works], [(ANSWERED, str(job["pid"]))] * AT_ONCE)
            self.assertEqual(after["incarnation"], 1 + number)
            job = after
