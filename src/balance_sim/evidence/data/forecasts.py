"""A forecast of pairs as anyone may write it: two states and a probability."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pandas as pd

from balance_sim.evidence.data import codes
from balance_sim.evidence.data.table import Read, Table, open_table

_ISO3 = (("iso3_a", "iso3_1", "state_a"), ("iso3_b", "iso3_2", "state_b"))
_COW = (("cow_a", "ccode1", "ccode_a", "cow1"), ("cow_b", "ccode2", "ccode_b", "cow2"))
_NAMES = {
    "a": (*_ISO3[0], "a", *_COW[0]),
    "b": (*_ISO3[1], "b", *_COW[1]),
    "p": ("p", "probability", "prob", "forecast"),
    "kind": ("kind",),
}


def read_forecast(path: Path | str, on: date, kinds: Sequence[str] = ()) -> Read:
    """Frame: a < b (ISO alpha-3 codes), p (0..1), by pair. States by ISO codes or COW numbers, as they are on a day.

    With a column `kind`, the rows of the kind asked for, or of the only one there is. Raises DataError for an
    unknown state, a pair given twice, or a bad p."""
    table = open_table(path, "forecast", _NAMES, ("a", "b", "p"))
    read = len(table.text)
    if table.has("kind"):
        _pick_kind(table, kinds)
    p = table.bounded("p", 0.0, 1.0)
    if p.isna().any():
        raise table.fault("p", p.isna(), "there is no probability", "Write a number from 0 to 1")
    a, b = _states(table, "a", on), _states(table, "b", on)
    if (a == b).any():
        raise table.fault("b", a == b, "both sides are the same state", "Leave the row out")
    frame = pd.DataFrame({"a": a.where(a < b, b), "b": b.where(a < b, a), "p": p})
    twice = frame.duplicated(["a", "b"])
    if twice.any():
        raise table.fault("a", twice, "this pair stands in the file twice", "Keep one of the rows")
    if frame.empty:
        raise table.nothing("there is no pair to forecast", "Write a row a pair")
    frame = frame.sort_values(["a", "b"]).reset_index(drop=True)
    return Read(frame, table.report(read, frame, None))


def _pick_kind(table: Table, kinds: Sequence[str]) -> None:
    given = table.text["kind"].str.strip()
    here = sorted(set(given))
    wanted = list(kinds) or here
    if len(wanted) > 1:
        raise table.nothing(
            f"the forecast is by kind ({', '.join(here)})", "Score one kind at a time, with --kind"
        )
    table.drop(~given.isin(wanted), "another kind")


def _states(table: Table, column: str, on: date) -> pd.Series:
    raw = table.text[column].str.strip().str.upper()
    published = table.published[column].strip().lower()
    by_number = published in (*_COW[0], *_COW[1]) or (
        published in ("a", "b") and bool(raw.str.fullmatch(r"\d+").all())
    )
    if by_number:
        table.integer(column)
        system: codes.System = "cow"
    else:
        system = "iso3"
        raw = raw.map(codes.current_iso3)
        unknown = ~raw.isin(set(codes.state_codes()["iso3"])) | (raw == "")
        if unknown.any():
            raise table.fault(column, unknown, "no state has this ISO alpha-3 code", "Correct the code")
    when = pd.Series(pd.Timestamp(on), index=raw.index)
    found = codes.convert(raw, when, system, "iso3")
    if found.isna().any():
        raise table.fault(
            column, found.isna(), f"this is no member of the state system on {on}", "Leave the row out"
        )
    return found.astype(object)
