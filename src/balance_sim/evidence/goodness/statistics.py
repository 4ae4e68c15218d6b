"""Goodness of fit: statistics of an undirected network, and whether an observed vector
is like the simulated ones.

Auxiliary statistics are those that a model was not fitted to: Hunter, Goodreau,
Handcock 2008, Goodness of Fit of Social Network Models, Journal of the American
Statistical Association 103(481). A matrix in, a vector of numbers out.

The Monte Carlo test by Mahalanobis distance (`lies_among`): Lospinoso, Snijders 2019,
Goodness of fit for stochastic actor-oriented models, Methodological Innovations 12(3),
and RSiena's `sienaGOF`: the distance of the observed vector from the simulated mean,
with the pseudo-inverse of the simulated covariance, against those of the simulated
vectors.

As published, the simulated vectors have made the mean and the covariance that they are
measured by, and the observed one has not: it lies further out even where it is one of
them, the more so the longer the vector and the fewer the simulations. So the p given
here measures all alike: of the R + 1 vectors each in its turn is the odd one out, and
its distance from the others' mean by the others' covariance is what counts. If the
observed vector is drawn as the simulated ones are, p is uniform on its R + 1 values
(Besag, Clifford 1989, Generalized Monte Carlo significance tests, Biometrika 76(4)).
Equal distances count as half (mid-p: Lancaster 1961, Significance tests in discrete
distributions, JASA 56(294)). The distance of one vector left out is an increasing
function of its distance when none is left out (the deletion formula of the hat matrix:
Cook, Weisberg 1982, Residuals and Influence in Regression, 2.2), so one covariance, of
all R + 1, is enough.

A covariance of many statistics from few simulations is mostly noise. With more
statistics than a quarter of the simulations their variances alone are used (the
diagonal of the covariance); p is as uniform as before."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from balance_sim.stats import Bools, Floats, Ints

SMALL = 1e-8
"""Directions whose variance is below this share of the largest are taken for
constant."""
TIES = 1e-9
"""Relative difference below which two distances count as one."""
EACH = 4
"""So many simulations at the least for each statistic, or variances alone are used."""


def tied(n: int, first: Ints, second: Ints) -> Bools:
    """(n, n) which nodes are tied, from the ends of E edges. Repeated edges are one
    tie; loops are none.

    >>> tied(3, np.array([0, 0]), np.array([1, 1])).astype(int).tolist()
    [[0, 1, 0], [1, 0, 0], [0, 0, 0]]"""
    tie = np.zeros((n, n), dtype=bool)
    no_loop = first != second
    a, b = first[no_loop], second[no_loop]
    tie[a, b] = tie[b, a] = True
    return tie


def degrees(tie: Bools) -> Ints:
    """(n,) how many others each node is tied to."""
    return np.asarray(tie.sum(axis=1))


def isolates(tie: Bools) -> float:
    """How many nodes have no tie.

    >>> isolates(tied(4, np.array([0]), np.array([1])))
    2.0"""
    return float((degrees(tie) == 0).sum())


def cumulative_degrees(tie: Bools, levels: Ints) -> Floats:
    """(L,) how many nodes have a degree of at most each level.

    >>> tie = tied(4, np.array([0, 0]), np.array([1, 2]))
    >>> cumulative_degrees(tie, np.array([0, 1, 2])).tolist()
    [1.0, 3.0, 4.0]"""
    is_below = degrees(tie)[:, None] <= levels
    return np.asarray(is_below.sum(axis=0), dtype=np.float64)


def geodesics(tie: Bools, longest: int) -> Floats:
    """(longest + 2,) dyads whose shortest path has 1, 2, ..., `longest` ties, more, and
    none at all.

    Shortest paths: scipy.sparse.csgraph.

    >>> geodesics(tied(4, np.array([0, 1]), np.array([1, 2])), 1).tolist()
    [2.0, 1.0, 3.0]"""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import shortest_path

    paths = shortest_path(csr_array(tie), directed=False, unweighted=True)
    length = paths[np.triu_indices(len(tie), 1)]
    counts = [(length == ties).sum() for ties in range(1, longest + 1)]
    longer = (length > longest) & np.isfinite(length)
    return np.array([*counts, longer.sum(), np.isinf(length).sum()], np.float64)


def shared_partners(tie: Bools, most: int) -> Floats:
    """(most + 1,) dyads, tied or not, with 0, 1, ..., most - 1, and `most` or more,
    partners in common.

    >>> shared_partners(tied(3, np.array([0, 1]), np.array([1, 2])), 1).tolist()
    [2.0, 1.0]"""
    shared = _shared(tie)[np.triu_indices(len(tie), 1)]
    counts = np.bincount(np.minimum(shared, most), minlength=most + 1)
    return counts.astype(np.float64)


def _shared(tie: Bools) -> Ints:
    """(n, n) numbers of partners in common."""
    numbers = tie.astype(np.int64)
    return np.asarray(numbers @ numbers)


def triads(tie: Bools) -> Floats:
    """(4,) sets of three nodes with 0, 1, 2 and 3 ties among them: the triad census of
    an undirected network.

    >>> triads(tied(3, np.array([0, 1]), np.array([1, 2]))).tolist()
    [0.0, 0.0, 1.0, 0.0]"""
    n, ties = len(tie), int(tie.sum()) // 2
    degree = degrees(tie)
    triangles = int((_shared(tie) * tie).sum()) // 6
    paths = int((degree * (degree - 1) // 2).sum()) - 3 * triangles
    single = ties * max(n - 2, 0) - 2 * paths - 3 * triangles
    empty = n * (n - 1) * (n - 2) // 6 - single - paths - triangles
    return np.array([empty, single, paths, triangles], dtype=np.float64)


def transitivity(tie: Bools) -> float:
    """Share of paths of two ties whose ends are tied; 0 where there is no such path
    (networkx).

    >>> transitivity(tied(3, np.array([0, 1, 0]), np.array([1, 2, 2])))
    1.0"""
    import networkx as nx

    return float(nx.transitivity(_graph(tie)))


def modularity(tie: Bools) -> float:
    """Modularity of the communities found by greedy joining, 0 without a tie
    (networkx).

    Clauset, Newman, Moore 2004, Finding community structure in very large networks,
    Physical Review E 70, 066111.

    >>> modularity(tied(4, np.array([0, 2]), np.array([1, 3])))
    0.5"""
    import networkx as nx

    if not tie.any():
        return 0.0
    graph = _graph(tie)
    return float(
        nx.community.modularity(
            graph, nx.community.greedy_modularity_communities(graph)
        )
    )


def repeats(first: Ints, second: Ints) -> float:
    """Share of the edges that are not the first of their dyad; NaN without an edge.

    >>> repeats(np.array([0, 1]), np.array([1, 0]))
    0.5"""
    if not len(first):
        return float("nan")
    ends = np.stack([np.minimum(first, second), np.maximum(first, second)])
    return float(1.0 - np.unique(ends, axis=1).shape[1] / len(first))


def _graph(tie: Bools) -> Any:
    """A networkx graph; isolates are left out where they change nothing."""
    import networkx as nx

    return nx.Graph(np.argwhere(np.triu(tie)).tolist())


class MahalanobisFit(NamedTuple):
    """How an observed vector lies among simulated ones.

    p: share of the R + 1 vectors further from the others than the observed one, with
    half of those as far, itself too; 0.5 / (R + 1) at the least. p_published: share of
    the R simulations at least as far from their mean, as sienaGOF has it. distance:
    Mahalanobis, of the observed vector from the simulated mean. dimension: directions
    in which the R + 1 vectors vary. diagonal: whether variances alone were used; ranks:
    (R + 1,) the p of each vector, the observed first.
    """

    p: float
    p_published: float
    distance: float
    dimension: int
    diagonal: bool
    ranks: Floats


def lies_among(observed: Floats, simulated: Floats) -> MahalanobisFit:
    """The test of K statistics, observed (K,), by those of R >= 2 simulations, (R, K);
    all finite.

    What never varies adds nothing where it is as observed; where it is not, the
    observed is as far out as can be.

    Examples
    --------
    Further out than each of nine simulations: half of the tenth of all ten vectors that
    it is.

    >>> lies_among(np.array([50.0]), np.arange(9.0)[:, None]).p
    0.05
    """
    vectors = np.vstack([observed, simulated])
    diagonal = EACH * simulated.shape[1] > len(simulated)
    pooled, dimension = distances(vectors, vectors, diagonal=diagonal)
    published, _ = distances(vectors, simulated, diagonal=diagonal)
    is_as_far = published[1:] >= published[0] * (1.0 - TIES)
    ranks = mid_ranks(pooled)
    return MahalanobisFit(
        p=float(ranks[0]),
        p_published=float(is_as_far.mean()),
        distance=float(np.sqrt(published[0])),
        dimension=dimension,
        diagonal=diagonal,
        ranks=ranks,
    )


def distances(
    vectors: Floats, among: Floats, *, diagonal: bool = False
) -> tuple[Floats, int]:
    """(R,) squared Mahalanobis distances of vectors (R, K) from the mean of others (S,
    K), and the rank.

    By the pseudo-inverse of these others' covariance, each column in its own standard
    deviation first, so that no unit decides what is small. diagonal: by the variances
    alone."""
    centre, spread = among.mean(axis=0), among.std(axis=0)
    largest = np.maximum(np.abs(among).max(axis=0, initial=0.0), 1e-300)
    varies = spread > SMALL * largest
    if not varies.any():
        return np.zeros(len(vectors)), 0
    deviation = vectors[:, varies] - centre[varies]
    if diagonal:
        z = deviation / among[:, varies].std(axis=0, ddof=1)
        return np.asarray((z**2).sum(axis=1)), int(varies.sum())
    z = (among[:, varies] - centre[varies]) / spread[varies]
    _, singular, directions = np.linalg.svd(z, full_matrices=False)
    is_large = singular**2 > SMALL * singular[0] ** 2
    scores = (deviation / spread[varies]) @ directions[is_large].T
    squared = (scores**2 / singular[is_large] ** 2).sum(axis=1) * (len(among) - 1)
    return np.asarray(squared), int(is_large.sum())


def mid_ranks(distance: Floats) -> Floats:
    """(R,) for each of the distances the share of all that are larger, with half of
    those that are equal, itself too.

    >>> mid_ranks(np.array([1.0, 3.0, 1.0, 2.0])).tolist()
    [0.75, 0.125, 0.75, 0.375]"""
    order = np.sort(distance)
    below, above = distance * (1.0 - TIES), distance * (1.0 + TIES)
    larger = len(order) - np.searchsorted(order, above, side="right")
    equal = len(order) - np.searchsorted(order, below) - larger
    return np.asarray((larger + equal / 2.0) / len(order))
