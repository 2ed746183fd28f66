from __future__ import annotations

import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SkipTest

from proactor.guardian.hand_over import connect
from proactor.guardian_main.door import NAME
from proactor.guardian_main.protocol import receive, send

from .support import (
    GROUP_APART,
    PATIENCE,
    POLITE,
    ROOT,
    SESSION_APART,
    InitiatorCase,
    is_there,
    read_all,
)

STRANGER = """
import os, sys
import socket
from proactor.guardian_main.protocol import receive, send
folder = os.open(sys.argv[1], os.O_PATH)
os.setuid(65534)
connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
try:
    connection.connect(f"/proc/self/fd/{folder}/guardian.sock")
except OSError as error:
    sys.exit(error.strerror)
try:
    send(connection, [("hello 1", None)])
    sys.exit(str(receive(connection)))
except BrokenPipeError:
    sys.exit("None")
"""


class LeftCase(InitiatorCase):
    """A home, and initiators that follow one another there."""

    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()
        self.home.mkdir()
        self.guardians: set[int] = set()
        self.addCleanup(self.end_guardians)

    def end_guardians(self) -> None:
        for pid in self.guardians:
            if is_there(pid):
                os.kill(pid, signal.SIGKILL)

    def next(self, adopt: bool = True) -> dict[str, int]:
        """Start the next initiator; gives the ports that it has taken over."""
        self.begin(self.home)
        ports: dict[str, int] = self.order("take_over")
        self.order("adopt", adopt)
        self.order("begin")
        self.guardian: int = self.order("guardians")
        self.guardians.add(self.guardian)
        return ports

    def kill_it(self) -> str:
        """Kill the initiator; gives what the guardian says, when it has understood."""
        self.initiator.kill()
        return read_all(self.err)

    def left(self) -> None:
        """Kill the initiator, which leaves everything."""
        self.assertIn(" live on", self.kill_it())

    def start_to_live_on(self, script: str = POLITE, **more: bool) -> int:
        """Start a process, which is ended with the test."""
        pid = self.start(script, **more)
        self.addCleanup(self.end_session, pid)
        return pid

    def end_session(self, pid: int) -> None:
        if is_there(pid):
            os.killpg(pid, signal.SIGKILL)

    def call(self, port: int, says: str) -> None:
        """Connect, and say something."""
        client = socket.create_connection(("127.0.0.1", port))
        self.addCleanup(client.close)
        client.sendall(says.encode())

    def is_refused(self, port: int) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) != 0

    def is_ended(self, pid: int) -> None:
        """Wait until a process is no more."""
        self.comes_true(lambda: not is_there(pid))

    def has_open(self, count: int) -> None:
        """Wait until the guardian has so many descriptors."""
        self.comes_true(lambda: len(os.listdir(f"/proc/{self.guardian}/fd")) == count)

    def comes_true(self, condition: Callable[[], bool]) -> None:
        give_up = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), give_up)

    def served(self, ports: dict[str, int]) -> None:
        """See that who connects waits, and is served by the initiator of now."""
        for guid, port in ports.items():
            self.call(port, guid)
        for guid in ports:
            self.assertEqual(self.order("accept", guid), guid)


class TakenOverTests(LeftCase):
    """An initiator that is killed, and the next one."""

    def test_sockets(self) -> None:
        """Who connects while there is no initiator waits, and is served by the next one; the guardian is the same."""
        self.assertEqual(self.next(), {})
        pid = self.start_to_live_on()
        ports = self.order("listen", 3)
        guardian = self.guardian
        self.left()
        for guid, port in ports.items():
            self.call(port, guid)
        self.assertEqual(self.next(), ports)
        self.assertEqual(self.guardian, guardian)
        for guid in ports:
            self.assertEqual(self.order("accept", guid), guid)
        self.served(ports)
        self.assertTrue(is_there(pid))

    def test_over_and_over(self) -> None:
        """So it is however many are killed, and what each began goes on."""
        self.next()
        ports, pids = {}, []
        guardian = self.guardian
        for number in range(4):
            pids.append(self.start_to_live_on())
            ports.update(self.order("listen", 2, f"{number:x}" * 31))
            self.left()
            self.assertEqual(self.next(), ports)
        self.assertEqual(self.guardian, guardian)
        self.served(ports)
        self.assertTrue(all(map(is_there, pids)))

    def test_killed_at_once(self) -> None:
        """One that is killed as soon as it has taken over leaves it as it was, whatever it would have said."""
        self.next()
        self.start_to_live_on()
        ports = self.order("listen", 2)
        self.left()
        self.begin(self.home)
        self.assertEqual(self.order("take_over"), ports)
        self.left()
        self.assertEqual(self.next(), ports)
        self.served(ports)

    def test_all_of_them_are_ours(self) -> None:
        """What an earlier initiator started is ended with the one that does not leave it, told of or marked."""
        self.next()
        pids = [self.start_to_live_on(GROUP_APART, marked=False), self.start_to_live_on(SESSION_APART)]
        self.left()
        first = self.out
        self.next(adopt=False)
        ports = self.order("listen", 1)
        self.start_to_live_on()
        self.assertEqual(self.kill(), "asked\n")
        self.assertEqual(read_all(first), "")
        self.assertIn(" ended ", self.report())
        for pid in pids:
            self.assertFalse(is_there(pid))
        self.is_ended(self.guardian)
        self.assertTrue(all(map(self.is_refused, ports.values())))
        self.assertEqual(list(self.home.iterdir()), [])

    def test_stopped(self) -> None:
        """The stop of a later initiator ends the guardian, and what earlier ones have left behind."""
        self.next()
        self.start_to_live_on(SESSION_APART)
        self.order("listen", 1)
        self.left()
        first = self.out
        self.next()
        self.assertIsNone(self.order("stop"))
        self.assertEqual(read_all(first), "")
        self.is_ended(self.guardian)
        self.assertIn(" left behind", self.kill_it())
        self.assertEqual(list(self.home.iterdir()), [])

    def test_adoption_can_be_set(self) -> None:
        """What counts is what was said last."""
        self.next(adopt=True)
        self.start_to_live_on()
        self.order("adopt", False)
        self.assertEqual(self.kill(), "asked\n")

    def test_left_on_purpose(self) -> None:
        """An initiator may leave everything to the next one, where a killed one would not."""
        self.next(adopt=False)
        pid = self.start_to_live_on()
        ports = self.order("listen", 2)
        self.assertIsNone(self.order("leave"))
        self.left()
        self.assertEqual(self.next(), ports)
        self.assertTrue(is_there(pid))
        self.served(ports)

    def test_let_go(self) -> None:
        """What is let go is held no more, not by the guardian either; nor is what is closed."""
        self.next()
        self.start_to_live_on()
        ports = self.order("listen", 3)
        gone = sorted(ports)[:2]
        self.order("let_go", gone[0])
        self.order("close", gone[1])
        self.left()
        for guid in gone:
            self.assertTrue(self.is_refused(ports.pop(guid)))
        self.assertEqual(self.next(), ports)

    def test_parked(self) -> None:
        """A socket that does not listen is kept too: clients are refused, and the port is nobody else's."""
        self.next()
        self.start_to_live_on()
        ports = self.order("listen", 1)
        (guid, port) = next(iter(ports.items()))
        self.order("park", guid)
        self.left()
        self.assertTrue(self.is_refused(port))
        with socket.socket() as other:
            self.assertRaises(OSError, other.bind, ("127.0.0.1", port))
        self.assertEqual(self.next(), ports)
        self.assertTrue(self.is_refused(port))

    def test_many(self) -> None:
        """2,000 sockets are kept and handed over, and none is left with the guardian in the end."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 3000:
            raise SkipTest("this user may not have so many descriptors")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3000), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.next()
        self.start_to_live_on()
        ports = self.order("listen", 2000)
        self.left()
        self.has_open(2005)
        self.assertEqual(self.next(), ports)
        self.served(dict(list(ports.items())[::100]))
        for guid in ports:
            self.initiator.send("let_go", guid)
        self.order("guardians")
        self.has_open(6)


class GuardiansTests(LeftCase):
    """The guardian itself, while it keeps something."""

    def test_killed(self) -> None:
        """Another takes the place of one that is killed, and is told everything again, sockets included."""
        self.next()
        pid = self.start_to_live_on()
        ports = self.order("listen", 3)
        os.kill(self.guardian, signal.SIGKILL)
        while (second := self.order("guardians")) in (self.guardian, None):
            pass
        self.guardians.add(second)
        self.order("take_breath")
        self.left()
        self.assertEqual(self.next(), ports)
        self.assertEqual(self.guardian, second)
        self.served(ports)
        self.assertTrue(is_there(pid))

    def test_killed_after_a_takeover(self) -> None:
        """So it is with one that an earlier initiator had started; what that had left is remembered."""
        self.next()
        self.start_to_live_on(SESSION_APART)
        ports = self.order("listen", 3)
        self.left()
        first = self.out
        self.next(adopt=False)
        os.kill(self.guardian, signal.SIGKILL)
        while (second := self.order("guardians")) in (self.guardian, None):
            pass
        self.guardians.add(second)
        self.served(ports)
        self.order("take_breath")
        self.assertEqual(self.kill(), "")
        self.assertEqual(read_all(first), "")

    def test_in_vain(self) -> None:
        """It ends when nobody is left and nobody comes, and the ports are free."""
        self.next()
        pid = self.start_to_live_on()
        ports = self.order("listen", 2)
        self.left()
        self.assertTrue(is_there(self.guardian))
        os.killpg(pid, signal.SIGKILL)
        self.is_ended(self.guardian)
        self.assertTrue(all(map(self.is_refused, ports.values())))
        self.assertEqual(list(self.home.iterdir()), [])
        self.assertEqual(self.next(), {})

    def test_nothing_is_held_up(self) -> None:
        """While it waits it holds nothing that somebody waits for: not where it wrote to, nor a folder."""
        self.next()
        self.start_to_live_on()
        self.left()
        folder = f"/proc/{self.guardian}/fd"
        self.assertEqual({os.readlink(f"{folder}/{number}") for number in range(3)}, {"/dev/null"})
        self.assertEqual(os.readlink(f"/proc/{self.guardian}/cwd"), "/")
        self.next(adopt=False)
        self.assertEqual(self.kill(), "")
        self.assertIn(" ended ", self.report())

    def test_one_at_a_time(self) -> None:
        """Who comes while the initiator lives is sent away, and is no trouble."""
        self.next()
        ports = self.order("listen", 1)
        self.comes_true((self.home / NAME).exists)
        found = connect(self.home)
        assert found is not None
        with found[0] as connection:
            connection.settimeout(PATIENCE)
            send(connection, [("hello 1", None)])
            self.assertEqual(receive(connection), [("busy", None)])
            self.assertIsNone(receive(connection))
        self.served(ports)

    def test_who_says_nothing(self) -> None:
        """Who comes and says nothing, or nonsense, does not keep the next initiator from coming."""
        self.next()
        self.start_to_live_on()
        ports = self.order("listen", 1)
        self.left()
        mute, rude, gone = (connect(self.home) for _ in range(3))
        assert mute is not None
        assert rude is not None
        assert gone is not None
        gone[0].close()
        self.addCleanup(mute[0].close)
        with rude[0] as connection:
            connection.settimeout(PATIENCE)
            send(connection, [("keep", 0), ("hello", None)])
            self.assertIsNone(receive(connection))
        self.assertEqual(self.next(), ports)

    def test_ours_alone(self) -> None:
        """Nobody else can come in."""
        self.next()
        self.start_to_live_on()
        self.order("listen", 1)
        self.left()
        self.assertEqual(stat.S_IMODE((self.home / NAME).stat().st_mode), 0o600)
        if os.geteuid():
            raise SkipTest("only root can be somebody else")
        # What is there for who may come in by its mode is the guardian's own look at who comes.
        for mode, answer in ((0o600, "Permission denied\n"), (0o777, "None\n")):
            (self.home / NAME).chmod(mode)
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            argv = [sys.executable, "-c", STRANGER, str(self.home)]
            stranger = subprocess.run(argv, env=environment, stderr=subprocess.PIPE, text=True, check=False)
            self.assertIn(answer, stranger.stderr)

    def test_another_version(self) -> None:
        """An initiator of another version is given everything, in words that do not change, and is then alone."""
        self.next()
        pid = self.start_to_live_on()
        ports = self.order("listen", 1)
        self.left()
        found = connect(self.home)
        assert found is not None
        with found[0] as connection:
            connection.settimeout(PATIENCE)
            send(connection, [("hello 99", None), ("more that is new", None)])
            packet = receive(connection)
            assert packet is not None
            self.assertEqual(packet[0], ("hello 1", None))
            self.assertRegex(packet[1][0], "^mark PROACTOR_INITIATOR=[0-9a-f]{32}$")
            self.assertEqual((packet[2][0], packet[3]), (f"keep {next(iter(ports))}", ("done", None)))
            assert packet[2][1] is not None
            with socket.socket(fileno=packet[2][1]) as kept:
                self.assertEqual(kept.getsockname()[1], next(iter(ports.values())))
            self.assertIsNone(receive(connection))
        self.is_ended(self.guardian)
        self.assertTrue(is_there(pid))

    def test_replaced(self) -> None:
        """One that nobody will come to any more, for another listens in its place, ends and leaves all as it is."""
        self.next()
        pid = self.start_to_live_on()
        self.left()
        (self.home / NAME).unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
            folder = os.open(self.home, os.O_PATH)
            other.bind(f"/proc/self/fd/{folder}/{NAME}")
            os.close(folder)
            self.is_ended(self.guardian)
        self.assertTrue((self.home / NAME).exists())
        self.assertTrue(is_there(pid))

    def test_stopped_by_a_signal(self) -> None:
        """One that does not answer is ended, and another is started in its place."""
        self.next()
        self.start_to_live_on()
        self.order("listen", 1)
        self.left()
        os.kill(self.guardian, signal.SIGSTOP)
        first = self.guardian
        self.begin(self.home)
        self.assertEqual(self.order("take_over", 0.1), {})
        self.is_ended(first)
        self.order("begin")
        self.guardians.add(self.order("guardians"))
        self.assertIn("does not answer within", self.initiator.log())

    def test_no_home(self) -> None:
        """Where it cannot be found by the next one it says so, and waits for nobody."""
        self.home.rmdir()
        self.next()
        pid = self.start_to_live_on()
        ports = self.order("listen", 1)
        said = self.kill_it()
        self.assertIn("no initiator can take over", said)
        self.is_ended(self.guardian)
        self.assertTrue(is_there(pid))
        self.assertTrue(all(map(self.is_refused, ports.values())))

    def test_deep(self) -> None:
        """However long the path of the home is, the next one finds it."""
        self.home = self.home.joinpath(*["deep" * 10] * 5)
        self.home.mkdir(parents=True)
        self.next()
        self.start_to_live_on()
        ports = self.order("listen", 1)
        self.left()
        self.assertEqual(self.next(), ports)
