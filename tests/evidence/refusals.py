"""Data files that tests write, and errors of them by code and place."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from balance_sim.evidence.data.errors import DataError


def written(folder: Path, text: str, name: str = "file.csv", encoding: str = "utf-8") -> Path:
    """A file of this text, packed if its name says so."""
    data, path = text.encode(encoding), folder / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def refused(code: str, line: int | None = None, column: str | None = None) -> Any:
    """A context in which a DataError of that code, line and column must be raised."""

    def fits(error: DataError) -> bool:
        return (error.code, error.line, error.column) == (code, line, column)

    return pytest.raises(DataError, check=fits)
