"""``/job/GUID/log``: what a job's processes wrote."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime

from attrs import frozen

from ..initiator import Initiator
from ..logstore import Extract, LogStore, moment
from . import forms
from .answers import Answer
from .app import Handler
from .calls import Call, flag

_TYPE = "text/plain; charset=utf-8"
#: Whatever a process writes, no browser is to take it for a page.
_HEADERS = {"X-Content-Type-Options": "nosniff"}
_LINES = 100


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
        """The last lines, those from a time on, and where it is asked what is written from then on."""
        call.known("tail", "follow", "since")
        guid = call.path["guid"]
        self.initiator.fleet.job(guid)
        since = call.one("since")
        lines = forms.whole({"tail": call.one("tail")}, "tail", 0, 10_000)
        start = None if since is None else moment(since, self.now().timestamp())
        usual = _LINES if since is None else 10_000
        extract = await self.store.tail(guid, usual if lines is None else lines, start)
        if flag(call, "follow", False):
            return Answer(200, content_type=_TYPE, headers=_HEADERS, stream=self._follow(guid, extract))
        return Answer(200, extract.data, _TYPE, _HEADERS)

    async def _follow(self, guid: str, extract: Extract) -> AsyncIterator[bytes]:
        if extract.data:
            yield extract.data
        async for piece in self.store.follow(guid, extract.end):
            yield piece
