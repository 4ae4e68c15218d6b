"""The headline effect over draws of the parameters.

The *expected* estimator gives each joint draw's level, effect and channels. Classes of
dyads stay as written, so that every draw counts the same dyads. Nothing is simulated,
so Monte Carlo error is no part of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from balance_sim.effects.channels import forms, parts
from balance_sim.model.baseline import Worlds, compile_worlds, with_classes
from balance_sim.model.core import DIRECTIONS, Floats
from balance_sim.scenario import Scenario
from balance_sim.study.draws import DrawnScenarios, Draws
from balance_sim.study.expected import Estimator
from balance_sim.study.machine import keep_freed_memory
from balance_sim.study.processes import map_in_order

COLUMNS = ("level", "picture", "threat", "rest", "total")
"""Of each draw: the control arm's level, the parts of the effect, and the effect."""
CHUNK = 25
"""Draws a task."""
Progress = Callable[[int, int], None] | None
"""Called with draws done and all."""


def effect_of(
    worlds: Worlds, arm: str, *, with_parts: bool = True
) -> tuple[float, ...]:
    """COLUMNS of an arm, from counter-balancing dyads alone; picture and threat are 0
    without the focal event, and where the parts are not asked for."""
    counter = np.flatnonzero(worlds.baseline.direction == DIRECTIONS.index("counter"))
    estimator = Estimator(worlds, counter)
    longest = estimator.windows.longest
    windows = replace(estimator.windows, days=(longest,))

    of_forms = forms(worlds, arm) if with_parts else []
    others = [world for world in of_forms if not estimator.is_control(world)]
    treated = others or [worlds.arms[arm]]
    level, *of_asked = (
        float(expected.by_dyad(longest).sum())
        for expected in estimator.of_arms([worlds.reference, *treated], windows)
    )
    if of_forms:
        effects = dict(zip(map(id, others), of_asked, strict=False))
        by_form = [effects.get(id(world), level) for world in of_forms]
        return level, *parts(by_form, level).values()
    total = of_asked[0] - level
    return level, 0.0, 0.0, total, total


def arm_effect(
    arm: str, scenario: Scenario, *, with_parts: bool = True
) -> tuple[float, ...]:
    """COLUMNS of an arm of a scenario, as `effect_of` returns them."""
    arms = scenario.reference_arm, arm
    worlds = compile_worlds(scenario, arms, bounded=False)
    return effect_of(worlds, arm, with_parts=with_parts)


def over_draws[R](
    function: Callable[[Scenario], R],
    scenario: Scenario,
    draws: Draws,
    chunk: int,
    workers: int,
    progress: Progress = None,
) -> list[R]:
    """A function of the scenario in each draw, a chunk of them at a time, whatever the
    number of workers."""
    return over_several([(function, draws)], scenario, chunk, workers, progress)[0]


def over_several[R](
    functions: Sequence[tuple[Callable[[Scenario], R], Draws]],
    scenario: Scenario,
    chunk: int,
    workers: int,
    progress: Progress = None,
) -> list[list[R]]:
    """`over_draws` of several functions, each with draws of its own, by the same
    processes."""
    chunks = [
        (which, range(first, min(first + chunk, len(draws))))
        for which, (_, draws) in enumerate(functions)
        for first in range(0, len(draws), chunk)
    ]
    drawn = [
        (function, DrawnScenarios(scenario, draws)) for function, draws in functions
    ]
    results: list[list[R]] = [[] for _ in functions]
    chunk_results = map_in_order(partial(_of_chunk, drawn), chunks, workers)
    for (which, _), of_chunk in zip(chunks, chunk_results, strict=True):
        results[which] += of_chunk
        if progress:
            done = sum(map(len, results))
            progress(done, sum(len(draws) for _, draws in functions))
    return results


def _of_chunk[R](
    drawn: Sequence[tuple[Callable[[Scenario], R], DrawnScenarios]],
    chunk: tuple[int, range],
) -> list[R]:
    keep_freed_memory()
    which, numbers = chunk
    function, scenarios = drawn[which]
    return [function(scenarios[k]) for k in numbers]


def effects_over(
    scenario: Scenario,
    asked: Sequence[tuple[Draws, bool]],
    arm: str,
    *,
    workers: int = 1,
    progress: Progress = None,
) -> list[Floats]:
    """(D, 5) COLUMNS of each joint draw of a complete scenario's parameters, as
    `effect_of` returns them.

    asked: draws, and whether the parts are asked for."""
    functions = [
        (partial(arm_effect, arm, with_parts=with_parts), draws)
        for draws, with_parts in asked
    ]
    with_table = with_classes(scenario)
    results = over_several(functions, with_table, CHUNK, workers, progress)
    return [np.array(rows).reshape(-1, len(COLUMNS)) for rows in results]


def spread_of(
    draws: Draws, values: Floats, *, with_parts: bool = True
) -> dict[str, Any]:
    """The effect over draws of one distribution of the parameters, for JSON: how many
    `draws`, their `sha256`, and `of` each of COLUMNS its `median`, `mean`, `ci95`
    (2.5 % and 97.5 % quantiles) and share of draws above 0 (`positive`).

    values: (D, 5), as `effects_over` returns them; with_parts: as it was asked."""
    by_column = {}
    for name, column in zip(COLUMNS, values.T, strict=True):
        if name not in ("level", "total") and not with_parts:
            continue
        low, median, high = np.quantile(column, [0.025, 0.5, 0.975]).tolist()
        by_column[name] = {
            "median": median,
            "mean": float(column.mean()),
            "ci95": [low, high],
            "positive": float((column > 0).mean()),
        }
    return {"draws": len(draws), "sha256": draws.sha256, "of": by_column}
