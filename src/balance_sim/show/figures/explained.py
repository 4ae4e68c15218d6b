"""Why: the terms of willingness that the effect goes through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.explain import explained
from balance_sim.effects.result import AnalysedResult
from balance_sim.scenario.errors import StoreDamaged
from balance_sim.show import wording as say
from balance_sim.show.explain import group_words
from balance_sim.show.figures import style
from balance_sim.show.figures.effects import draw_effects
from balance_sim.show.headline import detected

FEEDBACK = "feedback"


def attribution_table(result: AnalysedResult) -> pd.DataFrame:
    """Return what `explain` attributed the effect to, as explain.json in the study's
    folder has it.

    Returns
    -------
    A row a group of terms: terms, its Shapley value (effect) with 95 % CI and Monte
    Carlo standard error; then `feedback`. Empty where nothing was attributed, or of
    other replications

    Raises
    ------
    StoreDamaged : where explain.json is not as `explain` writes it
    """
    if result.folder is None:
        return pd.DataFrame()
    document = explained(result.folder)
    keys = ("seed", "runs", "digest")
    if any(document.get(key) != getattr(result, key) for key in keys):
        return pd.DataFrame()
    try:
        return _rows(document.get("attribution"), result)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreDamaged(
            f"{result.folder}/explain.json is not as `explain` writes it "
            f"({type(error).__name__}: {error}): delete it, or explain again."
        ) from error


def _rows(attribution: dict[str, Any] | None, result: AnalysedResult) -> pd.DataFrame:
    """Return the table of what explain.json says; groups without a part are left
    out."""
    if not attribution:
        return pd.DataFrame()
    groups = list(attribution["groups"])
    feedback = attribution.get(FEEDBACK)
    if feedback is not None:
        row = {"group": FEEDBACK, "terms": [], "value": feedback["mean"]}
        groups.append(row | feedback)
    rows = []
    for group in groups:
        lo, hi = (np.nan if bound is None else bound for bound in group["ci95"])
        numbers = {"effect": float(group["value"]), "lo": lo, "hi": hi}
        row = {"group": group["group"], "terms": ", ".join(group["terms"])}
        rows.append(row | numbers | {"mcse": float(group["mcse"])})
    table = pd.DataFrame(rows)
    whose = {key: attribution[key] for key in ("arm", "outcome", "runs")}
    table = table[(table["effect"] != 0) | (table["mcse"] != 0)].assign(
        total=float(attribution["effect"]["mean"]), **whose
    )
    return say.titled(table.reset_index(drop=True), result)


def attribution_title(table: pd.DataFrame) -> str:
    """Return how many groups of terms have a detectable part, and which the largest."""
    groups = table[table["group"] != FEEDBACK]
    names = groups["group"].map(group_words)
    return detected(groups.assign(name=names), "groups of terms", "name")


@style.figure(
    "attribution",
    "Which terms make up the effect?",
    attribution_table,
    page=lambda table: style.panels(9.4, 2.6 + 0.5 * max(len(table), 2)),
    empty=(
        "Nothing was explained yet, so there is no attribution: see balance-sim "
        "explain."
    ),
    columns="group terms effect lo hi mcse",
)
def draw_attribution(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw a row a group with its interval, and a bar from zero."""
    ax = axes[0]
    labels = [style.folded(group_words(group), 24) for group in table["group"]]
    rows = table.assign(role="other")
    heights = draw_effects(ax, rows, labels)
    colours = [style.BLUE if effect > 0 else style.ORANGE for effect in table["effect"]]
    ax.barh(heights, table["effect"], height=0.5, color=colours, zorder=1, alpha=0.5)
    outcome = say.outcome_words(say.first(table, "outcome"))
    ax.set_xlabel(f"part of the effect on {outcome}")
    runs = say.plural(int(table["runs"].iloc[0]), "replication")
    title, control = say.first(table, "title"), say.first(table, "control")
    under = f"{title}. Control: {control}. {runs}. Line: 95 % CI; open dots: it holds 0"
    small = (
        "Shapley values by the direct estimator: what a group of terms adds, averaged "
        "over all orders in which the groups could come in. Agreements that differ are "
        "no group of terms. The parts sum to the effect."
    )
    return style.Words(attribution_title(table), under, small)
