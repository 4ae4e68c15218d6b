"""How the generic files name their actors: by labels of their own, or by COW, ISO alpha-3 or Gleditsch-Ward codes.

A file may name them in several ways. The way that is asked for is taken where the file has it; another code is
converted row by row on the row's date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, cast

import pandas as pd

from balance_sim.evidence.data import codes
from balance_sim.evidence.data.table import Table

System = Literal["id", "cow", "iso3", "gw"]

ACTOR: Mapping[System, tuple[str, ...]] = {
    "id": ("id", "actor", "node", "label", "state"),
    "cow": ("cow", "ccode", "cowcode"),
    "iso3": ("iso3", "iso3c", "country_text_id"),
    "gw": ("gw", "gwcode", "gwno"),
}
SIDES: tuple[Mapping[System, tuple[str, ...]], Mapping[System, tuple[str, ...]]] = (
    {
        "id": ("a", "sender", "id_a"),
        "cow": ("cow_a", "ccode1", "ccode_a"),
        "iso3": ("iso3_a", "iso3_1"),
        "gw": ("gw_a", "gwcode1"),
    },
    {
        "id": ("b", "receiver", "id_b"),
        "cow": ("cow_b", "ccode2", "ccode_b"),
        "iso3": ("iso3_b", "iso3_2"),
        "gw": ("gw_b", "gwcode2"),
    },
)
WHEN: Mapping[str, Sequence[str]] = {"date": ("date", "time"), "year": ("year",)}
"""Columns of when; a year stands for its 1 January."""


def names_of(by_system: Mapping[System, tuple[str, ...]], first: System | None = None) -> tuple[str, ...]:
    """Published names to look for, those of the system `first` before the others."""
    order = sorted(by_system, key=lambda system: system != first)
    return tuple(name for system in order for name in by_system[system])


def system_of(table: Table, column: str) -> System:
    """Which way a column of actors names them."""
    published = table.published[column].strip().lower()
    for by_system in (ACTOR, *SIDES):
        for system, names in by_system.items():
            if published in names:
                return system
    return "id"


def labels(table: Table, column: str, dates: pd.Series, wanted: System | None) -> pd.Series:
    """Labels as text: codes in one spelling, converted to `wanted` where the file has another code.

    dates: of the rows; missing in the result where a code names no member on its date. Raises DataError for an
    undated row that would have to be converted."""
    found = system_of(table, column)
    if found in ("cow", "gw"):
        numbers = table.integer(column)
        text = numbers.astype("string").fillna("").astype(object)
    else:
        text = table.text[column].str.strip()
        if found == "iso3":
            text = text.str.upper()
    if wanted in (None, found) or "id" in (wanted, found):
        return text
    undated = dates.isna() & (text != "")
    if undated.any():
        raise table.fault(
            column,
            undated,
            f"an undated row names a {found} code, the ties name {wanted} codes",
            f"Date the row, or add a column of {wanted} codes",
        )
    other = codes.convert(
        text.where(text != ""), dates, cast(codes.System, found), cast(codes.System, wanted)
    )
    return other.astype("string").fillna("").astype(object)


def moments(table: Table) -> pd.Series:
    """When each row holds from: its date, 1 January of its year, or missing (the beginning of time)."""
    if table.has("date"):
        return table.dates("date")[0]
    if table.has("year"):
        years = table.year("year")
        return pd.to_datetime(years.astype("string") + "-01-01").astype("datetime64[s]")
    return pd.Series(pd.NaT, index=table.text.index, dtype="datetime64[s]")
