"""Mechanisms read off the agreements: triggered, selective, visible, tense, hastened
and joined.

Notes and reasons stand in stored summaries, which `verify` works out again: their words
are those of that version."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.article.arms import CONTROL, TENSIONS, VISIBILITIES
from balance_sim.article.mechanisms.data import (
    NAN,
    ByDyad,
    MechanismEstimate,
    NoValue,
    PairedColumns,
    StudyData,
    detail,
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
from balance_sim.study.outcomes import ACCELERATED_DAYS

STRATA = 5
SHUFFLES = 999
NO_BOUNDS = "no bounds: the effect on other dyads is not distinguishable from none"
FEWEST = 10
"""Runs that have to differ at some visibility for an interval of the elasticity."""
UNDER_WAY = ("assumed", "talks")
ONE_CLASS = (
    "all dyads outside are of one class: either no state is threatened, or each dyad "
    "has one that is"
)
NO_TENSION = (
    "no evidence on intent is dated before the start, so there is no initial tension "
    "to scale"
)
NO_GUESTS = "the focal event has no guests, nor has another of its day and host"
SEEN_WITH_HOST = "the guests are seen with the host in both arms"


def triggered(r: StudyData) -> MechanismEstimate:
    """M1: the effect on counter-balancing security agreements in the longest window, as
    in `effects`."""
    effects = r.result.effects
    of_headline = effects["outcome"] == r.result.headline_outcome
    row = effects[(effects["arm"] == r.arm) & of_headline].iloc[0]
    mean, lo, hi = float(row["mean"]), float(row["lo"]), float(row["hi"])
    note = "exposure is off" if r.scenario.theory.weights["exposure"] == 0 else ""
    by_window = {"by_window": r.by_window("accords_counter")}
    return MechanismEstimate(mean, lo, hi, int(row["n"]), note=note, detail=by_window)


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


def selective(r: StudyData) -> MechanismEstimate:
    """M2: rate ratio of the effect per base rate, threatened against other dyads,
    within strata of it."""
    world, participants = r.worlds.reference, r.cast.participants
    outside = ~_has_any(r, participants)
    rates = rates_at_start(world, r.worlds.baseline.keen)
    security = world.ladder.security  # what effects by dyad count
    base = rates[:, security].sum(axis=1)[outside]
    first, second = world.first[outside], world.second[outside]

    def with_one_of(states: Bools) -> Bools:
        return np.asarray(states[first] | states[second])

    threatened = with_one_of(r.cast.threatened)
    need(threatened.any() and not threatened.all(), ONE_CLASS)
    all_dyads = r.by_dyad(r.arm)
    effect, error = all_dyads.effect[outside], all_dyads.error[outside]
    need(effect.any(), "no run differs in an accord between states that take no part")
    dyads = ByDyad(effect, error, all_dyads.control[outside], all_dyads.n)
    stratum = strata(base)
    over, under = standardised(base, stratum, threatened)
    value, lo, hi = dyads.ratio(over, under)
    states = np.setdiff1d(np.arange(world.n), participants)
    rng = np.random.default_rng(stream_seed(r.result.seed, SHUFFLED_CLASSES))
    shuffled = []
    for _ in range(SHUFFLES):
        labels = np.zeros(world.n, dtype=bool)
        labels[states] = rng.permutation(r.cast.threatened[states])
        weights = standardised(base, stratum, with_one_of(labels))
        shuffled.append(float(effect @ (weights[0] - weights[1])))
    totals = {"threatened": dyads.total(over), "others": dyads.total(under)}
    difference = totals["threatened"][0] - totals["others"][0]
    return MechanismEstimate(
        value,
        lo,
        hi,
        dyads.n,
        shuffled=PlaceboComparison(float(effect @ (over - under)), np.array(shuffled)),
        note="" if np.isfinite(lo) else NO_BOUNDS,
        detail={
            **{name: detail(*total) for name, total in totals.items()},
            "difference": {"value": difference},
            "shuffles": SHUFFLES,
        },
    )


def _has_any(r: StudyData, states: Any) -> Bools:
    """(P,) dyads of which one is among some states."""
    world = r.worlds.reference
    return np.isin(world.first, states) | np.isin(world.second, states)


# -- M4 and M11: extra arms ------------------------------------------------------------


def elasticity(levels: Floats, effects: Floats) -> tuple[float, float, float]:
    """Slope of ln(mean effect) on ln(level), with a jackknife interval. effects: (runs,
    levels).

    NaN where a mean is not above zero; no interval where one is not with some run left
    out, or fewer than FEWEST runs differ at every level: a logarithm of so few is too
    uneven (docs/statistics.md)."""
    x = np.log(levels) - np.log(levels).mean()

    def slope(values: Floats) -> float:
        means = values.mean(axis=0)
        if not (means > 0).all():
            return NAN
        return float(x @ np.log(means) / (x @ x))

    if _most_differing(effects) < FEWEST:
        return slope(effects), NAN, NAN
    return jackknifed(slope, effects)


def _most_differing(effects: Floats) -> int:
    """Runs that differ at the level at which most do."""
    return int((effects != 0).sum(axis=0).max())


def visible(r: StudyData) -> MechanismEstimate:
    """M4: elasticity of the effect on counter-balancing agreements in the visibility of
    the focal event."""
    names = [f"extra.seen_{round(100 * level)}" for level in VISIBILITIES]
    r.need_extra(*names)
    outcome = r.result.headline_outcome
    columns = r.columns(outcome, r.reference, *names, r.arm)
    effects, levels = columns[:, 1:] - columns[:, :1], np.array([*VISIBILITIES, 1.0])
    smooth = r.smooth(outcome)
    means = {}
    for k, visibility in enumerate(levels):
        change = PairedColumns.of(effects[:, k], smooth=smooth)
        means[f"{visibility:g}"] = detail_of(change)
    value, lo, hi = elasticity(levels, effects)
    if not np.isfinite(value):
        raise NoValue(_no_logarithm(means, len(effects)))
    note = ""
    if not np.isfinite(lo):
        note = "no interval: too few replications differ for an interval"
        if _most_differing(effects) < FEWEST:
            note = f"no interval: fewer than {FEWEST} replications differ"
    details = {"by_visibility": means}
    return MechanismEstimate(value, lo, hi, len(effects), note=note, detail=details)


def _no_logarithm(means: dict[str, dict[str, Any]], runs: int) -> str:
    values = {name: mean["value"] for name, mean in means.items()}
    low = [f"{name}: {value:+.3g}" for name, value in values.items() if value <= 0]
    return (
        f"in {runs} replications the effect is not above zero everywhere "
        f"({', '.join(low)}): it has no logarithm"
    )


def tense(r: StudyData) -> MechanismEstimate:
    """M11: effect on counter-balancing agreements at twice the initial tension less
    that at half of it."""
    lowest, highest = TENSIONS
    low = f"extra.tension_{round(100 * lowest)}"
    high = f"extra.tension_{round(100 * highest)}"
    r.need_extra("extra.seen_25")
    need(r.has_arm(low), NO_TENSION)
    outcome = r.result.headline_outcome
    smooth = r.smooth(outcome)
    arms = {
        lowest: (low, low + CONTROL),
        1.0: (r.arm, r.reference),
        highest: (high, high + CONTROL),
    }
    effects, by_tension = {}, {}
    for factor, (arm, control) in arms.items():
        having, lacking, _ = r.columns(outcome, arm, control, low).T
        effect = effects[factor] = PairedColumns(having, lacking, smooth)
        share, *ends = ratio(effect, PairedColumns.of(lacking, smooth=smooth))
        per_base = {"per_base": share, "per_base_ci95": ends}
        by_tension[f"{factor:g}"] = detail_of(effect) | per_base
    change = effects[highest] - effects[lowest]
    return mean_of(change, detail={"by_tension": by_tension})


# -- M15 and M17 -----------------------------------------------------------------------


def gained(frame: pd.DataFrame, arm: str, reference: str) -> pd.DataFrame:
    """Run, and days gained on the control arm, of talks under way that both arms sign.
    frame: of agreements."""
    is_under_way = frame["origin"].isin(UNDER_WAY) & (frame["after"] >= 1)
    rows = frame[is_under_way]
    key = np.zeros(len(rows), np.int64)
    for name in ("run", "dyad", "kind", "origin", "occasion"):
        number, values = pd.factorize(rows[name])
        key = key * max(len(values), 1) + number
    run, days_after = rows[["run", "after"]].to_numpy(np.int64).T
    of_arm = np.flatnonzero(rows["arm"] == arm)
    of_control = np.flatnonzero(rows["arm"] == reference)
    _, in_arm, in_control = np.intersect1d(
        key[of_arm], key[of_control], assume_unique=True, return_indices=True
    )
    matched, control = of_arm[in_arm], of_control[in_control]
    days = days_after[control] - days_after[matched]
    return pd.DataFrame({"run": run[matched], "days": days})


def hastened(r: StudyData) -> MechanismEstimate:
    """M15: days gained by agreements under way at the start, per agreement that both
    arms sign."""
    matched = gained(r.agreements, r.arm, r.reference)
    need(len(matched), "no accord under way at the start is signed in both arms")
    rows, runs = np.searchsorted(r.runs, matched["run"]), len(r.runs)

    def by_run(weights: Any) -> PairedColumns:
        return PairedColumns.of(np.bincount(rows, weights, minlength=runs))

    days, number = by_run(matched["days"]), by_run(np.ones(len(matched)))
    is_long = by_run(matched["days"] >= ACCELERATED_DAYS)
    details = {
        "accords": len(matched),
        f"share_{ACCELERATED_DAYS}_days": detail(*ratio(is_long, number)),
        "moved": int((matched["days"] != 0).sum()),
    }
    return MechanismEstimate(*ratio(days, number), runs, detail=details)


def guests_of(r: StudyData) -> list[int]:
    """Guests of the focal event, else of the events of the same day and host;
    participants left out."""
    place = {code: i for i, code in enumerate(r.codes)}
    guests = members(r.worlds.classes.guests, {}, place)
    return [i for i in guests if i not in r.cast.participants]


def joined(r: StudyData) -> MechanismEstimate:
    """M17: effect on new agreements between guests and participants in the longest
    window."""
    guests = guests_of(r)
    need(guests, NO_GUESTS)
    world, hosts = r.worlds.reference, r.cast.participants
    one_way = np.isin(world.first, hosts) & np.isin(world.second, guests)
    other_way = np.isin(world.second, hosts) & np.isin(world.first, guests)
    is_joining = one_way | other_way
    weight = is_joining.astype(float)
    totals = {arm: r.by_dyad(arm).total(weight) for arm in r.result.arms[1:]}
    dyads = r.by_dyad(r.arm)
    details = {
        "guests": [r.codes[i] for i in guests],
        "base": float(dyads.control[is_joining].sum()),
        "by_arm": {arm: detail(*total) for arm, total in totals.items()},
    }
    note = SEEN_WITH_HOST if _seen_in_both_arms(r) else ""
    return MechanismEstimate(*totals[r.arm], dyads.n, note=note, detail=details)


def _seen_in_both_arms(r: StudyData) -> bool:
    """Whether no event of the day that has guests is dropped in the control arm, and
    the focal event has none."""
    with_guests = {
        event.id
        for event in r.scenario.events
        if event.guests and event.date == r.focal.date
    }
    dropped = r.scenario.arms[r.reference].drop
    return with_guests.isdisjoint(dropped) and not r.focal.guests
