"""Lists of bilateral agreements, observed or simulated, and forecasts of dyads.

`read_dcad` (Defense Cooperation Agreement Data) and `read_agreements` (the generic format) give a tidy frame, one row
an agreement: accord_id, cow_a < cow_b, kind, signed, in_force, ended (dates; missing if
not known), precision of
`signed` (day, month, year), multilateral."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.evidence.data import codes
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.table import (
    MISSING_CODES,
    MISSING_TEXT,
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
RUNGS = (
    "political_declaration",
    "information_sharing",
    "logistics",
    "defence_cooperation",
)
DCAD_SECTOR_KINDS = {
    "COMMISSION": "political_declaration",
    "RESEARCH": "information_sharing",
    "PROCUREMENT": "logistics",
    "DIC": "logistics",
    "TREX": "logistics",
    "DCA": "defence_cooperation",
}
"""Type of a sector agreement by category, our reading: a standing committee consults,
research shares knowledge, procurement, industry, training and exchange move goods and
people. The deepest one counts."""
ORDER = ["signed", "in_force", "cow_a", "cow_b", "accord_id"]
DCAD_MISSING = (-77, -88, -99, *MISSING_CODES)
DCAD_LAST_YEAR = 2010

_DCAD = declared(
    "id!=DCAid|dcaid|id cow_a!=ccode1|cow1 cow_b!=ccode2|cow2 sign_day=signDay sign_month=signMonth "
    "sign_year!=signYear force_day=EIFDay force_month=EIFMonth force_year=EIFYear type! "
    "category1 category2 category3 end_year=endYearEstimate"
)
_GENERIC = declared(
    "id=id|accord_id iso3_a=iso3_a|iso3_1 iso3_b=iso3_b|iso3_2 cow_a=cow_a|ccode1|ccode_a "
    "cow_b=cow_b|ccode2|ccode_b kind! stage date! multilateral"
)
_NETWORKS = declared(
    "run=replication|run|simulation a!=a|iso3_a|state_a b!=b|iso3_b|state_b signed!=signed|date kind! "
    "opened in_force multilateral"
)
_COW = ("cow_a|ccode1|ccode_a|cow1", "cow_b|ccode2|ccode_b|cow2")
_FORECAST = declared(
    f"a!=iso3_a|iso3_1|state_a|a|{_COW[0]} b!=iso3_b|iso3_2|state_b|b|{_COW[1]} p!=p|probability|prob|forecast kind"
)


def read_outcomes(path: Path | str) -> Read:
    """Agreements from a file in either form: DCAD's columns if it has `signYear`, else
    the generic ones."""
    is_dcad = open_table(
        path, "accords", {"sign_year": ("signYear",), "date": ("date",)}
    ).has("sign_year")
    return read_dcad(path) if is_dcad else read_agreements(path)


def read_dcad(path: Path | str) -> Read:
    """The main file of DCAD v1.0 (Kinne 2020, Journal of Conflict Resolution 64(4):
    729-755).

    `general` agreements are defence_cooperation; `sector` ones the type of their deepest category. An
    estimated last year of 2010 is the end of the data, not of the agreement: `ended` is
    missing then."""
    table = open_table(path, "DCAD", *_DCAD)
    table.drop_broken_dyads()
    table.drop(table.year("sign_year", DCAD_MISSING).isna(), "no year of signature")
    table.drop(table.words("type").isin(MISSING_TEXT), "neither general nor sector")
    unknown = ~table.words("type").str.lower().isin(["general", "sector"])
    table.refuse("type", unknown, "type is general or sector", "Correct the cell")
    signed, precision = table.parted("sign", DCAD_MISSING)
    last = table.part("end_year", DCAD_MISSING)
    last = last.where(last < DCAD_LAST_YEAR)
    frame = table.dyads(
        kind=_dcad_kind(table),
        signed=signed,
        in_force=table.parted("force", DCAD_MISSING, loose=True)[0],
        ended=day(last, end=True)[0],
        precision=precision,
        multilateral=False,
    )
    frame.insert(0, "accord_id", table.words("id"))
    partial = int((precision != "day").sum())
    note = f"{partial} dates of signature known to the month or year only, put at mid-month or 1 July"
    return table.read(ordered_dyad(frame, ORDER), years_of(frame["signed"]), note)


def _dcad_kind(table: Table) -> pd.Series:
    best = table.same(-1.0)
    for column in filter(table.has, ("category1", "category2", "category3")):
        kind = table.words(column).str.upper().map(DCAD_SECTOR_KINDS)
        rung = (
            kind.map({name: depth for depth, name in enumerate(RUNGS)})
            .astype(np.float64)
            .fillna(-1)
        )
        best = best.where(best > rung, rung)
    deepest = best.where(best >= 0, RUNGS.index("information_sharing")).astype(int)
    kinds = pd.Series(np.array(RUNGS, dtype=object)[deepest], index=best.index)
    return kinds.mask(
        table.words("type").str.lower() == "general", "defence_cooperation"
    )


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
    stage, kind = (
        table.words("stage").replace("", "signed").str.lower(),
        _kinds_of(table),
    )
    for other, ours in AGREEMENT_STATUSES.items():
        here = stage == other
        stage = stage.mask(here, ours.status)
        kind = kind if ours.kind is None else kind.mask(here, ours.kind)
    words = table.words("kind")
    first = ~words.duplicated()
    lines = table.lines([int(row) for row in words.index[first]])
    kinds = tuple(map(Kind, words[first], kind[first], lines))
    table.refuse(
        "stage",
        ~stage.isin(STAGES),
        "this is not a stage",
        f"Write one of {', '.join(STAGES)}",
    )
    table.drop(stage.isin(["talks", "collapsed"]), "talks or collapsed: no signature")
    table.drop(table.dates("date")[0].isna(), "no date")
    when, precision = table.dates("date")
    a, b = (_cow(table, side, when) for side in "ab")
    table.drop(
        a.isna() | b.isna(), "one side is no member of the state system on that date"
    )
    table.drop(a == b, "both sides are the same state")
    multilateral = table.words("multilateral").str.lower().isin(["1", "true", "yes"])
    long = table.kept(
        cow_a=a,
        cow_b=b,
        kind=kind,
        stage=stage,
        date=when,
        precision=precision,
        multilateral=multilateral,
    )
    rows = [f"row{int(i) + 2}" for i in long.index]
    long = long.assign(accord_id=table.words("id") if table.has("id") else rows)
    long, keys = (
        ordered_dyad(long),
        ["accord_id", "cow_a", "cow_b", "kind"],
    )  # from a row a stage to one an agreement
    stages = long.groupby([*keys, "stage"], sort=False)["date"].min().unstack("stage")
    stages = stages.reindex(columns=["signed", "in_force", "ended"]).astype(
        "datetime64[s]"
    )
    rest = (
        long.sort_values("date")
        .groupby(keys, sort=False)[["precision", "multilateral"]]
        .first()
    )
    frame = ordered_dyad(stages.join(rest).reset_index(), ORDER)
    dates = pd.concat([frame[stage] for stage in stages]).dropna()
    return table.read(frame, years_of(dates), kinds=kinds)


def _kinds_of(table: Table) -> pd.Series:
    """Types of agreement under our names, where they have one."""
    kind = table.words("kind")
    plain = kind.str.lower().str.replace("-", "_").str.replace(" ", "_")
    return plain.map(AGREEMENT_KINDS.get).astype(object).fillna(kind)


def _cow(table: Table, side: str, when: pd.Series) -> pd.Series:
    """COW numbers of one side, each on its date; missing for no member."""
    if not table.has(f"iso3_{side}"):
        return codes.convert(table.integer(f"cow_{side}"), when, "cow", "cow")
    return codes.convert(_iso3(table, f"iso3_{side}"), when, "iso3", "cow")


def _iso3(table: Table, column: str) -> pd.Series:
    """Current ISO alpha-3 codes. Raises DataError for a code that no state has had."""
    current = table.words(column).str.upper().map(codes.current_iso3)
    unknown = ~current.isin(set(codes.state_codes()["iso3"])) | (current == "")
    table.refuse(
        column, unknown, "no state has this ISO alpha-3 code", "Correct the code"
    )
    return current


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
        return _observed(path)
    table = open_table(path, "agreements", *_NETWORKS)
    signed, precision = table.dates("signed")
    if simulated:
        table.needs("run")
        table.refuse("signed", signed.isna(), "there is no date", "Write YYYY-MM-DD")
    lost = signed.isna() | (
        table.flag("multilateral") if table.has("multilateral") else False
    )
    a, b = table.words("a"), table.words("b")
    table.refuse("a", a == "", "there is no state", "Write its code")
    table.refuse("b", b == "", "there is no state", "Write its code")
    table.refuse("b", a == b, "both sides are the same state", "Correct the code")
    later = {
        name: table.dates(name)[0].where(precision == "day")
        if table.has(name)
        else pd.NaT
        for name in ("opened", "in_force")
    }
    run = table.same(0)
    if simulated:
        numbers = table.integer("run")
        bad = (numbers.isna() | (numbers < 0)).fillna(True).astype(bool)
        table.refuse(
            "run",
            bad,
            "this is no number of a replication",
            "Write a whole number of 0 or more",
        )
        run = (numbers.rank(method="dense") - 1).astype("int64")
    lines = table.lines([int(row) for row in table.text.index])
    head = {"run": run, "a": a, "b": b, "kind": _kinds_of(table), "signed": signed}
    return pd.DataFrame({**head, **later, "line": lines})[~lost].reset_index(drop=True)


def _observed(path: Path | str) -> pd.DataFrame:
    found = read_outcomes(path).frame
    found = found[found["signed"].notna() & ~found["multilateral"].astype(bool)]
    sides = {
        side: codes.convert(found[f"cow_{side}"], found["signed"], "cow", "iso3")
        for side in "ab"
    }
    in_force = found["in_force"].where(found["precision"] == "day")
    later = {"opened": pd.NaT, "in_force": in_force, "line": 0}
    return pd.DataFrame(
        {"run": 0, **sides, **found[["kind", "signed"]], **later}
    ).reset_index(drop=True)


def only_known(
    frame: pd.DataFrame, roster: tuple[str, ...], path: Path | str, *, simulated: bool
) -> pd.DataFrame:
    """The rows between states of the roster. Raises DataError for a simulated row with
    another state."""
    known = frame["a"].isin(roster) & frame["b"].isin(roster)
    if simulated and not known.all():
        row = frame[~known].iloc[0]
        side = "b" if row["a"] in roster else "a"
        advice = "Leave such rows out, or give no SCENARIO: then the states of the tables are the roster"
        raise DataError(
            "the scenario has no such state",
            advice,
            path,
            int(row["line"]),
            side,
            str(row[side]),
        )
    return frame[known].reset_index(drop=True)


def read_forecast(path: Path | str, on: date, kinds: Sequence[str] = ()) -> Read:
    """A forecast of dyads as anyone may write it. Frame: a < b (ISO alpha-3 codes), p
    (0..1), by dyad. States by ISO codes or COW numbers, as they are on a day.

    With a column `kind`, the rows of the kind asked for, or of the only one there is.
    Raises DataError for an unknown state, a dyad given twice, or a bad p."""
    table = open_table(path, "forecast", *_FORECAST)
    if table.has("kind"):
        given = table.words("kind")
        here = sorted(set(given))
        if len(wanted := list(kinds) or here) > 1:
            why = f"the forecast is by kind ({', '.join(here)})"
            raise DataError(why, "Score one kind at a time, with --kind", path)
        table.drop(~given.isin(wanted), "another kind")
    p = table.bounded("p", 0.0, 1.0)
    table.refuse("p", p.isna(), "there is no probability", "Write a number from 0 to 1")
    a, b = (_current(table, side, on) for side in "ab")
    table.refuse("b", a == b, "both sides are the same state", "Leave the row out")
    frame = pd.DataFrame({"a": a.where(a < b, b), "b": b.where(a < b, a), "p": p})
    table.refuse(
        "a",
        frame.duplicated(["a", "b"]),
        "this dyad stands in the file twice",
        "Keep one of the rows",
    )
    if frame.empty:
        raise DataError("there is no dyad to forecast", "Write a row a dyad", path)
    return table.read(frame.sort_values(["a", "b"]).reset_index(drop=True), None)


def _current(table: Table, side: str, on: date) -> pd.Series:
    """ISO alpha-3 codes of one side, written so or as COW numbers."""
    raw, published = table.words(side), table.published[side].strip().lower()
    numbers = published in ("a", "b") and bool(raw.str.fullmatch(r"\d+").all())
    when = table.same(pd.Timestamp(on))
    if published in "|".join(_COW).split("|") or numbers:
        found = codes.convert(table.integer(side), when, "cow", "iso3")
    else:
        found = codes.convert(_iso3(table, side), when, "iso3", "iso3")
    table.refuse(
        side,
        found.isna(),
        f"this is no member of the state system on {on}",
        "Leave the row out",
    )
    return found.astype(object)
