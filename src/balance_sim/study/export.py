"""One tidy table of everything: CSV or Parquet, written block by block; or the EMA
workbench's layout.

Text is written so that a spreadsheet finds no formula in it."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from balance_sim.scenario.errors import WrongRequest
from balance_sim.study.atomic_files import atomic_file, make_folder
from balance_sim.study.result import open_result
from balance_sim.study.store import Store
from balance_sim.study.sweep_result import SweepResult, open_sweep

Table = Literal["runs", "accords"]
FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)  # full width, too


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
    """Write all rows of a study to one file, `.csv` or `.parquet` by its name. Returns
    the number of rows.

    runs: a row a run and arm, with the point and its factors before it in a sweep.
    agreements: a row an agreement. The file takes its name when it is whole."""
    if out.suffix not in (".csv", ".parquet"):
        raise WrongRequest(f"{out}: the name must end in .csv or .parquet")
    tables = _tables(folder, table)
    first = next(tables, None)
    if first is None:
        raise WrongRequest(f"{folder} holds no finished runs yet")
    schema = _schema(folder, first) if table == "runs" else first.schema
    rows = 0
    make_folder(out.parent)
    with (
        atomic_file(out) as partial,
        open(partial, "wb") as file,
        _writer(file, out.suffix, schema) as writer,
    ):
        for block in chain((first,), tables):
            pair = [schema.empty_table(), block]
            filled = pa.concat_tables(pair, promote_options="default")
            writer.write_table(filled.select(schema.names).cast(schema))
            rows += block.num_rows
    return rows


def _schema(folder: Path, first: pa.Table) -> pa.Schema:
    """The columns of a study's rows: those of its first block, then those that only
    other points have."""
    schema = first.schema
    stored = Store(folder).blocks_done()
    shards = {block.shard.number: block.shard for block in reversed(stored)}
    for number in dict.fromkeys(block.shard.number for block in stored):
        shard = shards[number]
        for name in shard.outcome_columns() if shard.record.files else ():
            if name not in schema.names:
                schema = schema.append(pa.field(name, pa.float64()))
    return schema


def _writer(file: BinaryIO, suffix: str, schema: pa.Schema) -> Any:
    """A writer into an open file: a path that is no UTF-8 is none to Arrow."""
    if suffix == ".parquet":
        return pq.ParquetWriter(
            file, schema, compression="zstd", write_page_checksum=True
        )
    return pcsv.CSVWriter(
        file, schema, write_options=pcsv.WriteOptions(quoting_style="needed")
    )


def _tables(folder: Path, table: Table) -> Iterator[pa.Table]:
    """Block tables, text as text, missing days as nulls; in a sweep the point and its
    factors in front."""
    manifest = Store(folder).manifest()
    place = 0 if table == "runs" else 1
    if not manifest.is_sweep:
        for tables in open_result(folder).blocks():
            yield _plain(tables[place])
        return
    sweep = open_sweep(folder)
    points = {
        number: dict(sweep.table.points[number].values)
        for number in sweep.table.numbers()
    }
    numeric = {
        path: all(_is_number(values.get(path)) for values in points.values())
        for path in sweep.paths
    }
    for number, values in points.items():
        for tables in sweep.blocks(number):
            yield _fronted(_plain(tables[place]), number, values, numeric)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(table: pa.Table) -> pa.Table:
    """The table with text as text, and nulls for what is missing."""
    for place, field in enumerate(table.schema):
        column = table[field.name]
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, column.cast(pa.string()))
        elif pa.types.is_floating(field.type):
            plain = pc.if_else(pc.is_nan(column), None, column)
            table = table.set_column(place, field.name, plain)
    return table


def _fronted(
    table: pa.Table, number: int, values: dict[str, Any], numeric: dict[str, bool]
) -> pa.Table:
    n = table.num_rows
    columns = {"point": pa.array(np.full(n, number, np.int32))}
    for path, is_numeric in numeric.items():
        value = float(values[path]) if is_numeric else factor_text(values[path])
        columns[path] = pa.array(
            [value] * n, pa.float64() if is_numeric else pa.string()
        )
    return pa.table(columns | {name: table[name] for name in table.column_names})


def factor_text(value: Any) -> str:
    """A factor's value as one cell: lists joined by `+`; never the beginning of a
    formula."""
    text = "+".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
    return harmless(text)


# -- EMA workbench ---------------------------------------------------------------------


def ema_frames(sweep: SweepResult) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """(experiments, outcomes) as the EMA workbench has them: a row a point and arm.

    experiments: the factors, `scenario` (the point), `policy` (the arm), `model`.
    outcomes: the mean of each outcome, and `effect_<outcome>`, its paired difference to
    the control arm (0 in that arm). Outcomes that are missing in some run have no mean
    and are left out."""
    levels, effects = sweep.levels, sweep.effects
    if not len(levels):
        raise WrongRequest(f"{sweep.folder} holds no finished runs yet")
    names = list(dict.fromkeys(levels["outcome"]))
    means = levels.pivot(index=["point", "arm"], columns="outcome", values="mean")
    rows = []
    for point, arm in means.index:
        values = dict(sweep.table.points[point].values)
        front = {
            path: float(value) if _is_number(value) else factor_text(value)
            for path, value in values.items()
        }
        rows.append(
            front
            | {"scenario": int(point), "policy": arm, "model": sweep.scenario.name}
        )
    outcomes = {name: means[name].to_numpy(float) for name in names}
    if len(effects):
        paired = effects.pivot(
            index=["point", "arm"], columns="outcome", values="mean"
        ).reindex(means.index)
        is_reference = means.index.get_level_values("arm") == sweep.reference
        for name in names:
            outcomes[f"effect_{name}"] = np.where(
                is_reference, 0.0, paired[name].to_numpy(float)
            )
    return pd.DataFrame(rows), {
        name: column for name, column in outcomes.items() if not np.isnan(column).any()
    }


def export_ema(folder: Path, out: Path) -> int:
    """Write a sweep as the archive that `ema_workbench.load_results` opens. Returns the
    number of experiments."""
    if not out.name.endswith(".tar.gz"):
        raise WrongRequest(f"{out}: the name must end in .tar.gz")
    experiments, outcomes = ema_frames(open_sweep(folder))
    types = {
        name: str(column.dtype) if column.dtype.kind in "if" else "object"
        for name, column in experiments.items()
    }
    metadata = {
        "version": 0.1,
        "outcomes": [["ScalarOutcome", name, f"{name}.cls"] for name in outcomes],
        "experiments": types,
    }
    texts = {"experiments.csv": experiments.to_csv(index=False, lineterminator="\n")}
    for name, values in outcomes.items():
        texts[f"{name}.cls"] = pd.Series(values).to_csv(
            header=False, index=False, lineterminator="\n"
        )
    make_folder(out.parent)
    with atomic_file(out) as partial, tarfile.open(partial, "w:gz") as archive:
        for name, text in (texts | {"metadata.json": json.dumps(metadata)}).items():
            info, content = tarfile.TarInfo(name), text.encode("utf-8")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return len(experiments)
