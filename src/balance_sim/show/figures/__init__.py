"""Figures: each a table that is computed and tested, and a function that draws it; here
all of them, by type of study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from balance_sim import registry
from balance_sim.show.comparison import Comparison
from balance_sim.show.figures import (
    comparison,
    counts,
    distributions,
    dyads,
    effects,
    explained,
    relations,
    sweeps,
    world,
)
from balance_sim.show.figures.style import FigureSpec
from balance_sim.show.study_types import Figures, registered_type, registered_types
from balance_sim.study.result import Result
from balance_sim.study.sweep_result import SweepResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_OWN = 6
"""Outcomes of the user's own that have a figure without being asked for."""


def _by_name(*figures: FigureSpec) -> Figures:
    return {figure.name: figure for figure in figures}


FIGURES = _by_name(
    counts.draw_fan,
    effects.draw_arms,
    effects.draw_placebos,
    effects.draw_difference,
    counts.draw_outcomes,
    world.draw_map,
    dyads.draw_dyads,
    explained.draw_attribution,
    relations.draw_relations,
    effects.draw_convergence,
)
"""Of a run. Rooms of the upper storey have more: `run_figures`."""
SWEEP_FIGURES = _by_name(
    comparison.draw_theories,
    sweeps.draw_multiples,
    sweeps.draw_surface,
    sweeps.draw_indices,
)
COMPARISON_FIGURES = _by_name(
    comparison.draw_studies,
    comparison.draw_differences,
    comparison.draw_comparison_pairs,
)


def run_figures() -> Figures:
    """By name, the figures of a run: each that is registered stands after the one that
    its `follows` names."""
    rooms = registry.parts("run_figures").values()
    figures = list(FIGURES.values())
    for registered in rooms:
        for figure in registered.values():
            names = [second_state.name for second_state in figures]
            place = names.index(figure.follows) + 1 if figure.follows else len(names)
            figures.insert(place, figure)
    return _by_name(*figures)


def figures_of(study: Any) -> Figures:
    """By name, all figures of a study."""
    if isinstance(study, Result):
        return run_figures() | _of_own_outcomes(study)
    if isinstance(study, SweepResult):
        return SWEEP_FIGURES
    if isinstance(study, Comparison):
        return COMPARISON_FIGURES
    return registered_type(study).figures(study)


def _of_own_outcomes(result: Result) -> Figures:
    """How the first few outcomes of the user's own are spread over replications."""
    own_names = [name for name in result.by_run.names if distributions.is_own(name)]
    figures = [
        distributions.spread_of(result, name, "ecdf") for name in own_names[:MOST_OWN]
    ]
    return _by_name(*figures)


def fitting(study: Any) -> Figures:
    """By name, the figures that a study has something to show in."""
    return {
        name: figure for name, figure in figures_of(study).items() if figure.fits(study)
    }


def catalogues() -> dict[str, Figures]:
    """By type of study, the figures there are, by name."""
    core = {
        "run": run_figures(),
        "sweep": SWEEP_FIGURES,
        "several results": COMPARISON_FIGURES,
    }
    registered = {
        study_type.title: dict(study_type.catalogue)
        for study_type in registered_types()
    }
    return core | registered


def catalogue() -> list[str]:
    """All figures by the type of study they are of, a line each with what it answers,
    and the kinds for any outcome."""
    lines = []
    for title, figures in catalogues().items():
        lines.append(f"Of {title}:")
        lines += [f"  {name:<16}{figure.question}" for name, figure in figures.items()]
        lines.append("")
    lines.append("Of any outcome, `plot RESULTS --outcome NAME --kind KIND`:")
    for name, words in distributions.KINDS.items():
        lines.append(f"  {name:<16}{words[:1].upper()}{words[1:]}.")
    lines += ["", "Of a dyad, `plot RESULTS --pair JPN-AUS`: when it first signs."]
    return lines


def words_of(figure: Figure) -> str:
    """The finding that stands on a figure, in one line; of an empty one, why there is
    none."""
    title = figure.get_suptitle()
    if not title:
        texts = [text.get_text() for axes in figure.axes for text in axes.texts]
        title = next((text for text in texts if text), "")
    return " ".join(title.replace("\u00a0", " ").split())
