"""Which file of a data folder holds which source, and the readers of those with a row a
state and year.

Tidy frames of the latter: cow, year and one series. `cinc` is a share of the world,
`polyarchy` lies in 0..1;
`ideal_fp`, of final-passage votes, is higher the closer to the US-led position.

Readers of the field's series on dyads: distance, contiguity, capitals, rivalry, claims,
disputes, alliances.

Tidy frames name a dyad by cow_a < cow_b, one row a dyad, spell or year; dates that are
not known, and ends that have not come when the source ends, are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.evidence.data.agreements import read_outcomes
from balance_sim.evidence.data.errors import DataError
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
COW_LAST_DAY = date(2012, 12, 31)
ATOP_LAST_DAY = date(2018, 12, 31)
NO_TEXT = (*MISSING_TEXT, *map(str, MISSING_CODES))
UNKNOWN, ONGOING = (0, *MISSING_CODES), (9999, *MISSING_CODES)
"""Codes of an unknown part of a date, and of an end that has not come."""
ALLIANCE_UNKNOWN = (0, -99, *MISSING_CODES)

_DISTANCE = declared(
    "cow_a!=ccode1 cow_b!=ccode2 year year_from year_to km!=mindist_km|mindist"
)
_CONTIGUITY = declared(
    "cow_a!=state1no|ccode1 cow_b!=state2no|ccode2 type!=conttype begin=begin|stdate end=end|enddate year"
)
_CAPITALS = declared(
    "cow!=ccode start!=stdate end!=enddate latitude!=lat|latitude longitude!=lng|longitude"
)
_RIVALRIES = declared(
    "cow_a!=ccode1|ccodea cow_b!=ccode2|ccodeb start!=start|styear end!=end|endyear"
)
_CLAIMS = declared(
    "cow_a!=chal cow_b!=tgt begin!=begclaim end!=endclaim salience=icowsal"
)
_PARTICIPANTS = declared(
    "dispute!=dispnum|dispnum3|dispnum4 cow!=ccode start_day=stday start_month=stmon start_year!=styear "
    "end_day=endday end_month=endmon end_year!=endyear side_a!=sidea hostility!=hostlev"
)
_OBLIGATIONS = ["defense", "neutrality", "nonaggression", "entente"]
_COW_ALLIANCES = declared(
    "id!=version4id cow_a!=ccode1 cow_b!=ccode2 start_day=dyad_st_day start_month=dyad_st_month "
    "start_year!=dyad_st_year end_day=dyad_end_day end_month=dyad_end_month end_year!=dyad_end_year "
    "defense! neutrality! nonaggression! entente!"
)
_ATOP_STEMS = ("defense", "offense", "neutral", "nonagg", "consul")
_ATOP_MEMBERS = declared(
    "id!=atopid phase member! entry_day=dayent entry_month=moent entry_year!=yrent exit_day=dayexit "
    "exit_month=moexit exit_year!=yrexit defense! offense! neutral! nonagg! consul!"
)


def read_minimum_distance(path: Path | str) -> Read:
    """Minimum distance between borders on 1 January (CShapes 2.0; Schvitz et al. 2022,
    JCR 66(1)).

    Dyad-years, or spells of years with one value. Frame: cow_a < cow_b, year_from,
    year_to, km."""
    table = open_table(path, "minimum distance", *_DISTANCE)
    first, last = (
        ("year_from", "year_to")
        if table.has("year_from", "year_to")
        else ("year", "year")
    )
    table.needs(first)
    table.drop_broken_dyads()
    table.drop_blank(**{first: "no year", last: "no year"})
    table.drop(
        table.bounded("km", 0.0, LONGEST_KM, MISSING_CODES).isna(), "no distance"
    )
    begin, end = (table.year(column).astype(np.int64) for column in (first, last))
    return _spells(
        table, table.dyads(year_from=begin, year_to=end, km=table.number("km"))
    )


def read_contiguity(path: Path | str) -> Read:
    """COW Direct Contiguity v3.2, spells (contdir) or dyad-years (contdird).

    Stinnett et al. 2002, CMPS 19(2): 58-66. Frame: cow_a < cow_b, type (1 land, 2 to 5
    water of at most 12, 24, 150, 400 miles), year_from, year_to (years in which the
    spell holds on some day)."""
    table = open_table(path, "COW contiguity", *_CONTIGUITY)
    spells = table.has("begin", "end")
    if not spells and not table.has("year"):
        table.needs("begin", "end")
    table.drop_broken_dyads()
    table.drop(table.bounded("type", 0, 5, MISSING_CODES).isna(), "no type")
    table.drop(table.bounded("type", 0, 5) == 0, "type 0: not contiguous")
    if spells:
        table.drop(_year_of(table, "begin").isna(), "no beginning")
        begin, end = (
            _year_of(table, "begin"),
            _year_of(table, "end").fillna(CONTIGUITY_LAST_YEAR),
        )
    else:
        table.drop_blank(year="no year")
        begin = end = table.year("year")
    kind = table.integer("type").astype(np.int64)
    return _spells(
        table,
        table.dyads(
            type=kind, year_from=begin.astype(np.int64), year_to=end.astype(np.int64)
        ),
    )


def _spells(table: Table, frame: pd.DataFrame) -> Read:
    """Spells of years, each once, in the order of the dyads."""
    rows, frame = len(frame), ordered_dyad(frame).drop_duplicates()
    frame = frame.sort_values(
        ["cow_a", "cow_b", "year_from"], kind="stable"
    ).reset_index(drop=True)
    return table.read(
        frame,
        years_of(frame["year_from"], frame["year_to"]),
        *folded(rows - len(frame)),
    )


def _year_of(table: Table, column: str) -> pd.Series:
    """Year of a cell written YYYYMM (the authors' form), as an ISO date or as a year;
    missing where blank."""
    raw = table.words(column)
    year = raw.str.extract(r"^(\d{4})(?:-?(\d{2}))?(?:-?\d{2})?$")[0]
    bad = year.isna() & ~raw.isin(NO_TEXT)
    table.refuse(column, bad, "this is not a month", "Write YYYYMM or YYYY-MM-DD")
    return pd.to_numeric(year).astype("Int64")


def read_capitals(path: Path | str) -> Read:
    """Capitals with their dates. Frame: cow, start, end, latitude, longitude."""
    table = open_table(path, "capitals", *_CAPITALS)
    table.drop_blank(cow="a state without a COW number")
    table.drop(table.words("start").isin(MISSING_TEXT), "no first day")
    frame = pd.DataFrame(
        {
            "cow": table.integer("cow").astype(np.int64),
            "start": table.dates("start")[0],
            "end": table.dates("end", end=True)[0],
            "latitude": table.bounded("latitude", -90.0, 90.0),
            "longitude": table.bounded("longitude", -180.0, 180.0),
        }
    )
    frame = frame.sort_values(["cow", "start"], kind="stable").reset_index(drop=True)
    return table.read(
        frame, years_of(frame["start"], frame["end"].fillna(frame["start"]))
    )


def read_rivalries(path: Path | str) -> Read:
    """Strategic rivalries: Thompson, Sakuwa, Suhas 2021, or Thompson, Dreyer 2012
    (styear, endyear).

    Frame: cow_a < cow_b, year_from, year_to (missing if it went on when the source
    ends)."""
    table = open_table(path, "strategic rivalries", *_RIVALRIES)
    table.drop_broken_dyads()
    table.drop(table.year("start", MISSING_CODES).isna(), "no first year")
    last = RIVALRY_LAST_YEAR.get(table.published["start"].strip().lower(), 2020)
    begin, end = (
        table.year("start", MISSING_CODES).astype(np.int64),
        table.year("end", ONGOING),
    )
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
    goes_on = table.words("end").isin([CLAIMS_LAST_MONTH, *map(str, MISSING_CODES)])
    known = table.has("salience")
    frame = table.dyads(
        start=_month(table, "begin"),
        end=_month(table, "end", end=True).mask(goes_on),
        salience=table.bounded("salience", 0, HIGHEST_SALIENCE, MISSING_CODES)
        / HIGHEST_SALIENCE
        if known
        else np.nan,
    )
    frame = ordered_dyad(frame, ["cow_a", "cow_b", "start"])
    return table.read(frame, years_of(frame["start"], int(CLAIMS_LAST_MONTH[:4])))


def _month(table: Table, column: str, *, end: bool = False) -> pd.Series:
    raw = table.words(column)
    parts = raw.str.extract(r"^(\d{4})(\d{1,2})$")
    bad = parts[0].isna() & ~raw.isin(NO_TEXT)
    table.refuse(
        column, bad, "this is not a month", "Write YYYYMM, with 99 for an unknown month"
    )
    return day(parts[0], parts[1], table.same(pd.NA), end=end)[0]


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
    start, end = (
        table.parted("start", UNKNOWN)[0],
        table.parted("end", UNKNOWN, end=True)[0],
    )
    table.drop(start.isna() | end.isna(), "no year of start or end")
    side = pd.DataFrame(
        {
            **{
                name: table.integer(name).astype(np.int64)
                for name in ("dispute", "cow", "side_a")
            },
            "start": start[table.text.index],
            "end": end[table.text.index],
            "hostility": table.bounded("hostility", 1, 5, MISSING_CODES),
        }
    )
    both = side[side["side_a"] == 1].merge(
        side[side["side_a"] == 0], on="dispute", suffixes=("_a", "_b")
    )
    frame = both[["dispute", "cow_a", "cow_b"]].assign(
        start=both[["start_a", "start_b"]].max(axis=1),
        end=both[["end_a", "end_b"]].min(axis=1),
        hostility=both[["hostility_a", "hostility_b"]].max(axis=1),
        war=(both["hostility_a"] == 5) & (both["hostility_b"] == 5),
    )
    never = frame["start"] > frame["end"]
    frame = ordered_dyad(frame[~never], ["dispute", "cow_a", "cow_b", "start"])
    note = f"{int(never.sum())} dyads on opposite sides that never took part at the same time left out"
    return table.read(frame, years_of(frame["start"], MID_LAST_YEAR), note)


def read_cow_alliances(path: Path | str) -> Read:
    """COW Formal Alliances v4.1, the dyadic files (by_dyad, by_directed, or their
    yearly forms).

    Gibler 2009, International Military Alliances 1648-2008. Directed and yearly rows
    are folded. Frame, as of
    `read_atop_members`, one row a dyad's spell: alliance_id, cow_a < cow_b, start, end (missing if in force when the
    source ends), defense, neutrality, nonaggression, entente (booleans; offense counts
    as defense, and consultation as entente), kind (`_alliance_spells`)."""
    table = open_table(path, "COW alliances", *_COW_ALLIANCES)
    table.drop_broken_dyads()
    start, end = (
        table.parted("start", ALLIANCE_UNKNOWN)[0],
        table.parted("end", ALLIANCE_UNKNOWN, end=True)[0],
    )
    table.drop(start.isna(), "no start")
    table.drop(end < start, "the spell ends before it starts")
    spells = table.kept(start=start, end=end.where(end < pd.Timestamp(COW_LAST_DAY)))
    obligations = {name: _obligation(table, name) for name in _OBLIGATIONS}
    frame, notes = _alliance_spells(
        table.dyads(alliance_id=table.words("id"), **spells, **obligations)
    )
    return table.read(
        frame, (1816, COW_LAST_DAY.year), *notes, *_uncoded(table, _OBLIGATIONS)
    )


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
    pairs = members.merge(members, on=["id", "phase"], suffixes=("_a", "_b"))
    pairs = pairs[pairs["member_a"] < pairs["member_b"]]
    frame = pairs[["id", "member_a", "member_b"]].set_axis(
        ["alliance_id", "cow_a", "cow_b"], axis=1
    )
    frame = frame.assign(
        start=pairs[["start_a", "start_b"]].max(axis=1),
        end=pairs[["end_a", "end_b"]].min(axis=1),
        **{name: pairs[f"{name}_a"] | pairs[f"{name}_b"] for name in _OBLIGATIONS},
    )
    together = frame["end"].isna() | (frame["start"] < frame["end"])
    frame, notes = _alliance_spells(frame[together])
    note = f"{int((~together).sum())} dyads of members that never belonged at the same time left out"
    return table.read(
        frame, (1815, ATOP_LAST_DAY.year), note, *notes, *_uncoded(table, _ATOP_STEMS)
    )


def atop_memberships(table: Table) -> pd.DataFrame:
    """Who belongs to which treaty from when to when; rows without a member or a date of
    entry are left out."""
    table.drop_blank(member="no member")
    table.drop(table.parted("entry", ALLIANCE_UNKNOWN)[0].isna(), "no date of entry")
    return pd.DataFrame(
        {
            "id": table.words("id"),
            "member": table.integer("member").astype(np.int64),
            "start": table.parted("entry", ALLIANCE_UNKNOWN)[0],
            "end": table.parted("exit", ALLIANCE_UNKNOWN, end=True)[0],
        }
    )


def _alliance_spells(frame: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """One row a spell with some obligation, and its deepest type of agreement:
    defence_pact, political_declaration (entente), else non_aggression; and notes on
    what was folded and what was left out."""
    rows, keys = len(frame), ["alliance_id", "cow_a", "cow_b", "start", "end"]
    frame = (
        ordered_dyad(frame)
        .groupby(keys, as_index=False, dropna=False)[_OBLIGATIONS]
        .max()
    )
    notes, some = folded(rows - len(frame)), frame[_OBLIGATIONS].any(axis=1)
    if lost := int((~some).sum()):
        notes = (
            *notes,
            f"{lost} spells or years without any obligation are no alliance: left out",
        )
    kinds = ["defence_pact", "political_declaration"]
    frame = frame[some].assign(
        kind=lambda found: np.select(
            [found["defense"], found["entente"]], kinds, "non_aggression"
        )
    )
    order = ["start", "cow_a", "cow_b", "alliance_id"]
    return frame.sort_values(order, kind="stable").reset_index(drop=True), notes


def _uncoded(table: Table, columns: Sequence[str]) -> tuple[str, ...]:
    """A note on obligations that the source does not code."""
    count = sum(
        int(table.number(column, MISSING_CODES).isna().sum()) for column in columns
    )
    return (
        (f"{count} obligations are not coded and count as none on record",)
        if count
        else ()
    )


def _obligation(table: Table, column: str) -> pd.Series:
    """True where the source codes 1 or more; -9 and blank are no obligation on
    record."""
    return table.number(column, MISSING_CODES).fillna(0) > 0


FIRST_SESSION = 1945
"""Session s of the General Assembly opens in year 1945 + s."""

_NMC = declared("cow!=ccode year! cinc!")
_VDEM = declared("cow!=COWcode|ccode year! polyarchy!=v2x_polyarchy")
_IDEAL = declared("cow!=ccode year session ideal_fp!=idealpointfp")


def read_nmc(path: Path | str) -> Read:
    """National Material Capabilities (v6, v7). Singer, Bremer, Stuckey 1972; Singer
    1987."""
    return _state_years(
        open_table(path, "COW NMC", *_NMC), "cinc", 0.0, 1.0, MISSING_CODES
    )


def read_vdem(path: Path | str) -> Read:
    """V-Dem country-years (Coppedge et al.), full or core, or a table with the same
    columns.

    V-Dem's units that are no COW members have no COW number and are left out."""
    return _state_years(
        open_table(path, "V-Dem", *_VDEM), "polyarchy", 0.0, 1.0, MISSING_CODES
    )


def read_ideal_points(path: Path | str) -> Read:
    """Ideal point estimates, CSV as released. Bailey, Strezhnev, Voeten 2017, JCR
    61(2): 430-456.

    A release without a year column is dated by its session."""
    table = open_table(path, "UN ideal points", *_IDEAL)
    if not table.has("year"):
        table.needs("session")
        table.drop(table.integer("session").isna(), "no session")
        table.text = table.text.assign(
            year=(table.integer("session") + FIRST_SESSION).astype(str)
        )
    return _state_years(table, "ideal_fp", -10.0, 10.0)


def _state_years(
    table: Table, series: str, low: float, high: float, missing: Sequence[float] = ()
) -> Read:
    """A state and year once, sorted; rows without either are left out. Coverage runs
    over the years in which the series is known at all."""
    table.drop_blank(cow="a state without a COW number", year="no year")
    table.drop(table.text.duplicated(), "the same row again")
    frame = pd.DataFrame(
        {"cow": table.integer("cow"), "year": table.year("year")}
    ).astype(np.int64)
    twice = "this state has two rows in one year"
    table.refuse("cow", frame.duplicated(), twice, "Keep one row a state and year")
    frame[series] = table.bounded(series, low, high, missing)
    years = years_of(frame.loc[frame[series].notna(), "year"])
    frame = frame.sort_values(["cow", "year"]).reset_index(drop=True)
    return table.read(
        frame, years, f"{series} is missing in {int(frame[series].isna().sum())} rows"
    )


_SOURCES: Mapping[str, tuple[Callable[[Path], Read], str]] = {
    "accords": (read_outcomes, "dcad_agreements.csv DCAD*main*.csv accords.csv"),
    "capability": (read_nmc, "nmc_state_year.csv NMC*abridged*.csv NMC*.csv NMC*.dta"),
    "ideal": (
        read_ideal_points,
        "unga_ideal_points.csv Idealpoint*.csv Idealpoint*.tab Idealpoint*.dta",
    ),
    "democracy": (
        read_vdem,
        "democracy_state_year.csv V-Dem-CY-Core*.csv V-Dem-CY-Full*.csv",
    ),
    "distance": (read_minimum_distance, "min_distance_spells.csv cow_mindist.csv"),
    "contiguity": (read_contiguity, "contiguity_spells.csv contdir.csv contdird.csv"),
    "capitals": (read_capitals, "capitals.csv cow_capitals.csv"),
    "rivalry": (
        read_rivalries,
        "rivalries_thompson_sakuwa_suhas.csv tss_rivalries.csv rivalries_thompson_dreyer.csv",
    ),
    "claims": (
        read_territorial_claims,
        "territorial_claims_icow.csv ICOWprov*.csv ICOW*.dta",
    ),
    "disputes": (read_mid_participants, "mid_cow5_participants.csv MIDB*.csv"),
    "atop": (read_atop_members, "atop_members.csv atop5*m.csv"),
    "cow_alliances": (
        read_cow_alliances,
        "cow_alliance_spells.csv alliance_v4*_by_directed*.csv alliance_v4*_by_dyad*.csv",
    ),
}
READERS = {name: reader for name, (reader, _) in _SOURCES.items()}
FILES = {name: tuple(files.split()) for name, (_, files) in _SOURCES.items()}
"""File names looked for in the data folder, in any case, plain or with .gz, the first
that is there; of several that fit a `*`, the last in the alphabet, which is the newest
version."""
UNREAD = (
    ".xlsx",
    ".xls",
    ".ods",
    ".zip",
    ".rds",
    ".rdata",
    ".rda",
    ".sav",
    ".parquet",
    ".dta",
    ".tab",
    ".txt",
)


def file_of(folder: Path, name: str) -> tuple[Path | None, tuple[str, ...]]:
    """The file of a source, and the names of others that would have done too."""
    listing = _listing(folder)
    for wanted in FILES[name]:
        fits = [
            path
            for path in listing
            if fnmatch(path.name.lower().removesuffix(".gz"), wanted.lower())
        ]
        if fits:
            return fits[-1], tuple(path.name for path in fits[:-1])
    return None, ()


def unread(folder: Path, name: str) -> tuple[str, ...]:
    """Names of files that hold a source by their name, in a format that is not read:
    NMC-60-abridged.xlsx."""
    stems = [Path(wanted).stem.lower() for wanted in FILES[name]]
    return tuple(
        path.name
        for path in _listing(folder)
        if path.suffix.lower() in UNREAD
        and any(fnmatch(path.stem.lower(), stem) for stem in stems)
    )


def _listing(folder: Path) -> list[Path]:
    try:
        return sorted(
            (path for path in folder.iterdir() if path.is_file()),
            key=lambda path: (
                path.name.lower().removesuffix(".gz"),
                path.suffix != ".gz",
            ),
        )
    except OSError as error:
        raise DataError(
            f"the folder cannot be read: {error.strerror}", "Look at its rights", folder
        ) from None
