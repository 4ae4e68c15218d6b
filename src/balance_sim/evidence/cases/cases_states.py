"""The states of a case as known at its date: capability, regime, ideal point, capital, nuclear weapons, patrons.

Annual figures are those of the year before the signal, or the last within five years before that; the row
says which year. No later year is looked at, with one exception: a capability must be given, and a new state
has none from before, so it takes that of the signal's own year. Where there is none either, the least of the
other states stands in. Both are marked as guesses. Anything else that no series has is missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd

from balance_sim.evidence.cases.cases_data import Actor, Series
from balance_sim.evidence.data.codes import nuclear_since

Row = dict[str, str]

CARRY_YEARS = 5
PATRON_RATIO = 10.0
"""A patron has a defence pact in force with a state and at least so many times its capability."""
RELIABILITY = "0.9"
"""A guess, the same for all states, as in the scenario of Beijing 2025."""
STATE_COLUMNS = (
    "id",
    "name",
    "capability",
    "democracy",
    "ideal_point",
    "latitude",
    "longitude",
    "reliability",
    "autonomy",
    "nuclear_since",
    "patrons",
    "source",
    "guesses",
)


def state_rows(series: Series, actors: Sequence[Actor], on: date, accords: Sequence[Row]) -> list[Row]:
    """One row a state, sorted by code. accords: rows of the case's accords, for the patrons."""
    known = {one.code: found for one in actors if (found := power_of(series, one, on.year)) is not None}
    least = min((value for value, _ in known.values() if value > 0), default=1.0)
    share = {one.code: known[one.code][0] if one.code in known else least for one in actors}
    patrons = patrons_of(share, accords)
    rows = []
    for one in sorted(actors, key=lambda each: each.code):
        sources, guesses = [], ["reliability"]
        if one.code in known:
            sources.append(f"capability: COW NMC {known[one.code][1]}")
            guesses += ["capability"] if known[one.code][1] == on.year else []
        else:
            sources.append("capability: no series has it; the least of the other states stands in")
            guesses.append("capability")
        row = {"id": one.code, "name": one.name, "capability": short(share[one.code])}
        for field, name, column, label in (
            ("democracy", "democracy", "polyarchy", "V-Dem"),
            ("ideal_point", "ideal", "ideal_fp", "Bailey, Strezhnev, Voeten (final passage)"),
        ):
            found = latest(series, name, column, one, on.year)
            row[field] = short(found[0]) if found else ""
            sources += [f"{field}: {label} {found[1]}"] if found else []
        row |= capital(series, one, on, sources)
        armed = nuclear_since(one.code, on)
        row |= {"reliability": RELIABILITY, "autonomy": "0", "nuclear_since": str(armed or "")}
        sources += ["nuclear_since: Bleek (nuclear.csv)"] if armed else []
        row |= {"patrons": ";".join(patrons.get(one.code, []))}
        rows.append(row | {"source": "; ".join(sources), "guesses": ";".join(guesses)})
    return rows


def power_of(series: Series, one: Actor, year: int) -> tuple[float, int] | None:
    """CINC and its year: see above."""
    return latest(series, "capability", "cinc", one, year) or latest(
        series, "capability", "cinc", one, year + 1, carry_years=0
    )


def latest(
    series: Series, name: str, column: str, one: Actor, year: int, carry_years: int = CARRY_YEARS
) -> tuple[float, int] | None:
    """Value and year of the last known of the years before `year`, so many years back at most from the
    last."""
    read = series.read(name)
    if read is None:
        return None
    frame = read.frame
    here = frame[(frame["cow"] == one.cow) & frame["year"].between(year - 1 - carry_years, year - 1)]
    here = here[here[column].notna()].sort_values("year")
    if here.empty:
        return None
    return float(here[column].iloc[-1]), int(here["year"].iloc[-1])


def capital(series: Series, one: Actor, on: date, sources: list[str]) -> Row:
    """Latitude and longitude of the capital at the date; else of the first capital on record after it, since
    where a city lies is nothing learnt later; else of the last before it."""
    read = series.read("capitals")
    blank = {"latitude": "", "longitude": ""}
    if read is None:
        return blank
    day = pd.Timestamp(on)
    frame = read.frame[read.frame["cow"].isin(one.cows)].sort_values("start")
    now = frame[(frame["start"] <= day) & (frame["end"] >= day)]
    after, before = frame[frame["start"] > day], frame[frame["end"] < day]
    if frame.empty:
        return blank
    row = (now.tail(1) if len(now) else after.head(1) if len(after) else before.tail(1)).iloc[0]
    sources.append("capital: COW capitals" + ("" if len(now) else ", of another year"))
    return {"latitude": short(float(row["latitude"])), "longitude": short(float(row["longitude"]))}


def patrons_of(share: dict[str, float], accords: Sequence[Row]) -> dict[str, list[str]]:
    """State -> the states that have a defence pact in force with it and ten times its capability."""
    found: dict[str, set[str]] = {}
    for row in accords:
        if row["kind"] != "defence_pact" or row["status"] != "in_force":
            continue
        for client, power in ((row["a"], row["b"]), (row["b"], row["a"])):
            if share[power] >= PATRON_RATIO * share[client]:
                found.setdefault(client, set()).add(power)
    return {client: sorted(powers) for client, powers in found.items()}


def short(value: float) -> str:
    """Six significant digits, no exponent, no trailing zeros."""
    text = f"{value:.6g}"
    if "e" in text:
        text = f"{value:.12f}".rstrip("0").rstrip(".")
    return text
