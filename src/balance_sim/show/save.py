"""Figures into a results folder, as PNG and SVG: the same bytes for the same results."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from balance_sim.pool.atomic import make_folder, write_atomic
from balance_sim.results.shards import note_drawn
from balance_sim.show.figures.style import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


FOLDER = "figures"
DOTS = 160  # per inch


def figure_bytes(figure: Figure, kind: str, *, text: bool = False) -> bytes:
    """A figure as `png` or `svg`, without a date or a version in it. text: words stay words in an SVG."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    with style(), io.BytesIO() as sink:
        _settle(figure)
        if kind == "png":
            return png_bytes(pixels_of(figure))
        mpl.rcParams["svg.fonttype"] = "none" if text else "path"
        FigureCanvasSVG(figure).print_svg(sink, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
        FigureCanvasAgg(figure)  # by which a notebook shows it
        return sink.getvalue()


def pixels_of(figure: Figure) -> npt.NDArray[np.uint8]:
    """The figure as (height, width, 4) RGBA."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with style():
        _settle(figure)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        return np.array(canvas.buffer_rgba())  # type: ignore[no-untyped-call]


def png_bytes(pixels: npt.NDArray[np.uint8]) -> bytes:
    """The PNG of such pixels, without a date or a version in it; the page is opaque, so alpha is dropped."""
    from PIL import Image

    with io.BytesIO() as sink:
        Image.fromarray(pixels).convert("RGB").save(sink, "png", compress_level=4, dpi=(DOTS, DOTS))
        return sink.getvalue()


def _settle(figure: Figure) -> None:
    """Lay out a figure's parts once, at the resolution of its PNG: they stand where they are in every file."""
    figure.dpi = DOTS
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def save_drawn(figures: dict[str, Figure], folder: Path | str) -> list[Path]:
    """Figures that are drawn already, by name. Raises CannotWrite."""
    write_figures(figures, Path(folder))
    return note_figures(figures, Path(folder))


def write_figures(
    figures: dict[str, Figure], folder: Path, *, text: Collection[str] = (), told: Callable[[], None] | None = None
) -> dict[str, bytes]:
    """Write figures as PNG and SVG. text: names of which an SVG whose words stay words is returned. told: called after
    each. Raises CannotWrite.

    While one thread compresses and writes a figure, the next is drawn."""
    place, writes, worded = folder / FOLDER, [], {}
    make_folder(place)
    with ThreadPoolExecutor(1) as writer:
        for name, figure in figures.items():
            writes.append(writer.submit(_write_png, place / f"{name}.png", pixels_of(figure)))
            writes.append(writer.submit(write_atomic, place / f"{name}.svg", figure_bytes(figure, "svg")))
            if name in text:
                worded[name] = figure_bytes(figure, "svg", text=True)
            if told is not None:
                told()
    for one in writes:
        one.result()
    return worded


def note_figures(names: Iterable[str], folder: Path) -> list[Path]:
    """Put down the checksums of the files of these figures. The paths, in order. Raises CannotWrite."""
    paths = [folder / FOLDER / f"{name}.{kind}" for name in names for kind in ("png", "svg")]
    note_drawn(folder, paths)
    return paths


def _write_png(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    write_atomic(path, png_bytes(pixels))
