"""Groups of states: the change of their relations with the host over time, and of the stances they take."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balance_sim.model.classes import classes_of
from balance_sim.show.figures.paper import (
    BASE,
    BLUE,
    INK,
    OTHERS,
    QUIET,
    SMALL,
    apart,
    frame_words,
    head,
    note,
    nothing,
    owner,
    readable,
    sheet,
    styled,
)
from balance_sim.show.figures.roles import first, titled
from balance_sim.show.names import capital, group_words, state_names
from balance_sim.show.wording import decimals, plural, points, signed, within
from balance_sim.stats.intervals import paired_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.results.result import Result

RELATIONS = [
    "group",
    "day",
    "change",
    "lo",
    "hi",
    "level",
    "n",
    "arm",
    "title",
    "control",
    "treatment",
    "host",
]
STANCES = [
    "group",
    "stance",
    "share_control",
    "share",
    "effect",
    "lo",
    "hi",
    "n",
    "arm",
    "title",
    "control",
    "treatment",
    "window",
]
KINDS = ("balance", "hedge", "buck_pass", "bandwagon", "abstain")
NAMES = dict(zip(KINDS, ("balancing", "hedging", "buck-passing", "bandwagoning", "abstaining"), strict=True))


def relations_table(result: Result) -> pd.DataFrame:
    """Tidy: group, day (0 and the report's windows): mean paired change of the group's mean relation to the

    host, headline less control arm, with 95 % CI; level: its mean in the control arm. Day 0: no change."""
    arm, known = result.headline_arm, result.by_run.names
    code = classes_of(result.scenario).host or ""
    host = state_names(result.scenario).get(code, code)
    names = {m[1]: None for c in known if (m := re.fullmatch(r"relations_(.+)_host_\d+", str(c)))}
    if arm is None or not result.finished or not names:
        return pd.DataFrame(columns=RELATIONS)
    rows = []
    for group in names:
        for day in (0, *sorted(result.scenario.report.windows)):
            outcome = f"relations_{group}_host_{day}"
            if day == 0:
                change, low, high, level, n = 0.0, 0.0, 0.0, np.nan, result.finished
            elif outcome not in known:
                continue
            else:
                wide = (
                    result.by_run.frame(outcome)
                    .pivot(index="run", columns="arm", values=outcome)[[arm, result.reference]]
                    .dropna()
                )
                of_arm, base = wide.to_numpy(float).T
                change, _, low, high = paired_interval(of_arm, base, alike=arm in result.alike)
                level, n = float(base.mean()) if len(base) else np.nan, len(base)
            rows.append([group, day, change, low, high, level, n, arm, host])
    columns = [name for name in RELATIONS if name not in ("title", "control", "treatment")]
    return titled(pd.DataFrame(rows, columns=columns), result)[RELATIONS]


def relations_title(table: pd.DataFrame) -> str:
    """The finding at the last day: how many groups' relations worsen, and whose most."""
    last = table[table["day"] == table["day"].max()]
    host = str(table["host"].iloc[0]) or "the host"
    worse, better = last[last["hi"] < 0], last[last["lo"] > 0]
    day = int(last["day"].iloc[0])
    if last["change"].isna().all() or int(last["n"].iloc[0]) < 2:
        return f"One replication gives no confidence interval for the change of relations with {host}"
    if not table[["change", "lo", "hi"]].to_numpy(float).any():
        return f"Relations with {host} change in no group, in none of {plural(int(last['n'].iloc[0]), 'replication')}"
    words = f"By day {day} relations with {host} are worse in {len(worse)} of {plural(len(last), 'group')}"
    words += f", better in {len(better)}" if len(better) else ""
    if worse.empty:
        return words
    most = worse.sort_values("change", kind="stable").iloc[0]
    return (
        f"{words}, most in {group_words(str(most['group']))} "
        f"({signed(float(most['change']), 3)} on a scale from -1 to 1)"
    )


@styled
def draw_relations(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """A line a group over the windows of the report, with its interval; names at the right."""
    own = ax is None
    ax = ax if ax is not None else sheet(9.4, 5.2).subplots()
    if table.empty:
        return nothing(ax, "No arm to compare, no host or no group: there is no relation to follow.")
    ax.axhline(0, color=INK, linewidth=1)
    looks = [(BLUE, "-"), *OTHERS, ("#56B4E9", "-"), (BASE, "--")]
    labels = []
    for (group, rows), (colour, dashes) in zip(table.groupby("group", sort=True), looks * 9, strict=False):
        ax.plot(
            rows["day"],
            rows["change"],
            color=colour,
            linestyle=dashes,
            linewidth=1.6,
            marker="o",
            markersize=4,
        )
        if np.isfinite(rows["lo"]).all():
            ax.vlines(rows["day"], rows["lo"], rows["hi"], color=colour, linewidth=1.2)
        labels.append(
            (
                float(rows["change"].iloc[-1]),
                f"{_change(float(rows['change'].iloc[-1]))} {group_words(str(group))}",
                colour,
            )
        )
    ends = table[["change", "lo", "hi"]].to_numpy(float)
    ends = ends[np.isfinite(ends)]
    reach = float(ends.max() - ends.min()) or 0.02
    low, high = float(ends.min()) - 0.1 * reach, float(ends.max()) + 0.1 * reach
    ax.set_ylim(low, high)
    last = int(table["day"].max())
    ax.set_xlim(0, last * 1.01)
    for (_, words, colour), y in zip(
        labels, apart([one[0] for one in labels], 0.052 * (high - low)), strict=True
    ):
        ax.annotate(
            words,
            (last, y),
            (9, 0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            color=readable(colour),
            annotation_clip=False,
        )
    days = sorted(table["day"].unique())
    ax.set_xticks(days, [str(int(day)) for day in days])
    ax.set_xlabel("days after the event")
    ax.set_ylabel("change of the group's\nmean relation")
    n = plural(int(table["n"].max()), "replication")
    marks = f"Paired difference from the control ({first(table, 'control')}), {n}. Bars: 95 % CI"
    head(ax, relations_title(table), marks, own=own, wrap=80)
    small = (
        "Relation: how far a state thinks the host stands with it less how far against it, "
        "-1 to 1. Groups may overlap. Lines only join the days."
    )
    note(ax, small, own=own, wrap=120)
    return owner(ax)


def _change(value: float) -> str:
    """With three decimals; more where it would print as none."""
    return signed(value, decimals(0.001, value))


def stances_table(result: Result) -> pd.DataFrame:
    """Tidy: group, stance: mean share of the group's states that take the stance in the longest window, in the control
    arm and in the headline arm, and the paired difference with its 95 % CI. Group "": all states."""
    arm, window = result.headline_arm, result.window
    found = [
        (m[1], m[2] or "", str(c))
        for c in result.by_run.names
        if (m := re.fullmatch(rf"states_({'|'.join(KINDS)})(?:_(.+))?_{window}", str(c)))
    ]
    if arm is None or not result.finished or not found:
        return pd.DataFrame(columns=STANCES)
    frame = result.by_run.frame(*(name for _, _, name in found))
    of_arm, of_control = (
        frame[frame["arm"] == name].set_index("run").sort_index() for name in (arm, result.reference)
    )
    rows = []
    for group in dict.fromkeys(group for _, group, _ in found):
        columns = {stance: name for stance, of, name in found if of == group}
        total = of_control[list(columns.values())].to_numpy(float).sum(axis=1)
        for stance in (kind for kind in KINDS if kind in columns):
            values, base = ((of[columns[stance]] / total).to_numpy(float) for of in (of_arm, of_control))
            keep = np.isfinite(values) & np.isfinite(base)
            if not keep.any():
                continue
            mean, _, lo, hi = paired_interval(values[keep], base[keep], alike=arm in result.alike)
            shares = float(base[keep].mean()), float(values[keep].mean())
            rows.append([group, stance, *shares, mean, lo, hi, int(keep.sum()), arm, window])
    columns_found = [name for name in STANCES if name not in ("title", "control", "treatment")]
    return titled(pd.DataFrame(rows, columns=columns_found), result)[STANCES]


def stances_title(table: pd.DataFrame) -> str:
    """The finding: how the event changes balancing among all states, or in the first group if that is missing."""
    whole = "" if (table["group"] == "").any() else str(table["group"].iloc[0])
    rows = table[(table["group"] == whole) & (table["stance"] == "balance")]
    row = (rows if len(rows) else table).iloc[0]
    where = f" in {group_words(whole)}" if whole else ""
    name, stance = first(table, "treatment"), NAMES[str(row["stance"])]
    if not np.isfinite(row["lo"]):
        return "One replication gives no confidence interval for the change of stances"
    if row["lo"] <= 0 <= row["hi"]:
        return f"{name}: no detectable change of {stance}{where} ({points(row['effect'], 2)} points)"
    way = "raises" if row["effect"] > 0 else "lowers"
    return (
        f"{name}: {stance}{where} {'rises' if way == 'raises' else 'falls'} by {abs(100 * row['effect']):.2f} points, "
        f"from {100 * row['share_control']:.1f} % of states"
    )


@styled
def draw_stances(table: pd.DataFrame, ax: Sequence[Axes] | None = None) -> Figure:
    """A panel a stance, a row a group: the difference from the control arm in percentage points, with its 95 % CI.

    ax: as many as stances."""
    own = ax is None
    groups, kinds = list(dict.fromkeys(table["group"])), [k for k in KINDS if (table["stance"] == k).any()]
    if ax is None and table.empty:
        ax = [sheet(9.0, 4.0).subplots()]
    elif ax is None:
        figure = sheet(12.0, 2.5 + 0.34 * max(len(groups), 3))
        ax = list(np.ravel(figure.subplots(1, len(kinds), sharex=True, sharey=True, squeeze=False)))
    if table.empty:
        return nothing(
            ax[0], "No arm to compare, or stances were not observed: there are no stances to show."
        )
    heights = np.arange(len(groups))[::-1].astype(float)
    for axes, stance in zip(ax, kinds, strict=False):
        rows = table[table["stance"] == stance].set_index("group").reindex(groups)
        effect, lo, hi = (100 * rows[name].to_numpy(float) for name in ("effect", "lo", "hi"))
        sure = (lo > 0) | (hi < 0)
        axes.axvline(0, color=INK, linewidth=1)
        axes.hlines(heights, lo, hi, colors=[BLUE if one else BASE for one in sure], linewidth=2)
        face = [BLUE if one else "white" for one in sure]
        axes.scatter(
            effect, heights, c=face, edgecolors=[BLUE if one else BASE for one in sure], s=34, zorder=3
        )
        axes.set_title(capital(NAMES[stance]), loc="left", color=QUIET)
        axes.grid(axis="x", color="#e6e6e6", linewidth=0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=4)
    ax[0].set_yticks(heights, [group_words(group) if group else "All states" for group in groups])
    ax[0].set_ylim(-0.6, len(groups) - 0.4)
    ax[len(kinds) // 2].set_xlabel("difference from the control, percentage points of the group's states")
    n = plural(int(table["n"].max()), "paired replication")
    small = (
        f"Stances {within(int(table['window'].iloc[0]))}, {n}, of counts. Bars: 95 % CI; open dots: it holds zero. "
        f"Control: {first(table, 'control')}. Groups may overlap."
    )
    frame_words(ax[0], stances_title(table), small, own=own, wrap=96, small_wrap=150)
    return owner(ax[0])
