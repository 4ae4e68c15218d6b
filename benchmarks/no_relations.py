"""How much rarer agreements are between states at war, without relations or without recognition: DCAD 1985-2003.

    python benchmarks/no_relations.py DATA

DATA: the folder that `balance-sim evidence fit` reads, and `mid_cow_directed_dyad_year.csv` (Correlates of War MID v5).
The shipped terms are fitted to all dyad-years outside the classes, with state random intercepts and year levels. What
that fit expects of the dyad-years inside a class is set against what they signed; the state intercepts of those who
stand in a class almost everywhere (Taiwan, North Korea) are left out, or they would hold what is measured. The
factor is the posterior mean under a Gamma(1/2, 0) prior, (signed + 1/2) / expected, with its 95 % interval.

The spells without relations are from memory: well-known breaks and recognitions, one line each, to be checked.
The peace scale is left out (its licence is for non-commercial use).
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.stats import gamma

from balance_sim.evidence.data.history import load_history
from balance_sim.evidence.estimation.choices import choices, fitted_terms
from balance_sim.evidence.estimation.fitting import fit
from balance_sim.evidence.estimation.likelihood import ConsentDesign

FIRST, LAST = 1985, 2003

# Dyads without diplomatic relations, and the years in which they had none throughout (from memory).
ARAB = [
    "SYR",
    "LBN",
    "IRQ",
    "SAU",
    "KWT",
    "BHR",
    "QAT",
    "ARE",
    "OMN",
    "YEM",
    "DZA",
    "LBY",
    "SDN",
    "TUN",
    "MAR",
    "SOM",
]
ARAB += ["DJI", "MRT"]
NO_RELATIONS: list[tuple[str, str, int, int]] = [
    ("KOR", "PRK", 1948, 9999),
    ("PRK", "USA", 1948, 9999),
    ("JPN", "PRK", 1948, 9999),
    ("FRA", "PRK", 1948, 9999),
    ("CUB", "USA", 1961, 2014),
    ("IRN", "USA", 1981, 9999),
    ("USA", "VNM", 1976, 1994),
    ("IRQ", "USA", 1991, 2003),
    ("LBY", "USA", 1982, 2003),
    ("CHN", "KOR", 1949, 1991),
    ("KOR", "RUS", 1948, 1989),
    ("KOR", "VNM", 1976, 1991),
    ("CHN", "IDN", 1968, 1989),
    ("CHN", "SGP", 1966, 1989),
    ("CHN", "SAU", 1949, 1989),
    ("CHN", "ISR", 1949, 1991),
    ("ISR", "RUS", 1968, 1990),
    ("IND", "ISR", 1950, 1991),
    ("ISR", "JOR", 1948, 1993),
    *[
        (
            "ISR",
            other,
            1948,
            1993 if other in ("MAR", "TUN", "OMN", "QAT", "MRT") else 9999,
        )
        for other in ARAB
    ],
    *[
        ("ISR", other, 1950, 9999)
        for other in ("PAK", "BGD", "IDN", "MYS", "AFG", "PRK")
    ],
    ("IRN", "ISR", 1980, 9999),
    ("CUB", "ISR", 1974, 9999),
    ("ARG", "GBR", 1982, 1989),
    ("GBR", "LBY", 1985, 1998),
    ("GBR", "SYR", 1987, 1989),
    ("IRN", "SAU", 1989, 1990),
    ("EGY", "IRN", 1980, 9999),
    ("RUS", "SAU", 1939, 1989),
    ("ARM", "TUR", 1992, 9999),
    ("ARM", "AZE", 1992, 9999),
    ("ALB", "USA", 1940, 1990),
    ("ALB", "GBR", 1947, 1990),
    ("ALB", "RUS", 1962, 1989),
    ("DZA", "MAR", 1977, 1987),
]
# Who had relations with Taipei for all or part of these years, great and small (from memory): left out of the class.
WITH_TAIPEI = [
    "KOR", "SAU", "ZAF", "PAN", "CRI", "GTM", "SLV", "HND", "NIC", "DOM", "HTI", "PRY", "URY", "BOL", "LBR",
    "SEN", "GMB", "BFA", "TCD", "MWI", "SWZ", "CAF", "NER", "GNB", "STP", "LSO", "BHS", "BLZ", "GRD", "DMA",
    "KNA", "VCT", "SLB", "TUV", "NRU", "TON", "MHL", "PLW", "MKD", "VUT", "KIR", "PNG",
]  # fmt: skip


def wars(folder: Path) -> set[tuple[str, str, int]]:
    """Dyad-years of opposing sides with hostility 5, war."""
    with (folder / "mid_cow_directed_dyad_year.csv").open(encoding="utf-8") as file:
        rows = [
            row for row in csv.DictReader(file) if FIRST <= int(row["year"]) <= LAST
        ]
    return {
        (*sorted((row["iso3_1"], row["iso3_2"])), int(row["year"]))
        for row in rows
        if row["sidea1"] != row["sidea2"]
        and min(int(row["hostlev1"]), int(row["hostlev2"])) >= 5
    }


def classes(
    folder: Path, rows: Iterator[tuple[str, str, int]]
) -> dict[str, np.ndarray]:
    """(N,) by class: which dyad-years stand in it."""
    at_war = wars(folder)
    apart = {
        (*sorted((a, b)), year)
        for a, b, first, last in NO_RELATIONS
        for year in range(FIRST, LAST + 1)
        if first <= year <= last
    }
    listed = list(rows)
    return {
        "war": np.array([row in at_war for row in listed]),
        "no_diplomatic_relations": np.array([row in apart for row in listed]),
        "not_recognised": np.array(
            [("TWN" in row[:2]) and not {*row[:2]} & {*WITH_TAIPEI} for row in listed]
        ),
    }


def low_confidence(folder: Path) -> tuple[set[tuple[str, str, int]], float]:
    """Dyad-years whose agreement DCAD itself holds at low confidence, and their share of all."""
    with (folder / "dcad_agreements.csv").open(encoding="utf-8") as file:
        rows = [
            row for row in csv.DictReader(file) if FIRST <= int(row["signYear"]) <= LAST
        ]
    low = [row for row in rows if row["categoryConf"] == "low"]
    found = {
        (*sorted((row["iso3_1"], row["iso3_2"])), int(row["signYear"])) for row in low
    }
    return found, len(low) / len(rows)


def main(folder: Path) -> None:
    history = load_history(folder, FIRST, LAST)
    record = choices(history, fitted_terms(history)[0])
    kinds = [
        kind
        for kind, n in zip(record.kinds, record.signed.sum(axis=0), strict=True)
        if n > 0
    ]
    record = record.with_kinds(kinds)
    iso = np.array(record.states)
    named = [
        (*sorted((str(a), str(b))), int(year))
        for a, b, year in zip(iso[record.a], iso[record.b], record.year, strict=True)
    ]
    of = classes(folder, iter(named))
    inside = np.any(list(of.values()), axis=0)
    found = fit(record.take(~inside), levels=True)
    design = ConsentDesign(record, True, tuple(found.level), np.ones(len(record.names)))
    shrunk = np.where(np.isin(iso, ("TWN", "PRK")), 0.0, found.propensity)
    at = np.concatenate([found.estimate, shrunk, list(found.level.values())])
    rate = np.exp(design.log_rate(at)[0]).sum(axis=1)
    signed = record.signed.sum(axis=1)
    doubtful, share = low_confidence(folder)
    trusted = np.where([name in doubtful for name in named], 0.0, signed)
    print(
        f"{(~inside).sum():,} dyad-years outside: signed {signed[~inside].sum():.0f}, "
        f"expected {rate[~inside].sum():.1f}; {share:.1%} of all agreements are of low confidence"
    )
    for name, rows in of.items():
        for what, count, expect in (
            ("all", signed[rows].sum(), rate[rows].sum()),
            (
                "without those that DCAD holds at low confidence",
                trusted[rows].sum(),
                rate[rows].sum() * (1 - share),
            ),
        ):
            low, high = gamma.ppf([0.025, 0.975], count + 0.5) / expect
            print(
                f"{name}, {what}: {rows.sum():,} dyad-years, signed {count:.0f}, expected {expect:.2f}, "
                f"factor {(count + 0.5) / expect:.3f} ({low:.4f} to {high:.3f})"
            )
        for k in np.flatnonzero(rows & (signed > 0)):
            print("   ", *named[k])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
