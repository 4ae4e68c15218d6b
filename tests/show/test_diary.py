"""Sentences of a diary, for entries made by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from balance_sim.effects.explain.timeline import AskedDyad, AskedState, Entry, Timeline
from balance_sim.show.diary import diary, entry_sentence
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
    first, second = (AskedState(state, consent, 0.5) for state, consent in zip(("AUS", "JPN"), consents, strict=True))
    return AskedDyad(arm, busy, (first, second), barred)


def test_a_signature_is_one_sentence() -> None:
    assert entry_sentence(SIGNED, NAMES) == (
        "Australia and Japan sign an access agreement; talks since March 2025; both fear China more than anyone"
    )


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
