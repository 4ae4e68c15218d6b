"""From a folder of data to a study: dyad-years of acts, dated acts, rivalries, claims
and wars on one roster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.evidence.data import layers
from balance_sim.evidence.data.errors import NO_FILE, DataError
from balance_sim.evidence.data.history import LAYERS_OF
from balance_sim.evidence.data.series import SOURCES
from balance_sim.evidence.data.table import Read, ReadReport
from balance_sim.evidence.events.absorbed import EventPanel
from balance_sim.evidence.events.acts import ACTS, DYAD_YEARS, open_participants
from balance_sim.evidence.events.exposure import EPOCH, act_sets, year_edges
from balance_sim.evidence.events.measurement import Study
from balance_sim.scenario.defaults import reference_values

DAYS_PER_YEAR = 365.25
BEFORE_YEARS, AFTER_YEARS = 5, 1
"""Years before and after a panel in which acts are moved by a permutation."""
QUARRELS = {"rivalry": "eta_rivalry", "claim": "eta_claim", "war": "eta_war"}
"""Layers of quarrel, and the parameter that says how many nats each is."""


@dataclass(frozen=True)
class LoadedStudy:
    """A study and where it comes from. acts: how many of each kind of event are dated
    within the years."""

    study: Study
    years: tuple[int, int]
    reports: tuple[ReadReport, ...]
    notes: tuple[str, ...]
    acts: dict[str, int]


def load_events(
    folder: Path, first: int | None = None, last: int | None = None
) -> LoadedStudy:
    """Read a folder's dyad-years and acts.

    first, last: years; by default those in which the dyad-years and all sources of acts
    are known, with a year of acts to come. Raises DataError."""
    DYAD_YEARS.require(folder)
    outcomes = DYAD_YEARS.of(folder)
    acts = _acts(folder)
    years = _years(outcomes, acts, first, last)
    frame = outcomes.frame[outcomes.frame["year"].between(*years)]
    if frame.empty:
        raise DataError(
            f"no outcome is dated {years[0]}-{years[1]}", "Give other years", folder
        )
    states, edges = layers.roster(*years), year_edges(*years)
    dated = pd.concat([read.frame for read in acts.values()], ignore_index=True)
    counts = (
        dated.loc[dated["day"].dt.year.between(*years), "kind"]
        .value_counts()
        .sort_index()
    )
    window = (
        edges[0] - DAYS_PER_YEAR * BEFORE_YEARS,
        edges[-1] + DAYS_PER_YEAR * AFTER_YEARS,
    )
    is_before_end = dated["day"] < EPOCH + pd.Timedelta(days=window[1])
    dated = dated[is_before_end].reset_index(drop=True)
    quarrels = {name: SOURCES[LAYERS_OF[name][0]].of(folder) for name in QUARRELS}
    layers_of, notes = _quarrels(quarrels, states, np.arange(years[0], years[1] + 1))
    study = Study(
        panel=_panel(frame, states, years[0]),
        edges=edges,
        acts=act_sets(dated, states.position, states.size).involving_two(),
        rivals=layers_of["rivalry"],
        quarrel=np.asarray(
            sum(
                reference_values()[f"parameters.{QUARRELS[name]}"] * layer
                for name, layer in layers_of.items()
            )
        ),
        window=window,
    )
    reads = [outcomes, *acts.values(), *quarrels.values()]
    reports = [read.report for read in reads if not read.report.is_missing]
    if "exercises" in acts:
        participants = open_participants(folder)
        reports.append(participants.read(participants.text, None).report)
    return LoadedStudy(
        study=study,
        years=years,
        reports=tuple(reports),
        notes=tuple(notes),
        acts={str(kind): int(count) for kind, count in counts.items()},
    )


def _acts(folder: Path) -> dict[str, Read]:
    """The sources of acts that are there. Raises DataError without any."""
    reads = {name: source.of(folder) for name, source in ACTS.items()}
    acts = {name: read for name, read in reads.items() if not read.report.is_missing}
    if not acts:
        raise DataError(
            "no file of dated acts is there",
            f"Put one of {', '.join(ACTS)} into it: docs/event_weights.md",
            folder,
            code=NO_FILE,
        )
    return acts


def _years(
    outcomes: Read, acts: Mapping[str, Read], first: int | None, last: int | None
) -> tuple[int, int]:
    """First and last year: those given, else those in which outcome and acts are
    known."""
    began, ended = outcomes.report.first_year, outcomes.report.last_year
    if began is None or ended is None:
        raise DataError(
            "the outcome data hold no row between two states",
            "Look at the codes of its states",
        )
    ends = [read.report.last_year for read in acts.values()]
    covered = [end - AFTER_YEARS for end in ends if end is not None]
    low = began if first is None else first
    high = min([ended, *covered]) if last is None else last
    if low > high:
        raise DataError(
            f"no year from {low} on has both outcomes and all acts (to {high})",
            "Leave out a source of acts that ends early, or give --last",
        )
    return low, high


def _quarrels(
    reads: Mapping[str, Read], states: layers.Roster, years: layers.Ints
) -> tuple[dict[str, layers.Floats], list[str]]:
    """Each layer of quarrel, (T, n, n) 0 or 1, and notes. A source that ends before a
    year is carried forward from its last. Raises DataError without any rivalry."""
    values, notes = {}, []
    for name, read in reads.items():
        end = read.report.last_year or int(years[-1])
        if read.report.is_missing:
            notes.append(f"no file of {name}: none are known")
        elif years[-1] > end + 1:
            notes.append(f"{read.report.source} end in {end}: carried forward")
        _, lay_out = LAYERS_OF[name]
        values[name] = np.nan_to_num(lay_out(read, states, np.minimum(years, end + 1)))
    if not values["rivalry"].any():
        raise DataError(
            "no rivalry of these years is known",
            "Put a file of strategic rivalries into the folder",
        )
    return values, notes


def _panel(frame: pd.DataFrame, states: layers.Roster, first: int) -> EventPanel:
    """Rows of directed dyads and years, counts added up."""
    keys = ["first", "second", "period"]
    table = pd.DataFrame(
        {
            "first": frame["cow_a"].map(states.position),
            "second": frame["cow_b"].map(states.position),
            "period": frame["year"] - first,
            "conflict": frame["conflict"],
            "count": frame["count"],
        }
    )
    table = table.dropna().groupby(keys, as_index=False).sum()
    actor, target, period = (table[key].to_numpy().astype(np.int64) for key in keys)
    conflict, count = table["conflict"].to_numpy(float), table["count"].to_numpy(float)
    return EventPanel(conflict, count, actor, target, period, states.size)
