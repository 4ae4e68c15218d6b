"""Random numbers come from the one table of streams, and from the study's seed."""

import ast
from pathlib import Path

import balance_sim
import numpy as np
import pytest
from balance_sim.model import streams
from balance_sim.model.clocks import absorb, label

PACKAGE = Path(balance_sim.__file__).parent
OF_THEIR_OWN = {"archive/verify.py": "which blocks are looked at must not be known to who edits them"}


def test_every_stream_has_a_label_of_its_own() -> None:
    labels = [int(streams.stream_label(name)) for name in streams.STREAMS]
    assert len({*labels}) == len(labels)


def test_a_stream_that_the_table_does_not_name_is_refused() -> None:
    with pytest.raises(KeyError):
        streams.stream_keys(1, np.arange(2, dtype=np.uint64), "other")


def test_keys_absorb_seed_replication_and_stream() -> None:
    runs = np.array([3, 4], dtype=np.uint64)
    keys = streams.stream_keys(7, runs, streams.OPPORTUNITY)
    by_hand = absorb(absorb(absorb(label("balance-sim"), 7), np.uint64(4)), label("opportunity"))
    assert keys[1] == by_hand
    assert not np.isin(keys, streams.stream_keys(8, runs, streams.OPPORTUNITY)).any()


def test_seeds_of_generators_follow_from_the_studys_seed() -> None:
    names = (streams.PAYOFF_BOOTSTRAP, streams.IDLE_PARAMETERS, streams.SHUFFLED_CLASSES)
    assert len({streams.stream_seed(seed, name) for name in names for seed in (1, 2)}) == 6


def test_no_generator_has_a_seed_that_nobody_sets() -> None:
    """Outside of evidence: every `default_rng` is given more than literals."""
    literal = []
    for file in sorted(PACKAGE.rglob("*.py")):
        place = file.relative_to(PACKAGE).as_posix()
        if place.startswith("evidence/") or place in OF_THEIR_OWN:
            continue
        calls = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        for call in calls:
            parts = [part for given in call.args for part in ast.walk(given)]
            has_name = any(isinstance(part, ast.Name | ast.Attribute) for part in parts)
            if ast.unparse(call.func).endswith("default_rng") and not has_name:
                literal.append(f"{place}:{call.lineno}")
    assert not literal
