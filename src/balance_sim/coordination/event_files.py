"""Events, ties, covariates and presence from files in the generic format: `load_event_data`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd

from balance_sim.coordination.covariate_sources import (
    Given,
    Source,
    column_of,
    paths_of,
    source_of,
    transformed,
)
from balance_sim.coordination.events import EventData, World
from balance_sim.evidence.data.accords import read_outcomes
from balance_sim.evidence.data.codes import SIDES, ActorSystem, names_of, system_of
from balance_sim.evidence.data.errors import DataError, DataErrors, refuse_unless_one_of
from balance_sim.evidence.data.table import Read, ReadReport, open_table
from balance_sim.evidence.data.ties import (
    Conflicts,
    again,
    conflicts_of,
    is_matrix,
    read_actors,
    read_matrix,
    read_pair_covariates,
    read_presence,
    read_state_covariates,
    read_ties,
    spells_of,
    the_last,
)

Strays = Literal["refuse", "drop"]
"""What to do with what does not fit: an error, or leave it out and count it."""


def load_event_data(  # noqa: PLR0913 - one keyword for each key of a plan
    events: Path | str | Sequence[Path | str],
    *,
    presence: Path | str | Sequence[Path | str] | None = None,
    networks: Mapping[str, Path | str | Sequence[Path | str]] | None = None,
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
    """Read the files of a two-sided choice.

    events: ties; each dated row that adds to a tie, or sets it to a value above 0, is an event; the others, and
    those before `first` or after `last`, are none. DCAD's columns and accords in stages are read too: signatures
    are the events; `kinds` picks among them. states, pairs: name -> file, files, (file, column) or `Source`.
    actors: a file whose actors are the whole list; without it, all that any file names. others: rows naming none
    of the list are an error (`refuse`) or left out and counted (`drop`); absent: likewise for events with a side
    that is not present. conflicts: rows that set one actor or dyad twice at one moment are an error that names
    all of them (`refuse`), or the last in the order of the files and their rows holds (`last`). Raises DataError."""
    for name, word in (("others", others), ("absent", absent)):
        refuse_unless_one_of(name, word, get_args(Strays))
    refuse_unless_one_of("conflicts", conflicts, get_args(Conflicts))
    reading = _Reading(_ties_system(paths_of(events)[0]), tuple(kinds), conflicts)
    made = reading.ties("events", paths_of(events))
    if actors is not None:
        reading.known = reading.list_of(Path(actors))
        reading.drop_others = others == "drop"
    made = reading.among(made, paths_of(events))
    picked, why = _events_of(made, first, last)
    if picked.empty:
        because = f": {'; '.join(why)}" if why else ""
        raise DataError(
            f"there is no event in it{because}", "Give dated ties that begin", paths_of(events)[0]
        )
    ties = {
        name: reading.among(reading.ties(name, paths_of(files)), paths_of(files))
        for name, files in (networks or {}).items()
    }
    by_state = {name: reading.states(name, source_of(given)) for name, given in (states or {}).items()}
    by_pair = {name: reading.pairs(name, source_of(given)) for name, given in (pairs or {}).items()}
    spells = None if presence is None else reading.presence(paths_of(presence))
    if reading.conflicting:
        raise DataErrors(list(reading.conflicting.values()))
    named = {*made["a"], *made["b"]}
    for what, frame in (*ties.items(), *by_pair.items(), *by_state.items()):  # names may be shared
        here = set(frame["actor"]) if "actor" in frame else {*frame["a"], *frame["b"]}
        if here and not here & {*picked["a"], *picked["b"]}:
            raise DataError(
                f"none of the actors of {what} takes part in an event",
                "Name actors in the same way in all files",
                value=", ".join(sorted(here)[:3]),
            )
        named |= here
    named |= set() if spells is None else set(spells["actor"])
    data = EventData(
        actors=tuple(sorted(reading.known or named)),
        events=picked,
        presence=spells,
        networks=ties,
        states=by_state,
        pairs=by_pair,
        source=str(paths_of(events)[0]),
        reports=tuple(reading.reports),
        notes=(*why, *reading.notes, *_unbegun(ties)),
    )
    return without_absent(data) if absent == "drop" else data


def ties_from_accords(accords: pd.DataFrame, a: str = "cow_a", b: str = "cow_b") -> pd.DataFrame:
    """Dated ties of a tidy frame of accords: +1 on the day of signature, -1 on the day the accord ends."""
    signed = accords[accords["signed"].notna()]
    ended = signed[signed["ended"].notna()]
    frames = [
        pd.DataFrame(
            {"a": part[a].astype(str), "b": part[b].astype(str), "date": part[when], "increment": by}
        )
        for part, when, by in ((signed, "signed", 1.0), (ended, "ended", -1.0))
    ]
    out = pd.concat(frames, ignore_index=True)
    swap = out["a"] > out["b"]
    out = out.assign(a=out["a"].where(~swap, out["b"]), b=out["b"].where(~swap, out["a"]))
    return out.assign(value=np.nan).sort_values("date", kind="stable").reset_index(drop=True)


def without_absent(data: EventData) -> EventData:
    """The same without events that have a side which is not present, and a note on how many there were."""
    world = World(replace(data, networks={}, states={}, pairs={}))
    dates = data.events["date"].to_numpy().astype("datetime64[s]")
    keep = np.ones(len(data.events), dtype=bool)
    for k, (a, b) in enumerate(zip(data.events["a"], data.events["b"], strict=True)):
        there = world.on(dates[k]).present
        keep[k] = there[world.place[a]] and there[world.place[b]]
    gone = int((~keep).sum())
    note = (f"{gone} events with a side that is not present left out",) if gone else ()
    return replace(data, events=data.events[keep].reset_index(drop=True), notes=(*data.notes, *note))


class _Reading:
    """Reads file after file in one way of naming actors, and remembers the reports."""

    def __init__(self, system: ActorSystem, kinds: tuple[str, ...], conflicts: Conflicts) -> None:
        self.system, self.kinds, self.conflicts = system, kinds, conflicts
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

    def list_of(self, path: Path) -> set[str]:
        found = set(self.kept(read_actors(path, self.system))["actor"])
        if not found:
            raise DataError("the list names no actor", "Name one a line, or leave `actors` out", path)
        return found

    def ties(self, name: str, paths: Sequence[Path]) -> pd.DataFrame:
        frames = [self.accords(path) if _is_accords(path) else self.plain(path) for path in paths]
        if self.kinds and not any(map(_is_accords, paths)) and name == "events":
            raise DataError("the ties have no kinds", "Leave `kinds` out", path=paths[0])
        return _joined(frames)

    def plain(self, path: Path) -> pd.DataFrame:
        return self.kept(read_ties(path, self.system, "keep"))

    def accords(self, path: Path) -> pd.DataFrame:
        frame = self.kept(read_outcomes(path))
        unknown = [kind for kind in self.kinds if kind not in set(frame["kind"])]
        if unknown:
            known = ", ".join(sorted(set(frame["kind"])))
            raise DataError("no accord is of this kind", f"Choose among {known}", path, value=unknown[0])
        ties = ties_from_accords(frame[frame["kind"].isin(self.kinds)] if self.kinds else frame)
        return ties.assign(_file=str(path))

    def states(self, name: str, source: Source) -> pd.DataFrame:
        frames = []
        for path in source.files:
            column = column_of(path, name, source)
            read = read_state_covariates(path, [column], self.system, "keep")
            frames.append(self.kept(read).rename(columns={column: "value"}))
        return transformed(name, self.among(_joined(frames), source.files), source)

    def pairs(self, name: str, source: Source) -> pd.DataFrame:
        frames = []
        for path in source.files:
            if is_matrix(path):
                frames.append(self.kept(read_matrix(path)).drop(columns="increment"))
                continue
            column = column_of(path, name, source)
            read = read_pair_covariates(path, [column], system=self.system, conflicts="keep")
            frames.append(self.kept(read).rename(columns={column: "value"}))
        return transformed(name, self.among(_joined(frames), source.files), source)

    def presence(self, paths: Sequence[Path]) -> pd.DataFrame:
        frames = [self.kept(read_presence(path, self.system, "keep")) for path in paths]
        changes = [frame for frame in frames if "present" in frame]
        if changes and len(changes) < len(frames):
            raise DataError(
                "presence is given both as spells and as changes", "Give one of the two", paths[0]
            )
        rows = self.among(_joined(frames), paths)
        return spells_of(rows) if changes else rows

    def among(self, frame: pd.DataFrame, paths: Sequence[Path]) -> pd.DataFrame:
        """The rows that name actors of the list, if there is one, with their conflicts settled."""
        return self.settled(self.listed(frame, paths) if self.known else frame)

    def settled(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows that hold, each file after the one before it; conflicts to be refused are remembered."""
        if "start" in frame:
            return frame
        values = ["present" if "present" in frame else "value"]
        said = again(frame, values)
        for file, count in frame.loc[said, "_file"].value_counts(sort=False).items():
            self.note(f"{count} rows of {Path(str(file)).name} repeat what a file before it says")
        frame = frame[~said].reset_index(drop=True)
        if self.conflicts == "refuse":
            self.conflicting |= {
                f"{one.path}:{one.line}:{one.message}": one for one in conflicts_of(frame, values)
            }
            return frame
        kept, count = the_last(frame, values)
        if values == ["value"] and "increment" not in frame:
            kept = frame  # covariates are applied row after row: a blank that does not hold is seen by those after it
        if count:
            files = ", ".join(Path(str(file)).name for file in frame["_file"].unique())
            self.note(
                f"{count} rows of {files} contradict one before them of the same moment: the last holds"
            )
        return kept.reset_index(drop=True)

    def note(self, what: str) -> None:
        """Once, also where one file is read for two purposes."""
        if what not in self.notes:
            self.notes.append(what)

    def listed(self, frame: pd.DataFrame, paths: Sequence[Path]) -> pd.DataFrame:
        """The rows that name actors of the list."""
        sides = ["actor"] if "actor" in frame else ["a", "b"]
        stray = ~frame[sides].isin(self.known).all(axis=1)
        if stray.any() and not self.drop_others:
            row = frame[stray].iloc[0]
            label = next(str(row[side]) for side in sides if row[side] not in self.known)
            raise DataError(
                "this actor is not on the list",
                "Add it to the list of actors, or set `others: drop`",
                path=str(row["_file"]),
                line=int(row["line"]) if "line" in row and not pd.isna(row["line"]) else None,
                value=label,
            )
        if stray.any():
            names = ", ".join(path.name for path in paths)
            self.notes.append(f"{int(stray.sum())} rows of {names} name actors that are not on the list")
        return frame[~stray].reset_index(drop=True)


def _events_of(
    made: pd.DataFrame, first: date | None, last: date | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    begun = (made["increment"] > 0) | (made["value"] > 0)
    undated = made["date"].isna()
    early = made["date"] < pd.Timestamp(first) if first is not None else pd.Series(False, index=made.index)
    late = pd.Series(False, index=made.index)
    if last is not None:
        late = made["date"] >= pd.Timestamp(last) + pd.Timedelta(days=1)
    reasons = {
        "rows end or lower a tie: no events": ~begun,
        "ties without a date stand from the beginning: no events": begun & undated,
        f"ties before {first} are history: no events": begun & early,
        f"ties after {last} are left out": begun & late,
    }
    notes = tuple(f"{int(rows.sum())} {why}" for why, rows in reasons.items() if rows.any())
    columns = [c for c in ("a", "b", "date", "line", "_file") if c in made]
    events = made[begun & ~undated & ~early & ~late][columns]
    return events.sort_values("date", kind="stable").reset_index(drop=True), notes


def _joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)] or list(frames[:1])
    return pd.concat(filled, ignore_index=True)


def _ties_system(path: Path) -> ActorSystem:
    """How the file of the events names its actors: all files follow it."""
    if _is_accords(path):
        return "cow"
    if is_matrix(path):
        return "id"
    names = {"a": names_of(SIDES[0]), "b": names_of(SIDES[1])}
    return system_of(open_table(path, "ties", names, ("a", "b")), "a")


def _is_accords(path: Path) -> bool:
    """DCAD's columns, or accords with a kind and a stage."""
    if is_matrix(path):
        return False
    probe = open_table(path, "ties", {"year": ("signYear",), "kind": ("kind",), "stage": ("stage",)}, ())
    return probe.has("year") or probe.has("kind", "stage")


def _unbegun(networks: Mapping[str, pd.DataFrame]) -> list[str]:
    """A note for each network in which ties end that were never begun."""
    notes = []
    for name, frame in networks.items():
        both = frame.assign(
            since=frame["date"].fillna(pd.Timestamp("0001-01-01").as_unit("s")),
            key=frame["a"] + "\0" + frame["b"],
        )
        both = both[~both["key"].isin(both.loc[both["value"].notna(), "key"])]
        daily = both.groupby(["key", "since"])["increment"].sum()
        below = daily.groupby(level="key").cumsum() < 0
        count = int(below.groupby(level="key").any().sum())
        if count:
            notes.append(f"{name}: {count} pairs end ties that were never begun; such a tie stays at 0")
    return notes


__all__ = ["Source", "Strays", "load_event_data", "ties_from_accords", "without_absent"]
