"""Effects on the headline's outcome by dyad and by state, and the dyads that change
most."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from balance_sim.effects.result import AnalysedResult
from balance_sim.model.baseline import classes_of, compile_worlds
from balance_sim.model.core import DIRECTIONS
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.headline import by_size, clear, untold_words

VALUES = ["mean_control", "mean", "effect", "lo", "hi", "mcse"]
MOST_LISTED = 12
COUNTER = DIRECTIONS.index("counter")
LEAST = 1e-6
"""Agreements: a smaller expected effect is none."""
NONE = "No arm to compare, or no filtered numbers by dyad: there is no effect to show."
EXPECTED = (
    "Expected estimator at the point values: partners as at the start, no Monte Carlo "
    "error."
)

# -- tables ----------------------------------------------------------------------------


def dyads_table(result: AnalysedResult) -> pd.DataFrame:
    """Return the effect on every dyad's new counter-balancing security agreements
    within the longest window: together they are the headline's.

    Returns
    -------
    A row a dyad, a and b in the order of the scenario: names; counts: it is
    counter-balancing, all numbers of others are 0; mean, mean_control: expected
    agreements; effect; `clear`: it is not zero. By the expected estimator
    where that is the replications' (`Result.expected`), without lo, hi and mcse; else
    filtered, with 95 % CI and Monte Carlo standard error, and clear where the CI
    excludes zero
    """
    arm = result.headline_arm
    if arm is None or not result.finished:
        return pd.DataFrame()
    exact = result.expected
    if exact is not None:
        dyads = exact.dyads.rename(columns={"control": "mean_control"})
    else:
        dyads = result.dyads[result.dyads["arm"] == arm]
    if dyads.empty:
        return pd.DataFrame()
    names, codes = say.state_names(result.scenario), result.scenario.codes
    counted = _counted(result)
    by_dyad = {frozenset((row["a"], row["b"])): row for row in dyads.to_dict("records")}
    by_dyad = {dyad: row for dyad, row in by_dyad.items() if dyad in counted}
    none = dict.fromkeys(VALUES, 0.0)
    if exact is not None:
        none |= dict.fromkeys(("lo", "hi", "mcse"), np.nan)
    rows = [
        {"a": a, "b": b, "dyad": say.dyad_name(names, a, b)}
        | {"counts": frozenset((a, b)) in counted}
        | {key: by_dyad.get(frozenset((a, b)), none).get(key, np.nan) for key in VALUES}
        for a, b in itertools.combinations(codes, 2)
    ]
    return _with_clear(pd.DataFrame(rows), result).pipe(say.titled, result)


def states_table(result: AnalysedResult) -> pd.DataFrame:
    """Return the effect on every state.

    Returns
    -------
    A row a state: code, name, effect on its expected new counter-balancing agreements
    within the longest window, the sum of its dyads in `dyads_table`; mcse, lo and hi
    as wide as those of its dyads together, the widest that they can be; clear as there;
    participant (in the focal event)
    """
    dyads = dyads_table(result)
    if dyads.empty:
        return pd.DataFrame(columns=["clear"])
    dyads["half"] = dyads["hi"] - dyads["effect"]
    names, columns = say.state_names(result.scenario), ["effect", "mcse", "half"]
    sums = [
        dyads.loc[(dyads["a"] == code) | (dyads["b"] == code), columns].sum(
            skipna=False
        )
        for code in names
    ]
    table = pd.DataFrame(sums).assign(code=[*names])
    table["lo"] = table["effect"] - table["half"]
    table["hi"] = table["effect"] + table["half"]
    table = table[["code", "effect", "lo", "hi", "mcse"]].reset_index(drop=True)
    table.insert(1, "name", list(names.values()))
    participants = classes_of(result.scenario).participants
    table["participant"] = table["code"].isin(participants)
    return _with_clear(table, result)


def _counted(result: AnalysedResult) -> set[frozenset[str]]:
    """Return the counter-balancing dyads."""
    worlds = compile_worlds(result.scenario, (result.reference,))
    world, codes = worlds.reference, np.array(worlds.reference.codes)
    is_counted = worlds.baseline.direction == COUNTER
    sides = codes[world.first[is_counted]], codes[world.second[is_counted]]
    return {
        frozenset(dyad) for dyad in zip(*map(np.ndarray.tolist, sides), strict=True)
    }


def _with_clear(table: pd.DataFrame, result: AnalysedResult) -> pd.DataFrame:
    """Return the table with which effects are not zero, of which arm and of how many
    replications."""
    is_clear, is_exact = clear(table), result.expected is not None
    if is_exact:
        is_clear = table["effect"].abs() > LEAST
    return table.assign(
        clear=is_clear, exact=is_exact, n=result.finished, arm=result.headline_arm
    )


def largest_words(table: pd.DataFrame, label: str, noun: str, count: int = 3) -> str:
    """Return the rows with the largest effects that are not zero, as a title; where
    there are none, whether more replications would tell one.

    Parameters
    ----------
    label : column with the name of a row
    noun : what a row is
    """
    rows = by_size(table[table["clear"]]).head(count)
    if rows.empty:
        nothing = f"no {noun} differs from zero"
        return (
            nothing
            if table["exact"].all()
            else untold_words(table, f"any {noun}") or nothing
        )
    places = say.effect_digits(*rows["effect"])
    words = [
        f"{name} ({say.signed(effect, places)})"
        for name, effect in zip(rows[label], rows["effect"], strict=True)
    ]
    return f"most changes for {say.listed(words)}"


def estimator_words(table: pd.DataFrame) -> str:
    """Return how effects of a table were worked out."""
    if table["exact"].all():
        return EXPECTED
    if table["lo"].isna().all():
        return f"{style.runs_of(table)}: too few for a CI, so all is grey"
    return f"{style.runs_of(table)}; grey: the 95 % CI holds zero. {say.CAVEAT}"


def total_words(table: pd.DataFrame) -> str:
    """Return the sum over dyads, which is the headline's effect by the estimator of the
    table."""
    total = float(table["effect"].sum())
    places = say.effect_digits(total)
    return f"All dyads together: {say.signed(total, places)}."


# -- drawing ---------------------------------------------------------------------------


@style.figure(
    "dyads",
    "Which dyads?",
    dyads_table,
    empty=NONE,
    page=lambda table: style.rows_page(min(len(table), MOST_LISTED), 0.27),
    columns="a b mean_control mean effect lo hi",
    rows=by_size,
)
def draw_dyads(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw the dyads with the largest effects, a bar each with its numbers."""
    ax, shown = axes[0], by_size(table[table["clear"]]).head(MOST_LISTED)
    name = f"{say.first(table, 'treatment')}"
    title = f"{name}: {largest_words(table, 'dyad', 'dyad', 2)}"
    heights = style.row_axis(ax, list(shown["dyad"]))
    ax.axvline(0, color=style.INK, linewidth=1)
    places = say.effect_digits(*shown["effect"])
    for y, row in zip(heights, shown.to_dict("records"), strict=True):
        colour = style.BLUE if row["effect"] > 0 else style.ORANGE
        if np.isfinite(row["lo"]):
            style.whisker(ax, y, row, colour, width=2)
        else:
            ax.barh(y, row["effect"], 0.62, color=colour)
        level = say.level(row["mean_control"])
        words = f"{say.signed(row['effect'], places)} on {level}"
        style.beside(ax, y, words, color=style.readable(colour))
    ax.locator_params(axis="x", nbins=6)
    ax.set_xlabel(f"additional {say.COUNTER} {style.within(table)}")
    under = (
        f"The {len(shown)} largest effects; at the right what comes without the event. "
        "Blue: more, amber: fewer"
    )
    return style.Words(title, under, f"{total_words(table)} {estimator_words(table)}")
