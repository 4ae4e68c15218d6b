"""Scored forecasts: the model beside its baselines, and what was forecast against what
happened."""

from __future__ import annotations

from typing import Any

import pandas as pd

from balance_sim.evidence.forecast.lines import gain_words, words
from balance_sim.evidence.forecast.score import MODEL, best_baseline
from balance_sim.evidence.forecast.scored_files import WAYS, ScoredForecasts
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.stats.scores import exact_share

MEASURES = {
    "log_skill": "log skill",
    "brier_skill": "Brier skill",
    "average_precision_gain": "average precision, gain",
    "auc_gain": "AUC, gain",
}
LESS = "model less "
COLOURS = (style.BLUE, style.VERMILION)


def scorecard_table(scored: ScoredForecasts) -> pd.DataFrame:
    """Tidy: way, forecast, measure: skill or gain over the reference with 95 % CI
    (dyadic-robust); n rows scored, events among them, expected by the forecast;
    detectable: smallest log skill that such a sample would show 8 times in 10. Where
    there is a baseline but the reference, `model less <baseline>` of each way: what the
    model gains on the best of them by log skill."""
    rows: list[dict[str, Any]] = []
    for way in WAYS:
        scores = scored[way]
        best = best_baseline(scores)
        for name, row in scores.items():
            counts = {
                "n": row["n"],
                "events": row["events"],
                "expected": row["expected"],
            }
            counts["detectable"] = row["minimum_detectable_log_skill"]
            for measure in MEASURES:
                place = {"way": way, "forecast": name, "measure": measure}
                lo, hi = row[f"{measure}_ci95"]
                skill = {"value": row[measure], "lo": lo, "hi": hi}
                rows.append(place | skill | counts)
                if name == best:
                    gain = row["model_gains"][measure.removesuffix("_gain")]
                    lo, hi = gain["ci95"]
                    place["forecast"] = f"{LESS}{best}"
                    rows.append(place | {"value": gain["value"], "lo": lo, "hi": hi})
    return pd.DataFrame(rows).assign(finding=gain_words(scored[WAYS[-1]]))


def _scorecard_page(table: pd.DataFrame) -> list[style.Axes]:
    """A panel a measure."""
    height = 3.0 + 0.5 * table["forecast"].nunique()
    return style.panels(11.0, height, 1, len(MEASURES), sharey=True)


@style.figure(
    "scorecard",
    "How much better than the base rate, and than the baselines?",
    scorecard_table,
    page=_scorecard_page,
    empty="No forecast was scored: there is nothing to show.",
    columns="way forecast measure value lo hi expected",
)
def draw_scorecard(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A panel a measure, a line a forecast, a colour a way: the model above, the
    baselines beneath it, and differences last."""
    names, ways = list(table["forecast"].unique()), list(table["way"].unique())
    names.sort(key=lambda name: (name.startswith(LESS), name != MODEL))
    for ax, (measure, title) in zip(axes, MEASURES.items(), strict=True):
        heights = style.row_axis(ax, [words(name) for name in names])
        ax.axvline(0, color=style.INK, linewidth=1)
        ax.locator_params(axis="x", nbins=5)
        ax.set_title(title, loc="left", color=style.QUIET)
        for row in table[table["measure"] == measure].to_dict("records"):
            number = ways.index(row["way"])
            y = heights[names.index(row["forecast"])] - 0.3 * number
            style.whisker(ax, y, row, COLOURS[number], width=1.6, value="value")
    count = table.iloc[0]
    colours = zip(("Blue", "Vermilion"), ways, strict=False)
    keys = " ".join(f"{colour}: {say.arm_words(way)}." for colour, way in colours)
    small = (
        f"{keys} Line: 95 % CI, in which dyads that share a state vary together. "
        f"Zero: the base rate; right is better. {say.plural(int(count['n']), 'row')}, "
        f"{say.plural(int(count['events']), 'agreement')} among them. Last: the model "
        "less the best baseline by log skill."
    )
    return style.Words(say.first(table, "finding"), "", small)


def reliability_table(scored: ScoredForecasts) -> pd.DataFrame:
    """Tidy: a row a way and bin of the model's probabilities [low, high): n rows in it,
    their mean forecast, the share that happened with its 95 % CI (Clopper, Pearson),
    and both as counts."""
    bins = scored["about"]["calibration"]
    frames = [pd.DataFrame(bins[way]).assign(way=way) for way in WAYS]
    table = pd.concat(frames, ignore_index=True)
    table = table[table["n"] > 0]
    n, happened = table["n"].to_numpy(float), table["happened"].to_numpy(float)
    lo, hi = exact_share(happened, n)
    forecast, observed = table["expected"] / n, table["happened"] / n
    return table.assign(lo=lo, hi=hi, forecast=forecast, observed=observed)


def agreeing(table: pd.DataFrame) -> pd.Series[bool]:
    """Bins whose interval holds the mean forecast."""
    return table["forecast"].between(table["lo"], table["hi"])


def reliability_title(table: pd.DataFrame) -> str:
    """The finding, of the last way: agreements expected and made, and in how many bins
    they agree."""
    rows = table[table["way"] == table["way"].iloc[-1]]
    expected, happened = float(rows["expected"].sum()), int(rows["happened"].sum())
    number = say.number(expected, 0 if expected >= 10 else 1)
    bins = f"{int(agreeing(rows).sum())} of {say.plural(len(rows), 'bin')}"
    counts = f"{number} agreements expected, {happened:,} made"
    return f"{counts}; forecast and share agree in {bins}"


def _reliability_page(table: pd.DataFrame) -> list[style.Axes]:
    """A panel a way."""
    columns = table["way"].nunique()
    return style.panels(max(7.0, 5.4 * columns), 6.0, 1, columns)


@style.figure(
    "reliability",
    "Does it happen as often as was forecast?",
    reliability_table,
    page=_reliability_page,
    empty="No probability was forecast: there is nothing to compare.",
    columns="way low high n forecast observed lo hi expected happened",
)
def draw_reliability(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A panel a way, both axes logarithmic: forecast against share that happened, with
    its CI; agreements made above."""
    shares = table[["forecast", "observed", "lo"]].to_numpy(float)
    floor = 0.5 * float(shares[shares > 0].min(initial=2e-4))
    above: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "rotation": 90}
    above |= {"ha": "center", "va": "bottom", "color": style.QUIET}
    ways = table.groupby("way", sort=False)
    for ax, (way, rows) in zip(axes, ways, strict=True):
        ax.plot([floor, 1], [floor, 1], color=style.INK, lw=1, ls=style.DASHES)
        for row in rows.assign(agrees=agreeing(rows)).to_dict("records"):
            x, y = max(row["forecast"], floor), max(row["observed"], floor)
            ends = [max(row["lo"], floor), max(row["hi"], floor)]
            ax.plot([x, x], ends, color=style.BLUE, lw=1.6)
            face = style.BLUE if row["agrees"] else "white"
            dot: dict[str, Any] = {"color": style.BLUE, "mfc": face, "ms": 7}
            ax.plot(x, y, "o", clip_on=False, **dot)
            count = f"{row['happened']:,.0f} of {row['n']:,.0f}"
            style.note(ax, count, (x, 1.0), (0, 10), **above)
        ax.set(xscale="log", yscale="log", xlim=(floor, 1.0), ylim=(floor, 1.0))
        ax.set_title(say.arm_words(str(way)), loc="left", color=style.QUIET, pad=70)
        ax.set_xlabel("forecast, mean of the bin")
    axes[0].set_ylabel("share that made an agreement")
    small = (
        "Dots: bins of dyads and years by their forecast, on log scales; above: "
        "agreements made, of rows. Line: 95 % CI of the share; it holds the mean of "
        "forecasts that are right. Open: it misses the forecast."
    )
    return style.Words(reliability_title(table), "", small)
