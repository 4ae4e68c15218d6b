"""The answers of `explain`: a few sentences and one table, with states, terms and arms
in words.

What is worked out stands in `effects.explain`, and whole in explain.json; here it is
only told. Willingness is in nats: a side consents with probability 1 / (1 + e^-u).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from balance_sim.show import wording as say
from balance_sim.show.diary import (
    both_states,
    diary,
    fear_words,
    one_of_kind,
    state_in_text,
)
from balance_sim.show.wording import said, table, wrapped

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.effects.explain.attribution import Attribution
    from balance_sim.effects.explain.pairs import DyadTerms
    from balance_sim.effects.explain.timeline import Timeline
    from balance_sim.scenario.schema import Scenario

type Names = Mapping[str, str]

GROUP_WORDS = {
    "gain": "what a partner adds to one's security",
    "hostility": "what one fears of the partner itself",
    "network": "who is tied to whom",
    "retaliation": "fear for one's trade",
    "patron": "doubt about a patron of both",
    "alarm": "threat that is new since the start",
    "own": "terms of your own",
    "agent": "what its agents want beside the terms",
    "outside": "terms in no group",
    "feedback": "agreements that differ, and the pace of talks",
}
"""Groups of terms as they are read."""
SMALL = 0.00005  # nats: a change of willingness that rounds to none


def attribution_answer(
    attribution: Attribution, parts: pd.DataFrame, scenario: Scenario, width: int
) -> Iterator[str]:
    """Yield through which groups of terms the effect of an arm goes.

    Parameters
    ----------
    parts : the attribution's `table`: a row a group, the effect last
    width : columns of the page
    """
    *rows, effect = parts.to_dict("records")
    errors = [row["mcse"] for row in [*rows, effect] if row["mcse"] > 0]
    places = say.decimals(min(errors, default=0.0), effect["lo"], effect["hi"])
    runs = f"{attribution.of_runs:,}"
    if len(attribution.runs) < attribution.of_runs:
        runs = f"{len(attribution.runs):,} of {runs}"
    yield from said(
        f"{say.arm_title(scenario, attribution.arm)}: the effect on expected "
        f"{say.outcome_words(attribution.outcome)} is "
        f"{say.signed(effect['value'], places)} "
        f"({say.ci(effect['lo'], effect['hi'], places)}), in {runs} replications.",
        width,
    )
    rows.sort(key=lambda row: -abs(row["value"]))
    largest = rows[0]
    if largest["value"]:
        words = f"Most of it is {group_words(largest['group'])}: "
        words += f"{say.signed(largest['value'], places)} agreements."
        if largest["group"] == "feedback":
            words += (
                " The channels that `run` prints count this to the picture or the "
                "threat that set it off."
            )
        yield from said(words, width)
    cells = [["part of the effect", "agreements", "95 % CI"]]
    for row in rows:
        if row["value"] or row["mcse"]:
            bounds = say.interval(row["lo"], row["hi"], places)
            change = say.signed(row["value"], places)
            cells.append([group_words(row["group"]), change, bounds])
    yield from ["", *table(cells, "<>", width=width)]


def group_words(name: str) -> str:
    """Return a group of terms in words; of the user's own its name."""
    return GROUP_WORDS.get(name, say.arm_words(name))


def dyads_answer(
    dyads: Sequence[DyadTerms], moment: str, scenario: Scenario, width: int
) -> Iterator[str]:
    """Yield the dyads with the largest effects in a line each: what moved the side that
    changed more.

    Parameters
    ----------
    moment : at which minds are compared, such as `+7`
    """
    if not dyads:
        yield say.NO_DYAD
        return
    names = say.state_names(scenario)
    rows = [["largest effects on dyads", "effect", "whose mind changed, and why"]]
    for dyad in dyads:
        changes = [
            (side, *dyad.main_difference(moment, side)[:2]) for side in (dyad.a, dyad.b)
        ]
        side, change, term = max(changes, key=lambda row: abs(row[1]))
        why = "nobody's: the pace of talks"
        if abs(change) >= SMALL and term:
            why = f"{names[side]}: {say.term_words(term)}"
        effect = say.effect_cells(dyad.shares.to_dict("records")[0])[0]
        rows.append([say.dyad_name(names, dyad.a, dyad.b), effect, why])
    yield from table(rows, "<><", width=width)


def dyad_answer(dyad: DyadTerms, scenario: Scenario, width: int) -> Iterator[str]:
    """Yield three sentences on a dyad and one table.

    The sentences say what the two do with and without the event, what changed their
    minds, and whom they fear; the table by date how likely either consents, and how
    often they open talks.
    """
    names = say.state_names(scenario)
    dates = dict(zip(dyad.table["moment"], dyad.table["date"], strict=True))
    moment = next((name for name in dates if name.startswith("+")), [*dates][-1])
    yield from said(_signing_words(dyad, names), width)
    when = "At the start"
    if moment.startswith("+"):
        when = f"{moment.removeprefix('+')} days after the event"
    minds = [_mind_words(dyad, moment, side, names) for side in (dyad.a, dyad.b)]
    sentence = f"{when}, asked for {one_of_kind(dyad.kind)}, {'; '.join(minds)}."
    yield from said(sentence, width)
    yield from said(_feared_words(dyad, moment, names), width)
    yield ""
    treated, control = (
        say.arm_title(scenario, arm) for arm in (dyad.arm, dyad.reference)
    )
    yield from said(f"With: {treated}. Without: {control}.", width)
    of_kind = dyad.rates[dyad.rates["kind"] == dyad.kind]
    rates = of_kind.set_index(["moment", "arm"])["rate"]
    rows = [
        [
            "",
            f"{names[dyad.a][:12]}:",
            "",
            f"{names[dyad.b][:12]}:",
            "",
            "talks/y:",
            "",
        ],
        ["probability of consent", *["without", "with"] * 3],
    ]
    for name, date in dates.items():
        numbers = [
            *_parts(dyad, name, dyad.a)["consent"][:2],
            *_parts(dyad, name, dyad.b)["consent"][:2],
            rates[name, dyad.reference],
            rates[name, dyad.arm],
        ]
        words = name if name in ("start", "before") else f"{name} days"
        rows.append([f"{date} {words}", *(f"{value:.4f}" for value in numbers)])
    yield from table(rows, "<>", width=width)


def _parts(
    dyad: DyadTerms, moment: str, side: str
) -> dict[str, tuple[float, float, float]]:
    """Return by part of a side's willingness at a moment: in the control arm, in the
    arm, and the difference, in nats.

    `consent` is no part but the probability that the side consents, and `u` the sum of
    the others.
    """
    frame = dyad.table
    rows = frame[(frame["moment"] == moment) & (frame["side"] == side)]
    return {
        str(row["part"]): (row["reference"], row["arm"], row["difference"])
        for row in rows.to_dict("records")
    }


def _signing_words(dyad: DyadTerms, names: Names) -> str:
    """Return how often the two sign with and without the event: counted over the
    replications as they were drawn, and expected by the filtered estimate."""
    signing = dyad.signing
    words = (
        f"{both_states(names, dyad.a, dyad.b)} sign a new security agreement "
        f"{say.within(dyad.window)} in {signing.arm:,} of "
        f"{say.plural(signing.of, 'replication')}, in {signing.control:,} of the "
        "control arm"
    )
    for row in dyad.shares.to_dict("records"):
        places = max(say.decimals(row["mcse"], row["lo"], row["hi"]), 2)
        control, treated = (
            say.number(row[name], places) for name in ("mean_control", "mean")
        )
        effect = say.effect_words(row["effect"], row["lo"], row["hi"], row["mcse"])
        words += f"; expected are {treated} agreements instead of {control} ({effect})"
    return f"{say.capital(words)}."


def _mind_words(dyad: DyadTerms, moment: str, side: str, names: Names) -> str:
    """Return how much readier a side is at a moment, and by which term most."""
    pieces, state = _parts(dyad, moment, side), state_in_text(names, side)
    without, with_event, _ = pieces.pop("consent")
    _, _, change = pieces.pop("u")
    if abs(change) < SMALL:
        return f"{state} is as ready as without the change"
    verb = "readier" if change > 0 else "less ready"
    term = max(pieces, key=lambda part: pieces[part][2] / change)
    share = say.percent(min(pieces[term][2] / change, 1.0))
    return (
        f"{state} is {verb} ({100 * without:.2f} to {100 * with_event:.2f} %), {share} "
        f"of it by {say.term_words(term)}"
    )


def _feared_words(dyad: DyadTerms, moment: str, names: Names) -> str:
    """Return whom either fears most."""
    adversaries = dyad.adversaries
    at_moment = adversaries["moment"] == moment
    rows = adversaries[(adversaries["arm"] == dyad.arm) & at_moment]
    largest = rows.drop_duplicates("side").set_index("side")["adversary"].to_dict()
    feared = (str(largest.get(dyad.a, "")), str(largest.get(dyad.b, "")))
    return f"{say.capital(fear_words(names, dyad.a, dyad.b, feared))}."


def replication_answer(
    timeline: Timeline, scenario: Scenario, width: int
) -> Iterator[str]:
    """Yield a replication as a diary."""
    words = say.outcome_words(timeline.outcome)
    yield from said(
        f"Replication {timeline.run}: {say.arm_title(scenario, timeline.arm)}. "
        f"{timeline.value:.0f} {words}, {timeline.value_reference:.0f} in its paired "
        "control run.",
        width,
    )
    for day, sentence in diary(timeline, scenario):
        yield from wrapped(f"{day}  {sentence}", " " * 12, width)
