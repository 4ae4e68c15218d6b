"""Quarrels between states: strategic rivalries, territorial claims, militarised disputes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.evidence.data.table import (
    MISSING_CODES,
    MISSING_TEXT,
    Read,
    Table,
    day,
    folded,
    open_table,
    ordered_pair,
)

RIVALRY_LAST_YEAR = {"start": 2020, "styear": 2010}
"""Last year of Thompson, Sakuwa, Suhas 2021 (`start`) and of Thompson, Dreyer 2012 (`styear`): an end in
that year is the end of the data."""
CLAIMS_LAST_MONTH = "201799"
HIGHEST_SALIENCE = 12.0
MID_LAST_YEAR = 2014
UNKNOWN = (0, *MISSING_CODES)
ONGOING = (9999, *MISSING_CODES)
"""Codes of an unknown part of a date, and of an end that has not come."""

_RIVALRY_NAMES = {
    "cow_a": ("ccode1", "ccodea"),
    "cow_b": ("ccode2", "ccodeb"),
    "start": ("start", "styear"),
    "end": ("end", "endyear"),
}


def read_rivalries(path: Path | str) -> Read:
    """Strategic rivalries: Thompson, Sakuwa, Suhas 2021, or Thompson, Dreyer 2012 (styear, endyear).

    Frame: cow_a < cow_b, year_from, year_to (missing if it went on when the source ends)."""
    table = open_table(path, "strategic rivalries", _RIVALRY_NAMES, ("cow_a", "cow_b", "start", "end"))
    read = len(table.text)
    table.drop_broken_pairs()
    table.drop(table.year("start", MISSING_CODES).isna(), "no first year")
    last = RIVALRY_LAST_YEAR.get(table.published["start"].strip().lower(), 2020)
    end = table.year("end", ONGOING)
    frame = pd.DataFrame(
        {
            "cow_a": table.integer("cow_a"),
            "cow_b": table.integer("cow_b"),
            "year_from": table.year("start", MISSING_CODES).astype(np.int64),
            "year_to": end.where(end < last),
        }
    )
    frame = (
        ordered_pair(frame).sort_values(["cow_a", "cow_b", "year_from"], kind="stable").reset_index(drop=True)
    )
    years = (int(frame["year_from"].min()), last) if len(frame) else None
    return Read(frame, table.report(read, frame, years))


_CLAIM_NAMES = {
    "cow_a": ("chal",),
    "cow_b": ("tgt",),
    "begin": ("begclaim",),
    "end": ("endclaim",),
    "salience": ("icowsal",),
}


def read_territorial_claims(path: Path | str) -> Read:
    """ICOW territorial claims (Hensel et al.), one row a pair's claim; dates YYYYMM, month 00 or 99 unknown.

    Frame: cow_a < cow_b, start, end (dates; missing if it went on when the source ends), salience 0..1
    (ICOW's 0..12 divided by 12), challenger (COW number)."""
    table = open_table(path, "ICOW territorial claims", _CLAIM_NAMES, ("cow_a", "cow_b", "begin", "end"))
    read = len(table.text)
    table.drop_broken_pairs()
    table.drop(_month(table, "begin").isna(), "no beginning")
    begin, end = _month(table, "begin"), _month(table, "end", end=True)
    frame = pd.DataFrame(
        {
            "cow_a": table.integer("cow_a"),
            "cow_b": table.integer("cow_b"),
            "start": begin,
            "end": end.mask(
                table.text["end"].str.strip().isin([CLAIMS_LAST_MONTH, *map(str, MISSING_CODES)])
            ),
            "salience": table.bounded("salience", 0, HIGHEST_SALIENCE, MISSING_CODES) / HIGHEST_SALIENCE
            if table.has("salience")
            else np.nan,
            "challenger": table.integer("cow_a").astype(np.int64),
        }
    )
    frame = ordered_pair(frame).sort_values(["cow_a", "cow_b", "start"], kind="stable").reset_index(drop=True)
    years = (int(frame["start"].dt.year.min()), int(CLAIMS_LAST_MONTH[:4])) if len(frame) else None
    return Read(frame, table.report(read, frame, years))


_PARTICIPANT_NAMES = {
    "dispute": ("dispnum", "dispnum3", "dispnum4"),
    "cow": ("ccode",),
    "start_day": ("stday",),
    "start_month": ("stmon",),
    "start_year": ("styear",),
    "end_day": ("endday",),
    "end_month": ("endmon",),
    "end_year": ("endyear",),
    "side_a": ("sidea",),
    "hostility": ("hostlev",),
}


def read_mid_participants(path: Path | str) -> Read:
    """COW MID v5 participants (MIDB): every pair on opposite sides of a dispute while both take part in it.

    Palmer et al. 2022, CMPS 39(4). Frame: dispute, cow_a < cow_b, start, end (dates), hostility (1..5: the
    higher of the two), war (both at 5)."""
    required = ("dispute", "cow", "start_year", "end_year", "side_a", "hostility")
    table = open_table(path, "COW MID participants", _PARTICIPANT_NAMES, required)
    read = len(table.text)
    table.drop_blank("dispute", "no number of a dispute")
    table.drop_blank("cow", "a state without a COW number")
    table.drop_blank("side_a", "no side")
    start, _ = day(
        table.year("start_year", UNKNOWN),
        table.part("start_month", UNKNOWN),
        table.part("start_day", UNKNOWN),
    )
    end, _ = day(
        table.year("end_year", UNKNOWN),
        table.part("end_month", UNKNOWN),
        table.part("end_day", UNKNOWN),
        end=True,
    )
    table.drop(start.isna() | end.isna(), "no year of start or end")
    kept = table.text.index
    side = pd.DataFrame(
        {
            "dispute": table.integer("dispute").astype(np.int64),
            "cow": table.integer("cow").astype(np.int64),
            "start": start[kept],
            "end": end[kept],
            "side_a": table.integer("side_a").astype(np.int64),
            "hostility": table.bounded("hostility", 1, 5, MISSING_CODES),
        }
    )
    pairs = side[side["side_a"] == 1].merge(side[side["side_a"] == 0], on="dispute", suffixes=("_a", "_b"))
    frame = pd.DataFrame(
        {
            "dispute": pairs["dispute"],
            "cow_a": pairs["cow_a"],
            "cow_b": pairs["cow_b"],
            "start": pairs[["start_a", "start_b"]].max(axis=1),
            "end": pairs[["end_a", "end_b"]].min(axis=1),
            "hostility": pairs[["hostility_a", "hostility_b"]].max(axis=1),
            "war": (pairs["hostility_a"] == 5) & (pairs["hostility_b"] == 5),
        }
    )
    never = frame["start"] > frame["end"]
    frame = ordered_pair(frame[~never])
    frame = frame.sort_values(["dispute", "cow_a", "cow_b", "start"], kind="stable").reset_index(drop=True)
    years = (int(frame["start"].dt.year.min()), MID_LAST_YEAR) if len(frame) else None
    note = f"{int(never.sum())} pairs on opposite sides that never took part at the same time left out"
    return Read(frame, table.report(read, frame, years, note))


_DISPUTE_YEAR_NAMES = {
    "dispute": ("dispnum", "disno"),
    "cow_a": ("ccode1", "statea"),
    "cow_b": ("ccode2", "stateb"),
    "year": ("year",),
    "ongoing": ("dispongoing", "midongoing", "cowmidongoing", "gmlmidongoing"),
    "onset": ("disponset", "midonset", "cowmidonset", "gmlmidonset"),
    "hostility_a": ("hostlev1", "hihosta"),
    "hostility_b": ("hostlev2", "hihostb"),
}


def read_mid_dyad_years(path: Path | str) -> Read:
    """Directed dispute-dyad-years, COW or Gibler-Miller-Little (2016, ISQ 60(4)), folded to undirected.

    Frame: dispute, cow_a < cow_b, year, onset, hostility (1..5: the higher of the two)."""
    table = open_table(path, "MID dyad-years", _DISPUTE_YEAR_NAMES, ("dispute", "cow_a", "cow_b", "year"))
    read = len(table.text)
    table.drop_broken_pairs()
    table.drop_blank("year", "no year")
    if table.has("ongoing"):
        table.drop_blank("ongoing", "not said whether a dispute is under way")
        table.drop(table.integer("ongoing") == 0, "no dispute under way")
    table.drop_blank("dispute", "no number of a dispute")
    levels = [table.bounded(c, 0, 5, MISSING_CODES) for c in ("hostility_a", "hostility_b") if table.has(c)]
    frame = pd.DataFrame(
        {
            "dispute": table.integer("dispute").astype(np.int64),
            "cow_a": table.integer("cow_a"),
            "cow_b": table.integer("cow_b"),
            "year": table.year("year").astype(np.int64),
            "onset": (table.number("onset") > 0) if table.has("onset") else False,
            "hostility": pd.concat(levels, axis=1).max(axis=1) if levels else np.nan,
        }
    )
    keys, rows = ["dispute", "cow_a", "cow_b", "year"], len(frame)
    frame = ordered_pair(frame).groupby(keys, as_index=False).max()
    years = (int(frame["year"].min()), int(frame["year"].max())) if len(frame) else None
    return Read(frame, table.report(read, frame, years, *folded(rows - len(frame))))


def _month(table: Table, column: str, *, end: bool = False) -> pd.Series:
    raw = table.text[column].str.strip()
    parts = raw.str.extract(r"^(\d{4})(\d{1,2})$")
    bad = parts[0].isna() & ~raw.isin([*MISSING_TEXT, *map(str, MISSING_CODES)])
    if bad.any():
        raise table.fault(column, bad, "this is not a month", "Write YYYYMM, with 99 for an unknown month")
    return day(parts[0], parts[1], pd.Series(pd.NA, index=raw.index), end=end)[0]
