"""Keyed random numbers: a draw depends on what it is for, never on when or where it is
drawn.

A key absorbs what its draw is for, field by field (`model/streams.py` has the table).
The mixing function is the finaliser of SplitMix64
(Steele, Lea, Flood 2014, OOPSLA, fig. 16); its published outputs are in the tests. All
functions broadcast over `uint64` arrays.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from balance_sim.model.core import Floats, Keys

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = (np.uint64(s) for s in (30, 27, 31, 11))


def mix(z: Keys) -> Keys:
    """The SplitMix64 finaliser: a bijection of 64 bits that scatters every input
    bit."""
    out = z >> _S30
    out ^= z
    out *= _M1
    out ^= out >> _S27
    out *= _M2
    out ^= out >> _S31
    return out


def label(text: str) -> np.uint64:
    """64 bits for a name (a code, a kind, a purpose), the same on every machine."""
    return np.uint64(
        int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
    )


def absorb(key: Keys | np.uint64, field: Keys | np.uint64 | int) -> Keys:
    """A new key from a key and one more field. Order matters; shapes broadcast."""
    with np.errstate(over="ignore"):
        return mix(
            (
                np.asarray(key, dtype=np.uint64)
                ^ mix(np.asarray(field, dtype=np.uint64) + GOLDEN)
            )
            + GOLDEN
        )


def draw(key: Keys, number: int) -> Keys:
    """The `number`-th output, from 1, of SplitMix64 seeded with the key."""
    with np.errstate(over="ignore"):
        return mix(key + np.uint64(number * int(GOLDEN) & 0xFFFFFFFFFFFFFFFF))


def uniform(key: Keys) -> Floats:
    """One uniform draw per key, strictly inside (0, 1), 53 bits."""
    return ((key >> _S11).astype(np.float64) + 0.5) * 2.0**-53


def exponential(key: Keys) -> Floats:
    """One unit-exponential draw per key."""
    return -np.log(uniform(key))


def gamma(
    key: Keys, shape: Floats, mean: Floats, elapsed: Floats | float = 0.0
) -> Floats:
    """Gamma draws by inversion, given that `elapsed` has passed already; returns the
    whole length.

    shape, mean, elapsed broadcast with key; mean 0 gives 0. Far in the tail, where the
    survival function underflows, the remainder is taken as exponential (the gamma's own
    limit)."""
    from scipy.special import gammaincc, gammainccinv

    shape, mean, elapsed = np.broadcast_arrays(
        np.asarray(shape, float), np.asarray(mean, float), np.asarray(elapsed, float)
    )
    scale = mean / shape
    safe = np.where(scale > 0, scale, 1.0)
    start = elapsed / safe
    u = uniform(key)
    survival = gammaincc(shape, start)
    tail = survival < 1e-250
    length = np.where(
        tail, start - np.log(u), gammainccinv(shape, np.where(tail, 1.0, survival) * u)
    )
    return np.where(scale > 0, np.maximum(length, start) * safe, 0.0)
