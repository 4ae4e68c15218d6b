"""Studies side by side: the effect in each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.figures.effects import draw_effects
from balance_sim.show.headline import detected, effect_table
from balance_sim.stats.intervals import Sample, paired_interval, welch
from balance_sim.study.outcomes import FILTERED, Outcome
from balance_sim.study.result import Result

if TYPE_CHECKING:
    from balance_sim.show.comparison import Comparison

SHORT_NAME = 34  # letters of a label on a line
AGAINST = ["against_first", "against_mcse", "against_lo", "against_hi"]

type NamedArm = tuple[str, Result, str]
"""How figures call a study, the study, and its arm."""


def studies_table(comparison: Comparison) -> pd.DataFrame:
    """Return the effect in each study.

    Sweeps have no effect of their own and no row.

    Returns
    -------
    A row a study: mean paired effect on counter-balancing agreements of its headline
    arm, or of the arm named, within the longest window that all have, with lo, hi, mcse
    and n; control_level: mean in the control; AGAINST: its effect less that of the
    first study with its error and 95 % CI, replication by replication where seeds
    match, else of independent ones (Welch)
    """
    arms = []
    sides = zip(comparison.names, comparison.sides, comparison.studies, strict=True)
    for name, side, study in sides:
        if isinstance(study, Result) and study.finished:
            arm = side.arm or study.headline_arm
            if arm not in (None, study.reference):
                arms.append((name, study, str(arm)))
    windows = [set(study.scenario.report.windows) for _, study, _ in arms]
    common = set.intersection(*windows) if windows else set()
    if not common:
        return pd.DataFrame()
    window = max(common)
    outcome = Outcome("accords", "counter", window).name
    rows = [_effect_row(arms[0], named, outcome) for named in arms]
    return pd.DataFrame(rows).assign(window=window)


def _effect_row(first: NamedArm, named: NamedArm, outcome: str) -> dict[Any, Any]:
    """Return the effect of an arm, and how far it is from that of the first.

    Raises
    ------
    WrongRequest : where the study does not have the outcome
    """
    name, study, arm = named
    study.need(outcome)
    table = effect_table(study, [outcome])
    row: dict[Any, Any] = table[table["arm"] == arm].to_dict("records")[0]
    against = dict(zip(AGAINST, _against(first, named, outcome), strict=True))
    return row | against | {"label": name}


def _against(first: NamedArm, named: NamedArm, outcome: str) -> tuple[float, ...]:
    """Return the difference of two mean effects, its error, and its 95 % CI.

    With common seeds the same replications are compared one by one, so that the error
    they share drops out; filtered numbers vary smoothly and have Student's interval,
    counts one with room for a jump that no replication has shown (`paired_interval`).
    """
    filtered = FILTERED + outcome
    is_filtered = all(filtered in study.by_run.names for _, study, _ in (first, named))
    measured = filtered if is_filtered else outcome
    base, other = (_effect_by_run(*arm[1:], measured) for arm in (first, named))
    if first[1].seed != named[1].seed:
        return welch(Sample.of(base.array), Sample.of(other.array))
    runs = base.index.intersection(other.index)
    values = other.loc[runs].to_numpy(float), base.loc[runs].to_numpy(float)
    is_smooth = is_filtered or np.array_equal(*values)
    return paired_interval(*values, smooth=is_smooth, least=1.0)


def _effect_by_run(result: Result, arm: str, outcome: str) -> pd.Series[Any]:
    """Return the effect of an arm by replication."""
    frame = result.by_run.frame(outcome)
    wide = frame.pivot(index="run", columns="arm", values=outcome).sort_index()
    return (wide[arm] - wide[result.reference]).dropna()


def studies_title(table: pd.DataFrame) -> str:
    """Return where the effect can be detected; of two studies also whether their
    effects differ."""
    words = detected(table, "studies", "label")
    if len(table) != 2:
        return words
    change, error, lo, hi = table[AGAINST].iloc[1]
    if change == lo == hi == 0:
        return f"{words}; the effect is the same in every replication"
    verb = "differ" if lo > 0 or hi < 0 else "do not differ in the simulation"
    return f"{words}; the two {verb} ({say.effect_words(change, lo, hi, error)})"


@style.figure(
    "studies",
    "How large is the effect in each study?",
    studies_table,
    page=lambda table: style.panels(9.8, 2.5 + 0.6 * max(len(table), 2)),
    empty=(
        "No two studies with an arm to compare and a window in common: there is no "
        "effect to show."
    ),
    columns="label control_level effect lo hi against_first against_lo against_hi n",
)
def draw_studies(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw a dot and interval a study, the numbers beside it."""
    labels = []
    for label, level in zip(table["label"], table["control_level"], strict=True):
        name = style.folded(str(label), SHORT_NAME)
        labels.append(f"{name}\n{say.number(level, 1)} in the control")
    draw_effects(axes[0], table.assign(role="other"), labels)
    axes[0].set_xlabel(f"effect on expected {say.COUNTER} {style.within(table)}")
    arms = set(table["title"] + ", relative to " + table["control"])
    which = "each study's own arm relative to its control"
    if len(arms) == 1:
        which = arms.pop()
    smallest, largest = int(table["n"].min()), int(table["n"].max())
    runs = say.plural(largest, "replication")
    if smallest < largest:
        runs = f"{smallest:,} to {runs}"
    under = (
        f"Mean paired effect, {which}; {runs}. Bars: 95 % CI; open dots: it holds zero"
    )
    small = f"Under each name: agreements expected in the control. {say.CAVEAT}"
    return style.Words(studies_title(table), under, small)
