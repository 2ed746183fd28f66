"""pytest's side of the suite: the same files run under ``python -m twisted.trial tests``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="session")
def _elsewhere(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Run from a folder that is nobody's, as trial does: ``mktemp`` writes below the current one."""
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    )
    os.chdir(tmp_path_factory.mktemp("trial"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put TestCases before bare functions: after the reactor was started for one, a TestCase finds it dirty."""
    items.sort(key=lambda item: getattr(item, "cls", None) is None)
