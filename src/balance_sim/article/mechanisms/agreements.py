"""Mechanisms read off the agreements: triggered, selective, visible, tense, hastened
and joined.

Notes and reasons stand in stored summaries, which `verify` works out again: their words
are those of that version."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from balance_sim.article.arms import CONTROL, TENSIONS, VISIBILITIES, extra_arm
from balance_sim.article.mechanisms.data import (
    NAN,
    ByDyad,
    MechanismEstimate,
    PairedColumns,
    StudyData,
    detail_of,
    jackknifed,
    mean_of,
    need,
    ratio,
)
from balance_sim.effects.participants import PlaceboComparison
from balance_sim.model.beliefs import members
from balance_sim.model.core import Bools, Floats, Ints
from balance_sim.model.streams import SHUFFLED_CLASSES, stream_seed
from balance_sim.model.thinning import rates_at_start
from balance_sim.study.outcomes import Outcome

STRATA = 5
SHUFFLES = 999
NO_BOUNDS = "no bounds: the effect on other dyads is not distinguishable from none"
FEWEST = 10
"""Runs that have to differ at some visibility for an interval of the elasticity."""
UNDER_WAY = ("assumed", "talks")
MATCHED = ("run", "a", "b", "kind", "origin", "occasion")
"""Columns that tell the same talks in two arms."""
ONE_CLASS = (
    "all dyads outside are of one class: either no state is threatened, or each dyad "
    "has one that is"
)
NO_DYAD = "no run differs in an accord between states that take no part"
NO_TENSION = (
    "no evidence on intent is dated before the start, so there is no initial tension "
    "to scale"
)
NO_TALKS = "no accord under way at the start is signed in both arms"
NO_GUESTS = "the focal event has no guests, nor has another of its day and host"
SEEN_WITH_HOST = "the guests are seen with the host in both arms"


def triggered(study: StudyData) -> MechanismEstimate:
    """M1: the effect on counter-balancing security agreements in the longest window, as
    in `effects`."""
    effects = study.result.effects
    of_headline = effects["outcome"] == study.result.headline_outcome
    row = effects[(effects["arm"] == study.arm) & of_headline].iloc[0]
    mean, lo, hi = (float(row[name]) for name in ("mean", "lo", "hi"))
    is_off = study.scenario.theory.weights["exposure"] == 0
    note = "exposure is off" if is_off else ""
    return MechanismEstimate(mean, lo, hi, int(row["n"]), note=note)


# -- M2 --------------------------------------------------------------------------------


def strata(rate: Floats, count: int = STRATA) -> Ints:
    """Stratum of each rate, 0 the lowest: as many in each as can be."""
    rank = np.argsort(np.argsort(rate, kind="stable"), kind="stable")
    return np.asarray(rank * count // max(len(rate), 1))


def standardised(
    base: Floats, stratum: Ints, threatened: Bools
) -> tuple[Floats, Floats]:
    """Weights of threatened and of other dyads, standardised over strata of the base
    rate. All (dyads,).

    The ratio of the two weighted sums of effects is the Mantel-Haenszel rate ratio
    (Mantel, Haenszel 1959; Rothman, Greenland 1998, ch. 15)."""
    over, under = np.zeros(len(base)), np.zeros(len(base))
    for s in np.unique(stratum):
        is_over = (stratum == s) & threatened
        is_under = (stratum == s) & ~threatened
        rate_over, rate_under = base[is_over].sum(), base[is_under].sum()
        if rate_over > 0 and rate_under > 0:
            over[is_over] = rate_under / (rate_over + rate_under)
            under[is_under] = rate_over / (rate_over + rate_under)
    return over, under


def selective(study: StudyData) -> MechanismEstimate:
    """M2: rate ratio of the effect per base rate, threatened against other dyads,
    within strata of it."""
    world, participants = study.worlds.reference, study.cast.participants
    outside = ~(
        np.isin(world.first, participants) | np.isin(world.second, participants)
    )
    security = world.ladder.security  # what effects by dyad count
    rates = rates_at_start(world, study.worlds.baseline.keen)
    base = rates[:, security].sum(axis=1)[outside]
    first, second = world.first[outside], world.second[outside]
    threatened = study.cast.threatened[first] | study.cast.threatened[second]
    need(threatened.any() and not threatened.all(), ONE_CLASS)
    row = study.by_dyad()
    dyads = ByDyad(row.effect[outside], row.error[outside], row.n)
    need(dyads.effect.any(), NO_DYAD)
    stratum = strata(base)
    over, under = standardised(base, stratum, threatened)
    value, lo, hi = dyads.ratio(over, under)
    states = np.setdiff1d(np.arange(world.n), participants)
    rng = np.random.default_rng(stream_seed(study.result.seed, SHUFFLED_CLASSES))
    shuffled = np.zeros(SHUFFLES)
    for k in range(SHUFFLES):
        labels = np.zeros(world.n, dtype=bool)
        labels[states] = rng.permutation(study.cast.threatened[states])
        weights = standardised(base, stratum, labels[first] | labels[second])
        shuffled[k] = dyads.effect @ (weights[0] - weights[1])
    return MechanismEstimate(
        value,
        lo,
        hi,
        dyads.n,
        shuffled=PlaceboComparison(float(dyads.effect @ (over - under)), shuffled),
        note="" if np.isfinite(lo) else NO_BOUNDS,
    )


# -- M4 and M11: extra arms ------------------------------------------------------------


def elasticity(levels: Floats, effects: Floats) -> tuple[float, float, float]:
    """Slope of ln(mean effect) on ln(level), with a jackknife interval.

    Parameters
    ----------
    levels : (levels,) above 0
    effects : (runs, levels)

    Returns
    -------
    tuple : slope and the ends of its interval. NaN where a mean is not above zero; no
        interval where one is not with some run left out, or fewer than FEWEST runs
        differ at every level: a logarithm of so few is too uneven
        (docs/statistics.md)
    """
    x = np.log(levels) - np.log(levels).mean()

    def slope(values: Floats) -> float:
        """The slope through the means of these runs."""
        means = values.mean(axis=0)
        if not (means > 0).all():
            return NAN
        return float(x @ np.log(means) / (x @ x))

    if (effects != 0).sum(axis=0).max() < FEWEST:
        return slope(effects), NAN, NAN
    return jackknifed(slope, effects)


def visible(study: StudyData) -> MechanismEstimate:
    """M4: elasticity of the effect on counter-balancing agreements in the visibility of
    the focal event."""
    arms = [extra_arm("seen", level) for level in VISIBILITIES]
    study.need_extra(arms[0])
    outcome = Outcome("accords", "counter", study.long)
    columns = study.columns(outcome, study.reference, *arms, study.arm)
    effects, levels = columns[:, 1:] - columns[:, :1], np.array([*VISIBILITIES, 1.0])
    value, lo, hi = elasticity(levels, effects)
    why = f"in {len(effects)} replications the effect is not above zero everywhere"
    need(np.isfinite(value), f"{why}: it has no logarithm")
    warning = "no interval: too few replications differ for an interval"
    note = "" if np.isfinite(lo) else warning
    return MechanismEstimate(value, lo, hi, len(effects), note=note)


def tense(study: StudyData) -> MechanismEstimate:
    """M11: effect on counter-balancing agreements at twice the initial tension less
    that at half of it."""
    low, high = (extra_arm("tension", factor) for factor in TENSIONS)
    study.need_extra(extra_arm("seen", VISIBILITIES[0]))
    need(low in study.result.extra_by_run.arms, NO_TENSION)
    outcome = Outcome("accords", "counter", study.long)
    arms = {low: low + CONTROL, study.arm: study.reference, high: high + CONTROL}
    effects = []
    for arm, control in arms.items():
        having, lacking, _ = study.columns(outcome, arm, control, low).T
        effects.append(PairedColumns(having, lacking))
    factors = [f"{factor:g}" for factor in (TENSIONS[0], 1.0, TENSIONS[1])]
    by_tension = dict(zip(factors, map(detail_of, effects), strict=True))
    return mean_of(effects[-1] - effects[0], detail={"by_tension": by_tension})


# -- M15 and M17 -----------------------------------------------------------------------


def gained(frame: pd.DataFrame, arm: str, reference: str) -> pd.DataFrame:
    """Talks under way at the start that both arms sign after the focal date.

    Parameters
    ----------
    frame : of agreements: arm, after (days from the focal date to the signature), and
        the columns that tell the same talks in two arms
    arm, reference : that are compared

    Returns
    -------
    DataFrame : those columns, and days gained on the control arm
    """
    is_under_way = frame["origin"].isin(UNDER_WAY) & (frame["after"] >= 1)
    rows = frame[is_under_way]
    keys = [name for name in frame.columns if name not in ("arm", "after")]
    having, lacking = (
        rows[rows["arm"] == name].drop(columns="arm") for name in (arm, reference)
    )
    matched = having.merge(lacking, on=keys)
    return matched.assign(days=matched["after_y"] - matched["after_x"])


def _agreements(study: StudyData) -> pd.DataFrame:
    """Agreements that were under way at the start. Gathered block by block: the study's
    own tables are many times larger."""
    tables = []
    for _, agreements in study.result.blocks():
        signed = agreements["signed"].cast(pa.int32())
        days_after = pc.subtract(signed, study.result.focal_day).cast(pa.int32())
        table = agreements.select([*MATCHED, "arm"]).append_column("after", days_after)
        origin = table["origin"].cast(pa.string())
        tables.append(table.filter(pc.is_in(origin, pa.array(UNDER_WAY))))
    table = pa.concat_tables(tables).unify_dictionaries()
    frame: pd.DataFrame = table.to_pandas(use_threads=False)
    return frame


def hastened(study: StudyData) -> MechanismEstimate:
    """M15: days gained by agreements under way at the start, per agreement that both
    arms sign."""
    matched = gained(_agreements(study), study.arm, study.reference)
    need(len(matched), NO_TALKS)
    outcomes = study.result.by_run
    runs = outcomes.of(study.reference, outcomes.names[0]).index.to_numpy()
    rows = np.searchsorted(runs, matched["run"])

    def by_run(weights: Any) -> PairedColumns:
        """Sums of the weights over the agreements of each run."""
        return PairedColumns.of(np.bincount(rows, weights, minlength=len(runs)))

    days, number = by_run(matched["days"]), by_run(np.ones(len(matched)))
    details = {"accords": len(matched)}
    return MechanismEstimate(*ratio(days, number), len(runs), detail=details)


def guests_of(study: StudyData) -> list[int]:
    """Guests of the focal event, else of the events of the same day and host;
    participants left out."""
    guests = members(study.worlds.classes.guests, {}, study.places)
    return [i for i in guests if i not in study.cast.participants]


def joined(study: StudyData) -> MechanismEstimate:
    """M17: effect on new agreements between guests and participants in the longest
    window."""
    guests = guests_of(study)
    need(guests, NO_GUESTS)
    world, hosts = study.worlds.reference, study.cast.participants
    one_way = np.isin(world.first, hosts) & np.isin(world.second, guests)
    other_way = np.isin(world.second, hosts) & np.isin(world.first, guests)
    dyads = study.by_dyad()
    total = dyads.total((one_way | other_way).astype(float))
    scenario = study.scenario
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    on_that_day = {
        event.id
        for event in scenario.events
        if event.guests and event.date == focal.date
    }
    is_kept = on_that_day.isdisjoint(scenario.arms[study.reference].drop)
    note = SEEN_WITH_HOST if is_kept else ""
    return MechanismEstimate(*total, dyads.n, note=note)
