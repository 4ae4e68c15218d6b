"""Where states are: minimum distance, direct contiguity, capitals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.evidence.data.table import (
    MISSING_CODES,
    MISSING_TEXT,
    Read,
    Table,
    folded,
    open_table,
    ordered_pair,
)

CONTIGUITY_LAST_YEAR = 2016
LONGEST_KM = 20_040.0
"""Half the equator: no two points of the Earth are further apart."""

_DISTANCE_NAMES = {
    "cow_a": ("ccode1",),
    "cow_b": ("ccode2",),
    "year": ("year",),
    "year_from": ("year_from",),
    "year_to": ("year_to",),
    "km": ("mindist_km", "mindist"),
}


def read_minimum_distance(path: Path | str) -> Read:
    """Minimum distance between borders on 1 January (CShapes 2.0; Schvitz et al. 2022, JCR 66(1)).

    Dyad-years, or spells of years with one value. Frame: cow_a < cow_b, year_from, year_to, km."""
    table = open_table(path, "minimum distance", _DISTANCE_NAMES, ("cow_a", "cow_b", "km"))
    read = len(table.text)
    spells = table.has("year_from", "year_to")
    if not spells:
        open_table(path, "minimum distance", _DISTANCE_NAMES, ("cow_a", "cow_b", "km", "year"))
    table.drop_broken_pairs()
    for column in ("year_from", "year_to") if spells else ("year",):
        table.drop_blank(column, "no year")
    km = table.bounded("km", 0.0, LONGEST_KM, missing=MISSING_CODES)
    table.drop(km.isna(), "no distance")
    frame = pd.DataFrame(
        {
            "cow_a": table.integer("cow_a"),
            "cow_b": table.integer("cow_b"),
            "year_from": table.year("year_from" if spells else "year").astype(np.int64),
            "year_to": table.year("year_to" if spells else "year").astype(np.int64),
            "km": km[table.text.index],
        }
    )
    rows = len(frame)
    frame = ordered_pair(frame).drop_duplicates()
    keys = ["cow_a", "cow_b", "year_from"]
    frame = frame.sort_values(keys, kind="stable").reset_index(drop=True)
    years = (int(frame["year_from"].min()), int(frame["year_to"].max())) if len(frame) else None
    return Read(frame, table.report(read, frame, years, *folded(rows - len(frame))))


_CONTIGUITY_NAMES = {
    "cow_a": ("state1no", "ccode1"),
    "cow_b": ("state2no", "ccode2"),
    "type": ("conttype",),
    "begin": ("begin", "stdate"),
    "end": ("end", "enddate"),
    "year": ("year",),
}


def read_contiguity(path: Path | str) -> Read:
    """COW Direct Contiguity v3.2, spells (contdir) or dyad-years (contdird).

    Stinnett et al. 2002, CMPS 19(2): 58-66. Frame: cow_a < cow_b, type (1 land, 2 to 5 water of at most 12,
    24, 150, 400 miles), year_from, year_to (years in which the spell holds on some day)."""
    table = open_table(path, "COW contiguity", _CONTIGUITY_NAMES, ("cow_a", "cow_b", "type"))
    read = len(table.text)
    if not (table.has("begin", "end") or table.has("year")):
        open_table(path, "COW contiguity", _CONTIGUITY_NAMES, ("begin", "end"))
    table.drop_broken_pairs()
    table.drop(table.bounded("type", 0, 5, MISSING_CODES).isna(), "no type")
    table.drop(table.bounded("type", 0, 5) == 0, "type 0: not contiguous")
    if table.has("begin", "end"):
        table.drop(_year_of(table, "begin").isna(), "no beginning")
        begin = _year_of(table, "begin").astype(np.int64)
        end = _year_of(table, "end").fillna(CONTIGUITY_LAST_YEAR).astype(np.int64)
    else:
        table.drop_blank("year", "no year")
        begin = end = table.year("year").astype(np.int64)
    frame = pd.DataFrame(
        {
            "cow_a": table.integer("cow_a"),
            "cow_b": table.integer("cow_b"),
            "type": table.integer("type").astype(np.int64),
            "year_from": begin,
            "year_to": end,
        }
    )
    rows = len(frame)
    frame = ordered_pair(frame).drop_duplicates()
    frame = frame.sort_values(["cow_a", "cow_b", "year_from"], kind="stable").reset_index(drop=True)
    years = (int(frame["year_from"].min()), int(frame["year_to"].max())) if len(frame) else None
    return Read(frame, table.report(read, frame, years, *folded(rows - len(frame))))


_CAPITAL_NAMES = {
    "cow": ("ccode",),
    "capital": ("capital",),
    "start": ("stdate",),
    "end": ("enddate",),
    "latitude": ("lat", "latitude"),
    "longitude": ("lng", "longitude"),
}


def read_capitals(path: Path | str) -> Read:
    """Capitals with their dates. Frame: cow, capital, start, end, latitude, longitude."""
    table = open_table(path, "capitals", _CAPITAL_NAMES, ("cow", "start", "end", "latitude", "longitude"))
    read = len(table.text)
    table.drop_blank("cow", "a state without a COW number")
    table.drop(table.text["start"].str.strip().isin(MISSING_TEXT), "no first day")
    frame = pd.DataFrame(
        {
            "cow": table.integer("cow").astype(np.int64),
            "capital": table.text["capital"] if table.has("capital") else "",
            "start": table.dates("start")[0],
            "end": table.dates("end", end=True)[0],
            "latitude": table.bounded("latitude", -90.0, 90.0),
            "longitude": table.bounded("longitude", -180.0, 180.0),
        }
    )
    frame = frame.sort_values(["cow", "start"], kind="stable").reset_index(drop=True)
    last = frame["end"].fillna(frame["start"])
    years = (int(frame["start"].dt.year.min()), int(last.dt.year.max())) if len(frame) else None
    return Read(frame, table.report(read, frame, years))


def _year_of(table: Table, column: str) -> pd.Series:
    """Year of a cell written YYYYMM (the authors' form), as an ISO date or as a year; missing where blank."""
    raw = table.text[column].str.strip()
    blank = raw.isin([*MISSING_TEXT, *map(str, MISSING_CODES)])
    parts = raw.str.extract(r"^(\d{4})(?:-?(\d{2}))?(?:-?\d{2})?$")
    bad = parts[0].isna() & ~blank
    if bad.any():
        raise table.fault(column, bad, "this is not a month", "Write YYYYMM or YYYY-MM-DD")
    return pd.to_numeric(parts[0]).astype("Int64")
