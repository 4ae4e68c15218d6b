"""The finding of a run for the terminal: the effect in a sentence, the arms, the dyads,
and what was scheduled anyway."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from balance_sim import registry
from balance_sim.show import wording as say
from balance_sim.show.wording import (
    WIDTH,
    said,
    shortened,
    table,
    table_or_lines,
    wrapped,
)
from balance_sim.study.outcomes import Outcome

if TYPE_CHECKING:
    from balance_sim.effects.placebos import PlaceboTest
    from balance_sim.effects.result import AnalysedResult
    from balance_sim.show.study_types import Doubt
    from balance_sim.study.result import Result

type Row = dict[Any, Any]

TOP_DYADS, MOST_DYADS = 3, 25  # named in a sentence, and shown in a table
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
ROWS = say.DIRECTIONS | DECLARED
"""What the rows of `direction_table` are: security agreements by direction, then
declarations."""
NUMBERS = ("expected", "effect", "95 % CI", "MCSE")
EFFECT = ["effect", "lo", "hi", "mcse"]
DYADS = ["a", "b", "mean_control", "mean", "effect", "lo", "hi", "mcse", "z", "n"]
DEFINITIONS = (
    "Counter-balancing: neither state takes part in the event, both fear the "
    "participants, and neither is aligned with them. Security agreements are binding "
    "and of the depth of information sharing or more; the other types are declarations."
)

# -- tables ----------------------------------------------------------------------------


def direction_table(result: Result, arms: Sequence[str]) -> pd.DataFrame:
    """Tidy: arm, direction (a key of ROWS), mean, effect, lo, hi, mcse, n; new
    agreements within the longest window.

    The control arm's effect is NaN: it is what the others are measured against."""
    outcomes = {
        Outcome("accords", name, result.window).name: name for name in say.DIRECTIONS
    }
    outcomes |= {f"{name}_{result.window}": name for name in DECLARED}
    levels = result.levels
    levels = levels[levels["outcome"].isin(outcomes) & levels["arm"].isin(arms)]
    frame = levels[["arm", "outcome", "mean", "n"]]
    if result.effects.empty:
        frame = frame.assign(**dict.fromkeys(EFFECT, math.nan))
    else:
        effects = result.effects.rename(columns={"mean": "effect"})
        effects = effects[["arm", "outcome", *EFFECT]]
        frame = frame.merge(effects, on=["arm", "outcome"], how="left")
    frame = frame.assign(direction=frame["outcome"].map(outcomes))
    places = {"arm": list(arms), "direction": list(ROWS)}
    frame = frame.sort_values(
        ["arm", "direction"],
        key=lambda column: column.map(places[str(column.name)].index),
    )
    return frame[["arm", "direction", "mean", *EFFECT, "n"]].reset_index(drop=True)


def top_dyads(result: Result, arm: str) -> pd.DataFrame:
    """Dyads whose effect has a 95 % CI that excludes zero, furthest from zero first,
    ties in the order of the codes.

    The columns of DYADS: expected new security agreements within the longest window in
    the control arm and in `arm`, and the effect."""
    dyads = result.dyads[result.dyads["arm"] == arm]
    return by_size(dyads[clear(dyads)])[DYADS].reset_index(drop=True)


def by_size(dyads: pd.DataFrame) -> pd.DataFrame:
    """Dyads with the effect furthest from zero first, ties in the order of the
    codes."""
    keyed = dyads.assign(size=dyads["effect"].abs())
    order = [False, True, True]
    ordered = keyed.sort_values(["size", "a", "b"], ascending=order, kind="stable")
    return ordered.drop(columns="size")


def clear(frame: pd.DataFrame) -> pd.Series[bool]:
    """Rows whose interval excludes zero."""
    return (frame["lo"] > 0) | (frame["hi"] < 0)


def _row(frame: pd.DataFrame, arm: str | None, outcome: str) -> Row | None:
    """The row of an arm and an outcome in a tidy table, or None."""
    if frame.empty:
        return None
    rows = frame[(frame["arm"] == arm) & (frame["outcome"] == outcome)]
    return rows.to_dict("records")[0] if len(rows) else None


# -- sentences -------------------------------------------------------------------------


def finding(result: AnalysedResult) -> str:
    """The effect of the headline arm in a sentence."""
    arm, outcome = result.headline_arm, result.headline_outcome
    subject = f"{say.COUNTER} {say.within(result.window)}"
    control = _row(result.levels, result.reference, outcome)
    if control is None or not control["n"]:
        return "No replication finished, so there is nothing to report."
    if arm is None:
        title = say.arm_title(result.scenario, result.reference)
        level = say.number(control["mean"], 1)
        return (
            f"{title}: {level} expected {subject}. There is no other arm to compare "
            "with."
        )
    effect = _row(result.effects, arm, outcome)
    treated = _row(result.levels, arm, outcome)
    if effect is None or treated is None or not effect["n"]:
        return "No paired replication finished, so there is nothing to report."
    change = say.change_words(effect, control["mean"], treated["mean"], subject)
    return f"{say.treatment(result, arm)}: {change}."


def why_nothing(result: AnalysedResult) -> tuple[str, ...]:
    """Where there is next to no effect, or nothing that could count: reasons that
    follow from the scenario, if any."""
    outcome = result.headline_outcome
    control = _row(result.levels, result.reference, outcome)
    effect = _row(result.effects, result.headline_arm, outcome)
    if not result.finished or control is None or effect is None:
        return ()
    if abs(effect["mean"]) > NEXT_TO_NOTHING * control["mean"]:
        return ()
    from balance_sim.effects.world_at_start import world_at_start

    return world_at_start(result.scenario).why_nothing


def _channels(result: AnalysedResult) -> dict[str, str]:
    """The channels of the headline effect, what else the arm changes (empty if nothing)
    and all of it, in digits alike.

    Empty without the focal event."""
    arm = result.headline_arm
    if arm is None:
        return {}
    channels = result.channels.of(arm, result.headline_outcome)
    if channels is None:
        return {}
    places = say.decimals(abs(channels["total"]) / 50)
    pieces = ("picture", "threat", "rest", "total")
    words = {part: say.signed(channels[part], places) for part in pieces}
    if abs(channels["rest"]) < 1e-9:
        words["rest"] = ""
    return words


def channel_words(result: AnalysedResult) -> str:
    """What the focal event's two channels make of the headline effect, in a sentence;
    empty without the event."""
    pieces = _channels(result)
    if not pieces:
        return ""
    suffix = f", what else the arm changes {pieces['rest']}" if pieces["rest"] else ""
    return (
        f"Channels: the picture of who stands together adds {pieces['picture']}, the "
        f"threat to its targets {pieces['threat']}{suffix} (exact Shapley values, "
        "expected "
        "estimator)."
    )


def short_channels(result: AnalysedResult) -> str:
    """The same with the whole, which a simulated effect beside it need not equal."""
    pieces = _channels(result)
    if not pieces:
        return ""
    suffix = f", the arm's other changes {pieces['rest']}" if pieces["rest"] else ""
    return (
        f"Channels: who stands together {pieces['picture']}, the threat to its targets "
        f"{pieces['threat']}{suffix}; {pieces['total']} in all, by the expected "
        "estimator "
        "(partners as at the start)."
    )


OTHERS = {"participants": "sets of states", "dates": "dates"}
"""What placebos of a family have others of."""


def placebo_words(tests: Mapping[str, PlaceboTest]) -> str:
    """What the placebo tests say, in one sentence; empty where there are none."""
    pieces = []
    for family, test in tests.items():
        count = say.plural(test.placebos, "placebo")
        pieces.append(
            f"p = {test.p:.3f} against {count} with other {OTHERS[family]} "
            f"({test.verdict})"
        )
    return f"Placebos: {'; '.join(pieces)}." if pieces else ""


def short_placebos(result: AnalysedResult) -> str:
    """The same without the verdicts."""
    pieces = []
    for family, test in result.placebos.tests().items():
        is_few = test.placebos < FEWEST_PLACEBOS
        note = " (too few for less than 0.05)" if is_few else ""
        count = f"{test.placebos:,} other {OTHERS[family]}"
        pieces.append(f"{test.p:.3f} among {count}{note}")
    if not pieces:
        return ""
    return f"Placebos, by the share with an effect as large: p = {', '.join(pieces)}."


def doubts(result: AnalysedResult) -> list[Doubt]:
    """How sure the headline effect is, by rooms of the upper storey."""
    results = [doubt(result) for doubt in registry.parts("doubt").values()]
    return [doubt for doubt in results if doubt is not None]


def _level(result: AnalysedResult, outcome: str, front: str) -> str:
    """What is expected of an outcome in the control arm, and the headline arm's effect
    on it; else nothing."""
    control = _row(result.levels, result.reference, outcome)
    if control is None:
        return ""
    words = front.format(say.number(control["mean"], 1))
    effect = _row(result.effects, result.headline_arm, outcome)
    if effect is not None and math.isfinite(effect["mean"]):
        numbers = (effect[key] for key in ("mean", "lo", "hi", "mcse"))
        words += f"; effect {say.effect_words(*numbers)}"
    return f"{words}."


def _largest(result: AnalysedResult) -> str:
    """The dyads whose effect is furthest from zero, of those where it can be detected;
    that there are none; or "", where there is no arm beside the control arm."""
    dyads = _detectable(result)
    if dyads is None:
        return ""
    shown = dyads[dyads["effect"].abs() >= SMALLEST].head(TOP_DYADS)
    if shown.empty:
        return say.NO_DYAD
    names = say.state_names(result.scenario)
    places = max(say.digits(*shown["effect"]), 3)
    pieces = []
    for row in shown.to_dict("records"):
        dyad = say.dyad_name(names, row["a"], row["b"])
        pieces.append(f"{dyad} {say.signed(row['effect'], places)}")
    count = f"{len(dyads):,} of {_count(result):,} detectable"
    return f"Largest effects on dyads: {', '.join(pieces)} agreements ({count})."


def _detectable(result: AnalysedResult) -> pd.DataFrame | None:
    """`top_dyads` of the headline arm; None without an arm beside the control arm."""
    arm = result.headline_arm
    if arm is None or result.dyads.empty:
        return None
    return top_dyads(result, arm)


def _count(result: AnalysedResult) -> int:
    """How many dyads there are."""
    return int((result.dyads["arm"] == result.headline_arm).sum())


def _scheduled(result: AnalysedResult) -> str:
    """The agreements that were already scheduled."""
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


def headline_lines(
    result: AnalysedResult, width: int = WIDTH, *, verbose: bool = False
) -> Iterator[str]:
    """The finding and what belongs to it, in some twenty lines and one for each arm.

    width : columns of the page
    verbose : instead every table there is, and what is needed to repeat the run
    """
    replications = say.plural(result.runs, "replication")
    runs = f"{replications} of {say.plural(len(result.arms), 'arm')}"
    title = say.printable(result.scenario.title)
    yield from wrapped(title if verbose else f"{title} ({runs})", "", width)
    if verbose:
        yield from said(say.printable(result.scenario.question), width)
    yield from said(finding(result), width)
    for reason in why_nothing(result):
        yield from said(f"Why: {say.printable(reason)}.", width)
    if result.finished:
        yield from (_in_full if verbose else _in_short)(result, width)
    yield from _failed(result, width)
    if verbose:
        yield from ("", f"{runs}, seed {result.seed}", f"digest {result.digest}")
    if result.folder is not None:
        subject = "Manifest, summary.json and failed.json"
        if result.finished:
            has_page = (result.folder / "report.html").is_file()
            subject = "Results, figures and report.html" if has_page else "Results"
        suffix = "" if verbose else "; --verbose prints more"
        yield f"{subject}: {result.folder}{suffix}"


def _in_short(result: AnalysedResult, width: int) -> Iterator[str]:
    sentences = [say.caveat(result.draws), *(doubt.short for doubt in doubts(result))]
    sure = " ".join(sentence for sentence in sentences if sentence)
    for words in (short_channels(result), short_placebos(result), sure):
        yield from said(words, width)
    yield from ("", *_effects_of_arms(result, width), *_own(result, width), "")
    for words in (_largest(result), _scheduled(result)):
        yield from said(words, width)


def _in_full(result: AnalysedResult, width: int) -> Iterator[str]:
    for words in (channel_words(result), placebo_words(result.placebos.tests())):
        yield from said(words, width)
    for doubt in doubts(result):
        yield from ("", *_doubt_lines(doubt, width))
    yield from ("", *_arms(result, width))
    declared = Outcome("declarations", "counter", result.window).name
    front = (
        "Declarations apart: {} counter-balancing ones are expected in the control arm"
    )
    yield from said(_level(result, declared, front), width)
    yield from _own(result, width)
    yield from ("", *_dyads(result, width), "", *said(_scheduled(result), width))
    yield from ("", *_directions(result, width))
    plugins = result.scenario.plugins
    for lines in registry.of_plugins("lines", plugins).values():
        yield from ("", *lines(result, width))


def _doubt_lines(doubt: Doubt, width: int) -> Iterator[str]:
    if doubt.rows:
        yield from table([doubt.heads, *doubt.rows], "<>", width=width)
    for words in (*doubt.sentences, doubt.missing):
        yield from said(words, width)


def _counter(result: AnalysedResult) -> pd.DataFrame:
    """Of every arm the counter-balancing security agreements."""
    frame = direction_table(result, result.arms)
    return frame[frame["direction"] == "counter"]


def _places(frame: pd.DataFrame) -> int:
    """Decimals for the effects of a table."""
    return say.decimals(frame["mcse"].max(), *frame["lo"], *frame["hi"])


def _effects_of_arms(result: AnalysedResult, width: int) -> Iterator[str]:
    """Every arm but the control arm in a line: effect and CI."""
    frame = _counter(result)
    is_control = frame["arm"] == result.reference
    if is_control.all() or not is_control.any():
        return
    titles, places = say.arm_titles(result.scenario), _places(frame)
    control = say.number(frame.loc[is_control, "mean"].iloc[0], 2)
    heads = [f"arm (control arm: {control} agreements)", "effect", "95 % CI"]
    arms = frame[~is_control].to_dict("records")
    cells = [say.effect_cells(row, places)[:2] for row in arms]
    columns = zip(heads[1:], *cells, strict=True)
    taken = sum(2 + max(len(cell) for cell in column) for column in columns)
    rows = [heads]
    for row, numbers in zip(arms, cells, strict=True):
        rows.append([shortened(titles[row["arm"]], width - taken), *numbers])
    yield from table_or_lines(rows, "<>", width)


def _number_cells(row: Row, places: int) -> list[str]:
    """The cells of NUMBERS; no effect where there is none."""
    cells = ["", "", ""]
    if math.isfinite(row["effect"]):
        cells = say.effect_cells(row, places)
    return [say.number(row["mean"], min(places, 2)), *cells]


def _arms(result: AnalysedResult, width: int) -> Iterator[str]:
    """Every arm: expected agreements, effect, CI and Monte Carlo standard error."""
    frame, titles = _counter(result), say.arm_titles(result.scenario)
    places = _places(frame)
    runs = say.plural(result.runs, "replication")
    window = say.within(result.window)
    yield from said(f"{say.capital(say.COUNTER)} {window}, {runs} per arm", width)
    rows = [["arm", *NUMBERS]]
    for row in frame.to_dict("records"):
        control = " (control)" if row["arm"] == result.reference else ""
        rows.append([titles[row["arm"]] + control, *_number_cells(row, places)])
    yield from table_or_lines(rows, "<>", width)
    paired = "Effects are paired with the control arm. " if len(frame) > 1 else ""
    yield from said(f"{paired}{say.caveat(result.draws)}", width)


def _own(result: AnalysedResult, width: int) -> Iterator[str]:
    """Outcomes of one's own: level in the control arm, and the headline arm's
    effect."""
    rows = [["outcome", "control", "effect", "95 % CI", "MCSE"]]
    for name in result.by_run.names:
        if not name.startswith("own_"):
            continue
        control = _row(result.levels, result.reference, name)
        effect = _row(result.effects, result.headline_arm, name)
        level = None if control is None else control["mean"]
        cells = ["", "", ""]
        if effect is not None and math.isfinite(effect["mean"]):
            cells = say.effect_cells(effect)
        words = say.arm_words(name.removeprefix("own_"))
        rows.append([words, say.number(level, 2), *cells])
    if len(rows) > 1:
        runs = say.plural(result.runs, "replication")
        yield from ("", f"Outcomes of your own, {runs} per arm")
        yield from table_or_lines(rows, "<>", width)


def _dyads(result: AnalysedResult, width: int) -> Iterator[str]:
    """The dyads whose effect can be detected, or the one sentence that there is
    none."""
    dyads = _detectable(result)
    if dyads is None:
        return
    if dyads.empty:
        yield say.NO_DYAD
        return
    shown = dyads.head(MOST_DYADS)
    which = "Dyads"
    if len(shown) < len(dyads):
        which = f"The {len(shown)} largest effects on dyads"
    window = say.within(result.window)
    yield from said(f"{which}: expected new security agreements {window}", width)
    names = say.state_names(result.scenario)
    places = max(say.digits(*shown["effect"]), 3)
    rows = [["dyad", "without", "with", "effect", "95 % CI"]]
    for row in shown.to_dict("records"):
        dyad = say.dyad_name(names, row["a"], row["b"])
        expected = [say.number(row[key], places) for key in ("mean_control", "mean")]
        rows.append([dyad, *expected, *say.effect_cells(row, places)[:2]])
    yield from table_or_lines(rows, "<>", width)
    total = say.plural(_count(result), "dyad")
    yield from said(f"The 95 % CI of {len(dyads):,} of {total} excludes zero.", width)


def _directions(result: AnalysedResult, width: int) -> Iterator[str]:
    """New agreements of every direction in every arm, and those that come of
    negotiations under way at the start."""
    yield from said(f"New agreements {say.within(result.window)} by direction", width)
    frame = direction_table(result, result.arms)
    titles, places = say.arm_titles(result.scenario), _places(frame)
    rows = [["arm and direction", *NUMBERS]]
    for arm, directions in frame.groupby("arm", sort=False):
        rows.append([titles[str(arm)], "", "", "", ""])
        for row in directions.to_dict("records"):
            words = f"  {ROWS[row['direction']]}"
            rows.append([words, *_number_cells(row, places)])
    yield from table_or_lines(rows, "<>", width)
    yield from said(DEFINITIONS, width)
    from_talks = Outcome("from_talks", "", result.window).name
    front = (
        "{} of the new security agreements in the control arm come from negotiations "
        "under way at the start"
    )
    yield from said(_level(result, from_talks, front), width)


def _failed(result: AnalysedResult, width: int) -> Iterator[str]:
    """The replications that failed, and why the first did."""
    if not result.failed:
        return
    count, first = len(result.failed), result.failed[0]
    numbers = ", ".join(str(row["run"]) for row in result.failed[:10])
    suffix = f" and {count - 10} more" if count > 10 else ""
    subject = say.plural(
        count, "replication failed and is", "replications failed and are"
    )
    yield from said(
        f"{subject} left out of every number above: {numbers}{suffix}.", width
    )
    lines = str(first["traceback"]).splitlines()
    reasons = [line for line in lines if line and not line[0].isspace()]
    if reasons:
        reason = re.sub(r"^(\w+\.)+(?=\w+:)", "", reasons[-1])
        yield from said(f"Replication {first['run']}: {say.printable(reason)}", width)
