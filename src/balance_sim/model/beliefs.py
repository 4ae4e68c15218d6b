"""What states think of each other: log-odds of alignment and of hostile intent.

Evidence adds on the log-odds scale (Good 1950, weight of evidence, in nats). Arrays end in (n, n):
row the one who acts or looks, column the other. All functions broadcast over leading axes; `out` is a place to
write the result to.
"""

from __future__ import annotations

import numpy as np

from balance_sim.model.core import Floats

MOST_EVIDENCE = 250.0  # nats of all events together; with the bounds of the schema no exponential overflows
MOST_PROVOKED = 200.0  # the same of all acts drawn in a run


def prior_alignment(gap: Floats, alpha0: float, alpha_x: float) -> Floats:
    """Log-odds that two states side with each other, before agreements and events.

    gap: (n, n) distance of ideal points, >= 0. Bailey, Strezhnev, Voeten 2017, JCR 61(2)."""
    return alpha0 - alpha_x * gap


def prior_intent(gap: Floats, quarrel: Floats, eta0: float, eta_x: float) -> Floats:
    """Log-odds of hostile intent, before agreements and events. quarrel: (n, n), nats, disputes weighted."""
    return eta0 + eta_x * gap + quarrel


def alignment(odds_against: Floats, out: Floats | None = None) -> Floats:
    """Probability of siding together from e to the minus log-odds: sigma(alpha) = 1 / (1 + e^-alpha)."""
    out = np.asarray(np.add(odds_against, 1.0, out=out))
    return np.divide(1.0, out, out=out)


def alignment_with(odds_against: Floats, accord: Floats) -> Floats:
    """a from the odds against it before agreements, and what agreements in force or announced add to alpha."""
    odds = np.asarray(odds_against * np.exp(-accord))
    return alignment(odds, out=odds)


def closer(alignment: Floats, nats: Floats) -> Floats:
    """a with so many nats more of evidence, >= 0: 1 / (1 + e^-(alpha + nats))."""
    return np.asarray(alignment / (alignment + (1.0 - alignment) * np.exp(-nats)))


def hostility(odds: Floats, eta0: float, out: Floats | None = None) -> Floats:
    """Hostility above a stranger's, in nats: max(0, ln(1 + e^eta) - ln(1 + e^eta0)).

    odds: (..., n, n), e^eta. Returns the same shape, >= 0; 0 for a stranger and below."""
    out = np.asarray(np.log1p(odds, out=out))
    out -= np.log1p(np.exp(eta0))
    return np.maximum(out, 0.0, out=out)


def evidence(nats: Floats, most: float = MOST_EVIDENCE) -> Floats:
    """A sum of evidence as it is used: where it is beyond so many nats, a belief is certain and e^nats has to end."""
    return np.clip(nats, -most, most)


def decay(elapsed_days: Floats | float, half_life_days: Floats | float | None) -> Floats:
    """Share of evidence left, 2^(-t / half-life); 1 where it does not fade (None or inf); 0 before its date."""
    elapsed = np.asarray(elapsed_days, dtype=float)
    left = np.ones_like(elapsed) if half_life_days is None else np.exp2(-np.maximum(elapsed, 0) / half_life_days)
    return np.where(elapsed >= 0, left, 0.0)
