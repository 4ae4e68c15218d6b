"""Sweeps: the effect over the points, a panel a factor, and over the two factors that
matter most.

Sobol and Morris indices as bars: which factor of a sweep matters how much, for the
effect and for the level.
"""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.scenario.setter import value_at
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.figures.effects import has_rows
from balance_sim.show.headline import clear
from balance_sim.study.sweep_result import SweepResult

COLUMNS = [
    "point",
    "factor",
    "value",
    "excess",
    "lo",
    "hi",
    "mcse",
    "here",
    "arm",
    "reference",
    "outcome",
    "runs",
    "title",
    "control",
]
MOST_PANELS, MOST_VALUES = 12, 8
FEW_POINTS = 60  # up to so many, every point shows its interval
CLASSES = 5


def headline_effects(result: SweepResult) -> pd.DataFrame:
    """Rows of the sweep's effects of its headline arm on the outcome drawn; empty where
    there are none."""
    effects = result.effects
    if effects.empty or result.headline_arm is None:
        return pd.DataFrame()
    return effects[
        (effects["arm"] == result.headline_arm)
        & (effects["outcome"] == result.headline_outcome)
    ]


def _arms(result: SweepResult) -> dict[str, Any]:
    """Columns that say whose effect it is, of how many replications a point."""
    arm, reference = str(result.headline_arm), result.reference
    title, control = (say.arm_title(result.scenario, one) for one in (arm, reference))
    return {
        "arm": arm,
        "reference": reference,
        "runs": result.runs,
        "title": title,
        "control": control,
    }


def multiples_table(result: SweepResult) -> pd.DataFrame:
    """Tidy: a row a point and factor: the factor's value there, and the point's mean
    paired effect (`excess`) with its 95 % CI. Values that are no numbers keep their
    words. here: the scenario's own value, if a number."""
    found = headline_effects(result)
    parts = []
    for factor in (path for path in result.paths if path in found):
        values, here = found[factor], _own_value(result, factor)
        words = values if pd.api.types.is_numeric_dtype(values) else values.astype(str)
        part = found.rename(columns={"mean": "excess"})
        parts.append(
            part.assign(
                factor=factor, value=words.to_numpy(), here=here, **_arms(result)
            )
        )
    return (
        pd.concat(parts, ignore_index=True)[COLUMNS]
        if parts
        else pd.DataFrame(columns=COLUMNS)
    )


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a number, which a truth value is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _own_value(result: SweepResult, path: str) -> float:
    try:
        value = value_at(result.scenario, path)
    except LookupError:
        value = None
    return float(value) if is_number(value) else float("nan")


def _fifths(values: pd.Series[Any]) -> npt.NDArray[np.int64]:
    """Numbers of more than eight values in five classes of equal counts, from 0."""
    return np.asarray(
        pd.qcut(values.rank(method="first"), CLASSES, labels=False), np.int64
    )


def spread_between(rows: pd.DataFrame) -> float:
    """How far the means of the effect over a factor's values lie apart: largest less
    smallest."""
    values = rows["value"]
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > MOST_VALUES:
        values = pd.Series(_fifths(values))
    means = rows["excess"].groupby(np.asarray(values)).mean()
    return float(means.max() - means.min())


def _spreads(table: pd.DataFrame) -> dict[str, float]:
    return {
        str(factor): spread_between(rows) for factor, rows in table.groupby("factor")
    }


def multiples_title(table: pd.DataFrame) -> str:
    """The finding: the range of the effect over the points, at how many it can be
    detected, and the factor along whose values its means lie furthest apart."""
    every = table.drop_duplicates("point")
    low, high, sure = (
        float(every["excess"].min()),
        float(every["excess"].max()),
        int(clear(every).sum()),
    )
    spreads, count, places = (
        _spreads(table),
        say.plural(len(every), "point"),
        say.digits(low, high),
    )
    most = max(spreads, key=lambda factor: (spreads[factor], factor))
    if low == high and sure == 0:
        return f"The effect is the same, {say.signed(low, places)}, at each of {count}"
    words = f"Over {count} the effect runs from {say.signed(low, places)} to {say.signed(high, places)}"
    words += f", detectable at {sure or 'none'} of them"
    if spreads[most] == 0:
        return f"{words}; no factor changes its mean"
    return (
        f"{words}; it changes most along {say.factor_words(most)}"
        if len(spreads) > 1
        else words
    )


def shown_factors(table: pd.DataFrame) -> list[str]:
    """The factors that get a panel, in the order of the design: of too many those along
    which it changes most."""
    factors = list(dict.fromkeys(table["factor"])) if len(table) else []
    if len(factors) > MOST_PANELS:
        spreads = _spreads(table)
        most = sorted(factors, key=lambda factor: (-spreads[factor], factor))[
            :MOST_PANELS
        ]
        factors = [factor for factor in factors if factor in most]
    return factors


def _multiples_page(table: pd.DataFrame) -> list[style.Axes]:
    count = len(shown_factors(table))
    columns = 2 if count in (2, 4) else min(count, 3)
    rows = -(-count // columns)
    return style.panels(
        max(3.9 * columns, 8.2), 2.9 * rows + 1.7, rows, columns, sharey=True
    )


@style.figure(
    "multiples",
    "How does the effect change with each factor?",
    multiples_table,
    page=_multiples_page,
    empty="No arm to compare, or no point finished: there is no effect to show.",
    columns="factor value point excess lo hi mcse",
)
def draw_multiples(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A panel a factor: every point's effect with its interval, and the mean by
    value."""
    factors = shown_factors(table)
    for ax, factor in zip(axes, factors, strict=False):
        _panel(ax, table[table["factor"] == factor], factor)
    for ax in axes[len(factors) :]:
        ax.set_axis_off()
    shown = (
        ["excess", "lo", "hi"] if table["point"].nunique() <= FEW_POINTS else ["excess"]
    )
    if not np.nanmax(np.abs(table[shown].to_numpy(float))) > 1e-12:  # flat
        axes[0].set_ylim(-0.05, 0.05)
    wraps = (72, 100) if len(factors) in (1, 2, 4) else (100, 140)
    return style.Words(multiples_title(table), "", _marks(table), *wraps)


def _whose(table: pd.DataFrame) -> str:
    """Which outcome, of which arm relative to which, of how many replications a
    point."""
    runs = say.plural(int(table["runs"].iloc[0]), "replication")
    outcome = say.outcome_words(say.first(table, "outcome"))
    arms = f"{say.first(table, 'title')}, relative to {say.first(table, 'control')}"
    return f"Effect on {outcome}: {arms}; {runs} a point"


def _marks(table: pd.DataFrame) -> str:
    points, words = table.drop_duplicates("point"), f"{_whose(table)}. "
    half = float(((points["hi"] - points["lo"]) / 2).median())
    if len(points) <= FEW_POINTS:
        words += "Dot: a point, with its 95 % CI; open: it holds zero. "
    elif np.isfinite(half):
        usual = say.number(half, say.digits(half))
        words += f"Dot: a point; open: its 95 % CI, most often {usual} each way, holds zero. "
    factors = [rows["value"] for _, rows in table.groupby("factor")]
    words += (
        "Points of one value stand side by side. "
        if any(of.duplicated().any() for of in factors)
        else ""
    )
    many = any(of.nunique() > MOST_VALUES for of in factors)
    words += (
        f"Heavy line: mean {'of each fifth of the points' if many else 'by value'}. "
    )
    words += "Dotted: the scenario's own value. " if table["here"].notna().any() else ""
    left = len(factors) - MOST_PANELS
    return words + (
        f"{say.plural(left, 'factor')} along which it changes less: in the table."
        if left > 0
        else ""
    )


def _panel(ax: style.Axes, rows: pd.DataFrame, factor: str) -> None:
    rows = rows.sort_values(["value", "point"], kind="stable")
    numeric = pd.api.types.is_numeric_dtype(rows["value"].infer_objects())
    names = sorted(rows["value"].unique())
    x = (
        rows["value"].to_numpy(float)
        if numeric
        else np.array([names.index(v) for v in rows["value"]], float)
    )
    y, sure = rows["excess"].to_numpy(float), clear(rows).to_numpy(bool)
    ax.axhline(0, color=style.INK, linewidth=1)
    if np.isfinite(rows["here"].iloc[0]):
        ax.axvline(
            float(rows["here"].iloc[0]),
            color=style.QUIET,
            linewidth=1,
            linestyle=(0, (1, 2)),
        )
    few, distinct = len(rows) <= FEW_POINTS, len(names) <= MOST_VALUES
    spots = x + (_aside(x) if distinct else 0.0)
    if few and np.isfinite(rows["lo"]).all():
        ax.vlines(
            spots, rows["lo"], rows["hi"], color=style.QUIET, linewidth=0.9, alpha=0.6
        )
    for of, fill in ((sure, style.QUIET), (~sure, "white")):
        looks: dict[str, Any] = {
            "markersize": 4.5 if few else 3,
            "markeredgewidth": 0.9,
        }
        ax.plot(spots[of], y[of], "o", color=style.QUIET, markerfacecolor=fill, **looks)
    means = (
        pd.DataFrame({"x": x, "y": y, "by": x if distinct else _fifths(rows["value"])})
        .groupby("by")
        .mean()
    )
    looks = {
        "color": style.BLUE,
        "linewidth": 2.2,
        "markersize": 16,
        "markeredgewidth": 2.2,
        "zorder": 3,
    }
    looks |= (
        {"linestyle": "-"}
        if numeric or len(names) == 2
        else {"marker": "_", "linestyle": "none"}
    )
    ax.plot(means["x"], means["y"], **looks)
    if not numeric:
        ax.set_xticks(
            range(len(names)),
            [style.folded(str(name).replace("_", " "), 12) for name in names],
        )
        ax.set_xlim(-0.6, len(names) - 0.4)
    ax.set_xlabel(style.folded(say.factor_words(factor), 40), fontsize=style.SMALL)
    ax.set_ylabel("mean effect", fontsize=style.SMALL)
    ax.tick_params(labelleft=True)


def _aside(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How far to put points of one value beside each other, a tenth of the way to the
    next at most."""
    places, counts = np.unique(x, return_counts=True)
    gap = float(np.diff(places).min()) if len(places) > 1 else 1.0
    out = np.zeros(len(x))
    for value, count in zip(places[counts > 1], counts[counts > 1], strict=True):
        out[x == value] = np.linspace(-0.1, 0.1, count) * gap
    return out


SURFACE = [
    "x",
    "y",
    "words_x",
    "words_y",
    "excess",
    "lo",
    "hi",
    "points",
    "factor_x",
    "factor_y",
    "arm",
    "reference",
    "outcome",
    "runs",
    "title",
    "control",
]


def surface_table(result: SweepResult) -> pd.DataFrame:
    """Tidy: mean effect over the points at each pair of values of the two numeric
    factors that change it most.

    A factor of more than eight values is cut into five classes of equal width; x and y
    are then their middles. lo, hi: the mean of the points' 95 % CIs, which is no
    narrower than that of their mean, whatever the random numbers they share. Empty
    where there are no two such factors."""
    table = multiples_table(result)
    good = [
        (-spread_between(rows), str(factor))
        for factor, rows in table.groupby("factor")
        if pd.api.types.is_numeric_dtype(rows["value"].infer_objects())
        and rows["value"].nunique() >= 2
    ]
    if len(good) < 2:
        return pd.DataFrame()
    chosen = [factor for _, factor in sorted(good)[:2]]
    found = headline_effects(result)
    (x, words_x), (y, words_y) = (
        _binned(found[path].to_numpy(float)) for path in chosen
    )
    cells = found.rename(columns={"mean": "excess"})[["excess", "lo", "hi"]]
    cells = cells.assign(x=x, words_x=words_x, y=y, words_y=words_y)
    grouped = cells.groupby(["x", "y", "words_x", "words_y"], sort=True)
    grid = grouped.mean().assign(points=grouped.size()).reset_index()
    more = {
        "factor_x": chosen[0],
        "factor_y": chosen[1],
        "outcome": result.headline_outcome,
    }
    return grid.assign(**more, **_arms(result))[SURFACE]


def _binned(values: Any) -> tuple[Any, list[str]]:
    """Each value, or the middle of its class, and how to write it."""
    if len(np.unique(values)) <= MOST_VALUES:
        return values, [f"{v:.3g}" for v in values]
    edges = np.linspace(values.min(), values.max(), CLASSES + 1)
    place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, CLASSES - 1)
    middles = (edges[:-1] + edges[1:]) / 2
    return middles[place], [f"{edges[k]:.2g} to {edges[k + 1]:.2g}" for k in place]


def surface_title(table: pd.DataFrame) -> str:
    """The finding: where the effect is largest, and in how many cells it can be
    detected."""
    places, sure = say.digits(*table["excess"]), clear(table)
    if float(table["excess"].max()) == float(table["excess"].min()):
        return f"The effect is the same, {say.signed(float(table['excess'].iloc[0]), places)}, in every cell"
    order = ["clear", "excess", "x", "y"]
    top = (
        table.assign(clear=sure)
        .sort_values(order, ascending=[False, False, True, True], kind="stable")
        .iloc[0]
    )
    where = " and ".join(
        f"{say.factor_words(str(top[f'factor_{a}']))} {top[f'words_{a}']}" for a in "xy"
    )
    size = f"{say.signed(float(top['excess']), places)} ({say.interval(float(top['lo']), float(top['hi']), places)})"
    if not sure.any():
        return f"The effect is detectable in none of {len(table)} cells; largest: {size} at {where}"
    return f"The effect is detectable in {int(sure.sum())} of {len(table)} cells; largest of them: {size} at {where}"


@style.figure(
    "surface",
    "And with the two that matter most together?",
    surface_table,
    fits=has_rows(surface_table),
    page=lambda _: style.panels(8.8, 6.0),
    empty="Fewer than two factors are numbers with two values or more: there is no surface to show.",
)
def draw_surface(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A cell for each pair of values or classes, its mean effect as colour and
    number."""
    ax = axes[0]
    wide = table.pivot(index="y", columns="x", values="excess").sort_index(
        ascending=False
    )
    low, high = (
        min(float(table["excess"].min()), 0.0),
        max(float(table["excess"].max()), 0.0),
    )
    reach, places = max(-low, high) or 0.01, say.digits(low, high)
    looks: dict[str, Any] = {
        "cmap": style.effect_colours(),
        "aspect": "auto",
        "interpolation": "none",
    }
    image = ax.imshow(wide, vmin=-reach, vmax=reach, **looks)
    for axis, values, ticks in (
        ("x", wide.columns, ax.set_xticks),
        ("y", wide.index, ax.set_yticks),
    ):
        words = dict(zip(table[axis], table[f"words_{axis}"], strict=True))
        ticks(range(len(values)), [words[value] for value in values])
    columns, rows = list(wide.columns), list(wide.index)
    box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.0}
    for row, told in zip(table.to_dict("records"), clear(table), strict=True):
        ax.text(
            columns.index(row["x"]),
            rows.index(row["y"]),
            say.signed(row["excess"], places),
            ha="center",
            va="center",
            fontsize=style.SMALL,
            fontweight="bold" if told else "normal",
            bbox=box,
        )
    x, y = (say.factor_words(say.first(table, f"factor_{axis}")) for axis in "xy")
    ax.set(xlabel=x, ylabel=y)
    ax.tick_params(length=0)
    if low < high:
        bar = style.owner(ax).colorbar(image, ax=ax, shrink=0.8)
        bar.outline.set_visible(False)
        bar.ax.set_ylim(low, high)
        bar.set_label("mean effect (amber: less, blue: more)")
    least, most = int(table["points"].min()), int(table["points"].max())
    count = (
        say.plural(most, "point")
        if least == most
        else f"{least} to {say.plural(most, 'point')}"
    )
    each = "" if most == 1 else f"; mean over {count} a cell"
    small = "Bold: the 95 % CI excludes zero. "
    if most > 1:
        small += "Where a cell has more than one point, its CI is the mean of theirs, which is rather too wide. "
    small += "Light grey: no point there." if wide.size > len(table) else ""
    return style.Words(surface_title(table), f"{_whose(table)}{each}", small, 74, 112)


INDICES = [
    "factor",
    "index",
    "value",
    "lo",
    "hi",
    "of",
    "arm",
    "outcome",
    "method",
    "samples",
    "share",
    "share_lo",
    "share_hi",
    "title",
]
METHODS: dict[str | None, dict[str, Any]] = {
    "sobol": {
        "bars": {"first": "first, alone", "total": "total, with all it takes part in"},
        "main": "total",
        "size": "total index",
        "count": "samples",
        "kind": "Sobol, {} base samples",
        "how": "bootstrap over the samples",
        "axis": "share of the variance",
        "more": "An index below 0 or above 1 says that there are too few samples or replications.",
    },
    "morris": {
        "bars": {
            "mu_star": "mu star, mean size of a step",
            "sigma": "sigma, its spread",
        },
        "main": "mu_star",
        "size": "mean step",
        "count": "trajectories",
        "kind": "Morris, {} trajectories",
        "how": "over trajectories",
        "axis": "steps in the outcome, over the factor's range",
        "more": "",
    },
}
"""By method: its indices, a bar each, with what they are; by which of them factors are
ordered; words."""
REACH = (-0.25, 1.25)  # of the picture of a share, which lies between 0 and 1
MOST_FACTORS = 16


def indices_table(result: SweepResult) -> pd.DataFrame:
    """Tidy: Sobol (first, total) or Morris (mu_star, sigma) indices with 95 % CIs, of
    the headline arm's effect and of its mean. samples: base samples or trajectories.
    share: part of the variance over points and replications that is parametric, with
    its CI; the rest is Monte Carlo."""
    from balance_sim.effects.sensitivity import sensitivity
    from balance_sim.scenario.errors import WrongRequest

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
        more = {
            f"share{end}": shares.loc[row["of"], f"share_parameters{end}"]
            for end in ("", "_lo", "_hi")
        }
        more |= {"method": method, "samples": row[METHODS[method]["count"]]}
        for name in METHODS[method]["bars"]:
            numbers = {
                "value": row[name],
                "lo": row[f"{name}_lo"],
                "hi": row[f"{name}_hi"],
                "index": name,
            }
            out.append(
                {key: row[key] for key in ("factor", "arm", "outcome", "of")}
                | numbers
                | more
            )
    return pd.DataFrame(out).assign(title=say.arm_title(result.scenario, arm))[INDICES]


def main_index(table: pd.DataFrame) -> pd.DataFrame:
    """The rows by which factors are ordered: total, or mu_star; largest first, ties by
    name."""
    rows = table[table["index"] == str(METHODS[say.first(table, "method")]["main"])]
    return rows.sort_values(["value", "factor"], ascending=[False, True], kind="stable")


def indices_title(table: pd.DataFrame) -> str:
    """The finding: the factor with the largest index of the effect, if it and the
    factors' share can be detected: of a variance that is all Monte Carlo an index says
    nothing."""
    rows = main_index(table[table["of"] == "effect"])
    sure = rows[(rows["lo"] > 0) & (rows["share_lo"] > 0)]
    if (rows["value"].fillna(0.0) == 0).all():  # Sobol's are undefined then
        return "No factor changes the effect at any point"
    top = (sure if len(sure) else rows).iloc[0]
    value, lo, hi = (float(top[column]) for column in ("value", "lo", "hi"))
    places, factor = say.digits(value), say.factor_words(str(top["factor"]))
    known = (
        f"95 % CI {say.interval(lo, hi, places)}"
        if np.isfinite(lo)
        else "too few samples for a CI"
    )
    size = f"{METHODS[top['method']]['size']} {say.number(value, places)}, {known}"
    if len(sure):
        return f"{factor} moves the effect most ({size})"
    return f"No factor has a detectable part in the effect; largest: {factor} ({size})"


@style.figure(
    "indices",
    "Which factor matters how much?",
    indices_table,
    fits=lambda result: result.manifest.design.method in METHODS,
    page=lambda found: style.panels(
        10.4,
        2.7 + 0.56 * max(min(found["factor"].nunique(), MOST_FACTORS), 2),
        1,
        2,
        sharey=True,
    ),
    empty="Not a Sobol or Morris design, or too few samples are finished: there are no indices to show.",
)
def draw_indices(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Left the effect, right the level: two bars a factor with their intervals."""
    method = METHODS[say.first(table, "method")]
    order = main_index(table[table["of"] == "effect"])["factor"].tolist()[:MOST_FACTORS]
    for ax, of, words in zip(
        axes, ("effect", "mean"), ("effect", "level"), strict=True
    ):
        rows = table[table["of"] == of]
        cut = _bars(ax, rows, order, list(method["bars"]))
        title = style.folded(f"{words}, {say.first(table, 'title')}{_share(rows)}", 46)
        ax.set_title(title, loc="left", color=style.QUIET)
        ax.set_xlabel(method["axis"])
        if cut:
            edge: dict[str, Any] = {
                "xycoords": "axes fraction",
                "ha": "right",
                "va": "baseline",
                "color": style.QUIET,
            }
            style.note(ax, "lines go on beyond the edge", (1.0, 1.0), (0, 2), **edge)
    axes[0].set_yticks(
        range(len(order)), [style.folded(say.factor_words(f), 26) for f in order[::-1]]
    )
    samples, left = (
        int(table["samples"].iloc[0]),
        table["factor"].nunique() - len(order),
    )
    kind, (plain, hatched) = method["kind"].format(samples), method["bars"].values()
    small = f"{kind}; {say.outcome_words(say.first(table, 'outcome'))}. Plain bar: {plain}; hatched: {hatched}. "
    small += f"Line: 95 % CI ({method['how']}); grey bar: it holds zero"
    small += (
        ", or there are too few samples for one. " if table["lo"].isna().any() else ". "
    )
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


def _bars(
    ax: style.Axes, rows: pd.DataFrame, order: list[str], names: list[str]
) -> bool:
    """Bars of one quantity; whether some line was cut at the edge of the picture."""
    most, cut = (
        1.08 * float(np.nanmax(rows[["value", "hi"]].to_numpy(float))) or 1.0,
        False,
    )
    low, high = REACH if "total" in names else (0.0, most)
    for k, (name, colour) in enumerate(
        zip(names, (style.BLUE, style.OTHERS[0][0]), strict=True)
    ):
        part = rows[rows["index"] == name].set_index("factor")
        for y, factor in enumerate(order[::-1]):
            value, lo, hi = part.loc[factor, ["value", "lo", "hi"]].to_numpy(float)
            spot = y + 0.2 - 0.4 * k
            holds_zero = not lo > 0  # or has no interval
            ax.barh(
                spot,
                float(np.clip(value, low, high)),
                height=0.36,
                color="#d0d0d0" if holds_zero else colour,
                edgecolor="white" if k and not holds_zero else colour,
                hatch="//" if k else "",
                linewidth=0.8,
            )
            if np.isfinite(lo) and hi > lo:
                cut = cut or bool(lo < low or hi > high)
                ends = np.clip([lo, hi], low, high)
                ax.plot(
                    ends,
                    [spot, spot],
                    color=style.INK,
                    linewidth=1.3,
                    solid_capstyle="butt",
                )
    ax.axvline(0, color=style.INK, linewidth=1)
    if "total" in names:
        ax.axvline(1, color=style.QUIET, linewidth=0.8, linestyle=(0, (1, 2)))
    ax.set(xlim=(low, high), ylim=(-0.6, len(order) - 0.4))
    ax.tick_params(axis="y", length=0)
    return cut
