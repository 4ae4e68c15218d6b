"""Figures into a results folder, as PNG, SVG and PDF in our style of matplotlib: the
same bytes for the same results.

The only place that sets up matplotlib.
"""

from __future__ import annotations

import atexit
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import numpy as np

from balance_sim.study.atomic_files import make_folder, write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, QUIET = "#1b2430", "#55606e"  # text; second text (6.4:1 on white)
SMALL = 9.0
FOLDER = "figures"
DOTS = 192  # per inch: a page is 1920 dots wide
TYPE = ("Roboto-Regular.ttf", "Roboto-Bold.ttf")
type FileFormat = Literal["png", "svg", "pdf"]
STAMPS: dict[FileFormat, list[str]] = {
    "png": ["Software"],
    "svg": ["Date", "Creator"],
    "pdf": ["CreationDate", "Creator", "Producer"],
}
"""What matplotlib would write of itself into a file of each format."""
IN_FOLDER: tuple[FileFormat, ...] = ("png", "svg")
"""Formats of the figures of a study."""
SAFE = " =:;/,.-()+!@*'\n?[]{}|~_$"
"""Characters that a data link in double quotes takes as they are."""

_STYLE: Any = {
    "font.family": ["Balance Roboto", "DejaVu Sans"],
    "font.size": 11.0,
    "axes.titlesize": 11.0,
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 10.0),
    "ytick.alignment": "center",
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), "#aab2bd"),
    **dict.fromkeys(("text.color", "xtick.labelcolor", "ytick.labelcolor"), INK),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right"), False),
    "axes.labelcolor": QUIET,
    "axes.axisbelow": True,
    "axes.formatter.limits": (-7, 7),  # no power of ten at the end of an axis
    "axes.formatter.useoffset": False,
    "pdf.fonttype": 42,
    "svg.hashsalt": "balance-sim",
    "text.parse_math": False,  # a $ in a name is a $
}
"""What differs from matplotlib's defaults, which are white pages, and an SVG's words as
paths."""


@contextmanager
def style() -> Iterator[None]:
    """Set our style over matplotlib's own defaults, whatever the user's are, and put
    the user's back at the end."""
    keep_out_of_home()
    import matplotlib as mpl

    _add_type()
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


@cache
def _add_type() -> None:
    """Let matplotlib know the type face that stands beside this module.

    Where system fonts are ignored as fonts are listed, and not only then, it finds none
    but its own."""
    from matplotlib.font_manager import fontManager

    os.environ.pop("MPL_IGNORE_SYSTEM_FONTS", None)
    for name in TYPE:
        fontManager.addfont(Path(__file__).parent / "type" / name)


def keep_out_of_home() -> None:
    """Let matplotlib's cache be in a folder that goes when the program ends, and its
    fonts its own: nothing goes to HOME, and figures are the same on every machine. So
    it is in the processes that begin from now on."""
    if "matplotlib" in sys.modules or "MPLCONFIGDIR" in os.environ:
        return
    folder = tempfile.mkdtemp(prefix="balance-sim-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ |= {"MPLCONFIGDIR": folder, "MPL_IGNORE_SYSTEM_FONTS": "1"}


def figure_bytes(figure: Figure, file_format: FileFormat) -> bytes:
    """Return a figure as a file, without a date or a version in it.

    Parameters
    ----------
    file_format : `png`, at DOTS per inch on white, `svg`, with its words as paths, or
        `pdf`, with its words as text
    """
    no_stamp = dict.fromkeys(STAMPS[file_format])
    with style(), io.BytesIO() as sink:
        _settle(figure)
        figure.savefig(sink, format=file_format, dpi=DOTS, metadata=no_stamp)
        return sink.getvalue()


def _settle(figure: Figure) -> None:
    """Lay out a figure's parts once, at the resolution of its PNG, so that they stand
    where they are in every file.

    The solver's last digits are not the same every time, so positions are rounded.
    """
    engine = figure.get_layout_engine()
    if engine is None:
        return
    figure.dpi = DOTS
    engine.execute(figure)
    figure.set_layout_engine(None)  # "none" keeps an empty one, for which all is drawn
    for ax in figure.axes:
        ax.set_position(np.round(ax.get_position(original=True).bounds, 9).tolist())


def save_drawn(
    figures: Mapping[str, Figure],
    folder: Path,
    formats: Iterable[FileFormat] = IN_FOLDER,
) -> list[Path]:
    """Write figures by name into a folder, and return the paths, in order.

    Raises
    ------
    CannotWrite : from the folder
    """
    paths = []
    for name, figure in figures.items():
        files = {kind: figure_bytes(figure, kind) for kind in formats}
        paths += save_files(name, files, folder)
    return paths


def save_files(
    name: str, files: Mapping[FileFormat, bytes], folder: Path
) -> list[Path]:
    """Write the files of a figure, by format, into a folder; return the paths.

    Raises
    ------
    CannotWrite : from the folder
    """
    place = folder / FOLDER
    make_folder(place)
    paths = [place / f"{name}.{file_format}" for file_format in files]
    for path, content in zip(paths, files.values(), strict=True):
        write_atomic(path, content)
    return paths


def data_link(svg: bytes) -> str:
    """Return an SVG as the link of an image in a page: without indents, with single
    quotes, which need no escape there."""
    lines = [line.strip() for line in svg.decode().splitlines()]
    text = "\n".join(lines).replace("'", "&apos;").replace('"', "'")
    return "data:image/svg+xml," + quote(text, safe=SAFE)
