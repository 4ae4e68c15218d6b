"""The headline: an effect over what is known of the parameters, before the data, and
at the point values.

To be quoted is the first, an expectation over the posterior with its median and central
95 % (Gelman et al. 2013, Bayesian Data Analysis, 3rd ed., section 2.3). `evidence
posterior` works it out for one form of a scenario and one arm, and the head of the
scenario's posterior keeps it. Monte Carlo error belongs to the last row alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from balance_sim.scenario.schema import Scenario
from balance_sim.stats.intervals import FEWEST_RUNS
from balance_sim.study.outcomes import headline_outcome

type Spread = dict[str, Any]

NOT_WORKED_OUT, OTHER_FORM, OTHER_ARM = "not_worked_out", "other_form", "other_arm"
"""Why nothing is known of an effect over the posterior."""
DISTRIBUTIONS = ("posterior", "prior")
FAR = 0.25
"""Distance of the expected estimator from the simulated effect, as a share."""


@dataclass(frozen=True, repr=False)
class Headline:
    """The effect of an arm on the headline outcome, in three rows.

    Attributes
    ----------
    arm, outcome, control : names
    posterior, prior : over joint draws of the parameters, by the expected estimator:
        draws (how many), mean, median, ci95 (2.5 % and 97.5 % quantiles),
        share_positive, level (mean of the control arm); None where not worked out
    point : mean, ci95 (of Monte Carlo error; None without one), n (replications; None
        where there are none), level, at the point values; None where replications drew
        their parameters
    drawn : the same over what they drew, with `source`; None at the point values
    expected : by the expected estimator at the point values, where it is kept
    mcse : Monte Carlo standard error of `point` or `drawn`; None without replications
    why : there is no posterior: NOT_WORKED_OUT, OTHER_FORM or OTHER_ARM; else empty
    """

    arm: str
    outcome: str
    control: str
    posterior: Spread | None
    prior: Spread | None
    point: Spread | None
    drawn: Spread | None
    expected: float | None
    mcse: float | None
    why: str

    def __repr__(self) -> str:
        rows = {
            name: getattr(self, name) or {}
            for name in ("posterior", "prior", "point", "drawn")
        }
        effects = [
            f"{name} {row['mean']:+.3g}"
            for name, row in rows.items()
            if row.get("mean") is not None
        ]
        numbers = ", ".join(effects) or "no effect worked out"
        return f"<Headline of {self.outcome} in {self.arm}: {numbers}>"

    @property
    def estimate(self) -> Spread:
        """The row of the replications: `drawn`, else `point`."""
        return self.drawn or self.point or {}

    @property
    def has_too_few_runs(self) -> bool:
        """Whether the replications are too few for an interval of their effect."""
        runs = self.estimate.get("n")
        return runs is not None and runs < FEWEST_RUNS

    @property
    def distance(self) -> float | None:
        """How far the expected estimator lies from the simulated effect, as a share of
        it; None where either is not there or the simulated one is not told from 0."""
        ends = (self.point or {}).get("ci95")
        if self.expected is None or not ends or None in ends:
            return None
        low, high = ends
        if low <= 0 <= high:
            return None
        return float(self.expected / self.estimate["mean"] - 1)

    @property
    def is_far(self) -> bool:
        """Whether the expected estimator lies more than FAR from the simulated effect,
        and outside of its interval: what rests on it alone says little then."""
        if self.distance is None or self.expected is None:
            return False
        low, high = self.estimate["ci95"]
        return abs(self.distance) > FAR and not low <= self.expected <= high

    @property
    def is_sign_assumed(self) -> bool:
        """Whether the prior alone puts 95 % of its draws on one side of zero."""
        if self.prior is None:
            return False
        low, high = self.prior["ci95"]
        return bool(low > 0 or high < 0)


def stored_uncertainty(scenario: Scenario, arm: str | None) -> dict[str, Any] | None:
    """Return what the scenario's posterior says of an arm's effect (`uncertainty` of
    docs/json.md); None where it was worked out for another form or arm, or not."""
    if arm is None or why_unknown(scenario, arm):
        return None
    record = dict(scenario.kept_headline)
    del record["scenario_sha256"]
    return record


def why_unknown(scenario: Scenario, arm: str) -> str:
    """Return why the scenario's posterior says nothing of an arm's effect; empty where
    it does."""
    record = scenario.kept_headline
    if not record:
        return OTHER_FORM if scenario.posterior.headline else NOT_WORKED_OUT
    return "" if record["arm"] == arm else OTHER_ARM


def headline_of(
    scenario: Scenario,
    arm: str,
    uncertainty: Mapping[str, Any] | None,
    estimate: Spread,
    drawn_from: str = "",
) -> Headline:
    """Return the headline of an arm.

    Parameters
    ----------
    uncertainty : of `stored_uncertainty`, or worked out anew
    estimate : mean, level, and ci95, mcse and n (None without replications)
    drawn_from : what replications drew their parameters from; empty at point values
    """
    spreads = uncertainty or dict.fromkeys((*DISTRIBUTIONS, "estimate"))
    posterior, prior = (_spread(spreads[name]) for name in DISTRIBUTIONS)
    row = {key: value for key, value in estimate.items() if key != "mcse"}
    return Headline(
        arm=arm,
        outcome=headline_outcome(scenario),
        control=scenario.reference_arm,
        posterior=posterior,
        prior=prior,
        point=None if drawn_from else row,
        drawn={"source": drawn_from, **row} if drawn_from else None,
        expected=spreads["estimate"] and spreads["estimate"]["total"],
        mcse=estimate["mcse"],
        why="" if posterior else why_unknown(scenario, arm) or NOT_WORKED_OUT,
    )


def _spread(drawn: Mapping[str, Any] | None) -> Spread | None:
    """Return the numbers of the effect over the draws of one distribution."""
    if not drawn:
        return None
    effect = drawn["of"]["total"]
    row = {key: effect[key] for key in ("mean", "median", "ci95")}
    row |= {"share_positive": effect["positive"], "level": drawn["of"]["level"]["mean"]}
    return {"draws": drawn["draws"], **row}


def in_short(uncertainty: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the keys `posterior`, `prior`, `theories` and `placebo` of `effect
    --json`."""
    short: dict[str, Any] = dict.fromkeys((*DISTRIBUTIONS, "theories", "placebo"))
    if uncertainty is None:
        return short
    for name in DISTRIBUTIONS:
        if uncertainty[name]:
            effect = uncertainty[name]["of"]["total"]
            ends = dict(zip(("q025", "q975"), effect["ci95"], strict=True))
            middle = {"mean": effect["mean"], "q50": effect["median"]}
            short[name] = {"draws": uncertainty[name]["draws"], **middle, **ends}
    short["theories"] = {
        theory["name"]: {"effect": theory["total"], "weight": theory["weight"]}
        for theory in uncertainty["theories"]
    }
    short["placebo"] = {
        name: {"n": test["placebos"], "rank": test["rank"], "verdict": test["verdict"]}
        for name, test in uncertainty["placebos"].items()
    }
    return short
