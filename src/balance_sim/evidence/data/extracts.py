"""The extracts of public series that ship (`record/SOURCES.md`), as a folder of data
that `balance-sim evidence fit` and `hindcast` read.

Agreements are ATOP's treaties between two states, so that these are no alliances there:
treaties of three states and more remain alliances. No treaty is both a cause and an
outcome."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd

from balance_sim.evidence.data.series import SOURCES

EXTRACTS = Path(__file__).parents[1] / "record"
ALLIANCES = "cow_alliance_spells.csv"
"""Not part of the folder: it holds treaties that ATOP has."""
MEMBERS, AGREEMENTS = "atop_members.csv", "accords.csv"
TREATY = ["alliance_id", "cow_a", "cow_b"]
COLUMNS = ["id", "cow_a", "cow_b", "kind", "stage", "date"]


def record_files() -> dict[str, str]:
    """Texts of the folder's files, by name: every series, and `accords.csv` in the
    generic format."""
    files = {
        path.stem: gzip.decompress(path.read_bytes()).decode()
        for path in sorted(EXTRACTS.glob("*.csv.gz"))
        if path.stem != ALLIANCES
    }
    spells = SOURCES["atop"].of(EXTRACTS).frame
    sides = spells.melt(["alliance_id"], ["cow_a", "cow_b"])
    members = sides.groupby("alliance_id")["value"].nunique()
    bilateral = spells[spells["alliance_id"].map(members) == 2]
    treaties = {*bilateral["alliance_id"]}
    head, *rows = files[MEMBERS].splitlines(keepends=True)
    alliances = [row for row in rows if row.partition(",")[0] not in treaties]
    agreements = _stages(bilateral).to_csv(index=False, lineterminator="\n")
    return files | {MEMBERS: "".join([head, *alliances]), AGREEMENTS: agreements}


def _stages(spells: pd.DataFrame) -> pd.DataFrame:
    """Rows of the generic format: when each treaty was signed, and when its last phase
    ended. It stays of the type that it was signed as."""
    phases = spells.sort_values("start", kind="stable").groupby(TREATY, sort=False)
    treaties = phases.agg(signed=("start", "first"), kind=("kind", "first"))
    treaties["ended"] = phases.tail(1).set_index(TREATY)["end"]
    stages = treaties.reset_index().melt(
        [*TREATY, "kind"], ["signed", "ended"], "stage", "date"
    )
    stages = stages.rename(columns={"alliance_id": "id"}).dropna(subset=["date"])
    return stages.sort_values(["date", "id", "stage"], kind="stable")[COLUMNS]
