"""World map of the excess: which states make more accords, and arcs for the pairs that can be told from none."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.show import atlas
from balance_sim.show.figures.pairs import colours, pairs_table
from balance_sim.show.figures.paper import (
    INK,
    QUIET,
    SMALL,
    VERMILION,
    head,
    note,
    nothing,
    owner,
    sheet,
    styled,
)
from balance_sim.show.tables import clear
from balance_sim.show.wording import arm_words, number, plural, signed
from balance_sim.study.intervals import Sides, paired_half_widths
from balance_sim.study.pairs import NEW_ORIGINS, column_words

if TYPE_CHECKING:
    import pyarrow as pa
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.study.result import Result

FINE = 0.007  # of the map, which is 5.4 wide: less than a screen shows
SHARE = 0.01  # excess below which a pair gets no arc
MOST_ARCS = 24
MOST_NAMES = 14
LAND, SEA, UNSURE = "#dcdcdc", "#f3f6f8", "#ffffff"
SOUTH, NORTH = -58.0, 84.0
COLUMNS = [
    "a", "b", "excess", "lo", "hi", "p", "p_reference", "longitude_a", "latitude_a", "longitude_b", "latitude_b",
    "arc", "n", "arm", "reference", "window",
]  # fmt: skip
STATES = ["code", "excess", "lo", "hi", "clear", "longitude", "latitude"]


def map_table(result: Result, arm: str | None = None) -> pd.DataFrame:
    """One row a pair of states: its excess with interval, the places of both (degrees; NaN: unknown), and arc.

    arc: drawn, since the 95 % interval excludes zero and the excess is a percentage point or more either way;
    of more than MOST_ARCS such, those furthest from zero, ties in the order of the codes."""
    pairs = pairs_table(result, arm)
    if pairs.empty:
        return pd.DataFrame(columns=COLUMNS)
    places = {
        state.id: (_or_nan(state.longitude), _or_nan(state.latitude)) for state in result.scenario.states
    }
    for side in ("a", "b"):
        pairs[f"longitude_{side}"] = [places[code][0] for code in pairs[side]]
        pairs[f"latitude_{side}"] = [places[code][1] for code in pairs[side]]
    placed = pairs[["longitude_a", "latitude_a", "longitude_b", "latitude_b"]].notna().all(axis=1)
    shown = pairs[pairs["clear"] & placed & (pairs["excess"].abs() >= SHARE)]
    order = shown.assign(far=shown["excess"].abs()).sort_values(
        ["far", "a", "b"], ascending=[False, True, True], kind="stable"
    )
    pairs["arc"] = pairs.index.isin(order.index[:MOST_ARCS])
    return pairs[COLUMNS]


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def states_table(result: Result, arm: str | None = None) -> pd.DataFrame:
    """One row a state: code, excess (pairs with a new accord in the longest window, per run, over the reference,
    paired by run), its 95 % interval, clear (it excludes zero), longitude, latitude."""
    arm = arm if arm is not None else result.headline_arm
    codes = list(result.scenario.codes)
    if arm is None or result.outcomes.empty:
        return pd.DataFrame(columns=STATES)
    n, sums = 0, np.zeros((5, len(codes)))
    for runs, accords in result.blocks():
        here = np.unique(runs["run"].to_numpy())
        difference = partners(accords, here, arm, result) - partners(accords, here, result.reference, result)
        n, sums = n + len(here), sums + np.stack(astuple(Sides.of(difference)))
    sides = Sides(*sums)
    mean, squares = (sides.gained - sides.lost) / n, sides.gained2 + sides.lost2
    spread = (
        np.sqrt(np.maximum(squares - n * mean**2, 0.0) / (n - 1)) if n > 1 else np.full(len(codes), np.nan)
    )
    below, above = paired_half_widths(spread, n, sides, 0.0 if arm in result.alike else 1.0)
    table = pd.DataFrame({"code": codes, "excess": mean, "lo": mean - below, "hi": mean + above})
    table["clear"] = clear(table) & (spread > 0)
    places = {
        state.id: (_or_nan(state.longitude), _or_nan(state.latitude)) for state in result.scenario.states
    }
    table["longitude"] = [places[code][0] for code in codes]
    table["latitude"] = [places[code][1] for code in codes]
    return table[STATES]


def partners(accords: pa.Table, runs: npt.NDArray[Any], arm: str, result: Result) -> npt.NDArray[np.float64]:
    """(runs, states) number of partners with a new accord of any kind in the longest window."""
    codes = list(result.scenario.codes)
    after = accords["signed"].cast("int32").fill_null(-(2**30)).to_numpy() - result.focal_day
    wanted = (column_words(accords, "arm") == arm) & np.isin(column_words(accords, "origin"), NEW_ORIGINS)
    wanted &= (after >= 1) & (after <= result.window)
    rows = pd.DataFrame(
        {
            "run": np.searchsorted(runs, accords["run"].to_numpy()[wanted]),
            **{
                side: np.searchsorted(codes, column_words(accords, side)[wanted].astype(str))
                for side in ("a", "b")
            },
        }
    ).drop_duplicates()
    counts = np.zeros((len(runs), len(codes)))
    for side in ("a", "b"):
        np.add.at(counts, (rows["run"].to_numpy(int), rows[side].to_numpy(int)), 1.0)
    return counts


def map_title(table: pd.DataFrame, states: pd.DataFrame) -> str:
    """The finding: which states, and how many pairs, can be told from none."""
    arm, arcs = arm_words(str(table["arm"].iloc[0])), int(table["arc"].sum())
    if not (table["excess"] != 0).any():
        return f"{arm} changes no pair's share of runs with an accord"
    sure = states[states["clear"]]
    pairs = (
        f"{plural(arcs, 'pair')} {'stands' if arcs == 1 else 'stand'} out" if arcs else "no pair stands out"
    )
    if sure.empty:
        return f"No state's number of new partners in {arm} can be told from that without; {pairs}"
    more, fewer = int((sure["excess"] > 0).sum()), int((sure["excess"] < 0).sum())
    top = (
        sure.assign(far=sure["excess"].abs())
        .sort_values(["far", "code"], ascending=[False, True], kind="stable")
        .iloc[0]
    )
    most = f"most {top['code']}, {signed(float(top['excess']), 3)} a run"
    return f"In {arm} {plural(more, 'state')} of {len(states)} get more new partners and {fewer} fewer, {most}; {pairs}"


@styled
def draw_map(table: pd.DataFrame, states: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """States coloured by their excess where it can be told from none; arcs of `map_table`; dots for small states.

    states: of `states_table`."""
    own = ax is None
    ax = ax if ax is not None else sheet(11.0, 6.0).subplots()
    if table.empty:
        return nothing(ax, "No arm to compare, or no run finished: there is no excess to show.")
    known = states.dropna(subset=["longitude", "latitude"])
    middle = (atlas.emptiest_meridian(known["longitude"].tolist()) + 360.0) % 360.0 - 180.0
    reach = max(
        float(states.loc[states["clear"], "excess"].abs().max()) if states["clear"].any() else 0.0, 0.01
    )
    shade = colours()
    colour: dict[str, Any] = {
        row["code"]: shade(0.5 + float(row["excess"]) / reach / 2) if row["clear"] else UNSURE
        for row in states.to_dict("records")
    }
    _land(ax, middle, colour)
    shapes = atlas.by_iso3()
    for row in known.to_dict("records"):
        x, y = _place(row["longitude"], row["latitude"], middle)
        if row["code"] not in shapes:
            ax.plot(
                x, y, "o", markersize=7, color=colour[row["code"]], markeredgecolor=INK, markeredgewidth=0.7
            )
    arcs = table[table["arc"]]
    _arcs(ax, arcs, middle)
    _names(ax, arcs, known, middle)
    ax.set_aspect("equal")
    ax.set_axis_off()
    _key(ax, reach)
    head(ax, map_title(table, states), _marks(table, arcs), own=own, wrap=90)
    note(ax, _small_print(states, known), own=own, wrap=148)
    return owner(ax)


def _marks(table: pd.DataFrame, arcs: pd.DataFrame) -> str:
    n, window = int(table["n"].iloc[0]), int(table["window"].iloc[0])
    reference = arm_words(str(table["reference"].iloc[0]))
    words = f"New accords within {window} days in {plural(n, 'run')}, over {reference}. "
    if arcs.empty:
        return (
            words
            + f"No arc: no pair's excess is {number(100 * SHARE, 1)} points or more with an interval that excludes zero"
        )
    least = number(100 * float(arcs["excess"].abs().min()), 1)
    return words + (
        f"Arc: the pair's share of runs with an accord differs by {least} points or more and its 95 % interval "
        "excludes zero; dashed: fewer"
    )


def _small_print(states: pd.DataFrame, known: pd.DataFrame) -> str:
    shapes = atlas.by_iso3()
    dots = [code for code in known["code"] if code not in shapes]
    lost = sorted(set(states["code"]) - set(known["code"]))
    words = (
        f"{atlas.CAPTION} Intervals are for each state and pair by itself. Arcs join "
        "the places the scenario gives, most often capitals."
    )
    words += f" Dots: too small for the atlas ({', '.join(dots)})." if dots else ""
    words += f" Without a place: {', '.join(lost)}." if lost else ""
    return words


def _place(longitude: float, latitude: float, middle: float) -> tuple[float, float]:
    x, y = atlas.equal_earth((longitude - middle + 180.0) % 360.0 - 180.0, latitude)
    return float(x), float(y)


def _land(ax: Axes, middle: float, colour: dict[str, Any]) -> None:
    """Every country of the atlas but Antarctica; grey where it is not in the roster."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    from balance_sim.scenario.codes import code_table

    edge = np.concatenate([np.linspace(SOUTH, NORTH, 60), np.linspace(NORTH, SOUTH, 60)])
    x, y = atlas.equal_earth(np.repeat([-180.0, 180.0], 60), edge)
    ax.fill(x, y, color=SEA, linewidth=0)
    iso3 = {of.numeric: code for code, of in code_table().items() if of.numeric is not None}
    for country in atlas.countries():
        if country.numeric == atlas.ANTARCTICA:
            continue
        corners, codes = [], []
        for ring in country.rings:
            for turn in (-720.0, -360.0, 0.0, 360.0):
                part = atlas.between(ring + np.array([turn - middle, 0.0]), -180.0, 180.0)
                if len(part) < 3:
                    continue
                px, py = thinned(*atlas.equal_earth(part[:, 0], part[:, 1]))
                corners += [*zip(px, py, strict=True), (px[0], py[0])]
                codes += [Path.MOVETO, *[Path.LINETO] * (len(px) - 1), Path.CLOSEPOLY]
        code = iso3.get(country.numeric) if country.numeric is not None else None
        fill = colour.get(code, LAND) if code else LAND
        if corners:
            in_roster = code in colour
            ax.add_patch(
                PathPatch(
                    Path(corners, codes),
                    facecolor=fill,
                    edgecolor="#8a8a8a" if in_roster else "white",
                    linewidth=0.5,
                    gid=f"land-{code or country.name}",
                    zorder=2 if in_roster else 1,
                )
            )
    ax.autoscale_view()


def thinned(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], apart: float = FINE
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A ring without the points nearer than `apart` to the last one kept; at least three points stay."""
    kept = [0]
    for k in range(1, len(x)):
        if max(abs(x[k] - x[kept[-1]]), abs(y[k] - y[kept[-1]])) >= apart:
            kept.append(k)
    if len(kept) < 3:
        kept = [0, len(x) // 3, 2 * len(x) // 3]
    return x[kept], y[kept]


def _arcs(ax: Axes, arcs: pd.DataFrame, middle: float) -> None:
    if arcs.empty:
        return
    most = float(arcs["excess"].abs().max())
    for row in arcs.sort_values("excess", key=abs, kind="stable").to_dict("records"):
        way = atlas.great_circle(
            (row["longitude_a"], row["latitude_a"]), (row["longitude_b"], row["latitude_b"])
        )
        longitude = (way[:, 0] - middle + 180.0) % 360.0 - 180.0
        cuts = np.flatnonzero(np.abs(np.diff(longitude)) > 180.0) + 1
        width = 0.8 + 3.2 * abs(row["excess"]) / most
        more = row["excess"] > 0
        for part in np.split(np.arange(len(way)), cuts):
            x, y = atlas.equal_earth(longitude[part], way[part, 1])
            ax.plot(x, y, color="white", linewidth=width + 1.4, alpha=0.75, zorder=3, solid_capstyle="round")
            ax.plot(
                x,
                y,
                color="#00304D" if more else VERMILION,
                linestyle="-" if more else (0, (3, 1.5)),
                linewidth=width,
                alpha=0.9,
                zorder=4,
            )


def _names(ax: Axes, arcs: pd.DataFrame, known: pd.DataFrame, middle: float) -> None:
    """Codes of the states at the ends of arcs, those with most of them first; none on top of another."""
    ends = pd.concat([arcs["a"], arcs["b"]]).value_counts(sort=False)
    order = sorted(ends.index, key=lambda code: (-ends[code], code))
    taken: list[tuple[float, float]] = []
    where = known.set_index("code")
    box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 0.8}
    for code in order:
        x, y = _place(float(where.loc[code, "longitude"]), float(where.loc[code, "latitude"]), middle)
        ax.plot(x, y, "o", color=INK, markersize=3.2, zorder=5)
        if len(taken) >= MOST_NAMES:
            continue
        for dx, dy in ((0.0, -0.085), (0.0, 0.085), (0.16, 0.0), (-0.16, 0.0), (0.14, -0.08), (-0.14, -0.08)):
            spot = (x + dx, y + dy)
            if all(abs(spot[0] - u) > 0.2 or abs(spot[1] - v) > 0.095 for u, v in taken):
                ax.text(*spot, str(code), fontsize=SMALL, ha="center", va="center", zorder=6, bbox=box)
                taken.append(spot)
                break


def _key(ax: Axes, reach: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    scale = ScalarMappable(Normalize(-reach, reach), colours())
    bar = owner(ax).colorbar(scale, ax=ax, location="bottom", shrink=0.4, aspect=45, pad=0.01)
    bar.outline.set_edgecolor("#999999")
    bar.set_label(
        "a state's excess: partners with a new accord, per run (amber: fewer, blue: more). "
        "White: not told from none; grey: not in the roster",
                  fontsize=SMALL, color=QUIET)  # fmt: skip
