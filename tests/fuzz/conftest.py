"""Coverage-guided fuzzing takes minutes, so it runs when it is asked for: `pytest -m fuzz`."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "fuzz" in (config.getoption("markexpr") or ""):
        return
    skip = pytest.mark.skip(reason="coverage-guided fuzzing; run it with `make fuzz`")
    for item in items:
        if item.get_closest_marker("fuzz"):
            item.add_marker(skip)
