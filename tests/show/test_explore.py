"""The explorer: its design, its numbers against the study's own, its page."""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from balance_sim.app.dials import Dial
from balance_sim.app.explorer import SCALE, ExplorerDesign, around, explorer_html
from balance_sim.effects.expected_effect import ExpectedEffect, expected_effect
from balance_sim.effects.run import run
from balance_sim.show.figures.counts import fan_effects_table
from balance_sim.show.report import digest
from balance_sim.study.result import Result
from studies import SCENARIO, alike, four_runs


def small() -> ExplorerDesign:
    """Two points of studies made by hand, the second with floats that print differently in JavaScript."""

    def points() -> Iterator[tuple[tuple[int, ...], Result]]:
        yield (0,), alike()
        yield (1,), four_runs()

    return ExplorerDesign((Dial("strength", (1.0, 2.0), 0),), points)


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    out: dict[str, Any] = json.loads(found[1])
    return out


def test_each_point_has_the_studys_numbers() -> None:
    found = data_of(explorer_html(small()))
    assert [point["at"] for point in found["points"]] == [[0], [1]]  # whole numbers, not the dial's values
    last = fan_effects_table(four_runs()).query("arm == 'with' and day == 365").iloc[0]
    point = found["points"][1]
    assert found["days"][0] == 0 and found["days"][-1] == 365
    assert found["windows"] == [0, 30, 90, 365]
    assert (point["e"][0], point["e"][-1], point["m"][-1], point["w"][-1]) == (0, SCALE // 2, SCALE, 3 * SCALE // 2)
    assert (point["l"][-1], point["n"]) == (round(SCALE * last["lo"]), 4)
    pairs = {frozenset(found["states"][k] for k in found["pairs"][row[0]]): row for row in point["p"]}
    assert pairs[frozenset(("FRA", "KOR"))][1] == SCALE // 4
    assert found["points"][0]["p"] == []


def test_the_page_is_quiet_and_allows_its_own_script_alone() -> None:
    page = explorer_html(small())
    assert page == explorer_html(small())
    policy = html.unescape(re.findall(r'Content-Security-Policy" content="([^"]*)"', page)[0])
    script = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)[0]
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
    assert f"script-src '{digest(script)}'" in policy
    assert page.count("<script") == 2
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", page)
    assert "fetch(" not in page and "XMLHttpRequest" not in page and "http://www.w3.org/2000/svg" in page


def test_it_starts_where_the_study_stands_and_every_point_is_its_own_expected_effect() -> None:
    """Control arms that points have in common are worked out once, and no point shows it."""
    result = run(SCENARIO, 6, seed=3)
    design = around(result)
    points = dict(design.points())
    assert len(points) == np.prod([len(dial.values) for dial in design.dials])
    start = tuple(dial.start for dial in design.dials)
    assert points[start].scenario.sha256 == result.scenario.sha256
    for spot in (start, max(points), min(points)):
        found = points[spot]
        alone = expected_effect(found.scenario, result.headline_arm)
        assert isinstance(found, ExpectedEffect)
        for numbers, others in zip(found.outcomes, alone.outcomes, strict=True):
            left_out = {name for name in others.keys() - numbers.keys() if name.startswith("exercises_")}
            assert numbers == {name: value for name, value in others.items() if name not in left_out}
        assert found.dyads.equals(alone.dyads)
    least, most = (points[(place, *start[1:])] for place in (0, len(design.dials[0].values) - 1))
    assert least.scenario.events != most.scenario.events


def test_a_page_of_expected_effects_says_so_and_has_their_numbers() -> None:
    """By hand: the effect on a dyad, and on a state as the sum of its dyads; no interval, no replications."""
    codes = SCENARIO.codes
    names = [f"accords_counter_{days}" for days in (30, 90, 365)]
    dyads = pd.DataFrame(
        [(codes[0], codes[1], 0.25), (codes[1], codes[2], -0.05), (codes[0], codes[2], 1e-9)],
        columns=["a", "b", "effect"],
    )
    outcomes = dict(zip(names, (1.0, 2.0, 4.0), strict=True)), dict(zip(names, (1.0, 2.5, 4.2), strict=True))
    parts = {"picture": 0.15, "threat": 0.06, "rest": -0.01, "total": 0.2}
    effect = ExpectedEffect(SCENARIO, "with", outcomes, parts, dyads)
    found = data_of(page := explorer_html(ExplorerDesign((Dial("d", (1,), 0),), lambda: iter([((0,), effect)]))))
    point = found["points"][0]
    assert found["estimator"] == "expected" and found["days"] == found["windows"] == [0, 30, 90, 365]
    assert [value / SCALE for value in point["e"]] == [0, 0, 0.5, 0.2]
    assert point["n"] == 0 and point["l"] == point["h"] == [None] * 4
    assert [value / SCALE for value in point["c"]] == [0.15, 0.06, -0.01]
    assert [(found["pairs"][row[0]], row[1] / SCALE) for row in point["p"]] == [([0, 1], 0.25), ([1, 2], -0.05)]
    assert [(state, value / SCALE) for state, value in point["s"]] == [(0, 0.25), (1, 0.2), (2, -0.05)]
    assert "Every point is by the expected estimator" in page
    assert "Every point is simulated" in explorer_html(small())


def test_the_command_writes_one_file(tmp_path: Path) -> None:
    from balance_sim.cli import main
    from click.testing import CliRunner

    runner = CliRunner()
    folder = tmp_path / "r"
    few = ["--runs", "3", "--workers", "1", "--no-figures"]
    done = runner.invoke(main, ["run", "tests/show/data/quay.yaml", "--out", str(folder), *few])
    assert done.exit_code == 0, done.output
    before = sorted(path.name for path in folder.iterdir())
    assert runner.invoke(main, ["explore", str(folder), "--runs", "2"]).exit_code == 2
    done = runner.invoke(main, ["explore", str(folder)])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in folder.iterdir()) == sorted([*before, "explore.html"])
    done = runner.invoke(main, ["plot", str(folder), "arms"])
    assert done.output.split() == [str(folder / "figures" / f"arms.{kind}") for kind in ("png", "svg")]
    assert runner.invoke(main, ["plot", str(folder), "nonsense"]).exit_code == 2
    assert "counter-balancing agreements" in runner.invoke(main, ["plot", str(folder), "--list"]).output
