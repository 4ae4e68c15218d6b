"""Do `foresight` and `talks_budget` forecast better than a model without them? docs/decisions/0027-looking-ahead.md.

    python benchmarks/looking_ahead.py DATA [--first 1994] [--last 2003] [--window 10]

Each year from --first to --last is forecast from the years before it, the last --window of them at most; nothing after
--last is read. With random intercepts of states as fitted, and as `hindcast` follows them; their variance is that of
the fit without the two. Some fifteen minutes, and 3 GB of memory."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from typing import ClassVar

import numpy as np

from balance_sim.evidence.data.history import load_history
from balance_sim.evidence.estimation.choices import choices
from balance_sim.evidence.estimation.fitting import fit
from balance_sim.evidence.estimation.looking_ahead import FOLLOWING, LookingAhead
from balance_sim.evidence.estimation.varying_intercepts import chances_ahead, memory_of
from balance_sim.evidence.forecast.score import score_forecasts
from balance_sim.model.prospects import Prospects


class Kept(Prospects):
    """Keeps the rises of insecurity of a year, which no fit changes, in single precision."""

    known: ClassVar[dict[tuple[int, int, tuple[int, ...]], np.ndarray]] = {}

    def rises(self, x, kinds):  # type: ignore[no-untyped-def]
        key = (id(self.view), x, tuple(kinds.tolist()))
        if key not in self.known:
            self.known[key] = super().rises(x, kinds).astype(np.float32)
        return self.known[key].astype(np.float64)


class KeepingAhead(LookingAhead):
    def prospects(self, year: int) -> Prospects:
        found = super().prospects(year)
        if not isinstance(found, Kept):
            found = self._prospects[year] = Kept(
                **{one.name: getattr(found, one.name) for one in fields(found)}
            )
        return found


SETS = {"foresight": FOLLOWING[:1], "talks_budget": FOLLOWING[1:], "both": FOLLOWING}
PAIR_VARIANCE = 0.25  # of the plan experiments/hindcast_dcad.yaml


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data")
    parser.add_argument("--first", type=int, default=1994)
    parser.add_argument("--last", type=int, default=2003)
    parser.add_argument("--window", type=int, default=10)
    args = parser.parse_args()
    history = load_history(args.data, 1985, args.last)
    record, ahead = choices(history), KeepingAhead(history)

    forecasts: dict[str, dict[str, list[np.ndarray]]] = {
        "as fitted": {},
        "followed": {},
    }
    for year in range(args.first, args.last + 1):
        first = max(1985, year - args.window)
        past, until = record.within(first, year - 1), record.within(first, year)
        kinds = [
            k
            for k, count in zip(past.kinds, past.signed.sum(axis=0), strict=True)
            if count > 0
        ]
        past, until = past.with_kinds(kinds), until.with_kinds(kinds)
        without = fit(past, signs=True)
        memory = memory_of(without, past, args.window)
        found = {"without": (without, until)}
        for name, one in fits(ahead, past, without, signs=True).items():
            found[name] = one, ahead.of(one, until, SETS[name])
            print(
                f"{year} {name}: "
                + ", ".join(f"{t} {one.weights[t]:.3f}" for t in SETS[name]),
                file=sys.stderr,
            )
        now = until.within(year, year)
        base = np.full(len(now.year), past.any_signed.mean())
        for parts in forecasts.values():
            parts.setdefault("base_rate", []).append(base)
        for name, (one, rows) in found.items():
            still = one.opportunities(rows.within(year, year))
            moved = chances_ahead(
                one, rows, range(year, year + 1), memory, args.window, PAIR_VARIANCE
            )
            forecasts["as fitted"].setdefault(name, []).append(still)
            forecasts["followed"].setdefault(name, []).append(moved)

    rows = record.within(args.first, args.last)
    for way, parts in forecasts.items():
        p = {name: np.concatenate(part) for name, part in parts.items()}
        print(
            f"\n{args.first}-{args.last}, one year ahead, {way}: {int(rows.any_signed.sum())} dyads signed",
            flush=True,
        )
        for name in ("without", *SETS):
            own = {
                "base_rate": p["base_rate"],
                "without": p["without"],
                "model": p[name],
            }
            scores = score_forecasts(own, rows.any_signed, rows.dyad, resamples=1000)
            model, gains = scores["model"], scores["without"].model_gains
            print(
                f"{name:14} log skill {model.log_skill.value:.5f}, average precision {model.average_precision:.5f}; "
                f"more than without: {told(gains['log_skill'])}, {told(gains['average_precision'])}"
            )

    print(f"\nfitted on 1985-{args.last}, all years", flush=True)
    without = fit(record, signs=True, cluster=True)
    show("without", without, ())
    for name, one in fits(ahead, record, without, signs=True, cluster=True).items():
        show(name, one, SETS[name])


def fits(ahead, record, without, **how):  # type: ignore[no-untyped-def]
    """With each of the terms and with both; that of both begins at that of the slower."""
    how |= {"variance": without.propensity_variance}
    found = {
        name: ahead.fit(record, SETS[name], found=without, **how)
        for name in ("foresight", "talks_budget")
    }
    talks = found["talks_budget"]
    return found | {
        "both": ahead.fit(
            ahead.of(talks, record, SETS["talks_budget"]), FOLLOWING, found=talks, **how
        )
    }


def told(gain) -> str:  # type: ignore[no-untyped-def]
    return f"{gain.value:+.5f} ({gain.low:+.5f} to {gain.high:+.5f})"


def show(name, found, terms) -> None:  # type: ignore[no-untyped-def]
    error = dict(zip(found.names, found.standard_error, strict=True))
    print(
        f"{name:14} "
        + "".join(
            f"{term} {found.weights[term]:.3f} (s.e. {error[term]:.3f}); "
            for term in terms
        )
        + f"marginal log-likelihood {found.marginal:.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
