"""What a run found, for the terminal: the finding in a sentence, the arms, the dyads, and what was scheduled anyway."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

from balance_sim.replications.outcomes import Outcome
from balance_sim.show import wording as say
from balance_sim.show.terminal import WIDTH, shortened, table_or_lines, wrapped
from balance_sim.show.uncertainty import doubt_words, uncertainty_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from balance_sim.analysis.result import AnalysedResult
    from balance_sim.results.result import Result

TOP, MOST_DYADS = 3, 25  # dyads that are named, and shown with all that is known
SEEN = 5e-7  # agreements: a smaller effect would print as nought
NEXT_TO_NOTHING = 1e-3
"""Effect, as a share of the level in the control arm, up to which it is asked whether the scenario allows any."""
NO_DYAD = "No dyad shows a detectable effect."

DECLARED = {
    "declarations_counter": "declarations, counter-balancing",
    "declarations_all": "declarations, all",
}
ROWS = say.DIRECTIONS | DECLARED
"""What the rows of `direction_table` are: security agreements by direction, then declarations."""
NUMBERS = ("expected", "effect", "95 % CI", "MCSE")
DYADS = ["a", "b", "mean_control", "mean", "effect", "lo", "hi", "mcse", "z", "n"]


def direction_table(result: Result, arms: Sequence[str]) -> pd.DataFrame:
    """Tidy: arm, direction (a key of ROWS), mean, effect, lo, hi, mcse, n; new agreements within the longest window.

    The control arm's effect is NaN: it is what the others are measured against."""
    outcomes = {Outcome("accords", name, result.window).name: name for name in say.DIRECTIONS}
    outcomes |= {f"{name}_{result.window}": name for name in DECLARED}
    levels = result.levels[result.levels["outcome"].isin(outcomes)]
    frame = levels[["arm", "outcome", "mean", "n"]].copy()
    effects = result.effects
    if effects.empty:
        frame = frame.assign(**dict.fromkeys(("effect", "lo", "hi", "mcse"), float("nan")))
    else:
        columns = ["arm", "outcome", "effect", "lo", "hi", "mcse"]
        frame = frame.merge(effects.rename(columns={"mean": "effect"})[columns], on=["arm", "outcome"], how="left")
    frame["direction"] = frame["outcome"].map(outcomes)
    order = {(arm, name): k for k, (arm, name) in enumerate((a, d) for a in arms for d in ROWS)}
    frame = frame[frame["arm"].isin(arms)]
    place = [order[key] for key in zip(frame["arm"], frame["direction"], strict=True)]
    frame = frame.iloc[sorted(range(len(place)), key=place.__getitem__)]
    return frame[["arm", "direction", "mean", "effect", "lo", "hi", "mcse", "n"]].reset_index(drop=True)


def top_pairs(result: Result, arm: str, count: int | None = None) -> pd.DataFrame:
    """Dyads whose effect has a 95 % CI that excludes zero, furthest from zero first, ties in the order of the codes.

    The columns of DYADS: expected new security agreements within the longest window in the control arm and in `arm`,
    and the effect. count: at most so many; all if not given."""
    dyads = result.dyads
    part = dyads[dyads["arm"] == arm]
    ordered = by_size(part[clear(part)])
    return ordered[DYADS].head(len(ordered) if count is None else count).reset_index(drop=True)


def by_size(frame: pd.DataFrame) -> pd.DataFrame:
    """Dyads with the effect furthest from zero first, ties in the order of the codes."""
    keyed = frame.assign(far=frame["effect"].abs())
    ordered = keyed.sort_values(["far", "a", "b"], ascending=[False, True, True], kind="stable")
    return ordered.drop(columns="far")


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
    numbers = (row["mean"], row["lo"], row["hi"], row["mcse"], int(row["n"]), base["mean"], with_it["mean"])
    return f"{say.treatment(result, arm)}: {say.change_words(*numbers, what)}."


def why_nothing(result: AnalysedResult) -> tuple[str, ...]:
    """Where there is next to no effect, or nothing that could count: reasons that follow from the scenario, if any."""
    arm, outcome = result.headline_arm, result.headline_outcome
    base = _row(result.levels, result.reference, outcome)
    row = None if arm is None else _row(result.effects, arm, outcome)
    if not result.finished or base is None or row is None or abs(row["mean"]) > NEXT_TO_NOTHING * base["mean"]:
        return ()
    from balance_sim.analysis.world_at_start import world_at_start

    return world_at_start(result.scenario).why_nothing


def headline_lines(result: AnalysedResult, width: int = WIDTH, *, verbose: bool = False) -> Iterator[str]:
    """The finding and what belongs to it, in some twenty lines and one for each arm.

    verbose: instead every table there is, and what is needed to repeat the run. width: columns of the page."""
    of = f" ({say.plural(result.runs, 'replication')} of {say.plural(len(result.arms), 'arm')})"
    yield from wrapped(say.printable(result.scenario.title) + ("" if verbose else of), "", width)
    if verbose and result.scenario.question:
        yield from wrapped(say.printable(result.scenario.question), "", width)
    yield from wrapped(finding(result), "", width)
    for reason in why_nothing(result):
        yield from wrapped(f"Why: {say.printable(reason)}.", "", width)
    if result.finished:
        yield from (_in_full if verbose else _in_short)(result, width)
    yield from _failed(result, width)
    if verbose:
        made = f"{say.plural(result.runs, 'replication')} of {say.plural(len(result.arms), 'arm')}, seed {result.seed}"
        yield from ("", made, f"digest {result.digest}")
    if result.folder is not None:
        more = "" if verbose else "; --verbose prints more"
        drawn = (result.folder / "report.html").is_file()
        what = "Results, figures and report.html" if drawn else "Results"
        what = what if result.finished else "Manifest, summary.json and failed.json"
        yield f"{what}: {result.folder}{more}"


def _in_short(result: AnalysedResult, width: int) -> Iterator[str]:
    for words in (short_channels(result), short_placebos(result), doubt_words(result.uncertainty, result.draws)):
        yield from wrapped(words, "", width) if words else ()
    yield ""
    yield from _effects_of_arms(result, width)
    yield from _own(result, width)
    yield ""
    for words in (_largest(result), _scheduled(result)):
        yield from wrapped(words, "", width) if words else ()


def _in_full(result: AnalysedResult, width: int) -> Iterator[str]:
    from balance_sim.show.mechanisms import mechanism_lines

    for words in (channel_words(result), placebo_words(result)):
        yield from wrapped(words, "", width) if words else ()
    yield from ("", *uncertainty_lines(result.uncertainty, width))
    yield from ("", *_arms(result, width))
    yield from _declared(result, width)
    yield from _own(result, width)
    yield from ("", *_dyads(result, width))
    yield from ("", *wrapped(_scheduled(result), "", width))
    yield from ("", *_directions(result, width))
    if result.headline_arm is not None:
        yield from ("", *mechanism_lines(result, width))


def _channels(result: AnalysedResult) -> dict[str, str]:
    """The channels of the headline effect, what else the arm changes (empty if nothing) and all of it, in digits alike.

    Empty without the focal event."""
    arm = result.headline_arm
    found = result.channels.of(arm, result.headline_outcome) if arm is not None else None
    if found is None:
        return {}
    places = say.decimals(abs(found["total"]) / 50)
    told = {name: say.signed(found[name], places) for name in ("picture", "threat", "rest", "total")}
    return told if abs(found["rest"]) >= 1e-9 else told | {"rest": ""}


def channel_words(result: AnalysedResult) -> str:
    """What the focal event's two channels make of the headline effect, in a sentence; empty without the event."""
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


def placebo_words(result: AnalysedResult) -> str:
    """What the placebos say, in one sentence; empty where there are none."""
    told = []
    for of in result.placebos.families:
        if len(of.placebos):
            others = "other sets of states" if of.name == "participants" else "other dates"
            count = say.plural(len(of.placebos), "placebo")
            told.append(f"p = {of.p:.3f} against {count} with {others} ({of.verdict})")
    return f"Placebos: {'; '.join(told)}." if told else ""


FEWEST_PLACEBOS = 20
"""Fewer cannot give a p below 0.05, since the event itself counts as one."""


def short_placebos(result: AnalysedResult) -> str:
    """The same without the verdicts."""
    others = {"participants": "sets of states", "dates": "dates"}
    told = [
        f"{of.p:.3f} among {len(of.placebos):,} other {others[of.name]}"
        + (" (too few for less than 0.05)" if len(of.placebos) < FEWEST_PLACEBOS else "")
        for of in result.placebos.families
        if len(of.placebos)
    ]
    return f"Placebos, by the share with an effect as large: p = {', '.join(told)}." if told else ""


def _effects_of_arms(result: AnalysedResult, width: int) -> Iterator[str]:
    """Every arm but the control arm in a line: effect and CI."""
    frame = direction_table(result, result.arms)
    frame = frame[frame["direction"] == "counter"]
    base = frame[frame["arm"] == result.reference]["mean"]
    others = frame[frame["arm"] != result.reference]
    if base.empty or others.empty:
        return
    names, places = say.arm_titles(result.scenario), _places(frame)
    rows = [(names[row["arm"]], *say.effect_cells(row, places)[:2]) for row in others.to_dict("records")]
    heads = (f"arm (control arm: {say.number(base.iloc[0], 2)} agreements)", "effect", "95 % CI")
    numbers = sum(2 + max(map(len, column)) for column in [*zip(heads, *rows, strict=True)][1:])
    cells = [(shortened(title, width - numbers), *told) for title, *told in rows]
    yield from table_or_lines([heads, *cells], "<>", width)


def _arms(result: AnalysedResult, width: int) -> Iterator[str]:
    """Every arm: expected agreements, effect, CI and Monte Carlo standard error."""
    frame = direction_table(result, result.arms)
    frame = frame[frame["direction"] == "counter"]
    names = say.arm_titles(result.scenario)
    titles = [names[arm] + (" (control)" if arm == result.reference else "") for arm in frame["arm"]]
    runs = say.plural(result.runs, "replication")
    yield from wrapped(f"{say.capital(say.COUNTER)} {say.within(result.window)}, {runs} per arm", "", width)
    yield from _effects("arm", titles, frame, width)
    paired = "Effects are paired with the control arm. " if len(titles) > 1 else ""
    yield from wrapped(f"{paired}{say.caveat(result.draws)}", "", width)


def _own(result: AnalysedResult, width: int) -> Iterator[str]:
    """Outcomes of one's own: level in the control arm, and the headline arm's effect."""
    names = [name for name in result.by_run.names if name.startswith("own_")]
    arm = result.headline_arm
    if not names:
        return
    rows = []
    for name in names:
        base, row = _row(result.levels, result.reference, name), _row(result.effects, arm or "", name)
        cells = ["", "", ""]
        if row is not None and math.isfinite(row["mean"]):
            cells = say.effect_cells({**row, "effect": row["mean"]}, say.decimals(row["mcse"], row["lo"], row["hi"]))
        level = "-" if base is None else say.number(base["mean"], 2)
        rows.append([say.arm_words(name.removeprefix("own_")), level, *cells])
    yield from ("", f"Outcomes of your own, {say.plural(result.runs, 'replication')} per arm")
    yield from table_or_lines([("outcome", "control", "effect", "95 % CI", "MCSE"), *rows], "<>", width)


def _effects(head: str, names: Sequence[str], frame: pd.DataFrame, width: int) -> Iterator[str]:
    """Name, level, effect, CI and error of each row, with the same decimals in all; empty cells for the control arm."""
    rows = zip(names, _numbers(frame), strict=True)
    yield from table_or_lines([(head, *NUMBERS), *((name, *cells) for name, cells in rows)], "<>", width)


def _numbers(frame: pd.DataFrame) -> Iterator[list[str]]:
    places = _places(frame)
    for row in frame.to_dict("records"):
        cells = say.effect_cells(row, places) if math.isfinite(row["effect"]) else [""] * 3
        yield [say.number(row["mean"], min(places, 2)), *cells]


def _places(frame: pd.DataFrame) -> int:
    """Decimals for the effects of a table."""
    return say.decimals(frame["mcse"].max(), *frame["lo"], *frame["hi"])


def _declared(result: AnalysedResult, width: int) -> Iterator[str]:
    """Declarations, which the table of arms leaves out: the level of the control arm, and the headline arm's effect."""
    outcome = Outcome("declarations", "counter", result.window).name
    front = "Declarations apart: {} counter-balancing ones are expected in the control arm"
    yield from _level(result, outcome, front, width)


def _level(result: AnalysedResult, outcome: str, front: str, width: int) -> Iterator[str]:
    """What is expected of an outcome in the control arm, and the headline arm's effect on it."""
    base = _row(result.levels, result.reference, outcome)
    if base is None:
        return
    words = front.format(say.number(base["mean"], 1))
    row = _row(result.effects, result.headline_arm, outcome) if result.headline_arm else None
    if row is not None and math.isfinite(row["mean"]):
        words += f"; effect {say.effect_words(row['mean'], row['lo'], row['hi'], row['mcse'])}"
    yield from wrapped(f"{words}.", "", width)


def _largest(result: AnalysedResult) -> str:
    """The dyads whose effect is furthest from zero, of those where it can be detected; that there are none; or "",
    where there is no arm beside the control arm."""
    arm = result.headline_arm
    if arm is None or result.dyads.empty:
        return ""
    frame, every = top_pairs(result, arm), int((result.dyads["arm"] == arm).sum())
    shown, names = frame[frame["effect"].abs() >= SEEN].head(TOP), say.state_names(result.scenario)
    if shown.empty:
        return NO_DYAD
    places = max(say.digits(*shown["effect"].tolist()), 3)
    told = [
        f"{say.dyad_name(names, row['a'], row['b'])} {say.signed(row['effect'], places)}"
        for row in shown.to_dict("records")
    ]
    return f"Largest effects on dyads: {', '.join(told)} agreements ({len(frame):,} of {every:,} detectable)."


def _dyads(result: AnalysedResult, width: int) -> Iterator[str]:
    """The dyads whose effect can be detected, or the one sentence that there is none."""
    arm = result.headline_arm
    if arm is None or result.dyads.empty:
        return
    frame, every = top_pairs(result, arm), int((result.dyads["arm"] == arm).sum())
    if frame.empty:
        yield NO_DYAD
        return
    shown = frame.head(MOST_DYADS)
    which = "Dyads" if len(shown) == len(frame) else f"The {len(shown)} largest effects on dyads"
    yield from wrapped(f"{which}: expected new security agreements {say.within(result.window)}", "", width)
    names, places = say.state_names(result.scenario), max(say.digits(*shown["effect"].tolist()), 3)
    rows = []
    for row in shown.to_dict("records"):
        expected = [say.number(row[name], places) for name in ("mean_control", "mean")]
        rows.append([say.dyad_name(names, row["a"], row["b"]), *expected, *say.effect_cells(row, places)[:2]])
    yield from table_or_lines([("dyad", "without", "with", "effect", "95 % CI"), *rows], "<>", width)
    yield from wrapped(f"The 95 % CI of {len(frame):,} of {say.plural(every, 'dyad')} excludes zero.", "", width)


def _scheduled(result: AnalysedResult) -> str:
    names, told = say.state_names(result.scenario), []
    for one in result.scheduled.to_dict("records"):
        name = say.printable(str(one["name"])) or str(one["kind"]).replace("_", " ")
        told.append(f"{say.dyad_name(names, one['a'], one['b'])}, {name} ({one['stage']} on {one['date']})")
    its = "its effect is" if len(told) == 1 else "their effects are"
    known = f"Already scheduled, so {its} zero by construction: {'; '.join(told)}."
    return known if told else "No agreement was already scheduled."


def _directions(result: AnalysedResult, width: int) -> Iterator[str]:
    """New agreements of every direction in every arm, and those that come of negotiations under way at the start."""
    yield from wrapped(f"New agreements {say.within(result.window)} by direction", "", width)
    frame = direction_table(result, result.arms)
    titles, rows, before = say.arm_titles(result.scenario), [["arm and direction", *NUMBERS]], ""
    for arm, way, cells in zip(frame["arm"], frame["direction"], _numbers(frame), strict=True):
        rows += [[titles[arm], *[""] * len(NUMBERS)]] if arm != before else []
        rows.append([f"  {ROWS[way]}", *cells])
        before = arm
    yield from table_or_lines(rows, "<>", width)
    note = (
        "Counter-balancing: neither state takes part in the event, both fear the participants, and neither is aligned "
        "with them. Security agreements are binding and of the depth of information sharing or more; the other types "
        "are declarations."
    )
    yield from wrapped(note, "", width)
    what = "of the new security agreements in the control arm come from negotiations under way at the start"
    yield from _level(result, Outcome("from_talks", "", result.window).name, f"{{}} {what}", width)


def _failed(result: AnalysedResult, width: int) -> Iterator[str]:
    if result.failed:
        numbers = ", ".join(str(row["run"]) for row in result.failed[:10])
        more = f" and {len(result.failed) - 10} more" if len(result.failed) > 10 else ""
        what = say.plural(len(result.failed), "replication failed and is", "replications failed and are")
        yield from wrapped(f"{what} left out of every number above: {numbers}{more}.", "", width)
        first = result.failed[0]
        if why := [line for line in str(first["traceback"]).splitlines() if line and not line[0].isspace()]:
            said = re.sub(r"^(\w+\.)+(?=\w+:)", "", why[-1])
            yield from wrapped(f"Replication {first['run']}: {say.printable(said)}", "", width)


def _row(frame: pd.DataFrame, arm: str | None, outcome: str) -> dict[Any, Any] | None:
    """One row of a tidy table, or None."""
    rows = [] if frame.empty else frame[(frame["arm"] == arm) & (frame["outcome"] == outcome)].to_dict("records")
    return rows[0] if rows else None
