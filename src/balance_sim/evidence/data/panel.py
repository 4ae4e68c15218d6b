"""The data folder laid out by year: `load_history` reads every source and builds a `History`.

An interval is a calendar year. State-years (capability, ideal point, democracy) are those of the year before,
carried forward over gaps of at most `carry_years`; a state that became a member in this year or the last, and
has no earlier value, gives that of its first year. Quarrels, alliances and accords are those on record on
1 January. What no source covers is NaN, never 0. Germany and Yemen are one actor each through unification
(one ISO code); every other actor is one COW number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from balance_sim.evidence.data import layers
from balance_sim.evidence.data.accords import read_outcomes
from balance_sim.evidence.data.data_files import FILES, READERS, file_of, unread
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats, History
from balance_sim.evidence.data.table import Read, ReadReport
from balance_sim.scenario.files import shipped_text

__all__ = ["FILES", "History", "default_depths", "load_history"]

NEEDED = ("accords", "capability")

ALLIANCES: Mapping[str, str] = {"atop": "atop", "cow": "cow_alliances"}
FIRST_YEAR, LAST_YEAR = 1816, 2200
"""The state system of the Correlates of War begins in 1816."""


class _Sources:
    """Reads each source once, and remembers the reports and what was not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reports: list[ReadReport] = []
        self.notes: list[str] = []

    def read(self, name: str) -> Read | None:
        path, others = file_of(self.folder, name)
        if path is not None:
            if others:
                self.notes.append(f"{path.name} is read as {name}, not {', '.join(others)}")
            read = READERS[name](path)
            self.reports.append(read.report)
            return read
        if name in NEEDED:
            wanted = " or ".join(FILES[name])
            near = unread(self.folder, name)
            next_step = f"Save {near[0]} as CSV" if near else f"Put {wanted} into the folder"
            raise DataError(f"there is no file of {name}", next_step, path=self.folder)
        near = unread(self.folder, name)
        but = f"; {near[0]} is not read: save it as CSV" if near else ""
        self.notes.append(f"no file of {name} in {self.folder}: it is missing throughout{but}")
        return None


def load_history(
    data_dir: Path | str,
    start_year: int,
    end_year: int,
    *,
    accords: Sequence[Path | str] = (),
    outcomes: tuple[Path | str, int] | None = None,
    alliances: str = "atop",
    carry_years: int = 5,
    depths: Mapping[str, tuple[float, float]] | None = None,
) -> History:
    """Read every source in `data_dir` and lay it out by year.

    accords: further files of accords (DCAD's columns or the generic ones), laid over the folder's own by
    accord id. outcomes: a file and a year: up to the year the folder's accords count and none of the file's,
    after it the file's alone. alliances: `atop` or `cow`. depths: kind -> (depth, calm), the shipped defaults
    if not given.

    A source that is not in the folder leaves its arrays missing and says so in `notes`; accords and
    capabilities must be there. Raises DataError."""
    folder = Path(data_dir)
    refuse_no_folder(folder)
    if start_year > end_year:
        raise DataError(
            "the period ends before it starts",
            "Give the earlier year first",
            value=f"{start_year}-{end_year}",
        )
    for year in (start_year, end_year):
        if not FIRST_YEAR <= year <= LAST_YEAR:
            bounds = f"{FIRST_YEAR}..{LAST_YEAR}"
            raise DataError(
                f"this year lies outside {bounds}", f"Give years within {bounds}", value=str(year)
            )
    years = np.arange(start_year, end_year + 1, dtype=np.int64)
    states = layers.roster(start_year, end_year)
    sources = _Sources(folder)
    depths = depths if depths is not None else default_depths()
    entry, leave = layers.membership(states, years)

    def by_state(name: str, column: str) -> Floats:
        read = sources.read(name)
        if read is None:
            return np.full((len(years), states.size), np.nan)
        return layers.state_years(read.frame, column, states, years, carry_years)

    depth, calm = layers.alliances(sources.read(ALLIANCES[alliances]), depths, states, years)
    claim, salience = layers.claims(sources.read("claims"), states, years)
    militarised, war = layers.disputes(sources.read("disputes"), states, years)
    distance, filled = layers.distances(sources.read("distance"), sources.read("capitals"), states, years)
    if filled:
        sources.notes.append(f"{filled} pairs without a minimum distance: between capitals instead")
    frame, accord_years = _accords(sources, accords, outcomes, states)
    return History(
        years=years,
        iso3=states.iso3,
        cow=states.cow,
        names=states.names,
        entry=entry,
        leave=leave,
        capability=by_state("capability", "cinc"),
        ideal=by_state("ideal", "ideal_fp"),
        democracy=by_state("democracy", "polyarchy"),
        distance=distance,
        contiguity=layers.contiguity(sources.read("contiguity"), states, years),
        rivalry=layers.rivalry(sources.read("rivalry"), states, years),
        claim=claim,
        claim_salience=salience,
        militarised=militarised,
        war=war,
        alliance_depth=depth,
        alliance_calm=calm,
        accords=frame,
        accord_years=accord_years,
        reports=tuple(sources.reports),
        notes=tuple(sources.notes),
    )


def refuse_no_folder(path: Path) -> None:
    """Raise DataError where a folder of data is not there, or is a file."""
    if path.is_file():
        why, hint = (
            "this is a file, not a folder of data",
            "Give the folder it lies in, or pass it as --accords",
        )
        raise DataError(why, hint, path=path)
    if not path.is_dir():
        raise DataError("there is no such folder", "Give the folder that holds the data files", path=path)


def accords_end(data_dir: Path | str, more: Sequence[Path | str] = ()) -> int:
    """Last year that the accords of a folder, and of further files, cover. Raises DataError."""
    refuse_no_folder(Path(data_dir))
    first = _Sources(Path(data_dir)).read("accords")
    reports = [read.report for read in (first,) if read] + [read_outcomes(path).report for path in more]
    ends = [report.last_year for report in reports if report.last_year is not None]
    if not ends:
        raise DataError("there is no accord in the data", "Give a file with accords", path=data_dir)
    return max(ends)


def _accords(
    sources: _Sources,
    more: Sequence[Path | str],
    outcomes: tuple[Path | str, int] | None,
    states: layers.Roster,
) -> tuple[pd.DataFrame, tuple[int, int]]:
    """Accords of both sides' roster positions, and the years that the files cover."""
    first = sources.read("accords")
    reads = [read for read in [first] if read is not None]
    for path in more:
        reads.append(read_outcomes(path))
        sources.reports.append(reads[-1].report)
    frame = pd.concat([read.frame for read in reads], ignore_index=True)
    frame = frame.drop_duplicates(["accord_id", "cow_a", "cow_b", "kind"], keep="last")
    frame = frame[frame["signed"].notna()]
    if outcomes is not None:
        frame, later = _followed_by(frame, *outcomes, notes=sources.notes)
        reads.append(later)
        sources.reports.append(later.report)
    placed = states.pairs(frame)
    if len(placed) < len(frame):
        sources.notes.append(f"{len(frame) - len(placed)} accords with a state outside the roster left out")
    early = _before_membership(placed, states)
    if early.any():
        sources.notes.append(
            f"{int(early.sum())} accords signed while one side was no member are kept as history"
        )
    covered = [year for r in reads for year in (r.report.first_year, r.report.last_year) if year is not None]
    placed = placed.sort_values(["signed", "a", "b", "accord_id"], kind="stable").reset_index(drop=True)
    return placed.drop(columns=["cow_a", "cow_b"]), (min(covered, default=0), max(covered, default=-1))


def _followed_by(
    known: pd.DataFrame, path: Path | str, last: int, notes: list[str]
) -> tuple[pd.DataFrame, Read]:
    """Accords known up to the end of a year, then those of a file. Ids of the two have nothing in common."""
    later = read_outcomes(path)
    signed = later.frame[later.frame["signed"].notna()]
    after = signed[signed["signed"].dt.year > last]
    if after.empty:
        raise DataError(
            f"there is no accord signed after {last}", "Give the accords of the years forecast", path=path
        )
    if len(after) < len(signed):
        notes.append(
            f"{len(signed) - len(after)} outcomes signed up to {last} left out: the data count there"
        )
    kept = known[known["signed"].dt.year <= last]
    if len(kept) < len(known):
        notes.append(
            f"{len(known) - len(kept)} accords of the data after {last} left out: the outcomes count"
        )
    frame = pd.concat([kept, after.assign(accord_id="outcome-" + after["accord_id"])], ignore_index=True)
    return frame, later


def _before_membership(placed: pd.DataFrame, states: layers.Roster) -> pd.Series:
    spells = states.spells.assign(place=states.spells["cow"].map(states.position)).groupby("place")
    start, end = spells["start"].min(), spells["end"].max()
    out = pd.Series(False, index=placed.index)
    for side in ("a", "b"):
        out |= (placed["signed"] < placed[side].map(start)) | (placed["signed"] > placed[side].map(end))
    return out


def default_depths() -> dict[str, tuple[float, float]]:
    """kind -> (depth, calm), from the shipped defaults."""
    text = shipped_text("balance_sim.scenario", "defaults.yaml")
    kinds = yaml.safe_load(text)["kinds"]
    return {k: (float(v["depth"]["value"]), float(v["calm"]["value"])) for k, v in kinds.items()}
