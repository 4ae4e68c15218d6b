"""Sobol and Morris indices as bars: which factor of a sweep matters how much, for the effect and for the level."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.results.sweep_result import SweepResult
from balance_sim.show import wording as say
from balance_sim.show.figures import style

INDICES = [
    "factor", "index", "value", "lo", "hi", "of", "arm", "outcome", "method", "samples", "share", "share_lo",
    "share_hi", "title",
]  # fmt: skip
METHODS: dict[str | None, dict[str, Any]] = {
    "sobol": {
        "bars": {"first": "first, alone", "total": "total, with all it takes part in"}, "main": "total",
        "size": "total index", "count": "samples", "kind": "Sobol, {} base samples",
        "how": "bootstrap over the samples", "axis": "share of the variance",
        "more": "An index below 0 or above 1 says that there are too few samples or replications.",
    },
    "morris": {
        "bars": {"mu_star": "mu star, mean size of a step", "sigma": "sigma, its spread"}, "main": "mu_star",
        "size": "mean step", "count": "trajectories", "kind": "Morris, {} trajectories",
        "how": "over trajectories", "axis": "steps in the outcome, over the factor's range", "more": "",
    },
}  # fmt: skip
"""By method: its indices, a bar each, with what they are; by which of them factors are ordered; words."""
REACH = (-0.25, 1.25)  # of the picture of a share, which lies between 0 and 1
MOST_FACTORS = 16


def indices_table(result: SweepResult) -> pd.DataFrame:
    """Tidy: Sobol (first, total) or Morris (mu_star, sigma) indices with 95 % CIs, of the headline arm's effect and of
    its mean. samples: base samples or trajectories. share: part of the variance over points and replications that is
    parametric, with its CI; the rest is Monte Carlo."""
    from balance_sim.analysis.sensitivity import sensitivity
    from balance_sim.pool.errors import WrongRequest

    method, arm = result.manifest.design.method, result.headline_arm
    if method not in METHODS or arm is None:
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
        more |= {"method": method, "samples": row[METHODS[method]["count"]]}
        for name in METHODS[method]["bars"]:
            numbers = {"value": row[name], "lo": row[f"{name}_lo"], "hi": row[f"{name}_hi"], "index": name}
            out.append({key: row[key] for key in ("factor", "arm", "outcome", "of")} | numbers | more)
    return pd.DataFrame(out).assign(title=say.arm_title(result.scenario, arm))[INDICES]


def main_index(table: pd.DataFrame) -> pd.DataFrame:
    """The rows by which factors are ordered: total, or mu_star; largest first, ties by name."""
    rows = table[table["index"] == str(METHODS[say.first(table, "method")]["main"])]
    return rows.sort_values(["value", "factor"], ascending=[False, True], kind="stable")


def indices_title(table: pd.DataFrame) -> str:
    """The finding: the factor with the largest index of the effect, if it and the factors' share can be detected: of a
    variance that is all Monte Carlo an index says nothing."""
    rows = main_index(table[table["of"] == "effect"])
    sure = rows[(rows["lo"] > 0) & (rows["share_lo"] > 0)]
    if (rows["value"].fillna(0.0) == 0).all():  # Sobol's are undefined then
        return "No factor changes the effect at any point"
    top = (sure if len(sure) else rows).iloc[0]
    value, lo, hi = (float(top[column]) for column in ("value", "lo", "hi"))
    places, factor = say.digits(value), say.factor_words(str(top["factor"]))
    known = f"95 % CI {say.interval(lo, hi, places)}" if np.isfinite(lo) else "too few samples for a CI"
    size = f"{METHODS[top['method']]['size']} {say.number(value, places)}, {known}"
    if len(sure):
        return f"{factor} moves the effect most ({size})"
    return f"No factor has a detectable part in the effect; largest: {factor} ({size})"


@style.figure(
    "indices", "Which factor matters how much?", indices_table,
    fits=lambda result: result.manifest.design.method in METHODS,
    page=lambda found: style.panels(
        10.4, 2.7 + 0.56 * max(min(found["factor"].nunique(), MOST_FACTORS), 2), 1, 2, sharey=True
    ),
    empty="Not a Sobol or Morris design, or too few samples are finished: there are no indices to show.",
)  # fmt: skip
def draw_indices(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Left the effect, right the level: two bars a factor with their intervals."""
    method = METHODS[say.first(table, "method")]
    order = main_index(table[table["of"] == "effect"])["factor"].tolist()[:MOST_FACTORS]
    for ax, of, words in zip(axes, ("effect", "mean"), ("effect", "level"), strict=True):
        rows = table[table["of"] == of]
        cut = _bars(ax, rows, order, list(method["bars"]))
        title = style.folded(f"{words}, {say.first(table, 'title')}{_share(rows)}", 46)
        ax.set_title(title, loc="left", color=style.QUIET)
        ax.set_xlabel(method["axis"])
        if cut:
            edge: dict[str, Any] = {"xycoords": "axes fraction", "ha": "right", "va": "baseline", "color": style.QUIET}
            style.note(ax, "lines go on beyond the edge", (1.0, 1.0), (0, 2), **edge)
    axes[0].set_yticks(range(len(order)), [style.folded(say.factor_words(f), 26) for f in order[::-1]])
    samples, left = int(table["samples"].iloc[0]), table["factor"].nunique() - len(order)
    kind, (plain, hatched) = method["kind"].format(samples), method["bars"].values()
    small = f"{kind}; {say.outcome_words(say.first(table, 'outcome'))}. Plain bar: {plain}; hatched: {hatched}. "
    small += f"Line: 95 % CI ({method['how']}); grey bar: it holds zero"
    small += ", or there are too few samples for one. " if table["lo"].isna().any() else ". "
    small += method["more"]
    small += f" {left} more factors are in the table." if left else ""
    return style.Words(indices_title(table), "", small, 84, 132)


def _share(rows: pd.DataFrame) -> str:
    row = rows.iloc[0]
    if not np.isfinite(row["share"]):
        return ""
    if row["share"] <= 0 or not row["share_lo"] > 0:
        return ": no detectable parametric part of the variance"
    return f": {say.percent(float(row['share']))} of the variance is parametric, the rest Monte Carlo"


def _bars(ax: style.Axes, rows: pd.DataFrame, order: list[str], names: list[str]) -> bool:
    """Bars of one quantity; whether some line was cut at the edge of the picture."""
    most, cut = 1.08 * float(np.nanmax(rows[["value", "hi"]].to_numpy(float))) or 1.0, False
    low, high = REACH if "total" in names else (0.0, most)
    for k, (name, colour) in enumerate(zip(names, (style.BLUE, style.OTHERS[0][0]), strict=True)):
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
    if "total" in names:
        ax.axvline(1, color=style.QUIET, linewidth=0.8, linestyle=(0, (1, 2)))
    ax.set(xlim=(low, high), ylim=(-0.6, len(order) - 0.4))
    ax.tick_params(axis="y", length=0)
    return cut
