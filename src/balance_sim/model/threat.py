"""Who threatens whom, who can help, and how insecure that leaves a state.

Rows are observers. All functions broadcast over leading axes; `out` is a place to write
the result to.
"""

from __future__ import annotations

import numpy as np

from balance_sim.model.core import Floats

EARTH_RADIUS_KM = 6371.0088


def over(part: Floats, scale: Floats) -> Floats:
    """Part over scale, 0 where the scale is."""
    return np.divide(part, scale, out=np.zeros_like(part), where=scale > 0)


def great_circle(latitude: Floats, longitude: Floats) -> Floats:
    """Distance in km between all points, degrees in, (n,) to (n, n). Haversine on the
    mean sphere."""
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


def own_hostility(intent: Floats, out: Floats | None = None) -> Floats:
    """h_ij = 1 - e^-L_ij, 0..1: how hostile j is to i on its own account. intent: L in
    nats, >= 0."""
    out = np.negative(intent, out=out)
    np.expm1(out, out=out)
    return np.negative(out, out=out)


def unallied(depth: Floats, own: Floats, out: Floats | None = None) -> Floats:
    """f_ik = 1 - max(depth_ik, a_ik), 0..1: k lends nothing against its own friend.
    own: a_ik as i sees it."""
    out = np.maximum(depth, own, out=out)
    return np.subtract(1.0, out, out=out)


def unopposed(
    hostility: Floats, free: Floats, lent: Floats, out: Floats | None = None
) -> Floats:
    """The share of k's strength that is not against i: neither its own nor lent to i's
    adversaries, 0..1.

    1 - q_ik = (1 - h_ik) exp(-f_ik sum_{j != i,k} h_ij lend_jk). hostility h, free f,
    lent the sum, as one product of matrices whose diagonals are 0: (..., n, n). The
    diagonal is the caller's to set. A supplier counts once, at most whole, for however
    many adversaries: noisy-or (Pearl 1988). Aggregate power: Walt 1987; what allies
    would bring: Bueno de Mesquita 1981, The War Trap, ch. 3."""
    out = np.multiply(free, lent, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    out -= out * hostility
    return out


def threat(offensive: Floats, unopposed: Floats, out: Floats | None = None) -> Floats:
    """Theta_ik = c_k o_k p_ik q_ik, capability shares, by supplier; offensive: c_k o_k
    p_ik; unopposed: 1 - q_ik.

    Walt 1987: aggregate power, proximity, offensive capability, intent."""
    out = np.subtract(1.0, unopposed, out=out)
    return np.multiply(offensive, out, out=out)


def by_adversary(
    hostility: Floats, free: Floats, offensive: Floats, lend: Floats
) -> Floats:
    """A_ij = h_ij (c_j o_j p_ij + sum_{k != i,j} lend_jk f_ik c_k o_k p_ik): whom i
    fears, capability shares.

    An adversary brings its own strength and what those who stand with it would lend its
    quarrels, lend_jk = beta a_jk: a defence pact obliges to help the attacked and not
    the attacker, so it counts here by what it says of how far two stand together (Leeds
    2003, AJPS 47(3)). hostility h, diagonal 0; free f, diagonal 0; offensive c_k o_k
    p_ik; lend: as i sees it, diagonal 0: (..., n, n). A supplier counts for every
    adversary that it would lend to, so rows sum to more than sum_k Theta_ik."""
    return np.asarray(
        hostility * (offensive + (free * offensive) @ lend.swapaxes(-1, -2))
    )


def by_several(
    hostility: Floats, free: Floats, offensive: Floats, lend: Floats
) -> Floats:
    """Threat by some adversaries together, sum_k Theta_ik where nobody else is hostile:
    capability shares, (..., n, n) to (..., n).

    hostility: h of those adversaries, 0 elsewhere; the rest as in `by_adversary`. A
    supplier counts once, however many of them it would lend to, so it is at most the
    sum of their A_ij."""
    return row_sums(threat(offensive, unopposed(hostility, free, hostility @ lend)))


def row_sums(matrix: Floats, out: Floats | None = None) -> Floats:
    """Sum over the last axis, (..., n, n) to (..., n), each row by itself in a fixed
    order."""
    return np.asarray(
        np.vecdot(matrix, np.ones(matrix.shape[-1], matrix.dtype), out=out)
    )


def firmness(sided: Floats, total: Floats) -> Floats:
    """The part of i's threat that j would not side with, 0..1; 1 where there is no
    threat.

    sided: sum_k Theta_ik a_jk, with a_jj = 1; total: sum_k Theta_ik; shapes
    broadcast."""
    share = np.divide(
        sided,
        total,
        out=np.zeros(np.broadcast_shapes(sided.shape, total.shape)),
        where=total > 0,
    )
    return np.maximum(1.0 - share, 0.0)


def unsided(total: Floats, sided: Floats) -> Floats:
    """Threat to i that j would not side with, sum_k Theta_ik (1 - a_jk), capability
    shares: (..., n) and (..., n, n) to (..., n, n)."""
    return np.maximum(total[..., None] - sided, 0.0)


def support(reliable: Floats, firm: Floats, hostility: Floats) -> Floats:
    """What j can bring to i's side, capability shares: s_ij = rho_j c_j p_ij w_ij (1 -
    h_ij).

    reliable: rho_j c_j p_ij; firm: w_ij; hostility: h_ij."""
    return reliable * firm * (1.0 - hostility)


def lent(willing: Floats, sided: Floats, total: Floats) -> Floats:
    """Support that all others lend to each state: sum_j b_ij s_ij, (..., n, n) to (...,
    n).

    willing: rho_j c_j p_ij b_ij (1 - h_ij). With firmness written out this is two sums
    over j, the willing less its product with the threat that j sides with, over the
    total."""
    lost = np.vecdot(willing, sided)
    lost = np.divide(lost, total, out=np.zeros_like(total), where=total > 0)
    return np.maximum(row_sums(willing) - lost, 0.0)


def backing(
    depth: Floats, own: Floats, beta: float, out: Floats | None = None
) -> Floats:
    """Share of its strength that j brings to i's defence, b_ij = max(depth, beta a): a
    treaty's depth, or beta of a friend."""
    out = np.multiply(own, beta, out=out)
    return np.maximum(out, depth, out=out)


def insecurity(threat: Floats, defence: Floats, s0: float) -> Floats:
    """Share of the balance against each state, 0 (safe) to 1.

    threat, defence: (..., n), capability shares, >= 0; s0: security that nobody has to
    supply. Ratio contest form: Hirshleifer 1989, Public Choice 63, eq. 1. 0 where all
    are 0."""
    balance = threat + defence + s0
    return np.where(balance > 0, threat / np.where(balance > 0, balance, 1.0), 0.0)


def marginal_gain(insecure: Floats, balance: Floats, added: Floats) -> Floats:
    """Drop in insecurity that `added` support brings: g(D) - g(D + added), >= 0.

    insecure g and balance (threat + defence + s0) before; shapes broadcast. Concave in
    what others already give, so buck-passing falls out (Christensen, Snyder 1990, IO
    44(2))."""
    return insecure * added / (balance + added)


def alarm(threat: Floats, at_start: Floats, floor: float) -> Floats:
    """Alarm: how much more there is to fear than at the start, ln((T + s) / (T0 + s)).

    threat, at_start: capability shares, >= 0; shapes broadcast. floor: s > 0, the
    threat below which a change alarms nobody. An elasticity in alarm is a number with
    its floor."""
    return np.asarray(np.log((threat + floor) / (at_start + floor)))


def effort_change(effort: Floats, target: Floats, bound: float, share: float) -> Floats:
    """Internal balancing: effort moves a `share` of the way to its target, held within
    +-bound, since data already hold today's effort.

    Waltz 1979, Theory of International Politics, ch. 6. All (..., n); returns the new
    effort."""
    return effort + (np.clip(target, -bound, bound) - effort) * share


def effort_share(days: float, years: float) -> float:
    """How far of the way to its target effort moves in so many days, time constant in
    years: 1 - e^(-t / T)."""
    return float(-np.expm1(-days / 365.25 / years))
