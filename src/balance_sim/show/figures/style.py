"""How every figure is made: its entry in the registry, our colours, its words, and
marks that many share.

Matplotlib, which `show.save` sets up, is imported when a figure is drawn. Figures are
made without pyplot: no window, no global state, no backend to choose. A colour has one
meaning in all of them, and none is told by its colour alone."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from balance_sim.effects.result import AnalysedResult
from balance_sim.scenario.errors import WrongRequest
from balance_sim.show import save
from balance_sim.show import wording as say
from balance_sim.show.headline import finding, known_words

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure
    import pandas as pd

BLUE, ORANGE, VERMILION, GREEN, PURPLE = (
    "#1f66ad",
    "#d98200",
    "#c8401c",
    "#00806b",
    "#7b4fa3",
)
"""More agreements, and the event; fewer; threat, and what fails; what is seen or
agreed; theories."""
INK, QUIET, SMALL, style = save.INK, save.QUIET, save.SMALL, save.style
PALE, GRID, BASE = "#cdd3da", "#e6e9ed", "#8b95a2"  # BASE: what others do, the control
DARKER = {ORANGE: "#a86500", BASE: "#6c737d"}  # for words
FAINT = "#a9c8e6"  # an interval round what is blue
DASHES = (0, (4, 2))
SCALE = (
    (0.0, ORANGE),
    (0.25, "#f3c26b"),
    (0.5, "#ffffff"),
    (0.65, "#b5d3ec"),
    (0.85, BLUE),
    (1.0, "#0b2f57"),
)
"""Amber below zero, blue above. In grey the amber end stays light and the blue end goes
dark."""
UNCLEAR = "#eceef1"  # what cannot be told from zero
WIDTH, HEIGHT = 10.0, 5.625
"""Inches of a page: a slide of 16 to 9, on which 11 points are read from the last
row."""
MARGIN, GAP = 0.22, 0.1
TITLE_SIZE, UNDER_SIZE = 15.0, 11.0
LINES = {TITLE_SIZE: 0.272, UNDER_SIZE: 0.195, SMALL: 0.155}
"""Inches of a line of words by size."""
LETTERS = {TITLE_SIZE: 10.3, UNDER_SIZE: 14.6, SMALL: 16.6}
"""Letters on an inch by size."""

FINDING = "{finding}"
"""Stands in a title for the finding of the study that is drawn."""

type Axes = matplotlib.axes.Axes
type Figure = matplotlib.figure.Figure
type Table = Callable[[Any], pd.DataFrame]
type Label = tuple[float, str, Any]


class Words(NamedTuple):
    """What is written on a figure.

    Attributes
    ----------
    title : the finding
    under : what the marks are; empty on a page of several panels, where the small print
        says it
    small : small print
    """

    title: str
    under: str = ""
    small: str = ""


@dataclass(frozen=True)
class FigureSpec:
    """A figure in the registry.

    Attributes
    ----------
    question : what it answers
    table : computes what it shows, tidy, from a study; without a row, the study has
        nothing to show
    marks : puts the table into axes
    page : makes the axes
    empty : what is said where the table has no row
    second : a second table that `marks` takes too, and that stands for the figure's
        numbers in a page
    columns : of the numbers in a page, those to read, separated by blanks; empty: all
    rows : of the numbers in a page, which rows in which order
    is_at_start : a table and its words come from the scenario alone
    is_default : it is drawn without being asked for
    """

    name: str
    question: str
    table: Table
    marks: Callable[..., Words]
    page: Callable[[pd.DataFrame], list[Axes]]
    empty: str
    second: Table | None = None
    columns: str = ""
    rows: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table
    is_at_start: bool = False
    is_default: bool = True

    def draw(self, study: object, table: pd.DataFrame | None = None) -> Figure:
        """Return the figure of a study; `table` where it was computed before.

        Raises
        ------
        WrongRequest : where the study has nothing to show
        """
        numbers = self.table(study) if table is None else table
        if numbers.empty:
            raise WrongRequest(self.empty)
        if isinstance(study, AnalysedResult):
            numbers.attrs[FINDING] = finding_title(study)
            if study.headline is not None:
                numbers.attrs[say.CAVEAT] = known_words(study.headline)
        second = [] if self.second is None else [self.second(study)]
        with style():
            axes = self.page(numbers)
            title, under, small = self.marks(axes, numbers, *second)
            title = title.replace(FINDING, numbers.attrs.get(FINDING, self.question))
            caveat = numbers.attrs.get(say.CAVEAT, say.CAVEAT)
            _write_words(
                owner(axes[0]), title, under, small.replace(say.CAVEAT, caveat)
            )
        return owner(axes[0])


def finding_title(result: AnalysedResult) -> str:
    """Return the headline as a title: the effect, the level, and the interval."""
    headline = result.headline
    if headline is None:
        return finding(result).rstrip(".")
    row, name = headline.posterior or headline.estimate, "95 % interval"
    if headline.posterior is None:
        name = f"{say.values_words(row.get('source'))}; 95 % CI"
    low, high = row["ci95"] or (None, None)
    places = say.effect_digits(row["mean"])
    bounds = "" if low is None else f" ({name} {say.interval(low, high, places)})"
    return (
        f"{say.treatment(result, headline.arm)}: {say.signed(row['mean'], places)} on "
        f"{say.level(row['level'])} {say.COUNTER} {say.within(result.window)}{bounds}"
    )


def figure(
    name: str, question: str, table: Table, **more: Any
) -> Callable[[Callable[..., Words]], FigureSpec]:
    """Make the function that draws the marks of a figure its entry in the registry.

    Parameters
    ----------
    more : as in `FigureSpec`
    """
    return lambda marks: FigureSpec(name, question, table, marks, **more)


def _write_words(page: Figure, title: str, under: str, small: str) -> None:
    """Write title and line under it at the top and small print at the foot, and leave
    the rest to the axes."""
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    width, height = page.get_size_inches()
    left, top, foot = MARGIN / width, MARGIN, MARGIN / 2
    lines = {
        size: folded(words, int(LETTERS[size] * (width - 2 * MARGIN)))
        for size, words in ((TITLE_SIZE, title), (UNDER_SIZE, under), (SMALL, small))
    }
    rooms = {
        size: LINES[size] * (text.count("\n") + 1) if text else 0.0
        for size, text in lines.items()
    }
    head: dict[str, Any] = {"ha": "left", "va": "top", "fontweight": "bold"}
    head |= {"fontsize": TITLE_SIZE, "x": left, "y": 1 - top / height}
    page.suptitle(lines[TITLE_SIZE], **head).set_in_layout(False)
    top += rooms[TITLE_SIZE] + GAP / 2
    quiet: dict[str, Any] = {"ha": "left", "color": QUIET}
    under = lines[UNDER_SIZE]
    page.text(left, 1 - top / height, under, va="top", fontsize=UNDER_SIZE, **quiet)
    page.text(left, foot / height, lines[SMALL], va="bottom", fontsize=SMALL, **quiet)
    top, foot = top + rooms[UNDER_SIZE] + GAP, foot + rooms[SMALL] + GAP
    engine = page.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    engine.set(rect=(left, foot / height, 1 - 2 * left, 1 - (top + foot) / height))


def panels(
    rows: int = 1, columns: int = 1, height: float = HEIGHT, **options: Any
) -> list[Axes]:
    """Return the axes of an empty page whose parts make room for each other.

    Parameters
    ----------
    height : inches; where a slide has no room for all rows
    options : of `matplotlib.figure.Figure.subplots`
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    from balance_sim.show.notebook import NotebookFigure

    engine = ConstrainedLayoutEngine(w_pad=0.05, h_pad=0.05)
    page = NotebookFigure(figsize=(WIDTH, max(height, HEIGHT)), layout=engine)
    FigureCanvasAgg(page)
    return list(np.ravel(page.subplots(rows, columns, squeeze=False, **options)))


def rows_page(count: int, inches: float = 0.3) -> list[Axes]:
    """Return the axes of a page with so many rows, each of so many inches; rows are
    closer where a slide then has room for them."""
    height = 2.2 + inches * count
    return panels(height=height if height > 1.08 * HEIGHT else HEIGHT)


def owner(ax: Axes) -> Figure:
    """Return the figure an axes stands in."""
    return cast("Figure", ax.get_figure())


# -- marks -----------------------------------------------------------------------------


def row_axis(ax: Axes, labels: Sequence[str]) -> Any:
    """Put a row a label from the top down, with lines at the values beneath; return the
    height of each. A few rows alone on a page do not fill it."""
    heights = np.arange(len(labels))[::-1].astype(float)
    ax.set_yticks(heights, list(labels))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color=GRID, linewidth=0.6)
    fewest = 4 if len(owner(ax).axes) == 1 else 1
    ax.set_ylim(min(len(labels) - fewest, 0) - 0.7, len(labels) - 0.3)
    return heights


def whisker(
    ax: Axes,
    y: float,
    row: Any,
    colour: str,
    *,
    width: float,
    face: str = "",
    value: str = "effect",
) -> None:
    """Draw a row's effect (or `value`) as a dot, filled in its colour if no other
    `face` is given, on its CI if it has one."""
    if np.isfinite(row["lo"]):
        line: dict[str, Any] = {"color": colour, "linewidth": width, "zorder": 3}
        ax.plot([row["lo"], row["hi"]], [y, y], solid_capstyle="butt", **line)
    dot: dict[str, Any] = {"markersize": 7, "markeredgewidth": 1.6, "zorder": 4}
    ax.plot(row[value], y, "o", color=colour, markerfacecolor=face or colour, **dot)


def note(
    ax: Axes,
    words: str,
    at: tuple[float, float],
    offset: tuple[float, float],
    **looks: Any,
) -> None:
    """Write small words so many points away from a place, also outside of the axes."""
    usual: dict[str, Any] = {
        "textcoords": "offset points",
        "va": "center",
        "fontsize": 10.0,
        "annotation_clip": False,
    }
    ax.annotate(words, at, offset, **(usual | looks))


def effect_label(row: Any, places: int | None = None) -> str:
    """Return a row's effect, with its CI where it has one."""
    words, bounds, _ = say.effect_cells(row, places)
    return words if bounds == "-" else f"{words}  ({bounds})"


def beside(ax: Axes, y: float, words: str, **looks: Any) -> None:
    """Write words at the right of a row."""
    note(ax, words, (1.0, y), (8, 0), xycoords=ax.get_yaxis_transform(), **looks)


def name_line(ax: Axes, x: Any, y: float, words: str) -> None:
    """Write the name of an upright line beside it, where there is more room."""
    low, high = ax.get_xlim()
    middle = (low + high) / 2
    is_right = ax.convert_xunits(x) > middle  # type: ignore[no-untyped-call]
    side, offset = ("right", -7) if is_right else ("left", 7)
    note(ax, words, (x, y), (offset, 0), ha=side, color=BLUE)


def label_ends(ax: Axes, x: float, labels: Sequence[Label], gap: float) -> None:
    """Write names (height, words, colour) at the right ends of lines, spread where they
    would touch."""
    heights = apart([y for y, _, _ in labels], gap)
    for (_, words, colour), height in zip(labels, heights, strict=True):
        note(ax, words, (x, height), (6, 0), color=readable(colour))


def limits(values: Any, room: float) -> tuple[float, float]:
    """Return the ends of an axis that holds all finite values and 0.

    Parameters
    ----------
    room : beneath and above, in spans of the values

    Examples
    --------
    >>> limits(np.array([[2.0, np.nan]]), 0.5)
    (-1.0, 3.0)
    """
    ends = np.append(values[np.isfinite(values)], 0.0)
    low, high = float(ends.min()), float(ends.max())
    span = (high - low) or 1.0
    return low - room * span, high + room * span


# -- words -----------------------------------------------------------------------------


def runs_of(table: pd.DataFrame, noun: str = "replication") -> str:
    """Return how many replications a figure's table is of, in words."""
    return say.plural(int(table["n"].iloc[0]), noun)


def within(table: pd.DataFrame) -> str:
    """Return the window of a figure's table in words."""
    return say.within(int(table["window"].iloc[0]))


def folded(words: str, width: int) -> str:
    """Return lines of at most `width` characters; a number keeps its per cent sign, and
    a dyad stays together."""
    words = words.replace(" %", "\u00a0%").replace("% CI", "%\u00a0CI")
    return "\n".join(textwrap.wrap(words, width, break_on_hyphens=False))


def readable(colour: str) -> str:
    """Return the colour for words, whose contrast with white is 4.5:1 or more (WCAG
    2.1)."""
    return DARKER.get(colour, colour)


def apart(heights: Sequence[float], gap: float) -> list[float]:
    """Return heights for labels in the same order, at least `gap` apart: a label that
    would touch the one below it moves up.

    >>> apart([1.0, 5.0, 1.1], gap=1.0)
    [1.0, 5.0, 2.0]
    """
    spread = list(heights)
    lowest = -np.inf
    for label in sorted(range(len(spread)), key=lambda label: spread[label]):
        spread[label] = lowest = max(spread[label], lowest + gap)
    return spread
