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
        rounded[column] = [_four_digits(value) for value in rounded[column]]
    for column in rounded.select_dtypes("bool"):
        rounded[column] = rounded[column].astype(int)
    text = rounded.to_csv(index=False, lineterminator="\n")
    return "data:text/csv;charset=utf-8," + quote(text, safe=",.:-_ ")


def _four_digits(value: float) -> str:
    if not np.isfinite(value):
        return ""
    return f"{float(f'{value:.4g}') + 0.0:.10g}"


# -- a run -----------------------------------------------------------------------------


def scheduled_rows(result: Result) -> Rows:
    """Agreements whose date was fixed beforehand: dyad, name, type, stage, date."""
    names = say.state_names(result.scenario)
    rows = []
    for row in result.scheduled.to_dict("records"):
        dyad = say.dyad_name(names, row["a"], row["b"])
        cells = [str(row[key]) for key in ("name", "kind", "stage", "date")]
        rows.append([dyad, *cells])
    return rows


def agreement_rows(result: Result, arms: Sequence[str]) -> Rows:
    """Per arm and direction: expected number, effect, CI, Monte Carlo standard error;
    the longest window."""
    titles = say.arm_titles(result.scenario)
    rows = []
    for row in direction_table(result, arms).to_dict("records"):
        is_control = row["arm"] == result.reference
        effect = ["control", "", ""] if is_control else say.effect_cells(row)
        expected = say.number(float(row["mean"]), 2)
        rows.append([titles[row["arm"]], ROWS[row["direction"]], expected, *effect])
    return rows


def own_rows(result: Result) -> Rows:
    """Of each outcome of the user's own and arm: level, effect, CI, Monte Carlo
    standard error."""
    titles = say.arm_titles(result.scenario)
    effects = {
        (row["outcome"], row["arm"]): row for row in result.effects.to_dict("records")
    }
    levels = result.levels[result.levels["outcome"].str.startswith("own_")]
    rows = []
    for level in levels.to_dict("records"):
        name, arm = level["outcome"], level["arm"]
        effect = effects.get((name, arm))
        if effect is None:
            cells = ["control", "", ""]
        elif np.isfinite(effect["mean"]):
            cells = say.effect_cells(effect)
        else:
            cells = ["not known: missing in some replications", "", ""]
        words = say.capital(say.outcome_words(name))
        rows.append([words, titles[arm], say.number(level["mean"], 2), *cells])
    return sorted(rows, key=lambda row: row[0])


def own_meanings(result: Result) -> list[str]:
    """What each outcome of the user's own is, in its author's words."""
    own_names = result.codebook[result.codebook["outcome"].str.startswith("own_")]
    lines = []
    for row in own_names.to_dict("records"):
        words = say.capital(say.outcome_words(row["outcome"]))
        lines.append(f"{words}: {say.printable(row['meaning'])}")
    return lines


# -- inputs ----------------------------------------------------------------------------


def arm_rows(scenario: Scenario, arms: tuple[str, ...]) -> Rows:
    """Name, title, and what an arm changes."""
    rows = []
    for name in arms:
        arm = scenario.arms[name]
        added = [(event.id, event.date) for event in arm.add]
        change = changes(arm.drop, added, arm.set)
        rows.append([say.arm_words(name), arm.title, change])
    return rows


def changes(
    drop: Iterable[object],
    added: Iterable[tuple[object, object]],
    values: Mapping[str, object],
) -> str:
    """What an arm changes of the scenario.

    added : events with their dates
    values : by key path
    """
    pieces = [f"without {event}" for event in drop]
    pieces += [f"with {event} ({date})" for event, date in added]
    pieces += [f"{path} = {listed(value)}" for path, value in values.items()]
    return "; ".join(pieces) or "nothing"


def listed(value: object) -> str:
    """A value of a scenario; of a list its members."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def event_rows(scenario: Scenario) -> Rows:
    """Events by date: date, kind, label, who, visibility, confidence, source."""
    return [
        [
            str(event.date),
            say.arm_words(event.kind),
            event.label or event.id,
            " ".join(event.principals),
            cell(event.visibility),
            say.arm_words(event.confidence),
            event.source,
        ]
        for event in sorted(scenario.events, key=lambda event: (event.date, event.id))
    ]


def parameter_rows(scenario: Scenario) -> Rows:
    """Every parameter with the value of this study: path, value, default where it
    differs, unit, range, source."""
    rows = []
    for row in parameter_table():
        path, value = str(row["path"]), row["value"]
        with suppress(LookupError):  # a scenario without, say, this type of agreement
            value = value_at(scenario, path)
        bounds, error = row["range"], row["standard_error"]
        spread = f"{bounds[0]:g} to {bounds[1]:g}" if isinstance(bounds, list) else ""
        if error is not None:
            spread = f"s.e. {error:g}"
        default = "" if value == row["value"] else cell(row["value"])
        unit, source = str(row["unit"]), str(row["source"])
        rows.append([path, cell(value), default, unit, spread, source])
    return rows


STATE_VALUES = ("gdp_bn", "milex_bn", "population_m", "democracy", "ideal_point")


def state_rows(scenario: Scenario) -> Rows:
    """The roster: code, name, values, guessed columns, source."""
    rows = []
    for state in scenario.states:
        values = [getattr(state, name) for name in STATE_VALUES]
        cells = [cell("-" if value is None else value) for value in values]
        guesses = state.guesses.replace(";", ", ")
        rows.append([state.id, state.name, *cells, guesses, state.source])
    return rows


# -- how it was made -------------------------------------------------------------------


def failed_and_missing(study: Result | SweepResult) -> str:
    """What a number of replications is to be read with: nothing where all are there."""
    words = f"; {len(study.failed):,} failed" if study.failed else ""
    missing = study.missing_runs
    if missing:
        words += (
            f"; {missing:,} of all that were asked for are missing, and in no number "
            "here"
        )
    return words


def made_rows(study: Result | SweepResult) -> Rows:
    """How a run or a sweep was made, in a form that can be repeated."""
    scenario = study.scenario
    sha256 = ["scenario", f"{scenario.name}, sha256 {scenario.sha256}"]
    if isinstance(study, SweepResult):
        manifest: Manifest | None = study.manifest
        method = study.manifest.design.method or ""
        rows = [["experiment", study.name], sha256, ["design", method]]
        rows.append(["points", f"{len(study.table.numbers()):,}"])
        scope = "every arm and point"
    else:
        folder = study.folder
        manifest = None if folder is None else Store(folder).read_manifest()
        rows = [sha256, *_scenario_rows(scenario)]
        scope = "every arm"
    versions = {"balance_sim": getattr(study, "version", "")}
    if manifest is not None:
        versions = manifest.versions[-1].programs
    shown = ", ".join(f"{name} {number}" for name, number in versions.items())
    rows += [
        ["arms", ", ".join(study.arms)],
        ["replications", f"{study.runs:,} of {scope}{failed_and_missing(study)}"],
        ["seed", str(study.seed)],
        ["digest", study.digest],
        ["versions", shown],
    ]
    if manifest is None:
        return rows
    if manifest.model and not manifest.is_sweep:
        rows.append(["agents", manifest.model])
    if manifest.command:
        rows.append(["command", manifest.command])
    return rows


def _scenario_rows(scenario: Scenario) -> Rows:
    """What a scenario holds."""
    states = say.plural(len(scenario.states), "state")
    events = say.plural(len(scenario.events), "event")
    agreements = say.plural(len(scenario.agreements), "agreement")
    steps = f"steps of {scenario.step_days:g} days"
    return [
        ["time", f"{scenario.start} to {scenario.end}, {steps}"],
        ["focal event", scenario.focal],
        ["roster", f"{states}, {agreements} on record, {events}"],
        ["theory", scenario.theory.preset],
    ]
