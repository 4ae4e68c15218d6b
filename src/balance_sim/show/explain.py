"""What `explain` answers first: a few sentences and one table, with states, terms and
arms in words.

All that `explain --verbose` says: terms in nats, coalitions, and who was asked at each
opening of talks.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from balance_sim.show import wording as say
from balance_sim.show.diary import diary, fear_words, kind_words, mean_sentence
from balance_sim.show.wording import UNLIMITED, WIDTH, said, shortened, table, wrapped

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.effects.explain.attribution import Attribution
    from balance_sim.effects.explain.pairs import DyadTerms
    from balance_sim.effects.explain.timeline import (
        AskedDyad,
        AskedState,
        Entry,
        Timeline,
    )
    from balance_sim.scenario.schema import Scenario

GROUP_WORDS = {
    "gain": "what a partner adds to one's security",
    "hostility": "what one fears of the partner itself",
    "network": "who is tied to whom",
    "retaliation": "fear for one's trade",
    "patron": "doubt about a patron of both",
    "own": "terms of your own",
    "agent": "what its agents want beside the terms",
    "outside": "terms in no group",
    "feedback": "agreements that differ, and the pace of talks",
}
"""Groups of terms as they are read; a group of the user's own has its name."""
SMALL = 0.00005  # nats: a change of willingness that is none
MAIN = 0.9  # share of a change from which on one term is nearly all of it


def attribution_answer(
    found: Attribution, parts: pd.DataFrame, scenario: Scenario, width: int
) -> Iterator[str]:
    """Through which groups of terms the effect of an arm goes. parts: `found.table`."""
    rows, effect, places = attribution_rows(parts)
    told = f"{say.signed(effect['value'], places)} ({say.ci(effect['lo'], effect['hi'], places)})"
    title = say.arm_titles(scenario)[found.arm]
    runs = (
        f"{len(found.runs):,} of {found.of_runs:,}"
        if len(found.runs) < found.of_runs
        else f"{found.of_runs:,}"
    )
    what = f"the effect on expected {say.outcome_words(found.outcome)} is {told}, in {runs} replications."
    yield from said(f"{title}: {what}", width)
    rows.sort(key=lambda row: -abs(row["value"]))
    if (main := rows[0])["value"]:
        most = f"Most of it is {_group(main['group'])}: {say.signed(main['value'], places)} agreements."
        if main["group"] == "feedback":
            most += " The channels that `run` prints count this to the picture or the threat that set it off."
        yield from said(most, width)
    cells = [["part of the effect", "agreements", "95 % CI"]]
    cells += [
        [
            _group(row["group"]),
            say.signed(row["value"], places),
            say.interval(row["lo"], row["hi"], places),
        ]
        for row in rows
        if row["value"] or row["mcse"]
    ]
    yield from ["", *table(cells, "<>", width=width)]
    none = [
        _group(row["group"])
        for row in rows
        if not (row["value"] or row["mcse"]) and row["group"] != "outside"
    ]
    if none:
        yield from said(f"No part: {'; '.join(none)}.", width)


def attribution_rows(
    parts: pd.DataFrame,
) -> tuple[list[dict[Any, Any]], dict[Any, Any], int]:
    """Of the table of an attribution the groups, the whole effect, and how many
    decimals to show."""
    *rows, effect = parts.to_dict("records")
    least = min(
        (row["mcse"] for row in [*rows, effect] if row["mcse"] > 0),
        default=float("nan"),
    )
    return rows, effect, say.decimals(least, effect["lo"], effect["hi"])


def effect_places(row: Mapping[Any, Any]) -> int:
    """Decimals for the effect of a row."""
    return say.decimals(row["mcse"], row["lo"], row["hi"])


def _group(name: str) -> str:
    return GROUP_WORDS.get(name, say.arm_words(name))


def dyads_answer(
    pairs: Sequence[DyadTerms], moment: str, scenario: Scenario, width: int
) -> Iterator[str]:
    """The dyads with the largest effects in a line each: what moved the side that
    changed more."""
    if not pairs:
        yield say.NO_DYAD
        return
    names, cells = (
        say.state_names(scenario),
        [["largest effects on dyads", "effect", "whose mind changed, and why"]],
    )
    for dyad in pairs:
        sides = [
            (*dyad.main_difference(moment, side), side) for side in (dyad.a, dyad.b)
        ]
        change, term, _, side = max(sides, key=lambda one: abs(one[0]))
        moved = abs(change) >= SMALL and term
        why = (
            f"{names[side]}: {say.term_words(term)}"
            if moved
            else "nobody's: the pace of talks"
        )
        effect = say.effect_cells(dyad.shares.to_dict("records")[0])[0]
        cells.append([say.dyad_name(names, dyad.a, dyad.b), effect, why])
    yield from table(cells, "<><", width=width)


def dyad_answer(dyad: DyadTerms, scenario: Scenario, width: int) -> Iterator[str]:
    """Three sentences: what the two do with and without, what changed their minds, whom
    they fear; then by date how likely either consents, and how often they open
    talks."""
    names, titles, frame = (
        say.state_names(scenario),
        say.arm_titles(scenario),
        dyad.table,
    )
    dates = dict(zip(frame["moment"], frame["date"], strict=True))
    after = next((name for name in dates if name.startswith("+")), [*dates][-1])
    for words in (
        _what(dyad, names),
        _why(dyad, frame, after, names),
        _feared(dyad, after, scenario),
    ):
        yield from said(words, width)
    yield from [
        "",
        *said(f"With: {titles[dyad.arm]}. Without: {titles[dyad.reference]}.", width),
    ]
    one, other = (f"{shortened(names[side], 12)}:" for side in (dyad.a, dyad.b))
    cells = [
        ["", one, "", other, "", "talks/year:", ""],
        ["probability of consent", *["without", "with"] * 3],
    ]
    rates = dyad.rates[dyad.rates["kind"] == dyad.kind].set_index(["moment", "arm"])[
        "rate"
    ]
    for moment, day in dates.items():
        numbers = [
            of
            for side in (dyad.a, dyad.b)
            for of in _of_side(frame, moment, side)["consent"][:2]
        ]
        numbers += [rates[moment, arm] for arm in (dyad.reference, dyad.arm)]
        words = moment if moment in ("start", "before") else f"{moment} days"
        cells.append([f"{day} {words}", *(f"{of:.4f}" for of in numbers)])
    yield from table(cells, "<>", width=width)


def _of_side(
    frame: pd.DataFrame, moment: str, side: str
) -> dict[str, tuple[float, float, float]]:
    """By part of a side's willingness at a moment: in the control arm, in the arm, and
    the difference."""
    rows = frame[(frame["moment"] == moment) & (frame["side"] == side)]
    columns = (rows[name].tolist() for name in ("reference", "arm", "difference"))
    return dict(zip(rows["part"], zip(*columns, strict=True), strict=True))


def _what(dyad: DyadTerms, names: dict[str, str]) -> str:
    what, of = f"a new security agreement {say.within(dyad.window)}", dyad.signing
    counts = mean_sentence(names, dyad.a, dyad.b, of.arm, of.control, of.of, what=what)
    if dyad.shares.empty:
        return f"{counts}."
    row = dyad.shares.to_dict("records")[0]
    before, after = (
        say.number(row[name], max(effect_places(row), 2))
        for name in ("mean_control", "mean")
    )
    told = say.effect_words(row["effect"], row["lo"], row["hi"], row["mcse"])
    return f"{counts}; expected are {after} agreements instead of {before} ({told})."


def _why(
    dyad: DyadTerms, frame: pd.DataFrame, moment: str, names: dict[str, str]
) -> str:
    told = []
    for side in (dyad.a, dyad.b):
        parts, who = _of_side(frame, moment, side), say.state_in_text(names, side)
        (without, with_it, _), (_, _, change) = parts.pop("consent"), parts.pop("u")
        if abs(change) < SMALL:
            told.append(f"{who} is as ready as without the change")
            continue
        verb = "readier" if change > 0 else "less ready"
        before, after = say.percent(without), say.percent(with_it)
        points = (
            f"{before} to {after}"
            if before != after
            else f"{100 * without:.2f} to {100 * with_it:.2f} %"
        )
        (share, first), *others = sorted(
            ((by / change, name) for name, (_, _, by) in parts.items()), reverse=True
        )
        terms = f"{say.percent(share) if share < MAIN else 'nearly all'} of it by {say.term_words(first)}"
        if share < MAIN and others[0][0] > 0.05:
            terms += f", {say.percent(others[0][0])} by {say.term_words(others[0][1])}"
        told.append(f"{who} is {verb} ({points}), {terms}")
    when = (
        f"{moment.removeprefix('+')} days after the event"
        if moment.startswith("+")
        else "At the start"
    )
    return f"{when}, asked for {kind_words(dyad.kind)}, {'; '.join(told)}."


def _feared(dyad: DyadTerms, moment: str, scenario: Scenario) -> str:
    """Whom either fears most, and what the two have already."""
    rows = dyad.adversaries[
        (dyad.adversaries["arm"] == dyad.arm) & (dyad.adversaries["moment"] == moment)
    ]
    first = {row["side"]: row["adversary"] for row in reversed(rows.to_dict("records"))}
    feared = (first.get(dyad.a, ""), first.get(dyad.b, ""))
    told = say.capital(fear_words(say.state_names(scenario), dyad.a, dyad.b, feared))
    kinds = [
        str(row["kind"])
        for row in dyad.record.to_dict("records")
        if row["status"] == "in_force"
    ]
    if not kinds:
        return f"{told}; at the start they have no agreement in force."
    deepest = kind_words(max(kinds, key=lambda kind: scenario.kinds[kind].depth))
    have = (
        f"{len(kinds)} agreements in force, the deepest {deepest}"
        if len(kinds) > 1
        else f"{deepest} in force"
    )
    return f"{told}; at the start they have {have}."


def replication_answer(
    told: Timeline, scenario: Scenario, width: int, *, everything: bool, why: str = ""
) -> Iterator[str]:
    """A replication as a diary. why: of three that were chosen by rule, which it is;
    then only what differs between the arms is told."""
    what = f"Replication {told.run}{f', of {why} effect' if why else ''}"
    words = say.outcome_words(told.outcome)
    counts = f"{say.number(told.value, 0)} {words.replace('agreements', 'agreement') if told.value == 1 else words}"
    there = (
        f"{counts}, {say.number(told.value_reference, 0)} in its paired control run."
    )
    yield from said(f"{what}: {say.arm_titles(scenario)[told.arm]}. {there}", width)
    days = diary(
        told, scenario, everything=everything, differing=bool(why) and not everything
    )
    lines = [
        line
        for day, words in days
        for line in wrapped(f"{day}  {words}", " " * 12, width)
    ]
    yield from lines or ["  nothing differs between the two arms"]


SHOWN = 0.00005  # a difference that rounds to no less than 0.0001
MARKS = {
    "both": " ",
    "arm only": "+",
    "reference only": "-",
    "earlier": "<",
    "later": ">",
    "changed": "~",
}


def attribution_lines(
    found: Attribution, parts: pd.DataFrame, scenario: Scenario
) -> Iterator[str]:
    """The part of each group of terms. parts: `found.table`."""
    titles = say.arm_titles(scenario)
    rows, total, places = attribution_rows(parts)
    used = len(found.runs)
    runs = say.plural(found.of_runs, "replication")
    of = (
        runs
        if used == found.of_runs
        else f"the first {used:,} of {runs}, so not the effect over all of them"
    )
    yield from _wrapped(
        f"Which terms the effect of an arm goes through: {titles[found.arm]}, against {titles[found.reference]}"
    )
    yield from _wrapped(
        f"{say.capital(say.outcome_words(found.outcome))}: {say.signed(total['value'], places)} "
        f"({say.ci(total['lo'], total['hi'], places)}), {of}."
    )
    cells = [["group", "value", "95 % CI", "MCSE", "alone", "last"]]
    cells += [
        [
            row["group"],
            say.signed(row["value"], places),
            say.interval(row["lo"], row["hi"], places)
            if row["mcse"] != 0
            else "no run differs",
            say.number(row["mcse"], places + 1),
            *(say.signed(row[name], places) for name in ("alone", "last")),
        ]
        for row in [*rows, total]
        if row["group"] != "outside" or row["value"] != 0 or row["mcse"] != 0
    ]
    yield from ["", *_columns(cells), ""]
    for group, terms in found.groups.items():
        yield from _wrapped(f"{group}: {', '.join(terms)}", "  ")
    yield ""
    yield from _wrapped(
        f"Shapley values of {say.plural(len(found.groups), 'group')} of terms, by the direct estimator: what a group "
        "adds to expected agreements along the control arm's replications, averaged over all orders in which the "
        "groups could come in. A group is out where its terms are those of the control arm at the same opportunity. "
        "alone: all other groups out; last: all others in. feedback: the effect less the direct effect, which is "
        "what agreements that differ and the pace of talks do. The rows sum to the effect."
    )


def top_dyad_lines(
    pairs: Sequence[DyadTerms], moment: str, scenario: Scenario
) -> Iterator[str]:
    """For the dyads with the largest effects: what moved each side, at one moment."""
    names = say.state_names(scenario)
    if not pairs:
        yield say.NO_DYAD
        return
    runs = say.plural(len(pairs[0].runs), "run")
    yield from _wrapped(
        f"Dyads with the largest effect on expected new security agreements {say.within(pairs[0].window)}, and what "
        f"moved them ({_moment(moment)}, {runs})"
    )
    for dyad in pairs:
        for row in dyad.shares.to_dict("records"):
            places = effect_places(row)
            levels = " to ".join(
                say.number(row[name], max(places, 2))
                for name in ("mean_control", "mean")
            )
            told = f"{say.signed(row['effect'], places)} ({say.ci(row['lo'], row['hi'], places)})"
            yield f"{say.dyad_name(names, dyad.a, dyad.b)}: {levels}; effect {told}"
        for side in (dyad.a, dyad.b):
            change, most, by = dyad.main_difference(moment, side)
            why = f"most by {most} {say.signed(by, 4)}" if most else "no term differs"
            yield f"    {names[side]} in {dyad.kind}: willingness {say.signed(change, 4)} nats, {why}"


def dyad_lines(dyad: DyadTerms, scenario: Scenario) -> Iterator[str]:
    """Both sides' parts in both arms over time, the rate, the effect on the dyad, and
    what is on record."""
    titles, names = say.arm_titles(scenario), say.state_names(scenario)
    arm, reference = titles[dyad.arm], titles[dyad.reference]
    yield from _wrapped(
        f"Why in {arm}, and why in {reference}: {kind_words(dyad.kind)}"
    )
    count = len(dyad.runs)
    one = f"mean of {say.plural(count, 'run')}" if count > 1 else f"run {dyad.runs[0]}"
    yield from _wrapped(
        f"Parts of willingness in nats, {one}. They sum to u; a side consents with probability 1 / (1 + e^-u)."
    )
    frame = dyad.table
    dates = dict(zip(frame["moment"], frame["date"], strict=True))
    yield from _wrapped(
        "Steps beginning: "
        + ", ".join(f"{_moment(m)} {day}" for m, day in dates.items())
        + "."
    )
    for side, towards in ((dyad.a, dyad.b), (dyad.b, dyad.a)):
        who = f"{names[side]} towards {say.state_in_text(names, towards)}"
        parts = [["part", *map(_moment, dates)]]
        changed = [["part", *map(_moment, dates)]]
        for part, rows in frame[frame["side"] == side].groupby("part", sort=False):
            by_moment = rows.set_index("moment").loc[[*dates]]
            parts.append(
                [str(part), *(say.number(value, 3) for value in by_moment["arm"])]
            )
            if by_moment["difference"].abs().max() >= SHOWN:
                changed.append(
                    [
                        str(part),
                        *(say.signed(value, 4) for value in by_moment["difference"]),
                    ]
                )
        yield from ["", *_wrapped(f"{who}: {arm}"), *_columns(parts), ""]
        if len(changed) > 1:
            yield from _wrapped(
                f"{who}: the same less {reference}; parts that differ by 0.0001"
            )
            yield from _columns(changed)
        else:
            yield from _wrapped(f"{who}: nothing differs from {reference}")
    yield ""
    yield from _adversaries(dyad, names)
    yield "Talks opened a year if nothing is under way, and how often something is"
    cells = [["", *map(_moment, dates)]]
    for name in (dyad.reference, dyad.arm):
        of = dyad.rates[
            (dyad.rates["arm"] == name) & (dyad.rates["kind"] == dyad.kind)
        ].set_index("moment")
        rates = of.loc[[*dates]]
        cells.append(
            [
                shortened(titles[name], 28),
                *(say.number(rate, 4) for rate in rates["rate"]),
            ]
        )
        cells.append(["  under way", *map(say.percent, rates["busy"])])
    yield from [*_columns(cells), ""]
    yield from _expected(dyad)
    yield ""
    if dyad.record.empty:
        yield "On record at the start: nothing between the two."
        return
    yield "On record at the start"
    for row in dyad.record.to_dict("records"):
        days = [f"{say.arm_words(str(n))} {row[n]}" for n in list(row)[4:] if row[n]]
        known = say.printable(str(row["name"])) or row["id"]
        yield from _wrapped(
            f"{row['kind']}: {known}; {say.arm_words(row['status'])}; {', '.join(days)}",
            "  ",
        )


def _adversaries(dyad: DyadTerms, names: dict[str, str]) -> Iterator[str]:
    """Whom either side fears, in the control arm at the start."""
    first = dyad.adversaries[dyad.adversaries["arm"] == dyad.reference]
    if first.empty:
        return
    first = first[first["moment"] == first["moment"].iloc[0]]
    for side in (dyad.a, dyad.b):
        rows = first[first["side"] == side].to_dict("records")
        if rows:
            named = ", ".join(
                f"{names[row['adversary']]} {say.percent(row['share'])}" for row in rows
            )
            yield from _wrapped(
                f"Whom {say.state_in_text(names, side)} fears at the start, of all that threatens it: {named}."
            )
    yield from _wrapped(
        "An adversary brings its own strength and what those who stand with it would lend its quarrels.",
        "  ",
    )
    yield ""


def _expected(dyad: DyadTerms) -> Iterator[str]:
    if dyad.shares.empty:
        yield f"No new security agreement of the two is expected {say.within(dyad.window)} of the event."
        return
    yield f"Expected new security agreements of the two {say.within(dyad.window)} of the event"
    cells = [["arm", "control arm", "effect", "95 % CI", "MCSE"]]
    for row in dyad.shares.to_dict("records"):
        places = effect_places(row)
        expected = [
            say.number(row[name], max(places, 2)) for name in ("mean", "mean_control")
        ]
        cells.append(
            [
                *expected,
                *say.effect_cells(row, places)[:2],
                say.number(row["mcse"], places),
            ]
        )
    yield from _columns(cells)


def timeline_lines(
    told: Timeline, scenario: Scenario, *, everything: bool = False
) -> Iterator[str]:
    """One run day by day. Without `everything`: events, counter-agreements, what
    differs between the arms."""
    yield from _wrapped(
        "Marks: + in the arm alone, - in the control arm alone, < earlier than there, > later, ~ in another form; no "
        "mark: the same day in both."
    )
    names = say.state_names(scenario)
    yield ""
    hidden = 0
    for entry in told.entries:
        is_counter = entry.direction == "counter" and entry.what in ("talks", "signed")
        if (
            everything
            or is_counter
            or entry.mark != "both"
            or entry.what in ("event", "provocation")
        ):
            yield from _entry_lines(told, entry, names)
        else:
            hidden += 1
    if hidden:
        yield ""
        yield from _wrapped(
            f"{say.plural(hidden, 'further line')}, the same in both arms and no counter-agreement: see --all."
        )


def _entry_lines(told: Timeline, entry: Entry, names: dict[str, str]) -> Iterator[str]:
    head = f"{entry.date} {MARKS[entry.mark]} "
    inside = " " * len(head)
    if entry.what in ("event", "provocation"):
        yield from _wrapped(
            say.printable(f"{head}{entry.what}: {entry.text}"), rest=inside
        )
        return
    late = entry.days_later
    when = (
        f", {say.plural(abs(late), 'day')} {'later' if late > 0 else 'earlier'}"
        if late
        else ""
    )
    origin = (
        "" if entry.origin == "new" else f", {say.arm_words(entry.origin)} at the start"
    )
    words = "talks open" if entry.what == "talks" else entry.what
    text = f"{say.dyad_name(names, entry.a, entry.b)}, {say.arm_words(entry.kind)}: {words}{when}"
    yield from _wrapped(f"{head}{text} ({entry.direction}{origin})", rest=inside)
    by_arm = {asked.arm: asked for asked in entry.asked}
    if entry.what != "talks" or not by_arm:
        return
    opened, other = by_arm[told.arm], by_arm[told.reference]
    if entry.mark == "reference only":
        opened, other = other, opened
    yield from _wrapped(
        "; ".join(_side(side, names) for side in opened.sides) + ".", inside
    )
    if entry.mark in ("arm only", "reference only"):
        where = "the arm" if other.arm == told.arm else "the control arm"
        yield from _wrapped(f"in {where}: {_otherwise(other, told, names)}.", inside)


def _side(side: AskedState, names: dict[str, str]) -> str:
    """`Japan consents at 0.310 against 0.283`, with digits enough to tell the two
    apart."""
    places = 3
    while places < 8 and f"{side.consent:.{places}f}" == f"{side.needs:.{places}f}":
        places += 1
    verb = "consents" if side.agrees else "refuses"
    return f"{names[side.state]} {verb} at {side.consent:.{places}f} against {side.needs:.{places}f}"


def _otherwise(asked: AskedDyad, told: Timeline, names: dict[str, str]) -> str:
    if asked.busy:
        return "nobody is asked, as something of that kind is under way"
    if asked.barred:
        return "the opportunity is passed, as the two have no relations"
    said = []
    for side in asked.sides:
        words = _side(side, names)
        if not side.agrees and side.main_part:
            by = (
                side.main_difference if asked.arm == told.arm else -side.main_difference
            )
            words += f" (most by {side.main_part}, {say.signed(by, 4)} nats there)"
        said.append(words)
    return "; ".join(said)


def _moment(name: str) -> str:
    return {"start": "at start", "before": "before"}.get(name, f"{name} d")


def _columns(cells: list[list[str]]) -> list[str]:
    return table(cells, "<>", width=UNLIMITED)


def _wrapped(text: str, indent: str = "", rest: str = "") -> list[str]:
    """Lines that may break at a hyphen, the first indented and those after it two
    further in, or by `rest`."""
    later = indent + "  " if indent else rest
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=later,
        break_long_words=False,
    )
