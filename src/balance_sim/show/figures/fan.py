"""Fan chart: counter-accords as they add up, and beneath it what an arm adds to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.show.figures.paper import (
    BASE,
    BLUE,
    INK,
    OTHERS,
    QUIET,
    SMALL,
    apart,
    folded,
    head,
    note,
    nothing,
    owner,
    readable,
    sheet,
    styled,
)
from balance_sim.show.figures.roles import arm_with_role, role
from balance_sim.show.wording import arm_words, decimals, interval, number, plural, signed, verdict
from balance_sim.study import curves
from balance_sim.study.intervals import Sides, paired_half_widths

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.study.result import Result

FEW_RUNS = 200  # below this the runs themselves are drawn, not bands
LEVELS = ["arm", "role", "day", "mean", "q05", "q25", "q50", "q75", "q95"]
COLUMNS = [*LEVELS, "excess", "mcse", "lo", "hi", "differing", "n"]


def fan_table(result: Result) -> pd.DataFrame:
    """Tidy: arm, role, day; mean and quantiles over runs of the counter-accords made by then.

    And the mean paired excess over the reference with its Monte Carlo error and pointwise 95 % interval,
    the share of runs whose count differs, and n. The interval is that of `effects`: where no run differs yet it has
    the length that one accord would give, but on the day of the event, when none can be new. The quantiles are of
    runs: they do not narrow with more runs; the interval does."""
    counts = result.curves("counter")
    if not counts or not len(counts[result.reference]):
        return pd.DataFrame(columns=COLUMNS)
    table = curves.fan(counts, result.horizon)
    parts = []
    for arm in result.arms:
        difference = counts[arm].astype(float) - counts[result.reference].astype(float)
        n = len(difference)
        mean = difference.mean(axis=0)
        spread = difference.std(axis=0, ddof=1) if n > 1 else np.full(len(mean), np.nan)
        sides = Sides.of(difference)
        unit = np.full(len(mean), 0.0 if arm == result.reference or arm in result.alike else 1.0)
        unit[0] = 0.0
        below, above = paired_half_widths(spread, n, sides, unit)
        part = table[table["arm"] == arm].assign(role=role(result, arm), excess=mean, n=n)
        bounds = {"mcse": spread / np.sqrt(n), "lo": mean - below, "hi": mean + above}
        parts.append(part.assign(**bounds, differing=sides.differing / n))
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def fan_runs_table(result: Result) -> pd.DataFrame:
    """Tidy: run (0, 1, ... in order), day, count in the reference arm; empty from 200 runs on."""
    counts = result.curves("counter").get(result.reference, np.zeros((0, 0), np.int16))
    if not len(counts) or len(counts) >= FEW_RUNS:
        return pd.DataFrame(columns=["run", "day", "count"])
    days = curves.day_axis(result.horizon)
    runs = np.repeat(np.arange(len(counts)), len(days))
    return pd.DataFrame({"run": runs, "day": np.tile(days, len(counts)), "count": counts.ravel()})


def fan_title(table: pd.DataFrame) -> str:
    """The finding at the last day."""
    arm = arm_with_role(table, "headline")
    last = table[table["day"] == table["day"].max()]
    base = last[last["role"] == "reference"].iloc[0]
    anyway, day = number(float(base["mean"]), 1), int(base["day"])
    if arm is None:
        name = arm_words(str(base["arm"]))
        return f"{anyway} counter-accords by day {day} in {name}, on average; no arm to compare with"
    row = last[last["role"] == "headline"].iloc[0]
    mean, lo, hi, n = float(row["excess"]), float(row["lo"]), float(row["hi"]), int(row["n"])
    places = decimals(float(row["mcse"]), lo, hi)
    name = arm_words(arm)
    found = verdict(mean, lo, hi, float(row["differing"]), n)
    if found == "no run differs":
        return f"{name} adds no counter-accord by day {day} in any of {n:,} runs; {anyway} come anyway"
    if found == "one run":
        count = signed(mean, 0) if mean else "no more and no fewer"
        return f"One run: {name} has {count} counter-accords by day {day}; {anyway} come anyway"
    if found == "not distinguishable":
        bounds = f"{signed(mean, places)}, 95 % interval {interval(lo, hi, places)}"
        anyhow = f"the {anyway} counter-accords that come anyway"
        return f"What {name} adds to {anyhow} is not distinguishable from none ({bounds})"
    if found == "more":
        bounds = f"95 % interval {interval(lo, hi, places)}"
        added = f"{number(mean, places)} counter-accords by day {day}"
        return f"{name} adds {added} ({bounds}), to {anyway} that come anyway"
    bounds = f"95 % interval {interval(-hi, -lo, places)}"
    taken = f"{number(-mean, places)} counter-accords by day {day}"
    return f"{name} takes {taken} ({bounds}) from the {anyway} that come otherwise"


def held(table: pd.DataFrame) -> pd.DataFrame:
    """The last day's rows once more, a hundredth of the span later, so that the last step can be seen."""
    last = table["day"].max()
    more = table[table["day"] == last].assign(day=last * 1.01)
    whole: pd.DataFrame = pd.concat([table.astype({"day": float}), more], ignore_index=True)
    return whole


@styled
def draw_fan(
    table: pd.DataFrame, ax: tuple[Axes, Axes] | None = None, runs: pd.DataFrame | None = None
) -> Figure:
    """Above: the spread of runs in the reference arm, both medians. Below: the mean excess with its error.

    ax: a pair, upper and lower. runs: of `fan_runs_table`, drawn instead of the bands where it has rows."""
    own = ax is None
    alone = own and set(table["role"]) == {"reference"}
    if ax is not None:
        upper, lower = ax
    elif alone:
        upper = lower = sheet(9.0, 4.6).subplots()
    else:
        upper, lower = sheet(9.0, 7.0).subplots(2, 1, sharex=True, height_ratios=[3, 2])
    if table.empty:
        lower.set_axis_off()
        return nothing(upper, "No run finished: there are no accords to count.")
    _spread(upper, held(table), runs)
    if not alone:
        _excess(lower, held(table))
    _days(lower, int(table["day"].max()))
    n = int(table["n"].iloc[0])
    few = runs is not None and not runs.empty
    marks = "a line a run" if few else f"50 % and 90 % of {plural(n, 'run')} (spread of runs, not error)"
    reference = arm_words(arm_with_role(table, "reference") or "")
    marks = f"Counter-accords since the event. Grey: {reference}, {marks}"
    head(upper, fan_title(table), marks, own=own, wrap=76)
    small = (
        "Counter-accord: a new accord of two states that take no part in the event, "
        "at least one of them threatened."
    )
    if not alone:
        small += (
            " The interval is for each day by itself; it holds the chance of the runs, "
            "not doubt about the parameters."
        )
    note(lower, small, own=own, wrap=112)
    return owner(upper)


def _spread(ax: Axes, table: pd.DataFrame, runs: pd.DataFrame | None) -> None:
    from matplotlib.ticker import MaxNLocator

    base = table[table["role"] == "reference"]
    day = base["day"].to_numpy(float)
    labels: list[tuple[float, str, str]] = []
    if runs is not None and not runs.empty:
        for _, one in runs.groupby("run"):
            ax.step(one["day"], one["count"], where="post", color=BASE, alpha=0.35, linewidth=0.7)
    else:
        ax.fill_between(day, base["q05"], base["q95"], step="post", color="#e3e3e3", linewidth=0)
        ax.fill_between(day, base["q25"], base["q75"], step="post", color="#c4c4c4", linewidth=0)
        ends = base.iloc[-1]
        labels += [(float(ends["q95"]) + 0.02, f"{ends['q95']:.0f}: 95 % of runs at most", QUIET)]
        labels += [(float(ends["q05"]) - 0.01, f"{ends['q05']:.0f}: 5 % of runs at most", QUIET)]
    name = arm_words(str(base["arm"].iloc[0]))
    ax.step(day, base["q50"], where="post", color=INK, linewidth=2.6)
    labels.append((float(base["q50"].iloc[-1]), f"{base['q50'].iloc[-1]:.0f}: median, {name}", INK))
    chosen = table[table["role"] == "headline"]
    if len(chosen):
        ax.step(day, chosen["q50"], where="post", color="#56B4E9", linewidth=1.3, linestyle=(0, (4, 2)))
        name = arm_words(str(chosen["arm"].iloc[0]))
        middle = float(chosen["q50"].iloc[-1])
        labels.append((middle + 0.01, f"{middle:.0f}: median, {name}", BLUE))
    highest = 0.0 if runs is None or runs.empty else float(runs["count"].max())
    top = max(1.0, highest, float(base["q95"].max()), float(table["q50"].max()))
    ax.set_ylim(0, 1.06 * top)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    ax.set_ylabel("counter-accords\nin a run")
    _label_ends(ax, float(day[-1]), labels, 1.06 * top * 0.075)


def _excess(ax: Axes, table: pd.DataFrame) -> None:
    every = [str(arm) for arm in table.loc[table["role"] == "other", "arm"].unique()]
    others = every[: len(OTHERS)]
    chosen = table[table["role"] == "headline"]
    day = table.loc[table["role"] == "reference", "day"].to_numpy()
    base = arm_words(str(arm_with_role(table, "reference")))
    ax.axhline(0, color=INK, linewidth=1)
    labels: list[tuple[float, str, str]] = []
    ends = [0.0]
    for arm, (colour, dashes) in zip(others, OTHERS, strict=False):
        rows = table[table["arm"] == arm]
        ax.step(day, rows["excess"], where="post", color=colour, linestyle=dashes, linewidth=1.3)
        end = float(rows["excess"].iloc[-1])
        labels.append((end, f"{signed(end)} {arm_words(arm)}", colour))
        ends += [float(rows["excess"].min()), float(rows["excess"].max())]
    subtitle = "One arm: no excess to show"
    if len(chosen):
        last = chosen.iloc[-1]
        if np.isfinite(chosen["lo"]).all():
            ax.fill_between(day, chosen["lo"], chosen["hi"], step="post", color=BLUE, alpha=0.22, linewidth=0)
        ax.step(day, chosen["excess"], where="post", color=BLUE, linewidth=2.2)
        end, lo, hi = (float(last[name]) for name in ("excess", "lo", "hi"))
        labels.append((end, f"{signed(end)} {arm_words(str(last['arm']))}", BLUE))
        extent = chosen[["excess", "lo", "hi"]].to_numpy(float)
        ends += [float(v) for v in extent[np.isfinite(extent)]]
        bounds = interval(lo, hi, decimals(float(last["mcse"]), lo, hi))
        band = f"Band: 95 % interval of the mean, {bounds} at the end"
        band = band if np.isfinite(lo) else "One run gives no interval"
        band = "No run differs" if (chosen["differing"] == 0).all() and np.isfinite(lo) else band
        subtitle = f"Mean paired excess over {base}. {band}."
        which = f"{len(others)} of {len(every)} other arms" if len(others) < len(every) else "other arms"
        subtitle += f" Thin lines: {which}, without their bands." if others else ""
    low, high = min(ends), max(ends)
    if high - low < 1e-12:
        low, high = -0.05, 0.05
    margin = 0.08 * (high - low)
    ax.set_ylim(low - margin, high + margin)
    ax.set_title(folded(subtitle, 90), loc="left", color=QUIET)
    ax.set_ylabel("excess,\naccords per run")
    _label_ends(ax, float(day[-1]), labels, (high - low + 2 * margin) * 0.115)


def _days(ax: Axes, last: int) -> None:
    """The axis of days, to the end of the held last step."""
    ax.set_xlabel("days after the event")
    ax.set_xlim(0, 1.01 * last)
    ax.set_xticks(range(0, last + 1, _tick_days(last)))


def _tick_days(horizon: int) -> int:
    return next((step for step in (7, 14, 30, 60, 90, 180) if horizon / step <= 14), 365)


def _label_ends(ax: Axes, x: float, labels: list[tuple[float, str, Any]], gap: float) -> None:
    """Names at the right ends of lines, spread where they would touch."""
    heights = apart([y for y, _, _ in labels], gap)
    for (_, words, colour), height in zip(labels, heights, strict=True):
        ax.annotate(
            words, (x, height), xytext=(6, 0), textcoords="offset points", va="center", fontsize=SMALL,
            color=readable(colour), annotation_clip=False,
        )  # fmt: skip
