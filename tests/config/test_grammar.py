"""Names and characters."""

from __future__ import annotations

import unicodedata

from twisted.trial.unittest import SynchronousTestCase

from proactor.config.grammar import (
    importable,
    is_guid,
    is_initiator,
    is_module,
    is_referable,
    new_guid,
    option_problem,
    section_problem,
    value_problem,
)


class NameTests(SynchronousTestCase):
    """What names what."""

    def test_guid(self) -> None:
        """Exactly 32 lower-case hex digits."""
        guid = "8d740c16d9b8419aa7417f7da6deb039"
        self.assertTrue(is_guid(guid))
        for other in ("", guid[:-1], guid + "0", guid.upper(), guid[:-1] + "g", guid + "\n", f" {guid[1:]}", "٣" * 32):
            self.assertFalse(is_guid(other), other)

    def test_new_guids(self) -> None:
        """Are guids, and differ."""
        guids = {new_guid() for _ in range(20)}
        self.assertEqual(len(guids), 20)
        self.assertTrue(all(map(is_guid, guids)))

    def test_module(self) -> None:
        """Dotted identifiers in ASCII: nothing that an interpreter's ``-m`` takes for anything else."""
        for name in ("m", "my.module", "_m._n1", "turberfield.ipc.demo.processor"):
            self.assertTrue(is_module(name), name)
        for name in ("", ".", "m.", ".m", "m..n", "1m", "m.1", "-m", "m n", "m-n", "m\n", "é", "m/n", "m:n", "m}"):
            self.assertFalse(is_module(name), name)

    def test_referable(self) -> None:
        """What stands between braces, up to a colon, is a section's name."""
        self.assertEqual([is_referable(name) for name in ("m", "web server", "a:b", "a}")], [True, True, False, False])

    def test_former_names(self) -> None:
        """A file that was written for the reference example means our modules."""
        self.assertEqual(importable("turberfield.ipc.demo.processor"), "proactor.processor")
        self.assertEqual(importable("my.module"), "my.module")
        for name, expected in [
            ("turberfield.ipc.demo.initiator", True),
            ("proactor.initiator", True),
            ("turberfield.ipc.demo.processor", False),
            ("my.initiator", False),
        ]:
            self.assertEqual(is_initiator(name), expected)

    def test_option(self) -> None:
        """A letter, then letters, digits and a few marks, 64 in all."""
        for name in ("a", "a1", "a_.-", "a" * 64):
            self.assertIsNone(option_problem(name))
        for name in ("", "A", "1", "_a", "a b", "a=", "a:", "a#", "a$", "a\n", "é", "a" * 65):
            self.assertIn("lower-case letter", option_problem(name) or "")
        self.assertIn("'env.foo' is right", option_problem("env.FOO") or "")


class CharacterTests(SynchronousTestCase):
    """What no value holds."""

    def test_every_character(self) -> None:
        """Control characters, line separators and halves of characters, whichever Unicode has."""
        refused = {"Cc", "Zl", "Zp", "Cs"}
        wrong = [
            hex(code)
            for code in range(0x110000)
            if (value_problem(chr(code)) is not None) != (unicodedata.category(chr(code)) in refused)
        ]
        self.assertEqual(wrong, [])

    def test_nothing_splits_a_line(self) -> None:
        """What is let in is one line to anybody."""
        parted = [
            code
            for code in range(0x3000)
            if value_problem(chr(code)) is None and len(f"a{chr(code)}b".splitlines()) > 1
        ]
        self.assertEqual(parted, [])

    def test_lines_of_a_file(self) -> None:
        """A file's value may have a tab and several lines, and nothing else beside."""
        more = [chr(c) for c in range(0x3000) if value_problem(chr(c)) and not value_problem(chr(c), lines=True)]
        self.assertEqual(more, ["\t", "\n"])

    def test_the_problem_names_the_character(self) -> None:
        """By its code, wherever it is."""
        for problem in (value_problem("abc\u2028d"), section_problem("abc\u2028d")):
            self.assertIn("U+2028", problem or "")
        self.assertIsNone(section_problem("any [name] = é"))
