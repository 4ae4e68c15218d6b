"""Random numbers come from the one table of streams, and from the study's seed."""

import ast
import re
from datetime import date, timedelta
from pathlib import Path

import balance_sim
import numpy as np
import pandas as pd
import pytest
from balance_sim.effects.run import run
from balance_sim.model import streams
from balance_sim.model.clocks import absorb, label
from balance_sim.scenario import Scenario, load_scenario

PAPER = Path(__file__).parent / "by_hand" / "paper.yaml"
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


GIVEN = """
  given:
    drop: [parade]
    changes:
      - {date: 2000-03-01, agreement: {a: XCO, b: XEL, kind: deep}}
      - {date: 2000-05-01, agreement: {a: XCO, b: XEL, kind: deep}}
      - {date: 2000-05-01, agreement: {a: XAR, b: XEL, kind: middle}}
      - {date: 2000-06-01, dyad: [XBE, XCO], war: true, until: 2000-09-01}
      - {date: 2000-08-01, pact: North, joins: XEL, kind: middle}
report:"""
WEEK = timedelta(days=7)
DATES = ["opened", "signed", "in_force", "ended"]


def paper_of(folder: Path, text: str) -> Scenario:
    path = folder / "paper.yaml"
    path.write_text(text, encoding="utf-8")
    return load_scenario(path)


def later(text: str) -> str:
    """A scenario's text with each date a week later."""
    return re.sub(r"\d{4}-\d\d-\d\d", lambda found: str(date.fromisoformat(found[0]) + WEEK), text)


def test_with_all_dates_a_week_later_the_same_happens_a_week_later(tmp_path: Path) -> None:
    """No stream is keyed by a date or by a step: the pairs stay pairs."""
    text = PAPER.read_text(encoding="utf-8").replace("\nreport:", GIVEN, 1)
    first, second = (run(paper_of(tmp_path, version), runs=30, seed=4) for version in (text, later(text)))
    one, other = first.agreements, second.agreements
    assert (one["origin"] == "scheduled").any() and one["arm"].nunique() > 2
    assert one.drop(columns=DATES).equals(other.drop(columns=DATES))
    for name in DATES:
        days = [pd.to_datetime(table[name]) for table in (one, other)]
        assert (days[1] - days[0]).dropna().eq(pd.Timedelta(WEEK)).all() and days[0].isna().equals(days[1].isna())
    pd.testing.assert_frame_equal(first.outcomes, second.outcomes, check_exact=True)


def test_a_given_agreement_keeps_its_lag_on_another_day(tmp_path: Path) -> None:
    """Its lag is keyed by dyad, type and how many came before it. That of a second one is its own."""
    text = PAPER.read_text(encoding="utf-8").replace("\nreport:", GIVEN, 1)
    moved = text.replace("2000-05-01, agreement: {a: XCO", "2000-05-22, agreement: {a: XCO")
    lags = []
    for version in (text, moved):
        rows = run(paper_of(tmp_path, version), runs=30, seed=4, arms=["given"]).agreements
        given = rows[(rows["arm"] == "given") & (rows["origin"] == "scheduled") & (rows["a"] == "XCO")]
        given = given[(given["b"] == "XEL") & (given["kind"] == "deep")].set_index(["occasion", "run"])
        lag = (pd.to_datetime(given["in_force"]) - pd.to_datetime(given["signed"])).dt.days
        lags.append(lag.unstack("occasion"))
    pd.testing.assert_frame_equal(*lags)
    both = lags[0].dropna()
    assert lags[0].columns.tolist() == [0, 1] and (both[0] != both[1]).mean() > 0.5
