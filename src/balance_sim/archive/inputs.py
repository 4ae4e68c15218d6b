"""The files of a study as their author wrote them: where they stand in an archive, and whether they give the study."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from balance_sim.model.classes import classes_of
from balance_sim.pool.faults import MissingExtra, WrongRequest
from balance_sim.replications.arms import chosen_arms
from balance_sim.results.manifest import Manifest
from balance_sim.results.points import design_points
from balance_sim.scenario import load_scenario
from balance_sim.scenario.design import Experiment
from balance_sim.scenario.experiment import load_experiment, scenario_named
from balance_sim.scenario.load import stem
from balance_sim.scenario.problems import ScenarioError
from balance_sim.scenario.schema import Scenario

FOLDER = "inputs"
_UNSAFE = re.compile(r"[^A-Za-z0-9_.\-]")
_HOME = "scenario/"  # where a manifest keeps the files of an experiment's scenario
Keys = Sequence[str]
_UPS = re.compile(r"(?:\.\./)*")


@dataclass(frozen=True)
class ByHand:
    """How the study is made again from its files: the file to name, and what of the command decides results."""

    file: str
    settings: tuple[str, ...] = ()
    theory: str | None = None

    def command(self, about: Mapping[str, Any]) -> str:
        """The command, to be given in the unpacked archive."""
        words = ["balance-sim", about["study"], self.file]
        if about["study"] == "run":
            words += ["--runs", str(about["runs"]), "--seed", str(about["seed"])]
            words += ["--arms", ",".join(about["arms"])]
            words += [word for text in self.settings for word in ("--set", text)]
            words += ["--theory", self.theory] if self.theory is not None else []
            words += ["--draw-parameters"] if about["draw_parameters"] else []
            words += [] if about["mechanisms"] else ["--no-mechanisms"]
        words += ["--model", about["model"]] if about["model"] else []
        return shlex.join([*words, "--out", "again"])

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"file": self.file, "set": list(self.settings), "theory": self.theory}

    @staticmethod
    def read(said: object) -> ByHand | None:
        """The other way round. Raises ValueError for what is none."""
        if said is None:
            return None
        if not isinstance(said, dict) or not isinstance(said.get("file"), str):
            raise ValueError("`by_hand` names no file")
        settings, theory = said.get("set", []), said.get("theory")
        is_list = isinstance(settings, list) and all(isinstance(text, str) for text in settings)
        if not is_list or not (theory is None or isinstance(theory, str)):
            raise ValueError("`by_hand` holds what is no option")
        return ByHand(said["file"], tuple(settings), theory)


def input_files(manifest: Manifest) -> tuple[dict[str, bytes], str | None]:
    """The files by their names in the archive, and the one that a command has to name, if it is known.

    An experiment stands to its scenario as it says itself, so that the command works in the unpacked archive."""
    files = {name: text.encode() for name, text in sorted(manifest.files.items())}
    if not manifest.is_sweep:
        mains = [name for name in files if "/" not in name and stem(name) == manifest.scenario.name]
    else:
        mains = [name for name in files if not name.startswith(_HOME)]
    main = mains[0] if len(mains) == 1 else ""
    names = {name: name for name in files} if not manifest.is_sweep else _beside(files, main)
    placed = {name: f"{FOLDER}/{_safe(to)}" for name, to in names.items()}
    return {placed[name]: data for name, data in files.items()}, placed.get(main)


def _beside(files: Mapping[str, bytes], main: str) -> dict[str, str]:
    """Where an experiment and the files of its scenario stand, by the path from one to the other."""
    as_kept = {name: name for name in files}
    said = scenario_named(files[main]) if main else None
    if said is None or posixpath.isabs(said) or "\\" in said or ":" in said:
        return as_kept
    path = posixpath.normpath(said)
    match = _UPS.match(path)
    ups = len(match[0]) // 3 if match else 0
    home = "/".join(["experiments", *["deeper"] * (ups - 1)][:ups])
    folder = posixpath.normpath(posixpath.join(home, posixpath.dirname(path)))
    names = {
        name: posixpath.normpath(posixpath.join(folder, name.removeprefix(_HOME)))
        for name in files
        if name != main
    }
    found = posixpath.normpath(posixpath.join(home, path))
    is_there = {found, f"{found}.yaml"} & {*names.values()}
    names[main] = posixpath.join(home, main)
    return names if is_there and len({*names.values()}) == len(files) else as_kept


def by_hand(
    manifest: Manifest,
    about: Mapping[str, Any],
    files: Mapping[str, bytes],
    main: str | None,
    points: Keys,
) -> ByHand | None:
    """How the command line that made the study does so from these files; None where they do not give the study.

    That is so for a study made from Python with a scenario that was changed there."""
    if main is None:
        return None
    settings, theory = [], None
    try:
        words = shlex.split(manifest.command)
    except ValueError:
        return None
    for at, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option in ("--set", "--theory"):
            value = value if equals else (words[at + 1] if at + 1 < len(words) else "")
            settings += [value] if option == "--set" else []
            theory = value if option == "--theory" else theory
    found = ByHand(main, tuple(settings), theory)
    return None if gives(found, about, files, points) is False else found


class _Read(dict[str, bytes]):
    """Files by name that keep account of which were asked for."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(files)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


def gives(found: ByHand, about: Mapping[str, Any], held: Mapping[str, bytes], points: Keys) -> bool | None:
    """Whether the files in FOLDER, read from memory, give the study of `about`, each of them being read for it.

    points: the keys of a sweep's points; a design of another size is not laid out. None: all but the points was
    compared, as the package that draws them is not installed."""
    files = _Read({name: data for name, data in held.items() if name.startswith(f"{FOLDER}/")})
    try:
        return _gives(found, about, files, points) and files.names >= files.keys()
    except MissingExtra:
        return None if files.names >= files.keys() else False


def _gives(found: ByHand, about: Mapping[str, Any], files: Mapping[str, bytes], points: Keys) -> bool:
    wanted: str = about["scenario"]["sha256"]
    table = about.get("classes")

    def is_it(scenario: Scenario) -> bool:
        known = table is None or classes_of(scenario).sha256 == table["sha256"]
        return known and scenario.sha256 == wanted

    try:
        if about["study"] == "run":
            return is_it(load_scenario(found.file, set=found.settings, theory=found.theory, held=files))
        experiment = load_experiment(found.file, held=files, max_runs=10**12)
        head = experiment.head
        arms = sorted(chosen_arms(experiment.scenario, head.arms))
        same = (head.runs, head.seed, arms) == (about["runs"], about["seed"], sorted(about["arms"]))
        return same and is_it(experiment.scenario) and _are_points(experiment, points)
    except MissingExtra:
        raise
    except (ScenarioError, WrongRequest):
        return False


def _are_points(experiment: Experiment, points: Keys) -> bool:
    """Whether the design gives these points. Raises MissingExtra where the package that draws it is not installed."""
    if experiment.count() != len(points):
        return False
    left = Counter(points)
    for point in design_points(experiment):
        left[point.key] -= 1
        if left[point.key] < 0:
            return False
    return True


def _safe(name: str) -> str:
    return "/".join(_UNSAFE.sub("_", part).lstrip(".") or "_" for part in name.split("/"))


__all__ = ["ByHand", "by_hand", "gives", "input_files"]
