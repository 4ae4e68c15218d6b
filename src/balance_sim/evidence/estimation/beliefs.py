"""Parameters of beliefs and reach: which the record tells, and what it says of them.

They stand inside the terms (how far strength reaches, what a rivalry says of intent, how long an accord is
remembered), so the terms are worked out anew at each value, from the same rules, and all weights, intercepts,
propensities and levels are fitted again from where they were."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats, History
from balance_sim.evidence.data.profiles import Profile, grid, traced
from balance_sim.evidence.estimation.choices import Choices, variants
from balance_sim.evidence.estimation.fitting import Fit, Peak, peak_of
from balance_sim.evidence.estimation.likelihood import by_row
from balance_sim.model.thinning import FACTORS
from balance_sim.model.willingness import CHANGING
from balance_sim.scenario.defaults import parameter_table

WEIGHED = ("security_gain", "common_threat", "bandwagon")
THREAT = (*WEIGHED, "hostility")
MOVES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("alpha0", "alpha_x", "alpha_acc"), WEIGHED),
    **dict.fromkeys(("eta0", "eta_x", "eta_acc"), THREAT),
    **dict.fromkeys(("eta_rivalry", "eta_claim", "eta_militarised", "eta_war"), THREAT),
    **dict.fromkeys(("delta_km", "gamma", "beta", "nuclear_offence", "s0"), WEIGHED),
    "gain_floor": ("security_gain",),
    "d0_km": ("proximity",),
    "experience_half_life_days": ("experience",),
    "activity_half_life_days": ("activity",),
}
"""Parameter -> terms that it moves."""
NOT_IN_RATES = {
    "tau": "sorts accords into classes after the fact: it moves no rate",
    "prior_tension": "scales dated events, which the record does not hold",
    **dict.fromkeys(
        (f"change_{name}" for name in CHANGING),
        "follows from the weights within and between dyads, fitted apart",
    ),
    **dict.fromkeys(FACTORS.values(), "a factor on the rate, measured apart: see its source"),
}
"""Parameters of beliefs that no likelihood of signing can tell, and why."""
ROUNDS = 3
SETTLED = 0.1
"""A round over the parameters that gains less log-likelihood ends the search for their joint peak."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Setting:
    """Values of parameters of beliefs and reach, with the record's terms and the likelihood's peak there.

    by_row: (N,) log-likelihood of each pair and year at the peak."""

    values: dict[str, float]
    record: Choices
    peak: Peak
    by_row: Floats


def shipped_setting(record: Choices, found: Fit) -> Setting:
    """The shipped values, at which `found` was fitted to `record`. Raises DataError."""
    return _setting({}, record.with_terms(found.names), peak_of(record, found))


def _setting(values: dict[str, float], record: Choices, peak: Peak) -> Setting:
    rows = by_row(peak.design, peak.at)
    bare = replace(peak, design=replace(peak.design))  # without the matrices it has worked out
    return Setting(values, record, bare, rows)


def moved(history: History, start: Setting, name: str, values: Sequence[float]) -> list[Setting]:
    """The settings with one parameter at other values. Raises DataError."""
    points = [{**start.values, name: value} for value in values]
    records = variants(history, start.record, MOVES[name], points)
    return [
        _setting(point, record, start.peak.moved(record))
        for point, record in zip(points, records, strict=True)
    ]


def movable(record: Choices) -> tuple[str, ...]:
    """The parameters that move a term of the record."""
    return tuple(name for name, terms in MOVES.items() if set(terms) & set(record.names))


def profile(history: History, start: Setting, name: str) -> tuple[Profile, Setting]:
    """The profile of one parameter over its range, the others as in `start`, and the setting at its peak.

    Raises DataError for a parameter that moves no term of the record."""
    terms = set(MOVES[name]) & set(start.record.names)
    if not terms:
        wanted = ", ".join(MOVES[name])
        raise DataError(f"{name} moves no term that is fitted", f"Fit one of {wanted}", value=name)
    path, in_use, low, high = declared(name)
    log_scale = low > 0
    here = start.values.get(name, in_use)
    points = grid(low, in_use, high, log_scale=log_scale)
    settings = {here: start} if here in points else {}

    def look(values: Floats) -> tuple[Floats, Floats]:
        away = [float(value) for value in values if float(value) not in settings]
        if away:
            settings.update(zip(away, moved(history, start, name, away), strict=True))
        there = [settings[float(value)] for value in values]
        return np.array([one.peak.marginal for one in there]), np.stack([one.by_row for one in there])

    found = traced(path, in_use, points, look, start.record.pair, log_scale=log_scale)
    return found, settings[float(found.points[int(np.argmax(found.height))])]


def joint_peak(
    history: History, start: Setting, profiles: Sequence[Profile], say: Say = lambda _: None
) -> tuple[Setting, tuple[Profile, ...]]:
    """Where the parameters that the record tells peak together, and the last profile of each.

    Each is moved to its peak in turn, the others where they are, until a round gains next to nothing."""
    told = [one.path.rpartition(".")[2] for one in profiles if one.told]
    here, last = start, dict[str, Profile]()
    for _ in range(ROUNDS if told else 0):
        before = here.peak.marginal
        for name in told:
            say(name)
            last[name], here = profile(history, here, name)
        if here.peak.marginal - before < SETTLED:
            break
    return here, tuple(last.values())


def declared(name: str) -> tuple[str, float, float, float]:
    """Path, value in use and range of a parameter, from the table of defaults."""
    row = next(row for row in parameter_table() if row["path"] == f"parameters.{name}")
    value, span = row["value"], row["range"]
    assert isinstance(value, float)
    assert isinstance(span, list)
    return str(row["path"]), value, float(span[0]), float(span[1])


def report_lines(profiles: Sequence[Profile], joint: Sequence[Profile] = ()) -> list[str]:
    """The profiles for a terminal: value in use, best value, interval, verdict; then the joint peak."""
    lines = [f"{'belief or reach':<36}{'in use':>9}{'best':>10}  {'95 % interval':<20}{'gain':>6}  verdict"]
    lines += [_line(one) for one in profiles]
    if joint:
        lines += ["", "those that the record tells, at their joint peak:", *(_line(one) for one in joint)]
    kept = "all keep" if not joint else "the others keep"
    lines += ["", f"gain: log-likelihood of the best value over the one in use; {kept} the value in use."]
    return [*lines, *(f"parameters.{name}: {why}" for name, why in NOT_IN_RATES.items())]


def _line(one: Profile) -> str:
    low, high = ("<" if one.open_below else ""), (">" if one.open_above else "")
    span = f"{low}{one.low:.4g} .. {high}{one.high:.4g}"
    return f"{one.path:<36}{one.shipped:>9.4g}{one.best:>10.4g}  {span:<20}{one.gain:>6.2f}  {one.verdict}"


__all__ = [
    "MOVES",
    "NOT_IN_RATES",
    "Setting",
    "joint_peak",
    "movable",
    "profile",
    "report_lines",
    "shipped_setting",
]
