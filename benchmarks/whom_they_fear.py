"""Gates of the threat rule: is the adversary with the largest A_ij the one that an observer's own papers name?

    python benchmarks/whom_they_fear.py scenarios/beijing_2025.yaml ../shared/facts/threats.csv [--set KEY=VALUE ...]

The table of codings (observer, adversary, also) is no part of the package. A is read at the start of the control
arm. Printed: each coded observer's three largest, and every state whose greatest threat is its treaty ally (a
defence pact in force). Nothing here changes a parameter."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

from balance_sim.model.baseline import compile_worlds
from balance_sim.model.engine import begin, perceive
from balance_sim.scenario import load_scenario

FEARED = 0.05
SHOWN = ("UKR", "RUS", "TWN", "JPN", "KOR", "POL", "FIN", "VUT")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("scenario")
    parser.add_argument("codings", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument(
        "--all", action="store_true", help="Print every state's adversaries."
    )
    args = parser.parse_args()
    scenario = load_scenario(Path(args.scenario), set=args.set)
    worlds = compile_worlds(scenario, arms=[scenario.reference_arm])
    world = worlds.reference
    state = begin(world, worlds.baseline, 0, np.zeros(1, dtype=np.uint64))
    view = perceive(world, state, 0)
    feared, codes = view.adversaries[0], world.codes
    total = view.total[0]
    pact = world.ladder.names.index("defence_pact")
    allied = np.zeros((world.n, world.n), dtype=bool)
    held = world.at_start.in_force[:, pact] > 0
    allied[world.first[held], world.second[held]] = allied[
        world.second[held], world.first[held]
    ] = True

    def told(i: int, most: int = 3) -> str:
        order = np.argsort(-feared[i], kind="stable")[:most]
        return "  ".join(
            f"{codes[j]} {feared[i, j]:.5f} ({feared[i, j] / total[i]:.0%})"
            for j in order
        )

    met, count = 0, 0
    with args.codings.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            i = codes.index(row["observer"])
            coded = {row["adversary"], *filter(None, row["also"].split(";"))}
            right = codes[int(np.argmax(feared[i]))] in coded
            met, count = met + right, count + 1
            print(
                f"{row['observer']}  coded {','.join(sorted(coded)):12s} {'' if right else 'NOT '}met: {told(i)}"
            )
    print(f"{met} of {count} observers; 9 in 10 wanted")
    top = feared.argmax(axis=1)
    wrong = [i for i in range(world.n) if feared[i, top[i]] > 0 and allied[i, top[i]]]
    print(
        "greatest threat is a treaty ally: "
        + (", ".join(f"{codes[i]} ({codes[top[i]]})" for i in wrong) or "nobody's")
    )
    share = feared / view.balance[0][:, None]
    first = [codes[i] for i in range(world.n) if share[i].max() >= FEARED]
    of_usa = [
        codes[i]
        for i in range(world.n)
        if codes[top[i]] == "USA" and share[i].max() >= FEARED
    ]
    print(
        f"{len(first)} fear somebody ({FEARED:.0%} of their balance); the United States first: {', '.join(of_usa)}"
    )
    insecurity = view.insecurity[0]
    safe = [
        codes[i] for i in range(world.n) if share[i].max() < 0.2 and insecurity[i] > 0.4
    ]
    print(f"insecure by nobody's fault: {', '.join(safe) or 'none'}")
    print(
        ", ".join(
            f"{code} {insecurity[codes.index(code)]:.2f}"
            for code in SHOWN
            if code in codes
        )
    )
    if args.all:
        for i in np.argsort(codes):
            print(f"{codes[i]}  {told(int(i))}")


if __name__ == "__main__":
    main()
