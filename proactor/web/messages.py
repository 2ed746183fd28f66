"""``/message``: durable messages sent, and what became of those that are not delivered."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from attrs import frozen

from ..errors import NotFound, Refused
from ..initiator import Initiator
from ..messaging.cloudevents import is_json
from ..messaging.letters import Letter, Place
from ..messaging.mailboxes import Mailbox
from ..messaging.recent import Receipt
from ..model import timestamp
from ..saved import SavedMessage
from . import forms
from .answers import Answer, as_json, nothing
from .app import Handler
from .calls import Call
from .events_sent import posting

_USUAL, _MOST = 100, 1000
_NUMBER = re.compile("[1-9][0-9]{0,17}")
_STATES = ("waiting", "dead")


@frozen
class Messages:
    """Handlers over the initiator."""

    initiator: Initiator

    def handlers(self) -> Mapping[str, Handler]:
        """By the names that they have in the table."""
        return {
            "list_messages": self.list_messages,
            "send_message": self.send_message,
            "show_message": self.show_message,
            "drop_message": self.drop_message,
            "resend_message": self.resend_message,
        }

    async def send_message(self, call: Call) -> Answer:
        """Take a message; the answer comes when it is stored."""
        call.known("id", "type", "subject", "expires")
        receipt = await self.initiator.office.accept(posting(call, self.initiator.now()))
        return as_json(_receipt(receipt), 202)

    async def list_messages(self, call: Call) -> Answer:
        """How much waits for whom; or the messages of a state themselves."""
        call.known("state", "receiver", "sender", "after", "count")
        state, delivery = call.one("state"), self.initiator.delivery
        if state not in (None, *_STATES):
            raise Refused(f"state: must be one of {', '.join(_STATES)}")
        after = forms.whole({"after": call.one("after")}, "after", 0, 2**53) or 0
        count = forms.whole({"count": call.one("count")}, "count", 1, _MOST) or _USUAL
        if state is None:
            return as_json(self._summary(call.one("receiver")))
        letters: Iterable[Letter] = delivery.dead if state == "dead" else self._waiting(call.one("receiver"))
        chosen = (each for each in letters if each.head.number > after and self._is_chosen(each, call))
        return as_json([_letter(each) for each in islice(chosen, count)])

    def _is_chosen(self, letter: Letter, call: Call) -> bool:
        receiver, sender = call.one("receiver"), call.one("sender")
        return receiver in (None, letter.head.receiver) and sender in (None, letter.head.sender)

    def _waiting(self, receiver: str | None) -> Iterable[Letter]:
        delivery = self.initiator.delivery
        if receiver is None:
            return (each for each in list(delivery.letters.values()) if each.place is not Place.DEAD)
        mailbox = delivery.dispatcher.mailboxes.get(receiver)
        return [] if mailbox is None else list(mailbox.letters.values())

    def _summary(self, receiver: str | None) -> dict[str, Any]:
        delivery = self.initiator.delivery
        mailboxes = [
            self._mailbox(mailbox)
            for name, mailbox in sorted(delivery.dispatcher.mailboxes.items())
            if mailbox.letters and receiver in (None, name)
        ]
        return {"waiting": delivery.waiting(), "dead": len(delivery.dead), "receivers": mailboxes}

    def _mailbox(self, mailbox: Mailbox) -> dict[str, Any]:
        oldest = mailbox.oldest()
        assert oldest is not None
        age = (self.initiator.now() - oldest.head.accepted).total_seconds()
        return {
            "receiver": mailbox.name,
            "waiting": len(mailbox.letters),
            "limit": mailbox.most,
            "oldest": timestamp(oldest.head.accepted),
            "age": round(max(age, 0.0), 3),
            "problem": oldest.problem,
        }

    async def show_message(self, call: Call) -> Answer:
        """One message that is not delivered, with what is in it."""
        call.known()
        number = _number(call)
        letter = self.initiator.delivery.letter(number)
        message = await self.initiator.delivery.read(number)
        return as_json({**_letter(letter), "event": _event(message)})

    async def drop_message(self, call: Call) -> Answer:
        """Forget one that is not delivered."""
        call.known()
        await self.initiator.office.drop(_number(call))
        return nothing(204)

    async def resend_message(self, call: Call) -> Answer:
        """Have a dead letter delivered after all, to its receiver or to another one."""
        call.known("to")
        return as_json(_receipt(await self.initiator.office.send_again(_number(call), call.one("to"))), 202)


def _number(call: Call) -> int:
    text = call.path["number"]
    if _NUMBER.fullmatch(text) is None:
        raise NotFound(f"there is no message {text[:64]!r}: they have numbers", "messages")
    return int(text)


def _receipt(receipt: Receipt) -> dict[str, Any]:
    return {
        "id": receipt.id,
        "source": receipt.source,
        "to": list(receipt.to),
        "numbers": list(receipt.numbers),
        "repeated": receipt.is_repeat,
    }


def _letter(letter: Letter) -> dict[str, Any]:
    head = letter.head
    return {
        "number": head.number,
        "id": head.id,
        "source": head.source,
        "type": head.type,
        "sender": head.sender,
        "target": head.target,
        "receiver": head.receiver,
        "state": letter.place.value,
        "accepted": timestamp(head.accepted),
        "expires": timestamp(head.expires),
        "size": head.size,
        "tries": head.tries,
        "next_try": timestamp(head.not_before),
        "problem": head.dead or letter.problem,
    }


def _event(message: SavedMessage) -> dict[str, Any]:
    """A message in the JSON format of CloudEvents."""
    attributes, kind = message.attributes, message.attributes.get("datacontenttype")
    if not message.data:
        return dict(attributes)
    binary = {**attributes, "data_base64": b64encode(message.data).decode("ascii")}
    if kind is None:
        # As a text it would be taken for JSON.
        return binary
    try:
        text = message.data.decode("utf-8")
        return {**attributes, "data": json.loads(text) if is_json(kind) else text}
    except (ValueError, RecursionError):
        return binary
