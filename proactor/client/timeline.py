"""What happens in an initiator, as its client reads or follows it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence

from attrs import frozen

from .connection import Connection
from .reading import read, read_many
from .streams import Found, Lost, follow
from .values.timeline import Event

__all__ = ["Chosen", "Gap", "Timeline"]


@frozen
class Chosen:
    """Which events: those of one job, of some kinds, of some modules."""

    guid: str | None = None
    events: Sequence[str] = ()
    modules: Sequence[str] = ()

    def query(self) -> Iterator[tuple[str, str]]:
        """As the initiator reads it."""
        if self.guid is not None:
            yield "guid", self.guid
        yield from (("event", kind) for kind in self.events)
        yield from (("module", name) for name in self.modules)


@frozen
class Gap:
    """So many events were missed: they are kept no more."""

    lost: int


_ALL = Chosen()


@frozen
class Timeline:
    """``/events``."""

    connection: Connection

    async def list(self, chosen: Chosen = _ALL, *, tail: int | None = None, before: int | None = None) -> list[Event]:
        """The last that happened, oldest first.

        :param tail: how many at most; else 100.
        :param before: only those below that number.
        """
        query = [*chosen.query()]
        query += [("tail", str(tail))] if tail is not None else []
        query += [("before", str(before))] if before is not None else []
        return read_many(Event, (await self.connection.ask("GET", "/events", query)).json)

    async def last(self) -> int:
        """The number of the last event; 0: there was none."""
        events = await self.list(tail=1)
        return events[-1].id if events else 0

    async def follow(
        self,
        chosen: Chosen = _ALL,
        *,
        tail: int | None = None,
        after: int | None = None,
        lost: Lost = lambda *_: None,
        found: Found = lambda: None,
    ) -> AsyncGenerator[Event | Gap, None]:
        """What happens, for ever; a lost connection is made again, and goes on after the last event.

        :param tail: begin with so many of the last; else with what is new.
        :param after: begin behind that number.
        :param lost: told of each lost connection, ``found`` of it being there again.
        """
        query = [*chosen.query(), *([("tail", str(tail))] if tail is not None else [])]
        async for each in follow(self.connection, "/events", query, after, lost, found, endless=True):
            yield Gap(int(each.data["lost"])) if each.kind == "gap" else read(Event, each.data, "an event")
