"""The map of a report's page: states and dyads say their effects when pointed at, and
one replication is replayed, each agreement and each change of the world at its date
with a sentence. Without a script the map stands still, and the sentences are a list."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pandas as pd

from balance_sim.effects.explain.timeline import Entry, tell
from balance_sim.effects.result import AnalysedResult
from balance_sim.scenario.errors import StoreDamaged, WrongRequest
from balance_sim.show import wording as say
from balance_sim.show.atlas import arc_path, in_page, layout_of, shapes
from balance_sim.show.diary import entry_sentence
from balance_sim.show.figures.dyads import estimator_words, states_table
from balance_sim.show.figures.world import (
    map_table,
    named_spots,
    reach_of,
    shades_of,
)

AMONG = 100
"""Replications, the first ones, among which the one that is replayed is chosen."""
LETTER = 0.0092
"""Width of a letter, of the map: names are larger in a page than in print."""
CHANGES = {"arm only": "more", "reference only": "fewer"}
"""How an agreement that differs from the control run is drawn."""


def typical_run(result: AnalysedResult) -> tuple[int, int]:
    """Return which replication is replayed, and among how many it was chosen.

    Of the first AMONG it is the one whose number of counter-balancing agreements in the
    headline arm is nearest to their mean, the earliest of several.
    """
    outcome = result.headline_outcome
    frame = result.by_run.frame(outcome)
    is_first = (frame["arm"] == result.headline_arm) & (frame["run"] < AMONG)
    counts = frame[is_first].set_index("run")[outcome].astype(float).sort_index()
    distances = (counts - counts.mean()).abs()
    nearest = distances[distances == distances.min()].index[0]
    return int(nearest), len(counts)


def replay_of(result: AnalysedResult) -> dict[str, Any] | None:
    """Return a replication of the headline arm beside its control run, as a page tells
    it.

    Returns
    -------
    run: its number; of: how many it was chosen among; start: the first day; days: how
    many; entries: date, day (from the start), words, path (of the arcs of its dyads;
    empty for an event), way (`more`: not in the control run; `apart`: a war or no
    relations). None where it cannot be simulated again: agents of one's own, another
    machine
    """
    if result.model or result.headline_arm is None or not result.finished:
        return None
    run, candidates = typical_run(result)
    try:
        timeline = tell(replace(result, runs=min(result.runs, AMONG)), run)
    except (WrongRequest, StoreDamaged):
        return None
    scenario = result.scenario
    layout = layout_of(scenario)
    entries = []
    for entry in timeline.entries:
        is_signature = entry.what == "signed" and scenario.kinds[entry.kind].security
        is_told = is_signature or entry.what == "accession"
        if not (entry.actors or entry.change or is_told):
            continue
        dyads = [(entry.a, entry.b)] if is_signature else entry.dyads
        row = {
            "date": entry.date.isoformat(),
            "day": (entry.date - timeline.start).days,
            "words": entry_sentence(entry, scenario),
            "path": " ".join(arc_path(layout, a, b) for a, b in dyads),
            "way": _way(entry) if dyads else "",
        }
        entries.append(row)
    return {
        "run": run,
        "of": candidates,
        "days": (timeline.end - timeline.start).days,
        "start": timeline.start.isoformat(),
        "entries": entries,
    }


def _way(entry: Entry) -> str:
    """Return how the arc of an entry is drawn: what differs from the control run, or
    what parts two states."""
    change = entry.change
    if change is not None and (change.war or change.no_relations):
        return "apart"
    if change is not None and change.ended:
        return "fewer"
    return CHANGES.get(entry.mark, "")


def map_content(result: AnalysedResult) -> dict[str, Any]:
    """Return what the template of the map is filled with.

    Returns
    -------
    box, land, caption: of `atlas.shapes`; states and arcs with what they say when they
    are pointed at; names with their places; reach: the effect at which colours end;
    replay: of `replay_of`, and data: the same as JSON for the script
    """
    states, table = states_table(result), map_table(result)
    layout, shape = layout_of(result.scenario), shapes(result.scenario)
    reach, arcs = reach_of(states), table[table["arc"]]
    names = [
        (spot.name, *in_page(layout, (spot.x, spot.y)), spot.bold)
        for spot in named_spots(arcs, states, layout, LETTER)
    ]
    states = states.assign(
        path=[path or "" for path in shape["paths"]],
        dot=shape["dots"],
        fill=states["code"].map(shades_of(states)),
        words=_words(states, "name"),
    )
    has_mark = (states["path"] != "") | states["dot"].notna()
    arcs = arcs.sort_values("effect", key=abs, kind="stable")
    dyads = zip(arcs["a"], arcs["b"], strict=True)
    arcs = arcs.assign(
        path=[arc_path(layout, a, b) for a, b in dyads],
        width=(1.2 + 3 * arcs["effect"].abs() / arcs["effect"].abs().max()).round(1),
        words=_words(arcs, "dyad"),
    )
    replay = replay_of(result)
    # A text in a script's element must not end it.
    data = json.dumps(replay, ensure_ascii=False).replace("<", "\\u003c")
    return {
        "box": shape["box"],
        "land": shape["land"],
        "caption": shape["caption"],
        "states": states[has_mark].to_dict("records"),
        "arcs": arcs.to_dict("records"),
        "names": names,
        "reach": say.number(reach, say.effect_digits(reach)),
        "estimator": estimator_words(table) if len(table) else "",
        "replay": replay,
        "data": data,
    }


def _words(rows: pd.DataFrame, name: str) -> list[str]:
    """Return states or dyads, named by a column, with their effects and CIs."""
    words = []
    for row in rows.to_dict("records"):
        places = say.digits(row["effect"], row["lo"], row["hi"])
        effect, bounds, _ = say.effect_cells(row, places)
        interval = "" if bounds == "-" else f" (95 % CI {bounds})"
        holds_zero = ", the CI holds zero" if row["lo"] <= 0 <= row["hi"] else ""
        words.append(f"{row[name]}: {effect}{interval}{holds_zero}")
    return words
