"""Groups of states: the change of their relations with the host of the event."""

from __future__ import annotations

import pandas as pd

from balance_sim.model.baseline import classes_of
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.headline import detected, effect_table
from balance_sim.study.outcomes import known_outcome
from balance_sim.study.result import Result


def relations_table(result: Result) -> pd.DataFrame:
    """Return how relations of groups with the host change.

    Returns
    -------
    A row a group and window of the report (day): mean paired change (effect) of the
    group's mean relation to the host with its 95 % CI and Monte Carlo standard error,
    headline less control arm; control_level: its mean in the control arm; n
    """
    outcomes = {}
    for name in result.by_run.names:
        outcome = known_outcome(str(name))
        if outcome is not None and outcome.measure == "relations":
            outcomes[name] = outcome
    table = effect_table(result, list(outcomes))
    if table.empty:
        return table
    table = table[table["role"] == "headline"]
    host = classes_of(result.scenario).host or ""
    names = say.state_names(result.scenario)
    return table.assign(
        group=[str(outcomes[name].group) for name in table["outcome"]],
        day=[outcomes[name].window or 0 for name in table["outcome"]],
        host=names.get(host, "the host"),
    ).sort_values(["group", "day"])


@style.figure(
    "relations",
    "How do relations with the host change?",
    relations_table,
    page=lambda _: style.panels(9.8, 5.4),
    empty="No arm to compare, no host or no group: there is no relation to follow.",
    columns="group day effect lo hi control_level n",
)
def draw_relations(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw a line a group over the windows, with CIs; names at the right."""
    ax = axes[0]
    names = table["group"].map(say.group_words)
    style.effect_lines(ax, table.assign(name=names), "name")
    ax.set_xlabel("days after the event")
    ax.set_ylabel("change of the group's\nmean relation, -1 to 1")
    under = (
        f"Paired difference from the control ({say.first(table, 'control')}) at the "
        f"end of each window. Bars: 95 % CI over {style.runs_of(table)}"
    )
    small = (
        "Relation: how far a state thinks the host stands with it less how far against "
        f"it. Groups may overlap. {say.CAVEAT}"
    )
    final = table[table["day"] == table["day"].max()].assign(name=names)
    title = f"Relations with {say.first(table, 'host')}: "
    title += detected(final, "groups", "name")
    return style.Words(title, under, small)
