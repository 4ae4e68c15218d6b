"""What each page of the core says besides its figures: of a run, a sweep, several
studies side by side."""

from __future__ import annotations

from typing import Any

import pandas as pd

from balance_sim import registry
from balance_sim.effects.result import AnalysedResult
from balance_sim.show import wording as say
from balance_sim.show.comparison import Comparison
from balance_sim.show.figures import comparison
from balance_sim.show.figures.sweeps import (
    headline_effects,
    multiples_table,
    multiples_title,
)
from balance_sim.show.headline import (
    channel_words,
    clear,
    doubts,
    finding,
    placebo_words,
)
from balance_sim.show.report import tables
from balance_sim.show.report.tables import Rows, cell
from balance_sim.show.study_types import Content, Section, registered_type
from balance_sim.study.sweep_result import SweepResult

MOST_INPUTS, MOST_LETTERS, MOST_VALUES = 60, 160, 8
OF_THE_PROGRAM = ("versions", "runs", "scenario.")
"""How the paths of inputs begin that are no values of a scenario."""


def page_of(study: Any) -> tuple[str, Content]:
    """The template of a study's page, and what it is filled with but for the
    figures."""
    if isinstance(study, AnalysedResult):
        return "run.html", _run(study)
    if isinstance(study, SweepResult):
        return "sweep.html", _sweep(study)
    if isinstance(study, Comparison):
        return "comparison.html", _comparison(study)
    return registered_type(study).page(study)


def _run(result: AnalysedResult) -> Content:
    """What the page of a run says."""
    pair = (result.reference, result.headline_arm)
    compared = [arm for arm in result.arms if arm in pair]
    has_runs, sections = bool(result.finished), sections_of(result)
    return {
        "title": say.printable(result.scenario.title),
        "result": result,
        "scenario": result.scenario,
        "answer": finding(result),
        "agreements": tables.agreement_rows(result, compared) if has_runs else [],
        "others": [arm for arm in result.arms if arm not in compared],
        "own": tables.own_rows(result) if has_runs else [],
        "sections": sections,
        "section_links": [(section.place, section.title) for section in sections],
        "sure": _sentences(result) if has_runs else [],
        "doubts": doubts(result) if has_runs else [],
    }


def _sentences(result: AnalysedResult) -> list[str]:
    """What channels and placebos say of the headline effect."""
    sentences = [channel_words(result), placebo_words(result.placebos.tests())]
    return [sentence for sentence in sentences if sentence]


def sections_of(result: AnalysedResult) -> list[Section]:
    """The sections of a run's report that rooms of the upper storey bring."""
    results = [section(result) for section in registry.parts("section").values()]
    return [section for section in results if section is not None]


# -- a sweep ---------------------------------------------------------------------------


def _sweep(sweep: SweepResult) -> Content:
    """What the page of a sweep says."""
    effects = headline_effects(sweep)
    scenario = say.printable(sweep.scenario.title)
    if not scenario.endswith(("?", ".")):
        scenario += "."
    factors = [say.factor_words(path) for path in sweep.paths]
    return {
        "sweep": sweep,
        "title": say.printable(str(sweep.manifest.design.title or sweep.name)),
        "question": f"{scenario} {say.printable(sweep.question)}",
        "answer": _sweep_answer(sweep, effects),
        "heads": [*factors, "effect", "low", "high", "MCSE", "replications"],
        "numeric": [False] * len(factors) + [True] * 5,
        "points": _point_rows(sweep, effects),
        "count": len(effects),
        "factors": _factor_rows(sweep),
    }


def _sweep_answer(sweep: SweepResult, effects: pd.DataFrame) -> str:
    """The range of the effect over the points, at how many of them it can be detected,
    and which way."""
    if effects.empty:
        return "No arm to compare, or no point finished, so there is nothing to report."
    sure = effects.loc[clear(effects), "mean"]
    words = f"{multiples_title(multiples_table(sweep))}."
    if len(sure):
        suffix, fewer = int((sure > 0).sum()), int((sure < 0).sum())
        words += f" Of the detectable ones {suffix} are above zero and {fewer} below."
    arm = say.arm_title(sweep.scenario, str(sweep.headline_arm))
    control = say.arm_title(sweep.scenario, sweep.reference)
    runs = say.plural(sweep.runs, "replication")
    return f"{words} {arm}, relative to {control}; {runs} a point."


def _point_rows(sweep: SweepResult, effects: pd.DataFrame) -> Rows:
    """The points with the largest and the smallest effect, in that order."""
    if effects.empty:
        return []
    order = [False, True]
    points = effects.sort_values(["mean", "point"], ascending=order, kind="stable")
    if len(points) > tables.MOST_ROWS:
        half = tables.MOST_ROWS // 2
        points = pd.concat([points.head(half), points.tail(half)])
    columns = [*sweep.paths, "mean", "lo", "hi", "mcse", "n"]
    rows = points.to_dict("records")
    return [[cell(row[name]) for name in columns] for row in rows]


def _factor_rows(sweep: SweepResult) -> Rows:
    """Each factor: key path, how many values, the least and the most, or the words."""
    rows = []
    for path in sweep.paths:
        values = sweep.points[path].unique().tolist()
        numbers = sorted(value for value in values if isinstance(value, int | float))
        words = [value for value in values if not isinstance(value, int | float)]
        ordered = [*numbers, *sorted(words, key=str)]
        shown = f"{cell(ordered[0])} to {cell(ordered[-1])}"
        if len(ordered) <= MOST_VALUES:
            shown = ", ".join(map(cell, ordered))
        rows.append([path, str(len(ordered)), shown])
    return rows


# -- several studies -------------------------------------------------------------------


def _comparison(several: Comparison) -> Content:
    """What the page of several studies says."""
    names, studies = several.names, several.studies
    titles = dict.fromkeys(say.printable(study.scenario.title) for study in studies)
    title = f"{len(names)} studies side by side: {', '.join(names)}"
    if len(names) == 2:
        title = " and ".join(names)
    inputs = []
    for name, lines in zip(names[1:], several.differences, strict=True):
        inputs.append((f"{name}, against {names[0]}", input_rows(lines), len(lines)))
    origins = [tables.made_rows(study) for study in studies]
    return {
        "title": title,
        "question": "; ".join(titles),
        "answer": _comparison_answer(several),
        "inputs": inputs,
        "made": list(zip(names, origins, strict=True)),
        "failed_count": sum(len(study.failed) for study in studies),
    }


def _comparison_answer(several: Comparison) -> str:
    """Two sentences: the finding, and in how many inputs the sides differ."""
    studies = comparison.studies_table(several)
    differences = comparison.differences_table(several)
    words = "No outcome is in both, so there is nothing to report"
    if len(studies):
        words = comparison.studies_title(studies)
    elif len(differences):
        words = comparison.differences_title(differences)
    counts = [len(lines) for lines in several.differences]
    if not any(counts):
        return f"{words}. The inputs are the same."
    smallest, largest = min(counts), max(counts)
    values = say.plural(largest, "value")
    if smallest < largest:
        values = f"{smallest:,} to {largest:,} values"
    return f"{words}. Their inputs differ in {values}, listed below."


def input_rows(lines: list[str]) -> Rows:
    """Key path, left, right of the inputs that differ; the number of replications and
    the versions last."""
    rows = []
    for line in lines:
        path, _, values = line.partition(": ")
        left_edge, _, right = values.removesuffix(" right").rpartition(" left, ")
        rows.append([path, _input(left_edge), _input(right)])
    rows.sort(key=lambda row: (row[0].startswith(OF_THE_PROGRAM), row[0]))
    return rows[:MOST_INPUTS]


def _input(value: str) -> str:
    """A value of an input; words stand without their quotes."""
    text = "not there" if value == "None" else say.printable(value)
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}..."
