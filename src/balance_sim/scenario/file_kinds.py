"""Which kind of file this is, by its top-level keys, and which command takes it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Kind = Literal["scenario", "experiment", "cases", "hindcast", "coordination", "manifest", "summary"]


@dataclass(frozen=True)
class FileKind:
    """keys: one of them at the top level tells the kind; what: in words; command: what takes it.

    sure: keys that, all together, make it this kind whatever else is there; empty: as `keys`."""

    name: Kind
    keys: tuple[str, ...]
    what: str
    command: str
    sure: tuple[tuple[str, ...], ...] = ()

    def is_sure(self, keys: Collection[str]) -> bool:
        """True if a file with these keys is meant as this kind, with or without a key too many."""
        return any(all(key in keys for key in group) for group in self.sure or [(key,) for key in self.keys])


FILE_KINDS = (
    FileKind("manifest", ("manifest_version",), "the manifest of a results folder", "balance-sim verify"),
    FileKind("summary", ("digest",), "the summary of a results folder", "balance-sim report"),
    FileKind("cases", ("cases",), "a plan of cases", "balance-sim cases"),
    FileKind(
        "hindcast",
        ("until", "window", "baselines", "ways"),
        "the plan of a hindcast",
        "balance-sim hindcast --data DIR",
    ),
    FileKind(
        "coordination", ("effects",), "the plan of a two-sided choice", "balance-sim fit --model coordination"
    ),
    FileKind("experiment", ("scenario", "factors", "points"), "an experiment", "balance-sim sweep"),
    FileKind(
        "scenario",
        ("states", "focal", "extends", "arms"),
        "a scenario",
        "balance-sim run",
        (("focal",), ("extends",), ("states", "arms")),
    ),
)
"""In the order in which they are tried: `states` also stands in plans, `arms` in experiments."""


def file_kind(keys: Collection[str]) -> FileKind | None:
    """The kind of a file with these keys at its top level; None where none of them tells."""
    sure = FILE_KINDS[-1].is_sure(keys) and not {"manifest_version", "digest"} & {*keys}
    return (
        FILE_KINDS[-1]
        if sure
        else next((kind for kind in FILE_KINDS if any(key in keys for key in kind.keys)), None)
    )


def other_kind(keys: Collection[str], wanted: Kind, file: str) -> tuple[str, str] | None:
    """What to say, and what to do, where a file is of another kind than `wanted`; None where it may be of it."""
    found, meant = file_kind(keys), next(kind for kind in FILE_KINDS if kind.name == wanted)
    if found is None or found is meant or meant.is_sure(keys):
        return None
    given = file.rpartition("/")[0] or "." if found.name in ("manifest", "summary") else file
    return f"this is {found.what}, not {meant.what}", f"{found.command} {given}"
