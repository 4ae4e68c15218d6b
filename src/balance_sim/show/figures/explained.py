"""Why: the terms of willingness that the effect goes through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.explain import explained
from balance_sim.effects.result import AnalysedResult
from balance_sim.scenario.errors import StoreDamaged
from balance_sim.show import wording as say
from balance_sim.show.explain import GROUP_WORDS
from balance_sim.show.figures import style
from balance_sim.show.figures.effects import has_rows

ATTRIBUTION = [
    *("group", "terms", "value", "lo", "hi", "mcse", "alone", "last", "effect"),
    *("arm", "reference", "outcome", "runs", "title", "control"),
]
FEEDBACK = "feedback"
MARKERS = (("alone", "|", 9), ("last", "x", 5))


def document_of(result: AnalysedResult) -> dict[str, Any]:
    """explain.json of a study's folder; empty where there is none or it speaks of other
    replications."""
    if result.folder is None:
        return {}
    document = explained(result.folder)
    keys = ("seed", "runs", "digest")
    is_same = all(document.get(key) == getattr(result, key) for key in keys)
    return document if is_same else {}


def attribution_table(result: AnalysedResult) -> pd.DataFrame:
    """One row a group of terms: its Shapley value with 95 % CI, alone and last; then
    `feedback`.

    Raises
    ------
    StoreDamaged : where explain.json is not as `explain` writes it
    """
    document = document_of(result)
    try:
        attribution = document.get("attribution")
        return _rows(attribution, result) if attribution else pd.DataFrame()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreDamaged(
            f"{result.folder}/explain.json is not as `explain` writes it "
            f"({type(error).__name__}: {error}): delete it, or explain again."
        ) from error


def _rows(attribution: dict[str, Any], result: AnalysedResult) -> pd.DataFrame:
    """The table of what explain.json says."""
    groups = list(attribution["groups"])
    feedback = attribution.get(FEEDBACK)
    if feedback is not None:
        row: dict[str, Any] = {
            "group": FEEDBACK,
            "terms": [],
            "alone": None,
            "last": None,
        }
        groups.append(row | feedback | {"value": feedback["mean"]})
    rows = []
    for group in groups:
        lo, hi = group["ci95"]
        numbers = {key: group[key] for key in ("value", "mcse", "alone", "last")}
        numbers |= {"lo": lo, "hi": hi}
        row = {"group": group["group"], "terms": ", ".join(group["terms"])}
        rows.append(row | {key: _float(value) for key, value in numbers.items()})
    whose = {key: attribution[key] for key in ("arm", "reference", "outcome", "runs")}
    effect = float(attribution["effect"]["mean"])
    table = pd.DataFrame(rows).assign(effect=effect, **whose)
    nothing = (table["value"] == 0) & (table["mcse"] == 0)
    shown = table[~((table["group"] == "outside") & nothing)]
    return say.titled(shown.reset_index(drop=True), result)[ATTRIBUTION]


def _float(value: float | None) -> float:
    return np.nan if value is None else float(value)


def attribution_title(table: pd.DataFrame) -> str:
    """The finding: through which group the largest part of the effect goes."""
    effect = float(table["effect"].iloc[0])
    groups = table[table["group"] != FEEDBACK]
    ordered = groups.sort_values("value", key=abs, ascending=False, kind="stable")
    top = ordered.iloc[0]
    value = float(top["value"])
    if value == 0:
        return f"No group of terms has a part in the effect of {say.signed(effect)}"
    places = max(2, say.decimals(float(top["mcse"])))
    group = GROUP_WORDS.get(top["group"], top["group"])
    part = f"{say.signed(value, places)} of {say.signed(effect, places)}"
    title = f"The largest part of the effect is {group}: {part}"
    if not np.isfinite(top["lo"]):
        return title
    verb = "excludes" if top["lo"] > 0 or top["hi"] < 0 else "holds"
    return f"{title}; its CI {verb} 0"


@style.figure(
    "attribution",
    "Which terms make up the effect?",
    attribution_table,
    fits=has_rows(attribution_table),
    page=lambda table: style.panels(9.4, 2.6 + 0.5 * max(len(table), 2)),
    empty=(
        "Nothing was explained yet, so there is no attribution: see balance-sim "
        "explain."
    ),
    columns="group terms value lo hi mcse alone last effect",
)
def draw_attribution(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A bar a group with its interval; ticks: what it adds alone and last."""
    ax = axes[0]
    errors = table["mcse"][table["mcse"] > 0]
    places = say.decimals(float(errors.min()) if len(errors) else 0.0)
    names = [GROUP_WORDS.get(group, group) for group in table["group"]]
    labels = [style.folded(name, 24) for name in names]
    heights = style.row_axis(ax, labels, grid=False)
    ax.autoscale(axis="y")
    ax.axvline(0, color=style.INK, linewidth=1)
    for y, row in zip(heights, table.to_dict("records"), strict=True):
        lo, hi = row["lo"], row["hi"]
        colour = style.BLUE if lo > 0 or hi < 0 else style.PALE
        ax.barh(y, row["value"], height=0.62, color=colour)
        if np.isfinite(lo) and hi > lo:
            ax.plot([lo, hi], [y, y], color=style.INK, linewidth=1.4)
        for name, marker, size in MARKERS:
            if np.isfinite(row[name]):
                looks: dict[str, Any] = {"markersize": size, "linestyle": "none"}
                if y == heights[0]:
                    looks["label"] = name
                ax.plot(row[name], y, marker, color=style.INK, **looks)
        bounds = "no replication differs"
        if row["mcse"] != 0:
            bounds = say.interval(lo, hi, places)
        style.beside(ax, y, f"{say.signed(row['value'], places)}  ({bounds})")
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False)
    outcome = say.outcome_words(say.first(table, "outcome"))
    ax.set_xlabel(f"part of the effect on {outcome}")
    title, control = say.first(table, "title"), say.first(table, "control")
    runs = say.plural(int(table["runs"].iloc[0]), "replication")
    under = f"{title}. Control: {control}. {runs}. Line: 95 % CI; grey: it holds 0"
    small = (
        "Shapley values by the direct estimator: what a group of terms adds, averaged "
        "over all orders in which the groups could come in. alone: with all other "
        "groups out; last: with all others in. The last row is no group of terms. The "
        "parts sum to the effect."
    )
    return style.Words(attribution_title(table), under, small, wrap=78)
