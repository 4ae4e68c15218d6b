"""The excess over the two factors of a sweep along which it changes most, cell by cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.show.figures.paper import SMALL, head, note, nothing, owner, sheet, styled
from balance_sim.show.figures.sweeps import (
    CLASSES,
    headline_effects,
    multiples_table,
    spread_between,
)
from balance_sim.show.tables import clear
from balance_sim.show.wording import arm_words, digits, factor_words, interval, outcome_words, plural, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.results.sweep_result import SweepResult

COLUMNS = [
    "x", "y", "words_x", "words_y", "excess", "lo", "hi", "points", "factor_x", "factor_y", "arm", "reference",
    "outcome", "runs",
]  # fmt: skip
MOST_VALUES = 8


def surface_table(result: SweepResult) -> pd.DataFrame:
    """Tidy: mean excess over the points at each pair of values of the two numeric factors that change it most.

    A factor of more than eight values is cut into five classes of equal width; x and y are then their middles.
    lo, hi: the mean of the points' 95 % intervals, which is no narrower than that of their mean, whatever the
    random numbers they share. Empty where there are no two such factors."""
    table = multiples_table(result)
    good = {
        str(factor): spread_between(rows)
        for factor, rows in table.groupby("factor")
        if pd.api.types.is_numeric_dtype(rows["value"].infer_objects()) and rows["value"].nunique() >= 2
    }
    if len(good) < 2:
        return pd.DataFrame(columns=COLUMNS)
    chosen = sorted(sorted(good), key=lambda factor: -good[factor])[:2]
    found = headline_effects(result)
    axes = {
        name: _classes(found[path].to_numpy(float)) for name, path in zip(("x", "y"), chosen, strict=True)
    }
    rows = pd.DataFrame(
        {
            "x": axes["x"][0], "words_x": axes["x"][1], "y": axes["y"][0], "words_y": axes["y"][1],
            "excess": found["mean"].to_numpy(), "lo": found["lo"].to_numpy(), "hi": found["hi"].to_numpy(),
        }
    )  # fmt: skip
    grouped = rows.groupby(["x", "y", "words_x", "words_y"], sort=True)
    grid = grouped.mean().assign(points=grouped.size()).reset_index()
    more = {"arm": result.headline_arm, "reference": result.reference, "runs": result.runs}
    return grid.assign(factor_x=chosen[0], factor_y=chosen[1], outcome=result.headline_outcome, **more)[
        COLUMNS
    ]


def _classes(values: Any) -> tuple[Any, list[str]]:
    """Each value, or the middle of its class, and how to write it."""
    if len(np.unique(values)) <= MOST_VALUES:
        return values, [f"{v:.3g}" for v in values]
    edges = np.linspace(values.min(), values.max(), CLASSES + 1)
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, CLASSES - 1)
    middles = (edges[:-1] + edges[1:]) / 2
    return middles[place], [f"{edges[k]:.2g} to {edges[k + 1]:.2g}" for k in place]


def surface_title(table: pd.DataFrame) -> str:
    """The finding: where the excess is largest, and in how many cells it can be told from none."""
    places = digits(*table["excess"])
    if float(table["excess"].max()) == float(table["excess"].min()):
        return f"The excess is the same, {signed(float(table['excess'].iloc[0]), places)}, in every cell"
    sure = int(clear(table).sum())
    order = table.assign(clear=clear(table)).sort_values(
        ["clear", "excess", "x", "y"], ascending=[False, False, True, True], kind="stable"
    )
    top = order.iloc[0]
    where = " and ".join(f"{factor_words(str(top[f'factor_{a}']))} {top[f'words_{a}']}" for a in "xy")
    size = f"{signed(float(top['excess']), places)} ({interval(float(top['lo']), float(top['hi']), places)})"
    if not sure:
        return f"In none of {len(table)} cells can the excess be told from none; largest: {size} at {where}"
    return f"In {sure} of {len(table)} cells the excess can be told from none; largest of them: {size} at {where}"


@styled
def draw_surface(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """A cell for each pair of values or classes, its mean excess as colour and number."""
    from balance_sim.show.figures.pairs import colours

    own = ax is None
    ax = ax if ax is not None else sheet(8.8, 6.0).subplots()
    if table.empty:
        return nothing(
            ax, "Fewer than two factors are numbers with two values or more: there is no surface to show."
        )
    wide = table.pivot(index="y", columns="x", values="excess").sort_index(ascending=False)
    low, high = min(float(table["excess"].min()), 0.0), max(float(table["excess"].max()), 0.0)
    reach = max(-low, high) or 0.01
    places = digits(low, high)
    image = ax.imshow(wide, cmap=colours(), vmin=-reach, vmax=reach, aspect="auto", interpolation="none")
    for axis, values in (("x", wide.columns), ("y", wide.index)):
        words = dict(zip(table[axis], table[f"words_{axis}"], strict=True))
        set_ticks = ax.set_xticks if axis == "x" else ax.set_yticks
        set_ticks(range(len(values)), [words[value] for value in values])
    columns, rows = list(wide.columns), list(wide.index)
    box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.0}
    for row, told in zip(table.to_dict("records"), clear(table), strict=True):
        ax.text(
            columns.index(row["x"]), rows.index(row["y"]), signed(row["excess"], places), ha="center", va="center",
            fontsize=SMALL, fontweight="bold" if told else "normal", bbox=box,
        )  # fmt: skip
    ax.set_xlabel(str(table["factor_x"].iloc[0]))
    ax.set_ylabel(str(table["factor_y"].iloc[0]))
    ax.tick_params(length=0)
    if low < high:
        bar = owner(ax).colorbar(image, ax=ax, shrink=0.8)
        bar.outline.set_visible(False)
        bar.ax.set_ylim(low, high)
        bar.set_label("mean excess per run (amber: less, blue: more)")
    head(ax, surface_title(table), _marks(table), own=own, wrap=74)
    small = "Bold: the 95 % interval excludes zero. " + (
        "Where a cell has more than one point, its interval is the mean of theirs, which is rather too wide. "
        if int(table["points"].max()) > 1
        else ""
    )
    empty = wide.size > len(table)
    note(ax, small + ("Light grey: no point there." if empty else ""), own=own, wrap=112)
    return owner(ax)


def _marks(table: pd.DataFrame) -> str:
    arm, reference = (arm_words(str(table[name].iloc[0])) for name in ("arm", "reference"))
    runs = plural(int(table["runs"].iloc[0]), "run")
    least, most = int(table["points"].min()), int(table["points"].max())
    count = plural(most, "point") if least == most else f"{least} to {plural(most, 'point')}"
    each = "" if most == 1 else f"; mean over {count} a cell"
    outcome = outcome_words(str(table["outcome"].iloc[0]))
    return f"Excess of {outcome}: {arm} less {reference}, {runs} a point{each}"
