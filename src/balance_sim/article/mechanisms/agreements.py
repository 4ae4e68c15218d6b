"""Mechanisms read off the agreements: triggered, selective, visible, tense, hastened,
joined, and the spiral.

Notes and reasons stand in stored summaries, which `verify` works out again: their words
are those of that version."""

from __future__ import annotations

import numpy as np
import pandas as pd

from balance_sim.article.arms import CONTROL, TENSIONS, VISIBILITIES
from balance_sim.article.mechanisms.data import (
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
from balance_sim.model.baseline import Worlds
from balance_sim.model.beliefs import members
from balance_sim.model.core import Bools, Floats, Ints
from balance_sim.model.engine import begin
from balance_sim.model.perception import View, perceive
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import AgreementRows, BlockState, enter, refresh
from balance_sim.model.streams import SHUFFLED_CLASSES, stream_seed
from balance_sim.model.thinning import openness_at, opportunity_rate, rates_at_start
from balance_sim.model.willingness import TERMS, consent, level, parts
from balance_sim.stats.intervals import mean_interval
from balance_sim.study.outcomes import ACCELERATED_DAYS

STRATA = 5
SHUFFLES = 999
NO_BOUNDS = "no bounds: the effect on other dyads is not distinguishable from none"
FEWEST = (
    10  # runs that have to differ at some visibility for an interval of the elasticity
)
_UNDER_WAY = ("assumed", "talks")
NETWORK = tuple(name for name, term in TERMS.items() if term.group == "network")
SAMPLE = 32
MOST_WORK = 3e7  # states^3 x kinds x agreements looked at


def triggered(r: StudyData) -> MechanismEstimate:
    """M1: the effect on counter-balancing security agreements in the longest window, as
    in `effects`."""
    effects = r.result.effects
    row = effects[
        (effects["arm"] == r.arm) & (effects["outcome"] == r.result.headline_outcome)
    ].iloc[0]
    mean, lo, hi = (float(row[name]) for name in ("mean", "lo", "hi"))
    note = "exposure is off" if r.scenario.theory.weights["exposure"] == 0 else ""
    more = {"by_window": r.by_window("accords_counter")}
    return MechanismEstimate(mean, lo, hi, int(row["n"]), note=note, detail=more)


def strata(rate: Floats, count: int = STRATA) -> Ints:
    """Stratum of each rate, 0 the lowest: as many in each as can be."""
    return np.asarray(
        np.argsort(np.argsort(rate, kind="stable"), kind="stable")
        * count
        // max(len(rate), 1)
    )


def standardised(
    base: Floats, stratum: Ints, threatened: Bools
) -> tuple[Floats, Floats]:
    """Weights of threatened and of other dyads, standardised over strata of the base
    rate. All (dyads,).

    The ratio of the two weighted sums of effects is the Mantel-Haenszel rate ratio
    (Mantel, Haenszel 1959; Rothman, Greenland 1998, ch. 15)."""
    over, under = np.zeros(len(base)), np.zeros(len(base))
    for s in np.unique(stratum):
        mine, others = (stratum == s) & threatened, (stratum == s) & ~threatened
        of_mine, of_others = base[mine].sum(), base[others].sum()
        if of_mine > 0 and of_others > 0:
            over[mine] = of_others / (of_mine + of_others)
            under[others] = of_mine / (of_mine + of_others)
    return over, under


def selective(r: StudyData) -> MechanismEstimate:
    """M2: rate ratio of the effect per base rate, threatened against other dyads,
    within strata of it."""
    world, cast = r.worlds.reference, r.cast
    outside = ~(
        np.isin(world.first, cast.participants)
        | np.isin(world.second, cast.participants)
    )
    security = world.ladder.security  # what effects by dyad count
    base = rates_at_start(world, r.worlds.baseline.keen)[:, security].sum(axis=1)[
        outside
    ]
    first, second, stratum = world.first[outside], world.second[outside], strata(base)
    threatened = cast.threatened[first] | cast.threatened[second]
    why = "all dyads outside are of one class: either no state is threatened, or each dyad has one that is"
    need(threatened.any() and not threatened.all(), why)
    of_dyads = r.by_dyad(r.arm)
    effect = of_dyads.effect[outside]
    need(effect.any(), "no run differs in an accord between states that take no part")
    dyads = ByDyad(
        effect, of_dyads.error[outside], of_dyads.control[outside], of_dyads.n
    )
    over, under = standardised(base, stratum, threatened)
    found = dyads.ratio(over, under)
    states = np.setdiff1d(np.arange(world.n), cast.participants)
    shuffle, others_threatened = (
        np.random.default_rng(stream_seed(r.result.seed, SHUFFLED_CLASSES)),
        [],
    )
    for _ in range(SHUFFLES):
        label = np.zeros(world.n, dtype=bool)
        label[states] = shuffle.permutation(cast.threatened[states])
        of, others = standardised(base, stratum, label[first] | label[second])
        others_threatened.append(float(effect @ (of - others)))
    totals = {"threatened": dyads.total(over), "others": dyads.total(under)}
    return MechanismEstimate(
        *found,
        dyads.n,
        shuffled=PlaceboComparison(
            float(effect @ (over - under)), np.array(others_threatened)
        ),
        note=NO_BOUNDS * (not np.isfinite(found[1])),
        detail={
            **{name: detail(*of) for name, of in totals.items()},
            "difference": {"value": totals["threatened"][0] - totals["others"][0]},
            "shuffles": SHUFFLES,
        },
    )


def elasticity(levels: Floats, effects: Floats) -> tuple[float, float, float]:
    """Slope of ln(mean effect) on ln(level), with a jackknife interval. effects: (runs,
    levels).

    NaN where a mean is not above zero; no interval where one is not with some run left
    out, or fewer than FEWEST runs differ at every level: a logarithm of so few is too
    uneven (docs/statistics.md)."""
    x = np.log(levels) - np.log(levels).mean()

    def slope(values: Floats) -> float:
        means = values.mean(axis=0)
        return float(x @ np.log(means) / (x @ x)) if (means > 0).all() else float("nan")

    if (effects != 0).sum(axis=0).max() < FEWEST:
        return slope(effects), float("nan"), float("nan")
    return jackknifed(slope, effects)


def visible(r: StudyData) -> MechanismEstimate:
    """M4: elasticity of the effect on counter-balancing agreements in the visibility of
    the focal event."""
    names = [f"extra.seen_{round(100 * level)}" for level in VISIBILITIES]
    r.need_extra(*names)
    outcome = r.result.headline_outcome
    columns = r.columns(outcome, r.reference, *names, r.arm)
    effects, levels = columns[:, 1:] - columns[:, :1], np.array([*VISIBILITIES, 1.0])
    smooth = r.smooth(outcome)
    means = {
        f"{level:g}": detail_of(PairedColumns.of(effects[:, k], smooth=smooth))
        for k, level in enumerate(levels)
    }
    value, lo, hi = elasticity(levels, effects)
    if not np.isfinite(value):
        low = ", ".join(
            f"{name}: {of['value']:+.3g}"
            for name, of in means.items()
            if of["value"] <= 0
        )
        raise NoValue(
            f"in {len(effects)} replications the effect is not above zero everywhere ({low}): it has no logarithm"
        )
    few = (effects != 0).sum(axis=0).max() < FEWEST
    why = (
        f"fewer than {FEWEST} replications differ"
        if few
        else "too few replications differ for an interval"
    )
    note = "" if np.isfinite(lo) else f"no interval: {why}"
    return MechanismEstimate(
        value, lo, hi, len(effects), note=note, detail={"by_visibility": means}
    )


def tense(r: StudyData) -> MechanismEstimate:
    """M11: effect on counter-balancing agreements at twice the initial tension less
    that at half of it."""
    low, high = (f"extra.tension_{round(100 * factor)}" for factor in TENSIONS)
    r.need_extra("extra.seen_25")
    need(
        r.has_arm(low),
        "no evidence on intent is dated before the start, so there is no initial tension to scale",
    )
    outcome, control = r.result.headline_outcome, CONTROL
    arms = {
        TENSIONS[0]: (low, low + control),
        1.0: (r.arm, r.reference),
        TENSIONS[1]: (high, high + control),
    }
    effects, by_tension = {}, {}
    for factor, (arm, base) in arms.items():
        of_arm, of_base = r.columns(outcome, arm, base, low).T[:2]
        effects[factor] = PairedColumns(of_arm, of_base, r.smooth(outcome))
        share, *ends = ratio(
            effects[factor], PairedColumns.of(of_base, smooth=r.smooth(outcome))
        )
        by_tension[f"{factor:g}"] = detail_of(effects[factor]) | {
            "per_base": share,
            "per_base_ci95": ends,
        }
    least, most = TENSIONS
    return mean_of(effects[most] - effects[least], detail={"by_tension": by_tension})


def gained(frame: pd.DataFrame, arm: str, reference: str) -> pd.DataFrame:
    """Run, and days gained on the control arm, of talks under way that both arms sign.
    frame: of agreements."""
    under_way = frame[frame["origin"].isin(_UNDER_WAY) & (frame["after"] >= 1)]
    key = np.zeros(len(under_way), np.int64)
    for name in ("run", "dyad", "kind", "origin", "occasion"):
        number, values = pd.factorize(under_way[name])
        key = key * max(len(values), 1) + number
    run, after = (under_way[name].to_numpy(np.int64) for name in ("run", "after"))
    one, other = (np.flatnonzero(under_way["arm"] == name) for name in (arm, reference))
    _, mine, theirs = np.intersect1d(
        key[one], key[other], assume_unique=True, return_indices=True
    )
    mine, theirs = one[mine], other[theirs]
    return pd.DataFrame({"run": run[mine], "days": after[theirs] - after[mine]})


def hastened(r: StudyData) -> MechanismEstimate:
    """M15: days gained by agreements under way at the start, per agreement that both
    arms sign."""
    both = gained(r.agreements, r.arm, r.reference)
    need(len(both), "no accord under way at the start is signed in both arms")
    where, many = np.searchsorted(r.runs, both["run"]), len(r.runs)
    weights = (both["days"], both["days"] >= ACCELERATED_DAYS, np.ones(len(both)))
    days, long, number = (
        PairedColumns.of(np.bincount(where, of, minlength=many)) for of in weights
    )
    share = detail(*ratio(long, number))
    more = {
        "accords": len(both),
        f"share_{ACCELERATED_DAYS}_days": share,
        "moved": int((both["days"] != 0).sum()),
    }
    return MechanismEstimate(*ratio(days, number), many, detail=more)


def guests_of(r: StudyData) -> list[int]:
    """Guests of the focal event, else of the events of the same day and host;
    participants left out."""
    guests = members(
        r.worlds.classes.guests, {}, {code: i for i, code in enumerate(r.codes)}
    )
    return [i for i in guests if i not in r.cast.participants]


def joined(r: StudyData) -> MechanismEstimate:
    """M17: effect on new agreements between guests and participants in the longest
    window."""
    guests = guests_of(r)
    need(guests, "the focal event has no guests, nor has another of its day and host")
    world, cast = r.worlds.reference, r.cast
    hosting = [np.isin(side, cast.participants) for side in (world.first, world.second)]
    invited = [np.isin(side, guests) for side in (world.first, world.second)]
    chosen = (hosting[0] & invited[1]) | (hosting[1] & invited[0])
    totals = {
        arm: r.by_dyad(arm).total(chosen.astype(float)) for arm in r.result.arms[1:]
    }
    dropped = {
        one.id for one in r.scenario.events if one.guests and one.date == r.focal.date
    }
    kept = dropped.isdisjoint(r.scenario.arms[r.reference].drop)
    note = (
        "the guests are seen with the host in both arms"
        if kept and not r.focal.guests
        else ""
    )
    dyads, by_arm = r.by_dyad(r.arm), {arm: detail(*of) for arm, of in totals.items()}
    more = {
        "guests": [r.codes[i] for i in guests],
        "base": float(dyads.control[chosen].sum()),
        "by_arm": by_arm,
    }
    return MechanismEstimate(*totals[r.arm], dyads.n, note=note, detail=more)


def spiral(r: StudyData) -> MechanismEstimate:
    """M16: loop gain, the expected further agreements within a year per agreement
    signed now."""
    world = r.worlds.reference
    size = int(np.clip(MOST_WORK / (world.n**3 * len(world.ladder.names)), 4, SAMPLE))
    total, frozen = loop_gains(r.worlds, *sampled(r.worlds, size))
    mean, _, lo, hi = mean_interval(total)
    note = (
        f"{size} agreements drawn by rate; the CI is over these, not over replications"
    )
    if size < SAMPLE:
        lo = hi = float("nan")
        note = f"{size} agreements drawn by rate, where a CI needs {SAMPLE}: fewer states give them"
    verdict = "as expected" if 0 < mean < 1 else "opposite"
    if not np.isfinite(lo) or lo <= 0 <= hi or lo <= 1 <= hi:
        verdict = "not distinguishable"
    more = {
        "network_frozen": {
            "value": float(frozen.mean()),
            "ci95": [None, None],
        },  # few make most of it
        "accords_looked_at": size,
        "unit": "talks opened within a year per accord in force now",
    }
    return MechanismEstimate(
        mean, lo, hi, len(total), verdict=verdict, note=note, detail=more
    )


def rates(worlds: Worlds) -> Floats:
    """(P * M,) rate at which each pair opens talks on each kind at the start."""
    return rates_at_start(worlds.reference, worlds.baseline.keen).reshape(-1)


def sampled(worlds: Worlds, size: int, start: float = 0.5) -> tuple[Ints, Ints]:
    """Pairs and kinds that would sign now, by their rates at the start: a systematic
    sample.

    start: where in the first of `size` equal shares of the rates it begins, 0..1.
    Neighbours in the order of pairs are alike, so such a sample varies less than
    Student's t over its agreements says: docs/statistics.md."""
    edges = np.cumsum(rates(worlds))
    marks = (np.arange(size) + start) / size * edges[-1]
    return np.divmod(np.searchsorted(edges, marks), len(worlds.reference.ladder.names))


def loop_gains(worlds: Worlds, dyad: Ints, kind: Ints) -> tuple[Floats, Floats]:
    """(K,) change of the sum of all pairs' rates, per year, if one more agreement were
    in force: in total, and with the network's terms held where they are without it.

    One world holds none of the agreements, each other one. Talks that the agreement's
    clock could open count too."""
    world, baseline = worlds.reference, worlds.baseline
    runs = len(dyad) + 1
    state = begin(world, baseline, 0, np.zeros(runs, dtype=np.uint64))
    add_in_force(worlds, state, np.arange(1, runs), dyad, kind)
    view = perceive(world, state, 0)
    parts = [_terms_of_all(worlds, state, view, run) for run in range(runs)]
    base = parts[0]
    whole = np.array([_rate(worlds, sum(of.values())) for of in parts])
    held = np.array(
        [
            _rate(
                worlds, sum(base[name] if name in NETWORK else of[name] for name in of)
            )
            for of in parts
        ]
    )
    return whole[1:] - whole[0], held[1:] - held[0]


def add_in_force(
    worlds: Worlds, state: BlockState, run: Ints, dyad: Ints, kind: Ints
) -> None:
    """One more agreement in force, and one more signature of its pair, in each of some
    runs."""
    world = worlds.reference
    rows, count = len(state.agreements.run), len(run)
    zeros = np.zeros(count, np.int64)
    few = AgreementRows.begun(
        0, run, dyad, kind, zeros, zeros.astype(np.uint64), np.zeros(count)
    )
    few.stage = np.full(count, 2)
    state.agreements.add_rows(few)
    added = np.arange(rows, rows + count)
    enter(state, added)
    refresh(world, state, added)
    np.add.at(state.experience, (run, dyad), 1.0)


def _terms_of_all(
    worlds: Worlds, state: BlockState, view: View, run: int
) -> dict[str, Floats]:
    """Terms of every state for every other and kind in one run, (n * n * M,) each, and
    the constant part."""
    world = worlds.reference
    ego, alter, kind = (
        grid.ravel() for grid in np.indices((world.n, world.n, len(world.ladder.names)))
    )
    p = Prospects(
        world, worlds.baseline, view, state, np.full(len(ego), run), ego, alter, kind
    )
    return dict(parts(p)) | {"constant": level(p)}


def _rate(worlds: Worlds, u: Floats | int) -> float:
    """Talks opened a year by all pairs, from everybody's willingness."""
    world = worlds.reference
    keen = consent(np.asarray(u)).reshape(world.n, world.n, -1)
    both = keen[world.first, world.second] * keen[world.second, world.first]
    return float(
        (both * opportunity_rate(world) * openness_at(world, 0.0)[:, None]).sum()
    )
