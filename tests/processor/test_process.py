# mypy: allow-untyped-calls
"""A processor as a real process."""

import os
import re
import resource
from pathlib import Path
from typing import Any

import treq
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase
from twisted.web.server import Site

from .children import Child, listening, spawn, start
from .fakes import GUID, FakeInitiator

LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (\w+) +\|(\d+)\|([\w.]+)\|(.*)")
ARGUMENTS = ["--guid", GUID, "--port"]


def section(**options: Any) -> str:
    """Write standard input."""
    return "\n".join([f"[{GUID}]", *(f"{name} = {value}" for name, value in options.items())]) + "\n"


class ProcessTests(TestCase):
    """Start, life and end, as an initiator and an operator see them."""

    timeout = 60

    def spawn(self, module: str, arguments: list[str], text: str | bytes = "", **more: Any) -> Child:
        """Start a process that does not outlive the test."""
        child = spawn(module, arguments, text, **more)
        self.addCleanup(child.kill)
        return child

    def serve(self, module: str = "proactor.processor", **options: Any) -> tuple[Child, str]:
        """Start one on a socket that it inherits; give it and its URL."""
        inherited, port = listening()
        self.addCleanup(inherited.close)
        child = self.spawn(module, [*ARGUMENTS, str(port), "--fd", "3"], section(**options), fd=inherited.fileno())
        return child, f"http://127.0.0.1:{port}"

    async def initiator(self) -> tuple[FakeInitiator, str]:
        """Serve a fake initiator on loopback."""
        from twisted.internet import reactor  # noqa: PLC0415

        initiator: Any = FakeInitiator()
        site: Any = Site(initiator.app.resource())
        port: Any = reactor.listenTCP(0, site, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        initiator.options["parent_url"] = f"http://127.0.0.1:{port.getHost().port}"
        return initiator, initiator.options["parent_url"]

    async def get(self, url: str) -> Any:
        """Ask for JSON, on a connection that does not outlive the answer."""
        response = await treq.get(url, persistent=False)
        self.assertEqual(response.code, 200)
        return await response.json()

    def messages(self, child: Child) -> list[str]:
        """Give what it logged, each line of which has the house's format."""
        lines = [LINE.fullmatch(line) for line in child.output.splitlines()]
        self.assertNotIn(None, lines, child.output)
        self.assertEqual({line[2] for line in lines if line}, {str(child.transport.pid)})
        return [f"{line[3]}|{line[4]}" for line in lines if line]

    async def test_life(self) -> None:
        """It serves on the inherited socket, says so, shows itself, changes live, and ends when it is told to."""
        initiator, _parent = await self.initiator()
        # A proxy that the environment names is not asked.
        proxy = {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}
        inherited, port = listening()
        self.addCleanup(inherited.close)
        text = section(**initiator.options, token=initiator.token, revision=1, db_password="hush")
        arguments = [*ARGUMENTS, str(port), "--fd", "3"]
        child = self.spawn("proactor.processor", arguments, text, fd=inherited.fileno(), env=proxy)
        await child.until("Serving on")
        self.assertEqual(
            self.messages(child),
            ["proactor.processor|Read config...", f"proactor.processor|Serving on 127.0.0.1:{port}"],
        )
        url = f"http://127.0.0.1:{port}"
        self.assertEqual(await self.get(f"{url}/healthz"), {"status": "ok", "guid": GUID, "revision": 1})
        self.assertEqual(await self.get(f"{url}/config"), {**initiator.options, "revision": 1})
        self.look_at(child.transport.pid)
        while not initiator.waiting:
            await self.turn()
        initiator.edit(rate="2")
        await child.until("Changed rate: 1 -> 2 (revision 2)")
        self.assertEqual((await self.get(f"{url}/config"))["rate"], "2")
        self.assertEqual([(ack["revision"], ack["status"]) for ack in initiator.acks], [(1, "applied"), (2, "applied")])
        child.transport.signalProcess("TERM")
        self.assertEqual(await child.ended, 0)
        self.assertEqual(child.errors, "")
        self.assertNotIn("token-", child.output)
        self.assertNotIn("hush", child.output)

    def look_at(self, pid: int) -> None:
        """Check that nothing secret is to be seen from outside, and what descriptors it has."""
        if not os.path.exists(f"/proc/{pid}/fd"):
            return
        for name in ("cmdline", "environ"):
            seen = Path(f"/proc/{pid}/{name}").read_bytes()
            self.assertNotIn(b"hush", seen)
            self.assertNotIn(b"token-1", seen)
        self.assertEqual(os.readlink(f"/proc/{pid}/fd/0"), "/dev/null")
        sockets = [link for link in map(self.link, Path(f"/proc/{pid}/fd").iterdir()) if link.startswith("socket:")]
        self.assertEqual(len(sockets), len(set(sockets)), "the inherited descriptor is still open")

    @staticmethod
    def link(path: Path) -> str:
        """Tell what a descriptor is; it may be closed by now."""
        try:
            return os.readlink(path)
        except FileNotFoundError:
            return ""

    async def test_gone(self) -> None:
        """Told that it is stale, it ends by itself, in good order."""
        initiator, parent = await self.initiator()
        initiator.behaviour = "410"
        child, _ = self.serve(**initiator.options, token=initiator.token, revision=1)
        self.assertEqual(await child.ended, 0)
        self.assertIn(f"Stopping: of the initiator at {parent}, it answered 410: this copy is stale", child.output)

    async def test_interrupted_twice(self) -> None:
        """Ctrl-C, even twice, ends it in good order, and it does not need an initiator to live."""
        child, _ = self.serve("tests.processor.stubborn", trouble="stop", stop_timeout=10)
        await child.until("Serving on")
        child.transport.signalProcess("INT")
        await child.until("Stopping")
        child.transport.signalProcess("INT")
        self.assertEqual(await child.ended, 0)
        self.assertIn("Cut off stopping(): not over in time", child.output)
        self.assertEqual(child.output.count("Stopping"), 1)
        self.assertNotIn("Traceback", child.output)

    async def test_hangs(self) -> None:
        """A thread that never ends does not keep it alive past ``stop_timeout``."""
        child, _ = self.serve("tests.processor.stubborn", trouble="thread", stop_timeout=1)
        await child.until("Serving on")
        child.transport.signalProcess("TERM")
        self.assertEqual(await child.ended, 1)
        self.assertIn("not over in time, exiting", child.errors)

    async def test_held_request(self) -> None:
        """A request that is never answered does not keep it alive either."""
        child, url = self.serve("tests.processor.stubborn", trouble="none", stop_timeout=10)
        await child.until("Serving on")
        held = treq.get(f"{url}/held", persistent=False)
        held.addErrback(lambda _failure: None)
        await child.until("held")
        child.transport.signalProcess("TERM")
        self.assertEqual(await child.ended, 0)
        self.assertIn("Cut off the requests in progress", child.output)
        await held

    async def test_cannot_start(self) -> None:
        """A processor that fails to start says why in its log, and ends with 1."""
        child, _ = self.serve("tests.processor.stubborn", trouble="start")
        self.assertEqual(await child.ended, 1)
        self.assertIn("ZeroDivisionError: cannot start", child.output)
        self.assertIn("|proactor.processor|Cannot start: ZeroDivisionError: cannot start\n", child.output)

    async def test_no_memory(self) -> None:
        """A processor that has no memory left before its initiator has heard of it ends, and says of what."""
        initiator, _ = await self.initiator()
        child, _ = self.serve(
            "tests.processor.stubborn", trouble="memory", **initiator.options, token=initiator.token, revision=1
        )
        resource.prlimit(child.transport.pid, resource.RLIMIT_AS, (200 << 20, 200 << 20))
        self.assertEqual(await child.ended, 1)
        self.assertIn("MemoryError: no memory is left before it serves; raise limit_memory", child.errors)

    async def test_rejects_its_start(self) -> None:
        """A processor that rejects what it is started with says so on one line of its log."""
        child, _ = self.serve("tests.processor.stubborn", trouble="configuration")
        self.assertEqual(await child.ended, 1)
        self.assertIn("|proactor.processor|Cannot start: trouble: must be another\n", child.output)
        self.assertNotIn("Traceback", child.output)

    async def test_no_standard_input(self) -> None:
        """Without standard input there is no configuration."""
        child = Child("")
        self.addCleanup(child.kill)
        start(child, "proactor.processor", [*ARGUMENTS, "0"], {1: "r", 2: "r"})
        self.assertEqual(await child.ended, 2)
        self.assertTrue(child.errors.startswith("proactor.processor: standard input: cannot be read: "), child.errors)

    async def test_wrong(self) -> None:
        """Wrong arguments or a wrong configuration are one clear line, and the status 2."""
        whole = [*ARGUMENTS, "0"]
        cases = [
            (
                ["--guid", "x", "--port", "1"],
                "",
                "proactor.processor: --guid 'x': 32 lower-case hexadecimal digits are right",
            ),
            (whole, "", f"proactor.processor: standard input [{GUID}]: there is no such section"),
            (whole, section(refresh="-1"), "proactor.processor: refresh: must be > 0"),
            (whole, section(revision="x"), "proactor.processor: standard input revision = x: a whole number is right"),
            (
                [*whole, "--fd", "99"],
                section(),
                "proactor.processor: --fd 99: Bad file descriptor; a listening TCP socket is right",
            ),
        ]
        for arguments, text, line in cases:
            child = self.spawn("proactor.processor", arguments, text)
            self.assertEqual((await child.ended, child.errors), (2, line + "\n"))

    async def test_not_text(self) -> None:
        """Standard input that is no text is one clear line too."""
        child = self.spawn("proactor.processor", [*ARGUMENTS, "0"], b"abc\xff")
        self.assertEqual(await child.ended, 2)
        self.assertEqual(child.errors, "proactor.processor: standard input: not UTF-8 at byte 3\n")

    async def test_describe(self) -> None:
        """It describes its options as a section of its module's name."""
        child = self.spawn("tests.processor.stubborn", ["--describe"])
        self.assertEqual((await child.ended, child.errors), (0, ""))
        self.assertTrue(child.output.startswith("[tests.processor.stubborn]\n\n# str, one of start, "))

    async def test_by_itself(self) -> None:
        """Without an inherited socket it binds its own, and a port that is taken ends it."""
        child = self.spawn("proactor.processor", [*ARGUMENTS, "0"], section(listen_addr="127.0.0.1"))
        port = (await child.until("Serving on 127.0.0.1:"))[:-1].rpartition(":")[2]
        other = self.spawn("proactor.processor", [*ARGUMENTS, port], section(listen_addr="127.0.0.1"))
        self.assertEqual(await other.ended, 1)
        self.assertIn(f"cannot listen on 127.0.0.1:{port}: Address already in use", other.output)
        child.transport.signalProcess("TERM")
        self.assertEqual(await child.ended, 0)

    # Plumbing

    def turn(self) -> Deferred[None]:
        """Let the reactor turn once."""
        from twisted.internet import reactor  # noqa: PLC0415
        from twisted.internet.task import deferLater  # noqa: PLC0415

        return deferLater(reactor, 0)
