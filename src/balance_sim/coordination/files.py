"""Events, ties, covariates and presence from files in the generic format: `load_event_data`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import numpy as np
import pandas as pd
from pydantic import BeforeValidator, Field, TypeAdapter, ValidationInfo, WrapValidator

from balance_sim.coordination.effects import Floats
from balance_sim.coordination.events import EventData, Record
from balance_sim.evidence.data import ties as readers
from balance_sim.evidence.data.agreements import read_outcomes
from balance_sim.evidence.data.codes import SIDES, ActorSystem, names_of, system_of
from balance_sim.evidence.data.errors import DataError, DataErrors, refuse_unless_one_of
from balance_sim.evidence.data.table import Read, ReadReport, open_table
from balance_sim.evidence.data.ties import Conflicts, again, conflicts_of, is_matrix, spells_of, the_last
from balance_sim.scenario.diagnostics import did_you_mean
from balance_sim.scenario.schema import Strict, Text
from balance_sim.scenario.validation import refusal

Strays = Literal["refuse", "drop"]
"""What to do with what does not fit: an error, or leave it out and count it."""
Files = Path | str | Sequence[Path | str]


def _file(value: object, info: ValidationInfo) -> Path:
    """A file beside the plan that names it; a path is taken as it is."""
    if isinstance(value, Path):
        return value
    if not isinstance(value, str) or not value.strip():
        raise refusal("E501", "expected the name of a file", "write its path from this file's folder")
    found = Path((info.context or {}).get("folder", "")) / value
    if not os.path.isfile(found):
        beside = sorted(os.listdir(found.parent)) if os.path.isdir(found.parent) else []
        raise refusal("E001", f"not found: `{value}`", did_you_mean(found.name, beside))
    return found


def _files(value: object, several: Callable[[object], Any], info: ValidationInfo) -> tuple[Path, ...]:
    """One file, or a list of them."""
    if isinstance(value, tuple):
        return tuple(several(value))
    return (_file(value, info),)


PlanFile = Annotated[Path, BeforeValidator(_file)]
PlanFiles = Annotated[tuple[PlanFile, ...], Field(min_length=1), WrapValidator(_files)]
FILES = TypeAdapter[tuple[Path, ...]](PlanFiles)


class Source(Strict):
    """A covariate's files, one after the other; the column (its own name, else `value` or `replace`, if not given);
    and what is done to its values: log, log1p, sqrt, or standardise (mean 0, standard deviation 1 over all rows)."""

    file: PlanFiles
    column: Text | None = None
    transform: Literal["log", "log1p", "sqrt", "standardise"] | None = None


Given = Files | tuple[Path | str, str] | Source


def _standardised(values: Floats) -> Floats:
    spread = np.nanstd(values)
    return (values - np.nanmean(values)) / (spread if spread > 0 else 1.0)


CHANGES: Mapping[str, Callable[[Floats], Floats]] = {
    "log": np.log, "log1p": np.log1p, "sqrt": np.sqrt, "standardise": _standardised,
}  # fmt: skip


def load_event_data(  # noqa: PLR0913 - one keyword for each key of a plan
    events: Files,
    *,
    presence: Files | None = None,
    networks: Mapping[str, Files] | None = None,
    states: Mapping[str, Given] | None = None,
    pairs: Mapping[str, Given] | None = None,
    actors: Path | str | None = None,
    others: Strays = "refuse",
    absent: Strays = "refuse",
    conflicts: Conflicts = "refuse",
    first: date | None = None,
    last: date | None = None,
    kinds: Sequence[str] = (),
) -> EventData:
    """Read the files of a two-sided choice; each argument is a key of a plan (docs/coordination.md).

    events: ties; each dated row that adds to a tie, or sets it to a value above 0, from `first` to `last`, is an event.
    DCAD's columns and agreements in stages are read too: signatures are the events; `kinds` picks among them. states,
    pairs: name -> file, files, (file, column) or `Source`. Raises DataError."""
    for name, word in (("others", others), ("absent", absent)):
        refuse_unless_one_of(name, word, get_args(Strays))
    refuse_unless_one_of("conflicts", conflicts, get_args(Conflicts))
    of_events = _paths(events)
    reader = _EventReader(of_events[0], tuple(kinds), conflicts)
    made = reader.ties("events", of_events)
    if actors is not None:
        reader.known = {*reader.kept(readers.read_actors(Path(actors), reader.system))["actor"]}
        reader.drop_others = others == "drop"
        if not reader.known:
            raise DataError("the list names no actor", "Name one a line, or leave `actors` out", Path(actors))
    made = reader.among(made, of_events)
    picked, why = _events_of(made, first, last)
    if picked.empty:
        because = f": {'; '.join(why)}" if why else ""
        raise DataError(f"there is no event in it{because}", "Give dated ties that begin", of_events[0])
    ties = {
        name: reader.among(reader.ties(name, _paths(files)), _paths(files)) for name, files in (networks or {}).items()
    }
    by_state, by_dyad = (
        {name: reader.covariate(name, _source(one), pairs=of_pairs) for name, one in (given or {}).items()}
        for given, of_pairs in ((states, False), (pairs, True))
    )
    spells = None if presence is None else reader.presence(_paths(presence))
    if reader.conflicting:
        raise DataErrors(list(reader.conflicting.values()))
    named = {*made["a"], *made["b"]}
    for what, frame in (*ties.items(), *by_dyad.items(), *by_state.items()):  # names may be shared
        here = set(frame["actor"]) if "actor" in frame else {*frame["a"], *frame["b"]}
        if here and not here & {*picked["a"], *picked["b"]}:
            message, few = f"none of the actors of {what} takes part in an event", ", ".join(sorted(here)[:3])
            raise DataError(message, "Name actors in the same way in all files", value=few)
        named |= here
    named |= set() if spells is None else set(spells["actor"])
    everyone, notes = tuple(sorted(reader.known or named)), (*why, *reader.notes, *_unbegun(ties))
    source, reports = str(of_events[0]), tuple(reader.reports)
    data = EventData(everyone, picked, spells, ties, by_state, by_dyad, source, reports, notes)
    return _without_absent(data) if absent == "drop" else data


def ties_from_agreements(agreements: pd.DataFrame, a: str = "cow_a", b: str = "cow_b") -> pd.DataFrame:
    """Dated ties of a tidy frame of agreements: +1 on the day of signature, -1 on the day the agreement ends."""
    signed = agreements[agreements["signed"].notna()]
    frames = [
        pd.DataFrame({"a": part[a].astype(str), "b": part[b].astype(str), "date": part[when], "increment": by})
        for when, by in (("signed", 1.0), ("ended", -1.0))
        for part in (signed[signed[when].notna()],)
    ]
    out = pd.concat(frames, ignore_index=True)
    swap = out["a"] > out["b"]
    out = out.assign(a=out["a"].where(~swap, out["b"]), b=out["b"].where(~swap, out["a"]))
    return out.assign(value=np.nan).sort_values("date", kind="stable").reset_index(drop=True)


def _paths(given: Files) -> tuple[Path, ...]:
    return (Path(given),) if isinstance(given, str | Path) else tuple(Path(one) for one in given)


def _source(given: Given) -> Source:
    if isinstance(given, Source):
        return given
    if isinstance(given, tuple) and len(given) == 2:
        file, column = given
        if not isinstance(column, Path) and not column.endswith((".csv", ".gz", ".dta")):
            return Source(file=(Path(file),), column=column)
    return Source(file=_paths(given))


def _without_absent(data: EventData) -> EventData:
    """The same without events that have a side which is not present, and a note on how many there were."""
    record, events = Record(replace(data, networks={}, states={}, pairs={})), data.events
    keep = []
    for a, b, day in zip(events["a"], events["b"], events["date"].to_numpy().astype("datetime64[s]"), strict=True):
        there = record.on(day).present
        keep.append(there[record.place[a]] and there[record.place[b]])
    gone = keep.count(False)
    note = (f"{gone} events with a side that is not present left out",) if gone else ()
    return replace(data, events=events[np.array(keep)].reset_index(drop=True), notes=(*data.notes, *note))


class _EventReader:
    """Reads file after file in the first one's way of naming actors, and remembers the reports."""

    def __init__(self, first: Path, kinds: tuple[str, ...], conflicts: Conflicts) -> None:
        self.kinds, self.conflicts = kinds, conflicts
        self.system: ActorSystem = "cow" if _is_agreements(first) else "id"
        if self.system == "id" and not is_matrix(first):
            names = {"a": names_of(SIDES[0]), "b": names_of(SIDES[1])}
            self.system = system_of(open_table(first, "ties", names, ("a", "b")), "a")
        self.conflicting: dict[str, DataError] = {}
        self.known: set[str] = set()
        self.drop_others = False
        self.reports: list[ReadReport] = []
        self.notes: list[str] = []

    def kept(self, read: Read) -> pd.DataFrame:
        """The rows in the order of the file, with its name in `_file`."""
        self.reports.append(read.report)
        frame = read.frame.assign(_file=read.report.path)
        return frame.sort_values("_row", kind="stable") if "_row" in frame else frame

    def ties(self, name: str, paths: Sequence[Path]) -> pd.DataFrame:
        staged = {path: _is_agreements(path) for path in paths}
        frames = [
            self.agreements(path) if staged[path] else self.kept(readers.read_ties(path, self.system, "keep"))
            for path in paths
        ]
        if self.kinds and not any(staged.values()) and name == "events":
            raise DataError("the ties have no kinds", "Leave `kinds` out", path=paths[0])
        return _joined(frames)

    def agreements(self, path: Path) -> pd.DataFrame:
        frame = self.kept(read_outcomes(path))
        unknown = [kind for kind in self.kinds if kind not in set(frame["kind"])]
        if unknown:
            known = ", ".join(sorted(set(frame["kind"])))
            raise DataError("no agreement is of this kind", f"Choose among {known}", path, value=unknown[0])
        ties = ties_from_agreements(frame[frame["kind"].isin(self.kinds)] if self.kinds else frame)
        return ties.assign(_file=str(path))

    def covariate(self, name: str, source: Source, *, pairs: bool) -> pd.DataFrame:
        frames = []
        for path in source.file:
            if pairs and is_matrix(path):
                frames.append(self.kept(readers.read_matrix(path)).drop(columns="increment"))
                continue
            column = source.column
            if column is None:
                names = {"value": (name, "value", "replace")}
                column = open_table(path, name, names, ("value",)).published["value"].strip()
            read = readers.read_covariate(path, column, self.system, "keep", pairs=pairs)
            frames.append(self.kept(read).rename(columns={column: "value"}))
        frame = self.among(_joined(frames), source.file)
        if source.transform is None:
            return frame
        values = frame["value"].to_numpy(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            changed = CHANGES[source.transform](values)
        bad = ~np.isfinite(changed) & ~np.isnan(values)
        if bad.any():
            message, column = f"{source.transform} of {name} does not exist for this value", source.column or name
            next_step, value = "Correct the value, or leave the transform out", f"{values[bad][0]:g}"
            raise DataError(message, next_step, source.file[0], column=column, value=value)
        return frame.assign(value=changed)

    def presence(self, paths: Sequence[Path]) -> pd.DataFrame:
        frames = [self.kept(readers.read_presence(path, self.system, "keep")) for path in paths]
        changes = [frame for frame in frames if "present" in frame]
        if changes and len(changes) < len(frames):
            raise DataError("presence is given both as spells and as changes", "Give one of the two", paths[0])
        rows = self.among(_joined(frames), paths)
        return spells_of(rows) if changes else rows

    def among(self, frame: pd.DataFrame, paths: Sequence[Path]) -> pd.DataFrame:
        """The rows that name actors of the list, if there is one, with their conflicts settled."""
        sides = ["actor"] if "actor" in frame else ["a", "b"]
        stray = ~frame[sides].isin(self.known).all(axis=1) & bool(self.known)
        if stray.any() and not self.drop_others:
            row = frame[stray].iloc[0]
            line = None if pd.isna(row.get("line")) else int(row["line"])
            name = next(str(row[side]) for side in sides if row[side] not in self.known)
            next_step = "Add it to the list of actors, or set `others: drop`"
            raise DataError("this actor is not on the list", next_step, str(row["_file"]), line, value=name)
        if stray.any():
            names = ", ".join(path.name for path in paths)
            self.notes.append(f"{int(stray.sum())} rows of {names} name actors that are not on the list")
        return self.settled(frame[~stray].reset_index(drop=True) if self.known else frame)

    def settled(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows that hold, each file after the one before it; conflicts to be refused are remembered."""
        if "start" in frame:
            return frame
        value = "present" if "present" in frame else "value"
        said = again(frame, value)
        repeated = frame.loc[said, "_file"].value_counts(sort=False)
        notes = [
            f"{n} rows of {Path(str(file)).name} repeat what a file before it says" for file, n in repeated.items()
        ]
        frame = frame[~said].reset_index(drop=True)
        if self.conflicts == "refuse":
            self.conflicting |= {f"{one.path}:{one.line}:{one.message}": one for one in conflicts_of(frame, value)}
        else:
            kept, count = the_last(frame, value)
            files = ", ".join(Path(str(file)).name for file in frame["_file"].unique())
            said_of = f"{count} rows of {files} contradict one before them of the same moment: the last holds"
            notes += [said_of] if count else []
            # covariates are applied row after row: a blank that does not hold is seen by those after it
            is_covariate = value == "value" and "increment" not in frame
            frame = (frame if is_covariate else kept).reset_index(drop=True)
        self.notes += [note for note in notes if note not in self.notes]  # a file may be read for two purposes
        return frame


def _events_of(made: pd.DataFrame, first: date | None, last: date | None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    begun, when, none = (made["increment"] > 0) | (made["value"] > 0), made["date"], pd.Series(False, index=made.index)
    early = none if first is None else when < pd.Timestamp(first)
    late = none if last is None else when >= pd.Timestamp(last) + pd.Timedelta(days=1)
    left_out = {
        "rows end or lower a tie: no events": ~begun,
        "ties without a date stand from the beginning: no events": begun & when.isna(),
        f"ties before {first} are history: no events": begun & early,
        f"ties after {last} are left out": begun & late,
    }
    notes = tuple(f"{int(rows.sum())} {why}" for why, rows in left_out.items() if rows.any())
    events = made[begun & ~when.isna() & ~early & ~late][[c for c in ("a", "b", "date", "line", "_file") if c in made]]
    return events.sort_values("date", kind="stable").reset_index(drop=True), notes


def _joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([frame for frame in frames if len(frame)] or list(frames[:1]), ignore_index=True)


def _is_agreements(path: Path) -> bool:
    """DCAD's columns, or agreements with a kind and a stage."""
    if is_matrix(path):
        return False
    probe = open_table(path, "ties", {"year": ("signYear",), "kind": ("kind",), "stage": ("stage",)}, ())
    return probe.has("year") or probe.has("kind", "stage")


def _unbegun(networks: Mapping[str, pd.DataFrame]) -> Iterable[str]:
    """A note for each network in which ties end that were never begun."""
    for name, frame in networks.items():
        since = frame["date"].fillna(pd.Timestamp("0001-01-01").as_unit("s"))
        both = frame.assign(since=since, key=frame["a"] + "\0" + frame["b"])
        both = both[~both["key"].isin(both.loc[both["value"].notna(), "key"])]
        below = both.groupby(["key", "since"])["increment"].sum().groupby(level="key").cumsum() < 0
        count = int(below.groupby(level="key").any().sum())
        if count:
            yield f"{name}: {count} dyads end ties that were never begun; such a tie stays at 0"
