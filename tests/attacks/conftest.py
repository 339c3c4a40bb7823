"""The whole suite runs when it is asked for by its marker: `pytest -m attacks`, `make attacks`."""

from __future__ import annotations

import shutil

import pytest

from tests.attacks.arena import Arena
from tests.attacks.suite import try_ours


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "attacks" in (config.getoption("markexpr") or ""):
        return
    skip = pytest.mark.skip(reason="one of the long attacks; run them with `make attacks`")
    for item in items:
        if item.get_closest_marker("attacks"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def achieved(request, tmp_path_factory):
    """What each of the chosen attacks achieved, by name; they are graded together."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    chosen = [
        item.callspec.params["attack"]
        for item in request.session.items
        if "achieved" in getattr(item, "fixturenames", ()) and not item.get_closest_marker("skip")
    ]
    arena = Arena(tmp_path_factory.mktemp("arena"))
    found: dict[str, str] = {}
    try_ours(arena, chosen, lambda text: None, found.update)
    return found
