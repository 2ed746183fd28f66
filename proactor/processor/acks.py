"""Acknowledgements, retried until they are answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import random as uniform
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..backoff import Backoff, Tries
from ..errors import Gone, ProactorError, Refused
from .client import Client
from .reconfiguration import Outcome

__all__ = ["Acks"]

_log = Logger(namespace="proactor.processor")


@define(eq=False)
class Acks:
    """Tells the initiator what became of a revision: the latest one, one request at a time.

    :param declarations: what it declares, which goes with it until it has arrived once.
    :param gone: called when the initiator says that this copy is stale.
    """

    client: Client
    clock: IReactorTime
    declarations: Mapping[str, Any]
    gone: Callable[[], None]
    backoff: Backoff = field(factory=Backoff)
    random: Callable[[], float] = uniform
    _tries: Tries = field(init=False)
    _due: Outcome | None = field(default=None, init=False)
    _stopped: bool = field(default=False, init=False)
    _declared: bool = field(default=False, init=False)
    _sending: Deferred[Any] | None = field(default=None, init=False)
    _retry: IDelayedCall | None = field(default=None, init=False)
    _waiting: list[Deferred[None]] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self._tries = Tries(self.random)

    @property
    def arrived(self) -> bool:
        """Whether the initiator has taken one, as it takes the first of a processor that serves."""
        return self._declared

    def post(self, outcome: Outcome) -> Deferred[None]:
        """Send an acknowledgement in place of any that is still unanswered.

        :return: fires when it was tried once. Whoever waits for that before the next request needs one connection
            for both.
        """
        if self._stopped:
            return succeed(None)
        tried: Deferred[None] = Deferred()
        self._waiting.append(tried)
        self._due = outcome
        self._tries.reset()
        if self._sending is None:
            self._send()
        return tried

    def stop(self) -> None:
        """Give up what is unanswered."""
        self._stopped = True
        self._due = None
        self._cancel_retry()
        if self._sending is not None:
            self._sending.cancel()

    def _cancel_retry(self) -> None:
        retry, self._retry = self._retry, None
        if retry is not None and retry.active():
            retry.cancel()

    def _send(self) -> None:
        self._cancel_retry()
        if self._due is not None:
            self._sending = sending = Deferred.fromCoroutine(self._deliver(self._due))
            sending.addErrback(self._unforeseen).addCallback(self._sent, self._due)

    async def _deliver(self, outcome: Outcome) -> bool:
        """Send one; tell whether that settles it."""
        declarations = {} if self._declared else self.declarations
        try:
            await self.client.acknowledge({**outcome.to_json(), **declarations})
        except Gone as gone:
            _log.warn("Stopping: of the initiator at {url}, {reason}", url=self.client.url, reason=gone)
            self.gone()
        except Refused as error:
            _log.warn(
                "The initiator refused what became of revision {outcome.revision}: {reason}",
                outcome=outcome,
                reason=error,
            )
        except ProactorError as error:
            _log.debug("Not acknowledged yet: {reason}", reason=error)
            return False
        else:
            self._declared = True
        return True

    def _unforeseen(self, failure: Failure) -> bool:
        _log.failure("Acknowledging failed", failure=failure)
        return False

    def _sent(self, settled: bool, outcome: Outcome) -> None:
        self._sending = None
        if self._due is not None and self._due is not outcome:
            self._send()
            return
        if settled:
            self._due = None
        elif self._due is not None:
            self._retry = self.clock.callLater(self._tries.next(self.backoff), self._send)
        waiting, self._waiting = self._waiting, []
        for tried in waiting:
            tried.callback(None)
