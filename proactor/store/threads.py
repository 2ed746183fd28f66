"""The thread that the store works on, and the way back from it."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.threadpool import ThreadPool

__all__ = ["Threads"]


@frozen
class Threads:
    """How something is called elsewhere.

    :param there: calls in the store's thread, one after another; returns at once.
    :param back: calls in the reactor's thread, from that of the store.
    :param stop: nothing will be called there any more.
    """

    there: Callable[[Callable[[], None]], None]
    back: Callable[[Callable[[], None]], None]
    stop: Callable[[], None]

    @classmethod
    def of(cls, reactor: IReactorFromThreads) -> Threads:
        """One thread of its own."""
        # There is none until it is needed: a store that is refused leaves nothing that runs.
        pool = ThreadPool(0, 1, "proactor-store")
        pool.start()
        return cls(pool.callInThread, reactor.callFromThread, pool.stop)

    @classmethod
    def none(cls) -> Threads:
        """All is called at once, where the caller is."""
        return cls(_call, _call, _nothing)


def _call(what: Callable[[], None]) -> None:
    what()


def _nothing() -> None:
    pass
