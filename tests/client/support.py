"""A client of an initiator in memory: the real application, with no network between."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar, cast

from treq.testing import StubTreq
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from proactor.client import Client, Place

from ..support.rig import CONFIG, OPERATOR, Rig

T = TypeVar("T")


class Memory:
    """An initiator and its client.

    :param token: what the client sends.
    :param config: the initiator's.
    """

    def __init__(self, case: SynchronousTestCase, token: str | None = OPERATOR, config: str = CONFIG) -> None:
        self.case = case
        self.rig = Rig(case, config)
        site: Any = self.rig.client.site
        self.stub = StubTreq(site.resource)
        self.client = Client.of(cast(Any, self.stub), self.rig.clock, Place("http://localhost:8080/", token))

    def begin(self, work: Coroutine[Any, Any, T]) -> Deferred[T]:
        """Begin something that may take time."""
        deferred = Deferred.fromCoroutine(work)
        self.turn()
        return deferred

    def turn(self, seconds: float = 0) -> None:
        """Let time pass, and what was written arrive."""
        self.rig.clock.advance(seconds)
        for _ in range(5):
            self.stub.flush()
            self.rig.clock.advance(0)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do what needs no time."""
        result: T = self.case.successResultOf(self.begin(work))
        return result

    def fail(self, work: Coroutine[Any, Any, Any], kind: type[BaseException]) -> Any:
        """Do what fails; gives the exception."""
        return self.case.failureResultOf(self.begin(work), kind).value
