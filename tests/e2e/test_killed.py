"""The initiator is killed, or leaves; processors live on, and the next initiator on the same home adopts them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from signal import SIGKILL, SIGUSR2

from twisted.internet.defer import Deferred, gatherResults

from .callers import ANSWERED, Callers, call
from .case import Case, Record
from .ports import free_ports
from .support import Initiator, configuration, marked, until

SECTIONS = """\
[survivor]
refresh = 0.5
restart_delay = 0.1

[steady]
refresh = 0.5

[parent]
refresh = 0.5
restart_delay = 0.1
"""


def fixed(own: str = "", default: str = "") -> str:
    """A file for an initiator whose port stays the same, so that processors find the next one."""
    text = configuration(SECTIONS, own=own, default=default)
    return text.replace("listen_port = 0", f"listen_port = {free_ports(1)}")


def born(pid: int) -> str:
    """When a process was started, in the kernel's own unit."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def session(pid: int) -> int:
    """The session of a process; 0 where there is none any more."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


class KilledCase(Case):
    """Initiators one after another."""

    async def kill(self, initiator: Initiator, number: int = SIGKILL) -> None:
        """End an initiator by a signal."""
        initiator.send(number)
        self.assertEqual(await initiator.ended(), -number)

    async def after(self, initiator: Initiator) -> Initiator:
        """Start the next one on the same home."""
        following = initiator.following()
        self.addCleanup(following.end)
        return await following.served()

    async def nonces(self, jobs: list[Record]) -> list[str]:
        """What each processor has in its memory."""
        calls = [Deferred.fromCoroutine(call(job["port"], "/nonce")) for job in jobs]
        came = await gatherResults(calls)
        self.assertEqual({outcome for outcome, _ in came}, {ANSWERED})
        return [body for _, body in came]


class KilledTests(KilledCase):
    """By SIGKILL."""

    async def test_adopted(self) -> None:
        """Nobody who calls a processor notices; it is adopted as it is, and its log has no gap."""
        initiator = await self.start(fixed())
        jobs = await self.create(initiator, count=3, module="survivor")
        before = [(job["pid"], born(job["pid"])) for job in jobs]
        nonces = await self.nonces(jobs)
        callers = [Callers(job["port"], "/nonce", pause=0.02) for job in jobs]
        for each in callers:
            self.addCleanup(each.cancel)
        await self.kill(initiator)
        initiator = await self.after(initiator)
        for each in callers:
            await each.stop()
        after = [await self.becomes(initiator, job["guid"], ready=True) for job in jobs]
        self.assertEqual([(job["pid"], born(job["pid"])) for job in after], before)
        self.assertEqual([(job["incarnation"], job["restarts"]) for job in after], [(1, 0)] * 3)
        self.assertEqual(await self.nonces(after), nonces)
        for job, each in zip(jobs, callers, strict=True):
            self.assertEqual(each.came.keys(), {ANSWERED})
            log = (await self.http("GET", f"{initiator.url}/job/{job['guid']}/log?tail=1000")).text
            told = [int(number) for number in re.findall(r"told (\d+)", log)]
            self.assertEqual(told, list(range(1, each.came[ANSWERED] + 3)))

    async def test_live_configuration(self) -> None:
        """An adopted processor is reconfigured as ever, and runs what it ran till then."""
        initiator = await self.start(fixed())
        (job,) = await self.create(initiator, module="survivor")
        await self.patched(initiator, "survivor", {"colour": "red"})
        await self.kill(initiator)
        self.assertEqual((await self.running(job))["colour"], "red")
        initiator = await self.after(initiator)
        outcome = (await self.patched(initiator, "survivor", {"colour": "blue"}))["outcome"]
        self.assertEqual((outcome["state"], outcome["applied"]), ("done", 1))
        self.assertEqual((await self.running(job))["colour"], "blue")

    async def test_ended_meanwhile(self) -> None:
        """Who calls one that ended while there was no initiator waits, and is answered by the next process."""
        initiator = await self.start(fixed())
        (job,) = await self.create(initiator, module="survivor")
        await self.kill(initiator)
        os.kill(job["pid"], SIGKILL)
        await until(lambda: job["pid"] not in marked(initiator.mark), "its end")
        waiting = Deferred.fromCoroutine(call(job["port"], "/healthz"))
        initiator = await self.after(initiator)
        self.assertEqual((await waiting)[0], ANSWERED)
        after = await self.becomes(initiator, job["guid"], ready=True)
        self.assertEqual((after["incarnation"], after["restarts"], after["port"]), (2, 1, job["port"]))

    async def test_left_behind(self) -> None:
        """What one that ended meanwhile had started ends, as it would with an initiator, before another is started."""
        initiator = await self.start(fixed())
        (job,) = await self.create(initiator, module="parent")

        def children() -> set[int]:
            return {pid for pid in marked(initiator.mark) if pid != job["pid"] and session(pid) == job["pid"]}

        await until(lambda: len(children()) == 3, "its children")
        before = children()
        await self.kill(initiator)
        os.kill(job["pid"], SIGKILL)
        initiator = await self.after(initiator)
        await self.becomes(initiator, job["guid"], ready=True, incarnation=2)
        self.assertEqual(before.intersection(marked(initiator.mark)), set())
        self.assertIn("Ended 3 that processes had left behind which ended meanwhile", initiator.console.text())

    async def test_restarted_behind(self) -> None:
        """When an adopted processor ends it is started again, and nobody is refused meanwhile."""
        initiator = await self.start(fixed())
        (job,) = await self.create(initiator, module="survivor")
        await self.kill(initiator)
        initiator = await self.after(initiator)
        os.kill(job["pid"], SIGKILL)
        await until(lambda: job["pid"] not in marked(initiator.mark), "its end")
        self.assertEqual((await call(job["port"], "/healthz"))[0], ANSWERED)
        self.assertEqual((await self.becomes(initiator, job["guid"], ready=True))["incarnation"], 2)

    async def test_not_adopted(self) -> None:
        """With adopt = no nothing outlives it, and all is started again by the next one."""
        initiator = await self.start(fixed(own="adopt = no"))
        (job,) = await self.create(initiator, module="survivor")
        await self.kill(initiator)
        await until(lambda: not marked(initiator.mark), lambda: f"{marked(initiator.mark)} live")
        initiator = await self.after(initiator)
        after = await self.becomes(initiator, job["guid"], ready=True)
        self.assertEqual((after["incarnation"], after["port"]), (2, job["port"]))

    async def test_again_and_again(self) -> None:
        """However often: one process for a guid, and the guardian is one."""
        initiator = await self.start(fixed())
        jobs = await self.create(initiator, count=2, module="steady")
        for _ in range(4):
            await self.kill(initiator)
            initiator = await self.after(initiator)
        # Itself and the two; the guardian has no environment.
        self.assertEqual(len(marked(initiator.mark)), 3)
        self.assertEqual(
            [(await self.job(initiator, job["guid"]))["pid"] for job in jobs], [job["pid"] for job in jobs]
        )


class LeavingTests(KilledCase):
    """It leaves the processors to the next one, or takes them along."""

    async def leave(self, initiator: Initiator) -> None:
        answer = await self.http("POST", f"{initiator.url}/shutdown?keep=1")
        self.assertEqual(answer.status, 202)
        self.assertEqual(await initiator.ended(), 0)

    async def test_asked_to(self) -> None:
        """``POST /shutdown?keep=1``: an upgrade in place, even where nothing is to outlive a kill."""
        initiator = await self.start(fixed(own="adopt = no"))
        jobs = await self.create(initiator, count=2, module="survivor")
        nonces = await self.nonces(jobs)
        await self.leave(initiator)
        self.assertEqual(await self.nonces(jobs), nonces)
        initiator = await self.after(initiator)
        self.assertEqual(await self.nonces(jobs), nonces)
        for job in jobs:
            await self.becomes(initiator, job["guid"], ready=True, incarnation=1)

    async def test_signalled(self) -> None:
        """SIGUSR2 does the same."""
        initiator = await self.start(fixed())
        (job,) = await self.create(initiator, module="survivor")
        initiator.send(SIGUSR2)
        self.assertEqual(await initiator.ended(), 0)
        self.assertEqual((await call(job["port"], "/healthz"))[0], ANSWERED)
        initiator = await self.after(initiator)
        await self.becomes(initiator, job["guid"], ready=True, incarnation=1, pid=job["pid"])

    async def test_taken_along(self) -> None:
        """``POST /shutdown`` stops all; the next initiator starts what is wanted, and not what was stopped."""
        initiator = await self.start(fixed())
        wanted, stopped = await self.create(initiator, count=2, module="survivor")
        await self.http("POST", f"{initiator.url}/job/{stopped['guid']}/stop", {"Prefer": "wait=30"})
        self.assertEqual((await self.http("POST", f"{initiator.url}/shutdown")).status, 202)
        self.assertEqual(await initiator.ended(), 0)
        await until(lambda: not marked(initiator.mark), lambda: f"{marked(initiator.mark)} live")
        initiator = await self.after(initiator)
        await self.becomes(initiator, wanted["guid"], ready=True, incarnation=2, port=wanted["port"])
        self.assertEqual((await self.job(initiator, stopped["guid"]))["state"], "stopped")
