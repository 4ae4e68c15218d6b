"""Counts of counter-balancing agreements as they add up over the days."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.study.outcomes import Outcome
from balance_sim.study.result import Result

EFFECT = ["effect", "mcse", "lo", "hi"]
COUNTER_BALANCING = (
    "Counter-balancing: neither state takes part, both fear those who do, and neither "
    "is aligned with them."
)
BANDS = (("q05", "q95", "#e3e3e3"), ("q25", "q75", style.PALE))
"""The middle 90 % and 50 % of replications, with their colours."""


def fan_table(result: Result) -> pd.DataFrame:
    """Return how counter-balancing agreements add up.

    Returns
    -------
    A row an arm and week: role, day; mean and quantiles (q05 to q95) over replications
    of the agreements made by then, and n. The quantiles are of replications: they do
    not narrow with more of them
    """
    table = result.fan("counter")
    return table if table.empty else say.titled(table, result)


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
    columns = ["arm", "outcome", "mean", "n"]
    levels = result.levels[columns].rename(columns={"mean": "expected"})
    table = levels[levels["outcome"].isin(days)]
    effects = pd.DataFrame(columns=["arm", "outcome", *EFFECT])
    if not result.effects.empty:
        effects = result.effects.rename(columns={"mean": "effect"})[effects.columns]
    table = table.merge(effects, on=["arm", "outcome"], how="left")
    table["day"] = table["outcome"].map(days)
    start = table.drop_duplicates("arm").assign(day=0, expected=0.0)
    table = pd.concat([start.assign(**dict.fromkeys(EFFECT, 0.0)), table])
    table[EFFECT] = table[EFFECT].astype(float)
    table.loc[table["arm"] == result.reference, EFFECT] = 0.0
    table["order"] = table["arm"].map(list(result.arms).index)
    table = table.sort_values(["order", "day"]).reset_index(drop=True)
    return say.titled(table.drop(columns=["outcome", "order"]), result)


def fan_title(effects: pd.DataFrame) -> str:
    """Return the finding at the end of the longest window."""
    last = effects[effects["day"] == effects["day"].max()].set_index("role")
    control = last.loc["reference"]
    level = float(control["expected"])
    if "headline" not in last.index:
        return f"{control['title']}: {say.number(level, 1)} expected {say.COUNTER}"
    row = last.loc["headline"]
    subject = f"{say.COUNTER} {say.within(int(control['day']))}"
    effect = {**row, "mean": row["effect"]}
    change = say.change_words(effect, level, float(row["expected"]), subject)
    return f"{row['treatment']}: {change}"


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
    more={"effects": fan_effects_table},
    listed="effects",
    empty="No replication finished: there are no agreements to count.",
    columns="title day expected effect lo hi mcse",
)
def draw_fan(
    axes: list[style.Axes], table: pd.DataFrame, effects: pd.DataFrame
) -> style.Words:
    """Draw above the spread of replications in the control arm and both medians, below
    the effects by window."""
    draw_spread(axes[0], table)
    small = COUNTER_BALANCING
    if len(axes) > 1:
        _draw_effects(axes[1], effects)
        small += f" {say.CAVEAT}"
    last = int(table["day"].max())
    axes[-1].set(xlabel="days after the event", xlim=(0, 1.01 * last))
    under = (
        f"Grey: {say.first(table, 'control')}, 50 % and 90 % of {style.runs_of(table)} "
        "(spread, not error)"
    )
    return style.Words(fan_title(effects), under, small, 88, 130)


def draw_spread(ax: style.Axes, table: pd.DataFrame) -> None:
    """Draw bands of the control arm's replications, its median and the headline arm's,
    with names at the right.

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
        looks: dict[str, Any] = {"step": "post", "color": colour, "linewidth": 0}
        ax.fill_between(days, control[low], control[high], **looks)
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
            words = f"{end:.0f}: median, {_short(say.first(rows, 'title'))}"
            labels.append((end, words, colour))
    top = 1.06 * max(1.0, float(control["q95"].max()), float(table["q50"].max()))
    ax.set(ylim=(0, top), ylabel="agreements in a\nreplication")
    ax.yaxis.set_major_locator(MaxNLocator(8, integer=True))
    style.label_ends(ax, 1.01 * last, labels, 0.075 * top)


def _draw_effects(ax: style.Axes, table: pd.DataFrame) -> None:
    """Draw effects at the windows of the report, joined by lines; the headline's with
    its CIs."""
    arms = table[table["role"] != "reference"]
    others = arms.loc[arms["role"] == "other", "arm"].unique()
    looks = {
        arm: (colour, dashes, 1.3)
        for arm, (colour, dashes) in zip(others, style.OTHERS, strict=False)
    }
    looks |= dict.fromkeys(arms.query("role == 'headline'").arm, (style.BLUE, "-", 2.2))
    places = say.decimals(float(arms.query("role == 'headline'")["mcse"].max()))
    labels: list[style.Label] = []
    ax.axhline(0, color=style.INK, linewidth=1)
    for arm, (colour, dashes, width) in looks.items():
        rows = arms[arms["arm"] == arm]
        line: dict[str, Any] = {"linestyle": dashes, "linewidth": width}
        line |= {"marker": "o", "markersize": 1.6 * width, "color": colour}
        ax.plot(rows["day"], rows["effect"], **line)
        if width > 2 and np.isfinite(rows["lo"]).all():
            ax.vlines(rows["day"], rows["lo"], rows["hi"], colors=colour, linewidth=2.6)
        end = float(rows["effect"].iloc[-1])
        words = f"{say.signed(end, places)} {_short(say.first(rows, 'title'))}"
        labels.append((end, words, colour))
    values = arms.loc[arms["arm"].isin(looks), ["effect", "lo", "hi"]]
    low, high = style.limits(values.to_numpy(float), 0.08, flat=0.05)
    title = "Effect at the end of each window, with 95 % CI"
    undrawn = len(others) - len(style.OTHERS)
    if undrawn > 0:
        count = say.plural(undrawn, "more arm is", "more arms are")
        title += f"; {count} in the table"
    ax.set_title(title, loc="left", color=style.QUIET)
    ax.set(ylim=(low, high), ylabel="effect,\nagreements")
    style.label_ends(ax, 1.01 * float(arms["day"].max()), labels, (high - low) * 0.1)


def _short(title: str) -> str:
    """Return a title that fits beside a line."""
    return textwrap.shorten(title, 46, placeholder=" ...")
