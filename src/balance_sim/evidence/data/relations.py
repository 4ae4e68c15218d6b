"""Rows of a case's no_relations: wars from the series of disputes, and the shipped table for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd

from balance_sim.evidence.cases.cases_data import Actor, Series
from balance_sim.evidence.cases.cases_pairs import wars_under_way
from balance_sim.evidence.cases.cases_states import Row
from balance_sim.evidence.data.codes import known_relations

RELATION_COLUMNS = ("a", "b", "from", "until", "kind", "source")
MID = "COW MID 5 (Palmer et al. 2022); since the dispute began that became the war"


def relation_rows(series: Series, actors: Sequence[Actor], on: date) -> list[Row]:
    """Rows of a case's no_relations: wars of COW MID 5 under way the day before, and the table for the rest."""
    wars = wars_under_way(series, actors, on)
    rows = [
        {"a": a, "b": b, "from": str(since), "kind": "war", "source": MID} for (a, b), since in wars.items()
    ]
    start = (pd.Timestamp(on) - pd.Timedelta(days=1)).date()
    known = known_relations([one.code for one in actors], start)
    rows += [row for row in known if row["kind"] != "war" or (row["a"], row["b"]) not in wars]
    return sorted(rows, key=lambda row: (row["a"], row["b"], row["kind"]))
