"""Groups of states: the change of their relations with the host of the event."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.model.baseline import classes_of
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.figures.effects import compares
from balance_sim.show.headline import clear, furthest
from balance_sim.study.outcomes import known_outcome
from balance_sim.study.result import Result


def relations_table(result: Result) -> pd.DataFrame:
    """Return how relations of groups with the host change.

    Returns
    -------
    A row a group and window of the report (day): mean paired change (effect) of the
    group's mean relation to the host with its 95 % CI and Monte Carlo standard error,
    headline less control arm; level: its mean in the control arm; n
    """
    arm = result.headline_arm
    if arm is None or not result.finished:
        return pd.DataFrame()
    effects = result.effects[result.effects["arm"] == arm].set_index("outcome")
    is_control = result.levels["arm"] == result.reference
    levels = result.levels[is_control].set_index("outcome")["mean"]
    rows = []
    for name in result.by_run.names:
        outcome = known_outcome(str(name))
        if outcome is not None and outcome.measure == "relations":
            row = {"group": outcome.group, "day": outcome.window, "arm": arm}
            rows.append(row | {"level": levels[name]} | dict(effects.loc[name]))
    if not rows:
        return pd.DataFrame()
    host = classes_of(result.scenario).host or ""
    names = say.state_names(result.scenario)
    table = pd.DataFrame(rows).rename(columns={"mean": "effect"})
    table = table.assign(host=names.get(host, "the host"))
    ordered = table.sort_values(["group", "day"]).reset_index(drop=True)
    return say.titled(ordered, result)


def relations_title(table: pd.DataFrame) -> str:
    """Return in how many groups relations are worse at the last day, and in which
    most."""
    last = table[table["day"] == table["day"].max()]
    host, day = say.first(table, "host"), int(last["day"].iloc[0])
    if int(last["n"].iloc[0]) < 2:
        return (
            "One replication gives no confidence interval for the change of relations "
            f"with {host}"
        )
    sure = last[clear(last)]
    worse, better = sure[sure["effect"] < 0], sure[sure["effect"] > 0]
    words = f"worse in {len(worse)} of {say.plural(len(last), 'group')}"
    if len(better):
        words += f", better in {len(better)}"
    if len(worse):
        row = furthest(worse)
        change = say.signed(float(row["effect"]), 3)
        words += f", most in {say.group_words(str(row['group']))} ({change})"
    return f"By day {day} relations with {host} are {words}"


@style.figure(
    "relations",
    "How do relations with the host change?",
    relations_table,
    fits=compares,
    page=lambda _: style.panels(9.8, 5.4),
    empty="No arm to compare, no host or no group: there is no relation to follow.",
    columns="group day effect lo hi level n",
)
def draw_relations(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw a line a group over the windows, with CIs; names at the right."""
    ax, last = axes[0], float(table["day"].max())
    ax.axhline(0, color=style.INK, linewidth=1)
    looks = [(style.BLUE, "-"), *style.OTHERS, (style.SKY, "-"), (style.BASE, "--")]
    labels: list[style.Label] = []
    groups = table.groupby("group", sort=True)
    for (group, rows), (colour, dashes) in zip(groups, looks * 9, strict=False):
        line: dict[str, Any] = {"color": colour, "linestyle": dashes}
        days, change = [0, *rows["day"]], [0.0, *rows["effect"]]
        ax.plot(days, change, marker="o", markersize=4.5, linewidth=1.6, **line)
        if np.isfinite(rows["lo"]).all():
            ax.vlines(rows["day"], rows["lo"], rows["hi"], color=colour)
        end = change[-1]
        places = say.decimals(0.001, end)  # more where it would print as none
        words = f"{say.signed(end, places)} {say.group_words(str(group))}"
        labels.append((end, words, colour))
    values = table[["effect", "lo", "hi"]].to_numpy(float)
    low, high = style.limits(values, 0.08, 0.12, flat=0.02)
    style.label_ends(ax, last, labels, 0.052 * (high - low))
    words = "change of the group's\nmean relation, -1 to 1"
    ax.set(xlim=(0, 1.01 * last), ylim=(low, high), ylabel=words)
    ax.set_xlabel("days after the event")
    under = (
        f"Paired difference from the control ({say.first(table, 'control')}) at the "
        f"end of each window. Bars: 95 % CI over {style.runs_of(table)}"
    )
    small = (
        "Relation: how far a state thinks the host stands with it less how far against "
        f"it. Groups may overlap. {say.CAVEAT}"
    )
    return style.Words(relations_title(table), under, small, small_wrap=120)
