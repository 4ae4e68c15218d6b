"""The headline effect in one picture: what is not known of the parameters, which theory,
which channel, and placebos."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.result import AnalysedResult
from balance_sim.evidence.posterior import lines as words
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
FAR = 1.6  # times the posterior's reach, beyond which a bar ends in an arrow


def uncertainty_table(result: AnalysedResult) -> pd.DataFrame:
    """One row a bar or dot, from the top down: part (a key of COLOURS), label, effect,
    lo and hi (NaN for a dot), weight (of a theory, else NaN), told: in words. Empty
    where the scenario's posterior holds nothing of this form of it."""
    found, arm = result.uncertainty, result.headline_arm
    if found is None or found.why or arm is None or not result.finished:
        return pd.DataFrame()
    nan = float("nan")
    row: Any = result.effects.set_index(["arm", "outcome"]).loc[
        arm, result.headline_outcome
    ]
    simulated = f"simulated, {say.plural(int(row['n']), 'replication')}"
    rows: list[tuple[Any, ...]] = [
        ("replications", simulated, *row[["mean", "lo", "hi"]], nan)
    ]
    for name, of in (("posterior", found.posterior), ("prior", found.prior)):
        if of is not None:
            spread = of.of["total"]
            rows.append(
                (name, f"{name}, {of.draws:,} draws", spread.median, *spread.ci95, nan)
            )
    over = found.posterior or found.prior
    if over is not None:
        for name in ("picture", "threat"):
            spread = over.of[name]
            rows.append(
                ("channel", words.ROWS[name].strip(), spread.median, *spread.ci95, nan)
            )
    for one in found.theories:
        weight = nan if one.weight is None else one.weight
        rows.append(
            (
                "theory",
                f"theory: {say.arm_words(one.name)}",
                one.total,
                nan,
                nan,
                weight,
            )
        )
    for family in (one for one in result.placebos.families if len(one.placebos)):
        low, middle, high = np.quantile(family.placebos, [0.025, 0.5, 0.975])
        label = f"{say.plural(len(family.placebos), 'placebo')}, {family.name} (p = {family.p:.2g})"
        rows.append(("placebo", label, middle, low, high, nan))
    table = pd.DataFrame(rows, columns=COLUMNS)
    places = words.places_of(found)
    return table.assign(told=[_told(one, places) for one in table.to_dict("records")])


def _told(row: dict[Any, Any], places: int) -> str:
    told = say.signed(row["effect"], places)
    if np.isfinite(row["lo"]):
        told += f" ({say.signed(row['lo'], places)} to {say.signed(row['hi'], places)})"
    return told + (
        f", weight {row['weight']:.2f}" if np.isfinite(row["weight"]) else ""
    )


def uncertainty_title(table: pd.DataFrame) -> str:
    """The finding: the widest honest interval, and whether it has one sign."""
    row = table[table["part"].isin(["posterior", "prior"])].iloc[0]
    sign = (
        "all but certainly above zero"
        if row["lo"] > 0
        else "all but certainly below zero"
        if row["hi"] < 0
        else ""
    )
    told = f"Given what is known of the parameters, the effect is {row['told']}"
    return f"{told}: {sign}" if sign else f"{told}, and may be zero"


@style.figure(
    "uncertainty",
    "How sure is the effect, parameters, theories and placebos included?",
    uncertainty_table,
    fits=lambda result: not uncertainty_table(result).empty,
    page=lambda table: style.panels(9.6, 1.9 + 0.36 * len(table)),
    empty="Intervals over the parameters were not worked out for this form of the scenario: there are none to show.",
    follows="placebos",
)
def draw_uncertainty(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A bar from the 2.5 % to the 97.5 % point with its median, a dot a theory; those
    that reach far end in an arrow."""
    ax = axes[0]
    heights = style.row_axis(
        ax, [style.folded(str(label), 42) for label in table["label"]]
    )
    inner = table[table["part"] != "prior"]
    low, high = (
        FAR * end
        for end in style.limits(inner[["effect", "lo", "hi"]].to_numpy(float), 0.0)
    )
    low = min(low, -0.06 * (high - low))
    ax.axvline(0, color=style.INK, linewidth=1)
    for y, row in zip(heights, table.to_dict("records"), strict=True):
        colour = COLOURS[row["part"]]
        if np.isfinite(row["lo"]):
            ax.hlines(
                y,
                max(row["lo"], low),
                min(row["hi"], high),
                colors=colour,
                linewidth=5,
                alpha=0.45,
            )
            for end, mark in ((row["lo"], "<"), (row["hi"], ">")):
                if not low <= end <= high:
                    ax.plot(
                        np.clip(end, low, high),
                        y,
                        mark,
                        color=colour,
                        markersize=7,
                        clip_on=False,
                    )
        size = (
            6.0
            if not np.isfinite(row["weight"])
            else 4.0 + 9.0 * np.sqrt(row["weight"])
        )
        ax.plot(
            np.clip(row["effect"], low, high),
            y,
            "o",
            color=colour,
            markersize=size,
            markeredgecolor="white",
        )
        style.beside(ax, y, row["told"])
    edge = 0.015 * (high - low)
    ax.set(xlim=(low - edge, high + edge), xlabel=f"effect on expected {say.COUNTER}")
    small = (
        "Bars: 95 %, of the Monte Carlo mean, of draws of the parameters, of placebo events. Arrows: the bar goes on. "
        "Theories stand at the values in use and at one base rate; a dot's size is its stacking weight, by forecasts "
        "of held-back years."
    )
    return style.Words(uncertainty_title(table), "", small)


FIGURES = {draw_uncertainty.name: draw_uncertainty}
