"""The keys that sign tokens are kept in the home, and another begins to sign from time to time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..backoff import Backoff
from ..config.settings import InitiatorSettings
from ..home.home import Home
from ..jobs.launch_plan import FIRST_TOKEN_EXTRA
from ..reactor.periodic import Periodic
from .issuing import TokenAuthority
from .keyring import KeyRing, new_key

__all__ = ["KeyRotation", "open_ring"]

#: Where in the home they are, and where the only one was before there were several.
RING, _FORMER = "keys/ring.json", "keys/signing.pem"
#: How often is looked whether it is time, in seconds: a clock may have been set.
_LOOK = 3600.0

log = Logger()


def open_ring(home: Home, now: float) -> KeyRing:
    """The keys of a home, which are made where there are none.

    :raises ProactorError: they cannot be read or made.
    """
    former = partial(home.find_secret, _FORMER)
    ring = KeyRing.from_json(home.read_secret(RING, lambda: KeyRing.begin(former() or new_key(), now).to_json()))
    home.remove_secret(_FORMER)
    return ring


@define(eq=False)
class KeyRotation:
    """Has the next key sign when it is time, and drops those whose tokens have expired: first in the home, then here.

    :param now: the time of day, aware.
    :param settings: the initiator's at this moment.
    :param save: keeps the keys as they are written; fails where they cannot be kept, and they stay as they are then.
    """

    clock: IReactorTime
    now: Callable[[], datetime]
    authority: TokenAuthority
    settings: Callable[[], InitiatorSettings]
    save: Callable[[bytes], Awaitable[None]] = lambda _: succeed(None)
    #: How long the tokens live that the present key signed, at most.
    _longest: float = field(default=0.0, init=False)
    _periodic: Periodic = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._periodic = Periodic(
            clock=self.clock,
            run=self._run,
            interval=lambda: _LOOK,
            backoff=lambda: Backoff(first=10.0, cap=300.0),
            jitter=0.0,
            trouble=self._trouble,
        )

    def start(self) -> None:
        """Begin."""
        self.heed()
        self._periodic.start()

    def stop(self) -> Deferred[None]:
        """End; fires when what is being written is."""
        return self._periodic.stop()

    def heed(self) -> None:
        """Take note of how long tokens live by what the configuration says now."""
        settings = self.settings()
        lifetimes = (settings.token_ttl + FIRST_TOKEN_EXTRA, settings.peer_token_ttl)
        self._longest = max(self._longest, *lifetimes)

    async def _run(self) -> float:
        """Do what is due; how many seconds there are until something may be again."""
        self.heed()
        now, settings, ring = self.now().timestamp(), self.settings(), self.authority.ring
        assert ring.signing.since is not None
        # Whoever verifies has fetched the next key meanwhile: each does so within the life of a token.
        due = ring.signing.since + max(settings.key_rotation, settings.token_ttl)
        after = ring.rotated(now, self._longest) if now >= due else ring
        after = after.pruned(now - settings.token_grace)
        if after != ring:
            await self.save(after.to_json())
            self.authority.ring = after
        if after.signing.id != ring.signing.id:
            log.info("Tokens are signed with another key: {kid}", kid=after.signing.id)
            due = now + max(settings.key_rotation, settings.token_ttl)
        return max(1.0, min(due - now, _LOOK))

    def _trouble(self, failure: Failure) -> None:
        log.failure("The keys that sign tokens cannot be kept: they stay as they are; trying on", failure)
