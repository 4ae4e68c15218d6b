"""What standard acts would do in a world, as `balance-sim check` prints it: a sentence
and a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from balance_sim.effects.scale import ELASTICITY
from balance_sim.show import wording as say
from balance_sim.show.diary import listed

if TYPE_CHECKING:
    from balance_sim.effects.scale import Scale, StandardAct
    from balance_sim.scenario.schema import Scenario

WORDS = {
    "display": "display of force",
    "force": "use of force",
    "war": "war, while it lasts",
    "largest": "largest possible threat",
}
"""Acts whose names do not say what they are."""
COUNTED = {"counter": say.COUNTER, "all": "security agreements"}


def scale_lines(scale: Scale, scenario: Scenario) -> Iterator[str]:
    """Yield who acts against whom, and a line for each standard act.

    Parameters
    ----------
    scale : of the scenario
    """
    names = say.state_names(scenario)
    yield from say.wrapped(
        f"What standard acts of {listed(names, scale.by)} against "
        f"{listed(names, scale.against)} would do, and did on record"
    )
    counted = f"{say.level(scale.level)} {COUNTED[scale.direction]}"
    yield from say.wrapped(
        "  Alarm: the logarithm of how many times as much both sides have to fear. "
        f"Columns to its right: per cent more than {counted} "
        f"{say.within(scale.window)}.",
        "  ",
    )
    rows = [["", "alarm", "in this model", "as states on record (95 % CI)"]]
    rows += [_row(scale, act) for act in scale.acts]
    yield from ["", *say.table(rows, "<>", indent="  ")]
    mean, low, high = ELASTICITY
    yield from [""]
    yield from say.wrapped(
        f"  On record states sign {mean:g} % more agreements (95 % CI {low:g} to "
        f"{high:g}) for 1 % more to fear. That was measured at alarms of some tenths; "
        "for more it is an assumption. How much each act gives to fear is the "
        "scenario's, not the record's.",
        "  ",
    )


def _row(scale: Scale, act: StandardAct) -> list[str]:
    effect, mean, low, high = (
        100 * scale.ratio(gain) for gain in (act.effect, *act.record)
    )
    on_record = f"{say.signed(mean)} ({say.interval(low, high)})"
    return [act_words(act), say.number(act.alarm), say.signed(effect), on_record]


def act_words(act: StandardAct) -> str:
    """Return what an act is, in words."""
    return WORDS.get(act.act, act.act.replace("_", " "))
