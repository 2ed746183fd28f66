"""Changes of the configuration over HTTP: edits, plans, history, the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from attrs import frozen
from twisted.internet.interfaces import IReactorTime

from ..changes.configurator import Plan
from ..changes.rollout import Pace, Rollout, check_sizes
from ..config.draft import Draft
from ..config.grammar import REDACTED
from ..config.job_settings import rollout_pace
from ..config.live import Entry
from ..errors import Malformed, Refused
from ..initiator import Initiator
from ..model import timestamp
from ..reactor.slices import in_slices
from . import forms
from .answers import Answer, as_json, as_json_text, etag, json_text
from .app import Handler
from .calls import Call, flag
from .selection import chosen

_PACING = ("batch", "watch", "timeout", "first", "revert", "conflict")
_LONGEST_WAIT = 300.0


@frozen
class Edits:
    """Handlers over the initiator."""

    clock: IReactorTime
    initiator: Initiator

    def handlers(self) -> Mapping[str, Handler]:
        """By the names that they have in the table."""
        return {
            "edit_section": self.edit_section,
            "show_history": self.show_history,
            "roll_back": self.roll_back,
            "explain": self.explain,
        }

    async def edit_section(self, call: Call) -> Answer:
        """Take an edit and send it out; or only show what it would do."""
        call.known("plan", *_PACING)
        section, live = call.path["section"], self.initiator.configurator.live
        patch = merge_patch(call)

        def make() -> Draft:
            return live.draft_edit(section, patch, call.if_match)

        answer = await self._changed(call, section, make, self._overridden(section, patch))
        if "instances" in patch and not flag(call, "plan", False):
            # To the number that it is already, that is no change, of which it would hear.
            self.initiator.scale.look()
        return answer

    async def roll_back(self, call: Call) -> Answer:
        """The edits of a section as they were at a revision, as a new one."""
        call.known("plan", *_PACING)
        section, live = call.path["section"], self.initiator.configurator.live
        body = forms.plain(call, ())
        forms.known(body, ("to",))
        to = forms.whole(body, "to", 1, 2**53)
        if to is None:
            raise Refused('to: the revision to go back to is missing: {"to": 12}')
        return await self._changed(call, section, lambda: live.draft_rollback(section, to, call.if_match), {})

    async def _changed(
        self, call: Call, section: str, make: Callable[[], Draft], overridden: Mapping[str, Any]
    ) -> Answer:
        wait = _choice(call, "conflict", ("wait", "refuse")) != "refuse"
        pace, made = self._pace(call, section), self._checked(make)
        if flag(call, "plan", False):
            plan = await self.initiator.configurator.plan(made)
            return as_json_text(await self._text(_plan_record(section, plan, overridden), plan))
        plan, rollout = await self.initiator.rollouts.start(made, section, call.caller.name, pace, wait)
        record = _plan_record(section, plan, overridden)
        if rollout is not None and call.wait:
            record["outcome"] = await self._outcome(rollout, min(call.wait, _LONGEST_WAIT))
        return as_json_text(await self._text(record, plan), headers=etag(plan.revision))

    def _checked(self, make: Callable[[], Draft]) -> Callable[[], Draft]:
        """What an operator wants, where that makes sense."""
        return partial(self.initiator.scale.checked, partial(self.initiator.configurator.spelt, make))

    async def _text(self, record: Mapping[str, Any], plan: Plan) -> str:
        """A plan's record, with its changes, which may be very many: so it is made in slices."""
        changes: list[str] = []
        await in_slices(self.clock, map(changes.append, _change_texts(plan)))
        members = {name: json_text(value) for name, value in record.items()}
        members["changes"] = f"{{{', '.join(changes)}}}"
        return f"{{{', '.join(f'{json_text(name)}: {text}' for name, text in members.items())}}}"

    async def _outcome(self, rollout: Rollout, seconds: float) -> dict[str, Any]:
        until = self.clock.seconds() + seconds
        while not rollout.over and self.clock.seconds() < until:
            await self.initiator.rollouts.changed(rollout.id, len(rollout.events), until - self.clock.seconds())
        return rollout.record()

    def _pace(self, call: Call, section: str) -> Pace:
        """How the edit goes out: as the call says, else as the section does.

        :raises Refused: names the parameter that is not what it must be.
        """
        sizes, watch, timeout = rollout_pace(self.initiator.configurator.live.layers, section)
        return Pace(
            sizes=check_sizes(call.query.get("batch") or sizes),
            first=chosen(self.initiator, call.query.get("first", [])),
            watch=_seconds(call, "watch", watch),
            timeout=_seconds(call, "timeout", timeout, least=0.1),
            revert=flag(call, "revert", True),
        )

    def _overridden(self, section: str, patch: Mapping[str, str | None]) -> dict[str, Any]:
        """Where an edit disagrees with the file: what that says, and where."""
        layers = self.initiator.configurator.live.layers
        file = {name: setting for name in patch if (setting := layers.document.option(section, name)) is not None}
        return {
            name: {
                "text": REDACTED if layers.is_secret(name) else setting.text,
                "source": setting.source,
                "line": setting.line,
            }
            for name, setting in file.items()
            if patch[name] is not None and patch[name] != setting.text
        }

    async def show_history(self, call: Call) -> Answer:
        """The revisions that edited a section."""
        call.known()
        live, section = self.initiator.configurator.live, call.path["section"]
        return as_json([_entry_record(entry) for entry in live.history(section)])

    async def explain(self, call: Call) -> Answer:
        """Option by option, how a processor's configuration comes about."""
        call.known()
        guid, live = call.path["section"], self.initiator.configurator.live
        options = live.explain(guid)
        held_at = live.offered(guid) if guid in live.held() else None
        return as_json({"guid": guid, "revision": live.wanted(guid), "held_at": held_at, "options": options})


def _plan_record(section: str, plan: Plan, overridden: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "section": section,
        "revision": plan.revision,
        "changes": {},
        "overrides": dict(overridden),
        "rollout": str(plan.revision) if plan.differences else None,
    }


def _change_texts(plan: Plan) -> Iterator[str]:
    """The members of a plan's ``changes`` as JSON; what many share is written once."""
    texts: dict[int, str] = {}
    for difference in plan.differences:
        key = id(difference.options)
        if key not in texts:
            texts[key] = json_text({name: {"from": old, "to": new} for name, (old, new) in difference.options.items()})
        yield f"{json_text(difference.guid)}: {texts[key]}"


def _entry_record(entry: Entry) -> dict[str, Any]:
    changes = {
        name: {"from": None if old is None else old.text, "to": None if new is None else new.text}
        for name, (old, new) in entry.edited.items()
    }
    return {
        "revision": entry.revision,
        "time": timestamp(entry.time),
        "actor": entry.actor,
        "summary": entry.summary,
        "changes": changes,
    }


def merge_patch(call: Call) -> dict[str, str | None]:
    """A call's body as an edit: RFC 7396 on a flat object, or a form whose fields are set.

    :raises Malformed: there is none.
    :raises Refused: a member is an object or a list.
    """
    body = forms.plain(call, ())
    if not body:
        raise Malformed('nothing to change: send an object of options, such as {"rate": 2}')
    return {name: None if value is None else forms.as_text(name, value) for name, value in body.items()}


def _choice(call: Call, name: str, words: tuple[str, ...]) -> str | None:
    value = call.one(name)
    if value is not None and value not in words:
        raise Refused(f"{name}: must be {' or '.join(words)}")
    return value


def _seconds(call: Call, name: str, default: float, least: float = 0) -> float:
    text = call.one(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not least <= value <= 24 * 3600:
        raise Refused(f"{name}: must be a number of seconds from {least:g}, at most a day")
    return value
