"""The tokens of a processor are revoked: at the initiator at once, at its peers with the next push."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from attrs import define
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from ..errors import Conflict, ProactorError
from ..jobs.fleet import Fleet
from ..model import Job, Wanted
from ..saved import Write
from ..timeline.origin import because
from .peer_trust import PeerTrust

log = Logger()


@define(eq=False)
class Revocations:
    """Revokes them.

    :param now: the time of day, aware.
    """

    now: Callable[[], datetime]
    fleet: Fleet
    trust: PeerTrust

    async def revoke(self, guid: str, actor: str) -> Deferred[None]:
        """Have no token of a processor hold any more; returns when that is kept and holds here.

        Its process, which has such a token, is ended, and another takes its place, where it is to run.

        :return: fires when that is ready, or will not be.
        :raises NotFound: there is none of that guid.
        :raises Conflict: it is being deleted.
        :raises StorageFull, StorageFailed: it cannot be kept, and is not so.
        """
        job = self.fleet.job(guid)
        if job.doomed:
            raise Conflict(f"job {guid} is being deleted")
        before = job.revoked, job.revoked_incarnation
        job.revoked, job.revoked_incarnation = self.now(), job.incarnation
        revocation = self.trust.revocation(guid, job.incarnation)
        try:
            await self.fleet.saving.keep(job, self.trust.writes(guid, revocation))
        except ProactorError:
            job.revoked, job.revoked_incarnation = before
            raise
        self.trust.revoke(guid, revocation)
        log.warn("The tokens of processor {guid} ({module}) are revoked", guid=guid, module=job.module)
        event = self.fleet.timeline.add(self.now(), "revoked", guid, "revoke", actor, more={"module": job.module})
        if job.wanted is not Wanted.RUNNING or not job.alive:
            return succeed(None)
        with because(event):
            return await self.fleet.replace(guid, actor, "revoke")

    def forget(self, job: Job) -> Sequence[Write]:
        """A job is being forgotten: what is kept with that."""
        revocation = self.trust.revocation(job.guid, job.incarnation)
        writes = self.trust.writes(job.guid, revocation)
        self.trust.revoke(job.guid, revocation)
        return writes
