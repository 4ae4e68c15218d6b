"""`balance-sim evidence fit --events` on a small invented folder, and what is shipped."""

import json
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest
import yaml
from balance_sim.cli import main
from balance_sim.evidence.events.measurement import WORDS
from balance_sim.scenario.files import shipped_text
from balance_sim.stats.intervals import NORMAL
from click.testing import CliRunner, Result

STATES = {
    "USA": 2,
    "GBR": 200,
    "FRA": 220,
    "RUS": 365,
    "CHN": 710,
    "PRK": 731,
    "KOR": 732,
    "JPN": 740,
    "IND": 750,
    "PAK": 770,
}
RIVALS = (("PRK", "KOR"), ("IND", "PAK"), ("CHN", "JPN"), ("USA", "RUS"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dyad-years, exercises, disputes and rivalries of ten states, 2003-2008."""
    path, rng = tmp_path_factory.mktemp("events"), np.random.default_rng(0)
    rows = ["year,source_iso3,target_iso3,verb_coop,matl_coop,verb_conf,matl_conf"]
    quarrels = {dyad for a, b in RIVALS for dyad in ((a, b), (b, a))}
    for year in range(2003, 2009):
        for a in STATES:
            for b in STATES:
                if a != b:
                    conflict = rng.binomial(30, 0.45 if (a, b) in quarrels else 0.2)
                    rows.append(f"{year},{a},{b},{30 - conflict},0,{conflict},0")
    (path / "icews_dyad_year.csv").write_text("\n".join(rows) + "\n")
    listed, who = ["mmeid,start"], ["mmeid,gwcode"]
    for number in range(60):
        listed.append(f"m{number},{rng.integers(1999, 2011)}-{rng.integers(1, 13):02d}-05")
        who += [f"m{number},{code}" for code in rng.choice(list(STATES.values()), 2, replace=False)]
    (path / "exercises_mme.csv").write_text("\n".join(listed) + "\n")
    (path / "exercises_mme_participants.csv").write_text("\n".join(who) + "\n")
    rivals = [f"{STATES[a]},{STATES[b]},1950,2020" for a, b in RIVALS]
    (path / "rivalries_thompson_sakuwa_suhas.csv").write_text("\n".join(["ccode1,ccode2,start,end", *rivals]) + "\n")
    return path


def run(*words: object, folder: Path) -> Result:
    with chdir(folder):
        return CliRunner().invoke(main, ["evidence", "fit", *map(str, words)])


def test_the_command_writes_and_says_what_it_found(folder: Path, tmp_path: Path) -> None:
    done = run("--events", folder, "--permutations", "9", "--out", tmp_path / "a.yaml", folder=tmp_path)
    assert done.exit_code == 0, done.stderr
    written = yaml.safe_load((tmp_path / "a.yaml").read_text())
    assert written["event_weights"]["years"] == [2003, 2008]
    assert set(written["groups"]) == {"intent", "alignment"}
    assert written["groups"]["intent"]["parameters"] == ["event_kinds.exercise.intent"]
    again = run("--events", folder, "--permutations", "9", "--out", tmp_path / "b.yaml", "--json", folder=tmp_path)
    other = json.loads(again.stdout)
    assert {**other, "event_weights": 0} == {**written, "event_weights": 0}


def test_the_shipped_file_keeps_its_own_rule() -> None:
    """Words follow from the numbers beside them."""
    shipped = yaml.safe_load(shipped_text("balance_sim.scenario", "event_weights.yaml"))
    assert shipped["event_weights"]["permutations"] == 999
    entries = {**shipped["groups"], **shipped["kinds"]}
    assert len(entries) >= 10
    for name, one in entries.items():
        (low, high), placebo = one["multiplier"]["interval"], max(abs(one["leads_z"]), abs(one["stale_z"]))
        p = max(one["permuted_dates"]["p"], one["permuted_participants"]["p"])
        word = WORDS[2]
        if placebo < NORMAL:
            word = WORDS[0] if low > 0 and p <= 0.05 else WORDS[1] if 0 < high < one["declared_end"] else WORDS[2]
        assert one["word"] == word, name
        assert (one["upper_bound"] is None) == (word == WORDS[2])
    matrix = np.array(shipped["covariance"]["matrix"])
    assert (matrix == matrix.T).all()
    assert np.linalg.eigvalsh(matrix).min() > -1e-9
    assert shipped["covariance"]["names"] == list(shipped["kinds"])
