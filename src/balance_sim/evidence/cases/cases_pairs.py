"""What lay between the states of a case at its date: quarrels and distances.

Everything began before the day of the signal. That something has ended is taken from the series; that it was
to end, or to grow, is not: a rivalry, a claim or a dispute under way counts as such whatever became of it. A series
that ends before the signal is carried forward: what lay between two states on its last day is taken to lie there
still, as old as it was then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd

from balance_sim.evidence.cases.cases_data import Actor, Series, placed
from balance_sim.evidence.cases.cases_states import Row, short

Pair = tuple[str, str]

MILITARISED_YEARS = 10
MILITARISED_HALF_LIFE = 5.0
"""Years after its end in which a dispute counts half."""
OPEN_DISPUTE = 0.75
"""A dispute under way counts like one in which force was used (level 4 of 5): its final level came later."""
WAR_DAYS = 180
"""The series dates disputes, not the outbreak of a war in one. A dispute that is a war in the end counts as a
war once the two have been in it for so long, or have joined one of that age."""
SALIENCE_GUESS = 0.5
CONTIGUOUS_KM = {1: 0.0, 2: 12 * 1.609344, 3: 24 * 1.609344, 4: 150 * 1.609344, 5: 400 * 1.609344}
"""Upper bound in km of the water between states of a COW type of contiguity, given there in miles."""
DISPUTE_COLUMNS = ("a", "b", "rivalry", "claim", "militarised", "war", "source", "x_guesses")
DISTANCE_COLUMNS = ("a", "b", "km", "source")


def dispute_rows(series: Series, actors: Sequence[Actor], on: date) -> list[Row]:
    """One row for each pair with anything between it, each part 0..1."""
    claims, guessed = _claims(series, actors, on)
    militarised, war = _disputes(series, actors, on)
    parts = {
        "rivalry": (_rivalries(series, actors, on), "Thompson, Sakuwa, Suhas 2021"),
        "claim": (claims, "ICOW territorial claims (Hensel et al.)"),
        "militarised": (militarised, "COW MID 5 (Palmer et al. 2022)"),
        "war": (war, "COW MID 5 (Palmer et al. 2022)"),
    }
    rows = []
    for key in sorted(set().union(*(found for found, _ in parts.values()))):
        here = {part: found[key] for part, (found, _) in parts.items() if key in found}
        rows.append(
            {"a": key[0], "b": key[1]}
            | {part: short(round(value, 3)) for part, value in here.items()}
            | {"source": "; ".join(f"{part}: {parts[part][1]}" for part in here)}
            | {"x_guesses": "claim" if key in guessed else ""}
        )
    return rows


def _rivalries(series: Series, actors: Sequence[Actor], on: date) -> dict[Pair, float]:
    read = series.read("rivalry")
    if read is None:
        return {}
    frame = placed(read.frame, actors)
    ends = frame["year_to"].fillna(9999).astype(np.int64)
    now = frame[(frame["year_from"] < on.year) & (ends >= on.year)]
    return {(str(row.a), str(row.b)): 1.0 for row in now.itertuples()}


def _claims(series: Series, actors: Sequence[Actor], on: date) -> tuple[dict[Pair, float], set[Pair]]:
    """Salience (ICOW's 0..12 over 12) of the most salient claim that stands, and pairs where it is a
    guess."""
    read = series.read("claims")
    if read is None:
        return {}, set()
    day = pd.Timestamp(on)
    frame = placed(read.frame, actors)
    frame = frame[(frame["start"] < day) & (frame["end"].isna() | (frame["end"] >= day))]
    found: dict[Pair, float] = {}
    coded: set[Pair] = set()
    for a, b, salience in zip(frame["a"], frame["b"], frame["salience"], strict=True):
        missing = bool(np.isnan(salience))
        coded |= set() if missing else {(a, b)}
        found[a, b] = max(found.get((a, b), 0.0), SALIENCE_GUESS if missing else float(salience))
    return {key: value for key, value in found.items() if value > 0}, set(found) - coded


def _disputes(
    series: Series, actors: Sequence[Actor], on: date
) -> tuple[dict[Pair, float], dict[Pair, float]]:
    """Largest of a pair's disputes in the last ten years, (level - 1) / 4 fading with age; and wars under
    way. Both as of the day, or of the last day of the series where that lies before it."""
    frame, day = _recent(series, actors, on)
    if frame is None:
        return {}, {}
    under_way = frame["end"] >= day
    age = (day - frame["end"]).dt.days.clip(lower=0) / 365.25
    level = (frame["hostility"].fillna(1.0) - 1) / 4 * 2 ** (-age / MILITARISED_HALF_LIFE)
    frame = frame.assign(weight=level.mask(under_way, OPEN_DISPUTE))
    militarised = _largest(frame, "weight")
    return militarised, dict.fromkeys(wars_under_way(series, actors, on), 1.0)


def wars_under_way(series: Series, actors: Sequence[Actor], on: date) -> dict[Pair, date]:
    """Since when the pairs have fought that are in a war, by the rule of `WAR_DAYS`."""
    frame, day = _recent(series, actors, on)
    if frame is None:
        return {}
    long = timedelta(days=WAR_DAYS)
    old = (day - frame["start"] >= long) | (frame["start"] - frame["began"] >= long)
    wars = frame[(frame["end"] >= day) & frame["war"] & old]
    first = wars.groupby(["a", "b"], as_index=False)["start"].min()
    return {
        (str(a), str(b)): s.date() for a, b, s in zip(first["a"], first["b"], first["start"], strict=True)
    }


def _recent(series: Series, actors: Sequence[Actor], on: date) -> tuple[pd.DataFrame | None, pd.Timestamp]:
    """Disputes of the last ten years between the actors, and the day as of which they are known."""
    read = series.read("disputes")
    if read is None:
        return None, pd.Timestamp(on)
    last = read.report.last_year
    day = min(pd.Timestamp(on), pd.Timestamp(last or on.year, 12, 31))
    began = read.frame.groupby("dispute")["start"].min()
    frame = placed(read.frame, actors)
    frame = frame.assign(began=frame["dispute"].map(began))
    since = day - pd.DateOffset(years=MILITARISED_YEARS)
    return frame[(frame["start"] < day) & (frame["end"] >= since)], day


def _largest(frame: pd.DataFrame, column: str) -> dict[Pair, float]:
    largest = frame.groupby(["a", "b"], as_index=False)[column].max()
    values = zip(largest["a"], largest["b"], largest[column], strict=True)
    return {(str(a), str(b)): float(v) for a, b, v in values if v > 0}


def distance_rows(series: Series, actors: Sequence[Actor], on: date) -> tuple[list[Row], int]:
    """Minimum distance of every pair that has one, and the number of pairs left to their capitals.

    CShapes of the year, else its last value before, else the bound that COW's direct contiguity sets."""
    spells = _minimum(series, actors, on.year)
    touching = _contiguous(series, actors, on.year)
    rows = []
    order = sorted(one.code for one in actors)
    pairs = [(a, b) for i, a in enumerate(order) for b in order[i + 1 :]]
    for key in pairs:
        if key in spells:
            km, year = spells[key]
            source = f"CShapes 2.0 (Schvitz et al. 2022), {year}"
        elif key in touching:
            km, source = touching[key], "COW direct contiguity 3.2: upper bound of its type"
        else:
            continue
        rows.append({"a": key[0], "b": key[1], "km": short(round(km, 1)), "source": source})
    return rows, len(pairs) - len(rows)


def _minimum(series: Series, actors: Sequence[Actor], year: int) -> dict[Pair, tuple[float, int]]:
    read = series.read("distance")
    if read is None:
        return {}
    frame = placed(read.frame, actors)
    frame = frame[frame["year_from"] <= year].sort_values("year_to", kind="stable")
    spells = zip(frame["a"], frame["b"], frame["km"], frame["year_to"], strict=True)
    return {(str(a), str(b)): (float(km), min(year, int(until))) for a, b, km, until in spells}


def _contiguous(series: Series, actors: Sequence[Actor], year: int) -> dict[Pair, float]:
    read = series.read("contiguity")
    if read is None:
        return {}
    frame = placed(read.frame, actors)
    last = read.report.last_year or year
    frame = frame[(frame["year_from"] < year) & (frame["year_to"] >= min(year, last))]
    nearest = frame.groupby(["a", "b"], as_index=False)["type"].min()
    types = zip(nearest["a"], nearest["b"], nearest["type"], strict=True)
    return {(str(a), str(b)): CONTIGUOUS_KM[int(kind)] for a, b, kind in types}
