"""One tidy table of everything, CSV or Parquet, written block by block.

Text is written so that a spreadsheet finds no formula in it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from balance_sim.scenario.errors import WrongRequest
from balance_sim.study.atomic_files import atomic_file, make_folder
from balance_sim.study.points import PointTable
from balance_sim.study.store import Store, warn_lacking
from balance_sim.study.tables import of_arms

Table = Literal["runs", "accords"]
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")
"""What a formula begins with; the last four are the signs in full width."""


def harmless(text: str) -> str:
    """The text; with an apostrophe in front where a spreadsheet would take it for a
    formula."""
    return f"'{text}" if text.lstrip(" \u00a0\ufeff").startswith(FORMULA) else text


def harmless_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with harmless text, in cells and in the header; numbers stay as they
    are."""
    safe = frame.rename(columns=lambda name: harmless(str(name)))
    for place, (_, column) in enumerate(frame.items()):
        if not pd.api.types.is_numeric_dtype(column):
            cells = [harmless(c) if isinstance(c, str) else c for c in column]
            safe.isetitem(place, cells)
    return safe


def frame_csv(frame: pd.DataFrame) -> str:
    """A frame as CSV. Numbers are as pandas writes them; text is harmless, in cells and
    in the header."""
    return harmless_frame(frame).to_csv(index=False, lineterminator="\n")


def export(folder: Path, out: Path, table: Table = "runs") -> int:
    """Write all rows of a study to one file, `.csv` or `.parquet` by its name. The file
    takes its name when it is whole.

    Parameters
    ----------
    folder : of `run` or `sweep`
    out : the file
    table : `runs`, a row a replication and arm; `accords`, a row an agreement. In a
        sweep the point and its factors stand before it

    Returns
    -------
    int : the number of rows
    """
    if out.suffix not in (".csv", ".parquet"):
        raise WrongRequest(f"{out}: the name must end in .csv or .parquet")
    tables = _tables(folder, table)
    first = next(tables, None)
    if first is None:
        raise WrongRequest(f"{folder} holds no finished runs yet")
    schema, rows = first.schema, 0
    if table == "runs":  # outcomes that only other points have come last
        store = Store(folder)
        names = (name for point in store.by_point for name in store.columns(point))
        for name in dict.fromkeys(names):
            if name not in schema.names:
                schema = schema.append(pa.field(name, pa.float64()))
    make_folder(out.parent)
    # an open file: a path that is no UTF-8 is none to Arrow
    with atomic_file(out) as partial, open(partial, "wb") as file:
        options: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}
        writer_class: Any = pq.ParquetWriter
        if out.suffix == ".csv":
            writer_class, needed = pcsv.CSVWriter, "needed"
            options = {"write_options": pcsv.WriteOptions(quoting_style=needed)}
        with writer_class(file, schema, **options) as writer:
            for block in chain((first,), tables):
                pair = [schema.empty_table(), block]
                filled = pa.concat_tables(pair, promote_options="default")
                writer.write_table(filled.select(schema.names).cast(schema))
                rows += block.num_rows
    return rows


def _tables(folder: Path, name: Table) -> Iterator[pa.Table]:
    """Block tables, text as text, missing numbers as nulls; in a sweep the point and
    its factors in front."""
    store = Store(folder)
    manifest = store.manifest()
    table = PointTable.load(folder, manifest)
    numbers = table.numbers()
    warn_lacking(store, numbers, manifest.runs)
    columns: dict[str, dict[int, Any]] = {}
    if manifest.is_sweep:
        columns["point"] = {number: np.int32(number) for number in numbers}
    points = {number: dict(table.points[number].values) for number in numbers}
    for path in table.paths():
        values = {number: points[number].get(path) for number in numbers}
        number_types = {type(value) for value in values.values()} <= {int, float}
        convert: Any = float if number_types else factor_text
        columns[path] = {number: convert(value) for number, value in values.items()}
    for number in numbers:
        for runs, agreements in store.blocks(number, manifest.runs):
            rows = of_arms(runs, manifest.arms) if name == "runs" else agreements
            front = {
                column: pa.array([values[number]] * rows.num_rows)
                for column, values in columns.items()
            }
            rows = _plain(rows)
            yield pa.table(front | dict(zip(rows.column_names, rows, strict=True)))


def _plain(table: pa.Table) -> pa.Table:
    """The table with text as text, and nulls for what is missing."""
    for place, field in enumerate(table.schema):
        column = table[field.name]
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, column.cast(pa.string()))
        elif pa.types.is_floating(field.type):
            plain = pa.array(column.to_numpy(), from_pandas=True)
            table = table.set_column(place, field.name, plain)
    return table


def factor_text(value: Any) -> str:
    """A factor's value as one cell: lists joined by `+`; never the beginning of a
    formula."""
    text = "+".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
    return harmless(text)
