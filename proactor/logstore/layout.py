"""Where the bytes of a log are: arithmetic, without a file in sight.

A byte's *offset* is how many were written before it since the log began; it names the byte for ever. The newest bytes
are in the *live* file, to which the process appends; those before ``base`` were moved to older files or are no more.
"""

from __future__ import annotations

from attrs import evolve, field, frozen
from attrs.validators import ge

__all__ = ["Extent", "Layout", "Limits", "Place", "Span"]

SMALLEST = 8 << 10
LARGEST = 1 << 20


@frozen
class Limits:
    """How much of a log is kept.

    What it takes of the disk is at most twice as much: the other half is room for what its process writes before
    anybody comes to look, as it cannot be kept from writing.

    :param max_bytes: the most that one file holds; the live one may have more for as long as we take to see it.
    :param backups: how many times as much is kept in older files.
    """

    max_bytes: int = field(default=5 << 20, validator=ge(32 << 10))
    backups: int = field(default=3, validator=ge(0))

    @classmethod
    def within(cls, max_bytes: int, backups: int) -> Limits:
        """What is kept, for the files to take ``max_bytes`` each, and one more than ``backups`` times that, at most.

        :param max_bytes: at least 64 KiB.
        :raises ValueError: it is less.
        """
        return cls(max_bytes // 2, backups)

    @property
    def cap(self) -> int:
        """Bytes of the disk that all files together take at most."""
        return 2 * self.max_bytes * (self.backups + 1)

    @property
    def cut(self) -> int:
        """Bytes of the disk with more of which the live file is cut by others, if we have not come to see to it."""
        return self.max_bytes + self.max_bytes // 4

    @property
    def chunk(self) -> int:
        """Bytes that are moved at once, and thus are there twice for a moment."""
        return min(max(self.max_bytes // 8, SMALLEST), LARGEST)

    @property
    def full(self) -> int:
        """Bytes in the live file from which on they are moved. With more than ``max_bytes`` its writer outruns that,"""
        return self.max_bytes - self.max_bytes // 4

    @property
    def rest(self) -> int:
        """and so many of them stay: the newest."""
        return self.max_bytes // 2

    @property
    def backup_bytes(self) -> int:
        """Bytes in all older files together."""
        return self.max_bytes * self.backups


@frozen
class Span:
    """An older file: it holds the bytes from ``start`` up to, and without, ``end``."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """Its length."""
        return self.end - self.start


@frozen
class Place:
    """Where the byte of an offset is to be found.

    :param gap: how many bytes there are no more, from that offset on; the rest tells of the first after them.
    :param span: the older file that holds it; ``None``: it is in the live one, if it was written yet.
    """

    gap: int
    span: Span | None


@frozen
class Extent:
    """Bytes that stand in one file, from ``start`` up to, and without, ``end``."""

    start: int
    end: int
    span: Span | None


@frozen
class Layout:
    """One state of a log.

    :param spans: the older files, oldest first; between two of them, and behind the last, there may be gaps. An empty
        one is about to be written to, or was left behind, and says nothing.
    :param base: the offset up to which the live file's content is done with.
    :param origin: the offset of the live file's very first byte: 0 until it is truncated.
    """

    spans: tuple[Span, ...] = ()
    base: int = 0
    origin: int = 0

    @property
    def oldest(self) -> int:
        """The offset of the oldest byte that is kept: so many are gone before it."""
        return next((span.start for span in self.spans if span.size), self.base)

    @property
    def moved_bytes(self) -> int:
        """Bytes in all older files together."""
        return sum(span.size for span in self.spans)

    def locate(self, offset: int) -> Place:
        """Find the byte of an offset."""
        for span in self.spans:
            if span.size and offset < span.end:
                return Place(max(0, span.start - offset), span)
        return Place(max(0, self.base - offset), None)

    def before(self, offset: int) -> Extent | None:
        """Find the last bytes before an offset: an extent that ends there, or earlier where there is a gap."""
        if offset > self.base:
            return Extent(self.base, offset, None)
        for span in reversed(self.spans):
            if span.size and span.start < offset:
                return Extent(span.start, min(span.end, offset), span)
        return None

    def begun(self) -> Layout:
        """A new older file begins."""
        new = Span(self.base, self.base)
        return self if self.spans[-1:] == (new,) else evolve(self, spans=(*self.spans, new))

    def moved(self, count: int) -> Layout:
        """So many bytes were moved from the live file to the newest of the older ones."""
        *others, last = self.spans
        return evolve(self, spans=(*others, evolve(last, end=last.end + count)), base=self.base + count)

    def dropped(self, base: int) -> Layout:
        """What the live file held before ``base`` is no more."""
        return evolve(self, base=base)

    def truncated(self, end: int) -> Layout:
        """The live file was emptied; what is written next has the offset ``end``."""
        return evolve(self, base=end, origin=end)

    def evicted(self, room: int) -> tuple[Layout, tuple[Span, ...]]:
        """Have the older files hold at most ``room`` bytes; gives the ones that go: the oldest, and empty ones."""
        kept: tuple[Span, ...] = ()
        for span in reversed(self.spans):
            room -= span.size
            if room < 0:
                break
            kept = (span, *kept) if span.size else kept
        return evolve(self, spans=kept), tuple(span for span in self.spans if span not in kept)

    @classmethod
    def recovered(cls, spans: tuple[Span, ...], origin: int, first_data: int, copied: bool) -> Layout:
        """Find out the state from what is on the disk.

        :param spans: the older files, oldest first.
        :param origin: the offset of the live file's very first byte, as it was noted.
        :param first_data: where in the live file its first byte is that was not given back.
        :param copied: whether the live file holds what the newest older one ends with, where that was moved from.
        """
        end = max((span.end for span in spans if span.size), default=0)
        if end <= origin + first_data:
            return cls(spans, origin + first_data, origin)
        if copied:
            # It was moved, and there was no time left to give it back.
            return cls(spans, end, origin)
        # Somebody else has emptied it, and told nobody.
        return cls(spans, end + first_data, end)
