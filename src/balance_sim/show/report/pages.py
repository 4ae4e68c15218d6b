"""What each page of the core says besides its figures: of a run, a sweep, several
studies side by side.

A page is a template and its content, a dictionary. Tables are rows of words, so that
the templates hold no arithmetic; figures are added by `report.report_html`. A room of
the upper storey brings its own pages (`StudyType.page`) and sections of a run's page
(`Section`).
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from balance_sim import registry
from balance_sim.effects.result import AnalysedResult
from balance_sim.show import comparison
from balance_sim.show import wording as say
from balance_sim.show.comparison import Comparison
from balance_sim.show.figures.comparison import studies_table, studies_title
from balance_sim.show.figures.sweeps import (
    factors_table,
    factors_title,
    headline_effects,
)
from balance_sim.show.headline import (
    agreement_rows,
    channel_words,
    doubts,
    finding,
    own_rows,
    placebo_words,
)
from balance_sim.show.report import tables
from balance_sim.show.report.tables import Rows, cell
from balance_sim.show.study_types import Content, Section, registered_type
from balance_sim.study.sweep_result import SweepResult

MOST_INPUTS, MOST_LETTERS, MOST_VALUES = 60, 160, 8


def page_of(study: Any) -> tuple[str, Content]:
    """Return the template of a study's page, and what it is filled with but for the
    figures.

    Parameters
    ----------
    study : a run, a sweep, a comparison, or a study of a registered type

    Raises
    ------
    TypeError : for anything else
    """
    if isinstance(study, AnalysedResult):
        return "run.html", _run(study)
    if isinstance(study, SweepResult):
        return "sweep.html", _sweep(study)
    if isinstance(study, Comparison):
        return "comparison.html", _comparison(study)
    return registered_type(study).page(study)


def _run(result: AnalysedResult) -> Content:
    """Return what the page of a run says.

    Where no replication finished there are no agreements, no outcomes of the user's
    own, and nothing to be sure of: the page then says so, and lists the inputs.
    """
    content: Content = {
        "title": say.printable(result.scenario.title),
        "result": result,
        "scenario": result.scenario,
        "answer": finding(result),
        "agreements": [],
        "own": [],
        "sections": sections_of(result),
        "sure": [],
        "doubts": [],
    }
    if result.finished:
        sentences = channel_words(result), placebo_words(result.placebos.tests())
        content |= {
            "agreements": agreement_rows(result),
            "own": own_rows(result),
            "sure": list(filter(None, sentences)),
            "doubts": [words for doubt in doubts(result) for words in doubt],
        }
    return content


def sections_of(result: AnalysedResult) -> list[Section]:
    """Return the sections of a run's report that rooms of the upper storey bring."""
    sections = [section(result) for section in registry.parts("section").values()]
    return [section for section in sections if section is not None]


# -- a sweep ---------------------------------------------------------------------------


def _sweep(sweep: SweepResult) -> Content:
    """Return what the page of a sweep says.

    The answer speaks of the headline arm and outcome, as the figures do; the table of
    points has a column a factor and those of the effect.
    """
    effects = headline_effects(sweep)
    answer = "No arm to compare, or no point finished, so there is nothing to report."
    if len(effects):
        arm, control = effects[["title", "control"]].iloc[0]
        runs = say.plural(sweep.runs, "replication")
        answer = (
            f"{factors_title(factors_table(sweep))}. {arm}, relative to {control}; "
            f"{runs} a point."
        )
    factors = [say.factor_words(path) for path in sweep.paths]
    title = sweep.manifest.design.title or sweep.name
    question = f"{sweep.scenario.title.rstrip('.')}. {sweep.question}"
    return {
        "sweep": sweep,
        "title": say.printable(str(title)),
        "question": say.printable(question),
        "answer": answer,
        "heads": [*factors, "effect", "low", "high", "MCSE", "replications"],
        "numeric": [False] * len(factors) + [True] * 5,
        "points": _point_rows(sweep, effects),
        "count": len(effects),
        "factors": _factor_rows(sweep),
    }


def _point_rows(sweep: SweepResult, effects: pd.DataFrame) -> Rows:
    """Return the points with the largest and the smallest effect, in that order."""
    if effects.empty:
        return []
    points = effects.sort_values("effect", ascending=False, kind="stable")
    if len(points) > tables.MOST_ROWS:
        half = tables.MOST_ROWS // 2
        points = pd.concat([points.head(half), points.tail(half)])
    columns = [*sweep.paths, "effect", "lo", "hi", "mcse", "n"]
    return [list(map(cell, row)) for row in points[columns].to_numpy(object)]


def _factor_rows(sweep: SweepResult) -> Rows:
    """Return each factor: key path, how many values, the first of them."""
    rows = []
    for path in sweep.paths:
        values = sweep.points[path].unique()
        words = ", ".join(map(cell, values[:MOST_VALUES]))
        if len(values) > MOST_VALUES:
            words += ", ..."
        rows.append([path, str(len(values)), words])
    return rows


# -- several studies -------------------------------------------------------------------


def _comparison(several: Comparison) -> Content:
    """Return what the page of several studies says.

    Of exactly two there are also the tables of `compare`: outcomes by direction or by
    arm, and the dyads that differ most.
    """
    names, studies, pair = several.names, several.studies, several.comparison
    titles = dict.fromkeys(say.printable(study.scenario.title) for study in studies)
    inputs = [
        (f"{name}, against {names[0]}", input_rows(lines), len(lines))
        for name, lines in zip(names[1:], several.differences, strict=True)
    ]
    effects = studies_table(several)
    answer = "No study has an effect of its own: see the differences below."
    if len(effects):
        answer = f"{studies_title(effects)}."
    outcomes: Rows = []
    dyads: Rows = []
    if pair is not None and len(pair.outcomes):
        outcomes = comparison.agreement_rows(pair.outcomes, several.titles)
        dyads = comparison.dyad_rows(pair.dyads, several.titles, tables.MOST_ROWS)
    origins = [tables.made_rows(study) for study in studies]
    return {
        "title": " and ".join(names) if len(names) == 2 else ", ".join(names),
        "question": "; ".join(titles),
        "answer": answer,
        "inputs": inputs,
        "outcomes": outcomes,
        "dyads": dyads,
        "made": list(zip(names, origins, strict=True)),
        "failed_count": sum(len(study.failed) for study in studies),
    }


def input_rows(lines: list[str]) -> Rows:
    """Return key path, left, right of the inputs that differ, at most MOST_INPUTS.

    Parameters
    ----------
    lines : as `compare.inputs_that_differ` has them, `path: A left, B right`
    """
    rows = []
    for line in sorted(lines):
        path, _, values = line.partition(": ")
        left, _, right = values.removesuffix(" right").rpartition(" left, ")
        rows.append([path, _input(left), _input(right)])
    return rows[:MOST_INPUTS]


def _input(value: str) -> str:
    """Return a value of an input; words stand without their quotes."""
    text = "not there" if value == "None" else say.printable(value.strip("'\""))
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}..."
