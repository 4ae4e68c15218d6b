"""What figures and reports are made of: a results folder, several side by side, a game,
scored forecasts, goodness of fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.effects.compare import (
    ComparedSide,
    StudyComparison,
    compare,
    inputs_that_differ,
    open_side,
    parse_side,
)
from balance_sim.effects.result import AnalysedResult, open_result
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.forecast.score import read_scored_forecasts, scored_path
from balance_sim.evidence.goodness.comparison import (
    NotGoodnessOfFit,
    gof_path,
    read_gof,
)
from balance_sim.scenario.diagnostics import did_you_mean, listed
from balance_sim.scenario.errors import WrongRequest
from balance_sim.show.figures import figures_of, fitting, is_game
from balance_sim.show.save import save_drawn
from balance_sim.show.wording import arm_words, printable
from balance_sim.study.result import Result, refuse_other_classes
from balance_sim.study.store import Store
from balance_sim.study.sweep_result import SweepResult, open_sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from balance_sim.show.figures import Study
    from balance_sim.show.figures.style import FigureSpec


@dataclass(frozen=True)
class Comparison:
    """Two studies or more. sides: as the command names them (FOLDER, FOLDER:arm,
    FOLDER@point), the first is what the others are measured against; studies: the same,
    opened."""

    sides: tuple[ComparedSide, ...]
    studies: tuple[Result | SweepResult, ...]

    @staticmethod
    def of(texts: Sequence[str]) -> Comparison:
        """Open what the texts name. Raises WrongRequest where there is nothing, fewer
        than two, or class tables that differ."""
        if len(texts) < 2:
            raise WrongRequest("a comparison takes two results folders or more")
        sides = tuple(parse_side(text) for text in texts)
        studies = tuple(open_side(side) for side in sides)
        sweeps = [
            side.text
            for side, study in zip(sides, studies, strict=True)
            if isinstance(study, SweepResult)
        ]
        if sweeps and len(sides) > 2:
            raise WrongRequest(
                f"{sweeps[0]} is a sweep: beside more than one other, name a point, {sweeps[0]}@0"
            )
        single = [study for study in studies if isinstance(study, Result)]
        if not sweeps:
            refuse_other_classes(single, [side.text for side in sides])
        return Comparison(sides, studies)

    @cached_property
    def found(self) -> StudyComparison | None:
        """Outcome by outcome and dyad by dyad, of exactly two; None of more."""
        two = len(self.sides) == 2
        return compare(self.sides[0].text, self.sides[1].text) if two else None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """A short name each, on one line: what sets them apart of theory, folder, point
        and arm."""
        folders = [side.folder.resolve().name for side in self.sides]
        theories = [arm_words(study.scenario.theory.preset) for study in self.studies]
        parts = [
            (f"@{s.point}" if s.point is not None else "")
            + (f":{s.arm}" if s.arm else "")
            for s in self.sides
        ]
        names = [side.text for side in self.sides]
        if len(set(parts)) > 1:
            names = [folder + part for folder, part in zip(folders, parts, strict=True)]
        found = next(
            (of for of in (theories, folders) if len(set(of)) == len(of)), names
        )
        return tuple(printable(name) for name in found)

    @cached_property
    def differences(self) -> tuple[list[str], ...]:
        """Inputs in which each of the others differs from the first; the scenario's
        sha256 follows from the rest."""
        found = (inputs_that_differ(self.sides[0], side) for side in self.sides[1:])
        return tuple(
            [line for line in lines if not line.startswith("scenario.sha256:")]
            for lines in found
        )


@dataclass(frozen=True)
class Plots[S: Study]:
    """A study and the figures that fit it."""

    study: S

    @staticmethod
    def of(folder: Path) -> Plots[AnalysedResult | SweepResult]:
        """The run or the sweep in a folder. Raises WrongRequest where there is none, or
        one of another version that lacks what figures speak of; and for a game, of
        which `of_all` makes figures."""
        manifest = Store(folder).read_manifest()
        if manifest is not None and manifest.game is not None:
            raise WrongRequest(
                f"{folder} holds a game, whose arms are profiles: draw it with plot or report"
            )
        if manifest is not None and manifest.is_sweep:
            return Plots(open_sweep(folder))
        result = open_result(folder)
        result.need(
            result.headline_outcome
        )  # which every page and most figures speak of
        return Plots(result)

    @staticmethod
    def of_all(texts: Sequence[str]) -> Plots[Any]:
        """What the texts name: a run, a game, a sweep, FOLDER@point of one, scores of
        forecasts; several side by side.

        Raises WrongRequest where there is nothing of the kind, DataError for a file
        that is no scores."""
        if len(texts) > 1:
            forecast = next(
                (text for text in texts if scored_path(Path(text)) is not None), None
            )
            if forecast is not None:
                raise WrongRequest(
                    f"{forecast} holds scores of forecasts: these are shown one at a time"
                )
            return Plots(Comparison.of(texts))
        if (fit := gof_path(Path(texts[0]))) is not None:
            try:
                return Plots(read_gof(fit))
            except NotGoodnessOfFit as error:
                raise DataError(
                    str(error), "Run `gof` again, into this folder or another", fit
                ) from None
        if (scores := scored_path(Path(texts[0]))) is not None:
            return Plots(read_scored_forecasts(scores))
        side = parse_side(texts[0])
        if side.arm is not None:
            raise WrongRequest(
                f"{texts[0]} names one arm: give the folder, or two sides to compare"
            )
        if side.point is not None:
            return Plots(open_side(side))
        manifest = Store(Path(texts[0])).read_manifest()
        if manifest is not None and manifest.game is not None:
            from balance_sim.games.keep import open_played

            return Plots(open_played(texts[0]))
        return Plots.of(Path(texts[0]))

    @property
    def results(self) -> Result | SweepResult:
        """The run or the sweep, or a game's, whose arms are profiles. Raises
        WrongRequest for any other study."""
        study = self.study.study.result if is_game(self.study) else self.study
        if isinstance(study, Result | SweepResult):
            return study
        raise WrongRequest(
            "--outcome and --pair are of one results folder of `run`, `sweep` or `game`"
        )

    @property
    def figures(self) -> dict[str, FigureSpec]:
        """All figures of such a study, by name."""
        return figures_of(self.study)

    def chosen(
        self,
        outcome: str | None = None,
        kind: str | None = None,
        pair: str | None = None,
    ) -> FigureSpec:
        """The figure of one outcome, or of when one dyad (`JPN-AUS`) signs. Raises
        WrongRequest."""
        from balance_sim.show.figures.distributions import first_of, spread_of

        if outcome is not None and pair is not None:
            raise WrongRequest(
                "--outcome and --pair are two figures: ask for one at a time"
            )
        return (
            first_of(self.results, pair)
            if pair is not None
            else spread_of(self.results, str(outcome), kind)
        )

    def questions(self) -> dict[str, str]:
        """Names of all figures of such a study, and what each answers."""
        return {name: figure.question for name, figure in self.figures.items()}

    def save(self, folder: Path, names: Iterable[str] | None = None) -> list[Path]:
        """Draw those named, or all that fit, into `folder`/figures. Raises
        CannotWrite."""
        chosen = fitting(self.study) if names is None else names
        return save_drawn(
            {name: self.figures[name].draw(self.study) for name in chosen}, folder
        )


def plot(
    study: Any,
    name: str | None = None,
    *,
    outcome: str | None = None,
    kind: str | None = None,
    pair: str | None = None,
) -> Figure:
    """A figure of results, as `balance-sim plot` draws it; a notebook shows it.

    Parameters
    ----------
    study : what `run`, `sweep` or `open_result` give, a results folder, or a list of several folders side by side
    name : of the figure, one of `balance-sim plot --list`; if not given, the first one, of a run the fan chart
    outcome : draws this outcome instead, whichever it is
    kind : how, with `outcome`: `ecdf`, `hist`, `ridge`, `forest` or `fan`; `ecdf` if not given, of a sweep `forest`
    pair : draws when this dyad signs instead, by its codes: `"JPN-AUS"`

    Returns
    -------
    A `matplotlib.figure.Figure`, which has `savefig`

    Raises
    ------
    WrongRequest : where there is no such figure, outcome, kind or dyad, or nothing to show

    Examples
    --------
    >>> import balance_sim as bs
    >>> result = bs.run(bs.load_scenario("experiments/smoke/five_states.yaml"), runs=4, seed=1)
    >>> bs.plot(result, "convergence").get_suptitle().split()[:3]
    ['After', '4', 'replications']
    """
    several = [study] if isinstance(study, str | Path) else study
    folders = isinstance(several, list | tuple)
    plots: Plots[Any] = (
        Plots.of_all([str(one) for one in several]) if folders else Plots(study)
    )
    if outcome is not None or pair is not None:
        if name is not None:
            raise WrongRequest(
                "a figure is named, or an outcome or a dyad is given: not both"
            )
        return plots.chosen(outcome, kind, pair).draw(plots.results)
    figures = plots.figures
    name = next(iter(figures)) if name is None else name
    if name not in figures:
        near = did_you_mean(name, figures) or f"there are: {listed(figures, 40)}"
        raise WrongRequest(f"no figure `{name}` of such a study; {near}")
    return figures[name].draw(plots.study)


def is_results(text: str) -> bool:
    """Whether a text names something that figures can be made of."""
    files = gof_path(Path(text)), scored_path(Path(text))
    return (
        any(path is not None for path in files)
        or (parse_side(text).folder / "manifest.json").exists()
    )


def home_of(texts: Sequence[str]) -> Path:
    """The folder that figures and reports of what the texts name go into if none is
    given."""
    last, side = Path(texts[-1]), parse_side(texts[-1])
    if len(texts) > 1:
        return side.folder / "comparison"
    if last.is_file():
        return last.parent
    return side.folder if side.point is None else side.folder / f"point-{side.point}"
