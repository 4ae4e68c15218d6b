"""What a world does for standard acts, against the record: the table and the gates of docs/reactions.md.

    python benchmarks/reaction_gates.py [--runs 200]

Expected effects, by the shipped parameters, on two shipped scenarios; with --runs also those of simulated replications,
by the filtered estimator, with Monte Carlo standard errors. The acts are hypothetical but for those that the scenarios
hold."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import balance_sim as bs
from balance_sim.scenario import load_scenario
from balance_sim.scenario.schema import Scenario

DAY, INVASION = "2025-09-03", "2022-02-24"
FIVE = ("AUS", "IND", "JPN", "KOR", "PHL")
READ_AS_FORCE = "AUS BRN CAN DEU FJI FRA GBR IDN IND ITA JPN KOR MYS NLD NOR NZL PHL PNG POL SGP TWN USA VNM"
"""Whom a coder might have a war on Taiwan aimed at."""


def act(kind: str, who: str, at: str, day: str = DAY) -> str:
    """An arm with one act beside the control arm's, as YAML."""
    row = f"id: act, date: {day}, kind: {kind}, label: act, source: hypothetical, visibility: 1.0"
    return f"add: [{{{row}, principals: [{who}], targets: [{at}]}}]"


def changes(*rows: str) -> str:
    """An arm with changes of the world."""
    return f"changes: [{', '.join(rows)}]"


def pact(*members: str) -> str:
    """A defence pact of all dyads of these, in force at once."""
    dyads = [(a, b) for a in members for b in members if a < b]
    terms = f"kind: defence_pact, in_force: {DAY}"
    return changes(
        *(f"{{date: {DAY}, agreement: {{a: {a}, b: {b}, {terms}}}}}" for a, b in dyads)
    )


def laid_over(world: str, control: str, arms: dict[str, str]) -> Scenario:
    """A shipped scenario with other arms."""
    with tempfile.TemporaryDirectory() as home:
        path = Path(home) / "gates.yaml"
        rows = [
            f"  {name}: {{drop: [{control}], {content}}}"
            for name, content in arms.items()
        ]
        path.write_text(
            "\n".join([f"schema: 1\nextends: {world}\narms:", *rows, ""]),
            encoding="utf-8",
        )
        return load_scenario(path)


def percent(mean: float, error: float, level: float) -> str:
    return f"{100 * mean / level:+.2f} % ({100 * error / level:.2f})"


def simulated(
    scenario: Scenario, runs: int, arms: list[str], states: dict[str, list[str]]
) -> None:
    """Print effects by the filtered estimator, over the control arm's number, with Monte Carlo standard errors: of some
    arms on all counter-balancing agreements, and on those of states or dyads by arm."""
    result = bs.run(scenario, runs=runs, seed=1, arms=arms)
    outcome, control = result.headline_outcome, result.reference
    levels = result.levels.set_index(["arm", "outcome"])["mean"]
    rows = result.effects[result.effects["outcome"] == outcome].set_index("arm")
    of_states = result.states.set_index(["arm", "state"])
    of_dyads = result.dyads.set_index(["arm", "a", "b"])
    print(f"  {runs} replications, {rows['estimator'].unique().item()} estimator")
    for arm, row in rows.iterrows():
        total = percent(row["mean"], row["mcse"], levels[control, outcome])
        print(f"  {arm:14s}{total}")
        for one in states.get(str(arm), []):
            a, _, b = one.partition("-")
            found = of_dyads.loc[(arm, a, b)] if b else of_states.loc[(arm, a)]
            print(
                f"    {one} {percent(found['effect'], found['mcse'], found['mean_control'])}"
            )


def of_all(effect: bs.ExpectedEffect, outcome: str) -> float:
    """Security agreements of a sort in the longest window, with over without."""
    without, having = (
        numbers[f"accords_{outcome}_{effect.window}"] for numbers in effect.outcomes
    )
    return having / without


def of_state(effect: bs.ExpectedEffect, *codes: str) -> float:
    """Security agreements of a state, or of a dyad, with over without."""
    rows = effect.dyads
    for code in codes:
        rows = rows[(rows["a"] == code) | (rows["b"] == code)]
    return float(1 + rows["effect"].sum() / rows["control"].sum())


def codings(world: str, arm: str) -> tuple[dict[str, float], dict[str, float]]:
    """Effect of the focal event on counter-balancing agreements, in %: under each coding of its targets, and with each
    of the file's own targets left out."""

    def effect(targets: tuple[str, ...]) -> float:
        path = f"events.{written.focal}.targets=[{', '.join(targets)}]"
        scenario = load_scenario(Path(f"scenarios/{world}.yaml"), set=[path])
        return 100 * (of_all(bs.effect(scenario, arm), "counter") - 1)

    written = load_scenario(Path(f"scenarios/{world}.yaml"))
    event = next(one for one in written.events if one.id == written.focal)
    own = {"as written": event.targets}
    others = {row.id: row.targets for row in written.targets_alternatives}
    left = {
        f"without {one}": tuple(kept for kept in event.targets if kept != one)
        for one in event.targets
    }
    return (
        {name: effect(targets) for name, targets in (own | others).items()},
        {name: effect(targets) for name, targets in left.items()},
    )


ASIAN = ["JPN", "PHL", "VNM", "USA", "KOR"]
EUROPEAN = ["POL", "FIN", "SWE", "DEU", "NOR", "JPN"]
OTHER_SIDE = ["CHN-RUS", "PRK-RUS", "CHN-PRK"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=0)
    runs = parser.parse_args().runs
    three, taiwan = "CHN, RUS, PRK", "TWN"
    arms = {
        "parade": act("joint_summit", three, "USA, JPN, KOR"),
        "treaty": act("treaty", three, "USA, JPN, KOR"),
        "display": act("display", "CHN", taiwan),
        "blockade": act("force", "CHN", taiwan),
        "war": act("force", "CHN", READ_AS_FORCE.replace(" ", ", "))
        + f", {changes(f'{{date: {DAY}, dyad: [CHN, TWN], war: true}}')}",
        "war_alone": act("force", "CHN", taiwan)
        + f", {changes(f'{{date: {DAY}, dyad: [CHN, TWN], war: true}}')}",
        "pact": pact(*FIVE),
        "reassurance": act("reassurance", three, "USA, JPN, KOR"),
    }
    scenario = laid_over("beijing_2025", "parade", arms)
    found = {name: bs.effect(scenario, name) for name in arms}
    print(
        "Beijing 2025, counter-balancing security agreements within a year, over the control arm"
    )
    for name, effect in found.items():
        print(
            f"  {name:14s}{100 * (of_all(effect, 'counter') - 1):+7.2f} %   all {100 * (of_all(effect, 'all') - 1):+7.2f} %"
        )
    for name in ("blockade", "war_alone", "war"):
        states = ", ".join(
            f"{code} {of_state(found[name], code):.3f}" for code in ASIAN
        )
        print(f"  {name}: {states}")
    print(
        "  pact:",
        ", ".join(
            f"{dyad} {of_state(found['pact'], *dyad.split('-')):.3f}"
            for dyad in OTHER_SIDE
        ),
    )
    if runs:
        named = dict.fromkeys(("blockade", "war_alone", "war"), ASIAN)
        simulated(scenario, runs, [*arms], named | {"pact": OTHER_SIDE})
    of_codings, left_out = codings("beijing_2025", "parade")
    for title, rows in (("codings", of_codings), ("targets left out", left_out)):
        shown = ", ".join(f"{name} {value:.3f}" for name, value in rows.items())
        print(f"  {title}: {shown}")
    invasion = (
        act("force", "RUS", "UKR", INVASION)
        + f", {changes(f'{{date: {INVASION}, dyad: [RUS, UKR], war: true}}')}"
    )
    scenario = laid_over("nolimits_2022", "signal", {"invasion": invasion})
    effect = bs.effect(scenario, "invasion")
    states = ", ".join(f"{code} {of_state(effect, code):.3f}" for code in EUROPEAN)
    print(f"No limits 2022, invasion of Ukraine alone: {states}")
    if runs:
        simulated(scenario, runs, ["invasion"], {"invasion": EUROPEAN})


if __name__ == "__main__":
    main()
