"""What each page of the core says besides its figures: of a run, a sweep, several
studies side by side.

A page is a template and its content, a dictionary. The templates hold no arithmetic;
figures are added by `report.report_html`. A room of
the upper storey brings its own pages (`StudyType.page`) and sections of a run's page
(`Section`).
"""

from __future__ import annotations

from typing import Any

from balance_sim import registry
from balance_sim.effects.compare import DifferingInput
from balance_sim.effects.result import AnalysedResult
from balance_sim.scenario.diagnostics import shown
from balance_sim.show import comparison
from balance_sim.show import wording as say
from balance_sim.show.comparison import Comparison
from balance_sim.show.figures.comparison import studies_table, studies_title
from balance_sim.show.figures.sweeps import sweep_finding
from balance_sim.show.headline import (
    agreement_rows,
    doubts_of,
    effort_rows,
    exercise_rows,
    exercise_words,
    finding,
    headline_rows,
    how_sure,
    known_words,
    own_rows,
)
from balance_sim.show.report import tables
from balance_sim.show.report.tables import Rows
from balance_sim.show.study_types import Content, registered_type
from balance_sim.study.sweep_result import SweepResult

MOST_LETTERS = 160


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
    sections = [section(result) for section in registry.parts("section").values()]
    names, scheduled = say.state_names(result.scenario), result.scheduled
    dyads = zip(scheduled["a"], scheduled["b"], strict=True)
    scheduled = scheduled.assign(dyad=[say.dyad_name(names, *dyad) for dyad in dyads])
    content: Content = {
        "title": say.printable(result.scenario.title),
        "result": result,
        "scenario": result.scenario,
        "answer": finding(result),
        "agreements": [],
        "effort": [],
        "exercises": [],
        "own": [],
        "sections": list(filter(None, sections)),
        "scheduled": scheduled.to_dict("records"),
        "rows": [],
        "known": "",
        "doubts": [],
        "sure": [],
    }
    if result.headline is not None:
        content |= {
            "rows": headline_rows(result.headline),
            "doubts": doubts_of(result),
            "known": known_words(result.headline),
        }
    if result.finished:
        content |= {
            "agreements": agreement_rows(result),
            "effort": effort_rows(result),
            "exercises": exercise_rows(result),
            "exercise_words": exercise_words(),
            "own": own_rows(result),
            "sure": how_sure(result),
        }
    return content


# -- a sweep ---------------------------------------------------------------------------


def _sweep(sweep: SweepResult) -> Content:
    """Return what the page of a sweep says. The answer speaks of the headline arm and
    outcome, as the figures do, whose tables have every point."""
    title = sweep.manifest.design.title or sweep.name
    question = f"{sweep.scenario.title.rstrip('.')}. {sweep.question}"
    return {
        "sweep": sweep,
        "title": say.printable(str(title)),
        "question": say.printable(question),
        "answer": sweep_finding(sweep),
        "values": {path: list(sweep.points[path].unique()) for path in sweep.paths},
    }


# -- several studies -------------------------------------------------------------------


def _comparison(several: Comparison) -> Content:
    """Return what the page of several studies says.

    Of exactly two there are also the tables of `compare`: outcomes by direction or by
    arm, and the dyads that differ most.
    """
    names, studies, pair = several.names, several.studies, several.comparison
    titles = dict.fromkeys(say.printable(study.scenario.title) for study in studies)
    inputs = [
        (f"{name}, against {names[0]}", _input_rows(differing))
        for name, differing in zip(names[1:], several.differences, strict=True)
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
        "title": say.listed(names),
        "question": "; ".join(titles),
        "answer": answer,
        "inputs": inputs,
        "outcomes": outcomes,
        "dyads": dyads,
        "made": list(zip(names, origins, strict=True)),
        "failed": [failure for study in studies for failure in study.failed],
    }


def _input_rows(differing: list[DifferingInput]) -> Rows:
    """Return key path, left, right of the inputs that differ."""
    return [[path, _side(left), _side(right)] for path, left, right in differing]


def _side(value: object) -> str:
    """Return what one side has of an input."""
    return "not there" if value is None else shown(value, MOST_LETTERS)
