"""How far the expected estimator lies from the simulated effect, and from where on it is said to say little."""

from dataclasses import replace

import pytest
from balance_sim.effects.headline import Headline
from balance_sim.show.headline import FAR_WORDS, doubts


def headline(expected: float | None, ci95: list[float] | None, mean: float = 0.1) -> Headline:
    point = {"mean": mean, "ci95": ci95, "level": 5.0}
    return Headline(
        "with", "accords_counter_365", "without", None, None, point, None, expected, 0.004, "not_worked_out"
    )


@pytest.mark.parametrize(
    ("expected", "ci95", "mean", "distance", "is_far"),
    [
        (0.08, [0.09, 0.11], 0.1, -0.2, False),
        (0.07, [0.09, 0.11], 0.1, -0.3, True),
        (0.13, [0.09, 0.11], 0.1, 0.3, True),
        (0.07, [0.06, 0.14], 0.1, -0.3, False),  # within what chance leaves
        (-0.13, [-0.11, -0.09], -0.1, 0.3, True),
        (0.07, [-0.01, 0.21], 0.1, None, False),  # not told from 0
        (0.07, None, 0.1, None, False),
        (None, [0.09, 0.11], 0.1, None, False),
    ],
)
def test_distance_of_the_expected_estimator(
    expected: float | None, ci95: list[float] | None, mean: float, distance: float | None, is_far: bool
) -> None:
    of = headline(expected, ci95, mean)
    assert of.distance == (None if distance is None else pytest.approx(distance))
    assert of.is_far == is_far
    assert (FAR_WORDS in doubts(of, "x", "9 replications")) == is_far


@pytest.mark.parametrize(("ci95", "is_assumed"), [([0.1, 0.5], True), ([-0.5, -0.1], True), ([-0.1, 0.5], False)])
def test_a_sign_is_assumed_where_the_prior_lies_on_one_side(ci95: list[float], is_assumed: bool) -> None:
    assert replace(headline(None, None), prior={"ci95": ci95}).is_sign_assumed == is_assumed
