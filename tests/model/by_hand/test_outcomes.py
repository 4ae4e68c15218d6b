"""Every outcome on agreements whose dates are written down here: windows, days, classes and kinds, edge by edge.

Focal day 101, windows 30, 90 and 300, the scenario's end on day 547. Arden and Belmar take part; Corvia, Dorn and
Elland are threatened or wary, so that their three dyads are counter dyads."""

from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import DIRECTIONS, NEVER, ORIGINS
from balance_sim.model.state import AgreementRows
from balance_sim.scenario import load_scenario
from balance_sim.study.outcomes import (
    accessions_of,
    days_after,
    earlier_than_control,
    is_new,
    least_jump,
    outcomes_of,
)
from balance_sim.study.recorder import coalition, share_steps, signers
from balance_sim.study.scene import focal_roles
from test_two_programs import HERE

COUNTER, OTHER_COUNTER, WITH = ("XCO", "XDO"), ("XDO", "XEL"), ("XAR", "XEL")


@pytest.fixture(scope="module")
def worlds() -> Worlds:
    found = compile_worlds(load_scenario(HERE / "paper.yaml"))
    assert found.reference.focal_day == 101.0 and found.reference.grid[-1] == 547.0
    for states, of in ((COUNTER, "counter"), (OTHER_COUNTER, "counter"), (WITH, "with_participant")):
        assert DIRECTIONS[found.baseline.direction[dyad(found, states)]] == of
    return found


def dyad(worlds: Worlds, states: tuple[str, str]) -> int:
    world = worlds.reference
    return int(world.dyad_index[world.codes.index(states[0]), world.codes.index(states[1])])


def agreements(worlds: Worlds, *rows: dict) -> AgreementRows:  # type: ignore[type-arg]
    """Rows with what matters to a test; a new security agreement of a counter dyad that is never signed otherwise."""
    out = AgreementRows.none().take(np.zeros(0, dtype=np.int64))
    names = worlds.reference.ladder.names
    for row in rows:
        given = {"run": 0, "states": COUNTER, "kind": "middle", "origin": "new", "count": 0} | row
        given |= {"dyad": dyad(worlds, given["states"]), "kind": names.index(given["kind"])}
        given["origin"] = ORIGINS.index(given["origin"])
        one = {}
        for column in fields(AgreementRows):
            empty = getattr(AgreementRows.none(), column.name)
            fill = NEVER if empty.dtype == float else 0
            one[column.name] = np.array([given.get(column.name, fill)], dtype=empty.dtype)
        out.add_rows(AgreementRows(**one))
    return out


def counted(worlds: Worlds, *rows: dict, runs: int = 1, twin: AgreementRows | None = None) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    return outcomes_of(worlds, agreements(worlds, *rows), twin, runs)


@pytest.mark.parametrize(
    ("signed", "in_30", "in_90", "in_300"),
    [
        (100.5, 0, 0, 0), (101.0, 0, 0, 0), (101.99, 0, 0, 0),  # before, and on the focal day
        (102.0, 1, 1, 1), (131.99, 1, 1, 1),  # day 1, day 30
        (132.0, 0, 1, 1), (191.99, 0, 1, 1),  # day 31, day 90
        (192.0, 0, 0, 1), (401.99, 0, 0, 1),  # day 91, day 300
        (402.0, 0, 0, 0), (NEVER, 0, 0, 0),
    ],
)  # fmt: skip
def test_the_edges_of_windows(worlds: Worlds, signed: float, in_30: int, in_90: int, in_300: int) -> None:
    out = counted(worlds, {"signed": signed})
    for window, wanted in ((30, in_30), (90, in_90), (300, in_300)):
        assert out[f"accords_counter_{window}"] == [wanted]
        assert out[f"accords_all_{window}"] == [wanted]
        assert out[f"accords_with_participant_{window}"] == out[f"accords_other_{window}"] == [0]
        assert out[f"declarations_counter_{window}"] == [0]
    assert out["accords_middle_300"] == [in_300] and out["accords_deep_300"] == [0]


def test_days_are_whole_days_from_the_focal_date() -> None:
    assert days_after(np.array([101.0, 101.9, 102.6, 100.4]), 101.0).tolist() == [0, 0, 1, -1]
    assert is_new(np.empty(0, int), np.empty(0), 30).tolist() == []
    assert is_new(np.zeros(4, int), np.array([0.0, 1.0, 30.0, 31.0]), 30).tolist() == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("origin", "new", "from_talks"),
    [
        ("new", 1, 0),
        ("assumed", 1, 1),
        ("talks", 1, 1),
        ("signed", 0, 0),
        ("scheduled", 0, 0),
        ("in_force", 0, 0),
    ],
)
def test_what_is_new_by_origin(worlds: Worlds, origin: str, new: int, from_talks: int) -> None:
    out = counted(worlds, {"signed": 110.0, "origin": origin}, {"signed": 110.0, "origin": origin, "kind": "shallow"})
    assert (out["accords_counter_30"], out["declarations_counter_30"]) == ([new], [new])
    assert out["from_talks_300"] == [from_talks]  # a declaration is none


def test_classes_kinds_and_runs_are_kept_apart(worlds: Worlds) -> None:
    """Run 0: two middle, one deep and one declaration; run 1: nothing; run 2: one with a participant."""
    out = counted(
        worlds,
        {"signed": 110.0}, {"signed": 111.0, "states": OTHER_COUNTER}, {"signed": 200.0, "kind": "deep"},
        {"signed": 112.0, "kind": "shallow"}, {"signed": 120.0, "states": WITH, "run": 2},
        runs=3,
    )  # fmt: skip
    assert out["accords_counter_30"].tolist() == [2, 0, 0]
    assert out["accords_counter_300"].tolist() == [3, 0, 0]
    assert out["accords_with_participant_30"].tolist() == [0, 0, 1]
    assert out["declarations_counter_30"].tolist() == out["declarations_all_30"].tolist() == [1, 0, 0]
    assert out["accords_all_300"].tolist() == [3, 0, 1]
    by_kind = [out[f"accords_{kind}_300"].tolist() for kind in ("middle", "deep", "shallow")]
    assert by_kind == [[2, 0, 1], [1, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    ("in_force", "wanted"),
    [(101.0, 0), (101.99, 0), (102.0, 1), (401.99, 1), (402.0, 0), (NEVER, 0)],
)
@pytest.mark.parametrize("origin", ["new", "signed", "in_force"])
def test_in_force_on_the_focal_day_does_not_count(worlds: Worlds, in_force: float, wanted: int, origin: str) -> None:
    """From the day after it to the 300th, whatever the origin and kind; what was in force at the start never."""
    rows = [{"signed": 50.0, "in_force": in_force, "origin": origin, "kind": kind} for kind in ("middle", "shallow")]
    assert counted(worlds, *rows)["in_force_300"] == [0 if origin == "in_force" else 2 * wanted]


def test_scheduled_agreements_are_counted_apart(worlds: Worlds) -> None:
    days = (101.99, 102.0, 401.99, 402.0)
    rows = [{"signed": 20.0, "in_force": day, "origin": "scheduled"} for day in days]
    out = counted(worlds, *rows, {"signed": 20.0, "in_force": 150.0})
    assert out["scheduled_300"] == [2]
    assert out["accords_counter_300"] == [0]


def test_days_to_the_first_counter_agreement_and_without_one(worlds: Worlds) -> None:
    """Run 0: days 9 and 40. Run 1: none. Run 2: day 350, within the horizon and after the longest window. Run 3: what
    does not count, a declaration, one with a participant, one on the focal day. Run 4: on day 300, then earlier."""
    out = counted(
        worlds,
        {"signed": 141.2}, {"signed": 110.9}, {"signed": 451.0, "run": 2},
        {"signed": 110.0, "kind": "shallow", "run": 3}, {"signed": 110.0, "states": WITH, "run": 3},
        {"signed": 101.5, "run": 3}, {"signed": 110.0, "origin": "signed", "run": 3}, {"signed": 401.5, "run": 4},
        runs=5,
    )  # fmt: skip
    first = out["first_counter_days"]
    assert first[[0, 2, 4]].tolist() == [9, 350, 300]
    assert np.isnan(first[[1, 3]]).all()
    assert out["days_without_counter_300"].tolist() == [9, 300, 300, 300, 300]


@pytest.mark.parametrize(
    ("mine", "twins", "wanted"),
    [
        (150.9, 180.1, 1),  # 30 whole days
        (150.1, 179.9, 0),  # 29
        (150.0, 240.0, 1),
        (180.1, 150.9, 0),  # later
        (150.0, NEVER, 0),  # the twin never signs: another difference
        (101.5, 200.0, 0),  # on the focal day: not new
        (402.0, 500.0, 0),  # after the window
    ],
)
def test_accelerated_by_thirty_days_or_more(worlds: Worlds, mine: float, twins: float, wanted: int) -> None:
    twin = agreements(worlds, {"signed": 120.0, "states": OTHER_COUNTER}, {"signed": twins})
    assert counted(worlds, {"signed": mine}, twin=twin)["accelerated_300"] == [wanted]
    declared = agreements(worlds, {"signed": twins, "kind": "shallow"})
    assert counted(worlds, {"signed": mine, "kind": "shallow"}, twin=declared)["accelerated_300"] == [0]
    assert "accelerated_300" not in counted(worlds, {"signed": mine})


@pytest.mark.parametrize("other", [{"run": 1}, {"states": WITH}, {"kind": "deep"}, {"origin": "talks"}, {"count": 1}])
def test_the_same_agreement_is_that_of_one_run_dyad_kind_origin_and_opportunity(worlds: Worlds, other: dict) -> None:  # type: ignore[type-arg]
    mine = agreements(worlds, {"signed": 150.0})
    assert earlier_than_control(mine, agreements(worlds, {"signed": 200.0}), 30).tolist() == [True]
    twin = agreements(worlds, {"signed": 200.0} | other)
    assert earlier_than_control(mine, twin, 30).tolist() == [False]
    assert earlier_than_control(mine, agreements(worlds), 30).tolist() == [False]


def test_the_thousandth_opportunity_is_no_agreement_of_another_origin(worlds: Worlds) -> None:
    mine = agreements(worlds, {"signed": 150.0, "count": 1000})
    twin = agreements(worlds, {"signed": 200.0, "origin": ORIGINS[1]})
    assert earlier_than_control(mine, twin, 30).tolist() == [False]


def test_accessions_count_from_the_day_after_the_event_on(worlds: Worlds) -> None:
    """Signed on the focal day, on days 1 and 30, 31 and 300, never; in the second replication after the end."""
    terms = agreements(
        worlds, *({"signed": day} for day in (101.9, 102.0, 131.9, 132.0, 401.9, NEVER)), {"run": 1, "signed": 547.0}
    )
    accessions = SimpleNamespace(applications=SimpleNamespace(terms=terms))
    out = accessions_of(worlds, accessions, 2)
    assert [out[f"accessions_{window}"].tolist() for window in (30, 90, 300)] == [[2, 0], [3, 0], [4, 0]]
    assert accessions_of(worlds, None, 2) == {}


def test_the_coalition_is_the_strength_of_outside_states_that_sign_security_agreements(worlds: Worlds) -> None:
    """Arden and Belmar take part. In the first replication Corvia and Dorn sign, in the second they declare, in the third
    Dorn and Elland sign and Dorn and Corvia too late: beside the participants' strength, each state once."""
    world, cast = worlds.reference, focal_roles(worlds)
    made = agreements(
        worlds, {"signed": 110.0}, {"signed": 112.0}, {"signed": 110.0, "kind": "shallow", "run": 1},
        {"signed": 110.0, "states": OTHER_COUNTER, "run": 2}, {"signed": 500.0, "run": 2},
    )  # fmt: skip
    signed = signers(world, cast, made, 3, 300, "counter")
    assert [[world.codes[k] for k in np.flatnonzero(row)] for row in signed] == [["XCO", "XDO"], [], ["XDO", "XEL"]]
    weight = dict(zip(world.codes, world.capability.tolist(), strict=True))
    found = coalition(signed, world.capability, np.isin(world.codes, ["XAR", "XBE"]))
    both = weight["XAR"] + weight["XBE"]
    wanted = [(weight["XCO"] + weight["XDO"]) / both, 0.0, (weight["XDO"] + weight["XEL"]) / both]
    assert found == pytest.approx(wanted, abs=1e-6)
    dyads = [("XCO", "XDO"), ("XCO", "XEL"), ("XDO", "XEL")]
    steps = [(weight[a] + weight[b]) / both for a, b in dyads]
    assert share_steps(worlds.scenario)["coalition"] == pytest.approx(np.sqrt(np.mean(np.square(steps))))


def test_counts_jump_by_one_and_scales_by_anything() -> None:
    assert least_jump("accords_counter_300") == least_jump("declarations_all_30") == least_jump("states_x") == 1.0
    assert least_jump("in_force_300") == least_jump("from_talks_300") == least_jump("accelerated_300") == 1.0
    assert least_jump("polarisation_300") == least_jump("first_counter_days") == 0.0
