"""Forms of threat against the record: marginal log-likelihood, log skill one year ahead, weights of threat.

    python benchmarks/threat_forms.py DATA [--set nuclear_offence=2 ...]

Fitted with propensities and levels on 1985-2003; forecasts of 1995-2003 each from the ten years before, skill over
those years' base rate. Nothing after 2003 is read."""

from __future__ import annotations

import argparse

import numpy as np

from balance_sim.evidence.data.history import load_history
from balance_sim.evidence.estimation.choices import choices
from balance_sim.evidence.estimation.fitting import fit
from balance_sim.evidence.scores import log_score

THREAT = ("common_threat", "hostility", "security_gain", "bandwagon")
FIRST, LAST, WINDOW, SPANS = 1995, 2003, 10, ((1995, 1998), (1999, 2003))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    given = {
        name: float(value) for name, value in (text.split("=") for text in args.set)
    }
    record = choices(load_history(args.data, 1985, LAST), parameters=given)
    found = fit(record, levels=True, cluster=True, signs=True)
    print(f"marginal log-likelihood {found.marginal:.2f}")
    for name, value, error in zip(
        found.names, found.estimate, found.standard_error, strict=True
    ):
        if name in THREAT:
            print(f"  {name:28s}{value:9.3f} ({error:.3f})")
    for name, value, error in found.conflicts:
        print(f"  {name:28s}{value:9.3f} ({error:.3f})  in conflict")
    parts = []
    for year in range(FIRST, LAST + 1):
        past, now = record.within(year - WINDOW, year - 1), record.within(year, year)
        kinds = [
            k
            for k, count in zip(past.kinds, past.signed.sum(axis=0), strict=True)
            if count > 0
        ]
        p = fit(past.with_kinds(kinds), signs=True).opportunities(now)
        parts.append(
            np.stack(
                [now.year, p, np.full(len(p), past.any_signed.mean()), now.any_signed]
            )
        )
    year, p, base, y = np.concatenate(parts, axis=1)
    for first, last in SPANS:
        these = (year >= first) & (year <= last)
        skill = 1 - log_score(p[these], y[these]) / log_score(base[these], y[these])
        print(f"log skill {first}-{last} {skill:.4f}")


if __name__ == "__main__":
    main()
