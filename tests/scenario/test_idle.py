"""Values that are given and change nothing: each is told by its name, or refused."""

import pytest
from balance_sim.scenario import with_values
from balance_sim.scenario.idle import IDLE

from .test_policies import PLAYERS, TOP

AID = "- {id: aid, date: 2025-10-01, kind: military_aid, principals: [NATO], targets: [RUS]}"


def told(world, **options: object) -> list[str]:
    """Key paths of what changes nothing."""
    scenario, problems = world.check(**options)
    assert scenario is not None, problems
    return [one.path for one in problems if one.code == IDLE]


def event(**fields: str) -> str:
    """A line of the file's events."""
    row = {"id": "idle", "date": "2025-10-01", "principals": "[USA]"} | fields
    return f"{AID}\n  - {{{', '.join(f'{key}: {value}' for key, value in row.items())}}}"


@pytest.mark.parametrize(
    ("row", "path"),
    [
        ({"kind": "withdrawal", "targets": "[JPN]"}, "events.idle.targets"),
        ({"kind": "retrenchment", "targets": "[JPN]"}, "events.idle.targets"),
        ({"kind": "withdrawal"}, ""),
        ({"kind": "reassurance", "targets": "[JPN]", "guests": "[FRA]"}, "events.idle.guests"),
        ({"kind": "reassurance", "targets": "[JPN]"}, ""),
        ({"kind": "visit", "guests": "[JPN]", "sign": "0", "targets": "[CHN]"}, "events.idle.guests"),
        ({"kind": "visit", "guests": "[JPN]"}, ""),
        ({"kind": "treaty", "guests": "[EGY]"}, "events.idle"),
        ({"kind": "treaty", "guests": "[EGY]", "targets": "[CHN]"}, ""),
        ({"kind": "statement"}, "events.idle"),
        ({"kind": "statement", "targets": "[CHN]", "visibility": "0"}, "events.idle"),
        ({"kind": "statement", "date": "2025-08-01"}, ""),
    ],
)
def test_parts_of_events_that_nobody_sees(world, row, path) -> None:
    """What is coded before the start is the record's, and is left alone."""
    before = told(world)
    world.edit(AID, event(**row))
    assert [one for one in told(world) if one not in before] == ([path] if path else [])


@pytest.mark.parametrize(("kind", "is_refused"), [("visit", True), ("display", True), ("reassurance", False)])
def test_only_a_reassurance_is_kept(world, kind, is_refused) -> None:
    world.edit(AID, event(kind=kind, targets="[CHN]", kept="true"))
    if not is_refused:
        assert world.load().sha256
        without = world.edit(", kept: true", "").load()
        assert with_values(without, {"event_kinds.reassurance.intent": 0.0}).sha256  # as a design may
        return
    (problem,) = world.errors()
    assert (problem.code, problem.path, problem.line) == ("E212", "events.idle.kept", world.line_of("- {id: idle"))
    assert problem.suggestion


def test_a_provocation_of_a_kind_without_intent(world) -> None:
    assert told(world) == []
    world.edit("kind: incident", "kind: withdrawal")
    assert [one.rpartition(".")[2] for one in told(world)] == ["kind"]


def test_weapons_that_threaten_nobody_the_more(world) -> None:
    armed = world.edit("{id: KOR, name", "{id: KOR, nuclear_since: 2020-01-01, name")
    assert told(armed) == ["states.KOR.nuclear_since"]
    assert told(armed.edit("{beta: 0.2}", "{beta: 0.2, nuclear_offence: 2}")) == []
    assert told(armed.edit("nuclear_since: 2020", "nuclear_since: 2030")) == ["states.KOR.nuclear_since"]


def test_roles_of_which_no_policy_speaks(world) -> None:
    """Arms may bring policies that do, and then nothing is said."""
    world.edit(TOP, TOP + PLAYERS)
    assert told(world) == ["players.china.partners"]
    world.edit("arms:\n", "arms:\n  more: {set: {players.china.policies.balance_the_threat.at_most: 1}}\n")
    world.edit("- reassure", "- reassure\n      - balance_the_threat")
    assert told(world) == []
