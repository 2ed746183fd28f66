"""``/job/GUID/log``: what a job's processes wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime

from attrs import frozen

from ..initiator import Initiator
from ..logstore import Extract, LogStore, moment
from . import forms, sse
from .answers import Answer
from .app import Handler
from .calls import Call, flag

_TYPE = "text/plain; charset=utf-8"
#: Whatever a process writes, no browser is to take it for a page.
_HEADERS = {"X-Content-Type-Options": "nosniff"}
_LINES = 100
_CUT = "Log-Cut"


@frozen
class Logs:
    """Handlers over the store of logs.

    :param now: the time of day, aware.
    """

    now: Callable[[], datetime]
    initiator: Initiator
    store: LogStore

    def handlers(self) -> Mapping[str, Handler]:
        """By the names that they have in the table."""
        return {"show_log": self.show_log}

    async def show_log(self, call: Call) -> Answer:
        """The last lines, or those from a time on; where it is asked what is written from then on, too."""
        call.known("tail", "follow", "since")
        guid = call.path["guid"]
        self.initiator.fleet.job(guid)
        if call.wants_events and call.last_event is not None:
            return Answer(200, content_type=sse.TYPE, stream=self._sent(guid, Extract(b"", call.last_event)))
        since = call.one("since")
        lines = forms.whole({"tail": call.one("tail")}, "tail", 0, 10_000)
        start = None if since is None else moment(since, self.now().timestamp())
        usual = _LINES if since is None else 10_000
        extract = await self.store.tail(guid, usual if lines is None else lines, start)
        follows = flag(call, "follow", False)
        if call.wants_events:
            return Answer(200, content_type=sse.TYPE, stream=self._sent(guid, extract))
        headers = {**_HEADERS, **({_CUT: extract.cut} if extract.cut else {})}
        if follows:
            return Answer(200, content_type=_TYPE, headers=headers, stream=self._follow(guid, extract))
        return Answer(200, extract.data, _TYPE, headers)

    async def _follow(self, guid: str, extract: Extract) -> AsyncIterator[bytes]:
        if extract.data:
            yield extract.data
        async for piece in self.store.follow(guid, extract.end):
            yield piece.data

    async def _sent(self, guid: str, known: Extract) -> AsyncIterator[bytes]:
        """Server-sent events: each says where in the log its reader goes on, and the last that the log is no more."""
        cut = sse.event("cut", {"cut": known.cut}) if known.cut else b""
        yield sse.still_there(known.end) + cut + _piece(known)
        async for piece in self.store.follow(guid, known.end, sse.HEARTBEAT):
            yield _piece(piece) or sse.still_there(piece.end)
        if guid not in self.initiator.fleet.jobs:
            yield sse.event("deleted", {"guid": guid})


def _piece(extract: Extract) -> bytes:
    """One event; bytes that are not UTF-8 are lone surrogates in it (as Python's surrogateescape), and so not lost."""
    text = extract.data.decode("utf-8", "surrogateescape")
    return sse.event("log", {"text": text}, extract.end) if text else b""
