"""The headline effect in one picture: what is not known of the parameters, which
channel, and which theory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.headline import Headline
from balance_sim.effects.result import AnalysedResult
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.headline import BEFORE, KNOWN

COLOURS = {
    "replications": style.QUIET,
    "posterior": style.BLUE,
    "prior": style.BASE,
    "picture": style.GREEN,
    "threat": style.VERMILION,
    "theory": style.PURPLE,
}
NAN = float("nan")
CHANNELS = {
    "picture": "picture: who stands together",
    "threat": "threat to the event's targets",
}
LABEL_WIDTH = 42
EXPLANATION = (
    "Dots: means; bars: 95 % of draws of the parameters, or of Monte Carlo error at "
    "the point values. Below the line each theory stands at the point values and at "
    "one base rate."
)
OF_WEIGHTS = (
    " A dot's size is its stacking weight, by forecasts of held-back years (least "
    "where it is counted with another theory)."
)


def uncertainty_table(result: AnalysedResult) -> pd.DataFrame:
    """One row a bar or dot, from the top down: part (a key of COLOURS), label, effect,
    lo and hi (NaN for a dot), weight (of a theory, shared ones once; else NaN), told:
    in words. Empty where the scenario's posterior holds nothing of this form of it."""
    uncertainty, headline = result.uncertainty, result.headline
    if uncertainty is None or uncertainty["why"] or headline is None:
        return pd.DataFrame()
    rows: list[tuple[Any, ...]] = []
    estimate = headline.estimate
    places = max(say.digits((headline.posterior or headline.prior or {})["mean"]), 3)

    def add(part: str, label: str, *numbers: float, weight: float = NAN) -> None:
        effect, *ends = (say.signed(number, places) for number in numbers)
        words = f"{effect} ({' to '.join(ends)})" if ends else effect
        words += "" if np.isnan(weight) else f", weight {weight:.2f}"
        effect_and_ends = (*numbers, NAN, NAN)[:3]
        rows.append((part, label, *effect_and_ends, weight, words))

    for part, label, spread in (
        ("posterior", KNOWN, headline.posterior),
        ("prior", BEFORE, headline.prior),
        ("replications", say.values_words(estimate.get("source")), estimate),
    ):
        if spread is not None and None not in spread["ci95"]:
            add(part, label, spread["mean"], *spread["ci95"])
    drawn = uncertainty["posterior"] or uncertainty["prior"]
    for name, label in CHANNELS.items():
        channel = drawn["of"][name]
        add(name, label, channel["mean"], *channel["ci95"])
    weighed: set[str] = set()
    for theory in uncertainty["theories"]:
        weight = NAN if theory["weight"] is None else theory["weight"]
        label = f"theory: {say.arm_words(theory['name'])}"
        shared = [name for name in theory["not_told_from"] if name in weighed]
        weighed.add(theory["name"])
        add("theory", label, theory["total"], weight=NAN if shared else weight)
        if shared:
            with_whom = say.listed([*map(say.arm_words, shared)])
            rows[-1] = (*rows[-1][:-1], f"{rows[-1][-1]}, in that of {with_whom}")
        elif theory["weight_ci95"]:
            low, high = theory["weight_ci95"]
            alike = len(theory["not_told_from"])
            qualifier = {0: "", 1: " for both"}.get(alike, " for all alike")
            words = f"{rows[-1][-1]}{qualifier} ({low:.2f} to {high:.2f})"
            rows[-1] = (*rows[-1][:-1], words)
    columns = ["part", "label", "effect", "lo", "hi", "weight", "told"]
    table = pd.DataFrame(rows, columns=columns)
    table.attrs["title"] = _title(headline)
    return table


def _title(headline: Headline) -> str:
    """How many draws of the parameters are above zero, with the data and before."""
    shares = [
        f"{say.percent(row['share_positive'])} {words}"
        for row, words in (
            (headline.posterior, "of the parameter values that data allow"),
            (headline.prior, "of those before the data"),
        )
        if row is not None
    ]
    return f"The effect is above zero at {say.listed(shares)}"


@style.figure(
    "uncertainty",
    "How sure is the effect, parameters and theories included?",
    uncertainty_table,
    page=lambda table: style.rows_page(len(table)),
    empty="Intervals over the parameters were not worked out for this form of the "
    "scenario: there are none to show.",
)
def draw_uncertainty(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A bar from the 2.5 % to the 97.5 % point with its mean; below a line a dot a
    theory."""
    ax = axes[0]
    labels = [style.folded(str(label), LABEL_WIDTH) for label in table["label"]]
    heights = style.row_axis(ax, labels)
    low, high = style.limits(table[["effect", "lo", "hi"]].to_numpy(float), 0.04)
    ax.axvline(0, color=style.INK, linewidth=1)
    above = heights[table["part"] != "theory"]
    if 0 < len(above) < len(table):
        ax.axhline(above.min() - 0.5, color=style.QUIET, linewidth=0.8)
        style.note(
            ax,
            "below: at the point values",
            (1.0, above.min() - 0.5),
            (-4, -8),
            xycoords=ax.get_yaxis_transform(),
            ha="right",
            color=style.QUIET,
        )
    for height, row in zip(heights, table.to_dict("records"), strict=True):
        colour, unweighted = (
            COLOURS[row["part"]],
            0.0 if row["part"] == "theory" else 0.1,
        )
        weight = np.nan_to_num(row["weight"], nan=unweighted)
        width = 11 if row["part"] == "posterior" else 5
        ends = row["lo"], row["hi"]
        ax.hlines(height, *ends, colors=colour, linewidth=width, alpha=0.45)
        ax.scatter(
            row["effect"], height, s=(4 + 9 * np.sqrt(weight)) ** 2, color=colour
        )
        style.beside(ax, height, row["told"])
    ax.set(xlim=(low, high), xlabel=f"effect on expected {say.COUNTER}")
    words = OF_WEIGHTS if table["weight"].notna().any() else ""
    return style.Words(table.attrs["title"], "", EXPLANATION + words)
