"""What a folder of data says of uses of force and of what states did after them, by
year on one roster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from balance_sim.evidence.data import layers
from balance_sim.evidence.data.agreements import AGREEMENTS
from balance_sim.evidence.data.history import History, load_history
from balance_sim.evidence.data.series import SOURCES, atop_memberships
from balance_sim.evidence.data.sources import Source, file_of
from balance_sim.evidence.data.table import Read, ReadReport, Table, years_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

FORCE = 4
"""Level of hostility of a militarised dispute from which force was used; 5 is war."""
MEMORY_YEARS = 20
"""Years before the first in which uses of force are remembered."""
COUNTS = ("defence cooperation", "alliances", "exercises")
"""Margins that are numbers of agreements or acts; the others are logarithms."""


def directed_disputes(table: Table) -> Read:
    """Directed dyad-years of militarised disputes (Gibler, Miller, Little 2016, ISQ
    60(4)). Frame: actor, target (COW numbers), year, force, onset, began, original."""
    table.drop_blank(actor="no actor", target="no target", year="no year")
    level = table.integer("level", missing=(-9,)).fillna(0)
    frame = table.kept(
        actor=table.integer("actor").astype(np.int64),
        target=table.integer("target").astype(np.int64),
        year=table.year("year"),
        force=level >= FORCE,
        onset=table.flag("onset"),
        began=table.flag("side_a"),
        original=table.flag("original_a") & table.flag("original_b"),
    )
    return table.read(frame, years_of(frame["year"]))


def state_series(table: Table) -> Read:
    """A number a state and year. Frame: cow or iso3, year, value."""
    name = "cow" if "cow" in table.published else "iso3"
    state = table.integer("cow") if name == "cow" else table.text["iso3"]
    frame = table.kept(
        state=state, year=table.year("year"), value=table.number("value")
    )
    return table.read(frame.dropna(), years_of(frame["year"]))


def exercise_participants(table: Table) -> Read:
    """Who took part in which joint exercise. Frame: exercise, iso3."""
    frame = table.kept(exercise=table.text["exercise"], iso3=table.text["iso3"])
    return table.read(frame.drop_duplicates(), None)


def exercise_years(table: Table) -> Read:
    """The year in which a joint exercise began. Frame: exercise, year."""
    start = table.dates("start", loose=True)[0]
    frame = table.kept(exercise=table.text["exercise"], start=start).dropna()
    years = frame["start"].dt.year
    return table.read(frame.assign(year=years), years_of(years))


def regions(table: Table) -> Read:
    """The region of each state. Frame: iso3, region."""
    frame = table.kept(iso3=table.text["iso3"], region=table.text["region"])
    return table.read(frame.drop_duplicates("iso3"), None)


def alliance_entries(table: Table) -> Read:
    """The year in which a state entered each alliance for the first time. Frame:
    cow, year, military (whether it has an obligation to defend or attack)."""
    military = (table.number("defense") > 0) | (table.number("offense") > 0)
    members = atop_memberships(table)
    rows = members.assign(military=military[members.index]).sort_values("start")
    first = rows.drop_duplicates(["alliance_id", "cow"])
    frame = first.assign(year=first["start"].dt.year)[["cow", "year", "military"]]
    return table.read(frame, years_of(frame["year"]))


DISPUTES = Source(
    title="GML directed disputes",
    columns="actor!=ccode1 target!=ccode2 year! level!=hostlev1 onset!=midonset "
    "side_a!=sidea1 original_a!=orig1 original_b!=orig2",
    tidy=directed_disputes,
    files=("mid_gml_directed_dyad_year.csv", "gml-ddy*.csv"),
)
ALLIANCES = Source(
    title="ATOP members",
    columns=SOURCES["atop"].columns,
    tidy=alliance_entries,
    files=SOURCES["atop"].files,
)
EXERCISES = Source(
    title="joint exercises",
    columns="exercise!=mmeid start!",
    tidy=exercise_years,
    files=("exercises_mme.csv",),
)
PARTICIPANTS = Source(
    title="participants of joint exercises",
    columns="exercise!=mmeid iso3!",
    tidy=exercise_participants,
    files=("exercises_mme_participants.csv",),
)
SPENDING = Source(
    title="SIPRI military expenditure",
    columns="iso3! year! value!=milex_const2023_usd_m",
    tidy=state_series,
    files=("milex_sipri_state_year.csv",),
)
PERSONNEL = Source(
    title="COW NMC military personnel",
    columns="cow!=ccode year! value!=milper",
    tidy=state_series,
    files=SOURCES["capability"].files,
)
REGIONS = Source(
    title="regions of states",
    columns="iso3! region!=un_region",
    tidy=regions,
    files=("states.csv",),
)


@dataclass(frozen=True)
class Margin:
    """What states did, by year.

    Attributes
    ----------
    values : (T, n)
        numbers, or logarithms of amounts; NaN where not known
    first, last : int
        years that the source covers
    is_count : bool
        whether they are numbers of acts
    """

    values: Floats
    first: int
    last: int
    is_count: bool


@dataclass(frozen=True)
class ReactionRecord:
    """A period of history with its uses of force.

    Attributes
    ----------
    history : History
        T years of n states
    force, began, onset : (M + T, n, n)
        whether the column used force against the row in a year, began it, or did so for
        the first time in a dispute; from `MEMORY_YEARS` before the first year on
    margins : mapping of Margin
        by name
    region : (n,)
        number of each state's region
    reports : tuple of ReadReport
        of the files beside the history's
    """

    history: History
    force: Floats
    began: Floats
    onset: Floats
    margins: Mapping[str, Margin]
    region: Ints
    reports: tuple[ReadReport, ...]


def load_reactions(folder: Path, first: int = 1946, last: int = 2003) -> ReactionRecord:
    """Read a folder's record of force and of what states did. Raises DataError where a
    source that is needed is not there."""
    for source in (DISPUTES, REGIONS):
        source.require(folder)
    history = load_history(folder, first, last)
    states = layers.roster(first, last)
    disputes, region = DISPUTES.of(folder), REGIONS.of(folder)
    forces = disputes.frame[disputes.frame["force"]]
    margins, reads = _margins(folder, states, history)
    by_code = dict(zip(region.frame["iso3"], region.frame["region"], strict=True))
    names = [by_code.get(code, "") for code in states.iso3]
    return ReactionRecord(
        history=history,
        force=_acts(forces, states, history.years),
        began=_acts(forces[forces["began"]], states, history.years),
        onset=_acts(forces[forces["onset"]], states, history.years),
        margins=margins,
        region=np.unique(names, return_inverse=True)[1].astype(np.int64),
        reports=tuple(read.report for read in (disputes, region, *reads)),
    )


def _acts(frame: pd.DataFrame, states: layers.Roster, years: Ints) -> Floats:
    """(M + T, n, n) 1 where the column acts against the row in a year."""
    first = int(years[0]) - MEMORY_YEARS
    acts = np.zeros((len(years) + MEMORY_YEARS, states.size, states.size))
    rows = frame[frame["year"].between(first, int(years[-1]))]
    target, actor = (rows[side].map(states.position) for side in ("target", "actor"))
    is_known = target.notna() & actor.notna() & (target != actor)
    year = (rows["year"] - first)[is_known].astype(np.int64)
    acts[year, target[is_known].astype(np.int64), actor[is_known].astype(np.int64)] = 1
    return acts


def _margins(
    folder: Path, states: layers.Roster, history: History
) -> tuple[dict[str, Margin], list[Read]]:
    """What states did, by margin, of the sources that are there."""
    by_iso3 = pd.Series(np.arange(states.size), index=states.iso3)
    years, margins, reads = history.years, {}, []

    def counted(name: str, frame: pd.DataFrame, covered: tuple[int, int]) -> None:
        values = _counts(frame, years, states.size)
        margins[name] = Margin(values, *covered, is_count=True)

    sides = [AGREEMENTS.of(folder).frame.rename(columns={s: "cow"}) for s in COW_SIDES]
    signed = pd.concat(sides)
    signed = signed[signed["signed"].notna()].assign(
        year=lambda rows: rows["signed"].dt.year,
        place=lambda rows: rows["cow"].map(states.position),
    )
    counted("defence cooperation", signed, history.agreement_years)
    if file_of(folder, ALLIANCES.files):
        entries = ALLIANCES.of(folder)
        reads.append(entries)
        rows = entries.frame.assign(place=entries.frame["cow"].map(states.position))
        covered = (int(years[0]) + 1, int(years[-1]))
        counted("alliances", rows, covered)
        counted("alliances without defence", rows[~rows["military"]], covered)
    if file_of(folder, EXERCISES.files) and file_of(folder, PARTICIPANTS.files):
        exercises, participants = EXERCISES.of(folder), PARTICIPANTS.of(folder)
        reads += [exercises, participants]
        rows = participants.frame.merge(exercises.frame, on="exercise")
        rows = rows.assign(place=rows["iso3"].map(by_iso3))
        began = int(exercises.frame["year"].min()) + 1
        counted("exercises", rows, (began, int(years[-1])))
    for name, source in (("spending", SPENDING), ("personnel", PERSONNEL)):
        if file_of(folder, source.files):
            series = source.of(folder)
            reads.append(series)
            places = by_iso3 if name == "spending" else states.position
            rows = series.frame[series.frame["value"] > 0]
            rows = rows.assign(place=rows["state"].map(places))
            amounts = _amounts(rows, years, states.size)
            covered = (int(years[0]) + 1, int(years[-1]))
            margins[name] = Margin(amounts, *covered, is_count=False)
    return margins, reads


COW_SIDES = ("cow_a", "cow_b")


def _within(frame: pd.DataFrame, years: Ints) -> tuple[pd.DataFrame, Ints, Ints]:
    """Rows of the years whose state is on the roster, with their year and place."""
    rows = frame[frame["place"].notna() & frame["year"].between(years[0], years[-1])]
    year = (rows["year"] - years[0]).to_numpy(dtype=np.int64)
    return rows, year, rows["place"].to_numpy(dtype=np.int64)


def _counts(frame: pd.DataFrame, years: Ints, states: int) -> Floats:
    """(T, n) number of rows a year and state."""
    values = np.zeros((len(years), states))
    _, year, place = _within(frame, years)
    np.add.at(values, (year, place), 1.0)
    return values


def _amounts(frame: pd.DataFrame, years: Ints, states: int) -> Floats:
    """(T, n) logarithm of a value by year and state; NaN where there is none."""
    values = np.full((len(years), states), np.nan)
    rows, year, place = _within(frame, years)
    values[year, place] = np.log(rows["value"].to_numpy(dtype=np.float64))
    return values
