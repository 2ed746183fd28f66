"""``python -m proactor.cli`` is ``proactor``."""

from .entry import main

if __name__ == "__main__":
    main()
