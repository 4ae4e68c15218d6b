"""Formal alliances: Correlates of War (v4.1) and ATOP (v5.1).

Tidy frame, one row a pair's spell: alliance_id, cow_a < cow_b, start, end (dates; end missing if in force
when the source ends), defense, neutrality, nonaggression, entente (booleans; offense counts as defense, and
consultation as entente), kind (the deepest rung that follows)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.evidence.data.table import (
    MISSING_CODES,
    Read,
    Table,
    day,
    folded,
    open_table,
    ordered_pair,
)

ALLIANCE_COLUMNS = (
    "alliance_id",
    "cow_a",
    "cow_b",
    "start",
    "end",
    "defense",
    "neutrality",
    "nonaggression",
    "entente",
    "kind",
)
_OBLIGATIONS = ["defense", "neutrality", "nonaggression", "entente"]
COW_LAST_DAY = date(2012, 12, 31)
ATOP_LAST_DAY = date(2018, 12, 31)
UNKNOWN = (0, -99, *MISSING_CODES)
"""Codes of an unknown or open part of a date."""

_COW_NAMES = {
    "id": ("version4id",),
    "cow_a": ("ccode1",),
    "cow_b": ("ccode2",),
    "start_day": ("dyad_st_day",),
    "start_month": ("dyad_st_month",),
    "start_year": ("dyad_st_year",),
    "end_day": ("dyad_end_day",),
    "end_month": ("dyad_end_month",),
    "end_year": ("dyad_end_year",),
    "defense": ("defense",),
    "neutrality": ("neutrality",),
    "nonaggression": ("nonaggression",),
    "entente": ("entente",),
}


def read_cow_alliances(path: Path | str) -> Read:
    """COW Formal Alliances v4.1, the dyadic files (by_dyad, by_directed, or their yearly forms).

    Gibler 2009, International Military Alliances 1648-2008. Directed and yearly rows are folded."""
    required = (
        "id",
        "cow_a",
        "cow_b",
        "start_year",
        "end_year",
        "defense",
        "neutrality",
        "nonaggression",
        "entente",
    )
    table = open_table(path, "COW alliances", _COW_NAMES, required)
    read = len(table.text)
    table.drop_broken_pairs()
    start, _ = day(
        table.year("start_year", UNKNOWN),
        table.part("start_month", UNKNOWN),
        table.part("start_day", UNKNOWN),
    )
    table.drop(start.isna(), "no start")
    start = start[table.text.index]
    end, _ = day(
        table.year("end_year", UNKNOWN),
        table.part("end_month", UNKNOWN),
        table.part("end_day", UNKNOWN),
        end=True,
    )
    table.drop((end < start)[table.text.index], "the spell ends before it starts")
    kept = table.text.index
    frame = pd.DataFrame(
        {
            "alliance_id": table.text["id"].str.strip(),
            "cow_a": table.integer("cow_a"),
            "cow_b": table.integer("cow_b"),
            "start": start[kept],
            "end": end[kept].where(end[kept] < pd.Timestamp(COW_LAST_DAY)),
            **{
                name: _obligation(table, name)
                for name in ("defense", "neutrality", "nonaggression", "entente")
            },
        }
    )
    frame, notes = _tidy(frame)
    return Read(
        frame, table.report(read, frame, (1816, COW_LAST_DAY.year), *notes, *_uncoded(table, _OBLIGATIONS))
    )


_ATOP_MEMBER_NAMES = {
    "id": ("atopid",),
    "phase": ("phase",),
    "member": ("member",),
    "entry_day": ("dayent",),
    "entry_month": ("moent",),
    "entry_year": ("yrent",),
    "exit_day": ("dayexit",),
    "exit_month": ("moexit",),
    "exit_year": ("yrexit",),
    "defense": ("defense",),
    "offense": ("offense",),
    "neutral": ("neutral",),
    "nonagg": ("nonagg",),
    "consul": ("consul",),
}


def read_atop_members(path: Path | str) -> Read:
    """ATOP 5.1 member file (atop5_1m): every pair of members of a treaty while both belong to it.

    Leeds, Ritter, Mitchell, Long 2002, International Interactions 28: 237-260. An obligation counts for a
    pair if either of the two has it. A year of exit of 0 means in force at the end of 2018."""
    required = (
        "id",
        "member",
        "entry_year",
        "exit_year",
        "defense",
        "offense",
        "neutral",
        "nonagg",
        "consul",
    )
    table = open_table(path, "ATOP members", _ATOP_MEMBER_NAMES, required)
    read = len(table.text)
    table.drop_blank("member", "no member")
    start, _ = day(
        table.year("entry_year", UNKNOWN),
        table.part("entry_month", UNKNOWN),
        table.part("entry_day", UNKNOWN),
    )
    table.drop(start.isna(), "no date of entry")
    end, _ = day(
        table.year("exit_year", UNKNOWN),
        table.part("exit_month", UNKNOWN),
        table.part("exit_day", UNKNOWN),
        end=True,
    )
    kept = table.text.index
    members = pd.DataFrame(
        {
            "id": table.text["id"].str.strip(),
            "phase": table.text["phase"].str.strip() if table.has("phase") else "",
            "member": table.integer("member").astype(np.int64),
            "start": start[kept],
            "end": end[kept],
            "defense": _obligation(table, "defense") | _obligation(table, "offense"),
            "neutrality": _obligation(table, "neutral"),
            "nonaggression": _obligation(table, "nonagg"),
            "entente": _obligation(table, "consul"),
        }
    )
    pairs = members.merge(members, on=["id", "phase"], suffixes=("_a", "_b"))
    pairs = pairs[pairs["member_a"] < pairs["member_b"]]
    frame = pd.DataFrame(
        {
            "alliance_id": pairs["id"],
            "cow_a": pairs["member_a"],
            "cow_b": pairs["member_b"],
            "start": pairs[["start_a", "start_b"]].max(axis=1),
            "end": pairs[["end_a", "end_b"]].min(axis=1),
            **{
                name: pairs[f"{name}_a"] | pairs[f"{name}_b"]
                for name in ("defense", "neutrality", "nonaggression", "entente")
            },
        }
    )
    together = frame["end"].isna() | (frame["start"] < frame["end"])
    frame, notes = _tidy(frame[together])
    alone = int((~together).sum())
    note = f"{alone} pairs of members that never belonged at the same time left out"
    notes = (note, *notes, *_uncoded(table, ("defense", "offense", "neutral", "nonagg", "consul")))
    return Read(frame, table.report(read, frame, (1815, ATOP_LAST_DAY.year), *notes))


_ATOP_YEAR_NAMES = {
    "cow_a": ("ccode1", "stateA", "mem1"),
    "cow_b": ("ccode2", "stateB", "mem2"),
    "year": ("year",),
    **{
        name: (name,)
        for stem in ("defense", "offense", "neutral", "nonagg", "consul")
        for name in (stem, f"{stem}_12", f"{stem}_21")
    },
}


def read_atop_dyad_years(path: Path | str) -> Read:
    """ATOP 5.1 dyad-years (undirected, directed, or folded as X_12 and X_21): one row a pair and year.

    Frame: cow_a < cow_b, year, defense, neutrality, nonaggression, entente, kind (of either side)."""
    table = open_table(path, "ATOP dyad-years", _ATOP_YEAR_NAMES, ("cow_a", "cow_b", "year"))
    read = len(table.text)
    table.drop_broken_pairs()
    table.drop_blank("year", "no year")
    years = table.year("year")
    frame = pd.DataFrame(
        {"cow_a": table.integer("cow_a"), "cow_b": table.integer("cow_b"), "year": years.astype(np.int64)}
    )
    for name, stems in {
        "defense": ("defense", "offense"),
        "neutrality": ("neutral",),
        "nonaggression": ("nonagg",),
        "entente": ("consul",),
    }.items():
        columns = [f"{s}{end}" for s in stems for end in ("", "_12", "_21") if table.has(f"{s}{end}")]
        frame[name] = np.any([_obligation(table, column) for column in columns], axis=0) if columns else False
    frame = ordered_pair(frame)
    frame = frame.groupby(["cow_a", "cow_b", "year"], as_index=False).max()
    some = frame[_OBLIGATIONS].any(axis=1)
    frame = frame[some].copy()
    frame["kind"] = alliance_kind(frame)
    span = (int(frame["year"].min()), int(frame["year"].max())) if len(frame) else None
    frame = frame.reset_index(drop=True)
    return Read(frame, table.report(read, frame, span, *_without(int((~some).sum()))))


def alliance_kind(frame: pd.DataFrame) -> np.ndarray:
    """Deepest rung of the ladder: defence_pact, political_declaration (entente), else non_aggression."""
    return np.select(
        [frame["defense"], frame["entente"]], ["defence_pact", "political_declaration"], "non_aggression"
    )


def _tidy(frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """One row a spell, and notes on what was folded and what was left out."""
    rows = len(frame)
    frame = ordered_pair(frame)
    frame = frame.groupby(["alliance_id", "cow_a", "cow_b", "start", "end"], as_index=False, dropna=False)[
        _OBLIGATIONS
    ].max()
    notes = folded(rows - len(frame))
    some = frame[_OBLIGATIONS].any(axis=1)
    frame = frame[some].copy()
    frame["kind"] = alliance_kind(frame)
    order = ["start", "cow_a", "cow_b", "alliance_id"]
    frame = frame[list(ALLIANCE_COLUMNS)].sort_values(order, kind="stable").reset_index(drop=True)
    return frame, (*notes, *_without(int((~some).sum())))


def _without(count: int) -> tuple[str, ...]:
    return (f"{count} spells or years without any obligation are no alliance: left out",) if count else ()


def _uncoded(table: Table, columns: Sequence[str]) -> tuple[str, ...]:
    """A note on obligations that the source does not code."""
    count = sum(int(table.number(column, MISSING_CODES).isna().sum()) for column in columns)
    return (f"{count} obligations are not coded and count as none on record",) if count else ()


def _obligation(table: Table, column: str) -> pd.Series:
    """True where the source codes 1 or more; -9 and blank are no obligation on record."""
    return table.number(column, MISSING_CODES).fillna(0) > 0
