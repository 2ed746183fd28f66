"""What runs in the child: the base class of processors, and the machinery that serves, fetches and stops.

``python -m proactor.processor`` is a processor that has nothing but its configuration.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import Processor
    from .callers import Caller, caller, scope
    from .configuration import Config

__all__ = ["Caller", "Config", "Processor", "caller", "scope"]

_HOMES = {
    "Caller": ".callers",
    "Config": ".configuration",
    "Processor": ".base",
    "caller": ".callers",
    "scope": ".callers",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(_HOMES[name], __name__), name)
