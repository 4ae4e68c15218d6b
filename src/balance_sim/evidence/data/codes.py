"""Codes of states: Correlates of War (COW), ISO 3166 alpha-3, Gleditsch-Ward (GW), each with its dates.

The table ships with the package: one row a spell of membership in the COW state system (list of 2016),
cut where the GW number changes. Sources: Correlates of War Project 2017, State System Membership v2016;
ISO 3166-1 and 3166-3; Gleditsch and Ward 1999, International Interactions 25. A blank end means that the
spell was open at the end of 2016 and is taken to go on. Dates are those of COW for all three code systems;
only the numbers of Gleditsch and Ward are taken, not their dates. A successor keeps its ISO code: Germany
255 and West Germany 260 are DEU, the Soviet Union and Russia RUS, Yugoslavia and Serbia SRB, North Yemen
678 and Yemen 679 YEM.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from io import BytesIO
from typing import Literal

import numpy as np
import pandas as pd

from balance_sim.evidence.data.errors import DataError
from balance_sim.scenario.files import shipped

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
"""Withdrawn or unofficial alpha-3 codes and the code of the successor in the table (ISO 3166-3)."""

FOREVER = pd.Timestamp("2261-12-31")


@cache
def _table() -> pd.DataFrame:
    content = BytesIO(shipped("balance_sim.evidence", "state_codes.csv"))
    table = pd.read_csv(content, keep_default_na=False, dtype=str)
    for column in ("cow", "gw"):
        table[column] = table[column].astype(np.int64)
    table["start"] = pd.to_datetime(table["start"])
    table["end"] = pd.to_datetime(table["end"].replace("", str(FOREVER.date())))
    return table


def state_codes() -> pd.DataFrame:
    """The whole table: cow, gw, iso3, abbreviation, name, start, end; both days count, an open end is far."""
    return _table().copy()


def current_iso3(code: str) -> str:
    """The code of the table for a withdrawn or unofficial alpha-3 code; any other code unchanged."""
    return FORMER_ISO3.get(code, code)


def members(on: date) -> pd.DataFrame:
    """Rows of the states that are members on that day, by COW number."""
    table, day = _table(), pd.Timestamp(on)
    return table[(table["start"] <= day) & (table["end"] >= day)].sort_values("cow").reset_index(drop=True)


def translate(value: int | str, on: date, source: System, target: System) -> int | str:
    """One code in another system on one day. Raises DataError if the code names no member on that day."""
    key: int | str = current_iso3(str(value)) if source == "iso3" else int(value)
    table, day = _table(), pd.Timestamp(on)
    spells = table[table[source] == key]
    if spells.empty or key == "":
        raise DataError(
            f"no state has the {source} code",
            "The known codes are in balance_sim.evidence.data.codes.state_codes()",
            value=str(value),
        )
    hit = spells[(spells["start"] <= day) & (spells["end"] >= day)]
    if hit.empty:
        raise DataError(
            f"{_named(spells.iloc[0])} is no member of the state system on {on}; {_periods(spells)}",
            "Give the code that is valid on that date, or leave the row out",
            value=str(value),
        )
    found = hit.iloc[0][target]
    if found == "":
        raise DataError(f"{_named(hit.iloc[0])} has no {target} code", "Use its COW number", value=str(value))
    return str(found) if target == "iso3" else int(found)


def cow_to_iso3(cow: int, on: date) -> str:
    """ISO alpha-3 of a COW number on a day."""
    return str(translate(cow, on, "cow", "iso3"))


def iso3_to_cow(iso3: str, on: date) -> int:
    """COW number of an ISO alpha-3 code on a day (DEU is 260 in 1985 and 255 in 1992)."""
    return int(translate(iso3, on, "iso3", "cow"))


def cow_to_gw(cow: int, on: date) -> int:
    """Gleditsch-Ward number of a COW number on a day."""
    return int(translate(cow, on, "cow", "gw"))


def gw_to_cow(gw: int, on: date) -> int:
    """COW number of a Gleditsch-Ward number on a day."""
    return int(translate(gw, on, "gw", "cow"))


def convert(values: pd.Series, on: pd.Series, source: System, target: System) -> pd.Series:
    """Codes in another system, each on its own day; missing where the code names no member on that day.

    values: codes in `source`; on: datetimes, same index. Returns Int64 (cow, gw) or string (iso3)."""
    table = _table()
    if source == "iso3":
        keys = values.astype("string").map(lambda v: current_iso3(str(v)), na_action="ignore")
    else:
        keys = pd.to_numeric(values, errors="coerce")
    left = pd.DataFrame(
        {"row": np.arange(len(values)), "key": keys.to_numpy(), "day": pd.to_datetime(on).to_numpy()}
    )
    left = left[left["key"].notna() & left["day"].notna() & (left["key"].astype("string") != "")]
    right = table[[source, target, "start", "end"]].set_axis(["key", "found", "start", "end"], axis=1)
    left["key"] = left["key"].astype(str if source == "iso3" else np.int64)
    joined = left.merge(right, on="key")
    joined = joined[
        (joined["day"] >= joined["start"]) & (joined["day"] <= joined["end"]) & (joined["found"] != "")
    ]
    found = joined.drop_duplicates("row").set_index("row")["found"].reindex(np.arange(len(values)))
    return pd.Series(found.to_numpy(), index=values.index, dtype="object").astype(
        "string" if target == "iso3" else "Int64"
    )


def _named(row: pd.Series) -> str:
    return f"{row['name']} (COW {row['cow']})"


def _periods(spells: pd.DataFrame) -> str:
    spells = spells.sort_values("start")
    ends = spells["end"].dt.strftime("%Y-%m-%d").where(spells["end"] != FOREVER, "now")
    text = spells["start"].dt.strftime("%Y-%m-%d") + " to " + ends
    return "its membership: " + ", ".join(text)
