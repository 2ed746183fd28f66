# mypy: allow-untyped-calls
"""The command line of a processor."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from proactor.processor.arguments import Arguments, UsageError, parse

from ..support.examples import examples
from .fakes import GUID


class ArgumentsTests(SynchronousTestCase):
    """What is right and what is not."""

    def test_whole(self) -> None:
        """Guid, port and descriptor are read."""
        self.assertEqual(parse(["--guid", GUID, "--port", "49152", "--fd", "3"]), Arguments(GUID, 49152, 3))
        self.assertEqual(parse([f"--guid={GUID}", "--port=0"]), Arguments(GUID, 0, None))

    def test_describe(self) -> None:
        """A description needs nothing else."""
        self.assertTrue(parse(["--describe"]).describe)

    def test_wrong(self) -> None:
        """Each mistake is one line that says what is right."""
        whole = ["--guid", GUID, "--port", "49152"]
        for argv, reason in [
            ([], "usage: --guid GUID --port PORT [--fd N] < CONFIG, or --describe"),
            (["--guid", GUID], "usage: --guid GUID --port PORT [--fd N] < CONFIG, or --describe"),
            ([*whole, "more"], "usage: --guid GUID --port PORT [--fd N] < CONFIG, or --describe"),
            (
                [*whole, "--nope"],
                "option --nope not recognized; usage: --guid GUID --port PORT [--fd N] < CONFIG, or --describe",
            ),
            (
                ["--guid", GUID.upper(), "--port", "1"],
                f"--guid {GUID.upper()!r}: 32 lower-case hexadecimal digits are right",
            ),
            ([*whole, "--port", "65536"], "--port '65536': a number from 0 to 65535 is right"),
            ([*whole, "--port", "-1"], "--port '-1': a number from 0 to 65535 is right"),
            ([*whole, "--port", "1\n"], "--port '1\\n': a number from 0 to 65535 is right"),
            ([*whole, "--fd", "2"], "--fd '2': a number from 3 to 1048576 is right"),
            ([*whole, "--fd", "x"], "--fd 'x': a number from 3 to 1048576 is right"),
        ]:
            self.assertEqual(str(self.assertRaises(UsageError, parse, argv)), reason)

    @given(st.lists(st.sampled_from(["--guid", "--port", "--fd", "--", "-", GUID, "7", "=", ""]) | st.text(max_size=5)))
    @examples(200)
    def test_anything(self, argv: list[str]) -> None:
        """Any arguments are right or wrong, nothing else."""
        try:
            arguments = parse(argv)
        except UsageError as error:
            self.assertEqual(len(str(error).splitlines()), 1)
        else:
            self.assertTrue(arguments.describe or len(arguments.guid) == 32)
