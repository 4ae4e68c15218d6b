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

import pandas as pd

from balance_sim.evidence.data.codes import convert, current_iso3
from balance_sim.evidence.data.dyad_series import (
    ATOP_FIRST_YEAR,
    ATOP_LAST_DAY,
    MID_LAST_YEAR,
    UNKNOWN,
    atop_memberships,
)
from balance_sim.evidence.data.errors import NO_FILE, DataError
from balance_sim.evidence.data.table import (
    MISSING_CODES,
    SECONDS,
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
ROLES = ("principals", "guests", "targets")
NO_STATES: tuple[int, ...] = ()
NOT_A_MEMBER = "no member of the state system on that day"
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
    "leader!=LeaderCountryISO|LeaderCountryIso "
    "visited!=CountryVisitedISO|CountryVisitedIso start!=TripStartDate"
)
_MEMBERS = declared(
    "id!=atopid member! entry_day=dayent entry_month=moent entry_year!=yrent "
    "exit_day=dayexit exit_month=moexit exit_year!=yrexit"
)
_DISPUTES = declared(
    "dispute!=dispnum|dispnum3|dispnum4 cow!=ccode start_day=stday "
    "start_month=stmon start_year!=styear side_a!=sidea"
)
_ARMS = declared(
    "year! sender!=ccode_sender|sender_ccode receiver!=ccode_receiver|receiver_ccode"
)
_GENERIC = declared("date! kind! principals! guests targets")


def _acts(rows: Iterable[tuple[object, ...]]) -> pd.DataFrame:
    """A tidy frame of rows of `FIELDS`, in a fixed order."""
    frame = pd.DataFrame(list(rows), columns=list(FIELDS))
    frame["day"] = pd.to_datetime(frame["day"]).astype(SECONDS)
    order = ["day", "kind", "principals", "guests", "targets"]
    return frame.sort_values(order, kind="stable").reset_index(drop=True)


def _states(codes: Iterable[Any]) -> tuple[int, ...]:
    """COW numbers, each once, sorted."""
    return tuple(sorted({int(code) for code in codes}))


def _joint(
    days: Iterable[object], groups: Iterable[tuple[int, ...]], kind: str
) -> pd.DataFrame:
    """Acts that some states commit together, no target told."""
    rows = []
    for date, group in zip(days, groups, strict=True):
        if len(group) > 1:
            rows.append((date, kind, group, NO_STATES, NO_STATES, False))
    return _acts(rows)


def _bilateral(rows: pd.DataFrame, kind: str = "visit") -> pd.DataFrame:
    """Acts that two states commit together, no target told. rows: day, a, b."""
    groups = map(_states, zip(rows["a"], rows["b"], strict=True))
    return _joint(rows["day"], groups, kind)


# --- exercises ------------------------------------------------------------------------


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
    participants = open_table(_beside(path), "MME participants", *_PARTICIPANTS)
    groups = _groups_by_exercise(participants, listed)
    joint_ids = groups.index[groups.map(len) > 1]
    is_lone = ~table.words("id").isin(joint_ids)
    table.drop(is_lone, "fewer than two states that are told")
    listed = listed[listed["id"].isin(table.words("id"))]
    frame = _joint(listed["day"], listed["id"].map(groups), "exercise")
    losses = participants.read(frame, None).report.losses
    notes = [f"participants: {line}" for line in losses]
    return table.read(frame, years_of(frame["day"], EXERCISES_LAST), *notes)


def _groups_by_exercise(participants: Table, listed: pd.DataFrame) -> pd.Series:
    """COW numbers of the states of each exercise, by its id."""
    ids = pd.DataFrame({"id": participants.words("id")})
    joined = ids.merge(listed, on="id", how="left").set_index(participants.text.index)
    cow = _cow_numbers(participants, joined["day"])
    is_unlisted = joined["day"].isna()
    reason = "an exercise that is not in the list, or has no day"
    participants.drop(is_unlisted, reason)
    participants.drop(cow.isna(), NOT_A_MEMBER)
    members = participants.kept(id=joined["id"], cow=cow)
    return members.groupby("id")["cow"].agg(_states)


def participants_report(path: Path) -> ReadReport:
    """On the file of participants that belongs to a list of exercises. Raises
    DataError."""
    table = open_table(_beside(path), "MME participants", *_PARTICIPANTS)
    return table.read(table.text, None).report


def _beside(path: Path) -> Path:
    """The file of participants that belongs to a list of exercises."""
    suffixes = "".join(path.suffixes)
    stem = path.name.removesuffix(suffixes)
    dashed = stem.replace("_", "-")
    names = (f"{stem}_participants", f"{stem}-participants", f"{stem}-long")
    for name in (*names, f"{dashed}-long"):
        for suffix in (suffixes, ".csv", ".csv.gz"):
            file = path.parent / f"{name}{suffix}"
            if file.exists():
                return file
    message = "the exercises have no file of participants"
    hint = f"Put {stem}_participants.csv beside it"
    raise DataError(message, hint, path, code=NO_FILE)


def _cow_numbers(table: Table, days: pd.Series) -> pd.Series:
    """COW numbers of a file's states, by the code that it has: gw, cow, or iso3."""
    if table.has("gw"):
        return convert(table.integer("gw", MISSING_CODES), days, "gw", "cow")
    if table.has("cow"):
        return convert(table.integer("cow", MISSING_CODES), days, "cow", "cow")
    if not table.has("iso3"):
        table.needs("gw")
    return convert(table.words("iso3"), days, "iso3", "cow")


# --- visits ---------------------------------------------------------------------------


def read_us_visits(path: Path | str) -> Read:
    """Dated visits of US service secretaries and commanders; the country by ISO code or
    name. Raises DataError."""
    table = open_table(path, "US defence visits", *_US_VISITS)
    start = table.dates("start")[0]
    cow = convert(state_iso3(table.words("state")), start, "iso3", "cow")
    table.drop(start.isna(), "no day")
    table.drop(cow.isna(), f"the place visited is {NOT_A_MEMBER}")
    visits = _bilateral(table.kept(day=start, a=table.same(USA), b=cow))
    frame = visits.drop_duplicates().reset_index(drop=True)
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
    is_again = table.kept(year=year, name=name, cow=cow).duplicated()
    table.drop(is_again, "the same leader, country and year again")
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
    a = convert(state_iso3(table.words("leader")), start, "iso3", "cow")
    b = convert(state_iso3(table.words("visited")), start, "iso3", "cow")
    table.drop(start.isna(), "no first day")
    table.drop(a.isna(), f"the leader's country is {NOT_A_MEMBER}")
    table.drop(b.isna(), f"the country visited is {NOT_A_MEMBER}")
    table.drop(a == b, "a trip at home")
    frame = _bilateral(table.kept(day=start, a=a, b=b))
    return table.read(frame, years_of(frame["day"]))


def read_recorded_visits(path: Path | str) -> Read:
    """Visits and meetings among the events of ICEWS, made or hosted, of a dyad and day
    once. Raises DataError."""
    read = read_icews(path)
    is_visit = read.frame["text"].str.lower().isin(RECORDED_VISITS)
    rows = read.frame.loc[is_visit, ["day", "cow_a", "cow_b"]]
    visits = _bilateral(rows.set_axis(["day", "a", "b"], axis=1))
    frame = visits.drop_duplicates().reset_index(drop=True)
    source = "visits recorded by ICEWS"
    report = replace(read.report, source=source, rows_kept=len(frame))
    return Read(frame, report)


# --- treaties, incidents, arms --------------------------------------------------------


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
        for date, entrants in treaty.groupby("start", sort=True):
            has_not_left = treaty["end"].isna() | (treaty["end"] > date)
            members = treaty[(treaty["start"] < date) & has_not_left]
            if len(entrants) + len(members) > 1:
                principals = _states(entrants["member"])
                guests = _states(members["member"])
                rows.append((date, "treaty", principals, guests, NO_STATES, False))
    return table.read(_acts(rows), (ATOP_FIRST_YEAR, ATOP_LAST_DAY.year))


def read_incidents(path: Path | str) -> Read:
    """COW MID participants (MIDB): a dispute is one act of side A, aimed at side B, on
    its first day.

    Palmer et al. 2022, CMPS 39(4). Kind `incident`. Raises DataError."""
    table = open_table(path, "COW MID incidents", *_DISPUTES)
    table.drop_blank(
        dispute="no number of a dispute", cow="no COW number", side_a="no side"
    )
    table.drop(table.parted("start", UNKNOWN)[0].isna(), "no year of the start")
    columns = {name: table.codes(name) for name in ("dispute", "cow", "side_a")}
    columns["day"] = table.parted("start", UNKNOWN)[0]
    rows = []
    for _, dispute in pd.DataFrame(columns).groupby("dispute", sort=True):
        side_a = _states(dispute.loc[dispute["side_a"] == 1, "cow"])
        side_b = _states(dispute.loc[dispute["side_a"] == 0, "cow"])
        if side_a and side_b:
            first = dispute["day"].min()
            rows.append((first, "incident", side_a, NO_STATES, side_b, True))
    frame = _acts(rows)
    return table.read(frame, years_of(frame["day"], MID_LAST_YEAR))


def read_arms(path: Path | str) -> Read:
    """Deliveries of arms by dyad and year, each year of a dyad one act. Raises
    DataError."""
    table = open_table(path, "arms deliveries", *_ARMS)
    table.drop_blank(year="no year", sender="no sender", receiver="no receiver")
    is_same = table.integer("sender") == table.integer("receiver")
    table.drop(is_same, "both sides are the same state")
    deliveries = table.kept(
        day=day(table.year("year"))[0],
        a=table.integer("sender"),
        b=table.integer("receiver"),
    )
    frame = _bilateral(deliveries, "arms_or_basing")
    return table.read(frame, years_of(frame["day"], ARMS_LAST))


# --- acts of any kind -----------------------------------------------------------------


def read_acts(path: Path | str) -> Read:
    """Dated acts of any kind: `date`, `kind`, `principals`, and perhaps `guests` and
    `targets`.

    States are ISO codes or names, separated by `;` or `|`; a blank `targets` leaves
    them to the model's rule. Raises DataError."""
    table = open_table(path, "dated acts", *_GENERIC)
    start, kind = table.dates("date")[0], table.words("kind")
    hint = "Write YYYY-MM-DD, YYYY-MM or YYYY"
    table.refuse("date", start.isna(), "an act needs a date", hint)
    roles = {role: _members(table, role, start) for role in ROLES}
    sizes = pd.DataFrame({role: group.map(len) for role, group in roles.items()})
    is_lone = (sizes["principals"] == 0) | (sizes.sum(axis=1) < 2)
    table.drop(is_lone, "fewer than two states")
    rows = table.kept(day=start, kind=kind, **roles)
    cells = rows.itertuples(index=False, name=None)
    frame = _acts((*row, bool(row[-1])) for row in cells)
    return table.read(frame, years_of(frame["day"]))


def _members(table: Table, column: str, days: pd.Series) -> pd.Series:
    """The members of the state system that each cell names; a name that is none on its
    date is an error."""
    cells = table.words(column).str.replace("|", ";").str.split(";")
    words = cells.explode().str.strip()
    words = words[words != ""]
    number = pd.RangeIndex(len(words))
    codes = state_iso3(words).map(current_iso3).set_axis(number)
    dates = days.reindex(words.index).set_axis(number)
    cow = convert(codes, dates, "iso3", "cow").set_axis(words.index)
    index = table.text.index
    is_lost = cow.isna().groupby(level=0).any().reindex(index, fill_value=False)
    message = "this names no member of the state system on that date"
    hint = "Write ISO codes of three letters with ; between them"
    table.refuse(column, is_lost, message, hint)
    groups = {row: _states(members) for row, members in cow.groupby(level=0)}
    members = [groups.get(row, NO_STATES) for row in index]
    return pd.Series(members, index=index, dtype=object)


Source = tuple[Callable[[Path], Read], tuple[str, ...]]
ACTS: Mapping[str, Source] = {
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
