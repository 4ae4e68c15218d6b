"""The manifest of a results folder: what decides its results. It carries its own sha256.

Keys, kinds and bounds are checked before anything is read by it, for it may come from a stranger."""

from __future__ import annotations

import errno
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from balance_sim.pool.faults import StoreDamaged, WrongRequest
from balance_sim.pool.whole_files import write_whole
from balance_sim.scenario.files import EXHAUSTED, TooLarge, regular_bytes
from balance_sim.scenario.fingerprint import Classes

FILE = "manifest.json"
MANIFEST_VERSION = 3
LARGEST = 64 << 20  # bytes that are read at most, and so written
_SHA256 = re.compile(r"[0-9a-f]{64}")
Check = Callable[[Any], bool]


def _is(*kinds: type) -> Check:
    return lambda value: isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(_name(one) for one in value)


def _sha256(value: Any) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _named(value: Any) -> bool:
    return isinstance(value, dict) and _name(value.get("name")) and _sha256(value.get("sha256"))


def _name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 200 and value.isprintable()


def _files(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _versions(value: Any) -> bool:
    return (
        isinstance(value, dict) and all(map(_name, value.values())) and {"balance_sim", "numpy"} <= set(value)
    )


def _points(value: Any) -> bool:
    return value is None or (isinstance(value, dict) and _sha256(value.get("sha256")))


def _classes(value: Any) -> bool:
    try:
        Classes.read(value)
    except ValueError:
        return False
    return True


def _seed(value: Any) -> bool:
    return _is(int)(value) and 0 <= value < 2**64


_ALWAYS: dict[str, tuple[Check, str]] = {
    "study": (lambda value: value in ("run", "sweep"), "`run` or `sweep`"),
    "scenario": (_named, "a name and a sha256"),
    "inputs": (_is(dict), "the scenario's content"),
    "arms": (_texts, "a list of names"),
    "seed": (_seed, "a whole number, 0..18446744073709551615"),
    "runs": (lambda value: _is(int)(value) and value >= 0, "a whole number"),
    "versions": (_versions, "versions by program"),
}
_OFTEN: dict[str, tuple[Check, str]] = {
    "classes": (_classes, "a class table with its sha256"),
    "model": (lambda value: value is None or _name(value), "module:Class, or null"),
    "draw_parameters": (_is(bool), "true or false"),
    "mechanisms": (_is(bool), "true or false"),
    "files": (_files, "texts by name"),
    "command": (_is(str), "text"),
    "cpu": (_is(str), "text"),
}
_SWEEP: dict[str, tuple[Check, str]] = {
    "experiment": (_name, "a name"),
    "design": (_is(dict), "the design"),
    "points": (_points, "a sha256 and counts, or null"),
}


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The folder's manifest, or None where there is none. Raises StoreDamaged, WrongRequest for another version."""
    path = folder / FILE
    try:
        text = regular_bytes(path, LARGEST).decode("utf-8", "replace")
    except TooLarge as error:
        raise too_large(path, error, "restore it, or start in a new folder") from None
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return None
        if error.errno in EXHAUSTED:
            raise
        raise StoreDamaged(f"{path} cannot be read: {error.strerror}.") from None
    damaged = f"{path} is damaged: restore it, or start in a new folder."
    try:
        manifest = json.loads(text)
        version = manifest["manifest_version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise StoreDamaged(damaged) from None
    if version != MANIFEST_VERSION:
        raise WrongRequest(f"{path} is of version {version}; this balance-sim reads {MANIFEST_VERSION}.")
    declared = manifest.pop("sha256", None)
    if declared is not None and declared != _seal(manifest):
        raise StoreDamaged(damaged)
    wrong = manifest_fault(manifest)
    if wrong is not None:
        raise StoreDamaged(f"{path}: {wrong}. Restore it, or start in a new folder.")
    return dict(manifest)


def too_large(path: Path, error: TooLarge, hint: str) -> StoreDamaged:
    """The fault of a file of a results folder that holds more than is read."""
    return StoreDamaged(f"{path}: {error.strerror}. No balance-sim wrote it: {hint}.")


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Put the manifest in its place, with its own sha256. Raises WrongRequest for more than is read."""
    sealed = manifest | {"sha256": _seal(manifest)}
    content = (json.dumps(sealed, indent=1) + "\n").encode("utf-8")
    if len(content) > LARGEST:
        raise WrongRequest(
            f"the scenario's files make a manifest of {len(content):,} bytes; at most {LARGEST:,} are read. Shorten "
            "the texts in its tables, or leave out columns that nothing reads."
        )
    write_whole(folder / FILE, content)


def _seal(manifest: dict[str, Any]) -> str:
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def manifest_fault(manifest: dict[str, Any]) -> str | None:
    """The first key that is missing or not of its kind, in words; None where all are sound."""
    wanted = _ALWAYS | (_SWEEP if manifest.get("study") == "sweep" else {})
    for key, (check, what) in (wanted | _OFTEN).items():
        if key not in manifest:
            if key in wanted:
                return f"`{key}` is missing"
        elif not check(manifest[key]):
            return f"`{key}` is not {what}"
    return None
