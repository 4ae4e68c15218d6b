"""Results of a version that knew fewer outcomes: read for what they hold, gone on with by nobody, never half mixed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from balance_sim.article.mechanisms import measured
from balance_sim.cli import main
from balance_sim.effects.result import open_result
from balance_sim.effects.run import run
from balance_sim.scenario.errors import WrongRequest
from balance_sim.study.outcomes import FILTERED
from balance_sim.study.store import Store
from balance_sim.study.tables import BlockTables
from click.testing import CliRunner

RUNS = 20


@pytest.fixture(scope="module")
def now(small, tmp_path_factory) -> Path:
    """Results of several blocks, by this version."""
    out = tmp_path_factory.mktemp("now") / "out"
    for runs in (RUNS // 2, RUNS):
        run(small, runs, 1, out=out)
    return out


def older(now: Path, out: Path, keeps: Callable[[str], bool], blocks: int | None = None) -> Path:
    """The same results without the outcomes that are not kept, in the first so many blocks or in all.

    Sums by dyad go with filtered estimates: versions before had neither."""
    shutil.copytree(now, out)
    with Store(out).lock() as store:
        for one in store.kept()[:blocks]:
            assert one.runs is not None and one.agreements is not None
            runs, agreements = one.runs.table(), one.agreements.table()
            kept = [name for name in runs.column_names if name in ("run", "arm") or keeps(name)]
            assert len(kept) < len(runs.column_names)
            assert one.dyads is not None
            dyads = one.dyads.table()
            one.runs.path.unlink()
            store.write(one.point, one.block, BlockTables(runs.select(kept), agreements, dyads))
            if not any(name.startswith(FILTERED) for name in kept):
                one.dyads.path.unlink()
    return out


def said(*words: object) -> tuple[int, str]:
    """Exit code, and all that was said. Never an internal error."""
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert "internal error" not in done.output, done.output
    return done.exit_code, done.output


def test_a_mechanism_says_which_outcome_is_lacking(now, tmp_path):
    """The others are measured as before; what a detail alone lacks is left out."""
    old = older(now, tmp_path / "old", lambda name: not name.startswith(("room_host", "dependence_host")))
    there, here = (measured(open_result(folder)) for folder in (old, now))
    room, loss = there.pop("M9"), there.pop("M10")
    assert room["value"] is None
    assert room["why"] == "the results lack the outcome `room_host_300`: another version made them"
    assert here.pop("M9")["value"] is not None
    full = here.pop("M10")
    assert full["detail"].keys() - loss["detail"].keys() == {"dependence", "dependence_on_partners"}
    assert loss["value"] == full["value"]
    assert there == here


@pytest.mark.fault("F25")
@pytest.mark.slow
def test_results_that_have_little_but_counts_of_accords(now, tmp_path):
    """Pages leave out what cannot be drawn; a figure asked for by name says what is missing."""
    old = older(now, tmp_path / "old", lambda name: name.startswith("accords_"))
    assert said("report", old)[0] == 0
    page = (old / "report.html").read_text(encoding="utf-8")
    assert 'id="fan"' in page and 'id="pairs"' not in page
    assert "pairs " in said("plot", now, "--list")[1]
    code, words = said("plot", old, "--outcome", "first_counter_days")
    assert code == 2 and "`first_counter_days`" in words
    for command in (("explore", old), ("compare", old, now), ("compare", now, old), ("status", old)):
        assert said(*command)[0] == 0, command
    code, words = said("explain", old, "--outcome", "dependence_host_300", "--workers", "1")
    assert code == 2 and "unknown outcome `dependence_host_300`" in words


@pytest.mark.fault("F25")
def test_results_without_the_count_that_all_pages_speak_of(now, tmp_path):
    old = older(now, tmp_path / "old", lambda name: not name.startswith("accords_counter"))
    for command in (("plot", old), ("report", old), ("explore", old), ("report", now, old)):
        code, words = said(*command)
        assert code == 2 and "have no outcome `accords_counter_300`" in words, command


@pytest.mark.fault("F25")
def test_a_folder_of_other_outcomes_is_not_gone_on_with(small, now, tmp_path):
    """F25. Also where both versions have one number. Nothing is written."""
    old = older(now, tmp_path / "old", lambda name: not name.startswith("dependence_host"))
    before = Store(old).shards()
    with pytest.raises(WrongRequest, match=r"with other outcomes \(without dependence_host_300, .*choose another"):
        run(small, 2 * RUNS, 1, out=old)
    assert Store(old).shards() == before


@pytest.mark.fault("F18", "F25")
@pytest.mark.slow
def test_blocks_of_two_versions_are_told_of(now, tmp_path):
    """F18, F25. Every reader ends with 6."""
    mixed = older(now, tmp_path / "mixed", lambda name: not name.startswith("dependence_host"), blocks=1)
    for command in (
        ("plot", mixed, "fan"),
        ("export", mixed, "--out", tmp_path / "all.csv"),
        ("compare", mixed, now),
    ):
        code, words = said(*command)
        assert code == 6 and "two versions wrote into one folder" in words, command
