"""The one reader of plans: every mistake with its line, column, key path, bound and next step; and rows of CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from balance_sim.scenario.diagnostics import ScenarioError, refusal
from balance_sim.scenario.fields import Day, Strict
from balance_sim.scenario.plans import kind_of_file, read_plan
from pydantic import Field, model_validator


class OneCase(Strict):
    scenario: str
    weight: Annotated[float, Field(ge=0, le=1)] = 1.0


class CasesForTest(Strict):
    cases: Annotated[tuple[OneCase, ...], Field(min_length=1)]
    runs: Annotated[int, Field(ge=1, le=1000)] = 400
    ways: Annotated[tuple[Literal["ahead", "forward"], ...], Field(min_length=1)] = ("ahead",)
    first: Day | None = None

    @model_validator(mode="after")
    def in_order(self) -> CasesForTest:
        for at, one in enumerate(self.cases):
            if one.weight > self.runs / 1000:
                raise refusal("E203", "more than the runs allow", field=f"cases[{at}].weight")
        return self


def read(folder: Path, text: str) -> CasesForTest:
    (folder / "plan.yaml").write_text(text)
    return read_plan(CasesForTest, folder / "plan.yaml", "cases")


def test_a_plan_is_its_model(tmp_path: Path) -> None:
    plan = read(tmp_path, "cases: [{scenario: a.yaml, weight: 0.1}]\nfirst: 2001-02-03\n")
    assert plan.cases[0].scenario == "a.yaml" and str(plan.first) == "2001-02-03"
    kind = kind_of_file(tmp_path / "plan.yaml")
    assert kind is not None and kind.name == "cases"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("runs: 0", (2, 7, "E203", "runs")),
        ("run: 5", (2, 1, "E101", "run")),
        ("runs: many", (2, 7, "E201", "runs")),
        ("first: 2001-02-30", (2, 8, "E209", "first")),
        ("ways: [sideways]", (2, 8, "E211", "ways[0]")),
        ("ways: []", (2, 7, "E212", "ways")),
        ("runs: 50", (1, 36, "E203", "cases[0].weight")),
    ],
)
def test_every_mistake_has_its_place(tmp_path: Path, text: str, place: tuple[int, int, str, str]) -> None:
    with pytest.raises(ScenarioError) as caught:
        read(tmp_path, f"cases: [{{scenario: a.yaml, weight: 0.1}}]\n{text}\n")
    assert [(one.line, one.col, one.code, one.path) for one in caught.value.problems] == [place]
    assert caught.value.exit_code == 4
