"""From a folder of data to a study: outcome data, acts, rivalries, claims and wars on
one roster."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.evidence.data import layers
from balance_sim.evidence.data.errors import (
    NO_FILE,
    DataError,
    require_folder,
    require_member,
)
from balance_sim.evidence.data.sources import READERS, file_of, is_match
from balance_sim.evidence.data.table import Read, ReadReport
from balance_sim.evidence.estimation.parameter_files import file_record
from balance_sim.evidence.events.absorbed import EventPanel, Ints, panel_of
from balance_sim.evidence.events.acts import ACTS, ONLY_IF_NAMED, participants_report
from balance_sim.evidence.events.exposure import EPOCH, Periods, act_sets, days_of
from balance_sim.evidence.events.measurement import (
    Study,
    shipped_parameters,
    shipped_weights,
)
from balance_sim.evidence.events.outcomes import OUTCOMES

YEARLY_OUTCOME = "icews-years"
PERIODS = ("year", "quarter", "month")
DAYS_PER_YEAR = 365.25
BEFORE_YEARS, AFTER_YEARS = 5, 1
"""Years before and after a panel in which acts are moved by a permutation."""


@dataclass(frozen=True)
class LoadedStudy:
    """A study and where it comes from. acts: how many of each kind of event are dated
    within the years."""

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
) -> LoadedStudy:
    """Read a folder's outcome data and acts.

    outcome: a name in `OUTCOMES`, the first that is there if none is given. period:
    year, quarter or month. first, last: years; by default those in which the outcome
    and all sources of acts are known, with a year of acts to come. sources: names in
    `ACTS` (all that are there, if none are given). audiences: ISO codes of the states
    of each. Raises DataError."""
    require_folder(folder)
    require_member("period", period, PERIODS)
    notes: list[str] = []
    name, files = _outcome_files(folder, outcome)
    outcomes = [OUTCOMES[name][0](path) for path in files]
    acts = _read_sources(folder, sources, notes)
    years = _years(outcomes, acts, first, last)
    frame = pd.concat([read.frame for read in outcomes])
    frame = frame[frame["day"].dt.year.between(*years)]
    if frame.empty:
        message = f"no outcome is dated {years[0]}-{years[1]}"
        raise DataError(message, "Give other years", folder)
    if period != "year" and name == YEARLY_OUTCOME:
        message = "counts by year have no shorter periods"
        raise DataError(message, "Leave --period out", folder, value=period)
    states, periods = layers.roster(*years), Periods.of(*years, period)
    dated = pd.concat([read.frame for read in acts.values()], ignore_index=True)
    quarrels = _quarrels(folder, states, years, notes)
    groups = audiences or {}
    study = _study(frame, dated, quarrels, states, periods, groups)
    is_within = dated["day"].dt.year.between(*years)
    counts = dated.loc[is_within, "kind"].value_counts().sort_index()
    reads = [*outcomes, *acts.values(), *quarrels.reads]
    reports = [read.report for read in reads]
    if "exercises" in acts:
        exercises = Path(acts["exercises"].report.path)
        reports.append(participants_report(exercises))
    return LoadedStudy(
        study=study,
        outcome=name,
        period=period,
        years=years,
        reports=tuple(reports),
        notes=tuple(notes),
        acts={str(kind): int(count) for kind, count in counts.items()},
    )


def files_used(loaded: LoadedStudy) -> list[dict[str, object]]:
    """Every file that was read: source, name, rows, rows left out by reason, sha256."""
    return [file_record(report) for report in loaded.reports]


# --- files ----------------------------------------------------------------------------


def _matches(folder: Path, patterns: Sequence[str]) -> list[Path]:
    """The files that fit the first pattern that any file fits."""
    listing = sorted(path for path in folder.iterdir() if path.is_file())
    for pattern in patterns:
        matches = [path for path in listing if is_match(path, pattern)]
        if matches:
            return matches
    return []


def _outcome_files(folder: Path, outcome: str | None) -> tuple[str, list[Path]]:
    """The outcome asked for, or the first that is there, and its files."""
    if outcome is not None:
        require_member("outcome", outcome, tuple(OUTCOMES))
    names = list(OUTCOMES) if outcome is None else [outcome]
    for name in names:
        matches = _matches(folder, OUTCOMES[name][1])
        if matches:
            return name, matches
    patterns = [pattern for name in names for pattern in OUTCOMES[name][1]]
    message = "no file of dyadic event data is there"
    hint = f"Put one of {', '.join(patterns)} into it"
    raise DataError(message, hint, folder, code=NO_FILE)


def _read_sources(
    folder: Path, sources: Sequence[str], notes: list[str]
) -> dict[str, Read]:
    """The sources of acts that are asked for, or all that are there."""
    usual = [name for name in ACTS if name not in ONLY_IF_NAMED]
    reads = {}
    for name in sources or usual:
        require_member("acts", name, tuple(ACTS))
        read = _read_source(folder, name, notes)
        if read is not None:
            reads[name] = read
        elif sources:
            hint = f"Put {' or '.join(ACTS[name][1])} into it"
            message = f"no file of {name} is there"
            raise DataError(message, hint, folder, code=NO_FILE)
    if not reads:
        hint = f"Put one of {', '.join(ACTS)} into it: docs/evidence.md"
        message = "no file of dated acts is there"
        raise DataError(message, hint, folder, code=NO_FILE)
    return reads


def _read_source(folder: Path, name: str, notes: list[str]) -> Read | None:
    """A source of acts; None where there is no file of it. Raises DataError for a kind
    of event that there is not."""
    reader, patterns = ACTS[name]
    matches = _matches(folder, patterns)
    if not matches:
        return None
    if len(matches) > 1:
        names = ", ".join(path.name for path in matches)
        notes.append(f"of {names} the last is read")
    read = reader(matches[-1])
    kinds = shipped_weights()
    unknown = sorted(set(read.frame["kind"]) - set(kinds))
    if unknown:
        message = f"no kind of event is called {unknown[0]}"
        hint = f"Use {', '.join(sorted(kinds))}"
        raise DataError(message, hint, matches[-1], column="kind", value=unknown[0])
    return read


def _years(
    outcomes: Sequence[Read],
    acts: Mapping[str, Read],
    first: int | None,
    last: int | None,
) -> tuple[int, int]:
    """First and last year: those given, else those in which outcome and acts are
    known."""
    reports = [read.report for read in outcomes]
    began = [r.first_year for r in reports if r.first_year is not None]
    ended = [r.last_year for r in reports if r.last_year is not None]
    if not began:
        message = "the outcome data hold no row between two states"
        raise DataError(message, "Look at the codes of its states")
    ends = [read.report.last_year for read in acts.values()]
    covered = [end - AFTER_YEARS for end in ends if end is not None]
    low = first if first is not None else min(began)
    high = last if last is not None else min([max(ended), *covered])
    if low > high:
        message = f"no year from {low} on has both outcomes and all acts (to {high})"
        hint = "Leave out a source of acts that ends early (--acts), or give --last"
        raise DataError(message, hint)
    return low, high


# --- the study ------------------------------------------------------------------------


@dataclass(frozen=True)
class _Quarrels:
    """rivals: (T, n, n) 0 or 1; nats: (T, n, n) of quarrel; by year from `first`."""

    first: int
    rivals: layers.Floats
    nats: layers.Floats
    reads: tuple[Read, ...]


def _quarrels(
    folder: Path, states: layers.Roster, span: tuple[int, int], notes: list[str]
) -> _Quarrels:
    """Rivals and nats of quarrel. A source that ends before a year is carried forward
    from its last."""
    first, last = span
    years = np.arange(first, last + 1, dtype=np.int64)
    reads: list[Read] = []
    values: dict[str, layers.Floats] = {}
    for name, layer in QUARREL_LAYERS.items():
        path, _ = file_of(folder, name)
        if path is None:
            notes.append(f"no file of {name}: none are known")
            values[name] = states.square(years)
            continue
        read = READERS[name](path)
        reads.append(read)
        end = read.report.last_year or last
        if (years > end + 1).any():
            notes.append(f"{name} end in {end}: carried forward")
        carried = np.minimum(years, end + 1)
        values[name] = np.nan_to_num(layer(read, states, carried))
    if not values["rivalry"].any():
        message = "no rivalry of these years is known"
        raise DataError(message, "Put a file of strategic rivalries into it", folder)
    weights = shipped_parameters("eta_rivalry", "eta_claim", "eta_war")
    weighted = [weights[k] * values[name] for k, name in enumerate(values)]
    return _Quarrels(first, values["rivalry"], np.asarray(sum(weighted)), tuple(reads))


def _wars(read: Read, states: layers.Roster, years: Ints) -> layers.Floats:
    return layers.disputes(read, states, years)[1]


QUARREL_LAYERS: Mapping[str, Callable[[Read, layers.Roster, Ints], layers.Floats]] = {
    "rivalry": layers.rivalry,
    "claims": layers.claims,
    "disputes": _wars,
}


def _study(
    outcomes: pd.DataFrame,
    acts: pd.DataFrame,
    quarrels: _Quarrels,
    states: layers.Roster,
    periods: Periods,
    audiences: Mapping[str, Collection[str]],
) -> Study:
    """Outcomes, acts and quarrels on one roster."""
    window = (
        periods.starts[0] - DAYS_PER_YEAR * BEFORE_YEARS,
        periods.ends[-1] + DAYS_PER_YEAR * AFTER_YEARS,
    )
    is_before_end = acts["day"] < EPOCH + pd.Timedelta(days=window[1])
    dated = acts[is_before_end].reset_index(drop=True)
    sets = act_sets(dated, states.position, states.size).involving_two()
    years = [int(name[:4]) - quarrels.first for name in periods.names]
    audience = [_audience(code, audiences) for code in states.iso3]
    return Study(
        panel=_panel(outcomes, states, periods),
        periods=periods,
        acts=sets,
        rivals=quarrels.rivals[years],
        quarrel=quarrels.nats[years],
        window=window,
        audiences=tuple(audiences),
        audience=np.array(audience, dtype=np.int64),
    )


def _audience(code: str, audiences: Mapping[str, Collection[str]]) -> int:
    """Number of the first audience that a state belongs to; -1 for none."""
    for number, codes in enumerate(audiences.values()):
        if code in codes:
            return number
    return -1


def _panel(frame: pd.DataFrame, states: layers.Roster, periods: Periods) -> EventPanel:
    """Rows of dyads and periods: counts added up, or scores, each over the root mean
    square of its dyad's."""
    keys = ["first", "second", "period"]
    values = ["conflict", "count"] if "count" in frame else ["score"]
    columns = {
        "first": frame["cow_a"].map(states.position),
        "second": frame["cow_b"].map(states.position),
        "period": periods.place(days_of(frame["day"])),
    }
    table = pd.DataFrame(columns)
    table[values] = frame[values].to_numpy()
    is_on_roster = table["first"].notna() & table["second"].notna()
    table = table[is_on_roster & (table["period"] >= 0)]
    table = table.groupby(keys, as_index=False)[values].sum()
    first, second, period = (table[key].to_numpy().astype(np.int64) for key in keys)
    if "count" in table:
        conflict = table["conflict"].to_numpy(float)
        count = table["count"].to_numpy(float)
        return panel_of(conflict, count, first, second, period, states.size)
    low, high = np.minimum(first, second), np.maximum(first, second)
    by_dyad = (table["score"] ** 2).groupby([low, high])
    squares = by_dyad.transform("mean").to_numpy()
    scale = np.sqrt(np.where(squares > 0, squares, 1.0))
    conflict = -table["score"].to_numpy() / scale
    return panel_of(conflict, None, low, high, period, states.size)
