"""Counts of agreements over replications: as they add up, at the end, until the first, and as replications come in."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.replications.outcomes import Outcome
from balance_sim.results import frames
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.stats.intervals import paired_interval
from balance_sim.stats.scores import exact_share

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from balance_sim.results.result import Result

FEW_RUNS = 200  # below this the replications themselves are drawn, not bands
LEVELS = [
    "arm", "role", "day", "mean", "q05", "q25", "q50", "q75", "q95", "n", "title", "control", "treatment",
]  # fmt: skip
EFFECTS = ["title", "day", "expected", "effect", "lo", "hi", "mcse"]


def fan_table(result: Result) -> pd.DataFrame:
    """Tidy: arm, role, day (weekly); mean and quantiles over replications of the counter-balancing agreements made by
    then, and n. The quantiles are of replications: they do not narrow with more of them."""
    table = result.fan("counter")
    return table if table.empty else say.titled(table, result)[LEVELS]


def fan_effects_table(result: Result) -> pd.DataFrame:
    """Tidy: arm, role, day (0 and the report's windows): expected counter-balancing agreements by then, and the paired
    effect on them with its Monte Carlo standard error and 95 % CI; filtered where there are filtered numbers."""
    if not result.finished:
        return pd.DataFrame(columns=EFFECTS)
    levels, effects = (frame.set_index(["arm", "outcome"]) for frame in (result.levels, result.effects))
    rows = []
    for arm in result.arms:
        n = int(result.levels.loc[result.levels["arm"] == arm, "n"].max())
        rows.append([arm, 0, *[0.0] * 5, n])
        for day in sorted(result.scenario.report.windows):
            key = (arm, Outcome("accords", "counter", day).name)
            if key in levels.index:
                found = effects.loc[key, ["mean", "mcse", "lo", "hi"]] if key in effects.index else [0.0] * 4
                rows.append([arm, day, levels.loc[key, "mean"], *found, n])
    table = pd.DataFrame(rows, columns=["arm", "day", "expected", "effect", "mcse", "lo", "hi", "n"])
    return say.titled(table, result)


def fan_runs_table(result: Result) -> pd.DataFrame:
    """Tidy: run (0, 1, ... in order), day, count in the control arm; empty from 200 replications on."""
    counts = result.curves("counter").get(result.reference) if result.finished < FEW_RUNS else None
    if counts is None or not len(counts):
        return pd.DataFrame()
    days = frames.day_axis(result.horizon)
    runs = np.repeat(np.arange(len(counts)), len(days))
    return pd.DataFrame({"run": runs, "day": np.tile(days, len(counts)), "count": counts.ravel()})


def fan_title(effects: pd.DataFrame) -> str:
    """The finding at the end of the longest window."""
    last = effects[effects["day"] == effects["day"].max()]
    base = last[last["role"] == "reference"].iloc[0]
    arm = say.arm_with_role(effects, "headline")
    if arm is None:
        return f"{base['title']}: {say.number(float(base['expected']), 1)} expected {say.COUNTER}"
    row = last[last["arm"] == arm].iloc[0]
    mean, lo, hi, error = (float(row[name]) for name in ("effect", "lo", "hi", "mcse"))
    levels = float(base["expected"]), float(row["expected"])
    what = f"{say.COUNTER} {say.within(int(base['day']))}"
    told = say.change_words(mean, lo, hi, error, int(row["n"]), *levels, what)
    return f"{row['treatment']}: {told}"


def _fan_page(table: pd.DataFrame) -> list[Axes]:
    if set(table["role"]) == {"reference"}:
        return style.panels(9.0, 4.6)
    return style.panels(10.6, 7.0, 2, sharex=True, height_ratios=[3, 2])


@style.figure(
    "fan", "How many counter-balancing agreements come, and what is the event's effect?", fan_table, page=_fan_page,
    more={"effects": fan_effects_table, "runs": fan_runs_table}, listed="effects",
    empty="No replication finished: there are no agreements to count.",
)  # fmt: skip
def draw_fan(
    axes: list[Axes], table: pd.DataFrame, effects: pd.DataFrame, runs: pd.DataFrame | None = None
) -> style.Words:
    """Above: the spread of replications in the control arm, both medians. Below: the effects by window.

    runs: of `fan_runs_table`, drawn instead of the bands where it has rows."""
    lines = runs if runs is not None and len(runs) else None
    _spread(axes[0], table, lines)
    small = "Counter-balancing: neither state takes part, both fear those who do, and neither is aligned with them."
    if len(axes) > 1:
        _effects(axes[1], effects)
        small += f" {say.CAVEAT}"
    last, lower = int(table["day"].max()), axes[-1]
    step = next((step for step in (7, 14, 30, 60, 90, 180) if last / step <= 14), 365)
    lower.set_xlabel("days after the event")
    lower.set_xlim(0, 1.01 * last)
    lower.set_xticks(range(0, last + 1, step))
    spread = f"50 % and 90 % of {say.plural(int(table['n'].iloc[0]), 'replication')} (spread, not error)"
    marks = f"Grey: {say.first(table, 'control')}, {spread if lines is None else 'a line a replication'}"
    return style.Words(fan_title(effects), marks, small, 88, 130)


def held(table: pd.DataFrame) -> pd.DataFrame:
    """The last day's rows once more, a hundredth of the span later, so that the last step can be seen."""
    last = table["day"].max()
    more = table[table["day"] == last].assign(day=last * 1.01)
    whole: pd.DataFrame = pd.concat([table.astype({"day": float}), more], ignore_index=True)
    return whole


def _spread(ax: Axes, table: pd.DataFrame, runs: pd.DataFrame | None) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.ticker import MaxNLocator

    table = held(table)
    base, chosen = (table[table["role"] == part] for part in ("reference", "headline"))
    day, labels = base["day"].to_numpy(float), []
    highest = max(1.0, float(base["q95"].max()), float(table["q50"].max()))
    if runs is not None:
        counts = [one[["day", "count"]].to_numpy(float).T for _, one in runs.groupby("run")]
        lines = [_steps(*count) for count in counts]
        ax.add_collection(LineCollection(lines, colors=style.BASE, alpha=0.35, linewidths=0.7))
        highest = max(highest, float(runs["count"].max()))
    else:
        ax.fill_between(day, base["q05"], base["q95"], step="post", color="#e3e3e3", linewidth=0)
        ax.fill_between(day, base["q25"], base["q75"], step="post", color=style.PALE, linewidth=0)
        for name, off, share in (("q95", 0.02, 95), ("q05", -0.01, 5)):
            end = float(base[name].iloc[-1])
            labels.append((end + off, f"{end:.0f}: {share} % at most", style.QUIET))
    ax.step(day, base["q50"], where="post", color=style.INK, linewidth=2.6)
    if len(chosen):
        ax.step(day, chosen["q50"], where="post", color=style.SKY, linewidth=1.3, linestyle=style.DASHES)
    for rows, off, colour in ((base, 0.0, style.INK), (chosen, 0.01, style.BLUE)):
        if len(rows):
            end = float(rows["q50"].iloc[-1])
            labels.append((end + off, f"{end:.0f}: median, {_short(say.first(rows, 'title'))}", colour))
    ax.set_ylim(0, 1.06 * highest)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    ax.set_ylabel("agreements in a\nreplication")
    style.label_ends(ax, float(day[-1]), labels, 1.06 * highest * 0.075)


def _steps(day: npt.NDArray[np.float64], count: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Corners of a line that keeps each count until the next day, (2 D - 1, 2)."""
    return np.column_stack([np.repeat(day, 2)[1:], np.repeat(count, 2)[:-1]])


def _effects(ax: Axes, table: pd.DataFrame) -> None:
    """Effects at the windows of the report, joined by lines; the headline's with its CIs."""
    every, chosen = _others(table), say.arm_with_role(table, "headline")
    ax.axhline(0, color=style.INK, linewidth=1)
    labels: list[tuple[float, str, Any]] = []
    width_of_ci = (table["hi"] - table["lo"])[table["arm"] == chosen].max()  # four standard errors
    places = say.decimals(width_of_ci / 4) if np.isfinite(width_of_ci) else 2
    looks: list[tuple[str, str, Any, float]] = [(chosen, style.BLUE, "-", 2.2)] if chosen is not None else []
    looks += [(arm, colour, dashes, 1.3) for arm, (colour, dashes) in zip(every, style.OTHERS, strict=False)]
    for arm, colour, dashes, width in looks[::-1]:
        rows = table[table["arm"] == arm]
        day, effect = rows["day"].to_numpy(float), rows["effect"].to_numpy(float)
        drawn: dict[str, Any] = {"linestyle": dashes, "linewidth": width, "markersize": 1.6 * width}
        ax.plot(day, effect, color=colour, marker="o", **drawn)
        if arm == chosen and np.isfinite(rows["lo"]).all():
            ax.vlines(day, rows["lo"], rows["hi"], colors=colour, linewidth=2.6)
        end = float(effect[-1])
        labels.append((end, f"{say.signed(end, places)} {_short(say.first(rows, 'title'))}", colour))
    shown = table.loc[table["arm"].isin([arm for arm, *_ in looks]), ["effect", "lo", "hi"]].to_numpy(float)
    ends = np.append(shown[np.isfinite(shown)], 0.0)
    low, high = float(ends.min()), float(ends.max())
    if high - low < 1e-12:
        low, high = -0.05, 0.05
    margin = 0.08 * (high - low)
    ax.set_ylim(low - margin, high + margin)
    told = "Effect at the end of each window"
    told += ", with 95 % CI" if chosen is not None and np.isfinite(ends).any() else ""
    left = len(every) - len(style.OTHERS)
    told += f"; {say.plural(left, 'more arm is', 'more arms are')} in the table" if left > 0 else ""
    ax.set_title(told, loc="left", color=style.QUIET)
    ax.set_ylabel("effect,\nagreements")
    style.label_ends(ax, 1.01 * float(table["day"].max()), labels, (high - low + 2 * margin) * 0.1)


def _others(table: pd.DataFrame) -> list[str]:
    """The arms but the control and the headline, in order."""
    return list(dict.fromkeys(table.loc[table["role"] == "other", "arm"]))


def _short(title: str) -> str:
    """A title that fits beside a line."""
    return textwrap.shorten(title, 46, placeholder=" ...")


OUTCOMES = [
    "arm", "role", "count", "runs", "share", "cumulative", "lo", "hi", "n", "window", "title", "control", "treatment",
]  # fmt: skip


def outcomes_table(result: Result) -> pd.DataFrame:
    """Tidy: arm, role, count; replications with so many counter-balancing agreements in the longest window, their share
    with its 95 % CI (Clopper, Pearson), the share with at most so many, n. Every count from the least to the most in
    any arm, also those never seen."""
    if not result.finished:
        return pd.DataFrame(columns=OUTCOMES)
    outcome = result.headline_outcome
    frame = result.by_run.frame(outcome)
    counts = np.arange(int(frame[outcome].min()), int(frame[outcome].max()) + 1)
    parts = []
    for arm in result.arms:
        values = frame.loc[frame["arm"] == arm, outcome].to_numpy(int)
        runs = np.bincount(values - counts[0], minlength=len(counts))
        share = runs / len(values)
        lo, hi = exact_share(np.rint(share * len(values)), np.array(float(len(values))))
        columns = {"count": counts, "runs": runs, "share": share, "cumulative": np.cumsum(runs) / len(values)}
        parts.append(pd.DataFrame(columns | {"lo": lo, "hi": hi}).assign(arm=arm, n=len(values)))
    return say.titled(pd.concat(parts, ignore_index=True), result)[OUTCOMES]


def middle_half(rows: pd.DataFrame) -> tuple[int, int]:
    """Counts between which at least half of an arm's replications lie: the quartiles."""
    cumulative, counts = rows["share"].cumsum().to_numpy(), rows["count"].to_numpy()
    return tuple(int(counts[np.searchsorted(cumulative, share - 1e-12)]) for share in (0.25, 0.75))  # type: ignore[return-value]


def overlap(table: pd.DataFrame, arm: str, reference: str) -> float:
    """Share that two arms' distributions have in common: the sum of the lesser of the two shares, 0 to 1."""
    one, other = (table.loc[table["arm"] == name, "share"].to_numpy() for name in (arm, reference))
    return float(np.minimum(one, other).sum())


def outcomes_title(table: pd.DataFrame) -> str:
    """The finding: where the middle half of the replications lies with and without, and what they have in common."""
    base, chosen = (table[table["role"] == part] for part in ("reference", "headline"))
    half = _span(*middle_half(base))
    if chosen.empty:
        return f"{base['title'].iloc[0]}: half of the replications have {half} {say.COUNTER}"
    if int(base["n"].iloc[0]) == 1:
        told = f"{half} {say.COUNTER} in the control, {middle_half(chosen)[0]} with the event"
        return f"One replication: {told}"
    if np.array_equal(base["runs"].to_numpy(), chosen["runs"].to_numpy()):
        return f"Half of the replications have {half} {say.COUNTER}; the two distributions are the same"
    common = say.percent(overlap(table, say.first(chosen, "arm"), say.first(base, "arm")))
    now = _span(*middle_half(chosen))
    both = "with and without the event" if now == half else f"in the control, {now} with the event"
    return f"Half of the replications have {half} {say.COUNTER} {both}; the distributions overlap by {common}"


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


@style.figure(
    "outcomes", "How far apart are the replications of each arm?", outcomes_table,
    page=lambda _: style.panels(10.6, 5.4), empty="No replication finished: there are no counts to show.",
)  # fmt: skip
def draw_outcomes(axes: list[Axes], table: pd.DataFrame) -> style.Words:
    """A step line an arm: the share of replications with at most so many agreements."""
    from matplotlib.ticker import MaxNLocator

    ax, others, chosen = axes[0], _others(table), say.arm_with_role(table, "headline")
    base = say.arm_with_role(table, "reference")
    looks: list[tuple[str | None, str, Any, float]] = [(base, style.INK, "-", 2.8)]
    looks += [(chosen, style.SKY, style.DASHES, 1.8)] if chosen is not None else []
    looks += [(arm, colour, dashes, 1.3) for arm, (colour, dashes) in zip(others, style.OTHERS, strict=False)]
    for arm, colour, dashes, width in looks:
        rows = table[table["arm"] == arm]
        count, share = rows["count"].to_numpy(float), rows["cumulative"].to_numpy(float)
        edges = np.concatenate([[count[0] - 1], count, [count[-1] + 1]])
        steps = np.concatenate([[0.0], share, [1.0]])
        name = style.folded(say.first(rows, "title") + (" (control)" if arm == base else ""), 34)
        ax.step(edges, steps, where="post", color=colour, linestyle=dashes, linewidth=width, label=name)
    ax.set_xlim(table["count"].min() - 1, table["count"].max() + 1)
    style.share_axis(ax, "share of replications\nwith at most so many", 1.02)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True))
    ax.set_xlabel(f"{say.COUNTER} {say.within(int(table['window'].iloc[0]))}")
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    left = len(others) - len(style.OTHERS)
    more = f" {say.plural(left, 'more arm is', 'more arms are')} in the table." if left > 0 else ""
    return style.Words(
        outcomes_title(table),
        f"{say.plural(int(table['n'].iloc[0]), 'replication')} per arm; not smoothed",
        f"The spread of replications does not shrink with more of them; the CI of the mean does.{more}",
        wrap=84,
    )


WAITING_DAYS, WAITING_SHARE = 30, 0.25


def _waits(result: Result) -> bool:
    """Whether a share of replications worth drawing goes a month without a counter-balancing agreement."""
    if "first_counter_days" not in result.by_run.names:
        return False
    frame = result.by_run.frame("first_counter_days")
    days = frame.loc[frame["arm"] == result.reference, "first_counter_days"]
    return bool((~(days <= WAITING_DAYS)).mean() >= WAITING_SHARE)


def survival_table(result: Result) -> pd.DataFrame:
    """Tidy: arm, role, day 0 to the horizon; runs at risk, first counter-balancing agreements that day, share without.

    That share has a 95 % CI (Clopper, Pearson; each day by itself). Every replication is watched to the horizon, so it
    is a plain proportion and Kaplan and Meier's estimate as well. The same on each row of an arm: n; `delay`,
    the mean paired difference in days without a counter-balancing agreement (the horizon at most: the restricted mean)
    with its 95 % CI and Monte Carlo error; the share of replications whose first comes on the same day, or
    never, in both."""
    if not result.finished:
        return pd.DataFrame()
    result.need("first_counter_days")
    frame = result.by_run.frame("first_counter_days")
    by_arm = frame.pivot(index="run", columns="arm", values="first_counter_days")
    parts = []
    for arm in (a for a in result.arms if a in by_arm):
        days, base = by_arm[arm].to_numpy(float), by_arm[result.reference].to_numpy(float)
        waited, waited_base = (np.where(np.isnan(d), float(result.horizon), d) for d in (days, base))
        same = (days == base) | (np.isnan(days) & np.isnan(base))
        alike = arm == result.reference or arm in result.alike
        mean, error, lo, hi = paired_interval(waited, waited_base, alike=alike)
        part = frames.survival(days, result.horizon)
        low, high = exact_share(np.rint(part["share"].to_numpy() * len(days)), np.array(float(len(days))))
        delay = {"delay": mean, "delay_lo": lo, "delay_hi": hi, "delay_mcse": error, "same_day": same.mean()}
        parts.append(part.assign(arm=arm, lo=low, hi=high, n=len(days), **delay))
    return say.titled(pd.concat(parts, ignore_index=True), result)


def survival_title(table: pd.DataFrame) -> str:
    """The finding: how often the day is the same, and by how much the first comes sooner."""
    base, chosen = (table[table["role"] == part] for part in ("reference", "headline"))
    left, what = float(base["share"].iloc[-1]), "the first counter-balancing agreement comes"
    if chosen.empty:
        day = int(base["day"].iloc[-1])
        return f"{say.percent(1 - left)} of replications see a counter-balancing agreement by day {day}"
    row = chosen.iloc[0]
    n = int(row["n"])
    if left == 1 and float(chosen["share"].iloc[-1]) == 1:
        return f"No counter-balancing agreement in any of {say.plural(n, 'replication')}, with or without"
    if row["same_day"] == 1:
        runs = "the one replication" if n == 1 else f"all {n:,} replications"
        return f"The first counter-balancing agreement comes on the same day in {runs}, with and without"
    same = f"In {say.percent(float(row['same_day']))} of replications {what} on the same day with and without"
    delay, lo, hi = float(row["delay"]), float(row["delay_lo"]), float(row["delay_hi"])
    sense = "sooner" if delay < 0 else "later"
    if not np.isfinite(lo):
        return f"One replication: {what} {say.plural(int(abs(delay)), 'day')} {sense} in {row['title']}"
    if lo <= 0 <= hi:
        return f"{same}; no detectable delay"
    places = say.decimals(float(row["delay_mcse"]), lo, hi)
    return f"{same}; on average it comes {say.number(abs(delay), places)} days {sense} with"


@style.figure(
    "survival", "When does the first counter-balancing agreement come?", survival_table, fits=_waits,
    page=lambda _: style.panels(8.6, 5.6), empty="No replication finished: there is no first agreement to show.",
)  # fmt: skip
def draw_survival(axes: list[Axes], table: pd.DataFrame) -> style.Words:
    """Share of replications still without a counter-balancing agreement in two arms; those at risk in rows beneath."""
    ax, table = axes[0], table[table["role"].isin(["reference", "headline"])]
    end, shown = _last_day(table), [say.arm_with_role(table, part) for part in ("reference", "headline")]
    arms = [arm for arm in shown if arm is not None]
    lines = ((style.INK, "-", 3.0), (style.SKY, style.DASHES, 1.5))
    for arm, (colour, dashes, width) in zip(arms, lines, strict=False):
        rows = table[(table["arm"] == arm) & (table["day"] <= end)]
        if arm == arms[0]:
            ax.fill_between(rows["day"], rows["lo"], rows["hi"], step="post", color="#d5d5d5", linewidth=0)
        looks: dict[str, Any] = {"color": colour, "linestyle": dashes, "linewidth": width}
        ax.step(rows["day"], rows["share"], where="post", label=say.title_of(table, arm), **looks)
    left = float(table.loc[table["day"] == table["day"].max(), "share"].max())
    ax.legend(loc="upper right" if left < 0.8 else "lower left", frameon=False)
    ax.set_xlim(0, end)
    style.share_axis(ax, "share of replications still without", 1.03)
    ax.set_xlabel("days after the event")
    step = next((s for s in (5, 10, 15, 30, 60, 90, 180) if end / s <= 9), 365)
    ax.set_xticks(ticks := list(range(0, end + 1, step)))
    _at_risk(ax, table, arms, ticks)
    band = f"Grey band: 95 % CI of the share in {say.title_of(table, arms[0])}, each day by itself"
    under = f"{say.plural(int(table['n'].iloc[0]), 'replication')}. {band}"
    return style.Words(survival_title(table), under, _small_print(table), 76, 120)


def _small_print(table: pd.DataFrame) -> str:
    horizon, chosen = int(table["day"].max()), table[table["role"] == "headline"]
    left = table[table["day"] == horizon]
    if (left["share"] == 0).all():
        words = f"Every replication has its first by day {int(table.loc[table['events'] > 0, 'day'].max())}."
    else:
        still = [f"{row['title']} {say.percent(row['share'])}" for row in left.to_dict("records")]
        words = f"Still without one at day {horizon}, and cut off there: {', '.join(still)}."
    if len(chosen) and np.isfinite(chosen["delay_lo"].iloc[0]) and chosen["same_day"].iloc[0] < 1:
        delay, lo, hi, error = chosen[["delay", "delay_lo", "delay_hi", "delay_mcse"]].iloc[0].tolist()
        places = say.decimals(error, lo, hi)
        told = f"{say.number(delay, places)} (95 % CI {say.interval(lo, hi, places)})"
        words += f" Mean paired difference in days without one: {told}."
    return words


def _last_day(table: pd.DataFrame) -> int:
    """Where the curves have ended, rounded up; the horizon where they have not."""
    waiting = table.loc[table["share"] > 0, "day"]
    last = int(waiting.max()) + 1 if len(waiting) else 1
    whole = 10 if last <= 100 else 30
    return min(int(table["day"].max()), -(-last // whole) * whole)


def _at_risk(ax: Axes, table: pd.DataFrame, arms: list[str], ticks: list[int]) -> None:
    """Rows of numbers under the axis: replications without a counter-balancing agreement before that day."""
    under: dict[str, Any] = {"textcoords": "offset points", "va": "top", "annotation_clip": False}
    under |= {"fontsize": style.SMALL}
    words = "replications still waiting"
    ax.annotate(words, (0, 0), (0, -37), xycoords="axes fraction", color=style.QUIET, **under)
    for row, (arm, colour) in enumerate(zip(arms, (style.INK, style.BLUE), strict=False)):
        drop = -51 - 13 * row
        at_risk = table[table["arm"] == arm].set_index("day")["at_risk"]
        name, looks = "control" if row == 0 else "with", under | {"color": colour}
        ax.annotate(name, (0, 0), (-16, drop), xycoords="axes fraction", ha="right", **looks)
        for day in ticks:
            words, across = f"{int(at_risk.loc[day]):,}", ax.get_xaxis_transform()
            ax.annotate(words, (day, 0), (0, drop), xycoords=across, ha="center", **looks)
