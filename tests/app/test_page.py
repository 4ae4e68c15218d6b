"""What the page is told, without a browser; whom the server answers; and Mesa's own front end."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from balance_sim.app.what_if import Setting, setting_of
from balance_sim.model.agents import BalanceModel
from balance_sim.scenario import load_scenario
from balance_sim.scenario.errors import WrongRequest
from extras import imported

solara = imported("solara")
from balance_sim.app import mesa_view, page  # noqa: E402 - they import it
from balance_sim.app.server import LoopbackOnly, listen  # noqa: E402

SMOKE = "experiments/smoke/what_if.yaml"


@pytest.fixture(scope="module")
def setting() -> Setting:
    return setting_of(load_scenario(SMOKE), "what_if.yaml")


def test_the_page_is_told_what_it_shows(setting: Setting) -> None:
    scene = page.scene_of(setting)
    assert [row["id"] for row in scene["events"]] == ["speech", "summit"]
    assert len(scene["map"]["paths"]) == len(scene["codes"]) == 5
    assert scene["members"] == {"North": ["XCO", "XDO"]} and scene["focal"] == "summit"
    assert len(scene["known"]) == 1
    assert scene["names"]["XCO"] == "Corvia (made up)" and scene["names"]["North"] == "North (group)"
    answer = page.answer_on_page(setting, {"summit": {"is_off": True}})
    assert answer["error"] == "" and answer["effect"] == 0.0 != answer["change"]
    assert len(answer["sentences"]) in (2, 3) and 0 < len(answer["dyads"]) == len(answer["arcs"]) <= 5
    assert {*answer["feared"]} == {*setting.scenario.codes}


@pytest.mark.parametrize(
    "asked",
    [
        {"nothing": {"is_off": True}},
        {"summit": {"date": "soon"}},
        {"summit": {"targets": "XDO"}},
        {"summit": {"is_off": "perhaps"}},
        {"summit": {"targets": ["<b>"]}},
        {"summit": {"principals": []}},
        {"summit": {"date": "2030-01-01"}},
        [],
        None,
    ],
)
def test_what_cannot_be_asked_is_answered_in_words(setting: Setting, asked: Any) -> None:
    answer = page.answer_on_page(setting, asked)
    assert [*answer] == ["error"] and len(answer["error"]) > 10


def replied(headers: dict[str, str], kind: str = "http") -> list[dict[str, Any]]:
    """What a request with these headers is answered; 200 where it was let through."""
    sent: list[dict[str, Any]] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"status": 200})

    async def receive() -> dict[str, Any]:
        return {"type": f"{kind}.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    guarded = LoopbackOnly(application, "127.0.0.1:8123")
    scope = {"type": kind, "method": "GET", "path": "/", "query_string": b"session_id=page", "headers": raw}
    request = guarded(scope, receive, send)
    with ThreadPoolExecutor(1) as other:  # tests in a browser leave a loop running in this one
        other.submit(asyncio.run, request).result()
    return sent


OURS = {"host": "127.0.0.1:8123"}


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "127.0.0.1:8124"},
        {"host": "attacker.example:8123"},
        OURS | {"origin": "https://attacker.example"},
        OURS | {"origin": "null"},
        OURS | {"origin": "http://localhost:8123"},
    ],
)
def test_only_this_page_on_this_machine_is_answered(headers: dict[str, str], kind: str) -> None:
    first = replied(headers, kind)[0]
    assert first.get("status", first.get("code")) == (403 if kind == "http" else 1008)
    assert replied(OURS, kind) == replied(OURS | {"origin": "http://127.0.0.1:8123"}, kind) == [{"status": 200}]


def test_a_port_in_use_is_told() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(WrongRequest):
        listen("127.0.0.1", taken.getsockname()[1])


def test_mesas_front_end_takes_the_model() -> None:
    scenario = load_scenario("experiments/smoke/five_states.yaml")
    element = mesa_view.model_view(scenario, arm="summit", seed=3)
    assert isinstance(element, solara.Element)
    _, context = solara.render(element, handle_error=False)
    context.close()


def test_a_wrong_arm_is_told_on_the_page() -> None:
    for wrong, nearest in (({"arm": "sumit"}, "summit"), ({"seed": -1}, "seed"), ({"scenario": "five_state"}, "E001")):
        element = mesa_view.model_view(**{"scenario": SMOKE, **wrong})
        _, context = solara.render(element, handle_error=False)
        assert nearest in str(element.args) + str(element.kwargs)
        context.close()


def test_the_map_of_the_model_has_a_line_for_each_agreement() -> None:
    model = BalanceModel(load_scenario(SMOKE, set=["base_rate=10"]), seed=3)
    before = mesa_view.world_figure(model).axes[0].collections[-1].get_segments()
    model.run_until_end()
    after = mesa_view.world_figure(model).axes[0].collections[-1].get_segments()
    assert before == [] and len(after) == model.agreements_signed > 0
