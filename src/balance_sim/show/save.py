"""Figures into a results folder, as PNG and SVG in our style of matplotlib: the same
bytes for the same results.

The only place that sets up matplotlib. It imports nothing of ours but what writes
files, so that a process that draws another's figures has started soon.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from balance_sim.study.atomic_files import make_folder, write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, QUIET = "#1a1a1a", "#555555"  # text; second text (7.5:1 on white)
SMALL = 9.0
FOLDER = "figures"
DOTS = 160  # per inch
FORMATS = ("png", "svg")
SAFE = " =:;/,.-()+!@*'\n?[]{}|~_$"
"""Characters that a data link in double quotes takes as they are."""

_STYLE: Any = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10.0,
    "axes.titlesize": 9.5,
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), SMALL),
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), QUIET),
    **dict.fromkeys(
        ("axes.labelcolor", "text.color", "xtick.labelcolor", "ytick.labelcolor"), INK
    ),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    "axes.labelsize": 10.0,
    "axes.axisbelow": True,
    "svg.hashsalt": "balance-sim",
    "text.parse_math": False,  # a $ in a name is a $
}
"""What differs from matplotlib's defaults, which are white pages, and an SVG's words as
paths."""


@contextmanager
def style() -> Iterator[None]:
    """Our settings over matplotlib's own defaults, whatever the user's are; put back at
    the end."""
    _without_home()
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def _without_home() -> None:
    """Import matplotlib with its cache in a folder that goes when the program ends:
    nothing goes to HOME. Figures are set in a font of matplotlib's own."""
    if "matplotlib" in sys.modules or os.environ.get("MPLCONFIGDIR"):
        return
    import atexit
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="balance-sim-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    settings = {"MPLCONFIGDIR": folder, "MPL_IGNORE_SYSTEM_FONTS": "1"}
    added = {name: text for name, text in settings.items() if name not in os.environ}
    os.environ.update(added)
    try:
        import matplotlib as mpl
        import matplotlib.font_manager  # reads or writes the list of fonts, once

        mpl.get_configdir()
        mpl.get_cachedir()
    finally:
        for name in added:
            del os.environ[name]


def figure_bytes(figure: Figure, file_format: Literal["png", "svg"]) -> bytes:
    """A figure as a PNG or an SVG file, without a date or a version in it."""
    if file_format == "png":
        return png_bytes(pixels_of(figure))
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        pixels_of(figure)  # a colour bar moves as it is drawn first

    for ax in figure.axes:  # the solver's last digits are not the same every time
        ax.set_position(np.round(ax.get_position().bounds, 9).tolist())
    with style(), io.BytesIO() as sink:
        canvas = FigureCanvasSVG(figure)
        no_stamp = {"Date": None, "Creator": None}
        canvas.print_svg(sink, metadata=no_stamp)  # type: ignore[no-untyped-call]
        FigureCanvasAgg(figure)  # by which a notebook shows it
        return sink.getvalue()


def pixels_of(figure: Figure) -> npt.NDArray[np.uint8]:
    """The figure as (height, width, 4) RGBA."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with style():
        _settle(figure)
        canvas = figure.canvas  # which knows already how wide each text is
        if not isinstance(canvas, FigureCanvasAgg):
            canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.array(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
        FigureCanvasAgg(figure)  # empty: the other one holds as much as the picture
        return pixels


def png_bytes(pixels: npt.NDArray[np.uint8]) -> bytes:
    """The PNG of such pixels, without a date or a version in it; the page is opaque, so
    alpha is dropped."""
    from PIL import Image

    image = Image.fromarray(pixels).convert("RGB")
    with io.BytesIO() as sink:
        image.save(sink, "png", compress_level=3, dpi=(DOTS, DOTS))
        return sink.getvalue()


def _settle(figure: Figure) -> None:
    """Lay out a figure's parts once, at the resolution of its PNG: they stand where
    they are in every file."""
    figure.dpi = DOTS
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def write_figures(
    figures: Mapping[str, Figure],
    folder: Path,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, bytes]:
    """Write figures as PNG and SVG; the SVG of each, by name. While one thread
    compresses and writes a figure, the next is drawn.

    progress : called after each figure

    Raises
    ------
    CannotWrite : from the folder
    """
    place = folder / FOLDER
    make_folder(place)
    svgs: dict[str, bytes] = {}
    with ThreadPoolExecutor(1) as writer:
        writes = []
        for name, figure in figures.items():
            pixels = pixels_of(figure)
            writes.append(writer.submit(_write_png, place / f"{name}.png", pixels))
            svgs[name] = figure_bytes(figure, "svg")
            path = place / f"{name}.svg"
            writes.append(writer.submit(write_atomic, path, svgs[name]))
            progress()
    for write in writes:
        write.result()
    return svgs


def save_drawn(figures: Mapping[str, Figure], folder: Path | str) -> list[Path]:
    """Write figures by name as PNG and SVG; the paths, in order.

    Raises
    ------
    CannotWrite : from the folder
    """
    write_figures(figures, Path(folder))
    return note_figures(figures, Path(folder))


def note_figures(names: Iterable[str], folder: Path) -> list[Path]:
    """Put down the checksums of the files of these figures; the paths, in order.

    Raises
    ------
    CannotWrite : from the folder
    """
    from balance_sim.study.shards import note_drawn

    place = folder / FOLDER
    paths = [place / f"{name}.{suffix}" for name in names for suffix in FORMATS]
    note_drawn(folder, paths)
    return paths


def _write_png(path: Path, pixels: npt.NDArray[np.uint8]) -> None:
    write_atomic(path, png_bytes(pixels))


def data_link(svg: bytes) -> str:
    """An SVG as the link of an image in a page: without indents, with single quotes,
    which need no escape there."""
    lines = [line.strip() for line in svg.decode().splitlines()]
    text = "\n".join(lines).replace("'", "&apos;").replace('"', "'")
    return "data:image/svg+xml," + quote(text, safe=SAFE)
