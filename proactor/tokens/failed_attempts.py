"""Credentials that do not hold: who sends many is put off, and the log tells of them without being flooded by them."""

from __future__ import annotations

from collections import Counter, OrderedDict
from ipaddress import IPv6Address, ip_address
from math import ceil

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ..errors import TooManyAttempts, Unauthenticated

#: How many an address may send at once.
ALLOWED = 10
#: How many are forgiven in a second.
FORGIVEN = 1.0
#: For how long somebody is put off at most, in seconds.
LONGEST = 60
#: How many addresses are remembered, those that were heard last.
ADDRESSES = 4096
#: The log has so many lines within so many seconds, and one more that counts the rest.
LINES, PERIOD = 10, 60.0

log = Logger()


def source_of(address: str) -> str:
    """Whom an address stands for: of IPv6 its network of 64 bits, for whoever has one has all of that."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return f"{IPv6Address(int(found) >> 64 << 64)}/64"


@define(eq=False)
class FailedAttempts:
    """Counts them by source, each count leaking away with time.

    Nothing here is asked about a credential that holds: who has one is never put off, whoever else is at their address.
    """

    clock: IReactorTime
    _levels: OrderedDict[str, tuple[float, float]] = field(factory=OrderedDict)
    _lines: int = 0
    _untold: Counter[str] = field(factory=Counter)
    _telling: IDelayedCall | None = None

    def note(self, address: str, why: Unauthenticated) -> None:
        """Somebody sent a credential that does not hold.

        :raises TooManyAttempts: too many of them came from there.
        """
        source = source_of(address)
        self._tell(source, why)
        over = self._level(source) - ALLOWED
        if over > 0:
            raise TooManyAttempts(
                f"too many tokens from {source} did not hold: wait, or send one that does", ceil(over / FORGIVEN)
            )

    def _level(self, source: str) -> float:
        now = self.clock.seconds()
        level, since = self._levels.pop(source, (0.0, now))
        level = min(max(0.0, level - (now - since) * FORGIVEN) + 1, ALLOWED + LONGEST * FORGIVEN)
        self._levels[source] = level, now
        if len(self._levels) > ADDRESSES:
            self._levels.popitem(last=False)
        return level

    def _tell(self, source: str, why: Unauthenticated) -> None:
        if self._telling is None:
            self._telling = self.clock.callLater(PERIOD, self._tell_the_rest)
        if self._lines < LINES:
            self._lines += 1
            log.warn("Refused a credential from {source}: {why}", source=source, why=str(why))
        elif source in self._untold or len(self._untold) < ADDRESSES:
            self._untold[source] += 1
        else:
            self._untold["elsewhere"] += 1

    def _tell_the_rest(self) -> None:
        self._telling = None
        self._lines = 0
        untold, self._untold = self._untold, Counter()
        if untold:
            ((source, most),) = untold.most_common(1)
            log.warn(
                "Refused {count} more credentials within {period} s, from {sources} addresses; "
                "most, {most}, from {source}",
                count=untold.total(),
                period=round(PERIOD),
                sources=len(untold),
                most=most,
                source=source,
            )

    def stop(self) -> None:
        """Tell of the rest, and end."""
        if self._telling is not None:
            self._telling.cancel()
            self._tell_the_rest()
