"""Which processes that tests start are measured by coverage: one that is takes twice the processor time, or more."""

from __future__ import annotations

from collections.abc import Mapping

#: What has coverage measure a process from its start (coverage's setting ``patch = subprocess``).
_MEASURES = frozenset({"COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"})


def unmeasured(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for a process that is not measured, nor what that starts.

    It is for the whole program as it runs, of which other tests go through every line.
    """
    return {name: value for name, value in environment.items() if name not in _MEASURES}
