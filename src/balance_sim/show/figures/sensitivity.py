"""Sobol and Morris indices as bars: which factor of a sweep matters how much, for the effect and for the level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.show import wording as say
from balance_sim.show.figures import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from balance_sim.results.sweep_result import SweepResult

INDICES = [
    "factor", "index", "value", "lo", "hi", "of", "arm", "outcome", "method", "samples", "share", "share_lo",
    "share_hi", "title",
]  # fmt: skip
NAMES = {"sobol": ("first", "total"), "morris": ("mu_star", "sigma")}
WORDS = {
    "first": "first, alone",
    "total": "total, with all it takes part in",
    "mu_star": "mu star, mean size of a step",
    "sigma": "sigma, its spread",
}
REACH = (-0.25, 1.25)  # of the picture of a share, which lies between 0 and 1
MOST_FACTORS = 16


def indices_table(result: SweepResult) -> pd.DataFrame:
    """Tidy: Sobol (first, total) or Morris (mu_star, sigma) indices with 95 % CIs, of the headline arm's effect and of
    its mean. samples: base samples or trajectories. share: part of the variance over points and replications that is
    parametric, with its CI; the rest is Monte Carlo."""
    from balance_sim.analysis.sensitivity import sensitivity
    from balance_sim.pool.errors import WrongRequest

    method, arm = result.manifest.design.method, result.headline_arm
    if method not in NAMES or arm is None:
        return pd.DataFrame()
    try:
        found = sensitivity(result, [result.headline_outcome])
    except WrongRequest:  # no replication has finished
        return pd.DataFrame()
    if found.indices.empty:
        return pd.DataFrame()
    shares = found.split[found.split["arm"] == arm].set_index("of")
    out: list[dict[str, Any]] = []
    for row in found.indices[found.indices["arm"] == arm].to_dict("records"):
        more = {f"share{end}": shares.loc[row["of"], f"share_parameters{end}"] for end in ("", "_lo", "_hi")}
        more |= {"method": method, "samples": row["samples" if method == "sobol" else "trajectories"]}
        for name in NAMES[method]:
            numbers = {"value": row[name], "lo": row[f"{name}_lo"], "hi": row[f"{name}_hi"], "index": name}
            out.append({key: row[key] for key in ("factor", "arm", "outcome", "of")} | numbers | more)
    return pd.DataFrame(out).assign(title=say.arm_title(result.scenario, arm))[INDICES]


def main_index(table: pd.DataFrame) -> pd.DataFrame:
    """The rows by which factors are ordered: total, or mu_star; largest first, ties by name."""
    rows = table[table["index"] == ("total" if say.first(table, "method") == "sobol" else "mu_star")]
    return rows.sort_values(["value", "factor"], ascending=[False, True], kind="stable")


def indices_title(table: pd.DataFrame) -> str:
    """The finding: the factor with the largest index of the effect, if it and the factors' share can be detected: of a
    variance that is all Monte Carlo an index says nothing."""
    rows = main_index(table[table["of"] == "effect"])
    name = "total index" if say.first(rows, "method") == "sobol" else "mean step"
    sure = rows[(rows["lo"] > 0) & (rows["share_lo"] > 0)]
    if (rows["value"].fillna(0.0) == 0).all():  # Sobol's are undefined then
        return "No factor changes the effect at any point"
    top = (sure if len(sure) else rows).iloc[0]
    value, lo, hi = (float(top[column]) for column in ("value", "lo", "hi"))
    places, factor = say.digits(value), say.factor_words(str(top["factor"]))
    known = f"95 % CI {say.interval(lo, hi, places)}" if np.isfinite(lo) else "too few samples for a CI"
    size = f"{name} {say.number(value, places)}, {known}"
    if len(sure):
        return f"{factor} moves the effect most ({size})"
    return f"No factor has a detectable part in the effect; largest: {factor} ({size})"


def _shown_count(table: pd.DataFrame) -> int:
    return min(table["factor"].nunique(), MOST_FACTORS)


@style.figure(
    "indices", "Which factor matters how much?", indices_table,
    fits=lambda result: result.manifest.design.method in NAMES,
    page=lambda table: style.panels(10.4, 2.7 + 0.56 * max(_shown_count(table), 2), 1, 2, sharey=True),
    empty="Not a Sobol or Morris design, or too few samples are finished: there are no indices to show.",
)  # fmt: skip
def draw_indices(axes: list[Axes], table: pd.DataFrame) -> style.Words:
    """Left the effect, right the level: two bars a factor with their intervals."""
    count, method = _shown_count(table), say.first(table, "method")
    order, sobol = main_index(table[table["of"] == "effect"])["factor"].tolist()[:count], method == "sobol"
    for ax, of, words in zip(axes, ("effect", "mean"), ("effect", "level"), strict=True):
        rows = table[table["of"] == of]
        cut = _bars(ax, rows, order, method)
        title = style.folded(f"{words}, {say.first(table, 'title')}{_share(rows)}", 46)
        ax.set_title(title, loc="left", color=style.QUIET)
        ax.set_xlabel("share of the variance" if sobol else "steps in the outcome, over the factor's range")
        if cut:
            edge: dict[str, Any] = {"xycoords": "axes fraction", "ha": "right", "va": "baseline", "color": style.QUIET}
            style.note(ax, "lines go on beyond the edge", (1.0, 1.0), (0, 2), **edge)
    axes[0].set_yticks(range(len(order)), [style.folded(say.factor_words(f), 26) for f in order[::-1]])
    samples, left = int(table["samples"].iloc[0]), table["factor"].nunique() - count
    kind = f"Sobol, {samples} base samples" if sobol else f"Morris, {samples} trajectories"
    plain, hatched = (WORDS[name] for name in NAMES[method])
    small = f"{kind}; {say.outcome_words(say.first(table, 'outcome'))}. Plain bar: {plain}; hatched: {hatched}. "
    how = "bootstrap over the samples" if sobol else "over trajectories"
    small += f"Line: 95 % CI ({how}); grey bar: it holds zero"
    small += ", or there are too few samples for one. " if table["lo"].isna().any() else ". "
    small += "An index below 0 or above 1 says that there are too few samples or replications." if sobol else ""
    small += f" {left} more factors are in the table." if left else ""
    return style.Words(indices_title(table), "", small, 84, 132)


def _share(rows: pd.DataFrame) -> str:
    row = rows.iloc[0]
    if not np.isfinite(row["share"]):
        return ""
    if row["share"] <= 0 or not row["share_lo"] > 0:
        return ": no detectable parametric part of the variance"
    return f": {say.percent(float(row['share']))} of the variance is parametric, the rest Monte Carlo"


def _bars(ax: Axes, rows: pd.DataFrame, order: list[str], method: str) -> bool:
    """Bars of one quantity; whether some line was cut at the edge of the picture."""
    most = 1.08 * float(np.nanmax(rows[["value", "hi"]].to_numpy(float))) or 1.0
    low, high = REACH if method == "sobol" else (0.0, most)
    cut = False
    for k, (name, colour) in enumerate(zip(NAMES[method], (style.BLUE, style.OTHERS[0][0]), strict=True)):
        part = rows[rows["index"] == name].set_index("factor")
        for y, factor in enumerate(order[::-1]):
            value, lo, hi = part.loc[factor, ["value", "lo", "hi"]].to_numpy(float)
            spot = y + 0.2 - 0.4 * k
            holds_zero = not lo > 0  # or has no interval
            ax.barh(spot, float(np.clip(value, low, high)), height=0.36, color="#d0d0d0" if holds_zero else colour,
                    edgecolor="white" if k and not holds_zero else colour, hatch="//" if k else "",
                    linewidth=0.8)  # fmt: skip
            if np.isfinite(lo) and hi > lo:
                cut = cut or bool(lo < low or hi > high)
                ends = np.clip([lo, hi], low, high)
                ax.plot(ends, [spot, spot], color=style.INK, linewidth=1.3, solid_capstyle="butt")
    ax.axvline(0, color=style.INK, linewidth=1)
    if method == "sobol":
        ax.axvline(1, color=style.QUIET, linewidth=0.8, linestyle=(0, (1, 2)))
    ax.set(xlim=(low, high), ylim=(-0.6, len(order) - 0.4))
    ax.tick_params(axis="y", length=0)
    return cut
