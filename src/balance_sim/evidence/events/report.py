"""What is said of event weights: lines for a terminal, and the file that a posterior is built from.

The file holds, by group of shipped weights, the multiplier with its CI and its placebos, the word, and two forms of the
same likelihood: on the multiplier itself, where it is normal, and on its logarithm, where the multiplier is told from
0. The same data, seed and form give the same bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from balance_sim.evidence.events.ladder import HalfLives, Ladder, association
from balance_sim.evidence.events.load import Loaded
from balance_sim.evidence.events.measurement import EventEstimate, EventWeights

FORM = 1
TARGETS = {"intent": "by rule: every rival of another participant", "incident": "on record", "alignment": None}
"""How it is known at whom acts are aimed."""
HEAD = """\
# Multipliers of the shipped weights of events, from the share of conflict among recorded acts (fit --events).
# A multiplier of 1 is the shipped weight, 0 is none. See docs/event_weights.md.
"""


def _short(value: float) -> float | None:
    """Six significant digits; None for what is not a number."""
    return None if not math.isfinite(value) else float(f"{value:.6g}")


def _paths(one: EventEstimate) -> list[str]:
    name = "alignment" if one.column.group == "alignment" else "intent"
    return [f"event_kinds.{kind}.{name}" for kind in one.column.kinds]


def _entry(one: EventEstimate) -> dict[str, object]:
    low, high = one.interval
    told = one.word == "measured"
    log_error = one.error / one.estimate if one.estimate > 0 else math.nan
    return {
        "word": one.word,
        "parameters": _paths(one),
        "targets": TARGETS[one.column.group],
        "multiplier": {
            "mean": _short(one.estimate),
            "standard_error": _short(one.error),
            "interval": [_short(low), _short(high)],
        },
        "log_multiplier": {
            "mean": _short(math.log(one.estimate)) if told else None,
            "standard_error": _short(log_error) if told else None,
        },
        "upper_bound": _short(high) if one.word != "not told" else None,
        "declared_end": _short(one.most),
        "detectable": _short(one.detectable),
        "coefficient": _short(one.coefficient),
        "z": _short(one.z),
        "leads_z": _short(one.lead_z),
        "stale_z": _short(one.stale_z),
        "permuted_dates": {"p": _short(one.dates_p), "spread": _short(one.spread[0])},
        "permuted_participants": {"p": _short(one.participants_p), "spread": _short(one.spread[1])},
        "rows": one.rows,
    }


def events_record(
    data: Loaded, found: EventWeights, order: Sequence[Ladder], halves: Sequence[HalfLives], command: str, version: str,
    files: Sequence[dict[str, object]],
) -> dict[str, object]:  # fmt: skip
    """Everything the file holds, as plain values. files: of the data, with hashes."""
    return {
        "event_weights": {
            "form": FORM,
            "command": command,
            "version": version,
            "outcome": data.outcome,
            "period": data.period,
            "years": list(data.years),
            "rows": found.rows,
            "dyads": found.dyads,
            "acts_counted": int(found.acts_counted),
            "rho": _short(found.rho),
            "permutations": found.permutations,
            "acts": data.acts,
        },
        "data": list(files),
        "anchor": {
            "unit": f"{found.unit} a nat",
            "slope": _short(found.slope),
            "standard_error": _short(found.slope_error),
            "within_dyads": [_short(value) for value in found.slope_within],
        },
        "association_share": _short(association(found.columns)),
        "groups": {one.column.name: _entry(one) for one in found.pooled},
        "kinds": {one.column.name: _entry(one) for one in found.kinds},
        "covariance": {
            "names": [column.name for column in found.columns],
            "multipliers": [_short(float(value)) for value in found.multipliers],
            "matrix": [[_short(float(value)) for value in row] for row in found.covariance],
        },
        "ordered": {
            one.group: {
                "kinds": list(one.kinds),
                "log_multipliers": [_short(float(value)) for value in one.mean],
                "covariance": [[_short(float(value)) for value in row] for row in one.covariance],
                "prior": {"scale_sd": _short(one.scale_sd), "increment_sd": _short(one.increment_sd)},
            }
            for one in order
        },
        "half_lives": {
            one.name: {
                "word": one.word,
                "kinds": list(one.kinds),
                "factors": [_short(value) for value in one.factors],
                "chi_square": [_short(value) for value in one.chi_square],
                "log_factor": {"mean": _short(one.mean), "standard_error": _short(one.error)},
            }
            for one in halves
        },
        "attention": {one.column.name: _entry(one) for one in found.attention},
        "notes": list(data.notes),
    }


def event_lines(
    data: Loaded, found: EventWeights, order: Sequence[Ladder], halves: Sequence[HalfLives]
) -> Iterator[str]:
    """The table, and what has to be known to read it."""
    first, last = data.years
    yield (
        f"event weights from {data.outcome} {first}-{last} by {data.period}: {found.rows:,} rows of {found.dyads:,} "
        f"dyads, {found.acts_counted:,.0f} recorded acts"
    )
    yield "dated acts: " + ", ".join(f"{kind} {count:,}" for kind, count in data.acts.items())
    within, error = found.slope_within
    change = f"within dyads {within:.3f} ({error:.3f})" if math.isfinite(within) else "no quarrel begins or ends"
    yield f"anchor: {found.slope:.3f} ({found.slope_error:.3f}) {found.unit} a nat of quarrel between dyads; {change}"
    yield from ["", "multipliers of the shipped weights (1: as shipped), 95 % CI clustered by dyad and by event"]
    yield from _rows_of([*found.pooled, *found.attention])
    yield from ["", "by kind of event"]
    yield from _rows_of(found.kinds)
    yield from ["", *_LEGEND]
    for half in halves:
        shown = ", ".join(f"x{f:g} {value:.1f}" for f, value in zip(half.factors, half.chi_square, strict=True))
        yield f"half-lives of {half.name} acts: chi-square by factor {shown}: {half.word}"
    for one in order:
        yield from ["", f"{one.group} in the order of cost: multiplier and standard error of its logarithm"]
        yield "  " + ", ".join(
            f"{kind} {math.exp(value):.2f} ({error:.2f})"
            for kind, value, error in zip(one.kinds, one.mean, one.errors, strict=True)
        )
    share = association(found.columns)
    if share:
        yield from [
            "",
            f"acts of k with i's rival also align the two as i sees it: {share:.0%} of what their intent weights do",
        ]
        yield "to a stranger's threat. One column holds both, and is read as intent."
    yield from (f"note: {note}" for note in data.notes)


_LEGEND = (
    "leads, stale: z of acts to come and of acts five half-lives old; dates, states: share of permuted dates and of",
    "permuted participants with a z as large; 80 %: the multiplier that four samples in five would find",
    "",
)


def _rows_of(rows: Sequence[EventEstimate]) -> Iterator[str]:
    """A row an estimate, under its head."""
    width = max([len(one.column.name) for one in rows], default=0)
    yield f"  {'':{width}}  multiplier        95 % CI   leads  stale  dates  states   80 %  word"
    for one in rows:
        low, high = one.interval
        word = one.word + (f" by {high:.2f}" if one.word == "bounded" else "")
        yield (
            f"  {one.column.name:{width}}{one.estimate:>12.2f}{f'{low:.2f}..{high:.2f}':>15}{one.lead_z:>+8.1f}"
            f"{one.stale_z:>+7.1f}{one.dates_p:>7.3f}{one.participants_p:>8.3f}{one.detectable:>7.2f}  {word}"
        )
