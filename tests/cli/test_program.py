"""The program as a user meets it: exit codes, what goes to stdout and to stderr, how little it imports."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from balance_sim.cli import main
from balance_sim.cli.program import CORE
from balance_sim.registry import places
from program import answered

SUMMIT = Path(__file__).parent.parent / "scenario" / "data" / "summit.yaml"
ENVIRONMENT = {**os.environ, "NO_COLOR": "1"}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own."""
    command = [sys.executable, "-m", "balance_sim", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """The small world with one value out of bounds and one that is missing."""
    path = tmp_path / "bad.yaml"
    text = SUMMIT.read_text().replace("beta: 0.2", "beta: 2").replace("democracy: 0.63,\n", "\n")
    path.write_text(text.replace("tables/states.csv", "states.csv").replace("tables/accords.csv", "accords.csv"))
    for name in ("states.csv", "accords.csv"):
        (tmp_path / name).write_bytes((SUMMIT.parent / "tables" / name).read_bytes())
    return path


def test_check_as_json(bad):
    code, out, err = answered("check", str(bad), "--json")
    assert (code, err) == (4, "")
    answer = json.loads(out)
    assert answer["ok"] is False
    assert [one["code"] for one in answer["errors"]] == ["E203"]
    assert [one["code"] for one in answer["warnings"]] == ["W303"]
    keys = ["file", "line", "col", "path", "code", "message", "allowed", "suggestion"]
    assert list(answer["errors"][0]) == keys
    code, out, _ = answered("check", "--json", str(SUMMIT))
    answer = json.loads(out)
    assert (code, answer["ok"], answer["errors"], answer["scenario"]["name"]) == (0, True, [], "summit")
    assert len(answer["scenario"]["sha256"]) == 64


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("chek",), "Did you mean 'balance-sim check'?"),
        (("check",), "Missing argument 'FILE'"),
        (("check", "--jsn", "x"), "No such option"),
        (("--nonsense",), "No such option"),
    ],
)
def test_usage_errors_end_with_2(arguments, said):
    code, out, err = answered(*arguments)
    assert (code, out) == (2, "")
    assert said in err


EXPERIMENTS = Path(__file__).parents[2] / "experiments"
KINDS_OF_FILES = {
    "scenario": (EXPERIMENTS / "smoke" / "five_states.yaml", "run {}"),
    "experiment": (EXPERIMENTS / "smoke.yaml", "sweep {}"),
    "plan of a hindcast": (EXPERIMENTS / "hindcast_dcad.yaml", "evidence hindcast {} --data DIR"),
    "plan of cases": (EXPERIMENTS / "cases.yaml", "evidence cases {}"),
}
TAKES = {
    ("run",): "scenario",
    ("sweep",): "experiment",
    ("evidence", "hindcast", "--data", "."): "plan of a hindcast",
    ("evidence", "cases"): "plan of cases",
}


@pytest.mark.parametrize("command", TAKES, ids=lambda words: words[0])
def test_every_command_says_what_the_file_of_another_is(command):
    for kind, (path, right) in KINDS_OF_FILES.items():
        if kind != TAKES[command]:
            code, out, err = answered(*command, str(path))
            assert (code, out) == (4, ""), (kind, err)
            assert f"{kind}, not " in err and TAKES[command] in err, err
            assert f"balance-sim {right.format(path)}" in err, err


BAD_ARGUMENTS = [
    (("run", "{scenario}", "--arms", "x" * 9000), 2, "x" * 57 + "..."),
    (("run", "{scenario}", "--arms", "\x1b[31m\u202e"), 2, "`\\x1b[31m\\u202e`"),
    (("compare", "a", " "), 2, "empty"),
    (("run", "{scenario}", "--seed", str(2**64)), 2, "18446744073709551615"),
    (("run", "{scenario}", "--runs", "0"), 2, "1<=x<=10000000"),
    (("\x1b]0;x\x07",), 2, "'\\x1b]0;x\\x07'"),
    (("sweep", "x" * 5000), 4, "`xxx"),
    (("verify", "{scenario}"), 2, "balance-sim run "),
    (("reproduce", "/proc/self/mem"), 4, "/proc/self/mem: "),
    (("verify", "a\x1b[31m"), 2, "a\\x1b[31m"),
    (("check", "{scenario}", "--set", "title=\u202eabc"), 4, "error[E007]"),
]


@pytest.mark.parametrize(("arguments", "code", "said"), BAD_ARGUMENTS)
def test_arguments_that_nobody_means(arguments, code, said):
    ended, out, err = answered(*(word.format(scenario=SUMMIT) for word in arguments))
    assert (ended, out) == (code, ""), err
    assert said in err and len(err) < 2000
    assert "\x1b" not in err and "\u202e" not in err


def test_new_writes_a_file_that_checks_and_never_overwrites(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = answered("new", "mine")
    assert code == 0 and "wrote mine.yaml" in out
    assert answered("check", "mine.yaml")[0] == 0
    assert answered("check", "mine")[0] == 0
    before = Path("mine.yaml").read_bytes()
    code, _, err = answered("new", "mine")
    assert code == 2 and "mine.yaml exists" in err
    assert Path("mine.yaml").read_bytes() == before
    assert answered("new", "../mine")[0] == 4
    code, _, err = answered("new", "other", "--out", "mine.yaml/other.yaml")  # below a file
    assert code == 7 and "cannot write mine.yaml/other.yaml" in err and "another --out" in err
    assert answered("new", "x", "--out", "new/folder/x.yaml")[0] == 0
    assert Path("new/folder/x.yaml").is_file()
    assert answered("new", "other", "--out", "-")[1].splitlines()[1].startswith("# other: a scenario to start from")
    stated = answered("new", "other", "--out", "-", "--base-rate", "0.75")[1]
    assert "\nbase_rate: 0.75\n" in stated and "\n# base_rate" not in stated
    assert "\n# base_rate: 2.0\n" in answered("new", "other", "--out", "-")[1]  # no terminal: nothing is asked
    for none in ("0", "nan", "inf"):
        assert answered("new", "other", "--out", "-", "--base-rate", none)[0] == 2


def test_version():
    assert answered("--version")[1].strip().rpartition(" ")[2].count(".") == 2


def parameters_of(command: click.Command) -> list[click.Parameter]:
    return [parameter for parameter in command.params if parameter.name != "help"]


def test_the_core_is_small():
    """14 or 15 commands with at most 110 options and arguments in all, hidden ones included."""
    context = click.Context(main)
    commands = [main.get_command(context, name) for name in CORE]
    assert len(commands) <= 15
    count = sum(len(parameters_of(command)) for command in commands if command is not None)
    assert 80 < count <= 110


def test_an_empty_command_line_shows_where_to_begin():
    code, out, err = answered()
    assert (code, err) == (0, "")
    names = re.findall(r"^  ([a-z]+)  ", out, re.MULTILINE)
    assert names == ["run", "check", "new", "plot", "explain", "app"]
    assert "balance-sim --help" in out


@pytest.mark.parametrize("name", sorted(places("evidence")))
def test_the_old_spelling_of_a_command_answers_with_the_new_one(name):
    code, _, err = answered(name, "x")
    assert code == 2
    assert f"balance-sim evidence {name}" in err or name == "case"


# --- in a process of its own ------------------------------------------------------------------------


def test_a_reader_that_leaves_is_no_error():
    command = [sys.executable, "-m", "balance_sim", "schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        said = process.stderr.read()
        assert (process.wait(), said) == (0, b"")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_run_whose_streams_are_closed_does_its_work(tmp_path: Path, closed: str) -> None:
    """Closed, not at their end: Python has no stream then, and the next file that is opened would be one of them."""
    run = ("run", str(SUMMIT), "--runs", "4", "--workers", "2", "--no-figures", "--out", "out")
    command = ["sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-m", "balance_sim", *run]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr
    assert ("4 replications" in done.stdout) == (closed == "2>&-")
    assert answered("verify", str(tmp_path / "out"))[0] == 0


@pytest.mark.parametrize(("words", "code"), [(("schema",), 0), (("check", "nowhere.yaml", "--json"), 4)])
def test_a_closed_stdout_changes_no_exit_code(words: tuple[str, ...], code: int) -> None:
    command = ["sh", "-c", '"$@" >&-', "sh", sys.executable, "-m", "balance_sim", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert done.returncode == code and "internal error" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_ends_with_7():
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "balance_sim", "schema"]
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 7
    assert result.stderr.startswith("balance-sim: cannot write: ")
    assert "Traceback" not in result.stderr


def test_output_survives_a_terminal_that_knows_only_ascii(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("schema: 1\ntïtle: x\n", encoding="utf-8")
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    command = [sys.executable, "-m", "balance_sim", "check", str(path)]
    result = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert result.returncode == 4
    assert b"error[E101]" in result.stderr
    assert b"Traceback" not in result.stderr


def broken(error: BaseException) -> click.Command:
    """A command that ends in `error`."""

    @click.command()
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyError("lost\nthing"), 1, "balance-sim: internal error: KeyError: 'lost\\nthing' (BALANCE_SIM_DEBUG=1"),
        (KeyboardInterrupt(), 130, ""),
        (OSError(28, "No space left on device"), 7, "cannot write: [Errno 28]"),
        (click.UsageError("two arms named a"), 2, "Error: two arms named a"),
    ],
)
def test_whatever_goes_wrong_has_its_exit_code(monkeypatch, error, code, said):
    monkeypatch.setattr(type(main), "get_command", lambda *_: broken(error))
    monkeypatch.delenv("BALANCE_SIM_DEBUG", raising=False)
    ended, out, err = answered("check")
    assert (ended, out) == (code, "")
    assert said in err
    assert "Traceback" not in err
