"""States: their codes, and two shipped tables of facts about them.

Codes are those of Correlates of War (COW), ISO 3166 alpha-3 and Gleditsch-Ward (GW).
The shipped table has one row a spell of membership in the COW state system, cut where
the GW number changes: Correlates of War Project 2017, State System Membership v2016;
ISO 3166-1 and 3166-3; Gleditsch and Ward 1999, International Interactions 25. A blank
end means that the spell was open at the end of 2016 and is taken to go on. Dates are
those of COW for all three systems. A successor keeps its ISO code: Germany 255 and West
Germany 260 are DEU, the Soviet Union and Russia RUS, Yugoslavia and Serbia SRB, North
Yemen 678 and Yemen 679 YEM."""

from __future__ import annotations

import csv
from collections.abc import Collection
from datetime import date
from functools import cache
from io import BytesIO
from typing import Any, Literal

import numpy as np
import pandas as pd

from balance_sim.scenario.files import shipped, shipped_text

System = Literal["cow", "iso3", "gw"]

FORMER_ISO3 = {
    "BUR": "MMR",
    "BYS": "BLR",
    "DHY": "BEN",
    "HVO": "BFA",
    "KSV": "XKX",
    "NHB": "VUT",
    "RHO": "ZWE",
    "RKS": "XKX",
    "ROM": "ROU",
    "SCG": "SRB",
    "SUN": "RUS",
    "TMP": "TLS",
    "YUG": "SRB",
    "ZAR": "COD",
}
"""Withdrawn or unofficial alpha-3 codes and the code of the successor in the table (ISO
3166-3)."""

FOREVER = pd.Timestamp("2261-12-31")


@cache
def _table() -> pd.DataFrame:
    table = pd.read_csv(
        BytesIO(shipped("balance_sim.evidence", "state_codes.csv")),
        keep_default_na=False,
        dtype=str,
    )
    ends = table["end"].replace("", str(FOREVER.date()))
    table = table.assign(start=pd.to_datetime(table["start"]), end=pd.to_datetime(ends))
    return table.astype({"cow": np.int64, "gw": np.int64})


def state_codes() -> pd.DataFrame:
    """The whole table: cow, gw, iso3, abbreviation, name, start, end; both days count,
    an open end is far."""
    return _table().copy()


def current_iso3(code: Any) -> Any:
    """The code of the table for a withdrawn or unofficial alpha-3 code; any other code
    unchanged."""
    return FORMER_ISO3.get(code, code)


def convert(
    values: pd.Series, on: pd.Series, source: System, target: System
) -> pd.Series:
    """Codes in another system, each on its own day; missing where the code names no
    member on that day.

    values: codes in `source`; on: datetimes, at least of the same rows. Returns Int64
    (cow, gw) or string (iso3)."""
    table = _table()
    spells = table[[source, target, "start", "end"]]
    spells = spells.set_axis(["key", "code", "start", "end"], axis=1)
    spells = spells[(spells["key"] != "") & (spells["code"] != "")]
    keys = values.astype(object).map(current_iso3, na_action="ignore")
    places = np.arange(len(values))
    columns = {
        "row": places,
        "key": keys.to_numpy(),
        "day": on[values.index].to_numpy(),
    }
    rows = pd.DataFrame(columns).dropna().astype({"key": table[source].dtype})
    joined = rows.merge(spells, on="key")
    joined = joined[joined["day"].between(joined["start"], joined["end"])]
    first = joined.drop_duplicates("row").set_index("row")["code"]
    return (
        first.reindex(places)
        .set_axis(values.index)
        .rename(None)
        .astype("string" if target == "iso3" else "Int64")
    )


MEMORY = "from memory, to be checked"
UNSETTLED = "no settlement"
"""Says of a war that its fighting is over: its end is then known by the rule."""
EVERY_STATE = "*"


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
        since, until = _day_or_never(row["since"]), _day_or_never(row["until"])
        if row["state"] == state and since <= on < until:
            return since
    return None


def _day_or_never(text: str) -> date:
    return date.fromisoformat(text) if text else date.max


def known_relations(codes: Collection[str], start: date) -> list[dict[str, str]]:
    """Whom one does not sign with on a day: spells of relations.csv in force between
    two of the states, in the order of dyad and kind. Nothing that came later is told:
    neither spells nor their ends.

    Facts of the table are from memory, each with where it can be checked; no series at
    hand has relations, recognition or sanctions. What makes a spell of war,
    no_diplomatic_relations, not_recognised or sanctions:
    docs/decisions/0019-whom-one-does-not-sign-with.md. `*` stands for every state
    without a row `recognised`; a blank `from` is a spell that began before all starts.
    codes: ISO alpha-3, of the date (SUN, not RUS, in 1950).

    >>> spells = known_relations(("CAN", "IRN", "TWN"), date(2025, 9, 1))
    >>> [spell["kind"] for spell in spells]
    ['no_diplomatic_relations', 'sanctions', 'not_recognised', 'not_recognised']
    """
    spells: list[dict[str, str]] = []
    day = str(start)
    for fact in _facts("relations.csv"):
        is_over = fact["until"] and fact["until"] <= day
        if fact["from"] > day or is_over or fact["kind"] == "recognised":
            continue
        is_same_year = fact["from"][:4] == day[:4]
        end_is_known = UNSETTLED in fact["source"] and is_same_year
        spell = {
            "from": "" if fact["a"] == EVERY_STATE else fact["from"],
            "until": fact["until"] if end_is_known else "",
            "kind": fact["kind"],
            "source": f"{fact['source']}; {MEMORY}",
        }
        spells += [{"a": a, "b": b, **spell} for a, b in _dyads(fact, codes)]
    return sorted(spells, key=lambda spell: (spell["a"], spell["b"], spell["kind"]))


def _dyads(fact: dict[str, str], codes: Collection[str]) -> list[tuple[str, str]]:
    """The dyads of a row, of these states."""
    a, b = fact["a"], fact["b"]
    if a != EVERY_STATE:
        return [(a, b)] if a in codes and b in codes else []
    if b not in codes:
        return []
    rows = _facts("relations.csv")
    recognising = {r["a"] for r in rows if r["kind"] == "recognised" and r["b"] == b}
    others = sorted({*codes} - recognising - {b})
    return [(min(code, b), max(code, b)) for code in others]
