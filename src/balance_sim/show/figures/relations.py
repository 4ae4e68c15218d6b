"""Groups over time: the change of their relations with the host; and which stance their states take by the end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balance_sim.show.figures.paper import (
    BASE,
    BLUE,
    INK,
    OTHERS,
    SMALL,
    apart,
    head,
    note,
    nothing,
    owner,
    readable,
    sheet,
    styled,
)
from balance_sim.show.wording import arm_words, decimals, percent, plural, signed
from balance_sim.study.effects import unit_of
from balance_sim.study.intervals import paired_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.study.result import Result

RELATIONS = ["group", "day", "change", "lo", "hi", "level", "n", "arm", "reference", "host"]
STANCES = ["group", "stance", "arm", "role", "share", "excess", "lo", "hi", "n", "window"]
KINDS = ("balance", "hedge", "buck_pass", "bandwagon", "abstain")
LOOKS = ((BLUE, ""), ("#56B4E9", "//"), ("#c9a3c0", "--"), ("#E69F00", "xx"), ("#e2e2e2", ""))


def relations_table(result: Result) -> pd.DataFrame:
    """Tidy: group, day (0 and the report's windows): mean paired change of the group's mean relation to the

    host, headline less reference, with 95 % interval; level: its mean in the reference. Day 0: no change."""
    arm, frame = result.headline_arm, result.outcomes
    focal = next(event for event in result.scenario.events if event.id == result.scenario.focal)
    names = {m[1]: None for c in frame.columns if (m := re.fullmatch(r"relations_(.+)_host_\d+", str(c)))}
    if arm is None or frame.empty or not names:
        return pd.DataFrame(columns=RELATIONS)
    rows = []
    for group in names:
        for day in (0, *sorted(result.scenario.report.windows)):
            outcome = f"relations_{group}_host_{day}"
            if day == 0:
                change, low, high, level, n = 0.0, 0.0, 0.0, np.nan, frame["run"].nunique()
            elif outcome not in frame:
                continue
            else:
                wide = frame.pivot(index="run", columns="arm", values=outcome)[
                    [arm, result.reference]
                ].dropna()
                of_arm, base = wide.to_numpy(float).T
                unit = unit_of(outcome, alike=arm in result.alike)
                change, _, low, high = paired_interval(of_arm, base, unit)
                level, n = float(base.mean()) if len(base) else np.nan, len(base)
            rows.append([group, day, change, low, high, level, n, arm, result.reference, focal.host or ""])
    return pd.DataFrame(rows, columns=RELATIONS)


def relations_title(table: pd.DataFrame) -> str:
    """The finding at the last day: how many groups' relations worsen, and whose most."""
    last = table[table["day"] == table["day"].max()]
    host = str(table["host"].iloc[0]) or "the host"
    worse, better = last[last["hi"] < 0], last[last["lo"] > 0]
    day = int(last["day"].iloc[0])
    if last["change"].isna().all() or int(last["n"].iloc[0]) < 2:
        return f"One run: no interval for the change of relations with {host}"
    if not table[["change", "lo", "hi"]].to_numpy(float).any():
        return f"Relations with {host} change in no group, in none of {plural(int(last['n'].iloc[0]), 'run')}"
    words = f"By day {day} relations with {host} are worse in {len(worse)} of {plural(len(last), 'group')}"
    words += f", better in {len(better)}" if len(better) else ""
    if worse.empty:
        return words
    most = worse.sort_values("change", kind="stable").iloc[0]
    return (
        f"{words}, most in {arm_words(str(most['group']))} "
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
                f"{_change(float(rows['change'].iloc[-1]))} {arm_words(str(group))}",
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
    arm, reference = (arm_words(str(table[name].iloc[0])) for name in ("arm", "reference"))
    marks = (
        f"{arm} less {reference}, {plural(int(table['n'].max()), 'run')}, paired. Bars: 95 "
        "% interval of the mean, often narrower than the dot"
    )
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
    """Tidy: group, stance, arm (reference and headline): mean share of the group's states that take the stance

    in the longest window, and the paired excess over the reference with 95 % interval. Group "": all states."""
    frame, window = result.outcomes, result.window
    found = [
        (m[1], m[2] or "", str(c))
        for c in frame.columns
        if (m := re.fullmatch(rf"states_({'|'.join(KINDS)})(?:_(.+))?_{window}", str(c)))
    ]
    if frame.empty or not found:
        return pd.DataFrame(columns=STANCES)
    groups = list(dict.fromkeys(group for _, group, _ in found))
    arms = [(result.reference, "reference")]
    arms += [(result.headline_arm, "headline")] if result.headline_arm else []
    rows = []
    for group in groups:
        columns = {stance: name for stance, of, name in found if of == group}
        per_arm = {arm: frame[frame["arm"] == arm].set_index("run").sort_index() for arm, _ in arms}
        total = per_arm[result.reference][list(columns.values())].to_numpy(float).sum(axis=1)
        for stance in (kind for kind in KINDS if kind in columns):
            for arm, part in arms:
                values = (per_arm[arm][columns[stance]] / total).to_numpy(float)
                base = (per_arm[result.reference][columns[stance]] / total).to_numpy(float)
                keep = np.isfinite(values) & np.isfinite(base)
                same = arm == result.reference or arm in result.alike or not keep.any()
                unit = 0.0 if same else 1.0 / float(np.median(total[keep]))  # one state
                mean, _, lo, hi = paired_interval(values[keep], base[keep], unit)
                share = float(values[keep].mean()) if keep.any() else np.nan
                rows.append([group, stance, arm, part, share, mean, lo, hi, int(keep.sum()), window])
    return pd.DataFrame(rows, columns=STANCES)


def stances_title(table: pd.DataFrame) -> str:
    """The finding: how many of all states balance with and without, or of the first group where all is missing."""
    whole = (
        table[table["group"] == ""]
        if (table["group"] == "").any()
        else table[table["group"] == table["group"].iloc[0]]
    )
    rows = {row["role"]: row for row in whole[whole["stance"] == "balance"].to_dict("records")}
    base, chosen = float(rows["reference"]["share"]), rows.get("headline")
    if chosen is None:
        return f"{percent(base)} of states balance within {int(rows['reference']['window'])} days"
    if int(chosen["n"]) > 1 and not any(chosen[name] for name in ("excess", "lo", "hi")):
        return f"{percent(base)} of states balance, with and without: no run differs"
    told = ""
    if np.isfinite(chosen["lo"]):
        told = ", told from none" if chosen["lo"] > 0 or chosen["hi"] < 0 else ", not told from none"
    points = signed(100 * float(chosen["excess"]), 2)
    shares = f"{100 * base:.1f} % of states balance without, {100 * float(chosen['share']):.1f} % with"
    return f"{shares} ({points} points{told})"


@styled
def draw_stances(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """Stacked bars of a group's states by stance: the reference above, the headline arm beneath it."""
    own = ax is None
    groups = list(dict.fromkeys(table["group"])) if len(table) else []
    parts = (
        [part for part in ("reference", "headline") if (table["role"] == part).any()] if len(table) else []
    )
    ax = ax if ax is not None else sheet(9.6, 2.6 + 0.62 * max(len(groups), 2)).subplots()
    if table.empty:
        return nothing(ax, "No run finished, or stances were not observed: there are no stances to show.")
    ticks, names = [], []
    for at, group in enumerate(groups):
        for place, part in enumerate(parts):
            rows = table[(table["group"] == group) & (table["role"] == part)].set_index("stance")
            y, left = -(at * (len(parts) + 0.7) + place), 0.0
            ticks.append(y)
            name = arm_words(group) or "all states"
            names.append(
                f"{name}, {arm_words(str(rows['arm'].iloc[0]))}"
                if place == 0
                else arm_words(str(rows["arm"].iloc[0]))
            )
            for stance, (colour, hatch) in zip(KINDS, LOOKS, strict=True):
                if stance not in rows.index or not np.isfinite(rows.loc[stance, "share"]):
                    continue
                width = 100 * float(rows.loc[stance, "share"])
                label = stance.replace("_", "-") if at == 0 and place == 0 else None
                ax.barh(
                    y,
                    width,
                    left=left,
                    height=0.86,
                    color=colour,
                    hatch=hatch,
                    edgecolor="white",
                    linewidth=0.6,
                    label=label,
                )
                if width >= 6:
                    box = {"facecolor": "white", "alpha": 0.82, "edgecolor": "none", "pad": 0.8}
                    ax.text(
                        left + width / 2,
                        y,
                        f"{width:.0f}",
                        ha="center",
                        va="center",
                        fontsize=SMALL,
                        bbox=box,
                    )
                left += width
    ax.set_yticks(ticks, names)
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(0, 100)
    ax.set_ylim(min(ticks) - 0.7, 0.7)
    ax.set_xlabel("% of the group's states, mean over runs")
    ax.spines["left"].set_visible(False)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    n, window = int(table["n"].max()), int(table["window"].iloc[0])
    head(
        ax, stances_title(table), f"What states do within {window} days, {plural(n, 'run')}", own=own, wrap=80
    )
    note(
        ax,
        "Groups may overlap. The paired excess with its interval is in the table.",
        own=own,
        wrap=120,
    )
    return owner(ax)
