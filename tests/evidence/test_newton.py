"""Newton's method and the variance of random effects, against closed forms."""

import numpy as np
import pytest
from balance_sim.evidence.newton import NoMaximum, laplace_marginal, newton, uphill_step

CURVE = np.array([[3.0, 1.0], [1.0, 2.0]])
TOP = np.array([1.0, -2.0])


def value(b: np.ndarray) -> float:
    return -0.5 * float((b - TOP) @ CURVE @ (b - TOP))


def quadratic(b: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    return value(b), -CURVE @ (b - TOP), CURVE


@pytest.mark.parametrize("precision", [np.array([0.5, 4.0]), np.array([[0.5, 0.2], [0.2, 4.0]])])
def test_a_normal_likelihood_and_prior_give_the_normal_posterior(precision: np.ndarray) -> None:
    """Mean (C + P)^-1 (C top + P mean), precision C + P."""
    prior, mean = np.diag(precision) if precision.ndim == 1 else precision, np.array([0.3, 0.7])
    found = newton(np.zeros(2), quadratic, value, precision, mean, 1e-12)
    np.testing.assert_allclose(found.information, CURVE + prior)
    np.testing.assert_allclose(found.at, np.linalg.solve(CURVE + prior, CURVE @ TOP + prior @ mean), rtol=1e-9)


def test_steps_that_overshoot_are_halved() -> None:
    """-ln cosh b from b = 3: a whole Newton step goes to -98, where the function falls; the maximum is 0."""

    def height(b: np.ndarray) -> float:
        return -float(np.logaddexp(b, -b)[0])

    found = newton(
        np.array([3.0]),
        lambda b: (height(b), -np.tanh(b), np.diag(1 / np.cosh(b) ** 2)),
        height,
        np.zeros(1),
        tolerance=1e-14,
    )
    assert found.at == pytest.approx([0.0], abs=1e-6)


def test_a_step_goes_uphill_where_the_curve_bends_the_wrong_way() -> None:
    score = np.array([1.0, 1.0])
    assert score @ uphill_step(np.array([[1.0, 2.0], [2.0, 1.0]]), score) > 0


def test_what_has_no_maximum_is_told() -> None:
    with pytest.raises(NoMaximum) as pull:
        newton(np.zeros(2), lambda b: (0.0, b, np.diag([1.0, 0.0])), lambda _: 0.0, np.zeros(2))
    assert (pull.value.why, pull.value.parameter) == ("pull", 1)
    with pytest.raises(NoMaximum) as steps:
        newton(np.zeros(1), lambda b: (float(b[0]), np.ones(1), np.eye(1)), lambda b: float(b[0]), np.zeros(1))
    assert steps.value.why == "steps"
    with pytest.raises(NoMaximum) as step:
        newton(
            np.zeros(1),
            lambda b: (0.0, np.ones(1), np.eye(1)),
            lambda b: -float(b[0] != 0),
            np.zeros(1),
        )
    assert step.value.why == "step"
    with pytest.raises(NoMaximum) as infinite:
        newton(np.zeros(1), lambda b: (np.nan, np.ones(1), np.eye(1)), lambda _: 0.0, np.zeros(1))
    assert infinite.value.why == "value"


def test_laplace_is_exact_for_normal_data() -> None:
    """y_i = u_i + e_i, u ~ N(0, 2), e ~ N(0, 1)."""
    y = np.sqrt(np.array([1.0, 3.0, 5.0]))
    mode, covariance = y * 2 / 3, np.eye(3) * 2 / 3
    log_likelihood = float(-0.5 * ((y - mode) ** 2 + np.log(2 * np.pi)).sum())
    exact = float(-0.5 * (y**2 / 3 + np.log(2 * np.pi * 3)).sum())
    found = laplace_marginal(log_likelihood, mode, np.full(3, 0.5), np.linalg.inv(covariance))
    assert found == pytest.approx(exact, rel=1e-12)
