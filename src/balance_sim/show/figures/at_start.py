"""The world of a run before its event: whom each state fears most, who is allied with
whom, and the events over time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.result import AnalysedResult
from balance_sim.effects.world_at_start import world_at_start
from balance_sim.model.baseline import classes_of
from balance_sim.show import wording as say
from balance_sim.show.atlas import layout_of
from balance_sim.show.figures import style
from balance_sim.show.figures.world import (
    draw_states,
    map_page,
    named_spots,
    write_list,
    write_names,
)

FEARED = (style.VERMILION, style.PURPLE, style.BLUE, style.ORANGE, style.GREEN)
"""Colours of the states that are feared by most others."""
MOST_ALLIES = 12
PACT = 0.9
"""Depth from which an agreement is an alliance: a promise of mutual defence."""


def fears_table(result: AnalysedResult) -> pd.DataFrame:
    """Return whom each state fears most in the control arm on its first day.

    Returns
    -------
    A row a state: code, name, feared (code of the state with the largest share of its
    balance of threat), feared_name, share, count (of states that fear the same one
    most), participant; allies: of how many states it is an ally by then
    """
    world = world_at_start(result.scenario)
    names, codes = say.state_names(result.scenario), np.array(world.codes)
    feared = codes[world.fear.argmax(axis=1)]
    allies = world.depth >= PACT
    table = pd.DataFrame({"code": codes, "feared": feared})
    table = table.assign(
        name=table["code"].map(names),
        feared_name=table["feared"].map(names),
        share=world.fear.max(axis=1),
        participant=table["code"].isin(classes_of(result.scenario).participants),
        allies=allies.sum(axis=1),
        date=result.scenario.start.isoformat(),
        effect=0.0,
        clear=False,
    )
    table.attrs |= {"layout": layout_of(result.scenario), "world": world}
    table = table[table["share"] > 0]
    return table.assign(count=table.groupby("feared")["code"].transform("size"))


def allies_table(result: AnalysedResult) -> pd.DataFrame:
    """Return `fears_table`; empty where nobody has an ally."""
    table = fears_table(result)
    return table if table["allies"].any() else table.head(0)


@style.figure(
    "fears",
    "Whom does each state fear most?",
    fears_table,
    page=map_page,
    empty="No state fears another: there is nothing to show.",
    columns="name feared_name share",
)
def draw_fears(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw each state in the colour of the one it fears most; at the right how many
    fear whom."""
    counts = table.groupby("feared_name")["count"].first()
    counts = counts.sort_values(ascending=False, kind="stable")
    shown = counts[counts > 1].head(len(FEARED)) if counts.max() > 1 else counts.head(5)
    ink_of = dict(zip(shown.index, FEARED, strict=False))
    colours = {
        row["code"]: ink_of.get(row["feared_name"], style.BASE)
        for row in table.to_dict("records")
    }
    layout = table.attrs["layout"]
    draw_states(
        axes[0], layout, table, {**dict.fromkeys(layout.spots, "white"), **colours}
    )
    is_feared = table["name"].isin(list(shown.index)) | table["participant"]
    write_names(axes[0], named_spots(_no_arcs(), table[is_feared], layout, 0.0076))
    lines: list[style.Label] = [(0.0, "feared most by", style.QUIET)]
    for name, count in shown.items():
        lines.append((0.0, f"{name}: {say.plural(int(count), 'state')}", ink_of[name]))
    others = int(counts.sum() - shown.sum())
    if others:
        lines.append((0.0, f"another: {others}", style.BASE))
    write_list(axes[1], lines)
    tops = [f"{name} by {count}" for name, count in shown.head(3).items()]
    title = f"Of {len(table)} states, each fears one most: {say.listed(tops)}"
    under = (
        "A state has the colour of the one it fears most on "
        f"{say.first(table, 'date')}. Outlined: who takes part in the event"
    )
    small = (
        "Fear: a state's capability, nearness and hostile acts, less what binds the "
        f"two (docs/model.md). {layout.caption}"
    )
    return style.Words(title, under, small)


@style.figure(
    "allies",
    "Who is allied with whom?",
    allies_table,
    page=lambda _: style.panels(1, 2, width_ratios=[3.4, 1]),
    empty="Nobody has an ally: there is nothing to show.",
    columns="name allies",
)
def draw_allies(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw the states that have an ally on a ring, from west to east, and a line a dyad
    with an alliance."""
    ax, world = axes[0], table.attrs["world"]
    places, codes = table.attrs["layout"].places, list(world.codes)
    allied = table[table["allies"] > 0]
    order = sorted(allied["code"], key=lambda code: (places.get(code, (0.0,))[0], code))
    turns = dict(zip(order, np.linspace(0, 2 * np.pi, len(order) + 1), strict=False))
    names, participants = (
        say.state_names(world.scenario),
        set(table.loc[table["participant"], "code"]),
    )
    for code, turn in turns.items():
        x, y = np.cos(turn), np.sin(turn)
        look: dict[str, Any] = {
            "fontweight": "bold" if code in participants else "normal"
        }
        side = "left" if x >= 0 else "right"
        angle = np.degrees(turn) - (180 if x < 0 else 0)
        ax.plot(x, y, "o", color=style.INK, markersize=3)
        ax.text(
            1.04 * x,
            1.04 * y,
            names[code],
            ha=side,
            va="center",
            rotation=angle,
            rotation_mode="anchor",
            fontsize=style.SMALL,
            **look,
        )
    rows = [
        (a, b)
        for a, b in np.argwhere(np.triu(world.depth >= PACT, 1))
        if {codes[a], codes[b]} <= turns.keys()
    ]
    for a, b in rows:
        dyad = codes[a], codes[b]
        ends = [np.array([np.cos(turns[c]), np.sin(turns[c])]) for c in dyad]
        shares = np.linspace(0, 1, 30)[:, None]
        middle = 0.3 * (ends[0] + ends[1])
        way = (1 - shares) ** 2 * ends[0] + 2 * shares * (1 - shares) * middle
        way += shares**2 * ends[1]
        colour = style.VERMILION if participants & {*dyad} else style.GREEN
        ax.plot(*way.T, color=colour, linewidth=0.9, alpha=0.65, zorder=1)
    ax.set(xlim=(-1.5, 1.5), ylim=(-1.42, 1.42), aspect="equal")
    lines: list[style.Label] = [(0.0, "Most allies", style.QUIET)]
    ranked = allied.sort_values(["allies", "name"], ascending=[False, True])
    lines += [
        (0.0, f"{row['allies']}  {row['name']}", style.GREEN)
        for row in ranked.head(MOST_ALLIES).to_dict("records")
    ]
    write_list(axes[1], lines)
    for axis in axes:
        axis.set_axis_off()
    states = len(codes)
    title = (
        f"{len(rows)} of {states * (states - 1) // 2:,} dyads are allied; "
        f"{len(allied)} of {states} states have an ally"
    )
    under = (
        f"A line: a promise of mutual defence in force on {say.first(table, 'date')}. "
        "Vermilion, bold: those of the event's participants"
    )
    return style.Words(title, under, "States stand from west to east, anticlockwise.")


def _no_arcs() -> pd.DataFrame:
    """Return the arcs of a map without any."""
    return pd.DataFrame({"a": [], "b": []})


# -- events ----------------------------------------------------------------------------


def events_table(result: AnalysedResult) -> pd.DataFrame:
    """Return the events of the scenario.

    Returns
    -------
    A row an event: date, type, label, visibility, principals; is_focal; joint: one of
    the focal event's participants takes part
    """
    scenario = result.scenario
    participants = set(classes_of(scenario).participants)
    rows = [
        {
            "date": pd.Timestamp(event.date),
            "type": say.capital(say.arm_words(event.kind)),
            "label": say.printable(event.label) or say.arm_words(event.id),
            "visibility": event.visibility,
            "principals": " ".join(event.principals),
            "is_focal": event.id == scenario.focal,
            "joint": bool(participants & set(event.principals)),
        }
        for event in scenario.events
    ]
    return pd.DataFrame(rows).sort_values(["date", "label"], ignore_index=True)


@style.figure(
    "events",
    "What happens, and when?",
    events_table,
    page=lambda table: style.rows_page(table["type"].nunique(), 0.28),
    empty="The scenario has no event.",
    columns="date type label visibility",
)
def draw_events(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw a row a type of event: a dot an event at its date, larger where more
    visible; the focal event by name."""
    ax = axes[0]
    focal = table[table["is_focal"]].iloc[0]
    counts = table["type"].value_counts()
    types = [focal["type"], *[name for name in counts.index if name != focal["type"]]]
    labels = [f"{name}, {counts[name]}" for name in types]
    heights = dict(zip(types, style.row_axis(ax, labels), strict=True))
    ax.hlines(
        list(heights.values()),
        0,
        1,
        transform=ax.get_yaxis_transform(),
        color=style.GRID,
        linewidth=0.8,
        zorder=1,
    )
    for row in table.to_dict("records"):
        colour = style.VERMILION if row["joint"] else style.BASE
        look: dict[str, Any] = {"color": style.BLUE if row["is_focal"] else colour}
        look |= {"markersize": 3 + 8 * row["visibility"], "alpha": 0.8}
        ax.plot(
            row["date"], heights[row["type"]], "o", markeredgewidth=0, zorder=3, **look
        )
    ax.axvline(focal["date"], color=style.BLUE, linewidth=1, zorder=2)
    is_late = focal["date"] > table["date"].iloc[0] + 0.5 * (
        table["date"].iloc[-1] - table["date"].iloc[0]
    )
    side, offset = ("right", -8) if is_late else ("left", 8)
    place: dict[str, Any] = {"ha": side, "color": style.BLUE, "fontsize": 10}
    words = f"{focal['label']}, {focal['date']:%Y-%m-%d}"
    style.note(
        ax, words, (focal["date"], heights[focal["type"]] + 0.5), (offset, 0), **place
    )
    first, last = table["date"].iloc[0], table["date"].iloc[-1]
    title = (
        f"{say.plural(len(table), 'event')} from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    )
    under = (
        "Larger dots are seen more. Blue: the event whose effect is asked for; "
        "vermilion: one of its participants takes part; grey: others"
    )
    return style.Words(title, under, "Each event stands with its source in the report.")
