"""Processors, as an initiator's client launches and moves them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping

from attrs import frozen

from .connection import Connection, path
from .errors import Unintelligible
from .reading import read, read_many
from .streams import Found, Lost, Told, follow
from .values.jobs import Job, Restart

__all__ = ["Jobs"]

Scalar = str | int | float | bool


def _query(**given: str | int | float | None) -> Iterator[tuple[str, str]]:
    return ((name, str(value)) for name, value in given.items() if value is not None)


def _bytes(told: Told) -> bytes:
    """A piece of a log.

    :raises Unintelligible: it is none.
    """
    try:
        return bytes(told.data["text"].encode("utf-8", "surrogateescape"))
    except (TypeError, KeyError, AttributeError, UnicodeEncodeError):
        raise Unintelligible("a piece of a log without text") from None


@frozen
class Jobs:
    """``/create``, ``/job``, ``/restart``. With ``wait`` a call waits so many seconds, 300 at most, for its end."""

    connection: Connection

    async def create(
        self,
        module: str | None = None,
        count: int = 1,
        *,
        options: Mapping[str, Scalar] | None = None,
        labels: Mapping[str, Scalar] | None = None,
        wait: float | None = None,
    ) -> list[Job]:
        """Launch processors, all of them or none.

        :param module: its section; else the configuration's ``default_module``.
        :raises NotReady: they are made, and one is not ready in time.
        :raises ClientError: they are not made.
        """
        order = {"module": module, "count": count, "options": options, "labels": labels}
        body = {name: value for name, value in order.items() if value is not None}
        reply = await self.connection.ask("POST", "/create", json=body, wait=wait)
        return read_many(Job, reply.json)

    async def list(
        self, *, state: str | None = None, module: str | None = None, labels: Iterable[str] = ()
    ) -> list[Job]:
        """All jobs, or those of a state, a module, and each of some labels: ``NAME`` or ``NAME=VALUE``."""
        query = [*_query(state=state, module=module), *(("label", label) for label in labels)]
        return read_many(Job, (await self.connection.ask("GET", "/job", query)).json)

    async def get(self, guid: str) -> Job:
        """One, with what its process uses."""
        return read(Job, (await self.connection.ask("GET", path("job", guid))).json)

    async def start(self, guid: str, wait: float | None = None) -> Job | None:
        """Have it run; the job when it is ready or will not be, ``None`` where that was not waited for."""
        return await self._act(guid, "start", wait)

    async def stop(self, guid: str, wait: float | None = None) -> Job | None:
        """Have it not run; the job when there is no process any more, ``None`` where that was not waited for."""
        return await self._act(guid, "stop", wait)

    async def restart(self, guid: str, wait: float | None = None) -> Job | None:
        """Have another process take its place; the job when that is ready or will not be, else ``None``."""
        return await self._act(guid, "restart", wait)

    async def _act(self, guid: str, verb: str, wait: float | None) -> Job | None:
        reply = await self.connection.ask("POST", path("job", guid, verb), wait=wait)
        return read(Job, reply.json) if reply.status == 200 else None

    async def signal(self, guid: str, signal: str | int) -> None:
        """Send its process a signal.

        :raises Conflict: there is no process.
        """
        await self.connection.ask("POST", path("job", guid, "signal"), json={"signal": signal})

    async def remove(self, guid: str, wait: float | None = None) -> bool:
        """Stop it, and forget it; whether it is gone already."""
        return (await self.connection.ask("DELETE", path("job", guid), wait=wait)).status == 204

    async def revoke(self, guid: str, wait: float | None = None) -> Job | None:
        """Have the tokens that it was given open nothing any more, and another process take its place."""
        return await self._act(guid, "revoke", wait)

    async def log(
        self,
        guid: str,
        *,
        tail: int | None = None,
        since: str | float | None = None,
        cut: Callable[[str], None] = lambda _: None,
    ) -> bytes:
        """The last that its processes wrote, at most 1 MiB.

        :param tail: how many lines; else 100.
        :param since: from when on: an RFC 3339 time, or how many seconds ago.
        :param cut: told where 1 MiB does not hold all of that: ``lines``, or ``line`` where it begins in one's middle.
        """
        query = _query(tail=tail, since=since)
        reply = await self.connection.ask("GET", path("job", guid, "log"), query)
        if (how := reply.header("Log-Cut")) is not None:
            cut(how)
        return reply.body

    async def follow_log(
        self,
        guid: str,
        *,
        tail: int | None = None,
        since: str | float | None = None,
        lost: Lost = lambda *_: None,
        found: Found = lambda: None,
        cut: Callable[[str], None] = lambda _: None,
    ) -> AsyncGenerator[bytes, None]:
        """The same, and what is written from then on, until the job is deleted; in pieces, not lines.

        A lost connection is made again, and goes on at the byte where it was.

        :param lost: told of each lost connection, ``found`` of it being there again; ``cut`` as by :meth:`log`, first.
        :raises NotFound: there is no such job, or no more.
        """
        query, target = list(_query(tail=tail, since=since, follow=1)), path("job", guid, "log")
        async for each in follow(self.connection, target, query, None, lost, found, endless=True):
            if each.kind == "deleted":
                return
            if each.kind == "cut":
                cut(str(each.data.get("cut")))
            else:
                yield _bytes(each)

    async def restart_all(
        self,
        *,
        module: str | None = None,
        labels: Iterable[str] = (),
        everything: bool = False,
        batches: Iterable[str] = (),
        wait: float | None = None,
    ) -> Restart:
        """Restart the jobs of a module or of labels, batch after batch, each ready before the next.

        :param everything: all there are, in place of a module and labels.
        :param batches: their sizes, ``2`` or ``10%``; else one at a time.
        """
        query = [
            *_query(module=module, all=1 if everything else None),
            *(("label", label) for label in labels),
            *(("batch", size) for size in batches),
        ]
        return read(Restart, (await self.connection.ask("POST", "/restart", query, wait=wait)).json)

    async def restarting(self, id_: str) -> Restart:
        """How a rolling restart goes on."""
        return read(Restart, (await self.connection.ask("GET", path("restart", id_))).json)
