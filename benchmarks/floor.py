"""What no launch can be faster than: a process in which Twisted, Klein and treq are loaded, and which only forks.

``python -m benchmarks.floor``: for each line that it reads, a number, it binds as many sockets, forks as many
processes that serve as :mod:`benchmarks.plain` does, and writes a line: their ports and process ids as JSON. They end
with it, when standard input does. Nothing is fetched, kept or limited, nobody's end is seen, and all is inherited: it
promises nothing.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import socket
import sys

from proactor.forkserver.late import own_reactor, put_off_reactor

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Fork when told."""
    put_off_reactor()
    from twisted.internet import epollreactor  # noqa: F401, PLC0415

    from . import plain  # noqa: PLC0415

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    for line in sys.stdin:
        made = []
        for _ in range(int(line)):
            with socket.create_server(("127.0.0.1", 0)) as listening:
                listening.setblocking(False)
                pid = os.fork()
                if not pid:
                    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
                    own_reactor()
                    plain.serve(listening.fileno())
                    os._exit(0)
                made.append((listening.getsockname()[1], pid))
        print(json.dumps(made), flush=True)


if __name__ == "__main__":
    main()
