"""Goodness of fit: the network of new agreements as observed, beside those that a model
simulates.

Each replication, and what was observed, becomes a vector of statistics in groups; each
group is compared by
`stats.networks`. `compare` does not know how agreements were simulated, so anybody's can be compared (as btergm's
`createGOF`: Leifeld, Cranmer, Desmarais 2018, Journal of Statistical Software 83(6)).

A scenario is set back to an earlier day, and compared with its own record since:
agreements stay that were signed, or in talks, before the day, without what came of them
later or any fixed date. Events happen on their days. What has no dates (states'
figures, disputes, distances, trade, audiences) stays as at the scenario's own start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.evidence.goodness import statistics as networks
from balance_sim.evidence.goodness.statistics import (
    MahalanobisFit,
    lies_among,
    mid_ranks,
)
from balance_sim.model.core import Bools, Floats, Ints
from balance_sim.model.world import distances
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.schema import Agreement, Arm, Event, Report, Scenario
from balance_sim.study.outcomes import NEW

DEGREES = np.array([1, 2, 3, 4, 5, 6, 8, 10, 15, 20])
LONGEST, SHARED = 6, 5
DEMOCRACY = 0.5  # a state is one from this on of the 0..1 of V-Dem's polyarchy: the middle of the scale
LOW, HIGH = 0.05, 0.95


@dataclass(frozen=True)
class StateFacts:
    """What is known of the n states `codes`; NaN or None: not known.

    km: (n, n) distance; democracy: (n,) 0..1; hostile: (n, n) whether a dispute is on
    record between two of them."""

    codes: tuple[str, ...]
    km: Floats | None = None
    democracy: Floats | None = None
    hostile: Bools | None = None


@dataclass(frozen=True)
class Span:
    """Agreements dated from the day `first` to the day before `stop` are compared."""

    first: date
    stop: date

    @property
    def years(self) -> float:
        return (self.stop - self.first).days / 365.25

    @property
    def calendar(self) -> tuple[int, ...]:
        return tuple(
            range(self.first.year, date.fromordinal(self.stop.toordinal() - 1).year + 1)
        )


@dataclass(frozen=True)
class Agreements:
    """New agreements, E of them, of one history or of several. All arrays (E,).

    run: number of the history; a, b: positions on the roster; kind: word; signed:
    ordinal of the date; talks, force: days from talks to signature, and to entry into
    force; NaN: not known, infinite: known not to be in force."""

    run: Ints
    a: Ints
    b: Ints
    kind: npt.NDArray[np.str_]
    signed: Ints
    talks: Floats
    force: Floats

    def __len__(self) -> int:
        return len(self.run)

    def where(self, rows: Bools | Ints) -> Agreements:
        return Agreements(
            *(getattr(self, name)[rows] for name in self.__dataclass_fields__)
        )

    def signed_within(self, span: Span) -> Agreements:
        return self.where(
            (self.signed >= span.first.toordinal())
            & (self.signed < span.stop.toordinal())
        )

    def within(self, span: Span) -> Agreements:
        """Those signed within a span. A lag that ends after it is not known: neither
        side can have seen it."""
        kept = self.signed_within(span)
        seen = (
            kept.signed + np.nan_to_num(kept.force, nan=np.inf) < span.stop.toordinal()
        )
        return replace(kept, force=np.where(seen, kept.force, np.nan))


@dataclass(frozen=True)
class Statistic:
    """One number: as observed, and its mean and 5-95 % band over replications."""

    name: str
    observed: float
    mean: float
    low: float
    high: float

    @property
    def outside(self) -> bool:
        return self.observed < self.low or self.observed > self.high


@dataclass(frozen=True)
class Group:
    """A group of statistics and its test. simulated: (R, K), a column a statistic. why:
    what is not tested, or None.

    fit: None where nothing of the group is known on one side."""

    name: str
    statistics: tuple[Statistic, ...]
    simulated: Floats
    fit: MahalanobisFit | None
    why: str | None = None


@dataclass(frozen=True)
class GofComparison:
    """Every group of one comparison. states: agreements a year of each, the furthest
    from the simulated mean first.

    p: of all groups together: the share of the R + 1 histories whose sum of ln p over
    groups is lower than that of the observed one, and half of those as low (Fisher's
    combination, by permutation: Pesarin 2001, Multivariate Permutation Tests, ch.
    6)."""

    span: Span
    replications: int
    observed: int
    groups: tuple[Group, ...]
    states: tuple[Statistic, ...]
    p: float
    notes: tuple[str, ...] = ()

    def group(self, name: str) -> Group:
        return next(one for one in self.groups if one.name == name)


def statistics_of(
    ground: StateFacts, made: Agreements, kinds: Sequence[str], years: Sequence[int]
) -> dict[str, dict[str, float]]:
    """Group -> statistic -> number, of one history, in the order in which groups are
    shown.

    kinds, years: those that get a number of their own. NaN: not known, or of no
    agreement at all."""
    tie = networks.tied(len(ground.codes), made.a, made.b)
    calendar = [date.fromordinal(int(day)).year for day in made.signed]
    of_state = np.bincount(
        np.concatenate([made.a, made.b]), minlength=len(ground.codes)
    )

    def named(names: Sequence[str], values: Iterable[float]) -> dict[str, float]:
        return dict(zip(names, map(float, values), strict=True))

    far = [*map(str, range(1, LONGEST + 1)), f"more than {LONGEST}", "not connected"]
    km = np.empty(0) if ground.km is None else ground.km[made.a, made.b]
    near = [*map(str, range(SHARED)), f"{SHARED} or more"]
    return {
        "degree": named(
            [f"at most {k}" for k in DEGREES], networks.cumulative_degrees(tie, DEGREES)
        ),
        "isolates": {"states without": networks.isolates(tie)},
        "geodesics": named(far, networks.geodesics(tie, LONGEST)),
        "shared_partners": named(near, networks.shared_partners(tie, SHARED)),
        "triads": named(["no tie", "1 tie", "2 ties", "3 ties"], networks.triads(tie)),
        "transitivity": {"transitivity": networks.transitivity(tie)},
        "modularity": {"modularity": networks.modularity(tie)},
        "repeats": {"share": networks.repeats(made.a, made.b)},
        "distance": named(
            ("lower quartile, km", "median, km", "upper quartile, km"),
            _quantiles(km, (0.25, 0.5, 0.75)),
        ),
        "regimes": _regimes(ground, made),
        "hostile": {
            "share": np.nan
            if ground.hostile is None
            else _known(ground.hostile[made.a, made.b])
        },
        "kinds": {kind: float((made.kind == kind).sum()) for kind in kinds},
        "lags": {
            "talks to signature, days": _known(made.talks, np.median),
            "in force the same day": _known(
                np.where(np.isfinite(made.force), made.force <= 0, np.nan)
            ),
            "signature to force, days": _known(made.force[made.force > 0], np.median),
        },
        "years": {str(year): float(calendar.count(year)) for year in years},
        "states": named(ground.codes, of_state),
    }


def _known(
    values: npt.NDArray[Any], number: Callable[[Floats], Any] = np.mean
) -> float:
    """The mean, or another number, of the values that are known; NaN of none."""
    known = values[np.isfinite(values)].astype(np.float64)
    return float(number(known)) if len(known) else float("nan")


def _quantiles(values: Floats, shares: Sequence[float]) -> Floats:
    known = values[np.isfinite(values)]
    return np.quantile(known, shares) if len(known) else np.full(len(shares), np.nan)


def _regimes(ground: StateFacts, made: Agreements) -> dict[str, float]:
    names = ("two democracies", "one democracy", "no democracy")
    if ground.democracy is None:
        return dict.fromkeys(names, float("nan"))
    sides = np.stack([ground.democracy[made.a], ground.democracy[made.b]])
    of_two = np.where(
        np.isfinite(sides).all(axis=0), (sides >= DEMOCRACY).sum(axis=0), np.nan
    )
    known = of_two[np.isfinite(of_two)]
    return {
        name: _known(known == count)
        for name, count in zip(names, (2, 1, 0), strict=True)
    }


def compare(
    ground: StateFacts,
    span: Span,
    observed: Agreements,
    simulated: Agreements,
    runs: int,
) -> GofComparison:
    """Compare what was observed with the R >= 2 replications 0..R-1, all of the span.
    Raises ValueError for fewer."""
    if runs < 2:
        raise ValueError("at least two replications are needed")
    seen, made = observed.within(span), simulated.within(span)
    kinds = sorted({*map(str, seen.kind), *map(str, made.kind)})
    parts = [
        vectors_of(ground, span, *one, kinds)
        for one in ((replace(seen, run=0 * seen.run), 1), (made, runs))
    ]
    groups = {
        name: _group(name, names, np.vstack([values, parts[1][name][1]]))
        for name, (names, values) in parts[0].items()
    }
    of_states = (
        Statistic(
            one.name,
            *(
                value / span.years
                for value in (one.observed, one.mean, one.low, one.high)
            ),
        )
        for one in groups["states"].statistics
    )
    pooled = [
        one.fit.ranks
        for one in groups.values()
        if one.fit is not None and one.fit.ranks is not None
    ]
    return GofComparison(
        span,
        runs,
        len(seen),
        tuple(groups.values()),
        tuple(
            sorted(of_states, key=lambda row: (-abs(row.observed - row.mean), row.name))
        ),
        float(mid_ranks(-np.log(pooled).sum(axis=0))[0]),
        tuple(f"{one.name}: {one.why}" for one in groups.values() if one.why),
    )


def vectors_of(
    ground: StateFacts, span: Span, made: Agreements, runs: int, kinds: Sequence[str]
) -> dict[str, tuple[list[str], Floats]]:
    """Group -> names of its K statistics, and (R, K) their values in each of the
    histories 0..R-1."""
    order = np.argsort(made.run, kind="stable")
    edges = np.searchsorted(made.run[order], np.arange(runs + 1))
    found = [
        statistics_of(ground, made.where(order[low:high]), kinds, span.calendar)
        for low, high in pairwise(edges)
    ]
    return {
        name: (
            [*names],
            np.array([[*one[name].values()] for one in found]).reshape(runs, -1),
        )
        for name, names in found[0].items()
    }


def _group(name: str, names: list[str], values: Floats) -> Group:
    """A group and its test. values: (R + 1, K), the observed history first."""
    rows: list[Statistic] = []
    tested: list[int] = []
    for k, (of, column) in enumerate(zip(names, values.T, strict=True)):
        drawn = column[1:]
        rows.append(
            Statistic(
                of,
                float(column[0]),
                _known(drawn),
                *map(float, _quantiles(drawn, (LOW, HIGH))),
            )
        )
        tested += [k] if np.isfinite(drawn).any() and np.isfinite(column[0]) else []
    unknown = [of for k, of in enumerate(names) if k not in tested]
    why = f"not known on one side: {', '.join(unknown)}" if unknown else None
    if not tested:
        return Group(name, tuple(rows), values[1:], None, why)
    whole = values[:, np.array(tested)]
    whole = np.where(np.isfinite(whole), whole, np.nanmean(whole[1:], axis=0))
    return Group(name, tuple(rows), values[1:], lies_among(whole[0], whole[1:]), why)


def ground_of(scenario: Scenario) -> StateFacts:
    """What the statistics need to know of the states. A dispute: a row of the table
    with any part above 0."""
    at = {code: i for i, code in enumerate(scenario.codes)}
    hostile = np.zeros((len(at), len(at)), dtype=bool)
    for row in scenario.disputes:
        if max(row.rivalry, row.claim, row.militarised, row.war) > 0:
            hostile[at[row.a], at[row.b]] = hostile[at[row.b], at[row.a]] = True
    democracy = np.array(
        [np.nan if s.democracy is None else s.democracy for s in scenario.states]
    )
    return StateFacts(scenario.codes, distances(scenario), democracy, hostile)


def recorded(scenario: Scenario) -> Agreements:
    """A scenario's signed bilateral agreements, as history 0; the lag of those not in
    force yet is infinite."""
    rows = [
        one
        for one in scenario.agreements
        if one.signed is not None and not one.multilateral
    ]
    columns = {
        name: [getattr(one, name) for one in rows]
        for name in ("a", "b", "kind", "signed", "opened")
    }
    columns["in_force"] = [
        one.in_force if one.precision == "day" else None for one in rows
    ]
    found = from_table(pd.DataFrame(columns).assign(run=0), scenario.codes)
    waits = np.array(
        [one.status == "signed" and one.in_force is None for one in rows], dtype=bool
    )
    return replace(found, force=np.where(waits, np.inf, found.force))


def newly_signed(agreements: pd.DataFrame, codes: Sequence[str]) -> Agreements:
    """The new agreements of a study's table of agreements: signed in the run, neither
    signed nor fixed at its start."""
    new = agreements["origin"].astype(str).isin(NEW) & agreements["signed"].notna()
    return from_table(agreements[new], codes)


def from_table(frame: pd.DataFrame, codes: Sequence[str]) -> Agreements:
    """From columns run, a, b, kind, signed and, if known, opened and in_force. Raises
    KeyError for an unknown state."""
    at = {code: i for i, code in enumerate(codes)}
    signed = pd.to_datetime(frame["signed"])

    def days(name: str) -> Floats:
        if name not in frame:
            return np.full(len(frame), np.nan)
        lag = (pd.to_datetime(frame[name]) - signed).dt.days.to_numpy(
            dtype=np.float64, na_value=np.nan
        )
        return np.asarray(np.abs(lag) if name == "opened" else lag)

    ends = [
        np.array([at[str(code)] for code in frame[side]], dtype=np.int64)
        for side in ("a", "b")
    ]
    return Agreements(
        run=frame["run"].to_numpy(dtype=np.int64),
        a=np.minimum(*ends),
        b=np.maximum(*ends),
        kind=frame["kind"].astype(str).to_numpy(dtype=np.str_),
        signed=np.array([day.toordinal() for day in signed], dtype=np.int64),
        talks=days("opened"),
        force=days("in_force"),
    )


# -- a scenario set back to an earlier day -----------------------------------------------------------

YEARS = 3  # whole calendar years before a scenario's start in which its record is compared, if nothing else is asked
FOCAL = "start_of_record"


def own_span(scenario: Scenario) -> Span:
    """From 1 January three years before a scenario's start to that start."""
    return Span(date(scenario.start.year - YEARS, 1, 1), scenario.start)


def set_back(scenario: Scenario, span: Span, arm: str | None = None) -> Scenario:
    """The scenario as it stood on the span's first day, of one arm alone, to be
    simulated over the span.

    arm: the control arm if None. Raises WrongRequest where the span is not in order or
    ends after the start."""
    if span.first >= span.stop:
        raise WrongRequest(
            f"the span is not in order: it starts on {span.first} and ends before {span.stop}"
        )
    if span.stop > scenario.start:
        raise WrongRequest(
            f"the scenario's record ends at its start, {scenario.start}, before {span.stop}"
        )
    name = arm or scenario.reference_arm
    there = arm_scenario(scenario, name)
    events = [
        event for event in there.events if event.date < span.stop and event.id != FOCAL
    ]
    agreements = (known_on(agreement, span.first) for agreement in there.agreements)
    update = {
        "start": span.first,
        "end": span.stop,
        "focal": FOCAL,
        "events": with_quiet_event(there, events, span.first),
        "accords": tuple(
            agreement for agreement in agreements if agreement is not None
        ),
        "arms": {name: Arm(title=there.arms[name].title, reference=True)},
        "report": Report(windows=(min((span.stop - span.first).days, 3650),)),
        "sha256": "",
    }
    return there.model_copy(update=update).counted_as(None)


def with_focal(scenario: Scenario, day: date) -> Scenario:
    """The scenario, with a focal event that nobody sees on a day if it has none, as in
    an arm that drops it."""
    if any(event.id == scenario.focal for event in scenario.events):
        return scenario
    return scenario.model_copy(
        update={
            "focal": FOCAL,
            "events": with_quiet_event(scenario, scenario.events, day),
        }
    )


def with_quiet_event(
    scenario: Scenario, events: Iterable[Event], day: date
) -> tuple[Event, ...]:
    """The events with one that changes nothing: no visibility and no sign."""
    kind, principals = next(iter(scenario.event_kinds)), (scenario.codes[0],)
    quiet = Event(
        id=FOCAL, date=day, kind=kind, visibility=0.0, sign=0, principals=principals
    )
    return tuple(sorted([*events, quiet], key=lambda event: (event.date, event.id)))


def known_on(agreement: Agreement, day: date) -> Agreement | None:
    """What was known of an agreement before a day, talks with their first day whatever
    came of them; None: nothing."""
    began, ended = agreement.signed or agreement.in_force, agreement.ended
    dates = dict.fromkeys(("scheduled_signed", "scheduled_in_force", "ended"))
    if began is None or began >= day:
        if agreement.opened is None or agreement.opened >= day:
            return None
        return agreement.model_copy(
            update={"status": "talks", "signed": None, "in_force": None, **dates}
        )
    if (
        agreement.status == "collapsed" if ended is None else ended < day
    ):  # not known when: taken to have been over
        return agreement
    later = agreement.in_force is not None and agreement.in_force >= day
    status = (
        "signed"
        if later or agreement.status in ("signed", "collapsed", "talks")
        else "in_force"
    )
    in_force = None if later else agreement.in_force
    return agreement.model_copy(
        update={"status": status, "in_force": in_force, **dates}
    )
