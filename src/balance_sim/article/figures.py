"""Figures of the article: its mechanisms as a typeset table, and the stances that
states take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.article.lines import mechanism_rows
from balance_sim.effects.result import AnalysedResult
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.figures.effects import compares
from balance_sim.show.headline import clear
from balance_sim.stats.intervals import paired_interval
from balance_sim.study.outcomes import Outcome, known_outcome
from balance_sim.study.result import Result

COLOURS = {"as expected": style.BLUE, "opposite": style.VERMILION}
"""Of what was found of a sign; all else is grey."""
STANCES = {
    "balance": "balancing",
    "hedge": "hedging",
    "buck_pass": "buck-passing",
    "bandwagon": "bandwagoning",
    "abstain": "abstaining",
}


# -- mechanisms ------------------------------------------------------------------------


def mechanisms_table(result: AnalysedResult) -> pd.DataFrame:
    """One row a mechanism: value, 95 % CI (NaN: none), tag, what was found, two-sided p
    among placebos with its verdict (NaN and empty: none), the numbers in words, and why
    there is none."""
    if result.headline_arm is None or not result.finished:
        return pd.DataFrame()
    mechanisms = result.additions["mechanisms"].values()
    rows = []
    for words, row in zip(mechanism_rows(result), mechanisms, strict=True):
        numbers = words["value"]
        if words["interval"]:
            numbers = f"{numbers} ({words['interval']})"
        lo, hi = row["ci95"]
        rows.append(
            {key: words[key] for key in ("id", "name", "tag", "found", "why")}
            | {"value": row["value"], "lo": lo, "hi": hi, "p": row["placebo_p"]}
            | {"measure": row["measure"], "words": numbers}
            | {"verdict": row["placebo_verdict"] or "", "arm": result.headline_arm}
        )
    table = pd.DataFrame(rows).astype(dict.fromkeys(["value", "lo", "hi", "p"], float))
    return say.titled(table, result)


def mechanisms_title(table: pd.DataFrame) -> str:
    """The finding: of the mechanisms with an open sign how many are as the article
    expects; of those with placebos how many stand out from them."""
    open_sign = table[(table["tag"] == "emergent") & table["value"].notna()]
    expected = int((open_sign["found"] == "as expected").sum())
    opposite = int((open_sign["found"] == "opposite").sum())
    unclear = len(open_sign) - expected - opposite
    title = (
        f"Of {say.plural(len(open_sign), 'mechanism')} whose sign is open {expected} "
        f"{'is' if expected == 1 else 'are'} as expected, {opposite} opposite, "
        f"{unclear} not distinguishable from 0"
    )
    compared = table[table["p"].notna()]
    if compared.empty:
        return title
    beyond = int((compared["verdict"] == "supported").sum())
    verb = "is" if beyond == 1 else "are"
    return (
        f"{title}. Of {len(compared)} compared with placebos {beyond} {verb} supported"
    )


def _value_words(row: dict[Any, Any]) -> str:
    return "no value" if np.isnan(row["value"]) else str(row["words"])


def _found_words(row: dict[Any, Any]) -> str:
    """Of a sign that is implied only the size is a finding."""
    size_only = "" if np.isnan(row["value"]) else "size only"
    return row["found"] or size_only


def _placebo_words(row: dict[Any, Any]) -> str:
    if np.isnan(row["p"]):
        return "\u2013"
    return f"{say.number(row['p'], 3)}, {row['verdict']}"


COLUMNS: tuple[tuple[float, str, Callable[[dict[Any, Any]], str]], ...] = (
    (0.0, "", lambda row: row["id"]),
    (0.045, "mechanism", lambda row: row["name"]),
    (0.36, "value (95 % CI)", _value_words),
    (0.61, "found", _found_words),
    (0.80, "placebo p", _placebo_words),
)
"""Of the typeset table: where a column starts, its head, and what it says of a row."""


def _cell_style(column: str, row: dict[Any, Any]) -> dict[str, Any]:
    """Colour and weight of a cell."""
    if column == "found" and row["found"] in COLOURS:
        return {
            "color": style.readable(COLOURS[row["found"]]),
            "fontweight": "bold",
        }
    is_quiet = (column == "found" and not row["found"]) or (
        column == "placebo p" and row["verdict"] != "supported"
    )
    return {"color": style.QUIET if is_quiet else style.INK, "fontweight": "normal"}


def _with_sizes_named(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows in which a mechanism of which no sign is found says `size only`."""
    return rows.assign(found=rows["found"].where(rows["found"] != "", "size only"))


@style.figure(
    "mechanisms",
    "Which mechanisms of the argument hold?",
    mechanisms_table,
    fits=compares,
    page=lambda table: style.panels(12.0, 2.3 + 0.27 * max(len(table), 3)),
    empty="No arm to compare, or no replication finished: there is no mechanism to "
    "measure.",
    follows="pairs",
    columns="id name words found p verdict measure",
)
def draw_mechanisms(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A typeset table: a row a mechanism with its value and 95 % CI, what was found of
    its sign, and the placebo p."""
    ax, rows = axes[0], table.to_dict("records")
    ax.set(xlim=(0, 1), ylim=(-0.7, len(table) + 0.3))
    ax.set_axis_off()
    ax.axhline(len(table) - 0.45, color=style.INK, linewidth=1.2)
    heights = np.arange(len(table))[::-1].astype(float)
    for y in heights:
        ax.axhline(y - 0.5, color=style.GRID, linewidth=0.8)
    top: dict[str, Any] = {
        "color": style.QUIET,
        "fontsize": style.SMALL,
        "va": "center",
    }
    for x, column, words in COLUMNS:
        ax.text(x, len(table) - 0.08, column, **top)
        for y, row in zip(heights, rows, strict=True):
            ax.text(x, y, words(row), va="center", **_cell_style(column, row))
    small = (
        "Size only: the sign is implied by the model, so only the size is a finding. "
        "Placebo p: two-sided, of the event among events with other participants (M2: "
        "among shuffles of who is threatened), supported up to 0.05; a dash: no "
        f"placebos. Control: {say.first(table, 'control')}. What each one measures: "
        "docs/mechanisms.md."
    )
    return style.Words(mechanisms_title(table), "", small, 100, 150)


# -- stances ---------------------------------------------------------------------------


def stances_table(result: Result) -> pd.DataFrame:
    """Tidy: group, stance: mean share of the group's states that take the stance in the
    longest window, in the control arm and in the headline arm, and the paired
    difference with its 95 % CI. Group "": all states."""
    arm = result.headline_arm
    outcomes = _stance_outcomes(result)
    if arm is None or not result.finished or not outcomes:
        return pd.DataFrame()
    frame = result.by_run.frame(*outcomes).set_index("run").sort_index()
    of_arm = frame[frame["arm"] == arm]
    of_control = frame[frame["arm"] == result.reference]
    rows = []
    for group in dict.fromkeys(outcome.group or "" for outcome in outcomes.values()):
        columns = {
            outcome.stance: name
            for name, outcome in outcomes.items()
            if (outcome.group or "") == group
        }
        total = of_control[list(columns.values())].to_numpy(float).sum(axis=1)
        for stance in (word for word in STANCES if word in columns):
            name = columns[stance]
            share = (of_arm[name] / total).to_numpy(float)
            base = (of_control[name] / total).to_numpy(float)
            is_known = np.isfinite(share) & np.isfinite(base)
            if not is_known.any():
                continue
            share, base = share[is_known], base[is_known]
            effect, _, lo, hi = paired_interval(share, base, alike=arm in result.alike)
            rows.append(
                {"group": group, "stance": stance}
                | {"share_control": float(base.mean()), "share": float(share.mean())}
                | {"effect": effect, "lo": lo, "hi": hi}
                | {"n": len(share), "arm": arm}
            )
    return say.titled(pd.DataFrame(rows), result) if rows else pd.DataFrame()


def _stance_outcomes(result: Result) -> dict[str, Outcome]:
    """By column, what counts states with a stance in the longest window."""
    outcomes = {name: known_outcome(str(name)) for name in result.by_run.names}
    return {
        name: outcome
        for name, outcome in outcomes.items()
        if outcome and outcome.stance and outcome.window == result.window
    }


def stances_title(table: pd.DataFrame) -> str:
    """The finding: how the event changes balancing among all states, or in the first
    group if that is missing."""
    group = "" if (table["group"] == "").any() else str(table["group"].iloc[0])
    rows = table[(table["group"] == group) & (table["stance"] == "balance")]
    row = (rows if len(rows) else table).iloc[0]
    name, effect = say.first(table, "treatment"), row["effect"]
    stance = STANCES[str(row["stance"])]
    if group:
        stance += f" in {say.group_words(group)}"
    if not np.isfinite(row["lo"]):
        return "One replication gives no confidence interval for the change of stances"
    if row["lo"] <= 0 <= row["hi"]:
        points = say.points(effect, 2)
        return f"{name}: no detectable change of {stance} ({points} points)"
    verb, control = "rises" if effect > 0 else "falls", 100 * row["share_control"]
    change = f"{verb} by {abs(100 * effect):.2f} points"
    return f"{name}: {stance} {change}, from {control:.1f} % of states"


def _stances_page(table: pd.DataFrame) -> list[style.Axes]:
    height = 2.5 + 0.34 * max(table["group"].nunique(), 3)
    panels = table["stance"].nunique()
    return style.panels(12.0, height, 1, panels, sharex=True, sharey=True)


def _stances_change(result: AnalysedResult) -> bool:
    """Whether the change of any stance is clear."""
    if not compares(result):
        return False
    table = stances_table(result)
    return bool(len(table)) and bool(clear(table).any())


@style.figure(
    "stances",
    "Which stances does the event change?",
    stances_table,
    page=_stances_page,
    fits=_stances_change,
    empty="No arm to compare, or stances were not observed: there are no stances to "
    "show.",
    follows="relations",
    columns="group stance share_control share effect lo hi",
)
def draw_stances(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A panel a stance, a row a group: the difference from the control arm in
    percentage points, with its 95 % CI."""
    groups = list(dict.fromkeys(table["group"]))
    stances = [word for word in STANCES if (table["stance"] == word).any()]
    names = [say.group_words(group) if group else "All states" for group in groups]
    for ax, stance in zip(axes, stances, strict=False):
        rows = table[table["stance"] == stance].set_index("group").reindex(groups)
        columns = rows[["effect", "lo", "hi"]].to_numpy(float)
        effect, lo, hi = 100 * columns.T
        is_clear = (lo > 0) | (hi < 0)
        edge = np.where(is_clear, style.BLUE, style.BASE).tolist()
        face = np.where(is_clear, style.BLUE, "white").tolist()
        heights = style.row_axis(ax, names, -0.6, -0.4)
        ax.axvline(0, color=style.INK, linewidth=1)
        ax.hlines(heights, lo, hi, colors=edge, linewidth=2)
        ax.scatter(effect, heights, c=face, edgecolors=edge, s=34, zorder=3)
        ax.set_title(say.capital(STANCES[stance]), loc="left", color=style.QUIET)
        ax.locator_params(axis="x", nbins=4)
    axes[len(stances) // 2].set_xlabel(
        "difference from the control, percentage points of the group's states"
    )
    n = say.plural(int(table["n"].max()), "paired replication")
    small = (
        f"Stances {style.within(table)}, {n}, of counts. Bars: 95 % CI; open dots: it "
        f"holds zero. Control: {say.first(table, 'control')}. Groups may overlap."
    )
    return style.Words(stances_title(table), "", small, 96, 150)


FIGURES = {spec.name: spec for spec in (draw_mechanisms, draw_stances)}
