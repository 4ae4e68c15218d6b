"""How often states accede to pacts on record, and the rate of opportunities that makes the model's states do so.

    python benchmarks/accession_rate.py DATA [scenarios/ukraine_2022.yaml] [--write]

DATA: a folder with ATOP's `atop_members.csv`, `min_distance_spells.csv` and the system membership `states.csv`.

On record: of treaties with a pledge of defence and five founders or more, entries of neighbours in years after the
founding, 1946-2018. A candidate-year is a year of a state that was never a member before and lies within so many km of
one. Entries in other readings are printed beside it.

In the model: opportunities x consent of both sides at the start of the control arm x the share that is signed and
enters into force, the mean over the same neighbours, whether the scenario names them as candidates or not. `rate` is what makes that the record's. Nothing is set by an effect of any
event. --write puts the number into the shipped defaults."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import gamma

import balance_sim.scenario
from balance_sim.model import accession
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.engine import begin, perceive
from balance_sim.model.thinning import NO_RUN, openness_at, share_signed
from balance_sim.scenario import load_scenario, with_values

FIRST, LAST, FOUNDERS = 1946, 2018, 5
NEIGHBOUR_KM = 150.0
READINGS = ((0.0, True), (150.0, True), (500.0, True), (1000.0, True), (150.0, False))


def record(data: Path, km: float, *, defence: bool) -> tuple[int, int]:
    """Entries of candidates, and candidate-years."""
    columns = ["atopid", "member", "entry_date", "exit_date", "defense"]
    members = pd.read_csv(data / "atop_members.csv", usecols=columns)
    members["entry"] = members["entry_date"].str[:4].astype(int)
    members["exit"] = members["exit_date"].str[:4].astype(float).fillna(LAST + 1)
    states = pd.read_csv(data / "states.csv")
    born = states["start"].str[:4].astype(int)
    gone = states["end"].str[:4].astype(int).replace(2016, LAST)  # the table's end
    near = pd.read_csv(data / "min_distance_spells.csv")
    near = near[near["mindist_km"] <= km]
    entries = years = 0
    for _, pact in members.groupby("atopid"):
        founded = pact["entry"].min()
        founders = pact.loc[pact["entry"] == founded, "member"].nunique()
        if founders < FOUNDERS or (defence and pact["defense"].max() < 1):
            continue
        last = int(min(pact["exit"].max(), LAST))
        for year in range(max(founded + 1, FIRST), last + 1):
            before = pact["entry"] < year
            inside = {*pact.loc[before & (pact["exit"] >= year), "member"]}
            close = near[(near["year_from"] <= year) & (year <= near["year_to"])]
            neighbours = {*close.loc[close["ccode1"].isin(inside), "ccode2"]}
            neighbours |= {*close.loc[close["ccode2"].isin(inside), "ccode1"]}
            alive = {*states.loc[(born <= year) & (year <= gone), "ccode"]}
            candidates = neighbours & alive - {*pact.loc[before, "member"]}
            years += len(candidates)
            entries += len(candidates & {*pact.loc[pact["entry"] == year, "member"]})
    return entries, years


def accessions_at_rate_one(path: str) -> dict[str, float]:
    """Accessions a year of each neighbour at one opportunity a year, at the start of
    the control arm."""
    scenario = load_scenario(path)
    (name,) = scenario.pacts
    world = compile_worlds(scenario, [scenario.reference_arm]).reference
    members = np.isin(world.codes, scenario.groups[scenario.pacts[name].group])
    near = world.distance_km[:, members].min(axis=1) <= NEIGHBOUR_KM
    neighbours = np.array(world.codes)[near & ~members].tolist()
    scenario = with_values(scenario, {f"pacts.{name}.candidates": neighbours})
    worlds = compile_worlds(scenario, [scenario.reference_arm])
    world, pacts = worlds.reference, worlds.reference.pacts
    state = begin(world, worlds.baseline, 0, NO_RUN)
    view = perceive(world, state, 0)
    assert pacts is not None
    pact, seeking = np.nonzero(pacts.candidates)
    members, run = pacts.members[None], np.zeros_like(pact)
    ballots = accession.Ballots.of(pacts, members, run, pact, seeking)
    willing = accession.wanted(world, worlds.baseline, view, state, ballots)
    consent = accession.chances(willing, ballots.which, ballots.unanimous)
    dyads = world.dyad_index[seeking]
    kind, collapse = pacts.kind[0], world.rules.collapse_rate
    ladder, shape = world.ladder, world.ladder.force_shape[kind]
    wait = collapse / 365.25 * ladder.force_days[kind] / shape
    enters = ladder.at_once[kind] + (1 - ladder.at_once[kind]) * (1 + wait) ** -shape
    made = consent.prod(axis=1) * share_signed(ladder, collapse)[kind] * enters
    open_to = np.where(members[0, pact], openness_at(world, 0.0)[dyads], 1.0)
    made *= open_to.min(axis=1)
    return dict(zip(np.array(world.codes)[seeking], made, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("scenario", nargs="?", default="scenarios/ukraine_2022.yaml")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    entries = years = 0
    for km, defence in READINGS:
        found, of = record(args.data, km, defence=defence)
        low, high = gamma.ppf([0.025, 0.975], found + 0.5) / of
        which = "defence" if defence else "any treaty"
        print(
            f"{which}, within {km:g} km: {found} of {of:,} = {found / of:.4f} a year"
            f" ({low:.4f} to {high:.4f})"
        )
        if (km, defence) == (NEIGHBOUR_KM, True):
            entries, years = found, of
    by_candidate = accessions_at_rate_one(args.scenario)
    for code, made in by_candidate.items():
        print(f"{code}: {made:.3g} accessions an opportunity")
    rate = entries / years / np.mean([*by_candidate.values()])
    rate = float(f"{rate:.2g}")
    print(f"rate: {rate:g} opportunities a year")
    if args.write:
        cite = (
            f"ATOP 5.1, {FIRST}-{LAST}: {entries} entries of neighbours into treaties"
            f" of defence with {FOUNDERS} founders or more, {years:,} candidate-years;"
            " with consent at the start of ukraine_2022 NATO's neighbours accede as"
            " often. benchmarks/accession_rate.py"
        )
        folder = Path(balance_sim.scenario.__file__).parent
        file = folder / "defaults.yaml"
        error = float(f"{rate / entries**0.5:.2g}")
        entry = (
            f"  rate: {{value: {rate}, unit: per year, source: fitted, "
            f'standard_error: {error}, cite: "{cite}"}}'
        )
        text = file.read_text(encoding="utf-8")
        written = re.sub(r"(?<=\npacts:\n).*", lambda _: entry, text, count=1)
        file.write_text(written, encoding="utf-8")


if __name__ == "__main__":
    main()
