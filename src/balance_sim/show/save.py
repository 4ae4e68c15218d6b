"""Figures into a results folder, as PNG and SVG, with their checksums."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from balance_sim.results.shards import note_drawn
from balance_sim.show.canvas import FOLDER, figure_bytes, write_figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_drawn(figures: dict[str, Figure], folder: Path | str) -> list[Path]:
    """Figures that are drawn already, by name. Raises CannotWrite."""
    write_figures(figures, Path(folder))
    return note_figures(figures, Path(folder))


def note_figures(names: Iterable[str], folder: Path) -> list[Path]:
    """Put down the checksums of the files of these figures. The paths, in order. Raises CannotWrite."""
    paths = [folder / FOLDER / f"{name}.{kind}" for name in names for kind in ("png", "svg")]
    note_drawn(folder, paths)
    return paths


__all__ = ["figure_bytes", "note_figures", "save_drawn", "write_figures"]
