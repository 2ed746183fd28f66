"""What the tests of logs share: files in a folder, and threads that are none."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from proactor.guardian_main import libc
from proactor.logstore.files import Files
from proactor.logstore.layout import Limits
from proactor.logstore.reading import Cursor, end_of
from proactor.logstore.rotation import Rotation
from proactor.logstore.turn import Turn

GUID = "0123456789abcdef0123456789abcdef"
OTHER = "f" * 32

SMALL = Limits(64 << 10, 3)


def at_once(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Deferred[Any]:
    """Call a function here and now, as a thread would in its time."""
    return maybeDeferred(function, *args, **kwargs)


class Later:
    """Calls functions when the test says so, as threads that are busy would.

    :ivar waiting: what has not been called yet.
    """

    def __init__(self) -> None:
        self.waiting: list[Callable[[], None]] = []

    def __call__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Keep it for later."""
        result: Deferred[Any] = Deferred()

        def call() -> None:
            maybeDeferred(function, *args, **kwargs).chainDeferred(result)

        self.waiting.append(call)
        return result

    def run(self) -> None:
        """Call those that wait, and those that come to wait by that."""
        while self.waiting:
            self.waiting.pop(0)()


def nobody_waits() -> bool:
    """No other log is in need of the thread."""
    return False


def numbered(first: int, last: int, width: int = 99) -> bytes:
    """Lines with a number each, of ``width`` bytes and their end."""
    return b"".join(b"%012d " % number + b"x" * (width - 13) + b"\n" for number in range(first, last))


def everything(log: Rotation, offset: int | None = None) -> bytes:
    """All that a reader gets who begins at the oldest byte, or at an offset."""
    log.load()
    cursor = Cursor(log, log.layout.oldest if offset is None else offset)
    parts = []
    while (taken := cursor.take(10_000)).data:
        parts.append(taken.data)
    return b"".join(parts)


def taken_on_disk(files: Files) -> int:
    """Bytes that the files of a log take."""
    total = 0
    for path in [files.live, *(files.folder.iterdir() if files.folder.is_dir() else [])]:
        with suppress(FileNotFoundError):
            total += path.stat().st_blocks * 512
    return total


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Have writes beyond a size fail, the last one of them in part, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class LogCase(SynchronousTestCase):
    """One log in a folder of its own."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.files = Files(self.folder / f"{GUID}.log")
        self.files.live.touch()
        self.log = self.make()

    def make(self, limits: Limits = SMALL, **options: Any) -> Rotation:
        """What keeps the log, as after a start."""
        options = {"turn": Turn(iter(range(10**9)).__next__, lambda _: None)} | options
        return Rotation(self.files, limits, **options)

    def write(self, data: bytes, name: str = GUID) -> None:
        """Write as a process does."""
        with open(self.folder / f"{name}.log", "ab") as file:
            file.write(data)

    def attend(self, log: Rotation | None = None) -> None:
        """Have it kept to its limits, all at once."""
        attended = (self.log if log is None else log).attend(nobody_waits)
        self.assertIsNone(attended.trouble)
        self.assertFalse(attended.more)

    def needs_holes(self) -> None:
        """Skip a test where files cannot have holes."""
        self.write(b"x" * 4096)
        try:
            with self.files.open_live(0o2) as fd:
                libc.punch(fd, 0, 4096)
        except OSError as error:
            if error.errno in libc.NO_PUNCHING:
                raise SkipTest("no holes can be made in files here") from None
            raise
        self.files.live.write_bytes(b"")

    def end(self) -> int:
        """The offset behind the last byte."""
        return end_of(self.log)
