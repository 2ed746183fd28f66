"""The default processor: ``python -m proactor.processor --guid GUID --port PORT [--fd N]``."""

from .base import Processor

if __name__ == "__main__":
    Processor.main()
