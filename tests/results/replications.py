"""Replications with both estimates of every number of agreements, and filtered forms that are wrong on purpose."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import Thinning
from balance_sim.model.engine import clock_of, simulate
from balance_sim.model.state import AgreementRows, ClockRows
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.scenario import load_scenario, with_values
from balance_sim.scenario.schema import Scenario
from balance_sim.study.blocks import simulate_arms
from balance_sim.study.control_variates import ControlVariate, ControlVariates
from balance_sim.study.filtered import FilteredSums, filtered_outcomes, prospect_of
from balance_sim.study.outcomes import outcomes_of
from balance_sim.study.recorder import focal_recorder
from balance_sim.study.talks_at_start import Windows
from scipy import stats

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "scenarios"
FIVE_STATES = ROOT / "experiments" / "smoke" / "five_states.yaml"
SUMMIT = Path(__file__).parents[1] / "scenario" / "data" / "summit.yaml"
AT_ONCE = 500  # replications simulated together
Wrong = Callable[[FilteredSums, Thinning], FilteredSums]


def small(folder: Path, values: Mapping[str, object], text: Callable[[str], str] = str) -> Scenario:
    """Five invented states whose summit is aimed at two, with other values."""
    path = folder / "small.yaml"
    written = FIVE_STATES.read_text(encoding="utf-8").replace("host: XAR", "targets: [North], host: XAR")
    path.write_text(text(written), encoding="utf-8")
    return with_values(load_scenario(path), {**values, "base_rate": None})  # a world of its own


def every_kind(scenario: Scenario, **values: object) -> dict[str, object]:
    """Key paths that set the same values for each kind of agreement."""
    return {f"kinds.{kind}.{name}": value for kind in scenario.kinds for name, value in values.items()}


MEAN = 100.0  # days of the talks of `by_hand`


def four_states(text: str) -> str:
    """Without Elland: Arden and Belmar meet; Arden threatens Corvia and Dorn."""
    at = text.index("  - {id: XEL")
    return text[:at] + text[text.index("\n\ngroups:") :]


def by_hand(folder: Path, text: Any = four_states, **values: Any) -> Scenario:
    """Weights zero, intercept 0, ceiling 1 a year, steps of ten days."""
    plain = small(folder, {}, text)
    of_kind = {"intercept": 0.0, "ceiling": 1.0, "talks_days": MEAN, "talks_shape": 1.0}
    of_kind |= {name.removeprefix("kind_"): of for name, of in values.items() if name.startswith("kind_")}
    found = {f"theory.weights.{name}": 0.0 for name in plain.theory.weights} | every_kind(plain, **of_kind)
    found |= {"parameters.collapse_rate": 0.0, "step_days": 10.0, "report.windows": [30, 300]}
    found |= {name.replace("__", "."): of for name, of in values.items() if not name.startswith("kind_")}
    return small(folder, found, text)


def simulated(
    worlds: Worlds, arm: str, runs: np.ndarray, seed: int = 1, *, thinned: bool = True
) -> tuple[FilteredSums, Thinning]:
    """One arm's replications with what filtered sums need."""
    world, windows = worlds.reference, windows_of(worlds)
    opportunities = draw_opportunities(world, seed, runs, worlds.most if thinned else None)
    thin = thinning(worlds.arms[arm], opportunities, worlds.bounds[arm])
    found = simulate(worlds.arms[arm], worlds.baseline, opportunities, thin, seed, runs)
    prospect = prospect_of(worlds, found.opportunities, windows)
    direction = worlds.baseline.direction
    return FilteredSums(worlds.arms[arm], found, prospect, windows, direction, len(runs)), thin


def windows_of(worlds: Worlds) -> Windows:
    world = worlds.reference
    return Windows(world.focal_day, tuple(sorted(worlds.scenario.report.windows)), float(world.grid[-1]))


def simulated_agreements(
    worlds: Worlds, seed: int, numbers: np.ndarray, arms: Sequence[str]
) -> dict[str, AgreementRows]:
    """The agreements of some replications in every arm."""
    return simulate_arms(worlds, seed, numbers, arms, focal_recorder(worlds)).agreements


Gaps = dict[tuple[str, str], np.ndarray]  # by arm and outcome, filtered less counted in each replication


def gaps(
    scenario: Scenario, arms: Sequence[str], runs: int, wrong: Sequence[Wrong] = (), batch: int = AT_ONCE
) -> dict[str, Gaps]:
    """By form (`right`, and the wrong ones by name). Each arm has a seed of its own, so that arms are independent.

    Opportunities are never left out of the table, so that no replication has to be simulated again; which of them are
    thinned in an arm is the same. Outcomes with few agreements are left out: a mean of few counts is not normal."""
    control = scenario.reference_arm
    worlds = compile_worlds(scenario, (control, *(arm for arm in arms if arm != control)))
    out: dict[str, dict[tuple[str, str], list[np.ndarray]]] = {}
    total: dict[tuple[str, str], float] = {}
    for seed, arm in enumerate(arms):
        for first in range(0, runs, batch):
            numbers = np.arange(first, min(first + batch, runs), dtype=np.uint64)
            found, thin = simulated(worlds, arm, numbers, seed, thinned=False)
            counted = outcomes_of(worlds, found.simulated.agreements, None, len(numbers))
            for form in (right, *wrong):
                for name, values in filtered_outcomes(form(found, thin)).items():
                    gap = values - counted[name]
                    out.setdefault(form.__name__, {}).setdefault((arm, name), []).append(gap)
                    if form is right:
                        total[arm, name] = total.get((arm, name), 0.0) + counted[name].sum()
    return {
        form: {key: np.concatenate(of) for key, of in found.items() if total[key] >= FEWEST}
        for form, found in out.items()
    }


def variate_gaps(scenario: Scenario, arms: Sequence[str], runs: int) -> dict[str, Gaps]:
    """Filtered estimates with a control variate less those without in each replication, by form of the variate."""
    worlds = compile_worlds(scenario, (scenario.reference_arm, *arms))
    variates = ControlVariates(worlds)
    out: dict[str, Gaps] = {}
    for seed, arm in enumerate(arms):
        for first in range(0, runs, AT_ONCE):
            numbers = np.arange(first, min(first + AT_ONCE, runs), dtype=np.uint64)
            found, _ = simulated(worlds, arm, numbers, seed)
            plain, variate = filtered_outcomes(found), variates.of(arm)
            for form in (controlled, always_idle, bare_variate):
                for name, values in filtered_outcomes(form(found, variate)).items():
                    parts = out.setdefault(form.__name__, {}).setdefault((arm, name), [])
                    parts.append(values - plain[name])
    return {
        form: {key: gap for key, parts in found.items() if (gap := np.concatenate(parts)).any()}
        for form, found in out.items()
    }


FEWEST = 100
CLASSES = ("accords_counter", "accords_with_participant", "accords_other")  # of different dyads


def z_of(gap: np.ndarray) -> float:
    error = gap.std(ddof=1) / np.sqrt(len(gap))
    return float(gap.mean() / error) if error > 0 else 0.0


def largest(found: Gaps) -> float:
    return max(abs(z_of(gap)) for gap in found.values())


def most(tests: int, false: float = 1e-4) -> float:
    """The |z| that the largest of so many normal ones exceeds with this probability at most (Bonferroni)."""
    return float(stats.norm.isf(false / 2 / tests))


def noise(found: Gaps, window: int, batches: int) -> float:
    """P value of Kolmogorov and Smirnov's test that z-scores are standard normal: by arm, class and batch of runs."""
    scores = [
        z_of(part)
        for (_, name), gap in found.items()
        if name in [f"{one}_{window}" for one in CLASSES]
        for part in np.array_split(gap, batches)
    ]
    return float(stats.kstest(scores, "norm").pvalue)


# --- wrong on purpose ------------------------------------------------------------------------------


def with_consent(found: FilteredSums, consent: np.ndarray) -> FilteredSums:
    answers = found.simulated.answers
    answers = replace(answers, opens=consent[answers.rows])
    return replace(found, simulated=replace(found.simulated, answers=answers))


def right(found: FilteredSums, thin: Thinning) -> FilteredSums:
    return found


def bare(found: FilteredSums, thin: Thinning) -> FilteredSums:
    """Consent not divided by the probability that the opportunity was kept."""
    return with_consent(found, found.simulated.consent * thin.bound)


def doubled(found: FilteredSums, thin: Thinning) -> FilteredSums:
    """Each of two opportunities of one clock in one step as if it were alone: no (1 - w)."""
    opportunities, weight = found.simulated.opportunities, found.simulated.consent.copy()
    step = np.repeat(np.arange(len(opportunities.starts) - 1), np.diff(opportunities.starts))
    clock = clock_of(found.world, opportunities.run, opportunities.dyad, opportunities.kind)
    row = np.flatnonzero(weight > 0)
    again = (clock[row[1:]] == clock[row[:-1]]) & (step[row[1:]] == step[row[:-1]])
    weight[row[1:][again]] /= 1.0 - found.simulated.consent[row[:-1][again]]
    return with_consent(found, weight)


def controlled(found: FilteredSums, variate: ControlVariate) -> FilteredSums:
    return replace(found, variate=variate)


def always_idle(found: FilteredSums, variate: ControlVariate) -> FilteredSums:
    """The variate expects what it would be if no clock were ever busy."""
    return replace(controlled(found, variate), simulated=replace(found.simulated, changes=ClockRows.none()))


def bare_variate(found: FilteredSums, variate: ControlVariate) -> FilteredSums:
    """The variate's opportunities are not divided by the probability that they were kept."""
    answers = replace(found.simulated.answers, kept=np.ones(len(found.simulated.answers.kept)))
    return replace(controlled(found, variate), simulated=replace(found.simulated, answers=answers))
