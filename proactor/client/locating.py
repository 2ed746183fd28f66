"""Where the initiator is: found by its home folder, which says so as long as it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from attrs import field, frozen

from ..home.files import DEFAULT_HOME, LOCK, OPERATOR_TOKEN, TRUST, URL
from .errors import NotRunning

__all__ = ["Place", "locate", "read_token"]

_SHORT = 4096


@frozen
class Place:
    """An initiator's URL, and the credential for it.

    :param token: an operator's; ``None``: none is sent, as from the same user on the same machine.
    :param authority: over TLS, a file of the certificates by which the initiator's is verified; else by those that the
        system trusts.
    :param name: what its certificate must be for; else the host of the URL.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    authority: str | None = None
    name: str | None = None


def locate(home: str | os.PathLike[str] = DEFAULT_HOME) -> Place:
    """The initiator that runs on a home folder, and its operator's token. Reads a few small files.

    :raises NotRunning: there is none; says how to start it.
    """
    folder = Path(home).expanduser().absolute()
    url = _text(folder / URL)
    if url is None or not _is_held(folder / LOCK):
        raise NotRunning(f"no initiator runs on {folder}; start one: twistd -n proactor --home {folder}")
    name, _, authority = (_text(folder / TRUST) or "").partition("\n")
    return Place(url, read_token(folder / OPERATOR_TOKEN), authority or None, name or None)


def read_token(path: Path) -> str | None:
    """The token in a file, ``None`` where there is no such file.

    :raises NotRunning: it cannot be read.
    """
    return _text(path)


def _text(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            text = file.read(_SHORT).decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotRunning(f"{path} cannot be read: {error.strerror}; run this as the user of the initiator") from error
    return text or None


def _is_held(lock: Path) -> bool:
    """Whether who wrote its number into the lock lives, and has the file open.

    It is not tried to take the lock: an initiator that starts at that moment would be refused.
    """
    pid = _text(lock)
    if pid is None or not pid.isdigit():
        return False
    if not sys.platform.startswith("linux"):
        return _lives(int(pid))
    return str(lock.resolve()) in _open_files(int(pid))


def _open_files(pid: int) -> Iterator[str]:
    """What a process has open; a file that it closes meanwhile is left out."""
    try:
        entries = [entry.path for entry in os.scandir(f"/proc/{pid}/fd")]
    except OSError:
        return
    for entry in entries:
        with suppress(OSError):
            yield os.readlink(entry)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
