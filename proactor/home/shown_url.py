"""Where an initiator is reached, told to programs of the same user by its home; as soon as there is room for that."""

from __future__ import annotations

from collections.abc import Callable
from random import random as uniform

from attrs import define, field
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ..backoff import Backoff, Tries
from .disk import reason
from .files import URL
from .home import Home

__all__ = ["ShownUrl"]

#: Before another try, in seconds.
_WAITS = Backoff(first=1, cap=10)

_log = Logger(namespace="proactor.home")


@define(eq=False)
class ShownUrl:
    """The URL of one that serves.

    :param trust: see :meth:`~proactor.home.home.Home.show_url`.
    :param random: as ``random.random``: uniform in [0, 1).
    """

    clock: IReactorTime
    home: Home
    url: str
    trust: tuple[str, str] | None = None
    random: Callable[[], float] = uniform
    _tries: Tries = field(init=False)
    _later: IDelayedCall | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._tries = Tries(self.random)

    def start(self) -> None:
        """Tell it, or go on without until it can be told."""
        self._later = None
        path = self.home.path / URL
        try:
            self.home.show_url(self.url, self.trust)
        except OSError as error:
            if not self._tries.failed:
                _log.warn(
                    "{path}: {reason}: until that can be written clients have to be told the URL, as by --url {url}",
                    path=path,
                    reason=reason(error),
                    url=self.url,
                )
            self._later = self.clock.callLater(self._tries.next(_WAITS), self.start)
        else:
            if self._tries.reset():
                _log.info("{path} could be written: clients find the URL by the home again", path=path)

    def stop(self) -> None:
        """Try no more."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
