"""A run that is finished: the same command answers from its folder, as long as inputs,
code and every file of the folder are what they were."""

from __future__ import annotations

import glob
import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from balance_sim.scenario.files import bytes_if_any
from balance_sim.scenario.schema import Scenario
from balance_sim.show.wording import Paragraph
from balance_sim.study.atomic_files import write_atomic

if TYPE_CHECKING:
    from balance_sim.effects.result import AnalysedResult

RECORD = "finished.json"
LARGEST = 8 << 20
"""Bytes of a record that is read."""
DRAWN = ("figures/", "report.html")
PASSING = ("lock", RECORD)
"""Files of a folder that say nothing of its study."""
PACKAGE = Path(__file__).parents[1]
PROGRAMS = ("numpy", "pandas", "pyarrow", "scipy", "matplotlib", "jinja2")
"""What numbers, figures and pages are made with."""


class FinishedRun(BaseModel):
    """The record of a folder.

    Attributes
    ----------
    request, code : of `request_digest` and `code_digest`
    study : key of the study
    has_figures : whether figures and report were drawn
    paragraphs : that the terminal shows
    files : sha256 of every file in the folder, by name
    sha256 : of all this
    """

    model_config = ConfigDict(frozen=True, strict=True)

    request: str
    code: str
    study: str
    has_figures: bool
    paragraphs: list[Paragraph]
    files: dict[str, str]
    sha256: str = ""

    @property
    def seal(self) -> str:
        """The sha256 that the record has where it is as it was written."""
        plain = self.model_dump_json(exclude={"sha256"})
        return sha256_of(plain.encode())

    def is_drawn(self, folder: Path) -> bool:
        """Return whether the folder's figures and report are those that this code
        drew."""
        names = {name for name in self.files if name.startswith(DRAWN)}
        drawn = {name: self.files[name] for name in names}
        is_ours = self.has_figures and self.code == code_digest()
        return is_ours and digests(folder, DRAWN) == drawn


@cache
def code_digest() -> str:
    """Return the sha256 of the files of this package, and of the versions of what it
    computes and draws with."""
    digest = hashlib.sha256(platform.python_version().encode())
    for name in PROGRAMS:
        digest.update(f"{name} {version(name)}\0".encode())
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix != ".pyc" and path.is_file():
            name = path.relative_to(PACKAGE).as_posix()
            digest.update(f"{name} {sha256_of(path.read_bytes())}\0".encode())
    return digest.hexdigest()


def request_digest(
    scenario: Scenario, files: Mapping[str, bytes], options: Mapping[str, Any]
) -> str:
    """Return the sha256 of what a command asks for.

    Parameters
    ----------
    scenario : as it was read
    files : that it was read from, by name
    options : that decide what comes out
    """
    inputs = dict(files)
    if scenario.posterior.draws:
        table = Path(scenario.folder) / scenario.posterior.draws
        inputs["draws"] = bytes_if_any(table) or b""
    texts = {name: sha256_of(data) for name, data in inputs.items()}
    asked = [scenario.name, scenario.sha256, texts, dict(options)]
    return sha256_of(json.dumps(asked, sort_keys=True).encode())


def sha256_of(content: bytes) -> str:
    """Return the sha256 of bytes, as hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def digests(folder: Path, beginnings: str | tuple[str, ...] = "") -> dict[str, str]:
    """Return the sha256 of each file in a folder whose name begins so, by name."""
    names = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.startswith(beginnings) and name not in PASSING:
            content = bytes_if_any(path)
            if content is not None:
                names[name] = sha256_of(content)
    return names


def finished_run(folder: Path) -> FinishedRun | None:
    """Return the record of a folder; None where none can be read."""
    try:
        run = FinishedRun.model_validate_json(
            bytes_if_any(folder / RECORD, LARGEST) or b""
        )
    except ValueError:
        return None
    return run if run.sha256 == run.seal else None


def keep_record(result: AnalysedResult, request: str, *, has_figures: bool) -> None:
    """Write the record of a finished run into its folder.

    Parameters
    ----------
    result : of which every file has been written
    request : of `request_digest`
    has_figures : figures and report are those of this code

    Raises
    ------
    CannotWrite : from the folder
    """
    from balance_sim.show.headline import paragraphs
    from balance_sim.study.store import Store

    folder = result.folder
    assert folder is not None
    run = FinishedRun(
        request=request,
        code=code_digest(),
        study=Store(folder).manifest().study_key,
        has_figures=has_figures,
        paragraphs=list(paragraphs(result)),
        files=digests(folder),
    )
    sealed = run.model_copy(update={"sha256": run.seal})
    write_atomic(folder / RECORD, f"{sealed.model_dump_json(indent=1)}\n".encode())


def finished_in(name: str, out: Path | None) -> Iterator[tuple[Path, FinishedRun]]:
    """Yield folders that may hold a run of a scenario, with their records.

    Parameters
    ----------
    name : of the scenario
    out : the folder that was named; None: the run's default folder
    """
    paths = [out] if out else sorted(Path("results").glob(f"{glob.escape(name)}-*"))
    for path in paths:
        run = finished_run(path)
        if run and (out or path.name == f"{name}-{run.study[:8]}"):
            yield path, run


def answering_run(
    name: str, out: Path | None, request: str, *, figures: bool
) -> tuple[Path, FinishedRun] | None:
    """Return the folder that holds all that is asked for, and its record; None where
    there is something to do.

    Parameters
    ----------
    name, out : of `finished_in`
    request : of `request_digest`
    figures : are asked for too
    """
    for folder, run in finished_in(name, out):
        has_all = run.request == request and run.has_figures >= figures
        if has_all and run.code == code_digest() and run.files == digests(folder):
            return folder, run
    return None
