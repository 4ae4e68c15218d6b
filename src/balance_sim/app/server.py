"""The page on this machine's loopback address until it is stopped.

Solara's own pages are left out but for the one at `/`; its assets come from the
installed package `solara-assets`, and what is not there is not fetched. Other programs
of this machine can reach the address; a page from elsewhere cannot, since each request
names this server as its host and comes from no other origin."""

from __future__ import annotations

import os
import re
import socket
import struct
import sys
import warnings
from collections.abc import Callable
from typing import Any, Literal

import uvicorn
from pydantic import BaseModel
from solara.server import app as solara_apps
from solara.server import settings
from solara.server import starlette as solara_server
from solara.server.cdn_helper import cdn_url_path
from solara.server.kernel import deserialize_binary_message
from starlette.applications import Starlette
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from balance_sim.app import page
from balance_sim.app.what_if import Setting
from balance_sim.scenario.diagnostics import shown
from balance_sim.scenario.errors import WrongRequest

HOST = "127.0.0.1"
LAST_SECONDS = 1
"""For what is being answered when the server stops."""
TURNED_OFF = ("/readyz", "/resourcez", "/{fullpath}", "/{fullpath:path}", "/")
"""Pages of Solara's that are not served."""
CLOSES = "/_solara/api/close/"
"""Where a page says that it has been left."""
NOT_ALLOWED, NO_MESSAGE = 1008, 1007
"""Why a socket is closed: against the rules, or a frame that is no message (RFC 6455,
7.4.1)."""
VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1">'


def serve(setting: Setting, port: int, announce: Callable[[str], None]) -> None:
    """Serve the page of a scenario until a signal stops it.

    Parameters
    ----------
    port : 0 for any that is free
    announce : called with the page's address

    Raises
    ------
    WrongRequest : where the port is in use
    """
    with listen(HOST, port) as listening:
        address = f"{HOST}:{listening.getsockname()[1]}"
        application = LoopbackOnly(application_of(setting), address)
        config = uvicorn.Config(
            application,
            log_level="error",
            loop="asyncio",
            timeout_graceful_shutdown=LAST_SECONDS,
        )
        announce(f"http://{address}/")
        uvicorn.Server(config).run(sockets=[listening])


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there.

    Raises
    ------
    WrongRequest : where it cannot
    """
    try:
        return socket.create_server((host, port))
    except OSError as error:
        place = f"{host}:{port}: {os.strerror(error.errno or 0)}"
        raise WrongRequest(f"cannot listen on {place}. Give another --port") from None


def application_of(setting: Setting) -> Starlette:
    """Return Solara with the page of a scenario, its assets from this machine alone."""
    settings.telemetry.mixpanel_enable = False
    settings.assets.fontawesome_enabled = False
    settings.theme.show_banner = False
    settings.theme.title = setting.scenario.title
    warnings.filterwarnings("ignore", "Cookies with samesite=none")
    page.begin(setting)
    solara_apps.apps["__default__"] = solara_apps.AppScript("balance_sim.app.page")
    cdn = f"/{cdn_url_path}"
    routes: list[BaseRoute] = [Route("/", _page)]
    routes.append(Mount(cdn, StaticFiles(directory=settings.assets.proxy_cache_dir)))
    routes += [
        route
        for route in solara_server.routes
        if getattr(route, "path", "") not in (cdn, *TURNED_OFF)
    ]
    return Starlette(routes=routes, lifespan=solara_server.lifespan)


async def _page(request: Request) -> Response:
    """Answer with Solara's page, in English and at any zoom."""
    response: Response = await solara_server.root(request)
    text = bytes(response.body).decode().replace("<html>", '<html lang="en">', 1)
    response.body = re.sub('<meta name="viewport"[^>]*>', VIEWPORT, text).encode()
    response.headers["content-length"] = str(len(response.body))
    return response


class LoopbackOnly:
    """Lets requests through that name this server as host and come from no other
    origin, once each, and that the page could have sent."""

    def __init__(self, application: ASGIApp, address: str) -> None:
        self.application, self.address = application, address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self.application(scope, receive, send)
            return
        refusal = self.refusal(scope)
        if scope["type"] == "websocket":
            socket = MessagesOnly(receive, send)
            if refusal is None:
                await socket.serve(self.application, scope)
            else:
                await receive()
                await socket.close(NOT_ALLOWED)
        elif refusal is None:
            await self.application(scope, receive, send)
        else:
            await refusal(scope, receive, send)

    def refusal(self, scope: Scope) -> Response | None:
        """Return what a request is answered that is refused."""
        headers = Headers(scope=scope)
        origins = headers.getlist("origin")
        is_ours = headers.getlist("host") == [self.address]
        if not is_ours or origins not in ([], [f"http://{self.address}"]):
            return PlainTextResponse("not from here\n", status_code=403)
        if not all(is_utf8(value) for _, value in headers.raw):
            return PlainTextResponse("a header is not UTF-8\n", status_code=400)
        is_of_page = scope["type"] == "websocket" or scope["path"].startswith(CLOSES)
        if is_of_page and "session_id" not in QueryParams(scope["query_string"]):
            return PlainTextResponse("no session_id\n", status_code=400)
        return None


def is_utf8(value: bytes) -> bool:
    """Return whether bytes are a text in UTF-8."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def first_cause(error: BaseException) -> BaseException:
    """Return the first error in groups of errors."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class MessagesOnly:
    """A socket that ends with the first frame that the page could not have sent: what
    serves it is told that the page has left."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.is_closed = False

    async def serve(self, application: ASGIApp, scope: Scope) -> None:
        """Serve it until it is closed. An error that a message leads to ends this
        socket alone, and is told in a line."""
        try:
            await application(scope, self.receive, self.send)
        except Exception as error:  # noqa: BLE001 - whatever Solara makes of a message
            cause = shown(repr(first_cause(error)))
            print(f"a socket was closed: {cause}", file=sys.stderr, flush=True)

    async def receive(self) -> Message:
        """Return what comes next."""
        message = await self._receive()
        if message["type"] == "websocket.receive" and not is_kernel_message(message):
            await self.close(NO_MESSAGE)
            return {"type": "websocket.disconnect", "code": NO_MESSAGE}
        return message

    async def send(self, message: Message) -> None:
        """Send something, unless the socket is closed or the page has left."""
        if self.is_closed:
            return
        try:
            await self._send(message)
        except OSError:
            self.is_closed = True

    async def close(self, code: int) -> None:
        """Close the socket."""
        await self.send({"type": "websocket.close", "code": code})
        self.is_closed = True


class _MessageHeader(BaseModel):
    msg_id: str
    msg_type: Literal[
        "kernel_info_request",
        "comm_open",
        "comm_msg",
        "comm_close",
        "comm_info_request",
        "shutdown_request",
    ]


class _KernelMessage(BaseModel):
    header: _MessageHeader
    channel: str
    content: dict[str, Any]


def is_kernel_message(message: Message) -> bool:
    """Return whether a frame is a message to a kernel of Solara's, as Jupyter has
    them."""
    try:
        if message.get("text") is not None:
            _KernelMessage.model_validate_json(message["text"])
        else:
            _KernelMessage.model_validate(deserialize_binary_message(message["bytes"]))
    except (ValueError, TypeError, LookupError, RecursionError, struct.error):
        return False
    return True
