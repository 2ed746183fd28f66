"""How a forked process becomes a processor: as a fresh interpreter would begin, and with nothing of its parent's."""

from __future__ import annotations

import ctypes
import fcntl
import os
import pwd
import random
import resource
import runpy
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.machinery import PathFinder

from .folders import installed
from .late import own_reactor
from .order import Order
from .title import set_title

__all__ = ["become", "lead", "run"]

_MIB = 1 << 20
_PR_SET_DUMPABLE = 4
#: Where the interpreter looks first, as it was started with ``-m``; ``None``: it is not to (sys.flags.safe_path).
_FOLDER = None if getattr(sys.flags, "safe_path", False) else sys.path[0]


def become(order: Order, files: Mapping[str, int], go: int) -> bool:
    """Lay out what an order says; whether this process is to go on.

    :param files: its descriptors, by name.
    :param go: reads a byte when it is; it is at its end when nobody is there who would know of this process.
    :raises OSError: something of it cannot be.
    """
    go = _place(order, files, go)
    is_awaited = os.read(go, 1) != b""
    os.close(go)
    if not is_awaited:
        return False
    os.environ.clear()
    os.environ.update(order.environment)
    time.tzset()
    _limit(order)
    set_title((order.python, "-m", order.module, *order.arguments))
    return True


def lead() -> None:
    """Lead a session, and heed signals as a fresh interpreter does."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        # Some cannot be set; what Python itself ignores it ignores in a fresh process too.
        if number not in (signal.SIGPIPE, getattr(signal, "SIGXFSZ", None), signal.SIGINT):
            with suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _place(order: Order, files: Mapping[str, int], go: int) -> int:
    """Put descriptors where they are expected, and close all others but that of ``go``, whose new number it gives."""
    wanted = {0: files["stdin"], 1: files["log"], 2: files["log"], order.fd: files["listening"]}
    if "lock" in files:
        wanted[order.fd + 1] = files["lock"]
    # Past all those first, or one would be overwritten by another.
    above = max(wanted) + 1
    moved = {to: _moved(fd, above) for to, fd in wanted.items()}
    go = _moved(go, above)
    for to, fd in moved.items():
        os.dup2(fd, to, inheritable=True)
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in wanted and int(name) != go:
            with suppress(OSError):
                os.close(int(name))
    return go


def _moved(fd: int, above: int) -> int:
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, above)


def _limit(order: Order) -> None:
    """Hold it to its limits. Raising one takes rights that its user may not have: that comes first."""
    if order.nofile is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (order.nofile, order.nofile))
    elif order.open_files is not None:
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (order.open_files, most))
    if order.memory_mib is not None:
        _limit_memory(order.memory_mib)
    if order.nice is not None:
        # Where the kernel shares out among sessions, it is the session's that counts (sched(7), autogroup).
        with suppress(OSError), open("/proc/self/autogroup", "w", encoding="ascii") as file:
            file.write(str(order.nice))
        os.setpriority(os.PRIO_PROCESS, 0, order.nice)
    if order.user is not None:
        entry = pwd.getpwnam(order.user)
        if entry.pw_uid != os.geteuid():
            os.initgroups(order.user, entry.pw_gid)
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
            # As after execve(2): what is its user's is open to its user, and to itself (proc(5)).
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    if order.umask is not None:
        os.umask(int(order.umask, 8))
    if order.folder is not None:
        os.chdir(order.folder)


def _limit_memory(most: int) -> None:
    """Hold it to so many MiB: with less than it has already it would begin, and fail at any time after that.

    :raises OSError: it has more.
    """
    with open("/proc/self/statm", encoding="ascii") as file:
        has = -(-int(file.read().split()[0]) * resource.getpagesize() // _MIB)
    if has > most:
        raise OSError(f"limit_memory = {most}: it takes {has} MiB before it begins; raise that")
    resource.setrlimit(resource.RLIMIT_AS, (most * _MIB,) * 2)


def run(order: Order) -> None:
    """Run the module as ``python -m`` does; called from where the interpreter ends when this is over."""
    own_reactor()
    random.seed()
    sys.argv = ["-m", *order.arguments]
    sys.orig_argv = [order.python, "-m", order.module, *order.arguments]
    here = os.getcwd()
    if _FOLDER is not None and here != _FOLDER and _FOLDER in sys.path:
        sys.path[sys.path.index(_FOLDER)] = here
        _unload(_FOLDER, here)
    runpy.run_module(order.module, run_name="__main__", alter_sys=True)


def _unload(before: str, here: str) -> None:
    """Have modules looked for anew that a fresh interpreter would not find, or others, as another folder comes first.

    What is installed stays, and so do we.
    """
    found = {top: sys.modules[top] for name in sys.modules if (top := name.partition(".")[0]) in sys.modules}
    outside = tuple(installed())
    for top in found.keys() - {"__main__", "proactor"}:
        file = getattr(found[top], "__file__", None)
        if isinstance(file, str) and not file.startswith(outside) and _is_elsewhere(top, file, before, here):
            for name in [name for name in sys.modules if name.partition(".")[0] == top]:
                del sys.modules[name]


def _is_elsewhere(top: str, file: str, before: str, here: str) -> bool:
    other = PathFinder.find_spec(top, [here])
    is_shadowed = other is not None and other.origin not in (None, file)
    return is_shadowed or os.path.dirname(file) in (before, os.path.join(before, top))
