"""An invented treaty record, drawn from the two-sided choice itself with known coefficients, written as files.

    python tests/evidence/treaties.py experiments/invented_treaties

writes the shipped example anew; `test_coordination_files.py` fits it."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.coordination.choice import simulate
from balance_sim.coordination.effects import parse_effect
from balance_sim.coordination.events import EventData
from balance_sim.evidence.data.ties import spells_of

TRUTH = {
    "inertia(treaties)": -0.8,
    "degree(treaties, ignore_repetitions)": 0.15,
    "closure(treaties, ignore_repetitions)": 0.3,
    "tie(contiguity)": 1.0,
    "alter(regime)": 0.05,
    "difference(regime)": -0.1,
    "alter(gdp)": 0.3,
    "difference(gdp)": -0.3,
}
FIRST, YEARS, STATES, TREATIES = 1960, 10, 40, 240
PLAN = """title: Invented treaties, drawn from the choice itself with known coefficients
events: treaties.csv
presence: [states.csv, presence.csv]
networks:
  treaties: treaties.csv
  contiguity: contiguity.csv
states:
  regime: [states.csv, regime.csv]
  gdp: {file: gdp.csv, transform: log}
effects:
"""


def made(
    seed: int = 1, states: int = STATES, years: int = YEARS, count: int = TREATIES, old_ties: int = STATES
) -> dict[str, pd.DataFrame]:
    """The tables by file name, in the columns that users of such data know; gdp as it is, not its logarithm.

    count: treaties drawn, spread evenly over the years; old_ties: dyads tied from the start, half of which end."""
    rng = np.random.default_rng(seed)
    labels = [f"S{k:02d}" for k in range(1, states + 1)]
    start, end = np.datetime64(f"{FIRST}-01-01"), np.datetime64(f"{FIRST + years}-01-01")
    length = int((end - start).astype(int))

    def day(low: int = 0, high: int = length) -> str:
        return str(start + np.timedelta64(int(rng.integers(low, high)), "D"))

    changes = pd.DataFrame(
        [
            *((day(200), label, True) for label in labels[-6:]),
            *((day(length // 2), label, False) for label in labels[:2]),
        ],
        columns=["time", "node", "replace"],
    )
    regime = rng.integers(-10, 11, states)
    table = pd.DataFrame({"label": labels, "present": [*[True] * (states - 6), *[False] * 6], "regime": regime})
    turns = pd.DataFrame(
        [(day(), label, int(rng.integers(-10, 11))) for label in rng.choice(labels, states // 2)],
        columns=["time", "node", "replace"],
    ).drop_duplicates(["time", "node"])
    size = rng.normal(10, 1.2, states)
    gdp = pd.DataFrame(
        [
            (label, FIRST - 1 + year, round(float(np.exp(size[k] + 0.04 * year + 0.05 * rng.normal())), 1))
            for k, label in enumerate(labels)
            for year in range(years + 1)
        ],
        columns=["label", "year", "gdp"],
    )
    pairs = list(itertools.combinations(labels, 2))
    near = [pairs[k] for k in rng.choice(len(pairs), 2 * states, replace=False)]
    contiguity = pd.DataFrame(
        [
            *((a, b, "", 1) for a, b in near),
            *((a, b, day(), 0) for a, b in near[:5]),
        ],
        columns=["sender", "receiver", "time", "replace"],
    )
    old = [pairs[k] for k in rng.choice(len(pairs), old_ties, replace=False)]
    ties = [(a, b, "", 1) for a, b in old]
    ties += [(a, b, day(), -1) for a, b in old[: old_ties // 2]]
    tables = {
        "states.csv": table,
        "presence.csv": changes,
        "regime.csv": turns,
        "gdp.csv": gdp,
        "contiguity.csv": contiguity,
    }
    effects = [parse_effect(name) for name in TRUTH]
    b = np.array(list(TRUTH.values()))
    for year in range(FIRST, FIRST + years):
        this_year = count * (year - FIRST + 1) // years - count * (year - FIRST) // years
        days = np.datetime64(f"{year}-01-02") + rng.integers(0, 363, this_year).astype("timedelta64[D]")
        new = simulate(_data(labels, tables, ties), effects, b, list(np.sort(days)), "treaties", rng)
        for row in new.itertuples():
            ties.append((row.a, row.b, str(np.datetime64(row.date, "D")), 1))
            gone = np.datetime64(f"{year + 1}-01-01") + np.timedelta64(int(rng.exponential(2500)), "D")
            if gone < end:
                ties.append((row.a, row.b, str(gone), -1))
    order = rng.permutation(len(ties))
    tables["treaties.csv"] = pd.DataFrame([ties[k] for k in order], columns=["sender", "receiver", "time", "increment"])
    return {name: tables[name] for name in sorted(tables)}


PUBLISHED = """events: treaties.csv
presence: [states.csv, presence.csv]
networks:
  treaties: treaties.csv
  contiguity: contiguity.csv
states:
  regime: [states.csv, regime.csv]
  gdp: [states.csv, gdp.csv]
conflicts: last
missing: mean_kept
repetitions: distinct
effects: >
  create ~ inertia(treaties, window = "18 months") + indeg(treaties, ignore_repetitions = TRUE)
  + trans(treaties, ignoreRep = TRUE, history = "pooled") + tie(contiguity) + alter(states$regime)
  + diff(states$regime) + alter(states$gdp) + ego_alter_interaction(list(states$gdp, states$gdp))
"""


def as_published(folder: Path, seed: int = 5, states: int = 16, count: int = 70) -> Path:
    """A record as such files come, in the spelling of another program; the path of its plan.

    Actors, dyads and presence set twice at one moment, to the same and to other values, in one file and across
    two; treaties of one dyad and day in two equal rows, of which one ends; values blank at the start and later,
    several at one moment; rows in no order."""
    years = 6
    tables = made(seed, states, years, count)
    rng = np.random.default_rng(1000 + seed)
    labels = list(tables["states.csv"]["label"])
    level = tables["gdp.csv"].assign(gdp=lambda one: np.log(one["gdp"]).round(4))
    start = level.groupby("label")["gdp"].first()
    start.iloc[[1, 4, 9]] = np.nan
    table = tables["states.csv"].assign(gdp=start.reindex(labels).to_numpy())
    later = level[level["year"] >= FIRST]
    gdp = pd.DataFrame({"time": later["year"].astype(str) + "-01-01", "node": later["label"], "replace": later["gdp"]})
    gdp.loc[rng.random(len(gdp)) < 0.15, "replace"] = np.nan
    turns = tables["regime.csv"].astype({"replace": float})
    other = turns.iloc[:4].assign(replace=[-9.0, 9.0, np.nan, 4.0])
    turns = pd.concat([turns, other, turns.iloc[4:6], other.iloc[1:2].assign(replace=-3.0)])
    turns = pd.concat([turns, pd.DataFrame({"time": [""], "node": labels[:1], "replace": [10.0]})])
    near = tables["contiguity.csv"]
    flips = near.iloc[-4:].assign(replace=1).rename(columns={"sender": "receiver", "receiver": "sender"})
    near = pd.concat([near, flips.iloc[:2], near.iloc[-2:-1]])
    leaves = [(f"{FIRST + 2}-03-01", labels[5], False), (f"{FIRST + 2}-03-01", labels[5], True)]
    leaves = pd.DataFrame(leaves, columns=["time", "node", "replace"])
    ties = tables["treaties.csv"]
    ended = ties[ties["increment"] < 0].set_index(["sender", "receiver"]).index
    begun = ties[(ties["time"] != "") & (ties["increment"] > 0)]
    twice = begun[begun.set_index(["sender", "receiver"]).index.isin(ended)]
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "states.csv": table,
        "presence.csv": pd.concat([tables["presence.csv"], leaves]),
        "regime.csv": turns,
        "gdp.csv": gdp.sample(frac=1, random_state=seed),
        "contiguity.csv": near,
        "treaties.csv": pd.concat([ties, twice]),
    }
    for name, frame in files.items():
        frame.to_csv(folder / name, index=False, lineterminator="\n", na_rep="NA" if name != "gdp.csv" else "")
    plan = folder / "coordination.yaml"
    plan.write_text(PUBLISHED, encoding="utf-8")
    return plan


def written(folder: Path, tables: dict[str, pd.DataFrame], more: str = "") -> Path:
    """Write the tables and a plan with the effects of `TRUTH`; the plan's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(folder / name, index=False, lineterminator="\n")
    plan = folder / "coordination.yaml"
    plan.write_text(PLAN + "".join(f"  - {name}\n" for name in TRUTH) + more, encoding="utf-8")
    return plan


def _data(labels: list[str], tables: dict[str, pd.DataFrame], ties: list[tuple[str, str, str, int]]) -> EventData:
    """The record so far, put together here and not by the readers."""

    def dated(frame: pd.DataFrame, actor: str, value: str) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "actor": frame[actor],
                "date": pd.to_datetime(frame["time"]),
                "value": frame[value].astype(float),
            }
        )

    table = tables["states.csv"]
    first = pd.DataFrame({"actor": labels, "date": pd.NaT, "present": table["present"]})
    later = tables["presence.csv"].rename(columns={"node": "actor", "replace": "present"})
    later = later.assign(date=pd.to_datetime(later["time"]))[["actor", "date", "present"]]
    regime = pd.DataFrame({"actor": labels, "date": pd.NaT, "value": table["regime"].astype(float)})
    gdp = tables["gdp.csv"]
    gdp = gdp.assign(time=gdp["year"].astype(str) + "-01-01", gdp=np.log(gdp["gdp"]))
    border = tables["contiguity.csv"].rename(columns={"sender": "a", "receiver": "b", "replace": "value"})
    border = border.assign(date=pd.to_datetime(border["time"].replace("", None)), increment=np.nan)
    treaties = pd.DataFrame(ties, columns=["a", "b", "date", "increment"])
    treaties["date"] = pd.to_datetime(treaties["date"].replace("", None))
    turns = dated(tables["regime.csv"], "node", "replace")
    return EventData(
        tuple(labels),
        pd.DataFrame(),
        spells_of(pd.concat([first, later], ignore_index=True)),
        {"treaties": treaties, "contiguity": border},
        {"regime": pd.concat([regime, turns], ignore_index=True), "gdp": dated(gdp, "label", "gdp")},
    )


if __name__ == "__main__":
    written(Path(sys.argv[1]), made())
