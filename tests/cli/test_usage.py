"""Tests of the command line where no initiator is needed: help, usage errors, completion."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from twisted.trial.unittest import SynchronousTestCase

from proactor.cli.main import proactor
from proactor.cli.verbs import Verb

from .support import Result, typed


def verbs(group: click.Group = proactor, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of each verb."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from verbs(command, (*before, name))
        else:
            yield (*before, name)


class HelpTests(SynchronousTestCase):
    """What one is told."""

    def test_verbs(self) -> None:
        """Each verb has a help of lines that fit, that says what it does, with examples that are its own."""
        for words in verbs():
            found = typed(*words, "--help")
            self.assertEqual(found.code, 0, words)
            self.assertIn(f"proactor {' '.join(words)} ", found.out)
            examples = found.out.partition("Examples:\n")[2]
            self.assertIn(f"proactor {' '.join(words)}", examples)
            self.assertEqual([line for line in found.out.splitlines() if len(line) > 100], [], words)

    def test_options(self) -> None:
        """All verbs are of the kind that has --json and the rest."""
        for words in verbs():
            self.assertIn("--json", typed(*words, "--help").out, words)

    def test_all(self) -> None:
        """Without a verb all are listed, with exit codes; the version is told."""
        found = typed("--help")
        for name in proactor.commands:
            self.assertIn(f"\n  {name} ", found.out)
        self.assertIn("3 not running, 4 cannot", found.out)
        self.assertRegex(typed("--version").out, r"^proactor \d")

    def test_kind(self) -> None:
        """Nothing that is added is a plain command."""
        config = proactor.commands["config"]
        assert isinstance(config, click.Group)
        every = [*proactor.commands.values(), *config.commands.values()]
        self.assertEqual([each.name for each in every if not isinstance(each, Verb | click.Group)], [])


class UsageTests(SynchronousTestCase):
    """What is typed wrongly."""

    def wrong(self, *words: str, told: str) -> Result:
        found = typed(*words)
        self.assertEqual((found.code, found.out), (2, ""), found)
        self.assertIn(told, found.err)
        return found

    def test_wrong(self) -> None:
        """It is said what is wrong, and the exit code is 2."""
        self.wrong("nope", told="No such command 'nope'")
        self.wrong("show", "xyz", told="'xyz' is no guid, nor the beginning of one")
        self.wrong("create", "-n", "0", told="0 is not in the range")
        self.wrong("create", "-o", "rate", told="'rate' is not NAME=VALUE")
        self.wrong("create", "-o", "a=1", "-o", "a=2", told="a is given twice")
        self.wrong("stop", told="say which")
        self.wrong("stop", "00", "--all", told="say which: JOB, or --module or --label or both, or --all\n")
        self.wrong("logs", told="say which: JOB, or --module or --label or both\n")
        for since in ("yesterday", "-1", "1w", "h", "2026-13-01T00:00:00Z"):
            self.wrong("logs", "00", "--since", since, told=f"'{since}' is no time: 2026-11-24T18:04:16Z is one, or")
        self.wrong("restart", "00", "--batch", "2", told="--batch is for")
        self.wrong("scale", "ticker", "-1", told="-1")
        self.wrong("--url", "ftp://x", "ps", told="no URL like")
        self.wrong("--url", "http://user@x", "ps", told="no URL like")
        self.wrong("--url", "http://[x", "ps", told="no URL like")
        self.wrong("ps", "--timeout", "0", told="0")

    def test_numbers(self) -> None:
        """What is no number, or none that can be waited for, is told in words, and nothing is asked of anybody."""
        for number in ("nan", "inf", "1e999", "soon"):
            told = f"'{number}' is no number of seconds"
            self.wrong("ps", "--timeout", number, told=told)
            for verb in (("create",), ("stop", "00"), ("rm", "00", "--yes"), ("restart", "00"), ("shutdown",)):
                self.wrong(*verb, "-w", number, told=told)
            for option in ("--wait", "--watch", "--within"):
                self.wrong("config", "set", "ticker", "rate=1", option, number, told=told)
            self.wrong("top", "-i", number, told=told)
        for number in ("abc", "1.5", "1_0", "²"):
            self.wrong("create", "-n", number, told=f"'{number}' is no whole number")
            self.wrong("scale", "ticker", number, told=f"'{number}' is no whole number")
            self.wrong("config", "rollback", "ticker", number, told=f"'{number}' is no whole number")
        for period in ("²", "9" * 400, "0", "nan"):
            self.wrong("token", "create", "ci", "-s", "read", "-e", period, told="is no period like 90, 15m")
            self.wrong("logs", "00", "--since", f"{period}w", told="is no time")

    def test_for_programs(self) -> None:
        """With --json, before or behind the verb, that is a problem document as any other error is."""
        for words in (("ps", "--foo", "--json"), ("--json", "ps", "--foo"), ("config", "get", "--foo", "--json")):
            told = self.wrong(*words, told="{").error
            self.assertEqual((told["title"], told["exit"]), ("Usage", 2))
            self.assertIn("No such option", told["detail"])
        self.assertEqual(self.wrong("--json", told="{").error["detail"], "Missing command.")
        self.assertIn("say which", self.wrong("stop", "--json", told="{").error["detail"])
        self.assertIn("no URL like", self.wrong("ps", "--url", "x", "--json", told="{").error["detail"])


class UnreadableTests(SynchronousTestCase):
    """A file that is named, and is not what is meant."""

    def test_unreadable(self) -> None:
        """It is named with what is wrong, and the exit code is not that of an initiator that does not run."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        file = folder / "file"
        file.write_text("two words")
        for words, told in (
            (("--token-file", str(folder)), f"{folder} is a folder, where a file is meant"),
            (("--token-file", str(file)), f"{file} holds no token: that is one word"),
            (("--token-file", str(folder / "none")), f"{folder / 'none'}: there is no token"),
            (("--home", str(file)), f"{file} is no folder: name one, or leave it out"),
        ):
            found = typed(*words, "ps")
            self.assertEqual((found.code, found.out), (1, ""))
            self.assertIn(told, found.err)
            self.assertNotIn("two words", found.err)
        told = typed("ps", "--json", variables={"PROACTOR_TOKEN": "two words"}).error
        self.assertEqual((told["exit"], told["detail"]), (1, "PROACTOR_TOKEN holds no token: that is one word"))
        self.assertEqual(typed("--home", str(folder), "ps").code, 3)


class LoadingTests(SynchronousTestCase):
    """What it takes to start."""

    def test_fast(self) -> None:
        """Help loads neither a reactor, nor the client, nor what draws."""
        program = (
            "import sys, proactor.cli.main;"
            "print([name for name in ('twisted', 'treq', 'rich', 'proactor.client') if name in sys.modules])"
        )
        loaded = subprocess.check_output([sys.executable, "-c", program], text=True)
        self.assertEqual(loaded, "[]\n")
