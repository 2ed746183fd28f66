"""The configuration, as an initiator's client reads and edits it; and how an edit goes on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence

from attrs import frozen

from .connection import Connection, path
from .reading import read, read_many
from .streams import Found, Lost, follow, patiently
from .values.configuration import Explanation, HistoryEntry, Plan, Rollout, RolloutEvent, Section, Sections

__all__ = ["Configuration", "Pacing", "Rollouts"]

Value = str | int | float | bool | None


@frozen
class Pacing:
    """How an edit goes out; what is not said here, the section or the initiator says.

    :param batches: sizes, ``5`` or ``10%``; the last goes for all that follow.
    :param first: who is the first batch: a guid, ``label:NAME`` or ``label:NAME=VALUE``.
    :param watch: seconds for which a batch must stay well before the next.
    :param timeout: seconds in which each processor must answer.
    :param revert: whether trouble takes the edit back.
    :param conflict: ``wait`` for another rollout of the same processors, or ``refuse``.
    """

    batches: Sequence[str] = ()
    first: Sequence[str] = ()
    watch: float | None = None
    timeout: float | None = None
    revert: bool = True
    conflict: str | None = None

    def query(self) -> Iterator[tuple[str, str]]:
        """As the initiator reads it."""
        yield from (("batch", size) for size in self.batches)
        yield from (("first", selector) for selector in self.first)
        if self.watch is not None:
            yield "watch", f"{self.watch:g}"
        if self.timeout is not None:
            yield "timeout", f"{self.timeout:g}"
        if not self.revert:
            yield "revert", "no"
        if self.conflict is not None:
            yield "conflict", self.conflict


_USUAL = Pacing()
#: How long an edit may have to wait for another, in seconds.
_PATIENCE = 600.0


@frozen
class Configuration:
    """``/config``. A section is named by its module, ``DEFAULT``, or a processor's guid."""

    connection: Connection

    async def sections(self) -> Sections:
        """All of it."""
        return read(Sections, (await self.connection.ask("GET", "/config")).json)

    async def section(self, name: str) -> Section:
        """One section that is no processor's, as it is written."""
        return read(Section, (await self.connection.ask("GET", path("config", name))).json)

    async def resolved(self, guid: str) -> dict[str, str]:
        """A processor's options with what they come to; ``revision`` is one of them."""
        reply = await self.connection.ask("GET", path("config", guid))
        return {name: str(value) for name, value in dict(reply.json).items()}

    async def edit(
        self,
        section: str,
        changes: Mapping[str, Value],
        *,
        plan: bool = False,
        pacing: Pacing = _USUAL,
        revision: int | None = None,
        wait: float | None = None,
    ) -> Plan:
        """Change some options; ``None`` takes an earlier edit back.

        :param plan: only say what it would change.
        :param revision: refuse it if the section has changed after that one.
        :raises Refused: a value is wrong; its members say which.
        :raises Overtaken: the section has changed since.
        """
        return await self._change("PATCH", path("config", section), dict(changes), plan, pacing, revision, wait)

    async def rollback(
        self,
        section: str,
        to: int,
        *,
        plan: bool = False,
        pacing: Pacing = _USUAL,
        revision: int | None = None,
        wait: float | None = None,
    ) -> Plan:
        """Make the edits of a section what they were at a revision, as a new one; else as :meth:`edit`."""
        target = path("config", section, "rollback")
        return await self._change("POST", target, {"to": to}, plan, pacing, revision, wait)

    async def _change(
        self,
        method: str,
        target: str,
        body: Mapping[str, Value],
        plan: bool,
        pacing: Pacing,
        revision: int | None,
        wait: float | None,
    ) -> Plan:
        query = [*([("plan", "1")] if plan else []), *pacing.query()]
        headers = {} if revision is None else {"If-Match": f'"{revision}"'}
        # Another edit of the same processors comes first, and that takes as long as they do to answer.
        patience = 0.0 if plan or pacing.conflict == "refuse" else _PATIENCE
        reply = await self.connection.ask(
            method, target, query, json=body, headers=headers, wait=wait, patience=patience
        )
        return read(Plan, reply.json)

    async def history(self, section: str) -> list[HistoryEntry]:
        """The edits of a section, oldest first."""
        return read_many(HistoryEntry, (await self.connection.ask("GET", path("config", section, "history"))).json)

    async def explain(self, guid: str) -> Explanation:
        """How a processor's options came to their values."""
        return read(Explanation, (await self.connection.ask("GET", path("config", guid, "explain"))).json)


@frozen
class Rollouts:
    """``/rollout``: an edit on its way to the processors."""

    connection: Connection

    async def get(self, id_: str) -> Rollout:
        """How far it is."""
        return read(Rollout, (await self.connection.ask("GET", path("rollout", id_))).json)

    async def follow(
        self, id_: str, after: int | None = None, lost: Lost = lambda *_: None, found: Found = lambda: None
    ) -> AsyncGenerator[RolloutEvent, None]:
        """What happens to it, until it is over; a lost connection is made again, and nothing is left out.

        :param after: the number of the last event that is known; else from the beginning.
        :param lost: told of each lost connection, ``found`` of it being there again.
        """
        while True:
            async for each in follow(self.connection, path("rollout", id_), (), after, lost, found):
                after = each.id
                yield read(RolloutEvent, each.data, "an event")
            # An initiator that stops ends the stream as well.
            if (await patiently(self.connection, lambda: self.get(id_), lost, found)).over:
                return
