"""Jobs: launched, shown, started, stopped, restarted, forgotten; and what they wrote."""

from __future__ import annotations

from collections.abc import Mapping

from ...jobs.rolling_restarts import Stage as RestartStage
from ...model import State, Wanted
from .parts import (
    ACCEPTED,
    COUNT,
    EVENTS,
    GUID,
    JSON,
    LAST_EVENT,
    LINE,
    NULLABLE_TEXT,
    PREFER,
    SCALAR,
    Operation,
    Parameter,
    Reply,
    Schema,
    as_json,
    as_line,
    flag,
    labels,
    listed,
    mapped,
    maybe,
    nothing,
    number,
    optional_flag,
    record,
    ref,
    text,
    time,
    whole,
    whole_or_text,
    words,
)

_JOBS = "Jobs"

_NO_JOB = "there is no such job"

_LEAVING = "it is being deleted"

_MODULE = Parameter("module", "only those of this module section", text())
_BATCH = Parameter("batch", "the size of the batches, `5` or `10%`", text(), many=True)

_MOMENT = (
    r"^([0-9]{1,12}(\.[0-9]{1,9})?"
    r"|[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?Z)$"
)


def _action(summary: str, explanation: str, done: str, may_be_gone: bool = False) -> Operation:
    """Something that is done to one job, and may be waited for."""
    return Operation(
        _JOBS,
        summary,
        {
            200: as_json(f"With `Prefer: wait=N`: the job's record when {done}.", ref("Job")),
            202: as_line("It is under way.", Location=ACCEPTED),
            **({204: nothing("The job was deleted meanwhile.")} if may_be_gone else {}),
        },
        explanation,
        headers=(PREFER,),
        errors={404: _NO_JOB, 409: _LEAVING},
        stores=True,
    )


_JOB_REVISION = record(
    "The revisions of its configuration.",
    {
        "wanted": maybe(whole("the one it is to have", 0)),
        "running": maybe(whole("the one it said it runs", 0)),
        "pending": listed(text(), "options whose new values wait for its next start"),
        "rejected": record(
            "its last answer, where that was a rejection",
            {"revision": whole(), "option": NULLABLE_TEXT, "reason": NULLABLE_TEXT},
        ),
    },
    optional=["rejected"],
)

SCHEMAS: Mapping[str, Schema] = {
    "Exit": record(
        "How a process ended.",
        {
            "code": maybe(whole("its exit status; `null` where a signal ended it")),
            "signal": maybe(whole("the number of the signal that ended it")),
            "reason": text("in words"),
            "lines": listed(text(), "the last it wrote"),
        },
    ),
    "Resources": record(
        "What a process uses at this moment.",
        {
            "cpu_percent": number("of one CPU, since it was last asked for", 0),
            "rss": whole("resident memory, in bytes", 0),
            "descriptors": maybe(whole("how many it has open", 0)),
            "threads": whole(least=0),
            "children": maybe(whole("processes that it started itself", 0)),
        },
    ),
    "Job": record(
        "One processor: what is wanted, and what is seen of it.",
        {
            "guid": GUID,
            "module": text("the section with its defaults"),
            "labels": mapped(text()),
            "wanted": words("what is wanted of it", *(each.value for each in Wanted)),
            "state": words("what is seen of it", *(each.value for each in State)),
            "ready": flag("it said so, and its endpoint answered"),
            "queue": maybe(whole("its place in the line of those that wait to be launched", 1)),
            "incarnation": whole("how often it was launched", 0),
            "pid": maybe(whole()),
            "port": whole(least=0, most=65535),
            "url": text("where it is reached", format="uri"),
            "launcher": text(),
            "revision": _JOB_REVISION,
            "created": time(),
            "started": maybe(time("when its present process, or its last, was launched")),
            "restarts": whole("how often it was started again", 0),
            "next_start": maybe(time("when it is started again, where that is waited for")),
            "exit": maybe(ref("Exit")),
            "resources": maybe(ref("Resources")),
        },
        optional=["resources"],
    ),
    "Order": record(
        "What to launch.",
        {
            "module": maybe(text("a module section; else `default_module`")),
            "count": maybe(whole_or_text("how many", 1000, "^([1-9][0-9]{0,2}|1000)$")),
            "options": maybe(mapped(SCALAR, "options of the new processors' own")),
            "labels": maybe(mapped(SCALAR, "labels, over those of the section")),
        },
        optional=("module", "count", "options", "labels"),
    ),
    "Signal": record(
        "A signal to a process.", {"signal": {"type": ["string", "integer"], "description": "by name or number"}}
    ),
    "Restart": record(
        "A rolling restart.",
        {
            "id": text(),
            "actor": text("who began it"),
            "created": time(),
            "state": words("how far it has come", *(each.value for each in RestartStage)),
            "problem": maybe(text("why it was stopped")),
            "batch": whole("the one that is under way, from 1", 0),
            "batches": listed(COUNT, "how many processors there are in each"),
            "wanted": whole("how many processors it is for", 0),
            "ready": whole("how many have been restarted and are ready", 0),
        },
    ),
}

OPERATIONS: Mapping[str, Operation] = {
    "create": Operation(
        _JOBS,
        "Launch processors",
        {
            201: Reply(
                "The socket listens and the job is recorded. The process is started, or waits in line.",
                {LINE: text(), JSON: {"anyOf": [ref("Job"), listed(ref("Job"))]}},
                {"Location": "`/job/GUID`; `/job` where `count` was given."},
            )
        },
        "One, or as many as `count` says: all of them or none. As JSON the answer is the job's record, or a list of "
        "records where `count` was given. With `Prefer: wait=N` it comes when all are ready.",
        headers=(PREFER,),
        body=ref("Order"),
        errors={
            422: "the module is not declared, or an option or a label cannot be",
            503: "there is no port left, or `max_jobs` is reached, or it cannot be kept, or the initiator is stopping",
            504: "they are created, and not ready within the time that was given, or will not be; where the initiator "
            "stops, the next one starts them",
        },
        stores=True,
        example="curl -d module=ticker -d count=2 -d options.rate=3 -d labels.role=canary localhost:8080/create",
    ),
    "list_jobs": Operation(
        _JOBS,
        "All jobs",
        {200: as_json("The records of those that fit.", listed(ref("Job")))},
        query=(
            Parameter("state", "only those in this state", words("", *(each.value for each in State))),
            _MODULE,
            labels("only those with this label;"),
        ),
        errors={422: "there is no such state, or no such module"},
        example="curl 'localhost:8080/job?module=ticker&state=running&label=role=canary'",
    ),
    "show_job": Operation(
        _JOBS,
        "One job",
        {200: as_json("Its record, with what its process uses at this moment.", ref("Job"))},
        errors={404: _NO_JOB},
        example="curl localhost:8080/job/GUID",
    ),
    "delete_job": Operation(
        _JOBS,
        "Stop a job, and forget it",
        {
            202: as_line("It is under way.", Location=ACCEPTED),
            204: nothing("With `Prefer: wait=N`: it is done."),
        },
        "Its edits and its log are forgotten too.",
        headers=(PREFER,),
        errors={404: _NO_JOB},
        stores=True,
        example="curl -X DELETE localhost:8080/job/GUID",
    ),
    "start_job": _action("Have a job run", "Nothing where it does, or is about to.", "it is ready, or will not be"),
    "stop_job": _action(
        "Have a job not run", "SIGTERM; SIGKILL after its `stop_timeout`.", "there is no process any more"
    ),
    "restart_job": _action(
        "Have another process take the place of a job's", "On the same socket.", "that is ready, or will not be", True
    ),
    "signal_job": Operation(
        _JOBS,
        "Send a job's process a signal",
        {202: as_line("It is sent.", Location=ACCEPTED)},
        body=ref("Signal"),
        errors={404: _NO_JOB, 409: "it has no process", 422: "there is no such signal"},
        example="curl -d signal=HUP localhost:8080/job/GUID/signal",
    ),
    "revoke_job": Operation(
        _JOBS,
        "Revoke its tokens",
        {
            200: as_json(
                "Its record: with `Prefer: wait=N` when another process is ready, or where it has none.", ref("Job")
            ),
            202: as_line("Its tokens do not hold any more; another process is on its way.", Location=ACCEPTED),
        },
        "None of its tokens of before holds any more: here at once, at other processors with the next push, which "
        "they need not wait for. Its process is ended, and another started with a token of its own.",
        headers=(PREFER,),
        errors={404: _NO_JOB, 409: _LEAVING},
        stores=True,
        example="curl -X POST localhost:8080/job/GUID/revoke",
    ),
    "show_log": Operation(
        _JOBS,
        "What a job's processes wrote",
        {
            200: Reply(
                "It, as it is; or as it is written, each event with its `id` and `text` as `data`.",
                {LINE: text(), EVENTS: text()},
                {
                    "Log-Cut": "where 1 MiB did not hold all that was asked for: `lines`, or `line` where it begins in "
                    "the middle of one"
                },
            )
        },
        "At most 1 MiB, the last: the header `Log-Cut`, or a first event `cut` with `cut` as `data`, says where that "
        "left something out. With `follow` what is written from then on comes as it is written, until the job is "
        "deleted. "
        "With `Accept: text/event-stream` it comes in events `log`: the `id` of the last, sent back as "
        "`Last-Event-ID`, has it go on there, to the byte. The last event is `deleted`; a stream that ends without it "
        "broke off.",
        query=(
            Parameter("tail", "how many lines; 100, or all with `since`", whole(least=0, most=10_000)),
            Parameter("since", "from when on: RFC 3339, or how many seconds ago", text(pattern=_MOMENT)),
            optional_flag("follow", "whether to go on with what is written"),
        ),
        headers=(LAST_EVENT,),
        errors={404: _NO_JOB, 422: "a parameter is not what it must be"},
        example="curl 'localhost:8080/job/GUID/log?tail=20&follow=1'",
    ),
    "restart_jobs": Operation(
        _JOBS,
        "Restart many, in batches",
        {
            200: as_json("With `Prefer: wait=N`: its record when it is over.", ref("Restart"), Location=ACCEPTED),
            202: Reply("It is under way.", {LINE: text(), JSON: ref("Restart")}, {"Location": ACCEPTED}),
        },
        "A rolling restart of the jobs of a module, of a label, or of all: each batch is ready before the next, one "
        "job at a time if not said otherwise. Those that are stopped stay so.",
        query=(
            _MODULE,
            labels("only those with this label;"),
            optional_flag("all", "whether all there are; without `module` and `label`"),
            _BATCH,
        ),
        headers=(PREFER,),
        errors={422: "it is not said which, there is no such module, or a size is none"},
        example="curl -X POST 'localhost:8080/restart?module=ticker&batch=2'",
    ),
    "show_restart": Operation(
        _JOBS,
        "How a rolling restart goes on",
        {200: as_json("Its record.", ref("Restart"))},
        errors={404: "there is no such restart, or it is forgotten"},
        example="curl localhost:8080/restart/ID",
    ),
}
