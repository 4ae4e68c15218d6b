"""The figures that fit what was asked for: a results folder, several side by side, or scored forecasts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.analysis.compare import open_side, parse_side
from balance_sim.analysis.gof_file import GoodnessOfFit, NotGoodnessOfFit, gof_path, read_gof
from balance_sim.analysis.result import open_result
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.forecast.score import Scored, read_scored, scored_path
from balance_sim.pool.faults import WrongRequest
from balance_sim.results.store import Store
from balance_sim.results.sweep_result import SweepResult, open_sweep
from balance_sim.show.comparison import Comparison
from balance_sim.show.comparison_gallery import COMPARISON_FIGURES
from balance_sim.show.gallery import FIGURES, Picture, fitting
from balance_sim.show.gof_gallery import GOF_FIGURES
from balance_sim.show.save import save_drawn
from balance_sim.show.score_gallery import SCORE_FIGURES
from balance_sim.show.sweep_gallery import SWEEP_FIGURES

if TYPE_CHECKING:
    from balance_sim.analysis.result import AnalysedResult
    from balance_sim.show.gallery import Study

COMPARISON = "comparison"  # folder in the last of the folders compared


@dataclass(frozen=True)
class Plots[S: Study]:
    """A study and the figures that fit it."""

    study: S

    @staticmethod
    def of(folder: Path) -> Plots[AnalysedResult | SweepResult]:
        """The run or the sweep in a folder. Raises WrongRequest where there is none, or one of another version that
        lacks what figures speak of."""
        manifest = Store(folder).read_manifest()
        if manifest is not None and manifest.is_sweep:
            return Plots(open_sweep(folder))
        result = open_result(folder)
        result.need(f"accords_counter_{result.window}")  # which every page and most figures speak of
        return Plots(result)

    @staticmethod
    def of_all(texts: Sequence[str], classes: str | None = None) -> Plots[Any]:
        """What the texts name: a run, a sweep, FOLDER@point of one, scores of forecasts; several side by side.

        classes: `left` or `right`, whose class table counts where those of several differ.
        Raises WrongRequest where there is nothing of the kind, DataError for a file that is no scores."""
        if len(texts) > 1:
            forecasts = [text for text in texts if scored_path(Path(text)) is not None]
            if forecasts:
                raise WrongRequest(f"{forecasts[0]} holds scores of forecasts: these are shown one at a time")
            return Plots(Comparison.of(texts, classes))
        if classes is not None:
            raise WrongRequest("--classes is for two results or more")
        fit = gof_path(Path(texts[0]))
        if fit is not None:
            return Plots(opened(fit))
        scores = scored_path(Path(texts[0]))
        if scores is not None:
            return Plots(read_scored(scores))
        side = parse_side(texts[0])
        if side.arm is not None:
            raise WrongRequest(f"{texts[0]} names one arm: give the folder, or two sides to compare")
        return Plots.of(Path(texts[0])) if side.point is None else Plots(open_side(side))

    def questions(self) -> dict[str, str]:
        """Names of all figures of such a study, and what each answers."""
        return {name: picture.question for name, picture in self._all().items()}

    def save(self, folder: Path, names: Iterable[str] | None = None) -> list[Path]:
        """Draw those named, or all that fit, into `folder`/figures. Raises CannotWrite."""
        every = self._all()
        if names is None:
            names = fitting(self.study, every)
        return save_drawn({name: every[name].draw(self.study) for name in names}, folder)

    def _all(self) -> dict[str, Picture]:
        if isinstance(self.study, SweepResult):
            return SWEEP_FIGURES
        if isinstance(self.study, Comparison):
            return COMPARISON_FIGURES
        if isinstance(self.study, Scored):
            return SCORE_FIGURES
        if isinstance(self.study, GoodnessOfFit):
            return GOF_FIGURES
        return FIGURES


def opened(path: Path) -> GoodnessOfFit:
    """What `gof` wrote. Raises DataError where the file is something else."""
    try:
        return read_gof(path)
    except NotGoodnessOfFit as error:
        raise DataError(str(error), "Run `gof` again, into this folder or another", path) from None


def is_results(text: str) -> bool:
    """Whether a text names something that figures can be made of."""
    return (
        gof_path(Path(text)) is not None
        or scored_path(Path(text)) is not None
        or (parse_side(text).folder / "manifest.json").exists()
    )


def home_of(texts: Sequence[str]) -> Path:
    """The folder that figures and reports of what the texts name go into if none is given."""
    last = Path(texts[-1])
    if len(texts) > 1:
        return parse_side(texts[-1]).folder / COMPARISON
    if last.is_file():
        return last.parent
    side = parse_side(texts[-1])
    return side.folder if side.point is None else side.folder / f"point-{side.point}"
