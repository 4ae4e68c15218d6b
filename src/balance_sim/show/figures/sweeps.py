"""Figures of a sweep: the excess over its dials, as small multiples and as a surface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.show.figures.paper import (
    BLUE,
    INK,
    OTHERS,
    QUIET,
    SMALL,
    folded,
    head,
    note,
    nothing,
    owner,
    sheet,
    styled,
)
from balance_sim.show.wording import arm_words, plural, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.study.sweep_result import SweepResult

COLUMNS = ["point", "factor", "value", "excess", "lo", "hi", "mcse", "arm", "reference", "outcome", "runs"]
GRID = ["x", "y", "excess", "points", "factor_x", "factor_y", "arm", "reference", "outcome", "runs"]
MOST_PANELS = 12


def sweep_outcome(result: SweepResult) -> str:
    """The outcome drawn: counter-accords within the longest window if it was asked for, else the first."""
    names = result.outcome_names
    wanted = f"accords_counter_{max(result.scenario.report.windows)}"
    return wanted if wanted in names or not names else names[0]


def headline_effects(result: SweepResult) -> pd.DataFrame:
    """Rows of the sweep's effects of its headline arm on the outcome drawn; empty where there are none."""
    effects = result.effects
    if effects.empty or result.headline_arm is None:
        return pd.DataFrame()
    return effects[(effects["arm"] == result.headline_arm) & (effects["outcome"] == sweep_outcome(result))]


def multiples_table(result: SweepResult) -> pd.DataFrame:
    """Tidy: a row a point and factor: the factor's value there, and the point's mean paired excess with its

    95 % interval. Values that are no numbers keep their words."""
    found = headline_effects(result)
    parts = [pd.DataFrame(columns=COLUMNS)]
    for factor in result.paths:
        if found.empty or factor not in found:
            continue
        part = found.rename(columns={"mean": "excess"})[["point", "excess", "lo", "hi", "mcse", "outcome"]]
        values = found[factor]
        words = values if pd.api.types.is_numeric_dtype(values) else values.astype(str)
        more = {"arm": result.headline_arm, "reference": result.reference, "runs": result.runs}
        parts.append(part.assign(factor=factor, value=words.to_numpy(), **more))
    filled = [part for part in parts if not part.empty]
    return pd.concat(filled, ignore_index=True)[COLUMNS] if filled else parts[0]


def spread_between(rows: pd.DataFrame) -> float:
    """How far the means of the excess over a factor's values lie apart: largest less smallest.

    Numbers of more than eight values are put into five classes of equal counts first."""
    values = rows["value"]
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > 8:
        values = pd.qcut(values.rank(method="first"), 5, labels=False)
    means = rows["excess"].groupby(np.asarray(values)).mean()
    return float(means.max() - means.min())


def multiples_title(table: pd.DataFrame) -> str:
    """The finding: the range of the excess over the points, and the factor along which it changes most."""
    low, high = float(table["excess"].min()), float(table["excess"].max())
    points = int(table["point"].nunique())
    spreads = {str(factor): spread_between(rows) for factor, rows in table.groupby("factor")}
    most = max(spreads, key=lambda factor: (spreads[factor], factor))
    words = f"Over {plural(points, 'point')} the excess runs from {signed(low)} to {signed(high)}"
    return f"{words}; it changes most along {most}" if spreads[most] > 0 else f"{words}; no factor changes it"


@styled
def draw_multiples(table: pd.DataFrame, ax: Sequence[Axes] | None = None) -> Figure:
    """A panel a factor: every point's excess with its interval, and the mean by value."""
    own = ax is None
    factors = list(dict.fromkeys(table["factor"]))[:MOST_PANELS] if len(table) else []
    if ax is None:
        columns = min(max(len(factors), 1), 3)
        rows = max(1, -(-len(factors) // columns))
        figure = sheet(max(3.7 * columns, 8.2), 2.9 * rows + 1.6)
        ax = list(np.ravel(figure.subplots(rows, columns, sharey=True, squeeze=False)))
    if table.empty:
        for axes in ax[1:]:
            axes.set_axis_off()
        return nothing(ax[0], "No arm to compare, or no point finished: there is no excess to show.")
    for axes, factor in zip(ax, factors, strict=False):
        _panel(axes, table[table["factor"] == factor], factor)
    for axes in list(ax)[len(factors) :]:
        axes.set_axis_off()
    arm, reference, outcome = (str(table[name].iloc[0]) for name in ("arm", "reference", "outcome"))
    ax[0].set_ylabel("mean excess per run", fontsize=SMALL)
    runs = plural(int(table["runs"].iloc[0]), "run")
    marks = (
        f"{outcome.replace('_', ' ')}: {arm_words(arm)} less {arm_words(reference)}, "
        f"{runs} a point. "
        "Dot and line: a point and its 95 % interval; heavy line: mean by value"
    )
    if own:
        owner(ax[0]).suptitle(
            folded(multiples_title(table), 80), x=0.012, ha="left", fontsize=13, fontweight="bold"
        )
        note(ax[0], marks, own=own, wrap=112)
    else:
        head(ax[0], multiples_title(table), marks, own=own, wrap=60)
    return owner(ax[0])


def _panel(ax: Axes, rows: pd.DataFrame, factor: str) -> None:
    numeric = pd.api.types.is_numeric_dtype(rows["value"])
    names = sorted(rows["value"].unique())
    place = {name: k for k, name in enumerate(names)}
    x = rows["value"].to_numpy(float) if numeric else np.array([place[v] for v in rows["value"]], float)
    ax.axhline(0, color=INK, linewidth=1)
    few = len(rows) <= 60
    if few and np.isfinite(rows["lo"]).all():
        ax.vlines(x, rows["lo"], rows["hi"], color=QUIET, linewidth=0.7, alpha=0.7)
    ax.plot(x, rows["excess"], "o", color=QUIET, markersize=3.5 if few else 2, alpha=0.8)
    if len(names) <= 8:
        means = rows["excess"].groupby(x).mean()
    else:
        classes = pd.qcut(pd.Series(x).rank(method="first"), 5, labels=False)
        grouped = pd.DataFrame({"x": x, "y": rows["excess"].to_numpy(), "c": classes}).groupby("c").mean()
        means = pd.Series(grouped["y"].to_numpy(), index=grouped["x"].to_numpy())
    ax.plot(means.index, means, color=BLUE, linewidth=2.2)
    if not numeric:
        ax.set_xticks(range(len(names)), [str(name) for name in names])
    ax.set_xlabel(folded(factor, 34), fontsize=SMALL)
    ax.tick_params(labelleft=True)


def surface_table(result: SweepResult) -> pd.DataFrame:
    """Tidy: mean excess over the points at each pair of values of the two factors that change it most.

    Both must be numbers with at least two and at most 40 values; empty where there are no two such."""
    table = multiples_table(result)
    good = {
        str(factor): spread_between(rows)
        for factor, rows in table.groupby("factor")
        if pd.api.types.is_numeric_dtype(rows["value"].infer_objects()) and 2 <= rows["value"].nunique() <= 40
    }
    if len(good) < 2:
        return pd.DataFrame(columns=GRID)
    first, second = sorted(sorted(good), key=lambda factor: -good[factor])[:2]
    found = headline_effects(result)
    grouped = found.groupby([first, second])["mean"]
    grid = pd.DataFrame({"excess": grouped.mean(), "points": grouped.size()}).reset_index()
    grid = grid.rename(columns={first: "x", second: "y"})
    more = {"arm": result.headline_arm, "reference": result.reference, "runs": result.runs}
    return grid.assign(factor_x=first, factor_y=second, outcome=sweep_outcome(result), **more)[GRID]


def surface_title(table: pd.DataFrame) -> str:
    """The finding: where the excess is largest."""
    top = table.sort_values(["excess", "x", "y"], ascending=[False, True, True], kind="stable").iloc[0]
    names = [str(table[f"factor_{axis}"].iloc[0]) for axis in "xy"]
    if float(table["excess"].max()) == float(table["excess"].min()):
        return f"The excess is the same, {signed(float(top['excess']))}, in every cell"
    return (
        f"The excess is largest, {signed(float(top['excess']))}, at {names[0]} "
        f"{top['x']:g} and {names[1]} {top['y']:g}"
    )


@styled
def draw_surface(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """A cell for each pair of values, its mean excess as colour and number."""
    from balance_sim.show.figures.pairs import colours

    own = ax is None
    ax = ax if ax is not None else sheet(8.6, 6.2).subplots()
    if table.empty:
        return nothing(ax, "Fewer than two numeric factors with few values: there is no surface to show.")
    wide = table.pivot(index="y", columns="x", values="excess").sort_index(ascending=False)
    reach = max(float(table["excess"].abs().max()), 0.01)
    image = ax.imshow(wide, cmap=colours(), vmin=-reach, vmax=reach, aspect="auto", interpolation="nearest")
    ax.set_xticks(range(wide.shape[1]), [f"{v:g}" for v in wide.columns])
    ax.set_yticks(range(wide.shape[0]), [f"{v:g}" for v in wide.index])
    if wide.size <= 100:
        box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.0}
        for (i, j), value in np.ndenumerate(wide.to_numpy(float)):
            words = signed(value) if np.isfinite(value) else "-"
            ax.text(j, i, words, ha="center", va="center", fontsize=SMALL, bbox=box)
    ax.set_xlabel(str(table["factor_x"].iloc[0]))
    ax.set_ylabel(str(table["factor_y"].iloc[0]))
    bar = owner(ax).colorbar(image, ax=ax, shrink=0.8)
    bar.set_label("mean excess per run (amber: fewer, blue: more)")
    arm, reference = (arm_words(str(table[name].iloc[0])) for name in ("arm", "reference"))
    runs = plural(int(table["runs"].iloc[0]), "run")
    outcome, most = str(table["outcome"].iloc[0]).replace("_", " "), int(table["points"].max())
    marks = (
        f"{outcome}: {arm} less {reference}, {runs} a point; mean over up to {plural(most, 'point')} a cell"
    )
    head(ax, surface_title(table), marks, own=own, wrap=72)
    note(ax, "Light grey: no point there. Errors are in the small multiples.", own=own, wrap=112)
    return owner(ax)


INDICES = ["factor", "index", "value", "lo", "hi", "arm", "outcome", "method", "of"]


def indices_table(result: SweepResult) -> pd.DataFrame:
    """Tidy: Sobol (S1, ST) or Morris (mu*, sigma) indices of the headline's effect, with 95 % intervals."""
    from balance_sim.study.sensitivity import sensitivity

    method = str(result.manifest.get("design", {}).get("method", ""))
    if method not in ("sobol", "morris") or result.headline_arm is None:
        return pd.DataFrame(columns=INDICES)
    found = sensitivity(result, [sweep_outcome(result)]).indices
    if found.empty:
        return pd.DataFrame(columns=INDICES)
    rows = found[(found["of"] == "effect") & (found["arm"] == result.headline_arm)]
    out: list[dict[str, Any]] = []
    names = ("s1", "st") if method == "sobol" else ("mu_star", "sigma")
    for row in rows.to_dict("records"):
        for name in names:
            if name not in row:
                continue
            front = {key: row[key] for key in ("factor", "arm", "outcome", "of")}
            bounds = {
                "value": row[name],
                "lo": row.get(f"{name}_lo", np.nan),
                "hi": row.get(f"{name}_hi", np.nan),
            }
            out.append(front | bounds | {"index": name, "method": method})
    return pd.DataFrame(out, columns=INDICES)


def indices_title(table: pd.DataFrame) -> str:
    """The finding: the factor with the largest total index, and whether it can be told from none."""
    main = table[table["index"] == table["index"].iloc[-1 if table["method"].iloc[0] == "sobol" else 0]]
    top = main.sort_values(["value", "factor"], ascending=[False, True], kind="stable").iloc[0]
    told = (
        "" if not np.isfinite(top["lo"]) else ", told from none" if top["lo"] > 0 else ", not told from none"
    )
    return f"{top['factor']} matters most ({top['index']} {top['value']:.2f}{told})"


@styled
def draw_indices(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """Two bars a factor with their intervals; grey where the interval holds zero."""
    own = ax is None
    factors = list(dict.fromkeys(table["factor"])) if len(table) else []
    ax = ax if ax is not None else sheet(9.4, 2.4 + 0.62 * max(len(factors), 2)).subplots()
    if table.empty:
        return nothing(
            ax, "Not a Sobol or Morris design, or no point finished: there are no indices to show."
        )
    names = list(dict.fromkeys(table["index"]))
    order = table[table["index"] == names[-1]].sort_values("value", kind="stable")["factor"].tolist()
    for k, (name, colour) in enumerate(zip(names, (BLUE, OTHERS[0][0]), strict=False)):
        for y, factor in enumerate(order):
            row = table[(table["factor"] == factor) & (table["index"] == name)].iloc[0]
            spot = y + 0.2 - 0.4 * k
            holds_zero = bool(np.isfinite(row["lo"]) and row["lo"] <= 0)
            ax.barh(spot, row["value"], height=0.36, color="#c4c4c4" if holds_zero else colour,
                    edgecolor=colour, hatch="" if k == 0 else "//", label=name if y == 0 else None)  # fmt: skip
            if np.isfinite(row["lo"]):
                ax.plot([row["lo"], row["hi"]], [spot, spot], color=INK, linewidth=1.2)
    ax.axvline(0, color=INK, linewidth=1)
    ax.set_yticks(range(len(order)), order)
    ax.legend(loc="lower right", frameon=False)
    method = str(table["method"].iloc[0])
    words = {
        "sobol": "Sobol indices: s1 alone, st with its interactions",
        "morris": "Morris: mean absolute step, and its spread",
    }
    ax.set_xlabel(
        "share of the variance" if method == "sobol" else "change of the effect over a factor's range"
    )
    arm, outcome = arm_words(str(table["arm"].iloc[0])), str(table["outcome"].iloc[0]).replace("_", " ")
    marks = f"{words[method]}; of the effect of {arm} on {outcome}. Line: 95 % interval. Grey: it holds zero"
    head(ax, indices_title(table), marks, own=own, wrap=80)
    return owner(ax)
