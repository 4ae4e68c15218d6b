"""Goodness of fit, in words and lines for a terminal; violins of every statistic,
states, and martingale residuals."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.evidence.goodness.comparison import GoodnessOfFit, Residuals
from balance_sim.evidence.goodness.networks import GofComparison, Statistic
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.wording import table, wrapped

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
    return (
        f"p < {say.number(least, 3)}"
        if p < least
        else f"p = {say.number(p, 3 if p < 0.1 else 2)}"
    )


def span_words(found: GofComparison) -> str:
    """`2022-01-01 to 2025-08-31`."""
    return f"{found.span.first} to {found.span.stop - timedelta(days=1)}"


def verdict_words(found: GofComparison) -> str:
    """The finding in a sentence."""
    p = {one.name: one.fit.p for one in found.groups if one.fit is not None}
    bad = [TITLES[name] for name in p if p[name] <= LEVEL]
    if 0.5 / (found.replications + 1) > LEVEL:
        return f"{found.replications} replications are too few to test the record at {LEVEL}"
    if not bad:
        return f"The record is like the simulated networks in all {len(p)} groups of statistics"
    shown = ", ".join(title[:1].lower() + title[1:] for title in bad[:4])
    shown += f" and {len(bad) - 4} more" if len(bad) > 4 else ""
    return f"The record differs from the simulated networks in {len(bad)} of {len(p)} groups: {shown}"


def residual_words(one: Residuals) -> str:
    """The finding of the residuals in a sentence."""
    level, timely = one.level_p > LEVEL, one.ks_p > LEVEL
    many = (
        ""
        if level
        else "more than "
        if one.signed[-1] > one.expected[-1]
        else "fewer than "
    )
    in_time = f"they {'come' if timely else 'do not come'} when the model expects them"
    ks_p, level_p = (
        say.number(p, 4 if p < 0.001 else 3 if p < 0.01 else 2)
        for p in (one.ks_p, one.level_p)
    )
    return (
        f"{say.number(one.signed[-1], 0)} agreements, {many}{say.number(one.expected[-1], 1)} expected "
        f"(p = {level_p}), {'and' if level == timely else 'but'} {in_time} (Kolmogorov-Smirnov p = {ks_p})"
    )


def _title(study: GoodnessOfFit) -> str:
    return say.printable(
        str(study.about.get("title") or study.about.get("subject", ""))
    )


def _notes(study: GoodnessOfFit) -> list[str]:
    return [
        line
        for note in (*study.comparison.notes, *study.notes)
        for line in wrapped(f"note: {note}")
    ]


def _row(name: str, observed: str, simulated: str, band: str, mark: str = "") -> str:
    return f"{name:<34}{observed:>9}{simulated:>11}{band:>19}{mark}"


def gof_lines(study: GoodnessOfFit) -> list[str]:
    """For a terminal, at 80 columns."""
    found, about, heads = (
        study.comparison,
        study.about,
        ("observed", "simulated", "5-95 % band"),
    )
    arm = say.printable(str(about.get("arm_title") or about.get("arm") or ""))
    out = [
        _title(study),
        f"observed: {say.plural(found.observed, 'agreement')}, {span_words(found)}",
        *wrapped(
            f"simulated: {say.plural(found.replications, 'replication')}"
            + (f" of: {arm}" if arm else "")
        ),
        "",
        _row("", *heads),
    ]
    for group in found.groups:
        tested = (
            "not tested"
            if group.fit is None
            else p_words(group.fit.p, found.replications)
        )
        out.append(f"{TITLES[group.name]}: {tested}")
        out += (
            []
            if group.name == "states"
            else [_statistic_line(one) for one in group.statistics]
        )
    out += [
        f"all groups together: {p_words(found.p, found.replications)}",
        "",
        _row("agreements a year", *heads),
    ]
    for row in found.states[:STATES_SHOWN]:
        observed, mean, low, high = map(say.number, _numbers(row))
        mark = "" if row.low <= row.observed <= row.high else " *"
        name = f"  {say.printable(study.names.get(row.name, row.name))[:31]}"
        out.append(_row(name, observed, mean, f"{low} to {high}", mark))
    if (left := len(found.states) - STATES_SHOWN) > 0:
        out.append(f"  {left} states nearer to what is simulated: --json")
    if study.residuals is not None:
        out += ["", *wrapped(f"residuals: {residual_words(study.residuals)}")]
    return [
        *out,
        "",
        "* outside the band. p: Mahalanobis Monte Carlo (docs/gof.md)",
        *_notes(study),
    ]


def gof_answer(study: GoodnessOfFit) -> list[str]:
    """For a terminal, in short: each group of statistics in a line, with what lies
    outside of its band."""
    found = study.comparison
    observed, simulated = (
        say.plural(found.observed, "agreement"),
        say.plural(found.replications, "replication"),
    )
    rows = [["statistics", "p", "outside of the 5-95 % band"]]
    for group in found.groups:
        fit = (
            "not tested"
            if group.fit is None
            else p_words(group.fit.p, found.replications).removeprefix("p = ")
        )
        off = sum(one.outside for one in group.statistics)
        rows.append(
            [
                TITLES[group.name],
                fit.removeprefix("p "),
                f"{off} of {len(group.statistics)}",
            ]
        )
    together = f"all groups together: {p_words(found.p, found.replications)} (Mahalanobis Monte Carlo, docs/gof.md)"
    residuals = (
        []
        if study.residuals is None
        else wrapped(f"residuals: {residual_words(study.residuals)}")
    )
    return [
        *wrapped(
            f"{_title(study)}: {observed} observed, {simulated} simulated, {span_words(found)}"
        ),
        *wrapped(f"{verdict_words(found)} (p at most {LEVEL}).", ""),
        "",
        *table(rows, "<>"),
        together,
        *residuals,
        "--verbose prints every statistic, beside what was simulated.",
        *_notes(study),
    ]


def _statistic_line(one: Statistic) -> str:
    """Name, observed, mean and band of one statistic."""
    name = one.name.replace("_", " ")
    if not math.isfinite(one.observed) and not math.isfinite(one.mean):
        return _row(f"  {say.capital(name)[:31]}", "-", "-", "-")
    most = max((abs(v) for v in _numbers(one) if math.isfinite(v)), default=0.0)
    places = 0 if most >= 100 else 1 if most >= 10 else 2
    observed, mean, low, high = (say.number(v, places) for v in _numbers(one))
    return _row(
        f"  {name[:31]}",
        observed,
        mean,
        f"{low} to {high}",
        " *" if one.outside else "",
    )


ROWS: tuple[tuple[tuple[str, str, float], ...], ...] = (
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


NUMBERS = ["observed", "mean", "q05", "q95"]


def _numbers(one: Statistic) -> tuple[float, ...]:
    """NUMBERS of a statistic or a state."""
    return one.observed, one.mean, one.low, one.high


def gof_table(study: GoodnessOfFit) -> pd.DataFrame:
    """Tidy: a row a statistic, but for those of single states: as observed, mean and
    5-95 % band, p of its group."""
    found = study.comparison
    groups = [group for group in found.groups if group.name != "states"]
    rows = [
        (group.name, one.name, *_numbers(one))
        for group in groups
        for one in group.statistics
    ]
    table = pd.DataFrame(rows, columns=["group", "statistic", *NUMBERS])
    p = {group.name: math.nan if group.fit is None else group.fit.p for group in groups}
    more: dict[str, Any] = {
        "replications": found.replications,
        "agreements": found.observed,
        "span": span_words(found),
    }
    return table.assign(p=table["group"].map(p), **more, finding=verdict_words(found))


def simulated_table(study: GoodnessOfFit) -> pd.DataFrame:
    """Tidy: group, statistic, value of each replication, but for those of single
    states."""
    parts = [
        pd.DataFrame(
            {"group": group.name, "statistic": one.name, "value": group.simulated[:, k]}
        )
        for group in study.comparison.groups
        if group.name != "states"
        for k, one in enumerate(group.statistics)
    ]
    return pd.concat(parts, ignore_index=True)


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
    known = [
        [
            one
            for one in row
            if _rows(table, *one[:2])[["observed", "mean"]].notna().any().all()
        ]
        for row in ROWS
    ]
    rows = [row for row in known if row]
    height = TOP + PITCH * len(rows) + FOOT
    page = style.new_figure(WIDTH, height)
    page.set_layout_engine("none")
    for k, row in enumerate(rows):
        bottom = height - TOP - PITCH * k - TALL
        room, total = WIDTH - MARGIN - BESIDE * len(row), sum(one[2] for one in row)
        left = BESIDE  # room for ticks
        for group, only, share in row:
            wide = room * share / total
            ax = page.add_axes(
                (left / WIDTH, bottom / height, wide / WIDTH, TALL / height)
            )
            _panel(
                ax,
                _rows(table, group, only).dropna(subset="mean"),
                simulated,
                group,
                only,
            )
            left += BESIDE + wide
    bold: dict[str, Any] = {
        "fontsize": 13,
        "fontweight": "bold",
        "va": "top",
        "ha": "left",
    }
    page.suptitle(
        style.folded(say.first(table, "finding"), 96),
        x=0.012,
        y=1 - 0.1 / height,
        **bold,
    )
    count, n = (int(table[name].iloc[0]) for name in ("replications", "agreements"))
    words = (
        f"Dots: {say.plural(n, 'agreement')} on record, {say.first(table, 'span')}; vermilion: outside the 5-95 % band "
        f"of {say.plural(count, 'replication')} (violins; bars: mean and band). p: Mahalanobis Monte Carlo test of the "
        "panel's group of statistics; its title is vermilion at 0.05 or less. Two panels of one group share its p."
    )
    looks: dict[str, Any] = {
        "ha": "left",
        "va": "bottom",
        "fontsize": style.SMALL,
        "color": style.QUIET,
    }
    page.text(0.012, 0.1 / height, style.folded(words, 176), **looks)
    return page


def _rows(frame: pd.DataFrame, group: str, only: str) -> pd.DataFrame:
    rows = frame[frame["group"] == group]
    return rows[rows["statistic"] == only] if only else rows


def _outside(table: pd.DataFrame) -> pd.Series[bool]:
    return (table["observed"] < table["q05"]) | (table["observed"] > table["q95"])


def _dots(ax: style.Axes, x: Any, y: Any, table: pd.DataFrame, **looks: Any) -> None:
    """What was observed, a dot each: vermilion outside of its band."""
    for at, value, out in zip(x, y, _outside(table), strict=True):
        colour = style.VERMILION if out else style.INK
        ax.plot(
            at,
            value,
            "o",
            color=colour,
            markeredgecolor="white",
            markeredgewidth=0.7,
            **({"markersize": 6.5 if out else 5.5} | looks),
        )


def _panel(
    ax: style.Axes, rows: pd.DataFrame, simulated: pd.DataFrame, group: str, only: str
) -> None:
    at, floor = np.arange(len(rows), dtype=float), 0.5 if group in LOGS else -np.inf
    for x, row in zip(at, rows.to_dict("records"), strict=True):
        held = _rows(simulated, group, str(row["statistic"]))["value"].to_numpy(float)
        _violin(ax, x, np.maximum(held[np.isfinite(held)], floor), log=group in LOGS)
        low, high, mean = (max(row[key], floor) for key in ("q05", "q95", "mean"))
        ax.plot(
            [x, x],
            [low, high],
            color=style.BLUE,
            linewidth=2.4,
            solid_capstyle="butt",
            zorder=3,
        )
        ax.plot(
            [x - 0.16, x + 0.16],
            [mean, mean],
            color=style.BLUE,
            linewidth=1.6,
            zorder=3,
        )
    seen = np.maximum(rows["observed"].to_numpy(float), floor)
    if group not in ("kinds", "regimes") and len(rows) > 1:
        ax.plot(at, seen, color=style.INK, linewidth=1.2, zorder=4)
    _dots(ax, at, seen, rows, zorder=5)
    _dress(ax, rows, group, only)


def _violin(ax: style.Axes, x: float, held: Any, *, log: bool) -> None:
    """A Gaussian kernel density, on the scale of the axis, of what varies; cut at the
    extremes."""
    from scipy.stats import gaussian_kde

    z = np.log(held) if log else held
    if len(z) < 3 or np.ptp(z) < 1e-12:
        return
    grid = np.linspace(z.min(), z.max(), 80)
    density = gaussian_kde(z)(grid)
    width, y = 0.4 * density / density.max(), np.exp(grid) if log else grid
    ax.fill_betweenx(
        y, x - width, x + width, color=style.BLUE, alpha=0.22, linewidth=0, zorder=2
    )


def _dress(ax: style.Axes, rows: pd.DataFrame, group: str, only: str) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    p, count = float(rows["p"].iloc[0]), int(rows["replications"].iloc[0])
    tested, colour = (
        "not tested" if np.isnan(p) else p_words(p, count),
        style.VERMILION if p <= LEVEL else style.INK,
    )
    ax.set_title(
        f"{HEADS.get(only or group, TITLES[group])}\n{tested}",
        loc="left",
        pad=6,
        color=colour,
    )
    names = [
        SHORT.get(str(name), str(name)).removeprefix("at most ")
        for name in rows["statistic"]
    ]
    labels = [
        name.replace("more than ", "> ").replace(" or more", "+").replace("_", "\n")
        for name in names
    ]
    ax.set_xticks(range(len(rows)), labels if len(rows) > 1 else [""])
    ax.tick_params(axis="x", length=0)
    ax.set_xlabel(AXES.get(group, ""), fontsize=style.SMALL, color=style.QUIET)
    ax.set_xlim(-0.6, len(rows) - 0.4)
    if group in LOGS:
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter(
            FuncFormatter(lambda v, _: f"{v:,.0f}" if v >= 1 else "0")
        )
        ax.yaxis.set_minor_formatter(NullFormatter())
    else:
        ax.yaxis.set_major_locator(MaxNLocator(nbins=5))
        ax.yaxis.set_major_formatter(
            FuncFormatter(lambda v, _: f"{v:,.0f}" if abs(v) >= 10 else f"{v:g}")
        )
        if group != "modularity":
            ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
    ax.grid(axis="y", color=style.GRID, linewidth=0.7)


MOST = 30


def gof_states_table(study: GoodnessOfFit) -> pd.DataFrame:
    """Tidy: a row a state, the furthest from the simulated mean first."""
    found = study.comparison
    names = {
        one.name: say.printable(study.names.get(one.name, one.name))
        for one in found.states
    }
    rows = [(one.name, names[one.name], *_numbers(one)) for one in found.states]
    table = pd.DataFrame(rows, columns=["state", "name", *NUMBERS])
    return table.assign(span=span_words(found), replications=found.replications)


def gof_states_title(table: pd.DataFrame) -> str:
    """The finding: who signs furthest above and below what is simulated, and how many
    are outside their band."""
    gap = table["observed"] - table["mean"]
    above, below = (
        table.iloc[int(at)].to_dict() for at in (gap.argmax(), gap.argmin())
    )
    most, least = (
        f"{one['name']}: {say.number(one['observed'], 1)}" for one in (above, below)
    )
    expected = [f"{say.number(one['mean'], 1)} simulated" for one in (above, below)]
    outside = f"{int(_outside(table).sum())} of {say.plural(len(table), 'state')} lie outside the 5-95 % band"
    return f"{most} agreements a year, {expected[0]}; {least}, {expected[1]}. {outside}"


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
    rows = rows.assign(gap=rows["observed"] - rows["mean"]).sort_values(
        "gap", kind="stable"
    )
    at = np.arange(len(rows))
    ax.set_yticks(at, list(rows["name"]))
    ax.hlines(at, rows["q05"], rows["q95"], color=style.BLUE, alpha=0.35, linewidth=6)
    ax.plot(rows["mean"], at, "|", color=style.BLUE, markersize=10, markeredgewidth=2.2)
    _dots(ax, rows["observed"], at, rows, markersize=6.5, clip_on=False, zorder=4)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=style.GRID, linewidth=0.7)
    ax.set(xlabel="new agreements a year", xlim=(0, None), ylim=(-0.7, len(rows) - 0.3))
    runs, left = (
        say.plural(int(table["replications"].iloc[0]), "replication"),
        len(table) - len(rows),
    )
    under = f"Dots: on record, {say.first(table, 'span')}. Bars: 5-95 % band of {runs}; ticks: mean"
    more = (
        f" {say.plural(left, 'state')} nearer to the mean in the table."
        if left > 0
        else ""
    )
    small = f"Vermilion: outside the band. Of right models one state in ten is.{more}"
    return style.Words(gof_states_title(table), under, small, wrap=84)


def gof_residuals_table(study: GoodnessOfFit) -> pd.DataFrame:
    """Tidy: a row a step of the engine: agreements signed before it, integrated hazard,
    and their difference."""
    one = study.residuals
    if one is None:
        return pd.DataFrame()
    start = datetime.combine(one.start, datetime.min.time())
    days = [start + timedelta(days=float(day)) for day in one.day]
    numbers = {
        "signed": one.signed,
        "expected": one.expected,
        "residual": one.signed - one.expected,
    }
    return pd.DataFrame({"date": days} | numbers | {"finding": residual_words(one)})


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

    days, (upper, lower) = table["date"].to_numpy(), axes
    signed, expected = (
        table["signed"].to_numpy(float),
        table["expected"].to_numpy(float),
    )
    upper.step(days, signed, where="post", color=style.INK, linewidth=2.0)
    upper.plot(days, expected, color=style.BLUE, linewidth=2.0, linestyle=(0, (5, 2)))
    style.note(
        upper,
        f"on record: {signed[-1]:.0f}",
        (days[-1], signed[-1]),
        (6, 0),
        color=style.INK,
    )
    hazard = f"integrated\nhazard: {expected[-1]:.1f}"
    style.note(upper, hazard, (days[-1], expected[-1]), (6, -8), color=style.BLUE)
    half = 1.96 * np.sqrt(expected)
    lower.fill_between(days, -half, half, color=style.BLUE, alpha=0.18, linewidth=0)
    lower.axhline(0, color=style.QUIET, linewidth=0.8)
    lower.plot(
        days, signed - expected, color=style.INK, linewidth=1.8, drawstyle="steps-post"
    )
    for ax, label in (
        (upper, "agreements signed so far"),
        (lower, "martingale residual:\nsigned less expected"),
    ):
        ax.grid(axis="y", color=style.GRID, linewidth=0.7)
        ax.set(xlim=(days[0], days[-1]), ylabel=label)
    upper.set_ylim(bottom=0)
    locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    lower.xaxis.set_major_locator(locator)
    lower.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    small = (
        "The hazard is integrated along the record itself: beliefs, partners and experience are those of each day. "
        "Band: 95 % at each single date, if the model is right."
    )
    return style.Words(say.first(table, "finding"), "", small, 84, 118)
