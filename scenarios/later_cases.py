"""Build the tables of AUKUS 2021 and Ukraine 2022 from their rows of the table of cases and the public series.

    python scenarios/later_cases.py DIR

The rules are those of `balance-sim evidence case` (docs/cases.md). Two things are done beside it:

ukraine_2022  reads the tables of nolimits_2022. Its own have what those lack: seven states more, from the same series.
aukus_2021    later_accords.csv has the agreements of Beijing 2025 that were signed from 2004, when the series of
              defence cooperation agreements ends, to the day before the signal. Those that ATOP has are left out.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import sys
from datetime import date
from pathlib import Path

from balance_sim.evidence.cases.scenario import build_case
from balance_sim.evidence.cases.tables import case_named

HERE = Path(__file__).resolve().parent
CASES = HERE.parent / "experiments" / "cases.csv"
FIRST, LAST = "2004-01-01", "2021-09-14"
SAME_TREATY_DAYS = (
    31  # an agreement of two states that ATOP dates within so many days is the same one
)
IN_ATOP = (
    "Shanghai Cooperation Organisation"  # ATOP has it from its protocol of accession
)

Row = dict[str, str]


def rows_of(text: str) -> list[Row]:
    """The rows of a table."""
    return list(csv.DictReader(io.StringIO(text)))


def write(path: Path, rows: list[Row]) -> None:
    """Write a table with the columns of its first row."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    print(path.relative_to(HERE), len(rows))


def seal(name: str) -> None:
    """Write the sha256 of each table into the scenario that names it."""
    path = HERE / f"{name}.yaml"
    text = path.read_text(encoding="utf-8")
    for table in set(re.findall(r"table: (\S+\.csv)", text)):
        digest = hashlib.sha256((HERE / table).read_bytes()).hexdigest()
        text = re.sub(
            rf'(table: {re.escape(table)}, sha256: ")\w*"', rf'\g<1>{digest}"', text
        )
    path.write_text(text, encoding="utf-8")


def tables_of(case_id: str, name: str, data: Path) -> dict[str, list[Row]]:
    """The tables of a case, by the name of their file."""
    files, _ = build_case(case_named(CASES, case_id), data, name)
    return {
        Path(path).name: rows_of(text)
        for path, text in files.items()
        if path.endswith(".csv")
    }


def beside_no_limits(tables: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """The rows that the tables of `nolimits_2022` lack. A state that is there stays as it is there."""
    left = {}
    for name, rows in tables.items():
        there = rows_of((HERE / "nolimits_2022" / name).read_text(encoding="utf-8"))
        states = {row["id"] for row in there} if name == "states.csv" else set()
        left[name] = [
            row for row in rows if row not in there and row.get("id") not in states
        ]
    return left


def later_accords(roster: set[str], known: list[Row]) -> list[Row]:
    """Agreements of Beijing 2025 that were signed since 2004 and before AUKUS, as they stood then."""
    path = HERE / "beijing_2025" / "accords.csv"
    found = []
    for row in rows_of(path.read_text(encoding="utf-8")):
        is_due = FIRST <= row["signed"] <= LAST and {row["a"], row["b"]} <= roster
        if not is_due or IN_ATOP in row["name"] or is_known(row, known):
            continue
        columns = "id a b kind name status signed in_force precision multilateral source confidence"
        kept = {column: row[column] for column in columns.split()}
        if kept["in_force"] > LAST:
            kept |= {"in_force": "", "status": "signed_not_in_force"}
        found.append(kept)
    return found


def is_known(row: Row, known: list[Row]) -> bool:
    """Whether the series have the agreement of two states already."""
    day = date.fromisoformat(row["signed"])
    return any(
        (row["a"], row["b"]) == (other["a"], other["b"])
        and other["multilateral"] == "false"
        and abs((date.fromisoformat(other["signed"]) - day).days) <= SAME_TREATY_DAYS
        for other in known
    )


def main(data: Path) -> None:
    """Write the tables of both scenarios."""
    ukraine = beside_no_limits(tables_of("UKRAINE2022", "ukraine_2022", data))
    aukus = tables_of("AUKUS2021", "aukus_2021", data)
    roster = {row["id"] for row in aukus["states.csv"]}
    aukus["later_accords.csv"] = later_accords(roster, aukus["accords.csv"])
    for name, tables in (("ukraine_2022", ukraine), ("aukus_2021", aukus)):
        for table, rows in tables.items():
            write(HERE / name / table, rows)
        seal(name)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python scenarios/later_cases.py DIR  (DIR: public series)")
    main(Path(sys.argv[1]))
