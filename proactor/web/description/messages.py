"""Messages: sent, and what became of those that are not delivered."""

from __future__ import annotations

from collections.abc import Mapping

from ...messaging.letters import Place
from .parts import (
    Operation,
    Parameter,
    Schema,
    as_json,
    flag,
    listed,
    maybe,
    nothing,
    number,
    record,
    ref,
    text,
    time,
    whole,
    words,
)

_TAG = "Messages"

_NO_MESSAGE = "there is no such message, or it was delivered"

_EXPIRES = r"^([0-9]{1,9}|20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)$"

_MESSAGE_MEMBERS: Mapping[str, Schema] = {
    "number": whole("grows by one from message to message", 1),
    "id": text(),
    "source": text(),
    "type": text(),
    "sender": text("a guid, or an operator"),
    "target": text("to whom it was sent"),
    "receiver": text("a guid; or a module, one of whose processors gets it"),
    "state": words("", *(each.value for each in Place if each is not Place.GONE)),
    "accepted": time(),
    "expires": maybe(time()),
    "size": whole("of its data, in bytes", 0),
    "tries": whole("how many failed", 0),
    "next_try": maybe(time()),
    "problem": maybe(text("why it is dead, or what became of the last try")),
}

SCHEMAS: Mapping[str, Schema] = {
    "CloudEvent": {
        "description": "A CloudEvent 1.0 in the JSON format. Without `specversion` what is missing is filled in.",
        "type": "object",
        "properties": {
            "specversion": text(const="1.0"),
            "id": text("the sender's own; with the source it is what repeats are known by", minLength=1),
            "source": text("a URI reference; a processor's is `/job/GUID`, or begins with that and `/`", minLength=1),
            "type": text(minLength=1),
            "subject": text(minLength=1),
            "time": time(),
            "datacontenttype": text("a media type"),
            "dataschema": text("a URI", minLength=1),
            "expirytime": time("when it is not to be delivered any more"),
            "data": {"description": "JSON; a text where `datacontenttype` is none of JSON"},
            "data_base64": text("in place of `data`", contentEncoding="base64"),
        },
        "additionalProperties": {"type": ["string", "boolean", "integer", "null"]},
    },
    "Receipt": record(
        "A message was accepted: it is stored.",
        {
            "id": text("by which with the source repeats are known"),
            "source": text(),
            "to": listed(text(), "where it goes: guids; or a module, one of whose processors gets it"),
            "numbers": listed(whole(least=1), "its own with each of them, for `/message/kept/NUMBER`"),
            "repeated": flag("whether it had been accepted before; it is not stored again"),
        },
    ),
    "Message": record("A message that is not delivered.", _MESSAGE_MEMBERS),
    "WholeMessage": record(
        "A message that is not delivered, and what is in it.", {**_MESSAGE_MEMBERS, "event": ref("CloudEvent")}
    ),
    "Mailboxes": record(
        "How many messages wait.",
        {
            "waiting": whole("on their way", 0),
            "dead": whole("not to be delivered any more", 0),
            "receivers": listed(
                record(
                    "",
                    {
                        "receiver": text("a guid or a module"),
                        "waiting": whole(least=1),
                        "limit": whole("how many may wait for it", 1),
                        "oldest": time("when the oldest was accepted"),
                        "age": number("how many seconds ago that was", 0),
                        "problem": maybe(text("what became of the last try with the oldest")),
                    },
                ),
                "those for whom some wait",
            ),
        },
    ),
}

OPERATIONS: Mapping[str, Operation] = {
    "send_message": Operation(
        _TAG,
        "Send a message",
        {202: as_json("It is stored, and will be delivered at least once.", ref("Receipt"))},
        "`TARGET` is a processor's guid; a module, one of whose processors gets it; or `topic:NAME`, and each that "
        "has subscribed to that gets it. The body is a CloudEvent 1.0, structured or with `ce-` headers; or "
        "anything else, and what makes it an event is filled in. Sent again with the same id and source to the same "
        "target it is not stored again.",
        query=(
            Parameter("id", "of the event, where that does not say", text(pattern="^[!-~]{1,100}$")),
            Parameter("type", "likewise; else `message`", text(pattern="^[!-~]{1,100}$")),
            Parameter("subject", "likewise", text(pattern="^[!-~]{1,100}$")),
            Parameter("expires", "in how many seconds it does, or when (RFC 3339)", text(pattern=_EXPIRES)),
        ),
        body=ref("CloudEvent"),
        errors={
            404: "there is no such processor, and no such module",
            409: "the processor is being deleted",
            422: "it is no CloudEvent",
            429: "as many wait for the receiver, or for one of them, as may: nobody gets it",
        },
        stores=True,
        example="curl -d hello localhost:8080/message/ticker",
    ),
    "list_messages": Operation(
        _TAG,
        "How many messages wait, and for whom",
        {200: as_json("That; or with `state` the messages.", {"anyOf": [ref("Mailboxes"), listed(ref("Message"))]})},
        query=(
            Parameter(
                "state",
                "the messages themselves: `waiting`, or `dead` for those not to be delivered any more",
                words("", "waiting", "dead"),
            ),
            Parameter("receiver", "only those for this guid or module", text()),
            Parameter("sender", "only those of this guid or operator", text()),
            Parameter("after", "only those with a higher number", whole(least=0, most=2**53)),
            Parameter("count", "how many at most; 100 where it is not said", whole(least=1, most=1000)),
        ),
        errors={422: "a parameter is not what it must be"},
        example="curl 'localhost:8080/message?state=dead'",
    ),
    "show_message": Operation(
        _TAG,
        "A message that is not delivered",
        {200: as_json("It, and what is in it.", ref("WholeMessage"))},
        errors={404: _NO_MESSAGE, 503: "it cannot be read"},
        example="curl localhost:8080/message/kept/NUMBER",
    ),
    "drop_message": Operation(
        _TAG,
        "Forget a message",
        {204: nothing("It is forgotten.")},
        errors={404: _NO_MESSAGE, 409: "it is being delivered"},
        stores=True,
        example="curl -X DELETE localhost:8080/message/kept/NUMBER",
    ),
    "resend_message": Operation(
        _TAG,
        "Deliver a dead letter after all",
        {202: as_json("It waits again, behind all others.", ref("Receipt"))},
        query=(Parameter("to", "to whom, in place of its receiver: a guid or a module", text()),),
        errors={
            404: f"{_NO_MESSAGE}; or there is no such receiver",
            409: "it is not dead, or its receiver is being deleted",
            422: "`to` is neither",
            429: "as many wait for the receiver as may",
        },
        stores=True,
        example="curl -X POST localhost:8080/message/kept/NUMBER/resend",
    ),
}
