"""Conditions under which something fails, as few boxes in the space of what is not
known (scenario discovery: Bryant, Lempert 2010, Technological Forecasting and Social
Change 77(1): 34-49).

A box bounds some factors and leaves the others free. Its *coverage* is the share of all
failures that lie in it, its *density* the share of what lies in it that fails. Two
methods find boxes: PRIM (Friedman, Fisher 1999, Statistics and Computing 9: 123-143),
which peels off a twentieth of the futures at a time, and CART (Breiman, Friedman,
Olshen, Stone 1984; scikit-learn), whose leaves are boxes. A peel is scored by what it
adds to the density for each future that it removes, so that categories and numbers
compete on equal terms (Kwakkel, Jaxa-Rozen 2016, Environmental Modelling & Software 79:
311-321). Boxes are made simple: a bound goes that chance would make as well, by its
quasi-p-value (Bryant, Lempert 2010), or that is worth little, and a box bounds three
factors at the most; PRIM then peels once more among the factors that are left. Of all
boxes on the way the one with the highest F1 is taken, the harmonic mean of coverage and
density.

With many factors a box can always be found. So boxes count only where those found on
one half of the draws tell of failures in the other half.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.stats import binom

from balance_sim.scenario.errors import MissingExtra
from balance_sim.stats import Bools, Floats, Ints

PEEL = 0.05
"""The share of futures in a box that one peel removes."""
LEAST_MASS = 0.02
"""The smallest share of all futures that a box holds."""
MOST_BOXES = 3
MOST_FACTORS = 3
"""How many factors a box bounds at the most."""
LEAST_DENSITY, LEAST_CORRELATION = 0.5, 0.3
"""Boxes are none that are less dense in draws from which they were not found, or where
lying in one and failing correlate less there."""
WORTH = 0.02
"""What a bound, or a further box, is to add to F1."""
CHANCE = 0.05
"""Quasi-p-values below this, divided by the number of factors, are not chance's."""


@dataclass(frozen=True)
class Factors:
    """What is not known, in each future.

    Attributes
    ----------
    values : (F, Q) a number a future and factor; of a category its place in the labels
    names : of the Q factors
    labels : of the categories, by the factor's name
    draw : (F,) which draw each future is of: those of one draw are not independent
    """

    values: Floats
    names: tuple[str, ...]
    labels: Mapping[str, tuple[str, ...]]
    draw: Ints

    def at(self, futures: Bools) -> Factors:
        """Those of some futures, (F,)."""
        return replace(self, values=self.values[futures], draw=self.draw[futures])

    @cached_property
    def owners(self) -> Ints:
        """(P,) the factor of each column."""
        widths = [len(self.labels.get(name, (name,))) for name in self.names]
        return np.repeat(np.arange(len(self.names)), widths)

    @cached_property
    def columns(self) -> Floats:
        """(F, P) what is peeled: a factor's numbers, or for each of its categories
        whether a future is of it."""
        values = self.values[:, self.owners]
        place = np.arange(len(self.owners)) - np.searchsorted(self.owners, self.owners)
        is_category = np.array([name in self.labels for name in self.names])
        return np.where(is_category[self.owners], values == place, values)


@dataclass(frozen=True)
class Bounds:
    """A box: the least and the largest value of each column, (P,) each, ends
    included."""

    lower: Floats
    upper: Floats

    @classmethod
    def none(cls, factors: Factors) -> Bounds:
        """The box that holds everything."""
        free = np.full(len(factors.owners), np.inf)
        return cls(-free, free)

    def hold(self, factors: Factors) -> Bools:
        """(F,) which futures lie in the box."""
        bounded = self.columns
        values = factors.columns[:, bounded]
        is_inside = (values >= self.lower[bounded]) & (values <= self.upper[bounded])
        return np.asarray(is_inside.all(axis=1))

    @property
    def columns(self) -> Ints:
        """The columns that are bounded."""
        return np.flatnonzero(np.isfinite(self.lower) | np.isfinite(self.upper))

    def factors(self, factors: Factors) -> list[int]:
        """The factors that are bounded."""
        return list(map(int, np.unique(factors.owners[self.columns])))

    def with_bound(self, side: int, column: int, value: float) -> Bounds:
        """The box with another lower (side 0) or upper (side 1) bound of a column."""
        bounds = np.stack([self.lower, self.upper])
        bounds[side, column] = value
        return Bounds(*bounds)

    def without(self, factors: Factors, factor: int) -> Bounds:
        """The box with a factor left free."""
        return self._freed(factors.owners == factor)

    def only(self, factors: Factors, factor: int) -> Bounds:
        """The box with all factors left free but one."""
        return self._freed(factors.owners != factor)

    def _freed(self, columns: Bools) -> Bounds:
        """The box without bounds of some columns, (P,)."""
        lower = np.where(columns, -np.inf, self.lower)
        return Bounds(lower, np.where(columns, np.inf, self.upper))


type Method = Callable[[Factors, Bools], list[Bounds]]
"""From factors and (F,) which futures fail to boxes in which they do."""


@dataclass(frozen=True)
class Fit:
    """How well a region tells failures.

    coverage : share of all failures in it; density : share of it that fails"""

    coverage: float
    density: float

    @property
    def f1(self) -> float:
        """The harmonic mean of both (van Rijsbergen 1979)."""
        total = self.coverage + self.density
        return 2 * self.coverage * self.density / total if total else 0.0

    def correlation(self, share: float) -> float:
        """Of lying in the region with failing, where a share of all fails (Matthews
        1975, Biochimica et Biophysica Acta 405); 0 of everything or nothing."""
        box_share = self.coverage * share / self.density if self.density else 0.0
        spread = max(box_share * (1.0 - box_share) * share * (1.0 - share), 0.0) ** 0.5
        return (self.coverage - box_share) * share / spread if spread > 1e-9 else 0.0


def fit_of(region: Bools, fails: Bools) -> Fit:
    """Coverage and density of a region, both (F,).

    >>> fit_of(np.array([True, True, False]), np.array([True, False, True]))
    Fit(coverage=0.5, density=0.5)
    """
    failures, size, caught = map(
        float, (fails.sum(), region.sum(), (region & fails).sum())
    )
    return Fit(caught / max(failures, 1.0), caught / max(size, 1.0))


def prim(factors: Factors, fails: Bools) -> list[Bounds]:
    """At most three boxes by patient rule induction, each found in what the others
    leave.

    factors : of F futures; fails : (F,) which of them fail"""

    def next_box(uncovered: Bools) -> Bounds:
        remaining, failing = factors.at(uncovered), fails[uncovered]
        least_mass, among = LEAST_MASS * len(fails), factors.owners >= 0
        box = Bounds.none(factors)
        for _ in range(2):
            trajectory = _peeled(remaining, failing, least_mass, among)
            simple = [_simplified(bounds, remaining, failing) for bounds in trajectory]
            box = _best([box, *simple], remaining, failing)
            among = np.isin(factors.owners, box.factors(factors))
        return box

    return _covering(next_box, factors, fails)


def cart(factors: Factors, fails: Bools, seed: int = 0) -> list[Bounds]:
    """At most three boxes that are leaves of classification trees, each of a tree of
    what the others leave.

    factors : of F futures; fails : (F,) which of them fail; seed : decides between
    splits that are equally good"""
    leaf_size = max(int(np.ceil(LEAST_MASS * len(fails))), 1)

    def next_box(uncovered: Bools) -> Bounds:
        remaining, failing = factors.at(uncovered), fails[uncovered]
        leaves = [
            _simplified(leaf, remaining, failing)
            for leaf in _leaves(remaining, failing, leaf_size, seed)
        ]
        return _best(leaves, remaining, failing)

    return _covering(next_box, factors, fails)


def require_trees() -> None:
    """Raise MissingExtra where scikit-learn, which grows the trees, is not installed;
    before the futures are worked out in which boxes are sought."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        what = "the search for conditions (--discover)"
        raise MissingExtra(what, "scikit-learn", "games") from None


def _leaves(factors: Factors, fails: Bools, least: int, seed: int) -> list[Bounds]:
    """The leaves of one tree, grown on ranks: single precision holds these exactly."""
    from sklearn.tree import DecisionTreeClassifier

    values = [np.unique(column, return_inverse=True) for column in factors.columns.T]
    ranks = np.stack([rank for _, rank in values], axis=1)
    grower = DecisionTreeClassifier(min_samples_leaf=least, random_state=seed % 2**32)
    tree = grower.fit(ranks, fails).tree_
    leaves, pending = [], [(0, Bounds.none(factors))]
    while pending:
        node, box = pending.pop()
        lower_node, upper_node = tree.children_left[node], tree.children_right[node]
        if lower_node == upper_node:
            leaves.append(box)
            continue
        column, cut = int(tree.feature[node]), int(tree.threshold[node])
        below, above = map(float, values[column][0][[cut, cut + 1]])
        pending.append((lower_node, box.with_bound(1, column, below)))
        pending.append((upper_node, box.with_bound(0, column, above)))
    return leaves


def _best(boxes: Sequence[Bounds], factors: Factors, fails: Bools) -> Bounds:
    """The first box with the highest F1."""
    fits = [fit_of(box.hold(factors), fails).f1 for box in boxes]
    return boxes[int(np.argmax(fits))]


def union(boxes: Sequence[Bounds], factors: Factors) -> Bools:
    """(F,) which futures lie in any of the boxes."""
    region = np.zeros(len(factors.values), dtype=bool)
    for box in boxes:
        region |= box.hold(factors)
    return region


def _covering(
    next_box: Callable[[Bools], Bounds], factors: Factors, fails: Bools
) -> list[Bounds]:
    """Boxes one after the other, as long as each bounds something and is worth it: F1
    of them together rises. next_box: of (F,) what the boxes before left."""
    boxes: list[Bounds] = []
    region = np.zeros(len(fails), dtype=bool)
    while len(boxes) < MOST_BOXES and (fails & ~region).any():
        box = next_box(~region)
        wider = region | box.hold(factors)
        rise = fit_of(wider, fails).f1 - fit_of(region, fails).f1
        if rise < WORTH or not len(box.columns):
            break
        boxes.append(box)
        region = wider
    return boxes


def _peeled(factors: Factors, fails: Bools, least: float, among: Bools) -> list[Bounds]:
    """The trajectory of ever smaller boxes: each peel removes the lowest or the highest
    twentieth of one column. least: futures that a box holds; among: (P,) columns that
    may be peeled."""
    columns, failing, box = factors.columns, fails.astype(float), Bounds.none(factors)
    trajectory = [box]
    while True:
        size, density = len(columns), failing.mean()
        place = int(PEEL * size)
        ordered = np.partition(columns, [0, place, size - 1 - place, size - 1], axis=0)
        lowest, low, high, highest = ordered[[0, place, size - 1 - place, size - 1]]
        low = np.where(low == highest, lowest, low)
        high = np.where(high == lowest, highest, high)
        remains = np.stack([columns > low, columns < high])
        sizes = remains.sum(axis=1)
        means = failing @ remains / np.maximum(sizes, 1)
        gains = (means - density) / (size - sizes)
        gains[(sizes < max(least, 1)) | ~among] = -np.inf
        side, column = np.unravel_index(int(gains.argmax()), gains.shape)
        if gains[side, column] <= 0:
            return trajectory
        is_kept = remains[side, :, column]
        columns, failing = columns[is_kept], failing[is_kept]
        inside = columns[:, column]
        bound = float(inside.max() if side else inside.min())
        box = box.with_bound(int(side), int(column), bound)
        trajectory.append(box)


def quasi_p_values(box: Bounds, factors: Factors, fails: Bools) -> dict[int, float]:
    """By each factor that a box bounds, the probability of so many failures in the box,
    or of more, if that bound were drawn by chance: binomial, with the density of the
    box without the bound (Bryant, Lempert 2010, appendix). Each draw in the box counts
    once."""
    bounded = box.factors(factors)
    is_out = ~np.array([box.only(factors, k).hold(factors) for k in bounded])
    violations = is_out.sum(axis=0)
    inside = violations == 0
    draws = len(np.unique(factors.draw[inside]))
    failures = round(draws * float(fails[inside].mean()))
    p_values = {}
    for factor, out in zip(bounded, is_out, strict=True):
        density = float(fails[violations == out].mean())
        p_values[factor] = float(binom.sf(failures - 1, draws, density))
    return p_values


def _simplified(box: Bounds, factors: Factors, fails: Bools) -> Bounds:
    """The box without bounds that chance would make, the weaker half of them at a time,
    then without those that are worth little F1, and with no more than three factors."""
    limit = CHANCE / len(factors.names)
    while bounded := box.factors(factors):
        p_values = quasi_p_values(box, factors, fails)
        weak = sorted(
            (factor for factor in bounded if p_values[factor] > limit),
            key=lambda factor: -p_values[factor],
        )
        if not weak:
            wider = {factor: box.without(factors, factor) for factor in bounded}
            fits = {k: fit_of(wider[k].hold(factors), fails).f1 for k in bounded}
            weakest = max(bounded, key=lambda factor: fits[factor])
            worth = fit_of(box.hold(factors), fails).f1 - fits[weakest]
            if worth >= WORTH and len(bounded) <= MOST_FACTORS:
                break
            weak = [weakest]
        for factor in weak[: (len(weak) + 1) // 2]:
            box = box.without(factors, factor)
    return box


@dataclass(frozen=True)
class Conditions:
    """Under which conditions something fails.

    Attributes
    ----------
    method : `prim` or `cart`
    boxes : at most three; none where those found on one half of the draws tell too
        little about the other half
    fit : coverage and density of the boxes together
    held_out : the same of boxes found on one half of the draws, in the other half
    """

    method: str
    boxes: tuple[Bounds, ...]
    fit: Fit
    held_out: Fit


METHODS: Mapping[str, Method] = {"prim": prim, "cart": cart}


def conditions(factors: Factors, fails: Bools, half: Bools) -> Conditions:
    """The boxes of the method that tells more about draws it has not seen.

    Parameters
    ----------
    factors : of F futures
    fails : (F,) which of them fail
    half : (F,) which futures are of one half of the draws

    Examples
    --------
    >>> values = np.random.default_rng(1).random((600, 4))
    >>> fails = (values[:, 0] > 0.6) & (values[:, 2] < 0.5)
    >>> factors = Factors(values, ("a", "b", "c", "d"), {}, np.arange(600))
    >>> half = factors.draw % 2 == 0
    >>> found = conditions(factors, fails, half)
    >>> [factors.names[k] for k in found.boxes[0].factors(factors)]
    ['a', 'c']
    >>> found.held_out.coverage > 0.9, found.held_out.density > 0.9
    (True, True)
    """
    held_out = {
        name: fit_of(_predicted(method, factors, fails, half), fails)
        for name, method in METHODS.items()
    }
    name = max(METHODS, key=lambda method: held_out[method].f1)
    boxes = METHODS[name](factors, fails)
    held_out_fit, share = held_out[name], float(fails.mean())
    if (
        held_out_fit.correlation(share) < LEAST_CORRELATION
        or held_out_fit.density < LEAST_DENSITY
    ):
        boxes = []
    fit = fit_of(union(boxes, factors), fails)
    return Conditions(name, tuple(boxes), fit, held_out_fit)


def _predicted(method: Method, factors: Factors, fails: Bools, half: Bools) -> Bools:
    """(F,) what lies in the boxes that are found on the other half of the draws."""
    region = np.zeros_like(fails)
    for training in (half, ~half):
        boxes = method(factors.at(training), fails[training])
        region[~training] = union(boxes, factors.at(~training))
    return region
