"""Counter-balancing agreements: the effect as it adds up over the days, and in how many
pairs of worlds it makes a difference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.over_time import counter_balancing
from balance_sim.effects.result import AnalysedResult
from balance_sim.model.core import Floats, Ints
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.headline import AVERAGED, effect_table
from balance_sim.stats.intervals import share_interval
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


# -- in pairs of worlds ----------------------------------------------------------------

STEPS = {
    "two": (style.BLUE, "two or more"),
    "one": ("#7fb0dc", "one more"),
    "none": (style.GRID, "as many"),
    "fewer": (style.ORANGE, "fewer"),
}
"""How many counter-balancing agreements more a world has with the event than its pair
without: colour and words."""


def worlds_table(result: AnalysedResult) -> pd.DataFrame:
    """Return in how many pairs of replications, with the event and without, more
    counter-balancing agreements are signed with it.

    Returns
    -------
    A row of each of STEPS: step; pairs, how many; share; squares: of `of` worlds drawn
    as squares, a hundred, or a thousand where fewer than one in a hundred differs, or
    all pairs where they are fewer; n, all pairs; lo, hi: 95 % interval of the share
    with more; level, of the control arm. Empty where no pair differs
    """
    headline = result.headline
    if headline is None:
        return pd.DataFrame()
    frame = result.by_run.frame(headline.outcome)
    numbers = frame.pivot(index="run", columns="arm", values=headline.outcome)
    more = (numbers[headline.arm] - numbers[result.reference]).to_numpy(float)
    counts = np.array(
        [(more >= 2).sum(), (more == 1).sum(), (more == 0).sum(), (more < 0).sum()]
    )
    total = int(counts.sum())
    if counts[2] == total:
        return pd.DataFrame()
    shares = counts / total
    of = min(total, 100)
    if 1 - shares[2] < 0.01:
        of = 1000
    table = pd.DataFrame({"step": [*STEPS], "pairs": counts, "share": shares})
    table = table.assign(squares=whole(shares, of), of=of, n=total)
    low, high = share_interval(int((more > 0).sum()), total)
    level = float(numbers[result.reference].mean())
    table = table.assign(lo=low, hi=high, level=level, arm=headline.arm)
    return say.titled(table, result)


def whole(shares: Floats, of: int) -> Ints:
    """Return whole numbers that sum to `of`, by largest remainders (Hamilton).

    >>> whole(np.array([0.5, 0.166, 0.334]), 10).tolist()
    [5, 2, 3]
    """
    wanted = shares * of
    numbers = np.floor(wanted).astype(np.int64)
    left = of - int(numbers.sum())
    numbers[np.argsort(numbers - wanted, kind="stable")[:left]] += 1
    return numbers


@style.figure(
    "worlds",
    "In how many worlds does it make a difference?",
    worlds_table,
    page=lambda _: style.panels(1, 2, width_ratios=[1, 1.25]),
    empty="No pair of replications differs: there are no worlds to count.",
    columns="step pairs share",
)
def draw_worlds(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw a square a world, by how many agreements more than its pair it has; beside
    them how many pairs that are."""
    rows = {row["step"]: row for row in table.to_dict("records")}
    of, pairs = int(table["of"].iloc[0]), int(table["n"].iloc[0])
    looks = [STEPS[step] for step in table["step"]]
    colours = [
        colour
        for (colour, _), count in zip(looks, table["squares"], strict=True)
        for _ in range(count)
    ]
    down, right = np.divmod(np.arange(of), 10 if of <= 100 else 40)
    squares, words = axes
    squares.bar(right, 0.86, 0.86, -1 - down, color=colours, align="edge")
    squares.set(aspect="equal", ylim=(-1.1 - down.max(), 0), anchor="E")
    y = 0.74
    for step, (colour, name) in STEPS.items():
        share, ink = say.percent(rows[step]["share"]), style.readable(colour)
        words.plot(0.04, y, "s", color=colour, markersize=13, clip_on=False)
        look: dict[str, Any] = {"fontsize": 15, "va": "center"}
        if step in ("none", "one"):
            ink = style.INK
        words.text(0.1, y, share, color=ink, fontweight="bold", **look)
        words.text(0.32, y, f"{name} ({rows[step]['pairs']:,})", **look)
        y -= 0.13
    words.set(xlim=(0, 1), ylim=(0, 1))
    for ax in axes:
        ax.set_axis_off()
    more = rows["one"]["share"] + rows["two"]["share"]
    shares = more, rows["two"]["share"], rows["fewer"]["share"]
    more_words, two_words, fewer_words = (
        say.percent(share) if share else "none" for share in shares
    )
    title = (
        f"{say.first(table, 'treatment')}: {more_words} of {pairs:,} pairs of worlds "
        f"see more {say.COUNTER} {style.within(table)}, {two_words} two or more, "
        f"{fewer_words} fewer"
    )
    under = (
        "A square: a world with the event beside its pair without, which has "
        f"{say.level(table['level'].iloc[0])} on average; "
        f"{say.first(table, 'values')}"
    )
    low, high = (f"{100 * table[end].iloc[0]:.0f}" for end in ("lo", "hi"))
    small = (
        "The two worlds of a pair have the same random numbers. 95 % interval of the "
        f"share that sees more, in as many pairs: {low} to {high} %. "
        f"{say.COUNTER_BALANCING}"
    )
    return style.Words(title, under, small)
