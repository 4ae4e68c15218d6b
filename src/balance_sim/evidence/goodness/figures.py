"""Figures of goodness of fit: violins of every statistic, states, and martingale
residuals."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.evidence.goodness.comparison import GoodnessOfFit
from balance_sim.evidence.goodness.lines import (
    LEVEL,
    TITLES,
    p_words,
    residual_words,
    span_words,
    verdict_words,
)
from balance_sim.show import wording as say
from balance_sim.show.figures import style

Panel = tuple[str, str, float]
ROWS: tuple[tuple[Panel, ...], ...] = (
    (("degree", "", 10.0), ("isolates", "", 2.2), ("years", "", 4.6)),
    (("geodesics", "", 8.4), ("shared_partners", "", 6.0), ("triads", "", 3.6)),
    (
        ("transitivity", "", 2.0),
        ("modularity", "", 2.0),
        ("repeats", "", 2.0),
        ("hostile", "", 2.0),
        ("regimes", "", 3.6),
        ("distance", "", 3.8),
    ),
    (
        ("kinds", "", 7.6),
        ("lags", "in force the same day", 2.2),
        ("lags", "signature to force, days", 2.2),
        ("lags", "talks to signature, days", 2.2),
    ),
)
"""Panels by row: group, one statistic of it or all, and its share of the width."""
HEADS = {
    "in force the same day": "In force at once",
    "signature to force, days": "Days to force",
    "talks to signature, days": "Days of talks",
    "isolates": "No partner",
    "repeats": "Repeats",
    "hostile": "In dispute",
}
SHORT = {
    "two democracies": "both",
    "one democracy": "one",
    "no democracy": "none",
    "lower quartile, km": "25 %",
    "median, km": "50 %",
    "upper quartile, km": "75 %",
    "not connected": "none",
    "no tie": "0",
    "1 tie": "1",
    "2 ties": "2",
    "3 ties": "3",
}
AXES = {
    "degree": "partners, at most",
    "geodesics": "ties between the two",
    "shared_partners": "shared partners",
    "triads": "ties among three",
    "regimes": "democracies",
    "distance": "quartile",
}
WIDTH, TALL, PITCH, TOP, FOOT = 13.4, 1.95, 2.85, 1.15, 0.1
BESIDE, MARGIN = 0.72, 0.12
"""Inches: of the page, of a panel, from row to row, over and under them; left of each
panel, and right of all."""
LOGS = ("triads", "shared_partners")
MOST = 30  # states in a figure
NUMBERS = ["observed", "mean", "q05", "q95"]


def gof_table(study: GoodnessOfFit) -> pd.DataFrame:
    """Tidy: a row a statistic, but for those of single states: as observed, mean and
    5-95 % band, p of its group."""
    comparison, rows = study.comparison, []
    for group in comparison.groups:
        p = math.nan if group.fit is None else group.fit.p
        if group.name != "states":
            rows += [
                (group.name, statistic.name, *statistic.numbers, p)
                for statistic in group.statistics
            ]
    table = pd.DataFrame(rows, columns=["group", "statistic", *NUMBERS, "p"])
    return table.assign(
        replications=comparison.replications,
        agreements=comparison.observed,
        span=span_words(comparison),
        finding=verdict_words(comparison),
    )


def simulated_table(study: GoodnessOfFit) -> pd.DataFrame:
    """Tidy: group, statistic, value of each replication, but for those of single
    states."""
    frames = []
    for group in study.comparison.groups:
        names = [statistic.name for statistic in group.statistics]
        if group.name != "states":
            wide = pd.DataFrame(group.simulated, columns=names)
            tidy = wide.melt(var_name="statistic", value_name="value")
            tidy.insert(0, "group", group.name)
            frames.append(tidy)
    return pd.concat(frames, ignore_index=True)


@style.figure(
    "gof",
    "Is the network of new agreements like the simulated ones?",
    gof_table,
    more={"simulated": simulated_table},
    page=lambda _: [],
    empty="There is no statistic to compare.",
)
def draw_gof(
    _axes: list[style.Axes], table: pd.DataFrame, simulated: pd.DataFrame
) -> style.Figure:
    """A panel a group: violins of the replications, bars of the band, and a line
    through what was observed.

    Panels are put in their places by hand: a solver's last digits would not be the same
    every time."""
    rows = [[panel for panel in row if _has_numbers(table, panel)] for row in ROWS]
    rows = [row for row in rows if row]
    height = TOP + PITCH * len(rows) + FOOT
    page = style.new_figure(WIDTH, height)
    page.set_layout_engine("none")
    for number, row in enumerate(rows):
        bottom = height - TOP - PITCH * number - TALL
        room = WIDTH - MARGIN - BESIDE * len(row)
        total = sum(share for _, _, share in row)
        x = BESIDE  # room for ticks
        for group, statistic, share in row:
            wide = room * share / total
            place = (x / WIDTH, bottom / height, wide / WIDTH, TALL / height)
            panel = _rows(table, group, statistic).dropna(subset="mean")
            _draw_panel(page.add_axes(place), panel, simulated, statistic)
            x += BESIDE + wide
    title = style.folded(say.first(table, "finding"), 96)
    bold: dict[str, Any] = {"fontsize": 13, "fontweight": "bold", "va": "top"}
    page.suptitle(title, x=0.012, y=1 - 0.1 / height, ha="left", **bold)
    agreements = say.plural(int(table["agreements"].iloc[0]), "agreement")
    replications = say.plural(int(table["replications"].iloc[0]), "replication")
    words = (
        f"Dots: {agreements} on record, {say.first(table, 'span')}; vermilion: outside "
        f"the 5-95 % band of {replications} (violins; bars: mean and band). p: "
        "Mahalanobis Monte Carlo test of the panel's group of statistics; its title is "
        "vermilion at 0.05 or less. Two panels of one group share its p."
    )
    small: dict[str, Any] = {"fontsize": style.SMALL, "color": style.QUIET}
    page.text(0.012, 0.1 / height, style.folded(words, 176), va="bottom", **small)
    return page


def _rows(frame: pd.DataFrame, group: str, statistic: str) -> pd.DataFrame:
    """The rows of a group, or of one statistic of it."""
    rows = frame[frame["group"] == group]
    return rows[rows["statistic"] == statistic] if statistic else rows


def _has_numbers(table: pd.DataFrame, panel: Panel) -> bool:
    group, statistic, _ = panel
    numbers = _rows(table, group, statistic)[["observed", "mean"]]
    return bool(numbers.notna().any().all())


def _outside(table: pd.DataFrame) -> pd.Series[bool]:
    below, above = table["observed"] < table["q05"], table["observed"] > table["q95"]
    return below | above


def _dots(ax: style.Axes, x: Any, y: Any, table: pd.DataFrame, **looks: Any) -> None:
    """What was observed, a dot each: vermilion outside of its band."""
    outside = _outside(table)
    for is_outside, colour, size in (
        (False, style.INK, 5.5),
        (True, style.VERMILION, 6.5),
    ):
        chosen = (outside == is_outside).to_numpy()
        if not chosen.any():
            continue
        dot: dict[str, Any] = {"ms": size, "mec": "white", "mew": 0.7, "ls": "none"}
        dot |= {"color": colour, "marker": "o"} | looks
        ax.plot(np.asarray(x)[chosen], np.asarray(y)[chosen], **dot)


def _draw_panel(
    ax: style.Axes, rows: pd.DataFrame, simulated: pd.DataFrame, statistic: str
) -> None:
    """The statistics of a panel beside each other. statistic: the one of its group that
    it shows, if not all."""
    group = str(rows["group"].iloc[0])
    is_log = group in LOGS
    floor = 0.5 if is_log else -np.inf
    places = np.arange(len(rows), dtype=float)
    bar: dict[str, Any] = {"color": style.BLUE, "zorder": 3}
    for x, row in zip(places, rows.to_dict("records"), strict=True):
        name = str(row["statistic"])
        values = _rows(simulated, group, name)["value"].to_numpy(float)
        values = np.maximum(values[np.isfinite(values)], floor)
        _violin(ax, x, values, is_log=is_log)
        low, high = max(row["q05"], floor), max(row["q95"], floor)
        mean = max(row["mean"], floor)
        ax.plot([x, x], [low, high], lw=2.4, solid_capstyle="butt", **bar)
        ax.plot([x - 0.16, x + 0.16], [mean, mean], lw=1.6, **bar)
    observed = np.maximum(rows["observed"].to_numpy(float), floor)
    if group not in ("kinds", "regimes") and len(rows) > 1:
        ax.plot(places, observed, color=style.INK, linewidth=1.2, zorder=4)
    _dots(ax, places, observed, rows, zorder=5)
    _label(ax, rows, statistic)


def _violin(ax: style.Axes, x: float, values: Any, *, is_log: bool) -> None:
    """A Gaussian kernel density, on the scale of the axis, of what varies; cut at the
    extremes."""
    from scipy.stats import gaussian_kde

    z = np.log(values) if is_log else values
    if len(z) < 3 or np.ptp(z) < 1e-12:
        return
    grid = np.linspace(z.min(), z.max(), 80)
    density = gaussian_kde(z)(grid)
    width = 0.4 * density / density.max()
    y = np.exp(grid) if is_log else grid
    face: dict[str, Any] = {"color": style.BLUE, "alpha": 0.22, "linewidth": 0}
    ax.fill_betweenx(y, x - width, x + width, zorder=2, **face)


def _label(ax: style.Axes, rows: pd.DataFrame, statistic: str) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    group, p = str(rows["group"].iloc[0]), float(rows["p"].iloc[0])
    test = "not tested"
    if not np.isnan(p):
        test = p_words(p, int(rows["replications"].iloc[0]))
    head = HEADS.get(statistic or group, TITLES[group])
    colour = style.VERMILION if p <= LEVEL else style.INK
    ax.set_title(f"{head}\n{test}", loc="left", pad=6, color=colour)
    labels = [_tick(str(name)) for name in rows["statistic"]]
    ax.set_xticks(range(len(rows)), labels if len(rows) > 1 else [""])
    ax.tick_params(axis="x", length=0)
    ax.set_xlabel(AXES.get(group, ""), fontsize=style.SMALL, color=style.QUIET)
    ax.set_xlim(-0.6, len(rows) - 0.4)
    if group in LOGS:
        ax.set_yscale("log")
        ax.yaxis.set_minor_formatter(NullFormatter())
    else:
        ax.yaxis.set_major_locator(MaxNLocator(nbins=5))
        if group != "modularity":
            ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
    number = _log_number if group in LOGS else _plain_number
    ax.yaxis.set_major_formatter(FuncFormatter(number))
    ax.grid(axis="y", color=style.GRID, linewidth=0.7)


def _tick(name: str) -> str:
    """A statistic under its violin: `> 6`, `5+`."""
    short = SHORT.get(name, name).removeprefix("at most ")
    short = short.replace("more than ", "> ").replace(" or more", "+")
    return short.replace("_", "\n")


def _log_number(value: float, _: int) -> str:
    return f"{value:,.0f}" if value >= 1 else "0"


def _plain_number(value: float, _: int) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:g}"


def gof_states_table(study: GoodnessOfFit) -> pd.DataFrame:
    """Tidy: a row a state, the furthest from the simulated mean first."""
    comparison, rows = study.comparison, []
    for state in comparison.states:
        name = say.printable(study.names.get(state.name, state.name))
        rows.append((state.name, name, *state.numbers))
    table = pd.DataFrame(rows, columns=["state", "name", *NUMBERS])
    span, replications = span_words(comparison), comparison.replications
    return table.assign(span=span, replications=replications)


def gof_states_title(table: pd.DataFrame) -> str:
    """The finding: who signs furthest above and below what is simulated, and how many
    are outside their band."""
    gap = table["observed"] - table["mean"]
    above, below = table.iloc[int(gap.argmax())], table.iloc[int(gap.argmin())]
    outside = int(_outside(table).sum())
    count = f"{outside} of {say.plural(len(table), 'state')}"
    sides = []
    for row in (above, below):
        observed = f"{say.number(row['observed'], 1)} agreements a year"
        sides.append(
            f"{row['name']}: {observed}, {say.number(row['mean'], 1)} simulated"
        )
    return f"{'; '.join(sides)}. {count} lie outside the 5-95 % band"


@style.figure(
    "gof_states",
    "Which states sign more or less often than simulated?",
    gof_states_table,
    page=lambda table: style.panels(10.6, 2.4 + 0.22 * min(len(table), MOST)),
    empty="There are no states to compare.",
)
def draw_gof_states(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A row a state, those furthest from the simulated mean: dot, observed; bar, band;
    tick, mean."""
    ax, rows = axes[0], table.head(MOST)
    gap = rows["observed"] - rows["mean"]
    rows = rows.assign(gap=gap).sort_values("gap", kind="stable")
    heights = np.arange(len(rows))
    ax.set_yticks(heights, list(rows["name"]))
    bar: dict[str, Any] = {"color": style.BLUE, "alpha": 0.35, "linewidth": 6}
    ax.hlines(heights, rows["q05"], rows["q95"], **bar)
    ax.plot(rows["mean"], heights, "|", color=style.BLUE, ms=10, mew=2.2)
    _dots(ax, rows["observed"], heights, rows, ms=6.5, clip_on=False, zorder=4)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=style.GRID, linewidth=0.7)
    ax.set(xlim=(0, None), ylim=(-0.7, len(rows) - 0.3))
    ax.set_xlabel("new agreements a year")
    runs = say.plural(int(table["replications"].iloc[0]), "replication")
    span = say.first(table, "span")
    under = f"Dots: on record, {span}. Bars: 5-95 % band of {runs}; ticks: mean"
    small = "Vermilion: outside the band. Of right models one state in ten is."
    nearer = len(table) - len(rows)
    if nearer > 0:
        small += f" {say.plural(nearer, 'state')} nearer to the mean in the table."
    return style.Words(gof_states_title(table), under, small, wrap=84)


def gof_residuals_table(study: GoodnessOfFit) -> pd.DataFrame:
    """Tidy: a row a step of the engine: agreements signed before it, integrated hazard,
    and their difference."""
    residuals = study.residuals
    if residuals is None:
        return pd.DataFrame()
    start = datetime.combine(residuals.start, datetime.min.time())
    table = {
        "date": [start + timedelta(days=float(day)) for day in residuals.day],
        "signed": residuals.signed,
        "expected": residuals.expected,
        "residual": residuals.signed - residuals.expected,
        "finding": residual_words(residuals),
    }
    return pd.DataFrame(table)


@style.figure(
    "gof_residuals",
    "When did the record leave the model?",
    gof_residuals_table,
    fits=lambda study: study.residuals is not None,
    page=lambda _: style.panels(10.6, 7.4, 2, sharex=True),
    empty="The hazard of these networks is not known: there are no residuals.",
)
def draw_gof_residuals(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Above: both counts. Below: their difference, with the 95 % band of a right model
    at each date."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    upper, lower = axes
    days = table["date"].to_numpy()
    signed, expected = table["signed"].to_numpy(), table["expected"].to_numpy()
    upper.step(days, signed, where="post", color=style.INK, linewidth=2.0)
    upper.plot(days, expected, color=style.BLUE, linewidth=2.0, linestyle=(0, (5, 2)))
    record = f"on record: {signed[-1]:.0f}"
    style.note(upper, record, (days[-1], signed[-1]), (6, 0), color=style.INK)
    hazard = f"integrated\nhazard: {expected[-1]:.1f}"
    style.note(upper, hazard, (days[-1], expected[-1]), (6, -8), color=style.BLUE)
    upper.set_ylabel("agreements signed so far")
    upper.set_ylim(bottom=0)
    half = 1.96 * np.sqrt(expected)
    lower.fill_between(days, -half, half, color=style.BLUE, alpha=0.18, linewidth=0)
    lower.axhline(0, color=style.QUIET, linewidth=0.8)
    line: dict[str, Any] = {"color": style.INK, "linewidth": 1.8}
    lower.plot(days, table["residual"], drawstyle="steps-post", **line)
    lower.set_ylabel("martingale residual:\nsigned less expected")
    for ax in axes:
        ax.grid(axis="y", color=style.GRID, linewidth=0.7)
        ax.set_xlim(days[0], days[-1])
    locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    lower.xaxis.set_major_locator(locator)
    dates = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    lower.xaxis.set_major_formatter(dates)
    small = (
        "The hazard is integrated along the record itself: beliefs, partners and "
        "experience are those of each day. Band: 95 % at each single date, if the "
        "model is right."
    )
    return style.Words(say.first(table, "finding"), "", small, 84, 118)
