"""Lists of bilateral agreements, observed or simulated, and forecasts of dyads.

`read_dcad` (Defense Cooperation Agreement Data) and `read_agreements` (the generic
format) give a tidy frame, one row an agreement: accord_id, cow_a < cow_b, kind, signed,
in_force, ended (dates; missing if not known), precision of `signed` (day, month, year),
multilateral."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.evidence.data import codes
from balance_sim.evidence.data.errors import TWICE, DataError
from balance_sim.evidence.data.table import (
    MISSING_CODES,
    MISSING_TEXT,
    SECONDS,
    Kind,
    Read,
    Table,
    day,
    declared,
    open_table,
    ordered_dyad,
    years_of,
)
from balance_sim.scenario.layout import AGREEMENT_KINDS, AGREEMENT_STATUSES

STAGES = ("talks", "signed", "in_force", "ended", "collapsed")
DATED_STAGES = ["signed", "in_force", "ended"]
DEPTHS = (
    "political_declaration",
    "information_sharing",
    "logistics",
    "defence_cooperation",
)
DCAD_SECTOR_DEPTHS = {
    "COMMISSION": DEPTHS.index("political_declaration"),
    "RESEARCH": DEPTHS.index("information_sharing"),
    "PROCUREMENT": DEPTHS.index("logistics"),
    "DIC": DEPTHS.index("logistics"),
    "TREX": DEPTHS.index("logistics"),
    "DCA": DEPTHS.index("defence_cooperation"),
}
"""Depth of a sector agreement by category, our reading: a standing committee consults,
research shares knowledge, procurement, industry, training and exchange move goods and
people. The deepest one counts."""
ORDER = ["signed", "in_force", "cow_a", "cow_b", "accord_id"]
DCAD_MISSING = (-77, -88, -99, *MISSING_CODES)
DCAD_LAST_YEAR = 2010

_DCAD = declared(
    "id!=DCAid|dcaid|id cow_a!=ccode1|cow1 cow_b!=ccode2|cow2 sign_day=signDay "
    "sign_month=signMonth sign_year!=signYear force_day=EIFDay force_month=EIFMonth "
    "force_year=EIFYear type! category1 category2 category3 end_year=endYearEstimate"
)
_CATEGORIES = ("category1", "category2", "category3")
_GENERIC = declared(
    "id=id|accord_id iso3_a=iso3_a|iso3_1 iso3_b=iso3_b|iso3_2 "
    "cow_a=cow_a|ccode1|ccode_a cow_b=cow_b|ccode2|ccode_b kind! stage date! "
    "multilateral"
)
_NETWORKS = declared(
    "run=replication|run|simulation a!=a|iso3_a|state_a b!=b|iso3_b|state_b "
    "signed!=signed|date kind! opened in_force multilateral"
)
_COW_NAMES = {
    "a": ("cow_a", "ccode1", "ccode_a", "cow1"),
    "b": ("cow_b", "ccode2", "ccode_b", "cow2"),
}
_FORECAST = (
    {
        "a": ("iso3_a", "iso3_1", "state_a", "a", *_COW_NAMES["a"]),
        "b": ("iso3_b", "iso3_2", "state_b", "b", *_COW_NAMES["b"]),
        "p": ("p", "probability", "prob", "forecast"),
        "kind": ("kind",),
    },
    ("a", "b", "p"),
)


def read_outcomes(path: Path | str) -> Read:
    """Agreements from a file in either form: DCAD's columns if it has `signYear`, else
    the generic ones."""
    probe = open_table(path, "accords", {"sign_year": ("signYear",), "date": ("date",)})
    return read_dcad(path) if probe.has("sign_year") else read_agreements(path)


# --- DCAD -----------------------------------------------------------------------------


def read_dcad(path: Path | str) -> Read:
    """The main file of DCAD v1.0 (Kinne 2020, Journal of Conflict Resolution 64(4):
    729-755).

    `general` agreements are defence_cooperation; `sector` ones the type of their
    deepest category. An estimated last year of 2010 is the end of the data, not of the
    agreement: `ended` is missing then."""
    table = open_table(path, "DCAD", *_DCAD)
    table.drop_broken_dyads()
    table.drop(table.year("sign_year", DCAD_MISSING).isna(), "no year of signature")
    table.drop(table.words("type").isin(MISSING_TEXT), "neither general nor sector")
    is_unknown = ~table.words("type").str.lower().isin(["general", "sector"])
    table.refuse("type", is_unknown, "type is general or sector", "Correct the cell")
    signed, precision = table.parted("sign", DCAD_MISSING)
    last_year = table.part("end_year", DCAD_MISSING)
    last_year = last_year.where(last_year < DCAD_LAST_YEAR)
    frame = table.dyads(
        kind=_dcad_kinds(table),
        signed=signed,
        in_force=table.parted("force", DCAD_MISSING, loose=True)[0],
        ended=day(last_year, end=True)[0],
        precision=precision,
        multilateral=False,
    )
    frame.insert(0, "accord_id", table.words("id"))
    note = (
        f"{int((precision != 'day').sum())} dates of signature known to the month or "
        "year only, put at mid-month or 1 July"
    )
    return table.read(ordered_dyad(frame, ORDER), years_of(frame["signed"]), note)


def _dcad_kinds(table: Table) -> pd.Series:
    """Type of each agreement; information_sharing for a sector without a category."""
    deepest = table.same(-1.0)
    for column in filter(table.has, _CATEGORIES):
        depth = table.words(column).str.upper().map(DCAD_SECTOR_DEPTHS)
        known_depth = depth.astype(np.float64).fillna(-1)
        deepest = deepest.where(deepest > known_depth, known_depth)
    unknown = DEPTHS.index("information_sharing")
    depths = deepest.where(deepest >= 0, unknown).astype(int)
    names = np.array(DEPTHS, dtype=object)
    kinds = pd.Series(names[depths], index=deepest.index)
    is_general = table.words("type").str.lower() == "general"
    return kinds.mask(is_general, "defence_cooperation")


# --- the generic format ---------------------------------------------------------------


def read_agreements(path: Path | str) -> Read:
    """The generic format: iso3_a, iso3_b (or cow_a, cow_b), kind, stage, date; id and
    multilateral if known.

    Rows with the same `id`, dyad and kind are stages of one agreement; without ids each
    row is an agreement of its own. Stage is talks, signed, in_force, ended or
    collapsed; blank means signed. Other names of kinds and stages are understood as in
    `scenario.layout`. Talks have no column here: such rows are left out and counted. A
    dyad that is no member on the date is left out and counted."""
    table = open_table(path, "accords", *_GENERIC)
    if not (table.has("iso3_a", "iso3_b") or table.has("cow_a", "cow_b")):
        table.needs("iso3_a", "iso3_b")
    stage, kind = _stages_and_kinds(table)
    kinds = _kinds_by_word(table, kind)
    hint = f"Write one of {', '.join(STAGES)}"
    table.refuse("stage", ~stage.isin(STAGES), "this is not a stage", hint)
    has_no_signature = stage.isin(["talks", "collapsed"])
    table.drop(has_no_signature, "talks or collapsed: no signature")
    table.drop(table.dates("date")[0].isna(), "no date")
    dates, precision = table.dates("date")
    a, b = _cow_numbers(table, "a", dates), _cow_numbers(table, "b", dates)
    is_lost = a.isna() | b.isna()
    table.drop(is_lost, "one side is no member of the state system on that date")
    table.drop(a == b, "both sides are the same state")
    multilateral = table.words("multilateral").str.lower()
    stages = table.kept(
        cow_a=a,
        cow_b=b,
        kind=kind,
        stage=stage,
        date=dates,
        precision=precision,
        multilateral=multilateral.isin(["1", "true", "yes"]),
    )
    numbers = [f"row{int(position) + 2}" for position in stages.index]
    ids = table.words("id") if table.has("id") else numbers
    frame = _one_row_an_agreement(ordered_dyad(stages.assign(accord_id=ids)))
    every_date = pd.concat([frame[name] for name in DATED_STAGES]).dropna()
    return table.read(frame, years_of(every_date), kinds=kinds)


def _stages_and_kinds(table: Table) -> tuple[pd.Series, pd.Series]:
    """Stage and type of each row under our names."""
    stage = table.words("stage").replace("", "signed").str.lower()
    kind = _kinds_of(table)
    for word, meaning in AGREEMENT_STATUSES.items():
        is_word = stage == word
        stage = stage.mask(is_word, meaning.status)
        if meaning.kind is not None:
            kind = kind.mask(is_word, meaning.kind)
    return stage, kind


def _kinds_of(table: Table) -> pd.Series:
    """Types of agreement under our names, where they have one."""
    words = table.words("kind")
    keys = words.str.lower().str.replace("-", "_").str.replace(" ", "_")
    return keys.map(AGREEMENT_KINDS.get).astype(object).fillna(words)


def _kinds_by_word(table: Table, kind: pd.Series) -> tuple[Kind, ...]:
    """Each word of the file for a type, our name, and the line of its first row."""
    words = table.words("kind")
    is_first = ~words.duplicated()
    lines = table.lines([int(position) for position in words.index[is_first]])
    return tuple(map(Kind, words[is_first], kind[is_first], lines))


def _one_row_an_agreement(stages: pd.DataFrame) -> pd.DataFrame:
    """From a row a stage to a row an agreement: the first date of each stage."""
    keys = ["accord_id", "cow_a", "cow_b", "kind"]
    first = stages.groupby([*keys, "stage"], sort=False)["date"].min().unstack("stage")
    dates = first.reindex(columns=DATED_STAGES).astype(SECONDS)
    groups = stages.sort_values("date").groupby(keys, sort=False)
    attributes = groups[["precision", "multilateral"]].first()
    return ordered_dyad(dates.join(attributes).reset_index(), ORDER)


def _cow_numbers(table: Table, side: str, dates: pd.Series) -> pd.Series:
    """COW numbers of one side, each on its date; missing for no member."""
    if not table.has(f"iso3_{side}"):
        return codes.convert(table.integer(f"cow_{side}"), dates, "cow", "cow")
    return codes.convert(_iso3_codes(table, f"iso3_{side}"), dates, "iso3", "cow")


def _iso3_codes(table: Table, column: str) -> pd.Series:
    """Current ISO alpha-3 codes. Raises DataError for a code that no state has had."""
    current = table.words(column).str.upper().map(codes.current_iso3)
    iso3_codes = set(codes.state_codes()["iso3"])
    is_unknown = ~current.isin(iso3_codes) | (current == "")
    message = "no state has this ISO alpha-3 code"
    table.refuse(column, is_unknown, message, "Correct the code")
    return current


# --- networks -------------------------------------------------------------------------


def read_networks(path: Path | str, *, simulated: bool) -> pd.DataFrame:
    """Dated agreements between states: a, b (ISO alpha-3 codes, or names of one's own),
    date, kind; for those that somebody's model simulated, replication. Columns run, a,
    b, kind, signed, opened, in_force; `line`, counted from 1 with the header.

    simulated: `replication` is asked for, a whole number of 0 or more, and replications
    are numbered anew from 0 in their order; else `run` is 0. Rows of multilateral
    agreements, and those without a date, are left out. An observed table may also be in
    the forms that `score` reads (iso3_a, iso3_b, kind, stage, date, or DCAD's columns).

    Raises DataError with the line for a row that is no agreement between two states on
    a date."""
    probe = {"sign_year": ("signYear",), "stage": ("stage",)}
    if not simulated and open_table(path, "agreements", probe).published:
        return _observed_network(path)
    table = open_table(path, "agreements", *_NETWORKS)
    signed, precision = table.dates("signed")
    if simulated:
        table.needs("run")
        is_undated = signed.isna()
        table.refuse("signed", is_undated, "there is no date", "Write YYYY-MM-DD")
    is_lost = signed.isna()
    if table.has("multilateral"):
        is_lost |= table.flag("multilateral")
    a, b = table.words("a"), table.words("b")
    table.refuse("a", a == "", "there is no state", "Write its code")
    table.refuse("b", b == "", "there is no state", "Write its code")
    table.refuse("b", a == b, "both sides are the same state", "Correct the code")
    columns: dict[str, Any] = {
        "run": _replications(table) if simulated else table.same(0),
        "a": a,
        "b": b,
        "kind": _kinds_of(table),
        "signed": signed,
        "opened": _later_date(table, "opened", precision),
        "in_force": _later_date(table, "in_force", precision),
        "line": table.lines([int(position) for position in table.text.index]),
    }
    return pd.DataFrame(columns)[~is_lost].reset_index(drop=True)


def _later_date(table: Table, column: str, precision: pd.Series) -> object:
    """A date beside that of signature, where that is known to the day; else missing."""
    if not table.has(column):
        return pd.NaT
    return table.dates(column)[0].where(precision == "day")


def _replications(table: Table) -> pd.Series:
    """Replications numbered anew from 0 in the order of their numbers."""
    numbers = table.integer("run")
    is_bad = (numbers.isna() | (numbers < 0)).fillna(True).astype(bool)
    message = "this is no number of a replication"
    table.refuse("run", is_bad, message, "Write a whole number of 0 or more")
    return (numbers.rank(method="dense") - 1).astype("int64")


def _observed_network(path: Path | str) -> pd.DataFrame:
    frame = read_outcomes(path).frame
    is_bilateral = ~frame["multilateral"].astype(bool)
    frame = frame[frame["signed"].notna() & is_bilateral]
    columns = {
        "run": 0,
        "a": codes.convert(frame["cow_a"], frame["signed"], "cow", "iso3"),
        "b": codes.convert(frame["cow_b"], frame["signed"], "cow", "iso3"),
        **frame[["kind", "signed"]],
        "opened": pd.NaT,
        "in_force": frame["in_force"].where(frame["precision"] == "day"),
        "line": 0,
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def only_known(
    frame: pd.DataFrame, roster: tuple[str, ...], path: Path | str, *, simulated: bool
) -> pd.DataFrame:
    """The rows between states of the roster. Raises DataError for a simulated row with
    another state."""
    is_known = frame["a"].isin(roster) & frame["b"].isin(roster)
    if simulated and not is_known.all():
        row = frame[~is_known].iloc[0]
        side = "b" if row["a"] in roster else "a"
        hint = (
            "Leave such rows out, or give no SCENARIO: then the states of the tables "
            "are the roster"
        )
        message = "the scenario has no such state"
        raise DataError(message, hint, path, int(row["line"]), side, str(row[side]))
    return frame[is_known].reset_index(drop=True)


# --- forecasts ------------------------------------------------------------------------


def read_forecast(path: Path | str, on: date, kinds: Sequence[str] = ()) -> Read:
    """A forecast of dyads as anyone may write it. Frame: a < b (ISO alpha-3 codes), p
    (0..1), by dyad. States by ISO codes or COW numbers, as they are on a day.

    With a column `kind`, the rows of the kind asked for, or of the only one there is.
    Raises DataError for an unknown state, a dyad given twice, or a bad p."""
    table = open_table(path, "forecast", *_FORECAST)
    if table.has("kind"):
        _keep_one_kind(table, kinds)
    p = table.bounded("p", 0.0, 1.0)
    table.refuse("p", p.isna(), "there is no probability", "Write a number from 0 to 1")
    a, b = _current_iso3(table, "a", on), _current_iso3(table, "b", on)
    table.refuse("b", a == b, "both sides are the same state", "Leave the row out")
    frame = pd.DataFrame({"a": a.where(a < b, b), "b": b.where(a < b, a), "p": p})
    is_again = frame.duplicated(["a", "b"])
    message = "this dyad stands in the file twice"
    table.refuse("a", is_again, message, "Keep one of the rows", TWICE)
    if frame.empty:
        raise DataError("there is no dyad to forecast", "Write a row a dyad", path)
    return table.read(frame.sort_values(["a", "b"]).reset_index(drop=True), None)


def _keep_one_kind(table: Table, kinds: Sequence[str]) -> None:
    """Leave out the rows of other types than those asked for. Raises DataError where
    there are several and none is asked for."""
    words = table.words("kind")
    published = sorted(set(words))
    wanted = list(kinds) or published
    if len(wanted) > 1:
        message = f"the forecast is by kind ({', '.join(published)})"
        raise DataError(message, "Score one kind at a time, with --kind", table.path)
    table.drop(~words.isin(wanted), "another kind")


def _current_iso3(table: Table, side: str, on: date) -> pd.Series:
    """ISO alpha-3 codes of one side, written so or as COW numbers."""
    words, published = table.words(side), table.published[side].strip().lower()
    is_numbers = published == side and bool(words.str.fullmatch(r"\d+").all())
    moments = table.same(pd.Timestamp(on))
    if published in _COW_NAMES[side] or is_numbers:
        current = codes.convert(table.integer(side), moments, "cow", "iso3")
    else:
        current = codes.convert(_iso3_codes(table, side), moments, "iso3", "iso3")
    message = f"this is no member of the state system on {on}"
    table.refuse(side, current.isna(), message, "Leave the row out")
    return current.astype(object)
