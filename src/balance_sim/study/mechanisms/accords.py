"""Mechanisms read off the accords: triggered, selective, visible, tense, hastened, joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.model.news import members
from balance_sim.study.extra_arms import TENSIONS, VISIBILITIES
from balance_sim.study.mechanisms.readings import (
    NO_EXTRA,
    Change,
    Found,
    Measured,
    Readings,
    detail_of,
    jackknifed,
    mean_effect,
    mean_found,
    ratio,
)
from balance_sim.study.outcomes import ACCELERATED_DAYS

if TYPE_CHECKING:
    from scipy.sparse import csr_array

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
    counter, other = (mean_effect(f"accords_{name}") for name in ("counter", "other"))
    share, placebos = r.percentile(lambda a, t, w: counter(a, t, w) + other(a, t, w), 1, r.long)
    off = r.scenario.theory.weights["exposure"] == 0
    return Found(
        value=float(row["mean"]),
        lo=float(row["lo"]),
        hi=float(row["hi"]),
        n=int(row["n"]),
        percentile=share,
        note="exposure is off" if off else "",
        detail={"by_window": r.by_window("accords_counter"), "placebos": placebos},
    )


def strata(rate: Floats, count: int = STRATA) -> Ints:
    """Stratum of each rate, 0 the lowest: as many in each as can be."""
    order = np.argsort(np.argsort(rate, kind="stable"), kind="stable")
    return np.asarray(order * count // max(len(rate), 1))


def standardised(
    excess: Floats | csr_array, base: Floats, stratum: Ints, threatened: Bools
) -> tuple[Floats, Floats]:
    """Excess of threatened and of other pairs, standardised over strata of the base rate.

    excess: (runs, pairs), dense or sparse; the others (pairs,). Returns two columns (runs,), whose means' ratio
    is the Mantel-Haenszel rate ratio (Mantel, Haenszel 1959; Rothman, Greenland 1998, ch. 15)."""
    over, under = np.zeros(len(base)), np.zeros(len(base))
    for s in np.unique(stratum):
        mine, others = (stratum == s) & threatened, (stratum == s) & ~threatened
        of_mine, of_others = base[mine].sum(), base[others].sum()
        if of_mine > 0 and of_others > 0:
            over[mine] = of_others / (of_mine + of_others)
            under[others] = of_mine / (of_mine + of_others)
    return excess @ over, excess @ under


def pair_excess(r: Readings) -> csr_array:
    """(runs, P) new accords more in the headline arm than in its twin; sparse."""
    from scipy.sparse import csr_array

    shape = len(r.runs), len(r.worlds.reference.first)

    def made(arm: str) -> csr_array:
        new = r.new(arm)
        place = np.searchsorted(r.runs, new["run"]).astype(np.int32), new["pair"].to_numpy(np.int32)
        return csr_array((np.ones(len(new), np.int32), place), shape=shape)

    out = made(r.arm) - made(r.result.reference)
    out.eliminate_zeros()
    return out


def selective(r: Readings) -> Measured:
    """M2: rate ratio of the excess per base rate, threatened against other pairs, within strata of it."""
    world, cast = r.worlds.reference, r.cast
    outside = ~(np.isin(world.first, cast.participants) | np.isin(world.second, cast.participants))
    base = (r.worlds.baseline.keen.prod(axis=1) * world.ladder.ceiling).sum(axis=1)[outside]
    first, second, stratum = world.first[outside], world.second[outside], strata(base)
    excess = pair_excess(r)[:, np.flatnonzero(outside)]
    threatened = cast.threatened[first] | cast.threatened[second]
    if not threatened.any() or threatened.all():
        return (
            "all pairs outside are of one class: either no state is threatened, or each pair has one that is"
        )
    if not excess.nnz:
        return "no run differs in an accord between states that take no part"
    over, under = standardised(excess, base, stratum, threatened)
    changes = [Change.of(one, 1.0) for one in (over, under)]  # a difference of one accord weighs 1 at most
    value, lo, hi = ratio(*changes)
    total = np.asarray(excess.sum(axis=0)).reshape(1, -1)
    real = float(over.sum() - under.sum())
    states = np.setdiff1d(np.arange(world.n), cast.participants)
    shuffle, smaller = np.random.default_rng(2), 0
    for _ in range(SHUFFLES):
        label = np.zeros(world.n, dtype=bool)
        label[states] = shuffle.permutation(cast.threatened[states])
        of, others = standardised(total, base, stratum, label[first] | label[second])
        smaller += float(of[0] - others[0]) < real
    note = "" if np.isfinite(lo) else "no bounds: the excess of other pairs is not distinguishable from none"
    return Found(
        value if under.mean() > 0 else float("nan"),
        lo,
        hi,
        len(over),
        percentile=smaller / SHUFFLES,
        note=note,
        detail={
            "threatened": detail_of(changes[0]),
            "others": detail_of(changes[1]),
            "difference": detail_of(changes[0] - changes[1]),
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
    units = [r.unit(outcome, arm, r.result.reference) for arm in (*names, r.arm)]
    means = {f"{level:g}": detail_of(Change.of(excess[:, k], units[k])) for k, level in enumerate(levels)}
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
    if not r.has_arm(r.placebo_arms[0] if r.placebo_arms else "extra.seen_25"):
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
        excess[factor] = Change(of_arm, of_twin, r.unit(outcome, arm, twin))
        share, lo, hi = ratio(excess[factor], Change.of(of_twin, 1.0))
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
    base = Change.of(number, 1.0)
    value, lo, hi = ratio(Change.of(days, 0.0), base)
    share = ratio(Change.of(long, 1.0 if days.any() else 0.0), base)
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
    same = [
        one for one in r.scenario.events if one.date == r.focal.date and one.host == r.focal.host and one.host
    ]
    names = r.focal.guests or tuple(name for one in same for name in one.guests)
    return [i for i in members(names, r.scenario.groups, roster) if i not in r.cast.participants]


def joined(r: Readings) -> Measured:
    """M17: excess of new accords between guests and participants in the longest window."""
    guests = guests_of(r)
    if not guests:
        return "the focal event has no guests, nor has another of its day and host"
    world, cast = r.worlds.reference, r.cast
    hosting = [np.isin(side, cast.participants) for side in (world.first, world.second)]
    invited = [np.isin(side, guests) for side in (world.first, world.second)]
    chosen = (hosting[0] & invited[1]) | (hosting[1] & invited[0])

    counted = r.counted(chosen)
    base = counted[r.result.reference]
    unit = {arm: 0.0 if arm in r.result.alike else 1.0 for arm in r.result.arms[1:]}
    by_arm: dict[str, Any] = {
        arm: detail_of(Change(counted[arm], base, unit[arm])) for arm in r.result.arms[1:]
    }
    dropped = [one.id for one in r.scenario.events if one.guests and one.date == r.focal.date]
    kept = not set(dropped) & set(r.scenario.arms[r.result.reference].drop)
    note = "the guests are seen with the host in both arms" if kept and not r.focal.guests else ""
    detail = {"guests": [r.codes[i] for i in guests], "base": float(base.mean()), "by_arm": by_arm}
    return mean_found(Change(counted[r.arm], base, unit[r.arm]), note=note, detail=detail)
