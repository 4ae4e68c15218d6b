"""A small world in a folder of its own, the program as a real process, and a small disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from balance_sim.cli import main
from balance_sim.effects.run import run
from balance_sim.scenario import load_scenario, new_scenario
from balance_sim.scenario.schema import Scenario
from click.testing import CliRunner

RUNS = 60


def small_text() -> str:
    """Five states, a year in steps of a month: a run takes a millisecond or less. One window, and hardly a day on which
    that fits in once more: placebos, on which no fault hangs, would take longer than the runs."""
    text = new_scenario("small").replace("focal: summit ", "step_days: 30\nfocal: summit ")
    return text.replace("end: 2026-01-01 ", "end: 2025-12-10 ").replace("windows: [30, 90, 300]", "windows: [300]")


SEVERAL = """
import json, sys
from balance_sim.cli import main

codes = []
for words in json.loads(sys.argv[1]):
    try:
        main(words, prog_name="balance-sim")
    except SystemExit as end:
        codes.append(int(end.code or 0))
print(json.dumps(codes))
"""


class Bench:
    """A folder with small.yaml; `call` runs the program there and waits, `start` does not. `ask` runs it in this very
    process, in a fraction of the time: for what is done before and after a fault, and is no part of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "small.yaml").write_text(small_text(), encoding="utf-8")

    def words(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "balance_sim", *words]

    def run_words(self, *words: str, runs: int = RUNS, workers: int = 1) -> tuple[str, ...]:
        return ("run", "small.yaml", "--runs", str(runs), "--workers", str(workers), "--out", "out",
                "--no-figures", *words)  # fmt: skip

    def environment(self, **more: str) -> dict[str, str]:
        return os.environ | {"PYTHONPATH": str(self.folder), "NO_COLOR": "1"} | more

    def call(self, *words: str, program: list[str] | None = None, **how: object) -> subprocess.CompletedProcess[str]:
        env = self.environment(**how.pop("env", {}))  # type: ignore[arg-type]
        done = subprocess.run(
            program or self.words(*words), cwd=self.folder, capture_output=True, text=True, timeout=300, env=env,
            check=False, **how,
        )  # type: ignore[call-overload]  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        assert "internal error" not in done.stderr, done.stderr
        return done

    def several(self, *commands: tuple[str, ...], code: int = 0, **how: object) -> str:
        """Runs commands one after the other in one process; each ends with that exit code. What they said on stderr."""
        done = self.call(program=[sys.executable, "-c", SEVERAL, json.dumps(commands)], **how)
        assert done.returncode == 0, done.stderr
        codes = json.loads(done.stdout.splitlines()[-1])
        assert codes == [code] * len(commands), (commands, codes, done.stderr)
        return str(done.stderr)

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        with chdir(self.folder):
            done = CliRunner().invoke(main, list(words))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        assert "Traceback" not in done.stderr and "internal error" not in done.stderr, done.stderr
        return subprocess.CompletedProcess(words, done.exit_code, done.stdout, done.stderr)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.words(*words), cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True, env=self.environment(),
        )  # fmt: skip

    def digest(self, out: str | Path = "out") -> str:
        return str(json.loads((self.folder / out / "summary.json").read_text())["digest"])


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture(scope="session")
def small_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small") / "small.yaml"
    path.write_text(small_text(), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def small(small_path: Path) -> Scenario:
    return load_scenario(small_path)


@pytest.fixture(scope="session")
def calm(small: Scenario) -> str:
    """The digest of an undisturbed study."""
    return run(small, RUNS, 1).digest


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a real tmpfs of a given size; skips where that is not allowed."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            pytest.skip("may not mount a small disk here")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=False)


NOBODY = 54_323  # a user without rights: root may write anywhere


def as_nobody() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


@pytest.fixture
def nobodys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bench whose folder belongs to another user, as whom its `call` and `start` run the program. Skips where that
    user may not use this Python."""
    with tempfile.TemporaryDirectory(prefix="nobody") as place:
        bench = Nobodys(Path(place))
        os.chmod(place, 0o777)
        if os.geteuid() == 0:
            for path in (Path(place), *Path(place).iterdir()):
                os.chown(path, NOBODY, NOBODY)
        try:
            may = bench.call("--version").returncode == 0
        except (PermissionError, AssertionError):
            may = False
        if not may:
            pytest.skip("another user may not use this Python")
        yield bench


class Nobodys(Bench):
    """A bench of another user."""

    def environment(self, **more: str) -> dict[str, str]:
        return super().environment(HOME="/nowhere", **more)

    def call(self, *words: str, **how: object) -> subprocess.CompletedProcess[str]:
        return super().call(*words, preexec_fn=as_nobody, **how)

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.words(*words), cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            start_new_session=True, env=self.environment(), preexec_fn=as_nobody,  # noqa: PLW1509
        )  # fmt: skip
