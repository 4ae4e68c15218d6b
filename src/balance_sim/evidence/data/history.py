"""The data folder laid out by year: `load_history` reads every source and builds a
`History`.

An interval is a calendar year. State-years (capability, ideal point, democracy) are
those of the year before, carried forward over gaps of at most five years; a state that
became a member in this year or the last, and has no earlier value, gives that of its
first year. Rivalries, claims, disputes, alliances and agreements are those on record on
1 January. What no source covers is NaN, never 0. Germany and Yemen are one actor each
through unification (one ISO code); every other actor is one COW number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from balance_sim.evidence.data import layers
from balance_sim.evidence.data.agreements import read_outcomes
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.sources import FILES, READERS, file_of, unread
from balance_sim.evidence.data.table import Read, ReadReport
from balance_sim.scenario.defaults import default_tree
from balance_sim.scenario.diagnostics import plain

Floats = layers.Floats

NEEDED = ("accords", "capability")
ALLIANCES: Mapping[str, str] = {"atop": "atop", "cow": "cow_alliances"}
FIRST_YEAR, LAST_YEAR = 1816, 2200
"""The state system of the Correlates of War begins in 1816."""
LAYERS = (
    *("capability", "ideal", "democracy", "rivalry", "claim", "militarised", "war"),
    *("alliance_depth", "alliance_calm"),
)
"""Layers of which the last observation can be carried forward. Of distance and
contiguity it is, where they are laid out."""
NOT_CARRIED = ("DCAD", "accords", "capitals")


@dataclass(frozen=True)
class History:
    """What was known of states and dyads at the start of each year (T), on a fixed
    roster (n), sorted by ISO code. NaN is missing.

    entry, leave: (T, n) part of the year at which membership starts and ends; equal
    where absent. capability: (T, n) CINC; ideal: (T, n) final-passage ideal points;
    democracy: (T, n) polyarchy 0..1. distance: (T, n, n) km; contiguity: (T, n, n) COW
    types, 0 none; rivalry, claim, militarised, war: (T, n, n) 0 or 1; alliance_depth,
    alliance_calm: (T, n, n) by type of alliance. agreements: a, b (roster positions, a
    < b), accord_id, kind, signed, in_force, ended, precision."""

    years: NDArray[np.int64]
    iso3: tuple[str, ...]
    names: tuple[str, ...]
    entry: Floats
    leave: Floats
    capability: Floats
    ideal: Floats
    democracy: Floats
    distance: Floats
    contiguity: Floats
    rivalry: Floats
    claim: Floats
    militarised: Floats
    war: Floats
    alliance_depth: Floats
    alliance_calm: Floats
    agreements: pd.DataFrame
    agreement_years: tuple[int, int]
    reports: tuple[ReadReport, ...]
    notes: tuple[str, ...]

    @property
    def present(self) -> NDArray[np.bool_]:
        """(T, n): member on some day of the year."""
        return self.leave > self.entry

    def at(self, year: int) -> int:
        """Position of a year. Raises DataError outside the period."""
        if not self.years[0] <= year <= self.years[-1]:
            why = f"the history covers {self.years[0]}-{self.years[-1]}"
            raise DataError(why, "Load a longer period", value=str(year))
        return int(year - self.years[0])

    def exposure(self, year: int) -> Floats:
        """(n, n) part of the year in which both are members; diagonal 0."""
        entry, leave = self.entry[self.at(year)], self.leave[self.at(year)]
        both: Floats = np.minimum.outer(leave, leave) - np.maximum.outer(entry, entry)
        both = np.clip(both, 0.0, 1.0)
        np.fill_diagonal(both, 0.0)
        return both

    def on_record(self, last: int) -> None:
        """Raise DataError where agreements up to the year before `last` are not on
        record."""
        if last > self.agreement_years[1] + 1:
            end = self.agreement_years[1]
            hint = f"Give the later agreements, or end the period in {end + 1}"
            raise DataError(
                f"the agreements on record end in {end}", hint, value=str(last)
            )


class _Sources:
    """Reads each source once, and remembers the reports and what was not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reports: list[ReadReport] = []
        self.notes: list[str] = []

    def kept(self, read: Read) -> Read:
        self.reports.append(read.report)
        return read

    def read(self, name: str) -> Read | None:
        path, others = file_of(self.folder, name)
        if path is not None:
            if others:
                self.notes.append(
                    f"{path.name} is read as {name}, not {', '.join(others)}"
                )
            return self.kept(READERS[name](path))
        near = unread(self.folder, name)
        if name in NEEDED:
            hint = (
                f"Save {near[0]} as CSV"
                if near
                else f"Put {' or '.join(FILES[name])} into the folder"
            )
            raise DataError(f"there is no file of {name}", hint, path=self.folder)
        but = f"; {near[0]} is not read: save it as CSV" if near else ""
        self.notes.append(
            f"no file of {name} in {self.folder}: it is missing throughout{but}"
        )
        return None


def load_history(
    data_dir: Path | str,
    start_year: int,
    end_year: int,
    *,
    agreements: Sequence[Path | str] = (),
    outcomes: tuple[Path | str, int] | None = None,
    alliances: str = "atop",
) -> History:
    """Read every source in `data_dir` and lay it out by year.

    agreements: further files of agreements (DCAD's columns or the generic ones), laid
    over the folder's own by id. outcomes: a file and a year: up to the year the
    folder's agreements count and none of the file's, after it the file's alone.
    alliances: `atop` or `cow`.

    A source that is not in the folder leaves its arrays missing and says so in `notes`;
    agreements and capabilities must be there. Raises DataError."""
    folder = Path(data_dir)
    refuse_no_folder(folder)
    if start_year > end_year:
        period = f"{start_year}-{end_year}"
        raise DataError(
            "the period ends before it starts",
            "Give the earlier year first",
            value=period,
        )
    for year in (start_year, end_year):
        if not FIRST_YEAR <= year <= LAST_YEAR:
            bounds = f"{FIRST_YEAR}..{LAST_YEAR}"
            raise DataError(
                f"this year lies outside {bounds}",
                f"Give years within {bounds}",
                value=str(year),
            )
    years = np.arange(start_year, end_year + 1, dtype=np.int64)
    states, sources = layers.roster(start_year, end_year), _Sources(folder)
    found: dict[str, Any] = {}  # by field of the history
    found["entry"], found["leave"] = layers.membership(states, years)
    allied = layers.alliances(
        sources.read(ALLIANCES[alliances]), default_depths(), states, years
    )
    found["alliance_depth"], found["alliance_calm"] = allied
    found["claim"] = layers.claims(sources.read("claims"), states, years)
    found["militarised"], found["war"] = layers.disputes(
        sources.read("disputes"), states, years
    )
    apart = sources.read("distance"), sources.read("capitals")
    found["distance"], filled = layers.distances(*apart, states, years)
    if filled:
        sources.notes.append(
            f"{filled} dyads without a minimum distance: between capitals instead"
        )
    found["agreements"], found["agreement_years"] = _agreements(
        sources, agreements, outcomes, states
    )
    for name, column in (
        ("capability", "cinc"),
        ("ideal", "ideal_fp"),
        ("democracy", "polyarchy"),
    ):
        found[name] = layers.state_years(sources.read(name), column, states, years)
    found["contiguity"] = layers.contiguity(sources.read("contiguity"), states, years)
    found["rivalry"] = layers.rivalry(sources.read("rivalry"), states, years)
    reports, notes = tuple(sources.reports), tuple(sources.notes)
    return History(
        years=years,
        iso3=states.iso3,
        names=states.names,
        **found,
        reports=reports,
        notes=notes,
    )


def refuse_no_folder(path: Path) -> None:
    """Raise DataError where a folder of data is not there, or is a file."""
    if path.is_file():
        hint = "Give the folder it lies in, or pass agreements as --agreements"
        raise DataError("this is a file, not a folder of data", hint, path=path)
    if not path.is_dir():
        raise DataError(
            "there is no such folder",
            "Give the folder that holds the data files",
            path=path,
        )


def agreements_end(data_dir: Path | str, more: Sequence[Path | str] = ()) -> int:
    """Last year that the agreements of a folder, and of further files, cover. Raises
    DataError."""
    refuse_no_folder(Path(data_dir))
    reads = [_Sources(Path(data_dir)).read("accords"), *map(read_outcomes, more)]
    ends = [
        read.report.last_year
        for read in reads
        if read is not None and read.report.last_year is not None
    ]
    if not ends:
        raise DataError(
            "there is no agreement in the data",
            "Give a file with agreements",
            path=data_dir,
        )
    return max(ends)


def _agreements(
    sources: _Sources,
    more: Sequence[Path | str],
    outcomes: tuple[Path | str, int] | None,
    states: layers.Roster,
) -> tuple[pd.DataFrame, tuple[int, int]]:
    """Agreements by both sides' roster positions, and the years that the files
    cover."""
    notes, of_folder = sources.notes, sources.read("accords")
    assert of_folder is not None  # it is `NEEDED`
    reads = [of_folder, *(sources.kept(read_outcomes(path)) for path in more)]
    frame = pd.concat([read.frame for read in reads], ignore_index=True)
    frame = frame.drop_duplicates(["accord_id", "cow_a", "cow_b", "kind"], keep="last")
    frame = frame[frame["signed"].notna()]
    if outcomes is not None:
        path, last = outcomes
        later = sources.kept(read_outcomes(path))
        reads.append(later)
        frame = _followed_by(frame, later.frame, path, last, notes)
    placed = states.pairs(frame)
    if len(placed) < len(frame):
        notes.append(
            f"{len(frame) - len(placed)} agreements with a state outside the roster left out"
        )
    spells = states.spells.groupby(states.spells["cow"].map(states.position))
    start, end = spells["start"].min(), spells["end"].max()
    a, b = (
        placed["signed"].between(placed[side].map(start), placed[side].map(end))
        for side in ("a", "b")
    )
    if early := int((~(a & b)).sum()):
        notes.append(
            f"{early} agreements signed while one side was no member are kept as history"
        )
    covered = [
        year
        for r in reads
        for year in (r.report.first_year, r.report.last_year)
        if year is not None
    ]
    placed = placed.sort_values(
        ["signed", "a", "b", "accord_id"], kind="stable"
    ).reset_index(drop=True)
    return placed.drop(columns=["cow_a", "cow_b"]), (
        min(covered, default=0),
        max(covered, default=-1),
    )


def _followed_by(
    known: pd.DataFrame,
    later: pd.DataFrame,
    path: Path | str,
    last: int,
    notes: list[str],
) -> pd.DataFrame:
    """Agreements known up to the end of a year, then those of a file. Ids of the two
    have nothing in common."""
    signed = later[later["signed"].notna()]
    after = signed[signed["signed"].dt.year > last]
    kept = known[known["signed"].dt.year <= last]
    if after.empty:
        hint = "Give the agreements of the years forecast"
        raise DataError(f"there is no agreement signed after {last}", hint, path=path)
    if lost := len(signed) - len(after):
        notes.append(
            f"{lost} outcomes signed up to {last} left out: the data count there"
        )
    if lost := len(known) - len(kept):
        notes.append(
            f"{lost} agreements of the data after {last} left out: the outcomes count"
        )
    out: pd.DataFrame = pd.concat(
        [kept, after.assign(accord_id="outcome-" + after["accord_id"])],
        ignore_index=True,
    )
    return out


def default_depths() -> dict[str, tuple[float, float]]:
    """kind -> (depth, calm), from the shipped defaults."""
    kinds: Any = plain(default_tree().fields["kinds"])
    return {
        name: (float(kind["depth"]), float(kind["calm"]))
        for name, kind in kinds.items()
    }


def last_carried_forward(history: History) -> History:
    """The last observation of each layer carried forward to the history's last year,
    and a note on each source.

    A forecast may run past the end of a file. To treat that as missing would let
    rivalries and alliances vanish on that day; what is known last is what a forecaster
    would have gone on with. Years before the first on record, and layers without any
    source, stay missing. What is known of the state system and of agreements is not
    touched."""
    filled: dict[str, Any] = {}
    for layer in LAYERS:
        value: Floats = getattr(history, layer)
        known = [
            bool((~np.isnan(now[m])).any())
            for now, m in zip(value, history.present, strict=True)
        ]
        last = max(
            np.flatnonzero(known), default=-1
        )  # the last year that knows anything of its members
        if 0 <= last < len(history.years) - 1:
            rest = np.repeat(value[last][None], len(value) - last - 1, 0)
            filled[layer] = np.concatenate([value[: last + 1], rest])
    end = int(history.years[-1])
    notes = [
        f"{report.source} ends in {report.last_year} ({Path(report.path).name}): "
        f"what it says last stands for the years to {end}"
        for report in history.reports
        if report.source not in NOT_CARRIED
        and report.last_year is not None
        and report.last_year < end - 1
    ]
    return replace(history, **filled, notes=(*history.notes, *notes))
