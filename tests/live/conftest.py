"""A study, and a live page of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Server, loud_study


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return loud_study(tmp_path_factory.mktemp("live") / "study")


@pytest.fixture(scope="module")
def server(study: Path) -> Iterator[Server]:
    one = Server.of(study, "--runs", "20")
    yield one
    code, errors = one.stop()
    assert code == 143, errors
    assert "Traceback" not in errors
