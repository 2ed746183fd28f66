# mypy: allow-untyped-calls
"""The example processor, by itself and as a process."""

import sys
from configparser import ConfigParser, ExtendedInterpolation
from importlib import import_module
from pathlib import Path
from typing import Any

import treq
from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from proactor import Processor, Rejected
from proactor.processor.reconfiguration import Outcome, take_up

from .processor.children import Child, listening, spawn
from .processor.fakes import GUID

EXAMPLES = Path(__file__).parent.parent / "examples"


def ticker() -> type[Processor]:
    """Import the example as its users do: from its own folder."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        cls: type[Processor] = import_module("ticker").Ticker
    finally:
        sys.path.remove(str(EXAMPLES))
    return cls


class ConfigurationTests(SynchronousTestCase):
    """The example's configuration file."""

    def test_file(self) -> None:
        """Its sections are complete, and the processor takes what they say."""
        parser = ConfigParser(interpolation=ExtendedInterpolation(), allow_no_value=True)
        parser.read(EXAMPLES / "proactor.cfg")
        config = ticker().configure(dict(parser["ticker"]))
        self.assertEqual((config.rate, config.limit, config.first, config.refresh), (1.0, 1_000_000, 0, 1.0))
        (guid,) = [name for name in parser.sections() if len(name) == 32]
        self.assertEqual(parser[guid]["default_module"], "ticker")


class TickerTests(SynchronousTestCase):
    """Ticks, over HTTP and through changes."""

    def setUp(self) -> None:
        self.clock = Clock()
        cls = ticker()
        self.processor: Any = cls(cls.configure({"rate": "2"}, guid=GUID, revision=1), self.clock)
        self.processor.started()
        self.stub: Any = StubTreq(self.processor.resource())

    def ticks(self, method: str = "GET", path: str = "/ticks") -> dict[str, Any]:
        """Ask for the count."""
        response = self.successResultOf(self.stub.request(method, f"http://127.0.0.1:49152{path}"))
        document: dict[str, Any] = self.successResultOf(self.stub.json_content(response))
        return document

    def change(self, revision: int, **options: str) -> Outcome:
        """Have it take up another configuration."""
        raw = {**self.processor.config, **options}
        return self.successResultOf(Deferred.fromCoroutine(take_up(self.processor, raw, revision)))

    def test_ticks(self) -> None:
        """It counts at its rate, and from zero again when it is told to."""
        self.clock.advance(10)
        self.assertEqual(self.ticks(), {"ticks": 20, "rate": 2.0})
        self.assertEqual(self.ticks("POST", "/reset"), {"ticks": 0, "rate": 2.0})
        self.clock.advance(1)
        self.assertEqual(self.ticks()["ticks"], 2)

    def test_another_rate(self) -> None:
        """A change reaches it as it runs, and it loses no tick by it."""
        self.clock.advance(10)
        self.assertEqual(self.change(2, rate="10").to_json(), {"revision": 2, "status": "applied"})
        self.clock.advance(1)
        self.assertEqual(self.ticks(), {"ticks": 30, "rate": 10.0})

    def test_wrong_rate(self) -> None:
        """A rate below zero is rejected, and it ticks on."""
        outcome = self.change(2, rate="-1")
        self.assertEqual(
            outcome.to_json(), {"revision": 2, "status": "rejected", "option": "rate", "reason": "must be > 0"}
        )
        self.clock.advance(1)
        self.assertEqual(self.ticks(), {"ticks": 2, "rate": 2.0})

    def test_wrong_limit(self) -> None:
        """A limit that is passed already only the process itself can reject."""
        self.clock.advance(10)
        rejected = self.change(2, limit="5").rejected
        self.assertEqual(str(rejected), "limit: must be >= 20, which is counted already")
        self.assertIsNone(self.change(3, limit="25").rejected)
        self.clock.advance(10)
        self.assertEqual(self.ticks()["ticks"], 25)
        with self.assertRaises(Rejected):
            self.processor.reconfigure(self.processor.config, type(self.processor).configure({"limit": "1"}))

    def test_next_start(self) -> None:
        """Where it begins to count is for the next start."""
        self.assertEqual(self.change(2, first="7").pending, ("first",))
        self.assertEqual(self.processor.config.first, 0)


class ProcessTests(TestCase):
    """``python -m ticker`` in the examples' folder."""

    timeout = 60

    async def test_process(self) -> None:
        """It is found there, serves, and its log tells its two first lines."""
        inherited, port = listening()
        self.addCleanup(inherited.close)
        arguments = ["--guid", GUID, "--port", str(port), "--fd", "3"]
        child: Child = spawn("ticker", arguments, f"[{GUID}]\nrate = 5\n", fd=inherited.fileno(), cwd=str(EXAMPLES))
        self.addCleanup(child.kill)
        await child.until("|proactor.processor|Serving on")
        response = await treq.post(f"http://127.0.0.1:{port}/reset", persistent=False)
        self.assertEqual((await response.json())["rate"], 5.0)
        child.transport.signalProcess("TERM")
        self.assertEqual((await child.ended, child.errors), (0, ""))
