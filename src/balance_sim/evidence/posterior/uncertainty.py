"""What is not known of the headline effect, beside Monte Carlo error: how wide it is
before and after the data, and what makes it so.

The 95 % interval over draws is what is not known of the parameters. Theories are the
shipped presets at one base rate, each with its weight by stacking (`stats.stacking`)
where the scenario's own record could score them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter

from balance_sim.effects.placebos import PlaceboTest, placebos
from balance_sim.evidence.estimation.parameter_files import rounded
from balance_sim.evidence.posterior.effect_draws import (
    COLUMNS,
    DrawnEffect,
    Progress,
    arm_effect,
    effects_over,
)
from balance_sim.evidence.posterior.parameter_draws import posterior_draws
from balance_sim.evidence.posterior.priors import prior_draws
from balance_sim.evidence.posterior.variance import VarianceShares, variance_shares
from balance_sim.scenario import Scenario, with_values
from balance_sim.scenario.defaults import presets
from balance_sim.scenario.errors import OneLine, WrongRequest
from balance_sim.study.arms import chosen_arms, headline_arm
from balance_sim.study.draws import Draws
from balance_sim.study.outcomes import Outcome

FEW = 200
"""Draws where no number is given: 2.5 % quantiles rest on five of them."""
FEWEST = 1000
"""Draws from which on the spread is divided among groups of parameters."""
DRAWS_A_WALK = 10
"""Draws for each walk between two of them."""


@dataclass(frozen=True)
class TheoryEffect:
    """What one theory says at the shipped values, at one base rate. weight: by
    stacking; None where not scored."""

    name: str
    level: float
    picture: float
    threat: float
    total: float
    weight: float | None = None


@dataclass(frozen=True, repr=False)
class Uncertainty(OneLine):
    """What is not known of the headline effect, beside Monte Carlo error. estimate:
    COLUMNS at the values in use."""

    arm: str | None
    outcome: str
    estimate: Mapping[str, float]
    posterior: DrawnEffect | None = None
    prior: DrawnEffect | None = None
    theories: tuple[TheoryEffect, ...] = ()
    variance: VarianceShares | None = None
    placebos: Mapping[str, PlaceboTest] = field(default_factory=dict)
    why: str = ""

    @property
    def sources(self) -> dict[str, DrawnEffect]:
        """The distributions that the effect is known over, by name, the posterior
        first."""
        effects = {"posterior": self.posterior, "prior": self.prior}
        return {name: effect for name, effect in effects.items() if effect is not None}

    @property
    def stacked(self) -> float | None:
        """The effect averaged over theories by their stacking weights; None where they
        have none."""
        scored = [theory for theory in self.theories if theory.weight is not None]
        terms = [(theory.weight or 0.0) * theory.total for theory in scored]
        return sum(terms) if terms else None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: see docs/json.md."""
        return {**_PLAIN.dump_python(self, mode="json"), "stacked": self.stacked}

    def in_short(self) -> dict[str, Any]:
        """For JSON, the numbers that most readers want: the effect over each
        distribution, and by theory."""
        short: dict[str, Any] = {"posterior": None, "prior": None}
        for name, drawn in self.sources.items():
            effect = drawn.of["total"]
            ends = dict(zip(("q025", "q975"), effect.ci95, strict=True))
            middle = {"mean": effect.mean, "q50": effect.median}
            short[name] = {"draws": drawn.draws, **middle, **ends}
        short["theories"] = {
            theory.name: {"effect": theory.total, "weight": theory.weight}
            for theory in self.theories
        }
        short["placebo"] = {
            name: {"n": test.placebos, "p": test.p, "verdict": test.verdict}
            for name, test in self.placebos.items()
        }
        return short


_PLAIN = TypeAdapter(Uncertainty)


# --- what is stored -------------------------------------------------------------------


def headline_uncertainty(
    scenario: Scenario, arm: str | None, stored: Mapping[str, Any] | None = None
) -> Uncertainty | None:
    """What is known of an arm's effect: as a summary holds it, else as the scenario's
    posterior does, if it was worked out for this very scenario and arm. stored: the
    summary's `uncertainty`."""
    record = scenario.posterior.headline
    is_of_scenario = record.get("scenario_sha256") == scenario.sha256
    is_of_arm = arm is not None and record.get("arm") == arm
    if stored or (is_of_scenario and is_of_arm):
        return _PLAIN.validate_python(stored or record)
    return None


def stored_record(scenario: Scenario, uncertainty: Uncertainty) -> dict[str, Any]:
    """What `headline_uncertainty` reads back: six significant digits, and the form of
    the scenario that it is for."""
    plain: dict[str, Any] = rounded(uncertainty.as_dict(), 6)
    return {"scenario_sha256": scenario.sha256, **plain}


# --- what is worked out ---------------------------------------------------------------


def uncertainty(
    scenario: Scenario,
    arm: str | None = None,
    *,
    draws: int = FEW,
    workers: int = 1,
    posterior: Draws | None = None,
    weights: Mapping[str, float] | None = None,
    with_placebos: bool = False,
    progress: Progress = None,
) -> Uncertainty:
    """What is not known of an arm's effect: over draws of the prior, of the posterior
    if there is one, and theories.

    Parameters
    ----------
    scenario : complete
    arm : its name; the headline arm if not given
    draws : of each distribution, the first of those there are
    workers : processes; they change nothing but the time
    posterior : draws of it; those that the scenario names if not given
    weights : of theories, by stacking
    with_placebos : placebos too, of participants and dates: seconds
    progress : called with draws done and all

    Raises
    ------
    WrongRequest : for an unknown arm, or the control arm
    ScenarioError : for a posterior of another form of the scenario

    Examples
    --------
    >>> from balance_sim.scenario import load_scenario
    >>> scenario = load_scenario("experiments/smoke/five_states.yaml")
    >>> drawn = uncertainty(scenario, draws=4).prior.of["total"]
    >>> low, high = drawn.ci95
    >>> low <= drawn.median <= high
    True
    """
    outcome = Outcome("accords", "counter", max(scenario.report.windows)).name
    named = arm or headline_arm(scenario, chosen_arms(scenario, None))
    if named is None:
        reason = "there is no arm beside the control arm"
        return Uncertainty(None, outcome, {}, why=reason)
    if named not in chosen_arms(scenario, [named]) or named == scenario.reference_arm:
        raise WrongRequest(f"{named} is the control arm: it has no effect")
    at_values = dict(zip(COLUMNS, arm_effect(named, scenario), strict=True))
    sources = [prior_draws(scenario, draws)]
    if posterior is None and scenario.posterior.draws:
        posterior = posterior_draws(scenario)
    if posterior is not None:
        sources.append(posterior.first(draws))
    by_source: dict[str, DrawnEffect] = {}
    work: dict[str, Any] = {"workers": workers, "progress": progress}
    for source in sources:
        values = effects_over(scenario, source, named, **work)
        by_source[source.source] = DrawnEffect.found(source, values)
    variance, last = None, sources[-1]
    if len(last) >= FEWEST:  # what carries the spread over the last
        walks = len(last) // DRAWS_A_WALK
        total = values[:, -1]
        variance = variance_shares(scenario, last, total, named, walks, **work)
    theories = []
    for name in presets():
        preset = with_values(scenario, {"theory.preset": name})
        effect = dict(zip(COLUMNS, arm_effect(named, preset), strict=True))
        effect.pop("rest")
        theories.append(TheoryEffect(name, **effect, weight=(weights or {}).get(name)))
    return Uncertainty(
        arm=named,
        outcome=outcome,
        estimate=at_values,
        posterior=by_source.get("posterior"),
        prior=by_source["prior"],
        theories=tuple(theories),
        variance=variance,
        placebos=placebos(scenario, named).tests() if with_placebos else {},
    )
