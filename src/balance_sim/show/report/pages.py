"""What each page of the core says besides its figures: of a run, and of a sweep.

A page is a template and its content, a dictionary. The templates hold no arithmetic;
figures are added by `report.report_html`. A room of
the upper storey brings its own pages (`StudyType.page`) and sections of a run's page
(`Section`).
"""

from __future__ import annotations

from typing import Any

from balance_sim import registry
from balance_sim.effects.result import AnalysedResult
from balance_sim.show import wording as say
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
from balance_sim.show.study_types import Content, registered_type
from balance_sim.study.sweep_result import SweepResult


def page_of(study: Any) -> tuple[str, Content]:
    """Return the template of a study's page, and what it is filled with but for the
    figures.

    Parameters
    ----------
    study : a run, a sweep, or a study of a registered type

    Raises
    ------
    TypeError : for anything else
    """
    if isinstance(study, AnalysedResult):
        return "run.html", _run(study)
    if isinstance(study, SweepResult):
        return "sweep.html", _sweep(study)
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
