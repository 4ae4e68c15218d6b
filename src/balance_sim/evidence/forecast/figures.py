"""Scored forecasts: what was forecast against what happened."""

from __future__ import annotations

from typing import Any

import pandas as pd

from balance_sim.evidence.forecast.score import WAY
from balance_sim.show import wording as say
from balance_sim.show.figures import style


def reliability_of(scored: dict[str, Any]) -> pd.DataFrame:
    """Tidy: a row a bin of the model's probabilities, as `evidence.scores` has it."""
    return pd.DataFrame(scored["about"]["calibration"][WAY])


def agreeing(table: pd.DataFrame) -> pd.Series[bool]:
    """Bins whose interval holds the mean forecast."""
    return table["forecast"].between(table["observed_low"], table["observed_high"])


def reliability_title(table: pd.DataFrame) -> str:
    """The finding: agreements expected and made, and in how many bins they agree."""
    expected, happened = float(table["expected"].sum()), int(table["happened"].sum())
    number = say.number(expected, 0 if expected >= 10 else 1)
    bins = f"{int(agreeing(table).sum())} of {say.plural(len(table), 'bin')}"
    counts = f"{number} agreements expected, {happened:,} made"
    return f"{counts}; forecast and share agree in {bins}"


@style.figure(
    "reliability",
    "Does it happen as often as was forecast?",
    reliability_of,
    page=lambda _: style.panels(),
    empty="No probability was forecast: there is nothing to compare.",
    columns="low high n forecast observed observed_low observed_high expected happened",
)
def draw_reliability(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Both axes logarithmic: forecast against share that happened, with its CI;
    agreements made above."""
    ax = axes[0]
    shares = table[["forecast", "observed", "observed_low"]].to_numpy(float)
    floor = 0.5 * float(shares[shares > 0].min(initial=2e-4))
    above: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "rotation": 90}
    above |= {"ha": "center", "va": "bottom", "color": style.QUIET}
    ax.plot([floor, 1], [floor, 1], color=style.INK, lw=1, ls=style.DASHES)
    for row in table.assign(agrees=agreeing(table)).to_dict("records"):
        x, y = max(row["forecast"], floor), max(row["observed"], floor)
        ends = [max(row[end], floor) for end in ("observed_low", "observed_high")]
        ax.plot([x, x], ends, color=style.BLUE, lw=1.6)
        face = style.BLUE if row["agrees"] else "white"
        dot: dict[str, Any] = {"color": style.BLUE, "mfc": face, "ms": 7}
        ax.plot(x, y, "o", clip_on=False, **dot)
        style.note(
            ax, f"{row['happened']:,.0f} of {row['n']:,.0f}", (x, 1.0), (0, 10), **above
        )
    ax.set(xscale="log", yscale="log", xlim=(floor, 1.0), ylim=(floor, 1.0))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    ax.set_xlabel("forecast, mean of the bin")
    ax.set_ylabel("share that made an agreement")
    small = (
        "Dots: bins of dyads and years by their forecast, on log scales; above: "
        "agreements made, of rows. Line: 95 % CI of the share; it holds the mean of "
        "forecasts that are right. Open: it misses the forecast."
    )
    return style.Words(reliability_title(table), "", small)
