# mypy: allow-untyped-calls
"""The class that a processor derives from, and its description."""

import subprocess
import sys
from configparser import ConfigParser, ExtendedInterpolation

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

import proactor
from proactor import Option, Processor, Rejected
from proactor.processor.base import STANDARD
from proactor.processor.describe import describe

from .fakes import GUID, Dial


class DeclarationTests(SynchronousTestCase):
    """What a subclass declares."""

    def test_standard_options(self) -> None:
        """The options that the machinery reads are declared with those of the subclass."""
        config = Dial.configure({"rate": "2"}, guid=GUID, revision=3)
        self.assertEqual((config.rate, config.refresh, config.push), (2.0, 30.0, True))
        self.assertEqual((config.stop_timeout, config.verbose), (10.0, False))

    def test_wrong(self) -> None:
        """A value that is not allowed makes no configuration."""
        for raw in ({"rate": "0"}, {"refresh": "0"}, {"push": "perhaps"}, {"stop_timeout": "-1"}):
            self.assertRaises(Rejected, Dial.configure, raw)

    def test_twice(self) -> None:
        """A declaration that cannot be is found out when the class is made."""
        with self.assertRaises(ValueError):
            type("Wrong", (Processor,), {"options": (Option("refresh", float, 1.0),)})
        with self.assertRaises(ValueError):
            type("Wrong", (Processor,), {"options": (Option("keys"),)})

    def test_inherited(self) -> None:
        """A subclass of a subclass has its options, as it has its routes."""

        class Heir(Dial):
            """Nothing of its own."""

        self.assertEqual(Heir.schema, Dial.schema)

    def test_instance(self) -> None:
        """An instance has its configuration, its guid, its clock and a logger of its module's name."""
        clock = Clock()
        processor = Dial(Dial.configure({}, guid=GUID), clock)
        self.assertEqual((processor.guid, processor.log.namespace), (GUID, "tests.processor.fakes"))
        self.assertIs(processor.reactor, clock)

    def test_hooks_do_nothing(self) -> None:
        """No hook has to be written."""
        processor = Processor(Processor.configure({}), Clock())
        self.assertIsNone(processor.started())
        self.assertIsNone(processor.reconfigure(processor.config, processor.config))
        self.assertIsNone(processor.stopping())

    def test_public_names(self) -> None:
        """What the package offers is there, and nothing else pretends to be."""
        self.assertIs(proactor.Processor, Processor)
        with self.assertRaises(AttributeError):
            proactor.processor.Nothing  # noqa: B018

    def test_cheap(self) -> None:
        """Naming the package costs neither Twisted nor Klein."""
        program = "import proactor.processor, sys; print(*{'twisted', 'klein', 'treq', 'attr'} & sys.modules.keys())"
        printed = subprocess.check_output([sys.executable, "-c", program], text=True)
        self.assertEqual(printed.strip(), "")


class DescribeTests(SynchronousTestCase):
    """The options as a section of a configuration file."""

    options = (
        Option("rate", float, 1.0, exclusive_minimum=0, help="Ticks a\n second."),
        Option("workers", int, live=False),
        Option("price", str, "5$"),
        Option("api_key", str, "hush"),
        Option("tags", tuple, ("a", "b"), choices=("a", "b", "c")),
    )

    def test_text(self) -> None:
        """Each option has its meaning, its range and its default, a secret no default."""
        text = describe("my.module", self.options, STANDARD)
        self.assertTrue(
            text.startswith(
                "[my.module]\n\n# Ticks a second.\n# float, > 0\nrate = 1.0\n\n# int; from the next start on\n"
            )
        )
        self.assertIn("# str; secret\n# api_key =\n", text)
        self.assertNotIn("hush", text)
        self.assertIn("# words, one of a, b, c\ntags = a b\n", text)

    def test_reads_back(self) -> None:
        """It is a section that ``configparser`` reads, and means the defaults."""
        parser = ConfigParser(interpolation=ExtendedInterpolation(), allow_no_value=True)
        parser.read_string(describe("my.module", self.options, STANDARD))
        values = dict(parser["my.module"])
        self.assertEqual(
            set(values), {"rate", "price", "tags", *(option.name for option in STANDARD if option.default is not None)}
        )
        for option in (*self.options, *STANDARD):
            if option.name in values:
                self.assertEqual(option.parse(values[option.name]), option.default)
