"""What happened: the timeline, of all and of each job."""

from __future__ import annotations

from collections.abc import Mapping

from .parts import (
    EVENTS,
    JSON,
    LAST_EVENT,
    Operation,
    Parameter,
    Reply,
    Schema,
    listed,
    maybe,
    record,
    ref,
    text,
    time,
    whole,
)

_EVENTS = "Events"

_NO_JOB = "there is no such job"

_LINK = '`rel="prev"`: the page before, where there may be one.'

_TAIL = Parameter("tail", "how many", whole(least=1, most=10_000))
_BEFORE = Parameter("before", "only those below this number", whole(least=1))

_KIND = Parameter("event", "only these events", text(), many=True)
_MODULE_EVENTS = Parameter("module", "only those of processors of these modules", text(), many=True)

_TIMELINE = Reply(
    "The events, oldest first; or as they happen, each with its `id`, its `event` and its record as `data`.",
    {JSON: listed(ref("Event")), EVENTS: text()},
    {"Link": _LINK},
)

SCHEMAS: Mapping[str, Schema] = {
    "Event": record(
        "One thing that happened.",
        {
            "id": whole("grows by one from event to event", 1),
            "time": time(),
            "event": text("what happened"),
            "guid": maybe(text("to which processor; `null`: to none in particular")),
            "cause": text("why, in words"),
            "because": maybe(whole("the `id` of the event that led to it; `null`: it began something", 1)),
            "actor": text("who had it happen"),
            "trace": text("the trace of the request that it began with (W3C Trace Context), where that had one"),
            "module": text("the processor's"),
        },
        optional=("trace", "module"),
        more=True,
    ),
}

OPERATIONS: Mapping[str, Operation] = {
    "job_events": Operation(
        _EVENTS,
        "What happened to a job",
        {200: _TIMELINE},
        "The last 200, if not said otherwise. With `Accept: text/event-stream` as it happens.",
        query=(_TAIL, _BEFORE, _KIND),
        headers=(LAST_EVENT,),
        errors={404: _NO_JOB, 422: "a parameter is not what it must be"},
        example="curl localhost:8080/job/GUID/events",
    ),
    "list_events": Operation(
        _EVENTS,
        "What happened",
        {200: _TIMELINE},
        "The last 100, if not said otherwise. With `Accept: text/event-stream` as it happens: what is new, or the last "
        "`tail` and what is new, or what came after `Last-Event-ID`. An event `gap` says with `lost` how many a slow "
        "reader missed.",
        query=(_TAIL, _BEFORE, Parameter("guid", "only those of this processor", text()), _KIND, _MODULE_EVENTS),
        headers=(LAST_EVENT,),
        errors={422: "a parameter is not what it must be"},
        example="curl -N -H 'Accept: text/event-stream' 'localhost:8080/events?event=fatal&tail=5'",
    ),
}
