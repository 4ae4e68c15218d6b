"""A view of `BalanceModel` in Mesa's own front end: one replication, step by step."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import solara
from mesa.visualization import SolaraViz, make_plot_component
from mesa.visualization.utils import update_counter

from balance_sim.model.agents import BalanceModel
from balance_sim.scenario.schema import Scenario
from balance_sim.show.atlas import layout_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LAST_SEED = 1_000
SIDEBAR = "410px"
"""Width of Mesa's controls, which lie over the page."""


def model_view(
    scenario: Scenario, arm: str | None = None, seed: int = 1
) -> solara.Element:
    """Return a page of Mesa's `SolaraViz` of a scenario: a map on which agreements come
    as they are signed, how many there are, and controls for arm and seed.

    Parameters
    ----------
    scenario : a complete scenario
    arm : with which it begins; the control arm if not given
    seed : of the first replication

    Returns
    -------
    solara.Element : for a file of Solara's, as `page = model_view(scenario)`

    Examples
    --------
    >>> import balance_sim as bs
    >>> scenario = bs.load_scenario("scenarios/beijing_2025.yaml")
    >>> page = model_view(scenario, arm="parade")
    """
    return ModelPage(scenario, arm, seed)


@solara.component
def ModelPage(  # noqa: N802 - components have names of classes
    scenario: Scenario, arm: str | None, seed: int
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
        "seed": seeds | {"min": 1, "max": max(LAST_SEED, seed)},
    }
    SolaraViz(model, components=[], model_params=parameters, name=scenario.title)
    plot, _ = make_plot_component("agreements_signed")
    with solara.Column(style={"padding-left": SIDEBAR}):
        WorldMap(model.value)
        plot(model.value)


@solara.component
def WorldMap(model: BalanceModel) -> solara.Element:  # noqa: N802
    """The map, drawn anew after each step."""
    update_counter.get()
    return solara.FigureMatplotlib(world_figure(model))


def world_figure(model: BalanceModel) -> Figure:
    """Return states in the colours of how insecure they are, and lines for agreements
    that this replication has signed so far."""
    from matplotlib.collections import LineCollection, PolyCollection
    from matplotlib.figure import Figure

    scenario = model.worlds.scenario
    layout, figure = layout_of(scenario), Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set_aspect("equal")
    axes.axis("off")
    west, east, south, north = layout.box
    axes.set(xlim=(west, east), ylim=(south, north))
    insecure = {agent.code: agent.insecurity for agent in model.agents}
    shapes = layout.outlines() if layout.is_world else {}
    others = [ring for code in shapes if code not in insecure for ring in shapes[code]]
    axes.add_collection(PolyCollection(others, facecolor="#e3e3e3"))
    rings, shares = [], []
    for code, share in insecure.items():
        rings += shapes.get(code, [])
        shares += [share] * len(shapes.get(code, []))
    states = PolyCollection(rings, cmap="Purples", edgecolor="white", linewidth=0.3)
    states.set(array=np.array(shares), clim=(0.0, 1.0))
    axes.add_collection(states)
    places = np.array([*layout.spots.values()])
    dots = [insecure[code] for code in layout.spots]
    looks: dict[str, Any] = {
        "cmap": "Purples",
        "vmin": 0.0,
        "vmax": 1.0,
        "edgecolor": "#555555",
    }
    looks |= {"c": dots, "s": 14, "linewidth": 0.5, "zorder": 3}
    axes.scatter(places[:, 0], places[:, 1], **looks)
    signed = model.agreements
    signed = signed[(signed["signed"] >= 0) & signed["signed"].notna()]
    dyads = zip(signed["a"], signed["b"], strict=True)
    ways = [way for a, b in dyads for way in layout.arc(a, b)]
    axes.add_collection(LineCollection(ways, color="#0072B2", linewidth=1.2))
    day = scenario.start + dt.timedelta(days=int(model.day))
    axes.set_title(
        f"{day}: {model.agreements_signed} agreements signed since {scenario.start}\n"
        "The darker, the more insecure",
        loc="left",
    )
    return figure
