"""Lists of bilateral agreements.

`AGREEMENTS` reads Defense Cooperation Agreement Data and the generic format. Its tidy
frame has one row an agreement: accord_id, cow_a < cow_b, kind, signed, in_force, ended
(dates; missing if not known), precision of `signed` (day, month, year),
multilateral."""

from __future__ import annotations

import pandas as pd

from balance_sim.evidence.data import codes
from balance_sim.evidence.data.sources import Source
from balance_sim.evidence.data.table import (
    MISSING_CODES,
    SECONDS,
    Read,
    Table,
    day,
    years_of,
)

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
ORDER = ("signed", "in_force", "cow_a", "cow_b", "accord_id")
DCAD_MISSING = (-77, -88, -99, *MISSING_CODES)
DCAD_LAST_YEAR = 2010

_CATEGORIES = ["category1", "category2", "category3"]
_SIDES = "a=iso3_a|a|cow_a|ccode1 b=iso3_b|b|cow_b|ccode2"


def dcad(table: Table) -> Read:
    """The main file of DCAD v1.0 (Kinne 2020, Journal of Conflict Resolution 64(4):
    729-755).

    `general` agreements are defence_cooperation; `sector` ones the type of their
    deepest category. An estimated last year of 2010 is the end of the data, not of the
    agreement: `ended` is missing then."""
    table.source = "DCAD"
    table.needs("id", "cow_a", "cow_b", "type")
    table.drop_broken_dyads()
    signed, precision = table.parted("sign", DCAD_MISSING)
    table.drop(signed.isna(), "no year of signature")
    scope = table.text["type"].str.lower()
    table.drop(scope == "", "neither general nor sector")
    table.refuse(
        "type", ~scope.isin(["general", "sector", ""]), "type is general or sector"
    )
    last_year = table.integer("end_year", missing=DCAD_MISSING)
    frame = table.dyads(
        accord_id=table.text["id"],
        kind=_dcad_kinds(table).mask(scope == "general", "defence_cooperation"),
        signed=signed,
        in_force=table.parted("force", DCAD_MISSING)[0],
        ended=day(last_year.where(last_year < DCAD_LAST_YEAR), end=True)[0],
        precision=precision,
        multilateral=False,
    )
    return table.read(frame, years_of(frame["signed"].dt.year), ORDER)


def _dcad_kinds(table: Table) -> pd.Series:
    """Type of each sector agreement; information_sharing where it has no category."""
    categories = table.text[_CATEGORIES]
    depths = categories.apply(lambda cells: cells.str.upper().map(DCAD_SECTOR_DEPTHS))
    unknown = DEPTHS.index("information_sharing")
    deepest: pd.Series = depths.max(axis=1).fillna(unknown)
    return deepest.map(dict(enumerate(DEPTHS)))


def generic_agreements(table: Table) -> Read:
    """The generic format: iso3_a, iso3_b (or cow_a, cow_b), kind, stage, date; id and
    multilateral if known.

    Rows with the same `id`, dyad and kind are stages of one agreement; without ids each
    row is an agreement of its own. Stage is talks, signed, in_force, ended or
    collapsed; blank means signed. Talks have no column here: such rows are left out and
    counted, as is a dyad that is no member on the date."""
    table.needs("a", "b", "kind", "date")
    stage = table.text["stage"].str.lower().replace("", "signed")
    table.refuse(
        "stage",
        ~stage.isin(STAGES),
        "this is not a stage",
        f"Write one of {', '.join(STAGES)}",
    )
    dates, precision = table.dates("date")
    table.drop(~stage.isin(DATED_STAGES), "talks or collapsed: no signature")
    table.drop(dates.isna(), "no date")
    a, b = (_converted(table, side, dates, "cow") for side in ("a", "b"))
    table.drop(
        a.isna() | b.isna(), "one side is no member of the state system on that date"
    )
    table.drop((a == b).fillna(False), "both sides are the same state")
    rows = table.kept(
        accord_id=table.text["id"],
        cow_a=pd.concat([a, b], axis=1).min(axis=1),
        cow_b=pd.concat([a, b], axis=1).max(axis=1),
        kind=table.text["kind"],
        stage=stage,
        date=dates,
        precision=precision,
        multilateral=table.flag("multilateral"),
    )
    if "id" not in table.published:
        rows["accord_id"] = [f"row{line}" for line in rows.index]
    keys = ["accord_id", "cow_a", "cow_b", "kind"]
    first = rows.groupby([*keys, "stage"], sort=False)["date"].min().unstack("stage")
    by_stage = first.reindex(columns=DATED_STAGES).astype(SECONDS)
    groups = rows.sort_values("date").groupby(keys, sort=False)
    frame = by_stage.join(groups[["precision", "multilateral"]].first()).reset_index()
    return table.read(frame, years_of(rows["date"].dt.year), ORDER)


def _converted(
    table: Table, column: str, dates: pd.Series, target: codes.System
) -> pd.Series:
    """States of a column, written as ISO alpha-3 codes or COW numbers, in another
    system, each on its date; missing where it is no member then. Raises DataError for
    a code that no state has had."""
    cells = table.text[column]
    if cells.str.fullmatch(r"\d+").all():
        return codes.convert(table.integer(column), dates, "cow", target)
    current = cells.str.upper().map(codes.current_iso3)
    iso3_codes = set(codes.state_codes()["iso3"]) - {""}
    table.refuse(
        column,
        ~current.isin(iso3_codes),
        "no state has this ISO alpha-3 code",
        "Correct the code",
    )
    return codes.convert(current, dates, "iso3", target)


def outcomes(table: Table) -> Read:
    """Agreements in either form: DCAD's columns if there is `signYear`, else the
    generic ones."""
    return (
        dcad(table) if ("sign_year" in table.published) else generic_agreements(table)
    )


AGREEMENTS = Source(
    title="agreements",
    columns=f"id=DCAid|id|accord_id {_SIDES} kind stage date multilateral "
    "cow_a=ccode1 cow_b=ccode2 sign_day=signDay sign_month=signMonth "
    "sign_year=signYear force_day=EIFDay force_month=EIFMonth force_year=EIFYear "
    "type category1 category2 category3 end_year=endYearEstimate",
    tidy=outcomes,
    files=("dcad_agreements.csv", "DCAD*main*.csv", "accords.csv"),
)
