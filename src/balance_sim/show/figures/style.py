"""How every figure is made: its entry in the registry, our style of matplotlib, its
words, and marks that many share.

Matplotlib, which `show.save` sets up, is imported when a figure is drawn. Figures are
made without pyplot: no window, no global state, no backend to choose. Colours: Okabe
and Ito 2008, told apart by the colour-blind; each line has a style of its own too, and
stays apart in grey."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.show import save
from balance_sim.show import wording as say

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure
    import pandas as pd
    from matplotlib.colors import Colormap

BLUE, VERMILION, GREEN, PURPLE, ORANGE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
)
SKY, PALE, GRID = "#56B4E9", "#c4c4c4", "#e6e6e6"
INK, QUIET, SMALL, style = save.INK, save.QUIET, save.SMALL, save.style
BASE = "#8c8c8c"  # the control arm
OTHERS = (
    (VERMILION, "--"),
    (GREEN, "-."),
    (PURPLE, ":"),
    ("#7a5c00", (0, (5, 1, 1, 1, 1, 1))),
    (INK, (0, (1, 3))),
    (ORANGE, (0, (7, 1.5))),
)
DASHES = (0, (4, 2))
# Amber below zero, blue above. In grey the amber end stays light and the blue end goes
# dark.
SCALE = (
    (0.0, "#D98200"),
    (0.25, "#F3C26B"),
    (0.5, "#FFFFFF"),
    (0.6, "#BBDCF0"),
    (0.8, "#0072B2"),
    (1.0, "#00304D"),
)
UNCLEAR = "#ececec"  # what cannot be told from zero


@dataclass(frozen=True)
class Words:
    """What is written on a figure: the finding, what the marks are (empty on a page of
    several panels, where the small print says it), small print, and the letters on a
    line of the title and of the small print."""

    title: str
    under: str = ""
    small: str = ""
    wrap: int = 80
    small_wrap: int = 118


type Axes = matplotlib.axes.Axes
type Figure = matplotlib.figure.Figure
type Table = Callable[[Any], pd.DataFrame]
type Label = tuple[float, str, Any]
type Cut = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class FigureSpec:
    """A figure in the registry. Called with its table, and `ax` to draw into axes of
    one's own, it is drawn.

    question: what it answers; table: what it shows, tidy, from a study; marks: puts a
    table that has rows into axes; page: makes the axes; empty: what is said where the
    table has no row; more: further tables that `marks` takes by name; listed: which of
    these stands for the figure's numbers in a page; fits: whether a study has what it
    shows; typeset: it is a table itself, which a page shows as one; follows: of a
    figure that is registered, the one it stands after.

    Of the table in a page: columns to read and columns to download (separated by
    blanks; empty: all), rows and their order, and which of these rows are read."""

    name: str
    question: str
    table: Table
    marks: Callable[..., Words | Figure]
    page: Callable[[pd.DataFrame], list[Axes]]
    empty: str
    more: dict[str, Table] = field(default_factory=dict)
    listed: str = ""
    fits: Callable[[Any], bool] = lambda _: True
    typeset: bool = False
    follows: str = ""
    columns: str = ""
    download: str = ""
    rows: Cut = lambda table: table
    rows_read: Cut = lambda table: table

    def numbers(self, study: object, table: pd.DataFrame) -> pd.DataFrame:
        """The table to read beside the figure; `table` is the figure's own."""
        return self.more[self.listed](study) if self.listed else table

    def draw(self, study: object, table: pd.DataFrame | None = None) -> Figure:
        """The figure of a study; `table` where it was computed before."""
        first = self.table(study) if table is None else table
        first.attrs["draws"] = getattr(study, "draws", False)
        return self(
            first, ax=None, **{name: make(study) for name, make in self.more.items()}
        )

    def __call__(
        self,
        table: pd.DataFrame,
        *,
        ax: Axes | Sequence[Axes] | None = None,
        **more: pd.DataFrame,
    ) -> Figure:
        """The figure of a table."""
        with style():
            if ax is not None:
                axes: list[Axes] = list(np.ravel(np.asarray(ax, dtype=object)))
            else:
                axes = panels(9.0, 4.0) if table.empty else self.page(table)
            if table.empty:
                for first_state in axes[1:]:
                    first_state.set_axis_off()
                return message(axes[0], self.empty)
            words = self.marks(axes, table, **more)
            if not isinstance(words, Words):
                return words
            small = words.small.replace(
                say.CAVEAT, say.caveat(table.attrs.get("draws", False))
            )
            return _framed(axes[0], replace(words, small=small), own=ax is None)


def figure(
    name: str, question: str, table: Table, **more: Any
) -> Callable[[Callable[..., Words | Figure]], FigureSpec]:
    """Make the function that draws the marks of a figure its entry in the registry;
    more: as in FigureSpec."""
    return lambda marks: FigureSpec(name, question, table, marks, **more)


def panels(
    width: float, height: float, rows: int = 1, columns: int = 1, **options: Any
) -> list[Axes]:
    """The axes of an empty figure of so many inches whose parts make room for each
    other."""
    return list(
        np.ravel(
            new_figure(width, height).subplots(rows, columns, squeeze=False, **options)
        )
    )


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of so many inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    from balance_sim.show.notebook import NotebookFigure

    figure = NotebookFigure(
        figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06)
    )
    FigureCanvasAgg(figure)
    return figure


def owner(ax: Axes) -> Figure:
    """The figure an axes stands in."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def _framed(ax: Axes, words: Words, *, own: bool) -> Figure:
    """Write the words over and under a figure of our own; of somebody's axes, above
    them."""
    page_figure = owner(ax)
    if own:
        title = folded(words.title, words.wrap)
        page_figure.suptitle(title, x=0.012, ha="left", fontsize=13, fontweight="bold")
        if words.under:
            ax.set_title(
                folded(words.under, int(words.wrap * 1.2)),
                loc="left",
                color=QUIET,
                pad=8,
            )
        if words.small:
            small = folded(words.small, words.small_wrap)
            page_figure.supxlabel(
                small, x=0.012, ha="left", fontsize=SMALL, color=QUIET
            )
    else:
        wrap, under = (words.wrap, words.under) if words.under else (60, words.small)
        ax.set_title(
            folded(words.title, wrap) + "\n" + folded(under, int(wrap * 1.2)),
            loc="left",
            pad=8,
        )
    return page_figure


def message(ax: Axes, words: str) -> Figure:
    """An honest empty picture."""
    ax.set_axis_off()
    ax.text(
        0.5,
        0.5,
        folded(words, 60),
        ha="center",
        va="center",
        transform=ax.transAxes,
        fontsize=12,
    )
    return owner(ax)


def row_axis(
    ax: Axes,
    labels: Sequence[str],
    low: float = -0.7,
    high: float = -0.3,
    *,
    grid: bool = True,
) -> Any:
    """A row a label from the top down, with room below the last and above the first;
    the height of each."""
    heights = np.arange(len(labels))[::-1].astype(float)
    ax.set_yticks(heights, list(labels))
    bare_rows(ax, grid=grid)
    ax.set_ylim(low, len(labels) + high)
    return heights


def bare_rows(ax: Axes, *, grid: bool = True) -> None:
    """Rows without a line or ticks at the left, and with lines at the values
    beneath."""
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    if grid:
        ax.grid(axis="x", color=GRID, linewidth=0.6)


def whisker(
    ax: Axes,
    y: float,
    row: Any,
    colour: str,
    *,
    width: float,
    face: str = "",
    value: str = "effect",
    **looks: Any,
) -> None:
    """A row's number as a dot, filled in its colour if no other `face` is given, on its
    CI if it has one."""
    if np.isfinite(row["lo"]):
        z = {"zorder": looks["zorder"] - 1} if "zorder" in looks else {}
        ax.plot(
            [row["lo"], row["hi"]],
            [y, y],
            color=colour,
            linewidth=width,
            solid_capstyle="butt",
            **z,
        )
    ax.plot(row[value], y, "o", color=colour, markerfacecolor=face or colour, **looks)


def note(
    ax: Axes,
    words: str,
    at: tuple[float, float],
    offset: tuple[float, float],
    **looks: Any,
) -> None:
    """Small words so many points away from a place, also outside of the axes."""
    usual: dict[str, Any] = {
        "textcoords": "offset points",
        "va": "center",
        "fontsize": SMALL,
        "annotation_clip": False,
    }
    ax.annotate(words, at, offset, **(usual | looks))


def beside(ax: Axes, y: float, words: str, **looks: Any) -> None:
    """Words at the right of a row."""
    note(ax, words, (1.0, y), (8, 0), xycoords=ax.get_yaxis_transform(), **looks)


def label_ends(
    ax: Axes,
    x: float,
    labels: Sequence[Label],
    gap: float,
    away: float = 6,
) -> None:
    """Names (height, words, colour) at the right ends of lines, spread where they would
    touch."""
    heights = apart([y for y, _, _ in labels], gap)
    for (_, words, colour), height in zip(labels, heights, strict=True):
        note(ax, words, (x, height), (away, 0), color=readable(colour))


def bands(ax: Axes, rows: pd.DataFrame, step: Any) -> None:
    """The middle 90 % and 50 % of replications over days."""
    for low, high, colour in (("q05", "q95", "#e3e3e3"), ("q25", "q75", PALE)):
        ax.fill_between(
            rows["day"], rows[low], rows[high], step=step, color=colour, linewidth=0
        )


def share_axis(ax: Axes, words: str, top: float) -> None:
    """Shares from 0 to 100 % on the y axis."""
    ax.set_ylim(0, top)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    ax.set_ylabel(words)


def whole_ticks(axis: Any, most: int) -> None:
    """Whole numbers alone on an axis, about so many at most."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=most, integer=True))


def limits(
    values: Any, below: float, above: float | None = None, flat: float = 1.0
) -> tuple[float, float]:
    """An axis that holds all finite values and 0, with so much of their span beneath
    and above; flat: a span for none.

    >>> limits(np.array([[2.0, np.nan]]), 0.5)
    (-1.0, 3.0)"""
    ends = np.append(values[np.isfinite(values)], 0.0)
    low, high = float(ends.min()), float(ends.max())
    span = (high - low) or flat
    return low - below * span, high + (below if above is None else above) * span


def effect_colours() -> Colormap:
    """Amber to white to dark blue; what cannot be told from zero is light grey."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(
        "effect", list(SCALE), N=255
    ).with_extremes(bad=UNCLEAR)


def runs_of(table: pd.DataFrame, one: str = "replication") -> str:
    """How many replications a figure's table is of, in words."""
    return say.plural(int(table["n"].iloc[0]), one)


def within(table: pd.DataFrame) -> str:
    """The window of a figure's table in words."""
    return say.within(int(table["window"].iloc[0]))


def folded(words: str, width: int) -> str:
    """Lines of at most `width` characters, as few as can be and about as long as each
    other: no word stands alone.

    A number keeps its per cent sign, and a dyad stays together."""
    places_kept = words.replace(" %", "\u00a0%").replace("% CI", "%\u00a0CI")
    lines = textwrap.wrap(places_kept, width, break_on_hyphens=False)
    smallest = max(
        [-(-len(places_kept) // max(len(lines), 1)), *map(len, places_kept.split())],
        default=1,
    )
    for narrow in range(min(smallest, width), width):
        if len(
            results := textwrap.wrap(places_kept, narrow, break_on_hyphens=False)
        ) == len(lines):
            return "\n".join(results)
    return "\n".join(lines)


def readable(colour: Any) -> Any:
    """The colour for words: darkened until its contrast with white is 4.5:1 (WCAG
    2.1)."""
    from matplotlib.colors import to_rgb

    rgb: tuple[float, ...] = to_rgb(colour)
    while contrast_with_white(rgb) < 4.5:
        rgb = tuple(0.95 * part for part in rgb)
    return rgb


def contrast_with_white(rgb: tuple[float, ...]) -> float:
    """Contrast ratio of a colour (sRGB, 0..1) with white: WCAG 2.1, relative
    luminance."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


def apart(heights: Sequence[float], gap: float) -> list[float]:
    """Heights for labels in the same order, at least `gap` apart, close to where they
    belong.

    Labels that touch form a stack round their mean height."""
    stacks: list[
        tuple[list[int], float]
    ] = []  # labels from the lowest up, and their mean height
    for k in sorted(range(len(heights)), key=lambda k: heights[k]):
        stack, centre = [k], heights[k]
        while (
            stacks
            and centre - stacks[-1][1] < gap * (len(stack) + len(stacks[-1][0])) / 2
        ):
            stack = stacks.pop()[0] + stack
            centre = sum(heights[j] for j in stack) / len(stack)
        stacks.append((stack, centre))
    spread = {
        k: centre + gap * (place - (len(stack) - 1) / 2)
        for stack, centre in stacks
        for place, k in enumerate(stack)
    }
    return [spread[k] for k in range(len(heights))]
