"""`verify`: whether a results folder is as it was written, and its summary and tables
are what its replications give. `reproduce` simulates them again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from balance_sim.effects.result import AnalysedResult, open_result
from balance_sim.scenario.files import bytes_if_any
from balance_sim.study.export import frame_csv
from balance_sim.study.folder import refuse_code
from balance_sim.study.frames import FILE as CODEBOOK
from balance_sim.study.manifest import sealed, unsealed
from balance_sim.study.points import PointTable
from balance_sim.study.shards import Damage
from balance_sim.study.store import Store, read_summary
from balance_sim.study.sweep_result import SweepResult, open_sweep

GAME = "game.json"
"""A file that carries its own sha256."""
NOT_GIVEN = "is not what the runs give"


@dataclass
class Verified:
    """What was looked at and what is wrong.

    Attributes
    ----------
    blocks, runs : that are stored
    digest : of the study's results, made anew; None of one that is damaged or not
        finished
    damage : each damaged file, and why
    """

    study: str
    blocks: int = 0
    runs: int = 0
    digest: str | None = None
    damage: list[Damage] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the same for JSON, with `ok`: nothing is damaged."""
        damage = [{"file": row.file, "why": row.why} for row in self.damage]
        return asdict(self) | {"ok": not damage, "damage": damage}


def verify(folder: Path | str) -> Verified:
    """Check every file of a results folder against its sha256; and summary and tables
    against what the stored replications give.

    Raises
    ------
    WrongRequest : where there are no results
    CodeDiffers : where other code made them
    StoreDamaged : where not even the manifest can be read
    """
    store = Store(Path(folder))
    manifest = store.manifest()
    refuse_code(manifest.fingerprint)
    numbers = PointTable.load(store.folder, manifest).numbers()
    verified = Verified(manifest.study, damage=[*store.damage(), *_unsealed(store)])
    if verified.damage:
        return verified
    blocks = [block for blocks in store.done().values() for block in blocks]
    verified.blocks, verified.runs = len(blocks), sum(map(len, blocks))
    summary = read_summary(store.folder) or {}
    counts = summary.get("runs"), summary.get("points", 1)
    if counts != (manifest.runs, len(numbers)):
        return verified
    for point, gaps in store.lacking(numbers, manifest.runs).items():
        span = f"runs {gaps[0].first} to {gaps[-1].stop - 1} of point {point}"
        verified.damage.append(Damage("runs", f"{span} are missing"))
    if not verified.damage:
        study, made_anew = open_study(store.folder)
        verified.digest = made_anew["digest"]
        verified.damage += _differences(store, study, made_anew, summary)
    return verified


def _unsealed(store: Store) -> Iterator[Damage]:
    """Yield the file of a game where its sha256 is another now."""
    try:
        unsealed(bytes_if_any(store.folder / GAME) or sealed({}))
    except ValueError:
        yield Damage(GAME, f"{GAME}: not as it was written")


def open_study(folder: Path) -> tuple[AnalysedResult | SweepResult, dict[str, Any]]:
    """Return the study in a folder, and its summary, made anew."""
    manifest = Store(folder).manifest()
    study: AnalysedResult | SweepResult
    if manifest.is_sweep:
        study = open_sweep(folder)
        summary = study.summary()
    elif manifest.game is not None:
        from balance_sim.games.keep import summary as game_summary
        from balance_sim.games.study import open_game

        game = open_game(folder)
        study, summary = game.result, game_summary(game)
    else:
        study = open_result(folder)
        summary = study.summary()
    return study, json.loads(json.dumps(summary))


def _differences(
    store: Store,
    study: AnalysedResult | SweepResult,
    made_anew: Mapping[str, Any],
    stored: Mapping[str, Any],
) -> Iterator[Damage]:
    """Yield where the stored summary, and the tables beside it, are not those that were
    made anew."""
    keys = sorted({*made_anew, *stored})
    changed = [key for key in keys if stored.get(key) != made_anew.get(key)]
    for key in changed[:1]:
        yield Damage("summary.json", f"summary.json: `{key}` {NOT_GIVEN}")
    rows = store.failed()
    texts = {"failed.json": json.dumps(rows, indent=1) + "\n" if rows else ""}
    if os.path.lexists(store.folder / CODEBOOK):
        texts[CODEBOOK] = frame_csv(study.codebook)
    if isinstance(study, SweepResult):
        texts["levels.csv"] = frame_csv(study.levels)
        texts["effects.csv"] = frame_csv(study.effects)
    for name, text in texts.items():
        content = bytes_if_any(store.folder / name)
        if (content or b"") != text.encode():
            yield Damage(
                name, f"{name}: {'is missing' if content is None else NOT_GIVEN}"
            )
