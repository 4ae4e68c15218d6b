"""Fan chart: counter-balancing agreements as they add up, and beneath it the effect of each arm by window."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.results import frames
from balance_sim.show.figures.paper import (
    BASE,
    BLUE,
    INK,
    OTHERS,
    QUIET,
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
from balance_sim.show.figures.roles import arm_with_role, first, role, titled
from balance_sim.show.wording import COUNTER, change_words, decimals, number, plural, signed, within

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.results.result import Result

FEW_RUNS = 200  # below this the replications themselves are drawn, not bands
LEVELS = ["arm", "role", "day", "mean", "q05", "q25", "q50", "q75", "q95"]
COLUMNS = [*LEVELS, "n", "title", "control", "treatment"]
EFFECTS = [
    "arm",
    "role",
    "day",
    "expected",
    "effect",
    "mcse",
    "lo",
    "hi",
    "n",
    "title",
    "control",
    "treatment",
]


def fan_table(result: Result) -> pd.DataFrame:
    """Tidy: arm, role, day (weekly); mean and quantiles over replications of the counter-balancing agreements made by
    then, and n. The quantiles are of replications: they do not narrow with more of them."""
    table = result.fan("counter")
    if table.empty:
        return pd.DataFrame(columns=COLUMNS)
    parts = [role(result, arm) for arm in table["arm"]]
    return titled(table.assign(role=parts), result)[COLUMNS]


def fan_effects_table(result: Result) -> pd.DataFrame:
    """Tidy: arm, role, day (0 and the report's windows): expected counter-balancing agreements by then, and the paired
    effect on them with its Monte Carlo standard error and 95 % CI; filtered where there are filtered numbers."""
    if not result.finished:
        return pd.DataFrame(columns=EFFECTS)
    levels = result.levels.set_index(["arm", "outcome"])
    effects = result.effects.set_index(["arm", "outcome"])
    rows = []
    for arm in result.arms:
        n = int(result.levels.loc[result.levels["arm"] == arm, "n"].max())
        rows.append([arm, role(result, arm), 0, *[0.0] * 5, n])
        for day in sorted(result.scenario.report.windows):
            key = (arm, f"accords_counter_{day}")
            if key in levels.index:
                found = effects.loc[key, ["mean", "mcse", "lo", "hi"]] if key in effects.index else [0.0] * 4
                rows.append([arm, role(result, arm), day, levels.loc[key, "mean"], *found, n])
    return titled(pd.DataFrame(rows, columns=EFFECTS[:9]), result)[EFFECTS]


def fan_runs_table(result: Result) -> pd.DataFrame:
    """Tidy: run (0, 1, ... in order), day, count in the reference arm; empty from 200 runs on."""
    none = pd.DataFrame(columns=["run", "day", "count"])
    if result.finished >= FEW_RUNS:
        return none
    counts = result.curves("counter").get(result.reference, np.zeros((0, 0), np.int16))
    if not len(counts):
        return none
    days = frames.day_axis(result.horizon)
    runs = np.repeat(np.arange(len(counts)), len(days))
    return pd.DataFrame({"run": runs, "day": np.tile(days, len(counts)), "count": counts.ravel()})


def fan_title(effects: pd.DataFrame) -> str:
    """The finding at the end of the longest window."""
    last = effects[effects["day"] == effects["day"].max()]
    base = last[last["role"] == "reference"].iloc[0]
    what, arm = f"{COUNTER} {within(int(base['day']))}", arm_with_role(effects, "headline")
    if arm is None:
        return f"{base['title']}: {number(float(base['expected']), 1)} expected {COUNTER}"
    row = last[last["arm"] == arm].iloc[0]
    mean, lo, hi, error = (float(row[name]) for name in ("effect", "lo", "hi", "mcse"))
    told = change_words(
        mean, lo, hi, error, int(row["n"]), float(base["expected"]), float(row["expected"]), what
    )
    return f"{row['treatment']}: {told}"


def held(table: pd.DataFrame) -> pd.DataFrame:
    """The last day's rows once more, a hundredth of the span later, so that the last step can be seen."""
    last = table["day"].max()
    more = table[table["day"] == last].assign(day=last * 1.01)
    whole: pd.DataFrame = pd.concat([table.astype({"day": float}), more], ignore_index=True)
    return whole


@styled
def draw_fan(
    table: pd.DataFrame,
    effects: pd.DataFrame,
    ax: tuple[Axes, Axes] | None = None,
    runs: pd.DataFrame | None = None,
) -> Figure:
    """Above: the spread of replications in the control arm, both medians. Below: the effects by window.

    effects: of `fan_effects_table`. ax: a pair, upper and lower. runs: of `fan_runs_table`, drawn instead of the bands
    where it has rows."""
    own = ax is None
    alone = own and set(table["role"]) == {"reference"}
    if ax is not None:
        upper, lower = ax
    elif alone:
        upper = lower = sheet(9.0, 4.6).subplots()
    else:
        upper, lower = sheet(10.6, 7.0).subplots(2, 1, sharex=True, height_ratios=[3, 2])
    if table.empty:
        lower.set_axis_off()
        return nothing(upper, "No run finished: there are no accords to count.")
    _spread(upper, held(table), runs)
    if not alone:
        _effect(lower, effects)
    _days(lower, int(table["day"].max()))
    n = int(table["n"].iloc[0])
    few = runs is not None and not runs.empty
    marks = (
        "a line a replication" if few else f"50 % and 90 % of {plural(n, 'replication')} (spread, not error)"
    )
    head(upper, fan_title(effects), f"Grey: {first(table, 'control')}, {marks}", own=own, wrap=88)
    small = "Counter-balancing: neither state takes part, both fear those who do, and neither is aligned with them."
    if not alone:
        small += " The CI reflects Monte Carlo error only."
    note(lower, small, own=own, wrap=130)
    return owner(upper)


def _spread(ax: Axes, table: pd.DataFrame, runs: pd.DataFrame | None) -> None:
    from matplotlib.ticker import MaxNLocator

    base = table[table["role"] == "reference"]
    day = base["day"].to_numpy(float)
    labels: list[tuple[float, str, str]] = []
    if runs is not None and not runs.empty:
        from matplotlib.collections import LineCollection

        lines = [
            _steps(one["day"].to_numpy(float), one["count"].to_numpy(float)) for _, one in runs.groupby("run")
        ]
        ax.add_collection(LineCollection(lines, colors=BASE, alpha=0.35, linewidths=0.7))
    else:
        ax.fill_between(day, base["q05"], base["q95"], step="post", color="#e3e3e3", linewidth=0)
        ax.fill_between(day, base["q25"], base["q75"], step="post", color="#c4c4c4", linewidth=0)
        ends = base.iloc[-1]
        labels += [(float(ends["q95"]) + 0.02, f"{ends['q95']:.0f}: 95 % at most", QUIET)]
        labels += [(float(ends["q05"]) - 0.01, f"{ends['q05']:.0f}: 5 % at most", QUIET)]
    name = _short(first(base, "title"))
    ax.step(day, base["q50"], where="post", color=INK, linewidth=2.6)
    labels.append((float(base["q50"].iloc[-1]), f"{base['q50'].iloc[-1]:.0f}: median, {name}", INK))
    chosen = table[table["role"] == "headline"]
    if len(chosen):
        ax.step(day, chosen["q50"], where="post", color="#56B4E9", linewidth=1.3, linestyle=(0, (4, 2)))
        name = _short(first(chosen, "title"))
        middle = float(chosen["q50"].iloc[-1])
        labels.append((middle + 0.01, f"{middle:.0f}: median, {name}", BLUE))
    highest = 0.0 if runs is None or runs.empty else float(runs["count"].max())
    top = max(1.0, highest, float(base["q95"].max()), float(table["q50"].max()))
    ax.set_ylim(0, 1.06 * top)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    ax.set_ylabel("agreements in a\nreplication")
    _label_ends(ax, float(day[-1]), labels, 1.06 * top * 0.075)


def _steps(day: npt.NDArray[np.float64], count: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Corners of a line that keeps each count until the next day, (2 D - 1, 2)."""
    return np.column_stack([np.repeat(day, 2)[1:], np.repeat(count, 2)[:-1]])


def _effect(ax: Axes, table: pd.DataFrame) -> None:
    """Effects at the windows of the report, joined by lines; the headline's with its CIs."""
    every = list(dict.fromkeys(table.loc[table["role"] == "other", "arm"]))
    ax.axhline(0, color=INK, linewidth=1)
    labels: list[tuple[float, str, Any]] = []
    chosen = arm_with_role(table, "headline")
    width_of_ci = (table["hi"] - table["lo"])[table["arm"] == chosen].max()  # four standard errors
    places = decimals(width_of_ci / 4) if np.isfinite(width_of_ci) else 2
    looks: list[tuple[str, str, Any, float]] = [(chosen, BLUE, "-", 2.2)] if chosen is not None else []
    looks += [(arm, colour, dashes, 1.3) for arm, (colour, dashes) in zip(every, OTHERS, strict=False)]
    for arm, colour, dashes, width in looks[::-1]:
        rows = table[table["arm"] == arm]
        day, effect = rows["day"].to_numpy(float), rows["effect"].to_numpy(float)
        ax.plot(
            day, effect, color=colour, linestyle=dashes, linewidth=width, marker="o", markersize=1.6 * width
        )
        if arm == chosen and np.isfinite(rows["lo"]).all():
            ax.vlines(day, rows["lo"], rows["hi"], colors=colour, linewidth=2.6)
        labels.append(
            (float(effect[-1]), f"{signed(float(effect[-1]), places)} {_short(first(rows, 'title'))}", colour)
        )
    drawn = table.loc[table["arm"].isin([arm for arm, *_ in looks]), ["effect", "lo", "hi"]].to_numpy(float)
    ends = np.append(drawn[np.isfinite(drawn)], 0.0)
    low, high = float(ends.min()), float(ends.max())
    if high - low < 1e-12:
        low, high = -0.05, 0.05
    margin = 0.08 * (high - low)
    ax.set_ylim(low - margin, high + margin)
    told = "Effect at the end of each window"
    told += ", with 95 % CI" if chosen is not None and np.isfinite(ends).any() else ""
    left = len(every) - len(OTHERS)
    told += f"; {plural(left, 'more arm is', 'more arms are')} in the table" if left > 0 else ""
    ax.set_title(told, loc="left", color=QUIET)
    ax.set_ylabel("effect,\nagreements")
    _label_ends(ax, 1.01 * float(table["day"].max()), labels, (high - low + 2 * margin) * 0.1)


def _short(title: str) -> str:
    """A title that fits beside a line."""
    return textwrap.shorten(title, 46, placeholder=" ...")


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
