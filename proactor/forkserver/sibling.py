"""A fork(2) whose child is a child of our parent: clone(2) with CLONE_PARENT, which the C library has no function for.

To fork twice, and have the process in between end, comes to the same and takes three times as long. The C library is
gone past, and so are the handlers that libraries have it call at a fork (pthread_atfork(3)): who has some is to be
forked in the other way. Python's own are called.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
import sysconfig
from functools import cache

__all__ = ["Siblings"]

_CLONE_PARENT, _CLONE_CHILD_CLEARTID, _CLONE_CHILD_SETTID = 0x8000, 0x200000, 0x1000000
_FLAGS = _CLONE_PARENT | _CLONE_CHILD_CLEARTID | _CLONE_CHILD_SETTID | signal.SIGCHLD
_PR_GET_TID_ADDRESS = 40
#: The number of clone(2) by machine, and where the address for the thread's id is among its last two arguments.
_CLONE = {"x86_64": (56, 0), "aarch64": (220, 1)}
#: From here on OpenSSL sees by the process's number that it has been forked, and needs no handler for that.
_OPENSSL = 3 << 28


class Siblings:
    """Whether processes can be forked so, and how.

    To be made when only what is known to be harmless is loaded: none of that minds, but what is loaded later may.
    """

    def __init__(self) -> None:
        self._harmless = _libraries()

    @staticmethod
    def are_known() -> bool:
        """Whether this system has them."""
        return _thread_id() is not None

    def can(self) -> bool:
        """Whether nothing that is loaded minds."""
        return _openssl_sees() and _libraries() <= self._harmless

    @staticmethod
    def fork() -> int:
        """As ``os.fork``, but who is to wait for the child is our parent. To be called where :meth:`can` says so.

        :raises OSError: there can be no more processes.
        """
        number, place = _CLONE[platform.machine()]
        last = [ctypes.c_void_p(), ctypes.c_void_p()]
        # Where the C library keeps it, as its own fork(2) has the kernel do.
        last[place] = ctypes.c_void_p(_thread_id())
        python = ctypes.pythonapi
        python.PyOS_BeforeFork()
        pid = _library().syscall(ctypes.c_long(number), ctypes.c_long(_FLAGS), None, None, *last)
        if not pid:
            python.PyOS_AfterFork_Child()
            return 0
        error = ctypes.get_errno()
        python.PyOS_AfterFork_Parent()
        if pid < 0:
            raise OSError(error, os.strerror(error))
        return int(pid)


@cache
def _library() -> ctypes.PyDLL:
    """The C library, called without letting another thread go on."""
    return ctypes.PyDLL(None, use_errno=True)


@cache
def _thread_id() -> int | None:
    """Where the C library keeps the id of this thread; ``None`` where it is not known, or another library."""
    if not sys.platform.startswith("linux") or platform.machine() not in _CLONE or sys.maxsize < 1 << 32:
        return None
    if sys.implementation.name != "cpython" or platform.libc_ver()[0] != "glibc":
        return None
    address = ctypes.c_void_p()
    if _library().prctl(_PR_GET_TID_ADDRESS, ctypes.byref(address), 0, 0, 0) or not address.value:
        return None
    here = ctypes.c_int.from_address(address.value).value
    return address.value if here == os.getpid() else None


def _libraries() -> frozenset[str]:
    """The files of all libraries that are loaded, but for those of Python's own modules."""
    own = sysconfig.get_config_var("DESTSHARED") or "/nowhere"
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
        found = {words[5].rstrip("\n") for words in (line.split(maxsplit=5) for line in file) if len(words) == 6}
    return frozenset(path for path in found if ".so" in path and not path.startswith(own))


def _openssl_sees() -> bool:
    """Whether each OpenSSL that is loaded sees by itself that it is in another process, and draws other numbers."""
    used = [getattr(sys.modules.get("ssl"), "OPENSSL_VERSION_NUMBER", _OPENSSL)]
    used.append(getattr(sys.modules.get("OpenSSL.SSL"), "OPENSSL_VERSION_NUMBER", _OPENSSL))
    return all(version >= _OPENSSL for version in used)
