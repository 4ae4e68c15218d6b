"""The map of a report's page: states and dyads say their effects when pointed at, and
one replication is replayed, each agreement at its date with a sentence. Without a
script the map stands still, and the sentences are a list."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.effects.explain.timeline import Entry, tell
from balance_sim.scenario.errors import StoreDamaged, WrongRequest
from balance_sim.show import wording as say
from balance_sim.show.atlas import arc_path, in_page, layout_of, shapes
from balance_sim.show.diary import entry_sentence
from balance_sim.show.figures.dyads import states_table
from balance_sim.show.figures.world import map_table, named_spots, reach_of, shades_of

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.show.atlas import Layout
    from balance_sim.study.result import Result

AMONG = 100
"""Replications, the first ones, among which the one that is replayed is chosen."""
LETTER, ROW = 0.0092, 0.0225
"""Of names, of the width of the map: they are larger in a page than in print."""
CHANGES = {
    "arm only": "more",
    "earlier": "more",
    "later": "fewer",
    "reference only": "fewer",
}


def typical_run(result: Result) -> tuple[int, int]:
    """Of the first AMONG replications the one whose number of counter-balancing
    agreements in the headline arm is nearest to their mean, the earliest of several;
    and how many there were to choose from."""
    outcome = result.headline_outcome
    frame = result.by_run.frame(outcome)
    is_first = (frame["arm"] == result.headline_arm) & (frame["run"] < AMONG)
    rows = frame[is_first].sort_values("run")
    counts = rows[outcome].to_numpy(float)
    nearest = int(np.abs(counts - counts.mean()).argmin())
    return int(rows["run"].iloc[nearest]), len(counts)


def replay_of(result: Result) -> dict[str, Any] | None:
    """A replication of the headline arm beside its control run, as a page tells it: its
    number, of how many, its first day, how many days, and entries: date, day (from the
    start), words, path (of the dyad's arc; empty for an event), way (`more`: not or
    later in the control run). None where it cannot be simulated again: agents of one's
    own, another machine."""
    if result.model or result.headline_arm is None or not result.finished:
        return None
    run, candidates = typical_run(result)
    is_few = replace(result, runs=min(result.runs, AMONG))
    try:
        timeline = tell(is_few, run)
    except (WrongRequest, StoreDamaged):
        return None
    scenario = result.scenario
    names, layout = say.state_names(scenario), layout_of(scenario)
    entries = []
    for entry in timeline.entries:
        is_signature = entry.what == "signed" and scenario.kinds[entry.kind].security
        if entry.actors or is_signature:
            row = {
                "date": entry.date.isoformat(),
                "day": (entry.date - timeline.start).days,
                "words": entry_sentence(entry, names, entry.asked),
                "path": _entry_path(entry, layout),
                "way": CHANGES.get(entry.mark, "") if entry.a else "",
            }
            entries.append(row)
    return {
        "run": run,
        "of": candidates,
        "days": (timeline.end - timeline.start).days,
        "start": timeline.start.isoformat(),
        "entries": entries,
    }


def _entry_path(entry: Entry, layout: Layout) -> str:
    """The arc of an agreement; empty where a state has no place."""
    is_placed = entry.a in layout.spots and entry.b in layout.spots
    return arc_path(layout, entry.a, entry.b) if is_placed else ""


def map_content(result: Result) -> dict[str, Any]:
    """What the template of the map is filled with: shapes, states and arcs with what
    they say, names, replay."""
    states, table = states_table(result), map_table(result)
    layout, shape = layout_of(result.scenario), shapes(result.scenario)
    reach, arcs = reach_of(states), table[table["arc"]]
    names = []
    for name, x, y, bold in named_spots(arcs, states, layout, LETTER, ROW):
        names.append((name, *in_page(layout, x, y), bold))
    replay = replay_of(result)
    return {
        "box": shape["box"],
        "land": shape["land"],
        "caption": shape["caption"],
        "invented": layout.kind != "world",
        "states": _states(states, shape),
        "arcs": _arcs(arcs, layout),
        "names": names,
        "reach": say.number(reach, say.digits(reach)),
        "replay": replay,
        "data": _script_data(replay),
    }


def _script_data(replay: dict[str, Any] | None) -> str:
    """What the script of the map reads, as JSON that ends no element."""
    keys = ("days", "start", "entries")
    data = None if replay is None else {key: replay[key] for key in keys}
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c")


def _states(states: pd.DataFrame, shape: dict[str, Any]) -> list[dict[str, Any]]:
    """The states with a place, with shape, colour and words."""
    from matplotlib.colors import to_hex

    shades = shades_of(states)
    drawn = zip(states.to_dict("records"), shape["paths"], shape["dots"], strict=True)
    rows = []
    for state, path, dot in drawn:
        if not (path or dot):
            continue
        shade = shades[state["code"]]
        row = {
            "path": path,
            "dot": dot,
            "fill": "" if shade is None else to_hex(shade),
            "words": _words(str(state["name"]), state),
            "participant": bool(state["participant"]),
        }
        rows.append(row)
    return rows


def _words(name: str, row: dict[Any, Any]) -> str:
    """A state or a dyad with its effect and CI."""
    effect, lo, hi = (float(row[key]) for key in ("effect", "lo", "hi"))
    places = say.digits(effect, lo, hi)
    words = f"{name}: {say.signed(effect, places)}"
    bounds = say.interval(lo, hi, places)
    if bounds != "-":
        words += f" (95 % CI {bounds})"
    return words if row["clear"] else f"{words}, not detectable"


def _arcs(arcs: pd.DataFrame, layout: Layout) -> list[dict[str, Any]]:
    """The arcs with their words, those that change least first."""
    largest = float(arcs["effect"].abs().max()) if len(arcs) else 1.0
    ordered = arcs.sort_values("effect", key=abs, kind="stable")
    rows = []
    for dyad in ordered.to_dict("records"):
        effect = dyad["effect"]
        name = say.dyad_name({}, dyad["name_a"], dyad["name_b"])
        row = {
            "path": arc_path(layout, dyad["a"], dyad["b"]),
            "width": f"{1.2 + 3 * abs(effect) / largest:.1f}",
            "way": "more" if effect > 0 else "fewer",
            "words": _words(name, dyad),
        }
        rows.append(row)
    return rows
