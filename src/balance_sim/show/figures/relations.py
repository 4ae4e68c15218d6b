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
    "group",
    "day",
    "change",
    "lo",
    "hi",
    "level",
    "n",
    "estimator",
    "at",
    "arm",
    "title",
    "control",
    "treatment",
    "host",
]


def relations_table(result: Result) -> pd.DataFrame:
    """Tidy: group, day, change of the group's mean relation to the host, headline less
    control arm.

    estimator `simulated`: the mean paired change at the end of each window of the
    report, with 95 % CI; level: its mean in the control arm; at: the day on the axis,
    the middle of the step in which the window ends. `expected`: by week, without random
    numbers, at its first day."""
    arm, known = result.headline_arm, result.by_run.names
    outcomes = [
        one
        for name in known
        if (one := known_outcome(str(name))) and one.measure == "relations"
    ]
    names = dict.fromkeys(str(one.group) for one in outcomes)
    if arm is None or not result.finished or not names:
        return pd.DataFrame()
    weeks, at = relations_by_week(result.scenario, result.reference, arm)
    rows: list[dict[str, Any]] = []
    for group in names:
        for day in sorted(result.scenario.report.windows):
            outcome = Outcome("relations", f"{group}_host", day).name
            if outcome not in known:
                continue
            wide = result.by_run.frame(outcome).pivot(
                index="run", columns="arm", values=outcome
            )
            of_arm, base = wide[[arm, result.reference]].dropna().to_numpy(float).T
            change, _, low, high = paired_interval(
                of_arm, base, alike=arm in result.alike
            )
            level = float(base.mean()) if len(base) else np.nan
            found = {
                "change": change,
                "lo": low,
                "hi": high,
                "level": level,
                "n": len(base),
            }
            rows.append(
                {
                    "group": group,
                    "day": day,
                    "estimator": "simulated",
                    "at": at.get(day, float(day)),
                }
                | found
            )
    code = classes_of(result.scenario).host or ""
    host = say.state_names(result.scenario).get(code, code)
    weeks = weeks[
        weeks["group"].isin(list(names))
        & (weeks["day"] <= max(at.values(), default=0.0))
    ]
    table = pd.concat(
        [pd.DataFrame(rows), weeks.assign(estimator="expected", at=weeks["day"])],
        ignore_index=True,
    )
    return say.titled(table.assign(arm=arm, host=host), result).reindex(
        columns=RELATIONS
    )


def relations_title(table: pd.DataFrame) -> str:
    """The finding: whose relations fall most at once; at the last day how many groups'
    are worse, and whose most."""
    weeks, found = (
        table[table["estimator"] == one] for one in ("expected", "simulated")
    )
    last = found[found["day"] == found["day"].max()]
    host, day, n = (
        say.first(table, "host") or "the host",
        int(last["day"].iloc[0]),
        int(last["n"].iloc[0]),
    )
    worse, better = last[last["hi"] < 0], last[last["lo"] > 0]
    if last["change"].isna().all() or n < 2:
        return f"One replication gives no confidence interval for the change of relations with {host}"
    if not found[["change", "lo", "hi"]].to_numpy(float).any():
        return f"Relations with {host} change in no group, in none of {say.plural(n, 'replication')}"
    words = f"worse in {len(worse)} of {say.plural(len(last), 'group')}"
    words += f", better in {len(better)}" if len(better) else ""
    words += f", most in {_most(worse)}" if len(worse) else ""
    first = weeks[(weeks["day"] == weeks["day"].min()) & (weeks["change"] < 0)]
    if len(first):
        return f"Relations with {host} fall at once, most in {_most(first)}; by day {day} they are {words}"
    return f"By day {day} relations with {host} are {words}"


def _most(rows: pd.DataFrame) -> str:
    """The group with the largest fall, and how large it is."""
    row = rows.sort_values("change", kind="stable").iloc[0]
    return (
        f"{say.group_words(str(row['group']))} ({say.signed(float(row['change']), 3)})"
    )


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
    ax = axes[0]
    ax.axhline(0, color=style.INK, linewidth=1)
    looks = [(style.BLUE, "-"), *style.OTHERS, (style.SKY, "-"), (style.BASE, "--")]
    labels: list[tuple[float, str, Any]] = []
    last = float(table["at"].max())
    for (group, rows), (colour, dashes) in zip(
        table.groupby("group", sort=True), looks * 9, strict=False
    ):
        weeks, found = (
            rows[rows["estimator"] == one] for one in ("expected", "simulated")
        )
        if len(weeks):
            day = [-14.0, *weeks["at"], last]
            change = [0.0, *weeks["change"], weeks["change"].iloc[-1]]
            ax.step(
                day, change, where="post", color=colour, linestyle=dashes, linewidth=1.6
            )
        ax.plot(found["at"], found["change"], "o", color=colour, markersize=4.5)
        if np.isfinite(found["lo"]).all():
            ax.vlines(
                found["at"], found["lo"], found["hi"], color=colour, linewidth=1.4
            )
        end = float(found["change"].iloc[-1])
        told = say.signed(
            end, say.decimals(0.001, end)
        )  # more decimals where it would print as none
        labels.append((end, f"{told} {say.group_words(str(group))}", colour))
    low, high = style.limits(
        table[["change", "lo", "hi"]].to_numpy(float), 0.08, 0.12, flat=0.02
    )
    style.label_ends(ax, last, labels, 0.052 * (high - low), 9)
    ax.set(
        xlim=(-14, last * 1.01),
        xticks=[day for day in (0, 30, 60, 90, 120, 180, 240, 300, 360) if day <= last],
        ylim=(low, high),
        xlabel="days after the event",
        ylabel="change of the group's\nmean relation, -1 to 1",
    )
    marks = f"Paired difference from the control ({say.first(table, 'control')}). Lines: expected, by week. "
    marks += f"Dots: {say.plural(int(table['n'].max()), 'replication')}, with 95 % CI"
    small = (
        "Relation: how far a state thinks the host stands with it less how far against it. Groups may overlap. Dots "
        "stand in the middle of the step in which a window of the report ends."
    )
    return style.Words(relations_title(table), marks, small, small_wrap=120)
