"""Sentences of a diary, for entries made by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from balance_sim.effects.explain.timeline import AskedDyad, AskedState, Entry, Timeline
from balance_sim.show.diary import diary, entry_sentence, mean_sentence
from studies import SCENARIO

NAMES = {"AUS": "Australia", "JPN": "Japan", "CHN": "China", "USA": "United States", "PHL": "Philippines"}
SIGNED = Entry(
    date=date(2025, 11, 3),
    what="signed",
    mark="both",
    date_reference=date(2025, 11, 3),
    a="AUS",
    b="JPN",
    kind="access",
    direction="counter",
    origin="talks",
    opened=date(2025, 3, 20),
    signed=date(2025, 11, 3),
    feared=("CHN", "CHN"),
)


def asked(arm: str, *consents: float, busy: bool = False, barred: bool = False) -> AskedDyad:
    """Both sides at an opportunity that each passes at more than 0.5."""
    first, second = (
        AskedState(state, consent, 0.5, "", 0.0) for state, consent in zip(("AUS", "JPN"), consents, strict=True)
    )
    return AskedDyad(arm, busy, (first, second), barred)


def test_a_signature_is_one_sentence() -> None:
    assert entry_sentence(SIGNED, NAMES) == (
        "Australia and Japan sign an access agreement; talks since March; both fear China more than anyone"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"opened": date(2023, 3, 20)}, "; talks since March 2023; "),
        ({"opened": date(2025, 11, 1)}, "; talks since 1 November; "),
        ({"opened": None}, "an access agreement; both fear"),
        ({"feared": ("CHN", "USA")}, "; Australia fears China most, Japan fears the United States most"),
        ({"feared": ("", "USA")}, "; Australia fears nobody, Japan fears the United States most"),
        ({"feared": ("", "")}, "; neither fears anyone"),
        ({"origin": "scheduled"}, "; already scheduled, in every arm"),
        ({"mark": "earlier", "date_reference": date(2025, 11, 9)}, "; 6 days earlier than in the control arm"),
        ({"mark": "later", "date_reference": date(2025, 11, 2)}, "; 1 day later than in the control arm"),
        ({"mark": "arm only", "date_reference": None}, "; not in the control arm"),
        ({"mark": "reference only"}, "In the control arm alone, Australia and Japan sign"),
        ({"a": "PHL", "b": "USA"}, "The Philippines and the United States sign"),
        ({"kind": "defence_pact"}, "sign a defence pact;"),
        ({"what": "ended"}, "The access agreement of Australia and Japan ends"),
        ({"what": "in force"}, "enters into force; on the day of its signature"),
        ({"what": "in force", "signed": date(2024, 5, 1)}, "enters into force; signed 1 May 2024"),
    ],
)
def test_what_it_says_follows_the_entry(changes: dict[str, object], words: str) -> None:
    assert words in entry_sentence(replace(SIGNED, **changes), NAMES)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("control", "why"),
    [
        (asked("control", 0.6, 0.4), ", where Japan refuses"),
        (asked("control", 0.4, 0.4), ", where Australia and Japan refuse"),
        (asked("control", 0.6, 0.6, busy=True), ", where talks on one are under way already"),
        (asked("control", 0.6, 0.6, barred=True), ", where the two have no relations"),
    ],
)
def test_talks_that_one_arm_does_not_have_say_who_refused(control: AskedDyad, why: str) -> None:
    both = (control, asked("arm", 0.6, 0.6))
    talks = replace(SIGNED, what="talks", mark="arm only", date_reference=None, opened=SIGNED.date)
    assert entry_sentence(talks, NAMES, both).endswith(f"; not in the control arm{why}")
    other = replace(talks, mark="reference only")
    assert entry_sentence(other, NAMES, both[::-1]).endswith(f"; not in this arm{why}")


def test_an_event_names_those_who_act_and_at_whom() -> None:
    event = Entry(
        date=SIGNED.date, what="event", mark="arm only", date_reference=None, kind="joint_summit",
        label="They meet", actors=("CHN", "USA"), guests=("BLR",), targets=("JPN", "AUS", "PHL", "XXX", "YYY"),
    )  # fmt: skip
    assert entry_sentence(event, NAMES) == (
        "They meet: joint summit of China and the United States with 1 state, aimed at Japan, Australia, the "
        "Philippines and 2 others; not in the control arm"
    )


def test_a_diary_leaves_out_what_does_not_count_and_is_the_same_in_both_arms() -> None:
    entries = (
        SIGNED,
        replace(SIGNED, direction="other"),
        replace(SIGNED, kind="political_declaration"),
        replace(SIGNED, what="talks"),
        replace(SIGNED, what="talks", mark="arm only", date_reference=None),
        replace(SIGNED, what="in force", mark="arm only", date_reference=None),
    )
    day = SIGNED.date
    told = Timeline(0, "with", "without", day, day, day, "accords_counter_365", 1.0, 0.0, entries)
    assert [line.split(";")[0] for _, line in diary(told, SCENARIO)] == [
        "AUS and JPN sign an access agreement",
        "AUS and JPN open talks on an access agreement",
    ]
    assert len(list(diary(told, SCENARIO, everything=True))) == len(entries)


def test_the_mean_is_told_in_counts() -> None:
    told = mean_sentence(NAMES, "AUS", "PHL", 3, 2, 10)
    assert told == (
        "Australia and the Philippines sign a new security agreement in 3 of 10 replications, in 2 of the control arm"
    )
