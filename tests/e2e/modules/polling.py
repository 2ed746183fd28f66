"""A processor that may be told not to have its fetches held."""

from __future__ import annotations

from proactor import Processor


class Polling(Processor):
    """Nothing of its own."""


if __name__ == "__main__":
    Polling.main()
