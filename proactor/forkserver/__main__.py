"""``python -m proactor.forkserver FD ROOM``: the number of its end of the connection, and room for a title."""

from __future__ import annotations

import signal
import socket
import sys

from .child import run
from .order import Order
from .server import Server


def main(server: Server) -> Order | None:
    """Serve; in a forked process what that is to run."""
    # The initiator's end is ours: it is seen by the connection.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    return server.serve()


if __name__ == "__main__":
    # It stays in a forked process as well: to free all that it has would copy the pages that this is on.
    server = Server(socket.socket(fileno=int(sys.argv[1])))
    order = main(server)
    if order is not None:
        run(order)
