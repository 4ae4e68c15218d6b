"""What carries the spread of the effect over draws of the parameters: Shapley effects
of groups of them, and what knowing a single one would leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from balance_sim.model.core import Floats, Ints
from balance_sim.scenario import Scenario
from balance_sim.scenario.defaults import OWN
from balance_sim.stats.variance import known_alone, shapley_effects
from balance_sim.study.draws import CODING, Draws

MOST_NAMED = 5
"""Single parameters that are named."""
OTHER = "other"
GROUPS: dict[str, tuple[str, ...]] = {
    "event weights": (".alignment", ".intent", ".reliability"),
    "half-lives of events": (".half_life_days",),
    "attention, visibility and targets": ("audiences.", "events.", CODING),
    "beliefs": (
        *("parameters.alpha", "parameters.eta", "parameters.spread_"),
        "parameters.prior_tension",
    ),
    "capability and reach": (
        *("capability.", "parameters.delta_km", "parameters.gamma", "parameters.beta"),
        *("parameters.nuclear_offence", "parameters.s0", "parameters.gain_floor"),
    ),
    "weights of consent": (
        *("theory.weights.", "parameters.d0_km"),
        *("parameters.experience", "parameters.activity"),
    ),
    "reactions": (".reaction", "parameters.effort_reaction", "parameters.alarm_floor"),
    "level of agreements": (".intercept", ".ceiling", "base_rate", "states."),
    "talks and entry into force": (
        *(".talks_days", ".talks_shape", ".at_once", ".force_days", ".force_shape"),
        *("parameters.talks_", "parameters.collapse_rate", "parameters.end_rate"),
        *(".depth", ".calm", "parameters.factor_"),
    ),
    "effort": ("parameters.effort",),
}
"""Groups of parameters, by what their key paths begin or end with."""
EFFORT = {"parameters.effort_max", "parameters.effort_years"}


def inert_in(scenario: Scenario) -> set[str]:
    """What no effect over draws depends on: `tau`, as classes of dyads stay as written;
    and how far and fast effort moves, where nobody bandwagons, no term is the user's
    own and there are no players, for nothing else looks at effort."""
    weighed = [name for name, weight in scenario.theory.weights.items() if weight]
    looks = any(name == "bandwagon" or name.startswith(OWN) for name in weighed)
    return {"parameters.tau"} | (set() if looks or scenario.players else EFFORT)


@dataclass(frozen=True)
class Walks:
    """Walks from one draw to the next, one group of parameters after the other.

    Attributes
    ----------
    groups : columns of the draws by group
    draws : those between the ends of each walk, G - 1 of them
    order : (W, G) in which groups are exchanged
    """

    groups: Mapping[str, Sequence[int]]
    draws: Draws
    order: Ints


def walks_between(draws: Draws, count: int) -> Walks:
    """So many walks between pairs of draws, over groups taken as independent.

    Walk w leads from draw 2 w to draw 2 w + 1; of its G - 1 draws between, each has one
    group more of the second."""
    groups, rng = grouped(draws.paths), np.random.default_rng(len(draws))
    columns = list(groups.values())
    order = rng.permuted(np.tile(np.arange(len(columns)), (count, 1)), axis=1)
    rows = []
    for walk in range(count):
        start, end = draws.values[2 * walk], draws.values[2 * walk + 1]
        row = start.copy()
        for group in order[walk, :-1]:
            row[columns[group]] = end[columns[group]]
            rows.append(row.copy())
    values = np.array(rows).reshape(-1, len(draws.paths))
    return Walks(groups, Draws(draws.paths, values, draws.source, ""), order)


def variance_shares(
    draws: Draws, total: Floats, walks: Walks, inner: Floats
) -> dict[str, Any]:
    """What carries the spread of an arm's effect, for JSON.

    total: (D,) effect of each draw; inner: of the walks' own draws. Returned: `source`
    of the draws; `walks`, how many; `shares`, Shapley effects by group, of the variance
    of the effect's place among all draws, so that no single far draw decides, and their
    `errors`: the sum is 1; `sd` of the effect; `sd_if_known`: what would be left of it,
    on average, if a single parameter were known, for those of which that is least."""
    count = len(walks.order)
    ends = total[: 2 * count].reshape(-1, 2)
    along_walks = np.column_stack([ends[:, 0], inner.reshape(count, -1), ends[:, 1]])
    shapley = shapley_effects(_places_among(total, along_walks), walks.order)
    sd, explained = float(total.std()), known_alone(total, draws.values)
    best = np.argsort(-explained, kind="stable")[:MOST_NAMED]
    return {
        "source": draws.source,
        "walks": count,
        "shares": dict(zip(walks.groups, shapley.share.tolist(), strict=True)),
        "errors": dict(zip(walks.groups, shapley.error.tolist(), strict=True)),
        "sd": sd,
        "sd_if_known": {
            draws.paths[k]: sd * float(np.sqrt(1.0 - explained[k]))
            for k in best
            if explained[k] > 0
        },
    }


def _places_among(total: Floats, values: Floats) -> Floats:
    """The share of all draws below each value, those equal to it counted half."""
    ordered = np.sort(total)
    below = np.searchsorted(ordered, values)
    up_to = np.searchsorted(ordered, values, side="right")
    return np.asarray((below + up_to) / (2 * len(total)))


def grouped(paths: Sequence[str]) -> dict[str, list[int]]:
    """Columns of each group of GROUPS that has any; the first that fits counts. Others
    stand under `other`.

    >>> grouped(["parameters.beta", "event_kinds.visit.intent", "parameters.alpha0"])
    {'event weights': [1], 'beliefs': [2], 'capability and reach': [0]}
    """
    columns: dict[str, list[int]] = {name: [] for name in (*GROUPS, OTHER)}
    for k, path in enumerate(paths):
        fitting = (
            name
            for name, ends in GROUPS.items()
            if path.startswith(ends) or path.endswith(ends)
        )
        columns[next(fitting, OTHER)].append(k)
    return {name: of_group for name, of_group in columns.items() if of_group}
