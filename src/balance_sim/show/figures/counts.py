"""Counts of counter-balancing agreements as they add up over the days."""

from __future__ import annotations

import textwrap
from typing import Any

import pandas as pd

from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.headline import EFFECT, effect_table
from balance_sim.study.outcomes import Outcome
from balance_sim.study.result import Result

BANDS = (("q05", "q95", "#e3e3e3"), ("q25", "q75", style.PALE))
"""The middle 90 % and 50 % of what may come, with their colours."""


def fan_table(result: Result) -> pd.DataFrame:
    """Return how counter-balancing agreements add up.

    Returns
    -------
    A row an arm and week: role, day; mean over replications and quantiles (q05 to q95)
    of the agreements made by then, and n; band: what the quantiles hold. They do not
    narrow with more replications
    """
    table = result.fan("counter")
    if table.empty:
        return table
    band = say.band_words(result.scenario, result.draws)
    return say.titled(table, result).assign(band=band)


def fan_effects_table(result: Result) -> pd.DataFrame:
    """Return the effect by the end of each window.

    Returns
    -------
    A row an arm and day (0 and the report's windows): role; expected counter-balancing
    agreements by then, and the paired effect on them with its Monte Carlo standard
    error and 95 % CI; filtered where there are filtered numbers
    """
    days = {
        Outcome("accords", "counter", day).name: day
        for day in sorted(result.scenario.report.windows)
    }
    table = effect_table(result, list(days))
    if table.empty:
        return table
    table["day"] = table["outcome"].map(days)
    table = table.rename(columns={"level": "expected"})
    table.loc[table["role"] == "reference", EFFECT] = 0.0
    start = table.drop_duplicates("arm").assign(day=0, expected=0.0)
    start[EFFECT] = 0.0
    table = pd.concat([start, table])
    return pd.concat([rows for _, rows in table.groupby("arm", sort=False)])


def _fan_page(table: pd.DataFrame) -> list[style.Axes]:
    """Make a page of two panels; of one where there is only the control."""
    if set(table["role"]) == {"reference"}:
        return style.panels(9.0, 4.6)
    return style.panels(10.6, 7.0, 2, sharex=True, height_ratios=[3, 2])


@style.figure(
    "fan",
    "How many counter-balancing agreements come, and what is the event's effect?",
    fan_table,
    page=_fan_page,
    second=fan_effects_table,
    empty="No replication finished: there are no agreements to count.",
    columns="title day expected effect lo hi mcse",
)
def draw_fan(
    axes: list[style.Axes], table: pd.DataFrame, effects: pd.DataFrame
) -> style.Words:
    """Draw above what may come in the control arm and both medians, below the effects
    by window."""
    draw_spread(axes[0], table)
    small = say.COUNTER_BALANCING
    if len(axes) > 1:
        arms = effects[effects["role"] != "reference"].sort_values(
            "role", kind="stable"
        )
        _draw_effects(axes[1], arms)
        values = say.first(table, "values")
        title = f"Effect at the end of each window, {values}, with 95 % CI"
        axes[1].set_title(title, loc="left", color=style.QUIET)
        axes[1].set_ylabel("effect,\nagreements")
        small += f" {say.CAVEAT}"
    axes[-1].set(xlabel="days after the event", xlim=(0, 1.01 * table["day"].max()))
    under = (
        f"Grey: {say.first(table, 'control')}, the middle 50 % and 90 % over "
        f"{style.runs_of(table)}, with {say.first(table, 'band')}"
    )
    return style.Words(style.FINDING, under, small)


def draw_spread(ax: style.Axes, table: pd.DataFrame) -> None:
    """Draw bands of the control arm, its median and the headline arm's, with names at
    the right.

    Parameters
    ----------
    table : role, title, day, q05, q25, q50, q75, q95
    """
    from matplotlib.ticker import MaxNLocator

    last = float(table["day"].max())
    control = table[table["role"] == "reference"]
    headline = table[table["role"] == "headline"]
    days = control["day"]
    for low, high, colour in BANDS:
        ax.fill_between(days, control[low], control[high], step="post", color=colour)
    labels: list[style.Label] = []
    for quantile, share in (("q95", 95), ("q05", 5)):
        end = float(control[quantile].iloc[-1])
        labels.append((end, f"{end:.0f}: {share} % at most", style.QUIET))
    for rows, colour, line in (
        (control, style.INK, {"linewidth": 2.6}),
        (headline, style.BLUE, {"linewidth": 1.3, "linestyle": style.DASHES}),
    ):
        if len(rows):
            ax.step(rows["day"], rows["q50"], where="post", color=colour, **line)
            end = float(rows["q50"].iloc[-1])
            title = textwrap.shorten(say.first(rows, "title"), 40, placeholder=" ...")
            labels.append((end, f"{end:.0f}: median, {title}", colour))
    top = 1.06 * max(1.0, float(control["q95"].max()), float(table["q50"].max()))
    ax.set(ylim=(0, top), ylabel="agreements")
    ax.yaxis.set_major_locator(MaxNLocator(8, integer=True))
    style.label_ends(ax, 1.01 * last, labels, 0.075 * top)


def _draw_effects(ax: style.Axes, table: pd.DataFrame) -> None:
    """Draw a line an arm from zero over the days, at most as many as there are colours,
    with CIs; the last effect and the arm's title at its right end.

    Parameters
    ----------
    table : title, day, effect, lo, hi
    """
    ax.axhline(0, color=style.INK, linewidth=1)
    labels: list[style.Label] = []
    looks = ((style.BLUE, "-"), *style.OTHERS, (style.BASE, "--"))
    table = table[table["title"].isin(table["title"].unique()[: len(looks)])]
    low, high = style.limits(table[["effect", "lo", "hi"]].to_numpy(float), 0.1)
    arms = table.groupby("title", sort=False)
    for (title, rows), (colour, dashes) in zip(arms, looks, strict=False):
        look: dict[str, Any] = {
            "color": colour,
            "linestyle": dashes,
            "marker": "o",
            "markersize": 3,
        }
        ax.plot(rows["day"], rows["effect"], **look)
        ax.vlines(rows["day"], rows["lo"], rows["hi"], colors=colour)
        end = float(rows["effect"].iloc[-1])
        text = textwrap.shorten(str(title), 46, placeholder=" ...")
        words = f"{say.signed(end, max(say.digits(end), 3))} {text}"
        labels.append((end, words, colour))
    ax.set_ylim(low, high)
    style.label_ends(ax, 1.01 * table["day"].max(), labels, 0.07 * (high - low))
