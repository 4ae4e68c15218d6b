"""Dated ties between actors, matrices of ties or of values, and when actors are there: the generic format.

Rows may stand in any order. A blank date is the beginning of time. Several rows of one pair and date: increments
add up; values have to agree, and count once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.labels import ACTOR, SIDES, WHEN, System, labels, moments, names_of
from balance_sim.evidence.data.table import MISSING_TEXT, Read, ReadReport, Table, open_table
from balance_sim.evidence.data.text import records, text_of
from balance_sim.evidence.data.twice import Twice, again, settled

SHORT = pd.Timedelta(seconds=1)
"""An actor that leaves at a moment was there until this long before it."""


def read_ties(path: Path | str, system: System | None = None, conflicts: Twice = "refuse") -> Read:
    """Dated changes of an undirected tie. Frame: a, b (a < b), date, increment or value (the other missing),
    line. system: the codes to name actors by, if the file's are others. conflicts: see `readers.twice`.

    A row adds `increment` to the tie's weight or sets it to `value` (`replace` is another name for it); with
    neither column each row adds 1. A square matrix with the same labels on both sides is read too: undated
    values, 0 and blank meaning no tie. Raises DataError."""
    if is_matrix(path):
        read = read_matrix(path)
        return Read(read.frame[read.frame["value"] != 0].reset_index(drop=True), read.report)
    names = {
        "a": names_of(SIDES[0], system),
        "b": names_of(SIDES[1], system),
        **WHEN,
        "increment": ("increment",),
        "value": ("value", "replace"),
    }
    table = open_table(path, "ties", names, ("a", "b"))
    read_rows = len(table.text)
    frame = pair_frame(table, system)
    index = table.text.index
    missing = pd.Series(float("nan"), index=index)
    if table.has("value"):
        switch = table.text["value"].str.strip().str.lower().isin(["true", "false", "t", "f"]).any()
        frame["value"] = table.flag("value").astype(float) if switch else table.number("value")
    else:
        frame["value"] = missing
    none = 1.0 if not table.has("value") else float("nan")
    frame["increment"] = table.number("increment") if table.has("increment") else none
    both = frame["value"].notna() == frame["increment"].notna()
    if both.any():
        column = "increment" if table.has("increment") else "value"
        raise table.fault(
            column, both, "a tie needs either an increment or a value", "Fill in one of the two"
        )
    notes = _mirrored(frame, path)
    frame = frame.drop(columns="swapped")
    said = again(frame, ["value"])
    table.drop(said, "the same value of the same pair and date again")
    frame, settling = settled(frame[~said], ["value"], conflicts, Path(path))
    notes += settling
    frame = frame.assign(line=table.lines(list(frame.index)))
    frame = frame.sort_values("date", na_position="first", kind="stable").reset_index(drop=True)
    return Read(frame, table.report(read_rows, frame, span(frame), *notes))


def read_actors(path: Path | str, system: System | None = None) -> Read:
    """A list of actors, each as often as the file likes. Frame: actor."""
    table = open_table(path, "actors", {"actor": names_of(ACTOR, system)}, ("actor",))
    read = len(table.text)
    never = pd.Series(pd.NaT, index=table.text.index, dtype="datetime64[s]")
    actor = labels(table, "actor", never, system)
    table.drop(actor == "", "no actor")
    frame = pd.DataFrame({"actor": actor[actor != ""]}).drop_duplicates().reset_index(drop=True)
    return Read(frame, table.report(read, frame, None))


def read_presence(path: Path | str, system: System | None = None, conflicts: Twice = "refuse") -> Read:
    """When actors are there. Frame: actor, start, end (moments, both count; missing is open); spells may repeat.

    Either spells (start, end: both days count), or changes (date, and `present`, `value` or `replace` saying
    yes or no; the day of a change already counts as after it; undated: from the beginning of time). Before its
    first dated change an actor is what it is not after it. conflicts: see `readers.twice`. Raises DataError."""
    names = {
        "actor": names_of(ACTOR, system),
        "start": ("start",),
        "end": ("end",),
        **WHEN,
        "present": ("present", "replace", "value"),
    }
    table = open_table(path, "presence", names, ("actor",))
    read = len(table.text)
    if not table.has("present"):
        open_table(path, "presence", names, ("actor", "start", "end"))
        return _spells(table, read, system)
    when = moments(table)
    frame = pd.DataFrame(
        {"actor": labels(table, "actor", when, system), "date": when, "present": table.flag("present")}
    )
    nobody = frame["actor"] == ""
    table.drop(nobody, "no actor")
    frame = frame[~nobody]
    said = again(frame, ["present"])
    table.drop(said, "the same value of the same actor and date again")
    frame, notes = settled(frame[~said], ["present"], conflicts, table.path)
    return Read(frame.assign(_row=frame.index), table.report(read, frame, span(frame), *notes))


def spells_of(changes: pd.DataFrame) -> pd.DataFrame:
    """Spells (actor, start, end) from changes (actor, date, present), in any order."""
    rows: list[tuple[str, object, object]] = []
    never = pd.Timestamp("0001-01-01").as_unit("s")
    ordered = changes.sort_values(["actor", "date"], na_position="first", kind="stable")
    for actor, own in ordered.groupby("actor", sort=True):
        dates, now = list(own["date"]), list(own["present"])
        if not pd.isna(dates[0]):
            dates, now = [pd.NaT, *dates], [not now[0], *now]
        ends = [*dates[1:], pd.NaT]
        kept = [
            (str(actor), start, end - SHORT if not pd.isna(end) else pd.NaT)
            for start, end, there in zip(dates, ends, now, strict=True)
            if there
        ]
        rows += kept or [(str(actor), never, never)]
    frame = pd.DataFrame(rows, columns=["actor", "start", "end"])
    return frame.astype({"start": "datetime64[s]", "end": "datetime64[s]"})


def _spells(table: Table, read: int, system: System | None) -> Read:
    start, end = table.dates("start")[0], table.dates("end", end=True)[0]
    frame = pd.DataFrame({"actor": labels(table, "actor", start, system), "start": start, "end": end})
    backwards = frame["start"] > frame["end"]
    if backwards.any():
        raise table.fault("end", backwards, "the end lies before the start", "Correct one of the two")
    nobody = frame["actor"] == ""
    table.drop(nobody, "no actor")
    frame = frame[~nobody].sort_values(["actor", "start"], na_position="first", kind="stable")
    frame = frame.reset_index(drop=True)
    return Read(frame, table.report(read, frame, None))


def pair_frame(table: Table, system: System | None, *, directed: bool = False) -> pd.DataFrame:
    """a, b (in order unless directed), date and `swapped`, of the rows that name two actors; others are
    dropped."""
    when = moments(table)
    a, b = labels(table, "a", when, system), labels(table, "b", when, system)
    raw = (table.text["a"].str.strip() == "") | (table.text["b"].str.strip() == "")
    table.drop(raw, "no actor")
    lost = ((a == "") | (b == "")) & ~raw
    table.drop(lost[table.text.index], "one side is no member of the state system on that date")
    same = (a == b) & (a != "")
    table.drop(same[table.text.index], "both sides are the same actor")
    kept = table.text.index
    a, b, when = a[kept], b[kept], when[kept]
    swap = (a > b) & (not directed)
    return pd.DataFrame({"a": a.where(~swap, b), "b": b.where(~swap, a), "date": when, "swapped": swap})


def is_matrix(path: Path | str) -> bool:
    """True if the file is a square table with the same labels on its first line and in its first column."""
    try:
        with text_of(Path(path)) as handle:
            reader = (row for row in records(handle) if row)
            head, first = next(reader, []), next(reader, [])
            if not first or first[0].strip() not in [cell.strip() for cell in head[:2]]:
                return False
            down = [first[0].strip(), *(row[0].strip() for row in reader)]
    except OSError:
        return False
    across = [cell.strip() for cell in head]
    return len(down) > 1 and down in (across, across[1:])


def read_matrix(path: Path | str) -> Read:
    """A symmetric matrix of ties or values. Frame: a, b (a < b), date (missing), value, increment (missing), line.

    Blank cells are left out. The diagonal is not looked at. Raises DataError where both halves disagree."""
    path = Path(path)
    with text_of(path) as handle:
        rows = [row for row in records(handle) if row]
    names = [row[0].strip() for row in rows[1:]]
    if len(set(names)) < len(names) or "" in names:
        raise DataError("a label of the matrix is blank or given twice", "Give each actor its own", path, 1)
    cells = np.full((len(names), len(names)), np.nan)
    for i, row in enumerate(rows[1:]):
        for j, cell in enumerate(row[1:]):
            text = cell.strip()
            if text in MISSING_TEXT or i == j:
                continue
            try:
                cells[i, j] = float({"true": "1", "false": "0"}.get(text.lower(), text))
            except ValueError:
                cells[i, j] = np.inf
            if not np.isfinite(cells[i, j]):
                raise DataError(
                    "this is not a number",
                    "Write a number, or leave the cell blank",
                    path,
                    i + 2,
                    names[j],
                    cell,
                )
    differ = np.argwhere((cells != cells.T) & ~(np.isnan(cells) & np.isnan(cells.T)))
    if len(differ):
        k, m = map(int, differ[0])
        raise DataError(
            "the two halves of the matrix differ: ties have no direction here",
            "Give the same value on both sides",
            path,
            k + 2,
            names[m],
            f"{cells[k, m]:g} against {cells[m, k]:g}",
        )
    across, down = np.nonzero(np.triu(~np.isnan(cells), 1))
    label = np.array(names, dtype=object)
    first, second = label[across], label[down]
    swap = first > second
    frame = pd.DataFrame(
        {
            "a": np.where(swap, second, first),
            "b": np.where(swap, first, second),
            "date": pd.Series(pd.NaT, index=range(len(across)), dtype="datetime64[s]"),
            "value": cells[across, down],
            "increment": np.nan,
            "line": across + 2,
        }
    )
    report = ReadReport(
        "matrix", str(path), len(names), len(frame), None, None, notes=(f"{len(names)} actors",)
    )
    return Read(frame, report)


def _mirrored(frame: pd.DataFrame, path: Path | str) -> list[str]:
    """Note pairs that stand in both orders on one date; refuse a file in which all of them do."""
    added = frame[frame["increment"].notna()]
    orders = added.groupby(["a", "b", "date"], dropna=False)["swapped"].nunique()
    both = int((orders > 1).sum())
    if both and both == len(orders):
        raise DataError(
            "every tie stands in both directions, and would count twice",
            "Keep one row a tie, or give `value` instead of `increment`",
            path=Path(path),
        )
    return [f"{both} pairs stand in both orders on one date, and count twice"] if both else []


def span(frame: pd.DataFrame) -> tuple[int, int] | None:
    """First and last year of the dates; None without any."""
    years = frame["date"].dt.year.dropna()
    return (int(years.min()), int(years.max())) if len(years) else None
