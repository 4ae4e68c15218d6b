"""Tables of a page: what stands under each figure, and what a report says besides them,
as rows of words.

The templates call them by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from balance_sim.scenario.defaults import parameter_table
from balance_sim.scenario.setter import value_at
from balance_sim.show import wording as say
from balance_sim.show.headline import ROWS, direction_table
from balance_sim.study.export import harmless_frame
from balance_sim.study.store import Store
from balance_sim.study.sweep_result import SweepResult

if TYPE_CHECKING:
    from balance_sim.scenario.schema import Scenario
    from balance_sim.show.figures.style import FigureSpec
    from balance_sim.study.manifest import Manifest
    from balance_sim.study.result import Result

type Rows = list[list[str]]

MOST_ROWS = 30
DIGITS = 4


HEADS = {
    "name_a": "state",
    "name_b": "with",
    "words": "value (95 % CI)",
    "p": "placebo p",
}
"""Heads of columns whose names say too little."""


def shown(figure: FigureSpec, table: pd.DataFrame) -> dict[str, Any]:
    """The numbers of a figure in the form of the page: heads, rows (at most MOST_ROWS),
    which columns are numeric, how many rows there are in all (count), and all of them
    to download (link, file)."""
    read = download = table
    if len(table):
        rows = figure.rows(table)
        read = figure.rows_read(_columns(rows, figure.columns)).head(MOST_ROWS)
        download = _columns(rows, figure.download)
    heads = [HEADS.get(str(name), str(name)) for name in read.columns]
    return {
        "heads": [head.replace("_", " ") for head in heads],
        "rows": [
            [cell(value) for value in row] for row in read.itertuples(index=False)
        ],
        "numeric": [_is_numeric(column) for _, column in read.items()],
        "count": len(download),
        "link": data_uri(download),
        "file": f"{figure.name}.csv",
    }


def _columns(table: pd.DataFrame, names: str) -> pd.DataFrame:
    return table[names.split()] if names else table


def _is_numeric(column: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column) and column.dtype != bool)


def cell(value: object) -> str:
    """A value as it is read: numbers with four digits, a dash where there is none."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if not isinstance(value, float | np.floating):
        return str(value)
    text = f"{float(value):.{DIGITS}g}" if np.isfinite(value) else "-"
    return "0" if text != "-" and float(text) == 0 else text


def data_uri(table: pd.DataFrame) -> str:
    """The whole table as CSV in a link: numbers with four digits, yes and no as 1 and
    0, no cell a formula."""
    rounded = harmless_frame(table)
    for column in rounded.select_dtypes("float"):
        values = rounded[column]
        rounded[column] = [
            f"{float(f'{v:.4g}') + 0.0:.10g}" if np.isfinite(v) else "" for v in values
        ]
    for column in rounded.select_dtypes("bool"):
        rounded[column] = rounded[column].astype(int)
    text = rounded.to_csv(index=False, lineterminator="\n")
    return "data:text/csv;charset=utf-8," + quote(text, safe=",.:-_ ")


def scheduled_rows(result: Result) -> Rows:
    """Agreements whose date was fixed beforehand: dyad, name, type, stage, date."""
    names = say.state_names(result.scenario)
    return [
        [
            say.dyad_name(names, row["a"], row["b"]),
            *(str(row[key]) for key in ("name", "kind", "stage", "date")),
        ]
        for row in result.scheduled.to_dict("records")
    ]


def agreement_rows(result: Result, arms: Sequence[str]) -> Rows:
    """Per arm and direction: expected number, effect, CI, Monte Carlo standard error;
    the longest window."""
    rows = []
    for row in direction_table(result, arms).to_dict("records"):
        told = (
            ["control", "", ""]
            if row["arm"] == result.reference
            else say.effect_cells(row)
        )
        title, way = (
            say.arm_title(result.scenario, str(row["arm"])),
            ROWS[str(row["direction"])],
        )
        rows.append([title, way, say.number(float(row["mean"]), 2), *told])
    return rows


def own_rows(result: Result) -> Rows:
    """Of each outcome of the user's own and arm: level, effect, CI, Monte Carlo
    standard error."""
    effects = {
        (row["outcome"], row["arm"]): row for row in result.effects.to_dict("records")
    }
    rows = []
    for level in result.levels[result.levels["outcome"].str.startswith("own_")].to_dict(
        "records"
    ):
        name, arm = level["outcome"], level["arm"]
        found = effects.get((name, arm))
        cells = [
            "control" if found is None else "not known: missing in some replications",
            "",
            "",
        ]
        if found is not None and np.isfinite(found["mean"]):
            cells = say.effect_cells(found)
        front = [
            say.capital(say.outcome_words(name)),
            say.arm_title(result.scenario, arm),
        ]
        rows.append([*front, say.number(level["mean"], 2), *cells])
    return sorted(rows, key=lambda row: row[0])


def own_meanings(result: Result) -> list[str]:
    """What each outcome of the user's own is, in its author's words."""
    told = result.codebook[result.codebook["outcome"].str.startswith("own_")]
    return [
        f"{say.capital(say.outcome_words(row['outcome']))}: {say.printable(row['meaning'])}"
        for row in told.to_dict("records")
    ]


def arm_rows(scenario: Scenario, arms: tuple[str, ...]) -> Rows:
    """Name, title, and what an arm changes."""
    of = {name: scenario.arms[name] for name in arms}
    return [
        [
            say.arm_words(name),
            arm.title,
            changes(arm.drop, [(one.id, one.date) for one in arm.add], arm.set),
        ]
        for name, arm in of.items()
    ]


def changes(
    drop: Iterable[object],
    added: Iterable[tuple[object, object]],
    values: Mapping[str, object],
) -> str:
    """What an arm changes of the scenario. added: events with their dates; values: by
    key path."""
    told = [f"without {event}" for event in drop]
    told += [f"with {event} ({date})" for event, date in added]
    told += [f"{path} = {listed(value)}" for path, value in values.items()]
    return "; ".join(told) or "nothing"


def listed(value: object) -> str:
    """A value of a scenario; of a list its members."""
    return (
        ", ".join(map(str, value)) or "none"
        if isinstance(value, list | tuple)
        else str(value)
    )


def event_rows(scenario: Scenario) -> Rows:
    """Events by date: date, kind, label, who, visibility, confidence, source."""
    rows = []
    for event in sorted(scenario.events, key=lambda event: (event.date, event.id)):
        front = [
            str(event.date),
            say.arm_words(event.kind),
            event.label or event.id,
            " ".join(event.principals),
        ]
        rows.append(
            [
                *front,
                cell(event.visibility),
                say.arm_words(event.confidence),
                event.source,
            ]
        )
    return rows


def parameter_rows(scenario: Scenario) -> Rows:
    """Every parameter with the value of this study: path, value, default where it
    differs, unit, range, source."""
    rows = []
    for row in parameter_table():
        path, used, bounds, error = (
            row[name] for name in ("path", "value", "range", "standard_error")
        )
        with suppress(LookupError):  # a scenario without, say, this type of agreement
            used = value_at(scenario, str(path))
        spread = f"{bounds[0]:g} to {bounds[1]:g}" if isinstance(bounds, list) else ""
        spread = f"s.e. {error:g}" if error is not None else spread
        other = "" if used == row["value"] else cell(row["value"])
        rows.append(
            [str(path), cell(used), other, str(row["unit"]), spread, str(row["source"])]
        )
    return rows


def state_rows(scenario: Scenario) -> Rows:
    """The roster: code, name, values, guessed columns, source."""
    rows = []
    for state in scenario.states:
        values = (
            state.gdp_bn,
            state.milex_bn,
            state.population_m,
            state.democracy,
            state.ideal_point,
        )
        cells = [cell("-" if value is None else value) for value in values]
        rows.append(
            [
                state.id,
                state.name,
                *cells,
                state.guesses.replace(";", ", "),
                state.source,
            ]
        )
    return rows


def failed_and_missing(study: Result | SweepResult) -> str:
    """What a number of replications is to be read with: nothing where all are there."""
    missing = study.missing_runs
    lost = (
        f"; {missing:,} of all that were asked for are missing, and in no number here"
        if missing
        else ""
    )
    return (f"; {len(study.failed):,} failed" if study.failed else "") + lost


def made_rows(study: Result | SweepResult) -> Rows:
    """How a run or a sweep was made, in a form that can be repeated."""
    scenario = study.scenario
    rows = [["scenario", f"{scenario.name}, sha256 {scenario.sha256}"]]
    if isinstance(study, SweepResult):
        manifest: Manifest | None = study.manifest
        of_every = "every arm and point"
        rows = [
            ["experiment", study.name],
            *rows,
            ["design", study.manifest.design.method or ""],
        ]
        rows.append(["points", f"{len(study.table.numbers()):,}"])
    else:
        manifest = (
            Store(study.folder).read_manifest() if study.folder is not None else None
        )
        of_every = "every arm"
        states, events = (
            say.plural(len(scenario.states), "state"),
            say.plural(len(scenario.events), "event"),
        )
        rows += [
            [
                "time",
                f"{scenario.start} to {scenario.end}, steps of {scenario.step_days:g} days",
            ],
            ["focal event", scenario.focal],
            [
                "roster",
                f"{states}, {say.plural(len(scenario.agreements), 'agreement')} on record, {events}",
            ],
            ["theory", scenario.theory.preset],
        ]
    versions = (
        manifest.versions[-1].programs
        if manifest is not None
        else {"balance_sim": getattr(study, "version", "")}
    )
    rows += [
        ["arms", ", ".join(study.arms)],
        ["replications", f"{study.runs:,} of {of_every}{failed_and_missing(study)}"],
        ["seed", str(study.seed)],
        ["digest", study.digest],
        [
            "versions",
            ", ".join(f"{name} {version}" for name, version in versions.items()),
        ],
    ]
    rows += (
        [["agents", manifest.model]]
        if manifest and manifest.model and not manifest.is_sweep
        else []
    )
    return rows + (
        [["command", manifest.command]] if manifest and manifest.command else []
    )
