"""Studies as figures and reports take them: what texts name, and the figures of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.effects.compare import open_side, parse_side
from balance_sim.effects.result import AnalysedResult, open_result
from balance_sim.scenario.diagnostics import did_you_mean, listed
from balance_sim.scenario.errors import WrongRequest
from balance_sim.show.comparison import Comparison
from balance_sim.show.figures import figures_of, fitting
from balance_sim.show.figures.distributions import spread_of
from balance_sim.show.save import save_drawn
from balance_sim.show.study_types import registered_type, type_named_by
from balance_sim.study.result import Result
from balance_sim.study.store import Store
from balance_sim.study.sweep_result import SweepResult, open_sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from balance_sim.show.figures.style import FigureSpec


def open_study(texts: Sequence[str]) -> Any:
    """The study that texts name.

    texts : one of a run, a sweep, FOLDER@point of one, or a study of a type that is
        registered; several, or FOLDER:arm, are put side by side

    Raises
    ------
    WrongRequest : where there is nothing of the kind
    DataError : for a file that is not what its name says
    """
    if len(texts) > 1:
        for text in texts:
            alone = None if _is_folder_of_runs(text) else type_named_by(Path(text))
            if alone is not None:
                raise WrongRequest(
                    f"{text} holds a study of the type {alone.title}: these are shown "
                    "one at a time"
                )
        return Comparison.of(texts)
    text = texts[0]
    if _is_folder_of_runs(text):
        return open_run_or_sweep(Path(text))
    study_type = type_named_by(Path(text))
    if study_type is not None:
        return study_type.read(Path(text))
    side = parse_side(text)
    if side.arm is not None:
        raise WrongRequest(
            f"{text} names one arm: give the folder, or two sides to compare"
        )
    if side.point is not None:
        return open_side(side)
    return open_run_or_sweep(Path(text))


def _is_folder_of_runs(text: str) -> bool:
    """Whether a text names a folder of a run or a sweep, and not of a game."""
    if not (Path(text) / "manifest.json").is_file():
        return False
    manifest = Store(Path(text)).read_manifest()
    return manifest is not None and manifest.game is None


def open_run_or_sweep(folder: Path) -> AnalysedResult | SweepResult:
    """The run or the sweep in a folder.

    Raises
    ------
    WrongRequest : where there is none; one of another version that lacks what figures
        speak of; a game
    """
    manifest = Store(folder).read_manifest()
    if manifest is not None and manifest.game is not None:
        raise WrongRequest(
            f"{folder} holds a game, whose arms are profiles: draw it with plot or "
            "report"
        )
    if manifest is not None and manifest.is_sweep:
        return open_sweep(folder)
    result = open_result(folder)
    result.need(result.headline_outcome)
    return result


def replications_of(study: Any) -> Result | SweepResult:
    """The replications of a run, a sweep, or of a registered type that has some.

    Raises
    ------
    WrongRequest : for any other study
    """
    if isinstance(study, Result | SweepResult):
        return study
    if not isinstance(study, Comparison):
        results = registered_type(study).replications(study)
        if results is not None:
            return results
    raise WrongRequest("--outcome is of one results folder of `run`, `sweep` or `game`")


def chosen_figure(study: Any, outcome: str, kind: str | None = None) -> FigureSpec:
    """The figure of one outcome.

    Raises
    ------
    WrongRequest : where there is no such outcome or kind of figure
    """
    return spread_of(replications_of(study), outcome, kind)


def save_figures(
    study: Any, folder: Path, names: Iterable[str] | None = None
) -> list[Path]:
    """Draw the figures named, or all that fit, into `folder`/figures. The paths.

    Raises
    ------
    CannotWrite : from the folder
    """
    figures = figures_of(study)
    chosen = list(fitting(study)) if names is None else list(names)
    return save_drawn({name: figures[name].draw(study) for name in chosen}, folder)


def plot(
    study: Any,
    name: str | None = None,
    *,
    outcome: str | None = None,
    kind: str | None = None,
) -> Figure:
    """A figure of results, as `balance-sim plot` draws it; a notebook shows it.

    Parameters
    ----------
    study : what `run`, `sweep` or `open_result` give, a results folder, or a list of
        several folders side by side
    name : of the figure, one of `balance-sim plot --list`; if not given, the first one,
        of a run the fan chart
    outcome : draws this outcome instead, whichever it is
    kind : how, with `outcome`: `ecdf`, `hist`, `forest` or `fan`; `ecdf` if not given,
        of a sweep `forest`

    Returns
    -------
    A `matplotlib.figure.Figure`, which has `savefig`

    Raises
    ------
    WrongRequest : where there is no such figure, outcome or kind, or nothing to show

    Examples
    --------
    >>> import balance_sim as bs
    >>> scenario = bs.load_scenario("experiments/smoke/five_states.yaml")
    >>> result = bs.run(scenario, runs=4, seed=1)
    >>> bs.plot(result, "convergence").get_suptitle().split()[:3]
    ['After', '4', 'replications']
    """
    if isinstance(study, str | Path):
        study = open_study([str(study)])
    elif isinstance(study, list | tuple):
        study = open_study([str(folder) for folder in study])
    if outcome is not None:
        if name is not None:
            raise WrongRequest("a figure is named, or an outcome is given: not both")
        figure = chosen_figure(study, outcome, kind)
        return figure.draw(replications_of(study))
    figures = figures_of(study)
    if name is None:
        name = next(iter(figures))
    if name not in figures:
        near = did_you_mean(name, figures) or f"there are: {listed(figures, 40)}"
        raise WrongRequest(f"no figure `{name}` of such a study; {near}")
    return figures[name].draw(study)


def is_results(text: str) -> bool:
    """Whether a text names something that figures can be made of."""
    if (parse_side(text).folder / "manifest.json").exists():
        return True
    return type_named_by(Path(text)) is not None


def home_of(texts: Sequence[str]) -> Path:
    """The folder that figures and reports of what the texts name go into if none is
    given."""
    last, side = Path(texts[-1]), parse_side(texts[-1])
    if len(texts) > 1:
        return side.folder / "comparison"
    if last.is_file():
        return last.parent
    return side.folder if side.point is None else side.folder / f"point-{side.point}"
