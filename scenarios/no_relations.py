"""Writes `no_relations.csv` of Beijing 2025 from the facts in `relations.csv` of the package, for its whole roster.

    python scenarios/no_relations.py

Scenarios of cases have theirs from `balance-sim evidence case NAME CASE_ID`, by the same function, and wars from COW MID.
"""

from __future__ import annotations

import csv
import hashlib
import re
from datetime import date
from pathlib import Path

from balance_sim.evidence.data.codes import known_relations

HERE = Path(__file__).parent
NAME, START = "beijing_2025", date(2025, 9, 1)


def main() -> None:
    with (HERE / NAME / "states.csv").open(encoding="utf-8") as file:
        roster = [row["id"] for row in csv.DictReader(file)]
    rows = known_relations(roster, START)
    path = HERE / NAME / "no_relations.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file,
            ("a", "b", "from", "until", "kind", "source"),
            restval="",
            lineterminator="\n",
        )
        writer.writeheader()
        writer.writerows(rows)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    scenario = HERE / f"{NAME}.yaml"
    entry = rf'\g<1>{digest}"'
    text = re.sub(
        rf'(table: {NAME}/no_relations.csv, sha256: ")\w*"',
        entry,
        scenario.read_text(encoding="utf-8"),
    )
    scenario.write_text(text, encoding="utf-8")
    print(NAME, len(rows))


if __name__ == "__main__":
    main()
