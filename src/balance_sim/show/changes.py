"""What changes in a world, a plain sentence each: for `check` and pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from balance_sim.show.diary import both_states, kind_words, one_of_kind, state_in_text
from balance_sim.show.wording import listed, state_names

if TYPE_CHECKING:
    from balance_sim.scenario.schema import Change, Scenario

BREAKS = {
    "no_diplomatic_relations": "break off diplomatic relations",
    "not_recognised": "no longer recognise each other",
    "sanctions": "are parted by sanctions",
}
FACTS = {
    "democracy": "democracy {:g}",
    "ideal_point": "ideal point {:g}",
    "reliability": "reliability {:g}",
    "effort": "capability {:+.0%} by a decision of its own",
}


def change_lines(scenario: Scenario, changes: tuple[Change, ...]) -> Iterator[str]:
    """Yield a line for each change, the day first.

    scenario : of which the changes are
    changes : in the order of their days

    >>> import balance_sim as bs
    >>> from balance_sim.scenario.schema import Change
    >>> scenario = bs.load_scenario("experiments/smoke/five_states.yaml")
    >>> war = Change(date="2000-05-01", dyad=("XCO", "XEL"), war=True)
    >>> list(change_lines(scenario, (war,)))
    ['2000-05-01: Corvia (made up) and Elland (made up) go to war']
    """
    for change in changes:
        until = "" if change.until is None else f", until {change.until}"
        yield f"{change.date}: {change_sentence(scenario, change)}{until}"


def change_sentence(scenario: Scenario, change: Change) -> str:
    """Return what a change says, without its day and full stop."""
    names = state_names(scenario)
    if change.dyad is not None:
        both = both_states(names, *change.dyad)
        if change.no_relations is not None:
            return f"{both} {BREAKS[change.no_relations]}"
        return f"{both} {'go to war' if change.war else 'make peace'}"
    if change.joins is not None:
        signs = f"{state_in_text(names, change.joins)} signs {one_of_kind(change.kind)}"
        return f"{signs} with members of {change.pact}"
    if change.state is not None:
        facts = [
            words.format(getattr(change, fact))
            for fact, words in FACTS.items()
            if getattr(change, fact) is not None
        ]
        return f"{state_in_text(names, change.state)}: {listed(facts)} from then on"
    if isinstance(change.agreement, str):
        ended = next(row for row in scenario.agreements if row.id == change.agreement)
        both = both_states(names, ended.a, ended.b)
        return f"the {kind_words(ended.kind)} of {both} ends"
    given = change.agreement
    assert given is not None  # a change has one of these forms
    both = both_states(names, given.a, given.b)
    in_force = "" if given.in_force is None else f", in force on {given.in_force}"
    return f"{both} sign {one_of_kind(given.kind)}{in_force}"
