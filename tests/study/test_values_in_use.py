"""The values that a scenario uses where its file gives none: the means of its posterior's draws."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from balance_sim.evidence.posterior.files import at_values_in_use, values_in_use
from balance_sim.evidence.posterior.parameter_draws import posterior_draws
from balance_sim.evidence.posterior.priors import prior_draws
from balance_sim.scenario import Scenario, load_scenario
from balance_sim.scenario.defaults import priors, reference_values
from balance_sim.scenario.diagnostics import ScenarioError
from balance_sim.scenario.fingerprint import posterior_digest
from balance_sim.scenario.nodes import from_plain
from balance_sim.scenario.schema import SIGNAL_ORDER
from balance_sim.scenario.setter import value_at
from balance_sim.study.draws import CODING, Draws
from tests.study.conftest import solomon_with_draws

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
WITH_POSTERIOR = sorted(path.parent.name for path in SCENARIOS.glob("*/posterior.yaml"))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A small scenario with draws of its prior, and a few of their means."""
    path = solomon_with_draws(tmp_path, 40)
    head = path.with_suffix("") / "posterior.yaml"
    content, draws = yaml.safe_load(head.read_text()), prior_draws(load_scenario(path), 40)
    paths = [f"event_kinds.{kind}.intent" for kind in SIGNAL_ORDER] + ["parameters.beta"]
    content["values"] = {one: float(draws.column(one).mean()) for one in paths}
    plain = load_scenario(path, drawn=False)
    content["scenario_sha256"] = posterior_digest(plain, content["values"])
    head.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize("name", WITH_POSTERIOR)
def test_no_value_in_use_lies_outside_of_the_central_half_of_its_draws(name: str) -> None:
    scenario = load_scenario(SCENARIOS / f"{name}.yaml")
    draws = posterior_draws(scenario)
    assert len(draws.paths) > 150
    for path in set(draws.paths) - {CODING}:
        low, high = np.quantile(draws.column(path), [0.25, 0.75])
        assert low <= value_at(scenario, path) <= high, path


@pytest.mark.parametrize("name", WITH_POSTERIOR)
def test_values_in_use_are_the_means_of_the_draws(name: str) -> None:
    scenario = load_scenario(SCENARIOS / f"{name}.yaml")
    draws, values = posterior_draws(scenario), scenario.posterior.values
    shares = {f"capability.{share}" for share in ("gdp", "milex", "population")}
    for path in values.keys() - shares:
        assert value_at(scenario, path) == values[path]
        column = draws.column(path)
        expected = np.clip(column.mean(), *np.quantile(column, [0.25, 0.75]))
        assert values[path] == pytest.approx(expected, rel=1e-3), path
    for path in values.keys() & shares:
        assert values[path] == pytest.approx(draws.column(path).mean(), abs=2e-4)


def test_draws_do_not_depend_on_the_values_in_use(copy: Path) -> None:
    """Or a posterior would be another one once its own means are in use."""
    with_means, plain = load_scenario(copy), load_scenario(copy, drawn=False)
    assert with_means.parameters.beta != plain.parameters.beta
    assert prior_draws(with_means, 5).sha256 == prior_draws(plain, 5).sha256
    assert posterior_draws(with_means).paths == prior_draws(plain, 1).paths


def test_what_the_file_gives_stays_and_is_not_drawn(copy: Path) -> None:
    plain = load_scenario(copy)
    copy.write_text(copy.read_text() + "\nparameters: {beta: 0.44}\n")
    given = load_scenario(copy)
    assert given.parameters.beta == 0.44
    assert given.event_kinds == plain.event_kinds
    assert set(posterior_draws(plain).paths) - set(posterior_draws(given).paths) == {"parameters.beta"}


@pytest.mark.parametrize(("text", "code"), [("parameters: 3", "E201"), ("parameters:", "E207")])
def test_what_is_wrong_in_the_file_is_not_hidden_by_means(copy: Path, text: str, code: str) -> None:
    copy.write_text(f"{copy.read_text()}\n{text}\n")
    with pytest.raises(ScenarioError) as refused:
        load_scenario(copy)
    assert [(one.code, one.path) for one in refused.value.problems] == [(code, "parameters")]


def test_one_weight_of_the_ladder_that_the_file_gives_keeps_all_others_at_their_defaults(copy: Path) -> None:
    """Means of the others could lie above it, and a scenario is refused where costly signals do not rise."""
    means = load_scenario(copy)
    copy.write_text(copy.read_text() + "\nevent_kinds: {treaty: {intent: 0.3}}\n")
    defaults, given = load_scenario(copy, drawn=False), load_scenario(copy)
    assert given.event_kinds["treaty"].intent == 0.3
    for kind in set(SIGNAL_ORDER) - {"treaty"}:
        assert given.event_kinds[kind].intent == defaults.event_kinds[kind].intent
        assert given.event_kinds[kind].intent != means.event_kinds[kind].intent
    ladder = {f"event_kinds.{kind}.intent" for kind in SIGNAL_ORDER}
    assert not ladder & set(posterior_draws(given).paths)


def test_the_scenario_for_which_a_headline_is_worked_out_is_the_one_that_is_read(copy: Path) -> None:
    def but_posterior(scenario: Scenario) -> Scenario:
        return scenario.model_copy(update={"posterior": plain.posterior})

    read, plain = load_scenario(copy), load_scenario(copy, drawn=False)
    worked_out = at_values_in_use(plain, dict(read.posterior.values))
    assert worked_out.sha256 == read.sha256 != plain.sha256
    assert but_posterior(worked_out) == but_posterior(read)
    assert worked_out.written is worked_out


def test_event_data_are_multiples_of_guesses_that_no_value_in_use_replaces() -> None:
    """Fearon's order holds among the guesses and among what replaces them."""
    guesses, declared = reference_values(), priors()
    scenario = load_scenario(SCENARIOS / "solomon_2022.yaml", drawn=False)
    for field in ("alignment", "intent"):
        paths = [f"event_kinds.{kind}.{field}" for kind in SIGNAL_ORDER]
        assert all(declared[path].numbers["centre"] == guesses[path] for path in paths)
        assert all(value_at(scenario, path) < guesses[path] for path in paths)
        for values in (guesses.get, lambda path: value_at(scenario, path)):
            assert all(values(low) < values(high) for low, high in pairwise(paths))


def test_means_are_of_what_the_file_leaves_open_and_of_every_draw() -> None:
    """Of 1, 2 and 6 the mean is 3 and the median 2; a value that the file gives has none."""
    paths = ("parameters.alpha0", "parameters.beta", "events.signal.visibility")
    draws = Draws(paths, np.outer([1.0, 2.0, 6.0], [1.0, 0.1, 0.01]), "posterior", "")
    assert values_in_use(from_plain({"parameters": {"beta": 0.4}}), draws) == {"parameters.alpha0": 3.0}


def test_one_large_draw_does_not_carry_the_value_in_use_out_of_the_central_half() -> None:
    """Of 1, 1, 1, 2 and 45 the mean is 10 and the third quartile 2."""
    column = np.array([[1.0], [1.0], [1.0], [2.0], [45.0]])
    draws = Draws(("parameters.alpha0",), column, "posterior", "")
    assert values_in_use(from_plain({}), draws) == {"parameters.alpha0": 2.0}
