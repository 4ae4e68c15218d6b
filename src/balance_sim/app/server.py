"""The page on this machine's loopback address until it is stopped.

Solara's own pages are left out but for the one at `/`; its assets come from the
installed package `solara-assets`, and what is not there is not fetched. Other programs
of this machine can reach the address; a page from elsewhere cannot, since each request
names this server as its host and comes from no other origin."""

from __future__ import annotations

import os
import re
import socket
import warnings
from collections.abc import Callable

import uvicorn
from solara.server import app as solara_apps
from solara.server import settings
from solara.server import starlette as solara_server
from solara.server.cdn_helper import cdn_url_path
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from balance_sim.app import page
from balance_sim.app.what_if import Setting
from balance_sim.scenario.errors import WrongRequest

HOST = "127.0.0.1"
LAST_SECONDS = 1
"""For what is being answered when the server stops."""
TURNED_OFF = ("/readyz", "/resourcez", "/{fullpath}", "/{fullpath:path}", "/")
"""Pages of Solara's that are not served."""
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
    origin."""

    def __init__(self, application: ASGIApp, address: str) -> None:
        self.application, self.address = application, address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        headers = {name: value.decode() for name, value in scope.get("headers", ())}
        origins = (None, f"http://{self.address}")
        is_ours = headers.get(b"host") == self.address
        if scope["type"] == "lifespan" or (
            is_ours and headers.get(b"origin") in origins
        ):
            await self.application(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            refusal = PlainTextResponse("not from here\n", status_code=403)
            await refusal(scope, receive, send)
