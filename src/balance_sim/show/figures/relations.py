"""Groups of states: the change of their relations with the host over time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.relations import relations_by_week
from balance_sim.model.baseline import classes_of
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.figures.effects import compares
from balance_sim.stats.intervals import paired_interval
from balance_sim.study.outcomes import Outcome, known_outcome
from balance_sim.study.result import Result

RELATIONS = [
    *("group", "day", "change", "lo", "hi", "level", "n", "estimator", "at"),
    *("arm", "title", "control", "treatment", "host"),
]
BEFORE = -14.0  # days at which the axis begins
TICKS = (0, 30, 60, 90, 120, 180, 240, 300, 360)


def relations_table(result: Result) -> pd.DataFrame:
    """Tidy: group, day, change of the group's mean relation to the host, headline less
    control arm.

    estimator `simulated`: the mean paired change at the end of each window of the
    report, with 95 % CI; level: its mean in the control arm; at: the day on the axis,
    the middle of the step in which the window ends. `expected`: by week, without random
    numbers, at its first day."""
    arm, groups = result.headline_arm, _groups(result)
    if arm is None or not result.finished or not groups:
        return pd.DataFrame()
    weeks, places = relations_by_week(result.scenario, result.reference, arm)
    rows = []
    for group in groups:
        for day in sorted(result.scenario.report.windows):
            outcome = Outcome("relations", f"{group}_host", day).name
            if outcome in result.by_run.names:
                row = {"group": group, "day": day, "at": places.get(day, float(day))}
                rows.append(row | _change(result, arm, outcome))
    last = max(places.values(), default=0.0)
    shown = weeks["group"].isin(groups) & (weeks["day"] <= last)
    weeks = weeks[shown].assign(estimator="expected")
    simulated = pd.DataFrame(rows).assign(estimator="simulated")
    pieces = [simulated, weeks.assign(at=weeks["day"])]
    code = classes_of(result.scenario).host or ""
    host = say.state_names(result.scenario).get(code, code)
    table = pd.concat(pieces, ignore_index=True).assign(arm=arm, host=host)
    return say.titled(table, result).reindex(columns=RELATIONS)


def _groups(result: Result) -> list[str]:
    """The groups whose relations are measured."""
    outcomes = [known_outcome(str(name)) for name in result.by_run.names]
    groups = [
        str(outcome.group)
        for outcome in outcomes
        if outcome is not None and outcome.measure == "relations"
    ]
    return list(dict.fromkeys(groups))


def _change(result: Result, arm: str, outcome: str) -> dict[str, Any]:
    """The mean paired change of an outcome with its CI, and its level in the control
    arm."""
    frame = result.by_run.frame(outcome)
    wide = frame.pivot(index="run", columns="arm", values=outcome)
    wide = wide[[arm, result.reference]].dropna()
    values, control = wide.to_numpy(float).T
    change, _, lo, hi = paired_interval(values, control, alike=arm in result.alike)
    level = float(control.mean()) if len(control) else np.nan
    return {"change": change, "lo": lo, "hi": hi, "level": level, "n": len(control)}


def relations_title(table: pd.DataFrame) -> str:
    """The finding: whose relations fall most at once; at the last day how many groups'
    are worse, and whose most."""
    weeks = table[table["estimator"] == "expected"]
    simulated = table[table["estimator"] == "simulated"]
    last = simulated[simulated["day"] == simulated["day"].max()]
    host = say.first(table, "host") or "the host"
    day, n = int(last["day"].iloc[0]), int(last["n"].iloc[0])
    if last["change"].isna().all() or n < 2:
        return (
            "One replication gives no confidence interval for the change of relations "
            f"with {host}"
        )
    if not simulated[["change", "lo", "hi"]].to_numpy(float).any():
        runs = say.plural(n, "replication")
        return f"Relations with {host} change in no group, in none of {runs}"
    worse, better = last[last["hi"] < 0], last[last["lo"] > 0]
    words = f"worse in {len(worse)} of {say.plural(len(last), 'group')}"
    if len(better):
        words += f", better in {len(better)}"
    if len(worse):
        words += f", most in {_lowest(worse)}"
    at_once = weeks[(weeks["day"] == weeks["day"].min()) & (weeks["change"] < 0)]
    if at_once.empty:
        return f"By day {day} relations with {host} are {words}"
    return (
        f"Relations with {host} fall at once, most in {_lowest(at_once)}; by day {day} "
        f"they are {words}"
    )


def _lowest(rows: pd.DataFrame) -> str:
    """The group with the largest fall, and how large it is."""
    row = rows.sort_values("change", kind="stable").iloc[0]
    change = say.signed(float(row["change"]), 3)
    return f"{say.group_words(str(row['group']))} ({change})"


@style.figure(
    "relations",
    "How do relations with the host change?",
    relations_table,
    fits=compares,
    page=lambda _: style.panels(9.8, 5.4),
    empty="No arm to compare, no host or no group: there is no relation to follow.",
    columns="group day estimator change lo hi level n",
    download="group day estimator change lo hi level n",
    rows_read=lambda rows: rows[rows["estimator"] == "simulated"],
)
def draw_relations(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A staircase of weeks a group; what was simulated at the windows as dots with
    their CI; names at the right."""
    ax, last = axes[0], float(table["at"].max())
    ax.axhline(0, color=style.INK, linewidth=1)
    looks = [(style.BLUE, "-"), *style.OTHERS, (style.SKY, "-"), (style.BASE, "--")]
    labels: list[style.Label] = []
    groups = table.groupby("group", sort=True)
    for (group, rows), (colour, dashes) in zip(groups, looks * 9, strict=False):
        weeks = rows[rows["estimator"] == "expected"]
        simulated = rows[rows["estimator"] == "simulated"]
        if len(weeks):
            days = [BEFORE, *weeks["at"], last]
            change = [0.0, *weeks["change"], weeks["change"].iloc[-1]]
            line: dict[str, Any] = {"linestyle": dashes, "linewidth": 1.6}
            ax.step(days, change, where="post", color=colour, **line)
        x, lo, hi = (simulated[name] for name in ("at", "lo", "hi"))
        ax.plot(x, simulated["change"], "o", color=colour, markersize=4.5)
        if np.isfinite(lo).all():
            ax.vlines(x, lo, hi, color=colour, linewidth=1.4)
        end = float(simulated["change"].iloc[-1])
        places = say.decimals(0.001, end)  # more where it would print as none
        words = f"{say.signed(end, places)} {say.group_words(str(group))}"
        labels.append((end, words, colour))
    values = table[["change", "lo", "hi"]].to_numpy(float)
    low, high = style.limits(values, 0.08, 0.12, flat=0.02)
    style.label_ends(ax, last, labels, 0.052 * (high - low), 9)
    ax.set(
        xlim=(BEFORE, last * 1.01),
        xticks=[day for day in TICKS if day <= last],
        ylim=(low, high),
        xlabel="days after the event",
        ylabel="change of the group's\nmean relation, -1 to 1",
    )
    runs = say.plural(int(table["n"].max()), "replication")
    under = (
        f"Paired difference from the control ({say.first(table, 'control')}). Lines: "
        f"expected, by week. Dots: {runs}, with 95 % CI"
    )
    small = (
        "Relation: how far a state thinks the host stands with it less how far against "
        "it. Groups may overlap. Dots stand in the middle of the step in which a "
        "window "
        "of the report ends."
    )
    return style.Words(relations_title(table), under, small, small_wrap=120)
