"""Mechanisms read off the accords: triggered, selective, visible, tense, hastened, joined."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.analysis.mechanisms.readings import (
    NO_EXTRA,
    ByDyad,
    Change,
    Found,
    Measured,
    Readings,
    detail_of,
    jackknifed,
    mean_found,
    ratio,
)
from balance_sim.analysis.permutation import Compared
from balance_sim.model.news import members
from balance_sim.model.pipeline import rates_at_start
from balance_sim.replications.arms import TENSIONS, VISIBILITIES
from balance_sim.replications.outcomes import ACCELERATED_DAYS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

STRATA = 5
SHUFFLES = 999
FEWEST = (
    10  # runs that have to differ at some visibility for an interval of the elasticity: below it is too short
)
_UNDER_WAY = ("assumed", "talks")


def triggered(r: Readings) -> Measured:
    """M1: the excess of counter-accords in the longest window, as in `effects`."""
    outcome = f"accords_counter_{r.long}"
    effects = r.result.effects
    row = effects[(effects["arm"] == r.arm) & (effects["outcome"] == outcome)].iloc[0]
    off = r.scenario.theory.weights["exposure"] == 0
    return Found(
        value=float(row["mean"]),
        lo=float(row["lo"]),
        hi=float(row["hi"]),
        n=int(row["n"]),
        note="exposure is off" if off else "",
        detail={"by_window": r.by_window("accords_counter")},
    )


def strata(rate: Floats, count: int = STRATA) -> Ints:
    """Stratum of each rate, 0 the lowest: as many in each as can be."""
    order = np.argsort(np.argsort(rate, kind="stable"), kind="stable")
    return np.asarray(order * count // max(len(rate), 1))


def standardised(base: Floats, stratum: Ints, threatened: Bools) -> tuple[Floats, Floats]:
    """Weights of threatened and of other dyads, standardised over strata of the base rate. All (dyads,).

    The ratio of the two weighted sums of effects is the Mantel-Haenszel rate ratio (Mantel, Haenszel 1959; Rothman,
    Greenland 1998, ch. 15)."""
    over, under = np.zeros(len(base)), np.zeros(len(base))
    for s in np.unique(stratum):
        mine, others = (stratum == s) & threatened, (stratum == s) & ~threatened
        of_mine, of_others = base[mine].sum(), base[others].sum()
        if of_mine > 0 and of_others > 0:
            over[mine] = of_others / (of_mine + of_others)
            under[others] = of_mine / (of_mine + of_others)
    return over, under


def selective(r: Readings) -> Measured:
    """M2: rate ratio of the effect per base rate, threatened against other dyads, within strata of it."""
    world, cast = r.worlds.reference, r.cast
    outside = ~(np.isin(world.first, cast.participants) | np.isin(world.second, cast.participants))
    security = world.ladder.security  # what effects by dyad count
    base = rates_at_start(world, r.worlds.baseline.keen)[:, security].sum(axis=1)[outside]
    first, second, stratum = world.first[outside], world.second[outside], strata(base)
    threatened = cast.threatened[first] | cast.threatened[second]
    if not threatened.any() or threatened.all():
        return (
            "all pairs outside are of one class: either no state is threatened, or each pair has one that is"
        )
    of_dyads = r.by_dyad(r.arm)
    effect, error, control = (of[outside] for of in (of_dyads.effect, of_dyads.error, of_dyads.control))
    if not effect.any():
        return "no run differs in an accord between states that take no part"
    dyads = ByDyad(effect, error, control, of_dyads.n)
    over, under = standardised(base, stratum, threatened)
    value, lo, hi = dyads.ratio(over, under)
    states = np.setdiff1d(np.arange(world.n), cast.participants)
    shuffle, others_threatened = np.random.default_rng(2), []
    for _ in range(SHUFFLES):
        label = np.zeros(world.n, dtype=bool)
        label[states] = shuffle.permutation(cast.threatened[states])
        of, others = standardised(base, stratum, label[first] | label[second])
        others_threatened.append(float(effect @ (of - others)))
    parts = {"threatened": dyads.total(over), "others": dyads.total(under)}
    return Found(
        value,
        lo,
        hi,
        dyads.n,
        shuffled=Compared(float(effect @ (over - under)), np.array(others_threatened)),
        note=""
        if np.isfinite(lo)
        else "no bounds: the effect on other dyads is not distinguishable from none",
        detail={
            **{name: {"value": of[0], "ci95": list(of[1:])} for name, of in parts.items()},
            "difference": {"value": parts["threatened"][0] - parts["others"][0]},
            "shuffles": SHUFFLES,
        },
    )


def elasticity(levels: Floats, excess: Floats) -> tuple[float, float, float]:
    """Slope of ln(mean excess) on ln(level), with a jackknife interval. excess: (runs, levels).

    NaN where a mean is not above zero; no interval where one is not with some run left out, or fewer than FEWEST
    runs differ at every level: a logarithm of so few is too uneven (docs/statistics.md)."""
    x = np.log(levels) - np.log(levels).mean()

    def slope(values: Floats) -> float:
        means = values.mean(axis=0)
        return float(x @ np.log(means) / (x @ x)) if (means > 0).all() else float("nan")

    if (excess != 0).sum(axis=0).max() < FEWEST:
        return slope(excess), float("nan"), float("nan")
    return jackknifed(slope, excess)


def visible(r: Readings) -> Measured:
    """M4: elasticity of the excess of counter-accords in the visibility of the focal event."""
    names = [f"extra.seen_{round(100 * level)}" for level in VISIBILITIES]
    if not all(map(r.has_arm, names)):
        return NO_EXTRA
    outcome = f"accords_counter_{r.long}"
    columns = r.columns(outcome, r.result.reference, *names, r.arm)
    excess, levels = columns[:, 1:] - columns[:, :1], np.array([*VISIBILITIES, 1.0])
    smooth = r.smooth(outcome)
    means = {
        f"{level:g}": detail_of(Change.of(excess[:, k], smooth=smooth)) for k, level in enumerate(levels)
    }
    value, lo, hi = elasticity(levels, excess)
    if not np.isfinite(value):
        low = ", ".join(f"{name}: {of['value']:+.3g}" for name, of in means.items() if of["value"] <= 0)
        return f"in {len(excess)} runs the excess is not above zero everywhere ({low}): it has no logarithm"
    few = (excess != 0).sum(axis=0).max() < FEWEST
    why = f"fewer than {FEWEST} runs differ" if few else "leaving out one run can take an excess to zero"
    note = "" if np.isfinite(lo) else f"no interval: {why}"
    return Found(value, lo, hi, len(excess), note=note, detail={"by_visibility": means})


def tense(r: Readings) -> Measured:
    """M11: excess of counter-accords at twice the initial tension less that at half of it."""
    low, high = (f"extra.tension_{round(100 * factor)}" for factor in TENSIONS)
    if not r.has_arm("extra.seen_25"):
        return NO_EXTRA
    if not r.has_arm(low):
        return "no evidence on intent is dated before the start, so there is no initial tension to scale"
    outcome, reference = f"accords_counter_{r.long}", ".reference"
    arms = {
        TENSIONS[0]: (low, low + reference),
        1.0: (r.arm, r.result.reference),
        TENSIONS[1]: (high, high + reference),
    }
    excess, by_tension = {}, {}
    for factor, (arm, twin) in arms.items():
        of_arm, of_twin = r.columns(outcome, arm, twin, low).T[:2]
        excess[factor] = Change(of_arm, of_twin, r.smooth(outcome))
        share, lo, hi = ratio(excess[factor], Change.of(of_twin, smooth=r.smooth(outcome)))
        by_tension[f"{factor:g}"] = detail_of(excess[factor]) | {
            "per_base": share,
            "per_base_ci95": [lo, hi],
        }
    least, most = TENSIONS
    return mean_found(excess[most] - excess[least], detail={"by_tension": by_tension})


def gained(frame: pd.DataFrame, arm: str, reference: str) -> pd.DataFrame:
    """Accords under way that both arms sign after the focal date: run, and days gained on the twin.

    frame: as `Readings.accords`. The same accord: same run, pair, kind, origin and occasion."""
    under_way = frame[frame["origin"].isin(_UNDER_WAY) & (frame["after"] >= 1)]
    key = np.zeros(len(under_way), np.int64)
    for name in ("run", "pair", "kind", "origin", "occasion"):
        number, values = pd.factorize(under_way[name])
        key = key * max(len(values), 1) + number
    run, after = (under_way[name].to_numpy(np.int64) for name in ("run", "after"))
    one, twin = (np.flatnonzero(under_way["arm"] == name) for name in (arm, reference))
    _, mine, theirs = np.intersect1d(key[one], key[twin], assume_unique=True, return_indices=True)
    mine, theirs = one[mine], twin[theirs]
    return pd.DataFrame({"run": run[mine], "days": after[theirs] - after[mine]})


def hastened(r: Readings) -> Measured:
    """M15: days gained by accords under way at the start, per accord that both arms sign."""
    both = gained(r.accords, r.arm, r.result.reference)
    if both.empty:
        return "no accord under way at the start is signed in both arms"
    where = np.searchsorted(r.runs, both["run"])
    days = np.bincount(where, both["days"], minlength=len(r.runs))
    number = np.bincount(where, minlength=len(r.runs)).astype(float)
    long = np.bincount(where, both["days"] >= ACCELERATED_DAYS, minlength=len(r.runs))
    base = Change.of(number)
    value, lo, hi = ratio(Change.of(days), base)
    share = ratio(Change.of(long), base)
    return Found(
        value,
        lo,
        hi,
        len(r.runs),
        detail={
            "accords": len(both),
            f"share_{ACCELERATED_DAYS}_days": {"value": share[0], "ci95": list(share[1:])},
            "moved": int((both["days"] != 0).sum()),
        },
    )


def guests_of(r: Readings) -> list[int]:
    """Guests of the focal event, else of the events of the same day and host; participants left out."""
    roster = {code: i for i, code in enumerate(r.codes)}
    guests = members(r.worlds.classes.guests, {}, roster)
    return [i for i in guests if i not in r.cast.participants]


def joined(r: Readings) -> Measured:
    """M17: effect on new agreements between guests and participants in the longest window."""
    guests = guests_of(r)
    if not guests:
        return "the focal event has no guests, nor has another of its day and host"
    world, cast = r.worlds.reference, r.cast
    hosting = [np.isin(side, cast.participants) for side in (world.first, world.second)]
    invited = [np.isin(side, guests) for side in (world.first, world.second)]
    chosen = (hosting[0] & invited[1]) | (hosting[1] & invited[0])

    found = {arm: r.by_dyad(arm) for arm in r.result.arms[1:]}
    totals = {arm: of.total(chosen.astype(float)) for arm, of in found.items()}
    by_arm: dict[str, Any] = {arm: {"value": of[0], "ci95": list(of[1:])} for arm, of in totals.items()}
    dropped = [one.id for one in r.scenario.events if one.guests and one.date == r.focal.date]
    kept = not set(dropped) & set(r.scenario.arms[r.result.reference].drop)
    note = "the guests are seen with the host in both arms" if kept and not r.focal.guests else ""
    dyads = found[r.arm]
    detail = {
        "guests": [r.codes[i] for i in guests],
        "base": float(dyads.control[chosen].sum()),
        "by_arm": by_arm,
    }
    return Found(*totals[r.arm], dyads.n, note=note, detail=detail)
