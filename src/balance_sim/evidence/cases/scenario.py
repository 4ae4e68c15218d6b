"""A case from history becomes a scenario: NAME.yaml, and its tables beside it with
their sha256.

The rules by which a row of the table of cases and the series at its date become a
scenario are in docs/cases.md; they are the same for every case and none was chosen by
what happened afterwards."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from balance_sim.evidence.cases.series import (
    TITLES,
    Row,
    Series,
    agreement_rows,
    dispute_rows,
    distance_rows,
    pacts_in_force,
    relation_rows,
    short,
    state_rows,
)
from balance_sim.evidence.cases.tables import Actor, Case, actor, case_of, is_state_in
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.estimation.calibration import FEWEST
from balance_sim.evidence.estimation.choices import years_before
from balance_sim.scenario.actors import IDENTIFIER

RECORD_YEARS = 20
"""Years of agreements from which a case's level is counted, or its calibration made."""
COLUMNS: Mapping[str, Sequence[str]] = {
    "states": (
        *(
            "id",
            "name",
            "capability",
            "democracy",
            "ideal_point",
            "latitude",
            "longitude",
            "reliability",
            "autonomy",
        ),
        *("nuclear_since", "patrons", "source", "guesses"),
    ),
    "disputes": (
        "a",
        "b",
        "rivalry",
        "claim",
        "militarised",
        "war",
        "source",
        "x_guesses",
    ),
    "no_relations": ("a", "b", "from", "until", "kind", "source"),
    "distances": ("a", "b", "km", "source"),
    "accords": (
        *(
            "id",
            "a",
            "b",
            "kind",
            "name",
            "status",
            "signed",
            "in_force",
            "ended",
            "precision",
            "multilateral",
        ),
        "source",
    ),
}
"""The tables of a scenario in the order in which it names them, with their columns."""
SIGNAL, NO_SIGNAL = "signal", "no_signal"
WINDOWS = (30, 90, 365)
SHORTEST_REST = 7
"""A window is left out that ends within so many days of the last one."""
ATTENTION_OF_OTHERS = 0.5
"""A guess, as in the scenario of Beijing 2025: who has no part in a quarrel with the
participants, and no pact with them, heeds their signals half as much."""
CARRIED = ("rivalry", "claims", "disputes", "atop", "cow_alliances", "accords")


def build_case(
    case: Case | Mapping[str, str],
    data_dir: Path | str,
    name: str,
    base_rate: float | None = None,
) -> tuple[dict[str, str], date | None]:
    """The files of a scenario, by their path beside NAME.yaml: NAME.yaml itself and
    NAME/*.csv; and the day before which the record is complete, where it is long enough
    for a calibration: then the scenario names NAME/calibration.yaml, which is still to
    be written.

    case: a row of the table of cases, read or as text by column. data_dir: folder of
    the series, under the names that evidence.data lists; only the capabilities must be
    there. base_rate: agreements a year, in place of what the series say of the level.
    Nothing dated on or after the signal is read into the scenario. Raises DataError."""
    if not isinstance(case, Case):
        case = case_of(dict(case), None, None)
    if not IDENTIFIER.fullmatch(name):
        hint = "Take letters, digits, _ and -, up to 64 of them"
        raise DataError("this is no name for a scenario", hint, value=name)
    series, on = Series(data_dir), case.signal_date
    actors, left_out = _actors(case)
    agreements = agreement_rows(series, actors, case.participants, on)
    states = state_rows(series, actors, on, agreements)
    disputes = dispute_rows(series, actors, on)
    distances, by_capitals = distance_rows(series, actors, on)
    tables = {
        "states": states,
        "disputes": disputes,
        "no_relations": relation_rows(series, actors, on),
        "distances": distances,
        "accords": agreements,
    }
    participants, present = {*case.participants}, {actor.code for actor in actors}
    rivals = _beside([(row["a"], row["b"]) for row in disputes], participants)
    targets = rivals & (present - participants)
    allies = _beside(pacts_in_force(agreements), participants)
    roles = {
        "participants": sorted(participants & present),
        "targets": sorted(targets),
        "bloc": sorted((allies | participants) & (present - targets)),
    }
    notes = [*left_out, *series.notes, *_gaps(series, case, states, by_capitals)]
    start = on - timedelta(days=1)
    level, until = _level(series, agreements, start, name, base_rate)
    files = {
        f"{name}/{table}.csv": _csv(COLUMNS[table], rows)
        for table, rows in tables.items()
        if rows
    }
    codes = [row["id"] for row in states]
    text = _yaml(case, name, codes, files, roles, notes, level)
    return {f"{name}.yaml": text, **files}, until


def _beside(dyads: Iterable[tuple[str, str]], participants: set[str]) -> set[str]:
    """Both states of the dyads that have a participant."""
    return {code for dyad in dyads if {*dyad} & participants for code in dyad}


def _level(
    series: Series,
    agreements: Sequence[Row],
    start: date,
    name: str,
    base_rate: float | None,
) -> tuple[list[str], date | None]:
    """Lines that state the level: agreements between two of the states in the twenty
    years before the start, or before the end of the series of agreements, and the day
    on which the record ends if they are enough for a calibration."""
    if base_rate is not None:
        comment = "# agreements a year, as given to `balance-sim new`"
        return [f"base_rate: {short(base_rate)}    {comment}"], None
    last = series.last_year("accords")
    until = start
    if last is not None:
        until = min(start, date(last + 1, 1, 1))
    first, count = years_before(until, RECORD_YEARS), 0
    for row in agreements:
        if row["multilateral"] == "false" and row["signed"]:
            count += first <= date.fromisoformat(row["signed"]) < until
    record = f"{count} agreements between two of these states are dated in the"
    record = f"{record} twenty years before {until}"
    if count >= FEWEST:
        command = f"balance-sim evidence calibrate {name}.yaml"
        if until != start:
            command += f" --until {until}"
        lines = [f"# {record}.", f"# Written by `{command}`."]
        return [*lines, f"calibration: {name}/calibration.yaml"], until
    if count:
        comment = f"# {record}, too few for a calibration."
        return [comment, f"base_rate: {short(count / RECORD_YEARS)}"], None
    level = "the level is that of the shipped intercepts."
    hint = "`base_rate: 2` would set it, agreements a year."
    return [f"# {record}: {level} {hint}"], None


def _actors(case: Case) -> tuple[list[Actor], list[str]]:
    """The states of the case, sorted by code, and why others are left out.

    A state that was none in the year of the signal cannot be in a scenario that starts
    then."""
    on = case.signal_date
    year = (on - timedelta(days=1)).year
    actors: dict[str, Actor] = {}
    absent: dict[str, str] = {}
    for code in (*case.participants, *case.observers):
        column = "participants" if code in case.participants else "observers"
        reason = is_state_in(code, year)
        state = actor(code, on) if reason is None else None
        if state is None:
            absent[code] = reason or f"`{code}` has no COW number"
            continue
        for namesake in actors.values():
            if namesake.iso3 == state.iso3:
                message = f"{namesake.code} and {code} are one state"
                raise _refused(case, message, "Name it once", column, code)
        actors[code] = state
    left_out = [f"Left out: {name} is no state." for name in case.organisations]
    left_out += [f"Left out: {reason}." for reason in absent.values()]
    for code in case.participants:
        if code in absent:
            message = f"a participant was no state at the time: {absent[code]}"
            hint = "Correct the code or the date"
            raise _refused(case, message, hint, "participants", code)
    if len(actors) < 3:
        message = "three states that were there at the time are needed, participants"
        message += " and observers"
        if left_out:
            message += f" ({'; '.join(left_out)[:300]})"
        observers = ";".join(case.observers)
        raise _refused(case, message, "Name more observers", "observers", observers)
    return [actors[code] for code in sorted(actors)], left_out


def _refused(case: Case, message: str, hint: str, column: str, value: str) -> DataError:
    return DataError(message, hint, case.path, case.line, column, value)


def _gaps(
    series: Series, case: Case, states: Sequence[Row], by_capitals: int
) -> Iterable[str]:
    """What the scenario lacks, in words."""
    year = case.signal_date.year
    for name in CARRIED:
        last, title = series.last_year(name), TITLES[name]
        title = title[0].upper() + title[1:]
        if name == "disputes":
            title += " and wars"
        if last is not None and last < year - 1:
            consequence = "what went on then is taken to go on"
            yield f"{title} are on record to {last}; {consequence}."
    for field in ("democracy", "ideal_point"):
        missing = [row["id"] for row in states if not row[field]]
        if len(missing) == len(states):
            yield f"{field}: missing for all states; no pair differs in it."
        elif missing:
            consequence = "their pairs take the mean of the others"
            yield f"{field}: missing for {', '.join(missing)}; {consequence}."
    for row in states:
        code = row["id"]
        match = re.search(r"COW NMC (\d{4})", row["source"])
        if match is None:
            consequence = "in no series; the least of the other states stands in"
            yield f"Capability of {code}: {consequence}."
        elif int(match[1]) != year - 1:
            yield f"Capability of {code} is that of {match[1]}."
    if by_capitals:
        yield f"{by_capitals} pairs without a minimum distance: between capitals."


def _yaml(
    case: Case,
    name: str,
    codes: Sequence[str],
    files: Mapping[str, str],
    roles: Mapping[str, Sequence[str]],
    notes: Sequence[str],
    level: Sequence[str],
) -> str:
    """roles: participants, targets, bloc (the participants and their allies). level:
    lines that state how many agreements a year there are."""
    participants, rivals = roles["participants"], roles["targets"]
    outside = [code for code in codes if code not in {*participants, *rivals}]
    groups = {"participants": participants, "targets": rivals, "others": outside}
    groups = {group: members for group, members in groups.items() if members}
    unaligned = [code for code in codes if code not in {*roles["bloc"], *rivals}]
    readers = {"bloc": roles["bloc"], "targets": rivals, "others": unaligned}
    days = (case.last_day - case.signal_date).days
    windows = [str(window) for window in WINDOWS if window < days - SHORTEST_REST]
    windows.append(str(days))
    signal = f"the signal of {', '.join(case.participants)}"
    question = f"Which accords of others did {signal} call forth?"
    tables = []
    for table in COLUMNS:
        path = f"{name}/{table}.csv"
        if path in files:
            digest = hashlib.sha256(files[path].encode()).hexdigest()
            tables += [f"{table}:", f'  - {{table: {path}, sha256: "{digest}"}}']
    targets = f", targets: {_list(rivals)}" if rivals else ""
    audiences = []
    for audience, members in readers.items():
        attention = ATTENTION_OF_OTHERS if audience == "others" else 1.0
        if members:
            audiences += [f"  {audience}:", f"    members: {_list(members)}"]
            audiences.append(f"    attention: {{default: {short(attention)}}}")

    def block(lines: Iterable[str]) -> str:
        return "".join(f"{line}\n" for line in lines)

    fields = [
        f"id: {SIGNAL}, date: {case.signal_date}, kind: {case.event_kind}",
        f"label: {_text(case.label)}, visibility: {short(case.visibility)}",
        f"principals: {_list(participants)}{targets}",
        f"source: {_text(f'Table of cases, {case.case_id}')}",
    ]
    event = f"  - {{{', '.join(fields)}}}"
    source = f"Tables beside this file, each row with its source. Case: {case.case_id}"
    notice = " ".join(notes) or "Nothing is missing that the rules ask for."
    start, end = case.signal_date - timedelta(days=1), case.last_day + timedelta(days=1)
    months = f"{case.window_months} months after it, and a day"
    return f"""\
# {_plain(case.label)}, {case.signal_date}. Case {_plain(case.case_id)}.
# Built from its row and the public series by `balance-sim evidence case`; the rules and
# the columns: docs/cases.md. Nothing dated on or after the day of the signal is an
# input.
schema: 1
title: {_text(case.label)}
question: {_text(question)}
source: {_text(source)}
notes: {_text(notice)}
start: {start}    # the day before the signal
end: {end}      # {months}
step_days: 7
focal: {SIGNAL}
{block(level)}
{block(tables)}
# targets: rivalry, claim, war or recent militarised dispute with a participant on
# record.
events:
{event}

groups:
{block(f"  {group}: {_list(members)}" for group, members in groups.items())}
# bloc: the participants and who has a defence pact in force with one of them, unless a
# target. What the others heed is a guess, to be swept.
audiences:
{block(audiences)}
theory: {{preset: balance_of_threat}}

arms:
  {NO_SIGNAL}:
    title: The same years without the signal
    reference: true
    drop: [{SIGNAL}]
  {SIGNAL}:
    title: The signal is given

report:
  windows: {_list(windows)}
  groups: {_list(list(groups))}
"""


def _csv(columns: Sequence[str], rows: Sequence[Row]) -> str:
    return pd.DataFrame(rows, columns=list(columns)).to_csv(
        index=False, lineterminator="\n"
    )


def _text(value: str) -> str:
    """A double-quoted YAML scalar: JSON's form is one."""
    return json.dumps(" ".join(value.split())[:9_000], ensure_ascii=False)


def _plain(value: str) -> str:
    return " ".join(value.split())[:90]


def _list(items: Sequence[str]) -> str:
    return f"[{', '.join(items)}]"
