from __future__ import annotations

import fcntl
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from proactor.errors import ProactorError, Unavailable
from proactor.home.home import Home

GUID = "8d740c16d9b8419aa7417f7da6deb039"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def warnings(events: Sequence[LogEvent]) -> list[str]:
    return [formatEvent(event) for event in events if event["log_level"].name == "warn"]


def never() -> bytes:
    raise AssertionError("made, although it is there")


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file grow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()

    def opened(self) -> Home:
        home = Home.open(self.path)
        self.addCleanup(home.close)
        return home

    def refused(self, *parts: str) -> None:
        """See that the folder is refused with what is wrong, where, and what to do."""
        text = str(self.assertRaises(ProactorError, Home.open, self.path))
        for part in (*parts, "--home"):
            self.assertIn(part, text)


class OpenTests(Case):
    """The folder and its lock."""

    def test_made(self) -> None:
        """A folder that was not there is made for us alone, with what leads to it, and says nothing."""
        self.path = self.path / "deeper"
        with capturedLogs() as events:
            home = self.opened()
        self.assertEqual({mode(home.path), mode(home.path / "logs")}, {0o700})
        self.assertEqual(mode(home.path / "lock"), 0o600)
        self.assertEqual(warnings(events), [])

    def test_tightened(self) -> None:
        """A folder of ours that is open to others is closed to them, and that is said."""
        self.path.mkdir()
        self.path.chmod(0o755)
        with capturedLogs() as events:
            self.opened()
        self.assertEqual(mode(self.path), 0o700)
        (warning,) = warnings(events)
        self.assertIn(f"{self.path.resolve()} was open to others (mode 0755): changed to 0700", warning)

    def test_of_others(self) -> None:
        """A folder that holds something else is not closed to others: who named it will have meant another one."""
        self.path.mkdir()
        (self.path / "notes.txt").touch()
        for found in (0o755, 0o1777):
            self.path.chmod(found)
            self.refused(str(self.path), "holds other things", f"{found:04o}")
            self.assertEqual((mode(self.path), os.listdir(self.path)), (found, ["notes.txt"]))
        self.path.chmod(0o700)
        self.opened()

    def test_found_open(self) -> None:
        """What was a home before is closed again, whatever else is in there."""
        self.path.mkdir()
        (self.path / "notes.txt").touch()
        (self.path / "operator.token").write_bytes(b"x" * 22)
        self.path.chmod(0o755)
        with capturedLogs() as events:
            self.opened()
        self.assertEqual(mode(self.path), 0o700)
        self.assertEqual(len(warnings(events)), 1)

    def test_link(self) -> None:
        """A symbolic link to a folder of ours is as good as the folder."""
        self.path.mkdir(mode=0o700)
        link = Path(self.mktemp())
        link.symlink_to(self.path)
        home = Home.open(link)
        self.addCleanup(home.close)
        self.assertEqual(home.path, self.path.resolve())

    def test_user_folder(self) -> None:
        """A leading ~ is the user's folder; without a path it is .proactor in there."""
        before = os.environ.get("HOME")
        os.environ["HOME"] = str(self.path)
        try:
            home = Home.open()
            home.close()
        finally:
            os.environ.pop("HOME") if before is None else os.environ.update(HOME=before)
        self.assertEqual(home.path, self.path.resolve() / ".proactor")

    def test_no_user_folder(self) -> None:
        """The folder of a user that there is none of is refused."""
        self.path = Path("~no-such-user-here/x")
        self.refused("~no-such-user-here")

    def test_somebody_elses(self) -> None:
        """A folder of somebody else is refused, and stays as it is."""
        if os.geteuid() == 0:
            self.path.mkdir()
            os.chown(self.path, 12345, -1)
        else:
            self.path = Path("/")
        before = mode(self.path)
        self.refused(str(self.path), "belongs to uid")
        self.assertEqual(mode(self.path), before)

    def test_not_a_folder(self) -> None:
        """A file is refused, and so is a place below a file."""
        self.path.write_text("")
        self.refused("is not a folder")
        self.path = self.path / "below"
        self.refused("is not a folder")

    def test_unusable(self) -> None:
        """A place where no folder can be made is refused with the reason."""
        self.path = Path("/proc/self/proactor")
        if not Path("/proc/self").exists():
            raise SkipTest("no /proc here")
        self.refused("cannot be used: No such file or directory")

    def test_logs_unusable(self) -> None:
        """A home that cannot keep logs is refused, and is free again."""
        self.path.mkdir(mode=0o700)
        (self.path / "logs").write_text("")
        self.refused("logs: is not a folder")
        (self.path / "logs").unlink()
        self.opened()

    def test_lock_unusable(self) -> None:
        """A lock that cannot be opened, or is another file in disguise, is refused."""
        self.path.mkdir()
        (self.path / "lock").symlink_to("elsewhere")
        self.refused("lock: ")
        self.assertFalse((self.path / "elsewhere").exists())

    def test_no_room(self) -> None:
        """A lock that cannot be written is refused, and not held."""
        self.path.mkdir(mode=0o700)
        with no_room():
            self.refused("lock: File too large")
        self.opened()

    def test_second(self) -> None:
        """A second initiator is refused and told who has the folder; once that one closes, twice or not, it may."""
        first = self.opened()
        self.refused(str(first.path), f"pid {os.getpid()}")
        self.assertEqual((self.path / "lock").read_text(), f"{os.getpid()}\n")
        first.close()
        first.close()
        self.opened()

    def test_nobody(self) -> None:
        """Who has closed it stands in its lock no more: a number that is left there could be anybody's by then."""
        home = self.opened()
        home.close()
        self.assertEqual((self.path / "lock").read_bytes(), b"\n")
        (self.path / "logs").rmdir()
        (self.path / "logs").touch()
        self.refused("logs: is not a folder")
        self.assertEqual((self.path / "lock").read_bytes(), b"\n")

    def test_keeps_its_room(self) -> None:
        """A lock that there is takes no more room when the next initiator has it: that can begin on a full disk."""
        sizes: list[int] = []
        truncate = os.ftruncate

        def noted(fd: int, size: int) -> None:
            sizes.append(size)
            truncate(fd, size)

        self.patch(os, "ftruncate", noted)
        self.opened().close()
        self.opened()
        self.assertEqual(len(sizes), 3)
        self.assertNotIn(0, sizes)
        self.assertEqual((self.path / "lock").read_text(), f"{os.getpid()}\n")

    def test_second_unknown(self) -> None:
        """One that holds the lock and has not said who it is yet is refused for as well."""
        self.path.mkdir()
        with open(self.path / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.refused("an initiator uses it, which begins or ends at this moment; try again")

    def test_killed(self) -> None:
        """The lock of an initiator that was killed is free, and no child of it keeps it."""
        program = (
            "import subprocess, sys\n"
            "from proactor.home.home import Home\n"
            "home = Home.open(sys.argv[1])\n"
            "child = subprocess.Popen(['cat'], stdin=sys.stdin, close_fds=False)\n"
            "print('held', flush=True)\n"
            "child.wait()\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", program, self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as holder:
            assert holder.stdout is not None
            self.assertEqual(holder.stdout.readline(), b"held\n")
            self.refused(f"pid {holder.pid}")
            holder.kill()
            holder.wait()
            self.opened()

    def test_repr(self) -> None:
        """It tells where it is, and no secret."""
        home = self.opened()
        token = home.operator_token
        self.assertEqual(repr(home), f"Home({str(home.path)!r})")
        self.assertFalse(token in repr(home))


class SecretTests(Case):
    """What only the owner may read. No message of these tests shows a secret."""

    def test_token(self) -> None:
        """The operator's token has 256 bits, is for its owner's eyes, and is the same the next time."""
        home = self.opened()
        token = home.operator_token
        self.assertTrue(len(token) == 43 and token.isascii() and not token.isspace())
        self.assertEqual(mode(home.path / "operator.token"), 0o600)
        home.close()
        self.assertTrue(self.opened().operator_token == token)

    def test_own_token(self) -> None:
        """An operator may put a token of their own."""
        home = self.opened()
        (home.path / "operator.token").write_text("correct-horse-battery-staple\n")
        self.assertTrue(home.operator_token == "correct-horse-battery-staple")

    def test_broken_token(self) -> None:
        """A file that holds no token is an error that says what to do, and does not show what it holds."""
        home = self.opened()
        for content in (b"short", b"two words, long enough for it", b"\xff" * 43, b"\n"):
            (home.path / "operator.token").write_bytes(content)
            text = str(self.assertRaises(ProactorError, lambda: home.operator_token))
            self.assertIn("operator.token: holds no token", text)
            self.assertIn("delete it", text)
            self.assertNotIn("short", text)

    def test_tightened(self) -> None:
        """A file that others could read is closed to them, and that is said."""
        home = self.opened()
        path = home.path / "operator.token"
        token = home.operator_token
        path.chmod(0o644)
        with capturedLogs() as events:
            self.assertTrue(home.operator_token == token)
        self.assertEqual(mode(path), 0o600)
        (warning,) = warnings(events)
        self.assertIn("operator.token was open to others (mode 0644)", warning)
        self.assertFalse(token in warning)

    def test_any_secret(self) -> None:
        """A secret is made once, in a folder of its own where it is to have one, and leaves nothing beside it."""
        home = self.opened()
        self.assertEqual(home.read_secret("keys/ring.json", lambda: b"PEM"), b"PEM")
        self.assertEqual(home.read_secret("keys/ring.json", never), b"PEM")
        self.assertEqual(os.listdir(home.path / "keys"), ["ring.json"])
        self.assertEqual({mode(home.path / "keys"), mode(home.path / "keys/ring.json")}, {0o700, 0o600})

    def test_whatever_umask(self) -> None:
        """The mode is what it is to be under any umask."""
        home = self.opened()
        before = os.umask(0o277)
        try:
            home.read_secret("x", lambda: b"x")
        finally:
            os.umask(before)
        self.assertEqual(mode(home.path / "x"), 0o600)

    def test_empty_or_huge(self) -> None:
        """A file that is empty, or is no secret by its size, is an error with the remedy."""
        home = self.opened()
        for content, word in ((b"", "empty"), (b"x" * (1 << 17), "too large")):
            (home.path / "x").write_bytes(content)
            text = str(self.assertRaises(ProactorError, home.read_secret, "x", never))
            self.assertIn(f"x: is {word}; delete it", text)

    def test_not_a_file(self) -> None:
        """A folder, a link or a pipe in its place is an error, and is not waited for."""
        home = self.opened()
        (home.path / "a").mkdir()
        (home.path / "b").symlink_to("a")
        os.mkfifo(home.path / "c")
        for name in "abc":
            self.assertIn(f"{name}: ", str(self.assertRaises(ProactorError, home.read_secret, name, never)))

    def test_no_room(self) -> None:
        """One that cannot be written is not there by half."""
        home = self.opened()
        with no_room():
            error = self.assertRaises(ProactorError, home.read_secret, "keys/x", lambda: b"secret")
        self.assertIn("keys/x: File too large", str(error))
        self.assertNotIn("secret", str(error))
        self.assertEqual(os.listdir(home.path / "keys"), [])

    def test_names(self) -> None:
        """No name leads out of the folder."""
        home = self.opened()
        for name in ("../x", "/etc/passwd", "a/../x", "a/b/c", "", ".", "..", "keys/", "x\n", ".hidden"):
            self.assertRaises(ValueError, home.read_secret, name, never)


class LogTests(Case):
    """The logs of processors."""

    def test_appended(self) -> None:
        """A log is appended to across launches, is for its owner's eyes, and is inherited by none on exec."""
        home = self.opened()
        for line in (b"one\n", b"two\n"):
            fd = home.open_log(GUID)
            os.write(fd, line)
            self.assertFalse(os.get_inheritable(fd))
            os.close(fd)
        self.assertEqual(home.log_path(GUID).read_bytes(), b"one\ntwo\n")
        self.assertEqual(mode(home.log_path(GUID)), 0o600)
        self.assertEqual(home.log_path(GUID).parent, home.path / "logs")

    def test_removed(self) -> None:
        """It can be removed, also when it is not there."""
        home = self.opened()
        os.close(home.open_log(GUID))
        home.remove_log(GUID)
        home.remove_log(GUID)
        self.assertFalse(home.log_path(GUID).exists())

    def test_link(self) -> None:
        """A link in its place is not followed."""
        home = self.opened()
        home.log_path(GUID).symlink_to("elsewhere")
        self.assertIn(f"{GUID}.log", str(self.assertRaises(Unavailable, home.open_log, GUID)))

    def test_somebody_elses(self) -> None:
        """A file of somebody else in its place is refused, and no descriptor stays."""
        if os.geteuid() != 0:
            raise SkipTest("only root can give a file away")
        home = self.opened()
        home.log_path(GUID).touch()
        os.chown(home.log_path(GUID), 12345, -1)
        before = os.listdir("/proc/self/fd")
        self.assertIn("belongs to uid", str(self.assertRaises(ProactorError, home.open_log, GUID)))
        self.assertEqual(os.listdir("/proc/self/fd"), before)

    def test_names(self) -> None:
        """Only a guid has a log."""
        home = self.opened()
        for guid in ("../lock", GUID.upper(), GUID[1:], GUID + "0", GUID + "\n", ""):
            self.assertRaises(ValueError, home.open_log, guid)
