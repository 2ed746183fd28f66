"""How work that blocks on the disk is done elsewhere than in the reactor's thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

from twisted.internet.defer import Deferred

__all__ = ["InThread"]

P = ParamSpec("P")
T = TypeVar("T")


class InThread(Protocol):
    """Calls a function in a thread, as ``partial(deferToThreadPool, reactor, pool)`` does."""

    def __call__(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Call it; fires with what it returns."""
