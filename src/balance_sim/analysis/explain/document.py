"""explain.json in the results folder: what was explained last, for the report and the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from balance_sim.pool.faults import WrongRequest
from balance_sim.results.manifest import too_large
from balance_sim.results.result import Result
from balance_sim.results.store import Store
from balance_sim.scenario.files import TooLarge, bytes_if_any

FILE = "explain.json"
LARGEST = 256 << 20  # bytes that are read at most


def explained(folder: Path) -> dict[str, Any]:
    """The document of a results folder; empty where nothing was explained, or the file cannot be read.

    Keys: `runs`, `seed`, `digest` of the study it speaks of, `attribution`, `pairs` by `A-B`, `timelines` by
    run number."""
    try:
        found = json.loads(bytes_if_any(folder / FILE, LARGEST) or b"")
    except TooLarge as error:
        raise too_large(folder / FILE, error, "remove it: `explain` writes it again") from None
    except (ValueError, RecursionError):
        return {}
    return dict(found) if isinstance(found, dict) else {}


def keep(result: Result, parts: dict[str, Any]) -> dict[str, Any]:
    """Lay new parts over the folder's document and write it. What speaks of other runs is dropped.

    `pairs` and `timelines` are added to those there; anything else replaces. A study without a folder keeps
    nothing. Returns the whole document."""
    study = {"runs": result.runs, "seed": result.seed, "digest": result.digest}
    if result.folder is None:
        return study | parts
    with Store(result.folder).lock() as store:
        before = explained(result.folder)
        if any(before.get(key) != value for key, value in study.items()):
            before = {}
        merged = {
            key: {**before.get(key, {}), **value} if key in ("pairs", "timelines") else value
            for key, value in parts.items()
        }
        document = before | study | merged
        store.write_text(FILE, json.dumps(document, indent=1, allow_nan=False) + "\n")
    return document


def explainable(result: Result) -> None:
    """Raises WrongRequest where runs were lived by agents of another class, whose reasons are their own."""
    if result.folder is not None and result.model is not None:
        raise WrongRequest(
            f"{result.folder} was run with --model {result.model}; explain knows the terms of the program's own "
            "agents and cannot speak for others."
        )
