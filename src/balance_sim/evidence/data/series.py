"""The field's series: how each becomes a tidy frame, and the table of their sources.

Tidy frames name a state by its COW number, a dyad by cow_a < cow_b, one row a state and
year, a dyad's spell, or a treaty's spell of a dyad. Dates that are not known, and ends
that have not come when the source ends, are missing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import partial

import numpy as np
import pandas as pd

from balance_sim.evidence.data.agreements import AGREEMENTS
from balance_sim.evidence.data.errors import TWICE
from balance_sim.evidence.data.sources import Source
from balance_sim.evidence.data.table import MISSING_CODES, Read, Table, years_of

FURTHEST_IDEAL = 10.0
CONTIGUITY_LAST_YEAR = 2016
LONGEST_KM = 20_040.0
"""Half the equator: no two points of the Earth are further apart."""
RIVALRY_LAST_YEAR = 2020
CLAIMS_LAST_MONTH = "201799"
"""An end in the last year or month of a source is the end of the data."""
HIGHEST_SALIENCE = 12.0
MID_LAST_YEAR = 2014
COW_FIRST_YEAR, COW_LAST_DAY = 1816, date(2012, 12, 31)
ATOP_FIRST_YEAR, ATOP_LAST_DAY = 1815, date(2018, 12, 31)
UNKNOWN, ONGOING = (0, -99, *MISSING_CODES), (9999, *MISSING_CODES)
"""Codes of an unknown part of a date, and of an end that has not come."""
WAR = 5
"""Level of hostility that is war."""
OBLIGATIONS = ["defense", "neutrality", "nonaggression", "entente"]


# --- states ---------------------------------------------------------------------------


def state_years(table: Table, low: float, high: float) -> Read:
    """A state and year once, sorted, with the last of the table's columns, the series
    within low..high; coverage runs over the years in which that is known at all. Frame:
    cow, year, series. Raises DataError for two rows that differ."""
    series = str(table.text.columns[-1])
    table.drop_blank(cow="a state without a COW number", year="no year")
    table.drop(table.text.duplicated(), "the same row again")
    keys = table.kept(cow=table.integer("cow"), year=table.year("year"))
    table.refuse(
        "cow",
        keys.duplicated(),
        "this state has two rows in one year",
        "Keep one row a state and year",
        TWICE,
    )
    frame = keys.assign(**{series: table.number(series, low, high)})
    return table.read(
        frame, years_of(frame.loc[frame[series].notna(), "year"]), ["cow", "year"]
    )


def capitals(table: Table) -> Read:
    """Capitals with their dates. Frame: cow, start, end, latitude, longitude."""
    table.drop_blank(cow="a state without a COW number")
    table.drop(table.dates("start")[0].isna(), "no first day")
    frame = table.kept(
        cow=table.integer("cow"),
        start=table.dates("start")[0],
        end=table.dates("end", end=True)[0],
        latitude=table.number("latitude", -90.0, 90.0, missing=()),
        longitude=table.number("longitude", -180.0, 180.0, missing=()),
    )
    return table.read(
        frame,
        years_of(frame["start"].dt.year, frame["end"].fillna(frame["start"]).dt.year),
        ["cow", "start"],
    )


# --- distances ------------------------------------------------------------------------


def minimum_distances(table: Table) -> Read:
    """Minimum distance between borders on 1 January (CShapes 2.0; Schvitz et al. 2022,
    JCR 66(1)).

    Dyad-years, or spells of years with one value. Frame: cow_a < cow_b, year_from,
    year_to, km."""
    table.drop_broken_dyads()
    table.drop_blank(year_from="no year", year_to="no year")
    km = table.number("km", 0.0, LONGEST_KM)
    table.drop(km.isna(), "no distance")
    begin, end = table.year("year_from"), table.year("year_to").astype(np.int64)
    return _year_spells(table, table.dyads(year_from=begin, year_to=end, km=km))


def contiguity(table: Table) -> Read:
    """COW Direct Contiguity v3.2, spells (contdir) or dyad-years (contdird).

    Stinnett et al. 2002, CMPS 19(2): 58-66. Frame: cow_a < cow_b, type (1 land, 2 to 5
    water of at most 12, 24, 150, 400 miles), year_from, year_to (years in which the
    spell holds on some day)."""
    table.drop_broken_dyads()
    contiguity = table.integer("type", 0, 5)
    table.drop(contiguity.isna(), "no type")
    table.drop(contiguity == 0, "type 0: not contiguous")
    begin = table.dates("begin", loose=True)[0].dt.year
    end = table.dates("end", loose=True)[0].dt.year.fillna(CONTIGUITY_LAST_YEAR)
    table.drop(begin.isna(), "no beginning")
    frame = table.dyads(type=contiguity, year_from=begin, year_to=end.astype(np.int64))
    return _year_spells(table, frame)


def _year_spells(table: Table, frame: pd.DataFrame) -> Read:
    """Spells of years, each once, in the order of the dyads."""
    return table.read(
        frame.drop_duplicates(),
        years_of(frame["year_from"], frame["year_to"]),
        ["cow_a", "cow_b", "year_from"],
    )


# --- quarrels -------------------------------------------------------------------------


def rivalries(table: Table) -> Read:
    """Strategic rivalries. Thompson, Sakuwa, Suhas 2021, Analyzing Strategic Rivalries.

    Frame: cow_a < cow_b, year_from, year_to (missing if it went on when the source
    ends)."""
    table.drop_broken_dyads()
    begin, end = table.year("start"), table.year("end", ONGOING)
    table.drop(begin.isna(), "no first year")
    frame = table.dyads(year_from=begin, year_to=end.where(end < RIVALRY_LAST_YEAR))
    return table.read(
        frame,
        years_of(frame["year_from"], RIVALRY_LAST_YEAR),
        ["cow_a", "cow_b", "year_from"],
    )


def territorial_claims(table: Table) -> Read:
    """ICOW territorial claims (Hensel et al.), one row a dyad's claim; dates YYYYMM,
    month 00 or 99 unknown.

    Frame: cow_a < cow_b, start, end (dates; missing if it went on when the source
    ends), salience 0..1 (ICOW's 0..12 divided by 12)."""
    table.drop_broken_dyads()
    begin = table.dates("begin", loose=True)[0]
    table.drop(begin.isna(), "no beginning")
    goes_on = table.text["end"] == CLAIMS_LAST_MONTH
    frame = table.dyads(
        start=begin,
        end=table.dates("end", end=True, loose=True)[0].mask(goes_on),
        salience=table.number("salience", 0, HIGHEST_SALIENCE) / HIGHEST_SALIENCE,
    )
    return table.read(
        frame,
        years_of(frame["start"].dt.year, int(CLAIMS_LAST_MONTH[:4])),
        ["cow_a", "cow_b", "start"],
    )


def mid_participants(table: Table) -> Read:
    """COW MID v5 participants (MIDB): every dyad on opposite sides of a dispute while
    both take part in it.

    Palmer et al. 2022, CMPS 39(4). Frame: dispute, cow_a < cow_b, start, end (dates),
    hostility (1..5: the higher of the two), war (both at 5)."""
    table.drop_blank(
        dispute="no number of a dispute",
        cow="a state without a COW number",
        side_a="no side",
    )
    start = table.parted("start", UNKNOWN)[0]
    end = table.parted("end", UNKNOWN, end=True)[0]
    table.drop(start.isna() | end.isna(), "no year of start or end")
    columns_by_name = {
        name: table.integer(name) for name in ("dispute", "cow", "side_a")
    }
    rows = table.kept(
        start=start,
        end=end,
        hostility=table.integer("hostility", 1, WAR),
        **columns_by_name,
    )
    side_a, side_b = rows[rows["side_a"] == 1], rows[rows["side_a"] == 0]
    frame = _met(side_a.merge(side_b, on="dispute", suffixes=("_a", "_b")))
    levels = frame[["hostility_a", "hostility_b"]]
    a, b = frame["cow_a"], frame["cow_b"]
    frame = frame[["dispute", "start", "end"]].assign(
        cow_a=np.minimum(a, b),
        cow_b=np.maximum(a, b),
        hostility=levels.max(axis=1),
        war=(levels == WAR).all(axis=1),
    )
    return table.read(
        frame,
        years_of(frame["start"].dt.year, MID_LAST_YEAR),
        ["dispute", "cow_a", "cow_b", "start"],
    )


def _met(dyads: pd.DataFrame) -> pd.DataFrame:
    """Dyads of two spells that share a day, with the `start` and `end` of what they
    share."""
    start = dyads[["start_a", "start_b"]].max(axis=1)
    end = dyads[["end_a", "end_b"]].min(axis=1)
    return dyads.assign(start=start, end=end)[end.isna() | (start <= end)]


# --- alliances ------------------------------------------------------------------------


def cow_alliances(table: Table) -> Read:
    """COW Formal Alliances v4.1, the dyadic files (by_dyad, by_directed, or their
    yearly forms).

    Gibler 2009, International Military Alliances 1648-2008. Directed and yearly rows
    are folded. Frame: see `_alliance_spells`; offense counts as defense, and
    consultation as entente."""
    table.drop_broken_dyads()
    start = table.parted("start", UNKNOWN)[0]
    end = table.parted("end", UNKNOWN, end=True)[0]
    table.drop(start.isna(), "no start")
    table.drop(end < start, "the spell ends before it starts")
    frame = table.dyads(
        alliance_id=table.text["id"],
        start=start,
        end=end.where(end < pd.Timestamp(COW_LAST_DAY)),
        **{name: _obligation(table, name) for name in OBLIGATIONS},
    )
    return _alliance_spells(table, frame, (COW_FIRST_YEAR, COW_LAST_DAY.year))


def atop_members(table: Table) -> Read:
    """ATOP 5.1 member file (atop5_1m): every dyad of members of a treaty while both
    belong to it.

    Leeds, Ritter, Mitchell, Long 2002, International Interactions 28: 237-260. An
    obligation counts for a dyad if either of the two has it. A year of exit of 0 means
    in force at the end of 2018. Frame: see `_alliance_spells`."""
    members = atop_memberships(table).assign(
        phase=table.text["phase"],
        defense=_obligation(table, "defense") | _obligation(table, "offense"),
        neutrality=_obligation(table, "neutral"),
        nonaggression=_obligation(table, "nonagg"),
        entente=_obligation(table, "consul"),
    )
    dyads = members.merge(members, on=["alliance_id", "phase"], suffixes=("_a", "_b"))
    dyads = _met(dyads[dyads["cow_a"] < dyads["cow_b"]])
    dyads = dyads[dyads["end"].isna() | (dyads["start"] < dyads["end"])]
    for name in OBLIGATIONS:
        dyads[name] = dyads[f"{name}_a"] | dyads[f"{name}_b"]
    return _alliance_spells(table, dyads, (ATOP_FIRST_YEAR, ATOP_LAST_DAY.year))


def atop_memberships(table: Table) -> pd.DataFrame:
    """Who (`cow`) belongs to which treaty (`alliance_id`) from `start` to `end`; rows
    without a member or a date of entry are left out."""
    table.drop_blank(member="no member")
    entry = table.parted("entry", UNKNOWN)[0]
    table.drop(entry.isna(), "no date of entry")
    return table.kept(
        alliance_id=table.text["id"],
        cow=table.integer("member"),
        start=entry,
        end=table.parted("exit", UNKNOWN, end=True)[0],
    )


def _obligation(table: Table, column: str) -> pd.Series:
    """True where the source codes 1 or more; -9 and blank are no obligation on
    record."""
    return table.number(column).fillna(0) > 0


def _alliance_spells(table: Table, frame: pd.DataFrame, years: tuple[int, int]) -> Read:
    """One row a dyad's spell with some obligation: alliance_id, cow_a, cow_b, start,
    end (missing if in force when the source ends), the obligations (booleans), and
    `kind`, the deepest type of agreement: defence_pact, political_declaration
    (entente), else non_aggression."""
    keys = ["alliance_id", "cow_a", "cow_b", "start", "end"]
    spells = frame.groupby(keys, as_index=False, dropna=False)[OBLIGATIONS].max()
    spells = spells[spells[OBLIGATIONS].any(axis=1)]
    deepest = np.select(
        [spells["defense"], spells["entente"]],
        ["defence_pact", "political_declaration"],
        "non_aggression",
    )
    return table.read(
        spells.assign(kind=deepest), years, ["start", "cow_a", "cow_b", "alliance_id"]
    )


# --- sources --------------------------------------------------------------------------

SOURCES: Mapping[str, Source] = {
    "accords": AGREEMENTS,
    "capability": Source(
        title="COW NMC",
        columns="cow!=ccode year! cinc!",
        tidy=partial(state_years, low=0.0, high=1.0),
        files=("nmc_state_year.csv", "NMC*abridged*.csv", "NMC*.csv"),
    ),
    "ideal": Source(
        title="UN ideal points",
        columns="cow!=ccode year! ideal_fp!=idealpointfp",
        tidy=partial(state_years, low=-FURTHEST_IDEAL, high=FURTHEST_IDEAL),
        files=("unga_ideal_points.csv", "Idealpoint*.csv", "Idealpoint*.tab"),
    ),
    "democracy": Source(
        title="V-Dem",
        columns="cow!=COWcode|ccode year! polyarchy!=v2x_polyarchy",
        tidy=partial(state_years, low=0.0, high=1.0),
        files=(
            *("democracy_state_year.csv", "V-Dem-CY-Core*.csv"),
            "V-Dem-CY-Full*.csv",
        ),
    ),
    "distance": Source(
        title="minimum distance",
        columns="cow_a!=ccode1 cow_b!=ccode2 year_from!=year_from|year "
        "year_to!=year_to|year km!=mindist_km|mindist",
        tidy=minimum_distances,
        files=("min_distance_spells.csv", "cow_mindist.csv"),
    ),
    "contiguity": Source(
        title="COW contiguity",
        columns="cow_a!=state1no|ccode1 cow_b!=state2no|ccode2 type!=conttype "
        "begin!=begin|stdate|year end!=end|enddate|year",
        tidy=contiguity,
        files=("contiguity_spells.csv", "contdir.csv", "contdird.csv"),
    ),
    "capitals": Source(
        title="capitals",
        columns="cow!=ccode start!=stdate end!=enddate latitude!=lat longitude!=lng",
        tidy=capitals,
        files=("capitals.csv", "cow_capitals.csv"),
    ),
    "rivalry": Source(
        title="strategic rivalries",
        columns="cow_a!=ccode1 cow_b!=ccode2 start! end!",
        tidy=rivalries,
        files=("rivalries_thompson_sakuwa_suhas.csv", "tss_rivalries.csv"),
    ),
    "claims": Source(
        title="ICOW territorial claims",
        columns="cow_a!=chal cow_b!=tgt begin!=begclaim end!=endclaim salience=icowsal",
        tidy=territorial_claims,
        files=("territorial_claims_icow.csv", "ICOWprov*.csv"),
    ),
    "disputes": Source(
        title="COW MID participants",
        columns="dispute!=dispnum|dispnum3|dispnum4 cow!=ccode start_day=stday "
        "start_month=stmon start_year!=styear end_day=endday end_month=endmon "
        "end_year!=endyear side_a!=sidea hostility!=hostlev",
        tidy=mid_participants,
        files=("mid_cow5_participants.csv", "MIDB*.csv"),
    ),
    "atop": Source(
        title="ATOP members",
        columns="id!=atopid phase member! entry_day=dayent entry_month=moent "
        "entry_year!=yrent exit_day=dayexit exit_month=moexit exit_year!=yrexit "
        "defense! offense! neutral! nonagg! consul!",
        tidy=atop_members,
        files=("atop_members.csv", "atop5*m.csv"),
    ),
    "cow_alliances": Source(
        title="COW alliances",
        columns="id!=version4id cow_a!=ccode1 cow_b!=ccode2 start_day=dyad_st_day "
        "start_month=dyad_st_month start_year!=dyad_st_year end_day=dyad_end_day "
        "end_month=dyad_end_month end_year!=dyad_end_year "
        "defense! neutrality! nonaggression! entente!",
        tidy=cow_alliances,
        files=(
            *("cow_alliance_spells.csv", "alliance_v4*_by_directed*.csv"),
            "alliance_v4*_by_dyad*.csv",
        ),
    ),
}
"""By name. National Material Capabilities (v6, v7): Singer, Bremer, Stuckey 1972;
Singer 1987. V-Dem: Coppedge et al. Ideal points of final-passage votes, higher the
closer to the US-led position: Bailey, Strezhnev, Voeten 2017, JCR 61(2): 430-456."""
