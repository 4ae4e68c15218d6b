"""Whether a record shows a reaction: counter-balancing security agreements beside the
others, found over forecast, and how each arm's forecast does against the control arm's.

Given N agreements, C of counter-balancing dyads, C is binomial: its odds are the
reaction's ratio times the odds that the control arm expects. The level of the time,
which moves all agreements alike, drops out. The interval is exact (Clopper, Pearson
1934, Biometrika 26: 404-413). Years differ by more than chance, as states have years of
their own, so earlier periods of the scenario's own record say by how much C varies
about its share (Pearson's dispersion: McCullagh, Nelder 1989, Generalized Linear
Models, 4.5). Above 1 it divides the counts, with the quantile of its degrees of freedom
(Korn, Graubard 1998, Survey Methodology 24: 193-201)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import inf, log, nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import betainc, betaincinv, gammaln, xlogy

from balance_sim.effects.headline import stored_uncertainty
from balance_sim.evidence.estimation.choices import signing_day
from balance_sim.evidence.forecast.forecast import signed_record, window_of
from balance_sim.evidence.forecast.score import DETECTION
from balance_sim.model.baseline import classes_of
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.schema import Scenario
from balance_sim.stats import Floats
from balance_sim.stats.intervals import NORMAL, t_quantile
from balance_sim.study.outcomes import FILTERED, Outcome
from balance_sim.study.result import Result

POWER, TAIL = 0.8, 0.025
YEARS = 10
"""Of the scenario's own record, from which the dispersion is told."""
FEWEST_PERIODS = 5


@dataclass(frozen=True)
class Dispersion:
    """How much more the share of counter-balancing agreements varies from period to
    period than by chance: `value`, 1 or more, from so many `periods`; 0: not known."""

    value: float = 1.0
    periods: int = 0

    @property
    def shrinkage(self) -> float:
        """By what counts are multiplied in an interval."""
        if self.value <= 1.0:
            return 1.0
        return (NORMAL / t_quantile(0.95, self.periods - 1)) ** 2 / self.value


@dataclass(frozen=True)
class ReactionRatio:
    """Odds of counter-balancing agreements, found over forecast, with the 95 %
    interval; NaN and infinite where nothing tells. smallest: the ratio above 1 that so
    many agreements would show 8 times in 10; NaN where none would be shown."""

    value: float
    ci95: tuple[float, float]
    smallest: float


def dispersion_of(counter: Floats, total: Floats) -> Dispersion:
    """The dispersion of counts about their common share; 1 at the least.

    counter, total: (T,) counter-balancing agreements, and all, of each period.

    >>> dispersion_of(np.array([2.0, 8, 5, 5, 5]), np.full(5, 10.0)).value
    1.8"""
    is_counted = total > 0
    counter, total = counter[is_counted], total[is_counted]
    if len(total) < FEWEST_PERIODS or counter.sum() in (0, total.sum()):
        return Dispersion()
    share = counter.sum() / total.sum()
    squares = (counter - total * share) ** 2 / (total * share * (1.0 - share))
    return Dispersion(max(float(squares.sum() / (len(total) - 1)), 1.0), len(total))


def reaction_ratio(
    counter: int, other: int, forecast_odds: float, dispersion: Dispersion
) -> ReactionRatio:
    """The ratio that counts show, over the odds that are forecast (> 0).

    >>> found = reaction_ratio(20, 10, 1.0, Dispersion())
    >>> found.value, round(found.ci95[0], 2), round(found.ci95[1], 2)
    (2.0, 0.89, 4.78)"""
    if not counter + other:
        return ReactionRatio(nan, (0.0, inf), nan)
    scale = dispersion.shrinkage
    c, o = counter * scale, other * scale
    low = betaincinv(c, o + 1.0, TAIL) if counter else 0.0
    high = betaincinv(c + 1.0, o, 1.0 - TAIL) if other else 1.0
    ends = (_odds(float(low)) / forecast_odds, _odds(float(high)) / forecast_odds)
    value = (counter / other if other else inf) / forecast_odds
    return ReactionRatio(
        value, ends, smallest_ratio(counter + other, forecast_odds, dispersion)
    )


def smallest_ratio(total: int, forecast_odds: float, dispersion: Dispersion) -> float:
    """The smallest ratio above 1 whose interval lies above 1 in 80 % of records of so
    many agreements; NaN where no count would be enough."""
    share, scale = forecast_odds / (1.0 + forecast_odds), dispersion.shrinkage
    counts = np.arange(1.0, total + 1.0)
    tail = betainc(counts * scale, (total - counts) * scale + 1.0, share)
    enough = counts[tail <= TAIL]
    if not len(enough):
        return nan
    fewest = enough[0]
    a, b = fewest / dispersion.value, (total - fewest) / dispersion.value + 1.0
    return _odds(float(betaincinv(a, b, POWER))) / forecast_odds


def _odds(share: float) -> float:
    return share / (1.0 - share) if share < 1.0 else inf


def like_events(
    counter: float, ratio: float, other: float = inf, dispersion: float = 1.0
) -> float:
    """How many events like it a record must hold to show a ratio 8 times in 10, two
    sides at 5 %, by the normal approximation.

    counter, other: agreements that are expected after one event; other infinite: the
    level without the event is known. Poisson counts whose variance is `dispersion`
    times as large (Lehr 1992, Statistics in Medicine 11: 1099-1102, for a ratio).

    >>> round(like_events(7.0, 1.01))
    11312"""
    if ratio == 1.0:
        return inf
    variance = dispersion * (1.0 / counter + 1.0 / other)
    return DETECTION**2 * variance / log(ratio) ** 2


# --- arms -----------------------------------------------------------------------------


def log_predictive(counts: Floats, expected: Floats, variance: float) -> Floats:
    """(R,) log-likelihood of counts (2,) given what each replication expects, (R, 2):
    Poisson, times a level of the time that is gamma with mean 1 and this variance and
    common to both, which is integrated over.

    Filtered estimates of a replication may be below zero; none is expected there."""
    expected = np.maximum(expected, 0.0)
    total, sum_expected = counts.sum(), expected.sum(axis=1)
    terms = xlogy(counts, expected) - gammaln(counts + 1.0)
    if variance == 0.0:
        return np.asarray(terms.sum(axis=1) - sum_expected)
    shape = 1.0 / variance
    level = gammaln(shape + total) - gammaln(shape) + shape * log(shape)
    level = level - (shape + total) * np.log(shape + sum_expected)
    return np.asarray(terms.sum(axis=1) + level)


def bayes_factor(arm: Floats, control: Floats) -> tuple[float, float]:
    """How much likelier counts are under an arm than under the control arm, and the
    Monte Carlo standard error. arm, control: (R,) of `log_predictive`, paired."""
    highest = max(float(arm.max()), float(control.max()))
    of_arm, of_control = np.exp(arm - highest), np.exp(control - highest)
    factor = float(of_arm.mean() / of_control.mean())
    gap = of_arm / of_arm.mean() - of_control / of_control.mean()
    error = gap.std(ddof=1) / np.sqrt(len(gap)) if len(gap) > 1 else nan
    return factor, factor * float(error)


def earlier_dispersion(scenario: Scenario, days: int) -> Dispersion:
    """The dispersion over periods as long as the window, in the scenario's own record
    of ten years before its start: agreements of two states, by the day of signature."""
    classes, periods = classes_of(scenario), int(YEARS * 365.25) // days
    counts = np.zeros((2, periods))
    for agreement in scenario.agreements:
        day = signing_day(agreement)
        if day is None or agreement.multilateral or day >= scenario.start:
            continue
        period = ((scenario.start - day).days - 1) // days
        if period < periods and scenario.kinds[agreement.kind].security:
            is_counter = classes.direction(agreement.a, agreement.b) == "counter"
            counts[int(is_counter), period] += 1.0
    return dispersion_of(counts[1], counts.sum(axis=0))


def expected_counts(result: Result) -> dict[str, Floats]:
    """By arm (R, 2): new counter-balancing and other security agreements that each
    replication expects within the longest window (filtered estimates). Raises
    WrongRequest."""
    names = [
        FILTERED + Outcome("accords", direction, result.window).name
        for direction in ("counter", "all")
    ]
    for name in names:
        result.need(name)
    frame = result.by_run.frame(*names)
    runs = frame.pivot(index="run", columns="arm", values=names).dropna()
    by_arm = {}
    for arm in result.arms:
        counter, total = (runs[name][arm].to_numpy() for name in names)
        by_arm[arm] = np.stack([counter, total - counter], axis=1)
    return by_arm


def counted(result: Result, rows: pd.DataFrame) -> tuple[Floats, dict[str, int]]:
    """(2,) counter-balancing and other security agreements of two states of the roster,
    and how many rows are left out by reason: declarations, states that the scenario
    does not have, legs of an agreement of several, and what was fixed before the start.
    rows: of `SignedRecord`."""
    scenario, scheduled = result.scenario, result.scheduled
    classes = classes_of(scenario)
    security = [name for name, kind in scenario.kinds.items() if kind.security]
    signed = scheduled[scheduled["stage"] == "signed"]
    fixed = {
        (*sorted(dyad), kind)
        for *dyad, kind in signed[["a", "b", "kind"]].itertuples(index=False)
    }
    dyads = rows.drop_duplicates(["accord_id", "a", "b"])
    legs = dyads["accord_id"].value_counts()
    names = rows[["a", "b", "kind"]].astype(str)
    keys = list(names.itertuples(index=False, name=None))
    reasons: dict[str, Any] = {
        "not_security": ~names["kind"].isin(security),
        "outside": ~names[["a", "b"]].isin(scenario.codes).all(axis=1),
        "multilateral": rows["multilateral"].astype(bool)
        | (rows["accord_id"].map(legs) > 1),
        "scheduled": np.array([key in fixed for key in keys], dtype=bool),
    }
    reason = np.select(list(reasons.values()), list(reasons), "")
    counter = [
        classes.direction(a, b) == "counter"
        for (a, b, _), why_not in zip(keys, reason, strict=True)
        if not why_not
    ]
    counts = np.array([sum(counter), len(counter) - sum(counter)], dtype=np.float64)
    return counts, {name: int((reason == name).sum()) for name in reasons}


def like_events_drawn(scenario: Scenario, arm: str | None) -> dict[str, float] | None:
    """`like_events` of an arm with the level known, at the median of its effect over
    the posterior and at the ends of the 95 % interval; None where no posterior tells
    the effect in this very scenario."""
    uncertainty = stored_uncertainty(scenario, arm)
    if uncertainty is None or not uncertainty["posterior"]:
        return None
    of_draws = uncertainty["posterior"]["of"]
    level, effect = of_draws["level"]["median"], of_draws["total"]
    low, high = effect["ci95"]
    effects = {"median": effect["median"], "q025": low, "q975": high}
    return {
        name: like_events(level, 1.0 + value / level) for name, value in effects.items()
    }


def reaction_of(result: Result, outcomes: Path) -> dict[str, Any]:
    """What the agreements of a file say of the reaction, under the names of
    docs/json.md.

    Raises WrongRequest where the control arm expects none of either, and
    DataError for a file that cannot be read."""
    scenario, (first, last) = result.scenario, window_of(result)
    record = signed_record(outcomes, first, last, (), scenario.kinds)
    counts, left_out = counted(result, record.rows)
    expected = expected_counts(result)
    means = {arm: values.mean(axis=0) for arm, values in expected.items()}
    control = means[result.reference]
    if not (control > 0.0).all():
        which = "counter-balancing" if control[1] > 0.0 else "other"
        raise WrongRequest(
            f"the control arm expects no {which} security agreement, so there is no "
            "ratio; `balance-sim check` says which dyads count"
        )
    dispersion = earlier_dispersion(scenario, result.window)
    odds = float(control[0] / control[1])
    ratio = reaction_ratio(int(counts[0]), int(counts[1]), odds, dispersion)
    variance = 0.0 if result.draws else scenario.calibration.level_variance
    likelihood = {
        arm: log_predictive(counts, values, variance)
        for arm, values in expected.items()
    }
    arms = {}
    for arm, (counter, background) in means.items():
        factor, error = bayes_factor(likelihood[arm], likelihood[result.reference])
        arm_ratio = counter / background / odds
        arms[arm] = {
            "counter": counter,
            "other": background,
            "ratio": arm_ratio,
            "bayes_factor": factor,
            "bayes_factor_se": error,
            "like_events": {
                "level_known": like_events(control[0], counter / control[0]),
                "beside_others": like_events(
                    control[0], arm_ratio, control[1], dispersion.value
                ),
            },
        }
    return {
        "first": first.isoformat(),
        "last": last.isoformat(),
        "control": result.reference,
        "headline_arm": result.headline_arm,
        "found": {"counter": int(counts[0]), "other": int(counts[1])},
        "left_out": left_out,
        "ratio": asdict(ratio) | {"dispersion": asdict(dispersion)},
        "ci95": ratio.ci95,
        "detectable": ratio.smallest,
        "bayes_factors": {name: arm["bayes_factor"] for name, arm in arms.items()},
        "arms": arms,
        "like_events_posterior": like_events_drawn(scenario, result.headline_arm),
        "outcomes": record.document,
        "notes": record.notes,
    }
