"""The process that :mod:`tests.e2e.warm` tells of."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType


def _load() -> None:
    """Load what commands load when they run; but no reactor, which cannot be shared."""
    import rich.progress  # noqa: F401, PLC0415
    import treq  # noqa: F401, PLC0415
    import twisted.internet.defer  # noqa: PLC0415
    import twisted.internet.endpoints  # noqa: F401, PLC0415

    import proactor.cli.entry  # noqa: PLC0415
    import proactor.cli.main  # noqa: PLC0415
    import proactor.cli.standard  # noqa: PLC0415
    import proactor.client  # noqa: PLC0415
    import proactor.client.client  # noqa: PLC0415
    import proactor.startup  # noqa: F401, PLC0415

    assert "twisted.internet.reactor" not in sys.modules


def _become(folder: Path, pid: str) -> None:
    """Be what the script was started as."""
    where, *arguments = (folder / f"{pid}.order").read_bytes().decode("utf-8", "surrogateescape").split("\0")[:-1]
    proc = Path("/proc") / pid
    variables = (proc / "environ").read_bytes().decode("utf-8", "surrogateescape").split("\0")[:-1]
    os.environ.clear()
    os.environ.update(each.partition("=")[::2] for each in variables)
    # Not this file's folder, but what the command itself would find.
    sys.path[:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    os.chdir(where)
    writing = os.O_WRONLY | os.O_APPEND
    for theirs, ours, flags in ((0, 0, os.O_RDONLY), (9, 1, writing), (2, 2, writing)):
        fd = os.open(proc / "fd" / str(theirs), flags)
        os.dup2(fd, ours)
        os.close(fd)
    sys.argv = ["proactor", *arguments]


def _obey(folder: Path, pid: str) -> int:
    """Run one command, in a fork; its exit code."""
    from proactor.cli.entry import main  # noqa: PLC0415

    try:
        _become(folder, pid)
        main()
    except SystemExit as e:
        return e.code if isinstance(e.code, int) else 0 if e.code is None else 1
    except BaseException:  # noqa: BLE001 - whatever it is
        # The fork is ended without a word of Python's own.
        traceback.print_exc()
        return 1
    return 0


def _serve(folder: Path) -> None:
    signal.signal(signal.SIGCHLD, _reap)
    # Open for writing too, so that there is no end of it while nobody has an order.
    with open(os.open(folder / "orders", os.O_RDWR | os.O_CLOEXEC), encoding="ascii") as orders:
        for line in iter(orders.readline, ""):
            pid = line.strip()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                code = 1
                try:
                    code = _obey(folder, pid)
                finally:
                    sys.stdout.flush()
                    sys.stderr.flush()
                    (folder / f"{pid}.code").write_text(f"{code}\n")
                    os._exit(code)


def _reap(_number: int, _frame: FrameType | None) -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


if __name__ == "__main__":
    _load()
    _serve(Path(sys.argv[1]))
