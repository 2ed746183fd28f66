"""``/openapi.json``: the description of it all."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from attrs import define

from .answers import Answer, json_text
from .app import Handler
from .calls import Call
from .description.document import document


@define(eq=False, slots=False)
class Description:
    """Tells what there is."""

    def handlers(self) -> Mapping[str, Handler]:
        """By the names that they have in the table."""
        return {"show_description": self.show_description}

    @cached_property
    def _text(self) -> bytes:
        return f"{json_text(document())}\n".encode()

    async def show_description(self, call: Call) -> Answer:
        """The OpenAPI document; made when it is first asked for."""
        call.known()
        return Answer(200, self._text, "application/json")
