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
from balance_sim.evidence.data.errors import NO_FILE, DataError, require_folder
from balance_sim.evidence.data.sources import FILES, READERS, file_of
from balance_sim.evidence.data.table import Read, ReadReport
from balance_sim.scenario.defaults import default_tree
from balance_sim.scenario.nodes import plain

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
STATE_YEARS = {"capability": "cinc", "ideal": "ideal_fp", "democracy": "polyarchy"}
"""Layers of states, each also the name of its source, by the column of the series."""


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
            message = f"the history covers {self.years[0]}-{self.years[-1]}"
            raise DataError(message, "Load a longer period", value=str(year))
        return int(year - self.years[0])

    def exposure(self, year: int) -> Floats:
        """(n, n) part of the year in which both are members; diagonal 0."""
        entry, leave = self.entry[self.at(year)], self.leave[self.at(year)]
        together = np.minimum.outer(leave, leave) - np.maximum.outer(entry, entry)
        share: Floats = np.clip(together, 0.0, 1.0)
        np.fill_diagonal(share, 0.0)
        return share

    def require_record(self, last: int) -> None:
        """Raise DataError where agreements up to the year before `last` are not on
        record."""
        end = self.agreement_years[1]
        if last > end + 1:
            message = f"the agreements on record end in {end}"
            hint = f"Give the later agreements, or end the period in {end + 1}"
            raise DataError(message, hint, value=str(last))


class _Folder:
    """Reads each source of a folder once, and records the reports and what was not
    there."""

    def __init__(self, path: Path) -> None:
        require_folder(path)
        self.path = path
        self.reports: list[ReadReport] = []
        self.notes: list[str] = []

    def add(self, read: Read) -> Read:
        """A source that was read, its report recorded."""
        self.reports.append(read.report)
        return read

    def read(self, name: str) -> Read | None:
        """A source; None where there is no file of it. Raises DataError for one that
        cannot be done without."""
        path, others = file_of(self.path, name)
        if path is not None:
            if others:
                unused = ", ".join(others)
                self.notes.append(f"{path.name} is read as {name}, not {unused}")
            return self.add(READERS[name](path))
        if name in NEEDED:
            hint = f"Put {' or '.join(FILES[name])} into the folder"
            message = f"there is no file of {name}"
            raise DataError(message, hint, self.path, code=NO_FILE)
        note = f"no file of {name} in {self.path}: it is missing throughout"
        self.notes.append(note)
        return None

    def needed(self, name: str) -> Read:
        """One of the sources `NEEDED`. Raises DataError."""
        read = self.read(name)
        assert read is not None
        return read


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
    folder = _Folder(Path(data_dir))
    _check_period(start_year, end_year)
    years = np.arange(start_year, end_year + 1, dtype=np.int64)
    states = layers.roster(start_year, end_year)
    arrays: dict[str, Any] = {}
    arrays["entry"], arrays["leave"] = layers.membership(states, years)
    treaties = folder.read(ALLIANCES[alliances])
    allied = layers.alliances(treaties, default_depths(), states, years)
    arrays["alliance_depth"], arrays["alliance_calm"] = allied
    arrays["claim"] = layers.claims(folder.read("claims"), states, years)
    disputes = layers.disputes(folder.read("disputes"), states, years)
    arrays["militarised"], arrays["war"] = disputes
    borders, capitals = folder.read("distance"), folder.read("capitals")
    arrays["distance"], filled = layers.distances(borders, capitals, states, years)
    if filled:
        note = f"{filled} dyads without a minimum distance: between capitals instead"
        folder.notes.append(note)
    frame, covered = _agreements(folder, agreements, outcomes, states)
    for layer, column in STATE_YEARS.items():
        read = folder.read(layer)
        arrays[layer] = layers.state_years(read, column, states, years)
    arrays["contiguity"] = layers.contiguity(folder.read("contiguity"), states, years)
    arrays["rivalry"] = layers.rivalry(folder.read("rivalry"), states, years)
    return History(
        years=years,
        iso3=states.iso3,
        names=states.names,
        **arrays,
        agreements=frame,
        agreement_years=covered,
        reports=tuple(folder.reports),
        notes=tuple(folder.notes),
    )


def _check_period(start_year: int, end_year: int) -> None:
    """Raise DataError for a period that ends before it starts, or lies outside the
    years of the state system."""
    if start_year > end_year:
        message, hint = (
            "the period ends before it starts",
            "Give the earlier year first",
        )
        raise DataError(message, hint, value=f"{start_year}-{end_year}")
    for year in (start_year, end_year):
        if not FIRST_YEAR <= year <= LAST_YEAR:
            bounds = f"{FIRST_YEAR}..{LAST_YEAR}"
            message = f"this year lies outside {bounds}"
            raise DataError(message, f"Give years within {bounds}", value=str(year))


def agreements_end(data_dir: Path | str, more: Sequence[Path | str] = ()) -> int:
    """Last year that the agreements of a folder, and of further files, cover. Raises
    DataError."""
    reads = [_Folder(Path(data_dir)).needed("accords"), *map(read_outcomes, more)]
    last_years = [read.report.last_year for read in reads]
    years = [year for year in last_years if year is not None]
    if not years:
        message = "there is no agreement in the data"
        raise DataError(message, "Give a file with agreements", path=data_dir)
    return max(years)


def _agreements(
    folder: _Folder,
    more: Sequence[Path | str],
    outcomes: tuple[Path | str, int] | None,
    states: layers.Roster,
) -> tuple[pd.DataFrame, tuple[int, int]]:
    """Agreements by both sides' roster positions, and the years that the files
    cover."""
    reads = [folder.needed("accords")]
    reads += [folder.add(read_outcomes(path)) for path in more]
    frame = pd.concat([read.frame for read in reads], ignore_index=True)
    keys = ["accord_id", "cow_a", "cow_b", "kind"]
    frame = frame.drop_duplicates(keys, keep="last")
    frame = frame[frame["signed"].notna()]
    if outcomes is not None:
        path, last = outcomes
        reads.append(folder.add(read_outcomes(path)))
        frame = _followed_by(frame, reads[-1].frame, path, last, folder.notes)
    placed = states.pairs(frame)
    strangers = len(frame) - len(placed)
    if strangers:
        note = f"{strangers} agreements with a state outside the roster left out"
        folder.notes.append(note)
    early = _before_membership(placed, states)
    if early:
        note = (
            f"{early} agreements signed while one side was no member are kept as "
            "history"
        )
        folder.notes.append(note)
    order = ["signed", "a", "b", "accord_id"]
    placed = placed.sort_values(order, kind="stable").reset_index(drop=True)
    return placed.drop(columns=["cow_a", "cow_b"]), _years_covered(reads)


def _before_membership(placed: pd.DataFrame, states: layers.Roster) -> int:
    """The number of agreements that were signed while one side was no member."""
    spells = states.spells.groupby(states.spells["cow"].map(states.position))
    start, end = spells["start"].min(), spells["end"].max()
    is_member = {
        side: placed["signed"].between(placed[side].map(start), placed[side].map(end))
        for side in ("a", "b")
    }
    return int((~(is_member["a"] & is_member["b"])).sum())


def _years_covered(reads: Sequence[Read]) -> tuple[int, int]:
    """First and last year that files of agreements cover; (0, -1) where none do."""
    ends = [(read.report.first_year, read.report.last_year) for read in reads]
    years = [year for pair in ends for year in pair if year is not None]
    return min(years, default=0), max(years, default=-1)


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
    outcomes = signed[signed["signed"].dt.year > last]
    record = known[known["signed"].dt.year <= last]
    if outcomes.empty:
        message = f"there is no agreement signed after {last}"
        hint = "Give the agreements of the years forecast"
        raise DataError(message, hint, path=path)
    early, late = len(signed) - len(outcomes), len(known) - len(record)
    if early:
        notes.append(
            f"{early} outcomes signed up to {last} left out: the data count there"
        )
    if late:
        notes.append(
            f"{late} agreements of the data after {last} left out: the outcomes count"
        )
    outcomes = outcomes.assign(accord_id="outcome-" + outcomes["accord_id"])
    joined: pd.DataFrame = pd.concat([record, outcomes], ignore_index=True)
    return joined


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
        values: Floats = getattr(history, layer)
        by_year = zip(values, history.present, strict=True)
        is_known = [bool((~np.isnan(row[member])).any()) for row, member in by_year]
        last = max(np.flatnonzero(is_known), default=-1)
        if 0 <= last < len(history.years) - 1:
            missing = len(values) - last - 1
            repeated = np.repeat(values[last][None], missing, 0)
            filled[layer] = np.concatenate([values[: last + 1], repeated])
    notes = [_carried_note(report, history) for report in history.reports]
    notes = [*history.notes, *filter(None, notes)]
    return replace(history, **filled, notes=tuple(notes))


def _carried_note(report: ReadReport, history: History) -> str:
    """That a source ends before the history does; empty where it does not."""
    end, last = int(history.years[-1]), report.last_year
    if report.source in NOT_CARRIED or last is None or last >= end - 1:
        return ""
    return (
        f"{report.source} ends in {last} ({Path(report.path).name}): what it says last "
        f"stands for the years to {end}"
    )
