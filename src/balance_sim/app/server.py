"""The live page on this machine's loopback address until it is stopped: whom it
answers, with what, for how long.

The page asks for ensembles, which are told as they are simulated, a line of JSON each.
Other programs and pages of this machine can reach the address, and a page from anywhere
can make the browser ask it. So each request has to name this server as its host (no
other name that was made to point here), come from no other origin, and begin with the
token of this start. A request has HEADER_SECONDS to be whole up to its body, and
BODY_SECONDS more for that. Of more than MOST_CONNECTIONS those that wait for a request
are closed, the one that has waited longest first; where all are being answered, and
only then, a request is put off (503)."""

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
from uvicorn.protocols.http.h11_impl import H11Protocol

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
from balance_sim.study.estimates import rounded
from balance_sim.study.outcomes import Outcome
from balance_sim.study.result import Result
from balance_sim.study.store import Store
from balance_sim.study.sweep_result import SweepResult

HOST = "127.0.0.1"
CHOICES = (50, 200, 800)
TOKEN_BYTES = 32
LARGEST_BODY = 16 << 10
MOST_CONNECTIONS = 32
HEADER_SECONDS = 5.0
BODY_SECONDS = 10.0
READ_SECONDS = 5.0  # for a body, once its request is being answered
LAST_SECONDS = 1  # for what is being answered when the server stops
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
    study = open_run_or_sweep(folder)
    arm = headline_arm(study.scenario, study.arms)
    if arm is None:
        raise WrongRequest("there is one arm only, so there is no effect to explore")
    manifest = Store(folder).read_manifest()
    if manifest and manifest.model:
        raise WrongRequest(
            f"{folder} was made with --model, and the live page runs no code of a study's own"
        )
    if manifest and isinstance(manifest.draw_parameters, str):
        raise WrongRequest(
            f"{folder} has joint draws of all parameters, and the live page simulates one world"
        )
    controls = (
        sweep_controls(study)
        if isinstance(study, SweepResult)
        else run_controls(study.scenario)
    )
    with contextlib.closing(listen(HOST, port)) as listening:
        drawing = manifest is not None and manifest.draw_parameters is True
        with contextlib.closing(
            Workers(workers, study.seed, draws=drawing)
        ) as processes:
            live = Live(
                Service(study.scenario, study.seed, (study.arms[0], arm), processes),
                controls,
                runs,
            )
            page, policy = live.page()
            token, port = secrets.token_urlsafe(TOKEN_BYTES), listening.getsockname()[1]
            auth = AuthMiddleware(live.app(page), port, token, policy)
            logger = logging.getLogger(
                "uvicorn"
            )  # no addresses in logs: they hold the token
            logger.addHandler(logging.NullHandler())
            logger.propagate = False
            server = uvicorn.Server(
                uvicorn.Config(
                    auth,
                    http=Connection,
                    loop="asyncio",
                    ws="none",
                    lifespan="off",
                    log_config=None,
                    access_log=False,
                    server_header=False,
                    proxy_headers=False,
                    timeout_graceful_shutdown=LAST_SECONDS,
                )
            )
            stopped = asyncio.run(
                _served(
                    live,
                    server,
                    listening,
                    lambda: announce(f"http://{HOST}:{port}/{token}/"),
                )
            )
    if stopped is not None:
        signal.raise_signal(stopped)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises WrongRequest where it cannot."""
    try:
        return socket.create_server((host, port))
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise WrongRequest(
            f"cannot listen on {host}:{port}: {why}. Give another --port"
        ) from None


async def _served(
    live: Live,
    server: uvicorn.Server,
    listening: socket.socket,
    announce: Callable[[], None],
) -> int | None:
    """The signal that ended it; the first answer is there before anybody is told of the
    page."""
    warm = asyncio.create_task(live.warm())
    stopped: list[int] = []

    def stop(number: int) -> None:
        stopped.append(number)
        warm.cancel()
        server.should_exit = True
        live.service.stop()

    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in STOPPING}
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
        for number, handler in before.items():
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
        """The page and its policy."""
        controls = [
            {"name": d.name, "values": list(d.offered), "start": d.start}
            for d in self.controls
        ]
        found = heading(self.service.scenario, *self.service.arms, controls)
        more = {
            "days": [],
            "pairs": [],
            "runs": self.runs,
            "choices": sorted({*CHOICES, self.runs}),
        }
        return live_html(found | more | {"seed": self.service.seed})

    def app(self, page: str) -> Starlette:
        """The application behind `AuthMiddleware`."""

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
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return _refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json")
        try:
            body = await asyncio.wait_for(request.body(), READ_SECONDS)
            asked = read_request(self.controls, self.runs, body)
            setting = await self.service.setting(asked)
        except TimeoutError:
            return _refused(
                HTTPStatus.REQUEST_TIMEOUT, "the request did not come in time"
            )
        except TooLarge as error:
            return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error))
        except ClientDisconnect:
            return Response()
        except BadRequest as error:
            return _refused(HTTPStatus.BAD_REQUEST, str(error))
        answers = self.service.answers(setting, asked.runs)
        return StreamingResponse(self._lines(answers, asked), media_type=LINES)

    async def _lines(
        self,
        answers: AsyncIterator[Reached | ExpectedEffect | Result],
        asked: EnsembleRequest,
    ) -> AsyncIterator[bytes]:
        try:
            async for one in answers:
                if isinstance(one, Reached):
                    yield _line({"lived": one.runs})
                    continue
                if isinstance(one, Result):
                    key, said, runs = (
                        "answer",
                        await asyncio.to_thread(told, one),
                        one.runs,
                    )
                else:
                    key, said, runs = (
                        "expected",
                        await asyncio.to_thread(told_expected, one),
                        asked.runs,
                    )
                same = EnsembleRequest(asked.values, runs)
                options = as_options(
                    same, self.service.seed, draws=self.service.workers.draws
                )
                yield _line({key: said | {"options": options}})
        except Superseded:
            yield _line({"stopped": "a newer request has taken over"})
        except PartFailed as error:
            yield _line({"failed": str(error)})


def told(result: Result) -> dict[str, Any]:
    """What the page shows of an ensemble: a point of the explorer, and the effect as
    `run --json` has it."""
    pairs: dict[tuple[int, int], int] = {}
    table = fan_table(result)
    days, outcome = chosen_days(table), result.headline_outcome
    row = result.effects[result.effects["outcome"] == outcome].to_dict("records")[0]
    numbers = rounded({name: float(row[name]) for name in ("mean", "mcse", "lo", "hi")})
    effect = {"outcome": outcome, "window": result.window, **numbers}
    return point(result, table, days, pairs) | {
        "days": days,
        "pairs": list(pairs),
        "effect": effect,
    }


def told_expected(found: ExpectedEffect) -> dict[str, Any]:
    """What the page shows of an expected effect; no interval, since there is no Monte
    Carlo error."""
    pairs: dict[tuple[int, int], int] = {}
    outcome = Outcome("accords", "counter", found.window).name
    control, having = (of[outcome] for of in found.outcomes)
    effect = {
        "outcome": outcome,
        "window": found.window,
        "mean": having - control,
        "lo": None,
        "hi": None,
    }
    said = expected_point(found, pairs)
    return said | {
        "days": days_of(found.scenario),
        "pairs": list(pairs),
        "effect": effect,
    }


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
                given = [
                    (name.encode(), value.encode())
                    for name, value in self.headers.items()
                ]
                message = {**message, "headers": [*message.get("headers", ()), *given]}
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
        """Why a request is refused; nothing where it is not."""
        # A header that may stand once only: if it stands twice, what no check takes.
        if " ".join(request.headers.getlist("host")) != self.host:
            return f"this server answers to {self.host} alone\n"
        origins = request.headers.getlist("origin")
        site = request.headers.get("sec-fetch-site", "none")
        # a person may follow a link to the page, from whatever page holds it
        seeks = (
            request.method,
            request.headers.get("sec-fetch-mode"),
            request.headers.get("sec-fetch-dest"),
        )
        is_strange = site not in ("none", "same-origin") and seeks != (
            "GET",
            "navigate",
            "document",
        )
        if is_strange or (origins and " ".join(origins) != f"http://{self.host}"):
            return "no other origin is served\n"
        given = (
            request.scope["path"].removeprefix("/").partition("/")[0]
        )  # `OPTIONS *` has no slash
        return (
            ""
            if secrets.compare_digest(given.encode(), self.token.encode())
            else WITHOUT_TOKEN
        )


class Connection(H11Protocol):
    """One connection. `since`: when its wait for a request, or for the rest of one,
    began."""

    since = 0.0
    ending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Another one: room is made for it."""
        super().connection_made(transport)
        self.limit_concurrency = MOST_CONNECTIONS + 1
        self._wait(HEADER_SECONDS)
        every = [one for one in self.connections if isinstance(one, Connection)]
        waiting = [one for one in every if one is not self and one.waits()]
        for one in sorted(waiting, key=lambda one: one.since)[
            : max(len(every) - MOST_CONNECTIONS, 0)
        ]:
            one._give_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of it."""
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Whatever has come is read; a request that is whole has no time limit."""
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and self.cycle.more_body:
            self._wait(BODY_SECONDS)
        elif not self.waits():
            self._stop_waiting()

    def on_response_complete(self) -> None:
        """Answered: the next request is waited for, or what nobody read of this one."""
        self._wait(HEADER_SECONDS)
        super().on_response_complete()

    def waits(self) -> bool:
        """Whether nothing is being answered: there is no request, or one that is not
        whole."""
        cycle = getattr(self, "cycle", None)
        return cycle is None or bool(cycle.response_complete or cycle.more_body)

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self.since = self.loop.time()
        self.ending = self.loop.call_later(seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self.ending is not None:
            self.ending.cancel()
            self.ending = None

    def _give_up(self) -> None:
        self._stop_waiting()
        self.connections.discard(self)
        self.transport.abort()
