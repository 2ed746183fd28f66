"""What every forked process writes to is put side by side: then it copies fewer pages.

A page is copied as a whole when one object on it changes, be it by a count of references. Code has such a count, and
counters of how it runs (PEP 659), and what runs in every process is strewn over all that is loaded. And a new object
takes the place of one that is gone, wherever that was.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, FunctionType
from typing import Any

from attrs import define, field

__all__ = ["Heap", "put_side_by_side", "run_code"]

#: What CPython's allocator takes at once for objects of one size, what it keeps of that for itself, and the sizes.
_POOL, _POOL_HEAD = 16 << 10, 48
_SMALL = range(48, 513, 16)
#: Sizes of the C library's blocks by which gaps are filled, the large ones first.
_LARGE = (*range(64 << 10, 4 << 10, -1024), *range(4 << 10, 32, -16))
#: More bytes than there are gaps of one size: where they do not suffice the allocator is another one.
_MOST = 2 << 20


@contextmanager
def run_code() -> Iterator[set[CodeType]]:
    """Give what Python code is run meanwhile, in this thread."""
    found: set[CodeType] = set()

    def called(frame: FrameType, event: str, _argument: Any) -> None:
        if event == "call":
            found.add(frame.f_code)

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        yield found
    finally:
        sys.setprofile(before)


def put_side_by_side(codes: Collection[CodeType]) -> None:
    """Have functions run copies of their code that are next to one another.

    :param codes: those that are wanted so; code within others included.
    """
    moved = _Moved({id(code) for code in codes})
    for function in [each for each in gc.get_objects() if type(each) is FunctionType]:
        code = moved.copy(function.__code__)
        if code is not function.__code__:
            function.__code__ = code


@define(eq=False)
class _Moved:
    """Code by what it was before; equal code may be many times there, and each is a copy of its own."""

    wanted: Collection[int]
    _copies: dict[int, tuple[CodeType, CodeType]] = field(factory=dict)

    def copy(self, code: CodeType) -> CodeType:
        if id(code) not in self._copies:
            # The old one as well: another must not get its address.
            self._copies[id(code)] = (code, self._copied(code))
        return self._copies[id(code)][1]

    def _copied(self, code: CodeType) -> CodeType:
        within = tuple(self.copy(each) if isinstance(each, CodeType) else each for each in code.co_consts)
        is_other = any(new is not old for new, old in zip(within, code.co_consts, strict=True))
        return code.replace(co_consts=within) if is_other or id(code) in self.wanted else code


class _Info(ctypes.Structure):
    """mallinfo2(3)."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    ]


@define(eq=False)
class Heap:
    """The memory of this process, whose gaps are filled for good: what is new from then on is side by side.

    Gaps are what little there is between what lives; nobody else gets to it but who would copy a page for it.
    """

    _filling: list[bytes] = field(factory=list)

    def fill(self) -> None:
        """Fill what gaps there are."""
        for size in _SMALL:
            self._fill_pools(size)
        _fill_blocks()

    def _fill_pools(self, size: int) -> None:
        """Take blocks of one size until they come out of a pool that had none: those are given back."""
        length = size - sys.getsizeof(b"")
        taken: list[bytes] = []
        in_row = last = 0
        while in_row < (_POOL - _POOL_HEAD) // size:
            if len(taken) * size > _MOST:
                return
            taken.append(bytes(length))
            address = id(taken[-1])
            is_next = in_row and address == last + size
            in_row = in_row + 1 if is_next else int(address % _POOL == _POOL_HEAD)
            last = address
        self._filling += taken[: len(taken) - in_row]


def _fill_blocks() -> None:
    """Take blocks of the C library until they come from the end of its memory, where there is no gap."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):
        return
    library.mallinfo2.restype = _Info
    library.malloc.restype = library.sbrk.restype = ctypes.c_void_p
    left = library.mallinfo2().fordblks
    for size in _LARGE:
        while left >= size:
            end = (library.sbrk(0) or 0) - library.mallinfo2().keepcost
            block = library.malloc(ctypes.c_size_t(size - 8))
            if not block or block >= end - 64:
                library.free(ctypes.c_void_p(block))
                break
            left -= size
