"""Profiles of a game by full simulation and by the direct estimator: what the direct one leaves out, and what it saves.

    python benchmarks/profiles.py [RUNS]

The direct estimator evaluates a profile's beliefs beside the control arm's replications, so that no agreement that
differs has any effect. Numbers of new agreements only: what states feel at the
end of the window needs the profile's own network."""

from __future__ import annotations

import sys
import time

import numpy as np
from direct_estimator import direct

from balance_sim.games.plan import Game, load_game
from balance_sim.games.players import PlayerMeasures
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.study.blocks import batch_runs, simulate_arms
from balance_sim.study.filtered import FilteredSums, prospect_of
from balance_sim.study.outcomes import FILTERED
from balance_sim.study.recorder import focal_recorder
from balance_sim.study.talks_at_start import focal_windows

SEED = 1


def filtered(
    game: Game, worlds: Worlds, runs: np.ndarray
) -> tuple[dict[str, dict[str, np.ndarray]], float]:
    """Filtered numbers of agreements by arm and outcome, every profile simulated; CPU seconds."""
    began = time.process_time()
    batch = simulate_arms(
        worlds, SEED, runs, game.arms, focal_recorder(worlds, game.cast)
    )
    return batch.filtered, time.process_time() - began


def by_direct(
    game: Game, worlds: Worlds, measures: PlayerMeasures, runs: np.ndarray
) -> tuple[dict[str, dict[str, np.ndarray]], float]:
    """The same by the direct estimator."""
    began = time.process_time()
    windows = focal_windows(worlds)
    along, found = direct(worlds, SEED, runs, game.arms[1:])
    prospect = prospect_of(worlds, along.opportunities, windows)

    def sums(arm: str, simulated: object) -> dict[str, np.ndarray]:
        of = FilteredSums(
            worlds.arms[arm],
            along.opportunities,
            simulated,
            prospect,
            windows,
            worlds.baseline.direction,
            len(runs),
        )
        return measures.filtered(of.by_dyad(windows.longest))

    out = {game.arms[0]: sums(game.arms[0], along.control)}
    out |= {arm: sums(arm, simulated) for arm, simulated in found.items()}
    return out, time.process_time() - began


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    game = load_game("games/beijing_2025.yaml")
    worlds = compile_worlds(game.scenario, game.arms)
    measures = PlayerMeasures(worlds, game.cast)
    names = [*measures.filtered(np.zeros((1, len(worlds.reference.first))))]
    size = batch_runs(worlds.reference.n)
    parts = [
        np.arange(first, min(first + size, count), dtype=np.uint64)
        for first in range(0, count, size)
    ]
    whole, near = (
        [filtered(game, worlds, runs) for runs in parts],
        [by_direct(game, worlds, measures, runs) for runs in parts],
    )

    def effects(
        found: list[tuple[dict[str, dict[str, np.ndarray]], float]], name: str
    ) -> np.ndarray:
        control, *arms = game.arms
        return np.stack(
            [
                np.concatenate([of[arm][name] - of[control][name] for of, _ in found])
                for arm in arms
            ],
            axis=1,
        )

    print(
        f"{count} replications of {len(game.arms)} arms; CPU seconds: full simulation "
        f"{sum(s for _, s in whole):.1f}, direct {sum(s for _, s in near):.1f}"
    )
    print(
        f"{'outcome':50}{'profile':34}{'filtered':>10}{'(se)':>9}{'direct':>10}{'(se)':>9}{'left out':>10}"
    )
    chosen = [
        f"{host}-{act}-nothing"
        for host in ("all_three", "with_reassurance", "none")
        for act in ("nothing", "retrench")
    ]
    for name in names:
        full, short = effects(whole, name), effects(near, name)
        for profile in chosen:
            at = game.arms.index(profile) - 1
            a, b = full[:, at], short[:, at]
            if abs(a.mean()) < 1e-9:
                continue
            se = [of.std(ddof=1) / np.sqrt(count) for of in (a, b)]
            print(
                f"{name.removeprefix(FILTERED):50}{profile:34}{a.mean():+10.4f}{se[0]:9.4f}{b.mean():+10.4f}"
                f"{se[1]:9.4f}{1 - b.mean() / a.mean():10.0%}"
            )


if __name__ == "__main__":
    main()
