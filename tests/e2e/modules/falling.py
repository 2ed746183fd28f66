"""A program that ends at once, and says why."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    sys.stderr.write("there is no database\n")
    sys.exit(3)
