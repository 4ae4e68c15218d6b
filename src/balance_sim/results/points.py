"""The table of a sweep's points: what each number in the shards' names stands for. Points are only ever added."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from balance_sim.pool.faults import StoreDamaged
from balance_sim.pool.whole_files import write_whole
from balance_sim.replications.jobs import Values
from balance_sim.results.designs import DesignPoint, point_key
from balance_sim.results.shards import encode, parquet_table
from balance_sim.results.store import Store
from balance_sim.scenario.files import EXHAUSTED, regular_bytes

FIXED = ("point", "place", "key", "label", "part")
MOST_POINTS = 1_000_000


class PointTable:
    """Every point the folder knows, by number; `place` is its place in the present design, -1 outside it."""

    def __init__(self, points: Sequence[DesignPoint] = (), places: Sequence[int] = ()) -> None:
        self.points = list(points)
        self.places = list(places)

    def numbers(self) -> list[int]:
        """Numbers of the present design's points, in its order."""
        inside = [(place, number) for number, place in enumerate(self.places) if place >= 0]
        return [number for _, number in sorted(inside)]

    def with_design(self, design: Sequence[DesignPoint]) -> PointTable:
        """The table with this design: known points keep their numbers, new ones are added behind.

        A point that a sampled design holds twice is one point for each time."""
        free: dict[str, list[int]] = {}
        for number, point in enumerate(self.points):
            free.setdefault(point.key, []).append(number)
        points, places = list(self.points), [-1] * len(self.points)
        for place, point in enumerate(design):
            mine = free.get(point.key)
            if mine:
                number = mine.pop(0)
                points[number], places[number] = point, place
            else:
                points.append(point)
                places.append(place)
        return PointTable(points, places)

    def frame(self) -> pd.DataFrame:
        """Tidy: point, place, key, label, part, and a column a factor; the present design in its order."""
        rows = [
            {"point": number, "place": self.places[number], "key": self.points[number].key}
            | {"label": self.points[number].label, "part": self.points[number].part}
            | dict(self.points[number].values)
            for number in self.numbers()
        ]
        return pd.DataFrame(rows, columns=[*FIXED, *self.paths()])

    def paths(self) -> list[str]:
        """Key paths of the present design's factors."""
        return list(dict.fromkeys(path for n in self.numbers() for path, _ in self.points[n].values))

    # -- on disk ----------------------------------------------------------------------------------

    def save(self, store: Store) -> dict[str, Any]:
        """Write the table into the folder; returns what the manifest says of it."""
        content = encode(self._arrow())
        digest = hashlib.sha256(content).hexdigest()
        path = store.folder / f"points.{digest}.parquet"
        if not path.exists():
            write_whole(path, content)
        return {"sha256": digest, "count": len(self.numbers()), "known": len(self.points)}

    @staticmethod
    def load(store: Store, said: dict[str, Any]) -> PointTable:
        """The table the manifest names, its bytes checked."""
        path = store.folder / f"points.{said['sha256']}.parquet"
        try:
            content = regular_bytes(path)
        except OSError as error:
            if error.errno in EXHAUSTED:
                raise
            raise StoreDamaged(f"{path}: {error.strerror}. Restore it, or start in a new folder.") from error
        if hashlib.sha256(content).hexdigest() != said["sha256"]:
            raise StoreDamaged(f"{path}: damaged. Restore it, or start in a new folder.")
        found = parquet_table(content, str(path))
        if found.num_rows > MOST_POINTS:
            raise StoreDamaged(
                f"{path}: {found.num_rows:,} points; at most {MOST_POINTS:,} are read. Restore it."
            )
        table = found.to_pydict()
        paths = [name for name in table if name not in FIXED]
        points = []
        for at in range(len(table["point"])):
            values = tuple((path, _read(table[path][at])) for path in paths if table[path][at] is not None)
            points.append(DesignPoint(values, table["label"][at], table["part"][at]))
        return PointTable(points, table["place"])

    def _arrow(self) -> pa.Table:
        paths = list(dict.fromkeys(path for point in self.points for path, _ in point.values))
        rows = [dict(point.values) for point in self.points]
        columns: dict[str, Any] = {
            "point": pa.array(range(len(rows)), pa.int32()),
            "place": pa.array(self.places, pa.int32()),
            "key": [point.key for point in self.points],
            "label": [point.label for point in self.points],
            "part": [point.part for point in self.points],
        }
        for path in paths:
            column = [row.get(path, _ABSENT) for row in rows]
            if all(type(value) is float for value in column):
                columns[path] = pa.array(column, pa.float64())
            else:
                written = [None if value is _ABSENT else json.dumps(_plain(value)) for value in column]
                columns[path] = pa.array(written, pa.string())
        return pa.table(columns)


_ABSENT = object()


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
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


def shown_values(values: Values) -> str:
    """Values of a point, for messages."""
    return ", ".join(f"{path}={value}" for path, value in values)


__all__ = ["FIXED", "PointTable", "drop_old_tables", "point_key", "shown_values"]
