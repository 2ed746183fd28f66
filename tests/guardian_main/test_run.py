from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from twisted.trial.unittest import SynchronousTestCase

from proactor import guardian_main
from proactor.guardian_main.processes import Process
from proactor.guardian_main.protocol import connected, pack, send
from proactor.launchers.command import MARK

from .support import PATIENCE, STUBBORN

SCRIPT = str(Path(guardian_main.__file__).with_name("__main__.py"))


class ScriptTests(SynchronousTestCase):
    """The guardian's process, told by hand."""

    def session(self, *argv: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a process that leads a session, and says so."""
        code = "import sys; print('ready', flush=True); sys.stdin.read()"
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", code, *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **environment},
        )
        self.addCleanup(self.end, process)
        assert process.stdout is not None
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        with process:
            process.kill()

    def guard(self, *lines: str, argv: Sequence[str] = (SCRIPT,), stderr: int = subprocess.PIPE) -> str:
        """Tell the guardian lines and that the initiator is gone; give what it says in the end."""
        ours, theirs = connected()
        with theirs:
            guardian = subprocess.Popen([sys.executable, *argv], stdin=theirs.fileno(), stderr=stderr, text=True)
        with ours, guardian:
            for packet in pack((line, None) for line in lines):
                send(ours, packet)
            ours.close()
            said: str = guardian.communicate(timeout=PATIENCE)[1]
        self.assertEqual(guardian.returncode, 0)
        return said

    def start_of(self, process: subprocess.Popen[bytes]) -> int:
        looked = Process.look(process.pid)
        assert looked is not None
        return looked.start

    def test_ends(self) -> None:
        """What it was told of is ended."""
        process = self.session()
        self.assertIn(" ended 1 of ", self.guard(f"watch {process.pid} {self.start_of(process)} 10"))
        self.assertEqual(process.wait(), -signal.SIGTERM)

    def test_made(self) -> None:
        """What will not end is made to, with all its group, when its grace is over."""
        process = subprocess.Popen(["sh", "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True)
        self.addCleanup(self.end, process)
        assert process.stdout is not None
        self.assertEqual(process.stdout.readline(), b"ready\n")
        self.assertIn(" ended 2 of ", self.guard(f"watch {process.pid} {self.start_of(process)} 0.2"))
        self.assertEqual(process.wait(), -signal.SIGKILL)

    def test_other_of_that_number(self) -> None:
        """A process whose start time is another's is another process, and lives, with all its session."""
        process = self.session()
        self.assertEqual(self.guard(f"watch {process.pid} {self.start_of(process) - 1} 0"), "")
        self.assertIsNone(process.poll())

    def test_taken_back(self) -> None:
        """What it was told to forget lives, as if it had never heard of it."""
        process = self.session()
        lines = (f"watch {process.pid} {self.start_of(process)} 0", f"unwatch {process.pid}", f"unwatch {process.pid}")
        self.assertEqual(self.guard(*lines), "")
        self.assertIsNone(process.poll())

    def test_not_understood(self) -> None:
        """What it does not understand it says so of, and goes on."""
        process = self.session()
        lines = (
            "watch",
            "watch one two 3",
            "linger soon",
            "stop",
            "hello",
            f"watch {process.pid} {self.start_of(process)} 9",
        )
        said = self.guard(*lines, "keep", "what is that")
        for line in lines[:4]:
            self.assertIn(
                f"WARNING|{{pid}}|proactor.guardian|Not understood: {line!r}\n", re.sub("[|][0-9]+[|]", "|{pid}|", said)
            )
        self.assertEqual(process.wait(), -signal.SIGTERM)

    def test_mark(self) -> None:
        """The mark is the whole of one variable."""
        mark = uuid4().hex
        for value in (mark[:-1], f"{mark}0", ""):
            process = self.session(OTHER=f"{MARK}={mark}", **{MARK: value})
            self.assertEqual(self.guard(f"mark {MARK}={mark} 0"), "")
            self.assertIsNone(process.poll())
        process = self.session(**{MARK: mark})
        self.assertIn(" ended 1 of ", self.guard(f"mark {MARK}={mark} 10"))
        self.assertEqual(process.wait(), -signal.SIGTERM)

    def test_no_pidfd(self) -> None:
        """A build of Python, or a kernel, that has no pidfd does as well."""
        script = f"import os, runpy; del os.pidfd_open; runpy.run_path({SCRIPT!r}, run_name='__main__')"
        mark = uuid4().hex
        process = self.session(**{MARK: mark})
        self.assertIn(" ended 1 of ", self.guard(f"mark {MARK}={mark} 10", argv=("-c", script)))
        self.assertEqual(process.wait(), -signal.SIGTERM)

    def test_before_its_session(self) -> None:
        """A leader that has not come to make its session is ended, and nobody of the session that it is in."""
        process = subprocess.Popen(["sleep", "1000"])
        self.addCleanup(self.end, process)
        self.assertIn(" ended 1 of ", self.guard(f"watch {process.pid} {self.start_of(process)} 10"))
        self.assertEqual(process.wait(), -signal.SIGTERM)

    def test_nothing(self) -> None:
        """With nothing to do it ends without a word; so it does where nothing is left."""
        self.assertEqual(self.guard(), "")
        process = self.session()
        start = self.start_of(process)
        self.end(process)
        self.assertEqual(self.guard(f"watch {process.pid} {start} 10"), "")

    def test_no_standard_error(self) -> None:
        """That nobody hears it does not keep it from its work."""
        process = self.session()
        unheard, end = os.pipe()
        os.close(unheard)
        self.guard(f"watch {process.pid} {self.start_of(process)} 10", stderr=end)
        os.close(end)
        self.assertEqual(process.wait(), -signal.SIGTERM)

    def test_zombie(self) -> None:
        """A zombie is dead: nothing is waited for."""
        process = self.session()
        start = self.start_of(process)
        assert process.stdin is not None
        process.stdin.close()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        self.assertEqual(self.guard(f"watch {process.pid} {start} 1000"), "")

    def test_odd_name(self) -> None:
        """A program's name can look like the rest of what is told of it."""
        program = Path(self.mktemp())
        program = program.with_name("x) Z 1 (")
        program.symlink_to("/bin/sleep")
        process = subprocess.Popen([program, "1000"], start_new_session=True)
        self.addCleanup(self.end, process)
        while Path(f"/proc/{process.pid}/comm").read_text() != f"{program.name}\n":
            pass
        looked = Process.look(process.pid)
        assert looked is not None
        self.assertEqual((looked.alive, looked.session), (True, process.pid))

    def test_home(self) -> None:
        """With a home it waits there for the next initiator; without a place there it says so."""
        home = Path(self.mktemp())
        lines = ("adopt yes", "linger 0.1")
        argv = (SCRIPT, str(home.absolute()))
        self.assertIn(" no initiator can take over ", self.guard(*lines, argv=argv))
        (line,) = self.guard(*lines, argv=(*argv, "json")).splitlines()[:1]
        self.assertIn(" no initiator can take over ", json.loads(line)["message"])
        home.mkdir()
        self.assertIn(" live on, 0 sockets kept ", self.guard(*lines, argv=argv))
        self.assertEqual(list(home.iterdir()), [])

    def test_left_behind(self) -> None:
        """After a stop it says how many there were that it was told nothing of."""
        mark = uuid4().hex
        process = self.session(**{MARK: mark})
        said = self.guard(f"mark {MARK}={mark} 10", "stop 10")
        self.assertIn("Ended 1 process that had been left behind", said)
        self.assertEqual(process.wait(), -signal.SIGTERM)

    def test_format(self) -> None:
        """It speaks in the format of the initiator that it serves, whatever the one before it wrote."""
        argv = (SCRIPT, str(Path(self.mktemp()).absolute()), "json")
        for hello, is_json in (("hello 1 json", True), ("hello 1", False)):
            *_, line = self.guard(hello, "stop a", argv=argv).splitlines()
            self.assertIn("Not understood: 'stop a'", json.loads(line)["message"] if is_json else line)

    def test_small(self) -> None:
        """It loads nothing but a little of the standard library."""
        script = (
            f"import runpy, sys; runpy.run_path({SCRIPT!r}, run_name='__main__'); print(*sys.modules, file=sys.stderr)"
        )
        loaded = self.guard(argv=("-I", "-S", "-c", script)).split()
        self.assertIn("guardian_main.serving", loaded)
        self.assertEqual([name for name in loaded if name.partition(".")[0] in {"proactor", "twisted", "attr"}], [])
        self.assertLess(len(loaded), 95)
