"""Every figure of a study of one scenario: its name, what it answers, its table, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from balance_sim.analysis.gof_file import GoodnessOfFit
    from balance_sim.analysis.result import AnalysedResult
    from balance_sim.evidence.forecast.score import Scored
    from balance_sim.results.sweep_result import SweepResult
    from balance_sim.show.comparison import Comparison

    type Study = AnalysedResult | SweepResult | Comparison | Scored | GoodnessOfFit

HOME = "balance_sim.show.figures"
WAITING_DAYS, WAITING_SHARE = 30, 0.25


def _always(_result: object) -> bool:
    return True


def _compares(result: AnalysedResult) -> bool:
    return result.headline_arm is not None


def _repeats(result: AnalysedResult) -> bool:
    return _compares(result) and result.runs > 1


def _ties(result: AnalysedResult) -> bool:
    """Whether filtered numbers by dyad were kept, of an arm to compare."""
    return _compares(result) and not result.dyads.empty


def _observed(result: AnalysedResult) -> bool:
    return _compares(result) and any(str(name).startswith("states_balance") for name in result.outcome_names)


def _waits(result: AnalysedResult) -> bool:
    """Whether a share of replications worth drawing goes a month without a counter-balancing agreement."""
    if "first_counter_days" not in result.by_run.names:
        return False
    frame = result.by_run.frame("first_counter_days")
    days = frame.loc[frame["arm"] == result.reference, "first_counter_days"]
    return bool((~(days <= WAITING_DAYS)).mean() >= WAITING_SHARE)


def _attributed(result: AnalysedResult) -> bool:
    return len(FIGURES["attribution"].table(result)) > 0


def _divided(result: AnalysedResult) -> bool:
    return len(FIGURES["channels"].table(result)) > 0


def _tested(result: AnalysedResult) -> bool:
    return len(FIGURES["placebos"].table(result)) > 0


def _told(result: AnalysedResult) -> bool:
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
        Picture("fan", "How many counter-balancing agreements come, and what is the event's effect?", "fan", "fan",
                (("runs", "fan_runs_table"), ("effects", "fan_effects_table")), listed="fan_effects_table"),
        Picture("arms", "How do the arms compare?", "arms", "arms", fits=_compares),
        Picture("channels", "Through which channels?", "channels", "channels", fits=_divided),
        Picture("placebos", "Is the effect larger than those of placebo events?", "placebos", "placebos", fits=_tested),
        Picture("difference", "How often does a replication differ from its control run?", "difference", "difference",
                fits=_compares),
        Picture("outcomes", "How far apart are the replications of each arm?", "outcomes", "outcomes"),
        Picture("survival", "When does the first counter-balancing agreement come?", "survival", "survival",
                fits=_waits),
        Picture("map", "Whose agreements does the event change, on a map?", "worldmap", "map",
                (("states", "states_table"),), fits=_ties, listed="states_table"),
        Picture("pairs", "Which dyads?", "pairs", "pairs", fits=_ties),
        Picture("network", "Who makes the new ties?", "network", "network", fits=_ties),
        Picture("mechanisms", "Which mechanisms of the argument hold?", "mechanisms", "mechanisms", fits=_compares),
        Picture("attribution", "Which terms make up the effect?", "explained", "attribution", fits=_attributed),
        Picture("timeline", "What happens in single replications?", "explained", "timeline",
                (("steps", "timeline_steps_table"),), fits=_told, listed="timeline_steps_table"),
        Picture("relations", "How do relations with the host change?", "relations", "relations", fits=_compares),
        Picture("stances", "Which stances does the event change?", "relations", "stances", fits=_observed),
        Picture("convergence", "Were there enough replications?", "convergence", "convergence", fits=_repeats),
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
