"""What a person writes at a Python prompt: taken where it can only mean one thing, else refused as at the command line."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import balance_sim as bs
import pytest
from balance_sim.cli import main
from balance_sim.scenario.diagnostics import ScenarioError
from balance_sim.scenario.errors import StudyError
from click.testing import CliRunner

SMALL = "experiments/smoke/five_states.yaml"
FILE = Path(__file__).name
BETA = "parameters.beta"


class Aloof(bs.StateAgent):
    def willingness(self, prospects: Any) -> Any:
        return super().willingness(prospects) - 9.0


class Stepping(bs.StateAgent):
    def step(self) -> None:
        self.effort = 1.0


class NoNumber(bs.StateAgent):
    def willingness(self, prospects: Any) -> Any:
        return "yes"


class Raising(bs.StateAgent):
    def willingness(self, prospects: Any) -> Any:
        raise LookupError("no such treaty")


class Missing(bs.StateAgent):
    def willingness(self, prospects: Any) -> Any:
        return None


class Misshapen(bs.StateAgent):
    def willingness(self, prospects: Any) -> Any:
        return super().willingness(prospects)[:-1]


class Capricious(bs.StateAgent):
    """Fails in the second replication alone."""

    def willingness(self, prospects: Any) -> Any:
        if self.model.state.runs[0] == 1:
            raise LookupError("no such treaty")
        return super().willingness(prospects)


class Short(bs.StateAgent):
    def probabilities(self, prospects: Any) -> Any:
        return [0.5] * (len(prospects.alter) + 2)


class Undecided(bs.StateAgent):
    def consents(self, prospects: Any, needs: Any) -> Any:
        return needs


class Talkative(bs.StateAgent):
    def consents(self, prospects: Any, needs: Any) -> Any:
        return ["yes"] * len(needs)


class Arming(bs.StateAgent):
    def effort_after(self, share: float) -> Any:
        return share, share


class Steady(bs.StateAgent):
    """Decides as the states of the package, in forms that can only mean that."""

    def willingness(self, prospects: Any) -> Any:
        return super().willingness(prospects).tolist()

    def consents(self, prospects: Any, needs: Any) -> Any:
        return (needs < self.probabilities(prospects)).astype(int)

    def effort_after(self, share: float) -> Any:
        return [super().effort_after(share)]


def pacts(history: bs.ArmHistory) -> Any:
    return history.count(history.agreements["new"])


def run(**options: Any) -> bs.AnalysedResult:
    return bs.run(SMALL, **{"runs": 2, **options})


@pytest.fixture(scope="module")
def result() -> Iterator[bs.AnalysedResult]:
    return run()


# -- taken ---------------------------------------------------------------------------------------------------

SAME: list[tuple[Callable[[], Any], Callable[[], Any]]] = [
    (lambda: bs.run(Path(SMALL), 2).digest, lambda: bs.run(bs.load_scenario(SMALL), 2).digest),
    (lambda: run(arms="summit").arms, lambda: run(arms=["no_summit", "summit"]).arms),
    (lambda: run(arms="no_summit, summit").arms, lambda: run().arms),
    (lambda: run(runs=2.0, seed=1e0).digest, lambda: run().digest),
    (lambda: run(outcomes=pacts).digest, lambda: run(outcomes={"pacts": pacts}).digest),
    (lambda: run(outcomes=[pacts]).digest, lambda: run(outcomes={"pacts": pacts}).digest),
    (lambda: bs.load_scenario(SMALL, set=f"{BETA}=0.3").sha256, lambda: bs.load_scenario(SMALL, set=[f"{BETA}=0.3"]).sha256),
    (lambda: bs.load_scenario(SMALL, set={BETA: 0.3}).sha256, lambda: bs.with_values(SMALL, {BETA: 0.3}).sha256),
    (lambda: bs.with_values(SMALL, f"{BETA}=0.3").sha256, lambda: bs.with_values(SMALL, {BETA: 0.3}).sha256),
    (lambda: bs.effect(SMALL).effect, lambda: bs.effect(bs.load_scenario(SMALL), "summit").effect),
    (lambda: bs.placebos(SMALL, "summit", most=1, dates=1).arm, lambda: "summit"),
    (lambda: sorted(bs.world_at_start(SMALL).codes), lambda: [*bs.load_scenario(SMALL).codes]),
    (lambda: bs.BalanceModel(SMALL).arm, lambda: "no_summit"),
    (lambda: bs.play("security_dilemma", runs=2).game.name, lambda: "security_dilemma"),
]  # fmt: skip


@pytest.mark.parametrize(("short", "long"), SAME)
def test_a_shorter_way_is_the_same(short: Callable[[], Any], long: Callable[[], Any]) -> None:
    assert short() == long()


def test_a_class_decides_as_the_module_that_holds_it_does() -> None:
    """One that no module holds decides in this process alone."""

    class Nobody(Aloof):
        pass

    ours, named, local = run(), run(model=Aloof), run(model=Nobody)
    assert named.model == f"{__name__}:Aloof" and str(local.model).startswith("<here>:")
    assert named.digest == local.digest != ours.digest
    with pytest.raises(StudyError):
        run(model=Nobody, run_timeout=60.0)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_module_of_the_working_directory_is_found(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario, name = bs.load_scenario(SMALL), f"loyal_{workers}"
    text = "import balance_sim as bs\n\n\nclass Loyal(bs.StateAgent):\n    pass\n"
    (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    result = bs.run(scenario, runs=2, model=f"{name}:Loyal", workers=workers)
    assert result.digest == bs.run(scenario, runs=2).digest


def test_results_and_their_folders_are_taken_alike(tmp_path: Path) -> None:
    result = run(out=tmp_path / "a", runs=4)
    assert bs.compare(result, tmp_path / "a").first_difference is None
    assert bs.explain(tmp_path / "a").table.equals(bs.explain(result).table)
    assert bs.plot(result).axes


def test_objects_say_what_they_are(result: bs.AnalysedResult) -> None:
    model = bs.BalanceModel(SMALL, arm="summit")
    model.step()
    things = model, model.world, model.view, model.opportunities, *model.agents, result.by_run, result.headline
    texts = [repr(thing) for thing in things]
    assert all(len(text) < 200 and " object at " not in text for text in texts), texts
    assert "summit" in texts[0] and f"day {model.day:g}" in texts[0] and "XAR" in texts[4]


def test_every_name_of_the_front_is_there() -> None:
    assert [name for name in bs.__all__ if not hasattr(bs, name)] == []


# -- replications that fail ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "named"),
    [(Raising, "LookupError"), (Missing, "InvalidNumber"), (NoNumber, "InvalidNumber"), (Misshapen, "InvalidNumber")],
)
def test_where_all_replications_fail_nothing_is_returned(agent: type[bs.StateAgent], named: str) -> None:
    with pytest.raises(bs.FailedReplications) as caught:
        run(model=agent)
    text = str(caught.value)
    assert caught.value.exit_code == 3 and "2 of 2" in text and named in text, text


@pytest.mark.parametrize(
    ("agent", "method", "came", "wanted"),
    [
        (Missing, "willingness", r"None", r"shape \(\d+,\)"),
        (NoNumber, "willingness", r"text, `yes`", r"shape \(\d+,\)"),
        (Misshapen, "willingness", r"ndarray of shape \(\d+,\)", r"shape \(\d+,\)"),
        (Short, "probabilities", r"list of \d+", r"shape \(\d+,\)"),
        (Undecided, "consents", r"ndarray of shape \(\d+,\) of float64", r"True or False .*shape \(\d+,\)"),
        (Talkative, "consents", r"list of \d+", r"True or False .*shape \(\d+,\)"),
        (Arming, "effort_after", r"tuple of 2", r"one number"),
    ],
)
def test_a_method_that_gives_something_else_is_named(
    agent: type[bs.StateAgent], method: str, came: str, wanted: str
) -> None:
    """With its line, what came and what is wanted, and without what NumPy says of it."""
    with pytest.raises(bs.FailedReplications) as caught:
        run(model=agent)
    text, line = str(caught.value), getattr(agent, method).__code__.co_firstlineno
    place = rf"{agent.__name__}\.{method} \({FILE}:{line}\)"
    assert re.search(rf"{place} gave {came}.*; it has to give .*{wanted}", text), text
    assert "broadcast" not in text and "operand" not in text


def test_what_can_only_mean_one_thing_is_taken() -> None:
    steady, ours = (
        bs.BalanceModel(SMALL, arm="summit", agent_class=agent).run_until_end() for agent in (Steady, bs.StateAgent)
    )
    assert len(ours.agreements) and steady.agreements.equals(ours.agreements)
    assert [agent.effort for agent in steady.agents] == [agent.effort for agent in ours.agents]


def test_the_command_line_says_why_the_first_failed(tmp_path: Path) -> None:
    words = ["run", SMALL, "--runs", "2", "--workers", "1", "--no-figures", "--out", str(tmp_path / "a")]
    words += ["--model", f"{__name__}:Raising"]
    done = CliRunner().invoke(main, words)
    line = Raising.willingness.__code__.co_firstlineno + 1
    assert done.exit_code == 3 and "LookupError" in done.stderr and f"{FILE}:{line})" in done.stderr


def test_where_some_fail_the_caller_is_warned(tmp_path: Path) -> None:
    with pytest.warns(bs.FailedReplications, match=r"1 of 3 .*LookupError") as caught:
        result = run(model=Capricious, runs=3, out=tmp_path / "a")
    assert [warning.filename for warning in caught] == [__file__]
    assert result.finished == 2 and "1 of 3 failed" in repr(result)
    assert "1 of 3 failed" in repr(bs.open_result(tmp_path / "a"))
    with pytest.warns(bs.FailedReplications, match=r"6 of 12 .*LookupError") as caught:
        bs.sweep(bs.load_experiment("experiments/smoke.yaml", runs=2), model=Capricious, out=tmp_path / "b")
    assert [warning.filename for warning in caught] == [__file__]


def test_a_game_or_a_sweep_of_which_all_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(bs.FailedReplications, match="1 of 1"):
        bs.play("security_dilemma", runs=1, run_timeout=1e-9)
    with pytest.raises(bs.FailedReplications, match="6 of 6"):
        bs.sweep(bs.load_experiment("experiments/smoke.yaml", runs=1), model=Raising, out=tmp_path / "a")


# -- refused: the exit code that the command line gives, and what has to be named -------------------------------

HERE: list[tuple[Callable[[], Any], int, str]] = [
    (lambda: bs.run("no_such_scenario"), 4, "E001"),
    (lambda: bs.run(None), 4, "E001"),  # type: ignore[arg-type]
    (lambda: bs.load_scenario(3), 4, "E001"),  # type: ignore[arg-type]
    (lambda: bs.load_scenario("smoke"), 4, "E012"),
    (lambda: bs.load_scenario("https://example.org/a.yaml"), 4, "E501"),
    (lambda: bs.load_scenario("games/security_dilemma.yaml"), 4, "E012"),
    (lambda: bs.load_scenario("scenarios/taiwan/posterior.yaml"), 4, "E012"),
    (lambda: bs.load_scenario("scenarios/beijing_2025/theories.yaml"), 4, "E012"),
    (lambda: bs.load_experiment("scenarios/beijing_2025/calibration.yaml"), 4, "E012"),
    (lambda: bs.load_experiment(SMALL), 4, "E012"),
    (lambda: bs.load_game("security_dilema"), 4, "E001"),
    (lambda: bs.sweep(bs.load_scenario(SMALL)), 4, "E001"),  # type: ignore[arg-type]
    (lambda: bs.load_scenario(SMALL, set="parameters.beta"), 4, "E101"),
    (lambda: bs.load_scenario(SMALL, set={"parameters.bta": 0.2}), 4, "E101"),
    (lambda: bs.load_scenario(SMALL, set=["parameters.beta=2"]), 4, "E203"),
    (lambda: bs.load_scenario(SMALL, theory="balance"), 4, "E211"),
    (lambda: bs.with_values(SMALL, {BETA: "0.2"}), 4, "E201"),
    (lambda: bs.with_values(SMALL, {BETA: float("nan")}), 4, "E204"),
    (lambda: bs.with_values(SMALL, {"states.XAR.gdp": 1}), 4, "E101"),
    (lambda: bs.placebos(SMALL, "sumit"), 4, "E107"),
    (lambda: run(arms="sumit"), 2, "sumit"),
    (lambda: run(arms=["summit", "parade"]), 2, "parade"),
    (lambda: run(runs=0), 2, "runs"),
    (lambda: run(runs="4"), 2, "runs"),
    (lambda: run(runs=2.5), 2, "runs"),
    (lambda: run(seed=-1), 2, "seed"),
    (lambda: run(seed="one"), 2, "seed"),
    (lambda: run(workers=0), 2, "workers"),
    (lambda: run(worker=2), 2, "worker"),
    (lambda: run(draw_parameters="posteriour"), 2, "posteriour"),
    (lambda: run(model="no_module:Aloof"), 2, "no_module"),
    (lambda: run(model=f"{__name__}:Aloft"), 2, "Aloft"),
    (lambda: run(model=int), 2, "int"),
    (lambda: run(model=Stepping), 2, "effort_after"),
    (lambda: run(outcomes={"pacts": 3}), 2, "pacts"),
    (lambda: run(outcomes={"two words": pacts}), 2, "two words"),
    (lambda: run(outcomes=["pacts"]), 2, "pacts"),
    (lambda: run(outcomes=lambda history: history.outcome["x"]), 2, "<lambda>"),
    (lambda: run(outcomes={"x": lambda history: history.agreements["sined"]}), 4, "E310"),
    (lambda: run(outcomes={"x": lambda _: [1.0]}), 4, "E310"),
    (lambda: run(terms="json"), 2, "json"),
    (lambda: run(terms=[pacts]), 2, "pacts"),
    (lambda: run(outcomes={3: pacts}), 2, "3"),
    (lambda: run(outcomes=3), 2, "3"),
    (lambda: run(arms=3), 2, "3"),
    (lambda: run(arms=[3]), 2, "3"),
    (lambda: bs.with_values(SMALL, {3: 0.1}), 4, "E101"),  # type: ignore[dict-item]
    (lambda: bs.effect(SMALL, "sumit"), 2, "sumit"),
    (lambda: bs.effect(SMALL, "no_summit"), 2, "no_summit"),
    (lambda: bs.uncertainty(SMALL, "no_summit"), 2, "no_summit"),
    (lambda: bs.BalanceModel(SMALL, arm="sumit"), 2, "sumit"),
    (lambda: bs.BalanceModel(SMALL, seed=-1), 2, "seed"),
    (lambda: bs.BalanceModel(SMALL, agent_class=int), 2, "int"),  # type: ignore[arg-type]
    (lambda: bs.open_result("experiments"), 2, "experiments"),
    (lambda: bs.open_sweep("no_such_folder"), 2, "no_such_folder"),
    (lambda: bs.sensitivity("no_such_folder"), 2, "no_such_folder"),
    (lambda: bs.explain("no_such_folder"), 2, "no_such_folder"),
    (lambda: bs.plot("no_such_folder"), 2, "no_such_folder"),
    (lambda: bs.compare("no_such_folder", "b"), 2, "no_such_folder"),
    (lambda: bs.goodness_of_fit(SMALL, runs=2), 2, "agreements"),
    (lambda: bs.play("security_dilemma", runs=0), 2, "runs"),
    (lambda: run(out=3), 2, "out"),
    (lambda: run(run_timeout="x"), 2, "run_timeout"),
    (lambda: run(run_timeout=-1), 2, "run_timeout"),
    (lambda: bs.sweep("experiments/smoke.yaml", max_bytes="3GB"), 2, "max_bytes"),  # type: ignore[arg-type]
    (lambda: bs.open_result(None), 2, "folder"),  # type: ignore[arg-type]
    (lambda: bs.compare(3, "a"), 2, "side"),  # type: ignore[arg-type]
    (lambda: bs.uncertainty(SMALL, draws=0), 2, "draws"),
    (lambda: bs.with_values(SMALL, 3), 2, "set"),  # type: ignore[arg-type]
    (lambda: bs.load_scenario(SMALL, set=[3]), 4, "E101"),  # type: ignore[list-item]
    (lambda: bs.BalanceModel(SMALL, run=-1), 2, "run"),
    (lambda: bs.solve(bs.load_game("security_dilemma")), 2, "play"),  # type: ignore[arg-type]
    (lambda: bs.plot(bs.load_game("security_dilemma")), 2, "Game"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "exit_code", "named"), HERE)
def test_a_mistake(mistake: Callable[[], Any], exit_code: int, named: str) -> None:
    with pytest.raises((ScenarioError, StudyError)) as caught:
        mistake()
    error = caught.value
    if exit_code == 4:
        assert isinstance(error, ScenarioError)
        assert [problem.code for problem in error.problems] == [named]
        assert error.problems[0].line >= 1 and error.problems[0].file
    else:
        assert isinstance(error, StudyError) and error.exit_code == exit_code
        assert named in str(error) and "<here>" not in str(error)


OF_RESULTS: list[tuple[Callable[[bs.AnalysedResult], Any], str]] = [
    (lambda result: bs.compare(result, result), "out="),
    (lambda result: bs.plot(result, "fann"), "fann"),
    (lambda result: bs.plot(result, outcome="accords"), "accords"),
    (lambda result: bs.explain(result, "XAR-XZZ"), "XZZ"),
    (lambda result: bs.explain(result, "XAR"), "two codes"),
    (lambda result: bs.explain(result, ("XAR", "XZZ")), "XZZ"),
    (lambda result: bs.explain(result, runs=0), "runs"),
    (bs.sensitivity, "folder"),
    (lambda result: result.fan("countr"), "countr"),
    (lambda result: bs.explain(result, run=77), "77"),
    (lambda result: bs.explain(result, arm="sumit"), "sumit"),
    (lambda result: result.by_run.frame("acords"), "acords"),
    (lambda result: result.by_run.of("sumit", result.headline_outcome), "sumit"),
]


@pytest.mark.parametrize(("mistake", "named"), OF_RESULTS)
def test_a_mistake_with_a_result(mistake: Callable[[Any], Any], named: str, result: bs.AnalysedResult) -> None:
    with pytest.raises(StudyError) as caught:
        mistake(result)
    assert caught.value.exit_code == 2 and named in str(caught.value)
