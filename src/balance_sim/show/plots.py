"""Studies as figures and reports take them: what texts name, and the figures of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.effects.compare import open_side, parse_side
from balance_sim.scenario.diagnostics import did_you_mean, listed
from balance_sim.scenario.errors import WrongRequest
from balance_sim.show.figures import figures_of, fitting
from balance_sim.show.figures.distributions import spread_of
from balance_sim.show.figures.style import FigureSpec
from balance_sim.show.save import IN_FOLDER, FileFormat, save_drawn
from balance_sim.show.study_types import type_named_by
from balance_sim.study.result import Result
from balance_sim.study.sweep_result import SweepResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def open_study(text: str) -> Any:
    """Return the study that a text names.

    Parameters
    ----------
    text : the folder of a run or a sweep, FOLDER@point of one, or what names a study of
        a type that is registered

    Raises
    ------
    WrongRequest : where there is nothing of the kind
    DataError : for a file that is not what its name says
    """
    study_type = type_named_by(Path(text))
    if study_type is not None:
        return study_type.read(Path(text))
    side = parse_side(text)
    if side.arm is not None:
        raise WrongRequest(f"{side.text} names one arm: give the folder")
    return open_side(side)


def save_figures(
    study: Any,
    folder: Path,
    names: Iterable[str] | None = None,
    formats: Iterable[FileFormat] = IN_FOLDER,
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
    return save_drawn(drawn, folder, formats)


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
    study : what `run`, `sweep` or `open_result` give, or a results folder
    name : of the figure, one of `balance-sim plot --list`; if not given, the first one,
        of a run the map
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
        study = open_study(str(study))
    if outcome is not None:
        if name is not None:
            raise WrongRequest("a figure is named, or an outcome is given: not both")
        return outcome_figure(study, outcome).draw(study)
    figures = figures_of(study)
    chosen = next(iter(fitting(study)), "") if name is None else name
    refuse_unknown(chosen, figures)
    return figures[chosen].draw(study)


def refuse_unknown(name: str, figures: Iterable[str]) -> None:
    """Raise WrongRequest where a name is of none of the figures of a study."""
    names = list(figures)
    if name not in names:
        advice = did_you_mean(str(name), names) or f"there are: {listed(names, 40)}"
        raise WrongRequest(f"no figure `{name}` of such a study; {advice}")


def home_of(text: str) -> Path:
    """Return the folder that figures and reports of what a text names go into if none
    is given."""
    side = parse_side(text)
    if Path(text).is_file():
        return Path(text).parent
    return side.folder if side.point is None else side.folder / f"point-{side.point}"
