"""The answers of `explain`: a few sentences and one table, with states, terms and arms
in words.

What is worked out stands in `effects.explain`, and whole in `explain --json`; here it
is only told. Willingness is in nats: a side consents with probability 1 / (1 + e^-u).
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
from balance_sim.show.wording import said, wrapped

if TYPE_CHECKING:
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
    "feedback": "what earlier agreements bring about",
}
"""Groups of terms as they are read."""
SMALL = 0.00005  # nats: a change of willingness that rounds to none
LEAST_RISE = 0.01
"""Rise of a threat, as a share of it, from which it is worth a sentence."""


def attribution_answer(
    attribution: Attribution, scenario: Scenario, width: int
) -> Iterator[str]:
    """Yield through which groups of terms the effect of an arm goes, the largest part
    first.

    Parameters
    ----------
    width : columns of the page
    """
    table = attribution.table
    terms, effect = table.iloc[:-1], table.iloc[-1]
    terms = terms[(terms["value"] != 0) | (terms["mcse"] != 0)]
    errors = table.loc[table["mcse"] > 0, "mcse"]
    places = say.decimals(max(errors.min(), 1e-4), effect["lo"], effect["hi"])
    runs, all_runs = len(attribution.runs), attribution.of_runs
    over = f"all {runs:,}" if runs == all_runs else f"{runs:,} of {all_runs:,}"
    yield from said(
        f"{say.arm_title(scenario, attribution.arm)}: the effect on expected "
        f"{say.outcome_words(attribution.outcome)} is "
        f"{say.signed(effect['value'], places)} "
        f"({say.ci(effect['lo'], effect['hi'], places)}), over {over} replications.",
        width,
    )
    rows = [["part of the effect", "agreements", "95 % CI"]]
    largest = terms.sort_values("value", key=abs, ascending=False, kind="stable")
    for row in largest.to_dict("records"):
        bounds = say.interval(row["lo"], row["hi"], places)
        rows.append(
            [group_words(row["group"]), say.signed(row["value"], places), bounds]
        )
    yield from ["", *say.table(rows, "<>", width=width)]


def group_words(name: str) -> str:
    """Return a group of terms in words; of the user's own its name."""
    return GROUP_WORDS.get(name, say.arm_words(name))


def dyads_answer(
    dyads: Sequence[DyadTerms],
    moment: str,
    scenario: Scenario,
    width: int,
    nothing: str = "",
) -> Iterator[str]:
    """Yield the dyads with the largest effects in a line each: what moved the side that
    changed more.

    Parameters
    ----------
    nothing : what is said where there are none
    moment : at which minds are compared, such as `+7`
    """
    if not dyads:
        yield from said(f"{nothing}.", width)
        return
    names = say.state_names(scenario)
    rows = [["largest effects on dyads", "effect", "whose mind changed, and why"]]
    for dyad in dyads:
        sides = {side: dyad.main_difference(moment, side) for side in (dyad.a, dyad.b)}
        side = max(sides, key=lambda name: abs(sides[name][0]))
        change, term, _ = sides[side]
        why = "nobody's: earlier agreements differ"
        if abs(change) >= SMALL and term:
            why = f"{names[side]}: {say.term_words(term)}"
        effect = say.effect_cells(dyad.shares.to_dict("records")[0])[0]
        rows.append([say.dyad_name(names, dyad.a, dyad.b), effect, why])
    yield from say.table(rows, "<><", width=width)


def dyad_answer(dyad: DyadTerms, scenario: Scenario, width: int) -> Iterator[str]:
    """Yield three sentences on a dyad and one table.

    The sentences say what the two do with and without the event, what changed their
    minds, and whom they fear; the table by date how likely either consents, and how
    often they open talks.
    """
    names, sides = say.state_names(scenario), (dyad.a, dyad.b)
    dates = dict(zip(dyad.table["moment"], dyad.table["date"], strict=True))
    moment = next((name for name in dates if name.startswith("+")), [*dates][-1])
    yield from said(_signing_words(dyad, names), width)
    minds = "; ".join(_mind_words(dyad, moment, side, names) for side in sides)
    opening = f"{_moment_words(moment)}, if asked for {one_of_kind(dyad.kind)}"
    yield from said(f"{opening}: {minds}.", width)
    yield from said(_feared_words(dyad, moment, names), width)
    alarm = [_alarm_words(dyad, moment, side, names) for side in sides]
    if any(alarm):
        yield from said(" ".join(filter(None, alarm)), width)
    titles = [say.arm_title(scenario, arm) for arm in (dyad.arm, dyad.reference)]
    yield from ["", *said("With: {}. Without: {}.".format(*titles), width)]
    consent = dyad.table[dyad.table["part"] == "consent"]
    consent = consent.set_index(["moment", "side"])
    of_kind = dyad.rates[dyad.rates["kind"] == dyad.kind]
    rates = of_kind.set_index(["moment", "arm"])["rate"]
    rows = [
        ["", *(words for side in sides for words in (f"{names[side][:12]}:", ""))],
        ["probability of consent", *["without", "with"] * 3],
    ]
    rows[0] += ["talks/y:", ""]
    for name, date in dates.items():
        numbers = [
            *consent.loc[(name, dyad.a), ["reference", "arm"]],
            *consent.loc[(name, dyad.b), ["reference", "arm"]],
            rates[name, dyad.reference],
            rates[name, dyad.arm],
        ]
        words = f"{date} {name}"
        rows.append([words, *(f"{value:.4f}" for value in numbers)])
    yield from say.table(rows, "<>", width=width)


def _moment_words(moment: str) -> str:
    """Return `7 days after the event` for `+7`."""
    days = moment.removeprefix("+")
    return f"{days} days after the event" if days.isdigit() else "At the start"


def _signing_words(dyad: DyadTerms, names: Names) -> str:
    """Return how often the two sign with and without the event: counted over the
    replications as they were drawn, and expected by the filtered estimate."""
    signing = dyad.signing
    words = (
        f"{both_states(names, dyad.a, dyad.b)} sign a new security agreement "
        f"{say.within(dyad.window)} in {signing['arm']:,} of "
        f"{say.plural(signing['of'], 'replication')}, and in {signing['control']:,} of "
        "the control arm's"
    )
    for row in dyad.shares.to_dict("records"):
        places = max(say.decimals(row["mcse"], row["lo"], row["hi"]), 2)
        levels = f"{row['mean']:.{places}f} instead of "
        levels += f"{row['mean_control']:.{places}f}"
        effect = say.effect_words(row["effect"], row["lo"], row["hi"], row["mcse"])
        words += f"; {levels} are expected ({effect})"
    return f"{say.capital(words)}."


def _mind_words(dyad: DyadTerms, moment: str, side: str, names: Names) -> str:
    """Return how much readier a side is at a moment, and by which term most."""
    table, state = dyad.table, state_in_text(names, side)
    rows = table[(table["moment"] == moment) & (table["side"] == side)]
    terms = {str(row["part"]): row for row in rows.to_dict("records")}
    consent, change = terms.pop("consent"), terms.pop("u")["difference"]
    if abs(change) < SMALL:
        return f"{state} is as ready as without the change"
    shares = {part: row["difference"] / change for part, row in terms.items()}
    term = max(shares, key=lambda part: shares[part])
    verb = "readier" if change > 0 else "less ready"
    return (
        f"{state} is {verb} ({100 * consent['arm']:.2f} instead of "
        f"{100 * consent['reference']:.2f} %), {say.percent(min(shares[term], 1.0))} "
        f"of it by {say.term_words(term)}"
    )


def _feared_words(dyad: DyadTerms, moment: str, names: Names) -> str:
    """Return whom either fears most, if anybody much."""
    of_arm = dyad.adversaries[dyad.adversaries["arm"] == dyad.arm]
    rows = of_arm[(of_arm["moment"] == moment) & of_arm["is_most"]]
    largest = dict(zip(rows["side"], rows["adversary"], strict=True))
    feared = (largest.get(dyad.a, ""), largest.get(dyad.b, ""))
    return f"{say.capital(fear_words(names, dyad.a, dyad.b, feared))}."


def _alarm_words(dyad: DyadTerms, moment: str, side: str, names: Names) -> str:
    """Return by how much what its most feared adversary could do to a side has risen
    over the control arm; empty for less than one per cent, or if it fears nobody
    much."""
    rows = dyad.adversaries
    rows = rows[(rows["moment"] == moment) & (rows["side"] == side)]
    threat = rows.set_index(["arm", "adversary"])["threat"]
    named = rows[(rows["arm"] == dyad.arm) & rows["is_most"]]["adversary"].tolist()
    if not named or (dyad.reference, named[0]) not in threat.index:
        return ""
    adversary = str(named[0])
    rise = float(threat[dyad.arm, adversary] / threat[dyad.reference, adversary] - 1.0)
    if rise < LEAST_RISE:
        return ""
    state, feared = state_in_text(names, side), state_in_text(names, adversary)
    return say.capital(
        f"{state} is more alarmed: what {feared} could do to it has risen by "
        f"{say.percent(rise)}."
    )


def replication_answer(
    timeline: Timeline, scenario: Scenario, width: int
) -> Iterator[str]:
    """Yield a replication as a diary."""
    words = say.outcome_words(timeline.outcome)
    yield from said(
        f"Replication {timeline.run}: {say.arm_title(scenario, timeline.arm)}. "
        f"{timeline.value:.0f} {words}, {timeline.value_reference:.0f} in the control "
        f"arm ({say.arm_title(scenario, timeline.reference)}).",
        width,
    )
    for day, sentence in diary(timeline, scenario):
        yield from wrapped(f"{day}  {sentence}", " " * 12, width)
