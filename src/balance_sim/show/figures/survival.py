"""When does the first counter-balancing agreement come: survival curve with the replications still waiting beneath."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.results import frames
from balance_sim.show.figures.paper import BLUE, INK, QUIET, SMALL, head, note, nothing, owner, sheet, styled
from balance_sim.show.figures.roles import arm_with_role, role, title_of, titled
from balance_sim.show.wording import decimals, interval, number, percent, plural
from balance_sim.stats.intervals import paired_interval
from balance_sim.stats.scores import exact_share

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.results.result import Result

CURVE = ["arm", "role", "day", "at_risk", "events", "share", "lo", "hi", "n"]
COLUMNS = [*CURVE, "delay", "delay_lo", "delay_hi", "delay_mcse", "same_day", "title", "control", "treatment"]

Floats = npt.NDArray[np.float64]


def survival_table(result: Result) -> pd.DataFrame:
    """Tidy: arm, role, day 0 to the horizon; runs at risk, first counter-balancing agreements that day, share without.

    That share has a 95 % CI (Clopper, Pearson; each day by itself). Every replication is watched to the horizon, so it
    is a plain proportion and Kaplan and Meier's estimate as well. The same on each row of an arm: n; `delay`,
    the mean paired difference in days without a counter-balancing agreement (the horizon at most: the restricted mean)
    with its 95 % CI and Monte Carlo error; the share of replications whose first comes on the same day, or
    never, in both."""
    if not result.finished:
        return pd.DataFrame(columns=COLUMNS)
    result.need("first_counter_days")
    frame = result.by_run.frame("first_counter_days")
    first = frame.pivot(index="run", columns="arm", values="first_counter_days")
    parts = []
    for arm in (a for a in result.arms if a in first):
        days, base = first[arm].to_numpy(float), first[result.reference].to_numpy(float)
        waited, waited_base = (np.where(np.isnan(d), float(result.horizon), d) for d in (days, base))
        same = (days == base) | (np.isnan(days) & np.isnan(base))
        alike = arm == result.reference or arm in result.alike
        mean, error, lo, hi = paired_interval(waited, waited_base, alike=alike)
        part = frames.survival(days, result.horizon)
        low, high = exact_share(np.rint(part["share"].to_numpy() * len(days)), np.array(float(len(days))))
        part = part.assign(arm=arm, role=role(result, arm), lo=low, hi=high, n=len(days))
        parts.append(
            part.assign(delay=mean, delay_lo=lo, delay_hi=hi, delay_mcse=error, same_day=same.mean())
        )
    return titled(pd.concat(parts, ignore_index=True), result)[COLUMNS]


def survival_title(table: pd.DataFrame) -> str:
    """The finding: how often the day is the same, and by how much the first comes sooner."""
    base = table[table["role"] == "reference"]
    chosen = table[table["role"] == "headline"]
    left = float(base["share"].iloc[-1])
    if chosen.empty:
        day = int(base["day"].iloc[-1])
        return f"{percent(1 - left)} of replications see a counter-balancing agreement by day {day}"
    row = chosen.iloc[0]
    name, n = str(row["title"]), int(row["n"])
    if left == 1 and float(chosen["share"].iloc[-1]) == 1:
        return f"No counter-balancing agreement in any of {plural(n, 'replication')}, with or without"
    if row["same_day"] == 1:
        runs = "the one replication" if n == 1 else f"all {n:,} replications"
        return f"The first counter-balancing agreement comes on the same day in {runs}, with and without"
    same = percent(float(row["same_day"]))
    sameness = f"In {same} of replications the first counter-balancing agreement comes on the same day with and without"
    delay, lo, hi = float(row["delay"]), float(row["delay_lo"]), float(row["delay_hi"])
    if not np.isfinite(lo):
        days = plural(int(abs(delay)), "day")
        return (
            f"One replication: the first counter-balancing agreement comes {days} {_sense(delay)} in {name}"
        )
    if lo <= 0 <= hi:
        return f"{sameness}; no detectable delay"
    places = decimals(float(row["delay_mcse"]), lo, hi)
    return f"{sameness}; on average it comes {number(abs(delay), places)} days {_sense(delay)} with"


def _sense(delay: float) -> str:
    return "sooner" if delay < 0 else "later"


@styled
def draw_survival(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """Share of replications still without a counter-balancing agreement in two arms; those at risk in rows beneath."""
    own = ax is None
    ax = ax if ax is not None else sheet(8.6, 5.6).subplots()
    if table.empty:
        return nothing(ax, "No run finished: there is no first accord to show.")
    end = _last_day(table)
    shown = [
        arm
        for arm in (arm_with_role(table, "reference"), arm_with_role(table, "headline"))
        if arm is not None
    ]
    looks = ((INK, "-", 3.0), ("#56B4E9", (0, (4, 2)), 1.5))
    for arm, (colour, dashes, width) in zip(shown, looks, strict=False):
        rows = table[(table["arm"] == arm) & (table["day"] <= end)]
        if arm == shown[0]:
            ax.fill_between(rows["day"], rows["lo"], rows["hi"], step="post", color="#d5d5d5", linewidth=0)
        ax.step(
            rows["day"],
            rows["share"],
            where="post",
            color=colour,
            linestyle=dashes,
            linewidth=width,
            label=title_of(table, arm),
        )
    ax.legend(loc="upper right" if shown_left(table) < 0.8 else "lower left", frameon=False)
    ax.set_xlim(0, end)
    ax.set_ylim(0, 1.03)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    ax.set_ylabel("share of replications still without")
    ax.set_xlabel("days after the event")
    ticks = _ticks(end)
    ax.set_xticks(ticks)
    _at_risk(ax, table, shown, ticks)
    n = int(table["n"].iloc[0])
    base = title_of(table, shown[0])
    subtitle = f"{plural(n, 'replication')}. Grey band: 95 % CI of the share in {base}, each day by itself"
    head(ax, survival_title(table), subtitle, own=own, wrap=76)
    note(ax, _small_print(table), own=own, wrap=120)
    return owner(ax)


def _small_print(table: pd.DataFrame) -> str:
    shown = table[table["role"].isin(["reference", "headline"])]
    horizon = int(table["day"].max())
    left = shown[shown["day"] == horizon]
    chosen = table[table["role"] == "headline"]
    if (left["share"] == 0).all():
        words = f"Every replication has its first by day {int(shown.loc[shown['events'] > 0, 'day'].max())}."
    else:
        still = [f"{row['title']} {percent(row['share'])}" for row in left.to_dict("records")]
        words = f"Still without one at day {horizon}, and cut off there: {', '.join(still)}."
    if len(chosen) and np.isfinite(chosen["delay_lo"].iloc[0]) and chosen["same_day"].iloc[0] < 1:
        row = chosen.iloc[0]
        places = decimals(float(row["delay_mcse"]), float(row["delay_lo"]), float(row["delay_hi"]))
        bounds = interval(float(row["delay_lo"]), float(row["delay_hi"]), places)
        delay = number(float(row["delay"]), places)
        words += f" Mean paired difference in days without one: {delay} (95 % CI {bounds})."
    return words


def shown_left(table: pd.DataFrame) -> float:
    """The largest share still without one at the end, of the arms that are drawn."""
    shown = table[table["role"].isin(["reference", "headline"])]
    return float(shown.loc[shown["day"] == shown["day"].max(), "share"].max())


def _last_day(table: pd.DataFrame) -> int:
    """Where the frames have ended, rounded up; the horizon where they have not."""
    horizon = int(table["day"].max())
    shown = table[table["role"].isin(["reference", "headline"])]
    waiting = shown.loc[shown["share"] > 0, "day"]
    last = int(waiting.max()) + 1 if len(waiting) else 1
    whole = 10 if last <= 100 else 30
    return min(horizon, -(-last // whole) * whole)


def _ticks(end: int) -> list[int]:
    step = next((s for s in (5, 10, 15, 30, 60, 90, 180) if end / s <= 9), 365)
    return list(range(0, end + 1, step))


def _at_risk(ax: Axes, table: pd.DataFrame, arms: list[str], ticks: list[int]) -> None:
    """Rows of numbers under the axis: runs without a counter-balancing agreement before that day."""
    across = ax.get_xaxis_transform()
    under: dict[str, Any] = {
        "textcoords": "offset points",
        "fontsize": SMALL,
        "va": "top",
        "annotation_clip": False,
    }
    ax.annotate(
        "replications still waiting", (0, 0), (0, -37), xycoords="axes fraction", color=QUIET, **under
    )
    for row, (arm, colour) in enumerate(zip(arms, (INK, BLUE), strict=False)):
        drop = -51 - 13 * row
        at_risk = table[table["arm"] == arm].set_index("day")["at_risk"]
        name, looks = "control" if row == 0 else "with", under | {"color": colour}
        ax.annotate(name, (0, 0), (-16, drop), xycoords="axes fraction", ha="right", **looks)
        for day in ticks:
            number_then = f"{int(at_risk.loc[day]):,}"
            ax.annotate(number_then, (day, 0), (0, drop), xycoords=across, ha="center", **looks)
