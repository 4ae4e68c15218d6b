"""What a world does for standard acts, against the record: the table and the gates of docs/reactions.md.

    python benchmarks/reaction_gates.py

Expected effects, by the shipped parameters, on two shipped scenarios. The acts are hypothetical but for those that the
scenarios hold."""

from __future__ import annotations

import tempfile
from pathlib import Path

import balance_sim as bs
from balance_sim.scenario import load_scenario

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


def effects(
    world: str, control: str, arms: dict[str, str]
) -> dict[str, bs.ExpectedEffect]:
    """Expected effects of arms that are laid over a shipped scenario."""
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
        scenario = load_scenario(path)
    return {name: bs.effect(scenario, name) for name in arms}


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


def main() -> None:
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
    found = effects("beijing_2025", "parade", arms)
    print(
        "Beijing 2025, counter-balancing security agreements within a year, over the control arm"
    )
    for name, effect in found.items():
        print(
            f"  {name:14s}{100 * (of_all(effect, 'counter') - 1):+7.2f} %   all {100 * (of_all(effect, 'all') - 1):+7.2f} %"
        )
    for name in ("blockade", "war_alone", "war"):
        states = ", ".join(
            f"{code} {of_state(found[name], code):.3f}"
            for code in ("JPN", "PHL", "VNM", "USA", "KOR")
        )
        print(f"  {name}: {states}")
    dyads = [("CHN", "RUS"), ("RUS", "PRK"), ("CHN", "PRK")]
    print(
        "  pact:",
        ", ".join(f"{a}-{b} {of_state(found['pact'], a, b):.3f}" for a, b in dyads),
    )
    of_codings, left_out = codings("beijing_2025", "parade")
    for title, rows in (("codings", of_codings), ("targets left out", left_out)):
        shown = ", ".join(f"{name} {value:.3f}" for name, value in rows.items())
        print(f"  {title}: {shown}")
    invasion = (
        act("force", "RUS", "UKR", INVASION)
        + f", {changes(f'{{date: {INVASION}, dyad: [RUS, UKR], war: true}}')}"
    )
    effect = effects("nolimits_2022", "signal", {"invasion": invasion})["invasion"]
    states = ", ".join(
        f"{code} {of_state(effect, code):.3f}"
        for code in ("POL", "FIN", "SWE", "DEU", "NOR", "JPN")
    )
    print(f"No limits 2022, invasion of Ukraine alone: {states}")


if __name__ == "__main__":
    main()
