"""A game as a type of study: how its folder is read, its figures, its page."""

from __future__ import annotations

from pathlib import Path

from balance_sim.games import figures, strategy_figures
from balance_sim.games.keep import PlayedGame, open_played
from balance_sim.games.report import game_page
from balance_sim.show.study_types import Figures, StudyType
from balance_sim.study.store import Store

FIGURES = {
    figure.name: figure
    for figure in (
        strategy_figures.draw_balance,
        figures.draw_payoffs,
        strategy_figures.draw_regret,
    )
}


def _figures(played: PlayedGame) -> Figures:
    """All figures of a game: its players have a balance sheet each."""
    sheets = strategy_figures.sheets(played)
    return {"balance": sheets["balance"]} | FIGURES | sheets


def _is_folder(path: Path) -> bool:
    if not (path / "manifest.json").is_file():
        return False
    manifest = Store(path).read_manifest()
    return manifest is not None and manifest.game is not None


GAME = StudyType(
    title="game",
    named_by=_is_folder,
    read=open_played,
    is_one=lambda study: isinstance(study, PlayedGame),
    catalogue=FIGURES,
    figures=_figures,
    page=lambda played: ("games/templates/game.html", game_page(played)),
    replications=lambda played: played.study.result,
)
