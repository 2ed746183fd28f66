"""``python -m under_coverage twistd|twist ARGUMENTS``: what is measured is saved, though these end by a signal.

They restore the signal's default and send it to themselves, by which no exit handler runs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from coverage import Coverage
from twisted.application import app
from twisted.application.twist import _twist
from twisted.scripts import twistd


def saving(end: Callable[[int], None]) -> Callable[[int], None]:
    """Save before the end."""

    def save_and_end(number: int) -> None:
        current = Coverage.current()
        if current is not None:
            current.stop()
            current.save()
        end(number)

    return save_and_end


def main(program: str, *arguments: str) -> None:
    """Run one of the two."""
    sys.argv[:] = [program, *arguments]
    if program == "twist":
        _twist._exitWithSignal = saving(_twist._exitWithSignal)  # type: ignore[attr-defined]
        _twist.Twist.main()
    else:
        app._exitWithSignal = saving(app._exitWithSignal)
        twistd.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
