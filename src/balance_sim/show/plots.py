"""The figures a results folder has, whatever study it holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from balance_sim.show.gallery import FIGURES, Picture, fitting
from balance_sim.show.save import save_drawn
from balance_sim.show.sweep_gallery import SWEEP_FIGURES
from balance_sim.study.run import open_result
from balance_sim.study.store import Store
from balance_sim.study.sweep_result import SweepResult, open_sweep

if TYPE_CHECKING:
    from balance_sim.study.result import Result


@dataclass(frozen=True)
class Plots:
    """A study and the figures that fit it."""

    study: Result | SweepResult

    @staticmethod
    def of(folder: Path) -> Plots:
        """The study in a folder. Raises WrongRequest where there is none."""
        manifest = Store(folder).read_manifest()
        if manifest is not None and manifest["study"] == "sweep":
            return Plots(open_sweep(folder))
        return Plots(open_result(folder))

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
        return FIGURES
