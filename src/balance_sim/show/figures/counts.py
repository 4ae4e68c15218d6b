"""Counter-balancing agreements: the effect as it adds up over the days, and what it is
in a hundred such worlds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.over_time import counter_balancing
from balance_sim.effects.result import AnalysedResult
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.headline import AVERAGED, effect_table
from balance_sim.study.outcomes import Outcome

# -- over the days ---------------------------------------------------------------------


def difference_table(result: AnalysedResult) -> pd.DataFrame:
    """Return the headline arm's effect as it adds up.

    Returns
    -------
    A row a day: effect, lo and hi; estimator: `simulated` at the end of each window,
    with the 95 % CI of Monte Carlo error; `expected` from week to week, where it is
    that of the replications, without lo and hi; `posterior` the same course with the
    headline's mean and 95 % interval at its end; level: of the control arm within the
    longest window
    """
    headline = result.headline
    if headline is None:
        return pd.DataFrame()
    windows = sorted(result.scenario.report.windows)
    names = {Outcome("accords", "counter", day).name: day for day in windows}
    simulated = effect_table(result, list(names))
    simulated = simulated[simulated["role"] == "headline"].set_index("outcome")
    rows: list[tuple[Any, ...]] = [
        ("simulated", names[name], *ends)
        for name, *ends in simulated[["effect", "lo", "hi"]].itertuples()
    ]
    if result.expected is not None:
        days, course = counter_balancing(result.expected)
        rows += [
            ("expected", *row, np.nan, np.nan) for row in zip(days, course, strict=True)
        ]
        if headline.posterior is not None and course[-1]:
            ends = [headline.posterior["mean"], *headline.posterior["ci95"]]
            shares = np.outer(course / course[-1], ends)
            rows += [
                ("posterior", day, *row) for day, row in zip(days, shares, strict=True)
            ]
    columns = ["estimator", "day", "effect", "lo", "hi"]
    level = (headline.posterior or headline.estimate)["level"]
    table = pd.DataFrame(rows, columns=columns).assign(level=level, arm=headline.arm)
    return say.titled(table, result).assign(n=result.finished)


@style.figure(
    "difference",
    "How does the event's effect add up over time?",
    difference_table,
    page=lambda _: style.panels(),
    empty="No arm to compare, or no replication finished: there is no effect to show.",
    columns="estimator day effect lo hi",
)
def draw_difference(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw the effect over the days: a band over what is known of the parameters, a
    line, and what was simulated as dots with their CI."""
    ax, last = axes[0], float(table["day"].max())
    ax.axhline(0, color=style.INK, linewidth=1)
    drawn = dict(iter(table.groupby("estimator", sort=False)))
    labels: list[style.Label] = []
    places = say.effect_digits(*drawn.get("posterior", drawn["simulated"])["effect"])
    course, under = drawn.get("posterior", drawn.get("expected")), ""
    if course is not None:
        ax.plot(course["day"], course["effect"], color=style.BLUE, linewidth=2.6)
        end = course.to_dict("records")[-1]
        words = f"expected {say.signed(end['effect'], places)}"
        if "posterior" in drawn:
            band = course["lo"], course["hi"]
            ax.fill_between(course["day"], *band, color=style.FAINT, linewidth=0)
            words = words.replace("expected", "mean")
            under = f"Line and band: {AVERAGED}, mean and 95 % interval. "
            labels += [
                (end[name], f"{share} %: {say.signed(end[name], places)}", style.QUIET)
                for name, share in (("lo", "2.5"), ("hi", "97.5"))
            ]
        labels.append((end["effect"], words, style.BLUE))
    values = say.first(table, "values")
    look: dict[str, Any] = {"color": style.INK, "zorder": 4}
    for row in drawn["simulated"].to_dict("records"):
        ax.vlines(row["day"], row["lo"], row["hi"], linewidth=2, **look)
        ax.plot(row["day"], row["effect"], "o", markersize=6, **look)
    end = drawn["simulated"].to_dict("records")[-1]
    words = f"simulated {say.signed(end['effect'], places)}"
    labels.append((end["effect"], words, style.INK))
    low, high = style.limits(table[["effect", "lo", "hi"]].to_numpy(float), 0.06)
    ax.set(xlim=(0, 1.015 * last), ylim=(low, high), xlabel="days after the event")
    ax.set_ylabel("additional agreements")
    ax.locator_params(axis="y", nbins=6)
    ax.grid(axis="y", color=style.GRID, linewidth=0.8)
    style.label_ends(ax, 1.02 * last, labels, 0.07 * (high - low))
    level = say.level(table["level"].iloc[0])
    place: dict[str, Any] = {"xycoords": "axes fraction", "color": style.QUIET}
    words = f"{level} agreements come without it, {say.within(int(last))}"
    style.note(ax, words, (0.0, 0.96), (10, 0), fontsize=11, **place)
    under += (
        f"Dots: {style.runs_of(table, 'paired replication')} {values}, with their "
        "95 % CI of Monte Carlo error"
    )
    small = say.COUNTER_BALANCING
    if "posterior" in drawn:
        small += (
            " How the band adds up over the days is worked out at the point values, "
            "by the expected estimator; its height at the end is the finding's."
        )
    return style.Words(style.FINDING, under, small)


# -- in a hundred worlds ---------------------------------------------------------------


def worlds_table(result: AnalysedResult) -> pd.DataFrame:
    """Return in how many of a hundred worlds the event makes one agreement more, or one
    fewer, on balance; of a thousand where it is below one in a hundred.

    Returns
    -------
    A row: of, how many worlds; worlds, lo and hi (as many times the headline's mean and
    the ends of its interval), level, and source: `posterior`, or `estimate` of the
    replications. Empty where the effect is more than an agreement a world, or below one
    in a thousand
    """
    headline = result.headline
    if headline is None:
        return pd.DataFrame()
    source = "posterior" if headline.posterior else "estimate"
    row = headline.posterior or headline.estimate
    low, high = row["ci95"] or (np.nan, np.nan)
    size = abs(row["mean"])
    if not 0.001 <= size <= 1:
        return pd.DataFrame()
    worlds = 100 if size >= 0.01 else 1000
    numbers = {"worlds": row["mean"], "lo": low, "hi": high}
    table = pd.DataFrame([numbers]) * worlds
    table = table.assign(of=worlds, level=row["level"], source=source, arm=headline.arm)
    return say.titled(table, result)


@style.figure(
    "worlds",
    "In how many worlds does it make a difference?",
    worlds_table,
    page=lambda _: style.panels(1, 2, width_ratios=[1, 1.25]),
    empty="More than an agreement a world or less than one in a thousand: there are no "
    "worlds to count.",
)
def draw_worlds(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw a square a world, those with one agreement more in blue, with one fewer in
    amber, pale up to the far end of the interval; beside them what they say."""
    row = table.to_dict("records")[0]
    is_more = row["worlds"] > 0
    colour, pale = (style.BLUE, style.FAINT) if is_more else (style.ORANGE, "#f3d9a8")
    far, total = row["hi"] if is_more else row["lo"], row["of"]
    count = round(abs(row["worlds"]))
    most = count if np.isnan(far) else min(max(round(abs(far)), count), total)
    colours = [colour] * count + [pale] * (most - count)
    colours += [style.GRID] * (total - len(colours))
    down, right = np.divmod(np.arange(total), 10 if total == 100 else 40)
    squares, words = axes
    squares.bar(right, 0.86, 0.86, -1 - down, color=colours, align="edge")
    squares.set(aspect="equal", ylim=(-1.1 - down.max(), 0), anchor="E")
    change, number = "more" if is_more else "fewer", f"{count} of {total:,}"
    said = [
        f"worlds would see one agreement {change}",
        f"{say.level(row['level'])} agreements come in each of them anyway",
    ]
    said += [f"Pale: up to {most}, 95 % interval"] * (most > count)
    look: dict[str, Any] = {"fontsize": 34, "color": style.readable(colour)}
    words.text(0.04, 0.62, number, **look)
    words.text(0.04, 0.56, "\n".join(said), fontsize=13, va="top", linespacing=1.9)
    for ax in axes:
        ax.set_axis_off()
    where = AVERAGED if row["source"] == "posterior" else say.first(table, "values")
    under = (
        f"{say.first(table, 'treatment')}: {where}, {say.within(int(row['window']))}"
    )
    small = (
        "A square is a world. The expected effect is drawn as worlds in which, on "
        f"balance, one agreement more or fewer is made. {say.COUNTER_BALANCING}"
    )
    title = f"{number} worlds would see one counter-balancing agreement {change}"
    return style.Words(title, under, small)
