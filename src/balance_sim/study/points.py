"""The points of a sweep: which values each factor takes together, and the table of what
each number stands for.

The number of a point is in the names of its shards, so points are only ever added to
the table."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from balance_sim.model.core import Floats
from balance_sim.registry import part
from balance_sim.scenario.design import OF_DRAWS, Experiment
from balance_sim.scenario.diagnostics import did_you_mean, listed, refused
from balance_sim.scenario.errors import MissingExtra, StoreDamaged
from balance_sim.study.atomic_files import write_atomic
from balance_sim.study.draws import CODING, Draws, coded_targets, with_its_company
from balance_sim.study.jobs import Values as PointValues
from balance_sim.study.manifest import PointsNamed
from balance_sim.study.shards import checked_bytes, encode, parquet_table
from balance_sim.study.store import Store

FIXED = ("point", "place", "key", "label", "part")
MOST_POINTS = 1_000_000


@dataclass(frozen=True)
class SweepPoint:
    """One point: values by key path, in the order of the factors. part: its place in a
    sensitivity design."""

    values: PointValues
    label: str = ""
    part: str = ""
    stored_key: str = field(default="", compare=False, repr=False)

    @property
    def key(self) -> str:
        """What the point is, whatever its place in the design: sha256 of its values."""
        return self.stored_key or point_key(self.values)


def point_key(values: PointValues) -> str:
    """sha256 of values by key path; the order of the paths does not matter, 1 and 1.0
    are one value."""
    text = json.dumps(
        sorted((path, _canonical(value)) for path, value in values),
        separators=(",", ":"),
    )
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_canonical(item) for item in value]
    if isinstance(value, dict):
        return {str(k): _canonical(v) for k, v in sorted(value.items())}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return value if isinstance(value, str | bool | type(None)) else str(value)


# -- designs ---------------------------------------------------------------------------


def design_points(experiment: Experiment) -> Iterator[SweepPoint]:
    """Every point, in the design's order. The same file gives the same points."""
    if experiment.points:
        for point in experiment.points:
            yield SweepPoint(tuple(point.values.items()), point.label)
        return
    paths, method = experiment.paths, experiment.design.method
    ranges = [factor.takes for factor in experiment.factors]
    if method in ("grid", "list"):
        columns = [takes.grid() for takes in ranges]
        is_grid = method == "grid"
        rows = itertools.product(*columns) if is_grid else zip(*columns, strict=True)
        for row in rows:
            yield SweepPoint(tuple(zip(paths, row, strict=True)))
    elif method in OF_DRAWS:
        yield from _drawn(experiment)
    else:
        for part, shares in _samples(experiment):
            pairs = zip(ranges, shares, strict=True)
            values = [takes.at(float(share)) for takes, share in pairs]
            yield SweepPoint(tuple(zip(paths, values, strict=True)), part=part)


def _drawn(experiment: Experiment) -> Iterator[SweepPoint]:
    """Joint draws of the factors, or of all parameters; a coding of targets is the list
    it stands for.

    Raises ScenarioError where the scenario has no posterior, or lacks a factor that is
    to be drawn."""
    scenario, count = experiment.scenario, experiment.design.samples or 1
    source: Callable[..., Draws]
    if experiment.design.method == "posterior":
        source = part("draws", "posterior")
        draws = source(scenario).first(count)
    else:
        source = part("draws", "prior")
        draws = source(scenario, count, experiment.design.seed)
    for factor in experiment.factors:
        if factor.path not in draws.paths:
            why = "no parameter that is drawn"
            near = did_you_mean(factor.path, draws.paths)
            raise refused(factor.node, f"factors.{factor.path}", "E401", why, near)
    wanted = experiment.paths or draws.paths
    company = sorted(with_its_company({*wanted}) & {*draws.paths} - {*wanted})
    if company:
        node = experiment.factors[0].node
        why = "drawn together with others, whose order or sum it could break"
        step = f"add {listed(company)}, each `drawn`"
        raise refused(node, "factors", "E402", why, step)
    columns = {path: draws.column(path).tolist() for path in wanted}
    aimed = f"events.{scenario.focal}.targets"
    for k in range(len(draws)):
        values: dict[str, Any] = {path: column[k] for path, column in columns.items()}
        if CODING in values:
            values[aimed] = coded_targets(scenario, int(values.pop(CODING)))
        yield SweepPoint(tuple(values.items()), part=f"D{k}")


def _samples(experiment: Experiment) -> Iterator[tuple[str, Floats]]:
    """(place in the design, shares 0..1) of each point of a sampled design."""
    design, k = experiment.design, len(experiment.factors)
    n = design.samples or 1
    if design.method == "lhs":
        from scipy.stats import qmc

        sampler = qmc.LatinHypercube(k, rng=np.random.default_rng(design.seed))
        for number, row in enumerate(sampler.random(n)):
            yield f"L{number}", row
    elif design.method == "sobol":
        yield from sobol_rows(k, n, design.seed)
    else:
        yield from morris_rows(k, n, design.levels, design.seed)


def sobol_rows(k: int, n: int, seed: int) -> Iterator[tuple[str, Floats]]:
    """Saltelli's 2010 design: rows A, then B, then A with one column of B, for each of
    n base samples.

    Parts are named A<row>, B<row>, AB<factor>.<row>. More samples of the same seed keep
    the first ones."""
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
    problem = {
        "num_vars": k,
        "names": [f"x{i}" for i in range(k)],
        "bounds": [[0.0, 1.0]] * k,
    }
    rows = morris.sample(problem, n, num_levels=levels, seed=seed)
    for number, row in enumerate(np.asarray(rows)):
        trajectory, step = divmod(number, k + 1)
        yield f"T{trajectory}.{step}", row


# -- the table -------------------------------------------------------------------------


class StoredPoints(Sequence[SweepPoint]):
    """Points of a table on disk, each made when it is asked for."""

    def __init__(self, table: pa.Table) -> None:
        names = table.column_names
        self._columns = {name: table[name].to_pylist() for name in names}
        self._paths = [name for name in names if name not in FIXED]

    def __len__(self) -> int:
        return len(self._columns["key"])

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[place] for place in range(*number.indices(len(self)))]
        values = [(path, self._columns[path][number]) for path in self._paths]
        label, part, key = (
            self._columns[name][number] for name in ("label", "part", "key")
        )
        read = tuple(
            (path, _read(value)) for path, value in values if value is not None
        )
        return SweepPoint(read, label, part, key)


class PointTable:
    """Every point the folder knows, by number; `place` is its place in the present
    design, -1 outside it."""

    def __init__(
        self, points: Sequence[SweepPoint] = (), places: Sequence[int] = ()
    ) -> None:
        self.points = points
        self.places = list(places)

    def numbers(self) -> list[int]:
        """Numbers of the present design's points, in its order."""
        inside = (number for number, place in enumerate(self.places) if place >= 0)
        return sorted(inside, key=self.places.__getitem__)

    def with_design(self, design: Sequence[SweepPoint]) -> PointTable:
        """The table with this design: new points come behind; one that it holds twice
        is one point for each time."""
        free: dict[str, list[int]] = {}
        for number, point in enumerate(self.points):
            free.setdefault(point.key, []).append(number)
        points, places = list(self.points), [-1] * len(self.points)
        for place, point in enumerate(design):
            numbers = free.get(point.key)
            if numbers:
                number = numbers.pop(0)
                points[number], places[number] = point, place
            else:
                points.append(point)
                places.append(place)
        return PointTable(points, places)

    def frame(self) -> pd.DataFrame:
        """Tidy: point, place, key, label, part, and a column a factor; the present
        design in its order."""
        rows = []
        for number in self.numbers():
            point = self.points[number]
            row = (number, self.places[number], point.key, point.label, point.part)
            rows.append(dict(zip(FIXED, row, strict=True)) | dict(point.values))
        return pd.DataFrame(rows, columns=[*FIXED, *self.paths()])

    def paths(self) -> list[str]:
        """Key paths of the present design's factors."""
        return list(
            dict.fromkeys(
                path for n in self.numbers() for path, _ in self.points[n].values
            )
        )

    # -- on disk -----------------------------------------------------------------------

    def save(self, store: Store) -> PointsNamed:
        """Write the table into the folder; returns what the manifest says of it."""
        content = encode(self._arrow())
        digest = hashlib.sha256(content).hexdigest()
        path = store.folder / f"points.{digest}.parquet"
        if not path.exists():
            write_atomic(path, content)
        return PointsNamed(
            sha256=digest, count=len(self.numbers()), known=len(self.points)
        )

    @staticmethod
    def load(store: Store, said: PointsNamed) -> PointTable:
        """The table the manifest names, its bytes checked."""
        path = store.folder / f"points.{said.sha256}.parquet"
        content = checked_bytes(
            path, said.sha256, "Restore it, or start in a new folder.", "damaged"
        )
        table = parquet_table(content, str(path))
        if table.num_rows > MOST_POINTS:
            raise StoreDamaged(
                f"{path}: {table.num_rows:,} points; at most {MOST_POINTS:,} are read. "
                "Restore it."
            )
        return PointTable(StoredPoints(table), table["place"].to_pylist())

    def _arrow(self) -> pa.Table:
        rows = [dict(point.values) for point in self.points]
        columns: dict[str, Any] = {
            "point": pa.array(range(len(rows)), pa.int32()),
            "place": pa.array(self.places, pa.int32()),
        }
        for name in ("key", "label", "part"):
            columns[name] = [getattr(point, name) for point in self.points]
        for path in dict.fromkeys(path for row in rows for path in row):
            column = [row.get(path, _ABSENT) for row in rows]
            if all(type(value) is float for value in column):
                columns[path] = pa.array(column, pa.float64())
            else:
                written = [
                    None if value is _ABSENT else json.dumps(plain_value(value))
                    for value in column
                ]
                columns[path] = pa.array(written, pa.string())
        return pa.table(columns)


_ABSENT = object()


def plain_value(value: Any) -> Any:
    """A factor's value for JSON: lists as lists, dates in words, NumPy's numbers as
    Python's."""
    if isinstance(value, tuple | list):
        return [plain_value(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    return value.isoformat() if hasattr(value, "isoformat") else value


def _read(value: Any) -> Any:
    if isinstance(value, str):
        read = json.loads(value)
        return tuple(read) if isinstance(read, list) else read
    return value


def drop_old_tables(store: Store, keep: str) -> None:
    """Take away tables of points that the manifest no longer names."""
    for path in store.folder.glob("points.*.parquet"):
        if path.name != f"points.{keep}.parquet":
            path.unlink(missing_ok=True)
