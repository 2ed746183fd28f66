"""Server-sent events as they come, piece by piece (WHATWG HTML, 9.2.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import define, field, frozen

__all__ = ["Message", "Parser"]

_LINE = re.compile(rb"\r\n|\n|\r(?!\Z)")
#: No line is as long as that: who sends one is no initiator.
_LONGEST = 16 << 20


@frozen
class Message:
    """One event.

    :param id: the last that was sent, with this event or before.
    """

    event: str
    data: str
    id: str


@define(eq=False)
class Parser:
    """Takes bytes, gives events.

    :ivar last_id: to be sent back as ``Last-Event-ID``.
    """

    last_id: str = ""
    _rest: bytes = b""
    _event: str = ""
    _data: list[str] = field(factory=list)
    _begun: bool = False

    def feed(self, data: bytes) -> list[Message]:
        """The events that are whole with this.

        :raises ValueError: a line is too long.
        """
        return list(self._messages(data))

    def _messages(self, data: bytes) -> Iterator[Message]:
        *lines, self._rest = _LINE.split(self._rest + data)
        if len(self._rest) > _LONGEST:
            raise ValueError(f"a line of more than {_LONGEST} bytes")
        for line in lines:
            text = line.decode("utf-8", "replace")
            if not self._begun:
                self._begun, text = True, text.removeprefix("\ufeff")
            if text:
                self._field(text)
            elif (message := self._dispatched()) is not None:
                yield message

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self.last_id = value

    def _dispatched(self) -> Message | None:
        event, data = self._event or "message", self._data
        self._event, self._data = "", []
        return Message(event, "\n".join(data), self.last_id) if data else None
