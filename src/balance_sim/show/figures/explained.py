"""Why: the terms of willingness that the effect goes through."""

from __future__ import annotations

from functools import wraps
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


def _known(numbers: dict[str, float | None]) -> dict[str, float]:
    return {
        key: np.nan if value is None else float(value) for key, value in numbers.items()
    }


OWNED = [
    "group",
    "terms",
    "value",
    "lo",
    "hi",
    "mcse",
    "alone",
    "last",
    "effect",
    "arm",
    "reference",
    "outcome",
    "runs",
]


def document_of(result: AnalysedResult) -> dict[str, Any]:
    """explain.json of a study's folder; empty where there is none or it speaks of other
    replications."""
    found = explained(result.folder) if result.folder is not None else {}
    same = all(
        found.get(key) == getattr(result, key) for key in ("seed", "runs", "digest")
    )
    return found if same else {}


def _from_document(table: style.Table) -> style.Table:
    """A table of explain.json. Raises StoreDamaged where the file is not as `explain`
    writes it."""

    @wraps(table)
    def read(result: AnalysedResult) -> pd.DataFrame:
        try:
            return table(result)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if not document_of(result):
                raise
            told = f"{result.folder}/explain.json is not as `explain` writes it"
            raise StoreDamaged(
                f"{told} ({type(error).__name__}: {error}): delete it, or explain again."
            ) from error

    return read


@_from_document
def attribution_table(result: AnalysedResult) -> pd.DataFrame:
    """One row a group of terms: its Shapley value with 95 % CI, alone and last; then
    `feedback`."""
    found = document_of(result).get("attribution")
    if not found:
        return pd.DataFrame()
    groups, rest = list(found["groups"]), found.get("feedback")
    if rest is not None:
        groups.append(
            {"group": "feedback", "terms": [], "alone": None, "last": None}
            | rest
            | {"value": rest["mean"]}
        )
    rows = []
    for group in groups:
        numbers = {key: group[key] for key in ("value", "mcse", "alone", "last")}
        numbers |= dict(zip(("lo", "hi"), group["ci95"], strict=True))
        rows.append(
            _known(numbers)
            | {"group": group["group"], "terms": ", ".join(group["terms"])}
        )
    more = {name: found[name] for name in ("arm", "reference", "outcome", "runs")}
    table = pd.DataFrame(rows).assign(effect=float(found["excess"]["mean"]), **more)
    nothing_left = (
        (table["group"] == "outside") & (table["value"] == 0) & (table["mcse"] == 0)
    )
    return say.titled(table[~nothing_left].reset_index(drop=True), result)[
        [*OWNED, "title", "control"]
    ]


def attribution_title(table: pd.DataFrame) -> str:
    """The finding: through which group the largest part of the effect goes."""
    whole = float(table["effect"].iloc[0])
    groups = table[table["group"] != "feedback"]
    top = groups.sort_values("value", key=abs, ascending=False, kind="stable").iloc[0]
    if float(top["value"]) == 0:
        return f"No group of terms has a part in the effect of {say.signed(whole)}"
    places, what = (
        max(2, say.decimals(float(top["mcse"]))),
        GROUP_WORDS.get(top["group"], top["group"]),
    )
    part = f"{say.signed(float(top['value']), places)} of {say.signed(whole, places)}"
    told = (
        "; its CI excludes 0" if top["lo"] > 0 or top["hi"] < 0 else "; its CI holds 0"
    )
    return f"The largest part of the effect is {what}: {part}{told if np.isfinite(top['lo']) else ''}"


@style.figure(
    "attribution",
    "Which terms make up the effect?",
    attribution_table,
    fits=has_rows(attribution_table),
    page=lambda table: style.panels(9.4, 2.6 + 0.5 * max(len(table), 2)),
    empty="Nothing was explained yet, so there is no attribution: see balance-sim explain.",
    columns="group terms value lo hi mcse alone last effect",
)
def draw_attribution(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A bar a group with its interval; ticks: what it adds alone and last."""
    ax, some = axes[0], table["mcse"][table["mcse"] > 0]
    places = say.decimals(float(some.min()) if len(some) else 0.0)
    heights = style.row_axis(
        ax,
        [style.folded(GROUP_WORDS.get(one, one), 24) for one in table["group"]],
        grid=False,
    )
    ax.autoscale(axis="y")
    ax.axvline(0, color=style.INK, linewidth=1)
    for y, row in zip(heights, table.to_dict("records"), strict=True):
        sure = row["lo"] > 0 or row["hi"] < 0
        ax.barh(y, row["value"], height=0.62, color=style.BLUE if sure else style.PALE)
        if np.isfinite(row["lo"]) and row["hi"] > row["lo"]:
            ax.plot([row["lo"], row["hi"]], [y, y], color=style.INK, linewidth=1.4)
        for name, marker, size in (("alone", "|", 9), ("last", "x", 5)):
            if np.isfinite(row[name]):
                label = name if y == heights[0] else None
                ax.plot(
                    row[name],
                    y,
                    marker,
                    color=style.INK,
                    markersize=size,
                    linestyle="none",
                    label=label,
                )
        bounds = (
            say.interval(row["lo"], row["hi"], places)
            if row["mcse"] != 0
            else "no replication differs"
        )
        style.beside(ax, y, f"{say.signed(row['value'], places)}  ({bounds})")
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False)
    ax.set_xlabel(
        f"part of the effect on {say.outcome_words(say.first(table, 'outcome'))}"
    )
    runs = say.plural(int(table["runs"].iloc[0]), "replication")
    small = (
        "Shapley values by the direct estimator: what a group of terms adds, averaged over all orders in which the "
        "groups could come in. alone: with all other groups out; last: with all others in. The last row is no group of "
        "terms. The parts sum to the effect."
    )
    under = (
        f"{say.first(table, 'title')}. Control: {say.first(table, 'control')}. {runs}. "
    )
    return style.Words(
        attribution_title(table),
        f"{under}Line: 95 % CI; grey: it holds 0",
        small,
        wrap=78,
    )
