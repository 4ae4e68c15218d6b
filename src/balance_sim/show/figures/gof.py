"""Goodness of fit, in words and lines for a terminal; violins of every statistic, states, and martingale residuals."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.analysis.gof import GoodnessOfFit
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.terminal import table, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.analysis.gof import Residuals
    from balance_sim.replications.gof import GofComparison, Statistic

LEVEL = 0.05
STATES_SHOWN = 12
TITLES = {
    "degree": "States by partners",
    "isolates": "States without a partner",
    "geodesics": "Dyads by distance in the network",
    "shared_partners": "Dyads by shared partners",
    "triads": "Triads by ties",
    "transitivity": "Transitivity",
    "modularity": "Modularity",
    "repeats": "Repeats within a dyad",
    "distance": "Distance, km",
    "regimes": "Regimes of the two",
    "hostile": "In a dispute",
    "kinds": "Agreements by kind",
    "lags": "Lags",
    "years": "Agreements by year",
    "states": "Agreements by state",
}


def p_words(p: float, replications: int) -> str:
    """`p = 0.31`; the least that so many replications can give is told as such."""
    least = 1 / (replications + 1)
    return f"p < {say.number(least, 3)}" if p < least else f"p = {say.number(p, 3 if p < 0.1 else 2)}"


def span_words(found: GofComparison) -> str:
    """`2022-01-01 to 2025-08-31`."""
    return f"{found.span.first} to {found.span.stop - timedelta(days=1)}"


def verdict_words(found: GofComparison) -> str:
    """The finding in a sentence."""
    tested = [one for one in found.groups if one.fit is not None]
    bad = [one for one in tested if one.fit is not None and one.fit.p <= LEVEL]
    if 0.5 / (found.replications + 1) > LEVEL:
        return f"{found.replications} replications are too few to test the record at {LEVEL}"
    if not bad:
        return f"The record is like the simulated networks in all {len(tested)} groups of statistics"
    names = [TITLES[one.name][:1].lower() + TITLES[one.name][1:] for one in bad]
    shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return f"The record differs from the simulated networks in {len(bad)} of {len(tested)} groups: {shown}"


def residual_words(one: Residuals) -> str:
    """The finding of the residuals in a sentence."""
    many = "" if one.level_p > LEVEL else "more than " if one.signed[-1] > one.expected[-1] else "fewer than "
    timely = one.ks_p > LEVEL
    in_time = f"they {'come' if timely else 'do not come'} when the model expects them"
    link = "and" if (one.level_p > LEVEL) == timely else "but"
    return (
        f"{say.number(one.signed[-1], 0)} agreements, {many}{say.number(one.expected[-1], 1)} expected "
        f"(p = {small_p(one.level_p)}), {link} {in_time} (Kolmogorov-Smirnov p = {small_p(one.ks_p)})"
    )


def small_p(p: float) -> str:
    """A p with two decimals, or with three or four where it is small."""
    return say.number(p, 4 if p < 0.001 else 3 if p < 0.01 else 2)


def gof_lines(study: GoodnessOfFit) -> list[str]:
    """For a terminal, at 80 columns."""
    found = study.comparison
    title = say.printable(str(study.about.get("title") or study.about.get("subject", "")))
    arm = say.printable(str(study.about.get("arm_title") or study.about.get("arm") or ""))
    out = [
        title,
        f"observed: {say.plural(found.observed, 'agreement')}, {span_words(found)}",
        *wrapped(f"simulated: {say.plural(found.replications, 'replication')}" + (f" of: {arm}" if arm else "")),
        "",
        f"{'':<34}{'observed':>9}{'simulated':>11}{'5-95 % band':>19}",
    ]
    for group in found.groups:
        fit = group.fit
        tested = "not tested" if fit is None else p_words(fit.p, found.replications)
        out.append(f"{TITLES[group.name]}: {tested}")
        out += [] if group.name == "states" else [_statistic_line(one) for one in group.statistics]
    out += [f"all groups together: {p_words(found.p, found.replications)}", ""]
    out += [f"{'agreements a year':<34}{'observed':>9}{'simulated':>11}{'5-95 % band':>19}"]
    for row in found.states[:STATES_SHOWN]:
        name = say.printable(study.names.get(row.name, row.name))[:31]
        mark = " *" if not row.low <= row.observed <= row.high else ""
        band = f"{say.number(row.low)} to {say.number(row.high)}"
        out.append(f"  {name:<32}{say.number(row.observed):>9}{say.number(row.mean):>11}{band:>19}{mark}")
    left = len(found.states) - STATES_SHOWN
    out += [f"  {left} states nearer to what is simulated: --json"] if left > 0 else []
    if study.residuals is not None:
        out += ["", *wrapped(f"residuals: {residual_words(study.residuals)}")]
    notes = [line for note in (*found.notes, *study.notes) for line in wrapped(f"note: {note}")]
    out += ["", "* outside the band. p: Mahalanobis Monte Carlo (docs/gof.md)", *notes]
    return out


def gof_answer(study: GoodnessOfFit) -> list[str]:
    """For a terminal, in short: each group of statistics in a line, with what lies outside of its band."""
    found = study.comparison
    title = say.printable(str(study.about.get("title") or study.about.get("subject", "")))
    of = (
        f"{say.plural(found.observed, 'agreement')} observed, {say.plural(found.replications, 'replication')} simulated"
    )
    rows = [["statistics", "p", "outside of the 5-95 % band"]]
    for group in found.groups:
        fit = "not tested" if group.fit is None else p_words(group.fit.p, found.replications).removeprefix("p = ")
        off = sum(one.outside for one in group.statistics)
        rows.append([TITLES[group.name], fit.removeprefix("p "), f"{off} of {len(group.statistics)}"])
    about = [
        *wrapped(f"{title}: {of}, {span_words(found)}"),
        *wrapped(f"{verdict_words(found)} (p at most {LEVEL}).", ""),
    ]
    out = [*about, "", *table(rows, "<>")]
    out += [f"all groups together: {p_words(found.p, found.replications)} (Mahalanobis Monte Carlo, docs/gof.md)"]
    if study.residuals is not None:
        out += wrapped(f"residuals: {residual_words(study.residuals)}")
    out += ["--verbose prints every statistic, beside what was simulated."]
    return [*out, *(line for note in (*found.notes, *study.notes) for line in wrapped(f"note: {note}"))]


def _statistic_line(one: Statistic) -> str:
    """Name, observed, mean and band of one statistic."""
    if not math.isfinite(one.observed) and not math.isfinite(one.mean):
        return f"  {say.capital(one.name.replace('_', ' '))[:31]:<32}{'-':>9}{'-':>11}{'-':>19}"
    most = max((abs(v) for v in (one.observed, one.mean, one.low, one.high) if math.isfinite(v)), default=0.0)
    places = 0 if most >= 100 else 1 if most >= 10 else 2
    band = f"{say.number(one.low, places)} to {say.number(one.high, places)}"
    mark = " *" if one.outside else ""
    return (
        f"  {one.name.replace('_', ' ')[:31]:<32}{say.number(one.observed, places):>9}"
        f"{say.number(one.mean, places):>11}{band:>19}{mark}"
    )


ROWS: tuple[tuple[tuple[str, str, float], ...], ...] = (
    (("degree", "", 10.0), ("isolates", "", 2.2), ("years", "", 4.6)),
    (("geodesics", "", 8.4), ("shared_partners", "", 6.0), ("triads", "", 3.6)),
    (
        ("transitivity", "", 2.0), ("modularity", "", 2.0), ("repeats", "", 2.0), ("hostile", "", 2.0),
        ("regimes", "", 3.6), ("distance", "", 3.8),
    ),
    (
        ("kinds", "", 7.6), ("lags", "in force the same day", 2.2), ("lags", "signature to force, days", 2.2),
        ("lags", "talks to signature, days", 2.2),
    ),
)  # fmt: skip
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
    "two democracies": "both", "one democracy": "one", "no democracy": "none", "lower quartile, km": "25 %",
    "median, km": "50 %", "upper quartile, km": "75 %", "not connected": "none", "no tie": "0", "1 tie": "1",
    "2 ties": "2", "3 ties": "3",
}  # fmt: skip
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
"""Inches: of the page, of a panel, from row to row, over and under them; left of each panel, and right of all."""
LOGS = ("triads", "shared_partners")


def gof_table(study: GoodnessOfFit) -> pd.DataFrame:
    """Tidy: a row a statistic, but for those of single states: as observed, mean and 5-95 % band, p of its group."""
    found = study.comparison
    rows = [
        {
            "group": group.name,
            "statistic": one.name,
            "observed": one.observed,
            "mean": one.mean,
            "q05": one.low,
        }
        | {"q95": one.high, "p": float("nan") if group.fit is None else group.fit.p}
        for group in found.groups
        if group.name != "states"
        for one in group.statistics
    ]
    return pd.DataFrame(rows).assign(
        replications=found.replications,
        agreements=found.observed,
        span=span_words(found),
        finding=verdict_words(found),
    )


def simulated_table(study: GoodnessOfFit) -> pd.DataFrame:
    """Tidy: group, statistic, value of each replication, but for those of single states."""
    parts = [
        pd.DataFrame({"group": group.name, "statistic": one.name, "value": group.simulated[:, k]})
        for group in study.comparison.groups
        if group.name != "states"
        for k, one in enumerate(group.statistics)
    ]
    return pd.concat(parts, ignore_index=True)


@style.figure(
    "gof", "Is the network of new agreements like the simulated ones?", gof_table, more={"simulated": simulated_table},
    page=lambda _: [], empty="There is no statistic to compare.",
)  # fmt: skip
def draw_gof(_axes: list[Axes], table: pd.DataFrame, simulated: pd.DataFrame) -> Figure:
    """A panel a group: violins of the replications, bars of the band, and a line through what was observed.

    Panels are put in their places by hand: a solver's last digits would not be the same every time."""
    rows = [found for row in ROWS if (found := [one for one in row if _known(table, *one[:2])])]
    height = TOP + PITCH * len(rows) + FOOT
    page = style.new_figure(WIDTH, height)
    page.set_layout_engine("none")
    for k, row in enumerate(rows):
        bottom = height - TOP - PITCH * k - TALL
        room, total = WIDTH - MARGIN - BESIDE * len(row), sum(one[2] for one in row)
        left = BESIDE  # room for ticks
        for group, only, share in row:
            wide = room * share / total
            ax = page.add_axes((left / WIDTH, bottom / height, wide / WIDTH, TALL / height))
            _panel(ax, table, simulated, group, only)
            left += BESIDE + wide
    count, n = int(table["replications"].iloc[0]), int(table["agreements"].iloc[0])
    bold: dict[str, Any] = {"fontsize": 13, "fontweight": "bold", "va": "top", "ha": "left"}
    page.suptitle(style.folded(say.first(table, "finding"), 96), x=0.012, y=1 - 0.1 / height, **bold)
    words = (
        f"Dots: {say.plural(n, 'agreement')} on record, {say.first(table, 'span')}; vermilion: outside the 5-95 % band "
        f"of {say.plural(count, 'replication')} (violins; bars: mean and band). p: Mahalanobis Monte Carlo test of the "
        "panel's group of statistics; its title is vermilion at 0.05 or less. Two panels of one group share its p."
    )
    page.text(
        0.012,
        0.1 / height,
        style.folded(words, 176),
        ha="left",
        va="bottom",
        fontsize=style.SMALL,
        color=style.QUIET,
    )
    return page


def _known(table: pd.DataFrame, group: str, only: str) -> bool:
    rows = _rows(table, group, only)[["observed", "mean"]].to_numpy(float)
    return bool(np.isfinite(rows).any(axis=0).all())


def _rows(frame: pd.DataFrame, group: str, only: str) -> pd.DataFrame:
    rows = frame[frame["group"] == group]
    return rows[rows["statistic"] == only] if only else rows


def _outside(table: pd.DataFrame) -> pd.Series[bool]:
    return (table["observed"] < table["q05"]) | (table["observed"] > table["q95"])


def _panel(ax: Axes, table: pd.DataFrame, simulated: pd.DataFrame, group: str, only: str) -> None:
    rows = _rows(table, group, only)
    rows = rows[np.isfinite(rows["mean"].to_numpy(float))].reset_index(drop=True)
    at, floor = np.arange(len(rows), dtype=float), 0.5 if group in LOGS else -np.inf
    for x, row in zip(at, rows.to_dict("records"), strict=True):
        held = _rows(simulated, group, str(row["statistic"]))["value"].to_numpy(float)
        _violin(ax, x, np.maximum(held[np.isfinite(held)], floor), log=group in LOGS)
        low, high, mean = (max(row[key], floor) for key in ("q05", "q95", "mean"))
        ax.plot([x, x], [low, high], color=style.BLUE, linewidth=2.4, solid_capstyle="butt", zorder=3)
        ax.plot([x - 0.16, x + 0.16], [mean, mean], color=style.BLUE, linewidth=1.6, zorder=3)
    seen = np.maximum(rows["observed"].to_numpy(float), floor)
    if group not in ("kinds", "regimes") and len(rows) > 1:
        ax.plot(at, seen, color=style.INK, linewidth=1.2, zorder=4)
    for x, y, out in zip(at, seen, _outside(rows), strict=True):
        ax.plot(x, y, "o", color=style.VERMILION if out else style.INK, markersize=6.5 if out else 5.5, zorder=5,
                markeredgecolor="white", markeredgewidth=0.7)  # fmt: skip
    _dress(ax, rows, group, only)


def _violin(ax: Axes, x: float, held: Any, *, log: bool) -> None:
    """A Gaussian kernel density, on the scale of the axis, of what varies; cut at the extremes."""
    from scipy.stats import gaussian_kde

    z = np.log(held) if log else held
    if len(z) < 3 or np.ptp(z) < 1e-12:
        return
    grid = np.linspace(z.min(), z.max(), 80)
    density = gaussian_kde(z)(grid)
    width, y = 0.4 * density / density.max(), np.exp(grid) if log else grid
    ax.fill_betweenx(y, x - width, x + width, color=style.BLUE, alpha=0.22, linewidth=0, zorder=2)


def _dress(ax: Axes, rows: pd.DataFrame, group: str, only: str) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    p, count = float(rows["p"].iloc[0]), int(rows["replications"].iloc[0])
    tested = "not tested" if not np.isfinite(p) else p_words(p, count)
    colour = style.VERMILION if np.isfinite(p) and p <= LEVEL else style.INK
    ax.set_title(f"{HEADS.get(only or group, TITLES[group])}\n{tested}", loc="left", pad=6, color=colour)
    names = [SHORT.get(str(name), str(name)).removeprefix("at most ") for name in rows["statistic"]]
    labels = [name.replace("more than ", "> ").replace(" or more", "+").replace("_", "\n") for name in names]
    ax.set_xticks(range(len(rows)), labels if len(rows) > 1 else [""])
    ax.tick_params(axis="x", length=0)
    if group in AXES:
        ax.set_xlabel(AXES[group], fontsize=style.SMALL, color=style.QUIET)
    ax.set_xlim(-0.6, len(rows) - 0.4)
    if group in LOGS:
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}" if v >= 1 else "0"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    else:
        ax.yaxis.set_major_locator(MaxNLocator(nbins=5))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}" if abs(v) >= 10 else f"{v:g}"))
        if group != "modularity":
            ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
    ax.grid(axis="y", color=style.GRID, linewidth=0.7)


MOST = 30


def gof_states_table(study: GoodnessOfFit) -> pd.DataFrame:
    """Tidy: a row a state, the furthest from the simulated mean first."""
    found = study.comparison
    rows = [
        {
            "state": one.name,
            "name": say.printable(study.names.get(one.name, one.name)),
            "observed": one.observed,
        }
        | {"mean": one.mean, "q05": one.low, "q95": one.high}
        for one in found.states
    ]
    return pd.DataFrame(rows).assign(span=span_words(found), replications=found.replications)


def gof_states_title(table: pd.DataFrame) -> str:
    """The finding: who signs furthest above and below what is simulated, and how many are outside their band."""
    gap = table["observed"] - table["mean"]
    above, below = (table.iloc[int(at)].to_dict() for at in (gap.argmax(), gap.argmin()))
    most, least = (f"{one['name']}: {say.number(one['observed'], 1)}" for one in (above, below))
    expected = [f"{say.number(one['mean'], 1)} simulated" for one in (above, below)]
    outside = f"{int(_outside(table).sum())} of {say.plural(len(table), 'state')} lie outside the 5-95 % band"
    return f"{most} agreements a year, {expected[0]}; {least}, {expected[1]}. {outside}"


@style.figure(
    "gof_states", "Which states sign more or less often than simulated?", gof_states_table,
    page=lambda table: style.panels(10.6, 2.4 + 0.22 * min(len(table), MOST)), empty="There are no states to compare.",
)  # fmt: skip
def draw_gof_states(axes: list[Axes], table: pd.DataFrame) -> style.Words:
    """A row a state, those furthest from the simulated mean: dot, observed; bar, band; tick, mean."""
    ax, rows = axes[0], table.head(MOST)
    rows = rows.assign(gap=rows["observed"] - rows["mean"]).sort_values("gap", kind="stable")
    at = np.arange(len(rows))
    ax.set_yticks(at, list(rows["name"]))
    ax.hlines(at, rows["q05"], rows["q95"], color=style.BLUE, alpha=0.35, linewidth=6)
    ax.plot(rows["mean"], at, "|", color=style.BLUE, markersize=10, markeredgewidth=2.2)
    for y, x, out in zip(at, rows["observed"], _outside(rows), strict=True):
        ax.plot(x, y, "o", color=style.VERMILION if out else style.INK, markersize=6.5, markeredgecolor="white",
                markeredgewidth=0.7, clip_on=False, zorder=4)  # fmt: skip
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=style.GRID, linewidth=0.7)
    ax.set_ylim(-0.7, len(rows) - 0.3)
    ax.set_xlim(left=0)
    ax.set_xlabel("new agreements a year")
    runs, left = say.plural(int(table["replications"].iloc[0]), "replication"), len(table) - len(rows)
    under = f"Dots: on record, {say.first(table, 'span')}. Bars: 5-95 % band of {runs}; ticks: mean"
    more = f" {say.plural(left, 'state')} nearer to the mean in the table." if left > 0 else ""
    small = f"Vermilion: outside the band. Of right models one state in ten is.{more}"
    return style.Words(gof_states_title(table), under, small, wrap=84)


def gof_residuals_table(study: GoodnessOfFit) -> pd.DataFrame:
    """Tidy: a row a step of the engine: agreements signed before it, integrated hazard, and their difference."""
    one = study.residuals
    if one is None:
        return pd.DataFrame()
    start = datetime.combine(one.start, datetime.min.time())
    days = [start + timedelta(days=float(day)) for day in one.day]
    numbers = {"signed": one.signed, "expected": one.expected, "residual": one.signed - one.expected}
    return pd.DataFrame({"date": days} | numbers | {"finding": residual_words(one)})


@style.figure(
    "gof_residuals", "When did the record leave the model?", gof_residuals_table,
    fits=lambda study: study.residuals is not None, page=lambda _: style.panels(10.6, 7.4, 2, sharex=True),
    empty="The hazard of these networks is not known: there are no residuals.",
)  # fmt: skip
def draw_gof_residuals(axes: list[Axes], table: pd.DataFrame) -> style.Words:
    """Above: both counts. Below: their difference, with the 95 % band of a right model at each date."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    days, (upper, lower) = table["date"].to_numpy(), axes
    signed, expected = table["signed"].to_numpy(float), table["expected"].to_numpy(float)
    upper.step(days, signed, where="post", color=style.INK, linewidth=2.0)
    upper.plot(days, expected, color=style.BLUE, linewidth=2.0, linestyle=(0, (5, 2)))
    observed, hazard = f"on record: {signed[-1]:.0f}", f"integrated\nhazard: {expected[-1]:.1f}"
    for words, end, drop, colour in (
        (observed, signed[-1], 0, style.INK),
        (hazard, expected[-1], -8, style.BLUE),
    ):
        upper.annotate(
            words, (days[-1], end), (6, drop), textcoords="offset points", color=colour, va="center",
            fontsize=style.SMALL, annotation_clip=False,
        )  # fmt: skip
    upper.set_ylabel("agreements signed so far")
    half = 1.96 * np.sqrt(expected)
    lower.fill_between(days, -half, half, color=style.BLUE, alpha=0.18, linewidth=0)
    lower.axhline(0, color=style.QUIET, linewidth=0.8)
    lower.plot(days, signed - expected, color=style.INK, linewidth=1.8, drawstyle="steps-post")
    lower.set_ylabel("martingale residual:\nsigned less expected")
    for ax in axes:
        ax.grid(axis="y", color=style.GRID, linewidth=0.7)
        ax.set_xlim(days[0], days[-1])
    upper.set_ylim(bottom=0)
    locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    lower.xaxis.set_major_locator(locator)
    lower.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    small = (
        "The hazard is integrated along the record itself: beliefs, partners and experience are those of each day. "
        "Band: 95 % at each single date, if the model is right."
    )
    return style.Words(say.first(table, "finding"), "", small, 84, 118)
