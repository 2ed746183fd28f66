"""Messages: sent, and what became of those that are not delivered."""

from __future__ import annotations

from collections.abc import Mapping

from .parts import Operation, Parameter, as_json, listed, nothing, ref, text, whole, words

_TAG = "Messages"
_NO_MESSAGE = "there is no such message, or it was delivered"
_EXPIRES = r"^([0-9]{1,9}|20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z)$"

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
