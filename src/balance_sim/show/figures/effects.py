"""The effect: of each arm, by channel, how often it shows, among placebo events, and as
replications come in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.result import AnalysedResult
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.headline import clear
from balance_sim.study.outcomes import FILTERED
from balance_sim.study.result import Result

NAMES = 40  # letters of a title on a line
FEW_ARMS = 5  # below which there is no corner for a legend


def compares(result: AnalysedResult) -> bool:
    """Whether there is an arm to compare with the control."""
    return result.headline_arm is not None


def has_rows(table: style.Table) -> Callable[[Any], bool]:
    """Whether a study has something in the table of a figure."""
    return lambda study: len(table(study)) > 0


# -- of each arm -----------------------------------------------------------------------

PARTS = {
    "picture": ("picture: who stands together", style.BLUE),
    "threat": ("threat: whom it is aimed at", style.ORANGE),
    "rest": ("what else the arm changes", style.PALE),
}
ARMS = [
    *("arm", "title", "control", "role", "effect", "lo", "hi", "mcse", "n"),
    *("level", "control_level", "window", *PARTS),
]


def arms_table(result: AnalysedResult) -> pd.DataFrame:
    """One row an arm but the control, largest effect first: the mean paired effect on
    counter-balancing agreements within the longest window with its 95 % CI and Monte
    Carlo standard error, the arm's mean and the control's; and the parts of PARTS of
    its expected effect (NaN: the arm lacks the focal event), exact Shapley values."""
    if not result.finished or result.effects.empty:
        return pd.DataFrame()
    outcome = result.headline_outcome
    effects = _by_arm(result.effects, outcome).rename(columns={"mean": "effect"})
    levels = _by_arm(result.levels, outcome)["mean"]
    channels = _by_arm(result.channels.table, outcome)[list(PARTS)]
    table = effects.assign(
        level=levels, control_level=float(levels[result.reference]), **channels
    )
    ordered = table.sort_values("effect", ascending=False, kind="stable")
    return say.titled(ordered.reset_index(), result)[ARMS]


def _by_arm(frame: pd.DataFrame, outcome: str) -> pd.DataFrame:
    return frame[frame["outcome"] == outcome].set_index("arm")


def arms_title(table: pd.DataFrame) -> str:
    """The finding: how many arms differ from the control, and which most."""
    if int(table["n"].iloc[0]) < 2:
        return "One replication gives no confidence interval, so no arm can be compared"
    sure = table[clear(table)]
    if sure.empty:
        control = say.first(table, "control")
        return f"No arm differs detectably from the control ({control})"
    top = sure.iloc[int(sure["effect"].abs().to_numpy().argmax())]
    places = say.decimals(float(top["mcse"]), float(top["lo"]), float(top["hi"]))
    effect = say.signed(float(top["effect"]), places)
    if len(table) == 1:
        window = say.within(int(top["window"]))
        return f"{top['title']}: {effect} {say.COUNTER} {window}"
    count = f"{len(sure)} of {len(table)} arms differ"
    if len(sure) == len(table):
        count = f"All {len(table)} arms differ"
    elif len(sure) == 1:
        count = f"One of {len(table)} arms differs"
    return f"{count} from the control; largest effect: {top['title']}, {effect}"


def channel_title(table: pd.DataFrame) -> str:
    """Of the headline arm: which channel carries most of its effect; empty where it has
    none to divide."""
    rows = table[(table["role"] == "headline") & table["picture"].notna()]
    if rows.empty:
        return ""
    row = rows.iloc[0]
    sizes = {part: abs(row[part]) for part in ("picture", "threat")}
    total = sizes["picture"] + sizes["threat"]
    if row["lo"] <= 0 <= row["hi"] or not total:
        return ""
    larger, smaller = sorted(sizes, key=lambda part: -sizes[part])
    if row["picture"] * row["threat"] < 0:
        places = say.digits(float(row[smaller]))
        suffix, less = (say.signed(row[part], places) for part in (larger, smaller))
        apart = f"the {larger} by {suffix} and the {smaller} by {less}"
        return f"{row['title']}: the two channels pull apart, {apart}"
    share = say.percent(sizes[larger] / total)
    return f"{row['title']}: {share} of the effect runs through the {larger}"


def _arms_page(table: pd.DataFrame) -> list[style.Axes]:
    lines = sum(_folded(title).count("\n") + 1 for title in table["title"])
    return style.panels(10.4, 2.6 + 0.16 * max(lines, 3) + 0.24 * len(table))


def _folded(title: str) -> str:
    return style.folded(title, NAMES)


@style.figure(
    "arms",
    "How do the arms compare, and through which channels?",
    arms_table,
    fits=compares,
    page=_arms_page,
    empty="No arm to compare, or no replication finished: there is no effect to show.",
    columns="title level effect lo hi mcse picture threat rest",
)
def draw_arms(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A row an arm: above, a dot with its CI and the numbers beside it; below, on the
    same axis, its parts as a bar."""
    ax = axes[0]
    heights = draw_effects(ax, table, [_folded(title) for title in table["title"]])
    window = style.within(table)
    ax.set_xlabel(f"effect on the expected number of {say.COUNTER} {window}")
    n = style.runs_of(table, "paired replication")
    level = table["control_level"].iloc[0]
    small = f"{n}; {level:.1f} agreements are expected in the control. {say.CAVEAT}"
    if table["picture"].notna().any():
        _draw_parts(ax, table, heights - 0.3)
        small += (
            " Bars: the parts of the expected effect, which add up to it (Shapley "
            "values, no Monte Carlo error)."
        )
    control = say.first(table, "control")
    under = (
        f"Relative to the control: {control}. Lines: 95 % CI; open dots: it holds zero"
    )
    channel = channel_title(table)
    if channel:
        under = f"{channel}. {under}"
    return style.Words(arms_title(table), under, small)


def _draw_parts(ax: style.Axes, table: pd.DataFrame, heights: Any) -> None:
    """The parts of each arm's expected effect, stacked from zero, each to its own
    side."""
    above, below = np.zeros(len(table)), np.zeros(len(table))
    for part, (label, colour) in PARTS.items():
        width = table[part].fillna(0.0).to_numpy(float)
        if part == "rest" and not width.any():
            continue
        looks: dict[str, Any] = {"height": 0.26, "color": colour, "label": label}
        left_edge = np.where(width >= 0, above, below)
        ax.barh(heights, width, left=left_edge, zorder=2, **looks)
        above = above + np.maximum(width, 0)
        below = below + np.minimum(width, 0)
    ends = [*ax.get_xlim(), above.max(), below.min()]
    ax.set(xlim=(min(ends), max(ends)), ylim=(-0.8, len(table) - 0.4))
    if len(table) < FEW_ARMS:
        ax.legend(loc="upper left", bbox_to_anchor=(0.0, -0.3), frameon=False, ncols=3)
        return
    is_right_longer = max(ends) >= -min(ends)
    ax.legend(loc="lower right" if is_right_longer else "upper left", frameon=False)


def draw_effects(ax: style.Axes, table: pd.DataFrame, labels: list[str]) -> Any:
    """A row's effect with its CI on a line of its own, and the same in words at the
    right. The heights of the rows.

    table : role, effect, lo, hi, mcse
    """
    ax.axvline(0, color=style.INK, linewidth=1)
    places = say.decimals(table["mcse"].max(), *table["lo"], *table["hi"])
    heights = style.row_axis(ax, labels)
    rows = table.assign(clear=clear(table)).to_dict("records")
    for y, row in zip(heights, rows, strict=True):
        is_headline = row["role"] == "headline"
        colour = style.BLUE if is_headline else style.QUIET
        looks: dict[str, Any] = {"markersize": 7, "markeredgewidth": 1.6, "zorder": 4}
        face = "" if row["clear"] else "white"
        style.whisker(ax, y, row, colour, width=3, face=face, **looks)
        words = say.signed(row["effect"], places)
        bounds = say.interval(row["lo"], row["hi"], places)
        if bounds != "-":
            words += f"  ({bounds})"
        style.beside(ax, y, words, color=style.BLUE if is_headline else style.INK)
    values = table[["effect", "lo", "hi"]].to_numpy(float)
    ax.set_xlim(style.limits(values, 0.06))
    return heights


# -- how often it shows ----------------------------------------------------------------


def difference_table(result: AnalysedResult) -> pd.DataFrame:
    """One row an arm but the control, the most changed first: shares of replications
    with fewer, as many and more counter-balancing agreements within the longest window
    than the paired control run, and n."""
    if not result.finished or result.effects.empty:
        return pd.DataFrame()
    rows = result.effects[result.effects["outcome"] == result.headline_outcome]
    fewer, suffix = rows["share_negative"], rows["share_positive"]
    columns = {"arm": rows["arm"], "fewer": fewer, "same": 1 - fewer - suffix}
    table = pd.DataFrame(columns | {"more": suffix, "n": rows["n"]})
    ordered = say.titled(table, result).sort_values("same", kind="stable")
    return ordered.reset_index(drop=True)


def difference_title(table: pd.DataFrame) -> str:
    """The finding of the headline arm."""
    row = table[table["role"] == "headline"].iloc[0]
    n, name = int(row["n"]), str(row["treatment"])
    if n == 1:
        words = {"same": "as many", "more": "more", "fewer": "fewer"}
        which = next(words[part] for part in words if row[part] == 1)
        return f"{name}: {which} agreements in the one replication"
    if row["same"] == 1:
        runs = say.plural(n, "replication")
        return f"{name} changes the number of {say.COUNTER} in none of {runs}"
    suffix = f"{100 * row['more']:.1f} %"  # one decimal: the three shares add up
    fewer = f"{100 * row['fewer']:.1f} %"
    return (
        f"{name}: {suffix} of replications have more {say.COUNTER}, {fewer} have fewer"
    )


SHARES = {"fewer": style.ORANGE, "same": "#e2e2e2", "more": style.BLUE}
SHARE_HEADS = (
    (0, "fewer", "left", style.ORANGE),
    (50, "the same number", "center", style.QUIET),
    (100, "more", "right", style.BLUE),
)


@style.figure(
    "difference",
    "How often does a replication differ from its control run?",
    difference_table,
    fits=compares,
    page=lambda table: style.panels(9.6, 2.4 + 0.46 * max(len(table), 2)),
    empty=(
        "No arm to compare, or no replication finished: there is no difference to show."
    ),
    columns="title fewer same more n",
    download="title fewer same more n",
)
def draw_difference(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A stacked bar an arm, its three shares in words at the right."""
    ax, left_edge = axes[0], np.zeros(len(table))
    names = [_folded(title) for title in table["title"]]
    heights = style.row_axis(ax, names, -0.6, -0.2, grid=False)
    for part, colour in SHARES.items():
        width = 100 * table[part].to_numpy(float)
        looks: dict[str, Any] = {"color": colour, "edgecolor": "white", "label": part}
        ax.barh(heights, width, left=left_edge, height=0.66, linewidth=0.8, **looks)
        left_edge = left_edge + width
    for y, row in zip(heights, table.to_dict("records"), strict=True):
        shares = [
            f"{100 * row[part]:.1f} {part}" for part in ("fewer", "more") if row[part]
        ]
        colour = style.BLUE if row["role"] == "headline" else style.INK
        style.beside(ax, y, ", ".join(shares) or "all the same", color=colour)
    for x, words, align, colour in SHARE_HEADS:
        looks = {"ha": align, "va": "bottom", "fontsize": style.SMALL}
        ax.text(x, len(table) - 0.6, words, color=style.readable(colour), **looks)
    ax.set(xlim=(0, 100), xlabel=f"% of replications, by their number of {say.COUNTER}")
    under = (
        f"Counted {style.within(table)}, replication by replication, beside the paired "
        "control run"
    )
    n, control = style.runs_of(table, "paired replication"), say.first(table, "control")
    small = f"{n}. Control: {control}. The same number need not be the same agreements."
    return style.Words(difference_title(table), under, small)


# -- among placebo events --------------------------------------------------------------

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
    event = say.treatment(result, arm)
    table["label"] = table["label"].mask(table["is_event"], event)
    tests = [
        (family.name, family.window, family.p, family.verdict)
        for family in result.placebos.families
        if len(family.placebos)
    ]
    columns = ["family", "window", "p", "verdict"]
    return table.merge(pd.DataFrame(tests, columns=columns), on="family")


def placebos_title(table: pd.DataFrame) -> str:
    """The finding: what each family's test says of the event."""
    pieces = [
        f"{row['family']}: {row['verdict']} (p = {_p(row['p'])})"
        for row in table.drop_duplicates("family").to_dict("records")
    ]
    return f"The event among its placebos. {say.capital('; '.join(pieces))}"


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= 0.001 else "under 0.001"


def _placebos_page(table: pd.DataFrame) -> list[style.Axes]:
    panels = table["family"].nunique()
    return style.panels(9.6, 1.6 + 1.6 * panels, panels, sharex=True)


@style.figure(
    "placebos",
    "Is the effect larger than those of placebo events?",
    placebos_table,
    fits=has_rows(placebos_table),
    page=_placebos_page,
    empty="No placebo events were simulated: there is no effect to compare with.",
)
def draw_placebos(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Placebo effects as dots where they fall together, the event as a labelled line; a
    panel a family."""
    span = style.limits(table["effect"].to_numpy(float), 0.06)
    families = list(table.groupby("family", sort=False))
    for ax, (family, rows) in zip(axes, families, strict=False):
        _strip(ax, rows, span)
        name = str(family)
        window, p = rows["window"].iloc[0], _p(float(rows["p"].iloc[0]))
        count = say.plural(int((~rows["is_event"]).sum()), "placebo")
        test = f"within {window} days, {count}, two-sided p = {p}"
        title = f"{say.capital(name)}: {FAMILIES.get(name, name)}, {test}"
        ax.set_title(title, loc="left", color=style.QUIET)
    axes[len(families) - 1].set_xlabel(f"effect on expected {say.COUNTER}")
    has_dates = (table["family"] == "dates").any()
    small = (
        "Dots: placebo events. p: share of all, the event among them, whose effect is "
        "at least as far from zero"
    )
    small += "; of dates also those less than 5 % nearer." if has_dates else "."
    return style.Words(placebos_title(table), "", small)


def _strip(ax: style.Axes, rows: pd.DataFrame, span: tuple[float, float]) -> None:
    """Placebos as stacked dots and the event as a line with its words."""
    low, high = span
    effects = np.sort(rows.loc[~rows["is_event"], "effect"].to_numpy(float))
    bins = np.floor((effects - low) / ((high - low) / BINS)).astype(int)
    ranks = np.arange(len(bins)) - np.searchsorted(bins, bins)  # of each in its bin
    middles = [effects[bins == place].mean() for place in bins]
    looks: dict[str, Any] = {"s": 30, "color": "#9a9a9a", "edgecolors": "white"}
    ax.scatter(middles, ranks * STACK, linewidths=0.5, zorder=2, **looks)
    ax.axvline(0, color=style.INK, linewidth=0.8)
    top = 0.6
    if len(ranks):
        top = max(top, STACK * (int(ranks.max()) + 3))
    for row in rows[rows["is_event"]].to_dict("records"):
        effect = row["effect"]
        ax.axvline(effect, color=style.BLUE, linewidth=2)
        is_right = effect > (low + high) / 2
        looks = {"ha": "right" if is_right else "left", "color": style.BLUE}
        words, offset = f"{row['label']} {say.signed(effect, 3)}", 6
        if is_right:
            offset = -6
        style.note(ax, words, (effect, 0.93 * top), (offset, 0), **looks)
    ax.set(xlim=span, ylim=(-0.6 * STACK, top), yticks=[])
    ax.spines["left"].set_visible(False)


# -- as replications come in -----------------------------------------------------------

CONVERGENCE = [
    *("runs", "effect", "mcse"),
    *("arm", "title", "control", "treatment", "window"),
]
TICKS = (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000)
MOST_POINTS = 200


def convergence_table(result: AnalysedResult) -> pd.DataFrame:
    """Tidy: mean paired effect of the headline arm over the first so many replications
    (filtered where there are filtered numbers), and its Monte Carlo standard error.

    From 2 replications to all, at most MOST_POINTS rows, evenly apart in the logarithm.
    Failed replications are left out."""
    arm = result.headline_arm
    if arm is None or not result.finished:
        return pd.DataFrame()
    effects, _ = effect_by_run(result, arm, result.headline_outcome)
    values = effects.to_numpy(float)
    if len(values) < 2:
        return pd.DataFrame()
    evenly = np.geomspace(2, len(values), MOST_POINTS)
    counts = np.unique(np.round(evenly).astype(int))
    mean = np.cumsum(values)[counts - 1] / counts
    squares = np.cumsum(values**2)[counts - 1] - counts * mean**2
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
    if FILTERED + outcome in result.by_run.names:
        outcome = FILTERED + outcome
    frame = result.by_run.frame(outcome)
    wide = frame.pivot(index="run", columns="arm", values=outcome).sort_index()
    wide = wide[[arm, result.reference]].dropna()
    return wide[arm] - wide[result.reference], wide


def convergence_title(table: pd.DataFrame) -> str:
    """The finding: the error reached, and how far the estimate moved in the second half
    of the replications."""
    last = table.iloc[-1]
    n, effect, error = int(last["runs"]), float(last["effect"]), float(last["mcse"])
    if error == 0:
        return f"All {n:,} replications give the same effect, {say.signed(effect, 0)}"
    second_half = table.loc[table["runs"] >= n / 2, "effect"]
    moved = float((second_half - effect).abs().max())
    places = say.decimals(error)
    reached, far = (say.number(value, places + 1) for value in (error, moved))
    return (
        f"After {n:,} replications the effect is {say.signed(effect, places)} with a "
        f"Monte Carlo standard error of {reached}; in the second half it moved by at "
        f"most {far}"
    )


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
    ax = axes[0]
    runs, mean = table["runs"].to_numpy(float), table["effect"].to_numpy(float)
    error = table["mcse"].to_numpy(float)
    low, high = mean - error, mean + error
    ax.axhline(0, color=style.INK, linewidth=1)
    ax.axhline(mean[-1], color=style.BLUE, linewidth=1, linestyle=(0, (4, 3)))
    ax.fill_between(runs, low, high, color=style.BLUE, alpha=0.22, linewidth=0)
    ax.plot(runs, mean, color=style.BLUE, linewidth=2)
    if runs[-1] > runs[0]:
        ax.set(xscale="log", xlim=(runs[0], runs[-1]))
    ticks = [tick for tick in TICKS if runs[0] <= tick < 0.8 * runs[-1]]
    ticks.append(int(runs[-1]))
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.minorticks_off()
    settled = runs >= min(10.0, runs[-1])
    ends = np.concatenate([low[settled], high[settled]])
    ax.set_ylim(style.limits(ends, 0.12))
    ax.set_xlabel("replications so far, in the order of their numbers (log scale)")
    ax.set_ylabel("effect on expected\nagreements")
    under = (
        f"Effect on {say.COUNTER} {style.within(table)}. Band: one Monte Carlo "
        "standard "
        "error each way"
    )
    treatment, control = say.first(table, "treatment"), say.first(table, "control")
    small = (
        f"{treatment}. Control: {control}. Four times the replications halve the error."
    )
    return style.Words(convergence_title(table), under, small, 76, 112)
