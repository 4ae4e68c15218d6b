"""What `explain` answers first: a few sentences and one table, with states, terms and arms in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from balance_sim.show import wording as say
from balance_sim.show.diary import diary, fear_words, kind_words, mean_sentence
from balance_sim.show.terminal import shortened, table, wrapped

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
    *rows, effect = parts.to_dict("records")
    least = min((row["mcse"] for row in [*rows, effect] if row["mcse"] > 0), default=float("nan"))
    places = say.decimals(least, effect["lo"], effect["hi"])
    told = f"{say.signed(effect['value'], places)} ({say.ci(effect['lo'], effect['hi'], places)})"
    title = say.arm_titles(scenario)[found.arm]
    runs = f"{len(found.runs):,} of {found.of_runs:,}" if len(found.runs) < found.of_runs else f"{found.of_runs:,}"
    yield from wrapped(
        f"{title}: the effect on expected {say.outcome_words(found.outcome)} is {told}, in {runs} replications.",
        "",
        width,
    )
    main = max(rows, key=lambda row: abs(row["value"]))
    if main["value"]:
        said = f"Most of it is {_group(main['group'])}: {say.signed(main['value'], places)} agreements."
        if main["group"] == "feedback":
            said += " The channels that `run` prints count this to the picture or the threat that set it off."
        yield from wrapped(said, "", width)
    cells = [["part of the effect", "agreements", "95 % CI"]]
    for row in sorted(rows, key=lambda row: -abs(row["value"])):
        if row["value"] or row["mcse"]:
            cells.append([_group(row["group"]), say.signed(row["value"], places)])
            cells[-1].append(say.interval(row["lo"], row["hi"], places))
    none = [_group(row["group"]) for row in rows if not (row["value"] or row["mcse"]) and row["group"] != "outside"]
    yield from ["", *table(cells, "<>", width=width)]
    if none:
        yield from wrapped(f"No part: {'; '.join(none)}.", "", width)


def _group(name: str) -> str:
    return GROUP_WORDS.get(name, name.replace("_", " "))


def dyads_answer(pairs: Sequence[PairTerms], moment: str, scenario: Scenario, width: int) -> Iterator[str]:
    """The dyads with the largest effects in a line each: what moved the side that changed more."""
    if not pairs:
        yield "No dyad shows a detectable effect."
        return
    names, cells = say.state_names(scenario), [["largest effects on dyads", "effect", "whose mind changed, and why"]]
    for pair in pairs:
        sides = [(*pair.main_difference(moment, side), side) for side in (pair.a, pair.b)]
        change, term, _, side = max(sides, key=lambda one: abs(one[0]))
        why = (
            f"{names[side]}: {say.term_words(term)}" if abs(change) >= SMALL and term else "nobody's: the pace of talks"
        )
        row = pair.shares.to_dict("records")[0]
        effect = say.signed(row["effect"], say.decimals(row["mcse"], row["lo"], row["hi"]))
        cells.append([say.dyad_name(names, pair.a, pair.b), effect, why])
    yield from table(cells, "<><", width=width)


def pair_answer(pair: PairTerms, scenario: Scenario, width: int) -> Iterator[str]:
    """Three sentences: what the two do with and without, what changed their minds, whom they fear; then by date how
    likely either consents, and how often they open talks."""
    names = say.state_names(scenario)
    yield from wrapped(_what(pair, names), "", width)
    frame = pair.table
    moments = list(dict.fromkeys(frame["moment"]))
    after = next((name for name in moments if name.startswith("+")), moments[-1])
    yield from wrapped(_why(pair, after, names), "", width)
    yield from wrapped(_feared(pair, after, scenario), "", width)
    titles = say.arm_titles(scenario)
    yield from ["", *wrapped(f"With: {titles[pair.arm]}. Without: {titles[pair.reference]}.", "", width)]
    yield from _by_date(pair, frame, moments, [names[side] for side in (pair.a, pair.b)], width)


def _what(pair: PairTerms, names: dict[str, str]) -> str:
    what, of = f"a new security agreement {say.within(pair.window)}", pair.signing
    counts = mean_sentence(names, pair.a, pair.b, of.arm, of.control, of.of, what=what)
    if pair.shares.empty:
        return f"{counts}."
    row = pair.shares.to_dict("records")[0]
    effect = say.decimals(row["mcse"], row["lo"], row["hi"])
    before, after = (say.number(row[name], max(effect, 2)) for name in ("mean_control", "mean"))
    told = say.effect_words(row["effect"], row["lo"], row["hi"], row["mcse"])
    return f"{counts}; expected are {after} agreements instead of {before} ({told})."


def _why(pair: PairTerms, moment: str, names: dict[str, str]) -> str:
    told = []
    for side in (pair.a, pair.b):
        change, _, _ = pair.main_difference(moment, side)
        without, with_it = _consent(pair, moment, side)
        who = say.state_in_text(names, side)
        if abs(change) < SMALL:
            told.append(f"{who} is as ready as without the change")
            continue
        verb = "readier" if change > 0 else "less ready"
        points = f"{say.percent(without)} to {say.percent(with_it)}"
        if say.percent(without) == say.percent(with_it):
            points = f"{100 * without:.2f} to {100 * with_it:.2f} %"
        told.append(f"{who} is {verb} ({points}), {_terms(pair, moment, side)}")
    when = f"{moment.removeprefix('+')} days after the event" if moment.startswith("+") else "At the start"
    return f"{when}, asked for {kind_words(pair.kind)}, {'; '.join(told)}."


def _terms(pair: PairTerms, moment: str, side: str) -> str:
    """Which terms make up the change of a side's willingness, by their share of it."""
    frame = pair.table
    rows = frame[(frame["moment"] == moment) & (frame["side"] == side)]
    by = dict(zip(rows["part"].tolist(), rows["difference"].tolist(), strict=True))
    whole = by["u"]
    parts = sorted(((of / whole, name) for name, of in by.items() if name not in ("u", "consent")), reverse=True)
    share, first = parts[0]
    if share >= MAIN:
        return f"nearly all of it by {say.term_words(first)}"
    second_share, second = parts[1]
    told = f"{say.percent(share)} of it by {say.term_words(first)}"
    return told + (f", {say.percent(second_share)} by {say.term_words(second)}" if second_share > 0.05 else "")


def _consent(pair: PairTerms, moment: str, side: str) -> tuple[float, float]:
    """Probability of consent in the control arm and in the arm."""
    frame = pair.table
    row = frame[(frame["moment"] == moment) & (frame["side"] == side) & (frame["part"] == "consent")]
    return float(row["reference"].iloc[0]), float(row["arm"].iloc[0])


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
    if len(kinds) == 1:
        return f"{told}; at the start they have {deepest} in force."
    return f"{told}; at the start they have {len(kinds)} agreements in force, the deepest {deepest}."


def _by_date(pair: PairTerms, frame: pd.DataFrame, moments: list[str], sides: list[str], width: int) -> Iterator[str]:
    dates = {row["moment"]: row["date"] for row in frame.to_dict("records")}
    rates = pair.rates[pair.rates["kind"] == pair.kind].set_index(["moment", "arm"])["rate"]
    one, other = (f"{shortened(name, 12)}:" for name in sides)
    cells = [["", one, "", other, "", "talks/year:", ""]]
    cells.append(["probability of consent", *["without", "with"] * 3])
    for moment in moments:
        numbers: list[Any] = []
        for side in (pair.a, pair.b):
            numbers += [f"{one:.4f}" for one in _consent(pair, moment, side)]
        numbers += [f"{rates[moment, arm]:.4f}" for arm in (pair.reference, pair.arm)]
        words = {"start": "start", "before": "before"}.get(moment, f"{moment} days")
        cells.append([f"{dates[moment]} {words}", *numbers])
    yield from table(cells, "<>", width=width)


def replication_answer(
    told: Timeline, scenario: Scenario, width: int, *, everything: bool, why: str = ""
) -> Iterator[str]:
    """A replication as a diary. why: of three that were chosen by rule, which it is; then only what differs between the
    arms is told."""
    titles = say.arm_titles(scenario)
    yield from wrapped(replication_words(told, titles, why), "", width)
    count = 0
    for day, sentence in diary(told, scenario, everything=everything, differing=bool(why) and not everything):
        yield from wrapped(f"{day}  {sentence}", " " * 12, width)
        count += 1
    if not count:
        yield "  nothing differs between the two arms"


def replication_words(told: Timeline, titles: dict[str, str], why: str = "") -> str:
    """Which replication it is, and what it comes to."""
    what = f"Replication {told.run}{f', of {why} effect' if why else ''}"
    words = say.outcome_words(told.outcome)
    counts = f"{say.number(told.value, 0)} {words.replace('agreements', 'agreement') if told.value == 1 else words}"
    return f"{what}: {titles[told.arm]}. {counts}, {say.number(told.value_reference, 0)} in its paired control run."
