"""Every option of every command: one of those that simulate or work out an effect changes the answer, tried here; all
others say where and how, or what of an answer is shown, or are of the commands of `evidence`, whose own tests hold them.
An option that is new and stands in no table fails the first test."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from balance_sim.cli.program import main
from program import call

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = ROOT / "experiments" / "smoke" / "five_states.yaml"
GAME = ROOT / "games" / "security_dilemma.yaml"
PLAN = """schema: 1
scenario: world.yaml
factors: {events.summit.visibility: [0, 1]}
arms: [no_summit, summit]
runs: 2
outcomes: [accords_all_300]
"""
MODULE = """
import balance_sim as bs
import numpy as np


@bs.term
def TERM(now):
    "1 where both states have the language."
    speaks = np.isin(now.states, ["XAR", "XBE", "XCO", "XDO"])
    return speaks[:, None] & speaks


class Shy(bs.StateAgent):
    def willingness(self, prospects):
        return super().willingness(prospects) - 1e9
"""
OUTCOME = """
import numpy as np


def two(history):
    return np.full(len(history.runs), 2.0)
"""
WEIGHT = "parameters.beta=0.9"
RUN = ("run", "world.yaml", "--runs", "2", "--no-figures", "--workers", "1", "--json")
SWEEP = ("sweep", "plan.yaml", "--no-figures", "--workers", "1", "--json")
PLAY = ("game", "game.yaml", "--runs", "2", "--no-figures", "--workers", "1", "--json")
EFFECT = ("effect", "world.yaml", "--json")
CHECK = ("check", "world.yaml", "--json")
TRIED: dict[str, tuple[tuple[str, ...], dict[str, tuple[str, ...]]]] = {
    "run": (RUN, {
        "--runs": ("3",), "--seed": ("2",), "--arms": ("no_summit",), "--draws": ("prior",), "--set": (WEIGHT,),
        "--theory": ("network_only",), "--model": ("MODULE:Shy",), "--outcomes": ("OUTCOME",),
        "--terms": ("MODULE", "--set", "theory.weights.own_TERM=1"),
    }),
    "effect": (EFFECT, {
        "--arm": ("other",), "--draws": ("10",), "--set": (WEIGHT,), "--theory": ("network_only",),
        "--terms": ("MODULE", "--set", "theory.weights.own_TERM=1"),
    }),
    "sweep": (SWEEP, {
        "--runs": ("3",), "--seed": ("2",), "--set": (WEIGHT,), "--model": ("MODULE:Shy",), "--outcomes": ("OUTCOME",),
        "--terms": ("MODULE", "--set", "theory.weights.own_TERM=1"),
    }),
    "check": (CHECK, {
        "--set": (WEIGHT,), "--theory": ("network_only",), "--world": ("--no-world",),
        "--terms": ("MODULE", "--set", "theory.weights.own_TERM=1"),
    }),
    "game": (PLAY, {
        "--runs": ("3",), "--seed": ("2",), "--draws": ("4",), "--set": (WEIGHT,), "--theory": ("network_only",),
        "--terms": ("MODULE", "--set", "theory.weights.own_TERM=1"),
    }),
}  # fmt: skip
"""Commands, and options with what to give them; capitals stand for what is made for the test."""
HOW = {
    *("--json", "--out", "--workers", "--figures", "--scheduler", "--max-bytes", "--port", "--no-browser"),
    *("--format", "--table", "--list", "--pdf", "--dry-run", "--seal", "--card", "--run-timeout", "--retry-failed"),
}
"""Where and how, in which form, for how long: no result is another."""
SHOWN = {
    "compare": {"--terms"},
    "explain": {"--dyad", "--kind", "--run", "--attribution", "--runs", "--arm", "--terms"},
    "game": {"--play", "--discover"},
    "new": {"--base-rate", "--states", "--year"},
    "plot": {"--outcome", "--terms"},
    "reproduce": {"--model", "--outcomes", "--terms"},
    "sensitivity": {"--outcome", "--seed", "--terms"},
    **{key: {"--terms"} for key in ("brief", "package", "report", "verify")},
}
"""What is asked of results, or of a game, or which world is written; or code that a study names, which is run again."""


def options() -> Iterator[tuple[str, str]]:
    """Every command with every option."""

    def walk(command: click.Command, name: str) -> Iterator[tuple[str, str]]:
        if isinstance(command, click.Group):
            context = click.Context(command)
            for part in command.list_commands(context):
                inner = command.get_command(context, part)
                assert inner is not None
                yield from walk(inner, f"{name} {part}".strip())
            return
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                yield name, parameter.opts[0]

    yield from walk(main, "")


def test_every_option_is_accounted_for() -> None:
    counts = dict.fromkeys(("tried", "where and how", "what is shown", "of evidence"), 0)
    for command, option in options():
        is_tried = option in TRIED.get(command, ("", {}))[1]
        groups = {
            "tried": is_tried,
            "where and how": option in HOW and not is_tried,
            "what is shown": option in SHOWN.get(command, ()),
            "of evidence": command.startswith("evidence ") and option not in HOW,
        }
        assert sum(groups.values()) == 1, (command, option, groups)
        counts[next(name for name, holds in groups.items() if holds)] += 1
    known = {*options()}
    assert {(command, option) for command, (_, given) in TRIED.items() for option in given} <= known
    print(f"\n{len(known)} options: {counts}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small world with two arms beside the control arm, a sweep and a game over it."""
    folder = tmp_path_factory.mktemp("options")
    text = SCENARIO.read_text(encoding="utf-8").replace("focal: summit ", "step_days: 60\nfocal: summit ")
    arm = "  other: {drop: [summit], add: [{id: act, date: 2025-02-10, kind: force, principals: [XAR], targets: [XCO]}]}\n"
    (folder / "world.yaml").write_text(text.replace("\nreport:", f"{arm}\nreport:"), encoding="utf-8")
    (folder / "plan.yaml").write_text(PLAN, encoding="utf-8")
    game = GAME.read_text(encoding="utf-8")
    (folder / "game.yaml").write_text(game, encoding="utf-8")
    for path in GAME.with_suffix("").iterdir():
        (folder / GAME.stem).mkdir(exist_ok=True)
        (folder / GAME.stem / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    """Answers without the option, by command."""
    return {}


def answer(*words: str) -> Any:
    """What a command answers, without the time that it took."""
    done = call(*words)
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    said.pop("seconds", None)
    said.pop("timing", None)
    return said if words[0] == "game" else said.get("digest", said)


def out(command: str) -> tuple[str, ...]:
    return () if command in ("effect", "check") else ("--out", uuid.uuid4().hex)


def tries() -> Iterator[Any]:
    """Commands and options; a game takes seconds each time."""
    for command, (_, given) in TRIED.items():
        mark = pytest.mark.long if command == "game" else pytest.mark.slow
        yield from (pytest.param(command, option, marks=mark) for option in given)


@pytest.mark.parametrize(("command", "option"), [*tries()])
def test_it_changes_the_answer(
    command: str, option: str, folder: Path, plain: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    words, given = TRIED[command]
    name = f"mine_{uuid.uuid4().hex[:8]}"
    Path(f"{name}.py").write_text(MODULE.replace("TERM", name), encoding="utf-8")
    Path(f"{name}_out.py").write_text(OUTCOME, encoding="utf-8")
    made = {"MODULE": name, "OUTCOME": f"{name}_out", "TERM": name}
    values = []
    for value in given[option]:
        for word, text in made.items():
            value = value.replace(word, text)  # noqa: PLW2901
        values.append(value)
    asked = [*words, *([] if option == "--world" else [option]), *values]
    if command not in plain:
        plain[command] = answer(*words, *out(command))
    assert answer(*asked, *out(command)) != plain[command]
