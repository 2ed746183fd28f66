"""Which process it is: a number is another's before long, a number with its start time and its boot is not."""

from __future__ import annotations

import os
from functools import cache

from ..model import Identity

__all__ = ["alive", "identity_of", "is_forked", "is_same"]

_DEAD = frozenset({b"Z", b"X"})
#: Among the flags of a process: it was forked, and has executed no program since (linux/sched.h, PF_FORKNOEXEC).
_NOTHING_EXECUTED = 0x40


@cache
def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def _stat(pid: int) -> list[bytes] | None:
    """The fields of ``/proc/PID/stat`` behind the name, the state first; ``None`` where there is no such process.

    :raises OSError: it cannot be told, as for lack of descriptors.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in parentheses, can hold anything.
    return stat[stat.rindex(b")") + 2 :].split()


def identity_of(pid: int) -> Identity | None:
    """The process that has a number now, a zombie too; ``None`` where none has it.

    Without Linux's ``/proc`` it has no start time and no boot, and is known by its number alone.
    """
    stat = _stat(pid)
    if stat is not None:
        return Identity(pid, int(stat[19]), _boot())
    if _boot():
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return Identity(pid, 0, "")


def is_same(identity: Identity) -> bool:
    """Whether that process still has its number; it may be a zombie."""
    return identity_of(identity.pid) == identity


def alive(identity: Identity) -> bool:
    """Whether a process lives: not a zombie, and none that only has its number; false where that cannot be told."""
    stat = _stat(identity.pid)
    if stat is None or stat[0] in _DEAD or not identity.boot:
        return False
    return (int(stat[19]), _boot()) == (identity.start, identity.boot)


def is_forked(pid: int) -> bool:
    """Whether the process of a number is what it was forked as; else it has executed a program since, or is none."""
    stat = _stat(pid)
    return stat is not None and bool(int(stat[6]) & _NOTHING_EXECUTED)
