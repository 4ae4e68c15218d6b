"""Whether states that choose draw a reply from those they act against: the tables of docs/policies.md.

    python benchmarks/policies.py [--runs 200 | --time]

A pact of five Asian states, aimed at nobody, in Beijing 2025 without its parade (`reaction_gates.py`), and China, Russia
and North Korea, which name the five as adversaries and each other as partners. Security agreements expected within a
year, with the pact over without it, where the three have no policies, a shipped one, or one of their own; with --runs
also those of simulated replications, by the filtered estimator, with Monte Carlo standard errors. No threshold is set
here: the policies are as shipped."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from datetime import timedelta

import numpy as np
from reaction_gates import FIVE, OTHER_SIDE, laid_over, of_state, pact, simulated

import balance_sim as bs
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.sights import SEEN, Sight
from balance_sim.scenario import with_values
from balance_sim.scenario.schema import Scenario
from balance_sim.study.blocks import simulate_arms
from balance_sim.study.recorder import focal_recorder
from balance_sim.study.spans import at_start, in_spans, spans, walk

THREE = {"china": "CHN", "russia": "RUS", "north_korea": "PRK"}
PACT = "pact"


def players(
    policies: list[object], *, names: tuple[str, ...] = tuple(THREE)
) -> dict[str, object]:
    """Some of the three, with these policies; the five are their adversaries, the other two their partners."""
    return {
        name: {
            "state": THREE[name],
            "adversaries": list(FIVE),
            "partners": [code for code in THREE.values() if code != THREE[name]],
            "policies": policies,
        }
        for name in names
    }


def two_arms() -> Scenario:
    """Beijing 2025 without the parade, and with the pact."""
    scenario = laid_over("beijing_2025", "parade", {PACT: pact(*FIVE)})
    arms = {name: scenario.arms[name] for name in (scenario.reference_arm, PACT)}
    return scenario.model_copy(update={"arms": arms})


BY_STANCE = {
    "id": "leans",
    "when": "alarm(adversaries) > 0.1 for 60 days",
    "delay": 30.0,
}
ROWS: dict[str, dict[str, object]] = {
    "no policies": {},
    "no policies, no term of alarm": {"theory.weights.alarm": 0.0},
    "balance_the_threat": {"players": players(["balance_the_threat"])},
    "the same, no term of alarm": {"players": players(["balance_the_threat"]), "theory.weights.alarm": 0.0},
    "balance_the_threat, China alone": {"players": players(["balance_the_threat"], names=("china",))},
    "a stance of 1 nat": {"players": players([BY_STANCE | {"do": {"stance": 1.0, "toward": ["partners"]}}])},
    "reassure": {"players": players(["reassure"])},
    "answer_in_kind": {"players": players(["answer_in_kind"])},
}  # fmt: skip


def sights(scenario: Scenario) -> None:
    """Print how much more each of the three has to fear from the five in the pact's arm, where its policy looks at that,
    and when its policy acts: in spans."""
    worlds = compile_worlds(scenario, bounded=False)
    world = in_spans(worlds.arms[PACT], spans(worlds))
    policies, alarms = world.policies, []
    assert policies is not None
    looking = [k for k in range(len(policies.ids)) if policies.at_start[k]]
    for state, view in walk(world, worlds.baseline, at_start(world)):
        seen = [Sight(view.world, state, view, policies, k) for k in looking]
        alarms.append([float(SEEN["alarm"](sight, "adversaries")[0]) for sight in seen])
        enacted = state.enacted
    assert enacted is not None
    for k, player in enumerate(policies.player):
        days = enacted.days[0, k]
        dates = [
            str(scenario.start + timedelta(days=int(day)))
            for day in days[np.isfinite(days)]
        ]
        fears = (
            f"alarm up to {max(row[looking.index(k)] for row in alarms):.3f}; "
            if k in looking
            else ""
        )
        print(
            f"    {policies.players[player]}: {fears}acts {', '.join(dates) or 'never'}"
        )


def expected_rows(written: Scenario, rows: Mapping[str, dict[str, object]]) -> None:
    """Print a row of the table for each set of values."""
    columns = (*OTHER_SIDE, *THREE.values())
    print(f"  {'':34s}" + "".join(f"{name:>10s}" for name in columns))
    for title, values in rows.items():
        scenario = with_values(written, values) if values else written
        effect = bs.effect(scenario, PACT)
        percents = (100 * (of_state(effect, *name.split("-")) - 1) for name in columns)
        print(f"  {title:34s}" + "".join(f"{percent:+10.2f}" for percent in percents))
        if values.get("players"):
            sights(scenario)


def times(written: Scenario, runs: int = 128) -> None:
    """Print how long replications of the pact's arm take, CPU time over that without policies: the least of three."""
    numbers, least = np.arange(runs, dtype=np.uint64), {}
    for title in ("no policies", "answer_in_kind", "reassure", "balance_the_threat"):
        worlds = compile_worlds(
            with_values(written, ROWS[title]) if ROWS[title] else written
        )
        taken = []
        for _ in range(3):
            begun = time.process_time()
            simulate_arms(worlds, 1, numbers, [PACT], focal_recorder(worlds))
            taken.append(time.process_time() - begun)
        least[title] = min(taken)
        print(f"  {title:34s}{least[title] / least['no policies']:6.2f} times")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=0)
    parser.add_argument("--time", action="store_true")
    options = parser.parse_args()
    runs, written = options.runs, two_arms()
    if options.time:
        times(written)
        return
    print(
        "A pact of five: security agreements within a year, in % over the control arm, expected"
    )
    expected_rows(written, ROWS)
    if runs:
        for title in ("no policies", "balance_the_threat"):
            print(title)
            scenario = with_values(written, ROWS[title]) if ROWS[title] else written
            simulated(scenario, runs, [PACT], {PACT: [*OTHER_SIDE, *THREE.values()]})


if __name__ == "__main__":
    main()
