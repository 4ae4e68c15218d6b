"""Whether boxes that are planted in invented games are found, and whether the value of information is right: the tables
of docs/robust.md.

    python benchmarks/discovery.py [seed]

A game has 420 draws of 40 parameters and two players. The first player's other strategy pays less than the observed one
in one or two planted boxes, of two or three factors each, and more elsewhere; one in two games has a box that hangs on
what the second player does. The gain is 1 less or more with noise of standard deviation 0.4, so that one future in a
hundred and sixty or so is on the wrong side. Boxes are found with the other half of the draws and with all of them, and
judged on 4,000 new draws, without noise.

Value of information: u = 0 or x + y with x, y independent standard normal; EVPPI of x is 1 / sqrt(2 pi) by hand. Nested
Monte Carlo draws x, and for each x 400 y's, and knows nothing of regression.
"""

import sys

import numpy as np

from balance_sim.games.boxes import Bounds, Factors, conditions, fit_of, union
from balance_sim.games.uncertain import value_of_information

GAMES, DRAWS, PARAMETERS, NOISE, FRESH = 20, 420, 40, 0.4, 4000
PLANS = ("waits", "acts", "yields")
NAMES = (*(f"parameter {k + 1}" for k in range(PARAMETERS)), "the other")


def futures(rng: np.random.Generator, draws: int) -> Factors:
    """Draws by what the other does: each draw meets its three plans."""
    drawn = np.repeat(rng.random((draws, PARAMETERS)), len(PLANS), axis=0)
    values = np.column_stack([drawn, np.tile(np.arange(len(PLANS)), draws)])
    return Factors(
        values, NAMES, {"the other": PLANS}, np.repeat(np.arange(draws), len(PLANS))
    )


def planted(rng: np.random.Generator, factors: Factors, number: int) -> list[Bounds]:
    """One box in even games, two in odd ones, of two or three factors each: parameters
    bounded on one side, so that 10 to 25 % of the draws are left; in every second pair
    of games the first box has the other's plan in the place of a parameter."""
    boxes = []
    for which in range(1 + number % 2):
        box, size = Bounds.none(factors), int(rng.integers(2, 4))
        volume, has_plan = rng.uniform(0.10, 0.25), which == 0 and number // 2 % 2
        if has_plan:
            box = box.with_bound(0, PARAMETERS + PLANS.index("acts"), 1.0)
            size -= 1
        share = volume ** (1 / size)
        for column in rng.choice(PARAMETERS, size, replace=False).tolist():
            side = int(rng.integers(2))
            box = box.with_bound(side, column, share if side else 1 - share)
        boxes.append(box)
    return boxes


def found_in(
    number: int, seed: int
) -> tuple[int, str, int, float, float, float, float]:
    """Planted and found boxes of a game, with coverage and density."""
    rng = np.random.default_rng([seed, number])
    factors, fresh = futures(rng, DRAWS), futures(rng, FRESH)
    boxes = planted(rng, factors, number)
    gain = np.where(union(boxes, factors), -1.0, 1.0) + NOISE * rng.normal(
        size=len(factors.values)
    )
    fails = gain < 0
    found = conditions(factors, fails, factors.draw % 2 == 0)
    fit = fit_of(union(found.boxes, fresh), union(boxes, fresh))
    held_out = found.held_out
    return (
        len(boxes),
        found.method,
        len(found.boxes),
        held_out.coverage,
        held_out.density,
        fit.coverage,
        fit.density,
    )


def nested(
    rng: np.random.Generator, outer: int = 2000, inner: int = 400
) -> tuple[float, float]:
    """EVPPI of x and its standard error by nested Monte Carlo: half of the y's choose, the other half value."""
    x, y = rng.normal(size=outer), rng.normal(size=(outer, inner))
    chooses = x + y[:, ::2].mean(axis=1) > 0
    worth = np.where(chooses, x + y[:, 1::2].mean(axis=1), 0.0)
    return float(worth.mean()), float(worth.std(ddof=1) / np.sqrt(outer))


def main() -> None:
    """Print both tables as docs/robust.md has them."""
    print(
        "| game | boxes planted | found | by | coverage, unseen half | density | coverage, new draws | density |"
    )
    print("| ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: |")
    passed, seed = 0, int((sys.argv[1:] or ["33"])[0])
    for number in range(GAMES):
        count, method, found, *fits = found_in(number, seed)
        passed += min(fits[2:]) >= 0.8
        print(
            f"| {number + 1} | {count} | {found} | {method} | {' | '.join(f'{fit:.2f}' for fit in fits)} |"
        )
    print(f"\nCoverage and density of 0.8 or more on new draws: {passed} of {GAMES}\n")
    print(
        "| draws | EVPPI by regression | s.e. | nested Monte Carlo | s.e. | apart, in s.e. | by hand |"
    )
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for draws in (200, 1000, 10_000):
        rng = np.random.default_rng([34, draws])
        x = rng.normal(size=(draws, 3))
        value = value_of_information(
            np.column_stack([np.zeros(draws), x[:, 0] + x[:, 1]]), x
        )
        worth, error = nested(rng)
        apart = abs(value.evppi[0] - worth) / np.hypot(value.error[0], error)
        numbers = [
            value.evppi[0],
            value.error[0],
            worth,
            error,
            apart,
            1 / np.sqrt(2 * np.pi),
        ]
        print(f"| {draws:,} | {' | '.join(f'{number:.3f}' for number in numbers)} |")


if __name__ == "__main__":
    main()
