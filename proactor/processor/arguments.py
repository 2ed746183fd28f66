"""The command line of a processor."""

from __future__ import annotations

import re
from collections.abc import Sequence
from getopt import GetoptError, getopt  # a tenth of argparse's time to import, in each of many processes

from attrs import frozen

from ..errors import ProactorError

__all__ = ["USAGE", "Arguments", "UsageError", "parse"]

USAGE = "--guid GUID --port PORT [--fd N] < CONFIG, or --describe"

_MOST_PORT = 65535
_NUMBER, _GUID = re.compile("[0-9]{1,9}"), re.compile("[0-9a-f]{32}")
_STANDARD_FDS = 3


class UsageError(ProactorError):
    """The command line is wrong."""


@frozen
class Arguments:
    """What a processor is started with, beside its configuration on standard input.

    :param guid: names its section: 32 lower-case hexadecimal digits.
    :param port: where it listens; 0 for any that is free, without ``fd``.
    :param fd: the inherited socket that listens there; None: it binds one itself.
    :param describe: print the options instead.
    """

    guid: str = ""
    port: int = 0
    fd: int | None = None
    describe: bool = False


def _number(name: str, text: str, least: int, most: int) -> int:
    if not _NUMBER.fullmatch(text) or not least <= int(text) <= most:
        raise UsageError(f"{name} {text!r}: a number from {least} to {most} is right")
    return int(text)


def parse(argv: Sequence[str]) -> Arguments:
    """Read the arguments behind the program's name.

    :raises UsageError: one is missing, unknown or no good.
    """
    try:
        pairs, rest = getopt(list(argv), "", ["guid=", "port=", "fd=", "describe"])
    except GetoptError as error:
        raise UsageError(f"{error.msg}; usage: {USAGE}") from None
    given = dict(pairs)
    if "--describe" in given:
        return Arguments(describe=True)
    if rest or "--guid" not in given or "--port" not in given:
        raise UsageError(f"usage: {USAGE}")
    if not _GUID.fullmatch(given["--guid"]):
        raise UsageError(f"--guid {given['--guid']!r}: 32 lower-case hexadecimal digits are right")
    return Arguments(
        guid=given["--guid"],
        port=_number("--port", given["--port"], 0, _MOST_PORT),
        fd=_number("--fd", given["--fd"], _STANDARD_FDS, 1 << 20) if "--fd" in given else None,
    )
