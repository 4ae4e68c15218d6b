"""A small study, and two small games that were played."""

import balance_sim as bs
import pytest
from balance_sim.games.keep import PlayedGame
from playing import ROOT, of_three, played


@pytest.fixture(scope="session")
def of_five() -> bs.Result:
    return bs.run(bs.load_scenario(ROOT / "experiments" / "smoke" / "five_states.yaml"), runs=12, seed=2)


@pytest.fixture(scope="session")
def dilemma(tmp_path_factory: pytest.TempPathFactory) -> PlayedGame:
    """The shipped game of two rivals: 8 replications, 12 draws."""
    folder = tmp_path_factory.mktemp("games") / "dilemma"
    return played(ROOT / "games" / "security_dilemma.yaml", folder, 8, 12)


@pytest.fixture(scope="session")
def three(tmp_path_factory: pytest.TempPathFactory) -> PlayedGame:
    return of_three(tmp_path_factory.mktemp("three"))
