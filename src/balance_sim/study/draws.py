"""Parameters drawn for each run: from the shipped fit (`run --draws fitted`), or joint
draws of a source that the registry names (`prior`, `posterior`).

A draw of the fit is a normal deviation with the covariance of the fit, on a key of its
own, so that it depends on seed and run alone, the same in every arm. It is added to the
scenario's weights and intercepts. How strongly states react is drawn with the error of
its elasticities. A weight of 0 stays 0: the term is switched off. What theory holds at
0 or more is drawn from what its distribution leaves there. The intercept of a type that
the fit does not hold moves as that of `defence_cooperation`, the one estimated best.

A joint draw sets all parameters of a scenario at once: `at` returns the scenario that a
draw makes.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from balance_sim.model import clocks
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import Baseline, Drawn, Floats, Keys, World
from balance_sim.model.engine import begin, perceive
from balance_sim.model.prospects import Prospects
from balance_sim.model.streams import LEVEL, PARAMETERS, stream_keys
from balance_sim.model.thinning import NO_RUN, most_willing
from balance_sim.model.willingness import (
    consent,
    level,
    terms_of,
    total,
)
from balance_sim.registry import part
from balance_sim.scenario import with_values
from balance_sim.scenario.checks import RULES, findings_in
from balance_sim.scenario.defaults import (
    Distribution,
    exercise_distribution,
    fitted_distribution,
    reaction_distribution,
)
from balance_sim.scenario.errors import WrongRequest, checked_name
from balance_sim.scenario.fingerprint import sealed
from balance_sim.scenario.layout import CAPABILITY
from balance_sim.scenario.reading import checked_part, names_in
from balance_sim.scenario.schema import Scenario

STANDS_FOR_OTHERS = "defence_cooperation"
FITTED, PRIOR, POSTERIOR = "fitted", "prior", "posterior"
SOURCES = (POSTERIOR, PRIOR, FITTED)
SHORT = 16  # digits of the sha256 of joint draws by which a study names them
MOST_DRAWS = 200
"""So often a replication draws at the most: estimates are above 0, so that a few in a
hundred draw twice."""
CODING = "targets_alternatives"
"""The column of which coding of the focal event's targets a draw has: 0 for the event's
own, or which alternative."""
LEAST_LEVEL = 1e-6
"""Of a replication's time, so that the wait for an opportunity is a number."""
DIGITS = 4  # significant ones of a number in a file of draws


@dataclass(frozen=True)
class Draws:
    """Joint draws of a scenario's parameters.

    paths: key paths as `--set` takes them, sorted. values: (D, P). source: `prior`,
    `posterior` or `fitted`. sha256: of the text of the file, or of paths and values
    where there is no file."""

    paths: tuple[str, ...]
    values: Floats
    source: str
    sha256: str

    def __len__(self) -> int:
        return len(self.values)

    def column(self, path: str) -> Floats:
        """(D,) draws of one parameter. Raises ValueError for a path that is not
        drawn."""
        return np.asarray(self.values[:, self.paths.index(path)])

    def first(self, count: int) -> Draws:
        """The first so many draws, or all there are; with the sha256 of all."""
        return replace(self, values=self.values[:count])

    def without(self, paths: set[str]) -> Draws:
        """The same draws without some columns."""
        columns = [k for k, path in enumerate(self.paths) if path not in paths]
        remaining = tuple(self.paths[k] for k in columns)
        return replace(self, paths=remaining, values=self.values[:, columns])


def at(scenario: Scenario, draws: Draws, k: int) -> Scenario:
    """The scenario with the values of draw k, counted from 0, and its sha256; its arms
    follow.

    Raises IndexError for a draw that there is not, ScenarioError for values that the
    scenario refuses.

    >>> from balance_sim.scenario import load_scenario
    >>> scenario = load_scenario("scenarios/solomon_2022.yaml")
    >>> draws = part("draws", "prior")(scenario, 10)
    >>> beta = draws.column("parameters.beta")[3]
    >>> at(scenario, draws, 3).parameters.beta == float(beta)
    True
    """
    return sealed(DrawnScenarios(scenario, draws)[k])


class DrawnScenarios:
    """The scenario in each of its joint draws, by number; see `at`.

    It has been checked as a whole, so of a draw only the pieces are that hold its
    numbers, and it has no sha256."""

    def __init__(self, scenario: Scenario, draws: Draws) -> None:
        self._scenario, self._draws = scenario, draws
        self._by_coding: dict[int, Scenario] = {0: scenario}
        source = scenario.level_source
        self._leveled = None if source is None else DrawnScenarios(source, draws)
        heads = {path.split(".")[0] for path in draws.paths}
        self._rules = [rule for rule in RULES if rule.reads & heads]

    def __getitem__(self, k: int) -> Scenario:
        """The scenario in draw k. It states a level of its own, which is solved for the
        draw; where values were set, for the draw without them."""
        leveled = None if self._leveled is None else self._leveled[k]
        return self._drawn(k).model_copy(update={"leveled": leveled})

    def _drawn(self, k: int) -> Scenario:
        """The scenario in draw k, whatever its level."""
        draws = self._draws
        row = dict(zip(draws.paths, map(float, draws.values[k]), strict=True))
        coded = self._coded(int(row.pop(CODING, 0)))
        try:
            drawn = coded.model_copy(update={**_with_numbers(coded, row), "sha256": ""})
            codes = [finding.code for finding in findings_in(drawn, self._rules)]
            is_right = all(code.startswith("W") for code in codes)  # warnings
        except (LookupError, TypeError, ValueError):
            is_right = False
        if is_right:
            return drawn.counted_as(self._scenario)
        return with_values(coded, row)  # which says what is wrong

    def _coded(self, which: int) -> Scenario:
        """The scenario with the focal event's targets as an alternative has them."""
        if which not in self._by_coding:
            targets = list(coded_targets(self._scenario, which))
            path = f"events.{self._scenario.focal}.targets"
            self._by_coding[which] = with_values(self._scenario, {path: targets})
        return self._by_coding[which]


def _with_numbers(scenario: Scenario, row: Mapping[str, float]) -> dict[str, Any]:
    """The parts of a scenario that hold these numbers, by key path, with them. Raises
    LookupError, TypeError or ValueError where one is refused or leads nowhere."""
    tree: dict[str, Any] = {}
    for path, number in row.items():
        *steps, name = path.split(".")
        branch = tree
        for step in steps:
            branch = branch.setdefault(step, {})
        branch[name] = number
    names = names_in(scenario)
    return {
        head: checked_part(head, _laid(getattr(scenario, head), changes), names)
        for head, changes in tree.items()
    }


def _laid(value: Any, changes: Any) -> Any:
    """A number, or a model or mapping as plain fields with numbers laid over them."""
    if not isinstance(changes, dict):
        return changes
    fields = dict(value)
    for name, change in changes.items():
        fields[name] = _laid(fields[name], change)
    return fields


def coded_targets(scenario: Scenario, which: int) -> tuple[str, ...]:
    """The targets of the focal event as the alternative of this number says, counted
    from 1, without those who take part in it; 0: as they are."""
    event = next(event for event in scenario.events if event.id == scenario.focal)
    if which == 0:
        return event.targets
    participants = {*event.principals, *event.guests}
    alternative = scenario.targets_alternatives[which - 1].targets
    return tuple(code for code in alternative if code not in participants)


def as_draws(
    columns: Mapping[str, Floats], source: str, told: Container[str] | None = None
) -> Draws:
    """Draws of these columns, rounded as a file holds them, with the sha256 of the text
    that they would make.

    told: paths of which data say something; the others are held to one digit less.
    None: all alike."""
    paths, rounded = tuple(sorted(columns)), []
    for path in paths:
        is_told = told is None or path in told or path in CAPABILITY
        digits = DIGITS if is_told else DIGITS - 1
        rounded.append([float(f"{value:.{digits}g}") for value in columns[path]])
    draws = Draws(paths, np.stack(rounded, axis=1), source, "")
    sha256 = hashlib.sha256(_draws_text(draws)).hexdigest()
    return replace(draws, sha256=sha256)


def _draws_text(draws: Draws) -> bytes:
    """CSV without a head: a line a parameter, its key path and then its draws."""
    lines = []
    for path, row in zip(draws.paths, draws.values.T.tolist(), strict=True):
        cells = [f"{value:.{DIGITS}g}" for value in row]
        lines.append(f"{path},{','.join(cells)}\n")
    return "".join(lines).encode("ascii")


def draws_bytes(draws: Draws) -> bytes:
    """The text, gzipped without a date: the same bytes for the same draws."""
    return gzip.compress(_draws_text(draws), compresslevel=9, mtime=0)


def drawing(
    scenario: Scenario,
    asked: bool | str,  # noqa: FBT001
) -> tuple[Scenario, bool | str]:
    """What a study draws, and the scenario with what is needed for it at hand.

    asked: True or `fitted`, False, `prior`, `posterior`, or one of these two as
    returned: with the first digits of the draws' sha256. Replication r has draw r,
    counted from 0 and over again where there are fewer draws.

    Raises WrongRequest for anything else, ScenarioError where the scenario has no
    posterior."""
    if isinstance(asked, bool) or asked == FITTED:
        return scenario, bool(asked)
    source, _, digits = asked.partition(":")
    checked_name("source of draws", source, SOURCES)
    draws = joint_draws(scenario, source)
    if not draws.sha256.startswith(digits):
        raise WrongRequest(
            f"the {source} of this version is another one than that of the study"
        )
    if source == POSTERIOR and not scenario.posterior.table:
        draws = as_draws({path: draws.column(path) for path in draws.paths}, source)
        scenario = _with_table(scenario, draws)
    return scenario, f"{source}:{draws.sha256[:SHORT]}"


def _with_table(scenario: Scenario, draws: Draws) -> Scenario:
    """The scenario with the draws themselves, but for what was set: a study has no file
    to compare."""
    table = base64.b64encode(draws_bytes(draws)).decode("ascii")
    update = {"table": table, "sha256": draws.sha256}
    posterior = scenario.posterior.model_copy(update=update)
    changed = scenario.model_copy(update={"posterior": posterior})
    return changed.counted_as(scenario.written)


def joint_draws(scenario: Scenario, source: str) -> Draws:
    """The draws of a study that names them `source`, with or without digits of their
    sha256."""
    name = POSTERIOR if source.startswith(POSTERIOR) else PRIOR
    draws: Draws = part("draws", name)(scenario)
    return draws


def own_worlds(
    worlds: Worlds,
    seed: int,
    runs: Keys,
    draws: bool | str,  # noqa: FBT001
) -> Worlds:
    """The worlds of some replications of a study. Raises WrongRequest for joint draws:
    there each has its own."""
    if isinstance(draws, str):
        source = draws.partition(":")[0]
        raise WrongRequest(
            "each replication of this study has all its parameters from a draw of the "
            f"{source}; this can be told of studies with --draws fitted, or without "
            "draws"
        )
    return with_draws(worlds, seed, runs) if draws else worlds


def deviations(fit: Distribution, seed: int, runs: Keys) -> dict[str, Floats]:
    """(R,) by key path: normal with mean 0 and the covariance of the fit, cut off where
    a weight whose sign a prior holds would pass 0: a replication draws again, on
    another key, until none does."""
    key = stream_keys(seed, runs, PARAMETERS)
    moved = _normal(fit, key)
    estimates = dict(zip(fit.paths, fit.estimate, strict=True))
    for attempt in range(1, MOST_DRAWS):
        below = [moved[path] < -estimates[path] for path in fit.at_least_zero]
        again = np.flatnonzero(np.any(below, axis=0))
        if not len(again):
            break
        redrawn = _normal(fit, clocks.absorb(key[again], np.uint64(attempt)))
        for path, values in redrawn.items():
            moved[path][again] = values
    return moved


def _normal(fit: Distribution, key: Keys) -> dict[str, Floats]:
    """(R,) by key path: normal with mean 0 and the covariance of the fit, one draw a
    key."""
    from scipy.special import ndtri

    labels = np.array([clocks.label(path) for path in fit.paths])
    standard = ndtri(clocks.uniform(clocks.absorb(key[:, None], labels)))
    values, vectors = np.linalg.eigh(np.array(fit.covariance))
    # symmetric: no order of names in it
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    moved = np.zeros((len(fit.paths), len(key)))
    for row in range(len(fit.paths)):
        # summed in a fixed order: a product's bits depend on its shape
        moved += standard[:, row] * root[row][:, None]
    return dict(zip(fit.paths, moved, strict=True))


def distribution_of(scenario: Scenario) -> Distribution:
    """Of the shipped fit; where the scenario is calibrated, that of the calibration for
    what it moved, and the fit's for the weights that it held, the two independent.
    Estimates of weights are the scenario's own."""
    fitted, calibration = fitted_distribution(), scenario.calibration
    names, count = calibration.names, len(calibration.names)
    if not count:
        return fitted
    is_held = [path not in names and ".weights." in path for path in fitted.paths]
    held_weights = np.flatnonzero(is_held).tolist()
    covariance = np.zeros((count + len(held_weights),) * 2)
    covariance[:count, :count] = np.array(calibration.covariance).reshape(count, count)
    fitted_covariance = np.array(fitted.covariance)
    covariance[count:, count:] = fitted_covariance[np.ix_(held_weights, held_weights)]
    paths = (*names, *(fitted.paths[k] for k in held_weights))
    weights = scenario.theory.weights
    estimates = [float(weights.get(path.rpartition(".")[2], 0.0)) for path in paths]
    signed = [
        path
        for path, estimate in zip(paths, estimates, strict=True)
        if path in fitted.at_least_zero and estimate > 0
    ]
    rows = tuple(map(tuple, covariance.tolist()))
    return Distribution(paths, tuple(estimates), rows, tuple(signed))


def drawn_levels(
    variance: float,
    seed: int,
    runs: Keys,
    years: int = 1,
    first: Callable[[Floats], Floats] | None = None,
) -> Floats:
    """(R, Y) level of each year of a replication: that of the year before times a gamma
    of mean 1, on a key of its own; 1 without variance.

    first: quantile function of the first year's level, in place of that gamma."""
    from scipy.special import gammaincinv

    key = stream_keys(seed, runs, LEVEL)
    keys = [key, *(clocks.absorb(key, year) for year in range(1, years))]
    uniform = clocks.uniform(np.stack(keys, axis=1))
    steps = np.ones_like(uniform)
    if variance > 0:
        steps = gammaincinv(1.0 / variance, uniform) * variance
    if first is not None:
        steps[:, 0] = first(uniform[:, 0])
    return np.asarray(np.cumprod(steps, axis=1))


def level_over_posterior(scenario: Scenario) -> Floats | None:
    """(3,) 2.5 %, 50 % and 97.5 % quantiles of the control arm's expected level over
    the scenario's posterior, as shares of that at the point values; None where the
    posterior keeps none for this form of the scenario."""
    record = scenario.kept_headline
    if not record:
        return None
    spread, level = record["posterior"], record["estimate"]["level"]
    if not spread or not level:
        return None
    low, high = spread["of"]["level"]["ci95"]
    return np.asarray([low, spread["of"]["level"]["median"], high]) / float(level)


def drawn_for(
    world: World, moved: dict[str, Floats], levels: Floats | None = None
) -> Drawn:
    """Each replication's weights and levels in one arm.

    Parameters
    ----------
    world : World
        of the arm
    moved : mapping of (R,)
        deviations by key path, from `deviations`
    levels : (R,), optional
        factors on the rate of opportunities
    """
    weights, stated = {}, world.rules.weights
    for name, weight in stated.items():
        path = f"theory.weights.{name}"
        if weight != 0 and path in moved:
            weights[name] = weight + moved[path]
    still = np.zeros_like(next(iter(moved.values())))
    others = moved.get(f"kinds.{STANDS_FOR_OTHERS}.intercept", still)
    types = world.ladder.names
    level = [moved.get(f"kinds.{kind}.intercept", others) for kind in types]
    measured = exercise_distribution()
    exercise_reaction = measured.estimate[0] + moved.get(measured.paths[0], still)
    rate = None if levels is None else np.maximum(levels, LEAST_LEVEL)
    return Drawn(weights, np.stack(level, axis=1), exercise_reaction, rate)


def with_draws(worlds: Worlds, seed: int, runs: Keys) -> Worlds:
    """The worlds of a block of replications with each one's own parameters, consent at
    the start and bound included."""
    scenario = worlds.scenario
    moved = deviations(distribution_of(scenario), seed, runs)
    moved |= deviations(reaction_distribution(), seed, runs)
    moved |= deviations(exercise_distribution(), seed, runs)
    level = drawn_levels(scenario.calibration.level_variance, seed, runs)[:, 0]
    arms = {}
    for name, world in worlds.arms.items():
        arms[name] = replace(world, drawn=drawn_for(world, moved, level))
    start = replace(worlds.start, drawn=drawn_for(worlds.start, moved, level))
    keen = keen_at_start(start, worlds.baseline, runs)
    baseline = replace(worlds.baseline, keen=keen)
    bounds = {name: most_willing(world, baseline) for name, world in arms.items()}
    return replace(worlds, arms=arms, baseline=baseline, bounds=bounds)


def keen_at_start(world: World, baseline: Baseline, runs: Keys) -> Floats:
    """(R, P, 2, M) probability to consent at the start, with each replication's own
    parameters."""
    drawn, undrawn = world.drawn, replace(world, drawn=None)
    assert drawn is not None
    state = begin(undrawn, baseline, 0, NO_RUN)
    view = perceive(undrawn, state, 0)
    sides = np.stack([world.first, world.second], axis=1)
    shape = (*sides.shape, len(world.ladder.names))
    ego = np.broadcast_to(sides[:, :, None], shape).ravel()
    alter = np.broadcast_to(sides[:, ::-1, None], shape).ravel()
    kind = np.broadcast_to(np.arange(shape[2]), shape).ravel()
    places = np.zeros_like(kind), ego, alter, kind
    prospects = Prospects(undrawn, baseline, view, state, *places)
    values, weights = {}, {}
    for name, weight in world.rules.weights.items():
        if weight != 0:
            values[name] = terms_of(world)[name](prospects)
            by_run = drawn.weights.get(name, weight)
            weights[name] = np.broadcast_to(by_run, len(runs))
    steady = level(prospects)
    keen = np.empty((len(runs), *shape))
    for run in range(len(runs)):
        u = steady + drawn.level[run, kind]
        weighed = [weights[name][run] * values[name] for name in values]
        keen[run] = consent(total(u, weighed)).reshape(shape)
    return keen
