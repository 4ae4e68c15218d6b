"""The control arm among others: what it cannot see changes nothing in it."""

from pathlib import Path
from typing import Any

from balance_sim.model.baseline import with_classes
from balance_sim.scenario import load_scenario
from balance_sim.study.blocks import Block
from balance_sim.study.jobs import Job, Task

SCENARIO = with_classes(load_scenario(Path(__file__).resolve().parents[2] / "scenarios" / "beijing_2025.yaml"))
ARMS = ("no_parade", "parade")


def control_rows(arms: tuple[str, ...], values: dict[str, Any]) -> Any:
    """Outcomes of the control arm, simulated among these arms."""
    runs = Job(SCENARIO, 1, arms).live(Task(Block(0, 6), values=tuple(values.items()))).runs.to_pandas()
    return runs[runs["arm"] == "no_parade"].drop(columns="arm").reset_index(drop=True)


def test_how_visible_the_event_is_that_it_drops_changes_nothing_to_the_last_digit() -> None:
    assert control_rows(ARMS, {"events.parade.visibility": 0.25}).equals(control_rows(ARMS, {}))
    assert not control_rows(ARMS, {"states.USA.reliability": 0.5}).equals(control_rows(ARMS, {}))


def test_an_arm_alone_is_the_arm_among_others() -> None:
    alone, among = control_rows(ARMS[:1], {}), control_rows(ARMS, {})
    assert alone.equals(among[alone.columns])
