"""States: their codes, how files name actors by them, and two shipped tables of facts
about them.

Codes are those of Correlates of War (COW), ISO 3166 alpha-3 and Gleditsch-Ward (GW).
The shipped table has one row a spell of membership in the COW state system, cut where
the GW number changes: Correlates of War Project 2017, State System Membership v2016;
ISO 3166-1 and 3166-3; Gleditsch and Ward 1999, International Interactions 25. A blank
end means that the spell was open at the end of 2016 and is taken to go on. Dates are
those of COW for all three systems. A successor keeps its ISO code: Germany 255 and West
Germany 260 are DEU, the Soviet Union and Russia RUS, Yugoslavia and Serbia SRB, North
Yemen 678 and Yemen 679 YEM.

The generic files may name their actors in several ways: by labels of their own, or by a
code. The way that is asked for is taken where the file has it; another code is
converted row by row on the row's date."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import cache
from io import BytesIO
from typing import Literal, cast

import numpy as np
import pandas as pd

from balance_sim.evidence.data.table import Table
from balance_sim.scenario.files import shipped, shipped_text

System = Literal["cow", "iso3", "gw"]
ActorSystem = Literal["id", "cow", "iso3", "gw"]

FORMER_ISO3 = dict(
    re.findall(
        r"(\w+):(\w+)",
        "BUR:MMR BYS:BLR DHY:BEN HVO:BFA KSV:XKX NHB:VUT RHO:ZWE "
        "RKS:XKX ROM:ROU SCG:SRB SUN:RUS TMP:TLS YUG:SRB ZAR:COD",
    )
)
"""Withdrawn or unofficial alpha-3 codes and the code of the successor in the table (ISO
3166-3)."""

FOREVER = pd.Timestamp("2261-12-31")


@cache
def _table() -> pd.DataFrame:
    content = BytesIO(shipped("balance_sim.evidence", "state_codes.csv"))
    table = pd.read_csv(content, keep_default_na=False, dtype=str)
    ends = table["end"].replace("", str(FOREVER.date()))
    table = table.assign(start=pd.to_datetime(table["start"]), end=pd.to_datetime(ends))
    return table.astype({"cow": np.int64, "gw": np.int64})


def state_codes() -> pd.DataFrame:
    """The whole table: cow, gw, iso3, abbreviation, name, start, end; both days count,
    an open end is far."""
    return _table().copy()


def current_iso3(code: str) -> str:
    """The code of the table for a withdrawn or unofficial alpha-3 code; any other code
    unchanged."""
    return str(FORMER_ISO3.get(code, code))


def convert(
    values: pd.Series, on: pd.Series, source: System, target: System
) -> pd.Series:
    """Codes in another system, each on its own day; missing where the code names no
    member on that day.

    values: codes in `source`; on: datetimes, same index. Returns Int64 (cow, gw) or
    string (iso3)."""
    table = _table()
    if source == "iso3":
        keys = values.astype("string").map(
            lambda v: current_iso3(str(v)), na_action="ignore"
        )
    else:
        keys = pd.to_numeric(values, errors="coerce")
    left = pd.DataFrame(
        {
            "row": np.arange(len(values)),
            "key": keys.to_numpy(),
            "day": pd.to_datetime(on).to_numpy(),
        }
    )
    left = left[
        left["key"].notna() & left["day"].notna() & (left["key"].astype("string") != "")
    ]
    right = table[[source, target, "start", "end"]].set_axis(
        ["key", "found", "start", "end"], axis=1
    )
    left["key"] = left["key"].astype(str if source == "iso3" else np.int64)
    joined = left.merge(right, on="key")
    joined = joined[
        joined["day"].between(joined["start"], joined["end"]) & (joined["found"] != "")
    ]
    found = (
        joined.drop_duplicates("row")
        .set_index("row")["found"]
        .reindex(np.arange(len(values)))
    )
    return (
        found.astype(object)
        .set_axis(values.index)
        .astype("string" if target == "iso3" else "Int64")
        .rename(None)
    )


ACTOR: Mapping[ActorSystem, tuple[str, ...]] = {
    "id": ("id", "actor", "node", "label", "state"),
    "cow": ("cow", "ccode", "cowcode"),
    "iso3": ("iso3", "iso3c", "country_text_id"),
    "gw": ("gw", "gwcode", "gwno"),
}
SIDES: tuple[Mapping[ActorSystem, tuple[str, ...]], ...] = tuple(
    {
        "id": (side, role, f"id_{side}"),
        "cow": (f"cow_{side}", f"ccode{number}", f"ccode_{side}"),
        "iso3": (f"iso3_{side}", f"iso3_{number}"),
        "gw": (f"gw_{side}", f"gwcode{number}"),
    }
    for number, side, role in ((1, "a", "sender"), (2, "b", "receiver"))
)
WHEN: Mapping[str, Sequence[str]] = {"date": ("date", "time"), "year": ("year",)}
"""Columns of when; a year stands for its 1 January."""


def names_of(
    by_system: Mapping[ActorSystem, tuple[str, ...]], first: ActorSystem | None = None
) -> tuple[str, ...]:
    """Published names to look for, those of the system `first` before the others."""
    order = sorted(by_system, key=lambda system: system != first)
    return tuple(name for system in order for name in by_system[system])


def system_of(table: Table, column: str) -> ActorSystem:
    """Which way a column of actors names them."""
    published = table.published[column].strip().lower()
    every = (pair for by_system in (ACTOR, *SIDES) for pair in by_system.items())
    return next((system for system, names in every if published in names), "id")


def labels(
    table: Table, column: str, dates: pd.Series, wanted: ActorSystem | None
) -> pd.Series:
    """Labels as text: codes in one spelling, converted to `wanted` where the file has
    another code.

    dates: of the rows; missing in the result where a code names no member on its date.
    Raises DataError for an undated row that would have to be converted."""
    found = system_of(table, column)
    if found in ("cow", "gw"):
        text = _text(table.integer(column))
    else:
        text = table.words(column)
        text = text.str.upper() if found == "iso3" else text
    if wanted in (None, found) or "id" in (wanted, found):
        return text
    undated = dates.isna() & (text != "")
    why = f"an undated row names a {found} code, the ties name {wanted} codes"
    table.refuse(
        column, undated, why, f"Date the row, or add a column of {wanted} codes"
    )
    return _text(
        convert(
            text.where(text != ""), dates, cast(System, found), cast(System, wanted)
        )
    )


def _text(values: pd.Series) -> pd.Series:
    return values.astype("string").fillna("").astype(object)


def moments(table: Table) -> pd.Series:
    """When each row holds from: its date, 1 January of its year, or missing (the
    beginning of time)."""
    if table.has("date"):
        return table.dates("date")[0]
    if table.has("year"):
        return pd.to_datetime(table.year("year").astype("string") + "-01-01").astype(
            "datetime64[s]"
        )
    return table.same(pd.NaT, "datetime64[s]")


MEMORY = "from memory, to be checked"
UNSETTLED = "no settlement"
"""Says of a war that its fighting is over: its end is then known by the rule."""


@cache
def _facts(name: str) -> tuple[dict[str, str], ...]:
    return tuple(
        csv.DictReader(shipped_text("balance_sim.evidence", name).splitlines())
    )


def nuclear_since(state: str, on: date) -> date | None:
    """The day from which a state has had the nuclear weapons that it has on `on`; None:
    it has none then.

    Weapons on a state's soil that another controls do not count, nor a test that was no
    weapon. A date known to the year stands as 1 January. The table nuclear.csv has the
    source of each row. state: ISO alpha-3 code, or SUN for the Soviet Union, whose
    weapons Russia holds since.

    >>> nuclear_since("ZAF", date(1985, 1, 1)), nuclear_since("ZAF", date(1992, 1, 1))
    (datetime.date(1979, 1, 1), None)
    """
    for row in _facts("nuclear.csv"):
        since, until = (
            date.fromisoformat(row[key]) if row[key] else date.max
            for key in ("since", "until")
        )
        if row["state"] == state and since <= on < until:
            return since
    return None


def known_relations(codes: Collection[str], start: date) -> list[dict[str, str]]:
    """Whom one does not sign with on a day: spells of relations.csv in force between
    two of the states, in the order of dyad and kind. Nothing that came later is told:
    neither spells nor their ends.

    Facts of the table are from memory, each with where it can be checked; no series at
    hand has relations, recognition or sanctions. What makes a spell of war,
    no_diplomatic_relations, not_recognised or sanctions:
    docs/decisions/0019-whom-one-does-not-sign-with.md. `*` stands for every state
    without a row `recognised`; a blank
    `from` is a spell that began before all starts. codes: ISO alpha-3, of the date (SUN, not RUS, in 1950).

    >>> [row["kind"] for row in known_relations(("CAN", "IRN", "TWN"), date(2025, 9, 1))]
    ['no_diplomatic_relations', 'sanctions', 'not_recognised', 'not_recognised']
    """
    rows, day = [], str(start)
    for fact in _facts("relations.csv"):
        over = fact["until"] and fact["until"] <= day
        if fact["from"] > day or over or fact["kind"] == "recognised":
            continue
        known = UNSETTLED in fact["source"] and fact["from"][:4] == day[:4]
        spell = {
            "from": "" if fact["a"] == "*" else fact["from"],
            "until": fact["until"] if known else "",
        }
        spell |= {"kind": fact["kind"], "source": f"{fact['source']}; {MEMORY}"}
        rows += [{"a": a, "b": b, **spell} for a, b in _dyads(fact, codes)]
    return sorted(rows, key=lambda row: (row["a"], row["b"], row["kind"]))


def _dyads(fact: dict[str, str], codes: Collection[str]) -> list[tuple[str, str]]:
    """The dyads of a row, of these states."""
    a, b = fact["a"], fact["b"]
    if a != "*":
        return [(a, b)] if a in codes and b in codes else []
    apart = {
        row["a"]
        for row in _facts("relations.csv")
        if row["kind"] == "recognised" and row["b"] == b
    }
    others = sorted({*codes} - apart - {b}) if b in codes else []
    return [(min(code, b), max(code, b)) for code in others]
