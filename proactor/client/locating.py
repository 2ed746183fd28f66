"""Where the initiator is: found by its home folder, which says so as long as it runs."""

from __future__ import annotations

import os
from pathlib import Path

from attrs import field, frozen

from ..home.files import DEFAULT_HOME, LOCK, OPERATOR_TOKEN, TRUST, URL
from ..home.holder import holder as holder_of
from ..tokens.bearer import is_token
from .errors import NotRunning, NotServing, Unreadable

__all__ = ["Place", "holder", "locate", "read_token"]

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
    :raises NotServing: there is one, and its URL is not.
    :raises Unreadable: it is not known whether there is one; says what to do about it.
    """
    folder = Path(home).expanduser().absolute()
    url, pid = _text(folder / URL), _holder(folder)
    if pid is None:
        raise NotRunning(f"no initiator runs on {folder}; start one: twistd -n proactor --home {folder}")
    if url is None:
        raise NotServing(
            f"the initiator on {folder}, pid {pid}, does not say where it is reached: it begins or ends just now, "
            f"or there was no room on the disk for {folder / URL}; free some and try again, or use the URL in its log"
        )
    name, _, authority = (_text(folder / TRUST) or "").partition("\n")
    return Place(url, read_token(folder / OPERATOR_TOKEN), authority or None, name or None)


def holder(home: str | os.PathLike[str] = DEFAULT_HOME) -> int | None:
    """The process id of the initiator that has a home folder; ``None`` where none has.

    :raises Unreadable: it cannot be read; says what to do about it.
    """
    return _holder(Path(home).expanduser().absolute())


def read_token(path: Path) -> str | None:
    """The token in a file, ``None`` where there is no such file.

    :raises Unreadable: it cannot be read, or holds something else; says what to do about it.
    """
    text = _text(path)
    if text is not None and not is_token(text):
        raise Unreadable(f"{path} holds no token: that is one word, and nothing else is in the file")
    return text


def _text(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            text = file.read(_SHORT).decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, error) from error
    return text or None


def _holder(folder: Path) -> int | None:
    try:
        return holder_of(folder / LOCK)
    except OSError as error:
        raise _unreadable(folder / LOCK, error) from error


def _unreadable(path: Path, error: OSError) -> Unreadable:
    if isinstance(error, NotADirectoryError):
        above = next((each for each in reversed(path.parents) if not each.is_dir()), path.parent)
        return Unreadable(f"{above} is no folder: name one, or leave it out")
    if isinstance(error, IsADirectoryError):
        return Unreadable(f"{path} is a folder, where a file is meant")
    remedy = "; run this as the user of the initiator" if isinstance(error, PermissionError) else ""
    return Unreadable(f"{path} cannot be read: {error.strerror}{remedy}")
