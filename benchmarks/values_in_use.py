"""Values in use against what is drawn: which lie outside of the central 50 % and 95 %
of their posterior, scenario by scenario; and the weights of acts of the defaults, from
the posterior that all scenarios share.

    python benchmarks/values_in_use.py scenarios/*.yaml
    python benchmarks/values_in_use.py scenarios/solomon_2022.yaml --write

A scenario's own values are the means of its draws, which `balance-sim evidence
posterior` writes into their head. `--write` writes what the draws say of the weights of
acts into defaults.yaml: mean and central 95 %; what was guessed before, of which event data are
multiples, stays as `centre` and `declared` of the prior."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np

import balance_sim
from balance_sim.evidence.posterior.parameter_draws import posterior_draws
from balance_sim.scenario import load_scenario
from balance_sim.scenario.setter import value_at
from balance_sim.study.draws import CODING, Draws

DEFAULTS = Path(balance_sim.__file__).parent / "scenario" / "defaults.yaml"
WEIGHT = re.compile(r"    (alignment|intent): \{value: ([-\d.]+), .*family: ladder")
INCIDENT = re.compile(r"    (intent): \{value: ([-\d.]+), .*family: log-normal")


def share_outside(path: Path) -> None:
    """Print how many values in use lie outside of which intervals, and which."""
    scenario = load_scenario(path)
    draws = posterior_draws(scenario)
    outside: dict[int, list[str]] = {50: [], 95: []}
    paths = [name for name in draws.paths if name != CODING]
    for name in paths:
        value = value_at(scenario, name)
        for percent, names in outside.items():
            ends = np.quantile(
                draws.column(name), [0.5 - percent / 200, 0.5 + percent / 200]
            )
            if not ends[0] <= value <= ends[1]:
                names.append(name)
    print(
        f"{scenario.name}: {len(paths)} drawn, outside of the central 50 %: "
        f"{len(outside[50])} {', '.join(outside[50])}; of the central 95 %: "
        f"{len(outside[95])}"
    )


def written(text: str, draws: Draws) -> str:
    """The text of the defaults with the weights of acts as they are drawn."""
    lines, kind, is_kind = [], "", False
    for line in text.splitlines():
        if not line.startswith(" "):
            is_kind = line.startswith("event_kinds:")
        elif is_kind and not line.startswith("   "):
            kind = line.strip().rstrip(":")
        match = WEIGHT.match(line)
        if kind == "incident":
            match = INCIDENT.match(line)
        if is_kind and match:
            values = draws.column(f"event_kinds.{kind}.{match[1]}")
            lines.append(_rewritten(line, match[2], values))
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _rewritten(line: str, value: str, values: np.ndarray) -> str:
    """A line of the defaults with mean and central 95 % of the draws."""
    low, high = np.quantile(values, [0.025, 0.975])
    declared = re.search(r"source: \w+, range: (\[[^]]*\])", line)
    assert declared is not None, line
    line = line.replace(f"value: {value}", f"value: {values.mean():.3g}", 1)
    known = f"source: posterior, range: [{low:.3g}, {high:.3g}]"
    line = line.replace(declared[0], known, 1)
    if "centre:" in line:
        return line
    guess = f", centre: {value}, declared: {declared[1]}"
    return re.sub(r"(prior: \{family: [\w-]+)", rf"\1{guess}", line, count=1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenarios", nargs="+", type=Path)
    parser.add_argument("--write", action="store_true", help="Into defaults.yaml.")
    args = parser.parse_args()
    for path in args.scenarios:
        share_outside(path)
    if args.write:
        draws = posterior_draws(load_scenario(args.scenarios[0]))
        DEFAULTS.write_text(
            written(DEFAULTS.read_text(encoding="utf-8"), draws), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
