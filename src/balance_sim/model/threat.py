"""Who threatens whom, who can help, and how insecure that leaves a state.

Rows are observers. All functions broadcast over leading axes; `out` is a place to write the result to.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

EARTH_RADIUS_KM = 6371.0088


def great_circle(latitude: Floats, longitude: Floats) -> Floats:
    """Distance in km between all points, degrees in, (n,) to (n, n). Haversine on the mean sphere."""
    phi, lam = np.radians(latitude), np.radians(longitude)
    half = (
        np.sin((phi[:, None] - phi) / 2) ** 2
        + np.cos(phi[:, None]) * np.cos(phi) * np.sin((lam[:, None] - lam) / 2) ** 2
    )
    return np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))))


def reach(distance_km: Floats, delta_km: float, gamma: float) -> Floats:
    """Loss of strength with distance, 0..1: (1 + d / delta)^-gamma.

    Boulding 1962, Conflict and Defense; Bueno de Mesquita 1981, The War Trap."""
    return np.asarray((1.0 + distance_km / delta_km) ** -gamma)


def unopposed(hostility: Floats, own: Floats, drawn_in: Floats, out: Floats | None = None) -> Floats:
    """How far k is not against i, 0..1: neither on its own account, nor drawn in by a hostile partner.

    1 - q_ik = exp(-(L_ik + (1 - a_ik) sum_j L_ij a_jk)). hostility L, own a, drawn_in the sum:
    (..., n, n). The diagonal is the caller's to set. Noisy-or in nats (Pearl 1988); guilt by
    association: Heider 1946, J. Psychology 21."""
    out = np.subtract(own, 1.0, out=out)
    out *= drawn_in
    out -= hostility
    return np.exp(out, out=out)


def threat(at_hand: Floats, unopposed: Floats, out: Floats | None = None) -> Floats:
    """Theta_ik = c_k p_ik q_ik, capability shares; at_hand: c_k p_ik; unopposed: 1 - q_ik.

    Walt 1987: power, proximity, intent."""
    out = np.subtract(1.0, unopposed, out=out)
    return np.multiply(at_hand, out, out=out)


def row_sums(matrix: Floats, out: Floats | None = None) -> Floats:
    """Sum over the last axis, (..., n, n) to (..., n), each row by itself in a fixed order."""
    return np.asarray(np.vecdot(matrix, np.ones(matrix.shape[-1], matrix.dtype), out=out))


def firmness(sided: Floats, total: Floats) -> Floats:
    """The part of i's threat that j would not side with, 0..1; 1 where there is no threat.

    sided: sum_k Theta_ik a_jk, with a_jj = 1; total: sum_k Theta_ik; shapes broadcast."""
    share = np.divide(
        sided, total, out=np.zeros(np.broadcast_shapes(sided.shape, total.shape)), where=total > 0
    )
    return np.maximum(1.0 - share, 0.0)


def support(reliable: Floats, firm: Floats, unopposed: Floats) -> Floats:
    """What j can bring to i's side, capability shares: s_ij = rho_j c_j p_ij w_ij (1 - q_ij).

    reliable: rho_j c_j p_ij; firm: w_ij; unopposed: 1 - q_ij."""
    return reliable * firm * unopposed


def lent(
    lending: Floats, unopposed: Floats, sided: Floats, total: Floats, out: Floats | None = None
) -> Floats:
    """Support that all others lend to each state: sum_j b_ij s_ij, (..., n, n) to (..., n).

    lending: rho_j c_j p_ij b_ij. With firmness written out this is two sums over j,
    lending (1 - q) less its product with the threat that j sides with, over the total. `out`: work room."""
    willing = np.multiply(lending, unopposed, out=out)
    lost = np.vecdot(willing, sided)
    lost = np.divide(lost, total, out=np.zeros_like(total), where=total > 0)
    return np.maximum(row_sums(willing) - lost, 0.0)


def backing(depth: Floats, own: Floats, beta: float, out: Floats | None = None) -> Floats:
    """Share of its support that j lends to i, max(depth, beta a): the deepest accord, or beta of a friend."""
    out = np.multiply(own, beta, out=out)
    return np.maximum(out, depth, out=out)


def insecurity(threat: Floats, defence: Floats, s0: float) -> Floats:
    """Share of the balance against each state, 0 (safe) to 1.

    threat, defence: (..., n), capability shares, >= 0; s0: security that nobody has to supply.
    Ratio contest form: Hirshleifer 1989, Public Choice 63, eq. 1. 0 where all are 0."""
    balance = threat + defence + s0
    return np.where(balance > 0, threat / np.where(balance > 0, balance, 1.0), 0.0)


def marginal_gain(insecure: Floats, balance: Floats, added: Floats) -> Floats:
    """Drop in insecurity that `added` support brings: g(D) - g(D + added), >= 0.

    insecure g and balance (threat + defence + s0) before; shapes broadcast. Concave in what others
    already give, so buck-passing falls out (Christensen, Snyder 1990, IO 44(2))."""
    return insecure * added / (balance + added)


def effort_change(
    effort: Floats, insecure: Floats, at_start: Floats, slope: float, bound: float, share: float
) -> Floats:
    """Internal balancing: effort moves a `share` of the way to a target that rises with insecurity.

    Target: slope (g - g at the start), within +-bound, since data already hold today's effort.
    Waltz 1979, Theory of International Politics, ch. 6. All (..., n); returns the new effort."""
    target = np.clip(slope * (insecure - at_start), -bound, bound)
    return effort + (target - effort) * share


def effort_share(days: float, years: float) -> float:
    """How far of the way to its target effort moves in so many days, time constant in years: 1 - e^(-t / T)."""
    return float(-np.expm1(-days / 365.25 / years))
