"""What every figure is drawn on: style, colours, titles and notes. The only place that sets up matplotlib.

Figures are made without pyplot: no window, no global state, no backend to choose. Colours: Okabe and Ito
2008, told apart by the colour-blind; each line has a style of its own too, and stays apart in grey."""

from __future__ import annotations

import functools
import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, VERMILION, GREEN, PURPLE, ORANGE = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"
INK, QUIET, BASE = "#1a1a1a", "#555555", "#8c8c8c"  # text; second text (7.5:1 on white); the reference arm
OTHERS = (
    (VERMILION, "--"),
    (GREEN, "-."),
    (PURPLE, ":"),
    ("#7a5c00", (0, (5, 1, 1, 1, 1, 1))),
    (INK, (0, (1, 3))),
    (ORANGE, (0, (7, 1.5))),
)
SMALL = 9.0

_STYLE: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 10.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 10.0,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "balance-sim",
    "path.simplify": True,
    "text.parse_math": False,  # a $ in a name is a $
}


@contextmanager
def style() -> Iterator[None]:
    """Our settings over matplotlib's own defaults, whatever the user's are; put back at the end."""
    _without_home()
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        for name, value in _STYLE.items():
            mpl.rcParams[name] = value  # type: ignore[index]
        yield


def styled[**P, R](draw: Callable[P, R]) -> Callable[P, R]:
    """Draw in our style."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        with style():
            return draw(*args, **kwargs)

    return drawn


def _without_home() -> None:
    """Import matplotlib with its cache in a folder that goes when the program ends: nothing goes to HOME."""
    if "matplotlib" in sys.modules or os.environ.get("MPLCONFIGDIR"):
        return
    import atexit
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="balance-sim-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    own = {
        "MPLCONFIGDIR": folder,
        "MPL_IGNORE_SYSTEM_FONTS": "1",
    }  # figures are set in a font of matplotlib's own
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


def sheet(width: float, height: float) -> Figure:
    """An empty figure of so many inches whose parts make room for each other."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06))
    FigureCanvasAgg(figure)
    return figure


def owner(ax: Axes) -> Figure:
    """The figure an axes stands in."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def head(ax: Axes, title: str, subtitle: str, *, own: bool, wrap: int) -> None:
    """The finding, and under it what the marks are. own: the title is the figure's, else the axes'."""
    under = folded(subtitle, int(wrap * 1.2))
    if own:
        head_over(ax, title, wrap)
        ax.set_title(under, loc="left", color=QUIET, pad=8)
    else:
        ax.set_title(folded(title, wrap) + "\n" + under, loc="left", pad=8)


def note(ax: Axes, words: str, *, own: bool, wrap: int) -> None:
    """Small print under a figure of our own."""
    if own and words:
        owner(ax).supxlabel(folded(words, wrap), x=0.012, ha="left", fontsize=SMALL, color=QUIET)


def head_over(ax: Axes, title: str, wrap: int) -> None:
    """The finding over a figure of our own with several parts; ax: one of them."""
    owner(ax).suptitle(folded(title, wrap), x=0.012, ha="left", fontsize=13, fontweight="bold")


def frame_words(ax: Axes, title: str, small: str, *, own: bool, wrap: int, small_wrap: int) -> None:
    """The finding over a figure with several parts, and what the marks are under it; of somebody's axes, above them."""
    if own:
        head_over(ax, title, wrap)
        note(ax, small, own=own, wrap=small_wrap)
    else:
        head(ax, title, small, own=own, wrap=60)


def folded(words: str, width: int) -> str:
    """Lines of at most `width` characters, as few as can be and about as long as each other: no word stands alone.

    A number keeps its per cent sign, and a pair of states stays together."""
    kept = words.replace(" %", "\u00a0%").replace("% CI", "%\u00a0CI")
    lines = textwrap.wrap(kept, width, break_on_hyphens=False)
    least = max([-(-len(kept) // max(len(lines), 1)), *map(len, kept.split())], default=1)
    for narrow in range(min(least, width), width):
        if len(found := textwrap.wrap(kept, narrow, break_on_hyphens=False)) == len(lines):
            return "\n".join(found)
    return "\n".join(lines)


def readable(colour: Any) -> Any:
    """The colour for words: darkened until its contrast with white is 4.5:1 (WCAG 2.1)."""
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(colour)
    while contrast_with_white((red, green, blue)) < 4.5:
        red, green, blue = 0.95 * red, 0.95 * green, 0.95 * blue
    return red, green, blue


def contrast_with_white(rgb: tuple[float, float, float]) -> float:
    """Contrast ratio of a colour (sRGB, 0..1) with white: WCAG 2.1, relative luminance."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


def nothing(ax: Axes, words: str) -> Figure:
    """An honest empty picture."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, folded(words, 60), ha="center", va="center", transform=ax.transAxes, fontsize=12)
    return owner(ax)


def apart(heights: Sequence[float], gap: float) -> list[float]:
    """Heights for labels in the same order, at least `gap` apart, close to where they belong.

    Labels that touch form a stack round their mean height."""
    order = sorted(range(len(heights)), key=lambda k: heights[k])
    stacks: list[list[int]] = []
    centre: list[float] = []
    for k in order:
        stacks.append([k])
        centre.append(heights[k])
        while len(stacks) > 1 and centre[-1] - centre[-2] < gap * (len(stacks[-1]) + len(stacks[-2])) / 2:
            joined = stacks[-2] + stacks[-1]
            stacks[-2:] = [joined]
            centre[-2:] = [sum(heights[j] for j in joined) / len(joined)]
    out = [0.0] * len(heights)
    for stack, middle in zip(stacks, centre, strict=True):
        for place, k in enumerate(stack):
            out[k] = middle + gap * (place - (len(stack) - 1) / 2)
    return out
