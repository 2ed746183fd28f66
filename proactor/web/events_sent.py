"""What is sent as a message, as a CloudEvent: what its sender leaves out is filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import uuid4

from ..errors import Forbidden, Refused, TooLarge, UnsupportedType
from ..messaging.cloudevents import (
    BATCH,
    BINARY,
    JSON,
    TEXT,
    CloudEvent,
    Value,
    as_text,
    check,
    from_structured,
    is_media_type,
    is_structured,
    no_constant,
    plain_type,
    read_object,
    read_time,
)
from ..messaging.office import Posting
from ..messaging.topics import PREFIX
from ..model import timestamp
from ..timeline.origin import origin
from ..tokens.operators import EVERYTHING
from ..tracing import traceparent
from .callers import Caller, Operator, ProcessorCaller
from .calls import FORM, Call, Sent

#: What may be in one message, in bytes.
MOST_DATA = 64 * 1024
#: What the source of a processor begins with; its guid follows.
PROCESSOR_SOURCE = "/job/"
_OPERATOR_SOURCE = "/operator"
_TYPE = "message"
_YEARS = 366 * 24 * 3600 * 100
_SECONDS = re.compile(r"[0-9]{1,10}(\.[0-9]{1,6})?")


def posting(call: Call, now: datetime) -> Posting:
    """What is to be sent.

    :raises Malformed, UnsupportedType, TooLarge, Refused: it is no message; says why.
    :raises Forbidden: its source is another's.
    """
    target = call.path["target"]
    event = _event(call.sent)
    attributes = {**event.attributes, **_of_query(call, event.attributes), **_expiry(call, event.attributes, now)}
    attributes = {**_filled_in(call.caller, now, attributes), **attributes}
    if target.startswith(PREFIX):
        _set(attributes, "topic", target[len(PREFIX) :])
    elif "topic" in attributes:
        raise Refused(f"topic: is for messages to one; this one is for {target[:64]}")
    check(attributes)
    _check_source(call.caller, str(attributes["source"]))
    if len(event.data) > MOST_DATA:
        raise TooLarge(f"the data of a message may have {MOST_DATA} bytes, and this has {len(event.data)}")
    expires = attributes.get("expirytime")
    return Posting(
        sender=call.caller.claims.guid if isinstance(call.caller, ProcessorCaller) else call.caller.name,
        target=target,
        event=CloudEvent(attributes, event.data),
        expires=None if expires is None else read_time(as_text(expires)),
    )


def _event(sent: Sent) -> CloudEvent:
    """What was sent: in the structured mode, in the binary one, or as something that is no event of itself."""
    kind = sent.content_type
    if is_structured(kind):
        if sent.attributes:
            raise Refused(f"attributes are in the body, where that is {plain_type(kind)}: send no ce-headers with it")
        return from_structured(read_object(sent.data))
    if plain_type(kind) == BATCH:
        raise UnsupportedType("events come one by one here: send each by itself")
    if not sent.attributes and plain_type(kind) == FORM:
        # What curl -d says of anything.
        kind = _guessed(sent.data)
    if kind is not None and sent.data and not is_media_type(kind):
        raise UnsupportedType(f"{kind[:100]!r} is no media type")
    if "datacontenttype" in sent.attributes:
        raise Refused("datacontenttype: is the Content-Type, where attributes are headers")
    attributes = dict(sent.attributes)
    if kind is not None and sent.data:
        attributes["datacontenttype"] = kind
    return CloudEvent(attributes, sent.data)


def _guessed(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return BINARY
    try:
        is_document = text.lstrip()[:1] in ("{", "[") and json.loads(text, parse_constant=no_constant) is not None
    except (ValueError, RecursionError):
        is_document = False
    return JSON if is_document else TEXT


def _of_query(call: Call, attributes: Mapping[str, Value]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for name in ("id", "type", "subject"):
        value = call.one(name)
        if value is not None:
            if name in attributes:
                raise Refused(f"{name}: is in the event and in the query; one of them is right")
            found[name] = value
    return found


def _expiry(call: Call, attributes: Mapping[str, Value], now: datetime) -> dict[str, Value]:
    text = call.one("expires")
    if text is None:
        return {}
    if "expirytime" in attributes:
        raise Refused("expires: the event has an expirytime already")
    if _SECONDS.fullmatch(text) and float(text) <= _YEARS:
        return {"expirytime": str(timestamp(now + timedelta(seconds=float(text))))}
    time = read_time(text)
    if time is None:
        raise Refused("expires: must be a number of seconds, or a time as of RFC 3339")
    return {"expirytime": text}


def _filled_in(caller: Caller, now: datetime, attributes: Mapping[str, Value]) -> dict[str, Value]:
    """What is not said; who says which version it is of sends a whole event, in which nothing is missing."""
    trace = origin().trace
    traced: dict[str, Value] = {} if trace is None else {"traceparent": traceparent(trace)}
    if "specversion" in attributes:
        return traced
    return {
        "specversion": "1.0",
        "id": uuid4().hex,
        "source": _own_source(caller),
        "type": _TYPE,
        "time": str(timestamp(now)),
        **traced,
    }


def _own_source(caller: Caller) -> str:
    if isinstance(caller, ProcessorCaller):
        return f"{PROCESSOR_SOURCE}{caller.claims.guid}"
    if isinstance(caller, Operator) and caller.scopes != EVERYTHING:
        return f"{_OPERATOR_SOURCE}/{caller.how}"
    return _OPERATOR_SOURCE


def _check_source(caller: Caller, source: str) -> None:
    """See that nobody speaks for a processor or an operator but themselves, and a processor for nobody else."""
    own = _own_source(caller)
    if source == own or source.startswith(f"{own}/"):
        return
    if isinstance(caller, ProcessorCaller):
        raise Forbidden(f"source: a processor's is {own}, or begins with {own}/")
    for taken in (PROCESSOR_SOURCE, _OPERATOR_SOURCE):
        if source.startswith(taken):
            raise Forbidden(f"source: what begins with {taken} is another's; yours is {own}, or any other URI")


def _set(attributes: dict[str, Value], name: str, value: str) -> None:
    if attributes.setdefault(name, value) != value:
        raise Refused(f"{name}: is {value} here, as the path has it")
