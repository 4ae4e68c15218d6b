"""All that `explain --verbose` says: terms in nats, coalitions, and who was asked at each opening of talks."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from balance_sim.show import terminal
from balance_sim.show import wording as say
from balance_sim.show.diary import kind_words

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.analysis.explain.attribution import Attribution
    from balance_sim.analysis.explain.pairs import PairTerms
    from balance_sim.analysis.explain.timeline import AskedDyad, AskedState, Entry, Timeline
    from balance_sim.scenario.schema import Scenario

SHOWN = 0.00005  # a difference that rounds to no less than 0.0001
MARKS = {"both": " ", "arm only": "+", "reference only": "-", "earlier": "<", "later": ">", "changed": "~"}


def attribution_lines(found: Attribution, table: pd.DataFrame, scenario: Scenario) -> Iterator[str]:
    """The part of each group of terms. table: `found.table`."""
    titles = say.arm_titles(scenario)
    rows = table.to_dict("records")
    total = rows[-1]
    least = min((row["mcse"] for row in rows if row["mcse"] > 0), default=float("nan"))
    places = say.decimals(least, total["lo"], total["hi"])
    yield from _wrapped(
        f"Which terms the effect of an arm goes through: {titles[found.arm]}, against {titles[found.reference]}"
    )
    yield from _wrapped(
        f"{say.capital(say.outcome_words(found.outcome))}: {say.signed(total['value'], places)} "
        f"(95 % CI {say.interval(total['lo'], total['hi'], places)}), {_of_runs(found)}."
    )
    yield ""
    cells = [["group", "value", "95 % CI", "MCSE", "alone", "last"]]
    cells += [
        [
            row["group"],
            say.signed(row["value"], places),
            say.interval(row["lo"], row["hi"], places) if row["mcse"] != 0 else "no run differs",
            say.number(row["mcse"], places + 1),
            *(say.signed(row[name], places) for name in ("alone", "last")),
        ]
        for row in rows
        if row["group"] != "outside" or row["value"] != 0 or row["mcse"] != 0
    ]
    yield from terminal.table(cells, "<>", width=terminal.UNLIMITED)
    yield ""
    for group, terms in found.groups.items():
        yield from _wrapped(f"{group}: {', '.join(terms)}", indent="  ")
    yield ""
    yield from _wrapped(
        f"Shapley values of {say.plural(len(found.groups), 'group')} of terms, by the direct estimator: what a group "
        "adds to expected agreements along the control arm's replications, averaged over all orders in which the "
        "groups could come in. A group is out where its terms are those of the control arm at the same opportunity. "
        "alone: all other groups out; last: all others in. feedback: the effect less the direct effect, which is "
        "what agreements that differ and the pace of talks do. The rows sum to the effect."
    )


def _of_runs(found: Attribution) -> str:
    used = len(found.runs)
    if used == found.of_runs:
        return say.plural(used, "replication")
    return f"the first {used:,} of {say.plural(found.of_runs, 'replication')}, so not the effect over all of them"


def top_pair_lines(pairs: Sequence[PairTerms], moment: str, scenario: Scenario) -> Iterator[str]:
    """For the dyads with the largest effects: what moved each side, at one moment."""
    names = say.state_names(scenario)
    if not pairs:
        yield "No dyad shows a detectable effect."
        return
    runs = say.plural(len(pairs[0].runs), "run")
    yield from _wrapped(
        f"Dyads with the largest effect on expected new security agreements {say.within(pairs[0].window)}, and what "
        f"moved them ({_moment(moment)}, {runs})"
    )
    for pair in pairs:
        for row in pair.shares.to_dict("records"):
            effect, level = _places(row)
            levels = f"{say.number(row['mean_control'], level)} to {say.number(row['mean'], level)}"
            told = f"{say.signed(row['effect'], effect)} ({say.ci(row['lo'], row['hi'], effect)})"
            yield f"{say.dyad_name(names, pair.a, pair.b)}: {levels}; effect {told}"
        for side in (pair.a, pair.b):
            change, most, by = pair.main_difference(moment, side)
            why = f"most by {most} {say.signed(by, 4)}" if most else "no term differs"
            yield f"    {names[side]} in {pair.kind}: willingness {say.signed(change, 4)} nats, {why}"


def _places(row: dict[Any, Any]) -> tuple[int, int]:
    """Decimals of a dyad's effect, and of its levels: as many as tell the two arms apart."""
    effect = say.decimals(row["mcse"], row["lo"], row["hi"])
    return effect, max(effect, 2)


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
    moments = list(dict.fromkeys(frame["moment"]))
    dates = {row["moment"]: row["date"] for row in frame.to_dict("records")}
    yield from _wrapped(
        "Steps beginning: " + ", ".join(f"{_moment(m)} {dates[m]}" for m in moments) + ".",
    )
    for side in (pair.a, pair.b):
        part = frame[frame["side"] == side]
        ours, other = names[side], say.state_in_text(names, pair.b if side == pair.a else pair.a)
        yield ""
        yield from _wrapped(f"{ours} towards {other}: {arm}")
        yield from terminal.table(_wide(part, moments, "arm", keep_zero=True), "<>", width=terminal.UNLIMITED)
        changed = _wide(part, moments, "difference", keep_zero=False)
        yield ""
        if len(changed) > 1:
            yield from _wrapped(f"{ours} towards {other}: the same less {reference}; parts that differ by 0.0001")
            yield from terminal.table(changed, "<>", width=terminal.UNLIMITED)
        else:
            yield from _wrapped(f"{ours} towards {other}: nothing differs from {reference}")
    yield ""
    yield from _adversaries(pair, names)
    yield from _rates(pair, moments, titles)
    yield ""
    yield from _shares(pair)
    yield from _record(pair)


def _wide(frame: pd.DataFrame, moments: list[str], column: str, *, keep_zero: bool) -> list[list[str]]:
    cells = [["part", *map(_moment, moments)]]
    for part in dict.fromkeys(frame["part"]):
        rows = frame[frame["part"] == part]
        by_moment = dict(zip(rows["moment"].tolist(), rows[column].tolist(), strict=True))
        values = [by_moment[moment] for moment in moments]
        if keep_zero or max(map(abs, values)) >= SHOWN:
            show = say.number if column == "arm" else say.signed
            cells.append([part, *(show(value, 3 if column == "arm" else 4) for value in values)])
    return cells


def _adversaries(pair: PairTerms, names: dict[str, str]) -> Iterator[str]:
    """Whom either side fears, in the control arm at the start."""
    first = pair.adversaries[pair.adversaries["arm"] == pair.reference]
    first = first[first["moment"] == first["moment"].iloc[0]] if len(first) else first
    for side in (pair.a, pair.b):
        rows = first[first["side"] == side].to_dict("records")
        if rows:
            named = ", ".join(f"{names[row['adversary']]} {say.percent(row['share'])}" for row in rows)
            yield from _wrapped(
                f"Whom {say.state_in_text(names, side)} fears at the start, of all that threatens it: {named}."
            )
    if len(first):
        yield from _wrapped(
            "An adversary brings its own strength and what those who stand with it would lend its quarrels.", "  "
        )
        yield ""


def _rates(pair: PairTerms, moments: list[str], titles: dict[str, str]) -> Iterator[str]:
    yield "Talks opened a year if nothing is under way, and how often something is"
    cells = [["", *map(_moment, moments)]]
    for arm in (pair.reference, pair.arm):
        rows = pair.rates[(pair.rates["arm"] == arm) & (pair.rates["kind"] == pair.kind)]
        found = {row["moment"]: row for row in rows.to_dict("records")}
        cells.append([terminal.shortened(titles[arm], 28), *(say.number(found[m]["rate"], 4) for m in moments)])
        cells.append(["  under way", *(say.percent(found[m]["busy"]) for m in moments)])
    yield from terminal.table(cells, "<>", width=terminal.UNLIMITED)


def _shares(pair: PairTerms) -> Iterator[str]:
    if pair.shares.empty:
        yield f"No new security agreement of the two is expected {say.within(pair.window)} of the event."
        return
    yield f"Expected new security agreements of the two {say.within(pair.window)} of the event"
    cells = [["arm", "control arm", "effect", "95 % CI", "MCSE"]]
    for row in pair.shares.to_dict("records"):
        effect, level = _places(row)
        expected = [say.number(row[name], level) for name in ("mean", "mean_control")]
        cells.append([*expected, *say.effect_cells(row, effect)[:2], say.number(row["mcse"], effect)])
    yield from terminal.table(cells, "<>", width=terminal.UNLIMITED)


def _record(pair: PairTerms) -> Iterator[str]:
    yield ""
    if pair.record.empty:
        yield "On record at the start: nothing between the two."
        return
    yield "On record at the start"
    for row in pair.record.to_dict("records"):
        dates = [f"{str(n).replace('_', ' ')} {row[n]}" for n in list(row)[4:] if row[n]]
        name = say.printable(str(row["name"])) or row["id"]
        yield from _wrapped(f"{row['kind']}: {name}; {row['status'].replace('_', ' ')}; {', '.join(dates)}", "  ")


def timeline_lines(told: Timeline, scenario: Scenario, *, everything: bool = False) -> Iterator[str]:
    """One run day by day. Without `everything`: events, counter-agreements, what differs between the arms."""
    yield from _wrapped(
        "Marks: + in the arm alone, - in the control arm alone, < earlier than there, > later, ~ in another form; no "
        "mark: the same day in both."
    )
    names = say.state_names(scenario)
    yield ""
    shown = [entry for entry in told.entries if everything or _matters(entry)]
    for entry in shown:
        yield from _entry_lines(told, entry, names)
    hidden = len(told.entries) - len(shown)
    if hidden:
        yield ""
        yield from _wrapped(
            f"{say.plural(hidden, 'further line')}, the same in both arms and no counter-agreement: see --all."
        )


def _matters(entry: Entry) -> bool:
    known = entry.what in ("event", "provocation") or entry.direction == "counter"
    return entry.mark != "both" or (known and entry.what in ("event", "provocation", "talks", "signed"))


def _entry_lines(told: Timeline, entry: Entry, names: dict[str, str]) -> Iterator[str]:
    head = f"{entry.date} {MARKS[entry.mark]} "
    if entry.what in ("event", "provocation"):
        yield from _wrapped(say.printable(f"{head}{entry.what}: {entry.text}"), rest=" " * len(head))
        return
    late = entry.days_later
    when = f", {say.plural(abs(late), 'day')} {'later' if late > 0 else 'earlier'}" if late else ""
    origin = "" if entry.origin == "new" else f", {entry.origin.replace('_', ' ')} at the start"
    words = "talks open" if entry.what == "talks" else entry.what
    dyad = say.dyad_name(names, entry.a, entry.b)
    text = f"{head}{dyad}, {entry.kind.replace('_', ' ')}: {words}{when} ({entry.direction}{origin})"
    yield from _wrapped(text, rest=" " * len(head))
    by_arm = {asked.arm: asked for asked in entry.asked}
    if entry.what != "talks" or not by_arm:
        return
    mine, twin = by_arm[told.arm], by_arm[told.reference]
    opened, other = (twin, mine) if entry.mark == "reference only" else (mine, twin)
    yield from _wrapped(f"{_asked(opened, names)}.", indent=" " * len(head))
    if entry.mark in ("arm only", "reference only"):
        where = "the arm" if other.arm == told.arm else "the control arm"
        yield from _wrapped(f"in {where}: {_otherwise(other, told, names)}.", indent=" " * len(head))


def _asked(asked: AskedDyad, names: dict[str, str]) -> str:
    return "; ".join(_side(side, names) for side in asked.sides)


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


def _wrapped(text: str, indent: str = "", rest: str | None = None) -> Iterable[str]:
    later = indent + "  " if rest is None and indent else rest or ""
    return textwrap.wrap(text, terminal.WIDTH, initial_indent=indent, subsequent_indent=later, break_long_words=False)
