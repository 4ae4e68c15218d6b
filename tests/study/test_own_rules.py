"""Terms of willingness and kinds of event of the user's own: exact, recorded, explained, and run only where named."""

import json
import linecache
import sys
from collections.abc import Iterator
from pathlib import Path

import balance_sim as bs
import pytest
from balance_sim.archive.reproduce import job_of
from balance_sim.effects.explain.attribution import attribute
from balance_sim.model.own import events, terms
from balance_sim.model.own import modules as plugins
from balance_sim.scenario.diagnostics import ScenarioError
from balance_sim.scenario.errors import WrongRequest
from balance_sim.study.folder import scenario_of
from balance_sim.study.store import Store
from balance_sim.study.sweep_result import open_sweep
from program import call

SMALL = Path(__file__).resolve().parents[2] / "experiments" / "smoke" / "five_states.yaml"
MINE = """
import balance_sim as bs
import numpy as np

@bs.term
def tongue(now):
    "1 where both states have the language."
    speaks = np.isin(now.states, ["XCO", "XDO", "XEL"])
    return speaks[:, None] & speaks

@bs.term(between=(-1, 0))
def feared(now):
    "As the built-in term of hostility."
    return -now.hostility

@bs.event_kind
def plain(event):
    "As a built-in kind."
    for place, one in enumerate(event.principals):
        yield "reliability", one, 1
        yield from (("alignment", one, other, 1.0) for other in event.principals[place + 1 :])
        yield from (("intent", target, one, 1.0) for target in event.targets)

@bs.term
def empty(now):
    return np.log(now.distance_km * 0)

@bs.term
def vector(now):
    return np.ones(3)

@bs.term
def leaning(now):
    return np.triu(np.ones((5, 5)))

@bs.term(between=(0, 0.1))
def narrow(now):
    return now.depth + 0.2

@bs.term
def hasty(now):
    x = 1
    return now.depth * x

@bs.event_kind
def short(event):
    yield "intent", "XAR", 1.0

@bs.event_kind
def astray(event):
    yield "intent", "XAR", "FRA", 1.0

@bs.term
def imaginary(now):
    return 1j * np.ones((5, 5))

@bs.term
def masked(now):
    return np.ma.masked_all((5, 5))

@bs.term(between=(0, 2))
def crowded(now):
    return now.partners.sum(-1)[..., None, None] + 0.0 * now.distance_km

@bs.term
def lottery(now):
    return np.random.default_rng().random((5, 5))

@bs.term
def misspelt(now):
    return np.isin(now.states, ["XOC"])[:, None] * np.ones(5)

@bs.event_kind
def unheeded(event):
    return [("intent", state, event.host, 1.0) for state in event.states if state == "XOC"]
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module in the working directory, new to this process; what it registers is forgotten after."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    name = f"rules_{abs(hash(str(tmp_path))):x}"
    (tmp_path / f"{name}.py").write_text(MINE, encoding="utf-8")
    kept = [dict(registry.entries) for registry in (terms.REGISTERED, events.REGISTERED)]
    entered = dict(plugins._entered)
    yield name
    for registry, before in zip((terms.REGISTERED, events.REGISTERED), kept, strict=True):
        registry.entries.clear()
        registry.entries.update(before)
    plugins._entered.clear()
    plugins._entered.update(entered)


def small(**weights: float) -> bs.Scenario:
    return bs.load_scenario(SMALL, set=[f"theory.weights.{name}={value}" for name, value in weights.items()])


def with_kind(kind: str, **weights: float) -> bs.Scenario:
    """The small scenario, whose summit is of a kind of its own and aimed at somebody."""
    declared = (
        f"event_kinds: {{{kind}: {{alignment: 0.8, intent: 0.4, reliability: 0.2, half_life_days: 180}}}}\ngroups:"
    )
    text = (
        SMALL.read_text(encoding="utf-8")
        .replace("\ngroups:", f"\n{declared}")
        .replace("kind: joint_summit", f"kind: {kind}")
    )
    path = Path(f"{kind}.yaml")
    path.write_text(text.replace("host: XAR, visi", "targets: [XCO, XEL], host: XAR, visi"), encoding="utf-8")
    return bs.load_scenario(path, set=[f"theory.weights.{name}={value}" for name, value in weights.items()])


def test_weight_nought_changes_no_digest_and_another_does(mine: str) -> None:
    plugins.load(mine)
    none, off, on = (bs.run(small(**of), runs=20) for of in ({}, {"own_tongue": 0.0}, {"own_tongue": 2.0}))
    assert none.digest == off.digest != on.digest
    known = on.levels.set_index(["arm", "outcome"])["mean"]
    assert (
        known["no_summit", "accords_all_300"]
        > none.levels.set_index(["arm", "outcome"])["mean"]["no_summit", "accords_all_300"] + 0.1
    )


def test_a_term_that_copies_a_built_in_one_gives_the_same_digest(mine: str) -> None:
    """Thinning by the declared bounds, agents and the block engine take part: no bit may differ."""
    plugins.load(mine)
    built_in = small().theory.weights["hostility"]
    whole = bs.load_scenario(SMALL, set=[f"theory.weights.hostility={built_in + 1}"])
    copied = bs.load_scenario(SMALL, set=["theory.weights.own_feared=1"])
    one, other = bs.run(whole, runs=20), bs.run(copied, runs=20)
    assert one.digest == other.digest
    agents = bs.run(copied, runs=4, model="balance_sim:StateAgent")
    assert agents.digest == bs.run(copied, runs=4).digest


def test_a_kind_that_copies_a_built_in_one_gives_the_same_digest(mine: str) -> None:
    plugins.load(mine)
    assert bs.run(with_kind("mine"), runs=10).digest == bs.run(with_kind("own_plain"), runs=10).digest


def test_workers_records_explain_and_verify(mine: str) -> None:
    scenario = with_kind("mine", own_feared=1.0)
    result = bs.run(scenario, runs=18, workers=2, out="a", terms=mine)
    assert result.digest == bs.run(scenario, runs=18).digest
    manifest = Store(Path("a")).manifest()
    assert manifest.own_rules == (("own_feared", f"{mine}:feared"),) and {*manifest.fingerprint.modules} == {mine}
    parts = attribute(result, runs=8)
    assert parts.groups["own"] == ("own_feared",)
    job = job_of(manifest, scenario_of(manifest))
    assert job.own == ()
    Path(f"{mine}.py").write_text(MINE + "# changed\n", encoding="utf-8")
    linecache.checkcache()
    with pytest.raises(WrongRequest, match="was edited after it was imported"):
        bs.run(scenario, runs=18, out="a")
    terms.REGISTERED.entries.clear()
    with pytest.raises(WrongRequest, match=f"--terms {mine}"):
        job_of(manifest, scenario_of(manifest))


def test_its_code_runs_only_where_it_is_named(mine: str) -> None:
    scenario = small(own_tongue=1.0)
    with pytest.raises(ScenarioError, match="no term of willingness of your own is loaded under the name `tongue`"):
        bs.run(scenario, runs=2)
    assert mine not in sys.modules
    assert bs.run(scenario, runs=2, terms=mine).runs == 2


def test_a_sweep_takes_its_weight(mine: str) -> None:
    Path("small.yaml").write_text(SMALL.read_text(encoding="utf-8"), encoding="utf-8")
    head = "schema: 1\nscenario: small.yaml\nruns: 4\noutcomes: [accords_all_300]\n"
    Path("exp.yaml").write_text(f"{head}factors: {{theory.weights.own_tongue: [0, 2]}}\n", encoding="utf-8")
    done = call("sweep", "exp.yaml", "--workers", "1", "--out", "s", "--terms", mine)
    assert done.exit_code == 0, done.output
    levels = open_sweep(Path("s")).levels
    means = levels[levels["arm"] == "no_summit"].groupby("theory.weights.own_tongue")["mean"].first()
    assert means[2.0] > means[0.0]


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("empty", 24, "the term is -inf for XAR about XBE"),
        ("vector", 28, "gives an array of (3,), not of (5, 5) states by states"),
        ("narrow", 36, "allowed: 0 to 0.1"),
        ("imaginary", 53, "ends in TypeError: complex numbers"),
        ("masked", 57, "is nan for XAR about XBE"),
        ("lottery", 65, "when asked again"),
        ("hasty", 43, "`depth` changes in a replication"),
        ("misspelt", 69, "is 0 for every two states"),
    ],
)
def test_what_a_term_must_not_give_is_told_with_its_line(mine: str, name: str, line: int, said: str) -> None:
    done = call(
        "run", str(SMALL), "--runs", "2", "--out", "a", "--terms", mine, "--set", f"theory.weights.own_{name}=1"
    )
    assert done.exit_code == 4 and said in done.stderr and "Traceback" not in done.stderr
    assert done.stderr.startswith(f"{mine}.py:{line}:1: error[E310] theory.weights.own_{name}: ")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_term_out_of_bounds_in_some_replications_ends_the_study(mine: str, workers: int) -> None:
    """The bound holds at the start, and where nobody signs: what those replications give would be biased."""
    with pytest.raises(ScenarioError) as caught:
        bs.run(small(own_crowded=0.1), runs=40, workers=workers, terms=mine)
    [problem] = caught.value.problems
    assert (problem.code, problem.file, problem.line) == ("E310", f"{mine}.py", 61)
    assert problem.path == "theory.weights.own_crowded"


def test_what_a_kind_must_not_give(mine: str) -> None:
    with_kind("own_short")
    done = call("run", "own_short.yaml", "--runs", "2", "--out", "a", "--terms", mine)
    assert done.exit_code == 4 and "of event `summit` the function gives ('intent', 'XAR', 1.0)" in done.stderr


def test_a_kind_that_moves_nobody_is_warned_of(mine: str) -> None:
    codes = {}
    for kind in ("own_plain", "own_unheeded"):
        with_kind(kind)
        findings = json.loads(call("check", f"{kind}.yaml", "--terms", mine, "--json").stdout)["warnings"]
        codes[kind] = {finding["code"] for finding in findings}
    assert "W324" in codes["own_unheeded"] and "W324" not in codes["own_plain"]


def test_a_kind_that_names_no_state(mine: str) -> None:
    with_kind("own_astray")
    done = call("run", "own_astray.yaml", "--runs", "2", "--out", "a", "--terms", mine)
    assert done.exit_code == 4 and done.stderr.startswith(f"{mine}.py:49:1: error[E310] event_kinds.own_astray: ")
    assert "FRA" in done.stderr
