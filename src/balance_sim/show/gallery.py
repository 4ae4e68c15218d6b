"""Every figure of a study of one scenario: its name, what it answers, its table, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from balance_sim.evidence.scored_file import Scored
    from balance_sim.show.comparison import Comparison
    from balance_sim.study.result import Result
    from balance_sim.study.sweep_result import SweepResult

    type Study = Result | SweepResult | Comparison | Scored

HOME = "balance_sim.show.figures"


def _always(_result: object) -> bool:
    return True


def _compares(result: Result) -> bool:
    return result.headline_arm is not None


def _repeats(result: Result) -> bool:
    return _compares(result) and result.runs > 1


def _observed(result: Result) -> bool:
    return any(str(name).startswith("states_balance") for name in result.outcome_names)


def _dates_the_first(result: Result) -> bool:
    return result.outcomes.empty or "first_counter_days" in result.outcomes


def _attributed(result: Result) -> bool:
    return len(FIGURES["attribution"].table(result)) > 0


def _told(result: Result) -> bool:
    return len(FIGURES["timeline"].table(result)) > 0


@dataclass(frozen=True)
class Picture:
    """One figure. module, stem: `<stem>_table(result)` and `draw_<stem>(table)` stand in that module.

    more: further tables by name, computed from the result, that the drawing takes as keywords.
    listed: the function whose table stands for the figure's numbers in a page, where it is another.
    fits: whether the study has what the figure shows; where not, it says so in words when asked for by name."""

    name: str
    question: str
    module: str
    stem: str
    more: tuple[tuple[str, str], ...] = ()
    fits: Callable[[Any], bool] = _always
    listed: str = ""

    def table(self, result: Study) -> pd.DataFrame:
        """What the figure shows, tidy."""
        found: pd.DataFrame = getattr(self._home(), f"{self.stem}_table")(result)
        return found

    def numbers(self, result: Study, table: pd.DataFrame) -> pd.DataFrame:
        """The table to read beside the figure; `table` is the figure's own."""
        found: pd.DataFrame = getattr(self._home(), self.listed)(result) if self.listed else table
        return found

    def draw(self, result: Study, table: pd.DataFrame | None = None) -> Figure:
        """The figure; `table` where it was computed before."""
        home = self._home()
        first = self.table(result) if table is None else table
        more = {keyword: getattr(home, function)(result) for keyword, function in self.more}
        figure: Figure = getattr(home, f"draw_{self.stem}")(first, **more)
        return figure

    def __call__(self, result: Study) -> Figure:
        """The figure."""
        return self.draw(result)

    def _home(self) -> object:
        return import_module(f"{HOME}.{self.module}")


FIGURES: dict[str, Picture] = {
    picture.name: picture
    for picture in (
        Picture("fan", "How many counter-accords come, and what does the event add?", "fan", "fan",
                (("runs", "fan_runs_table"),)),
        Picture("arms", "How do the arms compare?", "arms", "arms", fits=_compares),
        Picture("difference", "How often does a run differ from its twin?", "difference", "difference", fits=_compares),
        Picture("outcomes", "How far apart are the runs of each arm?", "outcomes", "outcomes"),
        Picture("survival", "When does the first counter-accord come?", "survival", "survival",
                fits=_dates_the_first),
        Picture("map", "Where?", "worldmap", "map", (("states", "states_table"),), fits=_compares,
                listed="states_table"),
        Picture("pairs", "Which pairs of states?", "pairs", "pairs", fits=_compares),
        Picture("network", "Who had accords, and who makes new ones?", "network", "network"),
        Picture("mechanisms", "Which mechanisms of the argument hold?", "mechanisms", "mechanisms", fits=_compares),
        Picture("attribution", "Which terms own the excess?", "explained", "attribution", fits=_attributed),
        Picture("timeline", "What happens in single runs?", "explained", "timeline",
                (("steps", "timeline_steps_table"),), fits=_told, listed="timeline_steps_table"),
        Picture("relations", "How do relations with the host change?", "relations", "relations", fits=_compares),
        Picture("stances", "Which states balance, hedge, pass the buck?", "relations", "stances", fits=_observed),
        Picture("convergence", "Were there enough runs?", "convergence", "convergence", fits=_repeats),
    )
}  # fmt: skip


def fitting(result: Study, figures: dict[str, Picture] | None = None) -> dict[str, Picture]:
    """Those of the figures (of a run, if not given) that this study has something to show in."""
    every = FIGURES if figures is None else figures
    return {name: picture for name, picture in every.items() if picture.fits(result)}


def words_of(figure: Figure) -> str:
    """The finding that stands on a figure, in one line; of an empty one, why there is none."""
    title = figure.get_suptitle()
    if not title:
        texts = [text.get_text() for axes in figure.axes for text in axes.texts]
        title = next((text for text in texts if text), "")
    return " ".join(title.replace("\u00a0", " ").split())
