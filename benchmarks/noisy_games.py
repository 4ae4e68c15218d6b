"""How often known equilibria are found again from noisy payoffs, and how often the simultaneous bounds hold.

    uv run python benchmarks/noisy_games.py [repetitions]

Payoffs of a replication are those of a game with known equilibria, plus noise that all profiles share, of standard
deviation 5, and noise of each profile's own. *found*: the game of mean payoffs has the same number of equilibria, each
with the strategies of a true one and its probabilities within 0.1. *bound holds*: no true regret of any profile and
player exceeds its simultaneous 95 % bound. *kept*: no true best reply is ruled out. *two-sided*: no difference of two
strategies is further from the truth than the bound says, which is what has a probability of 95 %.
"""

from __future__ import annotations

import sys

import numpy as np

from balance_sim.games.equilibria import Equilibrium, nash_equilibria
from balance_sim.games.normal_form import best_replies, regrets
from balance_sim.games.uncertain import EmpiricalGame

SHARED = 5.0
NEAR = 0.1
RPS = np.array([[0, -3, 1], [3, 0, -2], [-1, 2, 0]], dtype=float)
GAMES = {
    # one pure equilibrium, defection
    "2 x 2, prisoner's dilemma": np.array(
        [[[3, 3], [0, 5]], [[5, 0], [1, 1]]], dtype=float
    ),
    # two pure ones, and (2/3, 1/3), (1/3, 2/3)
    "2 x 2, battle of the sexes": np.array(
        [[[2, 1], [0, 0]], [[0, 0], [1, 2]]], dtype=float
    ),
    # one, mixed: each sign as often as the stake between the two others, 2 : 1 : 3
    "3 x 3, rock, paper, scissors at stakes 3, 2, 1": np.stack([RPS, -RPS], axis=-1),
    # two pure ones, (first, first) and (second, second), and one mixed between them; the third strategy is dominated
    "3 x 3, a coordination game and a dominated strategy": np.array(
        [[[4, 4], [0, 1], [1, 0]], [[1, 0], [3, 3], [1, 0]], [[0, 1], [-1, 1], [0, 0]]],
        dtype=float,
    ),
}


def replications(
    game: np.ndarray, sd: float, count: int, rng: np.random.Generator
) -> np.ndarray:
    """(count, k_1, ..., k_n, n) noisy payoffs."""
    players = game.shape[-1]
    shared = SHARED * rng.standard_normal((count, *(1,) * players, players))
    return game + shared + sd * rng.standard_normal((count, *game.shape))


def alike(found: list[Equilibrium], true: list[Equilibrium]) -> bool:
    """Whether the same equilibria were found, with probabilities within 0.1."""
    rows, wanted = (
        [np.concatenate(one.strategies) for one in each] for each in (found, true)
    )
    near = [
        [((a > 0) == (b > 0)).all() and np.abs(a - b).max() < NEAR for b in wanted]
        for a in rows
    ]
    return len(rows) == len(wanted) and bool(np.any(near, axis=0).all())


def rates(
    game: np.ndarray,
    sd: float,
    repetitions: int,
    *,
    count: int = 200,
    seed: int = 1,
    resamples: int = 1000,
):
    """Shares of repetitions: found, bound holds, kept, two-sided."""
    rng = np.random.default_rng(seed)
    true, regret = nash_equilibria(game), regrets(game)
    best = np.stack(
        [best_replies(game, player) for player in range(game.shape[-1])], axis=-1
    )
    exact = EmpiricalGame(np.stack([game, game]), resamples=1)
    gains = [gain for gain, *_ in exact._deviations]  # without noise: the true ones
    out = []
    for _ in range(repetitions):
        values = replications(game, sd, count, rng)
        known = EmpiricalGame(values, resamples=resamples)
        two_sided = all(
            (np.abs(gain - right) <= known.critical * error + 1e-12).all()
            for (gain, error, _), right in zip(known._deviations, gains, strict=True)
        )
        out.append(
            (
                alike(nash_equilibria(known.mean), true),
                (known.regret_bound >= regret).all(),
                known.may_be_best[best].all(),
                two_sided,
            )
        )
    return np.mean(out, axis=0)


def held_in_solved_games(count: int, sd: float, seed: int) -> float:
    """Share of so many games, 2 x 2 and 3 x 3 in turn, with payoffs uniform from 0 to 5, of which no regret exceeds
    its bound."""
    rng, held = np.random.default_rng(seed), 0
    for number in range(count):
        size = 2 + number % 2
        game = rng.uniform(0.0, 5.0, (size, size, 2))
        known = EmpiricalGame(replications(game, sd, 200, rng), seed=number)
        held += int((known.regret_bound >= regrets(game)).all())
    return held / count


def main() -> None:
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(f"{repetitions} repetitions of 200 replications")
    seed = 0
    print(
        f"{'':52s}{'noise':>6s}{'found':>8s}{'bound holds':>13s}{'kept':>8s}{'two-sided':>11s}"
    )
    for name, game in GAMES.items():
        for sd in (1.0, 2.0, 4.0):
            seed += 1  # so that rows are independent
            found, holds, kept, both = rates(game, sd, repetitions, seed=seed)
            print(
                f"{name:52s}{sd:6.1f}{found:8.3f}{holds:13.3f}{kept:8.3f}{both:11.3f}"
            )
    for sd in (1.0, 2.0, 4.0):
        seed += 1
        holds = held_in_solved_games(repetitions, sd, seed)
        print(f"{'solved games, each once':52s}{sd:6.1f}{'':8s}{holds:13.3f}")


if __name__ == "__main__":
    main()
