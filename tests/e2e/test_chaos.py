"""A fleet in which there is trouble of every kind at once: each job gets what fits, and the others never notice."""

from __future__ import annotations

import os
from collections.abc import Sequence
from signal import SIGKILL, SIGTERM

from twisted.internet.defer import Deferred, gatherResults

from .callers import ANSWERED, CUT, Callers, call
from .case import Case, Record
from .support import Initiator, begun, configuration, marked, until

#: How many there are of each kind; set, as many as make a hundred.
LONG = bool(os.environ.get("PROACTOR_TEST_LONG"))
FALLING, HANGING, STUBBORN, FORKING, WELL = (30, 10, 10, 10, 40) if LONG else (5, 2, 2, 2, 5)
#: The processes of one ``forking`` that are in its session, itself included. There is one more, which is not.
FAMILY = 4

FLEET = """\
[falling]
restart_delay = 0.1
restart_delay_max = 1
restart_attempts = 2

[worker]

[stubborn]
stop_timeout = 1

[forking]
"""
NOT_ENDED = "did not end within stop_timeout = 1 s of SIGTERM; ended by SIGKILL"
HANGS = {"refresh": "0.5", "watchdog": "4", "stop_timeout": "1"}


class ChaosTests(Case):
    """All of it at once, to the end of the initiator."""

    timeout = 900

    async def set_up(self) -> None:
        """Start one of everything: those that are well first, and they are called from then on."""
        self.it: Initiator = await self.start(configuration(FLEET, ports=200))
        self.well = await self.create(self.it, WELL, module="worker")
        self.callers = [Callers(job["port"], "/pid", pause=0.05) for job in self.well]
        for each in self.callers:
            self.addCleanup(each.cancel)
        self.falling = await self.ordered(FALLING, "falling")
        self.stubborn = await self.create(self.it, STUBBORN, module="stubborn")
        self.forking = await self.create(self.it, FORKING, module="forking")
        self.hanging = await self.create(self.it, HANGING, module="worker", options=HANGS)

    async def ordered(self, count: int, module: str) -> list[Record]:
        """Launch some, and do not wait for them."""
        order = {"module": module, "count": count}
        answer = await self.http("POST", f"{self.it.url}/create", {"Accept": "application/json"}, json=order)
        self.assertEqual(answer.status, 201, answer.text)
        records: list[Record] = answer.json
        return records

    async def all_become(self, jobs: Sequence[Record], **wanted: object) -> list[Record]:
        """Wait for each of them."""
        return [await self.becomes(self.it, job["guid"], **wanted) for job in jobs]

    async def stopped(self, job: Record) -> Record:
        """Stop one, and wait for that; its record then."""
        answer = await self.http("POST", f"{self.it.url}/job/{job['guid']}/stop", {"Prefer": "wait=60"})
        self.assertEqual(answer.status, 200, answer.text)
        record: Record = answer.json
        return record

    async def all_stopped(self, jobs: Sequence[Record]) -> list[Record]:
        """Stop some at once."""
        records: list[Record] = await gatherResults([Deferred.fromCoroutine(self.stopped(job)) for job in jobs])
        return records

    async def test_chaos(self) -> None:
        """Each in trouble ends in the state and with the reason that fits, and nothing is left of any at the end."""
        await self.set_up()
        hung = [self.hang(job) for job in self.hanging]
        await self.check_falling()
        await self.check_hanging()
        await self.check_stubborn()
        await self.check_forking()
        await self.check_well()
        # The last of each kind were left as they were: the end of the initiator is theirs as well.
        hung.append(self.hang(self.hanging[0]))
        self.assertGreater(len(marked(self.it.mark)), WELL + HANGING + FAMILY)
        self.it.send(SIGTERM)
        self.assertEqual(await self.it.ended(), -SIGTERM)
        await until(lambda: not marked(self.it.mark), lambda: f"{marked(self.it.mark)} are gone")
        self.assertEqual(await gatherResults(hung), [(CUT, "")] * len(hung))

    def hang(self, job: Record) -> Deferred[tuple[str, str]]:
        """Have one hang; who told it to waits for an answer."""
        return Deferred.fromCoroutine(call(job["port"], "/hang", "POST"))

    async def check_falling(self) -> None:
        """What falls at once is given up when its budget is used up, and its last words are kept."""
        for job in await self.all_become(self.falling, state="fatal"):
            self.assertEqual((job["restarts"], job["incarnation"], job["pid"], job["ready"]), (2, 3, None, False))
            self.assertEqual((job["exit"]["code"], job["exit"]["signal"]), (3, None))
            reason = "exited with status 3; started again 2 times within 300 s, that is enough"
            self.assertEqual((job["exit"]["reason"], job["exit"]["lines"][-1]), (reason, "there is no database"))

    async def check_hanging(self) -> None:
        """What hangs is asked where it is, made to end, and started again."""
        for job in await self.all_become(self.hanging, state="running", incarnation=2):
            self.assertEqual((job["restarts"], job["exit"]["signal"]), (1, SIGKILL))
            self.assertEqual(job["exit"]["reason"], f"silent for 4 s; {NOT_ENDED}")
            self.assertTrue(
                any("worker.py" in line and line.endswith(" in hang") for line in job["exit"]["lines"]),
                job["exit"]["lines"],
            )

    async def check_stubborn(self) -> None:
        """What does not heed SIGTERM is killed."""
        for job in await self.all_stopped(self.stubborn[1:]):
            self.assertEqual((job["state"], job["pid"], job["exit"]["signal"]), ("stopped", None, SIGKILL))
            self.assertEqual(job["exit"]["reason"], NOT_ENDED)

    async def check_forking(self) -> None:
        """What has children ends with them; but not with what went out of its session."""
        before = len(begun(self.it.mark))
        for job in await self.all_stopped(self.forking[1:]):
            self.assertEqual((job["state"], job["exit"]["reason"]), ("stopped", "exited with status 0"))
        await until(lambda: len(begun(self.it.mark)) <= before - FAMILY * (FORKING - 1), "they are gone")

    async def check_well(self) -> None:
        """Those that are well have noticed nothing: each is the process that it was, and has answered every call."""
        for job, callers in zip(self.well, self.callers, strict=True):
            await callers.stop()
            self.assertEqual(set(callers.came), {ANSWERED}, callers.came)
            self.assertEqual(set(callers.bodies), {str(job["pid"])})
            now = await self.job(self.it, job["guid"])
            self.assertEqual((now["state"], now["incarnation"], now["pid"]), ("running", 1, job["pid"]))
            events = await self.get(f"{self.it.url}/job/{job['guid']}/events")
            self.assertEqual([event["event"] for event in events], ["starting", "running"])
