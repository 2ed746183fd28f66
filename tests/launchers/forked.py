"""What is forked in the tests: ``python -m tests.launchers.forked KIND``."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
import time
from pathlib import Path


def seen() -> dict[str, object]:
    """What this process finds."""
    listed = [int(name) for name in os.listdir("/proc/self/fd")]
    fds = sorted(fd for fd in listed if Path(f"/proc/self/fd/{fd}").exists())
    return {
        "fds": fds,
        "stdin": len(sys.stdin.read()),
        "session": [os.getsid(0), os.getpgid(0), os.getpid()],
        "parent": os.getppid(),
        "cmdline": Path("/proc/self/cmdline").read_text().rstrip("\0").split("\0"),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "path": sys.path[0],
        "argv": sys.argv,
        "name": __name__,
        "random": random.random(),
        "reactor": "twisted.internet.reactor" in sys.modules,
        "handlers": [
            number for number in signal.valid_signals() if signal.getsignal(number) not in (signal.SIG_DFL, None)
        ],
        "blocked": [*signal.pthread_sigmask(signal.SIG_BLOCK, ())],
        "umask": os.umask(0),
        "nofile": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "nice": os.nice(0),
        "uid": os.getuid(),
    }


def main(kind: str) -> None:
    """Do as that kind does."""
    if kind == "seen":
        sys.stdout.write(f"{json.dumps(seen())}\n")
    elif kind == "raise":
        raise ValueError("on purpose")
    elif kind.startswith("exit"):
        sys.stdout.write("no end of line")
        sys.exit(int(kind.removeprefix("exit")))
    elif kind == "orphan":
        told, tell = os.pipe()
        if not os.fork():
            os.setsid()
            os.write(1, b"%d\n" % os.getpid())
            os.write(tell, b"!")
            time.sleep(0.1)
        else:
            # Before that it is of our group, and ends with it.
            os.read(told, 1)
        os._exit(0)
    else:
        if kind == "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.stdout.write("up\n")
        time.sleep(600)


if __name__ == "__main__":
    main(sys.argv[1])
