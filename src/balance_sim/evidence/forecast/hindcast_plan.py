"""The plan of a hindcast: which years, which forecasts, how the years are followed. Checked key by key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.plan_file import plan_values
from balance_sim.evidence.forecast.baselines import BASELINES
from balance_sim.evidence.forecast.score import WAYS
from balance_sim.scenario.problems import closest

REFITS = ("once", "yearly")


@dataclass(frozen=True)
class Plan:
    """first: of the history. last: last year of the fit. until: last year forecast. window: years that the
    fit and the baselines look back. drift: propensities and level follow the years. persistence: of propensities
    from one year run forward to the next. pair_variance: of the pairs' factors (`pair_factors`), 0 for none. refit:
    weights and baselines `once`, or `yearly` for each year ahead. runs, seed: of the engine. resamples: for the
    intervals. Without drift neither persistence nor factors are used."""

    title: str = ""
    first: int = 1985
    last: int = 2003
    until: int = 2010
    window: int = 10
    alliances: str = "atop"
    terms: tuple[str, ...] | None = None
    propensities: bool = True
    drift: bool = True
    persistence: float = 0.9
    pair_variance: float = 0.25
    refit: str = "once"
    ways: tuple[str, ...] = WAYS
    baselines: tuple[str, ...] = tuple(BASELINES)
    runs: int = 200
    seed: int = 1
    resamples: int = 500


WHOLE = ("first", "last", "until", "window", "runs", "seed", "resamples")
SHARE = {"persistence": 1.0, "pair_variance": 4.0}
"""Keys that hold a number from 0 to this."""
LEAST = {"window": 1, "runs": 1, "seed": 0, "resamples": 2, "first": 1816, "last": 1816, "until": 1816}


def read_plan(path: Path | str) -> Plan:
    """A plan from a YAML file; unknown keys and wrong values are refused.

    Raises DataError, or ScenarioError where it is no YAML of ours."""
    tree = plan_values(path, "hindcast")
    known = set(Plan.__dataclass_fields__)
    try:
        for key in tree:
            if key not in known:
                near = closest(key, known)
                use = f"Write `{near}`" if near else f"Use {', '.join(sorted(known))}"
                raise DataError("there is no such key", use, path, column=key)
        return checked_plan({key: _value(key, value, path) for key, value in tree.items()}, path)
    except DataError as error:
        raise tree.placed(error) from None


def _value(key: str, value: object, path: Path | str) -> object:
    if key in WHOLE:
        if not isinstance(value, int) or isinstance(value, bool) or value < LEAST[key]:
            bound = f"Write a whole number of {LEAST[key]} or more"
            raise DataError("this is not a whole number in range", bound, path, column=key, value=str(value))
        return value
    if key in SHARE:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0.0 <= float(str(value)) <= SHARE[key]:
            bound = f"Write a number from 0 to {SHARE[key]:g}"
            raise DataError("this is not a number in range", bound, path, column=key, value=str(value))
        return float(str(value))
    if key == "title":
        if not isinstance(value, str):
            raise DataError("this is not a title", 'Write it in "quotes"', path, column=key, value=str(value))
        return value
    flag = ("true", "false")
    choices_of = {"propensities": flag, "drift": flag, "alliances": ("atop", "cow"), "refit": REFITS}.get(key)
    if choices_of is not None:
        if str(value).lower() not in choices_of or isinstance(value, bool) != (choices_of is flag):
            raise DataError(
                "no such value", f"Write {' or '.join(choices_of)}", path, column=key, value=str(value)
            )
        return value
    return None if value is None and key == "terms" else _names(key, value, path)


def _names(key: str, value: object, path: Path | str) -> tuple[str, ...]:
    if not isinstance(value, tuple) or not all(isinstance(item, str) for item in value) or not value:
        raise DataError("this is not a list of names", "Write [a, b]", path, column=key, value=str(value))
    allowed = {"ways": WAYS, "baselines": tuple(BASELINES)}.get(key)
    for item in value:
        if allowed is not None and item not in allowed:
            raise DataError(
                "no such name", f"Choose among {', '.join(allowed)}", path, column=key, value=item
            )
    return tuple(value)


def checked_plan(values: Mapping[str, Any], path: Path | str | None = None) -> Plan:
    """The plan, with years in order and the base rate among the baselines."""
    plan = Plan(**values)
    if not plan.first < plan.last < plan.until:
        raise DataError(
            "the years are not in order",
            "first, last (of the fit), until: each later than the one before",
            path,
        )
    if "base_rate" not in plan.baselines:
        raise DataError("skills are against the base rate", "Add base_rate", path, column="baselines")
    return plan


__all__ = ["REFITS", "WAYS", "Plan", "checked_plan", "read_plan"]
