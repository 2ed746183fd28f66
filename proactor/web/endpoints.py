"""``/endpoints``: who is ready."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ..directory import Selection, selection
from ..exchange import LONGEST_WAIT
from ..initiator import Initiator
from .answers import Answer, as_json_text, etag, nothing
from .app import Handler
from .calls import DELTA, MERGE_PATCH, Call


@frozen
class EndpointRoutes:
    """Handlers over the initiator."""

    initiator: Initiator

    def handlers(self) -> Mapping[str, Handler]:
        """By the names that they have in the table."""
        return {"list_endpoints": self.list_endpoints}

    async def list_endpoints(self, call: Call) -> Answer:
        """Who is ready; held until that changes, where that is asked; or what changed since."""
        call.known("module", "label")
        wanted = selection(call.one("module"), call.query.get("label", []))
        directory, known = self.initiator.directory, max(call.if_none_match, default=None)
        if known is not None:
            await directory.changed(known, wanted, min(call.wait or 0, LONGEST_WAIT))
            if not directory.is_new(known, wanted):
                return nothing(304, etag(known))
            if call.wants_delta and (delta := self._delta(known, wanted)) is not None:
                return delta
        listed = ", ".join(each.text for each in directory.ready(wanted))
        return as_json_text(f"[{listed}]", headers=etag(directory.version))

    def _delta(self, known: int, wanted: Selection) -> Answer | None:
        """What changed since a version, where that is remembered."""
        directory = self.initiator.directory
        changes = directory.changes(known, wanted)
        if changes is None:
            return None
        patch = ", ".join(f'"{guid}": {"null" if each is None else each.text}' for guid, each in changes.items())
        headers = {**etag(directory.version), "IM": DELTA, "Delta-Base": f'"{known}"'}
        return Answer(226, f"{{{patch}}}\n".encode(), MERGE_PATCH, headers)
