"""posix_spawn(3), called so that the other threads of this process go on meanwhile.

It returns when the new process has come to run its program, for which that needs a CPU: on a machine whose CPUs are all
busy tens of milliseconds may pass. Python's own holds its lock all that time.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cache

__all__ = ["is_there", "spawn"]

#: Bytes: more than each structure takes on any system (336 for attributes with glibc, 80 for actions, 128 for signals).
_ROOM = 512
# Flags of posix_spawnattr_setflags(3): signals that are ignored here are not so there, and none is blocked.
_SETSIGDEF, _SETSIGMASK = 0x04, 0x08
_CLOSE_FROM = "posix_spawn_file_actions_addclosefrom_np"


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def is_there() -> bool:
    """Whether this system has what is needed; pidfd_open(2) too, for the reactor does not know of these processes."""
    if not sys.platform.startswith("linux") or not hasattr(os, "pidfd_open"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    # In glibc from 2.34 on.
    return hasattr(_library(), _CLOSE_FROM)


def spawn(argv: Sequence[str], environment: Mapping[str, str], descriptors: Mapping[int, int]) -> int:
    """Start a process, and give its number; blocks.

    :param argv: the program by its path, and its arguments.
    :param descriptors: those that it has, each with the one of ours that it is; all of ours are past all of its. It has
        no others.
    :raises OSError: there can be none, or the program cannot be run.
    """
    library, pid = _library(), ctypes.c_int()
    with ExitStack() as stack:
        actions = _made(stack, "posix_spawn_file_actions")
        _place(actions, descriptors)
        attributes = _made(stack, "posix_spawnattr")
        _clear_signals(attributes)
        path, arguments = os.fsencode(argv[0]), _texts([os.fsencode(each) for each in argv])
        variables = _texts([os.fsencode(f"{name}={value}") for name, value in environment.items()])
        _check(library.posix_spawn(ctypes.byref(pid), path, actions, attributes, arguments, variables))
    return pid.value


def _made(stack: ExitStack, kind: str) -> ctypes.Array[ctypes.c_char]:
    """A structure of that kind, which is given up in the end."""
    made = ctypes.create_string_buffer(_ROOM)
    _check(_library()[f"{kind}_init"](made))
    stack.callback(_library()[f"{kind}_destroy"], made)
    return made


def _place(actions: ctypes.Array[ctypes.c_char], descriptors: Mapping[int, int]) -> None:
    library, end = _library(), max(descriptors) + 1
    assert all(ours >= end for ours in descriptors.values())
    for number in range(end):
        if number in descriptors:
            _check(library.posix_spawn_file_actions_adddup2(actions, descriptors[number], number))
        else:
            _check(library.posix_spawn_file_actions_addclose(actions, number))
    _check(library[_CLOSE_FROM](actions, end))


def _clear_signals(attributes: ctypes.Array[ctypes.c_char]) -> None:
    library, every, none = _library(), ctypes.create_string_buffer(_ROOM), ctypes.create_string_buffer(_ROOM)
    library.sigfillset(every)
    library.sigemptyset(none)
    _check(library.posix_spawnattr_setsigdefault(attributes, every))
    _check(library.posix_spawnattr_setsigmask(attributes, none))
    _check(library.posix_spawnattr_setflags(attributes, ctypes.c_short(_SETSIGDEF | _SETSIGMASK)))


def _texts(texts: Sequence[bytes]) -> ctypes.Array[ctypes.c_char_p]:
    if any(b"\0" in text for text in texts):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return (ctypes.c_char_p * (len(texts) + 1))(*texts, None)


def _check(number: int) -> None:
    if number:
        raise OSError(number, os.strerror(number))
