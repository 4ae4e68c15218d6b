"""Scored forecasts: the model beside its baselines, and what was forecast against what
happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.evidence.forecast.score import (
    MEASURES,
    ForecastWayScores,
    ScoredForecasts,
    best_baseline,
)
from balance_sim.show.figures import style
from balance_sim.show.wording import (
    arm_words,
    capital,
    first,
    interval,
    number,
    plural,
    signed,
)
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
REFERENCE = "base_rate"
# Of each measure: how it is called, the score behind it, and the name of what the model
# gains in it.
OF_MEASURE = {
    "log_skill": ("log skill", "log_score", "log_skill"),
    "brier_skill": ("Brier skill", "brier", "brier_skill"),
    "average_precision_gain": (
        "average precision, gain",
        "average_precision",
        "average_precision",
    ),
    "auc_gain": ("AUC, gain", "auc", "auc"),
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
    rows = []
    for way in scored.ways:
        for name, held in way.scores.items():
            for measure in MEASURES:
                counts = [
                    held[key]
                    for key in (
                        "n",
                        "events",
                        "expected",
                        "minimum_detectable_log_skill",
                    )
                ]
                value = [
                    held[measure],
                    *held[f"{measure}_ci95"],
                    held[OF_MEASURE[measure][1]],
                ]
                rows.append([way.name, name, measure, *value, *counts])
        rows += _less_the_best(way)
    reference = str(scored.about.get("reference", "base rate"))
    return pd.DataFrame(rows, columns=COLUMNS).assign(reference=reference)


def _less_the_best(way: ForecastWayScores) -> list[list[object]]:
    """Rows of the model less the best baseline; none where there is none, or in a file
    without them."""
    best = best_baseline({name: held["log_skill"] for name, held in way.scores.items()})
    if best is None or not way.scores[best]["model_gains"]:
        return []
    gains, nan = way.scores[best]["model_gains"], float("nan")
    counts = [way.scores["model"][key] for key in ("n", "events")]
    return [
        [way.name, LESS + best, m, *gains[OF_MEASURE[m][2]], nan, *counts, nan, nan]
        for m in MEASURES
    ]


def scorecard_title(table: pd.DataFrame) -> str:
    """The finding, of the last way (the hardest): the model's log skill, and the best
    baseline's."""
    part = table[
        (table["way"] == table["way"].iloc[-1]) & (table["measure"] == "log_skill")
    ]
    model = part[part["forecast"] == "model"].iloc[0]
    way = "" if table["way"].nunique() == 1 else f", {arm_words(str(model['way']))},"
    words = f"The model{way} has log skill {_with_interval(model)}"
    less = part["forecast"].str.startswith(LESS)
    others = part[~part["forecast"].isin(["model", REFERENCE]) & ~less].dropna(
        subset=["value"]
    )
    if others.empty:
        return f"{words} over the {model['reference']}"
    best = others.sort_values(
        ["value", "forecast"], ascending=[False, True], kind="stable"
    ).iloc[0]
    words += f"; the best baseline, {arm_words(str(best['forecast']))}, {_with_interval(best)}"
    for gap in (
        part[less].dropna(subset=["value", "lo", "hi"]).head(1).to_dict("records")
    ):
        words += f"; the difference is {_with_interval(gap, signed)}"
        words += "" if gap["lo"] > 0 or gap["hi"] < 0 else ", which is not detectable"
    return words


def _with_interval(row: Any, told: Callable[[float, int], str] = number) -> str:
    return f"{told(float(row['value']), 3)} ({interval(float(row['lo']), float(row['hi']), 3)})"


@style.figure(
    "scorecard",
    "How much better than the base rate, and than the baselines?",
    scorecard_table,
    page=lambda table: style.panels(
        11.0, 2.6 + 0.46 * max(table["forecast"].nunique(), 2), 1, 4, sharey=True
    ),
    empty="No forecast was scored: there is nothing to show.",
    columns="way forecast measure value lo hi level expected",
)
def draw_scorecard(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A panel a measure, a line a forecast, a mark a way."""
    rank = {"model": 0, REFERENCE: 2}  # the baselines between them, differences last
    names = sorted(
        table["forecast"].unique(),
        key=lambda name: 3 if name.startswith(LESS) else rank.get(name, 1),
    )
    ways, less = (
        list(table["way"].unique()),
        sum(name.startswith(LESS) for name in names),
    )
    for ax, measure in zip(axes, MEASURES, strict=True):
        _scores(ax, table[table["measure"] == measure], names, ways)
        ax.set_title(OF_MEASURE[measure][0], loc="left", color=style.QUIET)
    axes[0].set_yticks(range(len(names)), [arm_words(one) for one in names[::-1]])
    for at in (-1, *range(less)):
        axes[0].get_yticklabels()[at].set_fontweight("bold")
    one = table.iloc[0]
    keys = " ".join(
        f"{('Circle' if k == 0 else 'Square')}: {arm_words(way)}."
        for k, way in enumerate(ways)
    )
    small = f"{keys} Line: 95 % CI over resampled dyads. Zero: the {one['reference']}; right is better. "
    small += f"{plural(int(one['n']), 'row')}, {plural(int(one['events']), 'agreement')} among them. "
    if less:
        small += "Under the line: the model less the best baseline by log skill, on the same resamples; open where it "
        small += "holds zero. "
    if np.isfinite(one["detectable"]):
        least = number(float(one["detectable"]), 3)
        small += f"A log skill below {least} would be missed 2 times in 10 or more."
    return style.Words(scorecard_title(table), "", small, 96, 144)


def _scores(
    ax: style.Axes, rows: pd.DataFrame, names: list[str], ways: list[str]
) -> None:
    ax.axvline(0, color=style.INK, linewidth=1)
    if less := sum(name.startswith(LESS) for name in names):
        ax.axhline(less - 0.5, color=style.QUIET, linewidth=0.8, clip_on=False)
    for k, way in enumerate(ways):
        colour, marker = LOOKS[k % len(LOOKS)]
        by_name = {
            row["forecast"]: row for row in rows[rows["way"] == way].to_dict("records")
        }
        for y, name in enumerate(names[::-1]):
            row, spot = (
                by_name.get(name),
                y + (0.0 if len(ways) == 1 else 0.16 - 0.32 * k),
            )
            if row is None:
                continue
            if not np.isfinite(row["value"]):
                ax.text(
                    0,
                    spot,
                    " undefined",
                    fontsize=style.SMALL,
                    va="center",
                    color=style.QUIET,
                )
                continue
            if row["hi"] > row["lo"]:
                ax.plot(
                    [row["lo"], row["hi"]],
                    [spot, spot],
                    color=colour,
                    linewidth=1.6,
                    solid_capstyle="butt",
                )
            clear = name.startswith(LESS) and (row["lo"] > 0 or row["hi"] < 0)
            face = colour if name == "model" or clear else "white"
            looks: dict[str, Any] = {
                "markerfacecolor": face,
                "markersize": 6,
                "markeredgewidth": 1.4,
            }
            ax.plot(row["value"], spot, marker, color=colour, **looks)
    ax.set_ylim(-0.6, len(names) - 0.4)
    style.bare_rows(ax)
    ax.locator_params(axis="x", nbins=5)


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
        {"way": way.name} | dict(one)
        for way in scored.ways
        for one in way.bins
        if one["n"] > 0
    ]
    if not rows:
        return pd.DataFrame(columns=BINS)
    table = pd.DataFrame(rows).astype({"n": int, "happened": int})
    n = table["n"].to_numpy(float)
    lo, hi = exact_share(table["happened"].to_numpy(float), n)
    return table.assign(
        lo=lo, hi=hi, forecast=table["expected"] / n, observed=table["happened"] / n
    )[BINS]


def agreeing(table: pd.DataFrame) -> pd.Series[bool]:
    """Bins whose interval holds the mean forecast."""
    return (table["lo"] <= table["forecast"]) & (table["forecast"] <= table["hi"])


def reliability_title(table: pd.DataFrame) -> str:
    """The finding, of the last way: agreements expected and made, and in how many bins
    they agree."""
    rows = table[table["way"] == table["way"].iloc[-1]]
    expected, happened = float(rows["expected"].sum()), int(rows["happened"].sum())
    way = "" if table["way"].nunique() == 1 else f"{arm_words(first(rows, 'way'))}: "
    words = f"{way}{number(expected, 0 if expected >= 10 else 1)} agreements expected, {happened:,} made"
    return f"{capital(words)}; forecast and share agree in {int(agreeing(rows).sum())} of {plural(len(rows), 'bin')}"


def _reliability_page(table: pd.DataFrame) -> list[style.Axes]:
    columns = table["way"].nunique()
    return style.panels(5.4 * columns + (1.6 if columns == 1 else 0), 6.0, 1, columns)


@style.figure(
    "reliability",
    "Does it happen as often as was forecast?",
    reliability_table,
    page=_reliability_page,
    empty="No probability was forecast: there is nothing to compare with what happened.",
)
def draw_reliability(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A panel a way, both axes logarithmic: forecast against share that happened; rows
    and agreements beneath."""
    ways = list(dict.fromkeys(table["way"]))
    seen = table[["forecast", "observed", "lo"]].to_numpy(float)
    floor = 0.5 * float(seen[seen > 0].min()) if (seen > 0).any() else 1e-4
    for ax, way in zip(axes, ways, strict=True):
        _bins(
            ax,
            table[table["way"] == way],
            floor,
            arm_words(way) if len(ways) > 1 else "",
        )
    axes[0].set_ylabel("share that made an agreement (log scale)")
    small = (
        "Dots: bins of dyads and years by their forecast; above: agreements made, of rows. Line: 95 % CI of the "
        "share; it holds the mean of forecasts that are right. Open: it misses the forecast. Triangle: none made."
    )
    return style.Words(
        reliability_title(table), "", small, *((88, 128) if len(ways) > 1 else (60, 84))
    )


def _bins(ax: style.Axes, rows: pd.DataFrame, floor: float, words: str) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    ax.plot([floor, 1], [floor, 1], color=style.INK, linewidth=1, linestyle=(0, (4, 3)))
    above: dict[str, Any] = {
        "xycoords": ("data", "axes fraction"),
        "rotation": 90,
        "ha": "center",
        "va": "bottom",
    }
    for row, agree in zip(rows.to_dict("records"), agreeing(rows), strict=True):
        x, none = max(row["forecast"], floor), row["observed"] <= 0
        ends = [max(row["lo"], floor), max(row["hi"], floor)]
        ax.plot([x, x], ends, color=style.BLUE, linewidth=1.6, solid_capstyle="butt")
        y, face = floor if none else row["observed"], style.BLUE if agree else "white"
        ax.plot(
            x,
            y,
            "v" if none else "o",
            color=style.BLUE,
            markerfacecolor=face,
            markersize=7,
            markeredgewidth=1.4,
            clip_on=False,
        )
        of = f"{row['n']:,}" if row["n"] < 10_000 else f"{row['n'] / 1000:.0f}k"
        style.note(
            ax,
            f"{row['happened']:,} of {of}",
            (x, 1.0),
            (0, 10),
            color=style.QUIET,
            **above,
        )
    ax.set(xscale="log", yscale="log", xlim=(floor, 1.0), ylim=(floor, 1.0))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("forecast, mean of the bin (log scale)")
    if words:
        ax.set_title(words, loc="left", color=style.QUIET, pad=70)
