"""Wrong requests: each has its own clear error, and none of them harms the initiator."""

from __future__ import annotations

import json
from pathlib import Path

from attrs import frozen

from .case import SharedCase
from .support import configuration, curl

JSON = ("-H", "Content-Type: application/json")
WANTS_JSON = ("-H", "Accept: application/json")


@frozen
class Wrong:
    """A request that is refused.

    :param line: how its one line begins.
    :param says: what is in its detail.
    """

    path: str
    arguments: tuple[str, ...]
    line: str
    says: str


REQUESTS = (
    Wrong(
        "/create", ("-d", "module=os"), "422: Unprocessable", "module 'os' is not declared: add a section of that name"
    ),
    Wrong("/create", ("-d", "module=../x"), "422: Unprocessable", "is not declared"),
    Wrong("/create", ("-d", "count=many"), "422: Unprocessable", "count: must be a whole number from 1 to 1000"),
    Wrong("/create", ("-d", "count=0"), "422: Unprocessable", "count: must be a whole number"),
    Wrong(
        "/create", ("-d", "colour=red"), "422: Unprocessable", "'colour' is not known here; there are: module, count"
    ),
    Wrong("/create", ("-d", "options.refresh=often"), "422: Unprocessable", "refresh = often: 'often' is not a number"),
    Wrong("/create", ("-d", "options.token=x"), "422: Unprocessable", "token: the initiator steers by this option"),
    Wrong("/create", ("-d", "options.a=${nowhere:b}"), "422: Unprocessable", "an edit cannot refer to [nowhere]"),
    Wrong("/create", (*JSON, "-d", '{"module": '), "400: Bad Request", "the body is not JSON: line 1, column 12"),
    Wrong("/create", (*JSON, "-d", "[1]"), "400: Bad Request", "not an object"),
    Wrong("/create", (*JSON, "-d", '{"count": 1, "count": 2}'), "400: Bad Request", "a name is there twice"),
    Wrong("/create", (*JSON, "-d", '{"count": NaN}'), "400: Bad Request", "NaN is not a JSON value"),
    Wrong("/create", ("-d", '{"module": "os"}'), "400: Bad Request", "add -H 'Content-Type: application/json'"),
    Wrong("/create?fast=1", ("-X", "POST"), "400: Bad Request", "unknown query parameter 'fast'"),
    Wrong("/create", ("-H", "Content-Type: text/xml", "-d", "<x/>"), "415: Unsupported", "text/xml is not read here"),
    Wrong("/create", ("-X", "PUT"), "405: Method Not Allowed", ""),
    Wrong("/job", ("-X", "DELETE"), "405: Method Not Allowed", ""),
    Wrong("/nothing", (), "404: Not Found", ""),
    Wrong("/job/0", (), "404: Not Found", "there is no job 0"),
    Wrong("/job?state=happy", (), "422: Unprocessable", "state: there is no 'happy'; there are: starting"),
    Wrong("/config/nowhere", (), "404: Not Found", "there is no section [nowhere]"),
    Wrong("/config/nowhere", ("-X", "PATCH", "-d", "a=1"), "404: Not Found", "there is no section [nowhere]"),
    Wrong("/config/picky", ("-X", "PATCH"), "400: Bad Request", "nothing to change"),
    Wrong("/config/picky", ("-X", "PATCH", *JSON, "-d", '{"a": {"b": 1}}'), "422: Unprocessable", "a: must be a text"),
    Wrong("/config/picky", ("-X", "PATCH", *JSON, "-d", '{"a": "1\\n[x]"}'), "422: Unprocessable", "U+000A"),
    Wrong("/config/picky", ("-X", "PATCH", "-d", "Rate=1"), "422: Unprocessable", "an option's name is"),
    Wrong("/config/picky", ("-X", "PATCH", "-d", "listen_port=1"), "422: Unprocessable", "cannot be edited"),
    Wrong("/config/DEFAULT", ("-X", "PATCH", "-d", "operator_auth=local"), "422: Unprocessable", "in the file alone"),
    Wrong("/config/picky/rollback", ("-X", "POST"), "422: Unprocessable", "to: the revision to go back to is missing"),
    Wrong("/config/picky/rollback", ("-d", "to=999"), "404: Not Found", "there is no revision 999"),
    Wrong("/rollout/999", (), "404: Not Found", "there is no rollout 999"),
)


class WrongRequestTests(SharedCase):
    """Over curl, as operators send them."""

    @classmethod
    def configuration(cls) -> str:
        """With one module beside the default."""
        return configuration("[picky]\nrate = 1\n")

    async def check_unharmed(self) -> None:
        """The initiator is there, takes requests, and has started and changed nothing."""
        self.assertIsNone(self.it.process.poll())
        self.assertEqual((await self.get(f"{self.it.url}/readyz"))["revision"], self.before)
        self.assertEqual(await self.jobs(self.it), [])

    async def _set_up(self) -> None:
        await super()._set_up()
        self.before = (await self.get(f"{self.it.url}/readyz"))["revision"]

    async def test_requests(self) -> None:
        """Each has a line for people, and a problem document for programs, of the same status."""
        for wrong in REQUESTS:
            url = f"{self.it.url}{wrong.path}"
            line = await curl("-sg", *wrong.arguments, url)
            self.assertEqual((line[: len(wrong.line)], line.count("\n")), (wrong.line, 1), (wrong, line))
            self.assertIn(wrong.says, line)
            problem = json.loads(await curl("-sg", *WANTS_JSON, *wrong.arguments, url))
            self.assertEqual(problem["status"], int(wrong.line[:3]))
            self.assertIn(wrong.says, problem.get("detail", ""))
        await self.check_unharmed()

    async def test_method(self) -> None:
        """A 405 says which methods there are."""
        self.assertIn("\r\nAllow: POST\r\n", await curl("-si", "-X", "GET", f"{self.it.url}/create"))

    async def test_large(self) -> None:
        """A body of 10 MB is refused, whether its length was told before or it comes in chunks."""
        large = self.folder() / "large"
        large.write_bytes(b"x" * 10_000_000)
        for more in ((), ("-H", "Transfer-Encoding: chunked"), ("-H", "Expect:")):
            status = await self.status_of(large, *more)
            self.assertEqual(status, "413", more)
        await self.check_unharmed()

    async def status_of(self, body: Path, *arguments: str) -> str:
        """The status of a creation with a body out of a file."""
        sent = ("-H", "Content-Type: application/json", "--data-binary", f"@{body}")
        return await curl("-s", "-o", "/dev/null", "-w", "%{http_code}", *sent, *arguments, f"{self.it.url}/create")

    async def test_works_afterwards(self) -> None:
        """After a wrong request a right one works."""
        await curl("-s", "-d", "module=os", f"{self.it.url}/create")
        job = (await self.create(self.it, module="picky"))[0]
        gone = await self.http("DELETE", f"{self.it.url}/job/{job['guid']}", {"Prefer": "wait=30"})
        self.assertEqual(gone.status, 204)
