"""``/endpoints``: who is ready."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ..exchange import LONGEST_WAIT
from ..initiator import Initiator
from ..jobs.directory import Directory
from ..jobs.endpoint import Endpoint, selection
from .answers import Answer, as_json_text, etag, nothing
from .app import Handler
from .callers import Operator
from .calls import DELTA, MERGE_PATCH, Call
from .selection import check_module


@frozen
class EndpointRoutes:
    """Handlers over the initiator."""

    initiator: Initiator

    def handlers(self) -> Mapping[str, Handler]:
        """By the names that they have in the table."""
        return {"list_endpoints": self.list_endpoints}

    async def list_endpoints(self, call: Call) -> Answer:
        """Who is ready."""
        module = call.one("module")
        # A processor may wait for one of a module that is declared later; an operator has mistyped it.
        if module is not None and isinstance(call.caller, Operator):
            check_module(self.initiator, module)
        return await listed(self.initiator.directory, call)


async def listed(directory: Directory, call: Call) -> Answer:
    """Who is ready; held until that changes, where that is asked; or what changed since."""
    call.known("guid", "module", "label")
    wanted = selection(call.one("module"), call.query.get("label", []), call.one("guid"))
    known = max(call.if_none_match, default=None)
    if known is not None:
        await directory.changed(known, wanted, min(call.wait or 0, LONGEST_WAIT))
        if not directory.is_new(known, wanted):
            return nothing(304, etag(known))
        changes = directory.changes(known, wanted) if call.wants_delta else None
        if changes is not None:
            return _delta(changes, known, directory.version)
    endpoints = ", ".join(each.text for each in directory.ready(wanted))
    return as_json_text(f"[{endpoints}]", headers=etag(directory.version))


def _delta(changes: Mapping[str, Endpoint | None], known: int, version: int) -> Answer:
    """What changed since a version."""
    patch = ", ".join(f'"{guid}": {"null" if each is None else each.text}' for guid, each in changes.items())
    headers = {**etag(version), "IM": DELTA, "Delta-Base": f'"{known}"'}
    return Answer(226, f"{{{patch}}}\n".encode(), MERGE_PATCH, headers)
