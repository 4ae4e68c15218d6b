"""The finding of a run for the terminal: the effect in a sentence, the arms, the dyads,
and what was scheduled anyway.

Figures and pages are made of the same parts: `effect_table` has the level and the
effect of any outcome in every arm, `clear` and `detected` say which rows of a table
show an effect, and the sentences here stand in the report too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim import registry
from balance_sim.scenario.defaults import exercise_distribution
from balance_sim.show import wording as say
from balance_sim.show.wording import WIDTH, said, table
from balance_sim.study.outcomes import Outcome

if TYPE_CHECKING:
    from balance_sim.effects.placebos import PlaceboTest
    from balance_sim.effects.result import AnalysedResult
    from balance_sim.study.result import Result

type Row = dict[Any, Any]

TOP_DYADS = 3
"""Dyads that are named in a sentence."""
SMALLEST = 5e-7  # agreements: a smaller effect would print as nought
NEXT_TO_NOTHING = 1e-3
"""Effect, as a share of the level in the control arm, up to which it is asked whether
the scenario allows any."""
FEWEST_PLACEBOS = 20
"""Fewer cannot give a p below 0.05, since the event itself counts as one."""
DECLARED = {
    "declarations_counter": "declarations, counter-balancing",
    "declarations_all": "declarations, all",
}
OTHERS = {"participants": "sets of states", "dates": "dates"}
"""What placebos of a family have others of."""
EFFECT = ["effect", "lo", "hi", "mcse"]

# -- tables ----------------------------------------------------------------------------


def effect_table(result: Result, outcomes: Sequence[str]) -> pd.DataFrame:
    """Return level and effect of outcomes, by outcome and arm.

    Returns
    -------
    A row an outcome and arm, in the order of both: level (mean in the arm), n,
    control_level; effect with its 95 % CI (lo, hi) and Monte Carlo standard error
    (mcse), NaN for the control arm; and what `wording.titled` says of the arm. Empty
    where no replication finished
    """
    if not result.finished:
        return pd.DataFrame()
    keys = ["outcome", "arm"]
    index = pd.MultiIndex.from_product([outcomes, result.arms], names=keys)
    levels = result.levels.set_index(keys)[["mean", "n"]].reindex(index)
    table = levels.rename(columns={"mean": "level"}).dropna(subset="n")
    table[EFFECT] = np.nan
    if not result.effects.empty:
        effects = result.effects.rename(columns={"mean": "effect"}).set_index(keys)
        table[EFFECT] = effects[EFFECT].reindex(table.index)
    table = table.reset_index()
    control = table[table["arm"] == result.reference].set_index("outcome")["level"]
    table["control_level"] = table["outcome"].map(control)
    return say.titled(table, result)


def by_size(effects: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the effect furthest from zero first."""
    return effects.sort_values(
        "effect", key=lambda column: -column.abs(), kind="stable"
    )


def detected(frame: pd.DataFrame, noun: str, label: str) -> str:
    """Return how many rows show a detectable effect, and which the largest, as the
    title of a figure: `3 of 10 arms show a detectable effect; largest: Half, +0.1`.

    Parameters
    ----------
    frame : effect, lo, hi, mcse
    noun : what a row is, in the plural
    label : column with the name of a row
    """
    sure = frame[clear(frame)]
    if sure.empty:
        return f"None of {len(frame):,} {noun} shows a detectable effect"
    top = sure.iloc[int(sure["effect"].abs().argmax())]
    effect, bounds, _ = say.effect_cells(top)
    verb = "shows" if len(sure) == 1 else "show"
    return (
        f"{len(sure):,} of {len(frame):,} {noun} {verb} a detectable effect; largest: "
        f"{top[label]}, {effect} ({bounds})"
    )


def clear(frame: pd.DataFrame) -> pd.Series[bool]:
    """Return which rows have an interval that excludes zero.

    Parameters
    ----------
    frame : with lo and hi; where these are not known, a row is not clear
    """
    return (frame["lo"] > 0) | (frame["hi"] < 0)


def headline_row(result: Result) -> Row | None:
    """Return the row of `effect_table` of the headline arm and outcome; None without
    an arm beside the control arm, or a replication."""
    table = effect_table(result, [result.headline_outcome])
    if table.empty or result.headline_arm is None:
        return None
    return table[table["role"] == "headline"].to_dict("records")[0]


# -- sentences -------------------------------------------------------------------------


def finding(result: Result) -> str:
    """Return the effect of the headline arm in a sentence, or why there is none.

    It is the effect on counter-balancing security agreements within the longest window,
    relative to the control arm, filtered where there is a filtered estimate.
    """
    subject = f"{say.COUNTER} {say.within(result.window)}"
    if not result.finished:
        return "No replication finished, so there is nothing to report."
    row = headline_row(result)
    if row is None:
        control = effect_table(result, [result.headline_outcome]).iloc[0]
        level = say.number(control["level"], 1)
        return (
            f"{control['title']}: {level} expected {subject}. There is no other arm to "
            "compare with."
        )
    change = say.change_words(row, subject)
    return f"{row['treatment']}: {change}."


def why_nothing(result: AnalysedResult) -> tuple[str, ...]:
    """Return why there is next to no effect, where that follows from the scenario.

    Asked for only where the effect is below NEXT_TO_NOTHING of the control arm's level,
    since the world at the start has to be worked out for it.
    """
    row = headline_row(result)
    if row is None or abs(row["effect"]) > NEXT_TO_NOTHING * row["control_level"]:
        return ()
    from balance_sim.effects.world_at_start import world_at_start

    return world_at_start(result.scenario).why_nothing


def channel_words(channels: Mapping[str, float] | None) -> str:
    """Return what the focal event's two channels make of an effect; empty without the
    event.

    They are exact Shapley values of the expected effect, in which partners stay as at
    the start, so that their sum need not equal a simulated effect beside it.

    Parameters
    ----------
    channels : picture, threat, rest, total
    """
    if not channels:
        return ""
    places = say.decimals(abs(channels["total"]) / 50)
    words = {part: say.signed(effect, places) for part, effect in channels.items()}
    others = ""
    if abs(channels["rest"]) >= 1e-9:
        others = f", the arm's other changes {words['rest']}"
    return (
        f"Channels: who stands together {words['picture']}, the threat to its targets "
        f"{words['threat']}{others}; {words['total']} in all, by the expected "
        "estimator (partners as at the start)."
    )


def how_sure(result: AnalysedResult) -> list[str]:
    """Return the channels of the headline effect and what its placebos say."""
    arm, channels = result.headline_arm, None
    if arm is not None:
        channels = result.channels.of(arm, result.headline_outcome)
    sentences = channel_words(channels), placebo_words(result.placebos.tests())
    return list(filter(None, sentences))


def placebo_words(tests: Mapping[str, PlaceboTest]) -> str:
    """Return what the placebo tests say, by family, in one sentence; empty without."""
    few = {True: " (too few for less than 0.05)", False: ""}
    pieces = [
        f"{test.p:.3f} among {test.placebos:,} other {OTHERS[family]}"
        f"{few[test.placebos < FEWEST_PLACEBOS]}"
        for family, test in tests.items()
    ]
    if not pieces:
        return ""
    return f"Placebos, by the share with an effect as large: p = {', '.join(pieces)}."


def doubts(result: AnalysedResult) -> list[list[str]]:
    """Return sentences on how sure the headline effect is, of each room of the upper
    storey that has something to say."""
    answers = [doubt(result) for doubt in registry.parts("doubt").values()]
    return list(filter(None, answers))


def _largest_words(result: AnalysedResult) -> str:
    """Return the dyads whose detectable effect is furthest from zero; empty without an
    arm beside the control arm."""
    arm = result.headline_arm
    if arm is None or result.dyads.empty:
        return ""
    of_arm = result.dyads[result.dyads["arm"] == arm]
    dyads = by_size(of_arm[clear(of_arm)])
    shown = dyads[dyads["effect"].abs() >= SMALLEST].head(TOP_DYADS)
    if shown.empty:
        return say.NO_DYAD
    names = say.state_names(result.scenario)
    places = max(say.digits(*shown["effect"]), 3)
    pieces = [
        f"{say.dyad_name(names, row['a'], row['b'])} "
        f"{say.signed(row['effect'], places)}"
        for row in shown.to_dict("records")
    ]
    return (
        f"Largest effects on dyads: {', '.join(pieces)} agreements "
        f"({len(dyads):,} of {len(of_arm):,} detectable)."
    )


def _headline_of(result: Result, outcome: Outcome) -> Row | None:
    """Return the headline arm's row of `effect_table` of an outcome; None where it was
    not measured."""
    table = effect_table(result, [outcome.name])
    rows = table[table["role"] == "headline"].to_dict("records") if len(table) else []
    return rows[0] if rows else None


def effort_words(result: Result) -> str:
    """Return the effort of the threatened states by the end of the longest window, and
    the headline arm's effect on it; empty where it was not measured."""
    row = _headline_of(result, Outcome("effort", "threatened", result.window))
    if row is None:
        return ""
    size = say.effect_words(*(float(row[key]) for key in EFFECT))
    level = say.number(row["control_level"], max(say.digits(row["control_level"]), 3))
    return (
        f"Effort of the threatened states {say.within(result.window)}, a share of "
        f"their capability: {level} in the control arm; effect {size}."
    )


def exercise_words(result: Result) -> str:
    """Return the joint exercises of counter-balancing dyads within the longest window,
    and the headline arm's effect on them, with the elasticity that it rests on; empty
    where they were not counted."""
    row = _headline_of(result, Outcome("exercises", "counter", result.window))
    if row is None:
        return ""
    measured = exercise_distribution()
    elasticity, error = measured.estimate[0], measured.covariance[0][0] ** 0.5
    return (
        f"Joint exercises of counter-balancing dyads {say.within(result.window)}: "
        f"{say.number(row['control_level'], 1)} in the control arm; effect "
        f"{say.signed(row['effect'], 2)}, at an elasticity of {elasticity:.2f} "
        f"(standard error {error:.2f})."
    )


def _scheduled_words(result: AnalysedResult) -> str:
    """Return the agreements that were already scheduled: they come on the same day in
    every arm, so that no event has an effect on them."""
    names = say.state_names(result.scenario)
    pieces = []
    for row in result.scheduled.to_dict("records"):
        name = say.printable(str(row["name"])) or say.arm_words(str(row["kind"]))
        dyad = say.dyad_name(names, row["a"], row["b"])
        pieces.append(f"{dyad}, {name} ({row['stage']} on {row['date']})")
    if not pieces:
        return "No agreement was already scheduled."
    effect = "its effect is" if len(pieces) == 1 else "their effects are"
    return f"Already scheduled, so {effect} zero by construction: {'; '.join(pieces)}."


# -- lines -----------------------------------------------------------------------------


def headline_lines(result: AnalysedResult, width: int = WIDTH) -> Iterator[str]:
    """Yield the finding and what belongs to it, in some twenty lines and one for each
    arm.

    Parameters
    ----------
    width : columns of the page
    """
    runs = say.plural(result.runs, "replication")
    title = say.printable(result.scenario.title)
    sentences = [f"{title} ({runs} of {say.plural(len(result.arms), 'arm')})"]
    sentences += [finding(result), *(f"Why: {why}." for why in why_nothing(result))]
    if result.finished:
        sentences += how_sure(result)
        sure = [say.caveat(result.draws), *(words for words, *_ in doubts(result))]
        sentences.append(" ".join(sure))
    for sentence in sentences:
        yield from said(sentence, width)
    if result.finished:
        yield from ["", *_arm_lines(result, width), ""]
        own_lines = own_rows(result)
        if own_lines:
            heads = ["outcome of your own", "arm", "mean", "effect", "95 % CI", "MCSE"]
            yield from [*table([heads, *own_lines], "<<>", width=width), ""]
        yield from said(effort_words(result), width)
        yield from said(exercise_words(result), width)
        yield from said(_largest_words(result), width)
        yield from said(_scheduled_words(result), width)
    if result.failed:
        failed = say.plural(len(result.failed), "replication")
        yield from said(f"Failed, and in no number above: {failed}.", width)
    if result.folder is not None:
        files = "Manifest, summary.json and failed.json"
        if result.finished:
            has_page = (result.folder / "report.html").is_file()
            files = "Results, figures and report.html" if has_page else "Results"
        yield f"{files}: {result.folder}"


def _arm_lines(result: AnalysedResult, width: int) -> list[str]:
    """Return every arm but the control arm in a line: effect and CI."""
    frame = effect_table(result, [result.headline_outcome])
    arms = frame[frame["role"] != "reference"]
    places = say.decimals(arms["mcse"].max(), *arms["lo"], *arms["hi"])
    control = say.number(frame["control_level"].iloc[0], 2)
    rows = [[f"arm (control arm: {control} agreements)", "effect", "95 % CI"]]
    rows += [
        [row["title"], *say.effect_cells(row, places)[:2]]
        for row in arms.to_dict("records")
    ]
    return table(rows, "<>", width=width) if len(arms) else []


def agreement_rows(result: Result) -> list[list[str]]:
    """Return per arm and direction: expected number, effect, CI, Monte Carlo standard
    error; the longest window."""
    counted = {f"accords_{name}": words for name, words in say.DIRECTIONS.items()}
    outcomes = {
        f"{name}_{result.window}": words for name, words in (counted | DECLARED).items()
    }
    return _level_rows(effect_table(result, list(outcomes)), outcomes)


def effort_rows(result: Result) -> list[list[str]]:
    """Return per window and arm: mean effort of the threatened states, effect, CI,
    Monte Carlo standard error; none where nobody is threatened."""
    windows = sorted(result.scenario.report.windows)
    outcomes = {
        Outcome("effort", "threatened", window).name: say.within(window)
        for window in windows
    }
    measured = [name for name in outcomes if name in result.by_run.names]
    return _level_rows(effect_table(result, measured), outcomes) if measured else []


def exercise_rows(result: Result) -> list[list[str]]:
    """Return per direction and arm: joint exercises, effect, CI, Monte Carlo standard
    error; the longest window, none where it ends after the scenario."""
    outcomes = {
        Outcome("exercises", name, result.window).name: words
        for name, words in say.DIRECTIONS.items()
    }
    measured = [name for name in outcomes if name in result.by_run.names]
    return _level_rows(effect_table(result, measured), outcomes) if measured else []


def own_rows(result: Result) -> list[list[str]]:
    """Return of each outcome of the user's own, in its author's words, and arm: mean,
    effect, CI, Monte Carlo standard error."""
    meanings = result.codebook.set_index("outcome")["meaning"].map(str)
    outcomes = {
        name: f"{say.capital(say.outcome_words(name))}: {say.printable(meanings[name])}"
        for name in result.by_run.names
        if name.startswith("own_")
    }
    return _level_rows(effect_table(result, list(outcomes)), outcomes)


def _level_rows(table: pd.DataFrame, words: Mapping[str, str]) -> list[list[str]]:
    """Return rows of `effect_table` as cells; `words` by outcome."""
    rows = []
    for row in table.to_dict("records"):
        is_control = row["role"] == "reference"
        cells = ["control", "", ""] if is_control else say.effect_cells(row)
        level = say.number(row["level"], say.digits(row["level"]))
        rows.append([words[row["outcome"]], row["title"], level, *cells])
    return rows
