"""Where a covariate comes from: its files, its column, and what is done to its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.coordination.effects import Floats
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.table import open_table

VALUE_COLUMNS = ("value", "replace")
"""Where the value of a covariate stands, if no column has the covariate's name."""


@dataclass(frozen=True)
class Source:
    """A covariate's files, laid one after the other; the column (its own name, else `value` or `replace`, if not
    given); and what is done to its values: log, log1p, sqrt, or standardise (mean 0, standard deviation 1 over
    all rows)."""

    files: tuple[Path, ...]
    column: str | None = None
    transform: str = ""


Given = Path | str | Sequence[Path | str] | tuple[Path | str, str] | Source


def paths_of(given: Path | str | Sequence[Path | str]) -> tuple[Path, ...]:
    """One file or several, as paths."""
    return (Path(given),) if isinstance(given, str | Path) else tuple(Path(one) for one in given)


def source_of(given: Given) -> Source:
    """A source from a file, files, or (file, column)."""
    if isinstance(given, Source):
        return given
    if isinstance(given, str | Path):
        return Source((Path(given),))
    if isinstance(given, tuple) and len(given) == 2 and not _looks_like_file(given[1]):
        return Source((Path(given[0]),), str(given[1]))
    return Source(tuple(Path(one) for one in given))


def _looks_like_file(name: Path | str) -> bool:
    return isinstance(name, Path) or str(name).endswith((".csv", ".gz", ".dta"))


def column_of(path: Path, name: str, source: Source) -> str:
    """The column that holds a covariate's values. Raises DataError if there is none."""
    if source.column is not None:
        return source.column
    wanted = (name, *VALUE_COLUMNS)
    return open_table(path, name, {"value": wanted}, ("value",)).published["value"].strip()


def _standardised(values: Floats) -> Floats:
    spread = np.nanstd(values)
    return (values - np.nanmean(values)) / (spread if spread > 0 else 1.0)


CHANGES: Mapping[str, Callable[[Floats], Floats]] = {
    "": lambda values: values,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "standardise": _standardised,
}


def transformed(name: str, frame: pd.DataFrame, source: Source) -> pd.DataFrame:
    """The frame with its `value` changed. Raises DataError where the change does not exist."""
    if source.transform not in CHANGES:
        raise DataError(
            "there is no such transform", f"Use {', '.join(k for k in CHANGES if k)}", value=source.transform
        )
    values = frame["value"].to_numpy(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        changed = CHANGES[source.transform](values)
    bad = ~np.isfinite(changed) & ~np.isnan(values)
    if bad.any():
        raise DataError(
            f"{source.transform} of {name} does not exist for this value",
            "Correct the value, or leave the transform out",
            path=source.files[0],
            column=source.column or name,
            value=f"{values[bad][0]:g}",
        )
    return frame.assign(value=changed)
