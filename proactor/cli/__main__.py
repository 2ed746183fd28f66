"""``python -m proactor.cli`` is ``proactor``."""

from .main import main

if __name__ == "__main__":
    main()
