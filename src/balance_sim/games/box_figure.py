"""The figure of a game's conditions: in which futures what a side would choose, or did,
fails."""

from __future__ import annotations

from typing import Any

import pandas as pd

from balance_sim.games.robust_page import FAILS, read_boxes, restriction_words
from balance_sim.show import wording as say
from balance_sim.show.figures import style

BOX = ["player", "strategy", "box"]
"""What a panel is of."""


def _boxes_page(table: pd.DataFrame) -> list[style.Axes]:
    """A panel a box, as high as it has restrictions."""
    heights = [1.0 + 0.5 * size for size in table.groupby(BOX, sort=False).size()]
    options: dict[str, Any] = {"height_ratios": heights, "sharex": True}
    return style.panels(len(heights), 1, 1.6 + sum(heights), **options)


@style.figure(
    "boxes",
    "In which futures does a strategy fail?",
    read_boxes,
    page=_boxes_page,
    empty="No condition is named: `balance-sim game FILE --discover` looks for some.",
    columns="player strategy box coverage density factor least largest among quasi_p",
)
def draw_boxes(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A panel a box: a bar a restriction, from the share of draws that lie below it to
    the share that lie below its end; of a category a stretch for each that is left."""
    boxes = table.groupby(BOX, sort=False)
    for ax, ((player, strategy, number), rows) in zip(axes, boxes, strict=True):
        records = rows.to_dict("records")
        words = [style.folded(restriction_words(row), 44) for row in records]
        heights = style.row_axis(ax, words)
        for y, row in zip(heights, records, strict=True):
            ax.barh(y, 1.0, 0.44, color=style.GRID)
            for begin, end in _stretches(row):
                ax.barh(y, end - begin, 0.44, begin, color=style.VERMILION)
        caught, fails = say.percent(rows["coverage"].iloc[0]), rows["density"].iloc[0]
        title = (
            f"{player}: “{strategy}”, box {number}\n{caught} of its failures lie here "
            f"(coverage), {say.percent(fails)} of what lies here fails (density)"
        )
        ax.set_title(title, loc="left", fontweight="bold", fontsize=10)
        ax.set_xlim(0, 1)
        ax.xaxis.set_major_formatter(lambda share, _: say.percent(share))
    axes[-1].set_xlabel("share of the draws that lie below")
    small = f"Grey: all draws; filled: the box. {FAILS}"
    return style.Words(_finding(table), "", small)


def _stretches(row: dict[Any, Any]) -> list[tuple[float, float]]:
    """Where the bar of a restriction lies, from 0 to 1."""
    if not row["among"]:
        return [(row["begins"], row["ends"])]
    options = row["options"]
    places = [options.index(name) for name in row["among"]]
    return [(place / len(options), (place + 1) / len(options)) for place in places]


def _finding(table: pd.DataFrame) -> str:
    """Where the first strategy fails most."""
    first = table[table["box"] == table["box"].iloc[0]]
    is_same_box = (first[BOX[:2]] == table[BOX[:2]].iloc[0]).all(axis=1)
    conditions = [
        restriction_words(row) for row in first[is_same_box].to_dict("records")
    ]
    player, strategy = table[BOX[:2]].iloc[0]
    return f"{player}: “{strategy}” fails most at {say.listed(conditions)}"
