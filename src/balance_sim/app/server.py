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
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    HTMLResponse,
    PlainTextResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from balance_sim.app.dials import Dial, live_run_dials, live_sweep_dials
from balance_sim.app.explorer import heading, live_html
from balance_sim.app.live import (
    BadRequest,
    Live,
    Superseded,
    TaskFailed,
    read_request,
)
from balance_sim.model.baseline import with_classes
from balance_sim.scenario.errors import WrongRequest
from balance_sim.show.plots import open_run_or_sweep
from balance_sim.show.wording import band_words
from balance_sim.study.arms import headline_arm
from balance_sim.study.jobs import Job
from balance_sim.study.manifest import read_manifest
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
LINES = "application/x-ndjson"
WITHOUT_TOKEN = "not for this address: open the one that the program has printed\n"
log = logging.getLogger(__name__)


def serve(
    folder: Path, runs: int, port: int, workers: int, announce: Callable[[str], None]
) -> None:
    """Serve the live page of the study in `folder` until a signal stops it.

    port: 0 for any that is free. announce: called with the page's address once it can
    be opened. Raises WrongRequest for a study without arms to compare, code of one's
    own or a port in use."""
    draws = _drawn_parameters(folder)
    study = open_run_or_sweep(folder)
    arm = headline_arm(study.arms)
    if arm is None:
        raise WrongRequest("there is one arm only, so there is no effect to explore")
    if isinstance(study, SweepResult):
        dials = live_sweep_dials(study)
    else:
        dials = live_run_dials(study.scenario)
    scenario = with_classes(study.scenario)  # one class table for all settings
    job = Job(scenario, study.seed, (study.arms[0], arm), draws=draws)
    with (
        contextlib.closing(listen(HOST, port)) as listening,
        contextlib.closing(Live(job, workers)) as live,
    ):
        asyncio.run(_served(live, dials, runs, listening, announce))


def _drawn_parameters(folder: Path) -> bool:
    """Return whether replications of a study draw parameters from the shipped fit.
    Raises WrongRequest for what the live page does not simulate."""
    manifest = read_manifest(folder)
    if manifest is None:
        return False
    if manifest.model:
        reason = "the live page runs no code of a study's own"
        raise WrongRequest(f"{folder} was made with --model, and {reason}")
    if isinstance(manifest.draw_parameters, str):
        reason = "the live page simulates one world"
        raise WrongRequest(f"{folder} has joint draws of all parameters, and {reason}")
    return manifest.draw_parameters


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there. Raises WrongRequest where it cannot."""
    try:
        return socket.create_server((host, port))
    except OSError as error:
        place = f"{host}:{port}: {os.strerror(error.errno or 0)}"
        raise WrongRequest(f"cannot listen on {place}. Give another --port") from None


async def _served(
    live: Live,
    dials: Sequence[Dial],
    runs: int,
    listening: socket.socket,
    announce: Callable[[str], None],
) -> None:
    """Serve the page until a signal stops the server, which is raised again then; the
    first answer is there before anybody is told of the page."""
    try:
        async for _ in live.answers(live.job.scenario, (), runs):
            pass
    except TaskFailed as error:
        raise WrongRequest(f"the study as it is cannot be simulated: {error}") from None
    page, policy = live_page(live.job, dials, runs)
    token, port = secrets.token_urlsafe(TOKEN_BYTES), listening.getsockname()[1]
    logger = logging.getLogger("uvicorn")  # no addresses in logs: they hold the token
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    config = uvicorn.Config(
        AuthMiddleware(application(live, dials, page), port, token, policy),
        http="h11",
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
    announce(f"http://{HOST}:{port}/{token}/")
    await uvicorn.Server(config).serve(sockets=[listening])


def live_page(job: Job, dials: Sequence[Dial], runs: int) -> tuple[str, str]:
    """Return the page and its policy. runs: those asked for at first."""
    content = heading(job.scenario, job.arms[1], dials)
    content |= {"days": [], "pairs": [], "runs": runs, "seed": job.seed}
    content["band"] = band_words(job.scenario, job.draws)
    return live_html(content | {"choices": sorted({*CHOICES, runs})})


def application(live: Live, dials: Sequence[Dial], page: str) -> Starlette:
    """Return the application behind `AuthMiddleware`."""

    async def failed(_request: Request, error: Exception) -> Response:
        log.error("%s: %s", type(error).__name__, error)
        return _refused(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error")

    async def ensemble(request: Request) -> Response:
        """Answer a request of the page, a line of JSON an answer."""
        content_type = request.headers.get("content-type", "").partition(";")[0]
        if content_type.strip().lower() != "application/json":
            return _refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json")
        body = b""
        try:
            async with asyncio.timeout(READ_SECONDS):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > LARGEST_BODY:
                        words = "the request is larger than any of the page's"
                        return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, words)
            values, runs = read_request(dials, body)
            scenario = await asyncio.to_thread(live.scenario, values)
        except TimeoutError:
            return _refused(HTTPStatus.REQUEST_TIMEOUT, "the request came too late")
        except ClientDisconnect:
            return Response()
        except BadRequest as error:
            return _refused(HTTPStatus.BAD_REQUEST, str(error))
        answers = live.answers(scenario, values, runs)
        return StreamingResponse(_lines(answers), media_type=LINES)

    routes = [
        Route("/", HTMLResponse(page), methods=["GET"]),
        Route("/ensemble", ensemble, methods=["POST"]),
    ]
    return Starlette(routes=routes, exception_handlers={Exception: failed})


async def _lines(answers: AsyncIterator[Mapping[str, Any]]) -> AsyncIterator[bytes]:
    """Yield the answers as lines of JSON, and at the end why there are no more."""
    try:
        async for answer in answers:
            yield _line(answer)
    except Superseded:
        yield _line({"stopped": "a newer request has taken over"})
    except TaskFailed as error:
        yield _line({"failed": str(error)})


def _line(content: Mapping[str, Any]) -> bytes:
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
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self.headers)
            await send(message)

        if refusal := self._refusal(Request(scope)):
            await PlainTextResponse(refusal, HTTPStatus.FORBIDDEN)(scope, receive, sent)
        else:
            await self.app({**scope, "root_path": f"/{self.token}"}, receive, sent)

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
