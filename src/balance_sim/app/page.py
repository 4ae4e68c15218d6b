"""The page of `balance-sim app`: what it shows of a scenario, and of an answer.

The page itself is `page.vue`: it holds which events are changed, asks with all changes
at once and draws what comes back. Here is what goes there and back, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import solara
from pydantic import TypeAdapter, ValidationError

from balance_sim.app.what_if import (
    Answer,
    EventChange,
    Setting,
    actor_names,
    answer_of,
    dyad_sentences,
    sentences,
    yaml_of,
)
from balance_sim.effects.headline import headline_of, stored_uncertainty
from balance_sim.model.baseline import worth_naming
from balance_sim.scenario.diagnostics import ScenarioError, shown
from balance_sim.show import headline, wording
from balance_sim.show.atlas import arc_path, layout_of, shapes

MOST_FEARED, MOST_DYADS = 5, 5
CHANGES = TypeAdapter(dict[str, EventChange])


def scene_of(setting: Setting) -> dict[str, Any]:
    """Return what the page shows before anything is changed: map, states, actors that
    an event may name, and events."""
    scenario = setting.scenario
    days = [event.date for event in setting.events.values()]
    return {
        "title": wording.printable(scenario.title),
        "question": wording.printable(scenario.question),
        "map": shapes(scenario),
        "codes": list(scenario.codes),
        "names": actor_names(scenario),
        "members": {name: list(codes) for name, codes in scenario.groups.items()},
        "known": known_sentences(setting),
        "focal": scenario.focal,
        "begin": min(days).isoformat(),
        "start": scenario.start.isoformat(),
        "end": scenario.end.isoformat(),
        "events": [
            event.model_dump(mode="json", include=EVENT_FIELDS)
            for event in sorted(setting.events.values(), key=lambda row: row.date)
        ],
    }


EVENT_FIELDS = {"id", "date", "kind", "label", "principals", "guests", "host"} | {
    "targets",
    "accord",
}


def known_sentences(setting: Setting) -> list[str]:
    """Return what is known of the effect of the scenario as written: its headline over
    the posterior, or why there is none."""
    scenario, arm = setting.original, setting.arm
    estimate = dict.fromkeys(("mean", "level", "ci95", "mcse", "n"))
    uncertainty = stored_uncertainty(scenario, arm)
    written = headline_of(scenario, arm, uncertainty, estimate)
    if written.posterior is None:
        return headline.doubts(written, setting.extends)
    treated, window = wording.arm_title(scenario, arm), max(scenario.report.windows)
    return [headline.headline_sentence(written, treated, window)]


def answer_on_page(setting: Setting, content: object) -> dict[str, Any]:
    """Return what the page shows of the changes that it asks for.

    Parameters
    ----------
    content : fields of `EventChange` by event, as the page sends them
    """
    try:
        changes = CHANGES.validate_python(content)
        unknown = sorted({*changes} - {*setting.events})
        if unknown:
            return {"error": f"No event `{shown(unknown[0])}`."}
        return _shown(answer_of(setting, changes))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, problem["loc"]))
        return {"error": f"{shown(place)}: {problem['msg']}."}
    except ScenarioError as error:
        words = [wording.capital(row.message) for row in error.problems[:3]]
        return {"error": f"{'. '.join(words)}."}


def _shown(answer: Answer) -> dict[str, Any]:
    """Return an answer as plain data."""
    setting, layout = answer.setting, layout_of(answer.setting.scenario)
    largest = answer.dyads.head(MOST_DYADS).to_dict("records")
    arcs = [
        {"path": arc_path(layout, row["a"], row["b"]), "change": row["change"]}
        for row in largest
        if abs(row["change"]) > 10**-wording.MOST_DECIMALS
    ]
    feared, least = {}, worth_naming(setting.scenario.parameters.tau)
    for place, code in enumerate(answer.codes):
        shares = answer.fear[place]
        order = np.argsort(-shares, kind="stable")[:MOST_FEARED].tolist()
        feared[code] = [
            [answer.codes[column], round(float(shares[column]), 4)]
            for column in order
            if shares[column] > least
        ]
    return {
        "error": "",
        "effect": answer.effect,
        "change": answer.change,
        "sentences": sentences(answer),
        "dyads": dyad_sentences(answer, MOST_DYADS),
        "arcs": arcs,
        "feared": feared,
        "fear_date": answer.fear_date.isoformat(),
        "yaml": yaml_of(setting, answer.changes),
    }


# -- in Solara -------------------------------------------------------------------------


@solara.component_vue("page.vue")
def WorldPage(  # noqa: N802 - components have names of classes
    scene: Mapping[str, Any],
    answer: Mapping[str, Any],
    event_ask: Callable[[Mapping[str, Any]], None],
) -> None:
    """The page as the browser draws it."""


served: list[tuple[Setting, dict[str, Any], dict[str, Any]]] = []
"""The setting that is served, what its page shows, and the answer to no change."""


def begin(setting: Setting) -> None:
    """Let the page be that of a scenario; what it shows first is worked out now."""
    served[:] = [(setting, scene_of(setting), answer_on_page(setting, {}))]


@solara.component
def Page() -> solara.Element:  # noqa: N802
    """The page of the scenario that is served."""
    setting, scene, first = served[0]
    answer, set_answer = solara.use_state(first)

    def ask(request: Mapping[str, Any]) -> None:
        """Answer changes, with the number of the request."""
        content = answer_on_page(setting, request["changes"])
        set_answer(content | {"number": request["number"]})

    return WorldPage(scene=scene, answer=answer, event_ask=ask)
