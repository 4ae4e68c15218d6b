"""What each page of the core says besides its figures: of a run, a sweep, several studies
side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    import pandas as pd

MOST_INPUTS, MOST_LETTERS = 60, 160


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
    sections = sections_of(result)
    compared = [
        arm for arm in result.arms if arm in (result.reference, result.headline_arm)
    ]
    return {
        "title": say.printable(result.scenario.title),
        "result": result,
        "scenario": result.scenario,
        "answer": finding(result),
        "agreements": tables.agreement_rows(result, compared)
        if result.finished
        else [],
        "others": [arm for arm in result.arms if arm not in compared],
        "own": tables.own_rows(result) if result.finished else [],
        "sections": sections,
        "section_links": [(section.place, section.title) for section in sections],
        "sure": _sentences(result),
        "doubts": doubts(result) if result.finished else [],
    }


def _sentences(result: AnalysedResult) -> list[str]:
    """What channels and placebos say of the headline effect."""
    if not result.finished:
        return []
    sentences = [channel_words(result), placebo_words(result.placebos.tests())]
    return [sentence for sentence in sentences if sentence]


def sections_of(result: AnalysedResult) -> list[Section]:
    """The sections of a run's report that rooms of the upper storey bring."""
    found = (section(result) for section in registry.parts("section").values())
    return [section for section in found if section is not None]


def _sweep(sweep: SweepResult) -> Content:
    found, title = headline_effects(sweep), say.printable(sweep.scenario.title)
    return {
        "sweep": sweep,
        "title": say.printable(str(sweep.manifest.design.title or sweep.name)),
        "question": f"{title}{'' if title.endswith(('?', '.')) else '.'} {say.printable(sweep.question)}",
        "answer": _sweep_answer(sweep, found),
        "heads": [
            *map(say.factor_words, sweep.paths),
            "effect",
            "low",
            "high",
            "MCSE",
            "replications",
        ],
        "numeric": [False] * len(sweep.paths) + [True] * 5,
        "points": _point_rows(sweep, found),
        "count": len(found),
        "factors": _factor_rows(sweep),
    }


def _sweep_answer(sweep: SweepResult, found: pd.DataFrame) -> str:
    """The range of the effect over the points, at how many of them it can be detected,
    and which way."""
    if found.empty:
        return "No arm to compare, or no point finished, so there is nothing to report."
    sure = found[clear(found)]
    more, fewer = int((sure["mean"] > 0).sum()), int((sure["mean"] < 0).sum())
    told = (
        f" Of the detectable ones {more} are above zero and {fewer} below."
        if len(sure)
        else ""
    )
    arm, control = (
        say.arm_title(sweep.scenario, one)
        for one in (str(sweep.headline_arm), sweep.reference)
    )
    runs = f"{say.plural(sweep.runs, 'replication')} a point"
    return f"{multiples_title(multiples_table(sweep))}.{told} {arm}, relative to {control}; {runs}."


def _point_rows(sweep: SweepResult, found: pd.DataFrame) -> Rows:
    """The points with the largest and the smallest effect, in that order."""
    if found.empty:
        return []
    order = found.sort_values(["mean", "point"], ascending=[False, True], kind="stable")
    half = tables.MOST_ROWS // 2
    part = (
        order
        if len(order) <= tables.MOST_ROWS
        else order.iloc[[*range(half), *range(-half, 0)]]
    )
    columns = [*sweep.paths, "mean", "lo", "hi", "mcse", "n"]
    return [[cell(row[name]) for name in columns] for row in part.to_dict("records")]


def _factor_rows(sweep: SweepResult) -> Rows:
    """Each factor: key path, how many values, the least and the most, or the words."""
    rows = []
    for path in sweep.paths:
        distinct = sweep.points[path].unique().tolist()
        numbers = sorted(one for one in distinct if isinstance(one, int | float))
        values = [
            *numbers,
            *sorted(
                (one for one in distinct if not isinstance(one, int | float)), key=str
            ),
        ]
        ends = f"{cell(values[0])} to {cell(values[-1])}"
        rows.append(
            [
                path,
                str(len(values)),
                ", ".join(map(cell, values)) if len(values) <= 8 else ends,
            ]
        )
    return rows


def _comparison(several: Comparison) -> Content:
    names = several.names
    scenarios = dict.fromkeys(
        say.printable(study.scenario.title) for study in several.studies
    )
    title = f"{len(names)} studies side by side: {', '.join(names)}"
    return {
        "title": " and ".join(names) if len(names) == 2 else title,
        "question": "; ".join(scenarios),
        "answer": _comparison_answer(several),
        "inputs": [
            (f"{name}, against {names[0]}", input_rows(lines), len(lines))
            for name, lines in zip(names[1:], several.differences, strict=True)
        ],
        "made": [
            (name, tables.made_rows(study))
            for name, study in zip(names, several.studies, strict=True)
        ],
        "failed_count": sum(len(study.failed) for study in several.studies),
    }


def _comparison_answer(several: Comparison) -> str:
    """Two sentences: what is found, and in how many inputs the sides differ."""
    studies, differences = (
        comparison.studies_table(several),
        comparison.differences_table(several),
    )
    if len(studies):
        found = comparison.studies_title(studies)
    elif len(differences):
        found = comparison.differences_title(differences)
    else:
        found = "No outcome is in both, so there is nothing to report"
    count = [len(lines) for lines in several.differences]
    if not any(count):
        return f"{found}. The inputs are the same."
    least, most = min(count), max(count)
    values = (
        say.plural(most, "value") if least == most else f"{least:,} to {most:,} values"
    )
    return f"{found}. Their inputs differ in {values}, listed below."


def input_rows(lines: list[str]) -> Rows:
    """Key path, left, right of the inputs that differ; the number of replications and
    the versions last."""
    rows = []
    for line in lines:
        path, _, values = line.partition(": ")
        left, _, right = values.removesuffix(" right").rpartition(" left, ")
        rows.append([path, _input(left), _input(right)])
    rows.sort(
        key=lambda row: (row[0].startswith(("versions", "runs", "scenario.")), row[0])
    )
    return rows[:MOST_INPUTS]


def _input(text: str) -> str:
    text = "not there" if text == "None" else say.printable(text)
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1]  # words stand without their quotes
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}..."
