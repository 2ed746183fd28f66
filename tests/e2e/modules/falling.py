"""A program that ends at once, and says why."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    print("there is no database", file=sys.stderr)
    sys.exit(3)
