"""Statistics of networks: worked out by hand on four and five nodes, and beside networkx on random ones."""

import networkx as nx
import numpy as np
import pytest
from balance_sim.evidence.goodness import statistics as networks

# A triangle 0-1-2, a tail 2-3, and node 4 by itself.
PAW = networks.tied(5, np.array([0, 1, 0, 2]), np.array([1, 2, 2, 3]))


def test_a_repeated_edge_is_one_tie_and_a_loop_is_none() -> None:
    tie = networks.tied(3, np.array([0, 1, 2]), np.array([1, 0, 2]))
    assert tie.astype(int).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]


def test_degrees_of_the_paw() -> None:
    assert networks.degrees(PAW).tolist() == [2, 2, 3, 1, 0]
    assert networks.isolates(PAW) == 1
    assert networks.cumulative_degrees(PAW, np.array([0, 1, 2, 3])).tolist() == [1, 2, 4, 5]


def test_geodesics_of_the_paw() -> None:
    # 4 ties; 0-3 and 1-3 two ties apart; node 4 is connected to none of the four others
    assert networks.geodesics(PAW, 3).tolist() == [4, 2, 0, 0, 4]
    path = networks.tied(5, np.arange(4), np.arange(1, 5))
    assert networks.geodesics(path, 2).tolist() == [4, 3, 3, 0]  # lengths 3, 3 and 4 are "more"


def test_shared_partners_of_the_paw() -> None:
    # 0-1 share 2; 0-2 share 1; 1-2 share 0; 0-3 and 1-3 share 2; 2-3 none; 4 with nobody
    assert networks.shared_partners(PAW, 2).tolist() == [5, 5, 0]
    square = networks.tied(4, np.array([0, 1, 2, 3]), np.array([1, 2, 3, 0]))
    assert networks.shared_partners(square, 2).tolist() == [4, 0, 2]  # the two diagonals share two each
    assert networks.shared_partners(square, 1).tolist() == [4, 2]  # the last class holds all from there on


def test_triads_of_the_paw() -> None:
    # {0,1,2}: 3 ties; {0,2,3}, {1,2,3}: 2; {0,1,3}, {0,1,4}, {0,2,4}, {1,2,4}, {2,3,4}: 1; {0,3,4}, {1,3,4}: none
    assert networks.triads(PAW).tolist() == [2, 5, 2, 1]


def test_transitivity_and_modularity_by_hand() -> None:
    assert networks.transitivity(PAW) == pytest.approx(3 / 5)  # 3 closed of 1 + 1 + 3 paths of two ties
    two = networks.tied(4, np.array([0, 2]), np.array([1, 3]))
    assert networks.modularity(two) == pytest.approx(1 - 2 * (1 / 2) ** 2)  # two dyads, half of the ties each
    empty = networks.tied(4, np.empty(0, int), np.empty(0, int))
    assert networks.transitivity(empty) == 0
    assert networks.modularity(empty) == 0
    assert networks.triads(empty).tolist() == [4, 0, 0, 0]


def test_repeats() -> None:
    # 0-1 three times, in either order, and 2-3 once: two of four are not the first of their dyad
    assert networks.repeats(np.array([0, 1, 0, 2]), np.array([1, 0, 1, 3])) == 0.5
    assert np.isnan(networks.repeats(np.empty(0, int), np.empty(0, int)))


@pytest.mark.parametrize("seed", range(5))
def test_the_same_as_networkx(seed: int) -> None:
    graph = nx.gnp_random_graph(17, 0.04 + 0.05 * seed, seed=seed)
    ends = np.array(graph.edges).reshape(-1, 2)
    tie = networks.tied(17, ends[:, 0], ends[:, 1])
    lengths = dict(nx.all_pairs_shortest_path_length(graph))
    away = [lengths[i].get(j, np.inf) for i in range(17) for j in range(i + 1, 17)]
    expected = [sum(d == k for d in away) for k in range(1, 5)]
    expected += [sum(4 < d < np.inf for d in away), sum(np.isinf(away))]
    assert networks.geodesics(tie, 4).tolist() == expected
    shared = [len(list(nx.common_neighbors(graph, i, j))) for i in range(17) for j in range(i + 1, 17)]
    assert networks.shared_partners(tie, 3).tolist() == np.bincount(np.minimum(shared, 3), minlength=4).tolist()
    assert networks.isolates(tie) == nx.number_of_isolates(graph)
    assert networks.transitivity(tie) == pytest.approx(nx.transitivity(graph))
    census = nx.triadic_census(graph.to_directed())
    assert networks.triads(tie).tolist() == [census["003"], census["102"], census["201"], census["300"]]
    if graph.number_of_edges():
        parts = nx.community.greedy_modularity_communities(graph)
        assert networks.modularity(tie) == pytest.approx(nx.community.modularity(graph, parts))
