"""Counts of agreements over replications: as they add up, and at the end."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.stats.scores import exact_share
from balance_sim.study import frames
from balance_sim.study.outcomes import Outcome
from balance_sim.study.result import Result

FEW_RUNS = 200  # below this the replications themselves are drawn, not bands
LEVELS = [
    "arm",
    "role",
    "day",
    "mean",
    "q05",
    "q25",
    "q50",
    "q75",
    "q95",
    "n",
    "title",
    "control",
    "treatment",
]
EFFECTS = ["title", "day", "expected", "effect", "lo", "hi", "mcse"]


def fan_table(result: Result) -> pd.DataFrame:
    """Tidy: arm, role, day (weekly); mean and quantiles over replications of the
    counter-balancing agreements made by then, and n. The quantiles are of replications:
    they do not narrow with more of them."""
    table = result.fan("counter")
    return table if table.empty else say.titled(table, result)[LEVELS]


def fan_effects_table(result: Result) -> pd.DataFrame:
    """Tidy: arm, role, day (0 and the report's windows): expected counter-balancing
    agreements by then, and the paired effect on them with its Monte Carlo standard
    error and 95 % CI; filtered where there are filtered numbers."""
    if not result.finished:
        return pd.DataFrame(columns=EFFECTS)
    levels, effects = (
        frame.set_index(["arm", "outcome"]) for frame in (result.levels, result.effects)
    )
    rows = []
    for arm in result.arms:
        n = int(result.levels.loc[result.levels["arm"] == arm, "n"].max())
        rows.append([arm, 0, *[0.0] * 5, n])
        for day in sorted(result.scenario.report.windows):
            key = (arm, Outcome("accords", "counter", day).name)
            if key in levels.index:
                found = (
                    effects.loc[key, ["mean", "mcse", "lo", "hi"]]
                    if key in effects.index
                    else [0.0] * 4
                )
                rows.append([arm, day, levels.loc[key, "mean"], *found, n])
    table = pd.DataFrame(
        rows, columns=["arm", "day", "expected", "effect", "mcse", "lo", "hi", "n"]
    )
    return say.titled(table, result)


def fan_runs_table(result: Result) -> pd.DataFrame:
    """Tidy: run (0, 1, ... in order), day, count in the control arm; empty from 200
    replications on."""
    counts = (
        result.curves("counter").get(result.reference)
        if result.finished < FEW_RUNS
        else None
    )
    if counts is None or not len(counts):
        return pd.DataFrame()
    days = frames.day_axis(result.horizon)
    runs = np.repeat(np.arange(len(counts)), len(days))
    return pd.DataFrame(
        {"run": runs, "day": np.tile(days, len(counts)), "count": counts.ravel()}
    )


def fan_title(effects: pd.DataFrame) -> str:
    """The finding at the end of the longest window."""
    last = effects[effects["day"] == effects["day"].max()]
    base = last[last["role"] == "reference"].iloc[0]
    arm = say.arm_with_role(effects, "headline")
    if arm is None:
        return f"{base['title']}: {say.number(float(base['expected']), 1)} expected {say.COUNTER}"
    row, what = (
        last[last["arm"] == arm].iloc[0],
        f"{say.COUNTER} {say.within(int(base['day']))}",
    )
    mean, lo, hi, error = (float(row[name]) for name in ("effect", "lo", "hi", "mcse"))
    levels = float(base["expected"]), float(row["expected"])
    return f"{row['treatment']}: {say.change_words(mean, lo, hi, error, int(row['n']), *levels, what)}"


def _fan_page(table: pd.DataFrame) -> list[style.Axes]:
    if set(table["role"]) == {"reference"}:
        return style.panels(9.0, 4.6)
    return style.panels(10.6, 7.0, 2, sharex=True, height_ratios=[3, 2])


@style.figure(
    "fan",
    "How many counter-balancing agreements come, and what is the event's effect?",
    fan_table,
    page=_fan_page,
    more={"effects": fan_effects_table, "runs": fan_runs_table},
    listed="effects",
    empty="No replication finished: there are no agreements to count.",
    columns="title day expected effect lo hi mcse",
    download="title day expected effect lo hi mcse",
)
def draw_fan(
    axes: list[style.Axes],
    table: pd.DataFrame,
    effects: pd.DataFrame,
    runs: pd.DataFrame | None = None,
) -> style.Words:
    """Above: the spread of replications in the control arm, both medians. Below: the
    effects by window.

    runs: of `fan_runs_table`, drawn instead of the bands where it has rows."""
    lines = runs if runs is not None and len(runs) else None
    draw_spread(axes[0], table, lines)
    last, lower = int(table["day"].max()), axes[-1]
    step = next((step for step in (7, 14, 30, 60, 90, 180) if last / step <= 14), 365)
    small = "Counter-balancing: neither state takes part, both fear those who do, and neither is aligned with them."
    if len(axes) > 1:
        _effects(axes[1], effects)
        small += f" {say.CAVEAT}"
    lower.set(
        xlabel="days after the event",
        xlim=(0, 1.01 * last),
        xticks=range(0, last + 1, step),
    )
    spread = f"50 % and 90 % of {style.runs_of(table)} (spread, not error)"
    marks = f"Grey: {say.first(table, 'control')}, {spread if lines is None else 'a line a replication'}"
    return style.Words(fan_title(effects), marks, small, 88, 130)


def draw_spread(
    ax: style.Axes, table: pd.DataFrame, runs: pd.DataFrame | None = None
) -> None:
    """Bands of the control arm's replications (or a line each), its median and the
    headline arm's; names at the right.

    table: role, title, day, q05, q25, q50, q75, q95; runs: run, day, count."""
    from matplotlib.collections import LineCollection

    last = float(table["day"].max())
    more = table[table["day"] == last].assign(
        day=1.01 * last
    )  # so that the last step can be seen
    table = pd.concat([table.astype({"day": float}), more], ignore_index=True)
    base, chosen = (table[table["role"] == part] for part in ("reference", "headline"))
    day, labels = base["day"].to_numpy(float), []
    highest = max(1.0, float(base["q95"].max()), float(table["q50"].max()))
    if runs is not None:
        counts = [
            one[["day", "count"]].to_numpy(float).T for _, one in runs.groupby("run")
        ]
        lines = [
            np.column_stack([np.repeat(at, 2)[1:], np.repeat(count, 2)[:-1]])
            for at, count in counts
        ]
        ax.add_collection(
            LineCollection(lines, colors=style.BASE, alpha=0.35, linewidths=0.7)
        )
        highest = max(highest, float(runs["count"].max()))
    else:
        style.bands(ax, base, step="post")
        for name, off, share in (("q95", 0.02, 95), ("q05", -0.01, 5)):
            end = float(base[name].iloc[-1])
            labels.append((end + off, f"{end:.0f}: {share} % at most", style.QUIET))
    ax.step(day, base["q50"], where="post", color=style.INK, linewidth=2.6)
    if len(chosen):
        ax.step(
            day,
            chosen["q50"],
            where="post",
            color=style.SKY,
            linewidth=1.3,
            linestyle=style.DASHES,
        )
    for rows, off, colour in ((base, 0.0, style.INK), (chosen, 0.01, style.BLUE)):
        if len(rows):
            end = float(rows["q50"].iloc[-1])
            labels.append(
                (
                    end + off,
                    f"{end:.0f}: median, {_short(say.first(rows, 'title'))}",
                    colour,
                )
            )
    ax.set_ylim(0, 1.06 * highest)
    style.whole_ticks(ax.yaxis, 8)
    ax.set_ylabel("agreements in a\nreplication")
    style.label_ends(ax, float(day[-1]), labels, 1.06 * highest * 0.075)


def _effects(ax: style.Axes, table: pd.DataFrame) -> None:
    """Effects at the windows of the report, joined by lines; the headline's with its
    CIs."""
    every, chosen = (
        table.loc[table["role"] == "other", "arm"].unique(),
        say.arm_with_role(table, "headline"),
    )
    ax.axhline(0, color=style.INK, linewidth=1)
    labels: list[tuple[float, str, Any]] = []
    width_of_ci = (table["hi"] - table["lo"])[
        table["arm"] == chosen
    ].max()  # four standard errors
    places = say.decimals(width_of_ci / 4) if np.isfinite(width_of_ci) else 2
    looks: list[tuple[str, str, Any, float]] = (
        [(chosen, style.BLUE, "-", 2.2)] if chosen is not None else []
    )
    looks += [
        (arm, colour, dashes, 1.3)
        for arm, (colour, dashes) in zip(every, style.OTHERS, strict=False)
    ]
    for arm, colour, dashes, width in looks[::-1]:
        rows = table[table["arm"] == arm]
        drawn: dict[str, Any] = {
            "linestyle": dashes,
            "linewidth": width,
            "markersize": 1.6 * width,
        }
        ax.plot(rows["day"], rows["effect"], color=colour, marker="o", **drawn)
        if arm == chosen and np.isfinite(rows["lo"]).all():
            ax.vlines(rows["day"], rows["lo"], rows["hi"], colors=colour, linewidth=2.6)
        end = float(rows["effect"].iloc[-1])
        labels.append(
            (
                end,
                f"{say.signed(end, places)} {_short(say.first(rows, 'title'))}",
                colour,
            )
        )
    shown = table.loc[
        table["arm"].isin([arm for arm, *_ in looks]), ["effect", "lo", "hi"]
    ].to_numpy(float)
    low, high = style.limits(shown, 0.08)
    if not np.nanmax(np.abs(shown)) > 1e-12:  # flat
        low, high = style.limits(np.array([-0.05, 0.05]), 0.08)
    told = "Effect at the end of each window" + (
        ", with 95 % CI" if chosen is not None else ""
    )
    left = len(every) - len(style.OTHERS)
    told += (
        f"; {say.plural(left, 'more arm is', 'more arms are')} in the table"
        if left > 0
        else ""
    )
    ax.set_title(told, loc="left", color=style.QUIET)
    ax.set(ylim=(low, high), ylabel="effect,\nagreements")
    style.label_ends(ax, 1.01 * float(table["day"].max()), labels, (high - low) * 0.1)


def _short(title: str) -> str:
    """A title that fits beside a line."""
    return textwrap.shorten(title, 46, placeholder=" ...")


OUTCOMES = [
    "arm",
    "role",
    "count",
    "runs",
    "share",
    "cumulative",
    "lo",
    "hi",
    "n",
    "window",
    "title",
    "control",
    "treatment",
]


def outcomes_table(result: Result) -> pd.DataFrame:
    """Tidy: arm, role, count; replications with so many counter-balancing agreements in
    the longest window, their share with its 95 % CI (Clopper, Pearson), the share with
    at most so many, n. Every count from the least to the most in any arm, also those
    never seen."""
    if not result.finished:
        return pd.DataFrame(columns=OUTCOMES)
    outcome = result.headline_outcome
    frame = result.by_run.frame(outcome)
    counts = np.arange(int(frame[outcome].min()), int(frame[outcome].max()) + 1)
    parts = []
    for arm in sorted(
        result.arms, key=lambda one: one not in (result.reference, result.headline_arm)
    ):
        values = frame.loc[frame["arm"] == arm, outcome].to_numpy(int)
        runs = np.bincount(values - counts[0], minlength=len(counts))
        share = runs / len(values)
        lo, hi = exact_share(np.rint(share * len(values)), np.array(float(len(values))))
        columns = {
            "count": counts,
            "runs": runs,
            "share": share,
            "cumulative": np.cumsum(runs) / len(values),
        }
        parts.append(
            pd.DataFrame(columns | {"lo": lo, "hi": hi}).assign(arm=arm, n=len(values))
        )
    return say.titled(pd.concat(parts, ignore_index=True), result)[OUTCOMES]


def middle_half(rows: pd.DataFrame) -> tuple[int, int]:
    """Counts between which at least half of an arm's replications lie: the
    quartiles."""
    cumulative, counts = rows["share"].cumsum().to_numpy(), rows["count"].to_numpy()
    low, high = (
        int(counts[np.searchsorted(cumulative, share - 1e-12)])
        for share in (0.25, 0.75)
    )
    return low, high


def overlap(table: pd.DataFrame, arm: str, reference: str) -> float:
    """Share that two arms' distributions have in common: the sum of the lesser of the
    two shares, 0 to 1."""
    one, other = (
        table.loc[table["arm"] == name, "share"].to_numpy() for name in (arm, reference)
    )
    return float(np.minimum(one, other).sum())


def outcomes_title(table: pd.DataFrame) -> str:
    """The finding: where the middle half of the replications lies with and without, and
    what they have in common."""
    base, chosen = (table[table["role"] == part] for part in ("reference", "headline"))
    half = _span(*middle_half(base))
    if chosen.empty:
        return f"{base['title'].iloc[0]}: half of the replications have {half} {say.COUNTER}"
    if int(base["n"].iloc[0]) == 1:
        return f"One replication: {half} {say.COUNTER} in the control, {middle_half(chosen)[0]} with the event"
    if np.array_equal(base["runs"].to_numpy(), chosen["runs"].to_numpy()):
        return f"Half of the replications have {half} {say.COUNTER}; the two distributions are the same"
    common = say.percent(
        overlap(table, say.first(chosen, "arm"), say.first(base, "arm"))
    )
    now = _span(*middle_half(chosen))
    both = (
        "with and without the event"
        if now == half
        else f"in the control, {now} with the event"
    )
    return f"Half of the replications have {half} {say.COUNTER} {both}; the distributions overlap by {common}"


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def furthest(table: pd.DataFrame, most: int) -> list[str]:
    """The other arms whose distribution is further from the control's than the headline
    arm's, the furthest first: by the largest gap between shares with at most so many
    (Kolmogorov, Smirnov); at most so many arms."""
    share = table.pivot(index="count", columns="arm", values="cumulative")
    control, headline = (
        say.arm_with_role(table, role) for role in ("reference", "headline")
    )
    gap = share.sub(share[control], axis=0).abs().max()
    least = gap[headline] if headline is not None else 0.0
    others = table.loc[table["role"] == "other", "arm"].unique()
    return sorted(
        (arm for arm in others if gap[arm] > least + 1e-9), key=lambda arm: -gap[arm]
    )[:most]


@style.figure(
    "outcomes",
    "How far apart are the replications of each arm?",
    outcomes_table,
    page=lambda _: style.panels(10.6, 5.4),
    empty="No replication finished: there are no counts to show.",
    columns="title count runs share lo hi cumulative",
    download="arm count runs share lo hi cumulative",
)
def draw_outcomes(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A step line an arm, the share of replications with at most so many agreements:
    the control, filled, the headline arm, and those further from the control than
    it."""
    ax, (base, chosen) = (
        axes[0],
        (say.arm_with_role(table, role) for role in ("reference", "headline")),
    )
    looks: list[tuple[str | None, Any, Any, float]] = [(base, style.INK, "-", 2.4)]
    looks += [
        (arm, colour, "-", 1.8)
        for arm, (colour, _) in zip(furthest(table, 3), style.OTHERS, strict=False)
    ]
    looks += [(chosen, style.SKY, style.DASHES, 2.0)] if chosen is not None else []
    for arm, colour, dashes, width in looks:
        rows = table[table["arm"] == arm]
        count, share = rows["count"].to_numpy(float), rows["cumulative"].to_numpy(float)
        edges, steps = np.r_[count[0] - 1, count, count[-1] + 1], np.r_[0.0, share, 1.0]
        name = style.folded(
            say.first(rows, "title") + (" (control)" if arm == base else ""), 34
        )
        if arm == base:
            ax.fill_between(edges, steps, step="post", color="#ededed", linewidth=0)
        ax.step(
            edges,
            steps,
            where="post",
            color=colour,
            linestyle=dashes,
            linewidth=width,
            label=name,
        )
    style.share_axis(ax, "share of replications\nwith at most so many", 1.02)
    style.whole_ticks(ax.xaxis, 12)
    span = table["count"].min() - 0.6, table["count"].max() + 0.6
    ax.set(xlim=span, xlabel=f"{say.COUNTER} {style.within(table)}")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    left = table["arm"].nunique() - len(looks)
    more = (
        f" {say.plural(left, 'more arm is', 'more arms are')} as near to the control or nearer."
        if left > 0
        else ""
    )
    small = f"The spread of replications does not shrink with more of them; the CI of the mean does.{more}"
    return style.Words(
        outcomes_title(table),
        f"{style.runs_of(table)} per arm; not smoothed",
        small,
        wrap=84,
    )
