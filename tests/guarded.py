"""An initiator in small, to be killed: it starts what it is told to, guarded, and tells of it.

``python -m tests.guarded OUT ERR``, with the descriptors that its processes and its guardian write to. It takes orders
line by line, in JSON, and answers each with a line.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineOnlyReceiver

from proactor.guardian import Guardian
from proactor.interfaces import Handle, LaunchSpec
from proactor.launchers.spawn import SpawnLauncher


@define(eq=False)
class Initiator(LineOnlyReceiver):
    """Does what it is told."""

    reactor: Any
    out: int
    guardian: Guardian
    launcher: SpawnLauncher
    _started: int = 0
    _handles: list[Handle] = field(factory=list)
    delimiter: bytes = field(default=b"\n", init=False)

    def lineReceived(self, line: bytes) -> None:
        """Do one thing."""
        name, *arguments = json.loads(line)
        Deferred.fromCoroutine(getattr(self, name)(*arguments)).addCallback(self._answer)

    def _answer(self, answer: Any) -> None:
        self.sendLine(json.dumps(answer).encode())

    async def start(self, script: str, grace: float, marked: bool = True, watched: bool = True) -> int:
        """Start a shell's script; answers its number when the guardian knows of it, as far as it will."""
        self._started += 1
        environment = {"PATH": os.environ["PATH"], **(self.guardian.mark if marked else {})}
        argv = ("sh", "-c", script)
        spec = LaunchSpec("0" * 32, self._started, argv, environment, b"", self.out, self.out)
        handle = await self.launcher.launch(spec, lambda _exit: self.guardian.unwatch(handle.pid))
        self._handles.append(handle)
        if watched:
            self.guardian.watch(handle.pid, grace)
        for _ in range(3):
            await deferLater(self.reactor, 0)
        return handle.pid

    async def start_and_die(self, script: str) -> None:
        """Start a shell's script, and be killed before the guardian can have been told of it."""
        self.start(script, 0).send(None)  # until it would wait for the reactor
        os.kill(os.getpid(), signal.SIGKILL)

    async def stop_processes(self) -> None:
        """Stop all that were started."""
        for handle in self._handles:
            await self.launcher.stop(handle, 60)

    async def guardians(self) -> int | None:
        """Answer the guardian's number."""
        return self.guardian.pid

    async def stop(self) -> None:
        """Stop the guardian."""
        await self.guardian.stop()


def main() -> None:
    """Serve until killed, or until there is no more to read."""
    from twisted.internet import reactor  # noqa: PLC0415

    out, err = map(int, sys.argv[1:])
    any_reactor: Any = reactor
    guardian = Guardian(any_reactor, stderr=err)
    guardian.start()
    StandardIO(Initiator(any_reactor, out, guardian, SpawnLauncher(any_reactor)))
    any_reactor.run()


if __name__ == "__main__":
    main()
