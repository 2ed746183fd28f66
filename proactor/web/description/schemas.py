"""The records that are sent and received, by name."""

from __future__ import annotations

from collections.abc import Mapping

from ...changes.rollout import Progress, Stage
from ...jobs.rolling_restarts import Stage as RestartStage
from ...messaging.letters import Place
from ...model import State, Wanted
from ...option_types import BY_NAME
from . import log_level, operator_tokens
from .parts import GUID, Schema, flag, listed, mapped, maybe, number, record, ref, said, text, time, whole, words

_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_VALUE: Schema = {"type": ["string", "number", "boolean", "array", "null"]}
_COUNT = whole(least=0)

_NULLABLE_TEXT = maybe(text())


def _whole_or_text(says: str, most: int, pattern: str) -> Schema:
    """A whole number from 1 on, as such or as a text."""
    return {"description": says, "type": ["integer", "string"], "minimum": 1, "maximum": most, "pattern": pattern}


PROBLEM = record(
    "What went wrong (RFC 9457).",
    {
        "type": text("always `about:blank`: the status says what kind it is"),
        "title": text("the status in words"),
        "status": whole("the status", 400, 599),
        "detail": text("what is wrong here, and what would be right"),
        "error": text("why a token is not given out (RFC 6749, 5.2)"),
        "id": text("of an unforeseen error: the log has more under it"),
        "section": text("of the configuration, where that is what is wrong"),
        "option": text(),
        "value": text(),
        "source": text(),
        "line": whole(),
    },
    optional=("detail", "error", "id", "section", "option", "value", "source", "line"),
)

EXIT = record(
    "How a process ended.",
    {
        "code": maybe(whole("its exit status; `null` where a signal ended it")),
        "signal": maybe(whole("the number of the signal that ended it")),
        "reason": text("in words"),
        "lines": listed(text(), "the last it wrote"),
    },
)

RESOURCES = record(
    "What a process uses at this moment.",
    {
        "cpu_percent": number("of one CPU, since it was last asked for", 0),
        "rss": whole("resident memory, in bytes", 0),
        "descriptors": maybe(whole("how many it has open", 0)),
        "threads": whole(least=0),
        "children": maybe(whole("processes that it started itself", 0)),
    },
)

_JOB_REVISION = record(
    "The revisions of its configuration.",
    {
        "wanted": maybe(whole("the one it is to have", 0)),
        "running": maybe(whole("the one it said it runs", 0)),
        "pending": listed(text(), "options whose new values wait for its next start"),
        "rejected": record(
            "its last answer, where that was a rejection",
            {"revision": whole(), "option": _NULLABLE_TEXT, "reason": _NULLABLE_TEXT},
        ),
    },
    optional=["rejected"],
)

JOB = record(
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
)

ENDPOINT = record(
    "A processor that is ready.",
    {
        "guid": GUID,
        "module": text("the section with its defaults"),
        "labels": mapped(text()),
        "url": text("where it is reached, by the public address", format="uri"),
        "local_url": maybe(text("where processors on the same machine reach it", format="uri")),
        "incarnation": whole("how often it was launched", 0),
    },
)

ORDER = record(
    "What to launch.",
    {
        "module": maybe(text("a module section; else `default_module`")),
        "count": maybe(_whole_or_text("how many", 1000, "^([1-9][0-9]{0,2}|1000)$")),
        "options": maybe(mapped(_SCALAR, "options of the new processors' own")),
        "labels": maybe(mapped(_SCALAR, "labels, over those of the section")),
    },
    optional=("module", "count", "options", "labels"),
)

SIGNAL = record(
    "A signal to a process.", {"signal": {"type": ["string", "integer"], "description": "by name or number"}}
)

EVENT = record(
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
)

RESTART = record(
    "A rolling restart.",
    {
        "id": text(),
        "actor": text("who began it"),
        "created": time(),
        "state": words("how far it has come", *(each.value for each in RestartStage)),
        "problem": maybe(text("why it was stopped")),
        "batch": whole("the one that is under way, from 1", 0),
        "batches": listed(_COUNT, "how many processors there are in each"),
        "wanted": whole("how many processors it is for", 0),
        "ready": whole("how many have been restarted and are ready", 0),
    },
)

SECTIONS = record(
    "All sections, as they are written.",
    {"revision": _COUNT, "sections": mapped(mapped(_NULLABLE_TEXT))},
)

SECTION = record(
    "One section, as it is written.",
    {
        "section": text(),
        "revision": whole("the one that changed it last", 0),
        "options": mapped(_NULLABLE_TEXT, "edits over the file, with references, without secrets"),
    },
)

CONFIGURATION = {
    "description": "A processor's configuration, resolved; secrets are `***` but for the processor itself.",
    "type": "object",
    "properties": {
        "revision": _COUNT,
        "guid": GUID,
        "token": text("the one to use from now on"),
        "secret_options": text("the names that are secret"),
        "trust": said("to the processor itself: what it needs to verify the tokens of others", ref("Trust")),
    },
    "required": ["revision", "guid", "token"],
    "additionalProperties": text(),
}

PATCH = mapped(
    {"type": ["string", "number", "boolean", "null"]},
    "A JSON Merge Patch (RFC 7396) of the section's options; `null` takes an earlier edit back.",
    minProperties=1,
)

ROLLBACK = record("Where to go back to.", {"to": _whole_or_text("the revision", 2**53, "^[1-9][0-9]{0,14}$")})

_OVERRIDDEN = record("What the file says.", {"text": _NULLABLE_TEXT, "source": text(), "line": maybe(whole(least=1))})

PLAN = record(
    "What an edit changes.",
    {
        "section": text(),
        "revision": whole("the one that it is, or would be", 0),
        "changes": mapped(
            mapped(record("", {"from": _NULLABLE_TEXT, "to": _NULLABLE_TEXT})),
            "for each processor that it touches, what its options were and will be",
        ),
        "overrides": mapped(_OVERRIDDEN, "what the file says of the edited options, where it says something else"),
        "rollout": maybe(text("for `GET /rollout/ID`; `null`: no processor is touched")),
        "outcome": said("how it went, where that was waited for", ref("Rollout")),
    },
    optional=["outcome"],
)

HISTORY_ENTRY = record(
    "One edit of a section.",
    {
        "revision": whole(least=1),
        "time": time(),
        "actor": text("who"),
        "summary": text("what, in words"),
        "changes": mapped(
            record("", {"from": _NULLABLE_TEXT, "to": _NULLABLE_TEXT}),
            "`null`: there was, or is, no edit of that option",
        ),
    },
)

_SETTING = record(
    "Where an option is written.",
    {
        "section": text(),
        "option": text(),
        "text": maybe(text("with references")),
        "source": text(),
        "line": maybe(whole("in the file", 1)),
        "revision": maybe(whole("of the edit", 1)),
        "overrides": _OVERRIDDEN,
    },
    optional=["overrides"],
)

EXPLANATION = record(
    "How a processor's options came to their values.",
    {
        "guid": GUID,
        "revision": _COUNT,
        "held_at": maybe(whole("the revision that a rollout still keeps it at", 0)),
        "options": mapped(record("", {"value": text(), "chain": listed(_SETTING)})),
    },
)

DECLARATION = record(
    "One option that a processor declares.",
    {
        "name": text(pattern="^[a-z][a-z0-9_.-]{0,63}$"),
        "type": words("", *BY_NAME),
        "default": _VALUE,
        "minimum": number(),
        "exclusive_minimum": number(),
        "maximum": number(),
        "exclusive_maximum": number(),
        "choices": {"type": "array", "items": _SCALAR},
        "live": flag("whether a change is for the running process"),
        "secret": flag(),
        "help": text(),
    },
    optional=(
        *("type", "default", "minimum", "exclusive_minimum", "maximum", "exclusive_maximum"),
        *("choices", "live", "secret", "help"),
    ),
    more=True,
)

ACKNOWLEDGEMENT = record(
    "A processor's word on a revision.",
    {
        "revision": whole(least=1),
        "status": words("", "applied", "rejected"),
        "option": maybe(text("at fault, where it was rejected for one")),
        "reason": _NULLABLE_TEXT,
        "pending": listed(text(), "options that changed and take effect at its next start"),
        "options": listed(ref("Declaration"), "what it declares"),
        "topics": listed(text(), "the topics that it subscribes to; where it does not say so: those that it had"),
    },
    optional=("option", "reason", "pending", "options", "topics"),
)

ROLLOUT_EVENT = record(
    "One thing that happened to a rollout.",
    {
        "id": whole("its number in the rollout", 1),
        "time": time(),
        "event": text(),
        "guid": GUID,
        "reason": text(),
        "problem": text(),
        "revision": whole(least=1),
        "section": text(),
        "batch": whole(least=1),
        "processors": {"type": ["integer", "array"], "items": GUID},
    },
    optional=("guid", "reason", "problem", "revision", "section", "batch", "processors"),
)

ROLLOUT = record(
    "An edit on its way.",
    {
        "id": text("its revision"),
        "revision": whole(least=1),
        "section": text(),
        "actor": text("who edited"),
        "created": time(),
        "state": words("how far it has come", *(each.value for each in Stage)),
        "problem": maybe(text("why it was stopped")),
        "reverted_by": maybe(whole("the revision that took it back", 1)),
        "batch": whole("the one that is under way, from 1", 0),
        "batches": listed(_COUNT, "how many processors there are in each"),
        **dict.fromkeys(("wanted", "applied", "rejected", "waiting", "reverted", "absent"), _COUNT),
        "processors": mapped(words("", *(each.value for each in Progress))),
        "events": listed(ref("RolloutEvent")),
    },
)

CLOUD_EVENT: Schema = {
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
}

RECEIPT = record(
    "A message was accepted: it is stored.",
    {
        "id": text("by which with the source repeats are known"),
        "source": text(),
        "to": listed(text(), "where it goes: guids; or a module, one of whose processors gets it"),
        "numbers": listed(whole(least=1), "its own with each of them, for `/message/kept/NUMBER`"),
        "repeated": flag("whether it had been accepted before; it is not stored again"),
    },
)

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

MESSAGE = record("A message that is not delivered.", _MESSAGE_MEMBERS)
WHOLE_MESSAGE = record(
    "A message that is not delivered, and what is in it.", {**_MESSAGE_MEMBERS, "event": ref("CloudEvent")}
)

MAILBOXES = record(
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
)

HEALTH = record("", {"status": text(const="ok"), "guid": text("the initiator's own")})
READINESS = record("", {"status": text(const="ready"), "revision": _COUNT})

KEY = record(
    "A public key (RFC 7517, RFC 8037).",
    {
        "kty": text(const="OKP"),
        "crv": text(const="Ed25519"),
        "x": text("the key, in base64url"),
        "kid": text("its id (RFC 7638)"),
        "use": text(const="sig"),
        "alg": text(const="EdDSA"),
    },
)
KEYS = record("Public keys.", {"keys": listed(ref("Key"))})

TRUST = record(
    "What a processor needs to verify the tokens of others.",
    {
        "issuer": said("whose tokens", GUID),
        "keys": listed(ref("Key"), "that sign, or will, or did not long ago"),
        "revoked": mapped(whole(least=0), "by guid: no token of that incarnation holds any more, nor of one before it"),
    },
)

_TOKEN_TYPES = [f"urn:ietf:params:oauth:token-type:{kind}" for kind in ("jwt", "access_token")]
TOKEN_REQUEST = record(
    "For whom a token is to be (RFC 8693, 2.1).",
    {
        "grant_type": text(const="urn:ietf:params:oauth:grant-type:token-exchange"),
        "audience": text("the guid of a processor"),
        "scope": maybe(text("what it is to be good for: words with a space between them")),
        "subject_token": maybe(text("the token of the `Authorization` header; it need not be there")),
        "subject_token_type": maybe(text(enum=_TOKEN_TYPES)),
        "requested_token_type": maybe(text(enum=_TOKEN_TYPES)),
    },
    optional=("scope", "subject_token", "subject_token_type", "requested_token_type"),
)
GRANTED_TOKEN = record(
    "A token for one audience (RFC 8693, 2.2.1).",
    {
        "access_token": text(),
        "issued_token_type": text(const=_TOKEN_TYPES[0]),
        "token_type": text(const="Bearer"),
        "expires_in": whole("in seconds", 1),
        "scope": text("those that it has"),
    },
)
TOKEN_TO_INTROSPECT = record(
    "A token (RFC 7662, 2.1).",
    {"token": text(minLength=1), "token_type_hint": maybe(text("is not looked at"))},
    optional=["token_type_hint"],
)
TOKEN = record(
    "What a token says (RFC 7662, 2.2).",
    {
        "active": flag("whether it holds"),
        "token_type": text(const="Bearer"),
        "iss": GUID,
        "sub": text("whose it is: a guid, or an operator"),
        "client_id": text("the same"),
        "aud": GUID,
        "scope": text(),
        "iat": whole("when it was issued, in seconds since 1970"),
        "exp": whole("when it expires"),
        "jti": text(),
        "inc": whole("the incarnation of the processor", 0),
        "module": _NULLABLE_TEXT,
        "labels": mapped(text()),
    },
    optional=(
        *("token_type", "iss", "sub", "client_id", "aud", "scope", "iat", "exp", "jti", "inc", "module", "labels"),
    ),
)

SCHEMAS: Mapping[str, Schema] = {
    "Key": KEY,
    "Keys": KEYS,
    "Trust": TRUST,
    "TokenRequest": TOKEN_REQUEST,
    "GrantedToken": GRANTED_TOKEN,
    "TokenToIntrospect": TOKEN_TO_INTROSPECT,
    "Token": TOKEN,
    "Problem": PROBLEM,
    "Job": JOB,
    "Endpoint": ENDPOINT,
    "Exit": EXIT,
    "Resources": RESOURCES,
    "Order": ORDER,
    "Signal": SIGNAL,
    "Event": EVENT,
    "Restart": RESTART,
    "Sections": SECTIONS,
    "Section": SECTION,
    "Configuration": CONFIGURATION,
    "Patch": PATCH,
    "Rollback": ROLLBACK,
    "Plan": PLAN,
    "HistoryEntry": HISTORY_ENTRY,
    "Explanation": EXPLANATION,
    "Declaration": DECLARATION,
    "Acknowledgement": ACKNOWLEDGEMENT,
    "Rollout": ROLLOUT,
    "RolloutEvent": ROLLOUT_EVENT,
    **operator_tokens.SCHEMAS,
    **log_level.SCHEMAS,
    "CloudEvent": CLOUD_EVENT,
    "Receipt": RECEIPT,
    "Message": MESSAGE,
    "WholeMessage": WHOLE_MESSAGE,
    "Mailboxes": MAILBOXES,
    "Health": HEALTH,
    "Readiness": READINESS,
}
