"""What an operator is told whose database cannot be opened: how to go on, and what is lost by that."""

from __future__ import annotations

from pathlib import Path
from shlex import join

from ..errors import ProactorError
from .journal import journal_path
from .snapshots import Snapshot, Snapshots

__all__ = ["damaged", "missing"]


def damaged(path: Path, snapshots: Snapshots, reason: str) -> ProactorError:
    """It is there and does not hold what was written to it."""
    aside = _command("mv", path, path.with_name(f"{path.name}.damaged"))
    good = snapshots.good()
    if good is None:
        return ProactorError(
            f"{path} is damaged: {reason}. There is no snapshot to go back to. To begin with nothing: "
            f"{aside} && {_without_journal(path)}"
        )
    return ProactorError(f"{path} is damaged: {reason}. {_back_to(good)}: {aside} && {_restore(path, good)}")


def missing(path: Path, snapshots: Snapshots) -> ProactorError:
    """It is not there, and once was."""
    good = snapshots.good()
    if good is None:
        leftovers = [each for each in (journal_path(path), snapshots.folder) if each.exists()]
        moved = " && ".join(_command("mv", each, each.with_name(f"{each.name}.old")) for each in leftovers)
        return ProactorError(
            f"{path} is missing, and was there: put it back. There is no good snapshot. To begin with nothing: {moved}"
        )
    old = snapshots.folder.with_name(f"{snapshots.folder.name}.old")
    return ProactorError(
        f"{path} is missing, and was there: put it back. {_back_to(good)}: {_restore(path, good)}. "
        f"To begin with nothing: {_without_journal(path)} && {_command('mv', snapshots.folder, old)}"
    )


def _back_to(snapshot: Snapshot) -> str:
    time = snapshot.time.isoformat().replace("+00:00", "Z")
    return f"What was done since {time} is lost when you go back to the newest good snapshot"


def _restore(path: Path, snapshot: Snapshot) -> str:
    return f"{_without_journal(path)} && {_command('cp', snapshot.path, path)}"


def _without_journal(path: Path) -> str:
    return _command("rm", "-f", journal_path(path), path.with_name(f"{path.name}-shm"))


def _command(*words: str | Path) -> str:
    return join(map(str, words))
