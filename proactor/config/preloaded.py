"""Which modules the fork server loads ahead."""

from __future__ import annotations

from .grammar import importable
from .job_settings import JOB_OPTIONS
from .layers import Layers
from .settings import module_sections

_PRELOAD = next(option for option in JOB_OPTIONS if option.name == "preload")


def preloaded_modules(layers: Layers) -> list[str]:
    """The modules whose sections say ``preload = yes``, sections with a command left out."""
    found: dict[str, None] = {}
    for section in module_sections(layers):
        if layers.lookup(section, "preload") is None or layers.lookup(section, "command") is not None:
            continue
        resolved = layers.resolver().resolve(section, "preload")
        if resolved is not None and _PRELOAD.parse(resolved.text):
            found[importable(section)] = None
    return list(found)
