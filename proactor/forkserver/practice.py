"""Practice: what every processor does at its start is done ahead, until that changes nothing any more."""

from __future__ import annotations

import gc
import runpy
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType

from . import child, late, title
from .compaction import Heap, put_side_by_side, run_code

__all__ = ["practice"]

#: How often before it is known what runs then, and after that: code is made fast when it has run eight times (PEP 659).
_FIRST, _THEN = 2, 10
#: What runs in a forked process and is not rehearsed.
_ALSO = (child, late, title, runpy)


def practice(heap: Heap) -> Iterator[None]:
    """In steps of some milliseconds.

    :raises Exception: nothing can be rehearsed here; all goes on as it is.
    """
    from .rehearsal import rehearse  # noqa: PLC0415 - it is loaded when a reactor is put off

    codes = {code for module in _ALSO for code in _of(module)}
    for _ in range(_FIRST):
        with run_code() as run:
            rehearse()
        codes |= run
        yield
    heap.fill()
    yield
    # What is frozen is not found.
    gc.unfreeze()
    put_side_by_side(codes)
    gc.freeze()
    for _ in range(_THEN):
        yield
        rehearse()


def _of(module: ModuleType) -> Iterator[CodeType]:
    """The code of a module's functions."""
    for each in vars(module).values():
        if isinstance(each, FunctionType) and each.__module__ == module.__name__:
            yield each.__code__
