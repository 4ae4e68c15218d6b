"""Golden runs: one replication of every shipped scenario as text, who signed what when, and why.

    uv run python tests/golden/golden.py

writes them anew, beside this file. A change of the model's results shows in the difference of these texts, line by
line; whoever means it makes them again and reads what has changed. `test_golden.py` compares."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from balance_sim.effects.explain.timeline import Trace, rows_of_talks, traced
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import DIRECTIONS, ORIGINS
from balance_sim.model.state import AgreementRows
from balance_sim.model.thinning import draw_opportunities
from balance_sim.scenario import Scenario, load_scenario
from balance_sim.study.blocks import Block, simulate_block

HERE = Path(__file__).parent
SCENARIOS = HERE.parents[1] / "scenarios"
SEED, RUN = 1, 0
NAMES = (
    *("aukus_2021", "beijing_2025", "nolimits_2022", "sinosov_1950", "solomon_2022"),
    *("taiwan", "tripartite_1940", "ukraine_2022"),
)
MOST = 3  # reasons of a side that are named

Key = tuple[str, str, str, str, int]  # states, kind, origin, count


def golden(name: str) -> str:
    """The text of a shipped scenario."""
    scenario = load_scenario(SCENARIOS / f"{name}.yaml")
    control = scenario.reference_arm
    arm = next(one for one in scenario.arms if one != control)
    worlds = compile_worlds(scenario, (control, arm))
    run = np.array([RUN], dtype=np.uint64)
    opportunities = draw_opportunities(worlds.reference, SEED, run)
    told = {}
    for one in (control, arm):
        trace = traced(worlds, one, SEED, run, opportunities)
        told[one] = {key: tuple(lines) for key, lines in _signed(worlds, trace, opportunities)}
    out = [
        f"{name}: what replication {RUN} of seed {SEED} signs, in the order of the day of signature.",
        "A line an agreement: day, states, kind, class; how it came about; its entry into force. Below it, where the",
        "talks opened in the run: with which probability each side consents, the uniform number below it, and the",
        f"{MOST} largest parts of its willingness in nats.",
        "",
        f"{control}, {len(told[control])} agreements",
        *(line for lines in told[control].values() for line in lines),
        "",
        f"{arm}, {len(told[arm])} agreements; those that differ: - as in {control}, + as here",
    ]
    for key in sorted({*told[control], *told[arm]}, key=lambda key: min(t[key] for t in told.values() if key in t)):
        there, here = (told[one].get(key, ()) for one in (control, arm))
        if there[:1] != here[:1]:
            out += [f"{mark} {line}" for mark, lines in (("-", there), ("+", here)) for line in lines[:1]]
    return "\n".join([*out, "", *_outcomes(worlds, control, arm)]) + "\n"


def _outcomes(worlds: Worlds, control: str, arm: str) -> Iterator[str]:
    """Every outcome in both arms, window by window, six digits."""
    runs = simulate_block(worlds, SEED, Block(RUN, RUN + 1), (control, arm)).runs.to_pylist()
    both = [next(row for row in runs if row["arm"] == one) for one in (control, arm)]
    windows = sorted(worlds.scenario.report.windows)
    yield f"outcomes: {control}, {arm}, within {' | '.join(map(str, windows))} days; one number where they are the same"
    found: dict[str, list[str]] = {}
    for name in both[0]:
        if name not in ("run", "arm"):
            front, _, last = name.rpartition("_")
            values = dict.fromkeys(f"{row[name]:.6g}" for row in both)
            found.setdefault(front if last.isdigit() else name, []).append(", ".join(values))
    yield from (f"{name}: {' | '.join(values)}" for name, values in found.items())


def _signed(worlds: Worlds, trace: Trace, opportunities) -> Iterator[tuple[Key, list[str]]]:  # type: ignore[no-untyped-def]
    """Agreements signed in the run, by day: what names each, and its lines."""
    world, made, scenario = worlds.reference, trace.made, worlds.scenario
    rows = rows_of_talks(opportunities, made)
    signed = np.flatnonzero((made.signed >= 0) & np.isfinite(made.signed))
    for row in signed[np.lexsort((made.kind[signed], made.dyad[signed], made.signed[signed]))]:
        dyad, kind, count = (int(of[row]) for of in (made.dyad, made.kind, made.count))
        states = [world.codes[who[dyad]] for who in (world.first, world.second)]
        origin = ORIGINS[made.origin[row]]
        lines = [_line(scenario, made, int(row), states, world.ladder.names[kind], _class(worlds, dyad), origin)]
        if origin == "new":
            at = rows[dyad, kind, count]
            lines += [f"      {_side(trace, opportunities, at, side, states[side])}" for side in (0, 1)]
        yield (states[0], states[1], world.ladder.names[kind], origin, count), lines


def _class(worlds: Worlds, dyad: int) -> str:
    return DIRECTIONS[worlds.baseline.direction[dyad]]


def _line(
    scenario: Scenario,
    made: AgreementRows,
    row: int,
    states: list[str],
    kind: str,
    of_class: str,
    origin: str,
) -> str:
    def day(value: float) -> dt.date:
        return scenario.start + dt.timedelta(days=int(np.floor(value)))

    how = {"assumed": "in talks at the start, not on record", "scheduled": "date fixed before the start"}.get(origin)
    if how is None:
        talks = np.floor(made.signed[row]) - np.floor(made.opened[row])
        how = f"talks since {day(made.opened[row])}, {talks:.0f} days" + (", on record" if origin == "talks" else "")
        how = f"by accession to a pact: {how}" if origin == "accession" else how
    ends = {1: "awaits entry into force", 2: f"in force {day_or(made.in_force[row], day)}"}
    end = ends.get(int(made.stage[row]))
    if end is None:
        lasted = np.isfinite(made.in_force[row])
        end = f"in force {day(made.in_force[row])}, ended" if lasted else "collapsed"
        end += f" {day(made.ended[row])}"
    return f"{day(made.signed[row])}  {'-'.join(states)}  {kind}  {of_class}: {how}; {end}"


def day_or(value: float, day) -> str:  # type: ignore[no-untyped-def]
    return str(day(value)) if np.isfinite(value) else ""


def _side(trace: Trace, opportunities, row: int, side: int, state: str) -> str:  # type: ignore[no-untyped-def]
    parts = {name: float(of[side, row]) for name, of in trace.parts.items()}
    largest = sorted(parts, key=lambda name: (-abs(parts[name]), name))[:MOST]
    why = ", ".join(f"{name} {parts[name]:+.2f}" for name in largest)
    consent, needs = trace.consent[row, side], opportunities.needs[row, side]
    return f"{state} {consent:.3f} against {needs:.3f}: {why}"


def path_of(name: str) -> Path:
    return HERE / f"{name}.txt"


if __name__ == "__main__":
    for scenario_name in NAMES:
        path_of(scenario_name).write_text(golden(scenario_name), encoding="utf-8")
        print(f"written: tests/golden/{scenario_name}.txt")
