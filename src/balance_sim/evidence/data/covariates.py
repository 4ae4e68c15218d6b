"""The generic tidy format for anything else: values of states and of pairs by year or date. Ties: `ties`.

Actors are named by labels of their own or by COW, ISO alpha-3 or Gleditsch-Ward codes (`labels`); the frames carry
the label as text in `actor`, or `a` and `b`. A value holds from its date until the next one of the same actor or
pair; a blank is missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from balance_sim.evidence.data.labels import ACTOR, SIDES, WHEN, System, labels, moments, names_of
from balance_sim.evidence.data.table import Read, open_table
from balance_sim.evidence.data.ties import pair_frame, read_presence, read_ties, span
from balance_sim.evidence.data.twice import Twice, again, settled


def read_state_covariates(
    path: Path | str, columns: Sequence[str], system: System | None = None, conflicts: Twice = "refuse"
) -> Read:
    """State-years or dated values. Frame: actor, date, _row (its number in the file), and a float column for each
    of `columns`.

    A year stands for its 1 January; a blank date for the beginning of time. system: the codes to name actors
    by, if the file's are others. conflicts: see `readers.twice`. Raises DataError."""
    names = {"actor": names_of(ACTOR, system), **WHEN, **{column: (column,) for column in columns}}
    table = open_table(path, "state covariates", names, ("actor", *columns))
    read = len(table.text)
    table.drop(table.text["actor"].str.strip() == "", "no actor")
    when = moments(table)
    actor = labels(table, "actor", when, system)
    table.drop(actor == "", "no member of the state system on that date")
    frame = pd.DataFrame({"actor": actor[actor != ""], "date": when[actor != ""]})
    for column in columns:
        frame[column] = table.number(column)
    said = again(frame, columns)
    table.drop(said, "the same value of the same actor and date again")
    frame, notes = settled(frame[~said], columns, conflicts, table.path)
    frame = frame.assign(_row=frame.index)
    frame = frame.sort_values(["actor", "date"], na_position="first", kind="stable").reset_index(drop=True)
    return Read(frame, table.report(read, frame, span(frame), *_blanks(frame, columns), *notes))


def read_pair_covariates(
    path: Path | str,
    columns: Sequence[str],
    *,
    directed: bool = False,
    system: System | None = None,
    conflicts: Twice = "refuse",
) -> Read:
    """Pair-years or dated values. Frame: a, b, date, _row, and a float column for each of `columns`.

    Undirected pairs are put in order (a < b as text). A pair given twice with the same values counts once; with
    other values it is an error, or see `conflicts` in `readers.twice`. Raises DataError."""
    names = {
        "a": names_of(SIDES[0], system),
        "b": names_of(SIDES[1], system),
        **WHEN,
        **{column: (column,) for column in columns},
    }
    table = open_table(path, "pair covariates", names, ("a", "b", *columns))
    read = len(table.text)
    frame = pair_frame(table, system, directed=directed)
    for column in columns:
        frame[column] = table.number(column)
    said = again(frame, columns)
    table.drop(said, "the same pair and date again, with the same values")
    frame, notes = settled(frame[~said].drop(columns="swapped"), columns, conflicts, table.path)
    frame = frame.assign(_row=frame.index)
    keys = ["a", "b", "date"]
    frame = frame.sort_values(keys, na_position="first", kind="stable").reset_index(drop=True)
    return Read(frame, table.report(read, frame, span(frame), *_blanks(frame, columns), *notes))


def _blanks(frame: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    counts = {column: int(frame[column].isna().sum()) for column in columns}
    return [f"{column} is missing in {count} rows" for column, count in counts.items() if count]


__all__ = ["read_pair_covariates", "read_presence", "read_state_covariates", "read_ties"]
