"""Power scaling on a conjugate normal case, where scaled posteriors are known."""

import numpy as np
import pytest
from balance_sim.evidence.posterior.power_scaling import PowerScaling, distance, power_scaling
from scipy.stats import norm

U = (np.arange(4000) + 0.5) / 4000


def conjugate(deviation: float, centre: float) -> tuple[np.ndarray, PowerScaling]:
    """Prior N(0, 1), likelihood N(centre, deviation^2)."""
    variance = 1.0 / (1.0 + deviation**-2)
    draws = norm.ppf(U, variance * centre / deviation**2, np.sqrt(variance))
    return draws, power_scaling(draws, norm.logpdf(draws), norm.logpdf(draws, centre, deviation))


@pytest.mark.parametrize(
    ("deviation", "centre", "word"),
    [
        (0.1, 0.5, "informed"),
        (10.0, 1.0, "prior-dominated"),
        (1.0, 4.0, "in conflict"),
        (0.5, 5.0, "in conflict"),
    ],
)
def test_words_of_the_conjugate_normal_case(deviation: float, centre: float, word: str) -> None:
    assert conjugate(deviation, centre)[1].word == word


def test_an_agreeing_likelihood_is_no_conflict_however_strong() -> None:
    for deviation in (0.3, 1.0, 3.0):
        assert conjugate(deviation, 0.0)[1].word != "in conflict"


def test_the_pull_is_that_of_the_closed_form() -> None:
    """d mean / d log2(power) of the prior is -ln 2 * w (1 - w) centre with w the prior's share of precision."""
    draws, found = conjugate(1.0, 3.0)
    assert found.pull == pytest.approx(-np.log(2) * 0.25 * 3.0 / draws.std(), rel=0.02)


def test_prior_and_likelihood_are_alike_where_they_are_equally_strong() -> None:
    _, found = conjugate(1.0, 3.0)
    assert found.prior == pytest.approx(found.likelihood, rel=0.02)


def test_sensitivity_does_not_depend_on_the_scale() -> None:
    draws, found = conjugate(1.0, 3.0)
    wide = power_scaling(1000 * draws, norm.logpdf(draws), norm.logpdf(draws, 3.0))
    assert (wide.prior, wide.likelihood, wide.pull) == pytest.approx((found.prior, found.likelihood, found.pull))


def test_the_distance_is_none_for_equal_weights_and_grows_with_a_shift() -> None:
    draws = norm.ppf(U)
    assert distance(draws, np.full(len(U), 1 / len(U))) == pytest.approx(0.0, abs=1e-7)
    found = []
    for shift in (0.1, 0.3, 1.0):
        weights = np.exp(shift * draws)
        found.append(distance(draws, weights / weights.sum()))
    assert 0 < found[0] < found[1] < found[2] < 1
    assert distance(-draws, weights / weights.sum()) == pytest.approx(found[2])
