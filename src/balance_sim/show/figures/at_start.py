"""The world of a run before its event: whom each state fears most, who is allied with
whom, and the events over time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.effects.result import AnalysedResult
from balance_sim.model.baseline import (
    NOBODY,
    classes_of,
    compile_worlds,
    feared,
    most_feared,
    worth_naming,
)
from balance_sim.model.core import World
from balance_sim.model.engine import perceive
from balance_sim.model.perception import View
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
from balance_sim.study.spans import at_start

FEARED = (style.VERMILION, style.PURPLE, style.BLUE, style.ORANGE, style.GREEN)
"""Colours of the states that are feared by most others."""
NOBODY_MUCH = "nobody much"
MOST_ALLIES = 12
PACT = 0.9
"""Depth from which an agreement is an alliance: a promise of mutual defence."""


def fears_table(result: AnalysedResult) -> pd.DataFrame:
    """Return whom each state fears most in the control arm on its first day.

    Returns
    -------
    A row a state: code, name, feared (code of the state with the largest share of its
    balance of threat; empty where it fears nobody much), feared_name, share, count (of
    states that fear the same one most, or nobody much), participant; least, the share
    from which a state is named. Empty where no state fears another much
    """
    world, view = _first_day(result)
    fear, tau = feared(view)[0], world.rules.tau
    most = most_feared(fear, tau)
    if (most == NOBODY).all():
        return pd.DataFrame()
    names, codes = say.state_names(result.scenario), np.array(world.codes)
    of_each = np.where(most == NOBODY, "", codes[most])
    table = pd.DataFrame({"code": codes, "feared": of_each})
    table = table.assign(
        name=table["code"].map(names),
        feared_name=table["feared"].map(names | {"": NOBODY_MUCH}),
        least=worth_naming(tau),
        share=fear.max(axis=1),
        participant=table["code"].isin(classes_of(result.scenario).participants),
        date=result.scenario.start.isoformat(),
        effect=0.0,
        clear=False,
    )
    table.attrs["layout"] = layout_of(result.scenario)
    return table.assign(count=table.groupby("feared")["code"].transform("size"))


def allies_table(result: AnalysedResult) -> pd.DataFrame:
    """Return the alliances in force in the control arm on its first day.

    Returns
    -------
    A row a dyad: of either state its name (name_a, name_b), place_a and place_b in the
    order from west to east, and whether it takes part in the event (joins_a, joins_b);
    states: how many there are
    """
    world, view = _first_day(result)
    names, places = say.state_names(result.scenario), layout_of(result.scenario).places
    codes = sorted(world.codes, key=lambda code: (places.get(code, (0.0,))[0], code))
    participants = classes_of(result.scenario).participants
    dyads = np.array(world.codes)[np.argwhere(np.triu(view.depth[0] >= PACT, 1))]
    table = pd.DataFrame()
    for side, column in zip("ab", dyads.T, strict=True):
        table[f"name_{side}"] = [names[code] for code in column]
        table[f"place_{side}"] = [codes.index(code) for code in column]
        table[f"joins_{side}"] = np.isin(column, list(participants))
    return table.assign(states=len(codes), date=result.scenario.start.isoformat())


def _first_day(result: AnalysedResult) -> tuple[World, View]:
    """Return the control arm's world, and how it is seen on its first day."""
    scenario = result.scenario
    world = compile_worlds(scenario, (scenario.reference_arm,)).reference
    return world, perceive(world, at_start(world), 0)


@style.figure(
    "fears",
    "Whom does each state fear most?",
    fears_table,
    page=map_page,
    empty="No state fears another much: there is nothing to show.",
    columns="name feared_name share",
    is_at_start=True,
    is_default=False,
)
def draw_fears(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw each state in the colour of the one it fears most, white where it fears
    nobody much; at the right how many fear whom."""
    is_calm = table["feared"] == ""
    calm = int(is_calm.sum())
    counts = table[~is_calm].groupby("feared_name")["count"].first()
    counts = counts.sort_values(ascending=False, kind="stable")
    shown = counts[counts > 1].head(len(FEARED)) if counts.max() > 1 else counts.head(5)
    ink_of = dict(zip(shown.index, FEARED, strict=False))
    colours = {
        row["code"]: ink_of.get(row["feared_name"], style.BASE)
        for row in table[~is_calm].to_dict("records")
    }
    layout = table.attrs["layout"]
    draw_states(
        axes[0], layout, table, {**dict.fromkeys(layout.spots, "white"), **colours}
    )
    is_feared = table["name"].isin(list(shown.index)) | table["participant"]
    no_arcs = table.head(0).assign(a="", b="")
    names = named_spots(no_arcs, table[is_feared], layout, 0.0076)
    write_names(axes[0], names, ink_of)
    lines: list[style.Label] = [(0.0, "feared most by", style.QUIET)]
    for name, count in shown.items():
        lines.append((0.0, f"{name}: {say.plural(int(count), 'state')}", ink_of[name]))
    others = int(counts.sum() - shown.sum())
    if others:
        lines.append((0.0, f"another: {others}", style.BASE))
    if calm:
        lines.append((0.0, f"{NOBODY_MUCH} (white): {calm}", style.INK))
    write_list(axes[1], lines)
    count, *more = shown.head(3)
    name, *others_feared = shown.index[:3]
    words = [f"{name} ({say.plural(int(count), 'state')} of {len(table)})"]
    words += [f"{name} ({n})" for name, n in zip(others_feared, more, strict=True)]
    title = f"Feared most: {say.listed(words)}"
    if calm:
        title += f"; {calm} fear {NOBODY_MUCH}"
    under = (
        "A state has the colour in which the one it fears most is named, on "
        f"{say.first(table, 'date')}. Outlined: who takes part in the event"
    )
    small = (
        "Fear: a state's capability, nearness and hostile acts, less what binds the "
        f"two (docs/model.md). Nobody much: no other state is more than "
        f"{100 * table['least'].iloc[0]:.2g} % of its balance of threat, a quarter of "
        f"what makes it count as threatened. {layout.caption}"
    )
    return style.Words(title, under, small)


@style.figure(
    "allies",
    "Who is allied with whom?",
    allies_table,
    page=lambda _: style.panels(1, 2, width_ratios=[3.4, 1]),
    empty="Nobody has an ally: there is nothing to show.",
    columns="name_a name_b",
    is_at_start=True,
)
def draw_allies(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw the states that have an ally on a ring, from west to east, and a line a dyad
    with an alliance."""
    ax, columns = axes[0], ["name", "place", "joins"]
    sides = [table[[f"{name}_{side}" for name in columns]] for side in "ab"]
    ends = pd.concat([side.set_axis(columns, axis=1) for side in sides])
    states = ends.groupby("place", as_index=False).agg(
        name=("name", "first"), joins=("joins", "first"), allies=("name", "size")
    )
    turns = 2 * np.pi * np.arange(len(states)) / len(states)
    ring = np.column_stack([np.cos(turns), np.sin(turns)])
    ax.plot(*ring.T, "o", color=style.INK, markersize=3)
    for row, turn, spot in zip(states.to_dict("records"), turns, ring, strict=True):
        is_left = bool(spot[0] < 0)
        look: dict[str, Any] = {"va": "center", "ha": "right" if is_left else "left"}
        look |= {"rotation": np.degrees(turn) - 180 * is_left, "fontsize": style.SMALL}
        look |= {"fontweight": "bold" if row["joins"] else "normal"}
        x, y = 1.04 * spot
        ax.text(x, y, row["name"], rotation_mode="anchor", **look)
    spots = dict(zip(states["place"], ring, strict=True))
    shares = np.linspace(0, 1, 30)[:, None]
    for row in table.to_dict("records"):
        a, b = spots[row["place_a"]], spots[row["place_b"]]
        middle = 0.6 * shares * (1 - shares) * (a + b)
        way = (1 - shares) ** 2 * a + middle + shares**2 * b
        colour = style.GREEN
        if row["joins_a"] or row["joins_b"]:
            colour = style.VERMILION
        ax.plot(*way.T, color=colour, linewidth=0.9, alpha=0.65, zorder=1)
    ax.set(xlim=(-1.5, 1.5), ylim=(-1.42, 1.42), aspect="equal")
    most = states.sort_values(["allies", "name"], ascending=[False, True])
    lines = [
        (0.0, f"{row['allies']}  {row['name']}", style.GREEN)
        for row in most.head(MOST_ALLIES).to_dict("records")
    ]
    write_list(axes[1], [(0.0, "Most allies", style.QUIET), *lines])
    for axis in axes:
        axis.set_axis_off()
    count = int(table["states"].iloc[0])
    title = (
        f"{len(table)} of {count * (count - 1) // 2:,} dyads are allied; "
        f"{len(states)} of {count} states have an ally"
    )
    under = (
        f"A line: a promise of mutual defence in force on {say.first(table, 'date')}. "
        "Vermilion, bold: those of the event's participants"
    )
    return style.Words(title, under, "States stand from west to east, anticlockwise.")


# -- events ----------------------------------------------------------------------------


def events_table(result: AnalysedResult) -> pd.DataFrame:
    """Return the events of the scenario.

    Returns
    -------
    A row an event: date, type, label, visibility, principals; is_focal; joint: one of
    the focal event's participants takes part. Empty where there is but one
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
    table = pd.DataFrame(rows).sort_values(["date", "label"], ignore_index=True)
    return table if len(table) > 1 else table.head(0)


@style.figure(
    "events",
    "What happens, and when?",
    events_table,
    page=lambda table: style.rows_page(table["type"].nunique(), 0.28),
    empty="One event stands alone: there are no others to show.",
    columns="date type label visibility",
    is_at_start=True,
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
    words = f"{focal['label']}, {focal['date']:%Y-%m-%d}"
    style.name_line(ax, focal["date"], heights[focal["type"]] + 0.5, words)
    first, last = table["date"].iloc[0], table["date"].iloc[-1]
    title = (
        f"A participant takes part in {table['joint'].sum()} of {len(table)} events "
        f"from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    )
    under = (
        "Larger dots are seen more. Blue: the event whose effect is asked for; "
        "vermilion: one of its participants takes part; grey: others"
    )
    return style.Words(title, under, "Each event stands with its source in the report.")
