"""The published rules on plain arrays: closed forms, bounds, monotonicity, relabelling, scale."""

import numpy as np
import pytest
from balance_sim.model import beliefs, threat
from hypothesis import given, settings
from hypothesis import strategies as st

N = 6


def worlds(seed: int):
    """A random small world: hostility h, alignment a (zero diagonals), capability c, reach p."""
    rng = np.random.default_rng(seed)
    hostility = threat.own_hostility(rng.gamma(0.5, 1.0, (N, N)))
    align = rng.uniform(0, 1, (N, N))
    align = (align + align.T) / 2
    for matrix in (hostility, align):
        np.fill_diagonal(matrix, 0.0)
    capability = rng.dirichlet(np.ones(N))
    distance = rng.uniform(0, 9000, (N, N))
    distance = (distance + distance.T) / 2
    np.fill_diagonal(distance, 0.0)
    return hostility, align, capability, threat.reach(distance, 2000.0, 1.0)


def chain(hostility, align, capability, reach, depth=None, beta=0.3, s0=0.01, reliability=1.0):
    """q, Theta, s, D, g as the engine chains the rules."""
    n = len(capability)
    depth = np.zeros((n, n)) if depth is None else depth
    backing = threat.backing(depth, align, beta)
    np.fill_diagonal(backing, 0.0)
    unopposed = threat.unopposed(hostility, threat.unallied(depth, align), hostility @ (beta * align))
    np.fill_diagonal(unopposed, 1.0)
    theta = threat.threat(capability * reach, unopposed)
    total = threat.row_sums(theta)
    sided = theta @ (align + np.eye(n))
    reliable = reliability * capability * reach
    support = threat.support(reliable, threat.firmness(sided, total[:, None]), hostility)
    defence = capability + threat.lent(reliable * backing * (1 - hostility), sided, total)
    np.testing.assert_allclose(defence, capability + (backing * support).sum(axis=-1), rtol=1e-12)
    return 1.0 - unopposed, theta, support, defence, threat.insecurity(total, defence, s0)


def naive_opposition(hostility, align, depth=None, beta=0.3):
    """The formula of docs/model.md, written out with loops."""
    n = len(align)
    depth = np.zeros((n, n)) if depth is None else depth
    q = np.zeros((n, n))
    for i in range(n):
        for k in range(n):
            if i != k:
                others = [j for j in range(n) if j not in (i, k)]
                lent = sum(hostility[i, j] * beta * align[j, k] for j in others)
                free = 1 - max(depth[i, k], align[i, k])
                q[i, k] = 1 - (1 - hostility[i, k]) * np.exp(-free * lent)
    return q


def naive_firmness(theta, align):
    n = len(align)
    full = align + np.eye(n)
    w = np.ones((n, n))
    for i in range(n):
        for j in range(n):
            if theta[i].sum() > 0:
                w[i, j] = 1 - sum(theta[i, k] * full[j, k] for k in range(n)) / theta[i].sum()
    return w


@pytest.mark.parametrize("seed", range(5))
def test_matrix_forms_equal_the_formulas_written_out(seed):
    hostility, align, capability, reach = worlds(seed)
    depth = np.random.default_rng(seed + 50).uniform(0, 0.5, (N, N))
    depth = (depth + depth.T) * (1 - np.eye(N))
    against, theta, support, *_ = chain(hostility, align, capability, reach, depth)
    np.testing.assert_allclose(against, naive_opposition(hostility, align, depth), atol=1e-12)
    w = naive_firmness(theta, align)
    expected = capability * reach * w * (1 - hostility)
    off = ~np.eye(N, dtype=bool)
    np.testing.assert_allclose(support[off], expected[off], atol=1e-12)


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_opposition_is_at_least_its_own_account(seed):
    hostility, align, capability, reach = worlds(seed)
    against = chain(hostility, align, capability, reach)[0]
    off = ~np.eye(N, dtype=bool)
    assert (against[off] >= hostility[off] - 1e-15).all()
    assert (against >= 0).all() and (against <= 1).all()


@given(st.integers(0, 10_000), st.integers(0, N - 1), st.integers(0, N - 1), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_a_deeper_treaty_lowers_its_own_threat_and_moves_no_third_states(seed, i, j, deeper):
    """Its two states are no longer drawn in against each other. By itself it obliges neither to join the other's
    quarrels with thirds: those move only with the alignment that it is evidence of."""
    if i == j:
        return
    hostility, align, capability, reach = worlds(seed)
    depth = np.zeros((N, N))
    depth[i, j] = depth[j, i] = deeper
    before = chain(hostility, align, capability, reach)[1]
    after = chain(hostility, align, capability, reach, depth)[1]
    thirds = [k for k in range(N) if k not in (i, j)]
    assert (after[[i, j]] <= before[[i, j]] + 1e-15).all()
    assert (after[thirds] == before[thirds]).all()


def test_power_alone_is_no_threat():
    _, align, capability, reach = worlds(3)
    none = np.zeros((N, N))
    against, theta, _, _, g = chain(none, align, capability, reach)
    assert (against == 0).all() and (theta == 0).all() and (g == 0).all()


def test_guilt_by_association():
    # A fears B and not C. Once B and C side with each other, A counts against it what C would lend B.
    hostility = np.zeros((3, 3))
    hostility[0, 1] = 0.8
    apart, together = np.zeros((3, 3)), np.zeros((3, 3))
    together[1, 2] = together[2, 1] = 0.9
    capability, reach = np.full(3, 1 / 3), np.ones((3, 3))
    assert chain(hostility, apart, capability, reach)[0][0, 2] == 0
    np.testing.assert_allclose(
        chain(hostility, together, capability, reach)[0][0, 2], 1 - np.exp(-0.8 * 0.3 * 0.9), rtol=1e-14
    )


def test_hostility_of_a_stranger_is_zero_and_grows_above():
    odds = np.exp(np.array([-6.0, -3.5, 0.0, 2.0]))
    found = beliefs.hostility(odds, -3.5)
    np.testing.assert_allclose(
        found, [0, 0, np.log(2) - np.log1p(np.exp(-3.5)), np.log1p(np.exp(2)) - np.log1p(np.exp(-3.5))]
    )


def test_alignment_is_the_logistic_function():
    alpha = np.array([-2.0, 0.0, 3.0])
    np.testing.assert_allclose(beliefs.alignment(np.exp(-alpha)), 1 / (1 + np.exp(-alpha)), rtol=1e-14)


def test_evidence_halves_at_its_half_life_and_is_nothing_before_its_date():
    np.testing.assert_allclose(beliefs.decay(np.array([-1.0, 0.0, 90.0, 180.0]), 90.0), [0, 1, 0.5, 0.25])
    np.testing.assert_allclose(beliefs.decay(np.array([0.0, 1e6]), None), [1, 1])


def test_insecurity_is_a_share_of_the_contest():
    g = threat.insecurity(np.array([0.0, 1.0, 3.0]), np.array([1.0, 1.0, 0.0]), 0.0)
    np.testing.assert_allclose(g, [0.0, 0.5, 1.0])
    assert threat.insecurity(np.zeros(1), np.zeros(1), 0.0) == 0


def test_marginal_gain_is_the_drop_and_is_concave():
    total, defence, s0 = 0.3, 0.2, 0.01
    g = threat.insecurity(np.array(total), np.array(defence), s0)
    one = threat.marginal_gain(g, np.array(total + defence + s0), np.array(0.1))
    after = threat.insecurity(np.array(total), np.array(defence + 0.1), s0)
    np.testing.assert_allclose(one, g - after, rtol=1e-12)
    second = threat.marginal_gain(after, np.array(total + defence + 0.1 + s0), np.array(0.1))
    assert second < one  # what another has given makes one's own gift worth less: buck-passing


def test_reach_falls_with_distance():
    np.testing.assert_allclose(threat.reach(np.array([0.0, 2000.0, 6000.0]), 2000.0, 1.0), [1, 0.5, 0.25])


def test_great_circle_of_a_quarter_of_the_globe():
    km = threat.great_circle(np.array([0.0, 90.0, 0.0]), np.array([0.0, 0.0, 180.0]))
    quarter = np.pi / 2 * threat.EARTH_RADIUS_KM
    np.testing.assert_allclose([km[0, 1], km[0, 2], km[0, 0]], [quarter, 2 * quarter, 0], atol=1e-6)


def test_effort_moves_towards_its_target_and_stays_within_its_bound():
    effort = threat.effort_change(np.array([0.0]), np.array([0.4]), 0.3, 0.5)
    np.testing.assert_allclose(effort, [0.15])  # target 0.4 is cut to 0.3; half of the way
    assert threat.effort_change(np.array([0.2]), np.array([0.0]), 0.3, 1.0) == 0
