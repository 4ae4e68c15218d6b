"""The map of a report's page: states and dyads say their effects when pointed at, and
one replication is replayed, each agreement at its date with a sentence. Without a
script the map stands still, and the sentences are a list."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from balance_sim.effects.explain.timeline import tell
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

AMONG = (
    100  # replications, the first ones, among which the one that is replayed is chosen
)
LETTER, ROW = (
    0.0092,
    0.0225,
)  # of names, of the width of the map: they are larger in a page than in print
WAYS = {
    "arm only": "more",
    "earlier": "more",
    "later": "fewer",
    "reference only": "fewer",
}


def typical_run(result: Result) -> tuple[int, int]:
    """Of the first AMONG replications the one whose number of counter-balancing
    agreements in the headline arm is nearest to their mean, the earliest of several;
    and how many there were to choose from."""
    frame = result.by_run.frame(result.headline_outcome)
    of_arm = frame[
        (frame["arm"] == result.headline_arm) & (frame["run"] < AMONG)
    ].sort_values("run")
    counts = of_arm[result.headline_outcome].to_numpy(float)
    return int(of_arm["run"].iloc[int(np.abs(counts - counts.mean()).argmin())]), len(
        counts
    )


def replay_of(result: Result) -> dict[str, Any] | None:
    """A replication of the headline arm beside its control run, as a page tells it: its
    number, of how many, its first day, how many days, and entries: date, day (from the
    start), words, path (of the dyad's arc; empty for an event), way (`more`: not or
    later in the control run). None where it cannot be simulated again: agents of one's
    own, another machine."""
    if result.model or result.headline_arm is None or not result.finished:
        return None
    run, of = typical_run(result)
    try:
        told = tell(replace(result, runs=min(result.runs, AMONG)), run)
    except (WrongRequest, StoreDamaged):
        return None
    layout, names, kinds = (
        layout_of(result.scenario),
        say.state_names(result.scenario),
        result.scenario.kinds,
    )
    entries = []
    for entry in told.entries:
        if entry.actors or (entry.what == "signed" and kinds[entry.kind].security):
            placed = entry.a in layout.spots and entry.b in layout.spots
            entries.append(
                {
                    "date": entry.date.isoformat(),
                    "day": (entry.date - told.start).days,
                    "words": entry_sentence(entry, names, entry.asked),
                    "path": arc_path(layout, entry.a, entry.b) if placed else "",
                    "way": WAYS.get(entry.mark, "") if entry.a else "",
                }
            )
    days = (told.end - told.start).days
    return {
        "run": run,
        "of": of,
        "days": days,
        "start": told.start.isoformat(),
        "entries": entries,
    }


def map_content(result: Result) -> dict[str, Any]:
    """What the template of the map is filled with: shapes, states and arcs with what
    they say, names, replay."""
    from matplotlib.colors import to_hex

    states, table, layout = (
        states_table(result),
        map_table(result),
        layout_of(result.scenario),
    )
    found, reach, arcs = shapes(result.scenario), reach_of(states), table[table["arc"]]
    fills = [
        "" if shade is None else to_hex(shade) for shade in shades_of(states).values()
    ]
    rows = states.to_dict("records")
    replay = replay_of(result)
    data = (
        None
        if replay is None
        else {name: replay[name] for name in ("days", "start", "entries")}
    )
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace(
        "<", "\\u003c"
    )
    return {
        **{name: found[name] for name in ("box", "land", "caption")},
        "invented": layout.kind != "world",
        "states": [
            {
                "path": path,
                "dot": dot,
                "fill": fill,
                "words": _words(str(row["name"]), row),
                "participant": bool(row["participant"]),
            }
            for path, dot, fill, row in zip(
                found["paths"], found["dots"], fills, rows, strict=True
            )
            if path or dot
        ],
        "arcs": _arcs(arcs, layout),
        "names": [
            (name, *in_page(layout, x, y), bold)
            for name, x, y, bold in named_spots(arcs, states, layout, LETTER, ROW)
        ],
        "reach": say.number(reach, say.digits(reach)),
        "replay": replay,
        "data": text,
    }


def _words(name: str, row: dict[Any, Any]) -> str:
    """A state or a dyad with its effect and CI."""
    places = say.digits(*(float(row[key]) for key in ("effect", "lo", "hi")))
    told = f"{name}: {say.signed(float(row['effect']), places)}"
    bounds = say.interval(float(row["lo"]), float(row["hi"]), places)
    known = f"{told} (95 % CI {bounds})" if bounds != "-" else told
    return known if row["clear"] else f"{known}, not detectable"


def _arcs(arcs: pd.DataFrame, layout: Layout) -> list[dict[str, Any]]:
    most = float(arcs["effect"].abs().max()) if len(arcs) else 1.0
    return [
        {
            "path": arc_path(layout, row["a"], row["b"]),
            "width": f"{1.2 + 3 * abs(row['effect']) / most:.1f}",
            "way": "more" if row["effect"] > 0 else "fewer",
            "words": _words(say.dyad_name({}, row["name_a"], row["name_b"]), row),
        }
        for row in arcs.sort_values("effect", key=abs, kind="stable").to_dict("records")
    ]
