"""What is not known of the headline effect, beside Monte Carlo error: how wide it is
before and after the data, and what makes it so: Shapley effects of groups of
parameters, and what knowing a single one would leave.

The 95 % interval over draws is what is not known of the parameters. Theories are the
shipped presets at one base rate, each with its weight by stacking (`stats.stacking`)
where the scenario's own record could score them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.effects.headline import headline_of
from balance_sim.effects.placebos import placebos
from balance_sim.evidence.estimation.parameter_files import rounded
from balance_sim.evidence.posterior.effect_draws import (
    COLUMNS,
    Progress,
    arm_effect,
    effects_over,
    spread_of,
)
from balance_sim.evidence.posterior.parameter_draws import posterior_draws
from balance_sim.evidence.posterior.priors import prior_draws
from balance_sim.model.core import Floats, Ints
from balance_sim.scenario import Scenario, with_values
from balance_sim.scenario.defaults import OWN, presets
from balance_sim.scenario.errors import WrongRequest, whole_number
from balance_sim.scenario.load import ScenarioSource, scenario_from
from balance_sim.show.headline import doubts, headline_sentence
from balance_sim.show.wording import arm_title
from balance_sim.stats.variance import known_alone, shapley_effects
from balance_sim.study.arms import chosen_arms, headline_arm
from balance_sim.study.draws import CODING, Draws
from balance_sim.study.outcomes import Outcome

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


if TYPE_CHECKING:
    from balance_sim.evidence.forecast.theories import TheoryScore

FEW = 200
"""Draws where no number is given: 2.5 % quantiles rest on five of them."""
FEWEST = 1000
"""Draws from which on the spread is divided among groups of parameters."""
DRAWS_A_WALK = 10
"""Draws for each walk between two of them."""
WEIGHED = {"weight", "weight_ci95", "not_told_from"}


def stored_record(scenario: Scenario, uncertainty: Mapping[str, Any]) -> dict[str, Any]:
    """What `effects.headline` reads back: six significant digits, and the form of the
    scenario that it is for."""
    plain: dict[str, Any] = rounded(dict(uncertainty), 6)
    return {"scenario_sha256": scenario.sha256, **plain}


def finding(scenario: Scenario, uncertainty: Mapping[str, Any]) -> list[str]:
    """The headline in sentences. uncertainty: of an arm of the scenario."""
    estimate = uncertainty["estimate"]
    point = {"mean": estimate["total"], "level": estimate["level"]}
    point |= {"ci95": None, "mcse": None}
    headline = headline_of(scenario, uncertainty["arm"], uncertainty, point)
    title = arm_title(scenario, headline.arm)
    window = max(scenario.report.windows)
    sentence = headline_sentence(headline, title, window)
    return [sentence, *doubts(headline, scenario.name)]


def uncertainty(
    scenario: ScenarioSource,
    arm: str | None = None,
    *,
    draws: int = FEW,
    workers: int = 1,
    posterior: Draws | None = None,
    scores: Mapping[str, TheoryScore] | None = None,
    with_placebos: bool = False,
    progress: Progress = None,
) -> dict[str, Any]:
    """How an arm's effect varies with what is not known: over draws of the prior, of
    the posterior if there is one, and theories. Channels are worked out of the last of
    the distributions. Names are those of docs/json.md.

    Parameters
    ----------
    scenario : a complete one, or its path or name
    arm : its name; the headline arm if not given
    draws : of each distribution, the first of those there are
    workers : processes; they change nothing but the time
    posterior : draws of it; those that the scenario names if not given
    scores : of theories, with their weights by stacking
    with_placebos : placebos too, of participants and dates: seconds
    progress : called with draws done and all

    Raises
    ------
    WrongRequest : for an unknown arm, or the control arm
    ScenarioError : for a posterior of another form of the scenario

    Examples
    --------
    >>> scenario = "experiments/smoke/five_states.yaml"
    >>> effect = uncertainty(scenario, draws=4)["prior"]["of"]["total"]
    >>> low, high = effect["ci95"]
    >>> low <= effect["median"] <= high
    True
    """
    scenario = scenario_from(scenario)
    result: dict[str, Any] = {
        "arm": arm or headline_arm(chosen_arms(scenario, None)),
        "outcome": Outcome("accords", "counter", max(scenario.report.windows)).name,
        "estimate": {},
        "posterior": None,
        "prior": None,
        "theories": [],
        "variance": None,
        "placebos": {},
        "why": "",
        "stacked": None,
    }
    arm = result["arm"]
    if arm is None:
        result["why"] = "there is no arm beside the control arm"
        return result
    if arm not in chosen_arms(scenario, [arm]) or arm == scenario.reference_arm:
        raise WrongRequest(f"{arm} is the control arm: it has no effect")
    result["estimate"] = dict(zip(COLUMNS, arm_effect(arm, scenario), strict=True))
    draws = whole_number("draws", draws, 1)
    sources = [prior_draws(scenario, draws)]
    if posterior is None and scenario.posterior.draws:
        posterior = posterior_draws(scenario)
    if posterior is not None:
        sources.append(posterior.first(draws))
    last, walks = sources[-1], None
    distributions = [(source, source is last) for source in sources]
    if len(last) >= FEWEST:  # what carries the spread over the last
        moving = last.without(inert_in(scenario))
        walks = walks_between(moving, len(last) // DRAWS_A_WALK)
        distributions.append((walks.draws, False))
    effects = effects_over(
        scenario, distributions, arm, workers=workers, progress=progress
    )
    for source, values in zip(sources, effects, strict=False):  # walks come last
        result[source.source] = spread_of(source, values, with_parts=source is last)
    if walks is not None:
        total, inner = (values[:, -1] for values in effects[-2:])
        result["variance"] = variance_shares(last, total, walks, inner)
    result["theories"] = [
        _by_theory(scenario, arm, name, (scores or {}).get(name)) for name in presets()
    ]
    if scores:
        result["stacked"] = _stacked(result["theories"])
    if with_placebos:
        tests = placebos(scenario, arm).tests()
        result["placebos"] = {name: asdict(test) for name, test in tests.items()}
    return result


def _by_theory(
    scenario: Scenario, arm: str, name: str, score: TheoryScore | None
) -> dict[str, Any]:
    """The effect under one theory, at the values in use, and its weight."""
    preset = with_values(scenario, {"theory.preset": name})
    effect = dict(zip(COLUMNS, arm_effect(arm, preset), strict=True))
    del effect["rest"]
    row: dict[str, Any] = {"name": name, **effect}
    row |= {"weight": None, "weight_ci95": None, "not_told_from": []}
    if score is not None:
        row |= score.model_dump(include=WEIGHED, mode="json")
    return row


def _stacked(theories: Sequence[Mapping[str, Any]]) -> list[float]:
    """Weights times effects, summed; of theories that are not told apart the one of
    least effect, and the one of most."""
    total = {row["name"]: row["total"] for row in theories}
    ends = [0.0, 0.0]
    for row in theories:
        together = (row["name"], *row["not_told_from"])
        for place, end in enumerate((min, max)):
            effect = end(total[name] for name in together)
            ends[place] += (row["weight"] or 0.0) / len(together) * effect
    return ends
