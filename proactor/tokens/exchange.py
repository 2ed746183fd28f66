"""Tokens by which processors know one another (RFC 8693): given out, and looked into (RFC 7662)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from attrs import define, field, frozen

from ..changes.configurator import Configurator
from ..config.job_settings import admission
from ..errors import GrantForbidden, NoSuchAudience, Unauthenticated
from ..jobs.fleet import Fleet
from ..metrics import Metrics
from ..model import Job
from .allowed import allows, may_have
from .issuing import Subject, TokenAuthority
from .peer_trust import PeerTrust
from .verification import Claims

__all__ = ["Granted", "TokenExchange"]


@frozen
class Granted:
    """A token that was given out.

    :param lifetime: in seconds.
    """

    token: str = field(repr=False)
    lifetime: float
    scope: Collection[str]


def subject_of(job: Job) -> Subject:
    """A processor as others come to know it."""
    return Subject(job.guid, job.incarnation, job.module, job.labels)


@define(eq=False)
class TokenExchange:
    """Gives them out.

    :param now: the time of day, aware.
    """

    now: Callable[[], datetime]
    configurator: Configurator
    authority: TokenAuthority
    fleet: Fleet
    trust: PeerTrust
    metrics: Metrics

    def for_processor(self, guid: str, audience: str, scope: Collection[str]) -> Granted:
        """A token by which one processor is known to another.

        :param scope: what it is to be good for.
        :raises NotGranted: it is not given out; why.
        """
        job, target = self.fleet.job(guid), self._target(audience)
        who = subject_of(job)
        allow_from, allow_scopes = admission(self.configurator.live.view(target.guid).values)
        if not allows(allow_from, who.guid, who.module, who.labels):
            reason = f"processor {audience} does not take calls from this one: its option allow_from says from whom"
            raise GrantForbidden(reason, "invalid_target")
        for each in scope:
            if not may_have(allow_scopes, each, who.guid, who.module, who.labels):
                reason = f"this one may not have the scope {each} at {audience}: its option allow_scopes says who may"
                raise GrantForbidden(reason, "invalid_scope")
        return self._granted(who, target, scope)

    def for_operator(self, name: str, audience: str, scope: Collection[str]) -> Granted:
        """A token by which an operator is known to a processor; they may call each, for whatever they say."""
        return self._granted(Subject(name), self._target(audience), scope)

    def _target(self, audience: str) -> Job:
        job = self.fleet.jobs.get(audience)
        if job is None or job.doomed:
            raise NoSuchAudience(f"there is no processor {audience[:64]}", "invalid_target")
        return job

    def _granted(self, who: Subject, target: Job, scope: Collection[str]) -> Granted:
        now, lifetime = self.now().timestamp(), self.configurator.settings.peer_token_ttl
        token = self.authority.issue_peer(who, target.guid, scope, now, lifetime)
        self.trust.granted(who.guid, target.guid, now + lifetime)
        self.metrics.token_issued("processor")
        return Granted(token, lifetime, sorted(scope))

    def introspected(self, token: str, asker: str | None) -> dict[str, Any]:
        """What a token says, for who cannot verify it; nothing where it does not hold.

        :param asker: a processor, which is told of tokens for it and of its own; ``None``: an operator, of all.
        """
        try:
            claims = self.authority.verify(token, None, self.now().timestamp())
        except Unauthenticated:
            return {"active": False}
        its = asker in (None, claims.audience) or (asker == claims.guid and claims.audience == self.authority.issuer)
        return self._told(claims) if its and self._holds(claims) else {"active": False}

    def _holds(self, claims: Claims) -> bool:
        """Whether a token that verifies is one of those that are wanted."""
        if claims.audience != self.authority.issuer and claims.audience not in self.fleet.jobs:
            return False
        job = self.fleet.jobs.get(claims.guid)
        if job is None:
            return claims.incarnation == 0
        if claims.incarnation <= job.revoked_incarnation:
            return False
        return claims.audience != self.authority.issuer or claims.incarnation == job.incarnation

    def _told(self, claims: Claims) -> dict[str, Any]:
        standard = {"iss": self.authority.issuer, "sub": claims.guid, "aud": claims.audience, "jti": claims.serial}
        times = {"iat": int(claims.issued), "exp": int(claims.expires)}
        scope = " ".join(sorted(claims.scope))
        more = {"inc": claims.incarnation, "module": claims.module, "labels": dict(claims.labels)}
        active = {"active": True, "token_type": "Bearer", "client_id": claims.guid, "scope": scope}
        return {**active, **standard, **times, **more}
