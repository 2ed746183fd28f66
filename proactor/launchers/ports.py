"""The ports that processors get: a range for each address that sections name."""

from __future__ import annotations

import socket

from attrs import define, field

from ..errors import ProactorError, UsedUp
from .held import HeldSocket
from .sockets import PortRange


@define(eq=False)
class Ports:
    """Port ranges by address.

    :param low: the first port of each, high: the last.
    """

    low: int
    high: int
    _ranges: dict[str, PortRange] = field(factory=dict)
    _range_of: dict[HeldSocket, PortRange] = field(factory=dict)

    def _range(self, address: str) -> PortRange:
        if address not in self._ranges:
            self._ranges[address] = PortRange(address, self.low, self.high)
        return self._ranges[address]

    def claim(self, address: str, port: int, kept: socket.socket | None) -> HeldSocket:
        """The socket of a processor that there is already.

        :param kept: what has been kept for it; without it one is bound, which does not listen.
        """
        ports = self._range(address)
        if kept is None:
            held = HeldSocket(ports.claim(port), ports.name(port))
        else:
            ports.hold(port)
            held = HeldSocket(kept)
        self._range_of[held] = ports
        return held

    def take(self, address: str, count: int) -> list[HeldSocket]:
        """Sockets that listen at an address.

        :raises UsedUp: there are not that many; none is taken then.
        :raises Unavailable: the system is short of something; nor then.
        """
        ports = self._range(address)
        taken: list[HeldSocket] = []
        try:
            while len(taken) < count:
                held = HeldSocket(ports.bind())
                self._range_of[held] = ports
                taken.append(held)
        except ProactorError as error:
            for each in taken:
                self.give_back(each)
            if isinstance(error, UsedUp):
                raise ports.used_up(len(taken), count) from None
            raise
        return taken

    def give_back(self, held: HeldSocket) -> None:
        """Close a socket; its port is free for others."""
        held.close()
        self._range_of.pop(held).release(held.port)
