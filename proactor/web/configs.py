"""``/config``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from ..config.grammar import REDACTED
from ..errors import Refused
from ..exchange import LONGEST_WAIT, Fetched
from ..initiator import Initiator
from ..messaging.topics import check_pattern
from ..model import Answer as Acknowledgement
from ..options import Option, Options
from ..tracing import HEADER, traceparent
from . import forms
from .answers import Answer, as_json, etag, nothing
from .app import Handler
from .callers import ProcessorCaller
from .calls import Call

_MOST_DECLARED = 1000


@frozen
class Configs:
    """Handlers over the initiator."""

    initiator: Initiator

    def handlers(self) -> Mapping[str, Handler]:
        """By the names that they have in the table."""
        return {
            "list_sections": self.list_sections,
            "show_config": self.show_config,
            "acknowledge": self.acknowledge,
        }

    async def list_sections(self, call: Call) -> Answer:
        """All sections as written, edits over file; secrets redacted."""
        call.known()
        live = self.initiator.configurator.live
        sections = {name: live.section(name) for name in live.section_names()}
        return as_json({"revision": live.revision, "sections": sections}, headers=etag(live.revision))

    async def show_config(self, call: Call) -> Answer:
        """A processor's own configuration; for an operator that, or another section, with secrets redacted."""
        call.known()
        if isinstance(call.caller, ProcessorCaller):
            return await self._fetched(call, call.caller)
        if call.path["section"] in self.initiator.fleet.jobs:
            return await self._shown(call)
        return self._section(call)

    def _section(self, call: Call) -> Answer:
        name, live = call.path["section"], self.initiator.configurator.live
        options = live.section(name)
        record = {
            "section": name,
            "revision": live.section_revision(name),
            "options": options,
            "file": live.under_edits(name),
        }
        return as_json(record, headers=etag(live.section_revision(name)))

    async def _fetched(self, call: Call, caller: ProcessorCaller) -> Answer:
        known, tag = call.fetched
        fetched = await self.initiator.exchange.fetch(caller.claims, caller.token, known, call.wait or 0, tag)
        applied = {"Preference-Applied": "wait"} if fetched.holds else {}
        if fetched.options is None:
            return nothing(304, {**(etag(fetched.revision) if tag is None else _tag(fetched)), **applied})
        headers = {**_tag(fetched), **applied}
        if fetched.trace is not None:
            headers[HEADER] = traceparent(fetched.trace)
        whole = {**fetched.options, "revision": fetched.revision, "trust": fetched.trust}
        # The tag is of the configuration, and a token comes with it.
        return evolve(as_json(whole, headers=headers), is_news=fetched.options["token"] != caller.token)

    async def _shown(self, call: Call) -> Answer:
        guid, configurator = call.path["section"], self.initiator.configurator
        self.initiator.fleet.job(guid)
        revision = configurator.live.offered(guid)
        if revision in call.if_none_match:
            await configurator.waiting.changed(guid, revision, min(call.wait or 0, LONGEST_WAIT))
            self.initiator.fleet.job(guid)
        revision, options = configurator.configuration(guid)
        if revision in call.if_none_match:
            return nothing(304, etag(revision))
        secrets = configurator.live.view(guid).secrets
        shown = {name: REDACTED if name in secrets else text for name, text in options.items()}
        return as_json({**shown, "token": REDACTED, "revision": revision}, headers=etag(revision))

    async def acknowledge(self, call: Call) -> Answer:
        """A processor's word on a revision."""
        call.known()
        forms.known(call.body, ("revision", "status", "option", "reason", "pending", "options", "topics"))
        answer, declared = acknowledgement(call.body)
        await self.initiator.exchange.acknowledge(call.path["section"], answer, declared, topics(call.body))
        return nothing(204)


def _tag(fetched: Fetched) -> dict[str, str]:
    return {"ETag": f'"{fetched.revision}.{fetched.tag}"'}


def acknowledgement(body: Mapping[str, Any]) -> tuple[Acknowledgement, tuple[Option, ...] | None]:
    """What a processor says, and what it declares if it does.

    :raises Refused: names the member that is not what it must be.
    """
    revision = forms.whole(body, "revision", 1, 2**53)
    status = forms.text(body, "status")
    if revision is None or status not in ("applied", "rejected"):
        raise Refused("an acknowledgement has a revision, and a status that is 'applied' or 'rejected'")
    pending = body.get("pending", [])
    if not isinstance(pending, list) or not all(isinstance(name, str) for name in pending):
        raise Refused("pending: must be a list of texts")
    declared = None
    if "options" in body:
        if not isinstance(body["options"], list) or len(body["options"]) > _MOST_DECLARED:
            raise Refused(f"options: must be a list of at most {_MOST_DECLARED} declarations")
        declared = tuple(Options.from_json(body["options"]).declared)
    answer = Acknowledgement(revision, status, forms.text(body, "option"), forms.text(body, "reason"), tuple(pending))
    return answer, declared


def topics(body: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The topics that a processor subscribes to, where it says so; what declares options and no topics has none.

    :raises Refused: one is no topic and no pattern.
    """
    names = body.get("topics")
    if names is None:
        return () if "options" in body else None
    if not isinstance(names, list) or len(names) > _MOST_DECLARED or not all(isinstance(name, str) for name in names):
        raise Refused(f"topics: must be a list of at most {_MOST_DECLARED} texts")
    return tuple(check_pattern(name) for name in names)
