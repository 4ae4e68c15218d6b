"""Scored forecasts: the model beside its baselines, and what was forecast against what
happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from balance_sim.evidence.forecast.score import MODEL, REFERENCE, best_baseline
from balance_sim.evidence.forecast.scored_files import (
    ForecastWayScores,
    ScoredForecasts,
)
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.stats.scores import exact_share

COLUMNS = [
    "way",
    "forecast",
    "measure",
    "value",
    "lo",
    "hi",
    "level",
    "n",
    "events",
    "expected",
    "detectable",
]


class Measure(NamedTuple):
    """How a skill is called, the score behind it, and the name of what the model gains
    in it."""

    title: str
    score: str
    gain: str


MEASURES = {
    "log_skill": Measure("log skill", "log_score", "log_skill"),
    "brier_skill": Measure("Brier skill", "brier", "brier_skill"),
    "average_precision_gain": Measure(
        "average precision, gain", "average_precision", "average_precision"
    ),
    "auc_gain": Measure("AUC, gain", "auc", "auc"),
}
LESS = "model less "
LOOKS = ((style.BLUE, "o"), (style.VERMILION, "s"))


def scorecard_table(scored: ScoredForecasts) -> pd.DataFrame:
    """Tidy: way, forecast, measure: skill or gain over the reference with 95 % CI
    (bootstrap over dyads), level: the score itself; n rows scored, events among them,
    expected by the forecast; detectable: smallest log skill that such a sample would
    show 8 times in 10. Where there is a baseline but the reference, `model less
    <baseline>` of each way: what the model gains on the best of them by log skill, on
    the same resamples."""
    rows: list[list[object]] = []
    for way in scored.ways:
        for name, scores in way.scores.items():
            counts = [scores.n, scores.events, scores.expected]
            counts.append(scores.minimum_detectable_log_skill)
            for measure, titles in MEASURES.items():
                level = getattr(scores, titles.score)
                numbers = [*scores.skill(measure), level, *counts]
                rows.append([way.name, name, measure, *numbers])
        rows += _model_less_best(way)
    reference = str(scored.about.get("reference", "base rate"))
    return pd.DataFrame(rows, columns=COLUMNS).assign(reference=reference)


def _model_less_best(way: ForecastWayScores) -> list[list[object]]:
    """Rows of the model less the best baseline; none where there is none, or in a file
    without them."""
    best = best_baseline({name: row.log_skill for name, row in way.scores.items()})
    gains = None if best is None else way.scores[best].model_gains
    if best is None or gains is None:
        return []
    model, nan = way.scores[MODEL], float("nan")
    rows: list[list[object]] = []
    for measure, titles in MEASURES.items():
        gain = getattr(gains, titles.gain)
        numbers = [*gain.numbers, nan, model.n, model.events, nan, nan]
        rows.append([way.name, LESS + best, measure, *numbers])
    return rows


def scorecard_title(table: pd.DataFrame) -> str:
    """The finding, of the last way (the hardest): the model's log skill, and the best
    baseline's."""
    is_last = table["way"] == table["way"].iloc[-1]
    skills = table[is_last & (table["measure"] == "log_skill")]
    skills = skills.dropna(subset=["value"])
    forecast = table["forecast"].loc[skills.index]
    model = table[is_last & (table["forecast"] == MODEL)].iloc[0]
    way = "" if table["way"].nunique() == 1 else f", {say.arm_words(model['way'])},"
    words = f"The model{way} has log skill {_with_interval(model)}"
    is_difference = forecast.str.startswith(LESS)
    baselines = skills[~forecast.isin([MODEL, REFERENCE]) & ~is_difference]
    if baselines.empty:
        return f"{words} over the {model['reference']}"
    order: dict[str, Any] = {"ascending": [False, True], "kind": "stable"}
    best = baselines.sort_values(["value", "forecast"], **order).iloc[0]
    name = say.arm_words(str(best["forecast"]))
    words += f"; the best baseline, {name}, {_with_interval(best)}"
    difference = skills[is_difference].dropna(subset=["lo", "hi"])
    if len(difference):
        gap = difference.iloc[0]
        words += f"; the difference is {_with_interval(gap, say.signed)}"
        if not _is_clear(gap):
            words += ", which is not detectable"
    return words


def _with_interval(row: Any, as_words: Callable[[float, int], str] = say.number) -> str:
    bounds = say.interval(float(row["lo"]), float(row["hi"]), 3)
    return f"{as_words(float(row['value']), 3)} ({bounds})"


def _is_clear(row: Any) -> bool:
    """Whether the interval of a row excludes zero."""
    return bool(row["lo"] > 0 or row["hi"] < 0)


def _scorecard_page(table: pd.DataFrame) -> list[style.Axes]:
    height = 2.6 + 0.46 * max(table["forecast"].nunique(), 2)
    return style.panels(11.0, height, 1, 4, sharey=True)


@style.figure(
    "scorecard",
    "How much better than the base rate, and than the baselines?",
    scorecard_table,
    page=_scorecard_page,
    empty="No forecast was scored: there is nothing to show.",
    columns="way forecast measure value lo hi level expected",
)
def draw_scorecard(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A panel a measure, a line a forecast, a mark a way: the model above, the
    baselines between it and the reference, and differences last."""
    names = sorted(table["forecast"].unique(), key=_rank)
    ways = list(table["way"].unique())
    differences = sum(name.startswith(LESS) for name in names)
    for ax, (measure, words) in zip(axes, MEASURES.items(), strict=True):
        _draw_skills(ax, table[table["measure"] == measure], names, ways)
        ax.set_title(words.title, loc="left", color=style.QUIET)
    axes[0].set_yticks(range(len(names)), [say.arm_words(name) for name in names[::-1]])
    labels = axes[0].get_yticklabels()
    for label in (labels[-1], *labels[:differences]):
        label.set_fontweight("bold")
    row = table.iloc[0]
    marks = zip(("Circle", "Square"), ways, strict=False)
    keys = " ".join(f"{mark}: {say.arm_words(way)}." for mark, way in marks)
    rows = say.plural(int(row["n"]), "row")
    events = say.plural(int(row["events"]), "agreement")
    small = (
        f"{keys} Line: 95 % CI over resampled dyads. Zero: the {row['reference']}; "
        f"right is better. {rows}, {events} among them. "
    )
    if differences:
        small += (
            "Under the line: the model less the best baseline by log skill, on the "
            "same resamples; open where it holds zero. "
        )
    if np.isfinite(row["detectable"]):
        skill = say.number(float(row["detectable"]), 3)
        small += f"A log skill below {skill} would be missed 2 times in 10 or more."
    return style.Words(scorecard_title(table), "", small, 96, 144)


def _rank(name: str) -> int:
    if name.startswith(LESS):
        return 3
    return {MODEL: 0, REFERENCE: 2}.get(name, 1)


def _draw_skills(
    ax: style.Axes, rows: pd.DataFrame, names: list[str], ways: list[str]
) -> None:
    ax.axvline(0, color=style.INK, linewidth=1)
    differences = sum(name.startswith(LESS) for name in names)
    if differences:
        ax.axhline(differences - 0.5, color=style.QUIET, linewidth=0.8, clip_on=False)
    heights = {name: y for y, name in enumerate(names[::-1])}
    for row in rows.to_dict("records"):
        number = ways.index(row["way"])
        shift = 0.0 if len(ways) == 1 else 0.16 - 0.32 * number
        _draw_skill(ax, row, heights[row["forecast"]] + shift, LOOKS[number])
    ax.set_ylim(-0.6, len(names) - 0.4)
    style.bare_rows(ax)
    ax.locator_params(axis="x", nbins=5)


def _draw_skill(ax: style.Axes, row: Any, y: float, look: tuple[str, str]) -> None:
    colour, marker = look
    if not np.isfinite(row["value"]):
        small: dict[str, Any] = {"fontsize": style.SMALL, "color": style.QUIET}
        ax.text(0, y, " undefined", va="center", **small)
        return
    if row["hi"] > row["lo"]:
        line: dict[str, Any] = {"linewidth": 1.6, "solid_capstyle": "butt"}
        ax.plot([row["lo"], row["hi"]], [y, y], color=colour, **line)
    name = row["forecast"]
    is_filled = name == MODEL or (name.startswith(LESS) and _is_clear(row))
    face = colour if is_filled else "white"
    ax.plot(row["value"], y, marker, color=colour, mfc=face, ms=6, mew=1.4)


BINS = [
    "way",
    "low",
    "high",
    "n",
    "forecast",
    "observed",
    "lo",
    "hi",
    "expected",
    "happened",
]


def reliability_table(scored: ScoredForecasts) -> pd.DataFrame:
    """Tidy: a row a way and bin of the model's probabilities [low, high): n rows in it,
    their mean forecast, the share that happened with its 95 % CI (Clopper, Pearson),
    and both as counts."""
    rows = [
        {"way": way.name} | row.model_dump()
        for way in scored.ways
        for row in way.bins
        if row.n > 0
    ]
    if not rows:
        return pd.DataFrame(columns=BINS)
    table = pd.DataFrame(rows).astype({"n": int, "happened": int})
    n, happened = table["n"].to_numpy(float), table["happened"].to_numpy(float)
    lo, hi = exact_share(happened, n)
    forecast, observed = table["expected"] / n, table["happened"] / n
    return table.assign(lo=lo, hi=hi, forecast=forecast, observed=observed)[BINS]


def agreeing(table: pd.DataFrame) -> pd.Series[bool]:
    """Bins whose interval holds the mean forecast."""
    return table["forecast"].between(table["lo"], table["hi"])


def reliability_title(table: pd.DataFrame) -> str:
    """The finding, of the last way: agreements expected and made, and in how many bins
    they agree."""
    rows = table[table["way"] == table["way"].iloc[-1]]
    expected, happened = float(rows["expected"].sum()), int(rows["happened"].sum())
    number = say.number(expected, 0 if expected >= 10 else 1)
    words = f"{number} agreements expected, {happened:,} made"
    if table["way"].nunique() > 1:
        words = f"{say.arm_words(say.first(rows, 'way'))}: {words}"
    bins = f"{int(agreeing(rows).sum())} of {say.plural(len(rows), 'bin')}"
    return f"{say.capital(words)}; forecast and share agree in {bins}"


def _reliability_page(table: pd.DataFrame) -> list[style.Axes]:
    columns = table["way"].nunique()
    width = 7.0 if columns == 1 else 5.4 * columns
    return style.panels(width, 6.0, 1, columns)


@style.figure(
    "reliability",
    "Does it happen as often as was forecast?",
    reliability_table,
    page=_reliability_page,
    empty="No probability was forecast: there is nothing to compare.",
)
def draw_reliability(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A panel a way, both axes logarithmic: forecast against share that happened; rows
    and agreements beneath."""
    ways = list(dict.fromkeys(table["way"]))
    shares = table[["forecast", "observed", "lo"]].to_numpy(float)
    floor = 1e-4
    if (shares > 0).any():
        floor = 0.5 * float(shares[shares > 0].min())
    for ax, way in zip(axes, ways, strict=True):
        _draw_bins(ax, table[table["way"] == way], floor)
        if len(ways) > 1:
            ax.set_title(say.arm_words(way), loc="left", color=style.QUIET, pad=70)
    axes[0].set_ylabel("share that made an agreement (log scale)")
    small = (
        "Dots: bins of dyads and years by their forecast; above: agreements made, of "
        "rows. Line: 95 % CI of the share; it holds the mean of forecasts that are "
        "right. Open: it misses the forecast. Triangle: none made."
    )
    wrap, small_wrap = (88, 128) if len(ways) > 1 else (60, 84)
    return style.Words(reliability_title(table), "", small, wrap, small_wrap)


def _draw_bins(ax: style.Axes, rows: pd.DataFrame, floor: float) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    ax.plot([floor, 1], [floor, 1], color=style.INK, lw=1, ls=(0, (4, 3)))
    above: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "rotation": 90}
    above |= {"ha": "center", "va": "bottom", "color": style.QUIET}
    for row, agrees in zip(rows.to_dict("records"), agreeing(rows), strict=True):
        x = max(row["forecast"], floor)
        ends = [max(row["lo"], floor), max(row["hi"], floor)]
        ax.plot([x, x], ends, color=style.BLUE, lw=1.6, solid_capstyle="butt")
        marker, y = "v", floor
        if row["observed"] > 0:
            marker, y = "o", row["observed"]
        face = style.BLUE if agrees else "white"
        dot: dict[str, Any] = {"color": style.BLUE, "mfc": face, "ms": 7, "mew": 1.4}
        ax.plot(x, y, marker, clip_on=False, **dot)
        count = f"{row['n']:,}"
        if row["n"] >= 10_000:
            count = f"{row['n'] / 1000:.0f}k"
        style.note(ax, f"{row['happened']:,} of {count}", (x, 1.0), (0, 10), **above)
    ax.set(xscale="log", yscale="log", xlim=(floor, 1.0), ylim=(floor, 1.0))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("forecast, mean of the bin (log scale)")
