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
from jinja2 import Environment, StrictUndefined

from balance_sim.evidence.cases.record import (
    Pair,
    Record,
    agreement_rows,
    dispute_rows,
    distance_rows,
    pacts_in_force,
    relation_rows,
    short,
    standing_quarrels,
    state_rows,
)
from balance_sim.evidence.cases.tables import (
    Actor,
    Case,
    actor,
    is_state_in,
)
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.series import SOURCES
from balance_sim.evidence.estimation.calibration import FEWEST
from balance_sim.evidence.estimation.choices import years_before
from balance_sim.scenario.diagnostics import CONTROL, IDENTIFIER, listed
from balance_sim.scenario.files import shipped_text

RECORD_YEARS = 20
"""Years of agreements from which a case's level is counted, or its calibration made."""
COLUMNS: Mapping[str, str] = {
    "states": "id name capability democracy ideal_point latitude longitude reliability "
    "autonomy nuclear_since patrons source guesses",
    "disputes": "a b rivalry claim militarised war source x_guesses",
    "no_relations": "a b from until kind source",
    "distances": "a b km source",
    "accords": "id a b kind name status signed in_force ended precision multilateral "
    "source",
}
"""The tables of a scenario in the order in which it names them, with their columns."""
WINDOWS = (30, 90, 365)
SHORTEST_REST = 7
"""A window is left out that ends within so many days of the last one."""
ATTENTION_OF_OTHERS = 0.5
"""A guess, as in the scenario of Beijing 2025: who has no part in a quarrel with the
participants, and no pact with them, heeds their signals half as much."""
TITLES = {
    "accords": "Defence cooperation agreements (DCAD)",
    "ideal": "Ideal points",
    "democracy": "Regime types",
    "distance": "Minimum distances",
    "contiguity": "Contiguity",
    "capitals": "Capitals",
    "rivalry": "Rivalries",
    "claims": "Territorial claims",
    "disputes": "Militarised disputes and wars",
    "atop": "ATOP alliances",
    "cow_alliances": "COW alliances",
}
"""Names of the series in a scenario's notes."""
CARRIED = ("rivalry", "claims", "disputes", "atop", "cow_alliances", "accords")


def build_case(
    case: Case, data_dir: Path | str, name: str
) -> tuple[dict[str, str], date | None]:
    """The files of a scenario, by their path beside NAME.yaml: NAME.yaml itself and
    NAME/*.csv; and the day before which the record is complete, where it is long enough
    for a calibration: then the scenario names NAME/calibration.yaml, which is still to
    be written.

    data_dir: folder of the series, under the names that evidence.data lists; only the
    capabilities must be there. Nothing dated on or after the signal is read into the
    scenario. Raises DataError."""
    if not IDENTIFIER.fullmatch(name):
        raise DataError(
            "this is no name for a scenario",
            "Take letters, digits, _ and -, up to 64 of them",
            value=name,
        )
    SOURCES["capability"].require(Path(data_dir))
    actors, notes = _actors(case)
    record = Record.of(data_dir, actors, case.signal_date)
    tables, gaps = tables_of(record, case.participants)
    states, agreements = tables["states"], tables["accords"]
    notes += [
        f"The data folder has no {title}: missing throughout."
        for title in missing_series(record)
    ]
    notes += gaps
    start = case.signal_date - timedelta(days=1)
    level, until = _level(record, agreements, start, name)
    files = csv_files(tables, name)
    quarrels = standing_quarrels(record, tables["disputes"])
    participants = {*case.participants}
    targets = _beside(quarrels, participants) - participants
    allies = _beside(pacts_in_force(agreements), participants)
    roles = {"participants": participants, "targets": targets}
    roles["bloc"] = (allies | participants) - targets
    codes = states["id"].tolist()
    in_order = {
        role: [code for code in codes if code in members]
        for role, members in roles.items()
    }
    text = _yaml(case, files, in_order | {"states": codes}, notes, level)
    return {f"{name}.yaml": text, **files}, until


def tables_of(
    record: Record, participants: Sequence[str] = ()
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """The tables of a scenario by section, and in words what they lack.

    participants: codes of those whose treaty of the last month is the signal itself."""
    agreements = agreement_rows(record, participants)
    states = state_rows(record, agreements)
    distances, by_capitals = distance_rows(record)
    tables = {
        "states": states,
        "disputes": dispute_rows(record),
        "no_relations": relation_rows(record),
        "distances": distances,
        "accords": agreements,
    }
    notes = _gaps(record, states)
    if by_capitals:
        count = f"{by_capitals} pairs without a minimum distance"
        notes.append(f"{count}: between capitals.")
    return tables, notes


def csv_files(tables: Mapping[str, pd.DataFrame], name: str) -> dict[str, str]:
    """Tables with rows as text, by their path beside NAME.yaml."""
    return {
        f"{name}/{title}.csv": rows.reindex(columns=COLUMNS[title].split()).to_csv(
            index=False, lineterminator="\n"
        )
        for title, rows in tables.items()
        if len(rows)
    }


def _beside(dyads: Iterable[Pair], participants: set[str]) -> set[str]:
    """Both states of the dyads that have a participant."""
    return {code for dyad in dyads if {*dyad} & participants for code in dyad}


def _level(
    record: Record,
    agreements: pd.DataFrame,
    start: date,
    name: str,
) -> tuple[list[str], date | None]:
    """Lines that state the level: agreements between two of the states in the twenty
    years before the start, or before the end of the series of agreements, and the day
    on which the record ends if they are enough for a calibration."""
    last = record.last_year("accords")
    until = start if last is None else min(start, date(last + 1, 1, 1))
    first = years_before(until, RECORD_YEARS).isoformat()
    is_bilateral = agreements["multilateral"] == "false"
    is_recent = (agreements["signed"] >= first) & (agreements["signed"] < str(until))
    count = int((is_bilateral & is_recent).sum())
    counted = f"{count} agreements between two of these states are dated in the"
    counted = f"{counted} twenty years before {until}"
    if count >= FEWEST:
        command = f"balance-sim evidence calibrate {name}.yaml"
        if until != start:
            command += f" --until {until}"
        lines = [f"# {counted}.", f"# Written by `{command}`."]
        return [*lines, f"calibration: {name}/calibration.yaml"], until
    if count:
        return [
            f"# {counted}, too few for a calibration.",
            f"base_rate: {short(count / RECORD_YEARS)}",
        ], None
    level = "the level is that of the shipped intercepts."
    hint = "`base_rate: 2` would set it, agreements a year."
    return [f"# {counted}: {level} {hint}"], None


def _actors(case: Case) -> tuple[list[Actor], list[str]]:
    """The states of the case, sorted by code, and why others are left out.

    A state that was none in the year of the signal cannot be in a scenario that starts
    then."""
    named = {
        **dict.fromkeys(case.participants, "participants"),
        **dict.fromkeys(case.observers, "observers"),
    }
    actors: dict[str, Actor] = {}
    left_out: list[str] = []
    day_before = case.signal_date - timedelta(days=1)
    for code, column in named.items():
        reason = is_state_in(code, day_before.year)
        state = actor(code, case.signal_date)
        if state is None or reason:
            left_out.append(f"Left out: {reason or f'`{code}` has no COW number'}.")
            if column == "participants":
                raise case.refused(
                    f"a participant was no state at the time: {left_out[-1]}",
                    "Correct the code or the date",
                    column,
                    code,
                )
        elif state.iso3 in [member.iso3 for member in actors.values()]:
            raise case.refused(
                "two of the states are one", "Name it once", column, code
            )
        else:
            actors[code] = state
    if len(actors) < 3:
        raise case.refused(
            f"three states of the time are needed ({'; '.join(left_out)[:300]})",
            "Name more observers",
            "observers",
            ";".join(case.observers),
        )
    return [actors[code] for code in sorted(actors)], left_out


def missing_series(record: Record) -> list[str]:
    """Titles of the series that the folder of data lacks."""
    reports = {name: record.reads[name].report for name in TITLES}
    return [TITLES[name] for name, report in reports.items() if report.is_missing]


def _gaps(record: Record, states: pd.DataFrame) -> list[str]:
    """What the scenario lacks, in words."""
    year, notes = record.on.year, list[str]()
    for name in CARRIED:
        last = record.last_year(name)
        if last is not None and last < year - 1:
            notes.append(
                f"{TITLES[name]} are on record to {last}; what went on then is taken "
                "to go on."
            )
    for field in ("democracy", "ideal_point"):
        cells = states.reindex(columns=[field])[field]
        missing = states.loc[cells.isna(), "id"].tolist()
        if len(missing) == len(states):
            notes.append(f"{field}: missing for all states; no pair differs in it.")
        elif missing:
            notes.append(
                f"{field}: missing for {listed(missing)}; their pairs take "
                "the mean of the others."
            )
    return [*notes, *_gaps_in_capability(states, year)]


def _gaps_in_capability(states: pd.DataFrame, year: int) -> list[str]:
    """Whose capability is in no series, or that of another year, in words."""
    unknown = list[str]()
    by_year: dict[int, list[str]] = {}
    for code, source in zip(states["id"], states["source"], strict=True):
        match = re.search(r"COW NMC (\d{4})", source)
        if match is None:
            unknown.append(code)
        elif int(match[1]) != year - 1:
            by_year.setdefault(int(match[1]), []).append(code)
    notes = []
    if unknown:
        notes.append(
            f"Capability of {listed(unknown)}: in no series; the least of "
            "the other states stands in."
        )
    for of_year in sorted(by_year):
        codes = listed(by_year[of_year])
        notes.append(f"Capability of {codes} is that of {of_year}.")
    return notes


def _yaml(
    case: Case,
    files: Mapping[str, str],
    roles: Mapping[str, Sequence[str]],
    notes: Sequence[str],
    level: Sequence[str],
) -> str:
    """The text of the scenario. files: of its tables; roles: codes of the participants,
    the targets, the bloc (participants and their allies), and all states; level: lines
    that state how many agreements a year there are."""
    days = (case.last_day - case.signal_date).days
    targets = roles["targets"]

    def others(members: Sequence[str]) -> list[str]:
        """The states that are neither among these nor targets."""
        return [code for code in roles["states"] if code not in {*members, *targets}]

    participants = roles["participants"]
    groups = {
        "participants": participants,
        "targets": targets,
        "others": others(participants),
    }
    return rendered(
        "case.yaml.jinja",
        case=case,
        label=CONTROL.sub("", case.label or case.case_id),
        notes=notes,
        start=case.signal_date - timedelta(days=1),
        end=case.last_day + timedelta(days=1),
        level=level,
        tables={
            path: hashlib.sha256(content.encode()).hexdigest()
            for path, content in files.items()
        },
        participants=participants,
        targets=targets,
        groups={group: members for group, members in groups.items() if members},
        audiences={
            "bloc": roles["bloc"],
            "targets": targets,
            "others": others(roles["bloc"]),
        },
        attention={"bloc": 1.0, "targets": 1.0, "others": ATTENTION_OF_OTHERS},
        windows=[*(day for day in WINDOWS if day < days - SHORTEST_REST), days],
    )


def rendered(template: str, **values: object) -> str:
    """The text of a scenario from a template of this folder."""
    environment = Environment(
        trim_blocks=True, keep_trailing_newline=True, undefined=StrictUndefined
    )
    environment.filters.update({"quoted": _quoted, "clipped": _clipped, "short": short})
    return environment.from_string(
        shipped_text("balance_sim.evidence.cases", template)
    ).render(**values)


def _quoted(value: str) -> str:
    """A double-quoted YAML scalar: JSON's form is one."""
    return json.dumps(" ".join(value.split())[:9_000], ensure_ascii=False)


def _clipped(value: str) -> str:
    return " ".join(value.split())[:90]
