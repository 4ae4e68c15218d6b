"""Bilateral accords: the Defense Cooperation Agreement Dataset, and any other list in the generic format.

Tidy frame, one row an accord: accord_id, cow_a < cow_b, kind, signed, in_force, ended (dates; missing if
not known), precision of `signed` (day, month, year), multilateral."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.evidence.data import codes
from balance_sim.evidence.data.table import (
    MISSING_CODES,
    MISSING_TEXT,
    Kind,
    Read,
    Table,
    day,
    open_table,
    ordered_pair,
)
from balance_sim.scenario.layout import ACCORD_KINDS, ACCORD_STATUSES

ACCORD_COLUMNS = (
    "accord_id",
    "cow_a",
    "cow_b",
    "kind",
    "signed",
    "in_force",
    "ended",
    "precision",
    "multilateral",
)
STAGES = ("talks", "signed", "in_force", "ended", "collapsed")

DCAD_SECTOR_KINDS = {
    "COMMISSION": "political_declaration",
    "RESEARCH": "information_sharing",
    "PROCUREMENT": "logistics",
    "DIC": "logistics",
    "TREX": "logistics",
    "DCA": "defence_cooperation",
}
"""Rung of a sector agreement by category, our reading: a standing committee consults, research shares
knowledge, procurement, industry, training and exchange move goods and people. The deepest one counts."""

DCAD_MISSING = (-77, -88, -99, *MISSING_CODES)
DCAD_LAST_YEAR = 2010
_RUNGS = ("political_declaration", "information_sharing", "logistics", "defence_cooperation")

_DCAD_NAMES = {
    "id": ("DCAid", "dcaid", "id"),
    "cow_a": ("ccode1", "cow1"),
    "cow_b": ("ccode2", "cow2"),
    "sign_day": ("signDay",),
    "sign_month": ("signMonth",),
    "sign_year": ("signYear",),
    "force_day": ("EIFDay",),
    "force_month": ("EIFMonth",),
    "force_year": ("EIFYear",),
    "type": ("type",),
    "category1": ("category1",),
    "category2": ("category2",),
    "category3": ("category3",),
    "end_year": ("endYearEstimate",),
}


def read_dcad(path: Path | str) -> Read:
    """The main file of DCAD v1.0 (Kinne 2020, Journal of Conflict Resolution 64(4): 729-755).

    `general` agreements are defence_cooperation; `sector` ones the rung of their deepest category. An
    estimated last year of 2010 is the end of the data, not of the accord: `ended` is missing then."""
    table = open_table(path, "DCAD", _DCAD_NAMES, ("id", "cow_a", "cow_b", "sign_year", "type"))
    read = len(table.text)
    table.drop_broken_pairs()
    table.drop(table.year("sign_year", DCAD_MISSING).isna(), "no year of signature")
    table.drop(table.text["type"].str.strip().isin(MISSING_TEXT), "neither general nor sector")
    unknown = ~table.text["type"].str.strip().str.lower().isin(["general", "sector"])
    if unknown.any():
        raise table.fault("type", unknown, "type is general or sector", "Correct the cell")
    signed, precision = day(
        table.year("sign_year"), table.part("sign_month", DCAD_MISSING), table.part("sign_day", DCAD_MISSING)
    )
    force_year = table.part("force_year", DCAD_MISSING)
    in_force, _ = day(
        force_year, table.part("force_month", DCAD_MISSING), table.part("force_day", DCAD_MISSING)
    )
    last = table.part("end_year", DCAD_MISSING)
    last = last.where(last < DCAD_LAST_YEAR)
    ended, _ = day(last, last * np.nan, last * np.nan, end=True)
    frame = pd.DataFrame(
        {
            "accord_id": table.text["id"].str.strip(),
            "cow_a": table.integer("cow_a"),
            "cow_b": table.integer("cow_b"),
            "kind": _dcad_kind(table),
            "signed": signed,
            "in_force": in_force,
            "ended": ended,
            "precision": precision,
            "multilateral": False,
        }
    )
    frame = _tidy(frame)
    years = (int(frame["signed"].dt.year.min()), int(frame["signed"].dt.year.max())) if len(frame) else None
    partial = int((frame["precision"] != "day").sum())
    return Read(
        frame,
        table.report(
            read,
            frame,
            years,
            f"{partial} dates of signature known to the month or year only, put at mid-month or 1 July",
        ),
    )


_GENERIC_NAMES = {
    "id": ("id", "accord_id"),
    "iso3_a": ("iso3_a", "iso3_1"),
    "iso3_b": ("iso3_b", "iso3_2"),
    "cow_a": ("cow_a", "ccode1", "ccode_a"),
    "cow_b": ("cow_b", "ccode2", "ccode_b"),
    "kind": ("kind",),
    "stage": ("stage",),
    "date": ("date",),
    "multilateral": ("multilateral",),
}


def read_accords(path: Path | str) -> Read:
    """The generic format: iso3_a, iso3_b (or cow_a, cow_b), kind, stage, date; id and multilateral if known.

    Rows with the same `id`, pair and kind are stages of one accord; without ids each row is an accord of its own.
    Stage is talks, signed, in_force, ended or collapsed; blank means signed. Other names of kinds and stages are
    understood as in `scenario.layout`. Talks have no column here: such rows are left out and counted. A pair
    that is no member on the date is left out and counted."""
    table = open_table(path, "accords", _GENERIC_NAMES, ("kind", "date"))
    read = len(table.text)
    if not (table.has("iso3_a", "iso3_b") or table.has("cow_a", "cow_b")):
        open_table(path, "accords", _GENERIC_NAMES, ("iso3_a", "iso3_b"))
    stage = table.text["stage"].str.strip() if table.has("stage") else pd.Series("", index=table.text.index)
    stage, kind = _our_words(table, stage)
    kinds = _kinds(table, kind)
    wrong = ~stage.isin(STAGES)
    if wrong.any():
        raise table.fault("stage", wrong, "this is not a stage", f"Write one of {', '.join(STAGES)}")
    table.drop(stage.isin(["talks", "collapsed"]), "talks or collapsed: no signature")
    table.drop(table.dates("date")[0].isna(), "no date")
    when, precision = table.dates("date")
    a, b = _codes(table, "a", when), _codes(table, "b", when)
    absent = a.isna() | b.isna()
    table.drop(absent, "one side is no member of the state system on that date")
    table.drop((a == b)[~absent], "both sides are the same state")
    kept = table.text.index
    long = pd.DataFrame(
        {
            "accord_id": table.text["id"].str.strip() if table.has("id") else _row_ids(kept),
            "cow_a": a[kept],
            "cow_b": b[kept],
            "kind": kind[kept],
            "stage": stage[kept],
            "date": when[kept],
            "precision": precision[kept],
            "multilateral": _flag(table, "multilateral"),
        }
    )
    frame = _tidy(_stages_to_columns(long))
    dates = frame[["signed", "in_force", "ended"]].stack()
    years = (int(dates.dt.year.min()), int(dates.dt.year.max())) if len(dates) else None
    return Read(frame, replace(table.report(read, frame, years), kinds=kinds))


def _kinds(table: Table, kind: pd.Series) -> tuple[Kind, ...]:
    """Each word for a kind, in the order of the file. kind: our names, row by row."""
    words = table.text["kind"].str.strip()
    first = ~words.duplicated()
    lines = table.lines([int(row) for row in words.index[first]])
    return tuple(map(Kind, words[first], kind[first], lines))


def _our_words(table: Table, stage: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Stages and kinds under our names."""
    stage = stage.replace("", "signed").str.lower()
    kind = table.text["kind"].str.strip()
    plain = kind.str.lower().str.replace("-", "_").str.replace(" ", "_")
    kind = plain.map(ACCORD_KINDS.get).astype(object).fillna(kind)
    for other, ours in ACCORD_STATUSES.items():
        here = stage == other
        stage = stage.mask(here, ours.status)
        kind = kind.mask(here, ours.kind) if ours.kind is not None else kind
    return stage, kind


def read_outcomes(path: Path | str) -> Read:
    """Accords from a file in either form: DCAD's columns if it has `signYear`, else the generic ones."""
    probe = open_table(path, "accords", {"sign_year": ("signYear",), "date": ("date",)}, ())
    return read_dcad(path) if probe.has("sign_year") else read_accords(path)


def _stages_to_columns(long: pd.DataFrame) -> pd.DataFrame:
    """One row an accord: the first date of each stage. long: a row a stage."""
    long = ordered_pair(long)
    keys = ["accord_id", "cow_a", "cow_b", "kind"]
    dates = long.groupby([*keys, "stage"], sort=False)["date"].min().unstack("stage")
    dates = dates.reindex(columns=["signed", "in_force", "ended"]).astype("datetime64[s]")
    first = long.sort_values("date").groupby(keys, sort=False)[["precision", "multilateral"]].first()
    return dates.join(first).reset_index()


def _tidy(frame: pd.DataFrame) -> pd.DataFrame:
    frame = ordered_pair(frame)
    order = ["signed", "in_force", "cow_a", "cow_b", "accord_id"]
    return frame[list(ACCORD_COLUMNS)].sort_values(order, kind="stable").reset_index(drop=True)


def _dcad_kind(table: Table) -> pd.Series:
    depth = {kind: rung for rung, kind in enumerate(_RUNGS)}
    best = pd.Series(-1.0, index=table.text.index)
    for column in ("category1", "category2", "category3"):
        if table.has(column):
            category = table.text[column].str.strip().str.upper()
            rung = category.map(DCAD_SECTOR_KINDS).map(depth).astype(np.float64)
            best = best.where(best > rung.fillna(-1), rung.fillna(-1))
    rung_of = best.where(best >= 0, depth["information_sharing"]).astype(int)
    general = table.text["type"].str.strip().str.lower() == "general"
    return pd.Series(np.array(_RUNGS, dtype=object)[rung_of], index=best.index).mask(
        general, "defence_cooperation"
    )


def _codes(table: Table, side: str, when: pd.Series) -> pd.Series:
    if table.has(f"iso3_{side}"):
        raw = table.text[f"iso3_{side}"].str.strip().str.upper()
        known = raw.map(codes.current_iso3).isin(codes.state_codes()["iso3"]) & (raw != "")
        if not known.all():
            raise table.fault(
                f"iso3_{side}", ~known, "no state has this ISO alpha-3 code", "Correct the code"
            )
        return codes.convert(raw, when, "iso3", "cow")
    return codes.convert(table.integer(f"cow_{side}"), when, "cow", "cow")


def _flag(table: Table, column: str) -> pd.Series:
    if not table.has(column):
        return pd.Series(False, index=table.text.index)
    return table.text[column].str.strip().str.lower().isin(["1", "true", "yes"])


def _row_ids(index: pd.Index) -> pd.Series:
    return pd.Series([f"row{int(i) + 2}" for i in index], index=index)
