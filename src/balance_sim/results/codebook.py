"""What every outcome of a study is, a row each: the codebook of its tables, also kept in the results folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from balance_sim.replications.outcomes import FILTERED, fixed_beforehand, known_outcome

FILE = "codebook.csv"
COLUMNS = ["outcome", "meaning", "unit", "type", "estimator", "window_days", "direction", "kind", "group", "fixed"]


def codebook(names: Iterable[str], meanings: Mapping[str, str] | None = None) -> pd.DataFrame:
    """A row an outcome, in the order of the tables' columns `names`, those of filtered estimates among them.

    estimator: of `levels` and `effects`; direction, kind: of the agreements that are counted; fixed: whether no arm can
    change it. meanings: of outcomes of the user's own, by name without `own_`.

    >>> book = codebook(["accords_counter_30", "filtered_accords_counter_30", "own_first"], {"first": "Days to it."})
    >>> book[["outcome", "unit", "estimator"]].values.tolist()
    [['accords_counter_30', 'agreements', 'filtered'], ['own_first', 'as its author says', 'count']]
    """
    there = list(names)
    filtered = {name.removeprefix(FILTERED) for name in there if name.startswith(FILTERED)}
    rows = [_row(name, name in filtered, meanings or {}) for name in there if not name.startswith(FILTERED)]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"window_days": "Int64"})


def _row(name: str, is_filtered: bool, meanings: Mapping[str, str]) -> dict[str, object]:  # noqa: FBT001
    row: dict[str, object] = {"outcome": name, "estimator": "filtered" if is_filtered else "count"}
    if (found := known_outcome(name)) is None:  # of another version
        return row | dict.fromkeys(("meaning", "unit", "type", "direction", "kind", "group"), "") | {"fixed": False}
    own = meanings.get(name.removeprefix("own_")) if found.measure == "own" else None
    return row | {
        "meaning": own or found.sentence,
        "unit": found.declared.unit,
        "type": found.declared.type.value,
        "window_days": found.window,
        "direction": found.direction or "",
        "kind": found.kind or "",
        "group": found.group or "",
        "fixed": fixed_beforehand(name),
    }
