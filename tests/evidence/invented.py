"""A history of invented states, made of random numbers, on which the model can make a record of its own."""

import itertools
import string

import numpy as np
import pandas as pd
from balance_sim.evidence.data.history import History

EMPTY = ("accord_id", "kind", "signed", "in_force", "ended", "precision", "multilateral", "a", "b")


def invented(states: int, years: int, seed: int = 1, first: int = 1990) -> History:
    """Figures that do not change over the years; some rivalries and alliances; no agreements yet."""
    rng = np.random.default_rng(seed)
    codes = tuple(
        itertools.islice((f"X{a}{b}" for a in string.ascii_uppercase for b in string.ascii_uppercase), states)
    )

    def steady(value: np.ndarray) -> np.ndarray:
        return np.repeat(value[None], years, axis=0)

    def symmetric(value: np.ndarray) -> np.ndarray:
        upper = np.triu(value, 1)
        return steady(upper + upper.T)

    square = (states, states)
    place = rng.uniform(0, 9000, (states, 2))
    far = np.hypot(*(place[:, None] - place).transpose(2, 0, 1))
    pact = (rng.uniform(size=square) < 0.05).astype(float)
    agreements = pd.DataFrame({name: [] for name in EMPTY})
    for name in ("signed", "in_force", "ended"):
        agreements[name] = pd.to_datetime(agreements[name])
    share = rng.lognormal(0, 1.5, states)
    return History(
        years=np.arange(first, first + years),
        iso3=codes,
        names=codes,
        entry=np.zeros((years, states)),
        leave=np.ones((years, states)),
        capability=steady(share / share.sum()),
        ideal=steady(rng.normal(size=states)),
        democracy=steady(rng.uniform(size=states)),
        distance=symmetric(far),
        contiguity=symmetric((far < 900).astype(float)),
        rivalry=symmetric((rng.uniform(size=square) < 0.06).astype(float)),
        claim=symmetric((rng.uniform(size=square) < 0.06).astype(float)),
        militarised=symmetric((rng.uniform(size=square) < 0.08).astype(float)),
        war=symmetric(np.zeros(square)),
        alliance_depth=symmetric(pact),
        alliance_calm=symmetric(pact),
        agreements=agreements,
        agreement_years=(first, first + years - 1),
        reports=(),
        notes=(),
    )
