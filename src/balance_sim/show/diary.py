"""One replication as a diary: a plain sentence for each thing that happened, the same
on the terminal and on maps.

Australia and Japan sign an access agreement; talks since March; both fear China more
than anyone
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from balance_sim.show import wording as say

if TYPE_CHECKING:
    from balance_sim.effects.explain.timeline import AskedDyad, Entry, Timeline
    from balance_sim.scenario.players import Deed
    from balance_sim.scenario.schema import Change, Scenario

Names = Mapping[str, str]

SEVERAL = 4
"""States that are listed by name; of more, the first SEVERAL - 1 are."""
_NOUNS = {
    "agreement",
    "pact",
    "treaty",
    "declaration",
    "accord",
    "alliance",
    "memorandum",
}
_ARTICLE = {
    "Netherlands",
    "Philippines",
    "Republic",
    "Union",
    "Islands",
    "Kingdom",
    "Emirates",
}
"""Last words of names that have an article."""
_STATES_DO = {
    "talks": "open talks on",
    "signed": "sign",
    "talks collapse": "break off talks on",
}
_AGREEMENT_DOES = {
    "in force": "enters into force",
    "collapse": "lapses before it is in force",
    "ended": "ends",
}

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


def state_in_text(names: Names, code: str) -> str:
    """Return a state's name within a sentence.

    >>> state_in_text({"USA": "United States", "JPN": "Japan"}, "USA")
    'the United States'
    """
    name = names.get(code, code)
    words = name.split() or [""]
    has_article = words[0] == "United" or words[-1] in _ARTICLE
    return f"the {name}" if has_article else name


def kind_words(kind: str) -> str:
    """Return an agreement type as it is read.

    >>> kind_words("access"), kind_words("defence_pact"), kind_words("non_aggression")
    ('access agreement', 'defence pact', 'non-aggression agreement')
    """
    words = kind.replace("non_", "non-").replace("_", " ")
    return words if words.split()[-1] in _NOUNS else f"{words} agreement"


def one_of_kind(kind: str) -> str:
    """Return `an access agreement`, `a defence pact`."""
    words = kind_words(kind)
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def both_states(names: Names, a: str, b: str) -> str:
    """Return `Australia and the United States`."""
    return f"{state_in_text(names, a)} and {state_in_text(names, b)}"


def listed(names: Names, codes: Sequence[str]) -> str:
    """Return states in a list; those that the scenario lacks are among the others.

    >>> listed({"JPN": "Japan", "USA": "United States"}, ["ARM", "JPN", "USA"])
    'Japan, the United States and 1 other'
    """
    roster = [code for code in codes if code in names]
    shown = roster if len(codes) <= SEVERAL else roster[: SEVERAL - 1]
    words = [state_in_text(names, code) for code in shown]
    if len(shown) < len(codes):
        words.append(say.plural(len(codes) - len(shown), "other" if words else "state"))
    return say.listed(words)


def fear_words(names: Names, a: str, b: str, feared: tuple[str, str]) -> str:
    """Return whom two states fear most.

    Parameters
    ----------
    feared : code of the state that `a` and that `b` fears most; "" for nobody much

    Examples
    --------
    >>> names = {"AUS": "Australia", "JPN": "Japan", "CHN": "China"}
    >>> fear_words(names, "AUS", "JPN", ("CHN", "CHN"))
    'both fear China more than anyone'
    """
    if feared == ("", ""):
        return "neither fears anyone much"
    if feared[0] == feared[1]:
        return f"both fear {state_in_text(names, feared[0])} more than anyone"
    clauses = []
    for side, adversary in zip((a, b), feared, strict=True):
        whom = f"{state_in_text(names, adversary)} most" if adversary else "nobody much"
        clauses.append(f"{state_in_text(names, side)} fears {whom}")
    return ", ".join(clauses)


def entry_sentence(entry: Entry, scenario: Scenario) -> str:
    """Return what an entry of a timeline says, without its date and full stop.

    That is what happened; since when there were talks or a signature; whom the two fear
    most on that day; that it was scheduled; where the control arm differs, and where it
    has no talks, why.
    """
    names = say.state_names(scenario)
    if entry.change is not None:
        clauses = [change_sentence(scenario, entry.change)]
    elif entry.deed is not None:
        clauses = [*_policy(entry, entry.deed, names)]
    elif entry.actors:
        clauses = [_event(entry, names)]
    elif entry.what == "accession":
        clauses = [_accession(entry, names), *_since(entry)]
    else:
        clauses = [_agreement(entry, names), *_since(entry)]
        if entry.origin == "scheduled":
            clauses.append("already scheduled, in every arm")
        elif entry.what in ("talks", "signed"):
            clauses.append(fear_words(names, entry.a, entry.b, entry.feared))
    clauses.append(_difference(entry, names))
    words = "; ".join(filter(None, clauses))
    if entry.mark == "reference only":
        words = f"in the control arm alone, {words}"
    return say.capital(words)


def diary(timeline: Timeline, scenario: Scenario) -> Iterator[tuple[dt.date, str]]:
    """Yield date and sentence of what happened in a replication, in order.

    Told are events, changes of the world, accessions, signatures of counter-balancing
    security agreements, and whatever differs between the two arms.
    """
    for entry in timeline.entries:
        is_signature = entry.what == "in force" and entry.signed == entry.date
        is_counter = (
            entry.what == "signed"
            and entry.direction == "counter"
            and scenario.kinds[entry.kind].security
        )
        is_told = entry.actors or entry.change or is_counter
        is_told = is_told or entry.what == "accession"
        if entry.mark == "both" and not is_told:
            continue
        if not is_signature:
            yield entry.date, entry_sentence(entry, scenario)


def change_lines(scenario: Scenario, changes: Sequence[Change]) -> Iterator[str]:
    """Yield a line for each change of the world, the day first.

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
        yield f"{change.date}: {change_sentence(scenario, change)}"


def pact_sentence(scenario: Scenario, name: str) -> str:
    """Return who may seek accession to a pact, and who decides, without its full
    stop."""
    pact, names = scenario.pacts[name], say.state_names(scenario)
    members = scenario.groups[pact.group]
    candidates = pact.candidates or [
        code for code in scenario.codes if code not in members
    ]
    seekers = say.listed([state_in_text(names, code) for code in candidates])
    decides = f"{pact.consent} of {say.plural(len(members), 'member')}"
    return f"{name}, by {decides}: {seekers} may seek accession"


def policy_sentences(scenario: Scenario) -> Iterator[str]:
    """Yield what each policy of a version of a scenario waits for and does, without its
    full stop."""
    names = say.state_names(scenario)
    for player_name, player in scenario.players.items():
        state = state_in_text(names, player.state)
        for policy_name, policy in player.policies.items():
            if policy.at_most:
                often = say.plural(policy.at_most, "time")
                cost = f", at {policy.cost:g} each" if policy.cost else ""
                does = deed_words(player.deed_of(policy_name), names)
                yield (
                    f"{player_name}, {policy_name}: when {state} sees {policy.when}, "
                    f"{does}, {policy.delay:g} days later, {often} at most{cost}"
                )


def deed_words(deed: Deed, names: Names) -> str:
    """Return what a policy does. Groups stand as they are called."""
    targets, guests, partners, toward = (
        say.listed(
            [state_in_text(names, code) if code in names else code for code in named]
        )
        for named in (deed.targets, deed.guests, getattr(deed, "with"), deed.toward)
    )
    if deed.seek is not None:
        return f"it seeks every {kind_words(deed.seek)} with {partners}"
    if deed.end is not None:
        return f"it ends every {kind_words(deed.end)} with {partners}"
    if deed.effort is not None:
        return f"its effort rises by {deed.effort:g}"
    if deed.stance is not None:
        return f"{deed.stance:+g} nats toward {toward}"
    words = str(deed.kind).replace("_", " ")
    if guests:
        words += f" with {guests}"
    return f"{words}, aimed at {targets}" if targets else words


def change_sentence(scenario: Scenario, change: Change) -> str:
    """Return what a change of the world says, without its day and full stop."""
    names = say.state_names(scenario)
    if change.dyad is not None:
        dyad = both_states(names, *change.dyad)
        until = "" if change.until is None else f", until {change.until}"
        if change.no_relations is not None:
            return f"{dyad} {BREAKS[change.no_relations]}{until}"
        return f"{dyad} {'go to war' if change.war else 'make peace'}{until}"
    if change.joins is not None:
        signs = f"{state_in_text(names, change.joins)} signs {one_of_kind(change.kind)}"
        return f"{signs} with members of {change.pact}"
    if change.state is not None:
        facts = [
            words.format(getattr(change, fact))
            for fact, words in FACTS.items()
            if getattr(change, fact) is not None
        ]
        state = state_in_text(names, change.state)
        return f"{state}: {say.listed(facts)} from then on"
    if isinstance(change.agreement, str):
        ended = next(row for row in scenario.agreements if row.id == change.agreement)
        dyad = both_states(names, ended.a, ended.b)
        return f"the {kind_words(ended.kind)} of {dyad} ends"
    signing = change.agreement
    assert signing is not None  # a change has one of these forms
    dyad = both_states(names, signing.a, signing.b)
    in_force = "" if signing.in_force is None else f", in force on {signing.in_force}"
    return f"{dyad} sign {one_of_kind(signing.kind)}{in_force}"


def _event(entry: Entry, names: Names) -> str:
    """Return who did what, aimed at whom."""
    actors = listed(names, entry.actors)
    if entry.guests:
        actors += f" with {listed(names, entry.guests)}"
    subject = entry.kind.replace("_", " ")
    words = f"{actors}: {subject}"
    if entry.label:
        words = f"{say.printable(entry.label)}: {subject} of {actors}"
    if entry.targets:
        words += f", aimed at {listed(names, entry.targets)}"
    return words


def _policy(entry: Entry, deed: Deed, names: Names) -> Iterator[str]:
    """Yield what a policy did, what it had seen, and how often its player acts."""
    state = state_in_text(names, entry.actors[0])
    yield f"{state} acts by its policy ({entry.label}): {deed_words(deed, names)}"
    observations = say.listed([f"{name} {value:.3g}" for name, value in entry.seen])
    assert entry.looked is not None  # each act of a policy has a day of its look
    day = f"{entry.looked.day} {entry.looked:%B %Y}"
    yield f"on {day} it had seen {observations}"
    yield f"this player acts in {say.percent(entry.share)} of the replications"


def _agreement(entry: Entry, names: Names) -> str:
    """Return what became of an agreement."""
    dyad = both_states(names, entry.a, entry.b)
    if entry.what in _STATES_DO:
        return f"{dyad} {_STATES_DO[entry.what]} {one_of_kind(entry.kind)}"
    return f"the {kind_words(entry.kind)} of {dyad} {_AGREEMENT_DOES[entry.what]}"


def _accession(entry: Entry, names: Names) -> str:
    """Return who accedes to which pact, and by how many agreements."""
    count = len(entry.dyads)
    kind = one_of_kind(entry.kind) if count == 1 else f"a {kind_words(entry.kind)} each"
    members = say.plural(count, "member")
    applicant = state_in_text(names, entry.a)
    return f"{applicant} signs its accession to {entry.label}: {kind} with {members}"


def _since(entry: Entry) -> list[str]:
    """Return when it was signed, or since when there were talks."""
    if entry.what == "in force" and entry.signed is not None:
        return [f"signed {entry.signed.day} {entry.signed:%B %Y}"]
    has_talks = entry.what in ("signed", "accession", "talks collapse")
    opened = entry.opened if has_talks else None
    if opened is not None and opened < entry.date:
        return [f"talks since {opened:%B %Y}"]
    return []


def _difference(entry: Entry, names: Names) -> str:
    """Return where the control arm differs; empty where it does not."""
    if entry.mark == "changed":
        return "in another form in the control arm"
    if entry.mark != "arm only":
        return ""
    reason = _refusal(entry.asked[0], names) if entry.asked else ""
    return f"in the control arm {reason}" if reason else "not in the control arm"


def _refusal(asked: AskedDyad, names: Names) -> str:
    """Return why two states opened no talks; empty where that is not known."""
    if asked.busy:
        return "talks on one are under way already"
    if asked.barred:
        return "the two have no relations"
    refusing = [
        state_in_text(names, side.state) for side in asked.sides if not side.agrees
    ]
    return f"{' and '.join(refusing)} would have refused" if refusing else ""
