"""The points of a sweep: which values each factor takes together, and the table of what
each number stands for.

The number of a point is in the rows of its shards, so points are only ever added to the
table."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from balance_sim.model.core import Floats
from balance_sim.scenario.design import Experiment
from balance_sim.scenario.errors import StoreDamaged
from balance_sim.stats.frame import Frame
from balance_sim.study.atomic_files import write_atomic
from balance_sim.study.digest import sha256_of
from balance_sim.study.jobs import Values as PointValues
from balance_sim.study.manifest import Manifest
from balance_sim.study.shards import checked_bytes, encode, parquet_table

FIXED = ("point", "place", "key", "label", "part")
"""Columns of the frame beside the factors."""


@dataclass(frozen=True)
class SweepPoint:
    """One point of a design.

    Attributes
    ----------
    values : by key path, in the order of the factors
    label : what its file calls it
    part : its place in a sampled design, e.g. `A3`, `T0.2`
    place : in the present design, -1 outside it
    """

    values: PointValues
    label: str = ""
    part: str = ""
    place: int = -1

    @property
    def key(self) -> str:
        """What the point is, whatever its place in the design: sha256 of its values.

        The order of the paths does not matter; 1 and 1.0 are one value."""
        text = json.dumps(sorted(self.values), default=json_value)
        canonical = json.loads(text, parse_int=float)
        text = json.dumps(canonical, separators=(",", ":"), sort_keys=True)
        return sha256_of(text.encode())


# -- designs ---------------------------------------------------------------------------


def design_points(experiment: Experiment) -> Iterator[SweepPoint]:
    """Yield every point, in the design's order. The same file gives the same points.

    Raises
    ------
    ModuleNotFoundError : for a Morris design without SALib
    """
    method, paths = experiment.head.design.method, experiment.paths
    ranges = [factor.takes for factor in experiment.factors]
    if experiment.head.points:
        for point in experiment.head.points:
            settings = tuple((path, point[path]) for path in point if path != "label")
            yield SweepPoint(settings, str(point.get("label", "")))
    elif method in ("grid", "list"):
        columns = [takes.grid() for takes in ranges]
        is_grid = method == "grid"
        rows = itertools.product(*columns) if is_grid else zip(*columns, strict=True)
        for row in rows:
            yield SweepPoint(tuple(zip(paths, row, strict=True)))
    else:
        for name, shares in _samples(experiment):
            pairs = zip(ranges, shares, strict=True)
            values = [takes.at(float(share)) for takes, share in pairs]
            yield SweepPoint(tuple(zip(paths, values, strict=True)), part=name)


def _samples(experiment: Experiment) -> Iterator[tuple[str, Floats]]:
    """Yield (place in the design, shares 0..1) of each point of a sampled design."""
    design, k = experiment.head.design, len(experiment.factors)
    count = design.samples or 1
    if design.method == "sobol":
        yield from sobol_rows(k, count, design.seed)
    elif design.method == "morris":
        yield from morris_rows(k, count, design.levels, design.seed)
    else:
        from scipy.stats import qmc

        sampler = qmc.LatinHypercube(k, rng=np.random.default_rng(design.seed))
        for number, row in enumerate(sampler.random(count)):
            yield f"L{number}", row


def sobol_rows(k: int, n: int, seed: int) -> Iterator[tuple[str, Floats]]:
    """Yield the rows of a Sobol design: A, B, then A with one column of B, for each
    base sample (Saltelli et al. 2010, Computer Physics Communications 181).

    Parameters
    ----------
    k : factors
    n : base samples, a power of 2; more of the same seed keep the first ones
    seed : of the scrambling

    Yields
    ------
    part : `A<row>`, `B<row>` or `AB<factor>.<row>`
    shares : (k,) numbers from 0 to 1
    """
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
    """Yield the steps of n trajectories, by SALib (Morris 1991, Technometrics 33).

    Parameters
    ----------
    k : factors
    n : trajectories
    levels : of the grid
    seed : of the trajectories

    Yields
    ------
    part : `T<trajectory>.<step>`
    shares : (k,) numbers from 0 to 1

    Raises
    ------
    ModuleNotFoundError : where SALib is not installed
    """
    from SALib.sample import morris

    names = [f"x{i}" for i in range(k)]
    problem = {"num_vars": k, "names": names, "bounds": [[0.0, 1.0]] * k}
    rows = morris.sample(problem, n, num_levels=levels, seed=seed)
    for number, row in enumerate(np.asarray(rows)):
        trajectory, step = divmod(number, k + 1)
        yield f"T{trajectory}.{step}", row


# -- the table -------------------------------------------------------------------------


@dataclass(frozen=True)
class PointTable:
    """Every point the folder knows, by number."""

    points: Sequence[SweepPoint] = (SweepPoint((), place=0),)

    def numbers(self) -> list[int]:
        """Return numbers of the present design's points, in its order."""
        places = [point.place for point in self.points]
        inside = (number for number, place in enumerate(places) if place >= 0)
        return sorted(inside, key=places.__getitem__)

    def with_design(self, design: Sequence[SweepPoint]) -> PointTable:
        """Return the table with this design: new points come behind; one that it holds
        twice is one point for each time."""
        points = [replace(point, place=-1) for point in self.points]
        free: dict[str, list[int]] = {}
        for number, point in enumerate(points):
            free.setdefault(point.key, []).append(number)
        for place, point in enumerate(design):
            numbers = free.get(point.key) or [len(points)]
            number = numbers.pop(0)
            points[number : number + 1] = [replace(point, place=place)]
        return PointTable(points)

    def frame(self) -> pd.DataFrame:
        """Return it tidy: point, place, key, label, part, and a column a factor; the
        present design in its order."""
        rows = []
        for number in self.numbers():
            point = self.points[number]
            cells = (number, point.place, point.key, point.label, point.part)
            rows.append(dict(zip(FIXED, cells, strict=True)) | dict(point.values))
        return Frame(rows, columns=[*FIXED, *self.paths()])

    def paths(self) -> list[str]:
        """Return key paths of the present design's factors."""
        values = (value for n in self.numbers() for value in self.points[n].values)
        return list(dict.fromkeys(path for path, _ in values))

    # -- on disk -----------------------------------------------------------------------

    def save(self, folder: Path) -> str:
        """Write the table into a folder; return the sha256 that the manifest names it
        by."""
        columns: dict[str, Any] = {
            "place": pa.array([point.place for point in self.points], pa.int32()),
            "values": [
                json.dumps(dict(point.values), default=json_value)
                for point in self.points
            ],
            "label": [point.label for point in self.points],
            "part": [point.part for point in self.points],
        }
        content = encode(pa.table(columns))
        sha256 = sha256_of(content)
        path = folder / f"points.{sha256}.parquet"
        if not path.exists():
            write_atomic(path, content)
        return sha256

    @staticmethod
    def load(folder: Path, manifest: Manifest) -> PointTable:
        """Return the points of the study in a folder; of a run, its one.

        Raises
        ------
        StoreDamaged : where the table that the manifest names is gone, or its bytes are
            others
        """
        if not manifest.is_sweep:
            return PointTable()
        if manifest.points is None:
            return PointTable(())
        path = folder / f"points.{manifest.points}.parquet"
        again = "Restore it, or start in a new folder."
        return PointTable.read(checked_bytes(path, manifest.points, again), str(path))

    @staticmethod
    def read(content: bytes, name: str) -> PointTable:
        """Return the table in a file's bytes.

        Raises
        ------
        StoreDamaged : with the file's name, for what is none
        """
        table = parquet_table(content, name)
        try:
            return PointTable(
                [
                    SweepPoint(
                        _values(row["values"]), row["label"], row["part"], row["place"]
                    )
                    for row in table.to_pylist()
                ]
            )
        except (KeyError, ValueError, AttributeError, RecursionError):
            raise StoreDamaged(f"{name}: no table of points. Restore it.") from None


def json_value(value: Any) -> Any:
    """Return a value of a factor that JSON has no word for: NumPy's numbers as
    Python's, dates in words."""
    return value.item() if hasattr(value, "item") else value.isoformat()


def _values(text: str) -> PointValues:
    """Return the values of a point from a cell of the table."""
    return tuple(
        (path, tuple(value) if isinstance(value, list) else value)
        for path, value in json.loads(text).items()
    )


def drop_old_tables(folder: Path, keep: str) -> None:
    """Take away tables of points that the manifest no longer names."""
    for path in folder.glob("points.*.parquet"):
        if path.name != f"points.{keep}.parquet":
            path.unlink(missing_ok=True)
