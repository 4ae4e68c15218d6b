"""Effects by dyad and by state: a heat map with the dyads that change most, and a ring of the new ties."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.model.classes import classes_of
from balance_sim.replications.outcomes import Outcome
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.headline import by_size, clear

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes

    from balance_sim.results.result import Result
    from balance_sim.scenario.schema import Scenario

PARTICIPANTS, REST = "participants", "others"
VALUES = ["mean_control", "mean", "effect", "lo", "hi", "mcse"]
MOST_LISTED = 20  # dyads beside the map
TOP = 98.0  # percentile of the absolute effects at which the colours end
NONE = "No arm to compare, or no filtered numbers by dyad: there is no effect to show."


def state_order(scenario: Scenario) -> pd.DataFrame:
    """The fixed order of states in figures of dyads, a row a state: code, group.

    First those who take part in the focal event, then the groups the scenario reports on, then its other groups, each
    in the scenario's order (by name), then the rest. A state stands in the first group that holds it, by code."""
    report, groups = scenario.report.groups, scenario.groups
    named = [name for name in (*report, *(name for name in groups if name not in report)) if name in groups]
    every = [(PARTICIPANTS, classes_of(scenario).participants), *((name, groups[name]) for name in named)]
    of: dict[str, str] = {}
    for name, members in (*every, (REST, scenario.codes)):
        of |= {code: name for code in sorted(set(members) & set(scenario.codes)) if code not in of}
    return pd.DataFrame({"code": list(of), "group": list(of.values())})


def has_dyads(result: Result) -> bool:
    """Whether filtered numbers by dyad were kept, of an arm to compare."""
    return result.headline_arm is not None and not result.dyads.empty


def pairs_table(result: Result, arm: str | None = None) -> pd.DataFrame:
    """One row a dyad, all of them, in the fixed order of `state_order`.

    mean, mean_control: expected new security agreements of any direction within the longest window, filtered; effect,
    its 95 % CI and Monte Carlo standard error; clear: the CI excludes zero; place_a < place_b: row and column. Empty
    where an earlier version kept no filtered numbers."""
    arm = arm if arm is not None else result.headline_arm
    if arm is None or not result.finished or _unfiltered(result):
        return pd.DataFrame()
    states, names = state_order(result.scenario).to_dict("records"), say.state_names(result.scenario)
    dyads = result.dyads[result.dyads["arm"] == arm]
    by_dyad = {frozenset((row["a"], row["b"])): row for row in dyads.to_dict("records")}
    rows = []
    for (i, one), (j, two) in itertools.combinations(enumerate(states), 2):
        a, b = one["code"], two["code"]
        row = by_dyad.get(frozenset((a, b))) or dict.fromkeys(VALUES, 0.0)
        sides = {"a": a, "b": b, "name_a": names[a], "name_b": names[b], "group_a": one["group"]}
        rows.append(sides | {"group_b": two["group"], "place_a": i, "place_b": j} | {k: row[k] for k in VALUES})
    table = pd.DataFrame(rows)
    return say.titled(table.assign(clear=clear(table), n=result.finished, arm=arm), result)


def _unfiltered(result: Result) -> bool:
    """Whether agreements were made and no filtered numbers by dyad were kept: a folder of an earlier version."""
    made = result.levels.loc[result.levels["outcome"] == Outcome("accords", "all", result.window).name, "mean"]
    return result.dyads.empty and bool(made.gt(0).any())


def states_table(result: Result, arm: str | None = None) -> pd.DataFrame:
    """One row a state: code, name, effect (filtered, on its expected new security agreements within the longest
    window), its 95 % CI, clear (it excludes zero), participant (in the focal event), longitude, latitude."""
    arm, codes = arm if arm is not None else result.headline_arm, list(result.scenario.codes)
    if arm is None or not result.finished:
        return pd.DataFrame(columns=["clear"])
    of_arm = result.states[result.states["arm"] == arm].set_index("state").reindex(codes)
    table = of_arm[["effect", "lo", "hi"]].astype(float).fillna(0.0).reset_index(names="code")
    names, places = say.state_names(result.scenario), places_of(result.scenario)
    taking_part = classes_of(result.scenario).participants
    table.insert(1, "name", [names[code] for code in codes])
    return table.assign(
        clear=clear(table),
        participant=[code in taking_part for code in codes],
        longitude=[places[code][0] for code in codes],
        latitude=[places[code][1] for code in codes],
    )


def places_of(scenario: Scenario) -> dict[str, tuple[float, float]]:
    """Longitude and latitude of each state by its code, in degrees; NaN where not known."""
    nan = float("nan")
    return {
        s.id: (nan if s.longitude is None else s.longitude, nan if s.latitude is None else s.latitude)
        for s in scenario.states
    }


def pairs_title(table: pd.DataFrame) -> str:
    """The finding: how many dyads change detectably, and which most."""
    sure, name = table[table["clear"]], say.first(table, "treatment")
    if sure.empty:
        return f"{name}: no dyad shows a detectable effect"
    top = by_size(sure).iloc[0]
    effect, more = float(top["effect"]), int((sure["effect"] > 0).sum())
    far = f"{say.dyad_name({}, top['name_a'], top['name_b'])}, {say.signed(effect, say.digits(effect))}"
    if len(sure) == 1:
        return f"{name}: one dyad of {len(table):,} changes detectably, {far}"
    told = f"{say.plural(more, 'dyad')} {'becomes' if more == 1 else 'become'} more likely to sign"
    return f"{name}: {told}, {len(sure) - more:,} less; largest effect: {far}"


@style.figure(
    "pairs", "Which dyads?", pairs_table, fits=has_dyads, empty=NONE,
    page=lambda _: style.panels(15.0, 10.4, 1, 2, width_ratios=[3.1, 1]),
)  # fmt: skip
def draw_pairs(axes: list[Axes], table: pd.DataFrame) -> style.Words:
    """The heat map, both halves, and beside it the dyads with the largest effects."""
    _heat(axes[0], table)
    _largest(axes[1], table)
    small = (
        "Effects on a dyad's expected new security agreements of any direction "
        f"{say.within(int(table['window'].iloc[0]))}; {say.plural(int(table['n'].iloc[0]), 'replication')}. "
        f"Control: {say.first(table, 'control')}. Each CI is for one dyad by itself: of dyads without an effect about "
        f"5 % exclude zero. {say.CAVEAT}"
    )
    return style.Words(pairs_title(table), "", small, 118, 190)


def _ordered_states(table: pd.DataFrame) -> list[tuple[int, str, str]]:
    """(place, name, group) of all states, in order."""
    columns = ["place", "name", "group"]
    sides = [table[[f"{column}_{side}" for column in columns]].set_axis(columns, axis=1) for side in "ab"]
    states = pd.concat(sides).drop_duplicates("place").sort_values("place")
    return list(zip(states["place"], states["name"], states["group"], strict=True))


def _groups(order: Sequence[tuple[str, str]]) -> Iterator[tuple[str, int, int]]:
    """Runs of states of one group: its name, where it starts and stops."""
    start = 0
    for name, members in itertools.groupby(order, key=lambda one: one[1]):
        stop = start + len(list(members))
        yield name, start, stop
        start = stop


def _heat(ax: Axes, table: pd.DataFrame) -> None:
    """Effects of both halves; grey: the CI holds zero. Names on both axes, the groups on the right."""
    order = [(name, group) for _, name, group in _ordered_states(table)]
    count, names = len(order), [name for name, _ in order]
    i, j = table["place_a"].to_numpy(int), table["place_b"].to_numpy(int)
    grid = np.full((count, count), np.nan)
    grid[i, j] = grid[j, i] = np.where(table["clear"], table["effect"], np.nan)
    np.fill_diagonal(grid, 0.0)  # white: a state signs nothing with itself
    sizes = table.loc[table["clear"], "effect"].abs()
    reach = float(np.percentile(sizes, TOP)) if len(sizes) else 1.0  # few larger ones must not leave the rest pale
    image = ax.imshow(grid, cmap=style.effect_colours(), vmin=-reach, vmax=reach, interpolation="none")
    ax.set_xticks(range(count), names, rotation=90)
    ax.set_yticks(range(count), names)
    ax.tick_params(length=0, pad=2, labelsize=style.SMALL)
    ax.tick_params(axis="x", top=True, labeltop=True, bottom=False, labelbottom=False)
    ax.spines[:].set_visible(False)
    edges: list[float] = []
    for name, start, stop in _groups(order):
        edges += [start - 0.5, stop - 0.5]
        label = style.folded(say.group_words(name), 14) if stop > start + 1 else ""  # one state says itself who it is
        ax.annotate(
            label, (count - 0.5, (start + stop - 1) / 2), xytext=(6, 0),
            textcoords="offset points", va="center", fontsize=style.SMALL, color=style.QUIET, annotation_clip=False,
        )  # fmt: skip
    ax.hlines(edges, -0.5, count - 0.5, colors=style.QUIET, linewidth=0.8)
    ax.vlines(edges, -0.5, count - 0.5, colors=style.QUIET, linewidth=0.8)
    ax.set_xlim(-0.5, count - 0.5)
    ax.set_ylim(count - 0.5, -0.5)
    looks: dict[str, Any] = {"shrink": 0.55, "aspect": 40, "pad": 0.012, "extend": "both"}
    bar = style.owner(ax).colorbar(image, ax=ax, location="bottom", **looks)
    bar.outline.set_visible(False)
    bar.set_label("effect on expected new security agreements (amber: fewer, blue: more; grey: the 95 % CI holds zero)")


def _largest(ax: Axes, table: pd.DataFrame) -> None:
    """The dyads furthest from zero of those that can be detected, with their CIs."""
    shown = by_size(table[table["clear"]]).head(MOST_LISTED)
    if shown.empty:
        style.message(ax, "No dyad shows a detectable effect.")
        return
    ax.axvline(0, color=style.INK, linewidth=1)
    effect, lo, hi = (shown[name].to_numpy(float) for name in ("effect", "lo", "hi"))
    colour = [style.BLUE if value > 0 else style.ORANGE for value in effect]
    dyads = [say.dyad_name({}, a, b) for a, b in zip(shown["name_a"], shown["name_b"], strict=True)]
    heights = style.row_axis(ax, dyads)
    ax.hlines(heights, lo, hi, colors=colour, linewidth=2)
    ax.scatter(effect, heights, c=colour, s=34, zorder=3)
    ax.locator_params(axis="x", nbins=4)
    ax.set_xlabel("effect, with 95 % CI")
    title = f"The {len(shown)} largest effects" if len(shown) > 1 else "The largest effect"
    ax.set_title(title, loc="left", color=style.QUIET)


MOST = 40  # ties that are drawn
WIDTHS = 6  # widths of lines, so that an SVG holds few paths
LINE = 0.1  # between names of groups, in radii
LETTER = 0.037  # width of a letter, in radii


def network_table(result: Result) -> pd.DataFrame:
    """The rows of `pairs_table` of dyads without a security agreement in force or signed at the event, those most
    likely to sign one first (by `mean`, the filtered expected number); tie: drawn, the first MOST with any chance."""
    table = pairs_table(result)
    if table.empty:
        return table
    tied = tied_at_start(result.scenario)
    new = [frozenset(dyad) not in tied for dyad in zip(table["a"], table["b"], strict=True)]
    table = table[new].sort_values(["mean", "a", "b"], ascending=[False, True, True], ignore_index=True)
    return table.assign(tie=(table["mean"] > 0) & (table.index < MOST))


def tied_at_start(scenario: Scenario) -> set[frozenset[str]]:
    """Dyads with a security agreement that is in force or signed when the scenario starts."""
    return {
        frozenset((one.a, one.b))
        for one in scenario.accords
        if one.status in ("in_force", "signed") and scenario.kinds[one.kind].security
    }


def network_title(table: pd.DataFrame) -> str:
    """The finding: the most likely new tie, and which states are in most of those drawn."""
    ties = table[table["tie"]]
    if ties.empty:
        return "No dyad without a security agreement is expected to sign one"
    top = ties.iloc[0]
    first = f"{say.dyad_name({}, top['name_a'], top['name_b'])} ({say.number(float(top['mean']), 2)})"
    told = f"The most likely new tie joins {first}"
    if len(ties) == 1:
        return told
    ends = pd.concat([ties["name_a"], ties["name_b"]]).value_counts(sort=False)
    most = ends.sort_index().sort_values(ascending=False, kind="stable")
    return f"{told}; {most.index[0]} is in {most.iloc[0]} of the {len(ties)} likeliest"


@style.figure(
    "network", "Who is likely to make new ties?", network_table, page=lambda _: style.panels(9.6, 8.9),
    fits=lambda result: has_dyads(result) and len(network_table(result)) > 0,
    empty="No arm to compare, no filtered numbers by dyad, or no dyad without an agreement: there are no ties to show.",
)  # fmt: skip
def draw_network(axes: list[Axes], table: pd.DataFrame) -> style.Words:
    """A ring of the states with a tie, in the fixed order; a chord a tie, wider where it is likelier."""
    ties = table[table["tie"]]
    order = _ordered_states(ties)
    _ring(axes[0], [(name, group) for _, name, group in order])
    place = {at: k for k, (at, _, _) in enumerate(order)}
    ties = ties.assign(place_a=ties["place_a"].map(place), place_b=ties["place_b"].map(place))
    most = float(ties["mean"].max()) if len(ties) else 1.0
    step = np.minimum((ties["mean"] / most * WIDTHS).astype(int), WIDTHS - 1)
    way = np.where(ties["clear"], np.sign(ties["effect"]), 0)
    for level in range(WIDTHS):
        for sign, colour in ((0, style.BASE), (-1, style.ORANGE), (1, style.BLUE)):
            looks = {"edgecolor": colour, "linewidth": 0.8 + 0.9 * level, "alpha": 0.55 + 0.07 * level}
            _chords(axes[0], ties[(step == level) & (way == sign)], len(order), **looks)
    window, n = say.within(int(table["window"].iloc[0])), say.plural(int(table["n"].iloc[0]), "replication")
    shown = f"the {len(ties)} likeliest of {len(table):,} dyads" if len(ties) < len(table) else "the dyads"
    small = (
        f"Chords: {shown} without a security agreement at the start, by their expected new ones {window} (filtered; "
        f"the widest: {say.number(most, 2)}). Blue: the event makes it likelier, amber: less likely, grey: no "
        f"detectable effect; the effects are in the figure of dyads. {n}."
    )
    return style.Words(network_title(table), "", small, 78, 120)


def _angle(place: int, count: int) -> float:
    return float(np.pi / 2 - 2 * np.pi * place / count)


def _ring(ax: Axes, order: list[tuple[str, str]]) -> None:
    """Dots, names that point outwards, and beyond the longest an arc and a name for each group of several states."""
    count = len(order)
    ring = 1.1 + LETTER * max((len(name) for name, _ in order), default=0)
    around = np.array([_angle(place, count) for place in range(count)])
    ax.plot(np.cos(around), np.sin(around), "o", color=style.INK, markersize=3)
    for angle, (name, _) in zip(around, order, strict=True):
        turn, flip = float(np.degrees(angle)), np.cos(angle) < -1e-9
        ax.text(
            1.04 * np.cos(angle), 1.04 * np.sin(angle), name, rotation=turn + 180 if flip else turn,
            rotation_mode="anchor", fontsize=style.SMALL, ha="right" if flip else "left", va="center",
        )  # fmt: skip
    several = [(name, start, stop) for name, start, stop in _groups(order) if stop > start + 1]
    sides: dict[str, list[tuple[float, float, str]]] = {"left": [], "right": []}
    for name, start, stop in several:
        first_angle, last_angle = _angle(start, count), _angle(stop - 1, count)
        angles = np.linspace(first_angle + 0.02, last_angle - 0.02, 30)
        looks: dict[str, Any] = {"color": style.BASE, "linewidth": 2.2, "solid_capstyle": "butt"}
        ax.plot(ring * np.cos(angles), ring * np.sin(angles), **looks)
        x, y = float(np.cos((first_angle + last_angle) / 2)), float(np.sin((first_angle + last_angle) / 2))
        sides["right" if x >= 0 else "left"].append(((ring + 0.07) * y, x, say.group_words(name)))
    for side, names in sides.items():
        _group_names(ax, names, 1 if side == "right" else -1, ring)
    ax.set_aspect("equal")
    ax.set_xlim(-ring - 0.55, ring + 0.55)
    ax.set_ylim(-ring - 0.12, ring + 0.12)
    ax.set_axis_off()


def _group_names(ax: Axes, names: list[tuple[float, float, str]], side: int, ring: float) -> None:
    """Names of groups outside their arcs, a line apart where they would touch; side: 1 right, -1 left."""
    outside = ring + 0.07
    heights = style.apart([height for height, _, _ in names], LINE)
    for (natural, x, words), y in zip(names, heights, strict=True):
        reach = float(np.sqrt(max(outside**2 - y**2, 0.0)))  # stays outside the ring where it was moved
        spot = max(reach, 0.06) * side
        align = "left" if side > 0 else "right"
        ax.text(spot, y, words, fontsize=style.SMALL, color=style.QUIET, ha=align, va="center")
        if abs(y - natural) > 0.02:
            at = [(ring + 0.02) * x, 0.98 * spot], [natural * (ring + 0.02) / outside, y]
            ax.plot(*at, color=style.BASE, linewidth=0.6, clip_on=False)


def _chords(ax: Axes, rows: pd.DataFrame, count: int, **looks: Any) -> None:
    """Curves between places, bent towards the middle, as one path."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    if rows.empty:
        return
    corners: list[Any] = []
    for row in rows.to_dict("records"):
        a, b = (_angle(int(row[f"place_{side}"]), count) for side in ("a", "b"))
        ends = np.array([[np.cos(a), np.sin(a)], [np.cos(b), np.sin(b)]])
        corners += [ends[0], ends.mean(axis=0) * 0.35, ends[1]]
    codes = [Path.MOVETO, Path.CURVE3, Path.CURVE3] * len(rows)
    ax.add_patch(PathPatch(Path(corners, codes), facecolor="none", zorder=0, **looks))
