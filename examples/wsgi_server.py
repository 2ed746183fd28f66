"""Serves a WSGI application on an inherited, listening socket: ``python wsgi_server.py MODULE:NAME FD``.

With what is in Python alone; a server that is made for more work does the same (see ``commands.cfg``).
"""

from __future__ import annotations

import signal
import socket
import sys
from importlib import import_module
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer


class Server(ThreadingMixIn, WSGIServer):
    """Takes a socket that somebody else has bound; ends when the requests that it has are answered."""

    def __init__(self, fd: int) -> None:
        inherited = socket.socket(fileno=fd)
        super().__init__(inherited.getsockname()[:2], WSGIRequestHandler, bind_and_activate=False)
        self.socket.close()
        self.socket = inherited
        self.server_name, self.server_port = inherited.getsockname()[:2]
        self.setup_environ()


if __name__ == "__main__":
    module, _, name = sys.argv[1].partition(":")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with Server(int(sys.argv[2])) as server:
        server.set_app(getattr(import_module(module), name))
        server.serve_forever()
