"""Starts the guardian, by the path of this file: ``python -I -S .../guardian_main/__main__.py [HOME]``."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    if not __package__:
        # This folder alone is a package then: what is around it is not imported. Behind all else, it hides nothing.
        sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        __package__ = "guardian_main"
    from .run import main

    main(sys.argv[1:])
