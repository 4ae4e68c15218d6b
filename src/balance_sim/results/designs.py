"""The points of an experiment: which values each factor takes together."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from balance_sim.pool.faults import MissingExtra
from balance_sim.replications.jobs import Values as PointValues
from balance_sim.scenario.design import Experiment, Values

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DesignPoint:
    """One point: values by key path, in the order of the factors. part: its place in a sensitivity design."""

    values: PointValues
    label: str = ""
    part: str = ""

    @property
    def key(self) -> str:
        """What the point is, whatever its place in the design: sha256 of its values."""
        return point_key(self.values)


def point_key(values: PointValues) -> str:
    """sha256 of values by key path; the order of the paths does not matter, 1 and 1.0 are one value."""
    text = json.dumps(sorted((path, _canonical(value)) for path, value in values), separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_canonical(item) for item in value]
    if isinstance(value, dict):
        return {str(k): _canonical(v) for k, v in sorted(value.items())}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return value if isinstance(value, str | bool | type(None)) else str(value)


def design_points(experiment: Experiment) -> Iterator[DesignPoint]:
    """Every point, in the design's order. The same file gives the same points."""
    if experiment.points:
        for point in experiment.points:
            yield DesignPoint(tuple(point.values.items()), point.label)
        return
    paths = experiment.paths
    method = experiment.design.method
    if method in ("grid", "list"):
        columns = [
            factor.takes.values if isinstance(factor.takes, Values) else factor.takes.grid()
            for factor in experiment.factors
        ]
        rows = itertools.product(*columns) if method == "grid" else zip(*columns, strict=True)
        for row in rows:
            yield DesignPoint(tuple(zip(paths, row, strict=True)))
        return
    for part, shares in _samples(experiment):
        taken = [factor.takes.at(float(u)) for factor, u in zip(experiment.factors, shares, strict=True)]
        yield DesignPoint(tuple(zip(paths, taken, strict=True)), part=part)


def _samples(experiment: Experiment) -> Iterator[tuple[str, Floats]]:
    """(place in the design, shares 0..1) of each point of a sampled design."""
    design, k = experiment.design, len(experiment.factors)
    n = design.samples or 1
    if design.method == "lhs":
        from scipy.stats import qmc

        for at, row in enumerate(qmc.LatinHypercube(k, rng=np.random.default_rng(design.seed)).random(n)):
            yield f"L{at}", row
    elif design.method == "sobol":
        yield from sobol_rows(k, n, design.seed)
    else:
        yield from morris_rows(k, n, design.levels, design.seed)


def sobol_rows(k: int, n: int, seed: int) -> Iterator[tuple[str, Floats]]:
    """Saltelli's 2010 design: rows A, then B, then A with one column of B, for each of n base samples.

    Parts are named A<row>, B<row>, AB<factor>.<row>. More samples of the same seed keep the first ones."""
    from scipy.stats import qmc

    base = qmc.Sobol(2 * k, scramble=True, rng=np.random.default_rng(seed)).random(n)
    for row in range(n):
        a, b = base[row, :k], base[row, k:]
        yield f"A{row}", a
        yield f"B{row}", b
        for factor in range(k):
            mixed = a.copy()
            mixed[factor] = b[factor]
            yield f"AB{factor}.{row}", mixed


def morris_rows(k: int, n: int, levels: int, seed: int) -> Iterator[tuple[str, Floats]]:
    """n trajectories of Morris 1991, by SALib. Parts are named T<trajectory>.<step>."""
    try:
        from SALib.sample import morris
    except ImportError:
        raise MissingExtra("morris designs", "sensitivity") from None
    names = [f"x{i}" for i in range(k)]
    problem = {"num_vars": k, "names": names, "bounds": [[0.0, 1.0]] * k}
    rows = morris.sample(problem, n, num_levels=levels, seed=seed)
    for at, row in enumerate(np.asarray(rows)):
        yield f"T{at // (k + 1)}.{at % (k + 1)}", row
