"""An initiator in small, to be killed: it starts what it is told to, guarded, and tells of it.

``python -m tests.guarded OUT ERR [HOME]``, with the descriptors that its processes and its guardian write to. It takes
orders line by line, in JSON, and answers each with a line.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater
from twisted.logger import globalLogPublisher, textFileLogObserver
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from proactor.guardian.guardian import Guardian

_SETSID = shutil.which("setsid") or "setsid"


@define(eq=False)
class Child(ProcessProtocol):
    """A process that leads a session; what is left of its group is ended with it, as a launcher does."""

    guardian: Guardian
    pid: int = 0
    over: Deferred[None] = field(factory=Deferred)

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.pid = self.transport.pid or 0

    def stop(self) -> Deferred[None]:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGTERM)
        return self.over

    def processExited(self, reason: Failure) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.guardian.unwatch(self.pid)
        self.over.callback(None)


@define(eq=False)
class Initiator(LineOnlyReceiver):
    """Does what it is told."""

    reactor: Any
    out: int
    guardian: Guardian
    _children: list[Child] = field(factory=list)
    _sockets: dict[str, socket.socket] = field(factory=dict)
    delimiter: bytes = field(default=b"\n", init=False)

    def lineReceived(self, line: bytes) -> None:
        """Do one thing."""
        name, *arguments = json.loads(line)
        Deferred.fromCoroutine(getattr(self, name)(*arguments)).addCallback(self._answer)

    def _answer(self, answer: Any) -> None:
        self.sendLine(json.dumps(answer).encode())

    async def start(self, script: str, grace: float, marked: bool = True, watched: bool = True) -> int:
        """Start a shell's script; answers its number when the guardian knows of it, as far as it will."""
        environment = {"PATH": os.environ["PATH"], **(self.guardian.mark if marked else {})}
        argv = [_SETSID, "sh", "-c", script]
        child = Child(self.guardian)
        files = {0: 0, 1: self.out, 2: self.out}
        self.reactor.spawnProcess(child, argv[0], argv, env=environment, childFDs=files)
        self._children.append(child)
        if watched:
            self.guardian.watch(child.pid, grace)
        return child.pid

    async def start_and_die(self, script: str) -> None:
        """Start a shell's script, and be killed before the guardian can have been told of it."""
        await self.start(script, 0, watched=False)
        os.kill(os.getpid(), signal.SIGKILL)

    async def stop_processes(self) -> None:
        """Stop all that were started."""
        await gatherResults([child.stop() for child in self._children])

    async def watch(self, pid: int, start: int, grace: float) -> None:
        """Have a process guarded that somebody else started."""
        self.guardian.watch(pid, grace, start)

    async def listen(self, count: int, prefix: str = "") -> dict[str, int]:
        """Listen at some ports, and have the sockets kept; answers the ports by guid."""
        ports = {}
        for number in range(count):
            guid = f"{prefix}{number:032x}"[-32:]
            kept = self._sockets[guid] = socket.create_server(("127.0.0.1", 0))
            self.guardian.keep(guid, kept.fileno)
            ports[guid] = kept.getsockname()[1]
        await self.take_breath()
        return ports

    async def let_go(self, guid: str) -> None:
        """Have a socket kept no more."""
        self.guardian.let_go(guid)
        self._sockets.pop(guid).close()

    async def close(self, guid: str) -> None:
        """Close a socket, and say that it is another: there is none."""
        self._sockets[guid].close()
        self.guardian.keep(guid, self._sockets[guid].fileno)

    async def park(self, guid: str) -> None:
        """Have another socket in the place of one, which does not listen."""
        name = self._sockets[guid].getsockname()
        self._sockets[guid].shutdown(socket.SHUT_RDWR)
        self._sockets[guid].close()
        parked = self._sockets[guid] = socket.socket()
        parked.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        parked.bind(name)
        self.guardian.keep(guid, parked.fileno)

    async def take_breath(self) -> None:
        """Wait until the guardian was told what it is to be told."""
        while (link := self.guardian._link) is not None and link._queue:
            await deferLater(self.reactor, 0)

    async def accept(self, guid: str) -> str:
        """Let in one who waits; answers what it says."""
        connection, _ = self._sockets[guid].accept()
        with connection:
            return connection.recv(100).decode()

    async def take_over(self, timeout: float = 60.0) -> dict[str, int]:
        """Take over what an earlier initiator left; answers the ports by guid."""
        self._sockets.update(await self.guardian.take_over(timeout))
        return {guid: kept.getsockname()[1] for guid, kept in self._sockets.items()}

    async def begin(self) -> None:
        """Start the guardian, or have it told."""
        self.guardian.start()

    async def adopt(self, adopt: bool) -> None:
        """Set whether the next initiator is to have it all."""
        self.guardian.adopt = adopt

    async def guardians(self) -> int | None:
        """Answer the guardian's number."""
        return self.guardian.pid

    async def stop(self) -> None:
        """Stop the guardian."""
        await self.guardian.stop()

    async def leave(self) -> None:
        """Leave it all to the next initiator."""
        await self.guardian.leave()


def main() -> None:
    """Serve until killed, or until there is no more to read."""
    from twisted.internet import reactor  # noqa: PLC0415

    out, err, *homes = sys.argv[1:]
    any_reactor: Any = reactor
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    globalLogPublisher.addObserver(textFileLogObserver(sys.stderr))
    home = Path(homes[0]) if homes else None
    guardian = Guardian(any_reactor, home=home, stderr=int(err), linger=0.5)
    if home is None:
        guardian.start()
    StandardIO(Initiator(any_reactor, int(out), guardian))
    any_reactor.run()


if __name__ == "__main__":
    main()
