"""At whom acts are aimed that no source says it of: 200 exercises and 100 treaties, each coded twice.

    python benchmarks/aimed.py DATA

The codes are docs/coding/exercises.csv and treaties.csv: whether an act is aimed at anybody (named, implied, none,
unclear) and at which states, from its date and what the source says of it. Printed: kappa of both coders (Cohen 1960)
on whether an act is aimed, and on each pair of an act and a rival of those that take part, itself no part of it; p,
the share of such pairs at which the act is aimed, with the error that acts and coders leave; and the Beta of these
moments, which `priors: aimed_*` in src/balance_sim/scenario/defaults.yaml holds. DATA: the folder of `evidence fit`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

CODING = Path(__file__).resolve().parents[1] / "docs" / "coding"
CODERS = ("A", "B")
Parts = Mapping[str, set[str]]
"""By act, who takes part."""


def kappa(a: pd.Series, b: pd.Series) -> float:
    """Agreement of two coders beyond that of chance, on the same things in the same order."""
    shares = [a.value_counts(normalize=True), b.value_counts(normalize=True)]
    chance = float((shares[0] * shares[1]).dropna().sum())
    return (float((a == b).mean()) - chance) / (1.0 - chance)


def exercises(data: Path) -> Parts:
    table = pd.read_csv(data / "exercises_mme_participants.csv", dtype=str)
    return {act: {*states.dropna()} for act, states in table.groupby("mmeid")["iso3"]}


def treaties(data: Path) -> Parts:
    """Who enters on the day, and who belongs by then."""
    table = pd.read_csv(data / "atop_members.csv", dtype=str, low_memory=False)
    parts = {}
    for number, members in table.groupby("atopid"):
        for day in members["entry_date"].dropna().unique():
            entry, ended = members["entry_date"], members["exit_date"]
            belongs = (entry == day) | ((entry < day) & ~(ended <= day))
            parts[f"atop{number}-{day}"] = {*members.loc[belongs, "iso3"].dropna()}
    return parts


def pairs(codes: pd.DataFrame, parts: Parts, data: Path) -> pd.DataFrame:
    """Each act with each rival of a participant that takes no part: columns act, state, A, B, whether a coder has the
    act aimed at it, missing where that coder calls the act unclear."""
    rivals = pd.read_csv(data / "rivalries_thompson_sakuwa_suhas.csv")
    rows = []
    for act, by_coder in codes.groupby("id"):
        year = int(by_coder["day"].iloc[0][:4])
        now = rivals[(rivals["start"] <= year) & (rivals["end"].fillna(9999) >= year)]
        there = parts[str(act)]
        theirs = {
            *now.loc[now["iso3_1"].isin(there), "iso3_2"],
            *now.loc[now["iso3_2"].isin(there), "iso3_1"],
        }
        codings = by_coder.set_index("coder")
        for state in sorted(theirs - there):
            row = {"act": act, "state": state, "year": year}
            for coder in CODERS:
                aimed, targets = codings.loc[coder, ["aimed", "targets"]]
                row[coder] = None if aimed == "unclear" else state in targets.split()
            rows.append(row)
    return pd.DataFrame(rows)


def share(found: pd.DataFrame) -> tuple[float, float]:
    """p and its error: of the ratio over acts, and of what coders differ by."""
    shares, variances = [], []
    for coder in CODERS:
        coded = found.dropna(subset=[coder]).astype({coder: float})
        by_act = coded.groupby("act")[coder].agg(["sum", "count"])
        p = by_act["sum"].sum() / by_act["count"].sum()
        off = by_act["sum"] - p * by_act["count"]
        scale = len(by_act) / (len(by_act) - 1.0) / by_act["count"].sum() ** 2
        shares.append(float(p))
        variances.append(float((off**2).sum() * scale))
    between = float(np.var(shares, ddof=1))
    return float(np.mean(shares)), float(np.sqrt(np.mean(variances) + between))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    asked = parser.parse_args()
    print(
        "| acts | coded | kappa: aimed | kappa: pairs | pairs | p | error | Beta | p from 1992 |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: |")
    for name, read in (("exercises", exercises), ("treaties", treaties)):
        codes = pd.read_csv(CODING / f"{name}.csv", dtype=str, keep_default_na=False)
        a, b = (codes[codes["coder"] == coder].set_index("id") for coder in CODERS)
        found = pairs(codes, read(asked.data), asked.data)
        both = found.dropna(subset=list(CODERS)).astype(dict.fromkeys(CODERS, bool))
        p, error = share(found)
        size = p * (1.0 - p) / error**2 - 1.0
        cells = [
            name,
            str(len(a)),
            f"{kappa(a['aimed'], b.loc[a.index, 'aimed']):.2f}",
            f"{kappa(both['A'], both['B']):.2f}",
            str(len(found)),
            f"{p:.3f}",
            f"{error:.3f}",
            f"({p * size:.1f}, {(1 - p) * size:.1f})",
            f"{share(found[found['year'] >= 1992])[0]:.3f}",
        ]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
