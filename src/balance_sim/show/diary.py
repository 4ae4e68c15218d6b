"""One replication told as a diary: a plain sentence for each thing that happened, the
same on the terminal and on maps.

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
    from balance_sim.scenario.schema import Scenario

Names = Mapping[str, str]

SEVERAL = 4
"""States that are listed by name; of more, the first SEVERAL - 1 are."""
RECENT_DAYS = 330
"""A month needs no year where it lies less than so many days back."""
_NOUNS = {
    "agreement",
    "pact",
    "treaty",
    "declaration",
    "accord",
    "alliance",
    "memorandum",
}
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


def kind_words(kind: str, *, article: bool = True) -> str:
    """An agreement type as it is read, with its article.

    >>> kind_words("access"), kind_words("defence_pact"), kind_words("non_aggression")
    ('an access agreement', 'a defence pact', 'a non-aggression agreement')
    """
    words = kind.replace("_", " ")
    words = words.replace("non ", "non-", 1) if words.startswith("non ") else words
    if words.split()[-1] not in _NOUNS:
        words += " agreement"
    return say.with_article(words) if article else words


def both_states(names: Names, a: str, b: str) -> str:
    """`Australia and the United States`, the one with the lesser code first."""
    return f"{say.state_in_text(names, a)} and {say.state_in_text(names, b)}"


def listed(names: Names, codes: Sequence[str]) -> str:
    """States in a list: `Japan, South Korea and 14 others`. Those that the scenario
    does not have are among the others.

    >>> listed({"JPN": "Japan", "USA": "United States"}, ["ARM", "JPN", "USA"])
    'Japan, the United States and 1 other'
    """
    listed_codes = [code for code in codes if code in names]
    shown = listed_codes if len(codes) <= SEVERAL else listed_codes[: SEVERAL - 1]
    words = [say.state_in_text(names, code) for code in shown]
    if len(shown) < len(codes):
        words.append(say.plural(len(codes) - len(shown), "other" if words else "state"))
    return say.listed(words)


def fear_words(names: Names, a: str, b: str, feared: tuple[str, str]) -> str:
    """Whom two states fear most: `both fear China more than anyone`.

    feared: code of the state that `a` and that `b` fears most; "" where it fears
    nobody.

    >>> names = {"AUS": "Australia", "JPN": "Japan", "CHN": "China"}
    >>> fear_words(names, "AUS", "JPN", ("CHN", "CHN"))
    'both fear China more than anyone'
    """
    if feared == ("", ""):
        return "neither fears anyone"
    if feared[0] == feared[1]:
        return f"both fear {say.state_in_text(names, feared[0])} more than anyone"
    first_state, second_state = (
        f"{say.state_in_text(names, side)} fears "
        f"{say.state_in_text(names, whom) + ' most' if whom else 'nobody'}"
        for side, whom in zip((a, b), feared, strict=True)
    )
    return f"{first_state}, {second_state}"


def since_words(day: dt.date, now: dt.date) -> str:
    """A day that lies back: `3 September` in the same month, `March` within a year,
    `March 2023`."""
    if (day.year, day.month) == (now.year, now.month):
        return f"{day.day} {day:%B}"
    return f"{day:%B}" if (now - day).days < RECENT_DAYS else f"{day:%B} {day.year}"


def entry_sentence(entry: Entry, names: Names, asked: Sequence[AskedDyad] = ()) -> str:
    """What an entry of a timeline says, without its date and full stop: what happened;
    since when there were talks, or since when it is signed; whom the two fear most on
    that day; that it was scheduled; where the control arm differs.

    asked: answers of both sides in the arm that did not open talks; if given, the
    sentence says why it did not."""
    clauses = [_event(entry, names) if entry.actors else _agreement(entry, names)]
    if not entry.actors:
        clauses += _since(entry)
        if entry.origin == "scheduled":
            clauses.append("already scheduled, in every arm")
        elif entry.what in ("talks", "signed"):
            clauses.append(fear_words(names, entry.a, entry.b, entry.feared))
    words = "; ".join([*clauses, *_beside(entry, names, asked)])
    return say.capital(
        f"in the control arm alone, {words}"
        if entry.mark == "reference only"
        else words
    )


def mean_sentence(
    names: Names,
    a: str,
    b: str,
    signed: int,
    signed_control: int,
    of: int,
    *,
    what: str = "a new security agreement",
) -> str:
    """In how many of all replications, and of the control arm's, a dyad signs
    something.

    >>> mean_sentence({"AUS": "Australia", "JPN": "Japan"}, "AUS", "JPN", 31, 30, 100)
    'Australia and Japan sign a new security agreement in 31 of 100 replications, in 30
    of the control arm'
    """
    words = (
        f"{both_states(names, a, b)} sign {what} in {signed:,} of "
        f"{say.plural(of, 'replication')}"
    )
    return say.capital(f"{words}, in {signed_control:,} of the control arm")


def diary(
    told: Timeline,
    scenario: Scenario,
    *,
    everything: bool = False,
    differing: bool = False,
) -> Iterator[tuple[dt.date, str]]:
    """Date and sentence of what happened in a replication, in order.

    everything: otherwise events, signatures of counter-balancing security agreements,
    and whatever differs between the two arms. differing: only what differs."""
    names = say.state_names(scenario)
    for entry in told.entries:
        if (everything or of_interest(entry, scenario)) and not (
            differing and entry.mark == "both"
        ):
            yield entry.date, entry_sentence(entry, names, entry.asked)


def of_interest(entry: Entry, scenario: Scenario) -> bool:
    """Events, signatures of counter-balancing security agreements, and whatever differs
    from the control arm."""
    if entry.what == "in force" and entry.signed == entry.date:
        return False  # its signature tells it
    if entry.actors or entry.mark != "both":
        return True
    return (
        entry.what == "signed"
        and entry.direction == "counter"
        and scenario.kinds[entry.kind].security
    )


def _event(entry: Entry, names: Names) -> str:
    subject = entry.kind.replace("_", " ")
    aim = f", aimed at {listed(names, entry.targets)}" if entry.targets else ""
    actors = listed(names, entry.actors)
    actors += f" with {listed(names, entry.guests)}" if entry.guests else ""
    return (
        f"{say.printable(entry.label)}: {subject} of {actors}{aim}"
        if entry.label
        else f"{actors}: {subject}{aim}"
    )


def _agreement(entry: Entry, names: Names) -> str:
    pair = both_states(names, entry.a, entry.b)
    if entry.what in _STATES_DO:
        return f"{pair} {_STATES_DO[entry.what]} {kind_words(entry.kind)}"
    return (
        f"the {kind_words(entry.kind, article=False)} of {pair} "
        f"{_AGREEMENT_DOES[entry.what]}"
    )


def _since(entry: Entry) -> list[str]:
    if entry.what == "in force" and entry.signed is not None:
        at_once = entry.signed == entry.date
        return (
            ["on the day of its signature"]
            if at_once
            else [f"signed {entry.signed.day} {entry.signed:%B %Y}"]
        )
    if (
        entry.what in ("signed", "talks collapse")
        and entry.opened is not None
        and entry.opened < entry.date
    ):
        return [f"talks since {since_words(entry.opened, entry.date)}"]
    return []


def _beside(entry: Entry, names: Names, asked: Sequence[AskedDyad]) -> list[str]:
    """Where the control arm differs."""
    late = entry.days_later
    if late:
        return [
            f"{say.plural(abs(late), 'day')} {'later' if late > 0 else 'earlier'} "
            "than in the control arm"
        ]
    if entry.mark == "changed":
        return ["in another form in the control arm"]
    if entry.mark not in ("arm only", "reference only") or entry.actors:
        return ["not in the control arm"] if entry.mark == "arm only" else []
    own_value = {"arm only": "the control arm", "reference only": "this arm"}[
        entry.mark
    ]
    why = (
        _refusal(asked[0 if entry.mark == "arm only" else 1], names)
        if len(asked) == 2
        else ""
    )
    return (
        [f"not in {own_value}{why and ', where ' + why}"]
        if entry.mark == "arm only" or why
        else []
    )


def _refusal(asked: AskedDyad, names: Names) -> str:
    """Why two states opened no talks."""
    if asked.busy:
        return "talks on one are under way already"
    if asked.barred:
        return "the two have no relations"
    refusing = [
        say.state_in_text(names, side.state) for side in asked.sides if not side.agrees
    ]
    return (
        f"{' and '.join(refusing)} {'refuse' if len(refusing) > 1 else 'refuses'}"
        if refusing
        else ""
    )
