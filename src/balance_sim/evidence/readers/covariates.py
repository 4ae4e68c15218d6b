"""The generic tidy format for anything else: values of states and of pairs by year or date, and dated ties.

Actors are named by `id` (any label), `cow` or `iso3`, the first that the file has; the frames carry the label
as text in `actor`, or `a` and `b`. A value holds from its date until the next one of the same actor or pair;
a blank is missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from balance_sim.evidence.readers.table import Read, Table, open_table

_ACTOR = ("id", "actor", "node", "label", "state", "cow", "ccode", "iso3")
_SIDE_A = ("a", "sender", "cow_a", "ccode1", "iso3_a", "iso3_1")
_SIDE_B = ("b", "receiver", "cow_b", "ccode2", "iso3_b", "iso3_2")
_WHEN = {"date": ("date", "time"), "year": ("year",)}


def read_state_covariates(path: Path | str, columns: Sequence[str]) -> Read:
    """State-years or dated values. Frame: actor, date, and a float column for each of `columns`.

    A year stands for its 1 January; a blank date for the beginning of time."""
    names = {"actor": _ACTOR, **_WHEN, **{column: (column,) for column in columns}}
    table = open_table(path, "state covariates", names, ("actor", *columns))
    read = len(table.text)
    table.drop(table.text["actor"].str.strip() == "", "no actor")
    frame = pd.DataFrame({"actor": table.text["actor"].str.strip(), "date": _dates(table)})
    for column in columns:
        frame[column] = table.number(column)
    _refuse_twice(table, frame, ["actor", "date"], "actor")
    frame = frame.sort_values(["actor", "date"], na_position="first", kind="stable").reset_index(drop=True)
    return Read(frame, table.report(read, frame, _span(frame)))


def read_pair_covariates(path: Path | str, columns: Sequence[str], *, directed: bool = False) -> Read:
    """Pair-years or dated values. Frame: a, b, date, and a float column for each of `columns`.

    Undirected pairs are put in order (a < b as text); giving both directions of one is an error."""
    names = {"a": _SIDE_A, "b": _SIDE_B, **_WHEN, **{column: (column,) for column in columns}}
    table = open_table(path, "pair covariates", names, ("a", "b", *columns))
    read = len(table.text)
    frame = _pair_frame(table, directed=directed)
    for column in columns:
        frame[column] = table.number(column)
    _refuse_twice(table, frame, ["a", "b", "date"], "a")
    keys = ["a", "b", "date"]
    frame = frame.sort_values(keys, na_position="first", kind="stable").reset_index(drop=True)
    return Read(frame, table.report(read, frame, _span(frame)))


def read_ties(path: Path | str) -> Read:
    """Dated changes of an undirected tie. Frame: a, b (a < b), date, increment or value (the other missing).

    A row adds `increment` to the tie's weight or sets it to `value` (`replace` is another name for it); with
    neither column each row adds 1."""
    names = {"a": _SIDE_A, "b": _SIDE_B, **_WHEN, "increment": ("increment",), "value": ("value", "replace")}
    table = open_table(path, "ties", names, ("a", "b"))
    read = len(table.text)
    frame = _pair_frame(table, directed=False)
    index = table.text.index
    missing = pd.Series(float("nan"), index=index)
    frame["value"] = table.number("value") if table.has("value") else missing
    none = 1.0 if not table.has("value") else float("nan")
    frame["increment"] = table.number("increment") if table.has("increment") else none
    both = frame["value"].notna() == frame["increment"].notna()
    if both.any():
        column = "increment" if table.has("increment") else "value"
        raise table.fault(
            column, both, "a tie needs either an increment or a value", "Fill in one of the two"
        )
    frame = frame.sort_values("date", na_position="first", kind="stable").reset_index(drop=True)
    return Read(frame, table.report(read, frame, _span(frame)))


def read_presence(path: Path | str) -> Read:
    """When actors are there: actor, start, end (dates, both days count; blank is open). Spells may repeat."""
    names = {"actor": _ACTOR, "start": ("start",), "end": ("end",)}
    table = open_table(path, "presence", names, ("actor", "start", "end"))
    read = len(table.text)
    frame = pd.DataFrame(
        {
            "actor": table.text["actor"].str.strip(),
            "start": table.dates("start")[0],
            "end": table.dates("end", end=True)[0],
        }
    )
    backwards = frame["start"] > frame["end"]
    if backwards.any():
        raise table.fault("end", backwards, "the end lies before the start", "Correct one of the two")
    frame = frame.sort_values(["actor", "start"], na_position="first", kind="stable").reset_index(drop=True)
    return Read(frame, table.report(read, frame, None))


def _pair_frame(table: Table, *, directed: bool) -> pd.DataFrame:
    a, b = table.text["a"].str.strip(), table.text["b"].str.strip()
    table.drop((a == "") | (b == ""), "no actor")
    table.drop((a == b)[table.text.index], "both sides are the same actor")
    a, b = a[table.text.index], b[table.text.index]
    swap = (a > b) & (not directed)
    return pd.DataFrame({"a": a.where(~swap, b), "b": b.where(~swap, a), "date": _dates(table)})


def _dates(table: Table) -> pd.Series:
    if table.has("date"):
        return table.dates("date")[0]
    if table.has("year"):
        years = table.year("year")
        return pd.to_datetime(years.astype("string") + "-01-01").astype("datetime64[s]")
    return pd.Series(pd.NaT, index=table.text.index, dtype="datetime64[s]")


def _refuse_twice(table: Table, frame: pd.DataFrame, keys: list[str], column: str) -> None:
    twice = frame.duplicated(keys)
    if twice.any():
        raise table.fault(column, twice, f"two rows have the same {', '.join(keys)}", "Keep one of them")


def _span(frame: pd.DataFrame) -> tuple[int, int] | None:
    years = frame["date"].dt.year.dropna()
    return (int(years.min()), int(years.max())) if len(years) else None
