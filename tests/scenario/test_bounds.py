"""Every number of the rules at both ends of what the schema allows, in runs with NumPy's errors raised."""

from collections.abc import Iterator
from typing import get_args

import numpy as np
import pytest
from balance_sim.effects.expected_effect import expected_effect
from balance_sim.effects.run import run
from balance_sim.model.baseline import compile_worlds
from balance_sim.scenario import Scenario, load_scenario, new_scenario
from balance_sim.scenario.diagnostics import ScenarioError
from balance_sim.scenario.fields import Weight
from balance_sim.scenario.load import with_values
from balance_sim.scenario.schema import TERMS, AgreementKind, EventKind, Parameters, State, Theory
from balance_sim.study.arms import chosen_arms, extra_arms, headline_arm
from balance_sim.study.blocks import Block, simulate_block
from balance_sim.study.failures import FailedReplications
from pydantic import BaseModel
from pydantic.fields import FieldInfo

RAISED = {"over": "raise", "invalid": "raise", "divide": "raise"}


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Scenario:
    path = tmp_path_factory.mktemp("bounds") / "small.yaml"
    path.write_text(new_scenario("small"), encoding="utf-8")
    return load_scenario(path, set=["step_days=30"])


def bounds_of(field: FieldInfo) -> list[float]:
    """The least and the largest number a field takes; none where it is no number."""
    found = list(field.metadata)
    for one in (field.annotation, *get_args(field.annotation)):
        for part in getattr(one, "__metadata__", ()):
            found += getattr(part, "metadata", ())
    ends: dict[str, float] = {}
    for one in found:
        for name in ("ge", "gt", "le", "lt"):
            if getattr(one, name, None) is not None:
                ends[name] = float(getattr(one, name))
    if not ends:
        return []
    low = ends.get("ge", ends.get("gt", 0.0) * (1 + 1e-9) or 1e-9)
    return [low, ends.get("le", ends.get("lt", 0.0))]


def numbers_of(model: type[BaseModel], path: str) -> Iterator[tuple[str, float]]:
    for name, field in model.model_fields.items():
        for value in bounds_of(field):
            yield f"{path}.{name}", value


def every_end(scenario: Scenario) -> list[tuple[str, float]]:
    kind, state = next(iter(scenario.kinds)), scenario.states[0].id
    weights = [(f"theory.weights.{term}", end) for term in TERMS for end in (-1e9, 1e9)]
    assert {end for _, end in weights} == {-1e9, 1e9} == {*bounds_of(FieldInfo.from_annotation(Weight))}
    found = [
        *numbers_of(Parameters, "parameters"), *numbers_of(AgreementKind, f"kinds.{kind}"),
        *numbers_of(EventKind, "event_kinds.fighting_together"), *numbers_of(State, f"states.{state}"),
        *numbers_of(Theory, "theory"), *weights, ("step_days", 92.0),
    ]  # fmt: skip
    return [(path, value) for path, value in found if not path.endswith((".capability", ".weights"))]


def lived(scenario: Scenario, *, whole: bool = True) -> None:
    """Two runs of every arm, with the extra arms, and the expected effect; each outcome finite or missing."""
    with np.errstate(**RAISED):  # type: ignore[arg-type]
        arms = chosen_arms(scenario, None)
        worlds = compile_worlds(scenario, arms)
        extra = extra_arms(worlds, headline_arm(arms)) if whole else None
        tables = simulate_block(worlds, 1, Block(0, 2), arms, extra)
        if whole:
            expected_effect(scenario)
    for name in tables.runs.column_names:
        column = tables.runs[name].to_pandas()
        assert column.dtype.kind != "f" or not np.isinf(column.to_numpy()).any(), name


BORNE = ("alpha0", "alpha_x", "eta0", "eta_x", "eta_rivalry", "prior_tension", "gain_floor",
         "collapse_rate", "activity_half_life_days", "equal_hostility")  # fmt: skip


@pytest.mark.parametrize("which", ["borne", pytest.param("all", marks=pytest.mark.long)])
def test_every_number_of_the_rules_at_both_its_ends(small: Scenario, which: str) -> None:
    """No overflow, no NaN that is made of numbers; the ends are those that the schema states."""
    tried = 0
    for path, value in every_end(small):
        if which == "borne" and path.rpartition(".")[2] not in BORNE:
            continue
        try:
            changed = with_values(small, {path: value})
        except ScenarioError as error:
            if {one.code for one in error.problems} <= {"E219", "E213", "E103", "E216"}:
                continue  # a rule on several values together
            raise
        try:
            lived(changed, whole=which == "all")
        except (FloatingPointError, AssertionError) as error:
            pytest.fail(f"{path} = {value:g}: {error!r}")
        tried += 1
    assert tried >= (2 * len(BORNE) if which == "borne" else 120)


WORST = {
    "parameters.alpha0": -50.0, "parameters.alpha_x": 5.0, "parameters.eta0": 50.0, "parameters.eta_x": 5.0,
    "parameters.eta_rivalry": 25.0, "parameters.eta_claim": 25.0, "parameters.eta_militarised": 25.0,
    "parameters.eta_war": 25.0, "parameters.eta_no_relations": 25.0, "parameters.prior_tension": 100.0,
    "parameters.gain_floor": 1e-9,
    "parameters.collapse_rate": 1000.0,
    "event_kinds.fighting_together.intent": 20.0, "event_kinds.fighting_together.alignment": 20.0,
    "event_kinds.joint_summit.intent": 19.0, "event_kinds.joint_summit.alignment": 19.0,
}  # fmt: skip


def test_all_of_them_together(small: Scenario) -> None:
    """Beliefs before evidence, all the quarrels and very many events: the largest exponents there can be."""
    event = small.events[-1].model_copy(update={"kind": "fighting_together"})
    many = tuple(event.model_copy(update={"id": f"again{at}"}) for at in range(60))
    kinds = {name: kind.model_copy(update={"half_life_days": None}) for name, kind in small.event_kinds.items()}
    for name, at in zip(("treaty", "arms_or_basing", "exercise"), (18.5, 18.0, 17.5), strict=True):
        kinds[name] = kinds[name].model_copy(update={"intent": at, "alignment": at})
    for name, at in zip(("joint_summit", "visit", "statement"), (17.0, 16.5, 16.0), strict=True):
        kinds[name] = kinds[name].model_copy(update={"intent": at, "alignment": at})
    loud = small.model_copy(update={"events": (*small.events, *many), "event_kinds": kinds})
    quarrel = loud.disputes[0].model_copy(update=dict.fromkeys(("rivalry", "claim", "militarised", "war"), 1.0))
    loud = loud.model_copy(update={"disputes": (quarrel, *loud.disputes[1:])})
    values = {path: value for path, value in WORST.items() if not path.startswith("event_kinds.joint")}
    lived(with_values(loud, values))


@pytest.mark.filterwarnings("error")
def test_an_overflow_all_the_same_names_variable_state_and_day(small: Scenario) -> None:
    """A scenario that was changed by hand, so that nobody has checked it: told in the run, and by no warning."""
    broken = small.model_copy(update={"parameters": small.parameters.model_copy(update={"eta0": 1e9})})
    with pytest.raises(FailedReplications) as caught:
        run(broken, 2, 1)
    last = str(caught.value)
    assert "InvalidNumber: threat of X" in last and "day " in last and "2 of 2" in last, last
