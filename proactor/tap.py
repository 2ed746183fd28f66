"""The ``twistd`` plugin: its options, and its service."""

from __future__ import annotations

from twisted.application.service import IService

from .service import ProactorService
from .startup import Options

__all__ = ["Options", "makeService"]


def makeService(options: Options) -> IService:
    """The service, not started: nothing is opened here, for a daemon is another process by then."""
    return ProactorService(options)
