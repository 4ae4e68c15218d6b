"""What a run found, for the terminal: the finding in a sentence, the arms, the dyads,
and what was scheduled anyway."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
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
    from collections.abc import Mapping, Sequence

    from balance_sim.effects.placebos import PlaceboTest
    from balance_sim.effects.result import AnalysedResult
    from balance_sim.show.study_types import Doubt
    from balance_sim.study.result import Result

TOP, MOST_DYADS = 3, 25  # dyads that are named, and shown with all that is known
SEEN = 5e-7  # agreements: a smaller effect would print as nought
NEXT_TO_NOTHING = 1e-3
"""Effect, as a share of the level in the control arm, up to which it is asked whether
the scenario allows any."""

DECLARED = {
    "declarations_counter": "declarations, counter-balancing",
    "declarations_all": "declarations, all",
}
ROWS = say.DIRECTIONS | DECLARED
"""What the rows of `direction_table` are: security agreements by direction, then
declarations."""
NUMBERS = ("expected", "effect", "95 % CI", "MCSE")
DYADS = ["a", "b", "mean_control", "mean", "effect", "lo", "hi", "mcse", "z", "n"]


def direction_table(result: Result, arms: Sequence[str]) -> pd.DataFrame:
    """Tidy: arm, direction (a key of ROWS), mean, effect, lo, hi, mcse, n; new
    agreements within the longest window.

    The control arm's effect is NaN: it is what the others are measured against."""
    outcomes = {
        Outcome("accords", name, result.window).name: name for name in say.DIRECTIONS
    }
    outcomes |= {f"{name}_{result.window}": name for name in DECLARED}
    levels = result.levels[result.levels["outcome"].isin(outcomes)]
    frame = levels[["arm", "outcome", "mean", "n"]].copy()
    effects = result.effects
    if effects.empty:
        frame = frame.assign(
            **dict.fromkeys(("effect", "lo", "hi", "mcse"), float("nan"))
        )
    else:
        columns = ["arm", "outcome", "effect", "lo", "hi", "mcse"]
        frame = frame.merge(
            effects.rename(columns={"mean": "effect"})[columns],
            on=["arm", "outcome"],
            how="left",
        )
    frame["direction"] = frame["outcome"].map(outcomes)
    places = {"arm": [*arms], "direction": [*ROWS]}
    frame = frame[frame["arm"].isin(arms)].sort_values(
        [*places], key=lambda of: of.map(places[str(of.name)].index)
    )
    return frame[
        ["arm", "direction", "mean", "effect", "lo", "hi", "mcse", "n"]
    ].reset_index(drop=True)


def top_dyads(result: Result, arm: str) -> pd.DataFrame:
    """Dyads whose effect has a 95 % CI that excludes zero, furthest from zero first,
    ties in the order of the codes.

    The columns of DYADS: expected new security agreements within the longest window in
    the control arm and in `arm`, and the effect."""
    part = result.dyads[result.dyads["arm"] == arm]
    return by_size(part[clear(part)])[DYADS].reset_index(drop=True)


def by_size(frame: pd.DataFrame) -> pd.DataFrame:
    """Dyads with the effect furthest from zero first, ties in the order of the
    codes."""
    keyed = frame.assign(far=frame["effect"].abs())
    return keyed.sort_values(
        ["far", "a", "b"], ascending=[False, True, True], kind="stable"
    ).drop(columns="far")


def clear(frame: pd.DataFrame) -> pd.Series[bool]:
    """Rows whose interval excludes zero."""
    return (frame["lo"] > 0) | (frame["hi"] < 0)


def finding(result: AnalysedResult) -> str:
    """The effect of the headline arm in a sentence."""
    reference, arm = result.reference, result.headline_arm
    outcome = result.headline_outcome
    what = f"{say.COUNTER} {say.within(result.window)}"
    base = _row(result.levels, reference, outcome)
    if base is None or not base["n"]:
        return "No replication finished, so there is nothing to report."
    if arm is None:
        title = say.arm_title(result.scenario, reference)
        told = f"{title}: {say.number(base['mean'], 1)} expected {what}"
        return f"{told}. There is no other arm to compare with."
    row, with_it = _row(result.effects, arm, outcome), _row(result.levels, arm, outcome)
    if row is None or with_it is None or not row["n"]:
        return "No paired replication finished, so there is nothing to report."
    numbers = (
        row["mean"],
        row["lo"],
        row["hi"],
        row["mcse"],
        int(row["n"]),
        base["mean"],
        with_it["mean"],
    )
    return f"{say.treatment(result, arm)}: {say.change_words(*numbers, what)}."


def why_nothing(result: AnalysedResult) -> tuple[str, ...]:
    """Where there is next to no effect, or nothing that could count: reasons that
    follow from the scenario, if any."""
    arm, outcome = result.headline_arm, result.headline_outcome
    base = _row(result.levels, result.reference, outcome)
    row = _row(result.effects, arm, outcome)
    if (
        not result.finished
        or base is None
        or row is None
        or abs(row["mean"]) > NEXT_TO_NOTHING * base["mean"]
    ):
        return ()
    from balance_sim.effects.world_at_start import world_at_start

    return world_at_start(result.scenario).why_nothing


def headline_lines(
    result: AnalysedResult, width: int = WIDTH, *, verbose: bool = False
) -> Iterator[str]:
    """The finding and what belongs to it, in some twenty lines and one for each arm.

    verbose: instead every table there is, and what is needed to repeat the run. width:
    columns of the page."""
    runs = f"{say.plural(result.runs, 'replication')} of {say.plural(len(result.arms), 'arm')}"
    title = say.printable(result.scenario.title)
    yield from wrapped(title if verbose else f"{title} ({runs})", "", width)
    yield from said(say.printable(result.scenario.question) if verbose else "", width)
    yield from said(finding(result), width)
    for reason in why_nothing(result):
        yield from said(f"Why: {say.printable(reason)}.", width)
    if result.finished:
        yield from (_in_full if verbose else _in_short)(result, width)
    yield from _failed(result, width)
    if verbose:
        yield from ("", f"{runs}, seed {result.seed}", f"digest {result.digest}")
    if result.folder is not None:
        drawn = (result.folder / "report.html").is_file()
        what = "Results, figures and report.html" if drawn else "Results"
        what = what if result.finished else "Manifest, summary.json and failed.json"
        yield f"{what}: {result.folder}{'' if verbose else '; --verbose prints more'}"


def doubts(result: AnalysedResult) -> list[Doubt]:
    """What rooms of the upper storey know of how sure the headline effect is."""
    found = (doubt(result) for doubt in registry.parts("doubt").values())
    return [doubt for doubt in found if doubt is not None]


def _in_short(result: AnalysedResult, width: int) -> Iterator[str]:
    sentences = [say.caveat(result.draws), *(doubt.short for doubt in doubts(result))]
    for words in (
        short_channels(result),
        short_placebos(result),
        " ".join(sentence for sentence in sentences if sentence),
    ):
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


def _channels(result: AnalysedResult) -> dict[str, str]:
    """The channels of the headline effect, what else the arm changes (empty if nothing)
    and all of it, in digits alike.

    Empty without the focal event."""
    arm = result.headline_arm
    found = (
        result.channels.of(arm, result.headline_outcome) if arm is not None else None
    )
    if found is None:
        return {}
    places = say.decimals(abs(found["total"]) / 50)
    told = {
        name: say.signed(found[name], places)
        for name in ("picture", "threat", "rest", "total")
    }
    return told if abs(found["rest"]) >= 1e-9 else told | {"rest": ""}


def channel_words(result: AnalysedResult) -> str:
    """What the focal event's two channels make of the headline effect, in a sentence;
    empty without the event."""
    if not (of := _channels(result)):
        return ""
    more = of["rest"] and f", what else the arm changes {of['rest']}"
    return (
        f"Channels: the picture of who stands together adds {of['picture']}, the threat to its targets "
        f"{of['threat']}{more} (exact Shapley values, expected estimator)."
    )


def short_channels(result: AnalysedResult) -> str:
    """The same with the whole, which a simulated effect beside it need not equal."""
    if not (of := _channels(result)):
        return ""
    rest = of["rest"] and f", the arm's other changes {of['rest']}"
    parts = f"who stands together {of['picture']}, the threat to its targets {of['threat']}{rest}"
    return f"Channels: {parts}; {of['total']} in all, by the expected estimator (partners as at the start)."


FEWEST_PLACEBOS = 20
"""Fewer cannot give a p below 0.05, since the event itself counts as one."""


OTHERS = {"participants": "sets of states", "dates": "dates"}
"""What placebos of a family have others of."""


def placebo_words(tests: Mapping[str, PlaceboTest]) -> str:
    """What the placebo tests say, in one sentence; empty where there are none."""
    parts = []
    for family, test in tests.items():
        count = say.plural(test.placebos, "placebo")
        parts.append(
            f"p = {test.p:.3f} against {count} with other {OTHERS[family]} "
            f"({test.verdict})"
        )
    return f"Placebos: {'; '.join(parts)}." if parts else ""


def short_placebos(result: AnalysedResult) -> str:
    """What they say, without the verdicts."""
    told = [
        f"{of.p:.3f} among {of.placebos:,} other {OTHERS[name]}"
        + (" (too few for less than 0.05)" if of.placebos < FEWEST_PLACEBOS else "")
        for name, of in result.placebos.tests().items()
    ]
    return (
        f"Placebos, by the share with an effect as large: p = {', '.join(told)}."
        if told
        else ""
    )


def _counter(result: AnalysedResult) -> pd.DataFrame:
    """Of every arm the counter-balancing security agreements."""
    frame = direction_table(result, result.arms)
    return frame[frame["direction"] == "counter"]


def _effects_of_arms(result: AnalysedResult, width: int) -> Iterator[str]:
    """Every arm but the control arm in a line: effect and CI."""
    frame = _counter(result)
    is_control = frame["arm"] == result.reference
    if is_control.all() or not is_control.any():
        return
    names, places = say.arm_titles(result.scenario), _places(frame)
    rows = [
        (names[row["arm"]], *say.effect_cells(row, places)[:2])
        for row in frame[~is_control].to_dict("records")
    ]
    control = say.number(frame.loc[is_control, "mean"].iloc[0], 2)
    heads = (f"arm (control arm: {control} agreements)", "effect", "95 % CI")
    numbers = sum(
        2 + max(map(len, column)) for column in [*zip(heads, *rows, strict=True)][1:]
    )
    cells = [(shortened(title, width - numbers), *told) for title, *told in rows]
    yield from table_or_lines([heads, *cells], "<>", width)


def _arms(result: AnalysedResult, width: int) -> Iterator[str]:
    """Every arm: expected agreements, effect, CI and Monte Carlo standard error."""
    frame, names = _counter(result), say.arm_titles(result.scenario)
    runs = say.plural(result.runs, "replication")
    yield from said(
        f"{say.capital(say.COUNTER)} {say.within(result.window)}, {runs} per arm", width
    )
    rows = [
        (names[arm] + (" (control)" if arm == result.reference else ""), *cells)
        for arm, cells in zip(frame["arm"], _numbers(frame), strict=True)
    ]
    yield from table_or_lines([("arm", *NUMBERS), *rows], "<>", width)
    paired = "Effects are paired with the control arm. " if len(rows) > 1 else ""
    yield from said(f"{paired}{say.caveat(result.draws)}", width)


def _own(result: AnalysedResult, width: int) -> Iterator[str]:
    """Outcomes of one's own: level in the control arm, and the headline arm's
    effect."""
    names = [name for name in result.by_run.names if name.startswith("own_")]
    if not names:
        return
    rows = []
    for name in names:
        base, row = (
            _row(result.levels, result.reference, name),
            _row(result.effects, result.headline_arm, name),
        )
        level = None if base is None else base["mean"]
        cells = (
            say.effect_cells(row)
            if row is not None and math.isfinite(row["mean"])
            else [""] * 3
        )
        rows.append(
            [say.arm_words(name.removeprefix("own_")), say.number(level, 2), *cells]
        )
    yield from (
        "",
        f"Outcomes of your own, {say.plural(result.runs, 'replication')} per arm",
    )
    yield from table_or_lines(
        [("outcome", "control", "effect", "95 % CI", "MCSE"), *rows], "<>", width
    )


def _numbers(frame: pd.DataFrame) -> Iterator[list[str]]:
    places = _places(frame)
    for row in frame.to_dict("records"):
        cells = (
            say.effect_cells(row, places) if math.isfinite(row["effect"]) else [""] * 3
        )
        yield [say.number(row["mean"], min(places, 2)), *cells]


def _places(frame: pd.DataFrame) -> int:
    """Decimals for the effects of a table."""
    return say.decimals(frame["mcse"].max(), *frame["lo"], *frame["hi"])


def _level(result: AnalysedResult, outcome: str, front: str) -> str:
    """What is expected of an outcome in the control arm, and the headline arm's effect
    on it; else nothing."""
    base, row = (
        _row(result.levels, result.reference, outcome),
        _row(result.effects, result.headline_arm, outcome),
    )
    if base is None:
        return ""
    words = front.format(say.number(base["mean"], 1))
    if row is not None and math.isfinite(row["mean"]):
        words += f"; effect {say.effect_words(row['mean'], row['lo'], row['hi'], row['mcse'])}"
    return f"{words}."


def _leading(result: AnalysedResult) -> tuple[pd.DataFrame, int] | None:
    """`top_pairs` of the headline arm, and how many dyads there are; None without an
    arm beside the control arm."""
    arm, dyads = result.headline_arm, result.dyads
    return (
        None
        if arm is None or dyads.empty
        else (top_dyads(result, arm), int((dyads["arm"] == arm).sum()))
    )


def _largest(result: AnalysedResult) -> str:
    """The dyads whose effect is furthest from zero, of those where it can be detected;
    that there are none; or "", where there is no arm beside the control arm."""
    if (leading := _leading(result)) is None:
        return ""
    frame, every = leading
    shown, names = (
        frame[frame["effect"].abs() >= SEEN].head(TOP),
        say.state_names(result.scenario),
    )
    if shown.empty:
        return say.NO_DYAD
    places = max(say.digits(*shown["effect"]), 3)
    told = [
        f"{say.dyad_name(names, a, b)} {say.signed(effect, places)}"
        for a, b, effect in zip(shown["a"], shown["b"], shown["effect"], strict=True)
    ]
    return f"Largest effects on dyads: {', '.join(told)} agreements ({len(frame):,} of {every:,} detectable)."


def _dyads(result: AnalysedResult, width: int) -> Iterator[str]:
    """The dyads whose effect can be detected, or the one sentence that there is
    none."""
    if (leading := _leading(result)) is None:
        return
    frame, every = leading
    if frame.empty:
        yield say.NO_DYAD
        return
    shown = frame.head(MOST_DYADS)
    which = (
        "Dyads"
        if len(shown) == len(frame)
        else f"The {len(shown)} largest effects on dyads"
    )
    yield from said(
        f"{which}: expected new security agreements {say.within(result.window)}", width
    )
    names, places = (
        say.state_names(result.scenario),
        max(say.digits(*shown["effect"]), 3),
    )
    rows = []
    for row in shown.to_dict("records"):
        expected = [say.number(row[name], places) for name in ("mean_control", "mean")]
        rows.append(
            [
                say.dyad_name(names, row["a"], row["b"]),
                *expected,
                *say.effect_cells(row, places)[:2],
            ]
        )
    yield from table_or_lines(
        [("dyad", "without", "with", "effect", "95 % CI"), *rows], "<>", width
    )
    yield from said(
        f"The 95 % CI of {len(frame):,} of {say.plural(every, 'dyad')} excludes zero.",
        width,
    )


def _scheduled(result: AnalysedResult) -> str:
    names, told = say.state_names(result.scenario), []
    for one in result.scheduled.to_dict("records"):
        name = say.printable(str(one["name"])) or say.arm_words(str(one["kind"]))
        told.append(
            f"{say.dyad_name(names, one['a'], one['b'])}, {name} ({one['stage']} on {one['date']})"
        )
    if not told:
        return "No agreement was already scheduled."
    its = "its effect is" if len(told) == 1 else "their effects are"
    return f"Already scheduled, so {its} zero by construction: {'; '.join(told)}."


def _directions(result: AnalysedResult, width: int) -> Iterator[str]:
    """New agreements of every direction in every arm, and those that come of
    negotiations under way at the start."""
    yield from said(f"New agreements {say.within(result.window)} by direction", width)
    frame = direction_table(result, result.arms)
    titles, rows, before = (
        say.arm_titles(result.scenario),
        [["arm and direction", *NUMBERS]],
        "",
    )
    for arm, way, cells in zip(
        frame["arm"], frame["direction"], _numbers(frame), strict=True
    ):
        rows += [[titles[arm], *[""] * len(NUMBERS)]] if arm != before else []
        rows.append([f"  {ROWS[way]}", *cells])
        before = arm
    yield from table_or_lines(rows, "<>", width)
    note = (
        "Counter-balancing: neither state takes part in the event, both fear the participants, and neither is aligned "
        "with them. Security agreements are binding and of the depth of information sharing or more; the other types "
        "are declarations."
    )
    yield from said(note, width)
    what = "of the new security agreements in the control arm come from negotiations under way at the start"
    yield from said(
        _level(result, Outcome("from_talks", "", result.window).name, f"{{}} {what}"),
        width,
    )


def _failed(result: AnalysedResult, width: int) -> Iterator[str]:
    if not result.failed:
        return
    count, first = len(result.failed), result.failed[0]
    numbers = ", ".join(str(row["run"]) for row in result.failed[:10])
    more = f" and {count - 10} more" if count > 10 else ""
    what = say.plural(count, "replication failed and is", "replications failed and are")
    yield from said(f"{what} left out of every number above: {numbers}{more}.", width)
    if why := [
        line
        for line in str(first["traceback"]).splitlines()
        if line and not line[0].isspace()
    ]:
        told = re.sub(r"^(\w+\.)+(?=\w+:)", "", why[-1])
        yield from said(f"Replication {first['run']}: {say.printable(told)}", width)


def _row(frame: pd.DataFrame, arm: str | None, outcome: str) -> dict[Any, Any] | None:
    """One row of a tidy table, or None."""
    rows = (
        []
        if frame.empty
        else frame[(frame["arm"] == arm) & (frame["outcome"] == outcome)].to_dict(
            "records"
        )
    )
    return rows[0] if rows else None
