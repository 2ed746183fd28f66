"""An initiator over TLS: curl, processors that verify it, certificates that follow one another."""

from __future__ import annotations

import json
import os
from pathlib import Path
from signal import SIGHUP

from twisted.internet.defer import Deferred

from ..cli.support import run
from ..support.certificates import Pair, authority
from .case import Case, Record
from .support import Initiator, configuration, curl, until


def address(initiator: Initiator) -> str:
    return initiator.url.replace("http://", "https://").replace("127.0.0.1", "localhost")


class TlsTests(Case):
    """``listen_scheme = https``."""

    def setUp(self) -> None:
        super().setUp()
        self.files = self.folder()
        self.authority = authority()
        self.ca, _ = self.authority.write(self.files, "ca")

    def write(self, common: str = "first") -> None:
        """Put a certificate of the authority in place."""
        Pair.made("localhost", "127.0.0.1", signer=self.authority, common=common).write(self.files)

    def own(self, with_ca: bool = True) -> str:
        """What the initiator's section says of it."""
        server = self.files / "server"
        lines = ["listen_scheme = https", f"tls_certificate = {server}.pem", f"tls_key = {server}.key"]
        return "\n".join([*lines, *([f"tls_ca = {self.ca}"] if with_ca else [])])

    async def begin(self, own: str) -> Initiator:
        """Start one whose processors tell of each fetch."""
        return await self.start(configuration(own=own, default="verbose = yes\nrefresh = 1", ports=20))

    async def ask(self, it: Initiator, *arguments: str, ca: Path | None = None) -> str:
        return await curl("-sS", "--cacert", str(ca or self.ca), *arguments[:-1], f"{address(it)}{arguments[-1]}")

    async def ready(self, it: Initiator, ca: Path | None = None) -> Record:
        """A processor that runs and is ready; its record."""
        await self.ask(it, "-X", "POST", "/create", ca=ca)
        seen: list[list[Record]] = [[]]

        async def is_ready() -> bool:
            seen[0] = json.loads(await self.ask(it, "/job", ca=ca))
            return bool(seen[0]) and all(job["ready"] for job in seen[0])

        await until(is_ready, lambda: f"{seen[0]}; {it.console.text()}")
        return seen[0][-1]

    def test_authority(self) -> Deferred[None]:
        """An operator on this machine needs no token over TLS either; processors verify, fetch and take up edits."""
        return Deferred.fromCoroutine(self._authority())

    async def _authority(self) -> None:
        self.write()
        it = await self.begin(self.own())
        job = await self.ready(it)
        self.assertEqual((await self.running(job))["parent_url"], address(it).replace("localhost", "127.0.0.1"))
        edited = json.loads(
            await self.ask(it, "-X", "PATCH", "-d", "rate=5", "-H", "Prefer: wait=20", "/config/proactor.processor")
        )
        self.assertEqual((edited["outcome"]["state"], edited["outcome"]["applied"]), ("done", 1))
        self.assertEqual(await curl("-s", "-o", os.devnull, "-w", "%{http_code}", f"{it.url}/healthz"), "000")
        self.assertEqual(await curl("-s", "-o", os.devnull, "-w", "%{http_code}", f"{address(it)}/healthz"), "000")

    def test_follows(self) -> Deferred[None]:
        """On SIGHUP new connections get the certificate that is there; a bad one is told of, and nothing changes."""
        return Deferred.fromCoroutine(self._follows())

    async def _follows(self) -> None:
        self.write()
        it = await self.begin(self.own())
        await self.ready(it)
        fetches = len(it.console.lines(r"proactor.processor\|Fetched"))
        self.assertIn("CN=first", await self._subject(it))
        self.write(common="second")
        it.send(SIGHUP)
        await it.console.line("SIGHUP: read the certificate again")
        self.assertIn("CN=second", await self._subject(it))
        (self.files / "server.key").write_text("nothing")
        it.send(SIGHUP)
        await it.console.line("SIGHUP: the certificate stays as it was: tls_key .*server.key: holds no private key")
        self.assertIn("CN=second", await self._subject(it))
        await it.console.line(r"proactor.processor\|Fetched", fetches + 3)
        self.assertEqual(it.console.lines("ERROR.*Unforeseen|Traceback"), [])

    async def _subject(self, it: Initiator) -> str:
        """What curl sees of the certificate."""
        return (await self.ask(it, "-w", "%{certs}", "/healthz")).replace("CN = ", "CN=").replace("Subject:", "")

    def test_itself(self) -> Deferred[None]:
        """A certificate that signed itself is verified by itself; one that follows is so too, by who runs already."""
        return Deferred.fromCoroutine(self._itself())

    async def _itself(self) -> None:
        own = self.files / "server.pem"
        Pair.made("localhost").write(self.files)
        it = await self.begin(self.own(with_ca=False))
        await self.ready(it, ca=own)
        Pair.made("localhost").write(self.files)
        it.send(SIGHUP)
        await it.console.line("SIGHUP: read the certificate again")
        # Another processor has the new one from the start; the first one asks on.
        await self.ready(it, ca=own)
        self.assertEqual(len(json.loads(await self.ask(it, "/job", ca=own))), 2)

    def test_refused(self) -> Deferred[None]:
        """What does not hold keeps it from starting, in one line that names file, option and remedy."""
        return Deferred.fromCoroutine(self._refused())

    async def _refused(self) -> None:
        Pair.made("a.example").write(self.files)
        (self.files / "proactor.cfg").write_text(configuration(own=self.own()))
        it = Initiator(self.files)
        self.addCleanup(it.end)
        self.assertEqual(await it.ended(), 1)
        self.assertIn("is for a.example, and not for host_addr = localhost: make host_addr", it.console.text())

    def test_command_line(self) -> Deferred[None]:
        """The command line finds out by the home how to verify the initiator; by a URL it has to be told."""
        return Deferred.fromCoroutine(self._command_line())

    async def _command_line(self) -> None:
        self.write()
        it = await self.begin(self.own())
        found = await run("--home", str(it.home), "status", "--json")
        self.assertEqual((found.code, found.err), (0, ""), found)
        self.assertEqual(found.json["url"], address(it).replace("localhost", "127.0.0.1"))
        told = await run("--url", address(it), "--cafile", str(self.ca), "status")
        self.assertEqual((told.code, told.err), (0, ""))
        untrusted = await run("--url", address(it), "status")
        self.assertEqual(untrusted.code, 4)
        self.assertIn("is not trusted: its certificate does not hold", untrusted.err)
        self.assertIn("--cafile", untrusted.err)
        missing = await run("--url", address(it), "--cafile", "/nowhere", "status")
        self.assertEqual(missing.code, 1)
        self.assertIn("/nowhere: cannot be read", missing.err)
