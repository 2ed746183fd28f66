"""A WSGI application (PEP 3333) as a processor: it runs under any server that can be given a listening socket."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from configparser import ConfigParser, ExtendedInterpolation
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def read_section(text: str) -> dict[str, str]:
    """The options of a processor, as they come on standard input: of the one section that is named by a guid."""
    parser = ConfigParser(interpolation=ExtendedInterpolation(), allow_no_value=True)
    parser.read_string(text)
    guids = [name for name in parser.sections() if len(name) == 32]
    return {name: value or "" for name, value in parser[guids[0]].items()} if guids else {}


# Read once, by whichever process imports this first: a server with several workers must do that before it forks.
OPTIONS = read_section("" if sys.stdin.isatty() else sys.stdin.read())


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """``GET /`` answers with the option ``greeting``."""
    if environ["PATH_INFO"] != "/":
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"There is nothing here.\n"]
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [OPTIONS.get("greeting", "Hello").encode() + b"\n"]
