"""What is counted and timed, for Prometheus. Each sees no more than its own: no scrape looks through the fleet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from . import __version__
from .changes.rollout import OVER
from .jobs.lifecycle import Step
from .model import Exit, Job, State
from .timeline.timeline import Event

CONTENT_TYPE: str = CONTENT_TYPE_PLAIN_0_0_4

#: Why a process is started again: words, for an exit has any number of reasons.
REASONS = ("failed", "finished", "not_ready", "not_started", "operator", "signal", "silent", "unknown")
_BEGINNINGS = {"not ready within": "not_ready", "silent for": "silent", "could not be started": "not_started"}

_SHORT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_LONG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

_STATES = frozenset(state.value for state in State)
_OUTCOMES = {f"rollout.{stage.value}": stage.value for stage in OVER}


#: What becomes of messages.
OUTCOMES = ("accepted", "repeated", "full", "delivered", "failed", "dead", "resent", "dropped")


def reason(exit_: Exit | None) -> str:
    """Why a process is no more, in one of :data:`REASONS`."""
    if exit_ is None:
        return "unknown"
    for beginning, word in _BEGINNINGS.items():
        if exit_.reason.startswith(beginning):
            return word
    if exit_.signal is not None:
        return "signal"
    if exit_.code is None:
        return "unknown"
    return "failed" if exit_.code else "finished"


def _zero() -> int:
    return 0


class Metrics:
    """All that is measured of one initiator, in a registry of its own.

    :param seconds: on a clock that only goes forward.
    :param job: one of the jobs there are, by its guid.
    :param revision: of the configuration.
    """

    def __init__(
        self, seconds: Callable[[], float], job: Callable[[str], Job | None], revision: Callable[[], int] = _zero
    ) -> None:
        self.seconds = seconds
        self._job = job
        self.registry = CollectorRegistry()
        self._states: dict[str, str] = {}
        #: When each processor was given the revision of which it has not said anything.
        self._given: dict[str, tuple[int, float]] = {}
        ProcessCollector(registry=self.registry)
        Info("proactor_build", "What is running.", registry=self.registry).info({"version": __version__})
        self._make_jobs()
        self._make_configuration(revision)
        self._make_itself()

    def _make_jobs(self) -> None:
        self._jobs = Gauge("proactor_jobs", "Jobs by state.", ["state"], registry=self.registry)
        for state in State:
            self._jobs.labels(state.value)
        self._launches = self._counter("launches", "Processes launched.")
        self._restarts = self._counter("restarts", "Processes started again, by what became of them.", reason=REASONS)
        self._ready = self._histogram("ready", "From the launch of a process until it is ready.", _LONG)

    def _make_configuration(self, revision: Callable[[], int]) -> None:
        self._fetches = self._counter("fetches", "Configurations fetched.", answer=("new", "unchanged"))
        self._pushes = self._counter("pushes", "Changes that reached a processor that waited.")
        self._answers = self._counter(
            "acknowledgements", "What processors said of revisions.", status=("applied", "rejected")
        )
        self._answering = self._histogram(
            "acknowledgement", "From giving a processor a revision until it says what became of it.", _LONG
        )
        self._rollouts = self._counter("rollouts", "Rollouts that are over.", outcome=tuple(_OUTCOMES.values()))
        Gauge("proactor_revision", "The revision of the configuration.", registry=self.registry).set_function(revision)
        self._issued = self._counter(
            "tokens_issued", "Tokens issued, by audience.", audience=("initiator", "processor")
        )
        self._refused = self._counter("tokens_refused", "Tokens that did not hold.")
        self._denied = self._counter("tokens_denied", "Tokens for processors that were not given out.", error=())

    def _make_itself(self) -> None:
        self._requests = self._histogram(
            "request", "From a request until its answer begins; held: it was content to wait.", _LONG, "route", "held"
        )
        self._statuses = self._counter("requests", "Requests by route and status.", route=(), status=())
        #: What counts an answer, by all that is told apart: with each request they would be looked for by their labels.
        self._answered: dict[tuple[str, int, bool], tuple[Histogram, Counter]] = {}
        self._lag = self._histogram("reactor_lag", "How late what is due is done.", _SHORT)
        self._commits = self._histogram("commit", "How long it takes to store something.", _SHORT)
        self._make_messages()

    def _make_messages(self) -> None:
        self._messages = Gauge("proactor_messages", "Messages by state.", ["state"], registry=self.registry)
        self._oldest = Gauge(
            "proactor_message_oldest_seconds", "How long the oldest message waits.", registry=self.registry
        )
        self._outcomes = self._counter("message_outcomes", "What became of messages.", outcome=OUTCOMES)
        self.messages(_zero, _zero, _zero)

    def _counter(self, name: str, says: str, **labels: tuple[str, ...]) -> Counter:
        """A counter; the values that its one label can have are there from the start."""
        counter = Counter(f"proactor_{name}", says, list(labels), registry=self.registry)
        for word in next(iter(labels.values()), ()):
            counter.labels(word)
        return counter

    def _histogram(self, name: str, says: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"proactor_{name}_seconds", says, labels, buckets=buckets, registry=self.registry)

    def text(self) -> bytes:
        """All of it, in the text format of Prometheus."""
        return generate_latest(self.registry)

    # What happens.

    def heard(self, event: Event) -> None:
        """Something happened; see :meth:`proactor.timeline.timeline.Timeline.listen`."""
        if event.kind in _STATES and event.guid is not None:
            self._stepped(event.guid, event)
        elif event.kind == "deleted" and event.guid is not None:
            self.count(event.guid, None)
        elif event.kind in _OUTCOMES and event.guid is None:
            self._rollouts.labels(_OUTCOMES[event.kind]).inc()

    def _stepped(self, guid: str, event: Event) -> None:
        self.count(guid, event.kind)
        job = self._job(guid)
        step = event.more["step"]
        if step == Step.READY.value and job is not None and job.started is not None:
            self._ready.observe(_since(job.started, event.time))
        elif step == Step.RETRY.value:
            self._restarts.labels("unknown" if job is None else reason(job.exit)).inc()
        elif step == Step.START.value and event.cause == "restart":
            self._restarts.labels("operator").inc()

    def count(self, guid: str, state: str | None) -> None:
        """A job is in a state now; ``None``: it is no more. For those that are there from the start."""
        before = self._states.pop(guid, None)
        if before is not None:
            self._jobs.labels(before).dec()
        if state is not None:
            self._states[guid] = state
            self._jobs.labels(state).inc()
        else:
            self._given.pop(guid, None)

    def launched(self) -> None:
        """A process was launched."""
        self._launches.inc()

    def fetched(self, guid: str, revision: int, new: bool, pushed: bool) -> None:
        """A processor was given its configuration.

        :param pushed: it had waited for it.
        """
        self._fetches.labels("new" if new else "unchanged").inc()
        if pushed:
            self._pushes.inc()
        if new:
            self._given[guid] = revision, self.seconds()

    def acknowledged(self, guid: str, revision: int, status: str) -> None:
        """A processor said what became of a revision."""
        self._answers.labels(status).inc()
        given, when = self._given.get(guid, (0, 0.0))
        if given == revision:
            del self._given[guid]
            self._answering.observe(self.seconds() - when)

    def token_issued(self, audience: str = "initiator") -> None:
        """A token was issued."""
        self._issued.labels(audience).inc()

    def token_denied(self, error: str) -> None:
        """A token for a processor was not given out."""
        self._denied.labels(error).inc()

    def token_refused(self) -> None:
        """A token did not hold."""
        self._refused.inc()

    def answered(self, route: str, status: int, held: bool, seconds: float) -> None:
        """A request was answered."""
        found = self._answered.get((route, status, held))
        if found is None:
            found = self._requests.labels(route, "yes" if held else "no"), self._statuses.labels(route, str(status))
            self._answered[route, status, held] = found
        time, count = found
        time.observe(seconds)
        count.inc()

    def late(self, seconds: float) -> None:
        """What was due was done so much later."""
        self._lag.observe(max(0.0, seconds))

    def committed(self, seconds: float) -> None:
        """Something was stored in so many seconds."""
        self._commits.observe(seconds)

    def message(self, outcome: str, count: int = 1) -> None:
        """Something became of one message, or of several: one of :data:`OUTCOMES`."""
        self._outcomes.labels(outcome).inc(count)

    def messages(self, waiting: Callable[[], int], dead: Callable[[], int], oldest: Callable[[], float]) -> None:
        """Have those counted that are on their way, and those that will not be delivered any more.

        :param oldest: how many seconds ago the oldest that is on its way was accepted.
        """
        self._oldest.set_function(oldest)
        self._messages.labels("waiting").set_function(waiting)
        self._messages.labels("dead").set_function(dead)


def _since(then: datetime, now: datetime) -> float:
    return max(0.0, (now - then).total_seconds())
