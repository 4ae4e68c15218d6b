"""Headline effects of shipped posteriors anew, over the draws that are there.

    uv run python benchmarks/headlines.py [NAME ...] [--workers 2]

`balance-sim evidence posterior` draws parameters and works out the headline of every draw. Where only the estimator of
effects has changed, the draws are the same; this writes the part `headline` of each `posterior.yaml` alone, and prints
the posterior's mean and interval before and after."""

from __future__ import annotations

import argparse
from pathlib import Path

import yaml

from balance_sim.evidence.forecast.theories import theory_scores_beside
from balance_sim.evidence.posterior.files import head_text
from balance_sim.evidence.posterior.parameter_draws import posterior_draws
from balance_sim.evidence.posterior.uncertainty import stored_record, uncertainty
from balance_sim.scenario import load_scenario

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    names = asked.names or sorted(path.stem for path in SCENARIOS.glob("*.yaml"))
    for name in names:
        file = SCENARIOS / name / "posterior.yaml"
        head = yaml.safe_load(file.read_text(encoding="utf-8"))
        before = head["headline"]["posterior"]["of"]["total"]
        scenario = load_scenario(SCENARIOS / f"{name}.yaml")
        scores = theory_scores_beside(
            load_scenario(SCENARIOS / f"{name}.yaml", calibrated=False), file.parent
        )
        effect = uncertainty(
            scenario,
            draws=head["headline"]["posterior"]["draws"],
            workers=asked.workers,
            posterior=posterior_draws(scenario),
            scores=scores,
            with_placebos=True,
        )
        head["headline"] = stored_record(scenario, effect)
        file.write_text(head_text(head), encoding="utf-8")
        after = head["headline"]["posterior"]["of"]["total"]
        print(
            name,
            "before",
            before["mean"],
            before["ci95"],
            "after",
            after["mean"],
            after["ci95"],
            flush=True,
        )


if __name__ == "__main__":
    main()
