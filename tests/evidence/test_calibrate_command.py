"""`balance-sim evidence calibrate` and `score --scenario` as commands: bytes, words, exit codes."""

import json
import shutil
from datetime import date
from pathlib import Path

import pytest
import yaml
from balance_sim.cli.program import main
from balance_sim.evidence.estimation.choices import own_record
from balance_sim.evidence.forecast.forecast import Forecast, freeze
from balance_sim.scenario import load_scenario
from click.testing import CliRunner

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "scenarios"
    shutil.copytree(SCENARIOS / "nolimits_2022", folder / "nolimits_2022")
    shutil.copy(SCENARIOS / "nolimits_2022.yaml", folder)
    return folder / "nolimits_2022.yaml"


def test_the_command_that_a_file_names_writes_it_again(copy: Path) -> None:
    """But for the command's own spelling."""
    path = copy.parent / "nolimits_2022" / "calibration.yaml"
    shipped = path.read_bytes()
    path.unlink()  # it is written anew, and not read to be written
    done = CliRunner().invoke(main, ["evidence", "calibrate", str(copy), "--until", "2004-01-01", "--no-card"])
    assert done.exit_code == 0, done.output
    again, before = yaml.safe_load(path.read_bytes()), yaml.safe_load(shipped)
    assert again["calibrated"].pop("command") == before["calibrated"].pop("command").replace(
        "balance-sim calibrate", "balance-sim evidence calibrate"
    )
    assert again == before
    assert b"  USA: {estimate: " in path.read_bytes()  # a state a line


def test_what_cannot_be_calibrated_says_what_to_do(copy: Path) -> None:
    done = CliRunner().invoke(main, ["evidence", "calibrate", str(copy), "--no-card"])
    assert done.exit_code == 4
    assert "needs 50" in done.output and "base_rate" in done.output and "--until" in done.output
    late = CliRunner().invoke(main, ["evidence", "calibrate", str(copy), "--until", "2030-01-01"])
    assert late.exit_code == 2
    assert "lies after the scenario's start" in late.output


@pytest.mark.needs("sklearn")
def test_a_forecast_is_scored_beside_baselines_of_a_scenarios_record(tmp_path: Path) -> None:
    frozen, outcomes = tmp_path / "f.json", tmp_path / "o.csv"
    dyads = (("AUS", "JPN"), ("CHN", "USA"), ("IND", "JPN"))
    freeze(Forecast(dyads, (0.2, 0.01, 0.1), date(2025, 9, 4), date(2026, 9, 3)), frozen)
    outcomes.write_text("iso3_a,iso3_b,kind,stage,date\nAUS,JPN,defence_cooperation,signed,2025-10-01\n")
    words = ["evidence", "score", str(frozen), str(outcomes)]
    alone = json.loads(CliRunner().invoke(main, [*words, "--json"]).stdout)
    assert "earlier_count" not in alone
    scenario = str(SCENARIOS / "beijing_2025.yaml")
    beside = json.loads(CliRunner().invoke(main, [*words, "--scenario", scenario, "--json"]).stdout)
    assert beside["reference"] == "base rate of the past"
    assert {"base_rate", "earlier_accords", "gravity", "logit", "boosted_trees", "earlier_count"} < set(beside)
    share = own_record(load_scenario(scenario), 10).choices.any_signed.mean()  # of dyads and years that signed
    assert beside["base_rate"]["expected"] == pytest.approx(3 * share, rel=0.01)
