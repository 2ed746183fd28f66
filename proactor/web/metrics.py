"""``/metrics``: what Prometheus asks for."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ..metrics import CONTENT_TYPE, Metrics
from .answers import Answer
from .app import Handler
from .calls import Call


@frozen
class Measured:
    """Handlers over what is measured."""

    metrics: Metrics

    def handlers(self) -> Mapping[str, Handler]:
        """By the names that they have in the table."""
        return {"show_metrics": self.show_metrics}

    async def show_metrics(self, call: Call) -> Answer:
        """All of it."""
        call.known()
        return Answer(200, self.metrics.text(), CONTENT_TYPE)
