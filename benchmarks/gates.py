"""The gates of a believable world, from `check --json` and coded facts.

    balance-sim check SCENARIO --json > check.json
    python benchmarks/gates.py check.json DYADS.csv [THREATS.csv]

DYADS: columns a, b, expect (`implausible` or `close`). Implausible dyads must have less than 0.01 expected new security
agreements a year, close ones must stand in the top tenth of all dyads. THREATS: columns observer, adversary, also
(further codes with `;` between them); in nine of ten the state that an observer fears most must be among those coded,
and nobody's is an ally with a pact in force. Rows of states outside the roster are left out and counted. Exit code 1
where a gate is missed.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

LEAST, TENTH, OBSERVERS, PACT = 0.01, 0.1, 0.9, 1.0


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def dyads(world: dict[str, Any], coded: list[dict[str, str]]) -> bool:
    rate = {(row["a"], row["b"]): row["security"] for row in world["dyads"]}
    ranked = sorted(rate, key=lambda dyad: (-rate[dyad], dyad))
    place = {dyad: number for number, dyad in enumerate(ranked, 1)}
    last = int(len(ranked) * TENTH)
    good, missing = True, 0
    for row in coded:
        dyad = (min(row["a"], row["b"]), max(row["a"], row["b"]))
        if dyad not in rate:
            missing += 1
            continue
        close = row["expect"] == "close"
        holds = place[dyad] <= last if close else rate[dyad] < LEAST
        good &= holds
        said = f"place {place[dyad]} of {len(ranked)}" if close else "below 0.01"
        print(
            f"{'ok  ' if holds else 'MISS'} {'-'.join(dyad):<8} {row['expect']:<12}{rate[dyad]:8.4f} a year, {said}"
        )
    print(f"{missing} rows of states outside the roster")
    return good


def threats(world: dict[str, Any], coded: list[dict[str, str]]) -> bool:
    most = {
        row["id"]: row["adversaries"][0]
        for row in world["states"]
        if row["adversaries"]
    }
    known = [row for row in coded if row["observer"] in most]
    right = 0
    for row in known:
        found = most[row["observer"]]
        wanted = [row["adversary"], *row["also"].split(";")]
        holds = found["id"] in wanted
        right += holds
        said = f"{row['observer']} fears {found['id']} most ({found['share']:.3f}), coded {' '.join(wanted)}"
        print(f"{'ok  ' if holds else 'MISS'} {said}")
    print(f"{right} of {len(known)} observers")
    allies = [
        (who, found["id"])
        for who, found in sorted(most.items())
        if found["depth"] >= PACT and found["share"] > 0
    ]
    for who, ally in allies:
        print(f"MISS {who} fears its ally {ally} most")
    return right >= OBSERVERS * len(known) and not allies


def main(argv: list[str]) -> int:
    world = json.loads(Path(argv[0]).read_text(encoding="utf-8"))["world"]
    good = dyads(world, rows_of(argv[1]))
    if len(argv) > 2:
        good &= threats(world, rows_of(argv[2]))
    return 0 if good else 1


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
