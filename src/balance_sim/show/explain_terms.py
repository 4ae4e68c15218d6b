"""All that `explain --verbose` says: terms in nats, coalitions, and who was asked at each opening of talks."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from balance_sim.show import wording as say
from balance_sim.show.diary import kind_words
from balance_sim.show.explain import attribution_rows, effect_places
from balance_sim.show.terminal import UNLIMITED, WIDTH, shortened, table

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.analysis.explain.attribution import Attribution
    from balance_sim.analysis.explain.pairs import PairTerms
    from balance_sim.analysis.explain.timeline import AskedDyad, AskedState, Entry, Timeline
    from balance_sim.scenario.schema import Scenario

SHOWN = 0.00005  # a difference that rounds to no less than 0.0001
MARKS = {"both": " ", "arm only": "+", "reference only": "-", "earlier": "<", "later": ">", "changed": "~"}


def attribution_lines(found: Attribution, parts: pd.DataFrame, scenario: Scenario) -> Iterator[str]:
    """The part of each group of terms. parts: `found.table`."""
    titles = say.arm_titles(scenario)
    rows, total, places = attribution_rows(parts)
    used = len(found.runs)
    runs = say.plural(found.of_runs, "replication")
    of = runs if used == found.of_runs else f"the first {used:,} of {runs}, so not the effect over all of them"
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
            say.interval(row["lo"], row["hi"], places) if row["mcse"] != 0 else "no run differs",
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


def top_pair_lines(pairs: Sequence[PairTerms], moment: str, scenario: Scenario) -> Iterator[str]:
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
    for pair in pairs:
        for row in pair.shares.to_dict("records"):
            places = effect_places(row)
            levels = " to ".join(say.number(row[name], max(places, 2)) for name in ("mean_control", "mean"))
            told = f"{say.signed(row['effect'], places)} ({say.ci(row['lo'], row['hi'], places)})"
            yield f"{say.dyad_name(names, pair.a, pair.b)}: {levels}; effect {told}"
        for side in (pair.a, pair.b):
            change, most, by = pair.main_difference(moment, side)
            why = f"most by {most} {say.signed(by, 4)}" if most else "no term differs"
            yield f"    {names[side]} in {pair.kind}: willingness {say.signed(change, 4)} nats, {why}"


def pair_lines(pair: PairTerms, scenario: Scenario) -> Iterator[str]:
    """Both sides' parts in both arms over time, the rate, the effect on the dyad, and what is on record."""
    titles, names = say.arm_titles(scenario), say.state_names(scenario)
    arm, reference = titles[pair.arm], titles[pair.reference]
    yield from _wrapped(f"Why in {arm}, and why in {reference}: {kind_words(pair.kind)}")
    count = len(pair.runs)
    one = f"mean of {say.plural(count, 'run')}" if count > 1 else f"run {pair.runs[0]}"
    yield from _wrapped(
        f"Parts of willingness in nats, {one}. They sum to u; a side consents with probability 1 / (1 + e^-u)."
    )
    frame = pair.table
    dates = dict(zip(frame["moment"], frame["date"], strict=True))
    yield from _wrapped("Steps beginning: " + ", ".join(f"{_moment(m)} {day}" for m, day in dates.items()) + ".")
    for side, towards in ((pair.a, pair.b), (pair.b, pair.a)):
        who = f"{names[side]} towards {say.state_in_text(names, towards)}"
        parts = [["part", *map(_moment, dates)]]
        changed = [["part", *map(_moment, dates)]]
        for part, rows in frame[frame["side"] == side].groupby("part", sort=False):
            by_moment = rows.set_index("moment").loc[[*dates]]
            parts.append([str(part), *(say.number(value, 3) for value in by_moment["arm"])])
            if by_moment["difference"].abs().max() >= SHOWN:
                changed.append([str(part), *(say.signed(value, 4) for value in by_moment["difference"])])
        yield from ["", *_wrapped(f"{who}: {arm}"), *_columns(parts), ""]
        if len(changed) > 1:
            yield from _wrapped(f"{who}: the same less {reference}; parts that differ by 0.0001")
            yield from _columns(changed)
        else:
            yield from _wrapped(f"{who}: nothing differs from {reference}")
    yield ""
    yield from _adversaries(pair, names)
    yield "Talks opened a year if nothing is under way, and how often something is"
    cells = [["", *map(_moment, dates)]]
    for name in (pair.reference, pair.arm):
        of = pair.rates[(pair.rates["arm"] == name) & (pair.rates["kind"] == pair.kind)].set_index("moment")
        rates = of.loc[[*dates]]
        cells.append([shortened(titles[name], 28), *(say.number(rate, 4) for rate in rates["rate"])])
        cells.append(["  under way", *map(say.percent, rates["busy"])])
    yield from [*_columns(cells), ""]
    yield from _expected(pair)
    yield ""
    if pair.record.empty:
        yield "On record at the start: nothing between the two."
        return
    yield "On record at the start"
    for row in pair.record.to_dict("records"):
        days = [f"{say.arm_words(str(n))} {row[n]}" for n in list(row)[4:] if row[n]]
        known = say.printable(str(row["name"])) or row["id"]
        yield from _wrapped(f"{row['kind']}: {known}; {say.arm_words(row['status'])}; {', '.join(days)}", "  ")


def _adversaries(pair: PairTerms, names: dict[str, str]) -> Iterator[str]:
    """Whom either side fears, in the control arm at the start."""
    first = pair.adversaries[pair.adversaries["arm"] == pair.reference]
    if first.empty:
        return
    first = first[first["moment"] == first["moment"].iloc[0]]
    for side in (pair.a, pair.b):
        rows = first[first["side"] == side].to_dict("records")
        if rows:
            named = ", ".join(f"{names[row['adversary']]} {say.percent(row['share'])}" for row in rows)
            yield from _wrapped(
                f"Whom {say.state_in_text(names, side)} fears at the start, of all that threatens it: {named}."
            )
    yield from _wrapped(
        "An adversary brings its own strength and what those who stand with it would lend its quarrels.", "  "
    )
    yield ""


def _expected(pair: PairTerms) -> Iterator[str]:
    if pair.shares.empty:
        yield f"No new security agreement of the two is expected {say.within(pair.window)} of the event."
        return
    yield f"Expected new security agreements of the two {say.within(pair.window)} of the event"
    cells = [["arm", "control arm", "effect", "95 % CI", "MCSE"]]
    for row in pair.shares.to_dict("records"):
        places = effect_places(row)
        expected = [say.number(row[name], max(places, 2)) for name in ("mean", "mean_control")]
        cells.append([*expected, *say.effect_cells(row, places)[:2], say.number(row["mcse"], places)])
    yield from _columns(cells)


def timeline_lines(told: Timeline, scenario: Scenario, *, everything: bool = False) -> Iterator[str]:
    """One run day by day. Without `everything`: events, counter-agreements, what differs between the arms."""
    yield from _wrapped(
        "Marks: + in the arm alone, - in the control arm alone, < earlier than there, > later, ~ in another form; no "
        "mark: the same day in both."
    )
    names = say.state_names(scenario)
    yield ""
    hidden = 0
    for entry in told.entries:
        is_counter = entry.direction == "counter" and entry.what in ("talks", "signed")
        if everything or is_counter or entry.mark != "both" or entry.what in ("event", "provocation"):
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
        yield from _wrapped(say.printable(f"{head}{entry.what}: {entry.text}"), rest=inside)
        return
    late = entry.days_later
    when = f", {say.plural(abs(late), 'day')} {'later' if late > 0 else 'earlier'}" if late else ""
    origin = "" if entry.origin == "new" else f", {say.arm_words(entry.origin)} at the start"
    words = "talks open" if entry.what == "talks" else entry.what
    text = f"{say.dyad_name(names, entry.a, entry.b)}, {say.arm_words(entry.kind)}: {words}{when}"
    yield from _wrapped(f"{head}{text} ({entry.direction}{origin})", rest=inside)
    by_arm = {asked.arm: asked for asked in entry.asked}
    if entry.what != "talks" or not by_arm:
        return
    opened, other = by_arm[told.arm], by_arm[told.reference]
    if entry.mark == "reference only":
        opened, other = other, opened
    yield from _wrapped("; ".join(_side(side, names) for side in opened.sides) + ".", inside)
    if entry.mark in ("arm only", "reference only"):
        where = "the arm" if other.arm == told.arm else "the control arm"
        yield from _wrapped(f"in {where}: {_otherwise(other, told, names)}.", inside)


def _side(side: AskedState, names: dict[str, str]) -> str:
    """`Japan consents at 0.310 against 0.283`, with digits enough to tell the two apart."""
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
            by = side.main_difference if asked.arm == told.arm else -side.main_difference
            words += f" (most by {side.main_part}, {say.signed(by, 4)} nats there)"
        said.append(words)
    return "; ".join(said)


def _moment(name: str) -> str:
    return {"start": "at start", "before": "before"}.get(name, f"{name} d")


def _columns(cells: list[list[str]]) -> list[str]:
    return table(cells, "<>", width=UNLIMITED)


def _wrapped(text: str, indent: str = "", rest: str = "") -> list[str]:
    """Lines that may break at a hyphen, the first indented and those after it two further in, or by `rest`."""
    later = indent + "  " if indent else rest
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=later, break_long_words=False)
