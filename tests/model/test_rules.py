"""The published rules on plain arrays: closed forms, bounds, monotonicity, relabelling, scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balance_sim.model import beliefs, threat

N = 6


def worlds(seed: int):
    """A random small world: hostility L, alignment a (zero diagonal), capability c, reach p."""
    rng = np.random.default_rng(seed)
    hostility = rng.gamma(0.5, 1.0, (N, N))
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
    free = threat.unopposed(hostility, align, hostility @ align)
    np.fill_diagonal(free, 1.0)
    theta = threat.threat(capability * reach, free)
    total = threat.row_sums(theta)
    sided = theta @ (align + np.eye(n))
    support = threat.support(reliability * capability * reach, threat.firmness(sided, total[:, None]), free)
    lent = threat.backing(depth, align, beta)
    np.fill_diagonal(lent, 0.0)
    defence = capability + threat.lent(reliability * capability * reach * lent, free, sided, total)
    np.testing.assert_allclose(defence, capability + (lent * support).sum(axis=-1), rtol=1e-12)
    return 1.0 - free, theta, support, defence, threat.insecurity(total, defence, s0)


def naive_opposition(hostility, align):
    """The formula of docs/model.md, written out with loops."""
    n = len(align)
    full = align + np.eye(n)
    q = np.zeros((n, n))
    for i in range(n):
        for k in range(n):
            if i != k:
                drawn = sum(hostility[i, j] * full[j, k] for j in range(n) if j not in (i, k))
                q[i, k] = 1 - np.exp(-(hostility[i, k] + (1 - full[i, k]) * drawn))
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
    against, theta, support, *_ = chain(hostility, align, capability, reach)
    np.testing.assert_allclose(against, naive_opposition(hostility, align), atol=1e-12)
    w = naive_firmness(theta, align)
    expected = capability * reach * w * (1 - against)
    off = ~np.eye(N, dtype=bool)
    np.testing.assert_allclose(support[off], expected[off], atol=1e-12)


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_opposition_is_at_least_its_own_account(seed):
    hostility, align, capability, reach = worlds(seed)
    against = chain(hostility, align, capability, reach)[0]
    off = ~np.eye(N, dtype=bool)
    assert (against[off] >= (1 - np.exp(-hostility))[off] - 1e-15).all()
    assert (against >= 0).all() and (against <= 1).all()


@given(st.integers(0, 10_000), st.integers(0, N - 1), st.integers(0, N - 1), st.floats(0, 3))
@settings(max_examples=40, deadline=None)
def test_more_hostility_never_lowers_opposition_or_threat(seed, i, k, more):
    if i == k:
        return
    hostility, align, capability, reach = worlds(seed)
    raised = hostility.copy()
    raised[i, k] += more
    before, after = chain(hostility, align, capability, reach), chain(raised, align, capability, reach)
    assert (after[0] >= before[0] - 1e-12).all()
    assert (after[1] >= before[1] - 1e-12).all()


@given(st.integers(0, 10_000), st.integers(0, N - 1), st.integers(0, N - 1), st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_more_support_never_raises_insecurity(seed, i, j, deeper):
    if i == j:
        return
    hostility, align, capability, reach = worlds(seed)
    depth = np.zeros((N, N))
    depth[i, j] = deeper
    assert (
        chain(hostility, align, capability, reach, depth)[4]
        <= chain(hostility, align, capability, reach)[4] + 1e-15
    ).all()


def test_power_alone_is_no_threat():
    _, align, capability, reach = worlds(3)
    none = np.zeros((N, N))
    against, theta, _, _, g = chain(none, align, capability, reach)
    assert (against == 0).all() and (theta == 0).all() and (g == 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_permuting_the_states_permutes_every_output(seed):
    hostility, align, capability, reach = worlds(seed)
    order = np.random.default_rng(seed).permutation(N)
    there = np.ix_(order, order)
    plain = chain(hostility, align, capability, reach)
    moved = chain(hostility[there], align[there], capability[order], reach[there])
    for a, b in zip(plain, moved, strict=True):
        np.testing.assert_allclose(a[there] if a.ndim == 2 else a[order], b, atol=1e-12)


def test_scaling_all_capabilities_leaves_insecurity_as_it_was():
    # With s0 scaled alike: a share of a balance has no unit.
    hostility, align, capability, reach = worlds(7)
    plain = chain(hostility, align, capability, reach, s0=0.01)
    scaled = chain(hostility, align, capability * 1000, reach, s0=10.0)
    np.testing.assert_allclose(plain[4], scaled[4], rtol=1e-12)


def test_a_neutral_powerless_stranger_moves_nobodys_opposition():
    # Stated bound: nobody is hostile to it, it sides with others at sigma(alpha0) = 0.076 and is feared by
    # none, so it can draw nobody in: q among the others moves by exactly nothing.
    hostility, align, _, _ = worlds(11)
    grown = np.zeros((N + 1, N + 1))
    grown[:N, :N] = hostility
    wider = np.full((N + 1, N + 1), 1 / (1 + np.exp(2.5)))
    wider[:N, :N] = align
    np.fill_diagonal(wider, 0.0)
    np.testing.assert_allclose(
        naive_opposition(grown, wider)[:N, :N], naive_opposition(hostility, align), atol=1e-12
    )


def test_guilt_by_association():
    # A fears B and not C. Once B and C side with each other, A counts C against it too.
    hostility = np.zeros((3, 3))
    hostility[0, 1] = 2.0
    apart, together = np.zeros((3, 3)), np.zeros((3, 3))
    together[1, 2] = together[2, 1] = 0.9
    assert threat.unopposed(hostility, apart, hostility @ apart)[0, 2] == 1
    np.testing.assert_allclose(
        threat.unopposed(hostility, together, hostility @ together)[0, 2], np.exp(-2.0 * 0.9), rtol=1e-14
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
    effort = threat.effort_change(np.array([0.0]), np.array([0.9]), np.array([0.1]), 0.5, 0.3, 0.5)
    np.testing.assert_allclose(effort, [0.15])  # target 0.4 is cut to 0.3; half of the way
    assert threat.effort_change(np.array([0.2]), np.array([0.1]), np.array([0.1]), 0.5, 0.3, 1.0) == 0
