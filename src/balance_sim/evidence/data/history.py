"""The data folder laid out by year: `load_history` reads every source and builds a
`History`.

An interval is a calendar year. State-years (capability, ideal point, democracy) are
those of the year before, carried forward over gaps of at most five years; a state that
became a member in this year or the last, and has no earlier value, gives that of its
first year. Rivalries, claims, disputes, alliances and agreements are those on record on
1 January. What no source covers is NaN, never 0. Germany and Yemen are one actor each
through unification (one ISO code); every other actor is one COW number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from balance_sim.evidence.data import layers
from balance_sim.evidence.data.agreements import AGREEMENTS
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.series import SOURCES
from balance_sim.evidence.data.sources import file_of
from balance_sim.evidence.data.table import Read, ReadReport
from balance_sim.scenario.actors import code_table, explain
from balance_sim.scenario.diagnostics import closest

Floats = layers.Floats
Layer = Callable[[Read, layers.Roster, layers.Ints], Floats]

FIRST_YEAR, LAST_YEAR = 1816, 2200
"""The state system of the Correlates of War begins in 1816."""
FEWEST_STATES = 2
NEEDED = ("accords", "capability")
RECORDED = (
    *("atop", "claims", "disputes", "distance", "capitals", "accords"),
    *("capability", "ideal", "democracy", "contiguity", "rivalry"),
)
"""Sources of a history, in the order of its reports."""
LAYERS_OF: Mapping[str, tuple[str, Layer]] = {
    "capability": ("capability", layers.state_years),
    "ideal": ("ideal", layers.state_years),
    "democracy": ("democracy", layers.state_years),
    "contiguity": ("contiguity", layers.contiguity),
    "rivalry": ("rivalry", layers.rivalries),
    "claim": ("claims", layers.dated),
    "militarised": ("disputes", layers.recent_force),
    "war": ("disputes", partial(layers.dated, column="war")),
    "alliance_depth": ("atop", partial(layers.alliances, part=0)),
    "alliance_calm": ("atop", partial(layers.alliances, part=1)),
}
"""The source of each layer, and how it is laid out: two are at war while both fight,
and `militarised` is how recently force was used between them."""
LAYERS = tuple(name for name in LAYERS_OF if name != "contiguity")
"""Layers of which the last observation can be carried forward. Of distance and
contiguity it is, where they are laid out."""
NOT_CARRIED = ("DCAD", "agreements", "capitals")


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
        """(T, n) whether a state is a member on some day of the year."""
        return self.leave > self.entry

    def at(self, year: int) -> int:
        """Position of a year. Raises DataError outside the period."""
        if not self.years[0] <= year <= self.years[-1]:
            raise DataError(
                f"the history covers {self.years[0]}-{self.years[-1]}",
                "Load a longer period",
                value=str(year),
            )
        return int(year - self.years[0])

    def exposure(self, year: int) -> Floats:
        """(n, n) part of the year in which both are members; diagonal 0."""
        entry, leave = self.entry[self.at(year)], self.leave[self.at(year)]
        together = np.minimum.outer(leave, leave) - np.maximum.outer(entry, entry)
        share: Floats = np.clip(together, 0.0, 1.0)
        np.fill_diagonal(share, 0.0)
        return share

    def among(self, codes: Sequence[str]) -> History:
        """The same of some states (ISO alpha-3) alone, with what they signed among
        themselves. Raises DataError for less than two, and for a code that is on the
        roster in no year."""
        wanted = {code.strip().upper() for code in codes}
        for code in sorted(wanted - {*self.iso3}):
            message = f"`{code}` is no state from {self.years[0]} to {self.years[-1]}"
            hint = "leave it out, or give other years"
            if code not in code_table():
                _, message, hint = explain(code, ())
            raise DataError(message, hint[:1].upper() + hint[1:], column="states")
        if len(wanted) < FEWEST_STATES:
            message = "a state signs nothing with itself"
            raise DataError(message, "Name two or more", column="states")
        keep = np.flatnonzero([code in wanted for code in self.iso3])
        changes: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray) and value.ndim > 1:
                squared = value[:, keep]
                changes[field.name] = squared[..., keep] if value.ndim > 2 else squared
        frame = self.agreements
        frame = frame[frame["a"].isin(keep) & frame["b"].isin(keep)]
        sides = {side: np.searchsorted(keep, frame[side]) for side in ("a", "b")}
        return replace(
            self,
            iso3=tuple(self.iso3[i] for i in keep),
            names=tuple(self.names[i] for i in keep),
            agreements=frame.assign(**sides).reset_index(drop=True),
            **changes,
        )

    def require_record(self, last: int) -> None:
        """Raise DataError where agreements up to the year before `last` are not on
        record."""
        end = self.agreement_years[1]
        if last > end + 1:
            raise DataError(
                f"the agreements on record end in {end}",
                f"Give the later agreements, or end the period in {end + 1}",
                value=str(last),
            )


def load_history(
    data_dir: Path | str,
    start_year: int,
    end_year: int | None = None,
    *,
    outcomes: tuple[Path | str, int] | None = None,
) -> History:
    """Read every source in `data_dir` and lay it out by year.

    end_year: that in which the agreements on record end, unless given. outcomes: a file
    and a year: up to the year the folder's agreements count and none of the file's,
    after it the file's alone.

    A source that is not in the folder leaves its arrays missing and says so in `notes`;
    agreements and capabilities must be there. Raises DataError."""
    folder = Path(data_dir)
    for name in NEEDED:
        SOURCES[name].require(folder)
    reads = {name: SOURCES[name].of(folder) for name in RECORDED}
    lists, frame = [reads["accords"]], _signed(reads["accords"])
    if outcomes is not None:
        path, last = outcomes
        lists.append(AGREEMENTS.read(path))
        frame = _followed_by(frame, lists[-1], last)
    for read in lists:
        _refuse_unusable(read)
    _refuse_two_records(folder, lists)
    spans = [(read.report.first_year, read.report.last_year) for read in lists]
    known_years = [year for span in spans for year in span if year is not None]
    agreement_years = min(known_years, default=0), max(known_years, default=-1)
    end_year = agreement_years[1] if end_year is None else end_year
    if not FIRST_YEAR <= start_year <= end_year <= LAST_YEAR:
        raise DataError(
            f"the years lie outside {FIRST_YEAR}..{LAST_YEAR}, or not in order",
            "Give the earlier year first",
            value=f"{start_year}-{end_year}",
        )
    years = np.arange(start_year, end_year + 1, dtype=np.int64)
    states = layers.roster(start_year, end_year)
    entry, leave = layers.membership(states, years)
    arrays = {
        name: lay_out(reads[source], states, years)
        for name, (source, lay_out) in LAYERS_OF.items()
    }
    distance = layers.distances(reads["distance"], reads["capitals"], states, years)
    reports = [read.report for read in (*reads.values(), *lists[1:])]
    missing = [name for name, read in reads.items() if read.report.is_missing]
    notes = [f"no file of {name} in {data_dir}: it is missing" for name in missing]
    return History(
        years=years,
        iso3=states.iso3,
        names=states.names,
        entry=entry,
        leave=leave,
        distance=distance,
        **arrays,
        agreements=_placed(frame, states),
        agreement_years=agreement_years,
        reports=tuple(report for report in reports if not report.is_missing),
        notes=tuple(notes),
    )


def _refuse_unusable(read: Read) -> None:
    """Raises DataError for a list without agreements, or with a type of agreement that
    the model does not have."""
    path, known = read.report.path, layers.default_depths()
    if read.frame.empty:
        message, hint = "no agreement is on record", "Write one a row"
        raise DataError(message, hint, path)
    for kind in sorted({*read.frame["kind"]} - known.keys()):
        hint = closest(kind, known) or f"one of {', '.join(known)}"
        message = "this is not a type of agreement"
        raise DataError(message, f"Write {hint}", path, column="kind", value=kind)


def _refuse_two_records(folder: Path, lists: Sequence[Read]) -> None:
    """Raises DataError where a folder has agreements of the user's own that are not
    among those read."""
    own = file_of(folder, AGREEMENTS.files[-1:])
    paths = [Path(str(read.report.path)) for read in lists]
    if own is not None and own.resolve() not in [path.resolve() for path in paths]:
        raise DataError(
            f"the folder has two records of agreements: {paths[0]} too",
            "Leave one of them in it",
            own,
        )


def _signed(read: Read) -> pd.DataFrame:
    """Signed agreements, the last of those with one id, dyad and type."""
    frame = read.frame.drop_duplicates(
        ["accord_id", "cow_a", "cow_b", "kind"], keep="last"
    )
    return frame[frame["signed"].notna()]


def _placed(frame: pd.DataFrame, states: layers.Roster) -> pd.DataFrame:
    """Agreements between states of a roster, by both sides' positions."""
    order = ["signed", "a", "b", "accord_id"]
    return (
        states.pairs(frame)
        .sort_values(order, kind="stable")
        .reset_index(drop=True)
        .drop(columns=["cow_a", "cow_b"])
    )


def _followed_by(known: pd.DataFrame, outcomes: Read, last: int) -> pd.DataFrame:
    """Agreements known up to the end of a year, then those of a file. Ids of the two
    have nothing in common. Raises DataError where the file has none."""
    later = outcomes.frame[outcomes.frame["signed"].dt.year > last]
    if later.empty:
        raise DataError(
            f"there is no agreement signed after {last}",
            "Give the agreements of the years forecast",
            path=outcomes.report.path,
        )
    later = later.assign(accord_id="outcome-" + later["accord_id"])
    record = known[known["signed"].dt.year <= last]
    joined: pd.DataFrame = pd.concat([record, later], ignore_index=True)
    return joined


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
        is_known = [not np.isnan(row[member]).all() for row, member in by_year]
        if any(is_known):
            last = np.flatnonzero(is_known).max()
            filled[layer] = values[np.minimum(np.arange(len(values)), last)]
    notes = [_carried_note(report, history) for report in history.reports]
    notes = [*history.notes, *filter(None, notes)]
    return replace(history, **filled, notes=tuple(notes))


def _carried_note(report: ReadReport, history: History) -> str:
    """That a source ends before the history does, or before it begins, so that there is
    nothing to carry forward; empty where it ends with it or later."""
    first, end = (int(year) for year in history.years[[0, -1]])
    last = report.last_year
    if report.source in NOT_CARRIED or last is None or last >= end - 1:
        return ""
    ends = f"{report.source} ends in {last} ({Path(report.path).name})"
    values = [
        getattr(history, layer)
        for layer, (source, _) in LAYERS_OF.items()
        if SOURCES[source].title == report.source
    ]
    if values and all(np.isnan(layer).all() for layer in values):
        return (
            f"{ends}: it is missing from {first} to {end}; begin the history in "
            f"{last + 1} or earlier, and what it says last stands"
        )
    return f"{ends}: what it says last stands for the years to {end}"
