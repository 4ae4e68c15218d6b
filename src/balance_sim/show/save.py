"""Figures into a results folder, as PNG and SVG in our style of matplotlib: the same bytes for the same results.

The only place that sets up matplotlib. It imports nothing of ours but what writes files, so that a process that draws
another's figures has started soon."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from balance_sim.pool.atomic import make_folder, write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, QUIET = "#1a1a1a", "#555555"  # text; second text (7.5:1 on white)
SMALL = 9.0
FOLDER = "figures"
DOTS = 160  # per inch

_STYLE: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10.0,
    "axes.titlesize": 9.5,
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), SMALL),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), QUIET),
    **dict.fromkeys(("axes.labelcolor", "text.color", "xtick.labelcolor", "ytick.labelcolor"), INK),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    "axes.labelsize": 10.0,
    "axes.axisbelow": True,
    "svg.hashsalt": "balance-sim",
    "text.parse_math": False,  # a $ in a name is a $
}
"""What differs from matplotlib's defaults, which are white pages, and an SVG's words as paths."""


@contextmanager
def style() -> Iterator[None]:
    """Our settings over matplotlib's own defaults, whatever the user's are; put back at the end."""
    _without_home()
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def _without_home() -> None:
    """Import matplotlib with its cache in a folder that goes when the program ends: nothing goes to HOME."""
    if "matplotlib" in sys.modules or os.environ.get("MPLCONFIGDIR"):
        return
    import atexit
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="balance-sim-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    own = {"MPLCONFIGDIR": folder, "MPL_IGNORE_SYSTEM_FONTS": "1"}  # figures are set in a font of matplotlib's own
    own = {name: value for name, value in own.items() if name not in os.environ}
    os.environ.update(own)
    try:
        import matplotlib as mpl
        import matplotlib.font_manager  # reads or writes the list of fonts, once

        mpl.get_configdir()
        mpl.get_cachedir()
    finally:
        for name in own:
            del os.environ[name]


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
        # That which the parts were laid out on knows already how wide each text is.
        canvas = figure.canvas if isinstance(figure.canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.array(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        FigureCanvasAgg(figure)  # an empty one: the other holds as much memory as the picture
        return pixels


def png_bytes(pixels: npt.NDArray[np.uint8]) -> bytes:
    """The PNG of such pixels, without a date or a version in it; the page is opaque, so alpha is dropped."""
    from PIL import Image

    with io.BytesIO() as sink:
        Image.fromarray(pixels).convert("RGB").save(sink, "png", compress_level=3, dpi=(DOTS, DOTS))
        return sink.getvalue()


def _settle(figure: Figure) -> None:
    """Lay out a figure's parts once, at the resolution of its PNG: they stand where they are in every file."""
    figure.dpi = DOTS
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


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


def save_drawn(figures: dict[str, Figure], folder: Path | str) -> list[Path]:
    """Figures that are drawn already, by name. Raises CannotWrite."""
    write_figures(figures, Path(folder))
    return note_figures(figures, Path(folder))


def note_figures(names: Iterable[str], folder: Path) -> list[Path]:
    """Put down the checksums of the files of these figures. The paths, in order. Raises CannotWrite."""
    from balance_sim.results.shards import note_drawn

    paths = [folder / FOLDER / f"{name}.{kind}" for name in names for kind in ("png", "svg")]
    note_drawn(folder, paths)
    return paths


def _write_png(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    write_atomic(path, png_bytes(pixels))
