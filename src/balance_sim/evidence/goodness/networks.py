"""Goodness of fit: the network of new agreements as observed, beside those that a model
simulates.

Each replication, and what was observed, becomes a vector of statistics in groups; each
group is compared by `statistics`. `compare` does not know how agreements were
simulated, so anybody's can be compared (as btergm's `createGOF`: Leifeld, Cranmer,
Desmarais 2018, Journal of Statistical Software 83(6)).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.evidence.goodness import statistics
from balance_sim.evidence.goodness.statistics import (
    MahalanobisFit,
    lies_among,
    mid_ranks,
)
from balance_sim.model.core import NEW, Bools, Floats
from balance_sim.model.world import distances
from balance_sim.scenario.errors import plain_data
from balance_sim.scenario.schema import Scenario

DEGREES = np.array([1, 2, 3, 4, 5, 6, 8, 10, 15, 20])
LONGEST, SHARED = 6, 5
DEMOCRACY = 0.5
"""A state is one from this on of the 0..1 of V-Dem's polyarchy: the middle of the
scale."""
REGIMES = {"two democracies": 2, "one democracy": 1, "no democracy": 0}
LOW, HIGH = 0.05, 0.95
TEST = ("p", "p_sienagof", "distance", "dimension", "variances_alone")
"""Keys of a group's test, in the order of a `MahalanobisFit`."""
COLUMNS = ["run", "a", "b", "kind", "signed", "opened", "in_force"]


@dataclass(frozen=True)
class StateFacts:
    """What is known of the n states `codes`.

    km: (n, n) distance; democracy: (n,) 0..1, NaN where it is not known; hostile: (n,
    n) whether a dispute is on record between two of them."""

    codes: tuple[str, ...]
    km: Floats
    democracy: Floats
    hostile: Bools


@dataclass(frozen=True)
class Span:
    """Agreements dated from the day `first` to the day before `stop` are compared."""

    first: date
    stop: date

    @property
    def last(self) -> date:
        """The last day."""
        return date.fromordinal(self.stop.toordinal() - 1)

    @property
    def years(self) -> float:
        """Length in years."""
        return (self.stop - self.first).days / 365.25

    @property
    def calendar(self) -> tuple[int, ...]:
        """Every calendar year that it touches."""
        return tuple(range(self.first.year, self.last.year + 1))


# --- tables of new agreements ---------------------------------------------------------
#
# One history or several, a row an agreement. run: number of the history; a, b:
# positions on the roster; kind; signed: ordinal of the date; talks, force: days from
# talks to signature, and to entry into force; NaN: not known, infinite: known not to be
# in force.


def signed_within(agreements: pd.DataFrame, span: Span) -> pd.DataFrame:
    """The agreements signed within a span."""
    first, stop = span.first.toordinal(), span.stop.toordinal()
    return agreements[(agreements["signed"] >= first) & (agreements["signed"] < stop)]


def known_within(agreements: pd.DataFrame, span: Span) -> pd.DataFrame:
    """Those signed within a span. A lag that ends after it is not known: neither side
    can have seen it."""
    signed = signed_within(agreements, span)
    in_force = signed["signed"] + signed["force"]
    return signed.assign(force=signed["force"].where(in_force < span.stop.toordinal()))


# --- statistics -----------------------------------------------------------------------


def statistics_of(
    facts: StateFacts,
    agreements: pd.DataFrame,
    kinds: Sequence[str],
    years: Sequence[int],
) -> dict[str, dict[str, float]]:
    """Group -> statistic -> number, of one history, in the order in which groups are
    shown.

    kinds, years: those that get a number of their own. NaN: not known, or of no
    agreement at all."""
    columns = ("a", "b", "kind", "signed", "talks", "force")
    a, b, kind, signed, talks, force = (agreements[name].to_numpy() for name in columns)
    tie = statistics.tied(len(facts.codes), a, b)
    calendar = [date.fromordinal(int(day)).year for day in signed]
    of_state = np.bincount(np.concatenate([a, b]), minlength=len(facts.codes))
    lengths = [*map(str, range(1, LONGEST + 1)), f"more than {LONGEST}"]
    partners = [*map(str, range(SHARED)), f"{SHARED} or more"]
    degrees = statistics.cumulative_degrees(tie, DEGREES)
    quartiles = ("lower quartile, km", "median, km", "upper quartile, km")
    hostile = _known(facts.hostile[a, b])
    at_once = np.where(np.isfinite(force), force <= 0, np.nan)
    return {
        "degree": _named([f"at most {degree}" for degree in DEGREES], degrees),
        "isolates": {"states without": statistics.isolates(tie)},
        "geodesics": _named(
            [*lengths, "not connected"], statistics.geodesics(tie, LONGEST)
        ),
        "shared_partners": _named(partners, statistics.shared_partners(tie, SHARED)),
        "triads": _named(
            ["no tie", "1 tie", "2 ties", "3 ties"], statistics.triads(tie)
        ),
        "transitivity": {"transitivity": statistics.transitivity(tie)},
        "modularity": {"modularity": statistics.modularity(tie)},
        "repeats": {"share": statistics.repeats(a, b)},
        "distance": _named(quartiles, _quantiles(facts.km[a, b], (0.25, 0.5, 0.75))),
        "regimes": _regimes(facts.democracy[[a, b]]),
        "hostile": {"share": hostile},
        "kinds": {name: float((kind == name).sum()) for name in kinds},
        "lags": {
            "talks to signature, days": _known(talks, np.median),
            "in force the same day": _known(at_once),
            "signature to force, days": _known(force[force > 0], np.median),
        },
        "years": {str(year): float(calendar.count(year)) for year in years},
        "states": _named(facts.codes, of_state),
    }


def _named(names: Sequence[str], values: Iterable[float]) -> dict[str, float]:
    return dict(zip(names, map(float, values), strict=True))


def _known(
    values: npt.NDArray[Any], number: Callable[[Floats], Any] = np.mean
) -> float:
    """The mean, or another number, of the values that are known; NaN of none."""
    finite = values[np.isfinite(values)].astype(np.float64)
    return float(number(finite)) if len(finite) else float("nan")


def _quantiles(values: Floats, shares: Sequence[float]) -> Floats:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return np.full(len(shares), np.nan)
    return np.quantile(finite, shares)


def _regimes(democracy: Floats) -> dict[str, float]:
    """Shares of agreements by the number of democracies among the two. democracy: (2,
    E) of both sides."""
    democracies = (democracy >= DEMOCRACY).sum(axis=0)
    by_agreement = democracies[np.isfinite(democracy).all(axis=0)].astype(np.float64)
    return {name: _known(by_agreement == count) for name, count in REGIMES.items()}


class GoodnessOfFit(dict[str, Any]):
    """A comparison of networks, under the names of docs/json.md: `about`, `span`,
    `replications`, `agreements`, `p`, `groups`, `notes`.

    Each group has `simulated` too, a list a statistic with its value in each
    replication, from which the figure is drawn. NaN, in a file null: not known."""

    def __repr__(self) -> str:
        return f"<GoodnessOfFit: {len(self['groups'])} groups, p {self['p']:.3g}>"

    def group(self, name: str) -> dict[str, Any]:
        """The group of that name."""
        return next(group for group in self["groups"] if group["name"] == name)

    def as_dict(self, *, simulated: bool = False) -> dict[str, Any]:
        """The JSON of `gof --json`. simulated: with every statistic of every
        replication, as the file has it."""
        groups = [dict(group) for group in self["groups"]]
        if not simulated:
            for group in groups:
                del group["simulated"]
        return dict(plain_data(self | {"groups": groups}))


def compare(
    facts: StateFacts,
    span: Span,
    observed: pd.DataFrame,
    simulated: pd.DataFrame,
    runs: int,
) -> dict[str, Any]:
    """Compare what was observed with the R >= 2 replications 0..R-1, all of the span.

    Returned: the keys of a `GoodnessOfFit` from `span` to `groups`. p: of all groups
    together: the share of the R + 1 histories whose sum of ln p over groups is lower
    than that of the observed one, and half of those as low (Fisher's combination, by
    permutation: Pesarin 2001, Multivariate Permutation Tests, ch. 6)."""
    record = known_within(observed, span).assign(run=0)
    replications = known_within(simulated, span)
    kinds = sorted({*record["kind"], *replications["kind"]})
    observed_vectors = vectors_of(facts, span, record, 1, kinds)
    simulated_vectors = vectors_of(facts, span, replications, runs, kinds)
    groups, logs = [], np.zeros(runs + 1)
    for name, (names, values) in observed_vectors.items():
        group, fit = compare_group(
            name, names, np.vstack([values, simulated_vectors[name][1]])
        )
        groups.append(group)
        if fit is not None:
            logs += np.log(fit.ranks)
    return {
        "span": {
            "first": span.first.isoformat(),
            "last": span.last.isoformat(),
            "years": span.years,
        },
        "replications": runs,
        "agreements": len(record),
        "p": float(mid_ranks(-logs)[0]),
        "groups": groups,
    }


def vectors_of(
    facts: StateFacts,
    span: Span,
    agreements: pd.DataFrame,
    runs: int,
    kinds: Sequence[str],
) -> dict[str, tuple[list[str], Floats]]:
    """Group -> names of its K statistics, and (R, K) their values in each of the
    histories 0..R-1."""
    by_run, none = dict(iter(agreements.groupby("run"))), agreements.iloc[:0]
    histories = [
        statistics_of(facts, by_run.get(run, none), kinds, span.calendar)
        for run in range(runs)
    ]
    vectors = {}
    for group, names in histories[0].items():
        rows = [list(history[group].values()) for history in histories]
        vectors[group] = (list(names), np.array(rows).reshape(runs, -1))
    return vectors


def compare_group(
    name: str, names: list[str], values: Floats
) -> tuple[dict[str, Any], MahalanobisFit | None]:
    """A group and its test. values: (R + 1, K), the observed history first. No test
    where nothing of the group is known on one side."""
    observed, simulated = values[0], values[1:]
    statistics = []
    for statistic, number, column in zip(names, observed, simulated.T, strict=True):
        low, high = _quantiles(column, (LOW, HIGH)).tolist()
        row = {"name": statistic, "observed": float(number), "mean": _known(column)}
        row |= {"q05": low, "q95": high, "outside": bool(number < low or number > high)}
        statistics.append(row)
    is_known = np.isfinite(simulated).any(axis=0) & np.isfinite(observed)
    unknown = [names[place] for place in np.flatnonzero(~is_known)]
    fit = None
    if is_known.any():
        tested = values[:, is_known]
        means = np.nanmean(tested[1:], axis=0)
        tested = np.where(np.isfinite(tested), tested, means)
        fit = lies_among(tested[0], tested[1:])
    group = {"name": name, **dict.fromkeys(TEST), "not_tested": None}
    if fit is not None:
        group |= zip(TEST, fit, strict=False)
    if unknown:
        group["not_tested"] = f"not known on one side: {', '.join(unknown)}"
    group |= {"statistics": statistics, "simulated": simulated.T.tolist()}
    return group, fit


def facts_of(scenario: Scenario) -> StateFacts:
    """What the statistics need to know of the states. A dispute: a row of the table
    with any part above 0."""
    position = {code: i for i, code in enumerate(scenario.codes)}
    hostile = np.zeros((len(position), len(position)), dtype=bool)
    for row in scenario.disputes:
        if max(row.rivalry, row.claim, row.militarised, row.war) > 0:
            a, b = position[row.a], position[row.b]
            hostile[a, b] = hostile[b, a] = True
    democracy = [state.democracy for state in scenario.states]
    polyarchy = np.array([np.nan if value is None else value for value in democracy])
    return StateFacts(scenario.codes, distances(scenario), polyarchy, hostile)


def recorded(scenario: Scenario) -> pd.DataFrame:
    """A scenario's signed bilateral agreements, as history 0; the lag of those not in
    force yet is infinite."""
    rows, waits = [], []
    for row in scenario.agreements:
        if row.signed is not None and not row.multilateral:
            in_force = row.in_force if row.precision == "day" else None
            rows.append([0, row.a, row.b, row.kind, row.signed, row.opened, in_force])
            waits.append(row.status == "signed" and row.in_force is None)
    table = from_table(pd.DataFrame(rows, columns=COLUMNS), scenario.codes)
    return table.assign(force=table["force"].mask(np.array(waits, dtype=bool), np.inf))


def newly_signed(agreements: pd.DataFrame, codes: Sequence[str]) -> pd.DataFrame:
    """The new agreements of a study's table of agreements: signed in the run, neither
    signed nor fixed at its start."""
    is_new = agreements["origin"].astype(str).isin(NEW)
    return from_table(agreements[is_new & agreements["signed"].notna()], codes)


def from_table(frame: pd.DataFrame, codes: Sequence[str]) -> pd.DataFrame:
    """From COLUMNS, the last two blank where they are not known."""
    position = {code: i for i, code in enumerate(codes)}
    signed = pd.to_datetime(frame["signed"])

    def lag(name: str) -> Floats:
        """Days from the signature to a date, NaN where that is not known."""
        days = (pd.to_datetime(frame[name]) - signed).dt.days
        return np.asarray(days.to_numpy(dtype=np.float64, na_value=np.nan))

    sides = frame[["a", "b"]].astype(str).map(position.__getitem__).to_numpy(np.int64)
    return pd.DataFrame(
        {
            "run": frame["run"].to_numpy(dtype=np.int64),
            "a": sides.min(axis=1),
            "b": sides.max(axis=1),
            "kind": frame["kind"].astype(str).to_numpy(),
            "signed": np.array([day.toordinal() for day in signed], dtype=np.int64),
            "talks": np.abs(lag("opened")),
            "force": lag("in_force"),
        }
    )
