"""Which weights the record tells, and which it leaves open: directions of the covariance, by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from balance_sim.evidence.data.history import Floats

COLLINEAR = 0.1
"""Share of a direction's independent information below which its members are called collinear: correlations
of about 0.9 between two."""
FLAT = 1e-7


@dataclass(frozen=True)
class Direction:
    """A combination of parameters that the record tells badly. left: smallest eigenvalue of the correlation
    matrix of the estimates' information, 1 when all are independent, 0 when the direction is flat."""

    names: tuple[str, ...]
    loads: tuple[float, ...]
    left: float

    @property
    def flat(self) -> bool:
        """Not told at all."""
        return self.left < FLAT

    def __str__(self) -> str:
        parts = " ".join(f"{load:+.2f} {name}" for name, load in zip(self.names, self.loads, strict=True))
        return f"{parts} (information left {self.left:.2g})"


def flat_directions(covariance: Floats, names: Sequence[str]) -> tuple[Direction, ...]:
    """Directions with little independent information left, the flattest first; loads below 0.2 left out.

    Belsley, Kuh, Welsch 1980, Regression Diagnostics, ch. 3, on the information of the estimates."""
    return open_directions(np.linalg.pinv(covariance, rcond=1e-15, hermitian=True), names)


def profiled(information: Floats, fixed: int) -> Floats:
    """(fixed, fixed) information of the first parameters with the others, which are shrunk, profiled out."""
    across, own = information[:fixed, fixed:], information[fixed:, fixed:]
    return np.asarray(information[:fixed, :fixed] - across @ np.linalg.solve(own, across.T))


def open_directions(information: Floats, names: Sequence[str]) -> tuple[Direction, ...]:
    """As `flat_directions`, from the information itself: it need not have an inverse."""
    scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
    values, vectors = np.linalg.eigh(information / np.outer(scale, scale))
    out = []
    for value, vector in zip(values, vectors.T, strict=True):
        if value >= COLLINEAR:
            break
        big = np.flatnonzero(np.abs(vector) >= 0.2)
        big = big[np.argsort(-np.abs(vector[big]))]
        out.append(
            Direction(
                tuple(names[int(k)] for k in big),
                tuple(float(vector[k]) for k in big),
                float(max(value, 0.0)),
            )
        )
    return tuple(out)
