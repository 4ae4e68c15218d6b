"""What a folder of data says of uses of force and of what states did after them, by
year on one roster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from balance_sim.evidence.data import layers
from balance_sim.evidence.data.history import History, load_history
from balance_sim.evidence.data.layers import FORCE
from balance_sim.evidence.data.series import SOURCES, atop_memberships
from balance_sim.evidence.data.sources import Source
from balance_sim.evidence.data.table import Read, ReadReport, Table, years_of
from balance_sim.stats import Floats, Ints

MEMORY_YEARS = 20
"""Years before the first in which uses of force are remembered."""
PACT_OF_MANY = 5
"""Members that an alliance had before a state's entry counts as an accession."""


def directed_disputes(table: Table) -> Read:
    """Directed dyad-years of militarised disputes (Gibler, Miller, Little 2016, ISQ
    60(4)). Frame: actor, target (COW numbers), year, force, onset, began."""
    table.drop_blank(actor="no actor", target="no target", year="no year")
    return table.read(
        table.kept(
            actor=table.integer("actor"),
            target=table.integer("target"),
            year=table.year("year"),
            force=table.integer("level", missing=(-9,)).fillna(0) >= FORCE,
            onset=table.flag("onset"),
            began=table.flag("side_a"),
        ),
        None,
    )


def complete_rows(table: Table, keys: tuple[str, ...] = ()) -> Read:
    """Rows with the table's columns: `year` and `start` are years, `value` and `cow`
    numbers, others texts. Rows with a gap are left out, and those with the same keys as
    one before."""
    columns: dict[str, pd.Series] = {}
    for name, cells in table.text.items():
        if name == "start":
            columns["year"] = table.dates("start", loose=True)[0].dt.year
        elif name == "year":
            columns["year"] = table.year("year")
        elif name in ("value", "cow"):
            columns[str(name)] = table.number(str(name))
        else:
            columns[str(name)] = cells
    return table.read(
        pd.DataFrame(columns).dropna().drop_duplicates(list(keys) or None), None
    )


def alliance_entries(table: Table) -> Read:
    """The year in which a state entered each alliance for the first time. Frame:
    cow, year, military (whether it has an obligation to defend or attack), accession
    (whether `PACT_OF_MANY` states had entered on earlier days)."""
    military = (table.number("defense") > 0) | (table.number("offense") > 0)
    members = atop_memberships(table)
    rows = members.assign(military=military[members.index]).sort_values("start")
    first = rows.drop_duplicates(["alliance_id", "cow"])
    earlier_members = first.groupby("alliance_id")["start"].rank(method="min") - 1
    frame = pd.DataFrame(
        {
            "cow": first["cow"],
            "year": first["start"].dt.year,
            "military": first["military"],
            "accession": earlier_members >= PACT_OF_MANY,
        }
    )
    return table.read(frame, years_of(frame["year"]))


RECORDS: Mapping[str, Source] = {
    "disputes": Source(
        title="GML directed disputes",
        columns="actor!=ccode1 target!=ccode2 year! level!=hostlev1 onset!=midonset "
        "side_a!=sidea1",
        tidy=directed_disputes,
        files=("mid_gml_directed_dyad_year.csv", "gml-ddy*.csv"),
    ),
    "regions": Source(
        title="regions of states",
        columns="iso3! region!=un_region",
        tidy=partial(complete_rows, keys=("iso3",)),
        files=("states.csv",),
    ),
    "alliances": replace(SOURCES["atop"], tidy=alliance_entries),
    "exercises": Source(
        title="joint exercises",
        columns="exercise!=mmeid start!",
        tidy=complete_rows,
        files=("exercises_mme.csv",),
    ),
    "participants": Source(
        title="participants of joint exercises",
        columns="exercise!=mmeid iso3!",
        tidy=complete_rows,
        files=("exercises_mme_participants.csv",),
    ),
    "spending": Source(
        title="SIPRI military expenditure",
        columns="iso3! year! value!=milex_const2023_usd_m",
        tidy=complete_rows,
        files=("milex_sipri_state_year.csv",),
    ),
    "personnel": Source(
        title="COW NMC military personnel",
        columns="cow!=ccode year! value!=milper",
        tidy=complete_rows,
        files=SOURCES["capability"].files,
    ),
}
NEEDED = ("disputes", "regions")


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
    for name in NEEDED:
        RECORDS[name].require(folder)
    history = load_history(folder, first, last)
    reads = {name: source.of(folder) for name, source in RECORDS.items()}
    reports = [read.report for read in reads.values() if not read.report.is_missing]
    frames = {name: read.frame for name, read in reads.items()}
    place = _places(history, layers.roster(first, last))
    force = frames["disputes"][frames["disputes"]["force"]]
    acts = partial(_acts, place=place, history=history)
    return ReactionRecord(
        history=history,
        force=acts(force),
        began=acts(force[force["began"]]),
        onset=acts(force[force["onset"]]),
        margins=_margins(frames, place, history),
        region=np.unique(
            frames["regions"]
            .set_index("iso3")["region"]
            .reindex(history.iso3)
            .fillna(""),
            return_inverse=True,
        )[1].astype(np.int64),
        reports=tuple(reports),
    )


def _places(history: History, states: layers.Roster) -> pd.Series:
    """Roster position by COW number and by ISO code."""
    by_code = pd.Series(np.arange(len(history.iso3)), index=history.iso3)
    places: pd.Series = pd.concat([states.position, by_code])
    return places


def _acts(frame: pd.DataFrame, place: pd.Series, history: History) -> Floats:
    """(M + T, n, n) 1 where the column acts against the row in a year."""
    year = frame["year"] - (int(history.years[0]) - MEMORY_YEARS)
    size = len(history.years) + MEMORY_YEARS
    columns = [year, frame["target"].map(place), frame["actor"].map(place)]
    rows = pd.concat(columns, axis=1).dropna().to_numpy(dtype=np.int64)
    rows = rows[(rows[:, 0] >= 0) & (rows[:, 0] < size) & (rows[:, 1] != rows[:, 2])]
    acts = np.zeros((size, len(history.iso3), len(history.iso3)))
    acts[tuple(rows.T)] = 1
    return acts


def _margins(
    frames: Mapping[str, pd.DataFrame], place: pd.Series, history: History
) -> dict[str, Margin]:
    """What states did, by margin, of the sources that are there."""
    first, last = int(history.years[0]), int(history.years[-1])
    signed = history.agreements.assign(year=history.agreements["signed"].dt.year)
    entries, exercises = frames["alliances"], frames["exercises"]
    counted = {
        "defence cooperation": signed.melt(["year"], ["a", "b"], value_name="place"),
        "alliances": entries.assign(place=entries["cow"].map(place)),
    }
    counted["alliances without defence"] = counted["alliances"][~entries["military"]]
    counted["accessions"] = counted["alliances"][entries["accession"]]
    joint = frames["participants"].merge(exercises, on="exercise")
    counted["exercises"] = joint.assign(place=joint["iso3"].map(place))
    size = joint.groupby("exercise")["iso3"].transform("size")
    counted["exercises of two"] = counted["exercises"][size == 2]
    began = dict.fromkeys(counted, first + 1)
    ended = dict.fromkeys(counted, last)
    began["defence cooperation"], ended["defence cooperation"] = history.agreement_years
    for name in ("exercises", "exercises of two"):
        began[name] = int(exercises["year"].min()) + 1 if len(exercises) else first
    margins = {}
    for name, rows in counted.items():
        if len(rows):
            values = np.nan_to_num(_by_year(rows.assign(value=1.0), history, "sum"))
            margins[name] = Margin(values, began[name], ended[name], is_count=True)
    for name, code in (("spending", "iso3"), ("personnel", "cow")):
        rows = frames[name][frames[name]["value"] > 0]
        if len(rows):
            amounts = _by_year(
                rows.assign(place=rows[code].map(place)), history, "last"
            )
            margins[name] = Margin(np.log(amounts), first + 1, last, is_count=False)
    return margins


def _by_year(
    rows: pd.DataFrame, history: History, aggregate: Literal["sum", "last"]
) -> Floats:
    """(T, n) sums, or last, of `value` by `year` and `place`; NaN without rows."""
    table = rows.pivot_table("value", "year", "place", aggregate)
    laid_out = table.reindex(index=history.years, columns=range(len(history.iso3)))
    return laid_out.to_numpy(dtype=np.float64)
