"""Of the tests, those with real processes begin first: at the end no worker of pytest-xdist is left alone with one."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LONG = ("e2e", "test_benchmarks.py", "launchers", "guardian_main", "changes")


def place(item: pytest.Item) -> int:
    """Where a test stands: a lower number is earlier."""
    top = item.path.relative_to(TESTS).parts[0]
    return LONG.index(top) if top in LONG else len(LONG)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them into their order; those of one place stay as they are."""
    items.sort(key=place)
