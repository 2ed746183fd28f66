"""A processor that takes whatever it is given."""

from __future__ import annotations

from proactor import Processor


class Steady(Processor):
    """Nothing of its own."""


if __name__ == "__main__":
    Steady.main()
