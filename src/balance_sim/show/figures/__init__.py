"""Figures: each a table that is computed and tested, and a function that draws it; here
all of them, by study."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from balance_sim import registry
from balance_sim.evidence.forecast import figures as scores
from balance_sim.evidence.forecast.score import ScoredForecasts
from balance_sim.evidence.goodness import figures as gof
from balance_sim.evidence.goodness.comparison import GoodnessOfFit
from balance_sim.games import figures as games
from balance_sim.games import strategy_figures as strategies
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
from balance_sim.study.result import Result
from balance_sim.study.sweep_result import SweepResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from balance_sim.effects.result import AnalysedResult
    from balance_sim.games.keep import PlayedGame
    from balance_sim.show.plots import Comparison

    type Study = (
        AnalysedResult
        | SweepResult
        | Comparison
        | ScoredForecasts
        | GoodnessOfFit
        | PlayedGame
    )


MOST_OWN = 6
"""Outcomes of the user's own that have a figure without being asked for."""


def _named(*figures: FigureSpec) -> dict[str, FigureSpec]:
    return {one.name: one for one in figures}


FIGURES = _named(
    counts.draw_fan,
    effects.draw_arms,
    effects.draw_placebos,
    effects.draw_uncertainty,
    effects.draw_difference,
    counts.draw_outcomes,
    world.draw_map,
    dyads.draw_dyads,
    dyads.draw_network,
    explained.draw_attribution,
    explained.draw_timeline,
    relations.draw_relations,
    effects.draw_convergence,
)
SWEEP_FIGURES = _named(
    comparison.draw_theories,
    sweeps.draw_multiples,
    sweeps.draw_surface,
    sweeps.draw_indices,
)
COMPARISON_FIGURES = _named(
    comparison.draw_studies,
    comparison.draw_differences,
    comparison.draw_comparison_pairs,
)
SCORE_FIGURES = _named(scores.draw_scorecard, scores.draw_reliability)
GOF_FIGURES = _named(gof.draw_gof, gof.draw_gof_states, gof.draw_gof_residuals)
GAME_FIGURES = _named(
    strategies.draw_balance,
    games.draw_payoffs,
    strategies.draw_regret,
)
BY_STUDY = {
    Result: FIGURES,
    SweepResult: SWEEP_FIGURES,
    ScoredForecasts: SCORE_FIGURES,
    GoodnessOfFit: GOF_FIGURES,
}
"""All but those of a game, whose players have a balance sheet each."""


def is_game(study: object) -> TypeGuard[PlayedGame]:
    """Whether it is a game with what it comes to; told without importing the room of
    games for other studies."""
    return hasattr(study, "solution")


def figures_of(study: Study) -> dict[str, FigureSpec]:
    """All figures of such a study, by name."""
    if is_game(study):
        sheets = strategies.sheets(study)
        return {"balance": sheets["balance"]} | GAME_FIGURES | sheets
    every = next(
        (every for kind, every in BY_STUDY.items() if isinstance(study, kind)),
        COMPARISON_FIGURES,
    )
    if isinstance(study, Result):
        return every | of_plugins(study) | _of_own_outcomes(study)
    return every


def of_plugins(result: Result) -> dict[str, FigureSpec]:
    """Figures of the plug-ins that the scenario names."""
    figures = registry.of_plugins("figures", result.scenario.plugins)
    return {name: spec for room in figures.values() for name, spec in room.items()}


def _of_own_outcomes(result: Result) -> dict[str, FigureSpec]:
    """How the first few outcomes of the user's own are spread over replications."""
    names = [name for name in result.by_run.names if distributions.is_own(name)][
        :MOST_OWN
    ]
    return _named(*(distributions.spread_of(result, name, "ecdf") for name in names))


def catalogue() -> list[str]:
    """All figures there are by what they are of, a line each with what it answers, and
    the kinds for any outcome."""
    of = {
        "run": FIGURES,
        "sweep": SWEEP_FIGURES,
        "game": GAME_FIGURES,
        "several results": COMPARISON_FIGURES,
        "hindcast or score": SCORE_FIGURES,
        "gof": GOF_FIGURES,
    }
    lines = []
    for what, figures in of.items():
        lines += [
            f"Of {what}:",
            *(f"  {name:<16}{one.question}" for name, one in figures.items()),
            "",
        ]
    lines += ["Of any outcome, `plot RESULTS --outcome NAME --kind KIND`:"]
    lines += [
        f"  {name:<16}{words[:1].upper()}{words[1:]}."
        for name, words in distributions.KINDS.items()
    ]
    return [
        *lines,
        "",
        "Of a dyad, `plot RESULTS --pair JPN-AUS`: when it first signs.",
    ]


def fitting(study: Study) -> dict[str, FigureSpec]:
    """Those that this study has something to show in."""
    return {
        name: figure for name, figure in figures_of(study).items() if figure.fits(study)
    }


def words_of(figure: Figure) -> str:
    """The finding that stands on a figure, in one line; of an empty one, why there is
    none."""
    title = figure.get_suptitle()
    if not title:
        texts = [text.get_text() for axes in figure.axes for text in axes.texts]
        title = next((text for text in texts if text), "")
    return " ".join(title.replace("\u00a0", " ").split())
