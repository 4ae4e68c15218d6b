"""Figures into a results folder, as PNG and SVG: the same bytes for the same results."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from balance_sim.show.figures.paper import style
from balance_sim.study.faults import write_fault
from balance_sim.study.store import Store

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from balance_sim.study.result import Result

FOLDER = "figures"
DOTS = 160  # per inch


def _fan(result: Result) -> Figure:
    from balance_sim.show.figures.fan import draw_fan, fan_runs_table, fan_table

    return draw_fan(fan_table(result), runs=fan_runs_table(result))


def _difference(result: Result) -> Figure:
    from balance_sim.show.figures.difference import difference_table, draw_difference

    return draw_difference(difference_table(result))


def _pairs(result: Result) -> Figure:
    from balance_sim.show.figures.pairs import draw_pairs, pairs_table

    return draw_pairs(pairs_table(result))


def _survival(result: Result) -> Figure:
    from balance_sim.show.figures.survival import draw_survival, survival_table

    return draw_survival(survival_table(result))


FIGURES: dict[str, Callable[[Result], Figure]] = {
    "fan": _fan,
    "difference": _difference,
    "pairs": _pairs,
    "survival": _survival,
}


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """A figure as `png` or `svg`, without a date or a version in it."""
    with style(), io.BytesIO() as sink:
        metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        figure.savefig(sink, format=kind, dpi=DOTS, metadata=metadata)
        return sink.getvalue()


def save_figures(result: Result, folder: Path | str) -> list[Path]:
    """Draw every figure into `folder`/figures; each file is put in its place whole. The paths, in order.

    Raises CannotWrite."""
    store, place = Store(Path(folder)), Path(folder) / FOLDER
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_fault(error, place) from error
    paths = []
    for name, draw in FIGURES.items():
        figure = draw(result)
        for kind in ("png", "svg"):
            path = place / f"{name}.{kind}"
            store.write_bytes(path, figure_bytes(figure, kind))
            paths.append(path)
    return paths
