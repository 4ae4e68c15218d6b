"""Parameters of beliefs and reach: which the record tells, and what it says of them.

They stand inside the terms (how far strength reaches, what a rivalry says of intent,
how long an agreement is remembered), so the terms are worked out anew at each value,
from the same rules, and all else is fitted again from where it was.

The profile log-likelihood over a parameter's range (Venzon, Moolgavkar 1988, Applied
Statistics 37: 87-94) gives the best value, the interval where it falls by less than
half the 95 % point of chi-squared with one degree of freedom, and a verdict: what the
record does not tell keeps its literature value. Rows of one dyad hang together: the
drop is stretched by the ratio of the variance of the profile's slope by dyad to that by
row (Chandler, Bate 2007, Biometrika 94: 167-183, vertical adjustment); never below 1.
That variance is too low where few dyads make it: so the normal quantile gives way to
Student's (Bell, McCaffrey 2002, Survey Methodology 28: 169-181), with as many degrees
of freedom as half of the number of dyads that carry the squares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.special import stdtrit

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import History
from balance_sim.evidence.data.layers import Floats
from balance_sim.evidence.estimation.choices import Choices, variants
from balance_sim.evidence.estimation.fitting import Peak, WeightFit, peak_of
from balance_sim.evidence.estimation.likelihood import by_row
from balance_sim.model.thinning import FACTORS
from balance_sim.model.willingness import CHANGING
from balance_sim.scenario.defaults import parameter_table

HALF_CHI2 = 1.920729410347062
"""Half of the 95 % point of chi-squared with one degree of freedom."""
FINE = 2001
REFINED = 2
TOLD, ONE_SIDED, AT_BOUND, NOT_TOLD = (
    "identified",
    "bounded on one side",
    "at a bound",
    "not identified",
)
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
    "tau": "sorts agreements into classes after the fact: it moves no rate",
    "eta_no_relations": "of broken relations and sanctions the record has no series",
    "prior_tension": "scales dated events, which the record does not hold",
    **dict.fromkeys(
        (f"change_{name}" for name in CHANGING),
        "follows from the weights within and between dyads, fitted apart",
    ),
    **dict.fromkeys(
        FACTORS.values(), "a factor on the rate, measured apart: see its source"
    ),
}
"""Parameters of beliefs that no likelihood of signing can tell, and why."""
ROUNDS = 3
SETTLED = 0.1
"""A round over the parameters that gains less log-likelihood ends the search for their
joint peak."""

Say = Callable[[str], None]
Look = Callable[[Floats], tuple[Floats, Floats]]
"""values (V,) -> log-likelihood (V,) and that of each row (V, N), all other parameters
at their best."""


@dataclass(frozen=True)
class Profile:
    """points: (P,) values, rising; height: (P,) marginal log-likelihood there. shipped:
    the value in use. stretch: of the drop. best, low, high: where the profile peaks,
    and where it has fallen by the drop; low or high is the end of the range where it
    has not fallen that far by then (`open_below`, `open_above`)."""

    path: str
    shipped: float
    points: Floats
    height: Floats
    stretch: float
    best: float
    low: float
    high: float
    open_below: bool
    open_above: bool
    verdict: str

    @property
    def gain(self) -> float:
        """Log-likelihood of the peak above that of the value in use."""
        position = int(np.flatnonzero(self.points == self.shipped)[0])
        return float(self.height.max() - self.height[position])

    @property
    def told(self) -> bool:
        """Whether the record tells it: a peak inside the range with an end on both
        sides."""
        return self.verdict == TOLD


def grid(low: float, shipped: float, high: float, *, log_scale: bool) -> Floats:
    """(<= 5,) ends of the range, the value in use, and the middles between; rising,
    each once."""
    ends = np.array([low, shipped, high])
    scale = np.log(ends) if log_scale else ends
    middles = (scale[:-1] + scale[1:]) / 2
    if log_scale:
        middles = np.exp(middles)
    return np.unique(np.concatenate([ends, middles]))


def vertex(points: Floats, height: Floats, *, log_scale: bool) -> float | None:
    """Where the parabola through the highest point and its neighbours peaks; None at an
    end of the range."""
    top = int(np.argmax(height))
    if top in (0, len(points) - 1):
        return None
    around = slice(top - 1, top + 2)
    x = (np.log(points) if log_scale else points)[around]
    bend, slope, _ = np.polyfit(x - x[1], height[around], 2)
    if bend >= 0:
        return None
    peak = float(np.clip(x[1] - slope / (2 * bend), x[0], x[2]))
    return float(np.exp(peak)) if log_scale else peak


def stretch(height: Floats, by_row: Floats, cluster: NDArray[np.int64]) -> float:
    """Variance of the profile's slope with rows of a cluster hanging together over that
    with rows apart, >= 1, times the square of Student's quantile over the normal one.

    by_row: (P, N) log-likelihood of each row: along the profile its differences are
    efficient scores, taken here from one side of the peak to the other."""
    peak = int(np.clip(np.argmax(height), 1, len(height) - 2))
    slope = by_row[peak + 1] - by_row[peak - 1]
    by_row_variance = float(slope @ slope)
    if by_row_variance == 0:
        return 1.0
    group = np.unique(cluster, return_inverse=True)[1]
    sums = np.bincount(group, slope)
    variance = float(sums @ sums)
    carrying = variance**2 / max(float((sums**4).sum()), 1e-300)
    quantile = float(stdtrit(max(carrying / 2, 1.0), 0.975))
    return max(variance / by_row_variance, 1.0) * quantile**2 / (2 * HALF_CHI2)


def profiled(
    path: str,
    shipped: float,
    points: Floats,
    height: Floats,
    *,
    log_scale: bool,
    widen: float = 1.0,
) -> Profile:
    """The profile through its points: shape-preserving cubic, its peak, interval and
    verdict."""
    x = np.log(points) if log_scale else points
    fine = np.union1d(np.linspace(x[0], x[-1], FINE), x)
    curve = PchipInterpolator(x, height)(fine)
    top, end = int(np.argmax(curve)), len(fine) - 1
    first, last = _interval(curve >= curve[top] - HALF_CHI2 * widen, top)
    ends = fine[[top, first, last]]
    best, low, high = (np.exp(ends) if log_scale else ends).tolist()
    open_below, open_above = first == 0, last == end
    if open_below and open_above:
        verdict = NOT_TOLD
    elif top in (0, end):
        verdict = AT_BOUND
    else:
        verdict = ONE_SIDED if open_below or open_above else TOLD
    return Profile(
        path=path,
        shipped=shipped,
        points=points,
        height=height,
        stretch=widen,
        best=best,
        low=low,
        high=high,
        open_below=open_below,
        open_above=open_above,
        verdict=verdict,
    )


def _interval(is_inside: NDArray[np.bool_], top: int) -> tuple[int, int]:
    """First and last of the points about a peak that are all inside."""
    first, last = 0, len(is_inside) - 1
    below, above = is_inside[top::-1], is_inside[top:]
    if not below.all():
        first = top - int(np.argmin(below)) + 1
    if not above.all():
        last = top + int(np.argmin(above)) - 1
    return first, last


def traced(
    path: str,
    shipped: float,
    points: Floats,
    look: Look,
    cluster: NDArray[np.int64],
    *,
    log_scale: bool,
) -> Profile:
    """The profile, looked at where it matters: at `points`, at the vertex of the
    highest three, and, where it is told, REFINED times at its peak and at both ends,
    since between points far apart its form is a guess."""
    values = np.unique(points)
    top = vertex(values, look(values)[0], log_scale=log_scale)
    if top is not None:
        values = np.union1d(values, [top])
    for refinements in reversed(range(REFINED + 1)):
        height, rows = look(values)
        widen = stretch(height, rows, cluster)
        curve = profiled(
            path, shipped, values, height, log_scale=log_scale, widen=widen
        )
        if not curve.told or not refinements:
            break
        values = np.union1d(values, [curve.low, curve.best, curve.high])
    return curve


@dataclass(frozen=True)
class BeliefSetting:
    """Values of parameters of beliefs and reach, with the likelihood's peak there, and
    (N,) of each dyad and year."""

    values: dict[str, float]
    peak: Peak
    by_row: Floats

    @property
    def record(self) -> Choices:
        """With the terms as they are at these values."""
        return self.peak.design.choices


def shipped_setting(record: Choices, fitted: WeightFit) -> BeliefSetting:
    """The shipped values, at which `fitted` was fitted to `record`. Raises
    DataError."""
    return _setting({}, peak_of(record, fitted))


def _setting(values: dict[str, float], peak: Peak) -> BeliefSetting:
    """A setting whose design is free of the matrices that it has worked out."""
    light = replace(peak, design=replace(peak.design))
    return BeliefSetting(values, light, by_row(peak.design, peak.values))


def moved(
    history: History, start: BeliefSetting, name: str, values: Sequence[float]
) -> list[BeliefSetting]:
    """The settings with one parameter at other values. Raises DataError."""
    points = [{**start.values, name: value} for value in values]
    records = variants(history, start.record, MOVES[name], points)
    return [
        _setting(point, start.peak.moved(record))
        for point, record in zip(points, records, strict=True)
    ]


def movable(record: Choices) -> tuple[str, ...]:
    """The parameters that move a term of the record."""
    return tuple(
        name for name, terms in MOVES.items() if set(terms) & set(record.names)
    )


def profile(
    history: History, start: BeliefSetting, name: str
) -> tuple[Profile, BeliefSetting]:
    """The profile of one parameter over its range, the others as in `start`, and the
    setting at its peak.

    Raises DataError for a parameter that moves no term of the record."""
    if name not in movable(start.record):
        hint = f"Fit one of {', '.join(MOVES[name])}"
        raise DataError(f"{name} moves no term that is fitted", hint, value=name)
    path, in_use, low, high = _declared(name)
    log_scale = low > 0
    current = start.values.get(name, in_use)
    points = grid(low, in_use, high, log_scale=log_scale)
    settings = {current: start} if current in points else {}

    def look(values: Floats) -> tuple[Floats, Floats]:
        wanted = [float(value) for value in values]
        new = [value for value in wanted if value not in settings]
        if new:
            settings.update(zip(new, moved(history, start, name, new), strict=True))
        height = [settings[value].peak.marginal for value in wanted]
        rows = [settings[value].by_row for value in wanted]
        return np.array(height), np.stack(rows)

    dyad = start.record.dyad
    curve = traced(path, in_use, points, look, dyad, log_scale=log_scale)
    peak = float(curve.points[int(np.argmax(curve.height))])
    return curve, settings[peak]


def joint_peak(
    history: History,
    start: BeliefSetting,
    profiles: Sequence[Profile],
    say: Say = lambda _: None,
) -> tuple[BeliefSetting, tuple[Profile, ...]]:
    """Where the parameters that the record tells peak together, and the last profile of
    each.

    Each is moved to its peak in turn, the others where they are, until a round gains
    next to nothing."""
    names = [curve.path.rpartition(".")[2] for curve in profiles if curve.told]
    setting, last = start, dict[str, Profile]()
    for _ in range(ROUNDS if names else 0):
        height = setting.peak.marginal
        for name in names:
            say(name)
            last[name], setting = profile(history, setting, name)
        if setting.peak.marginal - height < SETTLED:
            break
    return setting, tuple(last.values())


def _declared(name: str) -> tuple[str, float, float, float]:
    """Path, value in use and range of a parameter, from the table of defaults."""
    path = f"parameters.{name}"
    row = next(row for row in parameter_table() if row["path"] == path)
    value, span = row["value"], row["range"]
    assert isinstance(value, float)
    assert isinstance(span, list)
    return path, value, float(span[0]), float(span[1])
