"""`package`: what a study was made of, what came of it, and how to make it again, in
one archive.

README.md           in the sections that data editors of the social sciences ask for
package.json        digests, and the sha256 of every other member: `Package`
manifest.json       what was run: scenario, arms, seed, versions (`study.manifest`)
points.*.parquet    of a sweep: the values of each point
inputs/             the files as their author wrote them
requirements.txt    versions for pip
results/            summary and tables
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from balance_sim.archive.members import zipped
from balance_sim.archive.verify import open_study, verify
from balance_sim.effects.result import AnalysedResult
from balance_sim.scenario.errors import StoreDamaged, WrongRequest
from balance_sim.scenario.files import shipped_text
from balance_sim.scenario.schema import Scenario
from balance_sim.study.atomic_files import make_folder, write_atomic
from balance_sim.study.digest import Digest, sha256_of
from balance_sim.study.export import frame_csv
from balance_sim.study.folder import scenario_of
from balance_sim.study.manifest import Manifest, Sealed, Sha256, sealed
from balance_sim.study.store import Store
from balance_sim.study.sweep_result import combined

FORMAT = 4
SUMMARY = "results/summary.json"
SECTIONS = ["states", "accords", "events", "disputes", "no_relations", "distances"]
SECTIONS += ["trade", "provocations"]
"""Tables of a scenario whose rows name sources."""
PIP = ("balance_sim", "numpy", "pandas", "pyarrow", "scipy")
"""Programs that pip installs."""
INPUT = re.compile(r"inputs/.+\.(?:yaml|yml|csv|json)")
"""Files of the scenario's author."""
_UNSAFE = re.compile(r"[^A-Za-z0-9_.\-/]|(?<![^/])[.\-]+")


class Package(Sealed):
    """package.json: what came of the study.

    Attributes
    ----------
    digest, agreements_digest : of all results; of agreements and their dates alone
    failed : point and number of each replication on record as failed
    files : sha256 of every other member
    """

    format: int = FORMAT
    digest: Sha256
    agreements_digest: Sha256
    failed: tuple[tuple[int, int], ...]
    files: dict[str, Sha256]


def package(folder: Path, out: Path | None = None) -> Path:
    """Write the archive of a finished study, by default `<folder>.zip` beside it. The
    same study, the same bytes.

    Raises
    ------
    WrongRequest : for an unfinished study, and where there is such a file already
    StoreDamaged : for a damaged one
    CannotWrite : from the place of the archive
    """
    path = out or folder.parent / f"{folder.resolve().name}.zip"
    if path.exists():
        raise WrongRequest(f"{path} is there already; choose another --out")
    content = zipped(files_of(folder))
    make_folder(path.parent)
    write_atomic(path, content)
    return path


def files_of(folder: Path) -> dict[str, bytes]:
    """Return every member of the archive of a finished study by its name.

    Raises
    ------
    WrongRequest : for an unfinished study
    StoreDamaged : for a damaged one
    """
    verified = verify(folder)
    if verified.damage:
        why = verified.damage[0].why
        raise StoreDamaged(f"{why}; give the study's own command again first")
    if verified.digest is None:
        raise WrongRequest(
            f"{folder} is not finished: give its command again, then package it"
        )
    manifest = Store(folder).manifest()
    digests, files = results_of(folder)
    for name, text in manifest.files.items():
        place = f"inputs/{_UNSAFE.sub('_', name)}"
        if INPUT.fullmatch(place):
            files[place] = text.encode()
    if manifest.points is not None:
        name = f"points.{manifest.points}.parquet"
        files[name] = (folder / name).read_bytes()
    bare = manifest.model_copy(update={"files": {}, "command": ""})
    files["manifest.json"] = sealed(bare.model_dump())
    failed = tuple((row["point"], row["run"]) for row in Store(folder).failed())
    return with_papers(bare, files, failed, digests)


def with_papers(
    manifest: Manifest,
    files: Mapping[str, bytes],
    failed: tuple[tuple[int, int], ...],
    digests: tuple[str, str],
) -> dict[str, bytes]:
    """Return files of a study with those that follow from them: README.md,
    requirements.txt, and package.json."""
    programs = manifest.versions[-1].programs
    lines = [f"{name.replace('_', '-')}=={programs[name]}\n" for name in PIP]
    members = dict(files) | {"requirements.txt": "".join(lines).encode()}
    members["README.md"] = readme(manifest, sorted(members), failed, digests[0])
    facts = Package(
        digest=digests[0],
        agreements_digest=digests[1],
        failed=failed,
        files={name: sha256_of(members[name]) for name in sorted(members)},
    )
    return members | {"package.json": json_bytes(facts.model_dump())}


def results_of(folder: Path) -> tuple[tuple[str, str], dict[str, bytes]]:
    """Return the digests of the study in a folder, of all and of agreements alone, and
    its summary and tables as an archive holds them."""
    study, summary = open_study(folder)
    tables, points = ["levels", "effects"], {}
    if isinstance(study, AnalysedResult):
        tables.append("dyads")
        points[""] = study.blocks()
    else:
        for number in study.table.numbers():
            points[study.table.points[number].key] = study.blocks(number)
    digests = []
    for key, blocks in points.items():
        digest = Digest(study.arms)
        for runs, agreements in blocks:
            digest.add(runs, agreements)
        digests.append((key, digest.hexdigest(["accords"])))
    files = {SUMMARY: json_bytes(summary)}
    for name in tables:
        files[f"results/{name}.csv"] = frame_csv(getattr(study, name)).encode()
    return (study.digest, combined(digests)), files


def json_bytes(content: Any) -> bytes:
    """Return a JSON member of an archive."""
    text = json.dumps(
        content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False
    )
    return f"{text}\n".encode()


# -- the README ------------------------------------------------------------------------


def named_sources(scenario: Scenario) -> Counter[str]:
    """Return the number of rows that name each source."""
    rows = [row for section in SECTIONS for row in getattr(scenario, section)]
    return Counter(row.source.strip() for row in rows)


def data_sets_of(scenario: Scenario) -> list[dict[str, str]]:
    """Return those data sets with a citation, and their terms where they state some,
    that the sources of a scenario name."""
    import yaml

    sources = "\n".join(sorted(named_sources(scenario)))
    rows = yaml.safe_load(shipped_text("balance_sim.archive", "data_sets.yaml"))
    return [row for row in rows if re.search(row["pattern"], sources)]


def readme(
    manifest: Manifest,
    names: list[str],
    failed: tuple[tuple[int, int], ...],
    digest: str,
) -> bytes:
    """Return README.md in the sections of the Social Science Data Editors' template
    (https://social-science-data-editors.github.io/template_README/); the same facts
    give the same bytes. names: of the files that it lists."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters["line"] = _line
    scenario = scenario_of(manifest)
    template = shipped_text("balance_sim.archive", "readme.md.jinja")
    text = environment.from_string(template).render(
        manifest=manifest,
        made=manifest.versions[-1],
        scenario=scenario,
        names=names,
        failed=failed,
        digest=digest,
        sources=sorted(named_sources(scenario).items()),
        data_sets=data_sets_of(scenario),
    )
    return text.encode("utf-8", "backslashreplace")


def _line(text: str) -> str:
    """Return free text of a file on one line, with nothing that Markdown or HTML would
    act on."""
    escaped = re.sub(r"([\\`*_\[\]<>|#!])", r"\\\1", " ".join(text.split()))
    return escaped.replace("&", "&amp;")
