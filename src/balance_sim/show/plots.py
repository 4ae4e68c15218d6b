"""Studies as figures and reports take them: what texts name, and the figures of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.effects.compare import open_side, parse_side
from balance_sim.effects.result import AnalysedResult
from balance_sim.scenario.diagnostics import did_you_mean, listed
from balance_sim.scenario.errors import WrongRequest
from balance_sim.show.comparison import Comparison
from balance_sim.show.figures import figures_of, fitting
from balance_sim.show.figures.distributions import spread_of
from balance_sim.show.figures.style import FigureSpec
from balance_sim.show.save import save_drawn
from balance_sim.show.study_types import registered_type, type_named_by
from balance_sim.study.result import Result
from balance_sim.study.sweep_result import SweepResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def open_study(texts: Sequence[str]) -> Any:
    """Return the study that texts name.

    Parameters
    ----------
    texts : one of a run, a sweep, FOLDER@point of one, or a study of a type that is
        registered; several, or FOLDER:arm, are put side by side

    Raises
    ------
    WrongRequest : where there is nothing of the kind
    DataError : for a file that is not what its name says
    """
    if len(texts) > 1:
        return Comparison.of(texts)
    study_type = type_named_by(Path(texts[0]))
    if study_type is not None:
        return study_type.read(Path(texts[0]))
    side = parse_side(texts[0])
    if side.arm is not None:
        raise WrongRequest(
            f"{side.text} names one arm: give the folder, or two sides to compare"
        )
    return open_side(side)


def open_run_or_sweep(folder: Path) -> AnalysedResult | SweepResult:
    """Return the run or the sweep in a folder.

    Raises
    ------
    WrongRequest : where there is none, or a study of another type
    """
    study = open_study([str(folder)])
    if not isinstance(study, AnalysedResult | SweepResult):
        title = registered_type(study).title
        raise WrongRequest(f"{folder} holds a {title}: draw it with plot or report")
    return study


def save_figures(
    study: Any, folder: Path, names: Iterable[str] | None = None
) -> list[Path]:
    """Draw the figures named, or all that fit, into `folder`/figures; return the paths.

    Raises
    ------
    WrongRequest : where a study has nothing to show in one that is named
    CannotWrite : from the folder
    """
    figures = figures_of(study)
    chosen = fitting(study) if names is None else dict.fromkeys(names)
    drawn = {name: figures[name].draw(study, table) for name, table in chosen.items()}
    return save_drawn(drawn, folder)


def outcome_figure(study: Any, outcome: str) -> FigureSpec:
    """Return the figure of one outcome of a run or a sweep.

    Raises
    ------
    WrongRequest : where there is no such outcome
    """
    if not isinstance(study, Result | SweepResult):
        raise WrongRequest("--outcome is of one results folder of `run` or `sweep`")
    return spread_of(study, outcome)


def plot(study: Any, name: str | None = None, *, outcome: str | None = None) -> Figure:
    """Return a figure of results, as `balance-sim plot` draws it; a notebook shows it.

    Parameters
    ----------
    study : what `run`, `sweep` or `open_result` give, a results folder, or a list of
        several folders side by side
    name : of the figure, one of `balance-sim plot --list`; if not given, the first one,
        of a run the fan chart
    outcome : draws how this outcome is spread instead, whichever it is; of a sweep the
        effect on it by factor

    Returns
    -------
    A `matplotlib.figure.Figure`, which has `savefig`

    Raises
    ------
    WrongRequest : where there is no such figure or outcome, or nothing to show

    Examples
    --------
    >>> import balance_sim as bs
    >>> scenario = bs.load_scenario("experiments/smoke/five_states.yaml")
    >>> result = bs.run(scenario, runs=4, seed=1)
    >>> len(bs.plot(result, "arms").axes)
    1
    """
    if isinstance(study, str | Path):
        study = open_study([str(study)])
    elif isinstance(study, list | tuple):
        study = open_study([str(folder) for folder in study])
    if outcome is not None:
        if name is not None:
            raise WrongRequest("a figure is named, or an outcome is given: not both")
        return outcome_figure(study, outcome).draw(study)
    figures = figures_of(study)
    chosen = next(iter(figures)) if name is None else name
    refuse_unknown(chosen, figures)
    return figures[chosen].draw(study)


def refuse_unknown(name: str, figures: Iterable[str]) -> None:
    """Raise WrongRequest where a name is of none of the figures of a study."""
    names = list(figures)
    if name not in names:
        advice = did_you_mean(name, names) or f"there are: {listed(names, 40)}"
        raise WrongRequest(f"no figure `{name}` of such a study; {advice}")


def is_results(text: str) -> bool:
    """Return whether a text names something that figures can be made of."""
    has_manifest = (parse_side(text).folder / "manifest.json").exists()
    return has_manifest or type_named_by(Path(text)) is not None


def home_of(texts: Sequence[str]) -> Path:
    """Return the folder that figures and reports of what the texts name go into if none
    is given."""
    last, side = Path(texts[-1]), parse_side(texts[-1])
    if len(texts) > 1:
        return side.folder / "comparison"
    if last.is_file():
        return last.parent
    return side.folder if side.point is None else side.folder / f"point-{side.point}"
