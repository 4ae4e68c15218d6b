"""From a folder of data to a study: outcome data, acts, rivalries, claims and wars on
one roster."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.evidence.data import layers
from balance_sim.evidence.data.errors import DataError, require_folder, require_member
from balance_sim.evidence.data.sources import READERS, file_of
from balance_sim.evidence.data.table import Read, ReadReport
from balance_sim.evidence.estimation.parameter_files import file_record
from balance_sim.evidence.events.absorbed import EventPanel, panel_of
from balance_sim.evidence.events.acts import ACTS, ONLY_IF_NAMED, participants_report
from balance_sim.evidence.events.exposure import Periods, act_sets
from balance_sim.evidence.events.measurement import (
    Study,
    shipped_parameters,
    shipped_weights,
)
from balance_sim.evidence.events.outcomes import OUTCOMES

PERIODS = ("year", "quarter", "month")
BEFORE_YEARS, AFTER_YEARS = 5, 1
"""Years before and after a panel in which acts are moved by a permutation."""


@dataclass(frozen=True)
class Loaded:
    """A study and where it comes from."""

    study: Study
    outcome: str
    period: str
    years: tuple[int, int]
    reports: tuple[ReadReport, ...]
    notes: tuple[str, ...]
    acts: dict[str, int]


def load_events(
    folder: Path,
    outcome: str | None = None,
    period: str = "year",
    first: int | None = None,
    last: int | None = None,
    sources: Sequence[str] = (),
    audiences: Mapping[str, Collection[str]] | None = None,
) -> Loaded:
    """Read a folder's outcome data and acts.

    outcome: a name in `OUTCOMES`, the first that is there if none is given. period:
    year, quarter or month. first, last: years; by default those in which the outcome
    and all sources of acts are known, with a year of acts to come. sources: names in
    `ACTS` (all that are there, if none are given). audiences: ISO codes of the states
    of each. Raises DataError."""
    require_folder(folder)
    require_member("period", period, PERIODS)
    notes: list[str] = []
    name, files = _outcome(folder, outcome)
    reads = [OUTCOMES[name][0](path) for path in files]
    usual = [source for source in ACTS if source not in ONLY_IF_NAMED]
    found = {
        source: _acts(folder, source, notes, needed=bool(sources))
        for source in sources or usual
    }
    acts = {source: read for source, read in found.items() if read}
    if not acts:
        hint = f"Put one of {', '.join(ACTS)} into it: docs/evidence.md"
        raise DataError("no file of dated acts is there", hint, folder)
    low, high = _span(reads, acts, first, last)
    frame = pd.concat([read.frame for read in reads])
    frame = frame[frame["day"].dt.year.between(low, high)]
    if frame.empty:
        raise DataError(f"no outcome is dated {low}-{high}", "Give other years", folder)
    if period != "year" and name == "icews-years":
        raise DataError(
            "counts by year have no shorter periods",
            "Leave --period out",
            folder,
            value=period,
        )
    states, periods = layers.roster(low, high), Periods.of(low, high, period)
    years = np.arange(low, high + 1, dtype=np.int64)
    rivals, quarrel, used = _quarrels(folder, states, years, notes)
    of_year = np.array([int(one[:4]) - low for one in periods.names])
    panel = _panel(frame, states, periods)
    dated = pd.concat([read.frame for read in acts.values()], ignore_index=True)
    window = (
        periods.starts[0] - 365.25 * BEFORE_YEARS,
        periods.ends[-1] + 365.25 * AFTER_YEARS,
    )
    dated = dated[
        dated["day"] < pd.Timestamp("1970-01-01") + pd.Timedelta(days=window[1])
    ]
    sets = act_sets(
        dated.reset_index(drop=True), states.position, states.size
    ).involving_two()
    given = audiences or {}
    heard = [
        next((a for a, codes in enumerate(given.values()) if code in codes), -1)
        for code in states.iso3
    ]
    of_states = np.array(heard, dtype=np.int64)
    study = Study(
        panel,
        periods,
        sets,
        rivals[of_year],
        quarrel[of_year],
        window,
        tuple(given),
        of_states,
    )
    inside = dated[dated["day"].dt.year.between(low, high)]
    counts = {
        str(kind): int(count)
        for kind, count in inside["kind"].value_counts().sort_index().items()
    }
    reports = tuple(read.report for read in [*reads, *acts.values(), *used])
    if "exercises" in acts:
        reports = (*reports, participants_report(Path(acts["exercises"].report.path)))
    return Loaded(study, name, period, (low, high), reports, tuple(notes), counts)


def files_used(data: Loaded) -> list[dict[str, object]]:
    """Every file that was read: source, name, rows, rows left out by reason, sha256."""
    return [file_record(report) for report in data.reports]


def _fits(folder: Path, patterns: Sequence[str]) -> list[Path]:
    listing = sorted(path for path in folder.iterdir() if path.is_file())
    for wanted in patterns:
        found = [
            path
            for path in listing
            if fnmatch(path.name.lower().removesuffix(".gz"), wanted.lower())
        ]
        if found:
            return found
    return []


def _outcome(folder: Path, outcome: str | None) -> tuple[str, list[Path]]:
    if outcome is not None:
        require_member("outcome", outcome, tuple(OUTCOMES))
    for name in [outcome] if outcome else OUTCOMES:
        if found := _fits(folder, OUTCOMES[name][1]):
            return name, found
    wanted = [
        file
        for name in ([outcome] if outcome else OUTCOMES)
        for file in OUTCOMES[name][1]
    ]
    raise DataError(
        "no file of dyadic event data is there",
        f"Put one of {', '.join(wanted)} into it",
        folder,
    )


def _acts(folder: Path, source: str, notes: list[str], *, needed: bool) -> Read | None:
    require_member("acts", source, tuple(ACTS))
    reader, patterns = ACTS[source]
    found = _fits(folder, patterns)
    if not found:
        if needed:
            raise DataError(
                f"no file of {source} is there",
                f"Put {' or '.join(patterns)} into it",
                folder,
            )
        return None
    if len(found) > 1:
        notes.append(f"of {', '.join(path.name for path in found)} the last is read")
    read = reader(found[-1])
    known = shipped_weights()
    if strange := sorted(set(read.frame["kind"]) - set(known)):
        why = f"no kind of event is called {strange[0]}"
        raise DataError(
            why,
            f"Use {', '.join(sorted(known))}",
            found[-1],
            column="kind",
            value=strange[0],
        )
    return read


def _span(
    reads: Sequence[Read], acts: dict[str, Read], first: int | None, last: int | None
) -> tuple[int, int]:
    began = [
        read.report.first_year for read in reads if read.report.first_year is not None
    ]
    ended = [
        read.report.last_year for read in reads if read.report.last_year is not None
    ]
    if not began:
        raise DataError(
            "the outcome data hold no row between two states",
            "Look at the codes of its states",
        )
    covered = [
        read.report.last_year - AFTER_YEARS
        for read in acts.values()
        if read.report.last_year is not None
    ]
    low = first if first is not None else min(began)
    high = last if last is not None else min([max(ended), *covered])
    if low > high:
        why = f"no year from {low} on has both outcomes and all acts (to {high})"
        raise DataError(
            why, "Leave out a source of acts that ends early (--acts), or give --last"
        )
    return low, high


def _quarrels(
    folder: Path, states: layers.Roster, years: np.ndarray, notes: list[str]
) -> tuple[layers.Floats, layers.Floats, list[Read]]:
    """(T, n, n) rivals and nats of quarrel. A source that ends before a year is carried
    forward from its last."""
    used, found = [], {}
    of = {
        "rivalry": layers.rivalry,
        "claims": layers.claims,
        "disputes": lambda *given: layers.disputes(*given)[1],
    }
    for name, layer in of.items():
        path, _ = file_of(folder, name)
        if path is None:
            notes.append(f"no file of {name}: none are known")
            found[name] = np.zeros((len(years), states.size, states.size))
            continue
        used.append(read := READERS[name](path))
        end = read.report.last_year or int(years[-1])
        if (years > end + 1).any():
            notes.append(f"{name} end in {end}: carried forward")
        found[name] = np.nan_to_num(layer(read, states, np.minimum(years, end + 1)))
    if not found["rivalry"].any():
        raise DataError(
            "no rivalry of these years is known",
            "Put a file of strategic rivalries into it",
            folder,
        )
    nats = shipped_parameters("eta_rivalry", "eta_claim", "eta_war")
    quarrel = sum(
        weight * found[name] for weight, name in zip(nats, found, strict=True)
    )
    return found["rivalry"], np.asarray(quarrel), used


def _panel(frame: pd.DataFrame, states: layers.Roster, periods: Periods) -> EventPanel:
    """Rows of dyads and periods: counts added up, or scores, each over the root mean
    square of its dyad's."""
    days = np.asarray(
        (frame["day"] - pd.Timestamp("1970-01-01")).dt.days, dtype=np.float64
    )
    sides = {
        side: frame[cow].map(states.position)
        for side, cow in (("first", "cow_a"), ("second", "cow_b"))
    }
    table = pd.DataFrame({**sides, "period": periods.place(days)})
    value = ["conflict", "count"] if "count" in frame else ["score"]
    table[value] = frame[value].to_numpy()
    table = table[
        table["first"].notna() & table["second"].notna() & (table["period"] >= 0)
    ]
    table = table.groupby(["first", "second", "period"], as_index=False)[value].sum()
    first, second, period = (
        table[name].to_numpy().astype(np.int64)
        for name in ("first", "second", "period")
    )
    if "count" in table:
        conflict, count = (
            table["conflict"].to_numpy(float),
            table["count"].to_numpy(float),
        )
        return panel_of(conflict, count, first, second, period, states.size)
    low, high = np.minimum(first, second), np.maximum(first, second)
    square = (table["score"] ** 2).groupby([low, high]).transform("mean").to_numpy()
    scale = np.sqrt(np.where(square > 0, square, 1.0))
    return panel_of(
        -table["score"].to_numpy() / scale, None, low, high, period, states.size
    )
