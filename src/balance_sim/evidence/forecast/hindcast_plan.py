"""The plan of a hindcast: which years, which forecasts, how the years are followed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from balance_sim.scenario.diagnostics import refusal
from balance_sim.scenario.fields import Strict, Text
from balance_sim.scenario.plans import read_plan

Baseline = Literal["base_rate", "earlier_accords", "gravity", "logit", "boosted_trees"]
BOOSTED_TREES: Baseline = "boosted_trees"
"""The baseline that needs scikit-learn."""
Year = Annotated[int, Field(ge=1816)]
Count = Annotated[int, Field(ge=1)]


class HindcastPlan(Strict):
    """The plan of a hindcast.

    states: among which (ISO alpha-3), all if none are given. first: of the history.
    last: last year of the fit. until: last year forecast.
    window: years that the fit and the baselines look back. pair_variance: of the
    dyads' factors (`dyad_frailty`)."""

    title: Text = ""
    states: Annotated[tuple[str, ...], Field(min_length=2)] | None = None
    first: Year = 1985
    last: Year = 2003
    until: Year = 2010
    window: Count = 10
    terms: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    pair_variance: Annotated[float, Field(gt=0, le=4)] = 0.25
    baselines: Annotated[tuple[Baseline, ...], Field(min_length=1)] = get_args(Baseline)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        """Years in order, and a base rate for the skills."""
        if not self.first < self.last < self.until:
            years = f"first {self.first}, last {self.last} (of the fit)"
            message = f"{years}, until {self.until} are not in order"
            step = "each later than the one before"
            raise refusal("E210", message, step, field="until")
        if "base_rate" not in self.baselines:
            why, step = "skills are against the base rate", "add base_rate"
            raise refusal("E211", why, step, field="baselines")
        return self

    @property
    def years(self) -> range:
        """The years that are forecast."""
        return range(self.last + 1, self.until + 1)


def read_hindcast_plan(path: Path | str) -> HindcastPlan:
    """The plan in a YAML file. Raises ScenarioError."""
    return read_plan(HindcastPlan, path, "hindcast")
