"""What stands under each figure: a table short enough to read, and all of it to take away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
import pandas as pd

from balance_sim.results.export import harmless_frame
from balance_sim.show.tables import by_size

MOST_ROWS = 30
DIGITS = 4


@dataclass(frozen=True)
class Shown:
    """A table in the page: heads, rows of words, how many rows there are in all, and a link to all of them."""

    heads: list[str]
    rows: list[list[str]]
    numeric: list[bool]
    count: int
    link: str
    file: str


def shown(name: str, table: pd.DataFrame) -> Shown:
    """The table of a figure, in the form of the page."""
    short = SHORT.get(name, _as_it_is)(table) if len(table) else table
    whole = WHOLE.get(name, _as_it_is)(table) if len(table) else table
    head = short.head(MOST_ROWS)
    return Shown(
        heads=[str(column).replace("_", " ") for column in head.columns],
        rows=[[cell(value) for value in row] for row in head.itertuples(index=False)],
        numeric=[
            bool(pd.api.types.is_numeric_dtype(head[c]) and head[c].dtype != bool) for c in head.columns
        ],
        count=len(whole),
        link=data_uri(whole),
        file=f"{name}.csv",
    )


def cell(value: object) -> str:
    """A value as it is read: numbers with four digits, a dash where there is none."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        if not np.isfinite(value):
            return "-"
        text = f"{float(value):.{DIGITS}g}"
        return "0" if float(text) == 0 else text
    return str(value)


def data_uri(table: pd.DataFrame) -> str:
    """The whole table as CSV in a link: numbers with four digits, yes and no as 1 and 0, no cell a formula."""
    rounded = harmless_frame(table)
    for column in rounded.select_dtypes("float"):
        rounded[column] = [
            f"{float(f'{v:.4g}') + 0.0:.10g}" if np.isfinite(v) else "" for v in rounded[column]
        ]
    for column in rounded.select_dtypes("bool"):
        rounded[column] = rounded[column].astype(int)
    return "data:text/csv;charset=utf-8," + quote(
        rounded.to_csv(index=False, lineterminator="\n"), safe=",.:-_ "
    )


Cut = Callable[[pd.DataFrame], pd.DataFrame]


def _as_it_is(table: pd.DataFrame) -> pd.DataFrame:
    return table


def _pairs(table: pd.DataFrame) -> pd.DataFrame:
    """Dyads with the effect furthest from zero first."""
    return by_size(table)[["name_a", "name_b", "mean_control", "mean", "effect", "lo", "hi"]].rename(
        columns={"name_a": "state", "name_b": "with"}
    )


def _pairs_whole(table: pd.DataFrame) -> pd.DataFrame:
    return by_size(table)[["a", "b", "mean_control", "mean", "effect", "lo", "hi"]]


def _map(table: pd.DataFrame) -> pd.DataFrame:
    """States whose CI excludes zero first, then by size."""
    order = table.assign(far=table["effect"].abs()).sort_values(
        ["clear", "far", "code"], ascending=[False, False, True], kind="stable"
    )
    return order[["code", "name", "effect", "lo", "hi"]]


def _network(table: pd.DataFrame) -> pd.DataFrame:
    return _pairs_whole(table[table["clear"]])


def _outcomes(table: pd.DataFrame) -> pd.DataFrame:
    wide = table[table["role"].isin(["reference", "headline"])]
    return wide[["arm", "count", "runs", "share", "lo", "hi", "cumulative"]]


def _effects(table: pd.DataFrame) -> pd.DataFrame:
    """Effects by window: without what all rows say alike."""
    return table[["title", "day", "expected", "effect", "lo", "hi", "mcse"]]


def _stances(table: pd.DataFrame) -> pd.DataFrame:
    return table[["group", "stance", "share_control", "share", "effect", "lo", "hi"]]


def _difference(table: pd.DataFrame) -> pd.DataFrame:
    return table[["title", "fewer", "same", "more", "n"]]


def _survival(table: pd.DataFrame) -> pd.DataFrame:
    """Days on which somebody's first comes, of the two arms that are drawn, in steps."""
    part = table[table["role"].isin(["reference", "headline"])]
    changing = part[(part["events"] > 0) | (part["day"] == 0)]
    step = max(1, -(-len(changing) // MOST_ROWS))
    return changing.iloc[::step][["arm", "day", "at_risk", "share", "lo", "hi"]]


def _survival_whole(table: pd.DataFrame) -> pd.DataFrame:
    part = table[
        table["role"].isin(["reference", "headline"]) & ((table["events"] > 0) | (table["day"] == 0))
    ]
    return part[["arm", "day", "at_risk", "events", "share", "lo", "hi"]]


def _mechanisms(table: pd.DataFrame) -> pd.DataFrame:
    return table[["id", "name", "value", "lo", "hi", "tag", "found", "p", "verdict", "measure"]]


def _convergence(table: pd.DataFrame) -> pd.DataFrame:
    step = max(1, -(-len(table) // 20))
    return table.iloc[::-step].iloc[::-1][["runs", "effect", "mcse"]]


def _arms(table: pd.DataFrame) -> pd.DataFrame:
    return table[["title", "level", "effect", "lo", "hi", "mcse"]]


def _differences(table: pd.DataFrame) -> pd.DataFrame:
    return table[["label", "outcome", "left", "right", "difference", "lo", "hi", "mcse", "n"]]


def _compared_pairs(table: pd.DataFrame) -> pd.DataFrame:
    return table[["dyad", "left", "right", "difference", "lo", "hi"]]


def _either(of_run: Cut, compared: Cut) -> Cut:
    """The table of a run, or of a comparison."""
    return lambda table: compared(table) if "difference" in table else of_run(table)


def _scorecard(table: pd.DataFrame) -> pd.DataFrame:
    return table[["way", "forecast", "measure", "value", "lo", "hi", "level", "expected"]]


SHORT: dict[str, Cut] = {
    "fan": _effects, "pairs": _either(_pairs, _compared_pairs), "map": _map, "network": _network, "outcomes": _outcomes,
    "survival": _survival, "mechanisms": _mechanisms, "convergence": _convergence, "arms": _arms,
    "differences": _differences, "scorecard": _scorecard, "stances": _stances, "difference": _difference,
}  # fmt: skip
WHOLE: dict[str, Cut] = {
    "fan": _effects, "pairs": _either(_pairs_whole, _compared_pairs), "network": _network, "survival": _survival_whole,
    "mechanisms": _mechanisms, "differences": _differences, "stances": _stances, "difference": _difference,
}  # fmt: skip
