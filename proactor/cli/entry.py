"""Where ``proactor`` begins: an end by Ctrl-C, or by an output that takes nothing, is in order from the start.

It imports next to nothing, for what it guards against happens while the rest is imported too.
"""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["main"]


def _quit(_number: int, _frame: object) -> None:
    """Be gone. What has something to tidy up takes the signal for itself; an exception would be one of an import's."""
    os._exit(130)


def main() -> None:
    """Run the command line.

    :raises SystemExit: with the exit code.
    """
    # A shell that runs it in the background may have it ignored.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _quit)

    from .main import proactor  # noqa: PLC0415 - see above
    from .standard import Unwritable, guard, told  # noqa: PLC0415

    try:
        guard()
        proactor(prog_name="proactor")
    except Unwritable as error:
        sys.exit(told(error))
    finally:
        # It is over: that Python takes a moment to end changes nothing in how it went.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
