# mypy: allow-untyped-calls
"""A configuration is taken up as a whole, or not at all."""

from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from proactor import Option, Processor, Rejected
from proactor.processor import Config
from proactor.processor.reconfiguration import Outcome, take_up

from .fakes import GUID, Log


class Weathercock(Processor):
    """A processor that answers a change in the way that it was told."""

    options = (Option("wind", float, 1.0), Option("pin", secret=True))
    answer: Any = None
    calls = 0

    def reconfigure(self, old: Config, new: Config) -> Awaitable[None] | None:
        """Return or raise the answer."""
        self.calls += 1
        if isinstance(self.answer, BaseException):
            raise self.answer
        answer: Awaitable[None] | None = self.answer
        return answer


class TakeUpTests(SynchronousTestCase):
    """Checks, hooks, logs."""

    raw = {"wind": "1", "guid": GUID, "parent_url": "http://127.0.0.1:8080", "pin": "1234"}

    def setUp(self) -> None:
        self.log = Log()
        self.addCleanup(self.log.close)
        config = Weathercock.configure(self.raw, guid=GUID, revision=1)
        self.processor = Weathercock(config, Clock())

    def take_up(self, revision: int = 2, **options: str) -> Outcome:
        """Offer a configuration."""
        return self.successResultOf(Deferred.fromCoroutine(take_up(self.processor, {**self.raw, **options}, revision)))

    def test_ways_to_say_yes(self) -> None:
        """A hook may be plain, or return a Deferred or a coroutine."""

        async def wait() -> None:
            await succeed(None)

        for revision, answer in enumerate([None, succeed(None), wait()], 2):
            self.processor.answer = answer
            self.assertEqual(self.take_up(revision, wind=str(revision)), Outcome(revision))
            self.assertEqual(self.processor.config.wind, revision)

    def test_ways_to_say_no(self) -> None:
        """A hook may raise at once or later, ``Rejected`` or anything else; it goes on with what it has."""

        async def wait() -> None:
            raise Rejected("wind", "too strong")

        for revision, (answer, option, reason) in enumerate(
            [
                (Rejected("wind", "too strong"), "wind", "too strong"),
                (wait(), "wind", "too strong"),
                (fail(Rejected("", "not today")), "", "not today"),
                (KeyError("x"), "", "KeyError: 'x'"),
                (SystemExit(1), "", "SystemExit: 1"),
                (ValueError("pin 1234"), "", "ValueError: pin ***"),
                (Rejected("wind", "x" * 1000), "wind", "x" * 500 + "..."),
            ],
            2,
        ):
            self.processor.answer = answer
            outcome = self.take_up(revision, wind="9")
            self.assertEqual(
                outcome.to_json(), {"revision": revision, "status": "rejected", "option": option, "reason": reason}
            )
            self.assertEqual((self.processor.config.wind, self.processor.config.revision), (1.0, 1))
        told = self.log.lines()
        self.assertEqual(sum("Traceback" in line for line in told), 3)
        self.assertTrue(any("ValueError: pin ***" in line for line in told))
        self.assertFalse(any("1234" in line for line in told))

    def test_nothing_of_its_own(self) -> None:
        """Where only the revision or what steers it is new, the processor is not bothered, nor the log."""
        self.assertEqual(self.take_up(5, parent_url="http://127.0.0.1:8081", listen_port="1"), Outcome(5))
        self.assertEqual(self.processor.calls, 0)
        self.assertEqual(self.processor.config.revision, 5)
        self.assertEqual(self.processor.config["parent_url"], "http://127.0.0.1:8081")
        self.assertEqual(self.log.lines(), [])

    def test_more_is_secret(self) -> None:
        """What the initiator came to know to be secret is told to the processor, and is no change of its options."""
        self.assertEqual(self.take_up(5, secret_options="token pin wind"), Outcome(5))
        self.assertEqual((self.processor.calls, self.log.lines()), (0, []))
        self.assertNotIn("wind", self.processor.config.public_items())

    def test_trace(self) -> None:
        """What is logged of a change has the trace that it belongs to, where there is one."""
        raw = {**self.raw, "wind": "2"}
        self.successResultOf(Deferred.fromCoroutine(take_up(self.processor, raw, 2, "0af7")))
        self.processor.answer = Rejected("wind", "no")
        self.successResultOf(Deferred.fromCoroutine(take_up(self.processor, {**raw, "wind": "3"}, 3, "0af8")))
        self.take_up(4, wind="4")
        self.assertEqual([event.get("trace") for event in self.log.events], ["0af7", "0af8", None])

    def test_log(self) -> None:
        """The log has each change, a secret's without its values."""
        self.take_up(17, wind="2", pin="5678", colour="red", flag="")
        self.assertEqual(
            self.log.lines(),
            [
                "Changed colour: (not set) -> red (revision 17)",
                "Changed flag: (not set) -> '' (revision 17)",
                "Changed pin: *** -> *** (revision 17)",
                "Changed wind: 1 -> 2 (revision 17)",
            ],
        )

    def test_long(self) -> None:
        """Of a long value the log has the beginning, and how long it is."""
        self.take_up(17, colour="x" * 60_000)
        self.assertEqual(
            self.log.lines(), [f"Changed colour: (not set) -> '{'x' * 200}'... (60000 characters) (revision 17)"]
        )

    def test_gone_option(self) -> None:
        """An option that is gone is back at its default."""
        raw = {name: text for name, text in self.raw.items() if name != "wind"}
        self.successResultOf(Deferred.fromCoroutine(take_up(self.processor, raw, 3)))
        self.assertEqual(self.log.lines(), ["Changed wind: 1 -> 1.0 (default) (revision 3)"])
