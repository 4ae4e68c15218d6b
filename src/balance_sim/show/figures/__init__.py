"""Figures: each a table that is computed and tested, and a function that draws it; here
all of them, by type of study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from balance_sim import registry
from balance_sim.show.figures import (
    at_start,
    counts,
    dyads,
    effects,
    sweeps,
    world,
)
from balance_sim.show.figures.distributions import spread_of
from balance_sim.show.figures.style import FigureSpec
from balance_sim.show.study_types import Figures, registered_type, registered_types
from balance_sim.study.result import Result
from balance_sim.study.sweep_result import SweepResult

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MOST_OWN = 6
"""Outcomes of the user's own that have a figure without being asked for."""


def _by_name(*figures: FigureSpec) -> Figures:
    return {figure.name: figure for figure in figures}


FIGURES = _by_name(
    world.draw_map,
    counts.draw_difference,
    counts.draw_worlds,
    effects.draw_arms,
    dyads.draw_dyads,
    effects.draw_placebos,
    at_start.draw_fears,
    at_start.draw_allies,
    at_start.draw_events,
)
"""Of a run, all of the core."""
SWEEP_FIGURES = _by_name(sweeps.draw_factors, sweeps.draw_indices)


def run_figures() -> Figures:
    """Return by name the figures of a run, the map first, and those that are registered
    after the headline's."""
    first = _by_name(world.draw_map, counts.draw_difference)
    return first | registry.parts("run_figures") | FIGURES


def figures_of(study: Any) -> Figures:
    """Return by name all figures of a study; of a run also how the first few outcomes
    of the user's own are spread."""
    if isinstance(study, Result):
        own = [name for name in study.by_run.names if name.startswith("own_")]
        spreads = (spread_of(study, name) for name in own[:MOST_OWN])
        return run_figures() | _by_name(*spreads)
    if isinstance(study, SweepResult):
        return SWEEP_FIGURES
    return dict(registered_type(study).figures)


def fitting(study: Any) -> dict[str, pd.DataFrame]:
    """Return by name the tables of the figures that are drawn without being asked for
    and that a study has something to show in."""
    tables = {
        name: figure.table(study)
        for name, figure in figures_of(study).items()
        if figure.is_default
    }
    return {name: table for name, table in tables.items() if len(table)}


def catalogues() -> dict[str, Figures]:
    """Return by type of study the figures there are, by name."""
    core = {"run": run_figures(), "sweep": SWEEP_FIGURES}
    return core | {room.title: dict(room.figures) for room in registered_types()}


def catalogue() -> list[str]:
    """Return all figures by the type of study they are of, a line each with what it
    answers."""
    lines = []
    for title, figures in catalogues().items():
        lines.append(f"Of {title}:")
        for name, figure in figures.items():
            when = "" if figure.is_default else " (drawn where it is named)"
            lines.append(f"  {name:<16}{figure.question}{when}")
    return [*lines, "Of any outcome: `plot RESULTS --outcome NAME`"]


def words_of(figure: Figure) -> str:
    """Return the finding that stands on a figure, in one line."""
    return " ".join(figure.get_suptitle().replace("\u00a0", " ").split())
