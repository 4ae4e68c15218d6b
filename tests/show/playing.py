"""Small games that were played, and the same with payoffs made by hand."""

from pathlib import Path

from balance_sim.evidence.posterior.parameter_draws import prior_draws
from balance_sim.games.keep import PlayedGame, keep
from balance_sim.games.plan import load_game
from balance_sim.games.solve import over_parameters, solve
from balance_sim.games.study import play
from balance_sim.study.store import Store

ROOT = Path(__file__).resolve().parents[2]
THREE = """schema: 1
title: Three sides
scenario: world.yaml
players:
  arden:
    title: Arden
    states: [XAR]
    strategies:
      wait: {}
      manoeuvre:
        cost: 0.5
        add:
          - {id: arden_manoeuvre, date: 2025-02-01, kind: exercise, principals: [XAR], targets: [XBE]}
    payoff:
      - {outcome: insecurity, weight: -100, source: assumed}
      - {outcome: relations, of: XCO, weight: 1, source: assumed}
      - {outcome: agreements_with, weight: 0, source: assumed}
  belmar:
    states: [XBE]
    strategies:
      wait: {}
      manoeuvre:
        add:
          - {id: belmar_manoeuvre, date: 2025-02-01, kind: exercise, principals: [XBE], targets: [XAR]}
    payoff:
      - {outcome: insecurity, weight: -100, source: assumed}
  corvia:
    states: [XCO]
    strategies:
      wait: {title: "Corvia waits, and with a very long title says so to whomever would hear it"}
      host:
        add:
          - {id: corvia_hosts, date: 2025-02-01, kind: joint_summit, principals: [XAR, XBE], host: XCO}
      reassure:
        cost: 0.01
        add:
          - {id: corvia_reassures, date: 2025-02-01, kind: reassurance, principals: [XCO], targets: [XAR]}
    payoff:
      - {outcome: relations, of: XBE, weight: 3, source: assumed}
      - {outcome: insecurity, weight: -1, source: assumed}
observed: {arden: wait, belmar: manoeuvre, corvia: host}
"""


def played(path: Path, folder: Path, runs: int, draws: int) -> PlayedGame:
    """A game simulated into a folder, with draws of the prior."""
    game = load_game(path)
    study = play(game, runs, out=folder)
    found = PlayedGame(study, solve(study, over_parameters(game, prior_draws(game.scenario, draws))))
    with Store(folder).lock() as store:
        keep(found, store)
    return found


def of_three(folder: Path) -> PlayedGame:
    """A game of three players, 2 x 2 x 3 strategies: 4 replications, 6 draws; its files and results in a folder."""
    world = ROOT / "games" / "security_dilemma" / "world.yaml"
    (folder / "world.yaml").write_text(world.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "game.yaml").write_text(THREE, encoding="utf-8")
    return played(folder / "game.yaml", folder / "results", 4, 6)
