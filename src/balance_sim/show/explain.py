"""What `explain` answers first: a few sentences and one table, with states, terms and arms in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from balance_sim.show import wording as say
from balance_sim.show.diary import diary, fear_words, kind_words, mean_sentence
from balance_sim.show.terminal import said, shortened, table, wrapped

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.analysis.explain.attribution import Attribution
    from balance_sim.analysis.explain.pairs import PairTerms
    from balance_sim.analysis.explain.timeline import Timeline
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


def attribution_answer(found: Attribution, parts: pd.DataFrame, scenario: Scenario, width: int) -> Iterator[str]:
    """Through which groups of terms the effect of an arm goes. parts: `found.table`."""
    rows, effect, places = attribution_rows(parts)
    told = f"{say.signed(effect['value'], places)} ({say.ci(effect['lo'], effect['hi'], places)})"
    title = say.arm_titles(scenario)[found.arm]
    runs = f"{len(found.runs):,} of {found.of_runs:,}" if len(found.runs) < found.of_runs else f"{found.of_runs:,}"
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
        [_group(row["group"]), say.signed(row["value"], places), say.interval(row["lo"], row["hi"], places)]
        for row in rows
        if row["value"] or row["mcse"]
    ]
    yield from ["", *table(cells, "<>", width=width)]
    none = [_group(row["group"]) for row in rows if not (row["value"] or row["mcse"]) and row["group"] != "outside"]
    if none:
        yield from said(f"No part: {'; '.join(none)}.", width)


def attribution_rows(parts: pd.DataFrame) -> tuple[list[dict[Any, Any]], dict[Any, Any], int]:
    """Of the table of an attribution the groups, the whole effect, and how many decimals to show."""
    *rows, effect = parts.to_dict("records")
    least = min((row["mcse"] for row in [*rows, effect] if row["mcse"] > 0), default=float("nan"))
    return rows, effect, say.decimals(least, effect["lo"], effect["hi"])


def effect_places(row: Mapping[Any, Any]) -> int:
    """Decimals for the effect of a row."""
    return say.decimals(row["mcse"], row["lo"], row["hi"])


def _group(name: str) -> str:
    return GROUP_WORDS.get(name, say.arm_words(name))


def dyads_answer(pairs: Sequence[PairTerms], moment: str, scenario: Scenario, width: int) -> Iterator[str]:
    """The dyads with the largest effects in a line each: what moved the side that changed more."""
    if not pairs:
        yield say.NO_DYAD
        return
    names, cells = say.state_names(scenario), [["largest effects on dyads", "effect", "whose mind changed, and why"]]
    for pair in pairs:
        sides = [(*pair.main_difference(moment, side), side) for side in (pair.a, pair.b)]
        change, term, _, side = max(sides, key=lambda one: abs(one[0]))
        moved = abs(change) >= SMALL and term
        why = f"{names[side]}: {say.term_words(term)}" if moved else "nobody's: the pace of talks"
        effect = say.effect_cells(pair.shares.to_dict("records")[0])[0]
        cells.append([say.dyad_name(names, pair.a, pair.b), effect, why])
    yield from table(cells, "<><", width=width)


def pair_answer(pair: PairTerms, scenario: Scenario, width: int) -> Iterator[str]:
    """Three sentences: what the two do with and without, what changed their minds, whom they fear; then by date how
    likely either consents, and how often they open talks."""
    names, titles, frame = say.state_names(scenario), say.arm_titles(scenario), pair.table
    dates = dict(zip(frame["moment"], frame["date"], strict=True))
    after = next((name for name in dates if name.startswith("+")), [*dates][-1])
    for words in (_what(pair, names), _why(pair, frame, after, names), _feared(pair, after, scenario)):
        yield from said(words, width)
    yield from ["", *said(f"With: {titles[pair.arm]}. Without: {titles[pair.reference]}.", width)]
    one, other = (f"{shortened(names[side], 12)}:" for side in (pair.a, pair.b))
    cells = [["", one, "", other, "", "talks/year:", ""], ["probability of consent", *["without", "with"] * 3]]
    rates = pair.rates[pair.rates["kind"] == pair.kind].set_index(["moment", "arm"])["rate"]
    for moment, day in dates.items():
        numbers = [of for side in (pair.a, pair.b) for of in _of_side(frame, moment, side)["consent"][:2]]
        numbers += [rates[moment, arm] for arm in (pair.reference, pair.arm)]
        words = moment if moment in ("start", "before") else f"{moment} days"
        cells.append([f"{day} {words}", *(f"{of:.4f}" for of in numbers)])
    yield from table(cells, "<>", width=width)


def _of_side(frame: pd.DataFrame, moment: str, side: str) -> dict[str, tuple[float, float, float]]:
    """By part of a side's willingness at a moment: in the control arm, in the arm, and the difference."""
    rows = frame[(frame["moment"] == moment) & (frame["side"] == side)]
    columns = (rows[name].tolist() for name in ("reference", "arm", "difference"))
    return dict(zip(rows["part"], zip(*columns, strict=True), strict=True))


def _what(pair: PairTerms, names: dict[str, str]) -> str:
    what, of = f"a new security agreement {say.within(pair.window)}", pair.signing
    counts = mean_sentence(names, pair.a, pair.b, of.arm, of.control, of.of, what=what)
    if pair.shares.empty:
        return f"{counts}."
    row = pair.shares.to_dict("records")[0]
    before, after = (say.number(row[name], max(effect_places(row), 2)) for name in ("mean_control", "mean"))
    told = say.effect_words(row["effect"], row["lo"], row["hi"], row["mcse"])
    return f"{counts}; expected are {after} agreements instead of {before} ({told})."


def _why(pair: PairTerms, frame: pd.DataFrame, moment: str, names: dict[str, str]) -> str:
    told = []
    for side in (pair.a, pair.b):
        parts, who = _of_side(frame, moment, side), say.state_in_text(names, side)
        (without, with_it, _), (_, _, change) = parts.pop("consent"), parts.pop("u")
        if abs(change) < SMALL:
            told.append(f"{who} is as ready as without the change")
            continue
        verb = "readier" if change > 0 else "less ready"
        before, after = say.percent(without), say.percent(with_it)
        points = f"{before} to {after}" if before != after else f"{100 * without:.2f} to {100 * with_it:.2f} %"
        (share, first), *others = sorted(((by / change, name) for name, (_, _, by) in parts.items()), reverse=True)
        terms = f"{say.percent(share) if share < MAIN else 'nearly all'} of it by {say.term_words(first)}"
        if share < MAIN and others[0][0] > 0.05:
            terms += f", {say.percent(others[0][0])} by {say.term_words(others[0][1])}"
        told.append(f"{who} is {verb} ({points}), {terms}")
    when = f"{moment.removeprefix('+')} days after the event" if moment.startswith("+") else "At the start"
    return f"{when}, asked for {kind_words(pair.kind)}, {'; '.join(told)}."


def _feared(pair: PairTerms, moment: str, scenario: Scenario) -> str:
    """Whom either fears most, and what the two have already."""
    rows = pair.adversaries[(pair.adversaries["arm"] == pair.arm) & (pair.adversaries["moment"] == moment)]
    first = {row["side"]: row["adversary"] for row in reversed(rows.to_dict("records"))}
    feared = (first.get(pair.a, ""), first.get(pair.b, ""))
    told = say.capital(fear_words(say.state_names(scenario), pair.a, pair.b, feared))
    kinds = [str(row["kind"]) for row in pair.record.to_dict("records") if row["status"] == "in_force"]
    if not kinds:
        return f"{told}; at the start they have no agreement in force."
    deepest = kind_words(max(kinds, key=lambda kind: scenario.kinds[kind].depth))
    have = f"{len(kinds)} agreements in force, the deepest {deepest}" if len(kinds) > 1 else f"{deepest} in force"
    return f"{told}; at the start they have {have}."


def replication_answer(
    told: Timeline, scenario: Scenario, width: int, *, everything: bool, why: str = ""
) -> Iterator[str]:
    """A replication as a diary. why: of three that were chosen by rule, which it is; then only what differs between the
    arms is told."""
    what = f"Replication {told.run}{f', of {why} effect' if why else ''}"
    words = say.outcome_words(told.outcome)
    counts = f"{say.number(told.value, 0)} {words.replace('agreements', 'agreement') if told.value == 1 else words}"
    there = f"{counts}, {say.number(told.value_reference, 0)} in its paired control run."
    yield from said(f"{what}: {say.arm_titles(scenario)[told.arm]}. {there}", width)
    days = diary(told, scenario, everything=everything, differing=bool(why) and not everything)
    lines = [line for day, words in days for line in wrapped(f"{day}  {words}", " " * 12, width)]
    yield from lines or ["  nothing differs between the two arms"]
