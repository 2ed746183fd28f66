"""The journal beside the database, looked at before SQLite does, which takes what is damaged in it for its end.

Its format: https://www.sqlite.org/fileformat2.html#walformat.
"""

from __future__ import annotations

import struct
from pathlib import Path

from attrs import frozen

__all__ = ["Journal", "journal_path", "read_journal"]

_HEAD = 32
_FRAME_HEAD = 24
_MAGIC = 0x377F0682
_WORD = 0xFFFFFFFF


@frozen
class Journal:
    """What is in it.

    :param first_pages: the first page of the database, in each of the states that it has it in.
    :param lost: the commits that are there and would not be found.
    """

    first_pages: tuple[bytes, ...] = ()
    lost: int = 0


@frozen
class _Frame:
    head: bytes
    page: bytes

    @property
    def number(self) -> int:
        return int.from_bytes(self.head[:4], "big")

    @property
    def commits(self) -> bool:
        return any(self.head[4:8])

    @property
    def salts(self) -> bytes:
        return self.head[8:16]

    @property
    def sums(self) -> tuple[int, int]:
        first, second = struct.unpack(">II", self.head[16:24])
        return first, second


def journal_path(database: Path) -> Path:
    """Where the journal of a database is."""
    return database.with_name(f"{database.name}-wal")


def read_journal(path: Path) -> Journal:
    """Read one; none is as good as an empty one.

    :raises OSError: it cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Journal()
    head = data[:_HEAD]
    if len(head) < _HEAD:
        return Journal()
    magic, _, size = struct.unpack(">III", head[:12])
    order = ">" if magic & 1 else "<"
    sums = _sums(head[:24], order, (0, 0))
    if magic | 1 != _MAGIC | 1 or struct.pack(">II", *sums) != head[24:]:
        return _headless(data)
    frames = [each for each in _frames(data, size) if each.salts == head[16:24]]
    valid = _valid(frames, order, sums)
    left = sum(each.commits for each in frames[valid:])
    # One may be what was being written when the power went, and nobody was told that it is kept.
    return Journal(tuple(each.page for each in frames if each.number == 1), max(0, left - 1))


def _headless(data: bytes) -> Journal:
    """One whose head does not hold: all commits that are in it are lost.

    The head is on the disk before anything behind it is written.
    """
    frames = _frames(data, 4096)
    return Journal(lost=sum(each.commits and each.salts == frames[0].salts for each in frames))


def _frames(data: bytes, size: int) -> list[_Frame]:
    step = _FRAME_HEAD + size
    starts = range(_HEAD, len(data) - step + 1, step)
    return [_Frame(data[at : at + _FRAME_HEAD], data[at + _FRAME_HEAD : at + step]) for at in starts]


def _valid(frames: list[_Frame], order: str, sums: tuple[int, int]) -> int:
    """How many of them SQLite will take."""
    for count, frame in enumerate(frames):
        sums = _sums(frame.head[:8] + frame.page, order, sums)
        if sums != frame.sums:
            return count
    return len(frames)


def _sums(data: bytes, order: str, sums: tuple[int, int]) -> tuple[int, int]:
    """The two running sums of SQLite."""
    first, second = sums
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for one, other in zip(words, words, strict=True):
        first = (first + one + second) & _WORD
        second = (second + other + first) & _WORD
    return first, second
