"""The live page on this machine's loopback address until it is stopped: whom it
answers, with what, for how long.

The page asks for ensembles, which are told as they are simulated, a line of JSON each.
Other programs and pages of this machine can reach the address, and a page from anywhere
can make the browser ask it. So each request has to name this server as its host (no
other name that was made to point here), come from no other origin, and begin with the
token of this start. Of more than MOST_CONNECTIONS requests are put off (503)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    HTMLResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from balance_sim.app.controls import (
    BadRequest,
    EnsembleRequest,
    PageControl,
    as_options,
    read_request,
    run_controls,
    sweep_controls,
)
from balance_sim.app.ensembles import Reached, Service
from balance_sim.app.explorer import (
    chosen_days,
    days_of,
    expected_point,
    heading,
    live_html,
    point,
)
from balance_sim.app.workers import PartFailed, Superseded, Workers
from balance_sim.effects.expected_effect import ExpectedEffect
from balance_sim.scenario.errors import WrongRequest
from balance_sim.show.figures.counts import fan_table
from balance_sim.show.plots import open_run_or_sweep
from balance_sim.study.arms import headline_arm
from balance_sim.study.estimates import as_json
from balance_sim.study.outcomes import Outcome
from balance_sim.study.result import Result
from balance_sim.study.store import Store
from balance_sim.study.sweep_result import SweepResult

HOST = "127.0.0.1"
CHOICES = (50, 200, 800)
TOKEN_BYTES = 32
LARGEST_BODY = 16 << 10
MOST_CONNECTIONS = 32
KEEP_ALIVE_SECONDS = 5
READ_SECONDS = 5.0
"""For a body, once its request is being answered."""
LAST_SECONDS = 1
"""For what is being answered when the server stops."""
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LINES = "application/x-ndjson"
WITHOUT_TOKEN = "not for this address: open the one that the program has printed\n"
log = logging.getLogger(__name__)


class TooLarge(Exception):
    """A request's body is larger than any that the page sends."""


def serve(
    folder: Path, runs: int, port: int, workers: int, announce: Callable[[str], None]
) -> None:
    """Serve the live page of the study in `folder` until a signal stops it, which is
    raised again at the end.

    port: 0 for any that is free. announce: called with the page's address once it can
    be opened. Raises WrongRequest for a study without arms to compare, code of one's
    own or a port in use."""
    draws = _drawn_parameters(folder)
    study = open_run_or_sweep(folder)
    arm = headline_arm(study.scenario, study.arms)
    if arm is None:
        raise WrongRequest("there is one arm only, so there is no effect to explore")
    if isinstance(study, SweepResult):
        controls = sweep_controls(study)
    else:
        controls = run_controls(study.scenario)
    with contextlib.closing(listen(HOST, port)) as listening:
        processes = Workers(workers, study.seed, draws=draws)
        with contextlib.closing(processes):
            arms = (study.arms[0], arm)
            service = Service(study.scenario, study.seed, arms, processes)
            stopped = _serve(Live(service, controls, runs), listening, announce)
    if stopped is not None:
        signal.raise_signal(stopped)


def _drawn_parameters(folder: Path) -> bool:
    """Return whether replications of a study draw parameters from the shipped fit.
    Raises WrongRequest for what the live page does not simulate."""
    manifest = Store(folder).read_manifest()
    if manifest is None:
        return False
    if manifest.model:
        reason = "the live page runs no code of a study's own"
        raise WrongRequest(f"{folder} was made with --model, and {reason}")
    if isinstance(manifest.draw_parameters, str):
        reason = "the live page simulates one world"
        raise WrongRequest(f"{folder} has joint draws of all parameters, and {reason}")
    return manifest.draw_parameters


def _serve(
    live: Live, listening: socket.socket, announce: Callable[[str], None]
) -> int | None:
    """Serve the page; return the signal that ended it."""
    page, page_policy = live.page()
    token = secrets.token_urlsafe(TOKEN_BYTES)
    port = listening.getsockname()[1]
    logger = logging.getLogger("uvicorn")  # no addresses in logs: they hold the token
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    config = uvicorn.Config(
        AuthMiddleware(live.app(page), port, token, page_policy),
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=LAST_SECONDS,
    )
    address = f"http://{HOST}:{port}/{token}/"
    server = uvicorn.Server(config)
    return asyncio.run(_served(live, server, listening, lambda: announce(address)))


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there. Raises WrongRequest where it cannot."""
    try:
        return socket.create_server((host, port))
    except OSError as error:
        place = f"{host}:{port}: {os.strerror(error.errno or 0)}"
        raise WrongRequest(f"cannot listen on {place}. Give another --port") from None


async def _served(
    live: Live,
    server: uvicorn.Server,
    listening: socket.socket,
    announce: Callable[[], None],
) -> int | None:
    """Return the signal that ended it; the first answer is there before anybody is told
    of the page."""
    warm = asyncio.create_task(live.warm())
    stopped: list[int] = []

    def stop(number: int) -> None:
        stopped.append(number)
        warm.cancel()
        server.should_exit = True
        live.service.stop()

    loop = asyncio.get_running_loop()
    handlers = {number: signal.getsignal(number) for number in STOPPING}
    for number in STOPPING:
        loop.add_signal_handler(number, stop, number)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await warm
        if not stopped:
            announce()
            await server.serve(sockets=[listening])
    except PartFailed as error:
        raise WrongRequest(f"the study as it is cannot be simulated: {error}") from None
    finally:
        for number, handler in handlers.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
    return stopped[0] if stopped else None


@dataclass(frozen=True)
class Live:
    """The page of a study. runs: those asked for at first."""

    service: Service
    controls: tuple[PageControl, ...]
    runs: int

    def page(self) -> tuple[str, str]:
        """Return the page and its policy."""
        dials = [
            {
                "name": control.name,
                "values": list(control.offered),
                "start": control.start,
            }
            for control in self.controls
        ]
        content = heading(self.service.scenario, *self.service.arms, dials)
        content |= {"days": [], "pairs": [], "runs": self.runs}
        content["choices"] = sorted({*CHOICES, self.runs})
        content["seed"] = self.service.seed
        return live_html(content)

    def app(self, page: str) -> Starlette:
        """Return the application behind `AuthMiddleware`."""

        async def failed(_request: Request, error: Exception) -> Response:
            log.error("%s: %s", type(error).__name__, error)
            return _refused(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error")

        routes = [
            Route("/", HTMLResponse(page), methods=["GET"]),
            Route("/ensemble", self._ensemble, methods=["POST"]),
        ]
        return Starlette(routes=routes, exception_handlers={Exception: failed})

    async def warm(self) -> None:
        """Simulate the setting at the start, so that the page opens on an answer.
        Raises PartFailed."""
        setting = await self.service.setting(EnsembleRequest((), self.runs))
        async for _ in self.service.answers(setting, self.runs):
            pass

    async def _ensemble(self, request: Request) -> Response:
        """Answer a request of the page, a line of JSON an answer."""
        content_type = request.headers.get("content-type", "").partition(";")[0]
        if content_type.strip().lower() != "application/json":
            return _refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json")
        try:
            body = await asyncio.wait_for(request.body(), READ_SECONDS)
            wanted = read_request(self.controls, self.runs, body)
            setting = await self.service.setting(wanted)
        except TimeoutError:
            return _refused(HTTPStatus.REQUEST_TIMEOUT, "the request came too late")
        except TooLarge as error:
            return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error))
        except ClientDisconnect:
            return Response()
        except BadRequest as error:
            return _refused(HTTPStatus.BAD_REQUEST, str(error))
        answers = self.service.answers(setting, wanted.runs)
        return StreamingResponse(self._lines(answers, wanted), media_type=LINES)

    async def _lines(
        self,
        answers: AsyncIterator[Reached | ExpectedEffect | Result],
        wanted: EnsembleRequest,
    ) -> AsyncIterator[bytes]:
        """Yield the answers as lines of JSON, each with the options of `run` that give
        the same."""
        try:
            async for answer in answers:
                if isinstance(answer, Reached):
                    yield _line({"lived": answer.runs})
                    continue
                if isinstance(answer, Result):
                    key, runs = "answer", answer.runs
                    content = await asyncio.to_thread(study_content, answer)
                else:
                    key, runs = "expected", wanted.runs
                    content = await asyncio.to_thread(effect_content, answer)
                shown = EnsembleRequest(wanted.values, runs)
                draws = self.service.workers.draws
                content["options"] = as_options(shown, self.service.seed, draws=draws)
                yield _line({key: content})
        except Superseded:
            yield _line({"stopped": "a newer request has taken over"})
        except PartFailed as error:
            yield _line({"failed": str(error)})


def study_content(result: Result) -> dict[str, Any]:
    """Return what the page shows of an ensemble: a point of the explorer, and the
    effect as `run --json` has it."""
    table = fan_table(result)
    days, outcome = chosen_days(table), result.headline_outcome
    effects = result.effects
    row = effects[effects["outcome"] == outcome].to_dict("records")[0]
    numbers = as_json(row, "mean", "mcse", "lo", "hi")
    effect = {"outcome": outcome, "window": result.window, **numbers}
    pairs: dict[tuple[int, int], int] = {}
    content = point(result, table, days, pairs)
    return content | {"days": days, "pairs": list(pairs), "effect": effect}


def effect_content(expected: ExpectedEffect) -> dict[str, Any]:
    """Return what the page shows of an expected effect; no interval, since there is no
    Monte Carlo error."""
    outcome = Outcome("accords", "counter", expected.window).name
    control, arm = (outcomes[outcome] for outcomes in expected.outcomes)
    effect = {
        "outcome": outcome,
        "window": expected.window,
        "mean": arm - control,
        "lo": None,
        "hi": None,
    }
    pairs: dict[tuple[int, int], int] = {}
    content = expected_point(expected, pairs)
    days = days_of(expected.scenario)
    return content | {"days": days, "pairs": list(pairs), "effect": effect}


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _refused(status: HTTPStatus, words: str) -> Response:
    return PlainTextResponse(f"{words}\n", status)


class AuthMiddleware:
    """Lets in this machine's own page, with the token of this start. policy: the page's
    Content-Security-Policy."""

    def __init__(self, app: ASGIApp, port: int, token: str, policy: str) -> None:
        self.app = app
        self.host = f"{HOST}:{port}"
        self.token = token
        self.headers = {
            "content-security-policy": f"{policy}; frame-ancestors 'none'",
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cache-control": "no-store",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # a web socket: the page has none
            await send({"type": "websocket.close", "code": 1008})
            return
        size = 0

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ())]
                for name, value in self.headers.items():
                    headers.append((name.encode(), value.encode()))
                message = {**message, "headers": headers}
            await send(message)

        async def received() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > LARGEST_BODY:
                raise TooLarge("the request is larger than any of the page's")
            return message

        refusal = self._refusal(Request(scope))
        if refusal:
            await PlainTextResponse(refusal, HTTPStatus.FORBIDDEN)(scope, receive, sent)
        else:
            await self.app({**scope, "root_path": f"/{self.token}"}, received, sent)

    def _refusal(self, request: Request) -> str:
        """Return why a request is refused; nothing where it is not."""
        # A header that may stand once only: if it stands twice, what no check takes.
        if " ".join(request.headers.getlist("host")) != self.host:
            return f"this server answers to {self.host} alone\n"
        origins = request.headers.getlist("origin")
        site = request.headers.get("sec-fetch-site", "none")
        mode = request.headers.get("sec-fetch-mode")
        destination = request.headers.get("sec-fetch-dest")
        # a person may follow a link to the page, from whatever page holds it
        follows = (request.method, mode, destination) == ("GET", "navigate", "document")
        is_foreign = site not in ("none", "same-origin") and not follows
        if is_foreign or (origins and " ".join(origins) != f"http://{self.host}"):
            return "no other origin is served\n"
        # `OPTIONS *` has no slash
        token = request.scope["path"].removeprefix("/").partition("/")[0]
        if not secrets.compare_digest(token.encode(), self.token.encode()):
            return WITHOUT_TOKEN
        return ""
