"""Figures into a results folder, as PNG and SVG: the same bytes for the same results."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from balance_sim.show.figures.paper import style
from balance_sim.show.gallery import FIGURES, fitting
from balance_sim.study.whole_files import make_folder, write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from balance_sim.study.result import Result

FOLDER = "figures"
DOTS = 160  # per inch


def figure_bytes(figure: Figure, kind: str, *, text: bool = False) -> bytes:
    """A figure as `png` or `svg`, without a date or a version in it. text: words stay words in an SVG."""
    import matplotlib as mpl

    with style(), io.BytesIO() as sink:
        if text:
            mpl.rcParams["svg.fonttype"] = "none"
        metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        figure.savefig(sink, format=kind, dpi=DOTS, metadata=metadata)
        return sink.getvalue()


def save_figures(result: Result, folder: Path | str, names: Iterable[str] | None = None) -> list[Path]:
    """Draw figures into `folder`/figures; each file is put in its place whole. The paths, in order.

    names: of FIGURES; those the study has something to show in if not given. Raises CannotWrite."""
    chosen = {name: FIGURES[name] for name in names} if names is not None else fitting(result)
    return save_drawn({name: picture.draw(result) for name, picture in chosen.items()}, folder)


def save_drawn(figures: dict[str, Figure], folder: Path | str) -> list[Path]:
    """Figures that are drawn already, by name. Raises CannotWrite."""
    place = Path(folder) / FOLDER
    make_folder(place)
    paths = []
    for name, figure in figures.items():
        for kind in ("png", "svg"):
            path = place / f"{name}.{kind}"
            write_whole(path, figure_bytes(figure, kind))
            paths.append(path)
    return paths


__all__ = ["FIGURES", "figure_bytes", "save_drawn", "save_figures"]
