"""Who may come in: this machine's own page, with the token of this start, and nobody else.

The server listens on the loopback address alone. Other programs and pages of this machine can still reach that, and a
page from anywhere can make the browser ask it. So each request has to name this server as its host (no other name that
was made to point here), come from no other origin, and begin with the token."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from balance_sim.live.faults import TooLarge

HOST = "127.0.0.1"
LARGEST_BODY = 16 << 10
WITHOUT_TOKEN = "not for this address: open the one that the program has printed\n"


class Door:
    """Wraps the application. policy: the page's Content-Security-Policy."""

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

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{self.host}/{self.token}/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # a web socket: the page has none
            await send({"type": "websocket.close", "code": 1008})
            return
        send = self._with_headers(send)
        refusal = self._refusal(Request(scope))
        if refusal:
            await PlainTextResponse(refusal, HTTPStatus.FORBIDDEN)(scope, receive, send)
            return
        inside = {**scope, "root_path": f"/{self.token}"}
        await self.app(inside, _at_most(receive, LARGEST_BODY), send)

    def _refusal(self, request: Request) -> str:
        """Why a request is refused; nothing where it is not."""
        if _several(request.headers.getlist("host")) != self.host:
            return f"this server answers to {self.host} alone\n"
        origins = request.headers.getlist("origin")
        if origins and _several(origins) != f"http://{self.host}":
            return "no other origin is served\n"
        site = request.headers.get("sec-fetch-site", "none")
        if site not in ("none", "same-origin") and not _opens_a_page(request):
            return "no other origin is served\n"
        given = request.scope["path"].removeprefix("/").partition("/")[0]  # `OPTIONS *` has no slash
        if not secrets.compare_digest(given.encode(), self.token.encode()):
            return WITHOUT_TOKEN
        return ""

    def _with_headers(self, send: Send) -> Send:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = [(name.encode(), value.encode()) for name, value in self.headers.items()]
                message = {**message, "headers": [*message.get("headers", ()), *given]}
            await send(message)

        return sent


def _several(values: Iterable[str]) -> str:
    """Values of a header that may stand once only; if it stands twice, what no check takes."""
    return " ".join(values)


def _opens_a_page(request: Request) -> bool:
    """A person follows a link to the page, from whatever page holds it."""
    mode, dest = request.headers.get("sec-fetch-mode"), request.headers.get("sec-fetch-dest")
    return request.method == "GET" and mode == "navigate" and dest == "document"


def _at_most(receive: Receive, most: int) -> Receive:
    """`receive` that raises TooLarge once more was sent."""
    size = 0

    async def received() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise TooLarge
        return message

    return received
