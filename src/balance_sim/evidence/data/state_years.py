"""What the readers of state-year files share: one row a state and year, and no row twice."""

from __future__ import annotations

import numpy as np
import pandas as pd

from balance_sim.evidence.data.table import Read, Table


def key_columns(table: Table) -> pd.DataFrame:
    """Checked `cow` and `year`; rows without either are dropped. Raises DataError on a row given twice."""
    table.drop_blank("cow", "a state without a COW number")
    table.drop_blank("year", "no year")
    table.drop(table.text.duplicated(), "the same row again")
    frame = pd.DataFrame(
        {"cow": table.integer("cow").astype(np.int64), "year": table.year("year").astype(np.int64)}
    )
    twice = frame.duplicated()
    if twice.any():
        raise table.fault(
            "cow", twice, "this state has two rows in one year", "Keep one row a state and year"
        )
    return frame


def finish(table: Table, rows_read: int, frame: pd.DataFrame, value: str, *notes: str) -> Read:
    """Sorted frame and its report; coverage runs over the years in which `value` is known at all."""
    known = frame.loc[frame[value].notna(), "year"]
    years = (int(known.min()), int(known.max())) if len(known) else None
    frame = frame.sort_values(["cow", "year"]).reset_index(drop=True)
    blank = int(frame[value].isna().sum())
    return Read(frame, table.report(rows_read, frame, years, f"{value} is missing in {blank} rows", *notes))
