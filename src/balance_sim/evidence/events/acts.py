"""Readers of dated acts: exercises, visits, arms deliveries, treaties, militarised
incidents, and acts of any kind.

Tidy frame, one row an act: day, kind (of the scenario's `event_kinds`), principals,
guests, targets (tuples of COW numbers, sorted) and `told`: whether the source names the
targets. Of acts that are shown together (exercises, visits, arms, treaties) no source
does; whom they are aimed at is then a rule of the measurement model, not of the reader.
An unknown day stands at the 15th, an unknown month at 1 July."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.evidence.data.codes import System, convert, current_iso3
from balance_sim.evidence.data.dyad_series import (
    ATOP_LAST_DAY,
    MID_LAST_YEAR,
    UNKNOWN,
    atop_memberships,
)
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.table import (
    MISSING_CODES,
    Read,
    ReadReport,
    Table,
    day,
    declared,
    open_table,
    years_of,
)
from balance_sim.evidence.events.outcomes import OUTCOMES, read_icews, state_iso3

USA, CHINA = 2, 710
RECORDED_VISITS = ("make a visit", "host a visit", "meet at a 'third' location")
FIELDS = ("day", "kind", "principals", "guests", "targets", "told")
EXERCISES_LAST, VISITS_LAST, ARMS_LAST = 2010, 2012, 2014
"""Last years that the sources cover."""

_EXERCISES = declared("id!=mmeid|exercise_id start!=start|start_date")
_PARTICIPANTS = declared(
    "id!=mmeid|exercise_id cow=ccode gw=gwcode|gwno iso3=iso3|iso3c country"
)
_US_VISITS = declared("state!=state_visited start!=start")
_CHINA_VISITS = declared("year! name! iso3!")
_TRIPS = declared(
    "leader!=LeaderCountryISO|LeaderCountryIso visited!=CountryVisitedISO|CountryVisitedIso start!=TripStartDate"
)
_MEMBERS = declared(
    "id!=atopid member! entry_day=dayent entry_month=moent entry_year!=yrent exit_day=dayexit exit_month=moexit "
    "exit_year!=yrexit"
)
_DISPUTES = declared(
    "dispute!=dispnum|dispnum3|dispnum4 cow!=ccode start_day=stday start_month=stmon start_year!=styear side_a!=sidea"
)
_ARMS = declared(
    "year! sender!=ccode_sender|sender_ccode receiver!=ccode_receiver|receiver_ccode"
)
_GENERIC = declared("date! kind! principals! guests targets")


def _rows(rows: Iterable[tuple[object, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows), columns=list(FIELDS))
    frame["day"] = pd.to_datetime(frame["day"]).astype("datetime64[s]")
    return frame.sort_values(
        ["day", "kind", "principals", "guests", "targets"], kind="stable"
    ).reset_index(drop=True)


def _states(cow: Iterable[Any]) -> tuple[int, ...]:
    """COW numbers, each once, sorted."""
    return tuple(sorted({int(one) for one in cow}))


def _joint(
    days: Iterable[object], groups: Iterable[tuple[int, ...]], kind: str
) -> pd.DataFrame:
    """Acts that some states commit together, no target told."""
    pairs = zip(days, groups, strict=True)
    return _rows(
        (on, kind, group, (), (), False) for on, group in pairs if len(group) > 1
    )


def _bilateral(rows: pd.DataFrame, kind: str = "visit") -> pd.DataFrame:
    """Acts that two states commit together, no target told. rows: day, a, b."""
    return _joint(
        rows["day"], map(_states, zip(rows["a"], rows["b"], strict=True)), kind
    )


def read_exercises(path: Path | str) -> Read:
    """Multinational Military Exercises: the list, and beside it the participants
    (`..._participants`, `...-long`).

    D'Orazio, Galambos 2021, doi 10.7910/DVN/KHFODX. An exercise with fewer than two
    states that are told is left out. Raises DataError."""
    path = Path(path)
    table = open_table(path, "MME exercises", *_EXERCISES)
    start = table.dates("start")[0]
    table.drop(start.isna(), "no first day")
    listed = table.kept(id=table.words("id"), day=start).drop_duplicates("id")
    who = open_table(_beside(path), "MME participants", *_PARTICIPANTS)
    joined = (
        pd.DataFrame({"id": who.words("id")})
        .merge(listed, on="id", how="left")
        .set_index(who.text.index)
    )
    cow = _cow(who, joined["day"])
    who.drop(joined["day"].isna(), "an exercise that is not in the list, or has no day")
    who.drop(cow.isna(), "no member of the state system on that day")
    groups = who.kept(id=joined["id"], cow=cow).groupby("id")["cow"].agg(_states)
    table.drop(
        ~table.words("id").isin(groups.index[groups.map(len) > 1]),
        "fewer than two states that are told",
    )
    listed = listed[listed["id"].isin(table.words("id"))]
    frame = _joint(listed["day"], listed["id"].map(groups), "exercise")
    notes = [f"participants: {line}" for line in who.read(frame, None).report.losses]
    return table.read(frame, years_of(frame["day"], EXERCISES_LAST), *notes)


def participants_report(path: Path) -> ReadReport:
    """On the file of participants that belongs to a list of exercises. Raises
    DataError."""
    who = open_table(_beside(path), "MME participants", *_PARTICIPANTS)
    return who.read(who.text, None).report


def _beside(path: Path) -> Path:
    """The file of participants that belongs to a list of exercises."""
    suffixes = "".join(path.suffixes)
    stem = path.name.removesuffix(suffixes)
    for name in (
        f"{stem}_participants",
        f"{stem}-participants",
        f"{stem}-long",
        f"{stem.replace('_', '-')}-long",
    ):
        for suffix in (suffixes, ".csv", ".csv.gz"):
            if (path.parent / f"{name}{suffix}").exists():
                return path.parent / f"{name}{suffix}"
    raise DataError(
        "the exercises have no file of participants",
        f"Put {stem}_participants.csv beside it",
        path,
    )


def _cow(table: Table, on: pd.Series) -> pd.Series:
    """COW numbers of a file's states, by the code that it has: gw, cow, or iso3."""
    codes: tuple[System, ...] = ("gw", "cow", "iso3")
    for system in codes:
        if table.has(system):
            values = (
                table.words(system)
                if system == "iso3"
                else table.integer(system, MISSING_CODES)
            )
            return convert(values, on, system, "cow")
    table.needs("gw")
    raise AssertionError


def read_us_visits(path: Path | str) -> Read:
    """Dated visits of US service secretaries and commanders; the country by ISO code or
    name. Raises DataError."""
    table = open_table(path, "US defence visits", *_US_VISITS)
    start = table.dates("start")[0]
    cow = convert(state_iso3(table.words("state")), start, "iso3", "cow")
    table.drop(start.isna(), "no day")
    table.drop(
        cow.isna(), "the place visited is no member of the state system on that day"
    )
    frame = (
        _bilateral(table.kept(day=start, a=table.same(USA), b=cow))
        .drop_duplicates()
        .reset_index(drop=True)
    )
    return table.read(frame, years_of(frame["day"], VISITS_LAST))


def read_china_visits(path: Path | str) -> Read:
    """Trips and meetings of Chinese leaders by year, each of a leader and country once.
    Raises DataError."""
    table = open_table(path, "Chinese leaders' visits", *_CHINA_VISITS)
    year, name = table.year("year"), table.words("name")
    start = day(year)[0]
    cow = convert(table.words("iso3"), start, "iso3", "cow")
    table.drop(year.isna(), "no year")
    table.drop(cow.isna(), "no member of the state system in that year")
    again = table.kept(year=year, name=name, cow=cow).duplicated()
    table.drop(again, "the same leader, country and year again")
    frame = _bilateral(table.kept(day=start, a=table.same(CHINA), b=cow))
    return table.read(frame, years_of(frame["day"]))


def read_trips(path: Path | str) -> Read:
    """Trips of heads of state and government: Country and Organization Leader Travel
    (COLT), the file by trip.

    Moyer, Turner, Meisel 2021, International Interactions 47(3). The layout is that of
    the authors' codebook, from memory: LeaderCountryISO, CountryVisitedISO,
    TripStartDate; the file itself was not at hand. Raises DataError."""
    table = open_table(path, "COLT trips", *_TRIPS)
    start = table.dates("start")[0]
    a, b = (
        convert(state_iso3(table.words(side)), start, "iso3", "cow")
        for side in ("leader", "visited")
    )
    table.drop(start.isna(), "no first day")
    table.drop(
        a.isna(), "the leader's country is no member of the state system on that day"
    )
    table.drop(
        b.isna(), "the country visited is no member of the state system on that day"
    )
    table.drop(a == b, "a trip at home")
    frame = _bilateral(table.kept(day=start, a=a, b=b))
    return table.read(frame, years_of(frame["day"]))


def read_treaties(path: Path | str) -> Read:
    """ATOP members: who enters a treaty on a day is a principal, who belongs to it then
    a guest.

    Leeds, Ritter, Mitchell, Long 2002, International Interactions 28: 237-260. Raises
    DataError."""
    table = open_table(path, "ATOP treaties", *_MEMBERS)
    memberships = atop_memberships(table).groupby(["id", "member"], as_index=False)
    spells = memberships.agg(start=("start", "min"), end=("end", "last"))
    rows = []
    for _, treaty in spells.groupby("id", sort=True):
        for on, entrants in treaty.groupby("start", sort=True):
            there = treaty[
                (treaty["start"] < on) & (treaty["end"].isna() | (treaty["end"] > on))
            ]
            if len(entrants) + len(there) > 1:
                rows.append(
                    (
                        on,
                        "treaty",
                        _states(entrants["member"]),
                        _states(there["member"]),
                        (),
                        False,
                    )
                )
    return table.read(_rows(rows), (1815, ATOP_LAST_DAY.year))


def read_incidents(path: Path | str) -> Read:
    """COW MID participants (MIDB): a dispute is one act of side A, aimed at side B, on
    its first day.

    Palmer et al. 2022, CMPS 39(4). Kind `incident`. Raises DataError."""
    table = open_table(path, "COW MID incidents", *_DISPUTES)
    table.drop_blank(
        dispute="no number of a dispute", cow="no COW number", side_a="no side"
    )
    table.drop(table.parted("start", UNKNOWN)[0].isna(), "no year of the start")
    columns = {
        name: table.integer(name).astype(np.int64)
        for name in ("dispute", "cow", "side_a")
    }
    frame = pd.DataFrame({**columns, "day": table.parted("start", UNKNOWN)[0]})
    rows = []
    for _, own in frame.groupby("dispute", sort=True):
        a, b = (_states(own.loc[own["side_a"] == side, "cow"]) for side in (1, 0))
        if a and b:
            rows.append((own["day"].min(), "incident", a, (), b, True))
    acts = _rows(rows)
    return table.read(acts, years_of(acts["day"], MID_LAST_YEAR))


def read_arms(path: Path | str) -> Read:
    """Deliveries of arms by dyad and year, each year of a dyad one act. Raises
    DataError."""
    table = open_table(path, "arms deliveries", *_ARMS)
    table.drop_blank(year="no year", sender="no sender", receiver="no receiver")
    table.drop(
        table.integer("sender") == table.integer("receiver"),
        "both sides are the same state",
    )
    dated = table.kept(
        day=day(table.year("year"))[0],
        a=table.integer("sender"),
        b=table.integer("receiver"),
    )
    frame = _bilateral(dated, "arms_or_basing")
    return table.read(frame, years_of(frame["day"], ARMS_LAST))


def read_acts(path: Path | str) -> Read:
    """Dated acts of any kind: `date`, `kind`, `principals`, and perhaps `guests` and
    `targets`.

    States are ISO codes or names, separated by `;` or `|`; a blank `targets` leaves
    them to the model's rule. Raises DataError."""
    table = open_table(path, "dated acts", *_GENERIC)
    start, kind = table.dates("date")[0], table.words("kind")
    table.refuse(
        "date", start.isna(), "an act needs a date", "Write YYYY-MM-DD, YYYY-MM or YYYY"
    )
    roles = {
        role: _several(table, role, start)
        for role in ("principals", "guests", "targets")
    }
    sizes = pd.DataFrame({role: group.map(len) for role, group in roles.items()})
    table.drop(
        (sizes["principals"] == 0) | (sizes.sum(axis=1) < 2), "fewer than two states"
    )
    rows = table.kept(day=start, kind=kind, **roles)
    frame = _rows((*cells, bool(cells[-1])) for cells in rows.itertuples(index=False))
    return table.read(frame, years_of(frame["day"]))


def _several(table: Table, column: str, on: pd.Series) -> pd.Series:
    """The members of the state system that each cell names; a name that is none on its
    date is an error."""
    words = (
        table.words(column).str.replace("|", ";").str.split(";").explode().str.strip()
    )
    words = words[words != ""]
    codes = state_iso3(words).map(current_iso3)
    days = on.reindex(words.index)
    place = pd.Series(np.arange(len(words)), index=words.index)
    cow = convert(codes.set_axis(place), days.set_axis(place), "iso3", "cow").set_axis(
        words.index
    )
    lost = cow.isna().groupby(level=0).any().reindex(table.text.index, fill_value=False)
    hint = "Write ISO codes of three letters with ; between them"
    table.refuse(
        column, lost, "this names no member of the state system on that date", hint
    )
    groups = {index: _states(own) for index, own in cow.groupby(level=0)}
    return pd.Series(
        [groups.get(index, ()) for index in table.text.index],
        index=table.text.index,
        dtype=object,
    )


def read_recorded_visits(path: Path | str) -> Read:
    """Visits and meetings among the events of ICEWS, made or hosted, of a dyad and day
    once. Raises DataError."""
    read = read_icews(path)
    rows = read.frame[read.frame["text"].str.lower().isin(RECORDED_VISITS)]
    rows = rows[["day", "cow_a", "cow_b"]].set_axis(["day", "a", "b"], axis=1)
    frame = _bilateral(rows).drop_duplicates().reset_index(drop=True)
    return Read(
        frame,
        replace(read.report, source="visits recorded by ICEWS", rows_kept=len(frame)),
    )


ACTS: Mapping[str, tuple[Callable[[Path], Read], tuple[str, ...]]] = {
    "exercises": (read_exercises, ("exercises_mme.csv", "mme_v*.csv")),
    "treaties": (read_treaties, ("atop_members.csv", "atop5*m.csv")),
    "us_visits": (read_us_visits, ("us_defense_visits.csv",)),
    "china_visits": (read_china_visits, ("china_leader_visits.csv",)),
    "trips": (read_trips, ("COLT*trip*.csv", "colt_trips.csv")),
    "arms": (read_arms, ("arms_transfers_dyad_year.csv",)),
    "incidents": (read_incidents, ("mid_cow5_participants.csv", "MIDB*.csv")),
    "acts": (read_acts, ("acts.csv", "dated_acts.csv")),
    "recorded_visits": (read_recorded_visits, OUTCOMES["icews"][1]),
}
"""Source -> its reader and the names of its files; of several that fit a `*`, the last
in the alphabet."""
ONLY_IF_NAMED = ("recorded_visits",)
"""Sources that are the outcome data again."""
