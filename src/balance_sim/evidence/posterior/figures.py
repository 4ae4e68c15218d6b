"""The headline effect in one picture: what is not known of the parameters, which
theory, which channel, and placebos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.result import AnalysedResult
from balance_sim.evidence.posterior import lines
from balance_sim.evidence.posterior.uncertainty import Uncertainty
from balance_sim.show import wording as say
from balance_sim.show.figures import style

COLUMNS = ["part", "label", "effect", "lo", "hi", "weight"]
COLOURS = {
    "replications": style.BLUE,
    "posterior": style.BLUE,
    "prior": style.BASE,
    "channel": style.GREEN,
    "theory": style.PURPLE,
    "placebo": style.ORANGE,
}
FAR = 1.6
"""Times the reach of all but the prior, at which the picture ends."""
NAN = float("nan")
LABEL_WIDTH = 42
EXPLANATION = (
    "Bars: 95 %, of the Monte Carlo mean, of draws of the parameters, of placebo "
    "events. The prior's may go on beyond the picture. Theories stand at the values in "
    "use and at one base rate; a dot's size is its stacking weight, by forecasts of "
    "held-back years."
)
Row = tuple[str, str, float, float, float, float]


def uncertainty_table(result: AnalysedResult) -> pd.DataFrame:
    """One row a bar or dot, from the top down: part (a key of COLOURS), label, effect,
    lo and hi (NaN for a dot), weight (of a theory, else NaN), told: in words. Empty
    where the scenario's posterior holds nothing of this form of it."""
    uncertainty, arm = result.uncertainty, result.headline_arm
    if uncertainty is None or uncertainty.why or arm is None or not result.finished:
        return pd.DataFrame()
    rows = [
        _simulated_row(result, arm),
        *_drawn_rows(uncertainty),
        *_theory_rows(uncertainty),
        *_placebo_rows(result),
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    places = lines.places_of(uncertainty)
    words = [_words(row, places) for row in table.to_dict("records")]
    return table.assign(told=words)


def _simulated_row(result: AnalysedResult, arm: str) -> Row:
    by_outcome = result.effects.set_index(["arm", "outcome"])
    row: Any = by_outcome.loc[arm, result.headline_outcome]
    label = f"simulated, {say.plural(int(row['n']), 'replication')}"
    return "replications", label, row["mean"], row["lo"], row["hi"], NAN


def _drawn_rows(uncertainty: Uncertainty) -> Iterator[Row]:
    """The effect over each distribution of the parameters, then both channels over the
    first."""
    for name, drawn in uncertainty.sources.items():
        effect = drawn.of["total"]
        label = f"{name}, {drawn.draws:,} draws"
        yield name, label, effect.median, *effect.ci95, NAN
    first = next(iter(uncertainty.sources.values()), None)
    if first is not None:
        for name in ("picture", "threat"):
            channel = first.of[name]
            label = lines.ROWS[name].strip()
            yield "channel", label, channel.median, *channel.ci95, NAN


def _theory_rows(uncertainty: Uncertainty) -> Iterator[Row]:
    for theory in uncertainty.theories:
        weight = NAN if theory.weight is None else theory.weight
        label = f"theory: {say.arm_words(theory.name)}"
        yield "theory", label, theory.total, NAN, NAN, weight


def _placebo_rows(result: AnalysedResult) -> Iterator[Row]:
    for family in result.placebos.families:
        count = len(family.placebos)
        if count:
            quantiles = np.quantile(family.placebos, [0.025, 0.5, 0.975])
            low, middle, high = map(float, quantiles)
            plural = say.plural(count, "placebo")
            label = f"{plural}, {family.name} (p = {family.p:.2g})"
            yield "placebo", label, middle, low, high, NAN


def _words(row: dict[Any, Any], places: int) -> str:
    """The effect of a row with its interval or weight."""
    words = say.signed(row["effect"], places)
    if np.isfinite(row["lo"]):
        low, high = say.signed(row["lo"], places), say.signed(row["hi"], places)
        words += f" ({low} to {high})"
    if np.isfinite(row["weight"]):
        words += f", weight {row['weight']:.2f}"
    return words


def uncertainty_title(table: pd.DataFrame) -> str:
    """The finding: the widest honest interval, and whether it has one sign."""
    row = table[table["part"].isin(["posterior", "prior"])].iloc[0]
    title = f"Given what is known of the parameters, the effect is {row['told']}"
    if row["lo"] > 0:
        return f"{title}: all but certainly above zero"
    if row["hi"] < 0:
        return f"{title}: all but certainly below zero"
    return f"{title}, and may be zero"


@style.figure(
    "uncertainty",
    "How sure is the effect, parameters, theories and placebos included?",
    uncertainty_table,
    fits=lambda result: not uncertainty_table(result).empty,
    page=lambda table: style.panels(9.6, 1.9 + 0.36 * len(table)),
    empty="Intervals over the parameters were not worked out for this form of the "
    "scenario: there are none to show.",
    follows="placebos",
)
def draw_uncertainty(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A bar from the 2.5 % to the 97.5 % point with its median, a dot a theory."""
    ax = axes[0]
    labels = [style.folded(str(label), LABEL_WIDTH) for label in table["label"]]
    heights = style.row_axis(ax, labels)
    without_prior = table[table["part"] != "prior"]
    reach = without_prior[["effect", "lo", "hi"]].to_numpy(float)
    low, high = (FAR * end for end in style.limits(reach, 0.0))
    low = min(low, -0.06 * (high - low))
    ax.axvline(0, color=style.INK, linewidth=1)
    for height, row in zip(heights, table.to_dict("records"), strict=True):
        colour, weight = COLOURS[row["part"]], np.nan_to_num(row["weight"], nan=0.1)
        ends = np.clip([row["lo"], row["effect"], row["hi"]], low, high)
        ax.hlines(height, ends[0], ends[2], colors=colour, linewidth=5, alpha=0.45)
        ax.plot(
            ends[1],
            height,
            "o",
            color=colour,
            markersize=4.0 + 9.0 * np.sqrt(weight),
            markeredgecolor="white",
        )
        style.beside(ax, height, row["told"])
    edge = 0.015 * (high - low)
    ax.set(xlim=(low - edge, high + edge), xlabel=f"effect on expected {say.COUNTER}")
    return style.Words(uncertainty_title(table), "", EXPLANATION)


FIGURES = {draw_uncertainty.name: draw_uncertainty}
