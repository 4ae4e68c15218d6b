"""The generic formats: dated ties, matrices, values of actors and of dyads, and when actors are there.

Actors are named as `codes` says; the frames carry the label as text in `actor`, or `a` and `b`. Rows may stand in any
order. A blank date is the beginning of time, a year its 1 January. A value holds from its date until the next one of
the same actor or dyad; a blank is missing.

Rows that set one actor, or one dyad, twice at one moment and say the same count once. Where they differ, `refuse` names
every such row with the line it contradicts, and `last` lets the last one in file order hold. Rows that add to a tie do
not set it: they add up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from balance_sim.evidence.data.codes import ACTOR, SIDES, WHEN, ActorSystem, labels, moments, names_of
from balance_sim.evidence.data.errors import DataError, DataErrors
from balance_sim.evidence.data.table import MISSING_TEXT, Read, ReadReport, Table, Years, open_table, years_of
from balance_sim.evidence.data.text import lines_of, rows_of, text_of

Conflicts = Literal["refuse", "last"]
"""What to do with rows that contradict each other: an error, or the last one holds and a note counts the others."""
Twice = Literal["refuse", "last", "keep"]
"""The same for a reader; `keep`: leave them to whoever reads several files of one thing."""
SHORT = pd.Timedelta(seconds=1)
"""An actor that leaves at a moment was there until this long before it."""
NO_ACTOR, ACTOR_AGAIN = "no actor", "the same value of the same actor and date again"
TIE_AGAIN = "the same value of the same dyad and date again"


def read_ties(path: Path | str, system: ActorSystem | None = None, conflicts: Twice = "refuse") -> Read:
    """Dated changes of an undirected tie. Frame: a, b (a < b), date, increment or value (the other missing),
    line. system: the codes to name actors by, if the file's are others.

    A row adds `increment` to the tie's weight or sets it to `value` (`replace` is another name for it); with
    neither column each row adds 1. A square matrix with the same labels on both sides is read too: undated
    values, 0 and blank meaning no tie. Raises DataError."""
    if is_matrix(path):
        read = read_matrix(path)
        return Read(read.frame[read.frame["value"] != 0].reset_index(drop=True), read.report)
    names = {"increment": ("increment",), "value": ("value", "replace")}
    table = open_table(path, "ties", {**_dyad_names(system), **names}, ("a", "b"))
    frame = _dyad_frame(table, system)
    sets, adds = table.has("value"), table.has("increment")
    if sets and table.words("value").str.lower().isin(["true", "false", "t", "f"]).any():
        frame["value"] = table.flag("value").astype(float)
    else:
        frame["value"] = table.number("value") if sets else table.same(np.nan)
    frame["increment"] = table.number("increment") if adds else np.nan if sets else 1.0
    both = frame["value"].notna() == frame["increment"].notna()
    why = "a tie needs either an increment or a value"
    table.refuse("increment" if adds else "value", both, why, "Fill in one of the two")
    mirrored = _mirrored(frame, table)
    frame, notes = _settled(table, frame.drop(columns="swapped"), "value", conflicts, TIE_AGAIN)
    frame = frame.assign(line=table.lines(list(frame.index)))
    frame = frame.sort_values("date", na_position="first", kind="stable").reset_index(drop=True)
    return table.read(frame, span(frame), *mirrored, *notes)


def read_actors(path: Path | str, system: ActorSystem | None = None) -> Read:
    """A list of actors, each as often as the file likes. Frame: actor."""
    table = open_table(path, "actors", {"actor": names_of(ACTOR, system)}, ("actor",))
    actor = labels(table, "actor", table.same(pd.NaT, "datetime64[s]"), system)
    table.drop(actor == "", NO_ACTOR)
    return table.read(table.kept(actor=actor).drop_duplicates().reset_index(drop=True), None)


def read_presence(path: Path | str, system: ActorSystem | None = None, conflicts: Twice = "refuse") -> Read:
    """When actors are there. Frame: actor, start, end (moments, both count; missing is open); spells may repeat.

    Either spells (start, end: both days count), or changes (date, and `present`, `value` or `replace` saying
    yes or no; the day of a change already counts as after it; undated: from the beginning of time). Before its
    first dated change an actor is what it is not after it. Raises DataError."""
    names = {"start": ("start",), "end": ("end",), **WHEN, "present": ("present", "replace", "value")}
    table = open_table(path, "presence", {"actor": names_of(ACTOR, system), **names}, ("actor",))
    if not table.has("present"):
        table.needs("start", "end")
        start, end = table.dates("start")[0], table.dates("end", end=True)[0]
        actor = labels(table, "actor", start, system)
        table.refuse("end", start > end, "the end lies before the start", "Correct one of the two")
        table.drop(actor == "", NO_ACTOR)
        frame = table.kept(actor=actor, start=start, end=end)
        frame = frame.sort_values(["actor", "start"], na_position="first", kind="stable")
        return table.read(frame.reset_index(drop=True), None)
    when = moments(table)
    actor, present = labels(table, "actor", when, system), table.flag("present")
    table.drop(actor == "", NO_ACTOR)
    frame = table.kept(actor=actor, date=when, present=present)
    frame, notes = _settled(table, frame, "present", conflicts, ACTOR_AGAIN)
    return table.read(frame.assign(_row=frame.index), span(frame), *notes)


def read_covariate(
    path: Path | str,
    column: str,
    system: ActorSystem | None = None,
    conflicts: Twice = "refuse",
    *,
    pairs: bool = False,
) -> Read:
    """State-years, dyad-years if `pairs`, or dated values. Frame: actor, or a < b as text; date; _row (its number in
    the file); and the column, as float. Raises DataError."""
    value = {column: (column,)}
    if pairs:
        table = open_table(path, "pair covariates", {**_dyad_names(system), **value}, ("a", "b", column))
        frame = _dyad_frame(table, system).drop(columns="swapped")
        reason = "the same dyad and date again, with the same values"
    else:
        names = {"actor": names_of(ACTOR, system), **WHEN, **value}
        table, reason = open_table(path, "state covariates", names, ("actor", column)), ACTOR_AGAIN
        table.drop(table.words("actor") == "", NO_ACTOR)
        when = moments(table)
        actor = labels(table, "actor", when, system)
        table.drop(actor == "", "no member of the state system on that date")
        frame = table.kept(actor=actor, date=when)
    keys = list(frame.columns)
    frame[column] = table.number(column)
    frame, notes = _settled(table, frame, column, conflicts, reason)
    frame = frame.assign(_row=frame.index).sort_values(keys, na_position="first", kind="stable")
    if blank := int(frame[column].isna().sum()):
        notes = [f"{column} is missing in {blank} rows", *notes]
    return table.read(frame.reset_index(drop=True), span(frame), *notes)


def spells_of(changes: pd.DataFrame) -> pd.DataFrame:
    """Spells (actor, start, end) from changes (actor, date, present), in any order."""
    rows: list[tuple[str, object, object]] = []
    never = pd.Timestamp("0001-01-01").as_unit("s")
    ordered = changes.sort_values(["actor", "date"], na_position="first", kind="stable")
    for actor, own in ordered.groupby("actor", sort=True):
        dates, now = list(own["date"]), list(own["present"])
        if not pd.isna(dates[0]):
            dates, now = [pd.NaT, *dates], [not now[0], *now]
        spells = zip(dates, [*dates[1:], pd.NaT], now, strict=True)
        kept = [(str(actor), start, end - SHORT) for start, end, there in spells if there]  # NaT - SHORT is NaT
        rows += kept or [(str(actor), never, never)]
    frame = pd.DataFrame(rows, columns=["actor", "start", "end"])
    return frame.astype({"start": "datetime64[s]", "end": "datetime64[s]"})


def span(frame: pd.DataFrame) -> Years:
    """First and last year of the dates; None without any."""
    return years_of(frame["date"].dropna())


def _dyad_names(system: ActorSystem | None) -> dict[str, Sequence[str]]:
    return {"a": names_of(SIDES[0], system), "b": names_of(SIDES[1], system), **WHEN}


def _dyad_frame(table: Table, system: ActorSystem | None) -> pd.DataFrame:
    """a, b (in order), date and `swapped`, of the rows that name two actors; others are dropped."""
    when = moments(table)
    a, b = labels(table, "a", when, system), labels(table, "b", when, system)
    raw = (table.words("a") == "") | (table.words("b") == "")
    table.drop(raw, NO_ACTOR)
    table.drop((a == "") | (b == ""), "one side is no member of the state system on that date")
    table.drop(a == b, "both sides are the same actor")
    swap = a > b
    return table.kept(a=a.where(~swap, b), b=b.where(~swap, a), date=when, swapped=swap)


def _mirrored(frame: pd.DataFrame, table: Table) -> list[str]:
    """Note dyads that stand in both orders on one date; refuse a file in which all of them do."""
    added = frame[frame["increment"].notna()]
    orders = added.groupby(["a", "b", "date"], dropna=False)["swapped"].nunique()
    both = int((orders > 1).sum())
    if both and both == len(orders):
        why = "every tie stands in both directions, and would count twice"
        raise DataError(why, "Keep one row a tie, or give `value` instead of `increment`", table.path)
    return [f"{both} dyads stand in both orders on one date, and count twice"] if both else []


def is_matrix(path: Path | str) -> bool:
    """True if the file is a square table with the same labels on its first line and in its first column."""
    try:
        with text_of(Path(path)) as handle:
            reader = (row.cells for row in rows_of(handle))
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
        rows = [row.cells for row in rows_of(handle)]
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
                hint = "Write a number, or leave the cell blank"
                raise DataError("this is not a number", hint, path, i + 2, names[j], cell)
    differ = np.argwhere((cells != cells.T) & ~(np.isnan(cells) & np.isnan(cells.T)))
    if len(differ):
        k, m = map(int, differ[0])
        why = "the two halves of the matrix differ: ties have no direction here"
        found = f"{cells[k, m]:g} against {cells[m, k]:g}"
        raise DataError(why, "Give the same value on both sides", path, k + 2, names[m], found)
    above, down = np.nonzero(np.triu(~np.isnan(cells), 1))
    label = np.array(names, dtype=object)
    first, second = label[above], label[down]
    swap = first > second
    frame = pd.DataFrame({"a": np.where(swap, second, first), "b": np.where(swap, first, second)})
    never = pd.Series(pd.NaT, index=range(len(above)), dtype="datetime64[s]")
    frame = frame.assign(date=never, value=cells[above, down], increment=np.nan, line=above + 2)
    notes = (f"{len(names)} actors",)
    return Read(frame, ReadReport("matrix", str(path), len(names), len(frame), None, None, notes=notes))


def again(frame: pd.DataFrame, value: str) -> pd.Series:
    """Which rows say what the row before them, of the same actor or dyad and moment, says already.

    frame: in file order; actor or a and b, date, the column `value`, and perhaps increment (missing where a row
    sets)."""
    return _compared(frame, value)[2]


def _compared(frame: pd.DataFrame, value: str) -> tuple[pd.Series, pd.Series, pd.Series, pd.Series]:
    """Of each row a number for its actor or dyad and moment (rows without a date share the beginning of time); whether
    it sets and does not add; whether it says again what the row before it there says; and whether it contradicts it."""
    keys = ["actor", "date"] if "actor" in frame else ["a", "b", "date"]
    groups = frame.groupby(keys, dropna=False, sort=False).ngroup()
    sets = pd.Series(True, index=frame.index)
    if "increment" in frame and value != "increment":
        sets = frame["increment"].isna()
    now = frame[value].astype(float)
    before = now.groupby(groups, sort=False).shift(1)
    same = (now == before) | (now.isna() & before.isna())
    sets_before = sets.groupby(groups, sort=False).shift(1, fill_value=False).astype(bool)
    said = groups.duplicated() & sets & sets_before & same
    return groups, sets, said, groups.duplicated() & (sets | sets_before) & ~said


def the_last(frame: pd.DataFrame, value: str) -> tuple[pd.DataFrame, int]:
    """The rows that hold if each is applied in file order, and how many contradict the one before them."""
    groups, sets, said, wrong = _compared(frame, value)
    of_group = sets[~said].astype(int).groupby(groups[~said], sort=False)
    return frame[~said][of_group.transform("sum") <= of_group.cumsum()], int(wrong.sum())


def conflicts_of(frame: pd.DataFrame, value: str) -> list[DataError]:
    """An error for each row that sets otherwise than the row before it, with the line that it contradicts.

    frame: as in `again`, with `_file`, and `line` or `_row` (its number among the rows of the file)."""
    groups, _, _, wrong = _compared(frame, value)
    rows = pd.Series(np.arange(len(frame)), index=frame.index)
    before = rows.groupby(groups, sort=False).shift(1)[wrong].astype(int)
    where = _places(frame.iloc[np.unique([rows[wrong], before])])
    errors = []
    for this, that in zip(rows[wrong], before, strict=True):
        row, other = frame.iloc[this], frame.iloc[that]
        (path, line), (other_path, other_line) = where[row.name], where[other.name]
        beside = "" if path == other_path else f" of {Path(other_path).name}"
        said = f"{_says(row, value)} here, and {_says(other, value)} on line {other_line}{beside}"
        hint = "Keep one of the two, or set `conflicts: last` to let the last row hold"
        errors.append(DataError(f"{_who(row)} is {said}, at one moment", hint, path, line))
    return sorted(errors, key=lambda error: (str(error.path), error.line or 0))


def _settled(
    table: Table, frame: pd.DataFrame, value: str, twice: Twice, reason: str
) -> tuple[pd.DataFrame, list[str]]:
    """The frame of one file without what is said again, its conflicts settled, and notes on them."""
    said, count = again(frame, value), 0
    table.drop(said, reason)
    frame = frame[~said]
    if twice == "refuse":
        if errors := conflicts_of(frame.assign(_file=str(table.path), _row=frame.index), value):
            raise DataErrors(errors)
    elif twice == "last":
        frame, count = the_last(frame, value)
    note = f"{count} rows contradict one before them of the same moment: the last holds"
    return frame, [note] if count else []


def _places(frame: pd.DataFrame) -> dict[object, tuple[str, int | None]]:
    """File and line of each row, by its index."""
    out: dict[object, tuple[str, int | None]] = {}
    for file, part in frame.groupby("_file", dropna=False, sort=False):
        none = pd.Series(np.nan, index=part.index)
        known, row = part.get("line", none), part.get("_row", none)
        bare = part.index[known.isna() & row.notna()]
        found = lines_of(Path(str(file)), [int(row[index]) for index in bare]) if len(bare) else []
        lines = dict(zip(bare, found, strict=True))
        for index, line in known.items():
            out[index] = (str(file), lines.get(index, None if pd.isna(line) else int(line)))
    return out


def _who(row: pd.Series) -> str:
    who, date = row["actor"] if "actor" in row else f"{row['a']}-{row['b']}", row["date"]
    if pd.isna(date):
        return f"{who} at the start"
    return f"{who} on {date.date() if date == date.normalize() else date}"


def _says(row: pd.Series, value: str) -> str:
    by, found = row.get("increment", np.nan) if value != "increment" else np.nan, row[value]
    if not pd.isna(by):
        return f"changed by {by:g}"
    if isinstance(found, bool | np.bool_):
        return f"set to {str(found).upper()}"
    return "set to blank" if pd.isna(found) else f"set to {found:g}"
