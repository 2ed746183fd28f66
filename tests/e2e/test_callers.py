"""Who may do what: over real connections, of this machine's addresses and users, with real processors' tokens."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import socket
import tempfile
from pathlib import Path

from twisted.trial.unittest import SkipTest

from .case import Record, SharedCase
from .support import GUID, configuration, curl, until

OPERATORS = (
    ("POST", "/create"),
    ("GET", "/job"),
    ("GET", "/job/{guid}"),
    ("DELETE", "/job/{guid}"),
    ("GET", "/config"),
    ("GET", "/config/{guid}"),
    ("GET", "/config/DEFAULT"),
    ("PATCH", "/config/DEFAULT"),
    ("GET", "/config/DEFAULT/history"),
    ("POST", "/config/DEFAULT/rollback"),
    ("GET", "/config/{guid}/explain"),
    ("GET", "/rollout/2"),
)
OPEN = ("/healthz", "/readyz")
FOREIGN = (
    ("Host: example.com", "Host"),
    ("Host: localhost", "Host"),
    ("Origin: http://example.com", "Origin"),
    ("Origin: null", "Origin"),
    ("Referer: http://example.com/", "Referer"),
    ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Site"),
    ("X-Forwarded-For: 192.0.2.9", "X-Forwarded-For"),
    ("Via: 1.1 proxy", "Via"),
)


def own_address() -> str:
    """An address of this machine that is not loopback.

    :raises SkipTest: there is none.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("192.0.2.1", 9))
        except OSError as e:
            raise SkipTest(f"this machine has no address but loopback: {e}") from None
        address: str = sock.getsockname()[0]
    if address.startswith("127."):
        raise SkipTest("this machine has no address but loopback")
    return address


class CallerTests(SharedCase):
    """An initiator that listens at all addresses, as the reference example's does."""

    @classmethod
    def configuration(cls) -> str:
        """As usual, but for the address."""
        text = configuration("[bare]\nreport = {folder}\nrestart = never\n")
        return text.replace("listen_addr = 127.0.0.1", "listen_addr = 0.0.0.0")

    async def status(self, method: str, path: str, host: str = "127.0.0.1", *arguments: str) -> tuple[int, str]:
        """The status, and the text, that curl gets."""
        url = f"http://{host}:{self.it.port}{path}"
        text, _, status = (await curl("-s", "-w", "\n%{http_code}", "-X", method, url, *arguments)).rpartition("\n")
        return int(status), text

    async def token(self, name: str) -> tuple[Record, str]:
        """A processor's job, and the token that it was started with."""
        report = self.folder() / name
        order = {"module": "bare", "options": {"report": str(report)}}
        headers = {"Accept": "application/json"}
        answer = await self.http("POST", f"{self.it.url}/create", headers, json=order)
        job: Record = answer.json
        found = await self.wait_for(report)
        return job, str(found["sections"][job["guid"]]["token"])

    async def wait_for(self, report: Path) -> Record:
        """What a bare processor has written down of how it was started."""
        await until(report.exists, "a report")
        found: Record = json.loads(report.read_text())
        return found

    async def test_processors(self) -> None:
        """A processor's token opens its own section and job, and of those alone; no route of operators."""
        (first, token), (second, other) = await self.token("first"), await self.token("second")

        async def status(path: str, token: str = token, method: str = "GET") -> int:
            answer = await self.http(method, f"{self.it.url}{path}", {"Authorization": f"Bearer {token}"})
            return answer.status

        self.assertEqual(await status(f"/config/{first['guid']}"), 200)
        self.assertEqual(await status(f"/job/{first['guid']}"), 200)
        self.assertEqual(await status(f"/config/{second['guid']}"), 403)
        self.assertEqual(await status(f"/job/{second['guid']}"), 403)
        self.assertEqual(await status(f"/config/{second['guid']}/ack", method="POST"), 403)
        self.assertEqual(await status(f"/config/{GUID}"), 403)
        self.assertEqual(await status(f"/config/{second['guid']}", token=other), 200)
        for method, path in OPERATORS:
            if path not in ("/job/{guid}", "/config/{guid}") or method != "GET":
                self.assertEqual(await status(path.format(guid=first["guid"]), method=method), 403, (method, path))

    async def test_broken_tokens(self) -> None:
        """A token that is cut, bent or made up is refused with a challenge, and is not repeated."""
        job, token = await self.token("only")
        head, payload, signature = token.split(".")
        for bad in (token[:-4], f"{head}.{payload}.", f"{head}.{payload[:-2]}xx.{signature}", "made-up", "x" * 5000):
            answer = await self.http("GET", f"{self.it.url}/config/{job['guid']}", {"Authorization": f"Bearer {bad}"})
            self.assertEqual(answer.status, 401)
            self.assertIn('error="invalid_token"', answer.headers["www-authenticate"])
            self.assertFalse(bad in answer.text, "it is repeated")

    async def test_elsewhere(self) -> None:
        """From another address than loopback no route of operators works without the token; what is open is."""
        host = own_address()
        for method, path in OPERATORS:
            status, text = await self.status(method, path.format(guid="0" * 32), host)
            self.assertEqual((status, text[:4]), (401, "401:"), (method, path))
        for path in OPEN:
            self.assertEqual((await self.status("GET", path, host))[0], 200)

    async def test_elsewhere_with_token(self) -> None:
        """With it they do; the words of the 401 are the command that works."""
        host = own_address()
        answer = await curl("-s", "-H", f"@{self.header()}", "-X", "POST", f"http://{host}:{self.it.port}/create")
        self.assertEqual(answer, "201: Created\n")

    def header(self) -> Path:
        """A file with the operator's header, as a command line is no place for it."""
        path = self.folder() / "header"
        path.write_text(f"Authorization: Bearer {self.it.operator_token()}\n")
        return path

    async def test_processor_elsewhere(self) -> None:
        """A processor shows from elsewhere that it is alive, and nothing else."""
        host, job = own_address(), (await self.create(self.it))[0]
        base = f"http://{host}:{job['port']}"
        self.assertIn('"status": "ok"', await curl("-s", f"{base}/healthz"))
        self.assertTrue((await curl("-s", f"{base}/config")).startswith("401: Unauthorized"))

    async def test_browsers(self) -> None:
        """What a web page or a proxy could send to loopback is refused, and starts nothing."""
        before = len(await self.jobs(self.it))
        for header, named in FOREIGN:
            status, text = await self.status("POST", "/create", "127.0.0.1", "-H", header)
            self.assertEqual(status, 403, header)
            self.assertIn(named, text)
        self.assertEqual(len(await self.jobs(self.it)), before)

    async def test_other_user(self) -> None:
        """Another user of this machine is no operator; the token makes one of them."""
        if os.geteuid() != 0 or shutil.which("setpriv") is None:
            raise SkipTest("to be another user takes root and setpriv")
        uid = str(pwd.getpwnam("nobody").pw_uid)
        prefix = ("setpriv", "--reuid", uid, "--clear-groups")
        url = f"http://127.0.0.1:{self.it.port}"
        for method, path in OPERATORS:
            answer = await curl("-s", "-X", method, url + path.format(guid="0" * 32), prefix=prefix)
            self.assertRegex(answer, "^401: ", (method, path))
        self.assertIn("operator.token", answer)
        with tempfile.NamedTemporaryFile("w") as header:
            header.write(self.header().read_text())
            header.flush()
            os.chown(header.name, int(uid), -1)
            answer = await curl("-s", "-H", f"@{header.name}", "-X", "POST", f"{url}/create", prefix=prefix)
        self.assertEqual(answer, "201: Created\n")
