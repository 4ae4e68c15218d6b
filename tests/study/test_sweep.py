"""Sweeps: the same numbers however they are run, points and runs reused, and what is read back from them."""

import csv
import re
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from balance_sim.archive.verify import verify
from balance_sim.effects.compare import compare
from balance_sim.effects.result import open_result
from balance_sim.effects.run import run
from balance_sim.effects.sensitivity import sensitivity
from balance_sim.scenario import with_values
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.experiment import load_experiment
from balance_sim.study.export import export
from balance_sim.study.points import design_points
from balance_sim.study.status import status_of
from balance_sim.study.store import Store
from balance_sim.study.sweep import sweep
from balance_sim.study.sweep_result import open_sweep
from extras import imported


def swept(lab, out, **more):
    return sweep(load_experiment(lab.path), out=lab.folder / out, **more)


@pytest.fixture
def result(lab, calm):
    """The small sweep, in a lab's `out`."""
    shutil.copytree(calm.folder / "out", lab.folder / "out")
    return open_sweep(lab.folder / "out")


def test_a_point_of_a_sweep_is_the_run_with_its_values_set(lab, result):
    number = result.table.numbers()[4]
    values = dict(result.table.points[number].values)
    alone = run(with_values(lab.scenario, values), 24, 7, arms=["summit"])
    assert result.point(number).digest == alone.digest
    frame = alone.effects.set_index(["arm", "outcome"])
    mine = result.effects[result.effects["point"] == number].set_index(["arm", "outcome"])
    assert mine.loc[("summit", "accords_all_300"), "mean"] == frame.loc[("summit", "accords_all_300"), "mean"]


def test_options_lay_over_the_experiment_and_name_another_study(lab):
    """The same as a file that says so, to the digest; in a folder of its own, refused in that of another."""
    lab.edit("[0, 0.5, 1]", "[1]")
    words = ["--no-figures", "--runs", "9", "--seed", "8", "--set", "parameters.gamma=0.9"]
    done = lab.ask("sweep", "exp.yaml", *words, "--workers", "1")
    assert done.returncode == 0, done.stderr
    (folder,) = (lab.folder / "results").iterdir()
    assert re.fullmatch(r"exp-[0-9a-f]{8}", folder.name)
    manifest = Store(folder).manifest()
    assert (manifest.runs, manifest.seed, manifest.inputs["parameters"]["gamma"]) == (9, 8, 0.9)
    again = lab.ask("sweep", "exp.yaml", *words, "--workers", "1")
    assert again.returncode == 0 and "0 runs still to do" in again.stderr
    lab.edit("runs: 24", "runs: 9")
    lab.edit("seed: 7", "seed: 8\nset: {parameters.gamma: 0.9}")
    assert swept(lab, "written").digest == open_sweep(folder).digest
    for more, key in ((["--seed", "9"], "seed"), (["--set", "parameters.gamma=0.8"], "parameters.gamma")):
        other = lab.ask("sweep", "exp.yaml", *more, "--out", str(folder), "--workers", "1")
        assert other.returncode == 2 and f"{key}: " in other.stderr
    longer = lab.ask("sweep", "exp.yaml", "--no-figures", "--runs", "11", "--out", str(folder), "--workers", "1")
    assert longer.returncode == 0 and open_sweep(folder).runs == 11
    lost = lab.ask("package", str(folder), "--out", str(lab.folder / "a.zip"))
    assert lost.returncode == 0, lost.stderr


def in_blocks(monkeypatch, size: int) -> None:
    monkeypatch.setattr("balance_sim.study.plan.block_runs", lambda *_: size)


def test_blocks_and_the_order_of_points_change_nothing(lab, undisturbed, monkeypatch):
    lab.edit("[0, 0.5, 1]", "[1, 0, 0.5]")
    in_blocks(monkeypatch, 5)
    assert swept(lab, "b").digest == undisturbed


def test_the_variance_of_a_grid_is_split_over_all_its_points(lab):
    """What rises with a factor is no chance. The effect on alignment does, of points without a part of a design."""
    lab.edit("outcomes: [accords_all_300]", "outcomes: [alignment_participants_rest_300]")
    result = swept(lab, "out")
    split = sensitivity(result).split.set_index(["of", "arm"])
    assert {*split["points"]} == {6} == {len(result.table.numbers())}
    assert split.loc[("effect", "summit"), "share_parameters"] > 0.9
    assert split.loc[("mean", "summit"), "parameters"] > split.loc[("mean", "no_summit"), "parameters"]


@pytest.mark.slow
def test_language_and_time_zone_change_nothing(lab, undisturbed):
    strange = {"LANG": "de_DE.UTF-8", "LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "5"}
    process = lab.start("sweep", "exp.yaml", "--no-figures", "--out", "b", "--workers", "1", block=7, **strange)
    assert lab.ended(process) == 0
    assert lab.digest("b") == undisturbed


def test_runs_and_points_added_later_reuse_what_is_there_bit_for_bit(lab):
    lab.edit("[0, 0.5, 1]", "[0, 1]")
    swept(lab, "grown")
    before = {path.name: path.read_bytes() for path in (lab.folder / "grown" / "runs").iterdir()}
    lab.edit("[0, 1]", "[0.25, 0, 1]")
    plans = []
    wider = swept(lab, "grown", told=plans.append)
    assert plans[0].todo_runs == 2 * 24
    after = {path.name: path.read_bytes() for path in (lab.folder / "grown" / "runs").iterdir()}
    assert before.items() <= after.items()
    assert swept(lab, "fresh").digest == wider.digest
    lab.edit("runs: 24", "runs: 40")
    longer = swept(lab, "grown", told=plans.append)
    assert plans[1].todo_runs == 6 * 16
    lab.edit("runs: 40", "runs: 24")
    assert swept(lab, "grown", told=plans.append).digest == wider.digest
    assert plans[2].todo_runs == 0
    assert longer.digest != wider.digest


def test_few_files_hold_many_points(lab, undisturbed, monkeypatch):
    """Eight blocks a point; a shard has as many blocks as are there already."""
    in_blocks(monkeypatch, 3)
    monkeypatch.setattr("balance_sim.study.folder.Folder.MOST_SECONDS", float("inf"))  # however slow the machine is
    pieces = swept(lab, "out")
    shards = Store(lab.folder / "out").shards()
    assert [len(shard.record.blocks) for shard in shards] == [1, 1, 2, 4, 8, 16, 16]
    assert pieces.digest == undisturbed == open_sweep(lab.folder / "out").digest


@pytest.mark.usefixtures("result")
def test_status_of_a_finished_and_of_a_cut_sweep(lab):
    whole = status_of(lab.folder / "out")
    assert (whole["points_done"], whole["runs_done"], whole["finished"]) == (6, 144, True)
    Store(lab.folder / "out").shards()[0].remove()
    cut = status_of(lab.folder / "out")
    assert (cut["points_done"], cut["runs_done"], cut["finished"]) == (5, 120, False)


def test_a_sobol_design_grows_by_keeping_its_first_samples(lab):
    lab.edit("[0, 0.5, 1]", "{min: 0, max: 1}")
    lab.edit("[0.2, 0.4]", "{min: 0, max: 1}")
    lab.edit("arms:", "design: {method: sobol, samples: 8}\narms:")
    few = [point.key for point in design_points(load_experiment(lab.path))]
    lab.edit("samples: 8", "samples: 16")
    many = [point.key for point in design_points(load_experiment(lab.path))]
    assert len(few) == 8 * 4
    assert many[: len(few)] == few


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "points"), [("sobol", 32), pytest.param("morris", 24, marks=pytest.mark.long), ("lhs", 8)]
)
def test_sensitivity_of_a_sampled_sweep(lab, method, points):
    imported("SALib")
    lab.edit("[0, 0.5, 1]", "{min: 0, max: 1}")
    lab.edit("[0.2, 0.4]", "{min: 0, max: 1}")
    lab.edit("arms:", f"design: {{method: {method}, samples: 8}}\narms:")
    lab.edit("outcomes: [accords_all_300]", "outcomes: [insecurity_threatened_300]")
    lab.edit("runs: 24", "runs: 4")
    result = swept(lab, "out")
    assert len(result.table.numbers()) == points
    found = sensitivity(result, boots=100)
    assert {(row["of"], row["arm"]) for row in found.split.to_dict("records")} == {
        ("mean", "no_summit"), ("mean", "summit"), ("effect", "summit"),
    }  # fmt: skip
    points_few = "fewer than 12 points"
    few = {"sobol": ["fewer than 32 base samples"], "morris": [], "lhs": [points_few]}[method]
    assert [note.split(":")[0] for note in found.notes] == few
    assert found.as_dict()["notes"] == found.notes
    if method == "lhs":
        assert found.indices.empty
        return
    main = "total" if method == "sobol" else "mu_star"
    means = found.indices[(found.indices["of"] == "mean") & (found.indices["arm"] == "no_summit")]
    by_factor = means.set_index("factor")[main]
    # The reference arm has no summit: its visibility can make no difference there.
    assert by_factor["events.summit.visibility"] == pytest.approx(0.0, abs=1e-9)
    assert by_factor["parameters.beta"] > 0


def test_two_arms_and_two_points_compared_run_by_run(lab, result):
    with pytest.raises(WrongRequest, match="name a point"):
        compare(f"{lab.folder}/out:no_summit", f"{lab.folder}/out:summit")
    for number in (0, 2):
        found = compare(f"{lab.folder}/out@{number}:no_summit", f"{lab.folder}/out@{number}:summit")
        assert found.paired
        assert found.differences == []
        there = result.effects[result.effects["point"] == number].set_index("outcome")
        here = found.outcomes.set_index("outcome").loc[there.index]
        assert here["difference"].tolist() == pytest.approx(there["mean"].tolist(), abs=1e-12)
        bounds = ["mcse", "lo", "hi"]
        np.testing.assert_array_equal(here[bounds].to_numpy(), there[bounds].to_numpy())  # as of `run` and `sweep`
        none = (found.outcomes["difference"] == 0) & (found.outcomes["hi"] > 0)
        # counts that no run changes have an interval where the event can change any; at visibility 0 the arms are alike
        assert none.any() == (number == 2)
    between = compare(f"{lab.folder}/out@0", f"{lab.folder}/out@2")
    assert between.differences == ["point.events.summit.visibility: '0' left, '0.5' right"]


def test_two_folders_paired_where_seeds_match_and_not_elsewhere(lab):
    scenario = lab.scenario
    other = with_values(scenario, {"parameters.beta": 0.9})
    run(scenario, 30, 1, out=lab.folder / "a")
    run(other, 30, 1, out=lab.folder / "b")
    run(scenario, 30, 2, out=lab.folder / "c")
    same = compare(f"{lab.folder}/a", f"{lab.folder}/b")
    assert same.paired
    assert any(line.startswith("inputs.parameters.beta: 0.3 left, 0.9 right") for line in same.differences)
    a, b = (open_result(lab.folder / name).outcomes for name in "ab")
    wide = [frame[frame["arm"] == "summit"].set_index("run")["filtered_accords_all_300"] for frame in (a, b)]
    row = same.outcomes.set_index(["left_arm", "outcome"]).loc[("summit", "accords_all_300")]
    assert row["difference"] == pytest.approx((wide[1] - wide[0]).mean())
    assert row["mcse"] == pytest.approx((wide[1] - wide[0]).std(ddof=1) / np.sqrt(30))
    place = same.first_difference
    outcome, replication = place["outcome"], place["replication"]
    frames = [frame[frame["arm"] == place["arm"]].set_index("run") for frame in (a, b)]
    assert place["arm"] == "no_summit" and frames[0][outcome][replication] != frames[1][outcome][replication]
    earlier = [frame.loc[: replication - 1] for frame in frames]
    pd.testing.assert_frame_equal(*earlier)
    apart = compare(f"{lab.folder}/a", f"{lab.folder}/c")
    assert not apart.paired
    assert compare(f"{lab.folder}/a", f"{lab.folder}/a").first_difference is None
    assert "seed: 1 left, 2 right" in apart.differences
    run(scenario, 31, 1, out=lab.folder / "d")
    place = compare(f"{lab.folder}/a", f"{lab.folder}/d").first_difference
    assert place == {"arm": "no_summit", "outcome": "replications", "replication": 30}
    with pytest.raises(WrongRequest, match="unknown arm `none`"):
        compare(f"{lab.folder}/a:none", f"{lab.folder}/b")


def test_export_holds_every_run_with_its_factors(lab, result):
    for name in ("all.csv", "all.parquet"):
        assert export(lab.folder / "out", lab.folder / name) == 6 * 24 * 2
    with (lab.folder / "all.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["first_counter_days"] for row in rows} - {""} or rows[0]["first_counter_days"] == ""
    assert "nan" not in {value for row in rows for value in row.values()}
    frame = pq.read_table(lab.folder / "all.parquet").to_pandas()
    part = frame[(frame["events.summit.visibility"] == 0.5) & (frame["parameters.beta"] == 0.4)]
    mean = part[part["arm"] == "summit"]["filtered_accords_all_300"].mean()
    level = result.levels[(result.levels["events.summit.visibility"] == 0.5) & (result.levels["arm"] == "summit")]
    assert mean == pytest.approx(level[level["parameters.beta"] == 0.4]["mean"].iloc[0], rel=1e-12)
    assert sum(float(row["accords_all_300"]) for row in rows) == frame["accords_all_300"].sum()


def test_no_formula_in_the_tables_of_a_sweep(lab) -> None:
    """A factor may be free text: in every CSV it begins with an apostrophe where it would be a formula."""
    lab.path.write_text(
        "schema: 1\nscenario: small.yaml\nfactors: {title: ['=1+1', '@x', '+x', '-x', plain]}\nruns: 2\n"
    )
    swept(lab, "out")
    export(lab.folder / "out", lab.folder / "all.csv", "runs")
    for table in ("all.csv", "out/levels.csv", "out/effects.csv"):
        with open(lab.folder / table, newline="") as file:
            titles = {row["title"] for row in csv.DictReader(file)}
        assert titles == {"'=1+1", "'@x", "'+x", "'-x", "plain"}, table
    assert not verify(lab.folder / "out").damage
