"""What a process is held to, put into effect by the tools that every system has.

Each is a program that changes itself and becomes the next one (execve(2)), so that the process which is started in
the end has the number of the first: prlimit(1), nice(1), setpriv(1) and, for the folder and the mask, sh(1) with a
fixed script that gets them as arguments. Only those are in the chain that have something to do.
"""

from __future__ import annotations

import os
import pwd
import re
import resource
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import Refused
from ..interfaces import Limits

__all__ = ["check_limits", "for_session", "wrapped"]

_MIB = 1024 * 1024
_UMASK = re.compile("0*[0-7]{1,3}")
_NOBODY_CAN = 1 << 20
# Numbers of capabilities(7).
_SETGID, _SETUID, _SYS_NICE, _SYS_RESOURCE = 6, 7, 23, 24
_PACKAGES = {"prlimit": "util-linux", "setpriv": "util-linux", "nice": "coreutils", "sh": "a shell"}
_AUTOGROUPS = Path("/proc/sys/kernel/sched_autogroup_enabled")
# Who has no rights may do that once in a tenth of a second, all of them together.
_AUTOGROUP_SCRIPT = (
    'for _ in 1 2 3 4 5 6 7 8 9; do { echo "$1" > /proc/self/autogroup; } 2> /dev/null && break; sleep 0.1; done; '
    'shift; exec "$@"'
)
_SCRIPT = (
    '{ [ -z "$1" ] || umask "$1"; } && { [ -z "$2" ] || cd "$2"; } && '
    '{ [ -z "$3" ] || ulimit -S -n "$3"; } || exit 126; shift 3; exec "$@"'
)


def wrapped(argv: Sequence[str], limits: Limits) -> tuple[str, ...]:
    """A command that becomes another one, which is then held to its limits; the command itself where there are none.

    A limit that only the kernel can refuse ends the process with a line in its log and status 1, 126 or 127.

    :raises Refused: a tool for it is missing, or the user.
    """
    # Raising a limit takes rights that the user has not: that comes first. The folder is entered as the user.
    return (*_prlimit(limits), *_nice(limits), *_setpriv(limits), *_sh(limits), *argv)


def for_session(limits: Limits) -> tuple[str, ...]:
    """What comes before that in a session of its own, where the kernel shares out among sessions (sched(7), autogroup).

    There a niceness counts within the session alone, and it is the session's that counts among all.
    """
    if limits.nice is None or not _has_autogroups():
        return ()
    return (_tool("sh", "nice"), "-c", _AUTOGROUP_SCRIPT, "sh", str(limits.nice))


def _has_autogroups() -> bool:
    try:
        return _AUTOGROUPS.read_text().strip() == "1"
    except OSError:
        return False


def check_limits(limits: Limits) -> None:
    """See whether a process can be held to these, by an initiator that has our rights.

    :raises Refused: it names the option that is wrong, and what would be right.
    """
    for check in (_check_nofile, _check_memory, _check_nice, _check_folder, _check_umask, _check_user):
        check(limits)
    wrapped((), limits)


def _prlimit(limits: Limits) -> Iterable[str]:
    if limits.nofile is not None or limits.memory_mib is not None:
        yield _tool("prlimit", "limit_nofile and limit_memory")
        if limits.nofile is not None:
            yield f"--nofile={limits.nofile}:{limits.nofile}"
        if limits.memory_mib is not None:
            yield f"--as={limits.memory_mib * _MIB}:{limits.memory_mib * _MIB}"
        yield "--"


def _nice(limits: Limits) -> Iterable[str]:
    if limits.nice is not None and limits.nice != _niceness():
        # The tool adds.
        yield from (_tool("nice", "nice"), "-n", str(limits.nice - _niceness()), "--")


def _setpriv(limits: Limits) -> Iterable[str]:
    if limits.user is not None:
        entry = _entry(limits.user)
        if entry.pw_uid != os.geteuid():
            yield from (_tool("setpriv", "user"), f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}")
            yield from ("--init-groups", "--")


def _sh(limits: Limits) -> Iterable[str]:
    files = limits.open_files if limits.nofile is None else None
    if limits.umask is not None or limits.folder is not None or files is not None:
        yield from (_tool("sh", "umask and working_folder"), "-c", _SCRIPT, "sh")
        yield from (limits.umask or "", limits.folder or "", "" if files is None else str(files))


def _tool(name: str, option: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise Refused(f"{option}: needs {name}(1), which is not there; install {_PACKAGES[name]}, or remove the option")
    return path


def _entry(user: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(user)
    except (KeyError, ValueError):
        raise Refused(f"user: there is no user {user[:60]!r}; name one of this machine, or remove the option") from None


def _niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


def _may(capability: int) -> bool:
    """Whether we have a right of capabilities(7); elsewhere than on Linux root has them all."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return os.geteuid() == 0
    found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return found is not None and bool(int(found[1], 16) >> capability & 1)


def _check_nofile(limits: Limits) -> None:
    if limits.nofile is None:
        return
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = _most_descriptors() if hard == resource.RLIM_INFINITY or _may(_SYS_RESOURCE) else hard
    if not 0 < limits.nofile <= most:
        remedy = "or raise the initiator's own (ulimit -Hn, LimitNOFILE=)"
        raise Refused(f"limit_nofile = {limits.nofile}: must be from 1 to {most} here; choose less, {remedy}")


def _most_descriptors() -> int:
    try:
        return int(Path("/proc/sys/fs/nr_open").read_text())
    except OSError:
        return _NOBODY_CAN


def _check_memory(limits: Limits) -> None:
    if limits.memory_mib is None:
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    unbounded = hard == resource.RLIM_INFINITY or _may(_SYS_RESOURCE)
    if limits.memory_mib <= 0 or not (unbounded or limits.memory_mib * _MIB <= hard):
        bounds = "more than 0" if unbounded else f"from 1 to {hard // _MIB}"
        raise Refused(f"limit_memory = {limits.memory_mib}: must be {bounds} MiB here")


def _check_nice(limits: Limits) -> None:
    if limits.nice is None:
        return
    least = _least_niceness()
    if not least <= limits.nice <= 19:
        remedy = "less takes an initiator that runs as root" if least > -20 else "there are no others"
        raise Refused(f"nice = {limits.nice}: must be from {least} to 19; {remedy}")


def _least_niceness() -> int:
    limit = resource.getrlimit(resource.RLIMIT_NICE)[0] if hasattr(resource, "RLIMIT_NICE") else 0
    if _may(_SYS_NICE) or limit == resource.RLIM_INFINITY:
        return -20
    return max(-20, min(_niceness(), 20 - limit))


def _check_folder(limits: Limits) -> None:
    folder = limits.folder
    if folder is None:
        return
    if not os.path.isabs(folder):
        raise Refused(f"working_folder = {folder}: must be an absolute path, that begins with /")
    if not os.path.isdir(folder):
        raise Refused(f"working_folder = {folder}: there is no such folder; make it, or name another")


def _check_umask(limits: Limits) -> None:
    if limits.umask is not None and not _UMASK.fullmatch(limits.umask):
        raise Refused(f"umask = {limits.umask[:60]}: must be octal, from 000 to 777; one like 027 is right")


def _check_user(limits: Limits) -> None:
    if limits.user is None or _entry(limits.user).pw_uid == os.geteuid():
        return
    if not (_may(_SETUID) and _may(_SETGID)):
        remedy = "run it so, or as that user, or remove the option"
        raise Refused(f"user = {limits.user}: takes an initiator that runs as root; {remedy}")
