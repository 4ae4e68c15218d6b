"""Property tests look at the same examples every time, so that a commit passes or fails for good.

With BALANCE_SIM_FUZZ set, they look at new ones: see tests/README.md. Folders of tests are in memory where there is
room for them, since a disk takes some milliseconds for each of many thousand files (`PYTEST_DEBUG_TEMPROOT` says
where else). The processes that tests start keep the bytecode that they compile, so that the next one does not compile
all of it again. The collector of garbage leaves alone what is there when all tests are known, and looks more seldom:
a twelfth of the time of three files that were measured. At its end a run tells which rows of
docs/faults.md held; `--fault F11` runs the tests of one row."""

from __future__ import annotations

import gc
import os
import shutil

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True)
settings.load_profile("default" if "BALANCE_SIM_FUZZ" in os.environ else "same")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # the tests have a process for each core already
MEMORY, ROOM = "/dev/shm", 2**31  # bytes; a run holds some hundred million at a time
if os.path.ismount(MEMORY) and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)

ROWS = [f"F{number:02d}" for number in range(1, 43)]  # of docs/faults.md
MOST_NAMED = 12


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault", action="append", metavar="ROW", help="only tests of this row of docs/faults.md")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each test's rows go with its reports, also from another process."""
    asked = set(config.getoption("--fault") or ())
    unknown = asked - set(ROWS)
    if unknown:
        raise pytest.UsageError(f"--fault {min(unknown)}: a row of docs/faults.md, {ROWS[0]} to {ROWS[-1]}")
    kept = []
    for item in items:
        rows = [row for mark in item.iter_markers("fault") for row in mark.args]
        item.user_properties += [("fault", row) for row in rows]
        if not asked or asked & set(rows):
            kept.append(item)
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


def pytest_collection_finish() -> None:
    """Libraries and tests stay until the end, so the collector of garbage need not go over them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture
def few_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run has two figures in this process: for tests of when and where they are written, not of what each shows."""
    from balance_sim.show import figures

    few = {name: figures.FIGURES[name] for name in ("fan", "arms")}
    monkeypatch.setattr(figures, "run_figures", lambda _plugins: few)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line: rows whose tests all passed, and the others by name."""
    ended: dict[str, set[str]] = {}
    for how, reports in terminalreporter.stats.items():
        for report in reports:
            for name, row in getattr(report, "user_properties", ()):
                if name == "fault" and how in ("passed", "failed", "error", "skipped", "xfailed", "xpassed"):
                    ended.setdefault(row, set()).add(how)
    if ended:
        terminalreporter.write_line(score(ended))


def score(ended: dict[str, set[str]]) -> str:
    """How many rows held, by the ways in which the tests of each ended; then those that did not."""
    held = [row for row in ROWS if ended.get(row) == {"passed"}]
    parts = [f"faults survived, nothing lost: {len(held)} of {len(ROWS)} rows"]
    failed = [row for row in ROWS if ended.get(row, set()) - {"passed", "skipped"}]
    skipped = [row for row in ROWS if row in ended and row not in held and row not in failed]
    not_run = [row for row in ROWS if row not in ended]
    for what, rows in (("failed", failed), ("skipped", skipped), ("not run", not_run)):
        if rows:
            parts.append(f"{what}: {', '.join(rows) if len(rows) <= MOST_NAMED else len(rows)}")
    return "; ".join(parts)
