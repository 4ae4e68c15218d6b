"""The effect: of each arm, by channel, how often it shows, among placebo events, and as
replications come in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.result import AnalysedResult
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.headline import clear
from balance_sim.study.outcomes import FILTERED
from balance_sim.study.result import Result

ARMS = [
    "arm",
    "title",
    "control",
    "role",
    "effect",
    "lo",
    "hi",
    "mcse",
    "n",
    "level",
    "control_level",
    "window",
    "picture",
    "threat",
    "rest",
]
NAMES = 40  # letters of a title on a line
FEW = 5  # arms below which there is no corner for a legend


def compares(result: AnalysedResult) -> bool:
    """Whether there is an arm to compare with the control."""
    return result.headline_arm is not None


def has_rows(table: Any) -> Any:
    """Whether a study has something in the table of a figure."""
    return lambda study: len(table(study)) > 0


def arms_table(result: AnalysedResult) -> pd.DataFrame:
    """One row an arm but the control, largest effect first: the mean paired effect on
    counter-balancing agreements within the longest window with its 95 % CI and Monte
    Carlo standard error, the arm's mean and the control's; and the parts of PARTS of
    its expected effect (NaN: the arm lacks the focal event), exact Shapley values."""
    if not result.finished or result.effects.empty:
        return pd.DataFrame()
    table, levels, channels = (
        frame[frame["outcome"] == result.headline_outcome].set_index("arm")
        for frame in (result.effects, result.levels, result.channels.table)
    )
    table = table.rename(columns={"mean": "effect"}).assign(
        level=levels["mean"],
        control_level=float(levels["mean"][result.reference]),
        **channels[[*PARTS]],
    )
    ordered = table.sort_values("effect", ascending=False, kind="stable").reset_index()
    return say.titled(ordered, result)[ARMS]


def arms_title(table: pd.DataFrame) -> str:
    """The finding: how many arms differ from the control, and which most."""
    if int(table["n"].iloc[0]) < 2:
        return "One replication gives no confidence interval, so no arm can be compared"
    sure = table[clear(table)]
    if sure.empty:
        return f"No arm differs detectably from the control ({say.first(table, 'control')})"
    top = sure.iloc[int(sure["effect"].abs().to_numpy().argmax())]
    effect = say.signed(
        float(top["effect"]),
        say.decimals(*(float(top[name]) for name in ("mcse", "lo", "hi"))),
    )
    if len(table) == 1:
        return (
            f"{top['title']}: {effect} {say.COUNTER} {say.within(int(top['window']))}"
        )
    some = (
        f"One of {len(table)} arms differs"
        if len(sure) == 1
        else f"{len(sure)} of {len(table)} arms differ"
    )
    count = f"All {len(table)} arms differ" if len(sure) == len(table) else some
    return f"{count} from the control; largest effect: {top['title']}, {effect}"


def channel_title(table: pd.DataFrame) -> str:
    """Of the headline arm: which channel carries most of its effect; empty where it has
    none to divide."""
    rows = table[(table["role"] == "headline") & table["picture"].notna()]
    if rows.empty:
        return ""
    row = rows.iloc[0]
    larger, other = sorted(("picture", "threat"), key=lambda part: -abs(row[part]))
    parts = abs(row["picture"]) + abs(row["threat"])
    if row["lo"] <= 0 <= row["hi"] or not parts:
        return ""
    if row["picture"] * row["threat"] < 0:
        places = say.digits(float(row[other]))
        apart = f"the {larger} by {say.signed(row[larger], places)} and the {other} by {say.signed(row[other], places)}"
        return f"{row['title']}: the two channels pull apart, {apart}"
    return f"{row['title']}: {say.percent(abs(row[larger]) / parts)} of the effect runs through the {larger}"


@style.figure(
    "arms",
    "How do the arms compare, and through which channels?",
    arms_table,
    fits=compares,
    page=lambda table: style.panels(
        10.4, 2.6 + 0.16 * max(_lines(table), 3) + 0.24 * len(table)
    ),
    empty="No arm to compare, or no replication finished: there is no effect to show.",
    columns="title level effect lo hi mcse picture threat rest",
)
def draw_arms(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A row an arm: above, a dot with its CI and the numbers beside it; below, on the
    same axis, its parts as a bar."""
    ax, parted = axes[0], table["picture"].notna().any()
    heights = draw_effects(
        ax, table, [style.folded(title, NAMES) for title in table["title"]]
    )
    ax.set_xlabel(
        f"effect on the expected number of {say.COUNTER} {style.within(table)}"
    )
    n, level = (
        style.runs_of(table, "paired replication"),
        table["control_level"].iloc[0],
    )
    small = f"{n}; {level:.1f} agreements are expected in the control. {say.CAVEAT}"
    if parted:
        _parts(ax, table, heights - 0.3)
        small += " Bars: the parts of the expected effect, which add up to it (Shapley values, no Monte Carlo error)."
    channel = channel_title(table)
    under = f"Relative to the control: {say.first(table, 'control')}. Lines: 95 % CI; open dots: it holds zero"
    return style.Words(
        arms_title(table), f"{channel}. {under}" if channel else under, small
    )


def _lines(table: pd.DataFrame) -> int:
    return sum(style.folded(title, NAMES).count("\n") + 1 for title in table["title"])


PARTS = {
    "picture": ("picture: who stands together", style.BLUE),
    "threat": ("threat: whom it is aimed at", style.ORANGE),
    "rest": ("what else the arm changes", style.PALE),
}


def _parts(ax: style.Axes, table: pd.DataFrame, heights: Any) -> None:
    """The parts of each arm's expected effect, stacked from zero, each to its own
    side."""
    up, down = np.zeros(len(table)), np.zeros(len(table))
    for part, (label, colour) in PARTS.items():
        width = table[part].fillna(0.0).to_numpy(float)
        if part == "rest" and not width.any():
            continue
        left = np.where(width >= 0, up, down)
        ax.barh(
            heights, width, left=left, height=0.26, color=colour, label=label, zorder=2
        )
        up, down = up + np.maximum(width, 0), down + np.minimum(width, 0)
    ends = [*ax.get_xlim(), up.max(), down.min()]
    ax.set(xlim=(min(ends), max(ends)), ylim=(-0.8, len(table) - 0.4))
    if len(table) < FEW:
        ax.legend(loc="upper left", bbox_to_anchor=(0.0, -0.3), frameon=False, ncols=3)
    else:  # the empty corner
        ax.legend(
            loc="lower right" if max(ends) >= -min(ends) else "upper left",
            frameon=False,
        )


def draw_effects(ax: style.Axes, table: pd.DataFrame, labels: list[str]) -> Any:
    """A row's effect with its CI on a line of its own, and the same in words at the
    right. The heights of the rows.

    table: role, effect, lo, hi, mcse."""
    ax.axvline(0, color=style.INK, linewidth=1)
    places = say.decimals(table["mcse"].max(), *table["lo"], *table["hi"])
    heights = style.row_axis(ax, labels)
    for y, row, sure in zip(
        heights, table.to_dict("records"), clear(table), strict=True
    ):
        colour, ink = (
            (style.BLUE, style.BLUE)
            if row["role"] == "headline"
            else (style.QUIET, style.INK)
        )
        looks: dict[str, Any] = {"markersize": 7, "markeredgewidth": 1.6, "zorder": 4}
        style.whisker(
            ax, y, row, colour, width=3, face="" if sure else "white", **looks
        )
        bounds = say.interval(row["lo"], row["hi"], places)
        told = say.signed(row["effect"], places) + (
            f"  ({bounds})" if bounds != "-" else ""
        )
        style.beside(ax, y, told, color=ink)
    ax.set_xlim(style.limits(table[["effect", "lo", "hi"]].to_numpy(float), 0.06))
    return heights


def difference_table(result: AnalysedResult) -> pd.DataFrame:
    """One row an arm but the control, the most changed first: shares of replications
    with fewer, as many and more counter-balancing agreements within the longest window
    than the paired control run, and n."""
    if not result.finished or result.effects.empty:
        return pd.DataFrame()
    rows = result.effects[result.effects["outcome"] == result.headline_outcome]
    fewer, more = rows["share_negative"], rows["share_positive"]
    shares = {"fewer": fewer, "same": 1 - fewer - more, "more": more}
    table = say.titled(
        pd.DataFrame({"arm": rows["arm"], **shares, "n": rows["n"]}), result
    )
    return table.sort_values("same", kind="stable", ignore_index=True)


def difference_title(table: pd.DataFrame) -> str:
    """The finding of the headline arm."""
    row = table[table["role"] == "headline"].iloc[0]
    n, name = int(row["n"]), str(row["treatment"])
    if n == 1:
        which = (
            "as many" if row["same"] == 1 else "more" if row["more"] == 1 else "fewer"
        )
        return f"{name}: {which} agreements in the one replication"
    if row["same"] == 1:
        return f"{name} changes the number of {say.COUNTER} in none of {say.plural(n, 'replication')}"
    more, fewer = (
        f"{100 * row[part]:.1f} %" for part in ("more", "fewer")
    )  # so that the three add up
    return f"{name}: {more} of replications have more {say.COUNTER}, {fewer} have fewer"


@style.figure(
    "difference",
    "How often does a replication differ from its control run?",
    difference_table,
    fits=compares,
    page=lambda table: style.panels(9.6, 2.4 + 0.46 * max(len(table), 2)),
    empty="No arm to compare, or no replication finished: there is no difference to show.",
    columns="title fewer same more n",
    download="title fewer same more n",
)
def draw_difference(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A stacked bar an arm, its three shares in words at the right."""
    ax, left = axes[0], np.zeros(len(table))
    names = [style.folded(title, NAMES) for title in table["title"]]
    heights = style.row_axis(ax, names, -0.6, -0.2, grid=False)
    for part, colour in (
        ("fewer", style.ORANGE),
        ("same", "#e2e2e2"),
        ("more", style.BLUE),
    ):
        width = 100 * table[part].to_numpy(float)
        looks: dict[str, Any] = {
            "color": colour,
            "edgecolor": "white",
            "linewidth": 0.8,
            "label": part,
        }
        ax.barh(heights, width, left=left, height=0.66, **looks)
        left = left + width
    for y, row in zip(heights, table.to_dict("records"), strict=True):
        told = [
            f"{100 * row[part]:.1f} {part}" for part in ("fewer", "more") if row[part]
        ] or ["all the same"]
        style.beside(
            ax,
            y,
            ", ".join(told),
            color=style.BLUE if row["role"] == "headline" else style.INK,
        )
    heads = (
        ("fewer", "left", style.ORANGE),
        ("the same number", "center", style.QUIET),
        ("more", "right", style.BLUE),
    )
    for x, (text, align, colour) in zip((0, 50, 100), heads, strict=True):
        ax.text(
            x,
            len(table) - 0.6,
            text,
            ha=align,
            va="bottom",
            fontsize=style.SMALL,
            color=style.readable(colour),
        )
    ax.set(xlim=(0, 100), xlabel=f"% of replications, by their number of {say.COUNTER}")
    under = f"Counted {style.within(table)}, replication by replication, beside the paired control run"
    small = f"{style.runs_of(table, 'paired replication')}. Control: {say.first(table, 'control')}. "
    small += "The same number need not be the same agreements."
    return style.Words(difference_title(table), under, small)


FAMILIES = {
    "participants": "other participants on the same day",
    "dates": "the same participants on other days",
}
STACK = 0.11  # height of a dot on top of another
BINS = 40


def placebos_table(result: AnalysedResult) -> pd.DataFrame:
    """One row a placebo, and one of each family for the event itself: family
    (`participants` or `dates`), label, effect on expected counter-balancing agreements,
    is_event; window: days in which agreements are counted; p, verdict: two-sided, of
    the family's permutation test, in all its rows. Empty where no placebos were
    simulated."""
    arm = result.headline_arm
    if arm is None or not result.finished:
        return pd.DataFrame()
    table = result.placebos.table()[["family", "label", "effect", "is_event"]]
    table["label"] = table["label"].mask(table["is_event"], say.treatment(result, arm))
    tests = [
        (of.name, of.window, of.p, of.verdict)
        for of in result.placebos.families
        if len(of.placebos)
    ]
    return table.merge(
        pd.DataFrame(tests, columns=["family", "window", "p", "verdict"]), on="family"
    )


def placebos_title(table: pd.DataFrame) -> str:
    """The finding: what each family's test says of the event."""
    families = table.drop_duplicates("family").to_dict("records")
    told = [
        f"{row['family']}: {row['verdict']} (p = {_p(row['p'])})" for row in families
    ]
    return f"The event among its placebos. {say.capital('; '.join(told))}"


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= 0.001 else "under 0.001"


@style.figure(
    "placebos",
    "Is the effect larger than those of placebo events?",
    placebos_table,
    fits=has_rows(placebos_table),
    page=lambda table: style.panels(
        9.6,
        1.6 + 1.6 * table["family"].nunique(),
        table["family"].nunique(),
        sharex=True,
    ),
    empty="No placebo events were simulated: there is no effect to compare with.",
)
def draw_placebos(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Placebo effects as dots where they fall together, the event as a labelled line; a
    panel a family."""
    span = style.limits(table["effect"].to_numpy(float), 0.06)
    families = list(table["family"].unique())
    for ax, (family, rows) in zip(
        axes, table.groupby("family", sort=False), strict=False
    ):
        _strip(ax, rows, span)
        count = say.plural(int((~rows["is_event"]).sum()), "placebo")
        found = f"within {rows['window'].iloc[0]} days, {count}, two-sided p = {_p(float(rows['p'].iloc[0]))}"
        what = f"{say.capital(str(family))}: {FAMILIES.get(str(family), str(family))}, {found}"
        ax.set_title(what, loc="left", color=style.QUIET)
    axes[len(families) - 1].set_xlabel(f"effect on expected {say.COUNTER}")
    small = "Dots: placebo events. p: share of all, the event among them, whose effect is at least as far from zero"
    small += (
        "; of dates also those less than 5 % nearer." if "dates" in families else "."
    )
    return style.Words(placebos_title(table), "", small)


def _strip(ax: style.Axes, rows: pd.DataFrame, span: tuple[float, float]) -> None:
    """Placebos as stacked dots and the event as a line with its words."""
    placebo = np.sort(rows.loc[~rows["is_event"], "effect"].to_numpy(float))
    place = np.floor((placebo - span[0]) / ((span[1] - span[0]) / BINS)).astype(int)
    rank = np.arange(len(place)) - np.searchsorted(
        place, place
    )  # how many share the bin below it
    middle = [
        placebo[place == one].mean() for one in place
    ]  # of a bin, so that its dots stand in a column
    ax.scatter(
        middle,
        rank * STACK,
        s=30,
        color="#9a9a9a",
        edgecolors="white",
        linewidths=0.5,
        zorder=2,
    )
    ax.axvline(0, color=style.INK, linewidth=0.8)
    top = max(0.6, STACK * (int(rank.max()) + 3)) if len(rank) else 0.6
    for row in rows[rows["is_event"]].to_dict("records"):
        ax.axvline(row["effect"], color=style.BLUE, linewidth=2)
        right = row["effect"] > (span[0] + span[1]) / 2
        words, looks = (
            f"{row['label']} {say.signed(row['effect'], 3)}",
            {"ha": "right" if right else "left"},
        )
        style.note(
            ax,
            words,
            (row["effect"], 0.93 * top),
            (-6 if right else 6, 0),
            color=style.BLUE,
            **looks,
        )
    ax.set(xlim=span, ylim=(-0.6 * STACK, top), yticks=[])
    ax.spines["left"].set_visible(False)


CONVERGENCE = [
    "runs",
    "effect",
    "mcse",
    "arm",
    "title",
    "control",
    "treatment",
    "window",
]
TICKS = (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000)
MOST = 200


def convergence_table(result: AnalysedResult) -> pd.DataFrame:
    """Tidy: mean paired effect of the headline arm over the first so many replications
    (filtered where there are filtered numbers), and its Monte Carlo standard error.

    From 2 replications to all, at most MOST rows, evenly apart in the logarithm. Failed
    replications are left out."""
    arm = result.headline_arm
    if arm is None or not result.finished:
        return pd.DataFrame()
    difference = effect_by_run(result, arm, result.headline_outcome)[0].to_numpy(float)
    if len(difference) < 2:
        return pd.DataFrame()
    counts = np.unique(np.round(np.geomspace(2, len(difference), MOST)).astype(int))
    mean = np.cumsum(difference)[counts - 1] / counts
    squares = np.cumsum(difference**2)[counts - 1] - counts * mean**2
    error = np.sqrt(np.maximum(squares, 0.0) / (counts - 1) / counts)
    table = pd.DataFrame({"runs": counts, "effect": mean, "mcse": error, "arm": arm})
    return say.titled(table, result)[CONVERGENCE]


def steps_of(table: pd.DataFrame) -> pd.DataFrame:
    """Of a long table about twenty rows, evenly apart, the last among them."""
    step = max(1, -(-len(table) // 20))
    return table.iloc[::-step].iloc[::-1]


def effect_by_run(
    result: Result, arm: str, outcome: str
) -> tuple[pd.Series[float], pd.DataFrame]:
    """The effect by replication, and the outcome of the arm and of the control;
    filtered where it was kept."""
    outcome = (
        FILTERED + outcome if FILTERED + outcome in result.by_run.names else outcome
    )
    wide = (
        result.by_run.frame(outcome)
        .pivot(index="run", columns="arm", values=outcome)
        .sort_index()
    )
    wide = wide[[arm, result.reference]].dropna()
    return wide[arm] - wide[result.reference], wide


def convergence_title(table: pd.DataFrame) -> str:
    """The finding: the error reached, and how far the estimate moved in the second half
    of the replications."""
    last = table.iloc[-1]
    n, effect, error = int(last["runs"]), float(last["effect"]), float(last["mcse"])
    if error == 0:
        return f"All {n:,} replications give the same effect, {say.signed(effect, 0)}"
    moved, places = (
        float((table[table["runs"] >= n / 2]["effect"] - effect).abs().max()),
        say.decimals(error),
    )
    reached, far = (say.number(value, places + 1) for value in (error, moved))
    told = f"After {n:,} replications the effect is {say.signed(effect, places)} with a Monte Carlo standard error of "
    return told + f"{reached}; in the second half it moved by at most {far}"


@style.figure(
    "convergence",
    "Were there enough replications?",
    convergence_table,
    page=lambda _: style.panels(8.6, 4.6),
    fits=lambda result: result.headline_arm is not None and result.runs > 1,
    empty="Fewer than two paired replications: there is no error to follow.",
    columns="runs effect mcse",
    rows_read=steps_of,
)
def draw_convergence(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """The running mean with a band of one Monte Carlo error; the final value as a
    line."""
    ax, (runs, mean, error) = (
        axes[0],
        (table[name].to_numpy(float) for name in ("runs", "effect", "mcse")),
    )
    ax.axhline(0, color=style.INK, linewidth=1)
    ax.axhline(mean[-1], color=style.BLUE, linewidth=1, linestyle=(0, (4, 3)))
    ax.fill_between(
        runs, mean - error, mean + error, color=style.BLUE, alpha=0.22, linewidth=0
    )
    ax.plot(runs, mean, color=style.BLUE, linewidth=2)
    if runs[-1] > runs[0]:
        ax.set(xscale="log", xlim=(runs[0], runs[-1]))
    ticks = [*(t for t in TICKS if runs[0] <= t < 0.8 * runs[-1]), int(runs[-1])]
    ax.set_xticks(ticks, [f"{t:,}" for t in ticks])
    ax.minorticks_off()
    settled = runs >= min(10.0, runs[-1])
    ax.set_ylim(
        style.limits(
            np.concatenate([mean - error, mean + error])[np.tile(settled, 2)], 0.12
        )
    )
    ax.set_xlabel("replications so far, in the order of their numbers (log scale)")
    ax.set_ylabel("effect on expected\nagreements")
    under = f"Effect on {say.COUNTER} {style.within(table)}. Band: one Monte Carlo standard error each way"
    small = f"{say.first(table, 'treatment')}. Control: {say.first(table, 'control')}. "
    small += "Four times the replications halve the error."
    return style.Words(convergence_title(table), under, small, 76, 112)
