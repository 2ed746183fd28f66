"""A stand-in for the reactor while modules are loaded ahead: a reactor must not be shared by what is forked.

``from twisted.internet import reactor`` installs one. Here it gives something that becomes the process's own when it is
used, which is in the forked process, where the next such import installs that.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, cast

__all__ = ["lent_reactor", "own_reactor", "put_off_reactor"]

_NAME = "twisted.internet.reactor"


class _Late(ModuleType):
    """Passes on whatever is asked of it to the reactor that there is then."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or sys.modules.get(_NAME) is self:
            raise AttributeError(f"there is no reactor while modules are loaded ahead: {name}")
        return getattr(importlib.import_module(_NAME), name)


def put_off_reactor() -> None:
    """From now on nobody gets a reactor, but one that comes late."""
    import twisted.internet  # noqa: PLC0415

    late = _Late(_NAME)
    sys.modules[_NAME] = late
    vars(twisted.internet)["reactor"] = late


def own_reactor() -> None:
    """In a forked process: the next who asks for the reactor installs one."""
    import twisted.internet  # noqa: PLC0415

    if isinstance(sys.modules.get(_NAME), _Late):
        del sys.modules[_NAME]
        del vars(twisted.internet)["reactor"]


@contextmanager
def lent_reactor(reactor: object) -> Iterator[None]:
    """Meanwhile everybody gets this one."""
    import twisted.internet  # noqa: PLC0415

    late = sys.modules[_NAME]
    sys.modules[_NAME] = cast(ModuleType, reactor)
    vars(twisted.internet)["reactor"] = reactor
    try:
        yield
    finally:
        sys.modules[_NAME] = late
        vars(twisted.internet)["reactor"] = late
