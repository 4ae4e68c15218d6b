"""Readers of series on dyads: distance, contiguity, capitals, rivalry, claims,
disputes, alliances.

Tidy frames name a dyad by cow_a < cow_b, one row a dyad, spell or year; dates that are
not known, and ends that have not come when the source ends, are missing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.evidence.data.table import (
    MISSING_CODES,
    MISSING_TEXT,
    Read,
    Table,
    day,
    declared,
    folded,
    open_table,
    ordered_dyad,
    years_of,
)

CONTIGUITY_LAST_YEAR = 2016
LONGEST_KM = 20_040.0
"""Half the equator: no two points of the Earth are further apart."""
RIVALRY_LAST_YEAR = {"start": 2020, "styear": 2010}
"""Last year of Thompson, Sakuwa, Suhas 2021 (`start`) and of Thompson, Dreyer 2012
(`styear`): an end in that year is the end of the data."""
CLAIMS_LAST_MONTH = "201799"
HIGHEST_SALIENCE = 12.0
MID_LAST_YEAR = 2014
COW_FIRST_YEAR, COW_LAST_DAY = 1816, date(2012, 12, 31)
ATOP_FIRST_YEAR, ATOP_LAST_DAY = 1815, date(2018, 12, 31)
NO_TEXT = (*MISSING_TEXT, *map(str, MISSING_CODES))
UNKNOWN, ONGOING = (0, *MISSING_CODES), (9999, *MISSING_CODES)
"""Codes of an unknown part of a date, and of an end that has not come."""
ALLIANCE_UNKNOWN = (0, -99, *MISSING_CODES)
WAR = 5
"""Level of hostility that is war."""

_DISTANCE = declared(
    "cow_a!=ccode1 cow_b!=ccode2 year year_from year_to km!=mindist_km|mindist"
)
_CONTIGUITY = declared(
    "cow_a!=state1no|ccode1 cow_b!=state2no|ccode2 type!=conttype begin=begin|stdate "
    "end=end|enddate year"
)
_CAPITALS = declared(
    "cow!=ccode start!=stdate end!=enddate latitude!=lat|latitude "
    "longitude!=lng|longitude"
)
_RIVALRIES = declared(
    "cow_a!=ccode1|ccodea cow_b!=ccode2|ccodeb start!=start|styear end!=end|endyear"
)
_CLAIMS = declared(
    "cow_a!=chal cow_b!=tgt begin!=begclaim end!=endclaim salience=icowsal"
)
_PARTICIPANTS = declared(
    "dispute!=dispnum|dispnum3|dispnum4 cow!=ccode start_day=stday start_month=stmon "
    "start_year!=styear end_day=endday end_month=endmon end_year!=endyear "
    "side_a!=sidea hostility!=hostlev"
)
_OBLIGATIONS = ["defense", "neutrality", "nonaggression", "entente"]
_COW_ALLIANCES = declared(
    "id!=version4id cow_a!=ccode1 cow_b!=ccode2 start_day=dyad_st_day "
    "start_month=dyad_st_month start_year!=dyad_st_year end_day=dyad_end_day "
    "end_month=dyad_end_month end_year!=dyad_end_year "
    "defense! neutrality! nonaggression! entente!"
)
_ATOP_STEMS = ("defense", "offense", "neutral", "nonagg", "consul")
_ATOP_MEMBERS = declared(
    "id!=atopid phase member! entry_day=dayent entry_month=moent entry_year!=yrent "
    "exit_day=dayexit exit_month=moexit exit_year!=yrexit "
    "defense! offense! neutral! nonagg! consul!"
)


# --- geography ------------------------------------------------------------------------


def read_minimum_distance(path: Path | str) -> Read:
    """Minimum distance between borders on 1 January (CShapes 2.0; Schvitz et al. 2022,
    JCR 66(1)).

    Dyad-years, or spells of years with one value. Frame: cow_a < cow_b, year_from,
    year_to, km."""
    table = open_table(path, "minimum distance", *_DISTANCE)
    first, last = "year", "year"
    if table.has("year_from", "year_to"):
        first, last = "year_from", "year_to"
    table.needs(first)
    table.drop_broken_dyads()
    table.drop_blank(**{first: "no year", last: "no year"})
    km = table.bounded("km", 0.0, LONGEST_KM, MISSING_CODES)
    table.drop(km.isna(), "no distance")
    frame = table.dyads(
        year_from=table.year(first).astype(np.int64),
        year_to=table.year(last).astype(np.int64),
        km=table.number("km"),
    )
    return _year_spells(table, frame)


def read_contiguity(path: Path | str) -> Read:
    """COW Direct Contiguity v3.2, spells (contdir) or dyad-years (contdird).

    Stinnett et al. 2002, CMPS 19(2): 58-66. Frame: cow_a < cow_b, type (1 land, 2 to 5
    water of at most 12, 24, 150, 400 miles), year_from, year_to (years in which the
    spell holds on some day)."""
    table = open_table(path, "COW contiguity", *_CONTIGUITY)
    has_spells = table.has("begin", "end")
    if not has_spells and not table.has("year"):
        table.needs("begin", "end")
    table.drop_broken_dyads()
    table.drop(table.bounded("type", 0, 5, MISSING_CODES).isna(), "no type")
    table.drop(table.bounded("type", 0, 5) == 0, "type 0: not contiguous")
    if has_spells:
        table.drop(_year_of_month(table, "begin").isna(), "no beginning")
        begin = _year_of_month(table, "begin")
        end = _year_of_month(table, "end").fillna(CONTIGUITY_LAST_YEAR)
    else:
        table.drop_blank(year="no year")
        begin = end = table.year("year")
    frame = table.dyads(
        type=table.codes("type"),
        year_from=begin.astype(np.int64),
        year_to=end.astype(np.int64),
    )
    return _year_spells(table, frame)


def _year_spells(table: Table, frame: pd.DataFrame) -> Read:
    """Spells of years, each once, in the order of the dyads."""
    spells = ordered_dyad(frame).drop_duplicates()
    order = ["cow_a", "cow_b", "year_from"]
    spells = spells.sort_values(order, kind="stable").reset_index(drop=True)
    years = years_of(spells["year_from"], spells["year_to"])
    return table.read(spells, years, *folded(len(frame) - len(spells)))


def _year_of_month(table: Table, column: str) -> pd.Series:
    """Year of a cell written YYYYMM (the authors' form), as an ISO date or as a year;
    missing where blank."""
    cells = table.words(column)
    years = cells.str.extract(r"^(\d{4})(?:-?(\d{2}))?(?:-?\d{2})?$")[0]
    is_bad = years.isna() & ~cells.isin(NO_TEXT)
    hint = "Write YYYYMM or YYYY-MM-DD"
    table.refuse(column, is_bad, "this is not a month", hint)
    return pd.to_numeric(years).astype("Int64")


def read_capitals(path: Path | str) -> Read:
    """Capitals with their dates. Frame: cow, start, end, latitude, longitude."""
    table = open_table(path, "capitals", *_CAPITALS)
    table.drop_blank(cow="a state without a COW number")
    table.drop(table.words("start").isin(MISSING_TEXT), "no first day")
    columns = {
        "cow": table.codes("cow"),
        "start": table.dates("start")[0],
        "end": table.dates("end", end=True)[0],
        "latitude": table.bounded("latitude", -90.0, 90.0),
        "longitude": table.bounded("longitude", -180.0, 180.0),
    }
    frame = pd.DataFrame(columns).sort_values(["cow", "start"], kind="stable")
    frame = frame.reset_index(drop=True)
    last_known = frame["end"].fillna(frame["start"])
    return table.read(frame, years_of(frame["start"], last_known))


# --- quarrels -------------------------------------------------------------------------


def read_rivalries(path: Path | str) -> Read:
    """Strategic rivalries: Thompson, Sakuwa, Suhas 2021, or Thompson, Dreyer 2012
    (styear, endyear).

    Frame: cow_a < cow_b, year_from, year_to (missing if it went on when the source
    ends)."""
    table = open_table(path, "strategic rivalries", *_RIVALRIES)
    table.drop_broken_dyads()
    table.drop(table.year("start", MISSING_CODES).isna(), "no first year")
    published = table.published["start"].strip().lower()
    last = RIVALRY_LAST_YEAR.get(published, RIVALRY_LAST_YEAR["start"])
    begin = table.year("start", MISSING_CODES).astype(np.int64)
    end = table.year("end", ONGOING)
    frame = table.dyads(year_from=begin, year_to=end.where(end < last))
    frame = ordered_dyad(frame, ["cow_a", "cow_b", "year_from"])
    return table.read(frame, years_of(frame["year_from"], last))


def read_territorial_claims(path: Path | str) -> Read:
    """ICOW territorial claims (Hensel et al.), one row a dyad's claim; dates YYYYMM,
    month 00 or 99 unknown.

    Frame: cow_a < cow_b, start, end (dates; missing if it went on when the source
    ends), salience 0..1 (ICOW's 0..12 divided by 12)."""
    table = open_table(path, "ICOW territorial claims", *_CLAIMS)
    table.drop_broken_dyads()
    table.drop(_month(table, "begin").isna(), "no beginning")
    open_ends = [CLAIMS_LAST_MONTH, *map(str, MISSING_CODES)]
    goes_on = table.words("end").isin(open_ends)
    salience: object = np.nan
    if table.has("salience"):
        points = table.bounded("salience", 0, HIGHEST_SALIENCE, MISSING_CODES)
        salience = points / HIGHEST_SALIENCE
    frame = table.dyads(
        start=_month(table, "begin"),
        end=_month(table, "end", end=True).mask(goes_on),
        salience=salience,
    )
    frame = ordered_dyad(frame, ["cow_a", "cow_b", "start"])
    return table.read(frame, years_of(frame["start"], int(CLAIMS_LAST_MONTH[:4])))


def _month(table: Table, column: str, *, end: bool = False) -> pd.Series:
    """Dates of a column of months, YYYYMM: the middle, or the last day, of each."""
    cells = table.words(column)
    year_and_month = cells.str.extract(r"^(\d{4})(\d{1,2})$")
    is_bad = year_and_month[0].isna() & ~cells.isin(NO_TEXT)
    hint = "Write YYYYMM, with 99 for an unknown month"
    table.refuse(column, is_bad, "this is not a month", hint)
    return day(year_and_month[0], year_and_month[1], end=end)[0]


def read_mid_participants(path: Path | str) -> Read:
    """COW MID v5 participants (MIDB): every dyad on opposite sides of a dispute while
    both take part in it.

    Palmer et al. 2022, CMPS 39(4). Frame: dispute, cow_a < cow_b, start, end (dates),
    hostility (1..5: the higher of the two), war (both at 5)."""
    table = open_table(path, "COW MID participants", *_PARTICIPANTS)
    table.drop_blank(
        dispute="no number of a dispute",
        cow="a state without a COW number",
        side_a="no side",
    )
    start = table.parted("start", UNKNOWN)[0]
    end = table.parted("end", UNKNOWN, end=True)[0]
    table.drop(start.isna() | end.isna(), "no year of start or end")
    columns = {name: table.codes(name) for name in ("dispute", "cow", "side_a")}
    columns["start"], columns["end"] = start[table.text.index], end[table.text.index]
    columns["hostility"] = table.bounded("hostility", 1, WAR, MISSING_CODES)
    frame = _opponents(pd.DataFrame(columns))
    is_apart = frame["start"] > frame["end"]
    frame = ordered_dyad(frame[~is_apart], ["dispute", "cow_a", "cow_b", "start"])
    note = (
        f"{int(is_apart.sum())} dyads on opposite sides that never took part at the "
        "same time left out"
    )
    return table.read(frame, years_of(frame["start"], MID_LAST_YEAR), note)


def _opponents(participants: pd.DataFrame) -> pd.DataFrame:
    """Every state of side A with every one of side B of the same dispute."""
    is_side_a = participants["side_a"] == 1
    is_side_b = participants["side_a"] == 0
    side_a, side_b = participants[is_side_a], participants[is_side_b]
    dyads = side_a.merge(side_b, on="dispute", suffixes=("_a", "_b"))
    hostility = dyads[["hostility_a", "hostility_b"]]
    return dyads[["dispute", "cow_a", "cow_b"]].assign(
        start=dyads[["start_a", "start_b"]].max(axis=1),
        end=dyads[["end_a", "end_b"]].min(axis=1),
        hostility=hostility.max(axis=1),
        war=(dyads["hostility_a"] == WAR) & (dyads["hostility_b"] == WAR),
    )


# --- alliances ------------------------------------------------------------------------


def read_cow_alliances(path: Path | str) -> Read:
    """COW Formal Alliances v4.1, the dyadic files (by_dyad, by_directed, or their
    yearly forms).

    Gibler 2009, International Military Alliances 1648-2008. Directed and yearly rows
    are folded. Frame, as of `read_atop_members`, one row a dyad's spell: alliance_id,
    cow_a < cow_b, start, end (missing if in force when the source ends), defense,
    neutrality, nonaggression, entente (booleans; offense counts as defense, and
    consultation as entente), kind (`_alliance_spells`)."""
    table = open_table(path, "COW alliances", *_COW_ALLIANCES)
    table.drop_broken_dyads()
    start = table.parted("start", ALLIANCE_UNKNOWN)[0]
    end = table.parted("end", ALLIANCE_UNKNOWN, end=True)[0]
    table.drop(start.isna(), "no start")
    table.drop(end < start, "the spell ends before it starts")
    has_ended = end < pd.Timestamp(COW_LAST_DAY)
    spells = table.kept(start=start, end=end.where(has_ended))
    obligations = {name: _obligation(table, name) for name in _OBLIGATIONS}
    ids = table.words("id")
    frame = table.dyads(alliance_id=ids, **spells, **obligations)
    frame, notes = _alliance_spells(frame)
    years = (COW_FIRST_YEAR, COW_LAST_DAY.year)
    return table.read(frame, years, *notes, *_uncoded(table, _OBLIGATIONS))


def read_atop_members(path: Path | str) -> Read:
    """ATOP 5.1 member file (atop5_1m): every dyad of members of a treaty while both
    belong to it.

    Leeds, Ritter, Mitchell, Long 2002, International Interactions 28: 237-260. An
    obligation counts for a dyad if either of the two has it. A year of exit of 0 means
    in force at the end of 2018."""
    table = open_table(path, "ATOP members", *_ATOP_MEMBERS)
    members = atop_memberships(table).assign(
        phase=table.words("phase"),
        defense=_obligation(table, "defense") | _obligation(table, "offense"),
        neutrality=_obligation(table, "neutral"),
        nonaggression=_obligation(table, "nonagg"),
        entente=_obligation(table, "consul"),
    )
    frame = _allies(members)
    is_together = frame["end"].isna() | (frame["start"] < frame["end"])
    spells, notes = _alliance_spells(frame[is_together])
    note = (
        f"{int((~is_together).sum())} dyads of members that never belonged at the "
        "same time left out"
    )
    years = (ATOP_FIRST_YEAR, ATOP_LAST_DAY.year)
    return table.read(spells, years, note, *notes, *_uncoded(table, _ATOP_STEMS))


def _allies(members: pd.DataFrame) -> pd.DataFrame:
    """Every two members of a treaty and phase, and from when to when both belong."""
    dyads = members.merge(members, on=["id", "phase"], suffixes=("_a", "_b"))
    dyads = dyads[dyads["member_a"] < dyads["member_b"]]
    frame = dyads[["id", "member_a", "member_b"]]
    frame = frame.set_axis(["alliance_id", "cow_a", "cow_b"], axis=1)
    obligations = {
        name: dyads[f"{name}_a"] | dyads[f"{name}_b"] for name in _OBLIGATIONS
    }
    return frame.assign(
        start=dyads[["start_a", "start_b"]].max(axis=1),
        end=dyads[["end_a", "end_b"]].min(axis=1),
        **obligations,
    )


def atop_memberships(table: Table) -> pd.DataFrame:
    """Who belongs to which treaty from when to when; rows without a member or a date of
    entry are left out."""
    table.drop_blank(member="no member")
    table.drop(table.parted("entry", ALLIANCE_UNKNOWN)[0].isna(), "no date of entry")
    columns = {
        "id": table.words("id"),
        "member": table.codes("member"),
        "start": table.parted("entry", ALLIANCE_UNKNOWN)[0],
        "end": table.parted("exit", ALLIANCE_UNKNOWN, end=True)[0],
    }
    return pd.DataFrame(columns)


def _alliance_spells(frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """One row a spell with some obligation, and its deepest type of agreement:
    defence_pact, political_declaration (entente), else non_aggression; and notes on
    what was folded and what was left out."""
    keys = ["alliance_id", "cow_a", "cow_b", "start", "end"]
    groups = ordered_dyad(frame).groupby(keys, as_index=False, dropna=False)
    spells = groups[_OBLIGATIONS].max()
    notes = folded(len(frame) - len(spells))
    is_alliance = spells[_OBLIGATIONS].any(axis=1)
    count = int((~is_alliance).sum())
    if count:
        reason = "spells or years without any obligation are no alliance: left out"
        notes = (*notes, f"{count} {reason}")
    spells = spells[is_alliance]
    deepest = np.select(
        [spells["defense"], spells["entente"]],
        ["defence_pact", "political_declaration"],
        "non_aggression",
    )
    order = ["start", "cow_a", "cow_b", "alliance_id"]
    spells = spells.assign(kind=deepest).sort_values(order, kind="stable")
    return spells.reset_index(drop=True), notes


def _uncoded(table: Table, columns: Sequence[str]) -> tuple[str, ...]:
    """A note on obligations that the source does not code; none where all are."""
    numbers = [table.number(column, MISSING_CODES) for column in columns]
    count = sum(int(column.isna().sum()) for column in numbers)
    if not count:
        return ()
    return (f"{count} obligations are not coded and count as none on record",)


def _obligation(table: Table, column: str) -> pd.Series:
    """True where the source codes 1 or more; -9 and blank are no obligation on
    record."""
    return table.number(column, MISSING_CODES).fillna(0) > 0
