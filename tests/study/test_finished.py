"""The same command on a run that is finished: nothing to do, or what was spoilt is made again."""

import json
from multiprocessing import active_children
from pathlib import Path

import pytest
from balance_sim.effects import ahead
from balance_sim.effects.result import AnalysedResult
from balance_sim.model.own import modules
from balance_sim.show import figures, finished, report
from balance_sim.show.figures import FIGURES
from balance_sim.show.finished import FinishedRun, digests, finished_run

WORDS = ("run", "small.yaml", "--runs", "4", "--workers", "1", "--out", "out")


@pytest.fixture(autouse=True)
def no_own_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process of the command's own: other tests have entered terms in this one."""
    monkeypatch.setattr(modules, "_entered", {})


@pytest.fixture
def simulations(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders of the commands that looked for something to simulate, in the test."""
    folders: list[Path] = []

    def simulated(study, folder: Path, later, begin=ahead.simulated):
        folders.append(folder)
        return begin(study, folder, later)

    monkeypatch.setattr(ahead, "simulated", simulated)
    return folders


@pytest.fixture
def two_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all figures of a run the map and the arms."""
    few = {name: FIGURES[name] for name in ("map", "arms")}
    monkeypatch.setattr(figures, "run_figures", lambda: few)


def untimed(text: str) -> dict[str, object]:
    """A document of `run --json` without its timing, which is of this call alone."""
    document: dict[str, object] = json.loads(text)
    assert document.pop("timing")
    return document


@pytest.mark.parametrize("command", ["run", "sweep"])
def test_timing_is_printed_and_not_kept(command, lab) -> None:
    """Seconds, arms of replications a second, and workers: none a second where all were there already."""
    words = (command, lab.scenario_path) if command == "run" else (command, "smoke")
    words = [
        str(word) for word in (*words, "--runs", "2", "--no-figures", "--workers", "1", "--out", command, "--json")
    ]
    first, again = (json.loads(lab.ask(*words).stdout) for _ in range(2))
    for document in (first, again):
        timing = document.pop("timing")
        assert [*timing] == ["seconds", "runs_per_second", "workers"]
        assert timing["seconds"] > 0 and timing["workers"] == 1
        assert (timing["runs_per_second"] > 0) == (document is first)
    assert first == again and "timing" not in (lab.folder / command / "summary.json").read_text()


@pytest.mark.usefixtures("two_figures")
def test_a_finished_run_answers_from_its_folder_until_something_is_another(lab, simulations, monkeypatch) -> None:
    out, text = lab.folder / "out", lab.scenario_path.read_text()
    first = lab.ask(*WORDS)
    files = digests(out)
    assert {"report.html", "summary.json", "figures/arms.png"} <= {*files}
    assert (lab.ask(*WORDS).stdout, lab.ask(*WORDS, "--no-figures").stdout) == (first.stdout,) * 2
    document = untimed(lab.ask(*WORDS, "--json").stdout)
    with monkeypatch.context() as patch:
        patch.setenv("COLUMNS", "100")
        in_wide = lab.ask(*WORDS).stdout
    assert len(simulations) == 1
    assert max(map(len, first.stdout.splitlines())) <= 80 < max(map(len, in_wide.splitlines())) <= 100

    for name in ("figures/arms.png", "summary.json"):
        (out / name).write_bytes((out / name).read_bytes() + b" ")
    for name in ("report.html", "codebook.csv", "figures/map.svg"):
        (out / name).unlink()
    assert (lab.ask(*WORDS).stdout, len(simulations)) == (first.stdout, 2)
    assert digests(out) == files
    assert untimed(lab.ask(*WORDS, "--json").stdout) == document == json.loads((out / "summary.json").read_text())

    lab.scenario_path.write_text(f"{text}\n# a note\n")
    assert (lab.ask(*WORDS).stdout, len(simulations)) == (first.stdout, 3)
    (out / "figures" / "arms.png").write_bytes(b"of another version")
    lab.ask(*WORDS, "--no-figures")  # the record now has the file as it is
    record = finished_run(out)
    assert not record.has_figures
    with monkeypatch.context() as patch:
        patch.setattr(finished, "code_digest", lambda: "of another version")
        assert not record.is_drawn(out)
        lab.ask(*WORDS)
    assert digests(out)["figures/arms.png"] == files["figures/arms.png"]


def test_another_process_draws_the_same_figures_and_ends_with_a_stop(lab, monkeypatch) -> None:
    lab.ask(*WORDS)
    monkeypatch.setattr(ahead, "LARGE", 0)
    monkeypatch.setattr(report, "figure_bytes", None)  # this process draws nothing
    lab.ask("run", "small.yaml", "--runs", "4", "--workers", "2", "--out", "other")
    drawn = [digests(lab.folder / name, ("figures/", "summary.json")) for name in ("out", "other")]
    assert drawn[0] == drawn[1]

    def stop(_result: object) -> None:
        assert active_children()
        raise KeyboardInterrupt

    monkeypatch.setattr(AnalysedResult, "summary", stop)
    stopped = lab.ask("run", "small.yaml", "--runs", "4", "--workers", "2", "--out", "third")
    for child in active_children():
        child.join(10)
    assert (stopped.returncode, active_children()) == (130, [])


def test_a_record_that_was_changed_is_none(lab) -> None:
    lab.ask(*WORDS, "--no-figures")
    path = lab.folder / "out" / finished.RECORD
    record = FinishedRun.model_validate_json(path.read_bytes())
    assert finished_run(path.parent) == record
    path.write_text(path.read_text().replace("agreements", "wars", 1))
    assert finished_run(path.parent) is None


def test_no_record_is_kept_of_code_of_ones_own(lab) -> None:
    (lab.folder / "mine.py").write_text('def signed(history):\n    """Signed."""\n    return history.runs * 0.0\n')
    done = lab.call(*WORDS, "--no-figures", "--outcomes", "mine")
    assert done.returncode == 0, done.stderr
    assert not (lab.folder / "out" / finished.RECORD).exists()
