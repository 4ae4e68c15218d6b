"""Any outcome, as it is spread over replications: `plot RESULTS --outcome NAME --kind
ecdf|hist|forest|fan`.

Shapes are of what was drawn in each replication, not smoothed and not filtered;
effects, in the title and in `forest`, are paired with the control arm, and filtered
where there is a filtered estimate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.scenario.diagnostics import did_you_mean, listed, shown
from balance_sim.scenario.errors import WrongRequest
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.figures.sweeps import is_number
from balance_sim.study.outcomes import OutcomeType, known_outcome
from balance_sim.study.result import Result
from balance_sim.study.sweep_result import SweepResult

Floats = npt.NDArray[np.float64]
KINDS = {
    "ecdf": "share of replications with at most so much, a line an arm",
    "hist": "how often each value came, a panel an arm, the control arm behind",
    "forest": "paired effect with its interval, a row an arm; of a sweep, a row a point",
    "fan": "median, 50 % and 90 % of the control arm over time, and the headline arm's median",
}
MOST_ARMS, MOST_POINTS, BINS = 7, 60, 30
OWN, MOST_NEAR = (
    "own_",
    5,
)  # how outcomes of one's own begin; how many outcomes a message names
ROWS = ["arm", "title", "role", "value", "n", "effect", "lo", "hi", "mcse"]


def spread_of(
    study: Result | SweepResult, outcome: str, kind: str | None = None
) -> style.FigureSpec:
    """The figure of an outcome; of no kind in particular an ECDF, of a sweep a forest.

    study: a run, or, for `forest` alone, a sweep. Raises WrongRequest for an unknown
    outcome or kind."""
    kind = kind or ("forest" if isinstance(study, SweepResult) else "ecdf")
    if kind not in KINDS:
        raise WrongRequest(
            f"no kind of figure `{kind}`; {did_you_mean(kind, KINDS)} there are: {listed(KINDS)}"
        )
    if isinstance(study, SweepResult):
        names = sorted({*study.effects["outcome"]})
        if kind != "forest":
            raise WrongRequest(
                f"`{kind}` is of the replications of one point: name it, as {study.folder}@0"
            )
        table: Callable[[Any], pd.DataFrame] = partial(points_table, outcome=outcome)
    else:
        names = [
            name for name in study.by_run.names if not name.startswith("filtered_")
        ]
        table = partial(
            effects_table if kind == "forest" else values_table, outcome=outcome
        )
    if outcome not in names:
        raise WrongRequest(_unknown(outcome, names))
    if kind == "fan" and isinstance(study, Result):
        table = partial(course_table, course=course_of(study, outcome))
    marks, page = {
        "ecdf": (draw_ecdf, lambda _: style.panels(10.6, 5.4)),
        "hist": (draw_hist, _hist_page),
        "forest": (
            draw_forest,
            lambda found: style.panels(9.6, 1.6 + 0.34 * max(len(found), 3)),
        ),
        "fan": (draw_course, lambda _: style.panels(10.6, 4.8)),
    }[kind]
    return style.FigureSpec(
        f"{kind}_{outcome}",
        f"{say.capital(say.outcome_words(outcome))}: {KINDS[kind]}",
        table,
        partial(marks, outcome=outcome),
        page,
        "No replication finished: there is nothing to show.",
    )


def _hist_page(table: pd.DataFrame) -> list[style.Axes]:
    rows = -(-table["arm"].nunique() // 3)
    return style.panels(10.6, 1.2 + 2.2 * rows, rows, 3, sharex=True, sharey=True)


def _unknown(outcome: str, names: list[str]) -> str:
    """What to say of an outcome that is not there: the one that was probably meant, or
    the nearest, own ones first."""
    own, held = (
        [name for name in names if name.startswith(OWN)],
        [name for name in names if outcome in name],
    )
    meant = (
        did_you_mean(outcome, own, 0.0)
        if outcome.startswith(OWN)
        else did_you_mean(outcome, names)
    )
    near = dict.fromkeys(
        [*own, *held, *get_close_matches(outcome, names, MOST_NEAR, 0.0)]
    )
    front = (
        "there are none of one's own. Nearest:"
        if outcome.startswith(OWN) and not own
        else "the nearest are"
    )
    nearest = "\n  ".join([front, *(shown(name) for name in [*near][:MOST_NEAR])])
    told = f"unknown outcome `{shown(outcome)}`; {meant or nearest}\n"
    return f"{told}codebook.csv in the results folder lists all {len(names)}"


def values_table(result: Result, outcome: str) -> pd.DataFrame:
    """Tidy: a row a replication and arm, the control arm first: the columns of ROWS;
    missing: not by the horizon."""
    if not result.finished:
        return pd.DataFrame(columns=ROWS)
    frame, effects = (
        result.by_run.frame(outcome),
        effects_table(result, outcome).set_index("arm"),
    )
    others = [arm for arm in result.arms[1:] if arm in effects.index]
    chosen = sorted(others, key=lambda arm: say.role(result, arm) != "headline")[
        : MOST_ARMS - 1
    ]
    parts = []
    for arm in (result.reference, *chosen):
        values = frame.loc[frame["arm"] == arm, outcome].to_numpy(float)
        same = effects.reindex([arm])[ROWS[5:]].iloc[0]
        title, role = say.arm_title(result.scenario, arm), say.role(result, arm)
        parts.append(
            pd.DataFrame({"value": values}).assign(
                arm=arm, title=title, role=role, n=len(values), **same
            )
        )
    return pd.concat(parts, ignore_index=True)[ROWS]


def effects_table(result: Result, outcome: str) -> pd.DataFrame:
    """Tidy: a row an arm but the control arm, the largest effect first: the columns of
    ROWS, value being the effect."""
    found = (
        result.effects
        if len(result.effects)
        else pd.DataFrame(columns=["arm", "outcome", "mean", "n"])
    )
    rows = found[found["outcome"] == outcome].rename(columns={"mean": "effect"})
    titles = [say.arm_title(result.scenario, arm) for arm in rows["arm"]]
    rows = rows.assign(
        title=titles,
        role=[say.role(result, arm) for arm in rows["arm"]],
        value=rows["effect"],
    )
    return (
        rows.sort_values("effect", ascending=False, kind="stable")
        .reindex(columns=ROWS)
        .reset_index(drop=True)
    )


def course_of(result: Result, outcome: str) -> str | dict[int, str]:
    """What tells of an outcome over time: of new security agreements their direction,
    for weekly counts; else the outcomes that measure the same at the end of each
    window. Raises WrongRequest where there is only one."""
    found = known_outcome(outcome)
    assert found is not None
    if found.measure == "accords" and found.of in say.DIRECTIONS:
        return found.of
    every = [
        one for name in result.outcome_names if (one := known_outcome(name)) is not None
    ]
    same = [one for one in every if (one.measure, one.of) == (found.measure, found.of)]
    windows = {one.window: one.name for one in same if one.window is not None}
    if len(windows) < 2:
        others = listed([name for name in KINDS if name != "fan"])
        raise WrongRequest(
            f"`{outcome}` is measured once, so it has no course over time; its kinds are: {others}"
        )
    return dict(sorted(windows.items()))


def course_table(result: Result, course: str | dict[int, str]) -> pd.DataFrame:
    """Tidy: arm, role, day, mean, q05, q25, q50, q75, q95, n of the control and the
    headline arm. course: of
    `course_of`."""
    if not result.finished:
        return pd.DataFrame()
    if isinstance(course, str):
        table = result.fan(None if course == "all" else course)
    else:
        wide = result.by_run.frame(*course.values())
        parts = []
        for day, name in course.items():
            of_arm = wide.groupby("arm", sort=False)[name]
            shares = {
                f"q{share:02d}": of_arm.quantile(share / 100)
                for share in (5, 25, 50, 75, 95)
            }
            parts.append(
                pd.DataFrame(
                    {"mean": of_arm.mean(), **shares, "n": of_arm.size()}
                ).assign(day=day)
            )
        table = pd.concat(parts).reset_index()
    return say.titled(
        table[table["arm"].isin([result.reference, result.headline_arm])], result
    )


def points_table(result: SweepResult, outcome: str) -> pd.DataFrame:
    """Tidy: a row a point, the headline arm's effect there; title: the values of its
    factors."""
    found = result.effects
    found = found[(found["outcome"] == outcome) & (found["arm"] == result.headline_arm)]
    titles = []
    for row in found.to_dict("records"):
        known = [(path, row[path]) for path in result.paths if path in found]
        told = [
            f"{say.factor_words(path)} {of:g}" if is_number(of) else str(of)
            for path, of in known
        ]
        titles.append(", ".join(told) or f"point {row['point']}")
    rows = found.rename(columns={"mean": "effect"}).assign(
        title=titles, role="other", value=found["mean"]
    )
    return (
        rows.sort_values("effect", ascending=False, kind="stable")
        .reindex(columns=ROWS)
        .head(MOST_POINTS)
    )


def _by_arm(table: pd.DataFrame) -> list[tuple[str, Floats, Any, Any, bool]]:
    """Of each arm, in the table's order: its name on the figure, values, those known,
    colour, dashes, whether it is the control arm."""
    others, out = iter(style.OTHERS * 2), []
    looks: dict[str, Any] = {
        "reference": (style.BASE, "-"),
        "headline": (style.BLUE, style.DASHES),
    }
    for _, part in table.groupby("arm", sort=False):
        role = say.first(part, "role")
        title = say.first(part, "title") + (" (control)" if role == "reference" else "")
        colour, dashes = looks.get(role) or next(others)
        out.append(
            (
                style.folded(title, 34),
                part["value"].to_numpy(float),
                colour,
                dashes,
                role == "reference",
            )
        )
    return out


def edges_of(values: Floats, outcome: str) -> Floats:
    """Edges of bins: one a whole number where the outcome is a count of few, or of the
    user's own and in whole numbers; else BINS over the range.

    >>> edges_of(np.array([1.0, 3.0]), "accords_all_365").tolist()
    [0.5, 1.5, 2.5, 3.5]"""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    counts = _is_count(outcome) or (
        is_own(outcome) and bool((known == np.round(known)).all())
    )
    if counts and high - low <= 2 * BINS:
        return np.arange(np.floor(low) - 0.5, np.floor(high) + 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, BINS + 1)


def is_own(outcome: str) -> bool:
    """Whether an outcome is one of the user's own, whose unit its author alone
    knows."""
    return (found := known_outcome(outcome)) is not None and found.measure == "own"


def _is_count(outcome: str) -> bool:
    return (
        found := known_outcome(outcome)
    ) is not None and found.declared.type is OutcomeType.COUNT


def _whole_ticks(ax: style.Axes, outcome: str) -> None:
    """Whole numbers alone on the axis of a count."""
    if _is_count(outcome):
        style.whole_ticks(ax.xaxis, 8)


def _title(table: pd.DataFrame, outcome: str) -> str:
    """Where the middle half of the control arm lies, and the headline arm's effect."""
    what = say.capital(say.outcome_words(outcome))
    base = table.loc[table["role"] == "reference", "value"].dropna()
    low, high = (
        float(base.quantile(q)) if len(base) else float("nan") for q in (0.25, 0.75)
    )
    half = say.interval(
        low, high, 0 if _is_count(outcome) else say.decimals((high - low) / 10)
    )
    chosen = table[table["role"] == "headline"]
    if chosen.empty or not np.isfinite(chosen["effect"].iloc[0]):
        return f"{what}: half of the replications lie at {half}"
    row = chosen.iloc[0]
    told = say.effect_words(row["effect"], row["lo"], row["hi"], row["mcse"])
    return (
        f"{what}: half of the control arm's replications lie at {half}; effect {told}"
    )


def _small(table: pd.DataFrame) -> str:
    missing = int(table["value"].isna().sum())
    lost = (
        f" In {missing:,} rows it did not come by the horizon: they are left out."
        if missing
        else ""
    )
    return f"As drawn in each replication, not smoothed. Effects are paired. {say.CAVEAT}{lost}"


def draw_ecdf(axes: list[style.Axes], table: pd.DataFrame, outcome: str) -> style.Words:
    """A step line an arm: the share of replications with at most so much."""
    ax = axes[0]
    for name, values, colour, dashes, control in _by_arm(table):
        known = np.sort(values[np.isfinite(values)])
        if len(known):
            share = np.arange(len(known) + 1) / len(values)
            looks: dict[str, Any] = {
                "color": colour,
                "linestyle": dashes,
                "linewidth": 2.6 if control else 1.6,
            }
            ax.step(
                np.append(known[:1], known), share, where="post", label=name, **looks
            )
    style.share_axis(ax, "share of replications\nwith at most so much", 1.02)
    _whole_ticks(ax, outcome)
    ax.set_xlabel(_unit(outcome))
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return style.Words(
        _title(table, outcome),
        f"{style.runs_of(table)} per arm",
        _small(table),
        wrap=84,
    )


def draw_hist(axes: list[style.Axes], table: pd.DataFrame, outcome: str) -> style.Words:
    """A panel an arm: how many replications have each value; the control arm's outline
    behind."""
    arms, edges = _by_arm(table), edges_of(table["value"].to_numpy(float), outcome)
    counts = [
        np.histogram(values[np.isfinite(values)], edges)[0] for _, values, *_ in arms
    ]
    for ax, count, (name, _, colour, _, control) in zip(
        axes, counts, arms, strict=False
    ):
        ax.stairs(count, edges, fill=True, color=colour, alpha=0.55)
        if not control:
            ax.stairs(counts[0], edges, color=style.INK, linewidth=1.1)
        ax.set_title(name, loc="left")
    for ax in axes[len(arms) :]:
        ax.set_axis_off()
    axes[0].set_ylabel("replications")
    _whole_ticks(axes[0], outcome)
    small = f"{say.capital(_unit(outcome))}. Outline: the control arm. {_small(table)}"
    return style.Words(_title(table, outcome), "", small, wrap=84)


def draw_forest(
    axes: list[style.Axes], table: pd.DataFrame, outcome: str
) -> style.Words:
    """A row an arm, or a point: the paired effect with its 95 % interval."""
    ax = axes[0]
    heights = style.row_axis(ax, [style.folded(title, 44) for title in table["title"]])
    ax.axvline(0.0, color=style.INK, linewidth=1.0)
    places = say.decimals(float(table["mcse"].max()), *table["lo"], *table["hi"])
    for y, row in zip(heights, table.to_dict("records"), strict=True):
        clear = row["lo"] > 0 or row["hi"] < 0
        colour = (
            style.BLUE
            if row["role"] == "headline"
            else style.INK
            if clear
            else style.BASE
        )
        ax.plot(
            [row["lo"], row["hi"]],
            [y, y],
            color=colour,
            linewidth=2.0,
            solid_capstyle="butt",
        )
        ax.plot(row["effect"], y, "o", color=colour, markersize=6)
        style.beside(
            ax,
            y,
            f"{say.signed(row['effect'], places)} ({say.interval(row['lo'], row['hi'], places)})",
        )
    ax.set_xlabel(f"effect, {_unit(outcome)}")
    clear = int(((table["lo"] > 0) | (table["hi"] < 0)).sum())
    what, n = (
        say.capital(say.outcome_words(outcome)),
        say.plural(int(table["n"].max()), "replication"),
    )
    title = f"{what}: the 95 % CI of {clear} of {len(table)} effects excludes zero"
    under = f"paired with the control arm over {n}; grey: the interval holds zero"
    return style.Words(title, under, say.CAVEAT, wrap=72)


def draw_course(
    axes: list[style.Axes], table: pd.DataFrame, outcome: str
) -> style.Words:
    """Bands of the control arm's replications over time, its median and the headline
    arm's; names at the right."""
    ax, days, count = axes[0], sorted(table["day"].unique()), _is_count(outcome)
    base, chosen = (
        table[table["role"] == role].sort_values("day")
        for role in ("reference", "headline")
    )
    style.bands(ax, base, step="post" if count else None)
    labels, ends = [], []
    for rows, colour, dashes, width in (
        (base, style.INK, "-", 2.6),
        (chosen, style.BLUE, style.DASHES, 1.6),
    ):
        if len(rows):
            drawn: dict[str, Any] = {
                "color": colour,
                "linestyle": dashes,
                "linewidth": width,
            }
            drawn |= (
                {"drawstyle": "steps-post"}
                if count
                else {"marker": "o", "markersize": 4}
            )
            ax.plot(rows["day"], rows["q50"], **drawn)
            end = float(rows["q50"].iloc[-1])
            ends.append(say.number(end, 0 if count else 3))
            labels.append(
                (
                    end,
                    style.folded(f"{ends[-1]} {say.first(rows, 'title')}", 34),
                    colour,
                )
            )
    low, high = ax.get_ylim()
    style.label_ends(ax, float(days[-1]), labels, 0.1 * (high - low))
    unit = style.folded(_unit(outcome), 24)
    ax.set(xlim=(0, float(days[-1])), xlabel="days after the event", ylabel=unit)
    known = known_outcome(outcome)
    words = (
        outcome if known is None else replace(known, window=None).sentence.rstrip(".")
    )
    n = say.plural(int(table["n"].max()), "replication")
    under = f"Lines: medians. Bands: 50 % and 90 % of {n} of the control (spread, not error)"
    weekly = count and len(days) > 4
    small = (
        "Weekly counts of new security agreements."
        if weekly
        else "Measured at the end of each window."
    )
    told = f"{words}: after {days[-1]} days the median is {ends[0]} in the control"
    told += f", {ends[1]} with the event" if len(ends) > 1 else ""
    return style.Words(told, under, small, wrap=84)


def _unit(outcome: str) -> str:
    if is_own(outcome):
        return say.outcome_words(outcome)
    return found.declared.unit if (found := known_outcome(outcome)) is not None else ""
