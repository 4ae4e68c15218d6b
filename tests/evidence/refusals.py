"""Errors of data files by code and place, for tests."""

from typing import Any

import pytest
from balance_sim.evidence.data.errors import DataError


def refused(code: str, line: int | None = None, column: str | None = None) -> Any:
    """A context in which a DataError of that code, line and column must be raised."""

    def fits(error: DataError) -> bool:
        return (error.code, error.line, error.column) == (code, line, column)

    return pytest.raises(DataError, check=fits)
