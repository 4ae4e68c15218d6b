"""The extracts of public series from which `balance-sim new NAME --states ...` fills a world.

    python benchmarks/shipped_record.py DATA

DATA: the folder that `balance-sim evidence case` reads. Written are the columns that are read there, from the rows that a
world of 1947 or later can use, into src/balance_sim/evidence/record; SOURCES.md there has authors, terms and what is left
out. The same files give the same bytes.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pandas as pd

RECORD = Path(__file__).resolve().parents[1] / "src/balance_sim/evidence/record"
FIRST_YEAR = 1946
QUARRELS_SINCE = 1904
"""A use of force of 43 years before counts for nothing any more (docs/cases.md)."""
STATE_YEARS = {
    "nmc_state_year": ("cinc", 6),
    "unga_ideal_points": ("idealpointfp", 3),
    "democracy_state_year": ("v2x_polyarchy", 3),
}
"""The one column that is read, and its decimals."""
SPELLS = {
    "capitals": ("ccode stdate enddate lat lng", "enddate", FIRST_YEAR),
    "contiguity_spells": (
        "ccode1 ccode2 conttype stdate enddate",
        "enddate",
        FIRST_YEAR,
    ),
    "rivalries_thompson_sakuwa_suhas": ("ccode1 ccode2 start end", "end", FIRST_YEAR),
    "mid_cow5_participants": (
        "dispnum ccode stday stmon styear endday endmon endyear sidea hostlev",
        "endyear",
        QUARRELS_SINCE,
    ),
    "atop_members": (
        "atopid phase member dayent moent yrent dayexit moexit yrexit defense offense neutral nonagg consul",
        "yrexit",
        FIRST_YEAR,
    ),
    "cow_alliance_spells": (
        "version4id ccode1 ccode2 dyad_st_day dyad_st_month dyad_st_year dyad_end_day dyad_end_month dyad_end_year "
        "defense neutrality nonaggression entente",
        "dyad_end_year",
        FIRST_YEAR,
    ),
}
"""Columns that are read; that of the end, and the first year in which it may lie, or not have come."""


def table(data: Path, name: str) -> pd.DataFrame:
    """The rows of a file as text."""
    path = next(
        path
        for path in (data / f"{name}.csv", data / f"{name}.csv.gz")
        if path.exists()
    )
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def state_years(data: Path, name: str) -> pd.DataFrame:
    """State, year and the series, from the first year on and where it is known."""
    series, decimals = STATE_YEARS[name]
    rows = table(data, name)
    rows = rows[(rows["year"].astype(int) >= FIRST_YEAR) & (rows[series] != "")]
    value = rows[series].astype(float).round(decimals)
    rows = rows.assign(
        **{series: value.map(lambda number: f"{number:.{decimals}f}".rstrip("0"))}
    )
    return rows[["ccode", "year", series]].sort_values(
        ["ccode", "year"], key=lambda column: column.astype(int)
    )


def spells(data: Path, name: str) -> pd.DataFrame:
    """What had not ended by the first year that counts."""
    columns, end, first = SPELLS[name]
    rows = table(data, name)[columns.split()]
    if name == "contiguity_spells":  # each dyad stands there twice
        rows = rows[rows["ccode1"].astype(int) < rows["ccode2"].astype(int)]
    year = pd.to_numeric(rows[end].str[:4], errors="coerce").fillna(0).astype(int)
    return rows[(year <= 0) | (year >= first)]


def main(data: Path) -> None:
    total = 0
    for name in (*STATE_YEARS, *SPELLS):
        rows = state_years(data, name) if name in STATE_YEARS else spells(data, name)
        packed = gzip.compress(
            rows.to_csv(index=False, lineterminator="\n").encode(), 9, mtime=0
        )
        (RECORD / f"{name}.csv.gz").write_bytes(packed)
        total += len(packed)
        print(f"{name}: {len(rows):,} rows, {len(packed):,} bytes")
    print(f"{total:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
