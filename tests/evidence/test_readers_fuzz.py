"""Whatever the bytes: a reader gives a tidy frame or a DataError, never another exception.

BALANCE_SIM_FUZZ: examples a test."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.series import SOURCES
from balance_sim.evidence.data.sources import file_of
from balance_sim.evidence.data.table import Read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DATA = Path(__file__).parent / "data"
QUICK = settings(
    max_examples=int(os.environ.get("BALANCE_SIM_FUZZ", "25")), deadline=None, suppress_health_check=list(HealthCheck)
)
Reader = Callable[[Path], Read | pd.DataFrame]
CASES: dict[str, tuple[Reader, bytes]] = {
    **{name: (source.read, file_of(DATA, source.files).read_bytes()) for name, source in SOURCES.items()}  # type: ignore[union-attr]
}
ODD = [
    *("", " ", "-1", "0", "1e400", "99999999999999999999", "nan", "inf", "1.5", "0,5", "50%", "2004-02-30"),
    *("9999-12-31", "0000-01-01", "-9", '"', "\0", "\x1b[31m", "\u202e", "\u0661", "TRUE", "a;b", "x\ty", "\n"),
]


@pytest.fixture(scope="module")
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name) / "file.csv"


def outcome(path: Path, reader: Reader, data: bytes) -> None:
    path.write_bytes(data)
    found: Read | pd.DataFrame | DataError
    try:
        found = reader(path)
    except DataError as error:
        found = error
    if isinstance(found, DataError):
        assert found.message and found.next_step
        assert found.line is None or found.line >= 1
        assert len(str(found)) < 3000
    elif isinstance(found, Read):
        assert len(found.frame) <= max(found.report.rows_read, 1) ** 2
        assert str(found.report)


@QUICK
@given(name=st.sampled_from(sorted(CASES)), at=st.integers(0, 10**6), word=st.sampled_from(ODD) | st.text(max_size=8))
def test_one_cell_is_another(path, name, at, word):
    """Of the header or of a row."""
    reader, data = CASES[name]
    lines = data.decode().split("\n")
    line = at % len(lines)
    cells = lines[line].split(",")
    cells[at % len(cells)] = word
    lines[line] = ",".join(cells)
    outcome(path, reader, "\n".join(lines).encode("utf-8", "surrogatepass"))


@QUICK
@given(name=st.sampled_from(sorted(CASES)), cut=st.integers(0, 2000), byte=st.integers(0, 255), at=st.integers(0, 2000))
def test_a_file_cut_off_with_one_byte_changed(path, name, cut, byte, at):
    reader, data = CASES[name]
    part = bytearray(data[: cut + 1])
    part[at % len(part)] = byte
    outcome(path, reader, bytes(part))
