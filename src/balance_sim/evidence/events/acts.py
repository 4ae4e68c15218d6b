"""Readers of dyadic event data and of dated acts.

`dyad_years`: how many acts of one state towards another in a year are conflict.
Frame, one row a directed dyad and year: cow_a (whose acts), cow_b (towards whom), year,
conflict, count.

The others give one row an act: day, kind (of the scenario's `event_kinds`), principals,
guests, targets (tuples of COW numbers, sorted) and `told`: whether the source names the
targets. Of acts that are shown together (exercises, visits, arms, treaties) no source
does; whom they are aimed at is then a rule of the measurement model, not of the reader.
An unknown day stands at the 15th, an unknown month at 1 July."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.evidence.data.codes import convert, state_codes
from balance_sim.evidence.data.errors import NO_FILE, DataError
from balance_sim.evidence.data.series import (
    ATOP_FIRST_YEAR,
    ATOP_LAST_DAY,
    MID_LAST_YEAR,
    SOURCES,
    UNKNOWN,
    atop_memberships,
)
from balance_sim.evidence.data.sources import Source, file_of
from balance_sim.evidence.data.table import (
    SECONDS,
    Read,
    Table,
    day,
    open_table,
    years_of,
)

USA, CHINA = 2, 710
NOT_A_MEMBER = "no member of the state system"
ROLES = ["principals", "guests", "targets"]
FIELDS = ["day", "kind", "principals", "guests", "targets", "told"]
EXERCISES_LAST, VISITS_LAST, ARMS_LAST = 2010, 2012, 2014
"""Last years that the sources cover."""
PARTICIPANTS = ("exercises_mme_participants.csv", "mme*-long.csv")
COUNTS = ("verb_coop", "matl_coop", "verb_conf", "matl_conf")
MOST_ACTS = 1e9


def dyad_years(table: Table) -> Read:
    """Directed yearly counts of verbal and material cooperation and conflict, as of
    ICEWS (Boschee et al. 2015). Conflict is what CAMEO has under the roots 09 to 20
    (Schrodt 2012, CAMEO codebook 1.1b3)."""
    year = table.year("year")
    counts = pd.DataFrame({name: table.number(name, 0, MOST_ACTS) for name in COUNTS})
    cow_a, cow_b = (_members(table, side, day(year)[0]) for side in ("a", "b"))
    table.drop(counts.isna().any(axis=1), "a count is missing")
    table.drop(year.isna(), "no date")
    table.drop(table.text["a"] == table.text["b"], "both sides are the same state")
    table.drop(cow_a.isna() | cow_b.isna(), f"one side is {NOT_A_MEMBER} on that date")
    conflict = counts["verb_conf"] + counts["matl_conf"]
    frame = table.kept(
        cow_a=cow_a, cow_b=cow_b, year=year, conflict=conflict, count=counts.sum(axis=1)
    )
    return table.read(frame, years_of(frame["year"]))


def _members(table: Table, column: str, days: pd.Series) -> pd.Series:
    """COW numbers of the states that a column names by ISO code; missing for what is
    no member on its day."""
    return convert(table.text[column], days, "iso3", "cow")


def _acts(parts: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Acts (`FIELDS`) in a fixed order. parts: who takes part: `act`, `day`, `role`,
    `cow`; an act is dated by its first day."""
    members = parts.groupby(["act", "role"])["cow"].agg(_states).unstack("role")
    members = members.reindex(columns=ROLES).astype(object).fillna("").map(tuple)
    days = parts.groupby("act")["day"].min().astype(SECONDS)
    frame = members.assign(
        day=days, kind=kind, told=members["targets"].map(bool).astype(bool)
    )[FIELDS]
    return frame.sort_values(FIELDS[:-1], kind="stable").reset_index(drop=True)


def _states(codes: pd.Series) -> tuple[int, ...]:
    """COW numbers, each once, sorted."""
    return tuple(sorted({int(code) for code in codes}))


def _of_several(parts: pd.DataFrame, column: str) -> pd.DataFrame:
    """Those of acts with more than one value in a column."""
    return parts[parts.groupby("act")[column].transform("nunique") > 1]


def _bilateral(
    table: Table, days: pd.Series, a: pd.Series | int, b: pd.Series, kind: str
) -> pd.DataFrame:
    """Acts that two states commit together, of the rows that are not left out."""
    rows = table.kept(day=days, a=a, b=b).rename_axis("act").reset_index()
    participants = rows.melt(["act", "day"], ["a", "b"], value_name="cow")
    return _acts(participants.assign(role="principals"), kind)


def exercises(table: Table) -> Read:
    """Multinational Military Exercises: the list, and beside it the participants.

    D'Orazio, Galambos 2021, doi 10.7910/DVN/KHFODX. An exercise with fewer than two
    states that are told is left out."""
    start, ids = table.dates("start")[0], table.text["id"]
    table.drop(start.isna(), "no first day")
    listed = table.kept(act=ids, day=start).drop_duplicates("act").set_index("act")
    participants = open_participants(Path(table.path).parent)
    exercise = participants.text["id"]
    days = listed["day"].reindex(exercise).set_axis(exercise.index)
    cow = convert(participants.integer("gw"), days, "gw", "cow")
    members = pd.DataFrame({"act": exercise, "day": days, "cow": cow}).dropna()
    members = _of_several(members, "cow")
    table.drop(~ids.isin(members["act"]), "fewer than two states that are told")
    frame = _acts(members.assign(role="principals"), "exercise")
    return table.read(frame, years_of(frame["day"].dt.year, EXERCISES_LAST))


def open_participants(folder: Path) -> Table:
    """The participants of exercises, in the folder of the list: exercise, state's
    Gleditsch-Ward number. Raises DataError."""
    path = file_of(folder, PARTICIPANTS)
    if path is None:
        raise DataError(
            "the exercises have no file of participants",
            f"Put {PARTICIPANTS[0]} beside them",
            folder,
            code=NO_FILE,
        )
    return open_table(path, "MME participants", "id!=mmeid gw!=gwcode|gwno")


def us_visits(table: Table) -> Read:
    """Dated visits of US service secretaries and commanders; the country by ISO code
    or by its name in the shipped table of codes."""
    start, states = table.dates("start")[0], table.text["state"]
    codes = state_codes()
    names = dict(zip(codes["name"], codes["iso3"], strict=True))
    cow = convert(states.map(names).fillna(states), start, "iso3", "cow")
    table.drop(start.isna(), "no day")
    table.drop(cow.isna(), f"the place visited is {NOT_A_MEMBER} on that day")
    frame = _bilateral(table, start, USA, cow, "visit").drop_duplicates()
    return table.read(frame, years_of(frame["day"].dt.year, VISITS_LAST))


def china_visits(table: Table) -> Read:
    """Trips and meetings of Chinese leaders by year, each of a leader and country
    once."""
    year, name = table.year("year"), table.text["name"]
    days = day(year)[0]
    cow = _members(table, "iso3", days)
    table.drop(year.isna(), "no year")
    table.drop(cow.isna(), f"{NOT_A_MEMBER} in that year")
    is_again = pd.DataFrame({"year": year, "name": name, "cow": cow})[cow.notna()]
    table.drop(is_again.duplicated(), "the same leader, country and year again")
    frame = _bilateral(table, days, CHINA, cow, "visit")
    return table.read(frame, years_of(frame["day"].dt.year))


def treaties(table: Table) -> Read:
    """ATOP members: who enters a treaty on a day is a principal, who belongs to it then
    a guest.

    Leeds, Ritter, Mitchell, Long 2002, International Interactions 28: 237-260."""
    memberships = atop_memberships(table).groupby(
        ["alliance_id", "cow"], as_index=False
    )
    spells = memberships.agg({"start": "min", "end": "last"})
    members = spells.merge(spells[["alliance_id", "start"]], on="alliance_id")
    entry = members["start_y"]
    belongs = (members["start_x"] < entry) & ~(members["end"] <= entry)
    enters = members["start_x"] == entry
    number = members.groupby(["alliance_id", "start_y"]).ngroup()
    members = members.assign(
        act=number, day=entry, role=np.where(enters, "principals", "guests")
    )[enters | belongs]
    return table.read(
        _acts(_of_several(members, "cow"), "treaty"),
        (ATOP_FIRST_YEAR, ATOP_LAST_DAY.year),
    )


def incidents(table: Table) -> Read:
    """COW MID participants (MIDB): a dispute is one act of side A, aimed at side B, on
    its first day.

    Palmer et al. 2022, CMPS 39(4). Kind `incident`."""
    table.drop_blank(
        dispute="no number of a dispute", cow="no COW number", side_a="no side"
    )
    start = table.parted("start", UNKNOWN)[0]
    table.drop(start.isna(), "no year of the start")
    participants = table.kept(
        act=table.integer("dispute"),
        day=start,
        cow=table.integer("cow"),
        role=table.integer("side_a").map({1: "principals", 0: "targets"}),
    )
    frame = _acts(_of_several(participants, "role"), "incident")
    return table.read(frame, years_of(frame["day"].dt.year, MID_LAST_YEAR))


def arms(table: Table) -> Read:
    """Deliveries of arms by dyad and year, each year of a dyad one act."""
    table.drop_blank(year="no year", sender="no sender", receiver="no receiver")
    sender, receiver = table.integer("sender"), table.integer("receiver")
    table.drop(sender == receiver, "both sides are the same state")
    frame = _bilateral(
        table, day(table.year("year"))[0], sender, receiver, "arms_or_basing"
    )
    return table.read(frame, years_of(frame["day"].dt.year, ARMS_LAST))


DYAD_YEARS = Source(
    title="ICEWS dyad-years",
    columns="year! a!=source_iso3|iso3_1 b!=target_iso3|iso3_2 verb_coop! matl_coop! "
    "verb_conf! matl_conf!",
    tidy=dyad_years,
    files=("icews_dyad_year.csv",),
)
ACTS: Mapping[str, Source] = {
    "exercises": Source(
        title="MME exercises",
        columns="id!=mmeid start!",
        tidy=exercises,
        files=("exercises_mme.csv", "mme_v*.csv"),
    ),
    "treaties": replace(
        SOURCES["atop"],
        title="ATOP treaties",
        columns="id!=atopid member! entry_day=dayent entry_month=moent "
        "entry_year!=yrent exit_day=dayexit exit_month=moexit exit_year!=yrexit",
        tidy=treaties,
    ),
    "us_visits": Source(
        title="US defence visits",
        columns="state!=state_visited start!",
        tidy=us_visits,
        files=("us_defense_visits.csv",),
    ),
    "china_visits": Source(
        title="Chinese leaders' visits",
        columns="year! name! iso3!",
        tidy=china_visits,
        files=("china_leader_visits.csv",),
    ),
    "arms": Source(
        title="arms deliveries",
        columns="year! sender!=ccode_sender receiver!=ccode_receiver",
        tidy=arms,
        files=("arms_transfers_dyad_year.csv",),
    ),
    "incidents": replace(
        SOURCES["disputes"], title="COW MID incidents", tidy=incidents
    ),
}
