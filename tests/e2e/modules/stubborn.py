"""A processor that does not end when it is asked to."""

from __future__ import annotations

import signal

from proactor import Processor


class Stubborn(Processor):
    """Nothing of its own."""

    def started(self) -> None:
        """Be deaf."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


if __name__ == "__main__":
    Stubborn.main()
