"""How much of an effect goes through each group of terms: Shapley values of the direct
effect in each replication (Shapley 1953, Contributions to the Theory of Games II).

*The direct effect of an arm*: its beliefs and effort evaluated beside the control arm's
replications. At every opportunity of an idle clock the probability q that talks would
open in another arm stands beside the control arm's own, p. The sum of (q - p) / bound *
P(signed in time) is what the arm's beliefs do to consent while the network of
agreements is the control arm's. It costs half of simulating the arm and varies less,
and it leaves out the feedback through agreements that differ; results that rest on it
say so.

*Taken apart* by coalitions of groups: `coalitions.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.explain import compared_arm, other_replications, run_numbers
from balance_sim.effects.explain.coalitions import (
    Coalitions,
    CoalitionVariates,
    Groups,
    StepOfArm,
    groups_for,
)
from balance_sim.model import sights
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import Floats, Keys, World
from balance_sim.model.engine import (
    effort_after,
    effort_decided_in,
    open_to_consent,
    perceive,
    simulate,
)
from balance_sim.model.perception import View
from balance_sim.model.policies import begin_enacted, decided_effort, enact
from balance_sim.model.state import BlockState, Simulated, Workspace
from balance_sim.model.thinning import draw_opportunities, drawn_rate, thinning
from balance_sim.scenario.errors import OneLine, as_json
from balance_sim.stats.frame import Frame
from balance_sim.stats.intervals import (
    difference_interval,
    mean_interval,
    spread_over,
)
from balance_sim.stats.variance import alone_and_last, shapley
from balance_sim.study.blocks import batch_runs
from balance_sim.study.control_variates import ControlVariates
from balance_sim.study.draws import own_worlds
from balance_sim.study.filtered import FilteredSums, filtered_outcomes
from balance_sim.study.jobs import Progress
from balance_sim.study.outcomes import DECIMALS, FILTERED
from balance_sim.study.processes import map_in_order
from balance_sim.study.result import Result

Look = Callable[[StepOfArm], None]


class BoundExceeded(Exception):
    """A replication left the margins: what was shown lacks some of its
    opportunities."""


def along_control(
    worlds: Worlds, seed: int, runs: Keys, arms: Sequence[str], look: Look
) -> Simulated:
    """Simulate the control arm; in each step show what each of the other arms, and then
    it, would see.

    An arm's state is the control arm's, with an effort of its own, and what its own
    policies do but for agreements that they end. A step is shown again, from the first
    on, where a replication leaves the margins of its bounds."""
    bound = worlds.bounds[worlds.scenario.reference_arm]
    try:
        return _along(worlds, seed, runs, arms, look, bound)
    except BoundExceeded:
        return _along(worlds, seed, runs, arms, look, None)


def _along(
    worlds: Worlds,
    seed: int,
    runs: Keys,
    arms: Sequence[str],
    look: Look,
    bound: Floats | None,
) -> Simulated:
    control, baseline = worlds.reference, worlds.baseline
    opportunities = draw_opportunities(control, seed, runs, bound)
    thin = thinning(
        control, opportunities, worlds.bounds[worlds.scenario.reference_arm]
    )
    states_by_arm: dict[str, BlockState] = {}
    workspace = Workspace.lay(len(runs), len(control.audience_names), control.n)

    def observe(present: World, state: BlockState, view: View) -> None:
        if (opportunities.thinned & ~state.within).any():
            raise BoundExceeded
        step = int(view.step)
        first, stop = opportunities.starts[step : step + 2]
        rows = open_to_consent(control, opportunities, thin, state, first, stop)
        drawn = opportunities, thin, rows
        for arm in arms:
            world = worlds.arms[arm].at(step)
            if arm not in states_by_arm:
                states_by_arm[arm] = replace(
                    state, enacted=begin_enacted(world, len(runs))
                )
            rise = effort_decided_in(worlds.arms[arm], step)
            earlier_state = replace(
                state,
                effort=states_by_arm[arm].effort + rise,
                enacted=states_by_arm[arm].enacted,
            )
            enact(world, earlier_state, world.grid[step])
            arm_state = replace(
                state,
                effort=earlier_state.effort,
                enacted=earlier_state.enacted,
                workspace=workspace,
            )
            arm_view = perceive(world, arm_state, step)
            look(StepOfArm(world, arm_state, arm_view, *drawn))
            sights.look(world, arm_state, arm_view)
            decided = decided_effort(world, arm_state)
            arm_state.effort = effort_after(
                world, baseline, earlier_state.effort, arm_view.total, decided, step
            )
            states_by_arm[arm] = arm_state
        look(StepOfArm(present, state, view, *drawn))

    return simulate(control, baseline, opportunities, thin, seed, runs, observe)


OUTSIDE, FEEDBACK, EFFECT = "outside", "feedback", "effect"
"""Rows of the table that are no group: terms in none, what the direct effect leaves
out, and the sum."""
COLUMNS = ["group", "terms", "value", "mcse", "lo", "hi", "alone", "last"]
MOST_RUNS = 400
"""Replications used where no number is given; fewer if the study has fewer."""
METHOD = (
    "Shapley values of the direct effect; a group is out where its terms are the "
    "control arm's"
)


def _worths(
    worlds: Worlds,
    attribution: tuple[str, Groups, str],
    study: tuple[int, bool | str],
    runs: Keys,
) -> Floats:
    """(R, 2^k + 1) direct effects of coalitions, and the control arm's filtered
    outcome.

    attribution: arm, groups and outcome; study: its seed, and how parameters are
    drawn."""
    (arm, groups, outcome), (seed, draws) = attribution, study
    undrawn, worlds = worlds, own_worlds(worlds, seed, runs, draws)
    sums = Coalitions(worlds, arm, groups)
    simulated = along_control(worlds, seed, runs, (arm,), sums.look)
    beside = CoalitionVariates(undrawn, arm, groups)
    rate = np.broadcast_to(drawn_rate(worlds.reference), len(runs))
    worth = sums.worth + beside.correction(simulated, sums.signed, rate)
    counted = sums.prospect, sums.windows, sums.direction, len(runs)
    variate = ControlVariates(undrawn).of(worlds.reference.arm)
    control = FilteredSums(worlds.reference, simulated, *counted, variate)
    return np.column_stack([worth, filtered_outcomes(control)[outcome]])


@dataclass(frozen=True, repr=False)
class Attribution(OneLine):
    """What each coalition of groups makes of an outcome along the control arm's
    replications.

    Attributes
    ----------
    of_runs : finished replications of the study
    worth : (R, 2^k) added to the control arm's outcome where the terms of the set bits
        are the arm's
    effect : (R,) filtered effect of the study: the arm's own replication less the
        control arm's
    spread : of the outcome, as in `intervals.paired_half_widths`
    """

    arm: str
    reference: str
    outcome: str
    groups: Groups
    runs: Keys
    of_runs: int
    worth: Floats
    effect: Floats
    spread: float

    @cached_property
    def table(self) -> pd.DataFrame:
        """Tidy: group, terms, value, mcse, lo, hi (95 % CI), alone, last.

        After the groups: `outside`, terms in no group; `feedback`, the filtered effect
        of the study less the direct effect; and their sum, `effect`. alone: what a
        group adds when no other is the arm's; last: when all are. Along the control
        arm no agreement differs, so that the CI of groups is Student's."""
        nothing = np.full(3, np.nan)
        alone, last = (by_run.mean(axis=0) for by_run in alone_and_last(self.worth))
        direct = map(mean_interval, [*self.by_run.T, self.worth[:, 0]])
        differences = (
            difference_interval(worth, self.spread)
            for worth in (self.feedback, self.effect)
        )
        frame = Frame([*direct, *differences], columns=COLUMNS[2:6])
        frame.insert(0, "group", [*self.groups, OUTSIDE, FEEDBACK, EFFECT])
        terms = [" ".join(terms) for terms in self.groups.values()]
        frame.insert(1, "terms", [*terms, "", "", ""])
        frame["alone"] = np.append(alone, nothing)
        frame["last"] = np.append(last, nothing)
        return frame

    @cached_property
    def by_run(self) -> Floats:
        """(R, k) Shapley values of each replication."""
        return shapley(self.worth)

    @property
    def direct(self) -> Floats:
        """(R,) direct effect: all terms as the arm has them, the network as the control
        arm has it."""
        return np.asarray(self.worth[:, -1])

    @property
    def feedback(self) -> Floats:
        """(R,) what the direct effect leaves out: agreements that differ."""
        return np.asarray(self.effect - self.direct)

    def summary(self) -> dict[str, Any]:
        """For `explain --json`."""
        rows = self.table.assign(mean=self.table["value"]).to_dict("records")
        *groups, feedback, effect = rows
        numbers = ("value", "mcse", "ci95", "alone", "last")
        return {
            "arm": self.arm,
            "reference": self.reference,
            "outcome": self.outcome,
            "estimator": "direct",
            "runs": len(self.runs),
            "of_runs": self.of_runs,
            "coalitions": self.worth.shape[1],
            "method": METHOD,
            "groups": [
                {"group": row["group"], "terms": row["terms"].split()}
                | as_json(row, *numbers)
                for row in groups
            ],
            FEEDBACK: as_json(feedback, "mean", "mcse", "ci95"),
            EFFECT: as_json(effect, "mean", "mcse", "ci95"),
        }


def attribute(
    result: Result,
    arm: str | None = None,
    *,
    runs: int | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Attribution:
    """Divide an arm's effect on counter-balancing security agreements among groups of
    terms.

    Simulates the control arm again, evaluates every choice of groups beside it, and
    holds its filtered numbers to the study's.

    Parameters
    ----------
    result : the study
    arm : the headline arm if not given
    runs : the first so many finished replications; up to MOST_RUNS if not given
    workers : processes
    progress : called with replications done, asked for, failed

    Raises
    ------
    WrongRequest : for an unknown arm, or a study without finished replications
    StoreDamaged : where the control arm comes out otherwise than in the study
    """
    arm, outcome = compared_arm(result, arm), result.headline_outcome
    numbers = run_numbers(result, runs or MOST_RUNS)
    column = FILTERED + outcome
    result.need(column)
    frame = result.by_run.frame(column).pivot(index="run", columns="arm")[column]
    having, control = frame.loc[numbers.astype(int), [arm, result.reference]].T.values
    worlds = compile_worlds(result.scenario, (result.reference, arm))
    groups = groups_for(worlds)
    study = result.seed, result.draws
    question = partial(_worths, worlds, (arm, groups, outcome), study)
    batches = _batches(numbers, batch_runs(worlds.reference.n), workers)
    batches_done: list[Floats] = []
    for rows in map_in_order(question, batches, workers):
        batches_done.append(rows)
        if progress:
            progress(sum(map(len, batches_done)), len(numbers), 0)
    columns = np.concatenate(batches_done)
    _refuse_other_numbers(result, numbers, control, columns[:, -1])
    return Attribution(
        arm,
        result.reference,
        outcome,
        groups,
        numbers,
        result.finished,
        columns[:, :-1],
        having - control,
        0.0 if arm in result.alike else float(spread_over(having, control)),
    )


def _batches(numbers: Keys, most: int, workers: int) -> list[Keys]:
    """Replications in equal batches small enough to be simulated at once, as many for
    each worker."""
    count = -(-len(numbers) // most)
    return np.array_split(numbers, min(-(-count // workers) * workers, len(numbers)))


def _refuse_other_numbers(
    result: Result, numbers: Keys, stored: Floats, simulated: Floats
) -> None:
    """Raise StoreDamaged where the control arm's numbers are not those stored."""
    wrong = np.flatnonzero(stored != np.round(simulated, DECIMALS))
    if len(wrong):
        row = wrong[0]
        raise other_replications(
            result,
            f"run {numbers[row]} of {result.reference} comes out otherwise than in the "
            f"results (filtered number {simulated[row]:.17g}, there "
            f"{stored[row]:.17g})",
        )
