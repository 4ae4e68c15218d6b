"""The extracts that ship, which no test changes, are read once a process; each who asks has a copy."""

from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest
from balance_sim.evidence.data.extracts import EXTRACTS
from balance_sim.evidence.data.sources import Source
from balance_sim.evidence.data.table import Read


@pytest.fixture(scope="session", autouse=True)
def extracts_read_once() -> Iterator[None]:
    read, once = Source.read, cache(Source.read)

    def held(source: Source, path: Path | str) -> Read:
        return deepcopy(once(source, path)) if Path(path).parent == EXTRACTS else read(source, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Source, "read", held)
        yield
