"""Tests of what a shell completes a line with."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Any

from click.shell_completion import CompletionItem, ShellComplete
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from proactor.cli.completing import Bash
from proactor.cli.main import proactor
from proactor.cli.running import Work
from proactor.cli.shell import Shell
from proactor.client import Unreachable

from ..client.support import Memory
from .support import typed


class CompletedTests(SynchronousTestCase):
    """A word, by what stands before it."""

    def setUp(self) -> None:
        self.memory = Memory(self)
        self.job = self.memory.rig.create()

    def run_in_memory(self, work: Work[Any]) -> Any:
        return self.memory.run(work(self.memory.rig.clock))

    def items(self, *words: str) -> list[CompletionItem]:
        shell = Shell(runner=self.run_in_memory, connect=lambda *_: self.memory.client, url="http://localhost:8080")
        *before, incomplete = words
        completer = ShellComplete(proactor, {"obj": shell}, "proactor", "_PROACTOR_COMPLETE")
        return completer.get_completions(before, incomplete)

    def words(self, *words: str) -> list[str]:
        return [str(item.value) for item in self.items(*words)]

    def test_files(self) -> None:
        """Names of files and folders are the shell's to complete."""
        for words in (("check",), ("--token-file",), ("ps", "--cafile"), ("token", "create", "ci", "--out")):
            (item,) = self.items(*words, "x/y")
            self.assertEqual((item.type, item.value), ("file", "x/y"), words)
        for words in (("init",), ("--home",), ("ps", "--home")):
            self.assertEqual([item.type for item in self.items(*words, "x/y")], ["dir"], words)

    def test_options(self) -> None:
        """Names of options are those of the section, and behind = what the value may be, or is."""
        self.assertIn("rate", self.words("config", "get", "my.module", ""))
        self.assertIn("rate=", self.words("config", "set", "my.module", "ra"))
        self.assertIn("restart=", self.words("config", "set", "my.module", "rest"))
        self.assertIn("rate=", self.words("create", "my.module", "-o", "ra"))
        self.assertIn("rate=", self.words("config", "set", self.job.guid[:12], "ra"))
        self.assertEqual(self.words("config", "unset", "my.module", "rate", "rat"), [])
        self.assertEqual(self.words("config", "explain", self.job.guid, "rat"), ["rate"])
        self.assertIn("max_jobs=", self.words("config", "set", "DEFAULT", "max"))
        self.assertNotIn("command=", self.words("config", "set", "my.module", ""))
        self.assertEqual(self.words("config", "set", "my.module", "restart=on"), ["restart=on-failure"])
        self.assertEqual(self.words("config", "set", "my.module", "preload="), ["preload=yes", "preload=no"])
        rate = self.memory.run(self.memory.client.config.section("my.module")).options["rate"]
        self.assertEqual(self.words("config", "set", "my.module", "rate="), [f"rate={rate}"])
        self.assertEqual(self.words("config", "set", "my.module", "none="), [])

    def test_static(self) -> None:
        """What there is without an initiator is completed without one."""
        self.assertIn("HUP", self.words("signal", ""))
        self.assertEqual(self.words("signal", "sighu"), ["SIGHUP"])
        self.assertEqual(self.words("events", "--event", "dead"), ["dead-letter"])

    def test_receivers(self) -> None:
        """A message goes to a job, a module, or a topic to which somebody has subscribed."""
        self.memory.run(self.memory.client.config.edit("my.module", {"subscribe": "orders.new prices.*"}))
        words = self.words("send", "")
        self.assertLessEqual({self.job.guid, "my.module", "topic:", "topic:orders.new"}, {*words})
        self.assertNotIn("topic:prices.*", words)
        self.assertIn("my.module", self.words("message", "list", "--receiver", "my"))
        self.assertIn("operator", self.words("message", "list", "--sender", "op"))

    def test_jobs(self) -> None:
        """A job is not offered twice; its labels are."""
        (made,) = self.memory.run(self.memory.client.jobs.create("my.module", labels={"role": "canary"}))
        self.assertEqual(self.words("stop", self.job.guid, ""), [made.guid])
        self.assertEqual(self.words("stop", "--label", "ro"), ["role=canary"])
        first = self.words("config", "set", "my.module", "rate=3", "--first", "")
        self.assertLessEqual({self.job.guid, made.guid, "label:role=canary"}, {*first})

    def test_kept(self) -> None:
        """Tokens, messages, revisions, rollouts, restarts and namespaces are those that there are."""
        client, run = self.memory.client, self.memory.run
        run(client.tokens.create("ci", ["read"]))
        self.assertEqual(self.words("token", "revoke", ""), ["ci"])
        plan = run(client.config.edit("my.module", {"rate": "3"}))
        self.assertEqual(self.words("config", "rollback", "my.module", ""), [str(plan.revision)])
        self.assertEqual(self.words("config", "diff", "my.module", ""), [str(plan.revision)])
        self.assertEqual(self.words("rollout", ""), [plan.rollout])
        restart = run(client.jobs.restart_all(module="my.module"))
        self.assertEqual(self.words("restart", "--follow", ""), [restart.id])
        (number,) = run(client.messages.send("my.module", "hello")).numbers
        self.assertEqual(self.words("message", "show", ""), [str(number)])
        self.assertEqual(self.words("message", "resend", ""), [])
        run(client.set_log_level("debug", None, "twisted.web"))
        self.assertEqual(self.words("log-level", "debug", "--namespace", "tw"), ["twisted.web"])
        self.assertIn("proactor.jobs", self.words("log-level", "debug", "--namespace", "proactor.jo"))

    def test_nobody(self) -> None:
        """Where nobody answers there is nothing to complete with, and no error in the middle of a line."""

        def nobody(_work: Work[Any]) -> Any:
            raise Unreachable("nobody")

        self.patch(self, "run_in_memory", nobody)
        for words in (("show", ""), ("config", "get", "my.module", ""), ("token", "revoke", ""), ("send", "")):
            self.assertEqual(self.words(*words), [])


class ShellTests(SynchronousTestCase):
    """What a shell reads."""

    def bash(self, line: str, breaks: str = " =:", answers: str = "") -> str:
        """What bash has to choose from at the end of a line, and how it goes on."""
        program = (
            'compopt() { echo "$*"; }; complete() { :; }\n'
            "proactor() { printf '%s\\n' \"$COMP_LINE\" > line; printf '%s' \"$ANSWERS\"; }\n"
            f"{typed('completion', 'bash').out}\n"
            "_proactor_completion proactor\n"
            'printf "<%s>" "${COMPREPLY[@]}"\n'
        )
        variables = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_WORDBREAKS": breaks, "ANSWERS": answers}
        program = "".join(f"{name}=$'{value}'\n" for name, value in variables.items()) + program
        return subprocess.run(["bash", "-c", program], check=True, capture_output=True, text=True).stdout

    def test_shells(self) -> None:
        """There is a text for each shell, and bash can read its own."""
        for name in ("bash", "zsh", "fish"):
            self.assertIn("_PROACTOR_COMPLETE", typed("completion", name).out)
        self.assertEqual(typed("completion", "bash", "--json").json["shell"], "bash")
        source = typed("completion", "bash").out
        subprocess.run(["bash", "-n"], input=source, text=True, check=True)

    def test_bash(self) -> None:
        """Files are left to bash; what ends in = goes on without a space; nothing is expanded."""
        self.assertEqual(self.bash("proactor check x", answers="file,x"), "-o default\n<>")
        self.assertEqual(self.bash("proactor init x", answers="dir,x"), "-o dirnames\n<>")
        self.assertEqual(self.bash("proactor config set a r", answers="plain,rate="), "-o nospace\n<rate=>")
        self.assertEqual(self.bash("proactor s", answers="plain,*\\nplain,a b"), "<\\*><a\\ b>")

    def of_line(self, line: str, breaks: str = " =:") -> tuple[tuple[list[str], str], str]:
        """How a line is parted, and what bash is told of a value and a file."""
        variables = {"COMP_LINE": line, "COMP_WORDBREAKS": breaks}
        self.patch(os, "environ", variables)
        completer = Bash(proactor, {}, "proactor", "_PROACTOR_COMPLETE")
        found = [CompletionItem(f"{completer.get_completion_args()[1]}{end}") for end in ("!", "")]
        self.patch(completer, "get_completions", lambda *_: found)
        return completer.get_completion_args(), completer.complete()

    def test_words(self) -> None:
        """A line is parted as a shell would; of a word that bash parts only its last part is completed."""
        self.assertEqual(self.of_line("proactor ps "), ((["ps"], ""), "plain,!"))
        self.assertEqual(self.of_line("proactor a 'b c"), ((["a"], "b c"), "plain,b c!\nplain,b c"))
        self.assertEqual(self.of_line("proactor set a=b:c"), ((["set"], "a=b:c"), "plain,c!\nplain,c"))
        self.assertEqual(self.of_line("proactor set a="), ((["set"], "a="), "plain,!"))
        self.assertEqual(self.of_line("proactor set a=b", " "), ((["set"], "a=b"), "plain,a=b!\nplain,a=b"))

    def test_zsh(self) -> None:
        """zsh takes it, be its completion set up or not."""
        if shutil.which("zsh") is None:
            raise SkipTest("there is no zsh")
        source = typed("completion", "zsh").out
        for before in ("", "autoload -Uz compinit; compinit -D -u\n"):
            found = subprocess.run(
                ["zsh", "-f", "-c", f"{before}{source}\nprint -r -- $_comps[proactor]"],
                check=False,
                capture_output=True,
                text=True,
                env={"PATH": "/usr/bin:/bin", "HOME": self.mktemp()},
            )
            self.assertEqual((found.stdout, found.stderr), ("_proactor_completion\n", ""))
