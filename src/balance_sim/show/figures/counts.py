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
QUANTILES = ["q05", "q25", "q50", "q75", "q95"]
WHOSE = ["title", "control", "treatment"]
LEVELS = ["arm", "role", "day", "mean", *QUANTILES, "n", *WHOSE]
EFFECT = ["effect", "mcse", "lo", "hi"]
EFFECTS = ["title", "day", "expected", "effect", "lo", "hi", "mcse"]
COUNTER_BALANCING = (
    "Counter-balancing: neither state takes part, both fear those who do, and neither "
    "is aligned with them."
)
TICK_STEPS = (7, 14, 30, 60, 90, 180)
MOST_TICKS = 14

# -- as they add up --------------------------------------------------------------------


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
    levels = result.levels.set_index(["arm", "outcome"])
    effects = result.effects.set_index(["arm", "outcome"])
    effects = effects.rename(columns={"mean": "effect"})
    rows: list[dict[Any, Any]] = []
    zero = dict.fromkeys(["expected", *EFFECT], 0.0)
    for arm in result.arms:
        n = int(result.levels.loc[result.levels["arm"] == arm, "n"].max())
        rows.append({"arm": arm, "day": 0, **zero, "n": n})
        for day in sorted(result.scenario.report.windows):
            key = (arm, Outcome("accords", "counter", day).name)
            if key not in levels.index:
                continue
            row: dict[Any, Any] = {"arm": arm, "day": day, **zero, "n": n}
            row["expected"] = levels.loc[key, "mean"]
            if key in effects.index:
                row |= effects.loc[key, EFFECT].to_dict()
            rows.append(row)
    columns = ["arm", "day", "expected", *EFFECT, "n"]
    return say.titled(pd.DataFrame(rows, columns=columns), result)


def fan_runs_table(result: Result) -> pd.DataFrame:
    """Tidy: run (0, 1, ... in order), day, count in the control arm; empty from 200
    replications on."""
    if result.finished >= FEW_RUNS:
        return pd.DataFrame()
    counts = result.curves("counter").get(result.reference)
    if counts is None or not len(counts):
        return pd.DataFrame()
    days = frames.day_axis(result.horizon)
    columns = {
        "run": np.repeat(np.arange(len(counts)), len(days)),
        "day": np.tile(days, len(counts)),
        "count": counts.ravel(),
    }
    return pd.DataFrame(columns)


def fan_title(effects: pd.DataFrame) -> str:
    """The finding at the end of the longest window."""
    last = effects[effects["day"] == effects["day"].max()]
    control = last[last["role"] == "reference"].to_dict("records")[0]
    level = float(control["expected"])
    arm = say.arm_with_role(effects, "headline")
    if arm is None:
        return f"{control['title']}: {say.number(level, 1)} expected {say.COUNTER}"
    row = last[last["arm"] == arm].to_dict("records")[0]
    subject = f"{say.COUNTER} {say.within(int(control['day']))}"
    effect = row | {"mean": row["effect"]}
    change = say.change_words(effect, level, float(row["expected"]), subject)
    return f"{row['treatment']}: {change}"


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

    runs : of `fan_runs_table`, drawn instead of the bands where it has rows
    """
    lines = runs if runs is not None and len(runs) else None
    draw_spread(axes[0], table, lines)
    small = COUNTER_BALANCING
    if len(axes) > 1:
        _draw_effects(axes[1], effects)
        small += f" {say.CAVEAT}"
    last = int(table["day"].max())
    steps = [step for step in TICK_STEPS if last / step <= MOST_TICKS]
    ticks = range(0, last + 1, steps[0] if steps else 365)
    axes[-1].set(xlabel="days after the event", xlim=(0, 1.01 * last), xticks=ticks)
    marks = "a line a replication"
    if lines is None:
        marks = f"50 % and 90 % of {style.runs_of(table)} (spread, not error)"
    under = f"Grey: {say.first(table, 'control')}, {marks}"
    return style.Words(fan_title(effects), under, small, 88, 130)


def draw_spread(
    ax: style.Axes, table: pd.DataFrame, runs: pd.DataFrame | None = None
) -> None:
    """Bands of the control arm's replications (or a line each), its median and the
    headline arm's; names at the right.

    table : role, title, day, q05, q25, q50, q75, q95
    runs : run, day, count
    """
    last = float(table["day"].max())
    later_value = table[table["day"] == last].assign(
        day=1.01 * last
    )  # shows the last step
    table = pd.concat([table.astype({"day": float}), later_value], ignore_index=True)
    control = table[table["role"] == "reference"]
    headline = table[table["role"] == "headline"]
    highest = max(1.0, float(control["q95"].max()), float(table["q50"].max()))
    labels: list[style.Label] = []
    if runs is None:
        style.bands(ax, control, step="post")
        for quantile, offset, share in (("q95", 0.02, 95), ("q05", -0.01, 5)):
            end = float(control[quantile].iloc[-1])
            labels.append((end + offset, f"{end:.0f}: {share} % at most", style.QUIET))
    else:
        _draw_runs(ax, runs)
        highest = max(highest, float(runs["count"].max()))
    looks: dict[str, Any] = {"color": style.INK, "linewidth": 2.6}
    ax.step(control["day"], control["q50"], where="post", **looks)
    if len(headline):
        looks = {"color": style.SKY, "linewidth": 1.3, "linestyle": style.DASHES}
        ax.step(headline["day"], headline["q50"], where="post", **looks)
    for rows, offset, colour in (
        (control, 0.0, style.INK),
        (headline, 0.01, style.BLUE),
    ):
        if len(rows):
            end = float(rows["q50"].iloc[-1])
            words = f"{end:.0f}: median, {_short(say.first(rows, 'title'))}"
            labels.append((end + offset, words, colour))
    ax.set_ylim(0, 1.06 * highest)
    style.whole_ticks(ax.yaxis, 8)
    ax.set_ylabel("agreements in a\nreplication")
    style.label_ends(ax, 1.01 * last, labels, 1.06 * highest * 0.075)


def _draw_runs(ax: style.Axes, runs: pd.DataFrame) -> None:
    """A staircase a replication."""
    from matplotlib.collections import LineCollection

    lines = []
    for _, rows in runs.groupby("run"):
        days, counts = rows["day"].to_numpy(float), rows["count"].to_numpy(float)
        stairs = [np.repeat(days, 2)[1:], np.repeat(counts, 2)[:-1]]
        lines.append(np.column_stack(stairs))
    looks: dict[str, Any] = {"colors": style.BASE, "alpha": 0.35, "linewidths": 0.7}
    ax.add_collection(LineCollection(lines, **looks))


def _draw_effects(ax: style.Axes, table: pd.DataFrame) -> None:
    """Effects at the windows of the report, joined by lines; the headline's with its
    CIs."""
    others = list(table.loc[table["role"] == "other", "arm"].unique())
    headline = say.arm_with_role(table, "headline")
    looks: list[tuple[str, str, Any, float]] = []
    if headline is not None:
        looks.append((headline, style.BLUE, "-", 2.2))
    for arm, (colour, dashes) in zip(others, style.OTHERS, strict=False):
        looks.append((arm, colour, dashes, 1.3))
    widths = (table["hi"] - table["lo"])[table["arm"] == headline]  # 4 standard errors
    places = say.decimals(widths.max() / 4) if np.isfinite(widths.max()) else 2
    labels: list[style.Label] = []
    ax.axhline(0, color=style.INK, linewidth=1)
    for arm, colour, dashes, width in reversed(looks):
        rows = table[table["arm"] == arm]
        drawn: dict[str, Any] = {"linestyle": dashes, "linewidth": width}
        drawn |= {"marker": "o", "markersize": 1.6 * width}
        ax.plot(rows["day"], rows["effect"], color=colour, **drawn)
        if arm == headline and np.isfinite(rows["lo"]).all():
            ax.vlines(rows["day"], rows["lo"], rows["hi"], colors=colour, linewidth=2.6)
        end = float(rows["effect"].iloc[-1])
        words = f"{say.signed(end, places)} {_short(say.first(rows, 'title'))}"
        labels.append((end, words, colour))
    drawn_arms = table["arm"].isin([arm for arm, *_ in looks])
    values = table.loc[drawn_arms, ["effect", "lo", "hi"]].to_numpy(float)
    is_flat = not np.nanmax(np.abs(values)) > 1e-12
    low, high = style.limits(np.array([-0.05, 0.05]) if is_flat else values, 0.08)
    title = "Effect at the end of each window"
    if headline is not None:
        title += ", with 95 % CI"
    undrawn = len(others) - len(style.OTHERS)
    if undrawn > 0:
        arms = say.plural(undrawn, "more arm is", "more arms are")
        title += f"; {arms} in the table"
    ax.set_title(title, loc="left", color=style.QUIET)
    ax.set(ylim=(low, high), ylabel="effect,\nagreements")
    style.label_ends(ax, 1.01 * float(table["day"].max()), labels, (high - low) * 0.1)


def _short(title: str) -> str:
    """A title that fits beside a line."""
    return textwrap.shorten(title, 46, placeholder=" ...")


# -- at the end ------------------------------------------------------------------------

COUNTS = ["count", "runs", "share", "cumulative", "lo", "hi"]
OUTCOMES = ["arm", "role", *COUNTS, "n", "window", *WHOSE]


def outcomes_table(result: Result) -> pd.DataFrame:
    """Tidy: arm, role, count; replications with so many counter-balancing agreements in
    the longest window, their share with its 95 % CI (Clopper, Pearson), the share with
    at most so many, n. Every count from the least to the most in any arm, also those
    never seen."""
    if not result.finished:
        return pd.DataFrame(columns=OUTCOMES)
    outcome = result.headline_outcome
    frame = result.by_run.frame(outcome)
    smallest, largest = int(frame[outcome].min()), int(frame[outcome].max())
    counts = np.arange(smallest, largest + 1)
    first = (result.reference, result.headline_arm)
    pieces = []
    for arm in sorted(result.arms, key=lambda arm: arm not in first):
        values = frame.loc[frame["arm"] == arm, outcome].to_numpy(int)
        n = len(values)
        runs = np.bincount(values - smallest, minlength=len(counts))
        share = runs / n
        lo, hi = exact_share(np.rint(share * n), np.array(float(n)))
        columns = [counts, runs, share, np.cumsum(runs) / n, lo, hi]
        part = pd.DataFrame(dict(zip(COUNTS, columns, strict=True)))
        pieces.append(part.assign(arm=arm, n=n))
    return say.titled(pd.concat(pieces, ignore_index=True), result)[OUTCOMES]


def middle_half(rows: pd.DataFrame) -> tuple[int, int]:
    """Counts between which at least half of an arm's replications lie: the
    quartiles."""
    cumulative = rows["share"].cumsum().to_numpy()
    places = np.searchsorted(cumulative, np.array([0.25, 0.75]) - 1e-12)
    low, high = rows["count"].to_numpy()[places]
    return int(low), int(high)


def overlap(table: pd.DataFrame, arm: str, reference: str) -> float:
    """Share that two arms' distributions have in common: the sum of the lesser of the
    two shares, 0 to 1."""
    shares = table.loc[table["arm"] == arm, "share"].to_numpy()
    control = table.loc[table["arm"] == reference, "share"].to_numpy()
    return float(np.minimum(shares, control).sum())


def outcomes_title(table: pd.DataFrame) -> str:
    """The finding: where the middle half of the replications lies with and without, and
    what they have in common."""
    control = table[table["role"] == "reference"]
    headline = table[table["role"] == "headline"]
    half = _span(*middle_half(control))
    subject = f"half of the replications have {half} {say.COUNTER}"
    if headline.empty:
        return f"{control['title'].iloc[0]}: {subject}"
    if int(control["n"].iloc[0]) == 1:
        count = middle_half(headline)[0]
        return (
            f"One replication: {half} {say.COUNTER} in the control, {count} with the "
            "event"
        )
    if np.array_equal(control["runs"].to_numpy(), headline["runs"].to_numpy()):
        return f"{say.capital(subject)}; the two distributions are the same"
    arms = say.first(headline, "arm"), say.first(control, "arm")
    common = say.percent(overlap(table, *arms))
    with_event = _span(*middle_half(headline))
    where = "with and without the event"
    if with_event != half:
        where = f"in the control, {with_event} with the event"
    return f"{say.capital(subject)} {where}; the distributions overlap by {common}"


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def furthest(table: pd.DataFrame, most: int) -> list[str]:
    """The other arms whose distribution is further from the control's than the headline
    arm's, the furthest first: by the largest gap between shares with at most so many
    (Kolmogorov, Smirnov); at most so many arms."""
    shares = table.pivot(index="count", columns="arm", values="cumulative")
    control = say.arm_with_role(table, "reference")
    headline = say.arm_with_role(table, "headline")
    gaps = shares.sub(shares[control], axis=0).abs().max()
    smallest = gaps[headline] if headline is not None else 0.0
    others = table.loc[table["role"] == "other", "arm"].unique()
    far = [arm for arm in others if gaps[arm] > smallest + 1e-9]
    return sorted(far, key=lambda arm: -gaps[arm])[:most]


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
    ax = axes[0]
    control = say.arm_with_role(table, "reference")
    headline = say.arm_with_role(table, "headline")
    looks: list[tuple[str | None, Any, Any, float]] = [(control, style.INK, "-", 2.4)]
    for arm, (colour, _) in zip(furthest(table, 3), style.OTHERS, strict=False):
        looks.append((arm, colour, "-", 1.8))
    if headline is not None:
        looks.append((headline, style.SKY, style.DASHES, 2.0))
    for name, colour, dashes, width in looks:
        rows = table[table["arm"] == name]
        counts = rows["count"].to_numpy(float)
        edges = np.r_[counts[0] - 1, counts, counts[-1] + 1]
        steps = np.r_[0.0, rows["cumulative"].to_numpy(float), 1.0]
        title = say.first(rows, "title")
        if name == control:
            title += " (control)"
            ax.fill_between(edges, steps, step="post", color="#ededed", linewidth=0)
        drawn: dict[str, Any] = {"color": colour, "linestyle": dashes}
        drawn |= {"linewidth": width, "label": style.folded(title, 34)}
        ax.step(edges, steps, where="post", **drawn)
    style.share_axis(ax, "share of replications\nwith at most so many", 1.02)
    style.whole_ticks(ax.xaxis, 12)
    span = table["count"].min() - 0.6, table["count"].max() + 0.6
    ax.set(xlim=span, xlabel=f"{say.COUNTER} {style.within(table)}")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    small = (
        "The spread of replications does not shrink with more of them; the CI of the "
        "mean does."
    )
    undrawn = table["arm"].nunique() - len(looks)
    if undrawn > 0:
        arms = say.plural(undrawn, "more arm is", "more arms are")
        small += f" {arms} as near to the control or nearer."
    under = f"{style.runs_of(table)} per arm; not smoothed"
    return style.Words(outcomes_title(table), under, small, wrap=84)
