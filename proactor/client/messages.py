"""Messages, as an operator sends them and sees what became of them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ..messaging.cloudevents import BINARY, STRUCTURED, TEXT
from .connection import Connection, path
from .reading import read, read_many
from .values.messages import Mailboxes, Message, Receipt

__all__ = ["Messages"]


def _data(data: Any) -> dict[str, Any]:
    """The members of an event in which it is, and of which type it is where that is not JSON."""
    if isinstance(data, bytes):
        return {"datacontenttype": BINARY, "data_base64": b64encode(data).decode("ascii")}
    return {"datacontenttype": TEXT, "data": data} if isinstance(data, str) else {"data": data}


@frozen
class Messages:
    """``/message``."""

    connection: Connection

    async def send(
        self,
        target: str,
        data: Any,
        *,
        attributes: Mapping[str, str] | None = None,
        expires: str | float | None = None,
    ) -> Receipt:
        """Have a message delivered; over when it is stored.

        :param target: a guid, a module, or ``topic:NAME``.
        :param data: what JSON can say; a ``str`` is a text, and ``bytes`` are what they are.
        :param attributes: of the event (CloudEvents 1.0): ``id``, ``type``, ``subject``, ``source``, or its own;
            ``datacontenttype``, where the data is of another type.
        :param expires: after how many seconds, or when (RFC 3339), it is not to be delivered any more.
        :raises Unavailable: too many wait for that receiver.
        """
        event = {**_data(data), **(attributes or {})}
        query = [] if expires is None else [("expires", str(expires))]
        headers = {"Content-Type": STRUCTURED}
        reply = await self.connection.ask("POST", path("message", target), query, json=event, headers=headers)
        return read(Receipt, reply.json)

    async def mailboxes(self) -> Mailboxes:
        """How many wait, and for whom."""
        return read(Mailboxes, (await self.connection.ask("GET", "/message")).json)

    async def list(
        self,
        state: str,
        *,
        receiver: str | None = None,
        sender: str | None = None,
        count: int | None = None,
        after: int | None = None,
    ) -> list[Message]:
        """Those that wait, or are dead.

        :param state: ``waiting`` or ``dead``.
        :param after: behind that number.
        """
        given = {"state": state, "receiver": receiver, "sender": sender, "count": count, "after": after}
        query = [(name, str(value)) for name, value in given.items() if value is not None]
        return read_many(Message, (await self.connection.ask("GET", "/message", query)).json)

    async def get(self, number: int) -> Message:
        """One, with what is in it in its record as ``event``."""
        return read(Message, (await self.connection.ask("GET", path("message", "kept", str(number)))).json)

    async def drop(self, number: int) -> None:
        """Forget one."""
        await self.connection.ask("DELETE", path("message", "kept", str(number)))

    async def resend(self, number: int, to: str | None = None) -> Receipt:
        """Have a dead one delivered after all; it gets another number.

        :param to: a guid or a module, in place of who it was for.
        """
        query = [] if to is None else [("to", to)]
        target = path("message", "kept", str(number), "resend")
        return read(Receipt, (await self.connection.ask("POST", target, query)).json)
