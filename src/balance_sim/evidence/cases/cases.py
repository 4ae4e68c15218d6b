"""A case from history becomes a scenario: one row of a table of cases, and the series at the case's date.

The rules by which a row and the series become a scenario are in docs/cases.md; they are the same for every
case and none was chosen by what happened afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

from balance_sim.evidence.cases.case_table import Case, case_of
from balance_sim.evidence.cases.cases_accords import accord_rows
from balance_sim.evidence.cases.cases_data import Actor, Series, actor, is_state_in
from balance_sim.evidence.cases.cases_pairs import dispute_rows, distance_rows
from balance_sim.evidence.cases.cases_states import Row, short, state_rows
from balance_sim.evidence.cases.cases_text import scenario_files
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.relations import relation_rows
from balance_sim.evidence.estimation.calibration import FEWEST
from balance_sim.evidence.estimation.choices import years_before
from balance_sim.scenario.actors import IDENTIFIER

RECORD_YEARS = 20
"""Years of agreements from which a case's level is counted, or its calibration made."""


def build_case(
    case: Case | Mapping[str, str], data_dir: Path | str, name: str, base_rate: float | None = None
) -> dict[str, str]:
    """The files of a scenario, by their path beside NAME.yaml: NAME.yaml itself and NAME/*.csv.

    case: a row of the table of cases, read or as text by column. data_dir: folder of the series, under the
    names that evidence.data_files.FILES lists; only the capabilities must be there. base_rate: agreements a year, in
    place of what the series say of the level. Nothing dated on or after the signal is read into the scenario. Raises
    DataError."""
    return built_case(case, data_dir, name, base_rate)[0]


def built_case(
    case: Case | Mapping[str, str], data_dir: Path | str, name: str, base_rate: float | None = None
) -> tuple[dict[str, str], date | None]:
    """The same files, and the day before which the record is complete, where it is long enough for a calibration: then
    the scenario names NAME/calibration.yaml, which is still to be written."""
    if not isinstance(case, Case):
        case = case_of(dict(case), None, None)
    if not IDENTIFIER.fullmatch(name):
        raise DataError(
            "this is no name for a scenario", "Take letters, digits, _ and -, up to 64 of them", value=name
        )
    series = Series(data_dir)
    actors, left_out = cast(case)
    accords = accord_rows(series, actors, case.participants, case.signal_date)
    states = state_rows(series, actors, case.signal_date, accords)
    disputes = dispute_rows(series, actors, case.signal_date)
    distances, by_capitals = distance_rows(series, actors, case.signal_date)
    tables = {
        "states": states,
        "disputes": disputes,
        "no_relations": relation_rows(series, actors, case.signal_date),
        "distances": distances,
        "accords": accords,
    }
    present = {one.code for one in actors}
    targets = targets_of(disputes, case.participants, present)
    notes = [*left_out, *series.notes, *_gaps(series, case, states, by_capitals)]
    roles = {
        "participants": sorted({*case.participants} & present),
        "targets": targets,
        "bloc": allied_with(accords, case.participants, present - {*targets}),
    }
    level, until = level_of(series, accords, case.signal_date - timedelta(days=1), name, base_rate)
    return scenario_files(case, name, tables, roles, notes, level), until


def level_of(
    series: Series, accords: Sequence[Row], start: date, name: str, given: float | None
) -> tuple[list[str], date | None]:
    """Lines that state the level: agreements between two of the states in the twenty years before the start, or before
    the end of the series of agreements, and the day on which the record ends if they are enough for a calibration."""
    if given is not None:
        return [f"base_rate: {short(given)}    # agreements a year, as given to `balance-sim new`"], None
    read = series.read("accords")
    last = read.report.last_year if read is not None else None
    until = min(start, date(last + 1, 1, 1)) if last is not None else start
    days = [
        date.fromisoformat(row["signed"])
        for row in accords
        if row["multilateral"] == "false" and row["signed"]
    ]
    count = sum(years_before(until, RECORD_YEARS) <= day < until for day in days)
    said = f"{count} agreements between two of these states are dated in the twenty years before {until}"
    if count >= FEWEST:
        more = f" --until {until}" if until != start else ""
        return [f"# {said}.", f"# Written by `balance-sim calibrate {name}.yaml{more}`.",
                f"calibration: {name}/calibration.yaml"], until  # fmt: skip
    if count:
        return [f"# {said}, too few for a calibration.", f"base_rate: {short(count / RECORD_YEARS)}"], None
    return [
        f"# {said}: the level is that of the shipped intercepts. `base_rate: 2` would set it, agreements a year."
    ], None


def cast(case: Case) -> tuple[list[Actor], list[str]]:
    """The states of the case, sorted by code, and why others are left out.

    A state that was none in the year of the signal cannot be in a scenario that starts then."""
    on, found = case.signal_date, dict[str, Actor]()
    why = [f"Left out: {name} is no state." for name in case.organisations]

    def refused(message: str, hint: str, column: str, value: str) -> DataError:
        return DataError(message, hint, case.path, case.line, column, value)

    for code in (*case.participants, *case.observers):
        reason = is_state_in(code, (on - timedelta(days=1)).year)
        one = actor(code, on) if reason is None else None
        if one is None:
            why.append(f"Left out: {reason or f'`{code}` has no COW number'}.")
            continue
        same = [other.code for other in found.values() if other.iso3 == one.iso3]
        if same:
            column = "participants" if code in case.participants else "observers"
            raise refused(f"{same[0]} and {code} are one state", "Name it once", column, code)
        found[code] = one
    missing = [code for code in case.participants if code not in found]
    if missing:
        reason = is_state_in(missing[0], (on - timedelta(days=1)).year) or f"`{missing[0]}` has no COW number"
        hint = "Correct the code or the date"
        raise refused(f"a participant was no state at the time: {reason}", hint, "participants", missing[0])
    if len(found) < 3:
        detail = f" ({'; '.join(why)[:300]})" if why else ""
        raise refused(
            f"three states that were there at the time are needed, participants and observers{detail}",
            "Name more observers",
            "observers",
            ";".join(case.observers),
        )
    return [found[code] for code in sorted(found)], why


def targets_of(disputes: Sequence[Row], participants: Sequence[str], present: set[str]) -> list[str]:
    """States, not participants, with a rivalry, claim, recent dispute or war with a participant on record."""
    pairs = [{row["a"], row["b"]} for row in disputes]
    hit = {code for pair in pairs if pair & {*participants} for code in pair}
    return sorted((hit & present) - {*participants})


def allied_with(accords: Sequence[Row], participants: Sequence[str], present: set[str]) -> list[str]:
    """The participants and, of `present`, those with a defence pact in force with one of them."""
    pacts = [
        {row["a"], row["b"]}
        for row in accords
        if row["kind"] == "defence_pact" and row["status"] == "in_force"
    ]
    allies = {code for pair in pacts if pair & {*participants} for code in pair}
    return sorted((allies | {*participants}) & present)


def _gaps(series: Series, case: Case, states: Sequence[Row], by_capitals: int) -> list[str]:
    """What the scenario lacks, in words."""
    notes = []
    for name, what in (
        ("rivalry", "Rivalries"),
        ("claims", "Territorial claims"),
        ("disputes", "Militarised disputes and wars"),
        ("atop", "ATOP alliances"),
        ("cow_alliances", "COW alliances"),
        ("accords", "Defence cooperation agreements (DCAD)"),
    ):
        read = series.read(name)
        last = read.report.last_year if read is not None else None
        if last is not None and last < case.signal_date.year - 1:
            notes.append(f"{what} are on record to {last}; what went on then is taken to go on.")
    for field in ("democracy", "ideal_point"):
        missing = [row["id"] for row in states if not row[field]]
        if len(missing) == len(states):
            notes.append(f"{field}: missing for all states; no pair differs in it.")
        elif missing:
            who = ", ".join(missing)
            notes.append(f"{field}: missing for {who}; their pairs take the mean of the others.")
    notes += _capability_notes(states, case.signal_date.year)
    if by_capitals:
        notes.append(f"{by_capitals} pairs without a minimum distance: between capitals.")
    return notes


def _capability_notes(states: Sequence[Row], year: int) -> list[str]:
    """States whose capability is of another year than the one before the signal, or of no series."""
    notes = []
    for row in states:
        found = re.search(r"COW NMC (\d{4})", row["source"])
        if found is None:
            notes.append(f"Capability of {row['id']}: in no series; the least of the other states stands in.")
        elif int(found[1]) != year - 1:
            notes.append(f"Capability of {row['id']} is that of {found[1]}.")
    return notes
