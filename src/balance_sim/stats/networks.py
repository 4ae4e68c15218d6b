"""Statistics of an undirected network: a matrix in, a vector of numbers out. They know nothing of states.

The auxiliary statistics of a goodness-of-fit comparison are those that a model was not fitted to: Hunter, Goodreau,
Handcock 2008, Goodness of Fit of Social Network Models, Journal of the American Statistical Association 103(481);
Lospinoso, Snijders 2019, Goodness of fit for stochastic actor-oriented models, Methodological Innovations 12(3).
Where networkx or scipy has one it is theirs: modularity, transitivity, geodesics.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


def tied(n: int, first: Ints, second: Ints) -> Bools:
    """(n, n) which nodes are tied, from the ends of E edges. Repeated edges are one tie; loops are none.

    >>> tied(3, np.array([0, 0]), np.array([1, 1])).astype(int).tolist()
    [[0, 1, 0], [1, 0, 0], [0, 0, 0]]"""
    out = np.zeros((n, n), dtype=bool)
    apart = first != second
    out[first[apart], second[apart]] = out[second[apart], first[apart]] = True
    return out


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

    >>> cumulative_degrees(tied(4, np.array([0, 0]), np.array([1, 2])), np.array([0, 1, 2])).tolist()
    [1.0, 3.0, 4.0]"""
    return np.asarray((degrees(tie)[:, None] <= levels).sum(axis=0), dtype=np.float64)


def geodesics(tie: Bools, longest: int) -> Floats:
    """(longest + 2,) dyads whose shortest path has 1, 2, ..., `longest` ties, more, and none at all.

    Shortest paths: scipy.sparse.csgraph.

    >>> geodesics(tied(4, np.array([0, 1]), np.array([1, 2])), 1).tolist()
    [2.0, 1.0, 3.0]"""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import shortest_path

    away = shortest_path(csr_array(tie), directed=False, unweighted=True)[np.triu_indices(len(tie), 1)]
    within = [(away == length).sum() for length in range(1, longest + 1)]
    return np.array([*within, ((away > longest) & np.isfinite(away)).sum(), np.isinf(away).sum()], np.float64)


def shared_partners(tie: Bools, most: int) -> Floats:
    """(most + 1,) dyads, tied or not, with 0, 1, ..., most - 1, and `most` or more, partners in common.

    >>> shared_partners(tied(3, np.array([0, 1]), np.array([1, 2])), 1).tolist()
    [2.0, 1.0]"""
    whole = tie.astype(np.int64)
    shared = np.minimum((whole @ whole)[np.triu_indices(len(tie), 1)], most)
    return np.bincount(shared, minlength=most + 1).astype(np.float64)


def triads(tie: Bools) -> Floats:
    """(4,) sets of three nodes with 0, 1, 2 and 3 ties among them: the triad census of an undirected network.

    >>> triads(tied(3, np.array([0, 1]), np.array([1, 2]))).tolist()
    [0.0, 0.0, 1.0, 0.0]"""
    n, ties = len(tie), int(tie.sum()) // 2
    degree = degrees(tie)
    whole = tie.astype(np.int64)
    three = int(((whole @ whole) * whole).sum()) // 6
    two = int((degree * (degree - 1) // 2).sum()) - 3 * three
    one = ties * max(n - 2, 0) - 2 * two - 3 * three
    return np.array([n * (n - 1) * (n - 2) // 6 - one - two - three, one, two, three], dtype=np.float64)


def transitivity(tie: Bools) -> float:
    """Share of paths of two ties whose ends are tied; 0 where there is no such path (networkx).

    >>> transitivity(tied(3, np.array([0, 1, 0]), np.array([1, 2, 2])))
    1.0"""
    import networkx as nx

    return float(nx.transitivity(_graph(tie)))


def modularity(tie: Bools) -> float:
    """Modularity of the communities found by greedy joining, 0 without a tie (networkx).

    Clauset, Newman, Moore 2004, Finding community structure in very large networks, Physical Review E 70, 066111.

    >>> modularity(tied(4, np.array([0, 2]), np.array([1, 3])))
    0.5"""
    import networkx as nx

    if not tie.any():
        return 0.0
    graph = _graph(tie)
    return float(nx.community.modularity(graph, nx.community.greedy_modularity_communities(graph)))


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

    graph = nx.Graph()
    graph.add_edges_from(np.argwhere(np.triu(tie)).tolist())
    return graph
