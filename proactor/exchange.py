"""What processors ask of the initiator, and tell it: their configuration, their token, what became of a revision."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from attrs import define, field, frozen
from twisted.logger import Logger

from .changes.configurator import Configurator
from .changes.rollouts import Rollouts
from .changes.waiting import EARLY_END
from .config.job_settings import LATEST, refresh
from .errors import Gone, ProactorError, Refused, Unauthenticated
from .jobs.fleet import Fleet
from .jobs.launch_plan import LaunchPlanner
from .metrics import Metrics
from .model import Answer, Job
from .options import Option
from .tokens.issuing import EARLY, TokenAuthority, new_serial
from .tokens.peer_trust import NOTHING, PeerTrust
from .tokens.verification import Claims
from .tokens.verified import VerifiedTokens

#: How long a held request for a configuration is held at most, in seconds.
LONGEST_WAIT = 300.0
#: How long a fetch may take, in seconds.
_ON_THE_WAY = 1.0

#: Of how many revisions the trace is remembered.
_TRACES = 100

log = Logger()


@frozen
class Fetched:
    """A processor's configuration as it fetches it.

    :param options: all of them, the token included; ``None`` where nothing is new.
    :param trace: of the request that the revision came with, where that had one and is not long ago.
    :param trust: what it needs to verify the tokens of others (:mod:`proactor.tokens.peer_trust`), and its ``tag``.
    :param holds: whether it was held, as it asked to be, and the next one will be.
    """

    revision: int
    options: Mapping[str, str] | None
    trace: str | None = None
    trust: Mapping[str, Any] | None = None
    tag: str = NOTHING
    holds: bool = False


@define(eq=False)
class Exchange:
    """Answers processors.

    :param now: the time of day, aware.
    """

    now: Callable[[], datetime]
    configurator: Configurator
    authority: TokenAuthority
    planner: LaunchPlanner
    fleet: Fleet
    rollouts: Rollouts
    metrics: Metrics
    trust: PeerTrust
    #: Told of each processor that says what topics it has subscribed to.
    heard_topics: Callable[[str], None] = lambda _: None
    _verified: VerifiedTokens = field(init=False)
    _traces: dict[int, str] = field(factory=dict)
    #: The incarnations of which it was said that they came with a token that is no good any more.
    _stranded: dict[str, int] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self._verified = VerifiedTokens(self._verify)

    def issued(self, token: str, claims: Claims) -> None:
        """A processor's token was issued here."""
        self.metrics.token_issued()
        self._verified.know(token, claims)

    def identify(self, token: str, late: bool = False) -> Claims:
        """Whose token this is.

        :param late: whether it may have expired: the last that a processor was given, within ``token_grace``.
        :raises Unauthenticated: it does not hold.
        :raises Gone: it was that of a processor that has been deleted or launched again.
        """
        now = self._time()
        try:
            claims = self._verified.verify(token, now)
        except Unauthenticated:
            if not late:
                raise
            return self._late(token, now)
        job = self._job(claims)
        if job.serial_before is not None and claims.serial == job.serial:
            # It has come to its processor: the one before is of no more use.
            job.serial_before = None
            self.fleet.saving.note(job)
        return claims

    def _late(self, token: str, now: float) -> Claims:
        """Whose token this is that has expired, if it is the last that its processor was given."""
        claims = self.authority.verify(token, self.authority.issuer, now, math.inf)
        job, grace = self._job(claims), self.configurator.settings.token_grace
        why = None
        if now >= claims.expires + grace:
            why = "has expired"
        elif job.serial is not None and claims.serial not in (job.serial, job.serial_before):
            # What it was launched with is the only one of its incarnation until it was given another.
            why = "has expired, and its processor was given another"
        if why is not None:
            self._tell(job, why)
            raise Unauthenticated(f"this token {why}", "invalid_token")
        return claims

    def _tell(self, job: Job, why: str) -> None:
        """Say that a processor does not come back by itself, or that somebody else has its token: once of a process."""
        if self._stranded.get(job.guid) != job.incarnation:
            self._stranded[job.guid] = job.incarnation
            log.warn(
                "Who comes as processor {guid} ({module}) has a token that {why}; restart it if it stays so",
                guid=job.guid,
                module=job.module,
                why=why,
            )

    def _job(self, claims: Claims) -> Job:
        job = self.fleet.jobs.get(claims.guid)
        # Of one that is being forgotten nothing more is kept once its process has ended.
        if job is None or job.incarnation != claims.incarnation or (job.doomed and not job.alive):
            raise Gone(f"processor {claims.guid}, incarnation {claims.incarnation}, is not wanted any more")
        if claims.incarnation <= job.revoked_incarnation:
            raise Gone(f"the tokens of processor {claims.guid}, incarnation {claims.incarnation}, are revoked")
        return job

    def _verify(self, token: str, now: float) -> Claims:
        return self.authority.verify(token, self.authority.issuer, now)

    def _time(self) -> float:
        return self.now().timestamp()

    async def fetch(
        self, claims: Claims, presented: str, known: int | None, wait: float, tag: str | None = None
    ) -> Fetched:
        """A processor's configuration, and its token: the one presented, or another when that one is due.

        :param known: the revision that it has; where that is still the newest and no token is due, it is told so,
            ``wait`` seconds later at most.
        :param tag: of the trust that it has; where that is another now it is answered at once. ``None``: it has no use
            for any.
        :raises Gone: it was deleted meanwhile.
        :raises StorageFull, StorageFailed: another token cannot be kept.
        """
        guid = claims.guid
        self.fleet.supervised(guid).contact()
        due = claims.due(self.configurator.settings.token_ttl)
        if claims.issued > self._time() + EARLY:
            due = 0.0  # A clock went back: all that it is good for is to be given another one.
        left = due - self._time()
        waited = holds = False
        if known == self.configurator.live.offered(guid) and left > 0 and not self._has_other_trust(guid, tag):
            waited = wait > 0
            longest = min(wait, LONGEST_WAIT, left)
            has_more = partial(self._has_other_trust, guid, tag)
            holds = await self.configurator.waiting.changed(guid, known, longest, has_more)
            # Who waited until then may have come that much earlier.
            due -= longest * EARLY_END
        job = self._job(claims)
        if guid not in self.configurator.live.members():
            raise Gone(f"processor {guid}, incarnation {claims.incarnation}, is not wanted any more")
        revision, options = self.configurator.configuration(guid)
        renew = self._time() >= due or (not wait and claims.expires <= self._latest_next(options))
        is_new, now_tag = known != revision, self.trust.tag(guid)
        self.metrics.fetched(guid, revision, is_new, waited and is_new)
        if not is_new and not renew and tag in (None, now_tag):
            return Fetched(revision, None, tag=now_tag, holds=holds)
        token = await self._renewed(job, claims) if renew else presented
        given = {**options, "token": token}
        return Fetched(revision, given, self._traces.get(revision), self.trust.document(guid), now_tag, holds)

    def _has_other_trust(self, guid: str, tag: str | None) -> bool:
        return tag not in (None, self.trust.tag(guid))

    async def _renewed(self, job: Job, claims: Claims) -> str:
        """Another token in place of the one presented, which stays good until the other is used: an answer may be lost.

        :raises StorageFull, StorageFailed: which one it was given last cannot be kept.
        """
        lifetime, serial = self.configurator.settings.token_ttl, new_serial()
        token = self.planner.token(job, lifetime, serial)
        before = job.serial, job.serial_expires, job.serial_before
        expires = self.now() + timedelta(seconds=lifetime)
        job.serial, job.serial_expires, job.serial_before = serial, expires, claims.serial
        try:
            await self.fleet.saving.keep(job)
        except ProactorError:
            if job.serial == serial:
                job.serial, job.serial_expires, job.serial_before = before
            raise
        return token

    def traced(self, revision: int, trace: str) -> None:
        """A revision came with a request that had a trace; processors are handed that with it."""
        self._traces[revision] = trace
        if len(self._traces) > _TRACES:
            del self._traces[next(iter(self._traces))]

    def _latest_next(self, options: Mapping[str, str]) -> float:
        """When a processor that has no fetch held may have the next one answered, at the latest."""
        return self._time() + LATEST * refresh(options) + _ON_THE_WAY

    async def acknowledge(
        self, guid: str, answer: Answer, declared: tuple[Option, ...] | None, topics: tuple[str, ...] | None = None
    ) -> None:
        """Take a processor's word on a revision; its first is that it serves.

        :param declared: the options that it declares, where it says so; ``topics``: those that it subscribes to.
        :raises Refused: nobody can have been given that revision.
        """
        job, supervised = self.fleet.job(guid), self.fleet.supervised(guid)
        incarnation = job.incarnation
        supervised.contact()
        present = self.configurator.live.revision
        if answer.revision > present:
            raise Refused(f"revision {answer.revision} has never been given: the present one is {present}")
        job.answer = answer
        self.metrics.acknowledged(guid, answer.revision, answer.status)
        rejected = None
        if answer.status == "applied":
            job.running_revision = answer.revision
        else:
            rejected = f"{answer.option}: {answer.reason}" if answer.option else str(answer.reason)
            what = f"revision {answer.revision}: {rejected}"
            log.warn("Processor {guid} ({module}) rejected {what}", guid=guid, module=job.module, what=what)
        self.rollouts.answered(guid, answer.revision, rejected)
        if declared is not None:
            job.declared = [option.to_json() for option in declared]
        if topics is not None and topics != tuple(job.topics):
            job.topics = topics
            self.heard_topics(guid)
        self.fleet.saving.note(job)
        if declared is not None:
            await self.configurator.declare(guid, declared)
        # Meanwhile it may have been restarted: of the next process it says nothing.
        if job.incarnation == incarnation:
            supervised.said_ready()
