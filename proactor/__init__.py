"""Proactor launches, configures, supervises and authenticates a fleet of processes, and is driven with curl.

The public names, for those who write a processor of their own::

    from proactor import Processor
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import Refused, Rejected
    from .options import Option
    from .processor import Caller, Processor, caller, scope
    from .processor.messages import Message, message

__version__ = "0.1.0"
__all__ = [
    "Caller",
    "Message",
    "Option",
    "Processor",
    "Refused",
    "Rejected",
    "__version__",
    "caller",
    "message",
    "scope",
]

_HOMES = {
    "Caller": ".processor.callers",
    "Message": ".processor.messages",
    "Option": ".options",
    "Processor": ".processor",
    "Refused": ".errors",
    "Rejected": ".errors",
    "caller": ".processor.callers",
    "message": ".processor.messages",
    "scope": ".processor.callers",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562): the initiator and the plugin load no processor."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(_HOMES[name], __name__), name)
