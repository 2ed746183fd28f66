"""Tells systemd, or who else started us so, that we are ready, alive, about to stop (sd_notify(3)).

Such a manager says in ``NOTIFY_SOCKET`` where to send that to and, in ``WATCHDOG_USEC``, how often it wants to hear.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, MutableMapping
from contextlib import closing

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from .reactor.periodic import Periodic

#: What is for this process alone, and not for those that it starts.
VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")

log = Logger()


@define(eq=False)
class ServiceManager:
    """Whoever started us.

    :param address: of its socket; where there is none, nobody is told anything.
    :param watchdog: how long it takes silence for life, in seconds; 0: for ever.
    """

    clock: IReactorTime
    address: str = ""
    watchdog: float = 0.0
    _periodic: Periodic = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._periodic = Periodic(clock=self.clock, run=self._alive, interval=lambda: self.watchdog / 2)

    @classmethod
    def of(cls, clock: IReactorTime, environment: Mapping[str, str], pid: int) -> ServiceManager:
        """The one that an environment tells of.

        :param pid: our number: what is meant for another process is not for us.
        """
        microseconds = environment.get("WATCHDOG_USEC", "")
        is_ours = environment.get("WATCHDOG_PID", str(pid)) == str(pid)
        watchdog = int(microseconds) / 1e6 if microseconds.isascii() and microseconds.isdigit() and is_ours else 0.0
        return cls(clock, environment.get("NOTIFY_SOCKET", ""), watchdog)

    def ready(self) -> None:
        """We serve; from now on it hears that we live, as long as the reactor turns."""
        self._tell(f"READY=1\nMAINPID={os.getpid()}")
        if self.address and self.watchdog:
            self._periodic.start()

    def stopping(self) -> Deferred[None]:
        """We are about to stop; fires at once."""
        self._tell("STOPPING=1")
        return self._periodic.stop()

    async def _alive(self) -> None:
        self._tell("WATCHDOG=1")

    def _tell(self, message: str) -> None:
        if not self.address:
            return
        # The first character of an abstract address is a zero byte, written as @ (unix(7)).
        address = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)) as sock:
            try:
                sock.sendto(message.encode(), address)
            except OSError as e:
                log.warn("The service manager at {address} is not told: {reason}", address=address, reason=e.strerror)


def without_ours(environment: MutableMapping[str, str]) -> MutableMapping[str, str]:
    """An environment without what is for this process alone."""
    for name in VARIABLES:
        environment.pop(name, None)
    return environment
