"""What becomes of an initiator whose home is on a disk that is full or may only be read, or is deleted under it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from signal import SIGKILL, SIGTERM
from subprocess import run

from twisted.trial.unittest import SkipTest

from .case import Case, Record
from .support import Initiator, configuration, until

SETTINGS = configuration(own="console = no\n")


class HomeTests(Case):
    """Processors go on, what is asked for is refused with the reason, and nothing of it is there."""

    async def begin(self) -> Record:
        """Have a processor running."""
        self.initiator = await self.start(SETTINGS)
        [job] = await self.create(self.initiator)
        return job

    async def undisturbed(self, job: Record) -> None:
        """The same process serves still."""
        self.assertEqual((await self.get(f"{job['url']}/healthz"))["guid"], job["guid"])
        self.assertEqual((await self.job(self.initiator, job["guid"]))["pid"], job["pid"])

    async def refused(self, status: int, method: str, path: str, **body: object) -> str:
        """Ask for something until that is refused; there may be a little room left. What is said of it."""
        for number in range(200):
            rate = {"rate": str(number)}
            answer = await self.http(method, f"{self.initiator.url}{path}", json=body or rate)
            if answer.status not in {200, 201}:
                break
        self.assertEqual(answer.status, status, answer.text)
        return answer.text

    async def start(self, configuration: str, *arguments: str) -> Initiator:
        """Start one whose home is a small disk."""
        folder = self.folder()
        (folder / "proactor.cfg").write_text(configuration)
        self.home = folder / "home"
        self.home.mkdir(0o700)
        mount = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=0700", "none", str(self.home)]
        if sys.platform != "linux" or run(mount, check=False, capture_output=True).returncode:
            raise SkipTest("it takes the right to mount")
        self.addCleanup(run, ["umount", "-l", str(self.home)], check=True)
        initiator = Initiator(folder, *arguments)
        self.addCleanup(initiator.end)
        return await initiator.served()

    def fill(self) -> Path:
        """Leave no room."""
        filler = self.home / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return filler

    async def test_full(self) -> None:
        """Without room a creation and an edit get 507 and the way out; one that falls is started again; with room all
        goes on, and the next initiator has what was answered and nothing else.
        """
        job = await self.begin()
        filler = self.fill()
        said = await self.refused(507, "POST", "/create", module="proactor.processor")
        self.assertIn("free some and try again", said)
        created = {each["guid"] for each in await self.jobs(self.initiator)}
        said = await self.refused(507, "PATCH", "/config/proactor.processor")
        self.assertIn("nothing of it was done; free some and try again", said)
        section = await self.get(f"{self.initiator.url}/config/proactor.processor")
        await self.undisturbed(job)
        url = f"{self.initiator.url}/job/{job['guid']}"
        answer = await self.http("POST", f"{url}/restart", {"Prefer": "wait=60"})
        self.assertEqual((answer.status, answer.json["state"]), (200, "running"), answer.text)
        filler.unlink()
        self.assertEqual({each["guid"] for each in await self.jobs(self.initiator)}, created)
        self.assertEqual(await self.get(f"{self.initiator.url}/config/proactor.processor"), section)
        [second] = await self.create(self.initiator)
        self.initiator.process.kill()
        self.initiator.process.wait()
        self.initiator = self.initiator.following()
        self.addCleanup(self.initiator.end)
        await self.initiator.served()
        guids = {each["guid"] for each in await self.jobs(self.initiator)}
        self.assertEqual(guids, {*created, second["guid"]})
        self.assertEqual(await self.get(f"{self.initiator.url}/config/proactor.processor"), section)

    async def test_deleted_when_full(self) -> None:
        """Where there is no room for anything else jobs are deleted all the same."""
        await self.begin()
        jobs = [*await self.create(self.initiator, 3), *await self.jobs(self.initiator)]
        self.fill()
        await self.refused(507, "PATCH", "/config/proactor.processor")
        for guid in {job["guid"] for job in jobs}:
            answer = await self.http("DELETE", f"{self.initiator.url}/job/{guid}", {"Prefer": "wait=30"})
            self.assertEqual(answer.status, 204, answer.text)
        self.assertEqual(await self.jobs(self.initiator), [])

    async def test_well_again(self) -> None:
        """A processor that falls where no lock can be had is tried again, for longer than its restarts would last, and
        runs when that is over.
        """
        self.initiator = await super().start(configuration(default="restart_attempts = 1\n", own="console = no\n"))
        [job] = await self.create(self.initiator)
        locks = self.initiator.home / "locks"
        away = locks.rename(self.initiator.home / "away")
        os.kill(job["pid"], SIGKILL)

        async def tried() -> bool:
            now = await self.job(self.initiator, job["guid"])
            if now["exit"] is None or now["state"] != "backoff" or now["incarnation"] < 5:
                self.assertIn(now["state"], ("running", "starting", "backoff"))
                return False
            self.assertRegex(now["exit"]["reason"], r"^could not be started: .*/locks/.*: No such file or directory$")
            return True

        await until(tried, "tried again and again")
        away.rename(locks)
        url = f"{self.initiator.url}/job/{job['guid']}"
        answer = await self.http("POST", f"{url}/start", {"Prefer": "wait=60"})
        self.assertEqual((answer.status, answer.json["state"]), (200, "running"), answer.text)
        causes = [each["cause"] for each in await self.get(f"{url}/events")]
        self.assertGreaterEqual(sum("could not be started" in cause for cause in causes), 3)

    async def test_deleted(self) -> None:
        """Where all of it is deleted nothing is accepted any more that could not be kept, and processors go on."""
        job = await self.begin()
        for path in self.home.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.assertIn("No such file", await self.refused(503, "POST", "/create", module="proactor.processor"))
        self.assertIn("nothing of it was done", await self.refused(503, "PATCH", "/config/proactor.processor"))
        await self.undisturbed(job)


class ReadOnlyTests(Case):
    """A home that may only be read: what is asked for is refused with the reason, and who runs is left alone."""

    def disk(self) -> Path:
        """A small disk where the home is to be, and what has the kernel let it only be read any more.

        That is by an error of the disk. To mount it anew would be refused while something is open there.
        """
        self.path = self.folder()
        (self.path / "proactor.cfg").write_text(SETTINGS)
        home, image = self.path / "home", self.path / "disk"
        home.mkdir(0o700)
        with image.open("wb") as file:
            file.truncate(32 << 20)
        mount = ["mount", "-o", "loop,errors=remount-ro", str(image), str(home)]
        for command in (["mkfs.ext4", "-q", str(image)], mount):
            if shutil.which(command[0]) is None or run(command, check=False, capture_output=True).returncode:
                raise SkipTest(f"it takes {command[0]}, and the right to it")
        self.addCleanup(run, ["umount", "-l", str(home)], check=True)
        (home / "lost+found").rmdir()
        device = run(["findmnt", "-no", "SOURCE", str(home)], check=True, capture_output=True, text=True).stdout.strip()
        trigger = Path("/sys/fs/ext4") / Path(device).name / "trigger_fs_error"
        if not trigger.exists():
            raise SkipTest("it takes a kernel that makes errors when it is told to")
        return trigger

    async def served(self) -> Initiator:
        """Start one on that disk."""
        initiator = Initiator(self.path)
        self.addCleanup(initiator.end)
        return await initiator.served()

    async def test_becomes(self) -> None:
        """While it runs: nothing is accepted that could not be kept, nor is a processor ended that could not be started
        again; the next initiator says why it does not start.
        """
        trigger = self.disk()
        initiator = await self.served()
        [job] = await self.create(initiator)
        trigger.write_text("a test")
        for method, path, *body in (
            ("POST", "/create", {"module": "proactor.processor"}),
            ("PATCH", "/config/proactor.processor", {"rate": "5"}),
            ("POST", f"/job/{job['guid']}/stop"),
            ("POST", f"/job/{job['guid']}/restart"),
            ("POST", f"/job/{job['guid']}/revoke"),
            ("DELETE", f"/job/{job['guid']}"),
        ):
            sent: dict[str, object] = {"json": body[0]} if body else {}
            answer = await self.http(str(method), f"{initiator.url}{path}", {"Accept": "application/json"}, **sent)
            self.assertEqual(answer.status, 503, answer.text)
            self.assertIn("Read-only file system", answer.json["detail"])
            self.assertIn(str(initiator.home), answer.json["detail"])
        self.assertEqual((await self.get(f"{job['url']}/healthz"))["guid"], job["guid"])
        [now] = await self.jobs(initiator)
        self.assertEqual((now["pid"], now["state"], now["wanted"]), (job["pid"], "running", "running"))
        initiator.send(SIGTERM)
        await initiator.ended()
        self.assertNotIn("Traceback", initiator.console.text())
        following = initiator.following()
        self.addCleanup(following.end)
        self.assertEqual(await following.ended(), 1)
        self.assertIn(f"proactor: {initiator.home}/lock: Read-only file system", following.console.text())

    async def test_is(self) -> None:
        """From the beginning: it is said, whether there is a home already or not."""
        folder = self.folder()
        (folder / "proactor.cfg").write_text(SETTINGS)
        disk = folder / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "ro,mode=0700", "none", str(disk)]
        if sys.platform != "linux" or run(mount, check=False, capture_output=True).returncode:
            raise SkipTest("it takes the right to mount")
        self.addCleanup(run, ["umount", "-l", str(disk)], check=True)
        for home, said in ((disk / "home", "home: cannot be used"), (disk, "disk/lock")):
            initiator = Initiator(folder, "--home", str(home))
            self.addCleanup(initiator.end)
            self.assertEqual(await initiator.ended(), 1)
            self.assertIn(f"{said}: Read-only file system; ", initiator.console.text())
