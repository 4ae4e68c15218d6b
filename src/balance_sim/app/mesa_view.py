"""A view of `BalanceModel` in Mesa's own front end: one replication, step by step."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import solara
from mesa.visualization import SolaraViz
from mesa.visualization.utils import update_counter

from balance_sim.model.agents import BalanceModel
from balance_sim.model.threat import insecurity
from balance_sim.scenario.diagnostics import BalanceSimError
from balance_sim.scenario.errors import checked_name, whole_number
from balance_sim.scenario.load import ScenarioSource, scenario_from
from balance_sim.scenario.schema import Scenario
from balance_sim.show import wording
from balance_sim.show.atlas import Layout, layout_of
from balance_sim.show.figures.style import BLUE, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LAST_SEED = 1_000
SHADES = "#eae4f3", "#3f007d"
"""Of a state that is not insecure at all, and of the most insecure."""
OTHERS = "#e3e3e3"
LOOKS = """
.v-app-bar.v-toolbar { left: 0 !important; width: 100% !important; z-index: 1010; }
.v-app-bar-nav-icon, .v-navigation-drawer__scrim { display: none; }
.v-navigation-drawer { transform: none !important; top: 64px !important;
  height: calc(100% - 64px) !important; }
.v-main.v-main { padding-left: 400px; }
.v-main img { max-width: min(100%, 860px); }
.v-checkbox .v-selection-control__wrapper { font-size: 0; }
.v-checkbox .v-icon { font-size: 24px; }
@media (max-width: 959px) {
  div:has(> * > .v-navigation-drawer) { display: flex; flex-direction: column; }
  div:has(> .v-navigation-drawer) { order: 3; }
  .v-navigation-drawer { position: static !important; height: auto !important;
    width: 100% !important; min-width: 0 !important; max-width: none !important; }
  .v-main.v-main { flex: none; height: auto !important; padding-left: 0; }
}
"""
"""Vuetify 3, on which Solara is, lays Mesa's controls over the header and the page:
here they stand below the one and beside the other, on a narrow screen under both. A
checkbox has its label twice there."""


def model_view(
    scenario: ScenarioSource, arm: str | None = None, seed: int = 1
) -> solara.Element:
    """Return a page of Mesa's `SolaraViz` of a scenario: a map on which agreements come
    as they are signed, how many there are, and controls for arm and seed.

    Parameters
    ----------
    scenario : a complete scenario, or the path or the name of one
    arm : with which it begins; the control arm if not given
    seed : of the first replication

    Returns
    -------
    solara.Element : for a file of Solara's, as `page = model_view(scenario)`. A page
        that says what is wrong, where there is no such scenario, arm or seed

    Examples
    --------
    >>> page = model_view("beijing_2025", arm="parade")
    """
    try:
        scenario = scenario_from(scenario)
        arm = checked_name("arm", arm or scenario.reference_arm, scenario.arms)
        seed = whole_number("seed", seed, 0, 2**64 - 1)
    except BalanceSimError as error:
        return solara.Text(str(error), style={"white-space": "pre-wrap"})
    return ModelPage(scenario, arm, seed)


@solara.component
def ModelPage(  # noqa: N802 - components have names of classes
    scenario: Scenario, arm: str, seed: int
) -> None:
    """Mesa's controls, and beside them the map and the number of agreements.

    They do not stand among Mesa's own components, whose grid shows nothing with Solara
    1.58."""
    model = solara.use_memo(
        lambda: solara.reactive(BalanceModel(scenario, arm, seed)), []
    )
    arms = {"type": "Select", "label": "Arm", "value": model.value.arm}
    seeds = {"type": "SliderInt", "label": "Seed", "value": seed, "step": 1}
    parameters = {
        "scenario": scenario,
        "arm": arms | {"values": list(scenario.arms)},
        "seed": seeds | {"min": min(1, seed), "max": max(LAST_SEED, seed)},
    }
    solara.Style(LOOKS)
    title = wording.printable(scenario.title)
    SolaraViz(model, components=[], model_params=parameters, name=title)
    ModelFigure(model.value)


@solara.component
def ModelFigure(model: BalanceModel) -> solara.Element:  # noqa: N802
    """The figure, drawn anew after each step."""
    update_counter.get()
    return solara.FigureMatplotlib(world_figure(model), format="png", dpi=150)


def world_figure(model: BalanceModel) -> Figure:
    """Return a map of how insecure states are, with lines for agreements that this
    replication has signed so far, and below it how many by day."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(7.2, 5.6), layout="constrained")
        above, below = figure.subplots(2, height_ratios=[3, 1])
        _draw_map(model, above)
        _draw_counts(model, below)
    return figure


def _draw_map(model: BalanceModel, axes: Axes) -> None:
    """Put states in the colours of how insecure they are, and agreements, on axes."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LinearSegmentedColormap

    scenario, view = model.worlds.scenario, model.view
    shares = insecurity(view.total[0], view.defence[0], model.world.rules.s0)
    colours = ScalarMappable(cmap=LinearSegmentedColormap.from_list("", SHADES))
    colours.set_clim(0.0, max(np.ceil(4 * shares.max()) / 4, 0.25))
    layout = layout_of(scenario)
    by_code = dict(zip(model.world.codes, colours.to_rgba(shares), strict=True))
    _draw_states(layout, by_code, axes)
    signed = model.agreements
    signed = signed[(signed["signed"] >= 0) & signed["signed"].notna()]
    dyads = zip(signed["a"], signed["b"], strict=True)
    ways = [way for a, b in dyads for way in layout.arc(a, b)]
    axes.add_collection(LineCollection(ways, color=BLUE, linewidth=1.4, zorder=4))
    title = f"{wording.arm_title(scenario, model.arm)}, {_date(model, model.day)}"
    axes.set_title(title, loc="left", fontweight="bold")
    share = "Insecurity: share of the balance against the state. Blue: agreements"
    axes.figure.colorbar(
        colours, ax=axes, orientation="horizontal", label=share, aspect=50, pad=0.02
    )


def _draw_states(layout: Layout, colour: dict[str, Any], axes: Axes) -> None:
    """Put states on axes in their colours, others in grey, and dots on capitals."""
    from matplotlib.collections import PolyCollection

    west, east, south, north = layout.box
    axes.set(xlim=(west, east), ylim=(south, north), aspect="equal")
    axes.axis("off")
    shapes = layout.outlines() if layout.is_world else {}
    pairs = [(code, ring) for code in shapes for ring in shapes[code]]
    rings = PolyCollection(
        [ring for _, ring in pairs], edgecolor="white", linewidth=0.3
    )
    rings.set_facecolor([colour.get(code, OTHERS) for code, _ in pairs])
    axes.add_collection(rings)
    x, y = np.array([*layout.spots.values()]).T
    dots = [colour[code] for code in layout.spots]
    axes.scatter(x, y, c=dots, s=14, edgecolor="#555555", linewidth=0.5, zorder=3)


def _draw_counts(model: BalanceModel, axes: Axes) -> None:
    """Put the number of agreements signed so far, day by day, on axes."""
    from matplotlib.ticker import MaxNLocator

    frame = model.datacollector.get_model_vars_dataframe()
    days: Any = [_date(model, day) for day in frame["day"]]
    axes.step(days, frame["agreements_signed"], where="post", color=BLUE)
    last = _date(model, float(model.world.grid[-1]))
    axes.set(xlim=(_date(model, 0.0), last), ylim=(0, max(model.agreements_signed, 1)))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=4))
    count = wording.plural(model.agreements_signed, "agreement")
    axes.set_title(f"{count} signed so far", loc="left")


def _date(model: BalanceModel, day: float) -> dt.date:
    """Return the date of a day of the replication."""
    return model.worlds.scenario.start + dt.timedelta(days=int(day))
